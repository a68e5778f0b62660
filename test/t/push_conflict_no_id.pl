# Conflicts about records without an id: prices in price lists, which are written as a
# whole, and stock by location.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('no_id', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ price_lists => [3], currencies => [qw(usd eur)], locations => [ { id => 1 }, { id => 2 } ], price_omitted => 'clear' });
$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 80 ]);
$shop->sql(<<'EOC');
CREATE TABLE price (id int PRIMARY KEY, cur text NOT NULL DEFAULT 'USD', net numeric DEFAULT 10, sale numeric DEFAULT 8, retail numeric DEFAULT 12);
SELECT bcdelta.track('price', 'shop', 'price_record', '{"price_list_id": "3", "sku": "''S'' || id", "currency": "cur", "price": "net", "sale_price": "sale", "retail_price": "retail"}', on_delete => 'delete');
CREATE TABLE stock (id int PRIMARY KEY, place int NOT NULL DEFAULT 2, qty int NOT NULL DEFAULT 5, safety int DEFAULT 1, warn int DEFAULT 2, bin text DEFAULT 'A');
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "id", "location_id": "place", "quantity": "qty", "safety_stock": "safety", "warning_level": "warn", "bin_picking_number": "bin"}', on_delete => 'delete');
EOC

my @names = qw(price sale_price retail_price map_price);

# What the store has: price, sale, retail and minimal advertised price; quantity, safety
# stock, warning level, bin
sub price
{
	my ($key) = @_;
	my ($record) = @{ $store->api('GET', "/pricelists/3/records?sku:in=S$key&currency=usd")->{data} };
	return $record && [ map { defined $_ ? 0 + $_ : undef } @$record{@names} ];
}

sub stock
{
	my ($key) = @_;
	my ($at) = grep { $_->{location_id} == 2 } @{ $store->api('GET', "/inventory/items?product_id:in=$key")->{data}[0]{locations} };
	return [ $at->{total_inventory_onhand}, @{ $at->{settings} }{qw(safety_stock warning_level bin_picking_number)} ];
}

# What people do in the store
sub edit_price
{
	my ($key, %set) = @_;
	my $is = price($key) // [];
	my %all = map { $names[$_] => $is->[$_] } grep { defined $is->[$_] } 0 .. 3;
	$store->api('PUT', '/pricelists/3/records', [ { sku => "S$key", currency => 'usd', %all, %set } ]);
	return;
}

sub edit_stock { my ($key, %set) = @_; $store->api('PUT', '/inventory/locations/2/items', { settings => [ { identity => { product_id => 0 + $key }, %set } ] }); return; }

sub count { my ($key, $quantity) = @_; $store->api('PUT', '/inventory/adjustments/absolute', { reason => 'count', items => [ { location_id => 2, product_id => 0 + $key, quantity => $quantity } ] }); $store->settle; return; }

sub rows { my (@keys) = @_; $shop->sql("INSERT INTO price (id) VALUES ($_); INSERT INTO stock (id) VALUES ($_)") foreach @keys; pushed(); return; }

# A push, after which the store shows what was written
sub pushed { $store->settle; my $run = $shop->push; $store->settle; return $run; }

sub policy { $shop->sql("SELECT bcdelta.set_conflict('price', policy => '$_[0]'), bcdelta.set_conflict('stock', policy => '$_[0]')"); return; }

sub reviewed { return $shop->list('SELECT concat_ws($$ $$, feed, key, field, kind, base, source_value, store_value) FROM bcdelta.review ORDER BY feed, field, conflict_id'); }

my $next = 0;
sub take { return map { ++$next } 1 .. $_[0]; }

