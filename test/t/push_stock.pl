# Stock is written through an endpoint of its own: many items a call, one at a
# time and never beside other writes, and settled with the rest of its row.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $ABSOLUTE = 'PUT /inventory/adjustments/absolute';
my $PRODUCTS = 'PUT /catalog/products';

my $shop = BCDelta::Shop->open('stock', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

sub tables
{
	$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL, stock int, tracked text NOT NULL DEFAULT 'product', code text);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "coalesce(code, ''S'' || id)", "name": "''Item '' || id", "price": "price",
	"type": "''physical''", "weight": "1", "inventory_level": "stock", "inventory_tracking": "tracked"}', on_delete => 'delete');
INSERT INTO item SELECT g, g, g % 7 FROM generate_series(1, 40) AS g;
EOC
	return;
}

# The level of each item in the store, by its number
sub levels
{
	my ($location) = @_;
	my %ids = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	return { map { $ids{ $_->{id} } => ($store->levels($_->{id}) // {})->{ $location // 1 } // 0 } grep { $ids{ $_->{id} } } @{ $store->state('products') } };
}

sub agrees
{
	my ($what, $location) = @_;
	is_deeply(levels($location), $shop->value('SELECT coalesce(jsonb_object_agg(id, coalesce(stock, 0)), $${}$$) AS o FROM item')->{o}, "$what: the levels are the source's");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub requests { return [ map { "$_->{method} $_->{path}" } $shop->writes ]; }

# One of them, as the number of items that it was for
sub sizes
{
	my ($endpoint) = @_;
	return [ map { scalar @{ ref $_->{body} eq 'ARRAY' ? $_->{body} : $_->{body}{items} } }
		  grep { "$_->{method} $_->{path}" eq $endpoint } $shop->writes ];
}

sub parts
{
	my ($key) = @_;
	my $row = $shop->value("SELECT outcome, parts, error FROM bcdelta.result WHERE key = '$key' ORDER BY attempted_at DESC LIMIT 1");
	return [ $row->{outcome}, map { "$_->{facet} $_->{outcome} $_->{http_status}" } @{ $row->{parts} // [] } ];
}

tables();
$shop->push;
agrees('a first push');
is_deeply([ grep { $_ eq $ABSOLUTE } @{ requests() } ], [], 'stock goes with the record that is created');

subtest 'rows of which only the stock changed share one request, and their results say so' => sub {
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 3');
	my $run = $shop->push;
	is($run->{updated}, 40, 'all are updated');
	is_deeply(requests(), [$ABSOLUTE], 'with one request');
	my ($call) = $shop->writes;
	is(ref $call->{body}, 'HASH', 'which is an object');
	like($call->{body}{reason}, qr/./, 'with a reason');
	agrees('stock alone');
	is_deeply(parts(7), [ 'updated', 'stock updated 200' ], 'the result names the part');
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated unchanged)} ], [ 0, 0 ], 'and nothing is left to send');
};

subtest 'a row whose price and stock changed makes two requests, and is settled once' => sub {
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id <= 12');
	my $run = $shop->push;
	is($run->{updated}, 12, 'each row counts once');
	is_deeply(sizes($PRODUCTS), [ 10, 2 ], 'the records');
	is_deeply(sizes($ABSOLUTE), [12], 'and their stock, together');
	agrees('price and stock');
	is_deeply(parts(3), [ 'updated', ' updated 200', 'stock updated 200' ], 'one result lists both parts');
	is($shop->sql('SELECT count(*) FROM bcdelta.result WHERE run_id = ' . $run->{run_id}), 12, 'one for each row');
	my %bodies = map { $_->{path} => join(' ', sort map { keys %$_ } @{ ref $_->{body} eq 'ARRAY' ? $_->{body} : $_->{body}{items} }) } $shop->writes;
	unlike($bodies{'/catalog/products'}, qr/inventory_level/, 'stock is in one of them alone');
};

subtest 'stock is never written beside another write' => sub {
	$shop->clear;
	$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' } });
	$shop->sql('UPDATE item SET price = price + 1 WHERE id <= 30; UPDATE item SET stock = 9 WHERE id > 30');
	my $push = $shop->start;
	$shop->wait_held(3);
	is_deeply([ grep { $_ eq $ABSOLUTE } map { "$_->{method} $_->{path}" } $store->journal ], [], 'it waits for the others');
	$store->release;
	$push->finish;
	is($store->counts->{max_concurrency}{$ABSOLUTE}, 1, 'one at a time');
	agrees('beside others');
};

subtest 'a crash between the two requests of a row sends only the missing one' => sub {
	foreach my $process (qw(never now))
	{
		$shop->clear;
		$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id <= 5');
		$store->hold({ match => { path => 'absolute$' }, process => $process });
		my $push = $shop->start;
		$shop->wait_held(1);
		is($shop->sql(q(SELECT string_agg(DISTINCT (intent - 'fields')::text, ' ') FROM bcdelta.pending)), '{"stock": true}', 'what is under way is noted');
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		$shop->clear;
		$shop->push;
		is_deeply(requests(), $process eq 'now' ? [] : [$ABSOLUTE], "processed $process: only the stock is sent again, unless the store has it");
		agrees("a crash, processed $process");
	}
};

subtest 'a refused facet does not prevent the others from being written' => sub {
	$shop->sql(q(UPDATE item SET tracked = 'variant' WHERE id = 1));
	$shop->push;
	$shop->sql(q(UPDATE item SET tracked = 'product' WHERE id = 1));
	$store->fault({ match => { path => 'absolute$' }, do => { status => 422, body => { status => 422, title => 'Not today', errors => {} } } });
	$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id = 2');
	my $run = $shop->push;
	is($shop->pending->{'item 2'}, 'failed', 'stock refused: the row fails');
	is_deeply(parts(2), [ 'failed', ' updated 200', 'stock failed 422' ], 'and says which part it was');
	like($shop->errors->{'item 2'}, qr/Not today/, 'with the reason');
	is($shop->records('products', 'sku')->{S2}{price} + 0, $shop->sql('SELECT price FROM item WHERE id = 2') + 0, 'the price is in the store');
	$store->unfault;
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	is_deeply(requests(), [$ABSOLUTE], 'a retry sends what is missing');

	$store->fault({ match => { method => 'PUT', path => 'products$' }, do => { status => 422, body => { status => 422, title => 'No such price' } } });
	$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id = 3');
	$shop->push;
	is_deeply(parts(3), [ 'failed', ' failed 422', 'stock updated 200' ], 'price refused: the stock is written nevertheless');
	like($shop->errors->{'item 3'}, qr/No such price/, 'the error is that of the price');
	is(levels()->{3}, $shop->sql('SELECT stock FROM item WHERE id = 3'), 'the stock is in the store');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	agrees('refused parts');
};

subtest 'lost replies, and batches with a bad row, do not make levels wrong' => sub {
	foreach my $lost (qw(after before))
	{
		$store->fault({ match => { path => 'absolute$' }, times => 2, do => { lose => $lost } });
		$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id <= 9');
		$shop->push;
		$shop->push if %{ $shop->pending };
		$store->unfault;
		agrees("lost replies, $lost");
	}
	$shop->sql('UPDATE item SET stock = stock + 1');
	$store->remove('products', $shop->id('item', 20));
	my $run = $shop->push;
	agrees('a record that is gone');
	is($shop->sql(q(SELECT merged FROM bcdelta.feed)), '{}', 'the endpoint is there nevertheless');
};

subtest 'if the token lacks the scope for it, stock is sent with the record' => sub {
	$store->settings({ scopes => ['store_v2_products'] });
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 1');
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'the run succeeds');
	is_deeply(sizes($ABSOLUTE), [40], 'one request is refused');
	is_deeply(sizes($PRODUCTS), [ (10) x 4 ], 'and the records take it');
	agrees('no right');
	is($shop->sql(q(SELECT merged FROM bcdelta.feed)), '{stock}', 'that is remembered');
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 1, price = price + 1 WHERE id <= 10');
	is_deeply($shop->list(q(SELECT DISTINCT path FROM bcdelta.preview('item', 100))), ['/v3/catalog/products'], 'a preview shows it');
	$shop->push;
	is_deeply(sizes($PRODUCTS), [10], 'price and stock are one request then');
	agrees('no right, again');
	$store->settings({ scopes => [ 'store_v2_products', 'store_inventory', 'store_locations' ] });
	$shop->sql(q(SELECT bcdelta.resume('item')));
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 1');
	$shop->push;
	is_deeply(requests(), [$ABSOLUTE], 'resume() tries the endpoint again');
	agrees('with the right');
};

subtest 'if the store lacks the endpoint for it, stock is sent with the record' => sub {
	foreach my $status (404, 405, 501)
	{
		foreach my $rows (1, 40)
		{
			$store->fault({ match => { path => 'absolute$' }, do => { status => $status } });
			$shop->sql("UPDATE item SET stock = stock + 1 WHERE id <= $rows");
			my $run = $shop->push;
			is_deeply([ @$run{qw(state failed)} ], [ 'succeeded', 0 ], "$status for $rows: no row fails");
			is($shop->sql(q(SELECT merged FROM bcdelta.feed)), '{stock}', "$status for $rows: that is remembered");
			$store->unfault;
			agrees("$status for $rows");
			$shop->sql(q(SELECT bcdelta.resume('item')));
		}
	}
};

subtest 'if stock is not tracked by product, its level is sent with the record' => sub {
	$shop->sql(q(UPDATE item SET tracked = 'none' WHERE id = 4));
	$shop->push;
	$shop->clear;
	$shop->sql('UPDATE item SET stock = stock + 1 WHERE id = 4');
	$shop->push;
	is_deeply(requests(), [$PRODUCTS], 'with the record');
	$shop->sql(q(UPDATE item SET tracked = 'product' WHERE id = 4));
	$shop->push;
	agrees('tracked again');
	$shop->sql(<<'EOC');
CREATE TABLE loose (id int PRIMARY KEY, stock int);
SELECT bcdelta.track('loose', 'shop', 'product', '{"sku": "''L'' || id", "name": "''Loose '' || id", "price": "1",
	"type": "''physical''", "weight": "1", "inventory_level": "stock"}', on_delete => 'delete');
INSERT INTO loose SELECT g, g FROM generate_series(1, 3) AS g;
EOC
	$shop->push;
	$shop->sql('UPDATE loose SET stock = 10');
	my $run = $shop->push;
	is_deeply([ @$run{qw(state updated failed)} ], [ 'succeeded', 3, 0 ], 'a feed that does not say finds out');
	is($shop->sql(q(SELECT merged FROM bcdelta.feed WHERE feed = 'loose')), '{stock}', 'and remembers it');
	$shop->sql(q(DELETE FROM loose));
	$shop->push;
	$shop->sql(q(SELECT bcdelta.untrack('loose')));
};

subtest 'an option sets the location of the stock' => sub {
	$store->settings({ locations => [ { id => 1 }, { id => 2, code => 'WEST' } ] });
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.alter_feed('item', options => '{"location_id": 2}')));
	$shop->push;
	is_deeply(requests(), [$ABSOLUTE], 'all stock is written there');
	agrees('location 2', 2);
	$shop->clear;
	$shop->sql(q(INSERT INTO item VALUES (50, 1, 7)));
	$shop->push;
	is_deeply(requests(), [ 'POST /catalog/products', $ABSOLUTE ], 'a new record gets it there too');
	is_deeply(parts(50), [ 'created', ' created 200', 'stock updated 200' ], 'and is created');
	agrees('a new record', 2);
	is($shop->verify->{conflicts}, 0, 'verify does not take the levels of all locations for this one');
	my ($status, undef, $error) = $shop->try(q(SELECT bcdelta.alter_feed('item', options => '{"location_id": "x"}')));
	like($error, qr/invalid value for option "location_id"/, 'what is no location is refused');
	$shop->sql(q(SELECT bcdelta.alter_feed('item', options => '{}')));
	$shop->push;
	agrees('the default location again');
	$store->settings({ locations => [ { id => 1 } ] });
};

