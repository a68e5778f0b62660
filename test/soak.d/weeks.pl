# Three weeks in the life of a shop, compressed: the intervals are short, the
# clock is the real one.  Every day the shop trades, schedules push and verify, so do
# sweeps of pg_cron if it is installed, and something happens: a token expires, the disk is full, the server fails
# over to its standby.  At the end source and store agree, the worker is no
# larger than at the beginning, dead rows are bounded, and each trouble was told
# once and taken back.
#
# RANDOM_DAYS and RANDOM_CHANGES make the weeks longer and the days busier.

use strict;
use warnings;

use BCDelta::Faults;
use BCDelta::Shop;
use BCDelta::Store;
use BCDelta::Test;
use List::Util qw(max min sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 1;
note("RANDOM_SEED=$seed");
srand($seed);
my $DAYS = $ENV{RANDOM_DAYS} // 21;
my $CHANGES = $ENV{RANDOM_CHANGES} // 300;

my $shop = BCDelta::Shop->open(
	'weeks',
	store => { args => [ '--quota', 20000, '--window-ms', 5000 ] },
	server => { timeout => 2, max_attempts => 20 },
	node => {
		init => [ allows_streaming => 1 ],
		conf => "bcdelta.naptime = 1\nbcdelta.change_turn = 2\nautovacuum_naptime = 1s\nautovacuum_vacuum_threshold = 50\n"
	});
my ($first, $store) = ($shop->node, $shop->store);
my @logs = ($first->logfile);
$shop->tables(articles => { on_delete => "'delete'" });
disk_may_fill($shop, 'result');
$shop->sql(<<'EOC');
CREATE SEQUENCE public.sku;
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 20) AS i;
INSERT INTO groups SELECT i, NULLIF(i / 4, 0), 'Group ' || i FROM generate_series(1, 30) AS i;
INSERT INTO articles (sku, title, price, maker, grp) SELECT 'A-' || i, 'Article ' || i, i, 'M-' || (1 + i % 20), 1 + i % 30
	FROM generate_series(1, 400) AS i;
CREATE PROCEDURE statement() LANGUAGE plpgsql AS $$
DECLARE
	n int := random() * 100;
	a text := (SELECT sku FROM articles ORDER BY random() LIMIT 1);
BEGIN
	IF n < 10 THEN
		INSERT INTO articles (sku, title, price, maker, grp) SELECT 'N-' || i, 'New ' || i, 1 + i % 90, 'M-' || (1 + i % 20), 1 + i % 30
			FROM nextval('public.sku') AS i;
	ELSIF n < 18 THEN
		DELETE FROM articles WHERE sku = a;
	ELSIF n < 25 THEN
		UPDATE groups SET shown = NOT shown WHERE id = 1 + (random() * 29)::int;
	ELSIF n < 30 THEN
		UPDATE makers SET name = split_part(name, '/', 1) || '/' || (random() * 1000)::int WHERE code = 'M-' || (1 + (random() * 19)::int);
	ELSIF n < 40 THEN
		UPDATE articles SET grp = 1 + (random() * 29)::int, maker = 'M-' || (1 + (random() * 19)::int) WHERE sku = a;
	ELSE
		UPDATE articles SET price = 1 + (random() * 9000)::int / 100.0 WHERE sku = a;
	END IF;
END
$$;
EOC
$shop->random_statements;
$shop->push;
$shop->sql(q{SELECT bcdelta.schedule('sales', server => 'shop', every => '1 second');
	SELECT bcdelta.schedule('nightly', server => 'shop', kind => 'verify', mode => 'changed', every => '7 seconds')});

sub node { return $shop->{node}; }