foreach my $policy (qw(source store review))
{
	subtest "$policy: who changed what" => sub {
		my %key;
		@key{qw(neither source store both same)} = take(5);
		policy('source');
		rows(values %key);
		policy($policy);
		$shop->clear;
		foreach my $case (keys %key)
		{
			my $key = $key{$case};
			# each row changes something else, too
			$shop->sql("UPDATE price SET retail = 13 WHERE id = $key; UPDATE stock SET warn = 3 WHERE id = $key");
			$shop->sql("UPDATE price SET net = 20 WHERE id = $key; UPDATE stock SET qty = 20 WHERE id = $key") if $case =~ /source|both|same/;
			edit_price($key, price => $case eq 'same' ? 20 : 15) if $case =~ /store|both|same/;
			count($key, $case eq 'same' ? 20 : 15) if $case =~ /store|both|same/;
		}
		$shop->clear;
		my $run = pushed();
		my $reads = grep { /^GET .*(records|items)/ } @{ $shop->calls };
		my %want = (neither => 10, source => 20, store => $policy eq 'source' ? 10 : 15, both => $policy eq 'source' ? 20 : 15, same => 20);
		is_deeply({ map { $_ => price($key{$_}) } keys %key }, { map { $_ => [ $want{$_}, 8, 13, undef ] } keys %want }, 'prices, of which a request has all');
		%want = (%want, neither => 5, store => 15);
		is_deeply({ map { $_ => stock($key{$_}) } keys %key }, { map { $_ => [ $want{$_}, 1, 3, 'A' ] } keys %want }, 'stock');
		is_deeply(reviewed(), $policy eq 'review' ? [ sort "price $key{both} price edited 10 20 15", "stock $key{both} quantity edited 5 20 15" ] : [], 'what a person has to decide');
		is($run->{conflicts}, $policy eq 'review' ? 2 : 0, 'and counts');
		is_deeply($shop->pending, $policy eq 'review' ? { "price $key{both}" => 'review', "stock $key{both}" => 'review' } : {}, 'nothing else is pending') or diag(explain($shop->errors));
		is($reads, $policy eq 'source' ? 0 : 2, 'records are read with one call for each feed, or not at all');
		return if $policy ne 'review';
		like($shop->sql(q(SELECT reason FROM bcdelta.review WHERE feed = 'stock')), qr/the store changes it with each sale; .*option "adjustment"/, 'a quantity says what would need no decision');
		$shop->sql("SELECT bcdelta.resolve(conflict_id, CASE feed WHEN 'price' THEN 'value' ELSE 'store' END, CASE feed WHEN 'price' THEN '17.5'::jsonb END) FROM bcdelta.review");
		pushed();
		is_deeply([ price($key{both}), stock($key{both}) ], [ [ 17.5, 8, 13, undef ], [ 15, 1, 3, 'A' ] ], 'what was decided is done');
		is_deeply($shop->pending, {}, 'and nothing is pending');
		$shop->sql("UPDATE price SET sale = 7 WHERE id = $key{both}; UPDATE stock SET safety = 0 WHERE id = $key{both}");
		pushed();
		is_deeply([ price($key{both}), stock($key{both}) ], [ [ 17.5, 7, 13, undef ], [ 15, 0, 3, 'A' ] ], 'it holds when other fields change');
		is($shop->sql("SELECT string_agg(decision, ' ' ORDER BY feed) FROM (SELECT 'price' AS feed, decision FROM bcdelta.why('price', '$key{both}') WHERE field = 'price' UNION ALL SELECT 'stock', decision FROM bcdelta.why('stock', '$key{both}') WHERE field = 'quantity') AS w"), 'keep keep', 'why() knows');
		my $verify = $shop->verify;
		is($verify->{state}, 'succeeded', 'a verify');
		is_deeply($shop->list("SELECT concat_ws(' ', feed, field, decided IS NOT NULL) FROM bcdelta.discrepancy AS d WHERE run_id = $verify->{run_id} AND key = '$key{both}' ORDER BY 1"), [ 'price price t', 'stock quantity t' ], 'lists the differences as decided');
	};
}

