# While both shops sell, each unit of stock is explained, as far as it is known.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('stock', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nbcdelta.debug_points = on\n" });
my ($node, $store) = ($shop->node, $shop->store);
$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 5 ]);
$shop->sql(<<'EOC');
CREATE TABLE stock (item int PRIMARY KEY, qty int);
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "1", "quantity": "qty"}');
INSERT INTO stock SELECT i, 10 FROM generate_series(1, 5) AS i;
EOC

sub level { return $store->levels($_[0])->{1}; }

sub store_has
{
	my ($item, $n) = @_;
	$store->settle;
	$store->seed('stock', [ { product_id => $item, location_id => 1, quantity => $n } ]);
	return;
}

sub balance
{
	return { map { split /=/ } @{ $shop->list("SELECT key || '=' || concat_ws(' ', first, adjusted, adjustments, coalesce(in_doubt::text, '-'), expected,
		coalesce(level::text, '-'), coalesce(sold::text, '-'), coalesce(unexplained::text, '-')) FROM bcdelta.stock_balance") } };
}

# The store shows an adjustment after a while, and a row waits for that.
sub pushed
{
	$store->settle;
	$shop->push;
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.pending WHERE state IN ('ready', 'waiting', 'in_flight')");
	$store->settle;
	return;
}

sub metric { return $shop->sql("SELECT value FROM bcdelta.metrics WHERE name = 'bcdelta_stock_unexplained_units'"); }

pushed();
is_deeply(balance(), {}, 'quantities that are set need no explanation');
is(metric(), '', 'and there is no metric of it');

subtest 'first quantity, differences, and what the store has sold' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', 'live')");
	is(balance()->{1}, '10 0 0 - 10 - - -', 'nothing has been read yet');
	store_has(1, 7);
	store_has(2, 12);
	$shop->sql('UPDATE stock SET qty = 8 WHERE item = 1');
	pushed();
	is(level(1), 5, 'both have sold');
	is(balance()->{1}, '10 -2 1 - 8 5 3 0', 'the level is known from the push');
	$shop->verify("feed => 'stock'");
	is(balance()->{2}, '10 0 0 - 10 12 0 2', 'a verify reads levels, and finds more than there should be');
	is(balance()->{3}, '10 0 0 - 10 10 0 0', 'or what there should be');
	store_has(1, 4);
	$shop->sql("UPDATE bcdelta.stock_level SET adjusted_at = adjusted_at - interval '1 minute'");
	$shop->verify("feed => 'stock'");
	is(balance()->{1}, '10 -2 1 - 8 4 4 0', 'and what was sold since');
	$shop->sql('UPDATE stock SET qty = 9 WHERE item = 1');
	pushed();
	is(balance()->{1}, '10 -1 2 - 9 5 4 0', 'differences add up');
};

sub verdict { return $shop->sql("SELECT concat_ws(' ', verdict, found, next_step) FROM bcdelta.go_live_check('shop') WHERE criterion = 'stock'"); }

subtest 'the check before going live knows it' => sub {
	like(verdict(), qr/^no-go 2 units more than there should be, 0 differences in doubt SELECT \* FROM bcdelta\.stock_balance/, 'what nobody can explain')
	  or diag $shop->sql("SELECT * FROM bcdelta.go_live_check('shop')");
	is(metric(), $shop->sql("SELECT sum(unexplained) FROM bcdelta.stock_balance WHERE server = 'shop'"), 'so do the metrics');
	store_has(2, 10);
	$shop->verify("feed => 'stock'");
	like(verdict(), qr/^go /, 'all is explained');
};

subtest 'a difference in doubt' => sub {
	$store->fault({ match => { path => 'relative' }, times => 1, do => { lose => 'after' } });
	$shop->sql('UPDATE stock SET qty = 6 WHERE item = 4');
	$shop->push;
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE doubt IS NOT NULL");
	$store->settle;
	like(balance()->{4}, qr/^10 0 0 -4 10 /, 'is shown');
	like(verdict(), qr/^no-go .* 1 differences in doubt/, 'and speaks against going live');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.pending WHERE state = 'review' OR state = 'waiting'");
	$shop->sql("SELECT bcdelta.settle('stock', NULL, true)");
	like(balance()->{4}, qr/^10 -4 1 - 6 /, 'counts once somebody has said that it was done');
};

subtest 'quantities that are set again begin anew' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', 'prepare')");
	is_deeply(balance(), {}, 'they need no explanation');
	pushed();
	$shop->sql("SELECT bcdelta.stage('shop', 'live')");
	like(balance()->{1}, qr/^9 0 0 - 9 - - -/, 'the last quantity that was set');
	$shop->sql('UPDATE stock SET qty = 3 WHERE item = 1');
	pushed();
	is(balance()->{1}, '9 -6 1 - 3 3 0 0', 'and differences from that');
	$shop->sql("SELECT bcdelta.untrack('stock')");
	is($shop->sql('SELECT count(*) FROM bcdelta.stock_level'), 0, 'nothing is left of a feed that goes');
};

done_testing();
