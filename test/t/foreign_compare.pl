# The text of a query that compares a feed with the store's foreign table.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('compare', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(articles => { filter => "'price > 0'" });
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 5) AS i;
INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 6) AS i;
INSERT INTO articles (sku, title, price, weight, maker, grp, release_date)
	SELECT 'A-' || i, 'Article ' || i, i + 0.50, 0.1, 'M' || 1 + i % 5, 1 + i % 6, '2030-01-01 12:00+02'
	FROM generate_series(1, 120) AS i;
EOC
is($shop->push->{created}, 131, 'a shop');

sub compare
{
	my ($feed, $columns, $where) = @_;
	my $query = $shop->sql("SELECT bcdelta.compare('$feed')");
	return $shop->sql("SELECT $columns FROM (\n$query\n) AS compared WHERE $where ORDER BY 1");
}

subtest 'without a foreign table it says how to make one' => sub {
	like(($shop->try("SELECT bcdelta.compare('articles')"))[2],
		qr/there is no foreign table with the records of resource product of server "shop".*\n.*HINT:.*IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO \(product\)/s, 'the hint');
	$shop->sql('CREATE SCHEMA store; IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO store');
};

subtest 'what agrees is the same, in few calls' => sub {
	# as autovacuum does: for tables that it knows nothing of, the planner may look records up one by one, within limits
	$shop->sql('ANALYZE bcdelta.link; ANALYZE makers; ANALYZE groups; ANALYZE articles');
	$shop->clear;
	foreach my $feed (qw(makers groups articles))
	{
		is(compare($feed, 'key, differing', "verdict <> 'same'"), '', "$feed: nothing differs");
	}
	is(compare('articles', 'count(*)', 'true'), 120, 'each row once');
	cmp_ok(scalar @{ $shop->calls }, '<=', 8, 'calls');
};

subtest 'random edits: what verify finds, compare shows' => sub {
	my $seed = $ENV{RANDOM_SEED} || int(rand(1 << 31));
	note("RANDOM_SEED=$seed");
	srand($seed);
	my %change = (
		name => sub { return "New $_[0]" },
		price => sub { return int(rand(10000)) / 100 },
		weight => sub { return int(rand(300)) / 100 },
		brand_id => sub { return 0 + $shop->id('makers', 'M' . (1 + int(rand(5)))) },
		categories => sub { return [ 0 + $shop->id('groups', 1 + int(rand(6))), 0 + $shop->id('groups', 1 + int(rand(2))) ] },
		preorder_release_date => sub { return rand() < 0.5 ? '2030-01-01T10:00:00+00:00' : '2031-05-05T05:05:05+00:00' },
		sku => sub { return rand() < 0.5 ? lc("A-$_[0]") : "B-$_[0]" },
	);
	foreach my $n (map { 1 + int(rand(110)) } 1 .. 40)
	{
		my $field = (sort keys %change)[ int(rand(keys %change)) ];
		my $value = $change{$field}->($n);
		my %seen;
		$value = [ grep { !$seen{$_}++ } @$value ] if ref $value;
		$store->edit('product', $shop->id('articles', "A-$n"), { $field => $value });
	}
	$store->edit('brand', $shop->id('makers', 'M2'), { name => 'maker 2' });
	$store->remove('product', $shop->id('articles', 'A-111'));
	$shop->sql(q(DELETE FROM articles WHERE sku = 'A-112'; INSERT INTO articles (sku, title, price) VALUES ('N-1', 'New', 7), ('N-2', 'Free', 0)));
	foreach my $feed (qw(makers groups articles))
	{
		$shop->verify("feed => '$feed'");
		my $found = $shop->sql(<<"EOC");
SELECT key, kind, string_agg(field, ' ' ORDER BY field COLLATE "C") FROM bcdelta.discrepancy
WHERE run_id = (SELECT max(run_id) FROM bcdelta.run) AND key IS NOT NULL GROUP BY key, kind ORDER BY key
EOC
		my $compared = compare($feed, q(key, verdict, array_to_string(ARRAY(SELECT unnest(differing) ORDER BY 1), ' ')), "verdict <> 'same' AND key NOT IN (SELECT key FROM bcdelta.pending)");
		s/\|$//mg for $found, $compared;
		is($compared, $found, "$feed: the same rows and fields");
	}
	is(compare('articles', 'key, verdict', "key IN (SELECT key FROM bcdelta.pending)"), "A-112|missing_in_source\nN-1|missing_in_store", 'and what is to be pushed');
};