# Jobs of pg_cron begin with a minute, or when the server starts.  In processes
# of the server, since the standby will have another port.
my $cron = $first->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'");
if ($cron)
{
	$first->append_conf('postgresql.conf', "shared_preload_libraries = 'bcdelta, pg_cron'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\nmax_worker_processes = 32");
	$first->restart;
	wait_for_worker($first, 'shop');
	$first->safe_psql('postgres', <<'EOC');
CREATE EXTENSION pg_cron;
SELECT cron.schedule_in_database(job.name, job.at, $$CALL bcdelta.sweep('shop', strict => true)$$, 'shop') FROM (VALUES ('every minute', '* * * * *'), ('at the start', '@reboot')) AS job (name, at);
EOC
}
note($cron ? 'with sweeps of pg_cron' : 'pg_cron is not installed');

sub cron_jobs { return node()->safe_psql('postgres', "SELECT count(cron.alter_job(jobid, active => $_[0])) FROM cron.job") if $cron; }
sub sweeps
{
	my ($where) = @_;
	return node()->safe_psql('postgres', "SELECT count(*) FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE $where");
}

sub trouble { return join(' ', sort @{ $shop->list('SELECT event FROM bcdelta.event WHERE over_at IS NULL') }); }

# Something is wrong from here until mended: it is told, and taken back.
sub in_trouble
{
	my ($event, $mend) = @_;
	$shop->wait_for("SELECT count(*) > 0 FROM bcdelta.event WHERE event = '$event' AND over_at IS NULL");
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = '$event' AND over_at IS NULL AND message ~ '[a-z]{3}'") > 0, 1, "$event is told, in words");
	isnt($shop->sql('SELECT bcdelta.health()') , 'ok', 'health() says so');
	$mend->();
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.event WHERE event = '$event' AND over_at IS NULL");
	return;
}

