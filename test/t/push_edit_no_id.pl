# Records without an id are written at their addresses, unread.  After an update
# without a known outcome they are read, so that what people have changed in the
# store meanwhile, and the source has not, stays.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('no_id', store => { args => [ '--quota', 100000 ] },
	node => { conf => "wal_writer_delay = 10s\n" });    # so that a crash loses what was not flushed
my $store = $shop->store;
$store->settings({ price_lists => [3], locations => [ { id => 1 }, { id => 2 } ], price_omitted => 'clear' });
$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 30 ]);
$shop->sql(<<'EOC');
CREATE TABLE price (id int PRIMARY KEY, list int NOT NULL DEFAULT 3, net numeric, sale numeric, retail numeric);
SELECT bcdelta.track('price', 'shop', 'price_record', '{"price_list_id": "list", "sku": "''S'' || id", "currency": "''usd''", "price": "net", "sale_price": "sale", "retail_price": "retail"}', on_delete => 'delete');
CREATE TABLE stock (id int PRIMARY KEY, place int NOT NULL DEFAULT 1, qty int NOT NULL, safety int, warn int, bin text);
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "id", "location_id": "place", "quantity": "qty", "safety_stock": "safety", "warning_level": "warn", "bin_picking_number": "bin"}', on_delete => 'delete');
INSERT INTO price SELECT g, 3, 10, 8, 12 FROM generate_series(1, 30) AS g;
INSERT INTO stock SELECT g, 1, 5, 1, 2, 'A' || g FROM generate_series(1, 30) AS g;
EOC
$shop->push;
is_deeply($shop->pending, {}, 'pushed') or diag(explain($shop->errors));
$store->settle;

my $number = sub { return defined $_[0] ? 0 + $_[0] : undef };

# What the store has: price, sale and retail price; quantity, safety stock, warning level, bin
sub price
{
	my ($key) = @_;
	my ($record) = grep { $_->{sku} eq "S$key" } @{ $store->api('GET', "/pricelists/3/records?sku:in=S$key&include=sku")->{data} };
	return $record && [ map { $number->($_) } @$record{qw(price sale_price retail_price)} ];
}

sub stock
{
	my ($key) = @_;
	my $at = $store->api('GET', "/inventory/items?product_id:in=$key")->{data}[0]{locations}[0];
	return [ $at->{total_inventory_onhand}, @{ $at->{settings} }{qw(safety_stock warning_level bin_picking_number)} ];
}

# What people do in the store
sub edit_price { my ($key, %set) = @_; $store->api('PUT', '/pricelists/3/records', [ { sku => "S$key", currency => 'usd', price => 10, %set } ]); return; }

sub edit_stock { my ($key, %set) = @_; $store->api('PUT', '/inventory/locations/1/items', { settings => [ { identity => { product_id => $key }, %set } ] }); return; }

sub count { my ($key, $quantity) = @_; $store->api('PUT', '/inventory/adjustments/absolute', { reason => 'count', items => [ { location_id => 1, product_id => $key, quantity => $quantity } ] }); $store->settle; return; }

my %path = (price => 'pricelists/3/records$', count => 'adjustments/absolute$', settings => 'locations/1/items$');