subtest 'newest: the later change of a price wins; what the source has not changed stays' => sub {
	my ($old, $new, $only) = take(3);
	rows($old, $new, $only);
	$shop->sql(q(ALTER TABLE price ADD changed timestamptz; SELECT bcdelta.set_conflict('price', policy => 'newest'), bcdelta.alter_feed('price', options => '{"modified": "changed"}')));
	$shop->sql("UPDATE price SET net = 20, changed = now() + CASE id WHEN $new THEN 1 ELSE -1 END * interval '1 day' WHERE id IN ($old, $new)");
	$shop->sql("UPDATE price SET sale = 7, changed = now() + interval '1 day' WHERE id = $only");
	edit_price($_, price => 15, retail_price => 19) foreach $old, $new, $only;
	$shop->clear;
	is_deeply([ @{ pushed() }{qw(updated failed conflicts)} ], [ 2, 0, 0 ], 'nobody is asked');
	is(scalar(grep { /^GET .*records/ } @{ $shop->calls }), 1, 'and the records are read with one call');
	is_deeply([ map { price($_) } $old, $new, $only ], [ [ 15, 8, 19, undef ], [ 20, 8, 19, undef ], [ 15, 7, 19, undef ] ], 'the newer price');
	is_deeply($shop->list("SELECT concat_ws(' ', key, state, reason ~ 'the (source|store) is newer') FROM bcdelta.conflict WHERE feed = 'price' AND key::int IN ($old, $new, $only) ORDER BY key::int"), [ "$old store t", "$new source t" ], 'with the conflicts that say so');
	policy('source');
};

subtest 'what the mapping does not have, and what it has no value for, stays in a record that is written as a whole' => sub {
	my ($other, $null) = take(2);
	rows($other, $null);
	policy('review');
	$shop->sql("UPDATE price SET sale = NULL, net = 9 WHERE id = $null");
	pushed();
	is_deeply(price($null), [ 9, undef, 12, undef ], 'a price that the source has taken away is not sent any more');
	edit_price($other, map_price => 9);
	edit_price($null, sale_price => 6);
	$shop->sql("UPDATE price SET net = 11 WHERE id IN ($other, $null)");
	pushed();
	is_deeply([ price($other), price($null) ], [ [ 11, 8, 12, 9 ], [ 11, 6, 12, undef ] ], 'edits');
	is_deeply(reviewed(), [], 'are no conflicts');
	my $run = $shop->last_run->{run_id};
	$shop->sql("SELECT bcdelta.rollback($run, after => 'none')");
	is_deeply([ price($other), price($null) ], [ [ 10, 8, 12, 9 ], [ 9, 6, 12, undef ] ], 'and a rollback leaves them');
};

subtest 'a price that somebody has taken away is not sent as 0' => sub {
	my ($key) = take(1);
	rows($key);
	policy('review');
	edit_price($key, sale_price => 0);
	$shop->sql("UPDATE price SET net = 11 WHERE id = $key");
	$shop->clear;
	pushed();
	is_deeply([ map { exists $_->{body}[0]{sale_price} ? $_->{body}[0]{sale_price} : 'none' } $shop->writes ], ['none'], 'nor as the source has it: it is left out');
	is_deeply([ price($key), reviewed() ], [ [ 11, undef, 12, undef ], [] ], 'so there is none');
	policy('source');
};

subtest 'a field of its own' => sub {
	my ($key, $same) = take(2);
	rows($key, $same);
	policy('source');
	$shop->sql("SELECT bcdelta.set_conflict('price', 'sale_price', 'store'), bcdelta.set_conflict('stock', 'safety_stock', 'store')");
	edit_price($_, price => 15, sale_price => 6) foreach $key, $same;
	edit_stock($_, safety_stock => 4) foreach $key, $same;
	$shop->sql("UPDATE price SET net = 20, sale = 7 WHERE id = $key; UPDATE stock SET safety = 3, bin = 'B' WHERE id = $key");
	$shop->sql("UPDATE price SET retail = 20 WHERE id = $same; UPDATE stock SET bin = 'B' WHERE id = $same");
	pushed();
	is_deeply([ price($key), stock($key) ], [ [ 20, 6, 12, undef ], [ 5, 4, 2, 'B' ] ], 'is kept, and others are written');
	is_deeply([ price($same), stock($same) ], [ [ 15, 6, 20, undef ], [ 5, 4, 2, 'B' ] ], 'a field that the source has not changed is not written either, once the record is read');
	$shop->sql(q{SELECT bcdelta.set_conflict('price', 'sale_price'), bcdelta.set_conflict('stock', 'safety_stock')});
};

