# Stock pushed as differences: what the store sells stays sold, and no difference
# reaches the store twice, whatever happens to requests, replies and the worker.

use strict;
use warnings;

use List::Util qw(sum0);

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $ABSOLUTE = 'PUT /inventory/adjustments/absolute';
my $RELATIVE = 'POST /inventory/adjustments/relative';

my $shop = BCDelta::Shop->open(
	'relative',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.debug_points = on\nwal_writer_delay = 10s\n" });
my ($node, $store) = ($shop->node, $shop->store);
my $seed = $ENV{BCDELTA_SEED} // int(rand(1e9));
srand($seed);
note("seed $seed");

$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3 } ] });
$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 60 ]);
$shop->sql(<<'EOC');
CREATE TABLE stock (item int, place int, qty int, PRIMARY KEY (item, place));
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "place", "quantity": "qty"}', on_delete => 'delete', options => '{"adjustment": "relative"}');
EOC

my %sold;    # by "item,place": what the store has sold since the row set its quantity

sub level { my ($item, $place) = @_; return ($store->levels($item) // {})->{$place} // 0; }

sub sell
{
	my ($item, $place, $n) = @_;
	$store->seed('stock', [ { product_id => $item, location_id => $place, quantity => level($item, $place) - $n } ]);
	$sold{"$item,$place"} += $n;
	return;
}

# what the source has, without what was sold
sub agrees
{
	my ($what) = @_;
	my $rows = $shop->value(q(SELECT coalesce(jsonb_object_agg(item || ',' || place, qty), '{}') AS o FROM stock))->{o};
	my %wanted = map { $_ => $rows->{$_} - ($sold{$_} // 0) } keys %$rows;
	my %levels = map { my ($item, $place) = split /,/; ($_ => level($item, $place)) } keys %$rows;
	is_deeply(\%levels, \%wanted, "$what: the levels are right");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE doubt IS NOT NULL'), 0, "$what: nothing is in doubt");
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

# [ "METHOD path", quantities ] of the adjustments
sub adjustments { return [ map { [ "$_->{method} $_->{path}", map { $_->{quantity} } @{ $_->{body}{items} } ] } grep { $_->{path} =~ /adjustments/ } $shop->writes ]; }
sub relatives { return [ grep { $_->[0] eq $RELATIVE } @{ adjustments() } ]; }

# Settles the rows in doubt by what the test knows, which a person would know.
sub settle_truly
{
	foreach my $row (@{ $shop->value(q(SELECT coalesce(jsonb_agg(to_jsonb(l)), '[]') AS o FROM (SELECT key, doubt FROM bcdelta.link WHERE doubt IS NOT NULL) AS l))->{o} })
	{
		my ($item, $place) = $row->{key} =~ /(\d+)/g;
		my $told = level($item, $place) + ($sold{"$item,$place"} // 0);
		my $doubt = $row->{doubt};
		die "row $row->{key}: $told is neither $doubt->{from} nor $doubt->{to}" unless $told == $doubt->{from} || $told == $doubt->{to};
		$shop->sql(sprintf q(SELECT bcdelta.settle('stock', '%s', %s)), $row->{key}, $told == $doubt->{to} ? 'true' : 'false');
	}
	return;
}

subtest 'quantities are set once; after that, differences are sent, and what the store has sold stays sold' => sub {
	$shop->sql('INSERT INTO stock SELECT i, p, 20 + i FROM generate_series(1, 30) AS i, generate_series(1, 2) AS p');
	is($shop->push->{updated}, 60, 'sixty rows');
	is_deeply([ map { [ $_->[0], scalar @$_ - 1 ] } @{ adjustments() } ], [ [ $ABSOLUTE, 60 ] ], 'one request sets them');
	sell($_, 1, 3) foreach 1 .. 8;
	$shop->clear;
	$shop->sql('UPDATE stock SET qty = qty - 2 WHERE item <= 5; UPDATE stock SET qty = qty + 4 WHERE item = 7');
	is($shop->push->{updated}, 12, 'twelve rows');
	is_deeply([ map { [ $_->[0], sort { $a <=> $b } @$_[ 1 .. $#$_ ] ] } @{ adjustments() } ], [ [ $RELATIVE, (-2) x 10, 4, 4 ] ], 'one request has the differences');
	is_deeply([ grep { $_ ne $RELATIVE } @{ $shop->calls } ], ['GET /inventory/items'], 'one call has read the levels before');
	agrees('differences');
	$shop->clear;
	$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 9; UPDATE stock SET qty = qty - 1 WHERE item = 9; SELECT bcdelta.mark('stock', '["10", "1"]')));
	$shop->push;
	is_deeply($shop->calls, [], 'no difference, no call');
	is($shop->sql(q(SELECT parts #>> '{0,facet}' FROM bcdelta.result WHERE outcome = 'updated' ORDER BY attempted_at DESC LIMIT 1)), 'adjustment', 'the result tells how');
};

subtest 'a row that changes again waits until the store shows what was written last' => sub {
	$store->settings({ stock_delay_ms => 60 });
	foreach (1 .. 4)
	{
		$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 20 AND 24');
		$shop->push;
	}
	$store->settle;
	agrees('a change right after another');
	$shop->sql('INSERT INTO stock VALUES (31, 1, 5)');
	$shop->push;
	$shop->sql('UPDATE stock SET qty = 4 WHERE item = 31');
	$shop->push;
	$store->settle;
	agrees('a change right after the first push');
	$store->settings({ stock_delay_ms => 0 });
};

subtest 'an adjustment whose outcome is not known is never repeated: a person decides, and is told the levels' => sub {
	my %how = (
		'a lost reply' => [ { lose => 'after' }, 1 ],
		'a lost request' => [ { lose => 'before' }, 0 ],
		'a 502' => [ { status => 502 }, 0 ],
		'a 500 after the change' => [ { status => 500, process => JSON::PP::true() }, 1 ],
		'a reply that is not JSON' => [ { malformed => JSON::PP::true() }, 1 ],
		'an empty reply' => [ { empty => JSON::PP::true() }, 1 ],
		'a reply that is cut off' => [ { cut => 3 }, 1 ],
		'a 408' => [ { status => 408 }, 0 ],
		'a 507' => [ { status => 507 }, 0 ]);
	foreach my $what (sort keys %how)
	{
		my ($do, $done) = @{ $how{$what} };
		my $was = $shop->sql('SELECT qty FROM stock WHERE item = 11 AND place = 1');
		my $before = level(11, 1);
		$shop->clear;
		# a row that was written just before may go in a request of its own
		$store->fault({ match => { path => 'relative$' }, do => $do });
		$shop->sql('UPDATE stock SET qty = qty - 3 WHERE item BETWEEN 11 AND 13');
		$shop->push;
		$store->unfault;
		my $sent = @{ relatives() };
		if ($what eq 'a 507')
		{
			$shop->sql(q(SELECT bcdelta.resume('stock')));
			$shop->push;
		}
		my $now = level(11, 1);
		is($before - $now, $done ? 3 : 0, "$what: the level has changed accordingly");
		is($shop->pending->{'stock ["11", "1"]'}, 'review', "$what: the row is in review") or diag(explain($shop->errors));
		like($shop->errors->{'stock ["11", "1"]'}, qr/changed quantity by -3, for the change of the row from $was to @{[ $was - 3 ]}: it had $before before, and has $now now; bcdelta.settle/, "$what: with the numbers");
		sell(12, 1, 1);
		$shop->sql(q(UPDATE stock SET qty = qty + 1 WHERE item = 12; SELECT bcdelta.retry('stock', waiting => true)));
		$shop->push;
		is($shop->pending->{'stock ["12", "1"]'}, 'review', "$what: so it is when it changes again");
		is(scalar @{ relatives() }, $sent, "$what: nothing is sent again");
		like($shop->errors->{'stock ["12", "1"]'}, qr/and has @{[ level(12, 1) ]} now/, "$what: the number is that of now");
		is($shop->sql(sprintf q(SELECT bcdelta.settle('stock', '["11", "1"]', %s)), $done ? 'true' : 'false'), 1, "$what: one row is settled");
		is($shop->sql(sprintf q(SELECT bcdelta.settle('stock', NULL, %s)), $done ? 'true' : 'false'), 5, "$what: and the others");
		$shop->push;
		agrees($what);
	}
};

subtest 'a refused batch may have been saved in part: what it has changed is not changed again' => sub {
	foreach my $mode (qw(atomic prefix partial))
	{
		foreach my $told (qw(one none))
		{
			$store->settings({ adjustment_mode => $mode, adjustment_errors => $told });
			$store->fault({ match => { path => 'relative$', body => '(product_id.*){5}' }, times => 1, do => { partial => { fail => [4] } } });
			# rows that were written just before the others go in a request of their own
			foreach (1 .. 5)
			{
				$shop->clear;
				$shop->sql('UPDATE stock SET qty = qty + 2 WHERE item BETWEEN 1 AND 5');
				$shop->push;
				last if grep { $_->{status} == 422 } $shop->writes;
			}
			$store->unfault;
			my $review = grep { $_ eq 'review' } values %{ $shop->pending };
			my $saved = sum0(map { 0 + @{ $_->{changed} } } grep { $_->{path} =~ /relative/ && $_->{status} == 422 } $shop->writes);
			cmp_ok($saved, '>', 3, "$mode, $told: a part was saved");
			is($review, $saved, "$mode, $told: exactly what was saved is in review");
			cmp_ok(scalar @{ relatives() }, '<=', 8, "$mode, $told: the bad one is found with few requests");
			settle_truly();
			$shop->push;
			agrees("$mode, $told");
		}
	}
	$store->settings({ adjustment_mode => 'atomic', adjustment_errors => 'one' });
};

subtest 'what the store has certainly not done is sent again' => sub {
	foreach my $status (429, 413)
	{
		$shop->clear;
		$store->fault({ match => { path => 'relative$' }, times => 1, do => { status => $status, headers => { 'X-Rate-Limit-Time-Reset-Ms' => 100 } } });
		$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 1 AND 3');
		$shop->push;
		$store->unfault;
		agrees("a $status");
	}
	$store->fault({ match => { path => 'relative$' }, times => 1, do => { status => 403 } });
	$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 1 AND 3');
	$shop->push;
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.resume('stock')));
	$shop->push;
	agrees('a 403');
	# batches are small after a 413, until the worker starts again
	kill_worker($node, 'shop', 'TERM');
};

subtest 'a row that the store would refuse keeps no other one from being sent' => sub {
	sell(14, 1, level(14, 1) - 1);
	$store->api('PUT', '/inventory/locations/1/items', { settings => [ { identity => { product_id => 15 }, safety_stock => 30 } ] });
	my ($one, $other) = (level(14, 1), level(15, 1));
	$shop->clear;
	$shop->sql('UPDATE stock SET qty = qty - 6 WHERE item BETWEEN 13 AND 17 AND place = 1');
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 3, 2 ], 'three of five');
	is($shop->errors->{'stock ["14", "1"]'}, "quantity: the store has $one, and cannot change that by -6: its safety_stock is 0", 'too little stock');
	is($shop->errors->{'stock ["15", "1"]'}, "quantity: the store has $other, and cannot change that by -6: its safety_stock is 30", 'safety stock counts');
	is(scalar @{ relatives() }, 1, 'one request');
	$shop->sql('UPDATE stock SET qty = qty + 6 WHERE item IN (14, 15) AND place = 1');
	$shop->push;
	$store->api('PUT', '/inventory/locations/1/items', { settings => [ { identity => { product_id => 15 }, safety_stock => 0 } ] });
	agrees('too little stock');
	$store->edit('product', 16, { inventory_tracking => 'none' });
	$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 15 AND 17 AND place = 1');
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 2, 1 ], 'an item that is not tracked any more');
	like($shop->errors->{'stock ["16", "1"]'}, qr/not tracked/, 'fails in the words of the store');
	$store->edit('product', 16, { inventory_tracking => 'product' });
	$shop->sql(q(SELECT bcdelta.retry('stock')));
	$shop->push;
	agrees('tracked again');
	$shop->sql('INSERT INTO stock VALUES (32, 3, 7)');
	$shop->push;
	$store->settings({ locations => [ { id => 1 }, { id => 2 } ] });
	$shop->sql('UPDATE stock SET qty = 6 WHERE item = 32; UPDATE stock SET qty = qty + 1 WHERE item = 1');
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 2, 1 ], 'a location that is gone');
	like($shop->errors->{'stock ["32", "3"]'}, qr/Location of item/, 'too');
	$store->settings({ locations => [ { id => 1 }, { id => 2 }, { id => 3 } ] });
	$shop->sql('DELETE FROM stock WHERE item = 32');
	$shop->push;
	agrees('a location that is gone');
	$shop->sql('UPDATE stock SET qty = -3 WHERE item = 18 AND place = 1');
	$shop->push;
	like($shop->errors->{'stock ["18", "1"]'}, qr/^quantity: "-3" is not between 0 and 2147483647/, 'a negative quantity');
	$shop->sql('UPDATE stock SET qty = 2147483647 WHERE item = 18 AND place = 1');
	$shop->push;
	agrees('the most that there can be');
	$shop->sql('UPDATE stock SET qty = 5 WHERE item = 18 AND place = 1');
	$shop->push;
	agrees('and back');
};

subtest 'a row that is gone leaves nothing, and one that moves sets the quantity at its new address' => sub {
	sell(19, 1, 2);
	$shop->clear;
	$shop->sql('DELETE FROM stock WHERE item = 19 AND place = 1; UPDATE stock SET place = 3 WHERE item = 20 AND place = 2');
	$shop->push;
	is_deeply([ grep { $_->[0] ne $ABSOLUTE } @{ adjustments() } ], [], 'no differences');
	is(level(19, 1), 0, 'nothing is left');
	is(level(20, 2), 0, 'nor at the old address');
	delete $sold{'19,1'};
	agrees('gone and moved');
	$shop->sql('INSERT INTO stock VALUES (19, 1, 9)');
	$shop->push;
	agrees('it is back');
	$store->fault({ match => { path => 'relative$' }, times => 1, do => { lose => 'after' } });
	$shop->sql('UPDATE stock SET qty = 8 WHERE item = 19 AND place = 1');
	$shop->push;
	$store->unfault;
	$shop->sql('DELETE FROM stock WHERE item = 19 AND place = 1');
	$shop->push;
	is(level(19, 1), 0, 'a row in doubt that is deleted leaves nothing either');
	agrees('a row in doubt that is deleted');
};

subtest 'preview, link, verify, unlink and a change of the option' => sub {
	sell(21, 1, 2);
	$shop->sql('UPDATE stock SET qty = qty - 1 WHERE item = 22 AND place = 1');
	is_deeply($shop->list(q(SELECT concat_ws(' ', key, action, method, path, body, error) FROM bcdelta.preview('stock'))),
		[q(["22", "1"] update POST /v3/inventory/adjustments/relative {"quantity": -1, "product_id": 22, "location_id": 1})], 'preview shows the difference');
	$shop->push;
	is_deeply([ @{ $shop->verify(q('stock')) }{qw(conflicts deferred)} ], [ 0, 0 ], 'verify reports no sale as a difference') or diag(explain($shop->discrepancies));
	agrees('verify');
	$shop->sql(q(SELECT bcdelta.unlink('stock', '["21", "1"]'); SELECT bcdelta.mark('stock', '["21", "1"]')));
	$shop->push;
	delete $sold{'21,1'};
	agrees('unlink: the quantity is set again');
	sell($_, 1, 1) foreach 21 .. 23;
	$shop->sql(q(SELECT bcdelta.unlink('stock')));
	is($shop->link(q('stock'))->{linked}, $shop->sql('SELECT count(*) FROM stock'), 'link finds them');
	$shop->sql(q(SELECT bcdelta.mark_all('stock')));
	$shop->clear;
	$shop->push;
	is_deeply([ map { $_->[0] } @{ adjustments() } ], [$ABSOLUTE], 'after a link, quantities are set');
	%sold = ();
	agrees('link');
	sell(24, 1, 1);
	$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "absolute"}')));
	$shop->push;
	%sold = ();
	agrees('absolute');
	$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "relative"}')));
	sell(24, 1, 1);
	$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item = 24');
	$shop->push;
	agrees('relative again');
	# a doubt about a difference ends with the differences
	$store->fault({ match => { path => 'relative$' }, times => 1, do => { lose => 'after' } });
	$shop->sql('UPDATE stock SET qty = qty - 1 WHERE item = 24');
	$shop->push;
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "absolute"}')));
	is($shop->sql(q(SELECT bcdelta.settle('stock', NULL, true))), 0, 'nothing is in doubt any more');
	$shop->sql(q(SELECT bcdelta.retry('stock')));
	$shop->push;
	%sold = ();
	agrees('a doubt, and then absolute');
	$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "relative"}')));
	foreach my $path ('relative$', 'items$')
	{
		$store->hold({ match => { path => $path }, process => 'now' });
		$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item IN (25, 26)');
		my $push = $shop->start;
		$shop->wait_held(1);
		$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "absolute"}')));
		$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
		$store->release;
		$push->finish;
		$shop->push;
		%sold = ();
		agrees("absolute while $path is under way");
		$shop->sql(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "relative"}')));
	}
	$store->fault({ match => { path => 'relative$' }, times => 1, do => { lose => 'after' } });
	$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item = 27 AND place = 1');
	$shop->push;
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.mark('stock', '["27", "1"]')));
	is_deeply($shop->list(q(SELECT concat_ws(' ', key, action, method, error) FROM bcdelta.preview('stock'))), ['["27", "1"] review it is not known whether the last adjustment was carried out: see bcdelta.settle()'], 'preview tells a row in doubt');
	$shop->push;
	is($shop->verify(q('stock'))->{conflicts}, 1, 'so does verify: its quantity was not pushed, as far as is known');
	is($shop->sql(q(SELECT bcdelta.settle('stock', '["27", "1"]', true))), 1, 'settled');
	$shop->push;
	agrees('doubt');
	like(($shop->try(q(SELECT bcdelta.alter_feed('stock', options => '{"adjustment": "both"}'))))[2], qr/invalid value for option "adjustment"/, 'no other value');
	like(($shop->try(q(SELECT bcdelta.track('stock', 'shop', 'brand', '{"name": "qty::text"}', feed => 'b', options => '{"adjustment": "relative"}'))))[2], qr/unknown option "adjustment" for resource brand/, 'nor for other resources');
	is($shop->sql(q(SELECT bcdelta.settle('stock', NULL, true))), 0, 'nothing is in doubt');
	like(($shop->try(q(SELECT bcdelta.settle('stock', NULL, NULL))))[2], qr/"done" must not be null/, 'nothing is taken for granted');
};

