# A scheduled run keeps to its hours: outside of them it pauses between
# requests, leaves the store to others, and goes on in the next hours.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('hours', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;
# so that the quota is known, and several requests are under way at a time
$shop->sql("INSERT INTO makers VALUES ('M0', 'Maker 0')");
$shop->push;

# The hours of a schedule, from so many hours before or after now to so many after
sub hours { return "to_char(now() AT TIME ZONE 'UTC' + interval '$_[0] hours', 'HH24:MI') || '-' || to_char(now() AT TIME ZONE 'UTC' + interval '$_[1] hours', 'HH24:MI')"; }
my ($open, $closed) = (hours(-2, 3), hours(2, 5));

sub set_hours
{
	my ($name, $hours) = @_;
	# another schedule wakes the worker
	$shop->sql("UPDATE bcdelta.schedule SET hours = $hours, time_zone = 'UTC' WHERE name = '$name';
		SELECT bcdelta.schedule('waker', server => 'shop', at => '2099-01-01')");
	return;
}
sub schedule { return $shop->sql("SELECT bcdelta.schedule('$_[0]', server => 'shop', at => now(), kind => '$_[1]', hours => $open || ' UTC')"); }
sub run_of { return $shop->value("SELECT * FROM bcdelta.run WHERE schedule = '$_[0]' ORDER BY run_id DESC LIMIT 1"); }
sub waits { return $shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE schedule = '$_[0]' AND state = 'requested' AND paused_until > now()"); }
sub ends { return $shop->wait_for("SELECT state = '$_[1]' FROM bcdelta.run WHERE schedule = '$_[0]' ORDER BY run_id DESC LIMIT 1"); }

# A push that pauses with requests on their way
sub paused_push
{
	my ($name) = @_;
	$shop->hold_articles(200);
	schedule($name, 'push');
	$shop->wait_held(2);
	set_hours($name, $closed);
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'push'", 'pausing');
	$store->release;
	waits($name);
	return;
}

my $words = qr/outside the hours \d\d:\d\d-\d\d:\d\d UTC until \d{4}-\d\d-\d\d \d\d:\d\d:00/;

subtest 'a push pauses between requests, abandons none, and goes on in the next hours' => sub {
	paused_push('nightly');
	my $before = $store->journal;
	my $run = run_of('nightly');
	my $posts = grep { $_->{status} == 200 } $store->journal(method => 'POST', path => qr{/products$});
	cmp_ok($run->{created}, '>=', 2, 'what was under way is counted');
	cmp_ok($run->{created}, '<', 200, 'and not everything');
	is($run->{created}, $posts, 'the reply of each request was read');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'ready'"), 200 - $run->{created}, 'the other rows are ready again');
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry'"), 0, 'none was tried in vain');
	like($shop->sql("SELECT phase || ': ' || waiting_for FROM bcdelta.progress"), qr/^paused: $words/, 'progress says what it waits for');
	like($shop->sql("SELECT waiting_for FROM bcdelta.status WHERE feed = 'articles'"), qr/^run $run->{run_id} \(push\): $words/, 'and so does the status');
	is($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'articles'"), '', 'which is no trouble');
	is($shop->sql("SELECT next_run_at IS NULL AND last_error IS NULL FROM bcdelta.schedule WHERE name = 'nightly'"), 't', 'nor an error of the schedule');

	$shop->sql("INSERT INTO makers VALUES ('M1', 'Maker 1')");
	is($shop->push("'makers'")->{state}, 'succeeded', 'meanwhile, others can push');
	is($store->journal - $before, 2, 'and nothing else is sent');

	set_hours('nightly', $open);
	ends('nightly', 'succeeded');
	my $again = run_of('nightly');
	is($again->{run_id}, $run->{run_id}, 'the same run goes on');
	is($again->{created}, 200, 'its totals are those of both parts');
	is($shop->sql('SELECT count(*) FROM bcdelta.progress WHERE waiting_for IS NOT NULL'), 0, 'nothing waits any more');
	$shop->articles_ok('push');
};

subtest 'a push that pauses survives a reload, a killed worker, and a restart; it can be cancelled' => sub {
	paused_push('nightly');
	my $run = run_of('nightly');
	$node->append_conf('postgresql.conf', 'bcdelta.lock_timeout = 4s');
	$node->reload;
	my $pid = worker_pid($node, 'shop');
	kill_worker($node, 'shop', 'KILL');
	poll_until(sub { my $p = worker_pid($node, 'shop'); $p && $p ne $pid }, 'another worker');
	$node->restart;
	wait_for_worker($node, 'shop');
	my $other = $shop->push("'makers'");
	is($other->{state}, 'succeeded', 'the worker works');
	is_deeply([ map { run_of('nightly')->{$_} } qw(run_id state created) ], [ $run->{run_id}, 'requested', $run->{created} ], 'and the run pauses');
	is($shop->sql("SELECT bcdelta.cancel($run->{run_id})"), 't', 'cancel');
	is(run_of('nightly')->{state}, 'cancelled', 'ends it');
	is($shop->push->{state}, 'succeeded', 'its rows are pushed by another one');
	$shop->articles_ok('cancel');
};

subtest 'a push is cancelled, or the server stopped, while it waits for its last requests' => sub {
	$shop->hold_articles(100);
	schedule('nightly', 'push');
	$shop->wait_held(2);
	set_hours('nightly', $closed);
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'push'", 'pausing');
	my $run = run_of('nightly');
	my $cancel = $shop->start("SELECT bcdelta.cancel($run->{run_id})");
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'push'", 'stopping');
	$store->release;
	is(($cancel->finish)[1], 't', 'cancel');
	is(run_of('nightly')->{state}, 'cancelled', 'it does not pause any more');
	$shop->push;
	$shop->articles_ok('cancel');

	$shop->hold_articles(100);
	schedule('nightly', 'push');
	$shop->wait_held(2);
	set_hours('nightly', $closed);
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'push'", 'pausing');
	$node->stop('fast');
	$store->release;
	$node->start;
	wait_for_worker($node, 'shop');
	waits('nightly');
	is($shop->run(run_of('nightly')->{run_id})->{error}, undef, 'after a fast stop, it pauses');
	set_hours('nightly', $open);
	ends('nightly', 'succeeded');
	$shop->articles_ok('fast stop');
};

subtest 'a verify that pauses goes on where it was, and does not hold up a push' => sub {
	$shop->sql("UPDATE articles SET title = title || '!' WHERE sku IN ('A-3', 'A-500')");
	$shop->push;
	$store->edit('products', $shop->sql("SELECT store_id FROM bcdelta.link WHERE key = '$_'"), { name => "Edited $_" }) foreach 'A-3', 'A-500';
	$store->clear;
	$store->hold({ match => { method => 'GET' } });
	schedule('proof', 'verify');
	$shop->wait_held(1);
	set_hours('proof', $closed);
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'verify'", 'pausing');
	$store->release;
	waits('proof');
	my $reads = $store->journal(method => 'GET');
	like($shop->sql("SELECT waiting_for FROM bcdelta.progress WHERE kind = 'verify'"), $words, 'progress says what it waits for');
	$shop->sql("UPDATE articles SET price = 7.5 WHERE sku = 'A-7'");
	is($shop->push->{updated}, 1, 'meanwhile, another run has the store');
	set_hours('proof', $open);
	ends('proof', 'succeeded');
	is($shop->sql("SELECT string_agg(key || '.' || field, ' ' ORDER BY key, field) FROM bcdelta.discrepancy WHERE run_id = " . run_of('proof')->{run_id}),
		'A-3.name A-500.name', 'each difference is found, once');
	my %pages;
	$pages{ $_->{path} . ($_->{query} // '') }++ foreach $store->journal(method => 'GET', path => qr{/products$});
	is(scalar(grep { $_ > 2 } values %pages), 0, 'nothing was read anew') or diag(explain(\%pages));
};

subtest 'a verify that pauses goes on without hours, starts over after a crash, and is cancelled with its schedule' => sub {
	foreach my $what ('no hours', 'crash', 'unschedule', 'cancel')
	{
		$store->hold({ match => { method => 'GET' } });
		schedule('proof', 'verify');
		$shop->wait_held(1);
		set_hours('proof', $closed);
		$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'verify'", 'pausing');
		$store->release;
		waits('proof');
		my $id = run_of('proof')->{run_id};
		if ($what eq 'no hours')
		{
			$shop->sql("SELECT bcdelta.schedule('proof', server => 'shop', kind => 'verify', at => now() + interval '1 day')");
			ends('proof', 'succeeded');
			is(run_of('proof')->{run_id}, $id, 'without hours, the same run goes on');
			next;
		}
		if ($what eq 'crash')
		{
			my $pid = worker_pid($node, 'shop');
			kill_worker($node, 'shop', 'KILL');
			poll_until(sub { my $p = worker_pid($node, 'shop'); $p && $p ne $pid }, 'another worker');
			waits('proof');
			set_hours('proof', $open);
			ends('proof', 'succeeded');
			is($shop->sql("SELECT count(*) FROM bcdelta.discrepancy WHERE run_id = $id"), 2, 'after a crash, each difference is found once');
			next;
		}
		$shop->sql($what eq 'cancel' ? "SELECT bcdelta.cancel($id)" : "SELECT bcdelta.unschedule('proof')");
		ends('proof', 'cancelled');
		like($shop->run($id)->{error}, $what eq 'cancel' ? qr/^cancelled by / : qr/^schedule "proof" was removed while the run paused/, "$what: the run says why it has ended");
		is($shop->push->{state}, 'succeeded', 'the store is free');
	}
};

subtest 'a run whose turn comes after its hours waits for the next ones; others do not join it' => sub {
	$store->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE articles SET price = 8 WHERE sku = 'A-7'");
	my $push = $shop->start("SELECT state FROM bcdelta.push()");
	$shop->wait_held(1);
	schedule('late', 'push');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE schedule = 'late'");
	set_hours('late', $closed);
	$store->release;
	is(($push->finish)[1], 'succeeded', 'the run before it ends');
	waits('late');
	is(run_of('late')->{started_at}, undef, 'it has not begun');
	# with other hours, one that does not overlap
	schedule('day', 'push');
	ends('day', 'succeeded');
	$shop->sql("UPDATE articles SET price = 9 WHERE sku = 'A-7'");
	is($shop->push->{updated}, 1, 'a push by hand does not wait for it');
	$shop->sql("SELECT bcdelta.schedule('late', server => 'shop', at => now() + interval '1 hour')");
	ends('late', 'succeeded');
	pass('without hours, it goes on at once');
};

subtest 'runs that were missed while the server was down are made up for by one' => sub {
	$shop->sql("SELECT bcdelta.schedule('hourly', server => 'shop', every => '1 hour');
		UPDATE bcdelta.schedule SET first_run_at = now() - interval '30 days', next_run_at = now() - interval '30 days' WHERE name = 'hourly'");
	$node->restart;
	wait_for_worker($node, 'shop');
	ends('hourly', 'succeeded');
	$shop->wait_for("SELECT next_run_at > now() AND next_run_at <= now() + interval '1 hour' FROM bcdelta.schedule WHERE name = 'hourly'");
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE schedule = 'hourly'"), 1, 'one run');
};

# A time zone whose clocks go forward or back at a time (in seconds since 1970),
# when they show this time of day
sub changing_zone
{
	my ($way, $at, $shown) = @_;
	my ($h, $m, $s) = split /:/, $shown;
	my $offset = ($h * 3600 + $m * 60 + $s - $at) % 86400;
	$offset -= 86400 if $offset > 43200;
	my $day = (gmtime($at + $offset))[7];
	my $winter = $way eq 'forward' ? $offset : $offset - 3600;
	my $posix = sprintf('AAA%s%02d:%02d:%02dBBB', $winter > 0 ? '-' : '+', map { int } abs($winter) / 3600, abs($winter) / 60 % 60, abs($winter) % 60);
	my ($this, $other) = ("$day/$shown", ($day + 100) % 365 . '/0');
	return $posix . ',' . join(',', $way eq 'forward' ? ($this, $other) : ($other, $this));
}

subtest 'the clocks change while the worker runs: hours follow them' => sub {
	my $seconds = sub { return $shop->sql("SELECT extract(epoch FROM $_[0])"); };
	my $schedule = sub { return $shop->sql("SELECT bcdelta.schedule('$_[0]', server => 'shop', at => now(), kind => 'push', hours => '$_[1] $_[2]')"); };
	$shop->sql("UPDATE articles SET price = 10 WHERE sku = 'A-7'");
	# 13:00:05 becomes 12:00:05
	my $change = int($seconds->('clock_timestamp()')) + 7;
	my $zone = changing_zone('back', $change, '13:00:05');
	is($shop->sql("SELECT to_char(to_timestamp($change - 1) AT TIME ZONE '$zone', 'HH24:MI:SS ') || to_char(to_timestamp($change) AT TIME ZONE '$zone', 'HH24:MI:SS')"), '13:00:04 12:00:05', 'the time zone is as it should be');
	$schedule->('autumn', '12:00-12:30', $zone);
	cmp_ok($seconds->("next_run_at) FROM bcdelta.schedule WHERE name = 'autumn' AND (true"), '==', $change, 'the hours come again with the change');
	ends('autumn', 'succeeded');
	cmp_ok($seconds->("started_at) FROM bcdelta.run WHERE schedule = 'autumn' AND (true"), '>=', $change, 'the run begins with it');

	$shop->hold_articles(50);
	# 12:00:50 becomes 13:00:50
	$change = int($seconds->('clock_timestamp()')) + 7;
	$zone = changing_zone('forward', $change, '12:00:50');
	is($shop->sql("SELECT to_char(to_timestamp($change - 1) AT TIME ZONE '$zone', 'HH24:MI:SS ') || to_char(to_timestamp($change) AT TIME ZONE '$zone', 'HH24:MI:SS')"), '12:00:49 13:00:50', 'the other one, too');
	$schedule->('spring', '10:00-13:01', $zone);
	$shop->wait_held(2);
	note($seconds->('clock_timestamp()') < $change ? 'the run has begun before the change' : 'the run has begun late');
	$shop->wait_for("SELECT phase FROM bcdelta.progress WHERE kind = 'push'", 'pausing');
	my $late = $seconds->('clock_timestamp()') - ($change + 10);
	ok($late >= 0 && $late < 600, "the hours end an hour earlier than they would without it: $late s late");
	$store->release;
	waits('spring');
	is($shop->sql("SELECT to_char(paused_until AT TIME ZONE '$zone', 'HH24:MI:SS') FROM bcdelta.run WHERE schedule = 'spring'"), '10:00:00', 'the next ones are those of the new time');
	$shop->sql("SELECT bcdelta.schedule('spring', server => 'shop', at => now() + interval '1 hour')");
	ends('spring', 'succeeded');
	$shop->articles_ok('spring');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
