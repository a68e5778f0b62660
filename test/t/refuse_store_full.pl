# A store can have a limited number of brands: rows beyond the limit fail, by
# name, before a request is made for them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('full', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->control('seed', { kind => 'brands', count => 29998, first => 1, template => { name => 'Brand {n}' }, quiet => JSON::PP::true() });
$shop->sql(<<'EOC');
CREATE TABLE maker (id int PRIMARY KEY, name text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete');
EOC

subtest 'the rows that fit are created, the others fail by name, and the feed goes on' => sub {
	$shop->sql(q(INSERT INTO maker SELECT g, 'New ' || g FROM generate_series(1, 10) AS g; INSERT INTO maker VALUES (11, 'Brand 7')));
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created linked failed)} ], [ 'succeeded', 2, 1, 8 ], 'two fit') or diag(explain($run));
	is(scalar(grep { $_->{method} eq 'POST' } $store->journal), 2, 'nothing is sent for the others');
	is_deeply([ sort { $a cmp $b } keys %{ { map { $_ => 1 } values %{ $shop->errors } } } ], ['the store has 30000 records of resource brand, the most that it can have'], 'they say why');
	$shop->sql(q(DELETE FROM maker WHERE name = 'Brand 7'; UPDATE maker SET name = name || '!'; SELECT bcdelta.retry('maker')));
	$run = $shop->push;
	is_deeply([ @$run{qw(state updated deleted)} ], [ 'succeeded', 2, 1 ], 'rows that have records are pushed');
	$shop->sql(q(SELECT bcdelta.retry('maker')));
	is_deeply([ @{ $shop->push }{qw(created failed)} ], [ 1, 7 ], 'and one that finds room');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
