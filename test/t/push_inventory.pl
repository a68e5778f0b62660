# Stock by location from a table of its own: its rows have no id in the store,
# but an address, which is made of their values.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $ABSOLUTE = 'PUT /inventory/adjustments/absolute';

my $shop = BCDelta::Shop->open('inventory', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3 } ] });
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE stock (item int, place int, qty numeric, PRIMARY KEY (item, place));
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "1", "type": "''physical''", "weight": "1", "inventory_tracking": "''product''"}');
INSERT INTO item SELECT generate_series(1, 50);
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', item)", "location_id": "place", "quantity": "qty"}', on_delete => 'delete');
EOC

# quantities other than 0 of the store, by "item,place"
sub levels
{
	my %ids = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	my %levels;
	foreach my $product (keys %ids)
	{
		my $at = $store->levels($product) // {};
		$levels{"$ids{$product},$_"} = $at->{$_} foreach grep { $at->{$_} } keys %$at;
	}
	return \%levels;
}

sub agrees
{
	my ($what) = @_;
	is_deeply(levels(), $shop->value(q(SELECT coalesce(jsonb_object_agg(item || ',' || place, qty), '{}') AS o FROM stock WHERE qty > 0))->{o}, "$what: the levels are the source's");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub sizes { return [ map { scalar @{ $_->{body}{items} } } grep { "$_->{method} $_->{path}" eq $ABSOLUTE } $shop->writes ]; }

subtest 'rows wait for their products, and follow in one request' => sub {
	$shop->sql('INSERT INTO stock SELECT i, p, i + p FROM generate_series(1, 50) AS i, generate_series(1, 2) AS p');
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 50, 100, 0 ], 'products are created, and stock is written') or diag(explain([ $run, $shop->errors ]));
	is_deeply(sizes(), [100], 'all of it at once');
	agrees('a first push');
	my $link = $shop->value(q(SELECT l.store_id, l.address, l.payload, p.store_id AS product FROM bcdelta.link AS l, bcdelta.link AS p WHERE l.feed = 'stock' AND l.key = '["7", "2"]' AND p.feed = 'item' AND p.key = '7'));
	is_deeply([ @$link{qw(store_id address)} ], [ undef, "2/product_id=$link->{product}" ], 'the link has no id, but an address');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE feed = 'stock' AND outcome = 'updated' AND store_id IS NULL AND address LIKE '%/product_id=%')), 100, 'results have it too');
};

subtest 'only changes are sent, and unchanged rows cost no request' => sub {
	$shop->clear;
	$shop->sql(q(UPDATE stock SET qty = qty + 5 WHERE item <= 3; SELECT bcdelta.mark('stock', '["9", "1"]')));
	is_deeply([ @{ $shop->push }{qw(updated unchanged)} ], [ 6, 1 ], 'six rows');
	is_deeply(sizes(), [6], 'one request');
	agrees('a change');
};

