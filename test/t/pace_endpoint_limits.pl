# Limits of endpoints: concurrent requests, and records per request.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('limits', store => { args => [ '--quota', 100000, '--latency-ms', 20 ] });
my $store = $shop->store;

$shop->tables(
	articles => { options => q('{"concurrency": 2, "batch_size": 4}') },
	groups => { options => q('{"batch_size": 25}') });

sub most_at_a_time { return $store->counts->{max_concurrency}{'POST /catalog/products'}; }

sub batches
{
	my (%match) = @_;
	return map { scalar @{ $_->{body} } } grep { $_->{status} < 300 } $store->journal(%match);
}

# What a push waits for while its requests are held
sub waits_for
{
	my ($change, $method, $words) = @_;
	$store->hold({ match => { method => $method } });
	$shop->sql($change);
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->wait_for("SELECT waiting_for ~ '^$words\$' FROM bcdelta.progress");
	pass('progress says what makes it slow');
	$store->release;
	$push->finish;
	return;
}

subtest 'the options concurrency and batch_size are respected' => sub {
	$shop->add_articles(20);
	is($shop->push->{created}, 20, 'rows are created');
	is(most_at_a_time(), 2, 'as many at a time as the option concurrency says');
	$shop->clear;
	$shop->sql('UPDATE articles SET price = price + 1');
	$shop->push;
	is_deeply([ batches(method => 'PUT') ], [ (4) x 5 ], 'batches are as large as the option batch_size says');
};

subtest 'an undocumented limit on concurrency is found, used and remembered' => sub {
	$shop->sql("SELECT bcdelta.untrack('articles')");
	$shop->sql("CREATE TABLE more (sku text PRIMARY KEY, name text, price numeric, type text DEFAULT 'physical', weight int DEFAULT 1)");
	$shop->sql("SELECT bcdelta.track('more', 'shop', 'product')");
	$store->settings({ concurrency => [ { method => 'POST', path => '^/catalog/products$', limit => 3 } ] });
	$shop->sql("INSERT INTO more SELECT 'M-' || i, 'More ' || i, i FROM generate_series(1, 40) AS i");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created failed)} ], [ 'succeeded', 40, 0 ], 'an endpoint that takes few at a time');
	cmp_ok($run->{throttled}, '>', 0, 'refuses some');
	cmp_ok($run->{throttled}, '<=', 8, 'and then not again');
	$shop->clear;
	$shop->sql("INSERT INTO more SELECT 'N-' || i, 'Even more ' || i, i FROM generate_series(1, 40) AS i");
	$run = $shop->push;
	is_deeply([ @$run{qw(created throttled)} ], [ 40, 0 ], 'the next run knows');
	is(most_at_a_time(), 3, 'and uses what there is');
	waits_for("INSERT INTO more SELECT 'W-' || i, 'Waiting ' || i, i FROM generate_series(1, 20) AS i", 'POST',
		'the endpoint POST /catalog/products: it takes 3 requests at a time');
	$store->settings({ concurrency => [] });
};

subtest 'an undocumented batch size is found and remembered' => sub {
	$store->settings({ category_batch => 20, category_batch_status => 422 });
	$shop->clear;
	$shop->sql("INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 60) AS i");
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 60, 0 ], 'batches of categories that are too large');
	is((sort { $b <=> $a } batches(method => 'POST'))[0], 12, 'are halved');
	$shop->clear;
	$shop->sql("UPDATE groups SET shown = false");
	$run = $shop->push;
	is($run->{updated}, 60, 'updates too');
	$shop->clear;
	$shop->sql("UPDATE groups SET shown = true");
	$run = $shop->push;
	is_deeply([ $run->{updated}, scalar $store->journal(status => 422) ], [ 60, 0 ], 'and that is remembered');
	is((batches(method => 'PUT'))[0], 12, 'as half of what was refused');
};

subtest 'a false alarm is forgotten: batches are full again after a while' => sub {
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => 413, body => { status => 413, title => 'Too large' } } });
	$shop->sql("INSERT INTO more SELECT 'O-' || i, 'Yet more ' || i, i FROM generate_series(1, 1000) AS i");
	$shop->push;
	$shop->clear;
	$shop->sql("UPDATE more SET price = price + 1 WHERE sku LIKE 'O-%'");
	my $run = $shop->push;
	my @sizes = batches(method => 'PUT');
	is_deeply([ $run->{updated}, scalar(grep { $_ == 5 } @sizes) >= 90, scalar grep { $_ == 10 } @sizes[ -5 .. -2 ] ],
		[ 1000, 1, 4 ], 'a false alarm is forgotten');
};

subtest '413: smaller batches are sent, and that is remembered' => sub {
	$store->settings({ product_batch => 3 });
	$shop->clear;
	$shop->sql("UPDATE more SET price = price + 1 WHERE sku LIKE 'M-1_'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 10, 0 ], 'smaller batches are accepted');
	$shop->clear;
	$shop->sql("UPDATE more SET price = price + 1 WHERE sku LIKE 'M-1_'");
	$shop->push;
	is(scalar $store->journal(status => 413), 0, 'and remembered');
	waits_for("UPDATE more SET price = price + 1 WHERE sku LIKE 'M-%'", 'PUT', 'the endpoint PUT /catalog/products: it takes [1-5] records? in a request, instead of 10');
	$store->settings({ product_batch => 10 });
};

done_testing();
