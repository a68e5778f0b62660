# preview() shows what a push sends: over random rows of every kind, its
# requests are those of the push that follows, row by row.
#
# RANDOM_SEED=n repeats a run.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
note("RANDOM_SEED=$seed");

my $shop = BCDelta::Shop->open('preview', store => { args => [ '--quota', 100000 ] });
my ($tree) = map { $_->{id} } @{ $shop->store->state('trees') };
$shop->tables(
	makers => { on_delete => "'delete'" },
	groups => { on_delete => "'hide'", options => qq('{"tree_id": $tree}') },
	articles => { on_delete => "'delete'" });
$shop->sql(<<'EOC');
CREATE TABLE shelf (id int PRIMARY KEY, price numeric NOT NULL, stock int, tracked text NOT NULL, props jsonb NOT NULL);
SELECT bcdelta.track('shelf', 'shop', 'product', '{"sku": "''H'' || id", "name": "''Shelf '' || id", "price": "price", "type": "''physical''",
	"weight": "1", "inventory_level": "stock", "inventory_tracking": "tracked",
	"custom_fields": "props"}', on_delete => 'hide', options => '{"nested": "keep"}');
EOC
$shop->sql(<<"EOC");
SELECT setseed($seed / 1000000.0);
INSERT INTO shelf SELECT g, g, g, CASE WHEN g % 4 = 0 THEN 'none' ELSE 'product' END, '[{"name": "a", "value": "1"}]' FROM generate_series(1, 40) AS g;
INSERT INTO makers SELECT 'm' || g, 'Maker ' || g FROM generate_series(1, 12) AS g;
INSERT INTO groups SELECT g, NULL, 'Group ' || g FROM generate_series(1, 6) AS g;
INSERT INTO groups SELECT g, g - 6, 'Group "' || g || E'" \\u00fc' FROM generate_series(7, 12) AS g;
INSERT INTO articles SELECT 'A' || g, 'Article ' || g, g / 4.0, g, 'm' || (g % 12 + 1), g % 12 + 1,
	CASE WHEN g % 3 = 0 THEN timestamptz '2027-01-01 00:00+00' END FROM generate_series(1, 60) AS g;
EOC

# What a preview shows and what a push sends, as sorted lists of texts: a request
# for several records is one for each of them.
sub shown
{
	return [ sort @{ $shop->list(<<'EOC') } ];
SELECT concat_ws(' ', p.method, p.path, p.body) FROM unnest(ARRAY['makers', 'groups', 'articles', 'shelf']) AS f,
	bcdelta.preview(f, 10000) AS p WHERE p.method IS NOT NULL
EOC
}

sub sent
{
	my @sent;
	foreach my $call ($shop->writes)
	{
		my $request = "$call->{method} /v3$call->{path}";
		my ($list, $ids) = ($call->{query} // '') =~ /^(.*?=)(.*)$/;
		if ($call->{method} eq 'DELETE')
		{
			push @sent, defined $ids ? map { "$request?$list$_" } split /,|%2C/i, $ids : $request;
			next;
		}
		my $text = BCDelta::Test::quote_literal($call->{body_text});
		utf8::encode($text) if utf8::is_utf8($text);
		push @sent, map { "$request $_" } @{ $shop->list(<<"EOC") };
SELECT e FROM (SELECT $text\::jsonb AS b) AS s, jsonb_array_elements(
	CASE WHEN jsonb_typeof(b) = 'array' THEN b ELSE coalesce(b -> 'items', jsonb_build_array(b)) END) AS e
EOC
	}
	return [ sort @sent ];
}

# Updates that have elements besides the record's own fields
my $along = 0;

# One round: a preview, a push, and the two compared.
sub agree
{
	my ($what) = @_;
	my $shown = shown();
	$shop->clear;
	$shop->push;
	is_deeply(sent(), $shown, "$what: what was shown is what was sent") or return;
	$along += grep { m{^PUT /v3/catalog/products \{.*"price".*"custom_fields"} } @$shown;
	cmp_ok(scalar @$shown, '>', 0, "$what: there was something");
	is_deeply(shown(), [], "$what: and nothing is left to be shown");
	return;
}

subtest 'a first push creates each record as shown, if nothing refers to records without an id' => sub {
	$shop->sql('UPDATE groups SET parent = NULL; UPDATE articles SET maker = NULL, grp = NULL');
	agree('creates');
};

subtest 'references to existing records are shown with their ids' => sub {
	$shop->sql(<<'EOC');
UPDATE groups SET parent = id - 6 WHERE id > 6;
UPDATE articles SET maker = 'm' || (right(sku, -1)::int % 12 + 1), grp = right(sku, -1)::int % 12 + 1;
EOC
	agree('references');
};

foreach my $round (1 .. 4)
{
	subtest "random changes, round $round" => sub {
		$shop->sql(<<"EOC");
SELECT setseed(($seed + $round) % 1000000 / 1000000.0);
UPDATE articles SET price = price + round(random()::numeric, 4) WHERE random() < 0.3;
UPDATE articles SET title = title || ' <b>' || sku || '</b> "q" \\ ' || E'\\u2603' WHERE random() < 0.1;
UPDATE articles SET maker = NULLIF('m' || (random() * 11 + 1)::int, 'm3') WHERE random() < 0.1;
UPDATE articles SET no_release = NOT no_release WHERE random() < 0.2;
UPDATE groups SET name = 'Group ' || id || ' of ' || $round WHERE random() < 0.3;
UPDATE makers SET name = 'Maker ' || code || ' of ' || $round WHERE random() < 0.3;
UPDATE shelf SET stock = stock + 1 WHERE random() < 0.3;
UPDATE shelf SET price = price + 1 WHERE random() < 0.4;
UPDATE shelf SET props = CASE WHEN id % 5 < 4 THEN props ELSE '[]' END || jsonb_build_array(jsonb_build_object('name', 'f' || id % 3, 'value', '$round "' || id || '"')) WHERE random() < 0.4;
UPDATE shelf SET props = jsonb_set(props, '{0,value}', to_jsonb('v' || $round)) WHERE random() < 0.3;
UPDATE shelf SET tracked = CASE tracked WHEN 'none' THEN 'product' ELSE 'none' END WHERE random() < 0.1;
DELETE FROM shelf WHERE random() < 0.05;
DELETE FROM articles WHERE random() < 0.1;
DELETE FROM groups WHERE id > 6 AND random() < 0.2 AND NOT EXISTS (SELECT FROM articles WHERE grp = groups.id);
DELETE FROM makers WHERE random() < 0.2 AND NOT EXISTS (SELECT FROM articles WHERE maker = makers.code);
INSERT INTO articles SELECT 'N$round-' || g, 'New ' || $round || ' ' || g, random(), 1 + random() FROM generate_series(1, 5) AS g;
INSERT INTO makers VALUES ('n$round', 'New maker $round');
EOC
		agree("round $round");
	};
}

cmp_ok($along, '>', 0, 'some custom fields have gone along with a price');
done_testing();