subtest 'a row that changes its key gives up its old address, and rows can exchange addresses' => sub {
	$shop->clear;
	$shop->sql('UPDATE stock SET place = 3 WHERE item <= 2 AND place = 2');
	is($shop->push->{updated}, 2, 'moved');
	is_deeply([ map { [ map { $_->{quantity} ? 1 : 0 } @{ $_->{body}{items} } ] } $shop->writes ], [ [ 0, 0 ], [ 1, 1 ] ], 'what they had is 0 before what they have is written');
	agrees('a move');
	$shop->sql(<<'EOC');
CREATE TABLE bin (id int PRIMARY KEY, item int, place int, qty int);
INSERT INTO bin SELECT g, g % 10 + 41, 3, g FROM generate_series(1, 10) AS g;
SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', item)", "location_id": "place", "quantity": "qty"}', on_delete => 'delete');
SELECT bcdelta.mark_all('bin');
EOC
	$shop->push;
	my $third = sub { my $levels = levels(); return { map { /^(\d+),3$/ && $1 > 40 ? ($1 => $levels->{$_}) : () } keys %$levels } };
	my $is = sub { is_deeply($third->(), $shop->value('SELECT coalesce(jsonb_object_agg(item, qty), $${}$$) AS o FROM bin WHERE qty > 0')->{o}, "$_[0]: the levels are right"); is_deeply($shop->pending, {}, "$_[0]: nothing is pending") or diag(explain($shop->errors)); };
	$is->('bins');
	$shop->sql('UPDATE bin SET item = 41 + item % 10, qty = qty + 100');
	$shop->push;
	$is->('a circle');
	$shop->sql('UPDATE bin SET item = (SELECT b.item FROM bin AS b WHERE b.id = 11 - bin.id)');
	$shop->push;
	$is->('pairs');
	$shop->clear;
	$shop->sql('CREATE TEMP TABLE old AS SELECT * FROM bin; DELETE FROM bin; INSERT INTO bin SELECT id + 100, item, place, qty + 1 FROM old');
	$shop->push;
	$is->('a table that was loaded anew');
	is_deeply([ grep { $_->{quantity} == 0 } map { @{ $_->{body}{items} } } $shop->writes ], [], 'no item is without stock for a moment');
	$shop->sql(q(INSERT INTO bin SELECT 201, item, place, 7 FROM bin WHERE id = 105));
	$shop->push;
	is($shop->pending->{'bin 201'}, 'failed', 'a second row for an address fails');
	like($shop->errors->{'bin 201'}, qr/^the inventory at address "3.product_id=\d+" belongs to source row 105$/, 'and names the first one');
	$shop->sql('DELETE FROM bin WHERE id = 105');
	$shop->push;
	$is->('when the first one is gone, the second one is tried again');
	$shop->sql(q(INSERT INTO bin SELECT g, 50, 3, g FROM generate_series(301, 303) AS g; DELETE FROM bin WHERE item = 50 AND id < 300));
	$shop->push;
	is_deeply([ sort values %{ $shop->pending } ], [qw(failed failed)], 'of three new ones, one has the address');
	$shop->sql('DELETE FROM bin');
	$shop->push;
	$is->('deleted');
	agrees('bins');
	$shop->sql(q(SELECT bcdelta.untrack('bin')));
};

subtest 'a deleted row leaves no stock behind, and items that are not tracked need none' => sub {
	$shop->sql('DELETE FROM stock WHERE item = 4 OR (item = 5 AND place = 1)');
	$shop->clear;
	my $run = $shop->push;
	is($run->{deleted}, 3, 'three rows');
	is_deeply(sizes(), [3], 'one request');
	agrees('deletes');
	my $product = $shop->id('item', 6);
	$store->api('PUT', "/catalog/products/$product", { inventory_tracking => 'none' });
	$shop->sql('DELETE FROM stock WHERE item = 6');
	is($shop->push->{deleted}, 2, 'an item without stock has none to remove');
	$shop->sql('INSERT INTO stock VALUES (6, 1, 5)');
	$shop->push;
	like($shop->errors->{'stock ["6", "1"]'}, qr/product_id $product is not tracked/, 'but takes none, in the words of the store');
	$store->api('PUT', "/catalog/products/$product", { inventory_tracking => 'product' });
	# what it had is there again
	$shop->sql('INSERT INTO stock VALUES (6, 2, 0)');
	$shop->sql(q(SELECT bcdelta.retry('stock')));
	$shop->push;
	agrees('tracking');
};

subtest 'a removal that the store refuses once, for no reason of the record, is done later' => sub {
	foreach my $status (409, 422)
	{
		$shop->sql('INSERT INTO stock SELECT 17, 3, 5 WHERE NOT EXISTS (SELECT FROM stock WHERE item = 17 AND place = 3)');
		$shop->push;
		is(levels()->{'17,3'}, 5, 'a level');
		$store->fault({ match => { method => 'PUT', path => 'absolute' }, times => 1, do => { status => $status, body => { status => $status, title => 'Trouble', errors => {} } } });
		$shop->sql('DELETE FROM stock WHERE item = 17 AND place = 3');
		is($shop->push->{deleted}, 1, "a status $status");
		agrees("a removal that was refused with status $status");
	}
};

