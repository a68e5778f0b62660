# Batches that are done in part, or not at all because of one row.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('part', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables;

# A batch of categories: nine are made, one is not
$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fail => [3] } } });
$shop->sql("INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 10) AS i");
my $run = $shop->push;
is_deeply([ @$run{qw(state created updated unchanged failed)} ], [ 'succeeded', 9, 0, 0, 1 ], 'a batch that is made in part');
is(scalar $shop->writes, 1, 'is one request');
is_deeply($shop->pending, { 'groups 3' => 'failed' }, 'what was not made is known');
is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE payload ->> 'name' = 'Group ' || key"), 9, 'so is what was');

# A row that the store cannot stand harms no other
$shop->sql("ALTER SERVER shop OPTIONS (ADD max_attempts '2')");
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(10, 29) AS i");
$shop->push;
my $id = $shop->id('articles', 'A-15');
$store->fault({ match => { method => 'PUT', body => "\"id\": ?$id\\b" }, do => { status => 500 } });
$shop->sql('UPDATE articles SET price = price + 1');
$run = $shop->push;
is_deeply([ @$run{qw(updated failed)} ], [ 19, 1 ], 'an update');
is_deeply([ grep { /article/ } keys %{ $shop->pending } ], ['articles A-15'], 'of one row fails');
$store->unfault;
$store->fault({ match => { method => 'GET', query => 'B-15' }, do => { status => 500 } });
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'B-' || i, 'B ' || i, i FROM generate_series(10, 29) AS i");
is($shop->push->{created}, 19, 'likewise a look-up');
is($shop->errors->{'articles B-15'}, 'given up after 2 attempts: 500 Internal Server Error', 'which says why');
$shop->sql("SELECT bcdelta.untrack('articles'), bcdelta.track('articles', 'shop', 'product', '{\"sku\": \"sku\"}')");
is($shop->link("'articles'")->{linked}, 39, 'and a link');
$store->unfault;

done_testing();
