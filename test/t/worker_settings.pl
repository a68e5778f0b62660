# Every setting takes effect when the configuration is read again.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'settings',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1h\nbcdelta.result_retention = 1000\nbcdelta.event_retention = 1000\nbcdelta.undo_retention = 1000" });
my ($node, $store) = ($shop->node, $shop->store);
my $worker = worker_pid($node, 'shop');
my %tested;

sub log_lines { my ($what) = @_; return scalar(() = slurp_file($node->logfile) =~ /$what/g); }

sub set
{
	my ($name, $value) = @_;
	$node->append_conf('postgresql.conf', "bcdelta.$name = '$value'");
	$node->reload;
	$shop->wait_for("SELECT current_setting('bcdelta.$name')", $value) if $value !~ m{/|^0$|,};
	$tested{$name} = 1;
	return;
}

sub trouble { return $shop->sql("SELECT state, trouble FROM bcdelta.status WHERE feed = '$_[0]'"); }

$shop->tables;
$shop->sql(<<'EOC');
CREATE TABLE odd (id text PRIMARY KEY, name text);
CREATE FUNCTION odd_name(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF name = 'slow' THEN
		PERFORM pg_sleep(2);
	ELSIF name = 'end' THEN
		PERFORM pg_terminate_backend(pg_backend_pid());
	ELSIF name = 'lock' THEN
		RETURN 'lock_timeout ' || current_setting('lock_timeout');
	END IF;
	RETURN name;
END $$;
SELECT bcdelta.track('odd', 'shop', 'brand', '{"name": "public.odd_name(name)"}');
EOC

# The name of an odd row in the store
sub odd
{
	my ($name) = @_;
	$shop->sql("INSERT INTO odd VALUES ('$name', '$name') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name || ' '; UPDATE odd SET name = trim(name)");
	my $run = $shop->push("'odd'");
	my ($brand) = map { $_->{name} } grep { $_->{id} == ($shop->id('odd', $name) || 0) } @{ $store->state('brands') };
	return ($run, $brand);
}

subtest 'naptime' => sub {
	$shop->sql("INSERT INTO makers VALUES ('M1', 'Maker 1')");
	set('naptime', '1s');
	foreach my $i (2, 3)
	{
		$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
		$shop->sql("INSERT INTO makers VALUES ('M$i', 'Maker $i')");
		$shop->wait_for("SELECT count(*) = $i FROM bcdelta.pending WHERE feed = 'makers'");
	}
	is($shop->push->{created}, 3, 'changes are found after the new time');
};

subtest 'lock_timeout, mapping_timeout' => sub {
	set('lock_timeout', '1234ms');
	is((odd('lock'))[1], 'lock_timeout 1234ms', 'code of a feed waits for locks no longer than that');
	set('lock_timeout', '3456ms');
	set('mapping_timeout', '100ms');
	odd('slow');
	is($shop->outcomes->{'odd slow'}, 'invalid', 'a row that takes longer than the limit is invalid');
	set('mapping_timeout', '10s');
	$shop->sql("SELECT bcdelta.retry('odd')");
	is((odd('slow'))[1], 'slow', 'with a new limit, it is not');
	$shop->sql("DELETE FROM odd WHERE id = 'slow'");
};

subtest 'result_retention, event_retention, undo_retention' => sub {
	$shop->sql("INSERT INTO bcdelta.event (event, severity, message, at, over_at) VALUES ('run_ended', 'info', 'old', now() - interval '100 days', now() - interval '100 days');
		UPDATE bcdelta.run SET finished_at = now() - interval '31 days';
		UPDATE makers SET name = name || '!'");
	$shop->push("'makers'");
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE message = 'old'") . $shop->sql("SELECT count(*) > 0 FROM bcdelta.result WHERE run_id = (SELECT min(run_id) FROM bcdelta.run)"), '1t', 'kept');
	set('event_retention', '90');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.event WHERE message = 'old'");
	set('result_retention', '30');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.result WHERE run_id = (SELECT min(run_id) FROM bcdelta.run)");
	is($shop->sql('SELECT count(*) > 0 FROM bcdelta.undo'), 't', 'what can be undone is kept');
	set('undo_retention', '0');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.undo');
	$shop->sql("UPDATE makers SET name = name || '?'");
	is($shop->push("'makers'")->{updated}, 3, 'a push');
	is($shop->sql('SELECT count(*) FROM bcdelta.undo'), 0, 'keeps nothing to undo');
	set('undo_retention', '30');
	$shop->sql("UPDATE makers SET name = name || '.'");
	$shop->push("'makers'");
	is($shop->sql('SELECT count(*) > 0 FROM bcdelta.undo'), 't', 'but does so again');
};

subtest 'gather_time' => sub {
	set('naptime', '1h');
	set('gather_time', '1min');
	$shop->sql("SELECT bcdelta.alter_feed('groups', options => '{\"push\": \"immediate\"}'); INSERT INTO groups VALUES (900, NULL, 'First')");
	$shop->push("'groups'");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	my $wake_ups = "SELECT n FROM bcdelta.worker_wake_ups() WHERE cause = 'commit'";
	my $before = $shop->sql($wake_ups);
	my $n = 0;
	# the first one may come while the worker is awake
	poll_until(sub { $n++; $shop->sql("INSERT INTO groups VALUES (900 + $n, NULL, 'Group $n')"); $shop->sql("SELECT ($wake_ups) > $before") eq 't' }, 'a wake-up by a commit');
	cmp_ok($shop->sql('SELECT count(*) FROM bcdelta.change'), '>', 0, 'changes are gathered');
	set('gather_time', '0');
	$shop->wait_for("SELECT count(*) = $n + 1 FROM bcdelta.link WHERE feed = 'groups'");
	pass('but not longer than the new time');
	$shop->sql("SELECT bcdelta.alter_feed('groups', options => '{}')");
	set('naptime', '1s');
};

subtest 'confirm_after' => sub {
	$store->edit('brands', $shop->id('makers', 'M1'), { name => 'Edited' });
	set('confirm_after', '1h');
	$store->clear;
	my $verify = $shop->start("SELECT state FROM bcdelta.verify('makers')");
	poll_until(sub { scalar($store->journal(method => 'GET')) }, 'the first look');
	$shop->wait_for("SELECT api_calls > 0 AND in_flight = 0 FROM bcdelta.progress");
	ok($verify->running, 'a verify waits before it looks again');
	$verify->cancel;
	$verify->finish;
	set('confirm_after', '0');
	is($shop->verify("'makers'")->{state}, 'succeeded', 'the next one does not');
	is($shop->sql("SELECT count(*) > 0 FROM bcdelta.discrepancy"), 't', 'and tells');
	$shop->sql("SELECT bcdelta.mark('makers', 'M1')");
	$shop->push("'makers'");
};

subtest 'change_turn: whatever processes have read the setting, no change is lost' => sub {
	$shop->sql("CREATE PROCEDURE write(first int) LANGUAGE plpgsql AS \$\$ BEGIN
		FOR i IN first .. first + 1499 LOOP
			INSERT INTO articles (sku, title, price) VALUES ('A-' || i, 'Article ' || i, 1);
			IF i % 3 = 0 THEN COMMIT; PERFORM pg_sleep(0.002); END IF;
		END LOOP; END \$\$");
	my @writers = map { psql_start($node, 'shop', "CALL write($_)") } 1, 2001;
	my $n = 0;
	while (grep { $_->running } @writers)
	{
		set('change_turn', (qw(1s 5min 2s 1d))[ $n++ % 4 ]);
	}
	is(join(' ', map { ($_->finish)[0] } @writers), '0 0', 'the writers');
	cmp_ok($n, '>', 3, 'the setting was changed meanwhile');
	set('change_turn', '1s');
	$shop->wait_for("SELECT count(*) = 3000 FROM bcdelta.pending WHERE feed = 'articles'");
	pass('every change is pending');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
};

subtest 'crash_limit' => sub {
	set('crash_limit', '1');
	$shop->sql("INSERT INTO odd VALUES ('end', 'end')");
	my $push = $shop->start("SELECT bcdelta.push('odd')");
	$push->finish;
	$worker = wait_for_worker($node, 'shop', $worker);
	$shop->wait_for("SELECT state = 'paused' AND paused_reason ~ 'took the bcdelta worker down 1 times' FROM bcdelta.feed WHERE feed = 'odd'");
	pass('the feed is paused after its first crash');
	$shop->sql("DELETE FROM odd WHERE id = 'end'; SELECT bcdelta.resume('odd')");
};

subtest 'place, and settings that are wrong' => sub {
	$shop->sql("UPDATE makers SET name = name || ' moved'");
	$store->clear;
	set('place', 'elsewhere');
	$shop->wait_for("SELECT count(*) = 4 FROM bcdelta.feed WHERE state = 'paused'");
	like(trouble('makers'), qr/^paused\|.*according to the setting bcdelta\.place: this place is "elsewhere"/, 'a server with another name of its place pushes nothing');
	is($shop->push("'makers'")->{state}, 'failed', 'a push');
	is(scalar($shop->writes), 0, 'the store hears nothing');
	foreach my $wrong ([ place => 'a/b', 'letters, digits' ], [ result_retention => '0', 'at least one day' ], [ event_retention => '0', 'outside the valid range' ], [ databases => 'shop,,x', 'separated by commas' ],
		[ naptime => '0', 'outside the valid range' ])
	{
		my ($name, $value, $words) = @$wrong;
		$node->append_conf('postgresql.conf', "bcdelta.$name = '$value'");
		$node->reload;
		poll_until(sub { log_lines("LOG:  .*bcdelta\\.$name") && log_lines($words) }, "a message about $name = $value");
	}
	pass('what is wrong is told, and not used');
	is($shop->sql("SHOW bcdelta.place"), 'elsewhere', 'the old value stays');
	is(worker_pid($node, 'shop'), $worker, 'so does the worker');
	$node->append_conf('postgresql.conf', "$_->[0] = '$_->[1]'") foreach [ 'bcdelta.databases' => 'shop' ], [ 'bcdelta.result_retention' => 30 ], [ 'bcdelta.event_retention' => 90 ], [ 'bcdelta.naptime' => 1 ];
	set('place', '');
	$shop->sql("SELECT bcdelta.resume()");
	is($shop->push("'makers'")->{updated}, 3, 'back in its place and resumed, it pushes');
};

subtest 'databases' => sub {
	set('databases', 'postgres');
	poll_until(sub { !defined worker_pid($node, 'shop') }, 'the end of the worker');
	set('databases', 'shop');
	wait_for_worker($node, 'shop');
	pass('a worker ends, and another one starts');
};

my @untested = grep { !$tested{$_} } @{ $shop->list("SELECT replace(name, 'bcdelta.', '') FROM pg_settings WHERE name LIKE 'bcdelta.%' AND context = 'sighup' AND name NOT IN ('bcdelta.debug_points', 'bcdelta.read_valid', 'bcdelta.sample_seconds')") };
is("@untested", '', 'every setting of the server was tested');
is($shop->sql("SELECT count(*) FROM pg_settings WHERE name LIKE 'bcdelta.%' AND context = 'postmaster'"), 0, 'none needs a restart');
is(log_lines('(FATAL|PANIC):'), 0, 'no process has failed');
done_testing();