subtest 'a verify waits until the store shows what was written' => sub {
	$store->settings({ stock_delay_ms => 600000 });
	$shop->sql('UPDATE item SET stock = stock + 1');
	$shop->push;
	my $verify = $shop->start('SELECT * FROM bcdelta.verify()');
	$shop->wait_for(q(SELECT count(*) = 1 FROM bcdelta.run WHERE kind = 'verify' AND state = 'running'));
	$store->settle;
	$verify->finish;
	is($shop->last_run->{conflicts}, 0, 'no difference is reported that is none');
	$store->settings({ stock_delay_ms => 0 });
	$store->seed('stock', [ { product_id => 0 + $shop->id('item', 5), location_id => 1, quantity => 12345 } ]);
	is($shop->verify->{conflicts}, 1, 'one that is real is');
	is_deeply($shop->value(q(SELECT facet, field, store_value FROM bcdelta.discrepancy ORDER BY run_id DESC LIMIT 1)),
		{ facet => 'stock', field => 'inventory_level', store_value => '12345' }, 'with its part');
};

sub refusal { return { status => $_[0], body => { status => $_[0], title => $_[1], errors => {} } }; }

sub sku { return $shop->record('products', $shop->id('item', $_[0]))->{sku}; }

subtest 'rows that follow each other in a batch no longer do so when their stock is written' => sub {
	$store->settings({ adjustment_errors => 'none' });
	$shop->sql(q(UPDATE item SET code = 'N' || id WHERE id <= 6));
	$shop->push;
	foreach my $codes (q(CASE id WHEN 1 THEN 'fresh' ELSE 'N' || id - 1 END), q(CASE id WHEN 6 THEN 'fresh' ELSE 'N' || id END))
	{
		my $fault = $store->fault({ match => { path => 'absolute$' }, times => 1, do => { partial => { fail => [2] } } });
		$shop->sql("UPDATE item SET code = $codes, stock = stock + 1 WHERE id <= 6");
		is($shop->push->{state}, 'succeeded', 'the run succeeds');
		is(scalar @{ $store->control('faults') }, 1, 'a batch was refused');
		$store->unfault;
		agrees('rows that follow each other');
	}
	$store->settings({ adjustment_errors => 'one' });
	$shop->sql('UPDATE item SET code = NULL');
	$shop->push;
};

