# Products assigned to channels and categories: pairs that are added in batches,
# and removed by one channel or category at a time.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('assignment', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ channels => [ 1 .. 5 ] });
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE shelf (id int PRIMARY KEY);
CREATE TABLE on_channel (item int, channel int, PRIMARY KEY (item, channel));
CREATE TABLE on_shelf (id int PRIMARY KEY, item int, shelf int);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "1", "type": "''physical''", "weight": "1"}', on_delete => 'delete');
SELECT bcdelta.track('shelf', 'shop', 'category', '{"name": "''Shelf '' || id", "parent_id": "0"}');
SELECT bcdelta.track('on_channel', 'shop', 'channel_assignment', '{"product_id": "bcdelta.ref(''item'', item)", "channel_id": "channel"}', on_delete => 'delete');
SELECT bcdelta.track('on_shelf', 'shop', 'category_assignment', '{"product_id": "bcdelta.ref(''item'', item)", "category_id": "bcdelta.ref(''shelf'', shelf)"}', on_delete => 'delete');
EOC

# The key of each record of a feed, by its id
sub keys_of { return { reverse %{ $shop->value("SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = '$_[0]'")->{o} } }; }

sub agrees
{
	my ($what) = @_;
	my ($items, $shelves) = (keys_of('item'), keys_of('shelf'));
	is_deeply([ sort map { "$items->{$_->[0]} $_->[1]" } @{ $store->state('product_channels') } ], [ sort @{ $shop->list('SELECT DISTINCT item || $$ $$ || channel FROM on_channel') } ], "$what: channels");
	is_deeply([ sort map { my $p = $_; map { "$items->{$p->{id}} $shelves->{$_}" } @{ $p->{categories} } } @{ $store->state('products') } ],
		[ sort @{ $shop->list('SELECT DISTINCT item || $$ $$ || shelf FROM on_shelf') } ], "$what: categories");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub requests { return [ sort map { "$_->{method} " . ($_->{path} =~ m{(\w+)-assignments$})[0] } grep { $_->{path} =~ /assignments$/ } $shop->writes ]; }

subtest 'pairs are added in batches, when both sides are there' => sub {
	$shop->sql(<<'EOC');
INSERT INTO item SELECT generate_series(1, 40);
INSERT INTO shelf SELECT generate_series(1, 4);
INSERT INTO on_channel SELECT i, c FROM generate_series(1, 40) AS i, generate_series(2, 4) AS c;
INSERT INTO on_shelf SELECT 100 * s + i, i, s FROM generate_series(1, 40) AS i, generate_series(1, 2) AS s;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 44, 200, 0 ], 'all of them') or diag(explain($shop->errors));
	is_deeply(requests(), [ ('PUT category') x 2, ('PUT channel') x 3 ], 'fifty in a request');
	agrees('a first push');
	$shop->clear;
	$shop->sql(q(SELECT bcdelta.mark_all('on_channel')));
	is($shop->push->{unchanged}, 120, 'a pair has nothing that could change');
	is_deeply(requests(), [], 'and is not sent again');
};

subtest 'pairs are removed, and no others' => sub {
	$shop->clear;
	$shop->sql('DELETE FROM on_channel WHERE (item < 10 AND channel = 2) OR (item > 35 AND channel = 3) OR (item = 20); UPDATE on_shelf SET shelf = 3 WHERE id IN (101, 102); DELETE FROM on_shelf WHERE id BETWEEN 201 AND 205');
	$shop->push;
	is_deeply(requests(), [ ('DELETE category') x 2, ('DELETE channel') x 3, 'PUT category' ], 'a request for each channel and category');
	agrees('removals');
	$shop->sql('UPDATE on_shelf SET shelf = 3 - shelf WHERE item > 30');
	$shop->push;
	agrees('pairs that are exchanged');
	$shop->sql('DELETE FROM on_channel WHERE item = 11; DELETE FROM on_shelf WHERE item = 11; DELETE FROM item WHERE id = 11');
	$shop->push;
	agrees('a product that goes');
};

