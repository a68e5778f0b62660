# Foreign tables of a store with 300,000 products: what a query costs is calls,
# and the planner counts them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('many', store => { args => [ '--quota', 100000 ] });
my ($store, $node) = ($shop->store, $shop->node);

# in parts, so that none takes long
$store->control('seed', { kind => 'products', count => 30_000, first => 1 + 30_000 * $_, template => { name => 'Product {n}', sku => 'P-{n}', price => 10, type => 'physical', weight => 1 } }) foreach 0 .. 9;
$shop->sql(<<'EOC');
CREATE SCHEMA s;
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (product) FROM SERVER shop INTO s;
CREATE TABLE dozen AS SELECT 1000 * g AS id FROM generate_series(1, 12) AS g;
CREATE TABLE thousands AS SELECT 20 * g + 100 AS id FROM generate_series(1, 10000) AS g;
ANALYZE dozen, thousands;
EOC

sub calls
{
	my ($sql) = @_;
	$store->clear;
	my ($rc, $out, $err) = $node->psql('shop', $sql);
	return ($rc == 0 ? $out : $err, scalar($store->journal));
}

is_deeply([ calls('SELECT count(*) FROM s.product') ], [ 300000, 1 ], 'count(*): one call');
is((calls('SELECT id FROM s.product LIMIT 10'))[1], 1, 'LIMIT 10: one call');
is((calls('SELECT id FROM s.product ORDER BY id LIMIT 10'))[1], 1, 'in the order of ids, too');
is_deeply([ calls('SELECT count(p.sku) FROM dozen d JOIN s.product p ON p.id = d.id') ], [ 12, 12 ], 'a join with a dozen rows: a dozen calls');
is_deeply([ calls('SELECT count(p.sku) FROM s.product p WHERE id = ANY (ARRAY(SELECT id FROM dozen))') ], [ 12, 1 ], 'or one');
my ($error, $calls) = calls('SELECT avg(price) FROM s.product');
like($error, qr/would take about 1200 calls of the API, of at most 500/, 'the whole list is refused');
is($calls, 0, 'before the first call');
like((calls('EXPLAIN SELECT p.sku FROM thousands t JOIN s.product p ON p.id = t.id'))[0], qr/Hash Join.*Estimated Calls: 1200/s, 'ten thousand rows are joined with the whole list');
is_deeply([ calls('SET bcdelta.max_calls = 0; SELECT count(p.sku) FROM thousands t JOIN s.product p ON p.id = t.id') ], [ 10000, 1200 ], 'in as many calls as it has pages');
is((calls('ANALYZE s.product'))[1], 20, 'ANALYZE reads twenty pages');
is($shop->sql(q(SELECT reltuples FROM pg_class WHERE oid = 's.product'::regclass)), 300000, 'and knows how many there are');
cmp_ok($shop->sql(q(SELECT count(*) FROM pg_stats WHERE schemaname = 's' AND tablename = 'product')), '>', 50, 'and what they are like');
is(scalar(keys %{ $store->violations || {} }), 0, 'no rule of the API was broken');
done_testing();