subtest 'a row whose price is refused gives up its key to others, and its stock is written' => sub {
	$shop->sql(q(UPDATE item SET code = 'A' || id WHERE id IN (11, 12)));
	$shop->push;
	$store->fault({ match => { method => 'PUT', path => 'products$', body => '666' }, do => refusal(422, 'No such price') });
	$shop->sql(<<'EOC');
UPDATE item SET code = 'B11', price = 666, stock = stock + 1 WHERE id = 11;
UPDATE item SET code = 'A11', stock = stock + 1 WHERE id = 12;
EOC
	$shop->push;
	is_deeply($shop->pending, { 'item 11' => 'failed' }, 'one fails');
	is_deeply(parts(11), [ 'failed', ' failed 422', 'stock updated 200' ], 'and says of which part');
	is(sku($_->[0]), $_->[1], "row $_->[0] has its key") or diag(explain($shop->errors)) foreach [ 11, 'B11' ], [ 12, 'A11' ];
	is(levels()->{$_}, $shop->sql("SELECT stock FROM item WHERE id = $_"), 'and its level') foreach 11, 12;
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item'); UPDATE item SET code = NULL));
	$shop->push;
	agrees('a price that was refused');
};

subtest 'records that were refused in a batch do not cause their stock to be sent one by one' => sub {
	$shop->clear;
	$store->fault({ match => { method => 'PUT', path => 'products$', body => '666' }, do => refusal(422, 'No such price') });
	$shop->sql(q(UPDATE item SET price = CASE id WHEN 25 THEN 666 ELSE price + 1 END, stock = stock + 1 WHERE id BETWEEN 21 AND 30));
	$shop->push;
	is_deeply(sizes($ABSOLUTE), [10], 'their stock is one request');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	agrees('records refused in a batch');
};