sub token { return $shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$_[0]')"); }

my $standby;
my %happens = (
	1 => [ 'a reload' => sub { node()->append_conf('postgresql.conf', 'bcdelta.naptime = 2'); node()->reload; } ],
	2 => [ 'a restart' => sub { node()->restart; wait_for_worker(node(), 'shop'); } ],
	3 => [ 'the worker is killed' => sub { kill_worker(node(), 'shop'); } ],
	4 => [ 'the token expires' => sub {
		token('expired');
		in_trouble('feed_paused', sub {
			token($store->token);
			$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
		});
	} ],
	5 => [ 'the server crashes' => sub { crash_server(node(), 'shop'); } ],
	6 => [ 'the disk is full' => sub {
		my $from = -s node()->logfile;
		$shop->sql("INSERT INTO full_disk VALUES ('result'); UPDATE articles SET price = price + 1 WHERE sku = (SELECT min(sku) FROM articles)");
		poll_until(sub { slurp_file(node()->logfile, $from) =~ /No space left/ }, 'the disk to be full');
		$shop->sql('DELETE FROM full_disk');
	} ],
	7 => [ 'somebody edits the store' => sub {
		$shop->sql("SELECT bcdelta.unschedule('nightly'); SELECT bcdelta.schedule('nightly', server => 'shop', kind => 'verify', mode => 'changed', every => '3 seconds')");
		my ($id) = @{ $shop->list("SELECT store_id FROM bcdelta.link WHERE feed = 'articles' ORDER BY key LIMIT 1") };
		$store->edit('product', $id, { name => 'Edited by hand' });
		in_trouble('differences', sub {
			$shop->sql("SELECT bcdelta.repair(run_id) FROM bcdelta.run WHERE kind = 'verify' AND conflicts > 0 ORDER BY run_id DESC LIMIT 1");
		});
	} ],
	8 => [ 'the store is down' => sub {
		$store->fault({ do => { lose => 'before' } });
		$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = (SELECT min(sku) FROM articles)");
		in_trouble('store_trouble', sub { $store->unfault; });
	} ],
	9 => [ 'the store has an hour of faults' => sub {
		random_faults($store, $seed, 0.3);
	} ],
	10 => [ 'a dump is restored beside it' => sub {
		my $dump = node()->basedir . '/weeks.dump';
		node()->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', node()->connstr('shop') ], 'a dump');
		node()->safe_psql('postgres', 'CREATE DATABASE copy');
		node()->command_ok([ 'pg_restore', '-d', node()->connstr('copy'), $dump ], 'is restored');
		node()->append_conf('postgresql.conf', "bcdelta.databases = 'shop, copy'");
		node()->reload;
		wait_for_worker(node(), 'copy');
		node()->poll_query_until('copy', "SELECT bool_and(state = 'paused') FROM bcdelta.status") or die 'the copy is not paused';
		node()->append_conf('postgresql.conf', "bcdelta.databases = 'shop'");
		node()->reload;
		poll_until(sub { !worker_pid(node(), 'copy') }, 'the worker of the copy to end');
		node()->safe_psql('postgres', 'DROP DATABASE copy');
	} ],
	11 => [ 'a column is renamed' => sub {
		$shop->sql('ALTER TABLE articles RENAME COLUMN price TO amount; ALTER TABLE articles ADD IF NOT EXISTS price_of_today numeric');
		in_trouble('feed_paused', sub {
			$shop->sql("ALTER TABLE articles RENAME COLUMN amount TO price; SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
		});
	} ],
	12 => [ 'quiet hours' => sub {
		# hours are given in minutes: these end with the present one, while a run is under way
		my $hours = sub { return $shop->sql("SELECT bcdelta.schedule('sales', server => 'shop', every => '1 second', hours => (SELECT string_agg(to_char((now() + n) AT TIME ZONE 'UTC', 'HH24:MI'), '-' ORDER BY n)
			FROM unnest('{$_[0],$_[1]}'::interval[]) AS n) || ' UTC')"); };
		cron_jobs('false');
		$shop->sql("SELECT bcdelta.unschedule('nightly')");
		$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running') AND schedule IS DISTINCT FROM 'sales'");
		my $end;
		my $until_minute = sub {
			$end = $shop->sql("SELECT date_trunc('minute', now() + interval '1 minute')");
			$hours->('-3 hours', '1 minute');
		};
		$until_minute->();
		$store->settings({ latency_ms => 400 });
		poll_until(sub {
			# no run was under way when they ended, and none begins now
			$until_minute->() if $shop->sql("SELECT now() > '$end'::timestamptz + interval '1 second'
				AND NOT EXISTS (SELECT FROM bcdelta.run WHERE schedule = 'sales' AND state IN ('requested', 'running'))") eq 't';
			$shop->sql('BEGIN; LOCK articles IN SHARE ROW EXCLUSIVE MODE; UPDATE articles SET price = price + 1; COMMIT')
				if $shop->sql('SELECT count(*) < 50 FROM bcdelta.pending') eq 't';
			return $shop->sql("SELECT count(*) > 0 FROM bcdelta.run WHERE schedule = 'sales' AND state = 'requested' AND started_at IS NOT NULL AND paused_until > now()") eq 't';
		}, 'a run to pause');
		$store->settings({ latency_ms => 0 });
		like($shop->sql('SELECT waiting_for FROM bcdelta.progress'), qr/^outside the hours/, 'it says why');
		$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.event WHERE over_at IS NULL");
		is($shop->sql('SELECT state FROM bcdelta.health()'), 'ok', 'a run that pauses is no trouble');
		my $asked = $store->journal;
		$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = (SELECT min(sku) FROM articles)");
		$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.change)');
		is($store->journal, $asked, 'outside the hours, the store is not asked');
		# and those begin with the next one
		$hours->('1 minute', '3 hours');
		my ($run) = @{ $shop->list("SELECT run_id FROM bcdelta.run WHERE schedule = 'sales' AND paused_until IS NOT NULL AND state = 'requested'") };
		$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run");
		$shop->sql("SELECT bcdelta.unschedule('sales'); SELECT bcdelta.schedule('sales', server => 'shop', every => '1 second');
			SELECT bcdelta.schedule('nightly', server => 'shop', kind => 'verify', mode => 'changed', every => '3 seconds')");
		cron_jobs('true');
	} ],
	13 => [ 'the worker is terminated' => sub { kill_worker(node(), 'shop', 'TERM'); } ],
	14 => [ 'the server fails over in the middle of a push' => sub {
		$standby->append_conf('postgresql.conf', "bcdelta.databases = 'shop'");
		$standby->reload;
		$store->hold({ match => { method => 'PUT' }, process => 'now' });
		$shop->sql('UPDATE articles SET price = price + 1 WHERE sku IN (SELECT sku FROM articles ORDER BY sku LIMIT 30)');
		$shop->wait_held(1);
		$first->wait_for_catchup($standby, 'replay', $first->lsn('insert'));
		$first->stop('immediate');
		$standby->promote;
		$store->release;
		$shop->{node} = $standby;
		push @logs, $standby->logfile;
		wait_for_worker($standby, 'shop');
	} ],
	15 => [ 'rows are given up' => sub {
		$store->fault({ match => { method => 'PUT', path => 'products', body => '4242\\.42' }, do => { status => 422, body => { status => 422, title => 'The price is not allowed.' } } });
		# the shop may change it before it is pushed
		poll_until(sub {
			$shop->sql('UPDATE articles SET price = 4242.42 WHERE sku = (SELECT min(sku) FROM articles) AND price <> 4242.42');
			return $shop->sql('SELECT count(*) > 0 FROM bcdelta.dead_letter') eq 't';
		}, 'a row that is given up');
		like($shop->sql('SELECT state || message FROM bcdelta.health()'), qr/warning.*row.*failed/, 'health() says so');
		$store->unfault;
		$shop->sql('SELECT bcdelta.retry()');
		$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.dead_letter');
		$shop->sql('UPDATE articles SET price = 42 WHERE price = 4242.42');
	} ],
	16 => [ 'another sweep at the same time' => sub { $shop->sql("CALL bcdelta.sweep('shop')") foreach 1 .. 3; } ],
	17 => [ 'another app takes the quota' => sub {
		$store->settings({ other_app => { calls => 14000, at_ms => [0] } });
		in_trouble('quota_taken', sub { $store->settings({ other_app => undef }); });
	} ],
	18 => [ 'somebody disables a trigger' => sub {
		$shop->sql('ALTER TABLE articles DISABLE TRIGGER ALL');
		in_trouble('feed_trouble', sub {
			$shop->sql('CALL statements(100, ' . rand() . ')');
			$shop->sql("ALTER TABLE articles ENABLE TRIGGER ALL; SELECT bcdelta.resume('articles')");
			my $verify = $shop->verify("feed => 'articles'");
			cmp_ok($verify->{conflicts}, '>', 0, 'a verify finds what was not captured');
			$shop->sql("SELECT bcdelta.repair($verify->{run_id})");
		});
	} ]);

# Without the memory that it shares with other processes, in kB
sub memory
{
	my ($status) = slurp_file('/proc/' . worker_pid(node(), 'shop') . '/status');
	my %kb = $status =~ /^(Rss(?:Anon|File)):\s+(\d+)/mg;
	return $kb{RssAnon};
}

sub nothing_pending
{
	eval {
		$shop->wait_for("SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.status WHERE changes > 0)");
		1;
	} or BAIL_OUT(join("\n", 'still pending:', @{ $shop->list("SELECT format('%s', p) FROM bcdelta.pending AS p LIMIT 20") }, @{ $shop->list("SELECT format('%s', s) FROM bcdelta.status AS s") },
		@{ $shop->list("SELECT format('%s', r) FROM bcdelta.run AS r ORDER BY run_id DESC LIMIT 3") }));
	return;
}

my (@memory, @dead, @changes, @size);
foreach my $day ($ENV{RANDOM_ONLY} ? $ENV{RANDOM_ONLY} : 1 .. $DAYS)
{
	my ($what, $do) = @{ $happens{ 1 + ($day - 1) % 21 } || [ 'nothing but trade' => sub { } ] };
	note("day $day: $what");
	if ($what =~ /fails over/ && !$standby)
	{
		$first->backup('weeks');
		$standby = PostgreSQL::Test::Cluster->new('standby');
		$standby->init_from_backup($first, 'weeks', has_streaming => 1);
		$standby->start;
		poll_until(sub { -e $standby->data_dir . '/bcdelta_place' }, 'the note that the standby streams');
	}
	next if $what =~ /fails over/ && $shop->{node} != $first;
	my $trade = $shop->start("CALL statements($CHANGES, " . rand() . ')');
	$do->();
	# a server that went away took the traders with it
	$trade->finish;
	$shop->sql("CALL statements($CHANGES, " . rand() . ')');
	$store->unfault;
	$shop->sql("SELECT bcdelta.retry()");
	nothing_pending();
	# the worker has been there for a day
	$shop->sql("CALL statements($CHANGES, " . rand() . ')');
	nothing_pending();
	push @memory, memory();
	# Tables of changes are truncated once they have a megabyte
	push @changes, $shop->sql("SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE schemaname = 'bcdelta' AND relname ~ '^change(_|\$)'");
	push @dead, $shop->sql("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE schemaname = 'bcdelta' AND relname !~ '^change(_|\$)'");
	push @size, $shop->sql("SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE schemaname = 'bcdelta' AND relname ~ '^(pending|change|move)'");
	my $most = $shop->sql("SELECT string_agg(relname || ' ' || n_dead_tup, ', ') FROM (SELECT * FROM pg_stat_user_tables WHERE schemaname = 'bcdelta' ORDER BY n_dead_tup DESC LIMIT 3) AS t");
	note("day $day: worker $memory[-1] kB, $dead[-1] dead rows (most of all: $most), queues of $size[-1] bytes");
}

if ($cron)
{
	# also on the server that took over
	poll_until(sub { sweeps("status = 'succeeded' AND end_time > now() - interval '1 minute'") > 0 }, 'a sweep of pg_cron');
	cmp_ok(sweeps("status = 'succeeded'"), '>', sweeps("status = 'failed'"), 'most sweeps of pg_cron have succeeded');
	is(sweeps("status = 'failed' AND return_message !~ 'paused feeds were not pushed|run [0-9]+ failed'"), 0, 'the others say why not')
		or diag(node()->safe_psql('postgres', "SELECT * FROM cron.job_run_details WHERE status = 'failed'"));
	note(node()->safe_psql('postgres', 'SELECT status, count(*), min(return_message) FROM cron.job_run_details GROUP BY 1'));
	cron_jobs('false');
}
$shop->sql("SELECT bcdelta.unschedule('sales'); SELECT bcdelta.unschedule('nightly')");
is($shop->push->{state}, 'succeeded', 'the last push');
my $verify = $shop->verify;
is($verify->{state}, 'succeeded', 'the last verify');
is($shop->sql("SELECT string_agg(concat_ws(' ', feed, key, kind, field, source_value, store_value), E'\n') FROM bcdelta.discrepancy WHERE run_id = $verify->{run_id}"), '', 'source and store agree');
my %price = map { split /\|/ } @{ $shop->list('SELECT sku, price::float8 FROM articles') };
is_deeply({ map { $_->{sku} => 0 + $_->{price} } @{ $store->state('products') } }, { map { $_ => 0 + $price{$_} } keys %price }, 'each product is in the store once, with its price');
is(scalar @{ $store->state('brands') }, 20, 'each brand once');
is(scalar @{ $store->state('categories') }, 30, 'each category once');
is_deeply($store->violations, {}, 'the store has nothing to complain about') or diag(explain($store->violations));

# The first days, and the first full verify, fill caches.
my $quarter = max(1, int(@memory / 4));
my ($first, $late) = (max(@memory[ 0 .. min(20, $#memory) ]), max(@memory[ -$quarter .. -1 ]));
cmp_ok(max(@memory), '<', 64 * 1024, 'the worker takes little memory: at most ' . max(@memory) . ' kB');
cmp_ok($late, '<', 1.1 * $first + 4096, "which is flat: $first kB in the first three weeks, $late kB at the end");
cmp_ok($memory[-1], '<', $memory[ max(-@memory, -3) ] + 4096, "and does not grow in the last days: $memory[-1] kB");
cmp_ok(max(@dead), '<', 50 * $CHANGES + 5000, 'dead rows are bounded: at most ' . max(@dead));
cmp_ok(max(@changes), '<', 100_000, 'and those of changes: at most ' . max(@changes));
cmp_ok($size[-1], '<', 2 * max(@size[ 0 .. min($quarter, $#size) ]) + 4 * 1024 * 1024, 'so is the space of the queues');

$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.event WHERE over_at IS NULL');
is($shop->sql('SELECT count(*) FROM bcdelta.trouble'), 0, 'nothing is wrong any more');
like($shop->sql('SELECT bcdelta.health()'), qr/ok/, 'health() agrees');
is($shop->sql("SELECT string_agg(a.message, E'\n') FROM bcdelta.event AS a JOIN bcdelta.event AS b USING (event)
	WHERE (a.server, a.feed, a.schedule) IS NOT DISTINCT FROM (b.server, b.feed, b.schedule) AND a.event_id < b.event_id AND b.at < a.over_at"),
	'', 'no problem was told twice while it lasted');

# As the log begins them; feeds that have the same problem have one line
my $log = join('', map { slurp_file($_) } @logs);
my %line = (
	feed_paused => 'feeds? "[^:]*" (?:was|were) paused',
	feed_trouble => 'feeds? "[^:]*": ',
	schedule_failed => 'schedule ".*": run [0-9]+ failed',
	store_trouble => 'store of server "shop": (?!other apps)',
	quota_taken => 'store of server "shop": other apps',
	another_writer => 'store of server "shop": another',
	differences => 'schedule ".*": run [0-9]+ .verify. found',
	worker_back => 'the worker of this database');
foreach my $event (sort keys %line)
{
	my $begun = $shop->sql("SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS later FROM bcdelta.event WHERE event = '$event' AND severity <> 'info') AS e
		WHERE NOT coalesce(later < interval '0.3 seconds' AND '$event' ~ '^feed', false)");
	# without those of the copy, which is another database
	my @told = grep { !/ was paused: this database is a copy|was not in bcdelta.databases before/ } $log =~ /(WARNING:  bcdelta: $line{$event}.*)/g;
	is(scalar @told, $begun, "the log has one line for each beginning of $event: $begun") or diag(explain(\@told, $shop->list("SELECT format('%s', e) FROM bcdelta.event AS e WHERE event = '$event'")));
}
my $over = () = $log =~ /LOG:  bcdelta: this is over: /g;
my $ended = $shop->sql("SELECT count(*) FROM (SELECT DISTINCT event, over_at FROM bcdelta.event WHERE event <> 'worker_back' AND at < over_at) AS e");
cmp_ok($over, '<=', $ended, "and at most one for each end: $over of $ended");
my @repeated = do { my %n; $n{$_}++ foreach $log =~ /^\S+ \S+ \S+ \[\d+\] bcdelta (?:worker|launcher).*?((?:WARNING|ERROR|FATAL):  .*)$/mg; grep { $n{$_} > 3 * $DAYS } keys %n };
is_deeply(\@repeated, [], 'and none again and again') or diag(explain(\@repeated));
unlike($log, qr/\Q@{[$store->token]}\E.*bcdelta worker/, 'the worker has not written the token anywhere');

done_testing();
