# Replies of 207: what was saved of a batch, or of a record, is known, and only the
# rest is sent again.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('partial', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables;

subtest '207: of a batch of categories that is made in part, what was made is known' => sub {
	$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fail => [3] } } });
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 10) AS i");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated unchanged failed)} ], [ 'succeeded', 9, 0, 0, 1 ], 'a batch that is made in part');
	is(scalar $shop->writes, 1, 'is one request');
	is_deeply($shop->pending, { 'groups 3' => 'failed' }, 'what was not made is known');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE payload ->> 'name' = 'Group ' || key"), 9, 'so is what was');
};

subtest '207: of a record that is saved in part, only the rest is sent again' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE stock (sku text PRIMARY KEY, name text, level int);
SELECT bcdelta.track('stock', 'shop', 'product', fields => '{"sku": "sku", "name": "name", "type": "''physical''",
	"price": "1", "weight": "1", "inventory_level": "level"}');
EOC
	$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fields => ['inventory_level'] } } });
	$shop->sql("INSERT INTO stock VALUES ('S-1', 'Stock 1', 5)");
	$shop->clear;
	is($shop->push->{failed}, 0, 'saved in part: create');
	is($shop->records('products', 'sku')->{'S-1'}{inventory_level}, 5, 'the rest arrives');
	is(scalar $store->journal(method => 'POST'), 1, 'nothing is made twice');
	is_deeply(($shop->writes)[-1]{body}, [ { id => 0 + $shop->id('stock', 'S-1'), inventory_level => 5 } ], 'only the rest is sent');
	$shop->sql("INSERT INTO stock SELECT 'T-' || i, 'T ' || i, i FROM generate_series(1, 5) AS i");
	$shop->push;
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { partial => { fail => [ 1, 3 ] } } });
	$shop->sql("UPDATE stock SET level = level + 100 WHERE sku LIKE 'T%'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 5, 0 ], 'saved in part: batch');
	is_deeply([ map { $shop->records('products', 'sku')->{"T-$_"}{inventory_level} } 1 .. 5 ], [ 101 .. 105 ], 'all arrives');
	$store->fault({ match => { method => 'PUT' }, do => { partial => { fields => ['inventory_level'] } } });
	$shop->sql("UPDATE stock SET level = 999, name = 'T one' WHERE sku = 'T-1'");
	is($shop->push->{failed}, 1, 'a part that is never saved');
	like($shop->errors->{'stock T-1'}, qr/^saved in part: .*inventory_level/, 'fails the row, and says so');
	is($shop->records('products', 'sku')->{'T-1'}{name}, 'T one', 'the rest is saved');
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry()');
	$shop->push;
};

subtest '207: a create that is answered without a word about the record is looked up' => sub {
	my $nothing = { status => 207, process => JSON::PP::true, body => { errors => { title => 'Multi-Status' }, meta => {} } };
	$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
	$shop->sql("INSERT INTO makers VALUES ('H', 'Half Co.')");
	$shop->clear;
	is($shop->push->{failed}, 0, 'saved in part: which is not named');
	is($shop->id('makers', 'H'), $shop->records('brands', 'name')->{'Half Co.'}{id}, 'it is found');
	is(scalar $store->journal(method => 'POST'), 1, 'and not made twice');
	$nothing->{process} = JSON::PP::false;
	$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
	$shop->sql("INSERT INTO makers VALUES ('I', 'Idle Co.')");
	is($shop->push->{failed}, 1, 'or it was not saved');
	like($shop->errors->{'makers I'}, qr/^207 Multi-Status/, 'which fails the row with what the store said');
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{created}, 1, 'until it is saved');
};

subtest '207: where the counters say that all was saved, it was; a category that is gone is made again' => sub {
	my $counted = { status => 207, process => JSON::PP::true, body => { errors => {}, meta => { total => 2, success => 2, failed => 0 } } };
	$shop->sql("INSERT INTO groups VALUES (20, NULL, 'Twenty'), (21, NULL, 'Twenty-one')");
	$shop->push;
	$store->fault({ match => { method => 'PUT' }, times => 1, do => $counted });
	$shop->sql("UPDATE groups SET name = name || '!' WHERE id IN (20, 21)");
	$shop->clear;
	is($shop->push->{updated}, 2, 'partly saved, but all of it');
	is(scalar(@{ $shop->calls }), 1, 'needs no second call');
	$store->remove('category', $shop->id('groups', 20));
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => 207, body => { errors => { title => 'Not there' }, meta => { total => 1, success => 0, failed => 1 } } } });
	$shop->sql("UPDATE groups SET name = 'Twenty' WHERE id = 20");
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 1, 0 ], 'a category that is gone, refused with 207, is made again');
	$store->unfault;
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