subtest 'levels that a refused batch may have written are written again after a cancel' => sub {
	my $last = $shop->id('item', 20);
	$store->settings({ adjustment_mode => 'prefix', adjustment_errors => 'none' });
	$store->fault({ match => { path => 'absolute$' }, times => 1, do => { partial => { fail => [15] } } });
	$store->hold({ match => { path => 'absolute$', body => "^(?!.*\"product_id\": $last\\b)" } });
	$shop->sql('UPDATE item SET stock = stock + 100 WHERE id <= 20');
	my $push = $shop->start;
	$shop->wait_held(1);
	my $cancel = $shop->start('SELECT bcdelta.cancel(max(run_id)) FROM bcdelta.run');
	$shop->wait_for(q(SELECT phase = 'stopping' FROM bcdelta.progress));
	$store->release;
	$_->finish foreach $push, $cancel;
	$store->settings({ adjustment_mode => 'atomic', adjustment_errors => 'one' });
	$store->unfault;
	is(levels()->{3}, $shop->sql('SELECT stock FROM item WHERE id = 3'), 'the refused batch had written some');
	$shop->sql('UPDATE item SET stock = stock - 100 WHERE id <= 20');
	$shop->push;
	agrees('a cancel after a refusal');
};

subtest 'the levels are right in the end, whatever the endpoint answers' => sub {
	my $true = JSON::PP::true;
	foreach my $do (
		(map { refusal($_, 'No') } 409, 422, 413, 500),
		{ partial => { fail => [2], status => 207 } }, { malformed => $true }, { close => $true },
		(map { { status => 200, process => $true, body => $_ } } { data => [ { id => 7 } ] }, []))
	{
		my $what = JSON::PP->new->canonical->encode($do);
		$store->fault({ match => { path => 'absolute$' }, do => $do, times => 1 });
		$shop->clear;
		$shop->sql('UPDATE item SET stock = stock + 1 WHERE id <= 20');
		$shop->push;
		$store->unfault;
		cmp_ok(scalar @{ sizes($ABSOLUTE) }, '<=', 4, "$what: few requests");
		agrees($what);
	}
	$store->fault({ match => { path => 'absolute$' }, do => refusal(409, 'Busy') });
	$shop->sql('UPDATE item SET stock = stock + 1 WHERE id = 20');
	$shop->push;
	like($shop->errors->{'item 20'}, qr/Busy/, 'a conflict all the time: the row fails');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	agrees('a conflict');
	is($shop->sql(q(SELECT merged FROM bcdelta.feed WHERE feed = 'item')), '{}', 'and stock still goes by itself');
};

done_testing();
