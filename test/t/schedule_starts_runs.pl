# Schedules start runs by themselves, by wall-clock time; one that cannot start
# says why until it can.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('schedule', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

sub trouble { return $shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = '$_[0]'"); }
sub log_lines { return scalar grep { /$_[0]/ } split /\n/, slurp_file($node->logfile); }

# The runs of a schedule since the last call
my $seen = 0;

sub next_runs
{
	my ($schedule, $number) = @_;
	$shop->wait_for("SELECT count(*) >= $number FROM bcdelta.run WHERE schedule = '$schedule' AND run_id > $seen
		AND state NOT IN ('requested', 'running')");
	my $runs = $shop->list("SELECT concat_ws('|', state, error, warning) FROM bcdelta.run WHERE schedule = '$schedule' AND run_id > $seen
		AND state NOT IN ('requested', 'running') ORDER BY run_id LIMIT $number");
	$seen = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	return @$runs;
}

subtest 'a token that expires fails every run of a schedule with the reason, until it is over' => sub {
	$shop->sql("INSERT INTO makers VALUES ('M1', 'Maker 1'); SELECT bcdelta.schedule('often', server => 'shop', every => '1 second')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE feed = 'makers'");
	is($shop->sql("SELECT last_error FROM bcdelta.schedule"), '', 'a schedule succeeds');

	$store->settings({ token => 'another' });
	$shop->sql("UPDATE makers SET name = 'Maker One'");
	$shop->wait_for("SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused'");
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE paused_reason ~ 'token is not valid'"), 3,
		'all feeds of the token are paused, those with nothing to push, too');
	$seen = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	my @runs = next_runs('often', 3);
	is(scalar(grep { /^failed\|every feed of the store is paused: "makers", "groups", "articles": .*token is not valid/ } @runs), 3,
		'every later run is failed, with the reason, once') or diag(explain(\@runs));
	like($shop->sql('SELECT last_error FROM bcdelta.schedule'), qr/^run \d+ failed: .*token is not valid/, 'the schedule has it too');
	is(log_lines('WARNING:  bcdelta: feeds? .*"makers".* paused: .*token is not valid'), 1, 'the log says once that feeds are paused');
	cmp_ok(log_lines('WARNING:.*schedule "often": '), '<=', 2, 'and that the schedule fails: when it begins, when the reason changes');

	$store->settings({ token => $store->token });
	$shop->sql("SELECT bcdelta.resume('makers')");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.pending");
	$shop->wait_for(q{SELECT last_error ~ '^paused feeds were not pushed: "groups", "articles": .*token' FROM bcdelta.schedule});
	$seen = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	like((next_runs('often', 1))[0], qr/^succeeded\|paused feeds were not pushed: "groups", "articles": /,
		'a run that leaves feeds out does the rest, and warns');
	$shop->sql("SELECT bcdelta.resume('groups'); SELECT bcdelta.resume('articles')");
	$shop->wait_for('SELECT last_error IS NULL FROM bcdelta.schedule');
	$seen = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	is((next_runs('often', 1))[0], 'succeeded', 'until it is over');
};

subtest 'a schedule that cannot start records a failed run each time, and logs one line' => sub {
	$shop->sql("CREATE ROLE clerk; GRANT USAGE ON FOREIGN SERVER shop TO clerk; SET ROLE clerk;
		SELECT bcdelta.schedule('hers', server => 'shop', every => '1 second'); RESET ROLE;
		REVOKE USAGE ON FOREIGN SERVER shop FROM clerk");
	$shop->wait_for("SELECT last_error ~ 'permission denied|USAGE' FROM bcdelta.schedule WHERE name = 'hers'");
	$seen = 0;
	like((next_runs('hers', 2))[1], qr/^failed\|it could not be started: .*shop/, 'each try is a run that failed');
	is(log_lines('WARNING:.*schedule "hers": '), 1, 'the log says so once');
	like(trouble('makers'), qr/^schedule "hers": run \d+ failed: it could not be started: /, 'and the status of the feeds that it is for');
	$shop->sql('GRANT USAGE ON FOREIGN SERVER shop TO clerk');
	$shop->wait_for("SELECT last_error IS NULL FROM bcdelta.schedule WHERE name = 'hers'");
	is(trouble('makers'), '', 'until it is over');
	$shop->sql("SELECT bcdelta.unschedule(name) FROM bcdelta.schedule");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
};

my $second = BCDelta::Store->start(hash => 'second', token => 'second-token', args => [ '--quota', 100000 ]);

subtest 'schedules start runs by themselves: at intervals, one at a time, or once' => sub {
	$shop->sql(create_server_sql($second, name => 'second'));
	$shop->sql(<<'EOC');
CREATE TABLE things (id int PRIMARY KEY, name text);
SELECT bcdelta.track('things', 'second', 'brand');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(2, 4) AS i;
INSERT INTO things SELECT i, 'Thing ' || i FROM generate_series(1, 3) AS i;
EOC
	$shop->push("server => '$_'") foreach 'shop', 'second';
	$shop->sql("UPDATE makers SET name = name || ' by itself'; UPDATE things SET name = name || ' by itself'");
	$shop->sql("SELECT bcdelta.schedule('often', server => 'shop', every => '1 second')");
	$shop->sql("SELECT bcdelta.schedule('once', 'things', at => now() + interval '1 second')");
	$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.change)');
	$shop->wait_for("SELECT count(*) >= 3 FROM bcdelta.run WHERE schedule = 'often' AND state = 'succeeded'");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE schedule = 'once' AND state = 'succeeded'");
	is(scalar(grep { $_->{name} =~ / by itself/ } @{ $store->state('brands') }), 4, 'every second');
	is(scalar(grep { $_->{name} =~ / by itself/ } @{ $second->state('brands') }), 3, 'once');
	is($shop->sql("SELECT next_run_at IS NULL, last_error FROM bcdelta.schedule WHERE name = 'once'"), 't|', 'which is done with');
};

subtest 'a daily schedule keeps to wall-clock time, in winter and in summer' => sub {
	foreach my $first ('2021-01-10', '2021-07-10')
	{
		$shop->sql("SELECT bcdelta.schedule('daily', 'things', every => '1 day');
			UPDATE bcdelta.schedule SET time_zone = 'Europe/Berlin', first_run_at = '$first 12:30 Europe/Berlin', next_run_at = now() - interval '1 second'
			WHERE name = 'daily'; SELECT bcdelta.schedule('waker', 'things', at => now())");
		$shop->wait_for("SELECT next_run_at > now() FROM bcdelta.schedule WHERE name = 'daily'");
		is($shop->sql("SELECT to_char(next_run_at AT TIME ZONE 'Europe/Berlin', 'HH24:MI') FROM bcdelta.schedule WHERE name = 'daily'"),
			'12:30', "daily since $first");
	}
	$shop->sql("SELECT bcdelta.unschedule('daily')");
};

sub look { $shop->sql("SELECT bcdelta.schedule('waker', 'things', at => now())"); return; }

subtest 'nothing starts outside its hours, late because a clock was set back, or while the previous run is active' => sub {
	$shop->sql(q{SELECT bcdelta.schedule('nightly', 'things', every => '1 day',
			hours => to_char(now() + interval '2 hours', 'HH24:MI') || '-' || to_char(now() + interval '5 hours', 'HH24:MI'));
		UPDATE bcdelta.schedule SET next_run_at = now() - interval '1 second' WHERE name = 'nightly'});
	look();
	$shop->wait_for("SELECT next_run_at - date_trunc('minute', now()) BETWEEN '1 hour 58 min' AND '2 hours' FROM bcdelta.schedule WHERE name = 'nightly'");
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE schedule = 'nightly'"), 0, 'due when its hours are over: in the next ones');
	$shop->sql("UPDATE bcdelta.schedule SET hours = NULL, next_run_at = now() + interval '30 days' WHERE name = 'nightly'");
	look();
	$shop->wait_for("SELECT next_run_at <= now() + interval '1 day' FROM bcdelta.schedule WHERE name = 'nightly'");
	pass('due in a month by a clock that was wrong: within its period');
	$shop->sql(q{UPDATE bcdelta.schedule SET first_run_at = now() - interval '1 second', next_run_at = now() - interval '1 second', every = '1 day 6 hours',
			hours = to_char(now() - interval '2 hours', 'HH24:MI') || '-' || to_char(now() + interval '2 hours', 'HH24:MI') WHERE name = 'nightly'});
	look();
	$shop->wait_for("SELECT count(*) FROM bcdelta.run WHERE schedule = 'nightly' AND state = 'succeeded'", 1);
	is($shop->sql("SELECT next_run_at - date_trunc('minute', now()) BETWEEN '45 hours 58 min' AND '46 hours' FROM bcdelta.schedule WHERE name = 'nightly'"), 't',
		'the next time is within the hours');
	$second->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE things SET name = name || ', held'; SELECT bcdelta.schedule('busy', 'things', every => '1 second')");
	$shop->wait_for("SELECT last_error FROM bcdelta.schedule WHERE name = 'busy'", 'skipped: the previous run had not ended');
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE schedule = 'busy'"), 1, 'due while its run goes on: not once more');
	$second->release;
	$shop->wait_for("SELECT last_error IS NULL FROM bcdelta.schedule WHERE name = 'busy'");
	$shop->sql("SELECT bcdelta.unschedule(name) FROM bcdelta.schedule WHERE name IN ('nightly', 'busy')");
};

subtest 'a schedule whose server is gone fails alone' => sub {
	$shop->sql("SELECT bcdelta.schedule('broken', server => 'second', every => '1 second'); SELECT bcdelta.untrack('things'); DROP SERVER second CASCADE");
	$shop->wait_for("SELECT last_error ~ 'second.*does not exist' FROM bcdelta.schedule WHERE name = 'broken'");
	my $last = $shop->sql("SELECT max(run_id) FROM bcdelta.run");
	$shop->wait_for("SELECT count(*) >= 2 FROM bcdelta.run WHERE schedule = 'often' AND state = 'succeeded' AND run_id > $last");
	pass('the others go on');
	$shop->sql("SELECT bcdelta.unschedule(name) FROM bcdelta.schedule");
	is($shop->sql('SELECT count(*) FROM bcdelta.schedule'), 0, 'unschedule');
};

is($_->counts->{server}{bugs}, 0, 'the stores met no bug of their own') foreach $store, $second;
done_testing();