# Pushes what $sql changes, and loses the reply, or kills the worker under way;
# people edit the store before the row is written again.
sub lost
{
	my ($how, $path, $sql, $edit, $more) = @_;
	my ($what, $done) = split / /, $how;
	my $push;
	$store->fault({ times => 1, do => { lose => $done }, match => { method => 'PUT', path => $path{$path} } }) if $what eq 'lost';
	$store->hold({ match => { method => 'PUT', path => $path{$path} }, process => $done eq 'after' ? 'now' : 'never' }) if $what eq 'kill';
	$shop->sql($sql);
	$push = $shop->start;
	if ($what eq 'lost') { $shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting')); }
	else
	{
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
	}
	$store->settle;
	$edit->();
	$shop->sql($more) if $more;
	$push->finish if $what eq 'lost';
	$store->unfault;
	$shop->clear;
	$shop->push;
	$store->settle;
	is_deeply($shop->pending, {}, "$how: nothing is pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$how: no rule of the API was broken");
	return;
}

my $n = 0;
foreach my $how ('lost before', 'lost after', 'kill before', 'kill after')
{
	subtest "$how: an edit of a field that the row has not changed survives" => sub {
		my $key = ++$n;
		lost($how, 'price', "UPDATE price SET net = 20 WHERE id = $key", sub { edit_price($key, price => $how =~ /after/ ? 20 : 10, sale_price => 7, retail_price => 12) });
		is_deeply(price($key), [ 20, 7, 12 ], 'of a price record, which is written as a whole');
		lost($how, 'settings', "UPDATE stock SET safety = 3 WHERE id = $key", sub { edit_stock($key, warning_level => 9); count($key, 77) });
		is_deeply(stock($key), [ 77, 3, 9, "A$key" ], 'of stock: a setting, and the level');
		lost($how, 'count', "UPDATE stock SET qty = 6 WHERE id = $key", sub { edit_stock($key, safety_stock => 4, bin_picking_number => 'B') });
		is_deeply(stock($key), [ 6, 4, 9, 'B' ], 'of settings, if the level was to be written');
	};

	subtest "$how: a field that the row has changed is written nevertheless" => sub {
		my $key = ++$n;
		lost($how, 'price', "UPDATE price SET net = 20 WHERE id = $key", sub { edit_price($key, price => 15, sale_price => 8, retail_price => 12) });
		is_deeply(price($key), [ 20, 8, 12 ], 'a price');
		lost($how, 'count', "UPDATE stock SET qty = 6 WHERE id = $key", sub { count($key, 77) });
		is_deeply(stock($key), [ 6, 1, 2, "A$key" ], 'a level');
		lost($how, 'settings', "UPDATE stock SET warn = 3 WHERE id = $key", sub { edit_stock($key, warning_level => 9) });
		is_deeply(stock($key), [ 6, 1, 3, "A$key" ], 'a setting');
	};

	subtest "$how: a row that was changed back has its value, and an edit stays" => sub {
		my ($back, $edited) = map { ++$n } 1, 2;
		lost($how, 'price', "UPDATE price SET net = 20 WHERE id IN ($back, $edited)", sub { edit_price($edited, price => 15, sale_price => 8, retail_price => 12) },
			"UPDATE price SET net = 10 WHERE id IN ($back, $edited)");
		is_deeply([ price($back)->[0], price($edited)->[0] ], [ 10, 15 ], 'prices');
		lost($how, 'count', "UPDATE stock SET qty = 6 WHERE id IN ($back, $edited)", sub { count($edited, 77) }, "UPDATE stock SET qty = 5 WHERE id IN ($back, $edited)");
		is_deeply([ stock($back)->[0], stock($edited)->[0] ], [ 5, 77 ], 'levels');
	};
}

subtest 'settings that the row has not changed are not sent' => sub {
	my $key = ++$n;
	edit_stock($key, safety_stock => 4, bin_picking_number => 'B');
	$shop->sql("UPDATE stock SET warn = 3 WHERE id = $key");
	$shop->push;
	is_deeply(stock($key), [ 5, 4, 3, 'B' ], 'so edits of them stay');
	$shop->sql("UPDATE stock SET bin = 'C' WHERE id = $key");
	$shop->push;
	is_deeply(stock($key), [ 5, 1, 3, 'C' ], 'but a request needs one of the numbers');
};

subtest 'a record that is gone is made again; what was edited away is not' => sub {
	my ($gone, $cleared) = map { ++$n } 1, 2;
	lost('lost before', 'price', "UPDATE price SET net = 20 WHERE id IN ($gone, $cleared)", sub {
		$store->api('DELETE', "/pricelists/3/records?sku:in=S$gone&currency=usd");
		edit_price($cleared, retail_price => 12);
	});
	is_deeply(price($gone), [ 20, 8, 12 ], 'made again');
	is_deeply(price($cleared), [ 20, undef, 12 ], 'a price that was taken away in the store');
};

subtest 'preview says that the record is read first; what has arrived is not sent again' => sub {
	my $key = ++$n;
	$store->fault({ times => 1, do => { lose => 'after' }, match => { path => $path{price} } });
	$shop->sql("UPDATE price SET net = 20 WHERE id = $key");
	my $push = $shop->start;
	$shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting'));
	like($shop->sql("SELECT error FROM bcdelta.preview('price') WHERE key = '$key'"), qr/^the outcome of the last update is not known: the record is read first/, 'preview');
	$shop->clear;
	$push->finish;
	is_deeply($shop->calls, ['GET /pricelists/3/records'], 'one call');
	is($shop->sql("SELECT outcome FROM bcdelta.result WHERE feed = 'price' AND key = '$key' ORDER BY attempted_at DESC LIMIT 1"), 'updated', 'and the row counts as updated');
};

subtest 'a row that moves to another address meanwhile leaves nothing behind' => sub {
	my $key = ++$n;
	lost('kill after', 'count', "UPDATE stock SET qty = 6 WHERE id = $key", sub { edit_stock($key, warning_level => 9) }, "UPDATE stock SET place = 2 WHERE id = $key");
	is_deeply($store->levels($key), { 1 => 0, 2 => 6 }, 'the old place is empty');
};

$shop->clear;
$shop->sql(q(SELECT bcdelta.mark_all('price'); SELECT bcdelta.mark_all('stock')));
$shop->push;
is_deeply([ $shop->writes ], [], 'nothing is written again');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
