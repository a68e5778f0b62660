# Every run can be stopped: by cancel(), or because its caller stops waiting.
# What was under way is looked up, and nothing is lost or created twice.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('cancel', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my $store = $shop->store;
$shop->tables;

subtest 'a caller who times out, is cancelled or is terminated stops the run' => sub {
	foreach my $case (
		[ 'statement_timeout', qr/statement timeout/, sub { } ],
		[ 'cancel', qr/cancel/i, sub { $_[0]->cancel } ],
		[ 'terminate', qr/terminating connection/,
			sub { $shop->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SET statement' AND pid <> pg_backend_pid()") } ])
	{
		my ($what, $message, $action) = @$case;
		$shop->hold_articles(3);
		my $push = $shop->start('SET statement_timeout = ' . ($what eq 'statement_timeout' ? "'1s'" : 0) . '; SELECT bcdelta.push()');
		$shop->wait_held(3);
		$action->($push);
		my ($rc, undef, $err) = $push->finish;
		isnt($rc, 0, "$what: the caller stops waiting");
		like($err, $message, 'and is told why');
		$shop->wait_for("SELECT state = 'cancelled' FROM bcdelta.run ORDER BY run_id DESC LIMIT 1");
		is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state IN ('ready', 'waiting')"), 3, 'the rows are still pending');
		$store->release;
		is($shop->push->{state}, 'succeeded', 'another push');
		$shop->articles_ok($what);
	}
};

subtest 'cancel() stops a running run, and one that waits for its turn' => sub {
	$shop->hold_articles(3, 'never');
	my $push = $shop->start("SELECT state FROM bcdelta.push()");
	$shop->wait_held(3);
	my $id = $shop->last_run->{run_id};
	my $queued = $shop->push('wait => false');
	is($queued->{state}, 'requested', 'the next run of a store waits');
	is($shop->sql("SELECT bcdelta.cancel($queued->{run_id})"), 't', 'cancel of a run that waits');
	is($shop->run($queued->{run_id})->{state}, 'cancelled', 'cancels it');
	is($shop->sql("SELECT bcdelta.cancel($id)"), 't', 'cancel of a run that continues');
	is($shop->run($id)->{state}, 'cancelled', 'waits for its end');
	is(($push->finish)[1], 'cancelled', 'its caller sees it');
	is($shop->sql("SELECT bcdelta.cancel($id)"), 'f', 'a second time there is nothing to cancel');
	is_deeply($shop->list("SELECT concat_ws('|', server, by_role = session_user, detail) FROM bcdelta.journal WHERE what = 'cancel' ORDER BY journal_id"),
		[ map { qq(shop|t|{"run_id": $_}) } $queued->{run_id}, $id ], 'the journal tells who has cancelled which run');
	$store->release;
	is($shop->push->{state}, 'succeeded', 'the next one goes through');
	$shop->articles_ok('cancel');
};

subtest 'a run says who stopped it' => sub {
	$shop->sql('CREATE ROLE clerk; GRANT USAGE ON FOREIGN SERVER shop TO clerk');
	$store->hold({ match => { method => 'POST' } });
	$shop->sql("INSERT INTO makers VALUES ('M2', 'Maker 2')");
	my $push = $shop->start;
	$shop->wait_held(1);
	my $id = $shop->sql("SELECT run_id FROM bcdelta.run WHERE state = 'running'");
	$shop->sql("SET ROLE clerk; SELECT bcdelta.cancel($id)");
	$push->finish;
	is($shop->run($id)->{error}, 'cancelled by role "clerk"', 'somebody');
	$store->release;
	$store->hold({ match => { method => 'POST' } });
	$shop->sql("INSERT INTO makers VALUES ('M3', 'Maker 3')");
	$push = $shop->start;
	$shop->wait_held(1);
	$push->cancel;
	$push->finish;
	$shop->wait_for("SELECT state = 'cancelled' FROM bcdelta.run ORDER BY run_id DESC LIMIT 1");
	like($shop->last_run->{error}, qr/^the session that requested it stopped waiting/, 'who waited for it');
	$store->release;
	is($shop->push->{state}, 'succeeded', 'its rows were pending');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