subtest 'a row leaves an address at which the store takes no stock any more' => sub {
	$shop->sql(q(INSERT INTO stock VALUES (7, 3, 5) ON CONFLICT DO NOTHING));
	$shop->push;
	my $product = $shop->id('item', 7);
	$store->api('PUT', "/catalog/products/$product", { inventory_tracking => 'none' });
	$shop->sql(q(UPDATE stock SET item = 8 WHERE item = 7 AND place = 3));
	foreach (1 .. 3)
	{
		$shop->sql(q(SELECT bcdelta.retry(waiting => true)));
		$shop->push;
	}
	is($shop->sql(q(SELECT address FROM bcdelta.link WHERE feed = 'stock' AND key = '["8", "3"]')), '3/product_id=' . $shop->id('item', 8), 'it is at its new one');
	is($shop->sql(q(SELECT outcome FROM bcdelta.result WHERE feed = 'stock' AND key = '["8", "3"]' AND error LIKE '%not tracked%' LIMIT 1)), 'retry', 'and the results have the words of the store');
	$shop->sql(q(DELETE FROM stock WHERE (item, place) = (8, 3)));
	$shop->push;
	# other rows of the product are gone; but one at a location that is switched off says so
	$shop->sql(q(INSERT INTO stock VALUES (9, 3, 5) ON CONFLICT DO NOTHING));
	$shop->push;
	$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3, enabled => JSON::PP::false() } ] });
	$shop->sql(q(DELETE FROM stock WHERE item = 7 OR (item, place) = (9, 3)));
	$shop->push;
	is_deeply($shop->pending, { 'stock ["9", "3"]' => 'failed' }, 'the rows of a product that takes no stock are done with, that of a closed location is not') or diag(explain($shop->errors));
	$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3 } ] });
	$shop->sql(q(SELECT bcdelta.retry('stock')));
	$shop->push;
	$store->api('PUT', "/catalog/products/$product", { inventory_tracking => 'product' });
	$store->api('PUT', '/inventory/adjustments/absolute', { reason => 'test', items => [ map { { location_id => $_, product_id => 0 + $product, quantity => 0 } } 1 .. 3 ] });
	$store->clear;
};

subtest 'what goes with its product costs no request' => sub {
	$shop->sql('DELETE FROM stock WHERE item = 49; DELETE FROM item WHERE id = 49');
	$shop->sql(q(SELECT bcdelta.alter_feed('item', on_delete => 'delete'); SELECT bcdelta.mark('item', '49')));
	$shop->clear;
	my $run = $shop->push;
	is($run->{deleted}, 3, 'a product, and its stock') or diag(explain([ $run, $shop->errors ]));
	is_deeply([ map { $_->{method} } $shop->writes ], ['DELETE'], 'one request');
	agrees('a product and its stock');
};

subtest 'a bad row harms no other row' => sub {
	$shop->sql('INSERT INTO stock VALUES (7, 3, -3), (8, 3, 2147483648), (9, 3, 1.5), (10, 3, NULL), (11, 0, 1), (12, 9, 1), (13, 3, 2147483647), (14, 3, 0)');
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 2, 6 ], 'six of eight');
	my $errors = $shop->errors;
	my %says = ('7", "3' => qr/^quantity: "-3" is not between 0 and 2147483647/, '8", "3' => qr/^quantity: "2147483648" is not between/, '9", "3' => qr/^quantity: "1.5" is not an integer/,
		'10", "3' => qr/^quantity: the row has no value/, '11", "0' => qr/^location_id: "0" is less than 1/, '12", "9' => qr/Location of item/);
	like($errors->{qq(stock ["$_"])}, $says{$_}, $_) foreach sort keys %says;
	is(levels()->{'13,3'}, 2147483647, 'the most that there can be');
	$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3, enabled => JSON::PP::false() } ] });
	$shop->sql('INSERT INTO stock VALUES (15, 3, 1); UPDATE stock SET qty = qty + 1 WHERE item = 16');
	$run = $shop->push(q('stock'));
	is_deeply([ @$run{qw(updated failed)} ], [ 2, 1 ], 'a location that was switched off');
	like($shop->errors->{'stock ["15", "3"]'}, qr/not enabled/, 'is refused in the words of the store');
	$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3 } ] });
	$shop->sql('DELETE FROM stock WHERE item = 15 AND place = 3');
	$shop->sql('DELETE FROM stock WHERE item BETWEEN 7 AND 13 AND place NOT IN (1, 2)');
	$shop->push;
	agrees('bad rows');
	foreach my $mode (qw(atomic prefix partial))
	{
		foreach my $told (qw(one none))
		{
			$store->settings({ adjustment_mode => $mode, adjustment_errors => $told });
			$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 20 AND 40; INSERT INTO stock VALUES (30, 7, 1)');
			$shop->clear;
			$run = $shop->push;
			is_deeply([ @$run{qw(updated failed)} ], [ 42, 1 ], "$mode, $told: one is refused");
			cmp_ok(scalar $shop->writes, '<=', $told eq 'one' ? 5 : 13, "$mode, $told: found with few requests");
			$shop->sql('DELETE FROM stock WHERE place = 7');
			$shop->push;
			agrees("$mode, $told");
		}
	}
	$store->settings({ adjustment_mode => 'atomic', adjustment_errors => 'one' });
};

