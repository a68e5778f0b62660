# The extension is dropped and created again while its worker is running.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open(
	'extension',
	store => { args => [ '--quota', 100000 ] },
	server => { max_attempts => 2 },
	node => { conf => "log_statement = none\nlog_min_messages = debug1\ndeadlock_timeout = 100ms\nbcdelta.naptime = 1" });
my ($node, $store) = ($shop->node, $shop->store);
my $worker = worker_pid($node, 'shop');
$shop->tables;

subtest 'a run of the dropped extension does not touch the new one' => sub {
	foreach my $apart (0, 1)
	{
		my $count = $shop->sql('SELECT count(*) FROM makers');
		$store->hold({ match => { method => 'POST' }, process => 'now' });
		$shop->sql("INSERT INTO makers VALUES ('x$apart', 'Dropped $apart'), ('y$apart', 'In flight $apart')");
		my $push = $shop->start;
		$shop->wait_held(2);
		$shop->sql($_) foreach $apart ? ('DROP EXTENSION bcdelta CASCADE', 'CREATE EXTENSION bcdelta') : 'DROP EXTENSION bcdelta CASCADE; CREATE EXTENSION bcdelta';
		poll_until(sub { !$push->running }, 'the end of the run, long before the store answers', 30);
		isnt(($push->finish)[0], 0, 'the caller of the run hears of it');
		$shop->sql(create_server_sql($store, max_attempts => 2));
		$shop->track;
		$store->release;
		$shop->wait_for('SELECT bcdelta.worker_state()', 'running');
		is($shop->push->{state}, 'succeeded', 'the new one works, without a restart');
		is($shop->sql('SELECT count(*) FROM bcdelta.link'), 0, 'and what the old one did does not reach it');
		is($shop->link("'makers'")->{linked}, $count + 2, 'until it looks for itself');
	}
};

subtest 'the worker is never in the way of DROP EXTENSION' => sub {
	my $failed = 0;
	foreach (1 .. 15)
	{
		my ($rc, undef, $err) = $shop->try("DROP EXTENSION bcdelta CASCADE; CREATE EXTENSION bcdelta;"
			  . create_server_sql($store, max_attempts => 2)
			  . "SELECT bcdelta.track('makers', 'shop', 'brand'); SELECT bcdelta.schedule('s', every => '1 day');
			DROP EXTENSION bcdelta CASCADE; CREATE EXTENSION bcdelta");
		$failed++, diag($err) if $rc != 0 || $err =~ /ERROR/;
	}
	is($failed, 0, 'the worker is never in the way of DROP EXTENSION');
	is(worker_pid($node, 'shop'), $worker, 'the worker lives');
	$shop->sql(create_server_sql($store, max_attempts => 2));
	$shop->track;
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
