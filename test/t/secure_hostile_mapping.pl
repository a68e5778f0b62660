# Mappings that do harm, on purpose or not: a row harms no other row, a feed no
# other feed, and none the worker.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'mappings',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1\nlog_statement = none\nbcdelta.mapping_timeout = 0\nbcdelta.lock_timeout = '100ms'" });
my ($node, $store) = ($shop->node, $shop->store);
my $n = 0;

# A role that may use the store, and can create functions: no superuser.
$shop->sql(<<'EOC');
CREATE ROLE merchant LOGIN;
GRANT USAGE ON SCHEMA bcdelta TO merchant;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bcdelta TO merchant;
GRANT USAGE ON FOREIGN SERVER shop TO merchant;
CREATE USER MAPPING FOR merchant SERVER shop OPTIONS (access_token 'token');
CREATE SCHEMA bad AUTHORIZATION merchant;
CREATE TABLE good (id int PRIMARY KEY, name text);
SELECT bcdelta.track('good', 'shop', 'brand');
EOC
$shop->sql("ALTER USER MAPPING FOR merchant SERVER shop OPTIONS (SET access_token '" . $store->token . "')");

sub set_timeout
{
	$node->append_conf('postgresql.conf', "bcdelta.mapping_timeout = '$_[0]'");
	$node->reload;
	return;
}

# A feed of the merchant's, of rows 1 to 5, whose names come out of bad.name(id).
sub bad_feed
{
	my ($body, %more) = @_;
	my $volatile = $more{volatile} // 'VOLATILE';
	my $call = $more{call} // 'bad.name(id)';
	$shop->sql("SELECT bcdelta.untrack(feed) FROM bcdelta.feed WHERE feed = 'rows'");
	$shop->sql(<<"EOC");
SET ROLE merchant;
DROP TABLE IF EXISTS bad.rows;
CREATE TABLE bad.rows (id int PRIMARY KEY);
CREATE OR REPLACE FUNCTION bad.name(id int) RETURNS text LANGUAGE plpgsql $volatile AS \$\$ BEGIN RETURN 'Bad $n.' || id; END \$\$;
SELECT bcdelta.track('bad.rows', 'shop', 'brand', fields => '{"name": "$call"}', feed => 'rows');
CREATE OR REPLACE FUNCTION bad.name(id int) RETURNS text LANGUAGE plpgsql $volatile AS \$\$ $body \$\$;
INSERT INTO bad.rows SELECT generate_series(1, 5);
EOC
	$n++;
	$shop->sql("INSERT INTO good VALUES ($n, 'Good $n')");
	return;
}