subtest 'lost replies and a killed worker do not make levels wrong, even if the row changes its address' => sub {
	foreach my $lost (qw(after before))
	{
		$store->fault({ match => { path => 'absolute$' }, times => 1, do => { lose => $lost } });
		$shop->sql(q(UPDATE stock SET qty = qty + 1; INSERT INTO stock VALUES (15, 3, 15)));
		$shop->push;
		agrees("replies lost $lost");
		$store->unfault;
		$shop->sql('DELETE FROM stock WHERE item = 15 AND place = 3');
		$shop->push;
	}
	$store->hold({ match => { path => 'absolute$' }, process => 'now' });
	$shop->sql('INSERT INTO stock VALUES (16, 3, 16), (17, 3, 17); UPDATE stock SET qty = qty + 1 WHERE item < 10');
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	# what was written is found by its address: nobody knows of it but the link
	$shop->sql('UPDATE stock SET item = 18 WHERE item = 16 AND place = 3; DELETE FROM stock WHERE item = 17 AND place = 3');
	$shop->push;
	agrees('a kill, and other keys after it');
};

subtest 'settings have requests of their own, for each location' => sub {
	$shop->sql(<<'EOC');
ALTER TABLE stock ADD safety int, ADD warn int, ADD bin text;
SELECT bcdelta.alter_feed('stock', fields => '{"product_id": "bcdelta.ref(''item'', item)", "location_id": "place", "quantity": "qty", "safety_stock": "safety", "warning_level": "warn", "bin_picking_number": "bin"}');
EOC
	$shop->push;
	$shop->clear;
	$shop->sql(q(UPDATE stock SET safety = 2, warn = 3, bin = 'A' || item WHERE item BETWEEN 21 AND 24; UPDATE stock SET qty = qty + 1 WHERE item = 24));
	my $run = $shop->push;
	is($run->{updated}, 8, 'each row once') or diag(explain([ $run, $shop->errors ]));
	is_deeply([ sort map { "$_->{path} " . scalar @{ $_->{body}{items} // $_->{body}{settings} } } $shop->writes ],
		[ '/inventory/adjustments/absolute 2', '/inventory/locations/1/items 4', '/inventory/locations/2/items 4' ], 'what has changed, where it has');
	my $at = $store->api('GET', '/inventory/items?product_id:in=' . $shop->id('item', 23))->{data}[0]{locations}[1];
	is_deeply([ @{ $at->{settings} }{qw(safety_stock warning_level bin_picking_number)} ], [ 2, 3, 'A23' ], 'are in the store');
	agrees('settings');
	$shop->sql('UPDATE stock SET safety = -1 WHERE item = 21 AND place = 1; UPDATE stock SET warn = 4 WHERE item = 22');
	$shop->push;
	like($shop->errors->{'stock ["21", "1"]'}, qr/^safety_stock: "-1" is not between 0 and 2147483647/, 'a bad one is refused by name');
	$store->fault({ match => { path => 'locations/2/items$' }, times => 1, do => { status => 422, body => { status => 422, title => 'No', errors => { 'setting.0.settings' => 'bad' } } } });
	$shop->sql('UPDATE stock SET safety = 5, qty = qty + 1 WHERE item IN (21, 23)');
	$shop->push;
	$store->unfault;
	agrees('settings that were refused once');
};

subtest 'preview shows what a push sends' => sub {
	$shop->sql('UPDATE stock SET qty = 99 WHERE item = 20 AND place = 1; UPDATE stock SET place = 3 WHERE item = 21 AND place = 1; DELETE FROM stock WHERE item = 22 AND place = 1; INSERT INTO stock VALUES (23, 3, -1)');
	my %ids = map { $_ => $shop->id('item', $_) } 20 .. 22;
	is_deeply($shop->list(q(SELECT concat_ws(' ', key, action, method, path, body, error) FROM bcdelta.preview('stock') ORDER BY key, body ->> 'location_id')),
		[ qq(["20", "1"] update PUT /v3/inventory/adjustments/absolute {"quantity": 99, "product_id": $ids{20}, "location_id": 1}),
		  qq(["21", "3"] update PUT /v3/inventory/adjustments/absolute {"quantity": 0, "product_id": $ids{21}, "location_id": 1}),
		  qq(["21", "3"] update PUT /v3/inventory/adjustments/absolute {"quantity": ) . $shop->sql('SELECT qty FROM stock WHERE item = 21 AND place = 3') . qq(, "product_id": $ids{21}, "location_id": 3}),
		  qq(["21", "3"] update PUT /v3/inventory/locations/3/items {"identity": {"product_id": $ids{21}}, "safety_stock": 5, "warning_level": 3, "bin_picking_number": "A21"}),
		  qq(["22", "1"] delete PUT /v3/inventory/adjustments/absolute {"quantity": 0, "product_id": $ids{22}, "location_id": 1}),
		  qq(["23", "3"] invalid quantity: "-1" is not between 0 and 2147483647) ], 'a change, a move, a delete, a row that is refused');
	$shop->sql('DELETE FROM stock WHERE qty < 0');
	$shop->push;
	agrees('preview');
};

subtest 'verify reads many items per call, and lists differences; a push corrects them' => sub {
	$store->settle;
	my %ids = map { $_ => $shop->id('item', $_) } 30 .. 31;
	$store->api('PUT', '/inventory/adjustments/absolute', { items => [ { product_id => 0 + $ids{30}, location_id => 2, quantity => 77 } ] });
	my $was = $shop->sql('SELECT qty FROM stock WHERE item = 30 AND place = 2');
	$shop->clear;
	my $run = $shop->verify(q('stock'));
	is($run->{conflicts}, 1, 'one difference') or diag(explain([ $run, $shop->discrepancies ]));
	like(join(', ', @{ $shop->calls }), qr{^GET /inventory/items(, GET /inventory/items){1,2}$},
		'one call, one more if what was written last may not be visible yet, and a second look at the difference');
	is_deeply($shop->value(qq(SELECT key, address, field, source_value, store_value, pushed_value FROM bcdelta.discrepancy WHERE run_id = $run->{run_id})),
		{ key => '["30", "2"]', address => "2/product_id=$ids{30}", field => 'quantity', source_value => $was, store_value => 77, pushed_value => $was }, 'in words');
	$shop->sql(q(SELECT bcdelta.mark('stock', '["30", "2"]')));
	is($shop->push->{updated}, 1, 'a push of the row sends it again');
	agrees('after verify');
	$store->settle;
	is_deeply([ @{ $shop->verify(q('stock')) }{qw(conflicts state)} ], [ 0, 'succeeded' ], 'and nothing differs') or diag(explain($shop->discrepancies));
	is_deeply([ @{ $shop->verify(q('stock', mode => 'sample', sample => 5)) }{qw(conflicts unchanged)} ], [ 0, 5 ], 'nor in a sample');
	$shop->clear;
	$run = $shop->verify(q('stock', mode => 'count'));
	is_deeply([ @$run{qw(state conflicts)}, scalar @{ $shop->calls } ], [ 'succeeded', 0, 0 ], 'stock cannot be counted');
	like($run->{warning}, qr/^feed "stock" was not counted, because the store does not tell the number of records of resource inventory/, 'and the run says so');
};

subtest 'link reads the levels of the store, and unlink forgets them' => sub {
	is($shop->sql(q(SELECT bcdelta.unlink('stock', '["31", "1"]'))), 1, 'one link');
	ok($shop->sql(q(SELECT bcdelta.unlink('stock'))) > 80, 'all links');
	$shop->sql('INSERT INTO stock VALUES (45, 44, 1)');
	$shop->clear;
	my $run = $shop->link(q('stock'));
	is($run->{linked}, $shop->sql('SELECT count(*) - 1 FROM stock'), 'all rows are linked but one') or diag(explain($run));
	is_deeply($shop->discrepancies, [ 'stock|["45", "44"]|missing_in_store' ], 'whose location is not there');
	is_deeply($shop->calls, ['GET /inventory/items'], 'with one call');
	$shop->sql('DELETE FROM stock WHERE place = 44');
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.mark_all('stock')));
	my $push = $shop->push;
	is_deeply([ @$push{qw(updated)}, sizes() ], [ 0, [] ], 'what agrees is not written') or diag(explain($push));
	agrees('links');
	like(($shop->try(q(SELECT bcdelta.link('stock', '["31", "1"]', 5))))[2], qr/no id that a row could be linked to/, 'there are no ids to link to');
};

subtest 'ten thousand rows are written with five calls, and verified with ten' => sub {
	$store->control('seed', { kind => 'products', count => 10000, first => 20001, template => { name => 'Bulk {n}', sku => 'B{n}', type => 'physical', weight => '1', price => '1', inventory_tracking => 'product' } });
	my $first = (sort { $a <=> $b } map { $_->{id} } grep { $_->{sku} =~ /^B/ } @{ $store->state('products?fields=id,sku') })[0];
	$shop->sql(<<"EOC");
CREATE TABLE bulk (item int PRIMARY KEY, qty int);
SELECT bcdelta.track('bulk', 'shop', 'inventory', '{"product_id": "item", "location_id": "1", "quantity": "qty"}');
INSERT INTO bulk SELECT $first + g, g FROM generate_series(0, 9999) AS g;
EOC
	$shop->clear;
	is($shop->push(q('bulk'))->{updated}, 10000, 'all rows');
	is_deeply($shop->calls, [ ($ABSOLUTE) x 5 ], 'five calls for new rows') or diag(explain(sizes()));
	$shop->clear;
	$shop->sql('UPDATE bulk SET qty = qty + 1');
	is($shop->push(q('bulk'))->{updated}, 10000, 'all rows again');
	is_deeply($shop->calls, [ ($ABSOLUTE) x 5 ], 'five calls for changed rows') or diag(explain(sizes()));
	$store->settle;
	$shop->clear;
	my $run = $shop->verify(q('bulk'));
	is_deeply([ @$run{qw(state conflicts)} ], [ 'succeeded', 0 ], 'no difference');
	is_deeply($shop->calls, [ ('GET /inventory/items') x 10 ], 'ten calls for the verification');
	$shop->sql(q(SELECT bcdelta.alter_feed('bulk', options => '{"adjustment": "relative"}'); UPDATE bulk SET qty = qty + 1));
	# as if the last push were long ago
	$shop->sql(q(UPDATE bcdelta.link SET pushed_at = pushed_at - interval '1 hour' WHERE feed = 'bulk'));
	$shop->clear;
	is($shop->push(q('bulk'))->{updated}, 10000, 'all rows, as differences');
	is_deeply([ sort @{ $shop->calls } ], [ ('GET /inventory/items') x 10, ('POST /inventory/adjustments/relative') x 5 ], 'ten reads, and five calls') or diag(explain($shop->calls));
	$shop->sql(q(SELECT bcdelta.untrack('bulk'); DROP TABLE bulk));
};

subtest 'impossible feeds are refused by track' => sub {
	my %refused = ('{"quantity": "qty", "product_id": "1"}' => qr/lacks what identifies a record: location_id/,
		'{"quantity": "qty", "location_id": "1"}' => qr/lacks what identifies a record: product_id or sku or variant_id/, '{"stock": "1"}' => qr/stock/);
	like(($shop->try("SELECT bcdelta.track('stock', 'shop', 'inventory', '$_', feed => 'other')"))[2], $refused{$_}, $_) foreach sort keys %refused;
	like(($shop->try(q(SELECT bcdelta.track('stock', 'shop', 'brand', '{"name": "bcdelta.ref(''stock'', item, place)::text"}', feed => 'other'))))[2], qr/cannot refer to feed "stock": records of resource inventory have no id/, 'nor can other feeds refer to one');
	like(($shop->try(q(SELECT bcdelta.track('stock', 'shop', 'inventory', '{"quantity": "qty", "location_id": "1", "sku": "''a''"}', feed => 'other', on_delete => 'hide'))))[2], qr/ERROR:.*hid/, 'stock cannot be hidden');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
