# Batches are filled across feeds: rows of several feeds of one resource share
# requests, and each has its own result.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('batches');
my $store = $shop->store;
foreach my $feed (qw(a b c d))
{
	$shop->sql(<<"EOC");
CREATE TABLE $feed (id int PRIMARY KEY, sku text, price numeric);
SELECT bcdelta.track('$feed', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "''Product '' || sku", "price": "price", "weight": "1", "type": "''physical''"}');
INSERT INTO $feed SELECT i, '$feed-' || i, i FROM generate_series(1, 20) AS i;
EOC
}
is($shop->push->{created}, 80, 'rows of four feeds are created');

sub sizes
{
	return [ map { ref $_->{body} ? scalar @{ $_->{body} } : scalar split /%2C|,/i, $_->{query} } $shop->writes ];
}

subtest 'changed rows of several feeds share requests, and each has its result' => sub {
	$shop->clear;
	$shop->sql(<<'EOC');
UPDATE a SET price = price + 1 WHERE id <= 3;
UPDATE b SET price = price + 1 WHERE id <= 4;
UPDATE c SET price = price + 1 WHERE id <= 12;
UPDATE d SET price = price + 1 WHERE id <= 1;
EOC
	my $run = $shop->push;
	is("$run->{state} $run->{updated} $run->{api_calls}", 'succeeded 20 2', 'twenty rows of four feeds are two calls');
	is_deeply(
		$shop->list("SELECT feed || ' ' || count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'updated' GROUP BY feed ORDER BY feed"),
		[ 'a 3', 'b 4', 'c 12', 'd 1' ],
		'each row has its result');
};

subtest 'a row that is refused harms no row of another feed' => sub {
	$shop->clear;
	$store->seed('products', [ { name => 'Of the admin', sku => 'ADMIN', type => 'physical', weight => 1, price => 1 } ]);
	$shop->sql(<<'EOC');
UPDATE a SET sku = 'ADMIN' WHERE id = 1;
UPDATE b SET price = price + 1 WHERE id <= 2;
UPDATE d SET price = price + 1 WHERE id <= 2;
EOC
	my $run = $shop->push;
	is("$run->{updated} $run->{failed}", '4 1', 'a row is refused, those of other feeds are not');
	is_deeply($shop->pending, { 'a 1' => 'failed' }, 'and it is the one that failed');
};

subtest 'a record that is gone is created again for the feed it belongs to' => sub {
	my $id = $shop->id('a', 2);
	$store->remove('products', $id);
	$shop->sql('UPDATE a SET price = 99 WHERE id = 2; UPDATE d SET price = 99 WHERE id = 2');
	my $run = $shop->push;
	is("$run->{updated} $run->{created} $run->{failed}", '1 1 0', 'a record that is gone is created again');
	isnt($shop->id('a', 2), $id, 'and linked to its row');
};

subtest 'rows of several feeds are deleted in one call' => sub {
	$shop->clear;
	$shop->sql('DELETE FROM a WHERE id > 15; DELETE FROM b WHERE id > 15; DELETE FROM d WHERE id > 15');
	my $run = $shop->push;
	is($run->{deleted}, 15, 'rows of three feeds are deleted');
	is_deeply([ map { $_->{method} } $shop->writes ], ['DELETE'], 'in one call');
	is_deeply($shop->pending, { 'a 1' => 'failed' }, 'nothing is left');
	is($shop->sql("SELECT count(*) FROM bcdelta.link"), 65, 'nor linked');
};

subtest 'a row that moves to another feed\'s table keeps its record' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE price (id int PRIMARY KEY, sku text, price numeric);
SELECT bcdelta.track('price', 'shop', 'product', '{"sku": "sku", "price": "price"}');
INSERT INTO price SELECT * FROM b WHERE id = 3;
UPDATE a SET sku = 'a-1' WHERE id = 1;
EOC
	$store->remove('products', $shop->records('products', 'sku')->{ADMIN}{id});
	my $run = $shop->push;
	my @ids = ($shop->id('c', 1), $shop->id('b', 1), $shop->id('b', 3));
	is($shop->id('price', 3), $ids[2], 'two feeds may share a record');
	$shop->sql(<<'EOC');
WITH gone AS (DELETE FROM c WHERE id = 1 RETURNING *) INSERT INTO a SELECT 101, sku, 77 FROM gone;
WITH gone AS (DELETE FROM b WHERE id = 1 RETURNING *) INSERT INTO d SELECT 101, sku, 78 FROM gone;
DELETE FROM b WHERE id = 3;
EOC
	$run = $shop->push;
	my $products = $shop->records('products', 'sku');
	is($products->{'c-1'}{price}, 77, 'to a feed that comes before');
	is($products->{'b-1'}{price}, 78, 'and to one that comes after');
	is_deeply([ map { $shop->id(@$_) } [ 'a', 101 ], [ 'c', 1 ], [ 'd', 101 ], [ 'b', 1 ] ], [ $ids[0], '', $ids[1], '' ],
		'the records are linked to the rows that they went with');
	ok(!$products->{'b-3'}, 'a record is deleted although its price is mapped by another feed');
	is($shop->verify->{conflicts}, 1, 'which verify says');
	like($shop->discrepancies->[0], qr/^price\|3\|missing_in_store/, 'and nothing else');
};

subtest 'nothing is removed for a feed that has been paused by refusals' => sub {
	$shop->sql(q(ALTER SERVER shop OPTIONS (ADD error_limit '1')));
	$store->fault({ match => { method => 'PUT' }, do => { status => 422, body => { status => 422, title => 'No' } } });
	$shop->clear;
	$shop->sql('UPDATE a SET price = price + 1 WHERE id BETWEEN 3 AND 12; DELETE FROM a WHERE id = 2');
	$shop->push;
	is($shop->sql(q(SELECT state FROM bcdelta.feed WHERE feed = 'a')), 'paused', 'a feed is paused');
	is($shop->pending->{'a 2'}, 'ready', 'a row of it that is gone stays pending');
	is(scalar $store->journal(method => 'DELETE'), 0, 'and its record is not removed');
	$store->unfault;
};

done_testing();
