# 409: records that someone else creates between the look-up and the create, and
# names that are taken.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('conflict', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables;

sub article { return { type => 'physical', weight => 1, price => 9, @_ }; }

subtest '409: a record with the row\'s key that was created since the look-up is linked to the row' => sub {
	$store->hold({ match => { method => 'POST' }, process => 'release' });
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('D-1', 'Duplicate 1', 1), ('D-2', 'Duplicate 2', 2)");
	my $pushing = $shop->start;
	$shop->wait_held(2);
	$store->seed('products', [ article(id => 8001, sku => 'd-1', name => 'Made by hand'), article(id => 8002, sku => 'other', name => 'Duplicate 2') ]);
	$store->release;
	is(($pushing->finish)[0], 0, 'duplicates');
	is($shop->id('articles', 'D-1'), 8001, 'a record with the same article number is this row\'s');
	is($shop->record('products', 8001)->{$_->[0]}, $_->[1], "and has its $_->[0]") foreach [ name => 'Duplicate 1' ], [ price => 1 ];
};

subtest '409: a name that another record has fails the row with the store\'s words, until it is free' => sub {
	is_deeply($shop->pending, { 'articles D-2' => 'failed' }, 'a name that another record has is refused');
	like($shop->errors->{'articles D-2'}, qr/name is a duplicate of product 8002/, 'with the store\'s words');
	$store->remove('product', 8002);
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{created}, 1, 'until it is free');
};

subtest '409: a record that is removed after its update was refused as a duplicate is created again' => sub {
	$shop->sql("INSERT INTO makers VALUES ('C', 'Clash Co.')");
	$shop->push;
	my $brand = $shop->id('makers', 'C');
	$store->remove('brand', $brand);
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => 409, body => { status => 409, title => 'Duplicate' } } });
	$shop->clear;
	$shop->sql("UPDATE makers SET name = 'Clash & Co.'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created failed)} ], [ 'succeeded', 1, 0 ], 'no record has its name, and it does not exist') or diag(explain($shop->errors));
	is(scalar(grep { $_->{method} eq 'PUT' } $shop->writes), 2, 'after two updates of the record that it had');
	is($shop->id('makers', 'C'), $shop->records('brands', 'name')->{'Clash & Co.'}{id}, 'the new one is linked');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