subtest 'a record that is there already, and whose row is new' => sub {
	my ($same, $new, $others) = take(3);
	policy('review');
	edit_price($same, price => 10, sale_price => 8, retail_price => 12);
	edit_price($others, price => 15, sale_price => 8, retail_price => 12, map_price => 9);
	count($others, 77);
	rows($same, $new, $others);
	is_deeply(reviewed(), [ "price $others price found 10 15", "stock $others quantity found 5 77" ], 'is found with other values: that is a conflict, field by field') or diag(explain($shop->pending));
	is_deeply(price($others), [ 15, 8, 12, 9 ], 'nothing is overwritten');
	is_deeply(price($new), [ 10, 8, 12, undef ], 'one that is not there is made');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
	pushed();
	is_deeply([ price($others), map { stock($_)->[0] } $same, $new, $others ], [ [ 10, 8, 12, 9 ], 5, 5, 5 ], 'decided for the source');
	is_deeply($shop->pending, {}, 'nothing is pending');
	my ($twice) = take(1);
	edit_price($twice, price => 15, sale_price => 8, retail_price => 12);
	rows($twice);
	$shop->sql("UPDATE price SET sale = 9 WHERE id = $twice");
	pushed();
	is_deeply(price($twice), [ 15, 9, 12, undef ], 'other fields are written meanwhile');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
	pushed();
	is_deeply([ price($twice)->[0], $shop->pending ], [ 10, {} ], 'decided');
};

subtest 'after link, it is known which side has changed a field since' => sub {
	my ($row, $both, $neither) = take(3);
	policy('review');
	edit_price($_, price => 15, sale_price => 8, retail_price => 12) foreach $row, $both, $neither;
	$shop->sql("INSERT INTO price (id) VALUES ($row), ($both), ($neither)");
	is($shop->link("'price'")->{linked}, 3, 'linked');
	edit_price($both, price => 16);
	$shop->sql("UPDATE price SET net = 20 WHERE id IN ($row, $both); UPDATE price SET retail = 13 WHERE id = $neither");
	pushed();
	is_deeply([ map { price($_) } $row, $both, $neither ], [ [ 20, 8, 12, undef ], [ 16, 8, 12, undef ], [ 15, 8, 13, undef ] ], 'what only the row has changed is written');
	is_deeply(reviewed(), [ "price $both price edited 15 20 16", "price $neither price found 10 15" ], 'the rest is left to a person');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
	pushed();
	is_deeply([ $shop->pending, map { price($_)->[0] } $both, $neither ], [ {}, 20, 10 ], 'decided');
	policy('source');
};

subtest 'one side has deleted what the other has changed' => sub {
	foreach my $policy (qw(source store review))
	{
		my ($gone, $edited, $untouched) = take(3);
		policy('source');
		rows($gone, $edited, $untouched);
		policy($policy);
		$store->api('DELETE', "/pricelists/3/records?sku:in=S$gone&currency=usd");
		$shop->sql("UPDATE price SET net = 20 WHERE id = $gone; DELETE FROM price WHERE id IN ($edited, $untouched)");
		edit_price($edited, price => 15);
		pushed();
		is_deeply([ map { defined price($_) ? price($_)->[0] : undef } $gone, $edited, $untouched ], $policy eq 'source' ? [ 20, undef, undef ] : [ undef, 15, undef ], "$policy: prices");
		is_deeply(reviewed(), $policy eq 'review' ? [ sort "price $gone gone", "price $edited deleted" ] : [], "$policy: conflicts") if $policy ne 'review';
		next if $policy ne 'review';
		is_deeply($shop->list('SELECT concat_ws($$ $$, key, kind) FROM bcdelta.review ORDER BY conflict_id'), [ sort { $a cmp $b } "$gone gone", "$edited deleted" ], "$policy: conflicts");
		$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
		pushed();
		is_deeply([ map { defined price($_) ? price($_)->[0] : undef } $gone, $edited ], [ 20, undef ], 'decided for the source');
		is_deeply([ $shop->pending, $shop->sql('SELECT count(*) FROM bcdelta.conflict WHERE is_current AND field IS NULL AND feed = $$price$$ AND key = $$' . $gone . '$$') ], [ {}, 0 ], 'and it is over');
	}
};

