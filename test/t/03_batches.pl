# Batches are filled across feeds: rows of several feeds of one resource travel
# together, and each of them keeps its own result.

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

# A row that is refused harms no row of another feed
$shop->clear;
$store->seed('products', [ { name => 'Of the admin', sku => 'ADMIN', type => 'physical', weight => 1, price => 1 } ]);
$shop->sql(<<'EOC');
UPDATE a SET sku = 'ADMIN' WHERE id = 1;
UPDATE b SET price = price + 1 WHERE id <= 2;
UPDATE d SET price = price + 1 WHERE id <= 2;
EOC
$run = $shop->push;
is("$run->{updated} $run->{failed}", '4 1', 'a row is refused, those of other feeds are not');
is_deeply($shop->pending, { 'a 1' => 'failed' }, 'and it is the one that failed');

# A record that somebody has deleted is made again, for the feed it belongs to
my $id = $shop->id('a', 2);
$store->remove('products', $id);
$shop->sql('UPDATE a SET price = 99 WHERE id = 2; UPDATE d SET price = 99 WHERE id = 2');
$run = $shop->push;
is("$run->{updated} $run->{created} $run->{failed}", '1 1 0', 'a record that is gone is created again');
isnt($shop->id('a', 2), $id, 'and linked to its row');

$shop->clear;
$shop->sql('DELETE FROM a WHERE id > 15; DELETE FROM b WHERE id > 15; DELETE FROM d WHERE id > 15');
$run = $shop->push;
is($run->{deleted}, 15, 'rows of three feeds are deleted');
is_deeply([ map { $_->{method} } $shop->writes ], ['DELETE'], 'in one call');
is_deeply($shop->pending, { 'a 1' => 'failed' }, 'nothing is left');
is($shop->sql("SELECT count(*) FROM bcdelta.link"), 65, 'nor linked');

done_testing();