SKIP:
{
	skip 'built without debug points', 1 unless $shop->has_points;
	subtest 'a worker that is killed leaves in doubt what was or may have been sent, and nothing else' => sub {
		my %review = (claimed => 0, announced => 10, replied => 10, settling => 10, settled => 0);
		foreach my $point (qw(claimed announced replied settling settled))
		{
			$shop->clear;
			$shop->sql('UPDATE stock SET qty = qty + 1 WHERE item BETWEEN 1 AND 5');
			# settling and replied are passed by the read before, too
			my $stop = $point =~ /replied|settl/ ? undef : $shop->stop_at($point);
			$store->hold({ match => { path => 'relative$' }, process => 'now' }) unless $stop;
			my $push = $shop->start;
			unless ($stop)
			{
				$shop->wait_held(1);
				$stop = $shop->stop_at($point);
				$store->release;
			}
			$shop->wait_stopped;
			kill_worker($node, 'shop', 'KILL');
			$push->finish;
			$stop->close;
			$store->release;
			$shop->push;
			is(scalar(grep { $_ eq 'review' } values %{ $shop->pending }), $review{$point}, "$point: what is in review") or diag(explain($shop->pending));
			settle_truly();
			$shop->push;
			agrees("killed when it has $point");
		}
	};
}

subtest 'a doubt stays with its record: when the row gets another key, the item is gone, or the link is forgotten' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE bin (id int PRIMARY KEY, item int, qty int);
SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "item", "location_id": "3", "quantity": "qty"}', options => '{"adjustment": "relative"}');
INSERT INTO bin SELECT g, 53 + g, 10 FROM generate_series(1, 4) AS g;
EOC
	$shop->push;
	$store->hold({ match => { path => 'relative$' }, process => 'now' });
	$shop->sql('UPDATE bin SET qty = 8');
	my $push = $shop->start;
	$shop->wait_held(1);
	like(($shop->try(q(SELECT bcdelta.settle('bin', '1', true))))[2], qr/row 1 of feed "bin" is being pushed at this moment/, 'a row in flight cannot be settled');
	is($shop->sql(q(SELECT bcdelta.settle('bin', NULL, true))), 0, 'nor with all others');
	$store->release({ drop => JSON::PP::true() });
	$push->finish;
	is_deeply($shop->pending, { map { ("bin $_" => 'review') } 1 .. 4 }, 'all are in doubt');
	$shop->clear;
	$shop->sql('UPDATE bin SET id = id + 10');
	$shop->push;
	is_deeply($shop->pending, { map { ("bin $_" => 'review') } 11 .. 14 }, 'other keys do not change that') or diag(explain($shop->errors));
	$store->edit('product', 54, { inventory_tracking => 'none' });
	$shop->sql(q(SELECT bcdelta.mark('bin', '11')));
	$shop->push;
	like($shop->errors->{'bin 11'}, qr/it had 10 before, and has none that it lists now/, 'nor that the store does not list the item');
	$store->edit('product', 54, { inventory_tracking => 'product' });
	$shop->sql(q(SELECT bcdelta.unlink('bin', '12'); SELECT bcdelta.mark('bin', '12')));
	$shop->push;
	is($shop->pending->{'bin 12'}, undef, 'without its link, the row sets the quantity');
	is_deeply(relatives(), [], 'no difference was sent again');
	is($shop->sql(q(SELECT bcdelta.settle('bin', NULL, true))), 3, 'the others are settled');
	$shop->push;
	is_deeply([ map { level($_, 3) } 54 .. 57 ], [ (8) x 4 ], 'the levels are right');
	is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	$shop->sql(q(SELECT bcdelta.untrack('bin')));
	# two feeds may count at one address
	$shop->sql(q(SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "item", "location_id": "3", "quantity": "qty"}', feed => 'other', options => '{"adjustment": "relative"}')));
	$shop->sql(q(DELETE FROM bin WHERE id > 11; INSERT INTO stock VALUES (54, 3, 8)));
	$shop->sql(q(SELECT bcdelta.mark_all('other')));
	$shop->push;
	$shop->sql('UPDATE stock SET qty = 9 WHERE item = 54; UPDATE bin SET qty = 5');
	$shop->push;
	is(level(54, 3), 6, 'the differences of both count');
	is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	$shop->sql(q(SELECT bcdelta.untrack('other'); DELETE FROM stock WHERE item = 54));
	$shop->push;
};

