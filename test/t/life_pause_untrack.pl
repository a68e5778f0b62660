# A feed is paused or untracked during a run: from then on nothing is sent for
# it, while the other feeds continue.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('pause', store => { args => [ '--quota', 100000 ] }, server => { max_concurrency => 1 });
my $store = $shop->store;
foreach my $feed (qw(a b))
{
	$shop->sql(<<"EOC");
CREATE TABLE $feed (id int PRIMARY KEY, price numeric);
SELECT bcdelta.track('$feed', 'shop', 'product',
	'{"sku": "''$feed-'' || id", "name": "''$feed '' || id", "price": "price", "weight": "1", "type": "''physical''"}');
EOC
}
$shop->sql('INSERT INTO a SELECT i, i FROM generate_series(1, 3) AS i');
$shop->push;

# Updates of feed a share requests with those of feed b, whose rows are looked up first.
my $n = 0;

sub during_push
{
	my ($what) = @_;
	my @new = map { ++$n } 1 .. 3;
	$store->seed('products', [ map { { sku => "b-$_", name => "b $_", type => 'physical', price => 0, weight => 1 } } @new ]);
	$shop->sql("UPDATE a SET price = price + 1; INSERT INTO b SELECT i, i FROM unnest(ARRAY[@{[join ',', @new]}]) AS i");
	$store->hold({ match => { method => 'GET' } });
	$shop->clear;
	my $push = $shop->start('SELECT state, error FROM bcdelta.push()');
	$shop->wait_held(1);
	$shop->sql($what);
	$store->release;
	my (undef, $out) = $push->finish;
	return ($out, { map { my ($feed) = /(.) /; $feed => 1 } map { $shop->record('products', $_->{id})->{name} } map { @{ $_->{body} } } $shop->writes });
}

subtest 'nothing is sent for a feed that is paused during a run; updates of other feeds in the same requests are sent' => sub {
	my ($out, $written) = during_push("SELECT bcdelta.pause('a')");
	like($out, qr/^failed\|feed "a" was stopped: paused by/, 'a feed is paused during a run, which says so');
	is_deeply($written, { b => 1 }, 'its updates, which travel with those of another feed, are not sent');
	is_deeply($shop->pending, { map { ("a $_" => 'ready') } 1 .. 3 }, 'its rows stay pending');
	$shop->sql("SELECT bcdelta.resume('a')");
	is($shop->push->{updated}, 3, 'until it is resumed');

	($out, $written) = during_push("SELECT bcdelta.pause('b')");
	like($out, qr/^failed\|feed "b" was stopped: paused by/, 'the other one is paused');
	is_deeply($written, { a => 1 }, 'what travels with it is sent');
	is_deeply($shop->pending, { map { ("b $_" => 'ready') } $n - 2 .. $n }, 'and nothing of its own');
	$shop->sql("SELECT bcdelta.resume('b')");
	is($shop->push->{updated}, 3, 'until it is resumed');
};

subtest 'nothing is sent for a feed that is untracked during a run' => sub {
	my ($out, $written) = during_push("SELECT bcdelta.untrack('b')");
	like($out, qr/^failed\|feed "b" was stopped: (its links were forgotten, or )?it was untracked/, 'a feed is untracked');
	is_deeply($written, { a => 1 }, 'likewise');
};

subtest 'requests under way are recorded, and nothing more is sent' => sub {
	$shop->sql('INSERT INTO a SELECT i, i FROM generate_series(11, 20) AS i');
	$store->hold({ match => { method => 'POST' }, times => 1 });
	$shop->clear;
	my $push = $shop->start('SELECT state, created FROM bcdelta.push()');
	$shop->wait_held(1);
	$shop->sql("SELECT bcdelta.pause('a')");
	$store->release;
	is(($push->finish)[1], 'failed|1', 'what is under way is recorded');
	is(scalar $shop->writes, 1, 'and nothing more is sent');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 9, 'the rest is pending');
};

done_testing();