subtest 'fit for a view, with the conditions of its reader' => sub {
	my $query = $shop->sql("SELECT bcdelta.compare('articles')");
	$shop->sql("CREATE VIEW compared AS $query");
	is($shop->sql("SELECT source_sku, store_sku, source_price, store_name FROM compared WHERE key = 'A-120'"), 'A-120|A-120|120.5000|Article 120', 'values side by side');
	$shop->sql('DROP VIEW compared');
	is($shop->sql("SELECT bcdelta.compare('makers')"), <<'EOC' =~ s/\n\z//r, 'laid out');
-- Feed "makers" beside store "shop", field by field; made by bcdelta.compare().
-- A field that is null in the source is not sent, so it is not compared.
WITH source AS (
	SELECT
		code::text AS row_key,
		(name) AS name
	FROM public.makers
), link AS (
	SELECT key AS row_key, store_id
	FROM bcdelta.link
	WHERE feed = 'makers'
)
SELECT
	coalesce(source.row_key, link.row_key) AS key,
	link.store_id,
	CASE
		WHEN source.row_key IS NULL THEN 'missing_in_source'
		WHEN store.id IS NULL THEN 'missing_in_store'
		WHEN found.differing <> '{}' THEN 'different'
		ELSE 'same'
	END AS verdict,
	found.differing,
	source.name AS source_name,
	store.name AS store_name
FROM source
	FULL JOIN link ON link.row_key = source.row_key
	LEFT JOIN store.brand AS store ON store.id = link.store_id
	LEFT JOIN LATERAL (
		SELECT array_remove(ARRAY[
			CASE WHEN source.name IS NOT NULL AND btrim(source.name, E' \t\n\r') IS DISTINCT FROM btrim(coalesce(store.name, ''), E' \t\n\r') THEN 'name' END
		]::text[], NULL) AS differing
		WHERE source.row_key IS NOT NULL AND store.id IS NOT NULL
	) AS found ON true
EOC
};

subtest 'keys of several columns and of other types, names that need quotes, columns that were renamed' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE "Odd ""one""" ("a b" numeric, at timestamptz, day date, yes boolean, "order" text, "to" text, seen timestamp, PRIMARY KEY ("a b", at, day, yes));
INSERT INTO "Odd ""one""" VALUES (1.50, '2027-01-02 03:04:05.600+01', '2027-02-03', true, 'Odd 1', '<p>one</p>', '2027-01-01'),
	(2, '2027-01-02 03:04:05', '2027-02-03', false, 'Odd 2', 'two', NULL);
SELECT bcdelta.track('"Odd ""one"""', 'shop', 'product', feed => E'it''s\nodd', fields => '{"sku": "\"order\" -- its number", "name": "\"to\" || ''x''", "type": "''physical''", "price": "''12.5''::jsonb", "weight": "1",
	"brand_name": "''Odd''", "warranty": "\"to\"", "total_sold": "3", "preorder_release_date": "seen", "custom_fields": "jsonb_build_array(jsonb_build_object(''name'', ''n'', ''value'', ''v''))"}');
SELECT bcdelta.mark_all(E'it''s\nodd');
ALTER FOREIGN TABLE store.product RENAME price TO "Price, net";
ALTER FOREIGN TABLE store.product ALTER "Price, net" OPTIONS (field 'price');
ALTER FOREIGN TABLE store.product DROP COLUMN type;
ALTER FOREIGN TABLE store.product ALTER weight TYPE text;
ALTER FOREIGN TABLE store.product ALTER custom_fields TYPE text;
SET search_path = store, public;
EOC
	is($shop->push(q(E'it''s\nodd'))->{created}, 2, 'two products') or diag(explain($shop->errors));
	is(compare(q(it''s' || chr(10) || 'odd), 'key, verdict, differing, "store_sku", source_price', 'true'), <<'EOC' =~ s/\n\z//r, 'all the same');
["1.5", "2027-01-02 02:04:05.6+00", "2027-02-03", "t"]|same|{}|Odd 1|12.5000
["2", "2027-01-02 03:04:05+00", "2027-02-03", "f"]|same|{}|Odd 2|12.5000
EOC
	$store->edit('product', $shop->sql(q(SELECT store_id FROM bcdelta.link WHERE feed ~ 'odd' AND key ~ '1.5')), { price => 3, total_sold => 9 });
	is(compare(q(it''s' || chr(10) || 'odd), 'differing', "verdict = 'different'"), '{price}', 'a price');
	like($shop->sql(q(SELECT bcdelta.compare('it''s' || chr(10) || 'odd'))),
		qr/\A-- Feed "it's odd".*\n-- A field.*\n-- Not in the foreign table: type, brand_name\.\n-- Shown, but not compared.*: total_sold\.\nWITH/, 'the head');
};

subtest 'refused' => sub {
	like(($shop->try("SELECT bcdelta.compare('nothing')"))[2], qr/feed "nothing" does not exist/, 'no such feed');
	like(($shop->try('SELECT bcdelta.compare(NULL)'))[2], qr/argument "feed" must not be null/, 'null');
	$shop->sql(<<'EOC');
CREATE TABLE stock (sku text PRIMARY KEY, n int);
SELECT bcdelta.track('stock', 'shop', 'inventory', fields => '{"sku": "sku", "location_id": "1", "quantity": "n"}');
CREATE ROLE stranger;
EOC
	like(($shop->try("SELECT bcdelta.compare('stock')"))[2], qr/records of resource inventory cannot be shown by a foreign table.*verify/s, 'no list');
	like(($shop->try("SET ROLE stranger; SELECT bcdelta.compare('makers')"))[2], qr/must be owner|permission denied|may compare/, 'a stranger');
	$shop->sql('ALTER FOREIGN TABLE store.brand DROP COLUMN id');
	like(($shop->try("SELECT bcdelta.compare('makers')"))[2], qr/foreign table "brand" has no column for the id/, 'no id');
};

done_testing();
