# Batches that are done in part: what was done is told as such.

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

done_testing();