subtest 'a pair that cannot be harms no other, and twins are told apart' => sub {
	foreach my $mode (qw(partial atomic))
	{
		$store->settings({ assignment_mode => $mode });
		$shop->sql('INSERT INTO on_channel VALUES (1, 9), (1, 5), (2, 5), (3, 5); INSERT INTO on_shelf VALUES (900, 15, 1), (901, 1, 4)');
		$shop->push;
		is_deeply($shop->pending, { 'on_channel ["1", "9"]' => 'failed', 'on_shelf 900' => 'failed' }, "$mode: two fail");
		like($shop->errors->{'on_channel ["1", "9"]'}, qr/no such channel/, "$mode: in the store's words");
		like($shop->errors->{'on_shelf 900'}, qr/belongs to source row \d+$/, "$mode: the second of a pair names the first");
		$shop->sql('DELETE FROM on_channel WHERE channel IN (5, 9); DELETE FROM on_shelf WHERE id > 899');
		$shop->push;
		agrees("bad pairs, $mode");
	}
};

subtest 'lost replies and a killed worker leave the pairs right' => sub {
	foreach my $lost (qw(after before))
	{
		$store->fault({ match => { path => 'assignments$' }, times => 2, do => { lose => $lost } });
		$shop->sql('INSERT INTO on_channel VALUES (1, 5), (2, 5); DELETE FROM on_channel WHERE item = 30 AND channel = 4');
		$shop->push;
		agrees("replies lost $lost");
		$store->unfault;
		$shop->sql('DELETE FROM on_channel WHERE channel = 5; INSERT INTO on_channel VALUES (30, 4)');
		$shop->push;
	}
	$store->hold({ match => { path => 'channel-assignments$' }, process => 'now' });
	$shop->sql('INSERT INTO on_channel VALUES (1, 5), (2, 5)');
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->sql('UPDATE on_channel SET item = 3 WHERE item = 1 AND channel = 5; DELETE FROM on_channel WHERE item = 2 AND channel = 5');
	$shop->push;
	agrees('a kill');
	# sent, and never received
	$store->hold({ match => { path => 'channel-assignments$' }, process => 'never' });
	$shop->sql('INSERT INTO on_channel VALUES (4, 5)');
	$push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a pair that was never received is sent again');
};

subtest 'verify and link read the pairs' => sub {
	my %items = %{ $shop->value(q(SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	$store->api('DELETE', "/catalog/products/channel-assignments?product_id:in=$items{25}&channel_id:in=3");
	is($shop->verify(q('on_channel'))->{conflicts}, 1, 'one pair is missing');
	is_deeply($shop->discrepancies, ['on_channel|["25", "3"]|missing_in_store'], 'by name');
	$shop->sql(q(SELECT bcdelta.mark('on_channel', '["25", "3"]')));
	is($shop->push->{updated}, 1, 'a push adds it again');
	$shop->sql(q(SELECT bcdelta.unlink('on_shelf')));
	$shop->clear;
	is($shop->link(q('on_shelf'))->{linked}, $shop->sql('SELECT count(*) FROM on_shelf'), 'link finds them');
	cmp_ok(scalar @{ $shop->calls }, '<=', 3, 'with a call for each category');
	agrees('links');
};

subtest 'verify counts pairs' => sub {
	$shop->clear;
	is_deeply([ @{ $shop->verify(q('on_channel', mode => 'count')) }{qw(conflicts warning)} ], [ 0, undef ], 'as many as rows');
	is_deeply($shop->calls, ['GET /catalog/products/channel-assignments'], 'with one call');
	my ($item, $channel) = split ' ', $shop->sql('SELECT i.id, c FROM item AS i, generate_series(1, 5) AS c WHERE NOT EXISTS (SELECT FROM on_channel AS o WHERE o.item = i.id AND o.channel = c) LIMIT 1') =~ s/\|/ /r;
	my $pair = { product_id => 0 + $shop->id('item', $item), channel_id => 0 + $channel };
	$store->api('PUT', '/catalog/products/channel-assignments', [$pair]);
	is($shop->verify(q('on_channel', mode => 'count'))->{conflicts}, 1, 'one more in the store');
	like($shop->discrepancies->[0], qr/^on_channel\|different\|count\|/, 'is told as a number');
	$store->api('DELETE', "/catalog/products/channel-assignments?product_id:in=$pair->{product_id}&channel_id:in=$channel");
	is($shop->verify(q('on_channel', mode => 'count'))->{conflicts}, 0, 'and none when it is gone');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
