# The worker is shared by all roles that may use a store: no role can occupy all
# of its places, identical runs are joined, and a run whose session is lost is
# stopped.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use IPC::Run ();
use Test::More;

my $shop = BCDelta::Shop->open('shared', store => { args => [ '--quota', 100000 ] }, node => { conf => 'max_connections = 300' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;
my $n = 0;

# A run that continues until the store releases it: others wait for their turn.
sub busy
{
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('B-" . ++$n . "', 'Busy $n', 1)");
	my $id = $shop->push('wait => false')->{run_id};
	$shop->wait_held(1);
	return $id;
}

sub runs { return $shop->sql("SELECT string_agg(state, ' ' ORDER BY run_id) FROM bcdelta.run WHERE run_id > $_[0]"); }
sub waiting { return "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND backend_type = 'client backend'"; }

sub calm
{
	$store->release;
	$shop->wait_for("SELECT count(*) FROM bcdelta.run WHERE state IN ('requested', 'running')", 0);
	return;
}

subtest 'a role cannot occupy all places' => sub {
	$shop->sql('CREATE ROLE bob LOGIN; CREATE ROLE alice LOGIN; CREATE ROLE carol LOGIN;
		GRANT USAGE ON FOREIGN SERVER shop TO bob, alice, carol; GRANT bob TO alice, carol');
	my $id = busy();
	my ($out, $err);
	my $file = $node->basedir . '/push.sql';
	PostgreSQL::Test::Utils::append_to_file($file, "SET ROLE bob;\nSELECT run_id FROM bcdelta.push();\n");
	my $crowd = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 64, '-j', 1, '-t', 1, '-f', $file, '-U', 'carol', '-h', $node->host, '-p', $node->port, 'shop' ],
		'>', \$out, '2>', \$err);
	$shop->wait_for(waiting(), 64);
	is(runs($id), 'requested', '64 sessions that want the same wait for one run');

	my @bob = (extra_params => [ '-U', 'bob' ]);
	my ($rc, undef, $message) = $node->psql('shop', 'SELECT bcdelta.push()', @bob);
	isnt($rc, 0, 'the role gets no more places');
	like($message, qr/too many sessions.*At most 64 of one role/s, 'and is told why');
	($rc, undef, $message) = $node->psql('shop', 'SET ROLE bob; SELECT bcdelta.push()', extra_params => [ '-U', 'alice' ]);
	like($message, qr/At most 64 of one role/, 'whoever takes the role');
	($rc, undef, $message) = $node->psql('shop', 'SELECT bcdelta.push()', extra_params => [ '-U', 'carol' ]);
	like($message, qr/At most 64 of one role/, 'nor does it help to have logged in as another one');
	my $queued = $shop->sql("SELECT max(run_id) FROM bcdelta.run");
	is(($node->psql('shop', "SET statement_timeout = '1s'; SELECT bcdelta.push()", extra_params => [ '-U', 'alice' ]))[2] =~ /timeout/ ? 1 : 0,
		1, 'others have places left');
	is(runs($id), 'requested', 'and leave without stopping a run that others wait for');
	is(($node->psql('shop', "SELECT bcdelta.cancel($queued)", @bob))[1], 't', 'but the role can cancel');
	my $more = 'SELECT bcdelta.push(max_rows => 1, wait => false) FROM generate_series(1, %d)';
	$node->psql('shop', sprintf($more, 100), extra_params => [ '-U', 'alice' ]);
	(undef, undef, $message) = $node->psql('shop', sprintf($more, 2), extra_params => [ '-U', 'alice' ]);
	like($message, qr/100 runs of role "alice" are already waiting for their turn/, 'nor can it have the queue');
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE state = 'requested' AND requested_by = 'alice'::regrole"), 100, 'of which it gets a part');
	$crowd->finish;
	is($shop->sql("SELECT state FROM bcdelta.run WHERE run_id = $queued"), 'cancelled', 'for all');
	is($shop->sql("SELECT bcdelta.cancel($id)"), 't', 'and so can a superuser');
	calm();
};

subtest 'the last places are reserved for cancelling, and for superusers' => sub {
	my $id = busy();
	my (@crowds, $ignored);
	my $file = $node->basedir . '/last.sql';
	PostgreSQL::Test::Utils::append_to_file($file, 'SELECT run_id FROM bcdelta.push();');
	foreach my $role (map { "many_$_" } 1 .. 4)
	{
		$shop->sql("CREATE ROLE $role LOGIN; GRANT USAGE ON FOREIGN SERVER shop TO $role");
		push @crowds, IPC::Run::start([ 'pgbench', '-n', '-c', 60, '-t', 1, '-f', $file, '-U', $role, '-h', $node->host, '-p', $node->port, 'shop' ],
			'>', \$ignored, '2>', \$ignored);
	}
	$shop->wait_for(waiting(), 240);
	my $queued = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	like(($node->psql('shop', 'SELECT bcdelta.push()', extra_params => [ '-U', 'alice' ]))[2],
		qr/too many sessions.*the last places are reserved for bcdelta.cancel/s, 'four roles have what there is for all');
	like(($node->psql('shop', "SET statement_timeout = '1s'; SELECT bcdelta.push()"))[2], qr/statement timeout/, 'a superuser has a place');
	is(($node->psql('shop', "SELECT bcdelta.cancel($queued)", extra_params => [ '-U', 'alice' ]))[1], 't', 'and whoever cancels');
	$_->finish foreach @crowds;
	$shop->sql("SELECT bcdelta.cancel($id)");
	calm();
};

subtest 'a push that asks for what a queued one will do joins it' => sub {
	my $id = busy();
	is($shop->sql('SELECT count(DISTINCT (bcdelta.push(wait => false)).run_id) FROM generate_series(1, 50)'), 1, 'many are one');
	is(runs($id), 'requested', 'that waits');
	is($shop->push("'articles', wait => false")->{run_id}, $id + 1, 'so is one of a feed, which is among them');
	is($shop->push('max_rows => 10, wait => false')->{run_id}, $id + 2, 'one of some rows is its own');
	is($shop->push('max_rows => 10, wait => false')->{run_id}, $id + 3, 'and so is the next');
	calm();
	is(runs($id), 'succeeded succeeded succeeded', 'all are done');

	$id = busy();
	is($shop->push("'articles', wait => false")->{run_id}, $id + 1, 'one of a feed');
	is($shop->push("'makers', wait => false")->{run_id}, $id + 2, 'is not one of another feed');
	is($shop->push('wait => false')->{run_id}, $id + 3, 'and not one of all');
	is($shop->push("'groups', wait => false")->{run_id}, $id + 3, 'which has the others');
	calm();

	# callers that wait, and callers that leave
	my $wait = 'SELECT run_id, state FROM bcdelta.push()';
	$id = busy();
	my ($first, $second) = map { $shop->start($wait) } 1, 2;
	$shop->wait_for(waiting(), 2);
	$first->cancel;
	$first->finish;
	is(runs($id), 'requested', 'of two who wait one goes away');
	calm();
	is(($second->finish)[1], $id + 1 . '|succeeded', 'the other one has its run');

	$id = busy();
	($first, $second) = map { $shop->start($wait) } 1, 2;
	$shop->wait_for(waiting(), 2);
	$_->cancel foreach $first, $second;
	$_->finish foreach $first, $second;
	$shop->wait_for("SELECT state FROM bcdelta.run WHERE run_id = $id + 1", 'cancelled');
	pass('both go away, and with them their run');

	$first = $shop->start($wait);
	$shop->wait_for(waiting(), 1);
	is($shop->push('wait => false')->{run_id}, $id + 2, 'somebody who does not wait wants it too');
	$first->cancel;
	$first->finish;
	$second = $shop->start($wait);
	$shop->wait_for(waiting(), 1);
	$second->cancel;
	$second->finish;
	is(runs($id + 1), 'requested', 'then it goes on without those who wait');
	calm();
	is(runs($id + 1), 'succeeded', 'to its end');
};

subtest 'a lost connection stops the run that waits for it' => sub {
	foreach my $sql ('SELECT bcdelta.push()', 'CALL bcdelta.sweep()',
		"DO 'BEGIN PERFORM bcdelta.push(); EXCEPTION WHEN OTHERS THEN NULL; END'")
	{
		my $id = busy();
		$shop->sql("SELECT bcdelta.cancel($id)");
		calm();
		$store->hold({ match => { method => 'POST' }, process => 'now' });
		$shop->sql("INSERT INTO makers VALUES ('L-$id', 'Lost $id')");
		my $session = $shop->start($sql);
		$shop->wait_held(1);
		$session->{run}->kill_kill(grace => 0);
		$shop->wait_for("SELECT state FROM bcdelta.run ORDER BY run_id DESC LIMIT 1", 'cancelled');
		like($shop->last_run->{error}, qr/lost its connection/, "$sql: is cancelled");
		is($shop->sql("SELECT count(*) FROM pg_stat_activity WHERE query = " . '$q$' . $sql . '$q$'), 0, 'and its session ends');
		calm();
		$shop->push;
	}
	is_deeply($shop->pending, {}, 'nothing is lost');
};

done_testing();