subtest 'whatever happens: no difference is lost, and none counts twice' => sub {
	my @faults = ({ lose => 'after' }, { lose => 'before' }, { status => 500 }, { status => 503, process => JSON::PP::true() }, { status => 429 }, { cut => 5 }, { partial => { fail => [1] } }, { status => 422 });
	foreach my $round (1 .. 8)
	{
		$store->settings({ adjustment_mode => (qw(atomic prefix partial))[ rand 3 ], adjustment_errors => (qw(one none))[ rand 2 ] });
		$store->fault({ match => { path => '(relative|absolute|items)$' }, probability => 0.4, seed => 0 + int(rand(1e6)), times => 3, do => $faults[ rand @faults ] });
		foreach (1 .. 6)
		{
			my ($item, $place) = (int(rand(20)) + 33, int(rand(3)) + 1);
			my $what = rand;
			if ($what < 0.6) { $shop->sql("INSERT INTO stock VALUES ($item, $place, 50) ON CONFLICT (item, place) DO UPDATE SET qty = stock.qty + @{[ int(rand(9)) - 4 ]}"); }
			elsif ($what < 0.7) { $shop->sql("UPDATE stock SET qty = qty + 1 WHERE item >= 33"); }
			elsif ($shop->sql(qq(SELECT count(*) FROM bcdelta.link WHERE key = '["$item", "$place"]' AND payload ? 'quantity')) && level($item, $place) > 5) { sell($item, $place, 1); }
		}
		if (rand() < 0.3)
		{
			my $push = $shop->start;
			kill_worker($node, 'shop', 'KILL');
			$push->finish;
		}
		$shop->push;
		$store->unfault;
		$shop->sql(q(SELECT bcdelta.retry('stock', waiting => true)));
		$shop->push;
		settle_truly();
		$shop->sql(q(SELECT bcdelta.retry('stock')));
		$shop->push;
		agrees("round $round");
	}
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