sub is_pushed { return is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'good' AND key = '$n'"), 1, $_[0] // "the other feed's row is pushed"); }

my $pid = worker_pid($node, 'shop');

subtest 'any error raised for a row is that row\'s alone, and the worker lives' => sub {
	my @errors = (
		[ 'a file', "PERFORM pg_read_file('there_is_none')", qr/permission denied/ ],
		(map { [ $_, "RAISE $_", qr/$_/ ] }
			  qw(io_error undefined_file out_of_memory configuration_limit_exceeded statement_too_complex internal_error data_corrupted object_in_use query_canceled admin_shutdown)),
		[ 'endless recursion', 'RETURN bad.name(id)', qr/stack depth limit/ ],
		[ 'a text of 3 GB', "RETURN length(repeat(repeat('x', 1000000000), 3))", qr/requested length too large|out of memory|invalid memory alloc/ ],
		[ 'exit_on_error', "PERFORM set_config('exit_on_error', 'on', false); RAISE 'over'", qr/exit_on_error/ ],
		[ 'SET LOCAL exit_on_error', "SET LOCAL exit_on_error = on; RAISE 'over'", qr/exit_on_error/ ],
		[ 'EXECUTE of SET exit_on_error', "EXECUTE 'SET exit_on_error = on'; RAISE 'over'", qr/exit_on_error/ ],
		[ 'a function with SET exit_on_error', "PERFORM bad.exits()", qr/exit_on_error/ ],
		[ 'SET ROLE', "SET ROLE postgres", qr/cannot set parameter "role"/ ],
		[ 'RESET SESSION AUTHORIZATION', "RESET SESSION AUTHORIZATION", qr/cannot set parameter "session_authorization"/ ],
		[ 'ending the worker', "PERFORM pg_terminate_backend(pg_backend_pid())", qr/superuser|permission denied|privilege|pg_signal_backend/ ],
		[ 'a temporary table', "CREATE TEMP TABLE t (i int)", qr/read-only transaction/ ],
		[ 'a prepared statement', "EXECUTE 'PREPARE p AS SELECT 1'", qr/cannot execute PREPARE/ ],
		[ 'LISTEN', "LISTEN x", qr/cannot execute LISTEN/ ],
		[ 'a holdable cursor', "EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'", qr/WITH HOLD/ ],
		[ 'writing', "CREATE TABLE bad.written (i int)", qr/read-only transaction/ ],
		[ 'making it not read-only', "SET transaction_read_only = off; CREATE TABLE bad.written (i int)", qr/read-only transaction/ ]);
	$shop->sql("SET ROLE merchant; CREATE FUNCTION bad.exits() RETURNS void LANGUAGE plpgsql SET exit_on_error = on AS \$\$ BEGIN RAISE 'over'; END \$\$");
	bad_feed('BEGIN '
		  . join('', map { 'IF id = ' . (100 + $_) . " THEN $errors[$_][1]; END IF; " } 0 .. $#errors)
		  . "RETURN 'Bad ' || id; END");
	$shop->sql("INSERT INTO bad.rows SELECT generate_series(100, 99 + " . @errors . ')');
	my $run = $shop->push;
	is("$run->{state} $run->{created} $run->{failed}", 'succeeded 6 ' . @errors, 'rows fail, the others are pushed') or diag(explain($run));
	like($shop->errors->{ 'rows ' . (100 + $_) } // '', $errors[$_][2], "$errors[$_][0] is named") foreach 0 .. $#errors;
	is(worker_pid($node, 'shop'), $pid, 'the worker lives');
};

subtest 'code in a domain of the key fails its rows, deletes nothing, and pauses nothing' => sub {
	$shop->sql(<<'EOC');
SET ROLE merchant;
CREATE FUNCTION bad.check_key(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
CREATE DOMAIN bad.key AS int CHECK (bad.check_key(VALUE));
CREATE TABLE bad.keys (id bad.key PRIMARY KEY, name text);
SELECT bcdelta.track('bad.keys', 'shop', 'brand', feed => 'keys', on_delete => 'delete');
INSERT INTO bad.keys SELECT i, 'Key ' || i FROM generate_series(1, 4) AS i;
EOC
	is($shop->push->{created}, 4, 'a feed whose key is of a domain');
	$shop->sql(<<'EOC');
SET ROLE merchant;
UPDATE bad.keys SET name = name || '!' WHERE id <> 2;
DELETE FROM bad.keys WHERE id = 2;
CREATE OR REPLACE FUNCTION bad.check_key(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF $1 IN (2, 3) THEN RAISE io_error; END IF; RETURN true; END $$;
EOC
	my $run = $shop->push;
	is("$run->{state} $run->{updated} $run->{deleted} $run->{failed}", 'succeeded 2 0 2', 'a domain whose check fails for two keys: the others are pushed, nothing is deleted')
	  or diag(explain([ $run, $shop->errors ]));
	like($shop->errors->{'keys 2'}, qr/io_error/, 'and the row says why');
	$run = $shop->verify;
	is($run->{state}, 'succeeded', 'verify goes on too') or diag($run->{error});
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'keys'"), 'active', 'and does not pause the feed for that');
	$shop->sql("SELECT bcdelta.untrack('keys')");
};

subtest 'settings, cursors and locks that one row leaves behind do not affect the next' => sub {
	bad_feed(<<'EOB');
DECLARE
	c CURSOR FOR SELECT 1;
	found text := concat_ws(' ', current_setting('work_mem'), current_setting('lock_timeout'), current_setting('my.own', true));
BEGIN
	c := 'always the same';
	OPEN c;
	PERFORM set_config('work_mem', '77MB', false), set_config('lock_timeout', '7d', false), set_config('my.own', 'x', false);
	PERFORM pg_advisory_lock(4711 + id), pg_advisory_xact_lock(4811 + id);
	RETURN 'Left ' || id || ' ' || found;
END
EOB
	is($shop->push->{created}, 6, 'rows that leave open cursors, settings and locks behind are pushed');
	is_deeply($shop->list("SELECT DISTINCT split_part(payload ->> 'name', ' ', 3) || split_part(payload ->> 'name', ' ', 5) FROM bcdelta.link WHERE feed = 'rows'"),
		['4MB'], 'each of them with the settings of the first');
	is($shop->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'and no lock is left');
};

subtest 'a locked table holds up the rows that need it, and no others' => sub {
	bad_feed("BEGIN IF id = 3 THEN PERFORM count(*) FROM bad.lookup; END IF; RETURN 'Bad $n.' || id; END");
	$shop->sql('CREATE TABLE bad.lookup (i int); ALTER TABLE bad.lookup OWNER TO merchant');
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE bad.lookup');
	my $push = $shop->start('SELECT state, created, failed FROM bcdelta.push()');
	$shop->wait_for("SELECT count(*) = 4 FROM bcdelta.link WHERE feed = 'rows'");
	is_pushed('a table that one row needs is locked: the other feed goes on');
	is_deeply($shop->pending, { 'rows 3' => 'ready' }, 'and so do the other rows');
	$locker->query('COMMIT');
	$locker->finish;
	is(($push->finish)[1], 'succeeded|6|0', 'when it is free, the run continues');
};

subtest 'a row whose code raises a temporary error is tried once per run, and fails after max_attempts' => sub {
	plan skip_all => 'a build without assertions' if $shop->sql("SELECT count(*) FROM pg_settings WHERE name = 'bcdelta.debug_points'") == 0;
	$node->append_conf('postgresql.conf', 'bcdelta.debug_points = on');
	$node->reload;
	foreach my $error (qw(lock_not_available disk_full))
	{
		bad_feed("BEGIN IF id < 5 THEN RAISE $error USING MESSAGE = 'not now'; END IF; RETURN 'Bad $n.' || id; END");
		my $run = $shop->push;
		is("$run->{state} $run->{created}", 'failed 2', "rows that raise $error each time: all others are pushed");
		like($run->{error}, qr/row \d: not now/, 'the run says which one was left out, and why');
		is($shop->sql("SELECT string_agg(DISTINCT concat_ws(' ', state, attempts, last_error), ', ') FROM bcdelta.pending WHERE feed = 'rows'"),
			'ready 1 not now', 'and so do the rows');
		$run = $shop->push;
		is($shop->sql("SELECT string_agg(DISTINCT concat_ws(' ', state, attempts, last_error), ', ') FROM bcdelta.pending WHERE feed = 'rows'"),
			'ready 2 not now', 'the next run looks at them once');
		$shop->sql("UPDATE bcdelta.pending SET attempts = 9");
		is($shop->push->{failed}, 4, 'when a row has been tried often enough, it has failed');
		is($shop->errors->{'rows 1'}, 'given up after 10 attempts: not now', 'and says why');
	}
	$node->append_conf('postgresql.conf', 'bcdelta.debug_points = off');
	$node->reload;
};

subtest 'a function that sleeps, or cancels, while it is planned pauses its feed' => sub {
	set_timeout('200ms');
	bad_feed("BEGIN PERFORM pg_sleep(1000); RETURN 'Bad'; END", volatile => 'IMMUTABLE', call => 'bad.name(7)');
	my $run = $shop->push;
	is("$run->{state} $run->{created}", 'failed 1', 'a function that sleeps when it is planned: the other feed continues');
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'rows'"), qr/took longer than bcdelta\.mapping_timeout/, 'its own is paused, and says why');
	is(worker_pid($node, 'shop'), $pid, 'the worker lives');

	bad_feed("BEGIN RAISE query_canceled; RETURN 'Bad'; END", volatile => 'IMMUTABLE', call => 'bad.name(7)');
	$run = $shop->push;
	is("$run->{state} $run->{created}", 'failed 1', 'a function that raises a cancel when it is planned: the other feed continues');
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'rows'"), qr/query_canceled/, 'its own is paused, and says why');
};

# Waits until the worker has been taken down this often.
sub wait_crashes
{
	my ($number, $feed) = @_;
	poll_until(sub { my ($rc, $out) = try_sql($node, 'shop', "SELECT crashes FROM bcdelta.feed WHERE feed = '" . ($feed // 'rows') . "'"); $rc == 0 && $out eq $number }, "$number crashes");
	wait_for_worker($node, 'shop');
	return;
}

sub is_paused
{
	my ($what, $reason) = @_;
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'rows'");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'rows'"), $reason, "$what: the feed is paused, and says why");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	$shop->wait_for("SELECT bcdelta.worker_state()", 'running');
	is_pushed();
	return;
}

subtest 'ten consecutive rows that take too long pause their feed' => sub {
	set_timeout('20ms');
	bad_feed("BEGIN PERFORM pg_sleep(1000); RETURN 'Bad'; END");
	$shop->sql('INSERT INTO bad.rows SELECT generate_series(6, 30)');
	my $run = $shop->push;
	is("$run->{state} $run->{created}", 'failed 1', 'rows that all take too long: the other feed continues');
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'rows'"), qr/^10 consecutive rows took longer than bcdelta\.mapping_timeout/, 'their own is paused');
	set_timeout('200ms');
};

my $session;
subtest 'code that catches its cancel takes the worker down twice, then its feed is paused' => sub {
	$session = psql_open($node, 'shop');
	foreach my $case (
		[ 'catches the cancel', "LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN END; END LOOP" ],
		[ 'catches everything, in a busy loop', "LOOP BEGIN LOOP PERFORM 1; END LOOP; EXCEPTION WHEN query_canceled OR OTHERS THEN END; END LOOP" ],
		[ 'catches it in ever deeper calls', "BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN RETURN bad.name(id); END" ])
	{
		my ($what, $do) = @$case;
		my $log_end = -s $node->logfile;
		bad_feed("BEGIN IF id = 3 THEN $do; END IF; RETURN 'Bad $n.' || id; END");
		$shop->push('wait => false');
		is_paused($what, qr/took the bcdelta worker down 2 times: it continued after it was cancelled.*, the last time for row 3; fix it, then SELECT bcdelta\.resume\('rows'\)/);
		like(slurp_file($node->logfile, $log_end), qr/WARNING:  feed "rows": its code continued after it was cancelled; the bcdelta worker was terminated/, 'the log says so');
	}
	is($session->query('SELECT 1'), 1, 'no other session is harmed');
};

subtest 'code that catches its cancel, while a session prevents this from being recorded, holds up no other feed' => sub {
	bad_feed("BEGIN IF id = 3 THEN LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN END; END LOOP; END IF; RETURN 'Bad $n.' || id; END");
	$shop->sql("UPDATE bcdelta.feed AS f SET store = g.store FROM bcdelta.feed AS g WHERE f.feed = 'rows' AND g.feed = 'good'");
	$session->query("BEGIN; SELECT bcdelta.pause('rows')");
	$pid = worker_pid($node, 'shop');
	$shop->push('wait => false');
	wait_for_worker($node, 'shop', $pid);
	$n++;
	$shop->sql("INSERT INTO good VALUES ($n, 'Good $n')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE feed = 'good' AND key = '$n'");
	pass('a session has the feed locked: the worker goes on without it');
	$session->query('ROLLBACK');
	is_paused('when it is not locked any more', qr/took the bcdelta worker down 2 times/);
	$session->finish;
};

my $sleep;

# Pushes, and waits until the worker is asleep in the mapping.
sub sleeping
{
	$shop->push('wait => false') if @_;
	poll_until(sub { (try_sql($node, 'shop', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'bcdelta worker' AND wait_event = 'PgSleep'"))[1] eq 1 },
		'the worker to run the mapping');
	return worker_pid($node, 'shop');
}

subtest 'a feed whose code crashes the worker twice is paused; resume gives it another chance' => sub {
	set_timeout(0);

	$sleep = "BEGIN IF id = 3 THEN PERFORM pg_sleep(1000); END IF; RETURN 'Bad $n.' || id; END";
	foreach my $signal ('KILL', 'SEGV')
	{
		bad_feed($sleep);
		kill($signal, sleeping(1));
		wait_crashes(1);
		is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'rows'"), 'active', "$signal: after the first time it continues");
		kill($signal, sleeping());
		is_paused($signal, qr/took the bcdelta worker down 2 times: the process crashed or was killed while it ran, the last time for row 3/);
	}
	$shop->sql("SELECT bcdelta.resume('rows')");
	is($shop->sql("SELECT crashes FROM bcdelta.feed WHERE feed = 'rows'"), 0, 'resume gives it another chance');
};

subtest 'the status names code that does not react to signals' => sub {
	SKIP:
	{
		skip 'the server is built without libxml', 3 if ($shop->try("SELECT xpath('/a', '<a/>')"))[0] != 0;
		set_timeout('200ms');
		bad_feed(<<'EOB');
BEGIN
	IF id = 3 THEN
		PERFORM xpath('count(//*[count(//*[count(//*) > 0]) > 0])', ('<a>' || repeat('<b/>', 20000) || '</a>')::xml);
	END IF;
	RETURN 'Stuck ' || id;
END
EOB
		$shop->push('wait => false');
		$shop->wait_for("SELECT bcdelta.worker_state()", 'the worker is stuck in the code of feed rows');
		pass('code that reacts to nothing is told');
		kill('KILL', worker_pid($node, 'shop'));
		wait_crashes(1);
		$shop->wait_for("SELECT bcdelta.worker_state()", 'the worker is stuck in the code of feed rows');
		like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'good'"), qr/the worker is stuck/, 'also in the status');
		kill('KILL', worker_pid($node, 'shop'));
		wait_crashes(2);
		is_paused('when it is killed', qr/took the bcdelta worker down 2 times: it continued/);
		set_timeout(0);
	}
};

subtest 'a worker that is terminated, or dies because of another process, is not blamed on a feed' => sub {
	bad_feed($sleep);
	$pid = sleeping(1);
	$shop->sql("SELECT pg_terminate_backend($pid)");
	wait_for_worker($node, 'shop', $pid);
	$session = psql_open($node, 'shop');
	my $other = $session->query('SELECT pg_backend_pid()');
	sleeping();
	kill('KILL', $other);
	eval { $session->finish };
	poll_until(sub { (try_sql($node, 'shop', 'SELECT 1'))[0] == 0 }, 'the server to restart');
	foreach my $mode ('fast', 'immediate')
	{
		sleeping();
		$node->stop($mode);
		$node->start;
	}
	$pid = sleeping();
	is($shop->sql("SELECT crashes FROM bcdelta.feed WHERE feed = 'rows'"), 0,
		'the worker is terminated, another process crashes, the server is stopped: no feed is to blame');
};

subtest 'a crash is forgotten once the feed has run well for some time' => sub {
	kill('KILL', $pid);
	wait_crashes(1);
	$shop->sql("SELECT pg_terminate_backend($_)") foreach sleeping();
	$shop->sql("CREATE OR REPLACE FUNCTION bad.name(id int) RETURNS text LANGUAGE sql AS \$\$ SELECT 'Mended ' || id \$\$");
	$shop->wait_for("SELECT count(*) = 5 FROM bcdelta.link WHERE feed = 'rows'");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	is($shop->sql("SELECT crashes FROM bcdelta.feed WHERE feed = 'rows'"), 1, 'one push that goes well proves nothing yet');
	$shop->sql("UPDATE bcdelta.feed SET crashed_at = crashed_at - interval '2 hours'");
	is($shop->push->{state}, 'succeeded', 'another one later');
	is($shop->sql("SELECT crashes, crashed_at FROM bcdelta.feed WHERE feed = 'rows'"), '0|', 'makes up for the crash');
};

subtest 'a superuser\'s code that ends the worker is counted too' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE ends (id int PRIMARY KEY, name text);
SELECT bcdelta.track('ends', 'shop', 'brand', fields => '{"name": "name || CASE WHEN pg_terminate_backend(pg_backend_pid()) THEN id END"}');
INSERT INTO ends VALUES (1, 'Ends');
EOC
	$shop->push('wait => false');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.feed WHERE feed = 'ends' AND paused_reason ~ '2 times: it ended the process, the last time for row 1'");
	pass('code that ends the worker is paused');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
done_testing();
