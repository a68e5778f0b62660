# Status 207: what was saved of a batch, or of a record, is known, and only the
# rest is sent again.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('partial', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables;

subtest '207: if a batch of categories is created in part, we know what was created' => sub {
	$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fail => [3] } } });
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 10) AS i");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated unchanged failed)} ], [ 'succeeded', 9, 0, 0, 1 ], 'a batch that is made in part');
	is(scalar $shop->writes, 1, 'is one request');
	is_deeply($shop->pending, { 'groups 3' => 'failed' }, 'what was not made is known');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE payload ->> 'name' = 'Group ' || key"), 9, 'so is what was');
};

subtest '422: if a refused batch created categories nevertheless, they are found and not created twice' => sub {
	my $refuse = { partial => { status => 422, fail => [3] } };
	$store->fault({ match => { method => 'POST' }, times => 1, do => $refuse });
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'Kept ' || i FROM generate_series(101, 110) AS i");
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(state failed)} ], [ 'succeeded', 0 ], 'a batch that is refused, but for one saved');
	is_deeply($shop->pending, { 'groups 3' => 'failed' }, 'fails no row');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'groups' AND payload ->> 'name' LIKE 'Kept %'"), 10, 'each is linked');
	is(scalar $store->journal(method => 'POST'), 2, 'the missing one is the only one that is sent again');
	$store->fault({ match => { method => 'POST', body => 'None 205' }, do => { status => 422, body => { errors => { title => 'Wrong', errors => {} }, meta => { total => 10, success => 0, failed => 10 } } } });
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'None ' || i FROM generate_series(201, 210) AS i");
	$shop->clear;
	$run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 9, 1 ], 'where the store counts none as saved');
	is(scalar(grep { $_->{query} =~ /name=/ } $store->journal(method => 'GET')), 0, 'none is looked for');
	$store->unfault;
};

subtest '422: what a refused batch may have created is found even if its row has another key by then' => sub {
	$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { status => 422, fail => [0] } } });
	$shop->clear;
	# look-ups before the create find nothing
	$store->fault({ match => { method => 'GET', path => 'categories' }, skip => 3, do => { status => 500 } });
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'Noted ' || i FROM generate_series(301, 303) AS i");
	$shop->push;
	$store->unfault;
	$shop->sql("UPDATE groups SET name = 'Renamed ' || id WHERE id > 300");
	$shop->sql('SELECT bcdelta.retry()');
	$shop->push;
	is_deeply([ sort grep { /^(Noted|Renamed)/ } map { $_->{name} } @{ $store->state('categories') } ], [ map { "Renamed $_" } 301 .. 303 ], 'each is there once');
};

subtest '200: if the store counts failures in a successful update, it does not count as done' => sub {
	my @counted = (status => 200, body => { meta => { total => 3, success => 2, failed => 1 } });
	$store->fault({ match => { method => 'PUT' }, times => 1, do => {@counted} });
	$shop->sql("UPDATE groups SET name = 'Counted ' || id WHERE id IN (4, 5, 6)");
	is($shop->push->{updated}, 3, 'three rows');
	is($shop->records('categories', 'name')->{"Counted $_"}{name}, "Counted $_", "category $_ is as it should be") foreach 4 .. 6;
};

subtest '207: if a record is saved in part, only the rest is sent again' => sub {
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
	is(scalar $store->journal(method => 'POST'), 1, 'nothing is created twice');
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

subtest '207: a create is looked up if the reply does not mention the record' => sub {
	my $nothing = { status => 207, process => JSON::PP::true, body => { errors => { title => 'Multi-Status' }, meta => {} } };
	$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
	$shop->sql("INSERT INTO makers VALUES ('H', 'Half Co.')");
	$shop->clear;
	is($shop->push->{failed}, 0, 'saved in part: which is not named');
	is($shop->id('makers', 'H'), $shop->records('brands', 'name')->{'Half Co.'}{id}, 'it is found');
	is(scalar $store->journal(method => 'POST'), 1, 'and not created twice');
	$nothing->{process} = JSON::PP::false;
	$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
	$shop->sql("INSERT INTO makers VALUES ('I', 'Idle Co.')");
	is($shop->push->{failed}, 1, 'or it was not saved');
	like($shop->errors->{'makers I'}, qr/^207 Multi-Status/, 'which fails the row with what the store said');
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{created}, 1, 'until it is saved');
};

subtest '207: counters that say that all was saved are trusted; a category that is gone is created again' => sub {
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
	is_deeply([ @$run{qw(created failed)} ], [ 1, 0 ], 'a category that is gone, refused with 207, is created again');
	$store->unfault;
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