subtest 'a row that gets another address leaves its conflicts behind' => sub {
	my ($key) = take(1);
	rows($key);
	policy('review');
	edit_price($key, price => 15);
	$shop->sql("UPDATE price SET net = 20 WHERE id = $key");
	pushed();
	is_deeply(reviewed(), ["price $key price edited 10 20 15"], 'a conflict');
	$shop->sql("UPDATE price SET cur = 'EUR' WHERE id = $key");
	pushed();
	is_deeply([ reviewed(), $shop->pending ], [ [], {} ], 'is over') or diag(explain($shop->errors));
	is(price($key), undef, 'the old record is gone');
	policy('source');
};

subtest 'lost replies: what we have written is no edit' => sub {
	policy('review');
	foreach my $how ('lost before', 'lost after', 'kill before', 'kill after')
	{
		my ($what, $done) = split / /, $how;
		my ($key, $first) = take(2);
		my $put = { method => 'PUT', path => 'pricelists/3/records$' };
		rows($key);
		$store->fault({ times => 1, do => { lose => $done }, match => $put }) if $what eq 'lost';
		$store->hold({ match => $put, process => $done eq 'after' ? 'now' : 'never' }) if $what eq 'kill';
		$shop->sql("UPDATE price SET net = 20 WHERE id = $key; INSERT INTO price (id) VALUES ($first)");
		my $push = $shop->start;
		if ($what eq 'lost') { $shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting')); }
		else
		{
			$shop->wait_held(1);
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			$store->release;
		}
		$shop->sql("UPDATE price SET net = 21 WHERE id IN ($key, $first)");
		$push->finish if $what eq 'lost';
		$store->unfault;
		pushed();
		is_deeply([ price($key), price($first) ], [ [ 21, 8, 12, undef ], [ 21, 8, 12, undef ] ], "$how: the rows arrive");
		is_deeply([ reviewed(), $shop->pending ], [ [], {} ], "$how: no conflict") or diag(explain($shop->errors));
	}
	policy('source');
};

subtest 'an adjusted price is never sent as the source has it, and never left out' => sub {
	my ($sale, $price) = take(2);
	rows($sale, $price);
	edit_price($sale, sale_price => 6);
	edit_price($price, price => 15);
	$shop->sql("SELECT bcdelta.adjust('price', '$sale', 'sale_price', 'agreed'), bcdelta.adjust('price', '$price', 'price', 'agreed')");
	$shop->wait_for(q(SELECT count(*) = 2 FROM bcdelta.adjustment WHERE value IS NOT NULL));
	$shop->sql("UPDATE price SET net = net + 1, sale = 7, retail = 13 WHERE id IN ($sale, $price)");
	pushed();
	is_deeply([ price($sale), price($price) ], [ [ 11, 6, 13, undef ], [ 15, 7, 13, undef ] ], 'it is as the store has it');
	is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	edit_price($price, price => 16);
	$shop->sql("UPDATE price SET retail = 14 WHERE id IN ($sale, $price)");
	pushed();
	is_deeply([ price($sale), price($price) ], [ [ 11, 6, 14, undef ], [ 16, 7, 14, undef ] ], 'even if that is not the declared value any more');
	$shop->sql("SELECT bcdelta.unadjust('price', '$sale', 'sale_price'), bcdelta.unadjust('price', '$price', 'price')");
	pushed();
	is_deeply([ price($sale), price($price) ], [ [ 11, 7, 14, undef ], [ 11, 7, 14, undef ] ], 'until it ends');
};

subtest 'stock that is sent as differences has none either: what others have changed stays' => sub {
	my ($key) = take(1);
	rows($key);
	my $notice = ($shop->try(q{SELECT bcdelta.set_conflict('stock', policy => 'review')}))[2];
	like($notice, qr/NOTICE:  with policy "review", each change of field "quantity" of feed "stock" is a conflict once the store has sold something/, 'a policy for quantities says what it means');
	my ($call) = $notice =~ /(SELECT bcdelta\.alter_feed\(.*\))\./;
	$shop->sql($call);
	is($shop->sql(q(SELECT options ->> 'adjustment' FROM bcdelta.feed WHERE feed = 'stock')), 'relative', 'and how to send differences');
	is(($shop->try(q{SELECT bcdelta.set_conflict('stock', policy => 'review')}))[2], '', 'which it applies to no more');
	pushed();
	count($key, 3);
	edit_stock($key, warning_level => 9);
	$shop->sql("UPDATE stock SET qty = 15, warn = 4, bin = 'B' WHERE id = $key");
	pushed();
	is_deeply(stock($key), [ 13, 1, 9, 'B' ], 'ten more than the store has');
	is_deeply(reviewed(), ["stock $key warning_level edited 2 4 9"], 'a conflict about another field');
	like(($shop->try(q{SELECT bcdelta.set_conflict('stock', 'quantity', 'store')}))[2], qr/field "quantity" cannot have a policy.*differences of it/s, 'a policy of its own is refused');
	$shop->sql(q{SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review});
	pushed();
	is_deeply([ stock($key), $shop->pending ], [ [ 13, 1, 4, 'B' ], {} ], 'decided');
	$shop->sql(q{SELECT bcdelta.alter_feed('stock', options => '{}')});
	pushed();
	policy('source');
};

subtest 'stock of products at another location than the default one is told to have no policy' => sub {
	$shop->sql(q{CREATE TABLE item (id int PRIMARY KEY, qty int); SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id::text", "name": "id::text", "price": "1", "type": "''physical''", "weight": "1", "inventory_tracking": "''product''", "inventory_level": "qty"}', options => '{"location_id": 2}')});
	my $told = qr/NOTICE:  policy "review" does not apply to field "inventory_level" of feed "item", which is always written.*DETAIL:  Option "location_id" is 2: .*HINT:  A feed of resource inventory has a record for each location/s;
	like(($shop->try(q{SELECT bcdelta.set_conflict('item', policy => 'review')}))[2], $told, 'set_conflict');
	like(($shop->try(q{SELECT bcdelta.alter_feed('item', options => '{"location_id": 2}')}))[2], $told, 'alter_feed');
	like(($shop->try(q{SELECT bcdelta.set_conflict('item', 'inventory_level', 'review')}))[2], qr/ERROR:  field "inventory_level" cannot have a policy.*"location_id" is 2.*HINT:  A feed of resource inventory/s, 'a policy of its own is refused');
	$shop->sql(q{INSERT INTO item VALUES (1, 5)});
	pushed();
	like(($shop->try(q{SELECT bcdelta.adjust('item', '1', 'inventory_level', 'counted')}))[2], qr/ERROR:  field "inventory_level" of feed "item" cannot be adjusted.*"location_id" is 2.*HINT:  A feed of resource inventory/s, 'so is an adjustment');
	$shop->sql(q{UPDATE item SET qty = 6});
	is($shop->sql(q{SELECT owner || ' ' || decision || ': ' || reason FROM bcdelta.why('item', '1') WHERE field = 'inventory_level'}), 'source send: the source has changed it', 'why() knows');
};

subtest 'what has no policy is refused, and says what can be done' => sub {
	my $refused = sub { my ($sql, $like, $what) = @_; like(($shop->try($sql))[2], $like, $what); return; };
	$refused->(q{SELECT bcdelta.set_conflict('stock', policy => 'newest')}, qr/"newest" is not possible for resource inventory.*no date_modified.*HINT:  Use "source", "store" or "review"/s, 'newest, of records without dates');
	$refused->(q{SELECT bcdelta.set_conflict('stock', 'location_id', 'store')}, qr/field "location_id" cannot have a policy.*identifies the record/s, 'what identifies a record');
	$refused->(q{SELECT bcdelta.adjust('stock', '1', 'location_id', 'moved')}, qr/field "location_id" of feed "stock" cannot be adjusted.*It identifies the record/s, 'nor can that be adjusted');
	$refused->(q{SELECT bcdelta.track('price', 'shop', 'channel_assignment', '{"product_id": "id", "channel_id": "1"}', feed => 'shown', on_conflict => 'review')}, qr/"review" is not supported for resource channel_assignment.*only the values that identify it/s, 'records that are nothing else');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
