# A full verify reads records in as few requests as their lists allow, also where
# rows that belong together in the store are far apart in the source.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('calls', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ locations => [ { id => 1 } ] });

# Of 400 products, each has five variants; every fourth product has one that came much later.
# Of every ten rows of stock, one is that of a product without variants.
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id text PRIMARY KEY, item int, size text);
CREATE TABLE stock (id text PRIMARY KEY, item int, kind text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10",
	"inventory_tracking": "CASE WHEN id > 400 THEN ''product'' ELSE ''variant'' END"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "id",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}');
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', item)", "variant_id": "bcdelta.ref(''kind'', kind)", "location_id": "1", "quantity": "7"}');
INSERT INTO item SELECT generate_series(1, 600);
INSERT INTO kind SELECT CASE WHEN i % 4 = 0 AND v = 5 THEN 'Z' ELSE 'K' END || (1000 + i) || v, i, 'Size ' || v FROM generate_series(1, 400) AS i, generate_series(1, 5) AS v ORDER BY 1;
INSERT INTO stock SELECT id, NULL, id FROM kind UNION ALL SELECT 'K' || 1001 + 2 * (id - 400) || 'a', id, NULL FROM item WHERE id > 400 ORDER BY 1;
EOC
my $run = $shop->push;
is_deeply([ @$run{qw(created updated failed)} ], [ 2600, 2200, 0 ], 'a shop') or diag(explain([ $run, $shop->errors ]));

# The requests of a verify of a feed for its rows
sub verify_calls
{
	my ($feed) = @_;
	$shop->clear;
	$run = $shop->verify("'$feed'");
	is_deeply([ @$run{qw(state conflicts)} ], [ 'succeeded', 0 ], "$feed: nothing differs") or diag(explain([ $run, $shop->discrepancies ]));
	my %n;
	$n{ $_->{path} }++ foreach grep { $_->{method} eq 'GET' && $_->{query} =~ /:in=/ } @{ $store->control('journal')->{entries} };
	return \%n;
}

subtest 'the variants of most products that are read together fit a page of 250' => sub {
	my $calls = verify_calls('kind');
	cmp_ok($calls->{'/catalog/variants'}, '<=', 12, 'lists of variants') or diag(explain($calls));
};

subtest 'the few rows of products do not divide those of variants, of which as many are read as fit the URL' => sub {
	my $calls = verify_calls('stock');
	is($calls->{'/inventory/items'}, 4, 'lists of stock') or diag(explain($calls));
};

subtest 'each row is looked at once, if there is a row for each link' => sub {
	$shop->sql(<<'EOC');
CREATE FUNCTION is_sold(id int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'looks at % now', id; RETURN id > 0; END$$;
CREATE TABLE maker (id int PRIMARY KEY, name text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', filter => 'public.is_sold(id)', capture => 'none');
INSERT INTO maker SELECT i, 'Maker ' || i FROM generate_series(1, 100) AS i;
SELECT bcdelta.mark_all('maker');
EOC
	$shop->push;
	my $looks = sub {
		my $offset = -s $shop->node->logfile;
		$shop->verify(q('maker'));
		return scalar(() = slurp_file($shop->node->logfile, $offset) =~ /looks at \d+ now/g);
	};
	is($looks->(), 100, 'with the row alone');
	is_deeply($shop->discrepancies, [], 'nothing differs');
	$shop->sql('DELETE FROM maker WHERE id = 77');
	is($looks->(), 198, 'with its link, too, if a row is gone');
	is_deeply($shop->discrepancies, ['maker|77|missing_in_source'], 'which is found');
	$shop->verify(q('maker', mode => 'sample', sample => 100));
	is_deeply($shop->discrepancies, ['maker|77|missing_in_source'], 'by a sample that has it, too');
};

done_testing();
