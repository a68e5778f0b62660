# What people add to the criteria of a go-live, and answer: questions, queries, signatures, waivers.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('answers', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n", init => [ allows_streaming => 1 ] });
my ($node, $store) = ($shop->node, $shop->store);
$BCDelta::Cutover::shop = $shop;
$shop->tables(makers => {});
$shop->sql("INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i");
$shop->push;

sub check
{
	my ($criterion, $columns) = @_;
	$columns //= 'verdict';
	return $shop->sql("SELECT concat_ws(' | ', $columns) FROM bcdelta.go_live_check('shop') WHERE criterion = \$\$$criterion\$\$");
}

sub ask { return $shop->sql("SELECT bcdelta.criterion('shop', 'own', query => \$query\$$_[0]\$query\$)"); }
sub says { my ($query, $words, $what) = @_; ask($query); return like(check('own', 'verdict, found, why'), $words, $what); }

subtest 'a query that fails, writes, or returns something else makes its criterion unknown, and no other' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE notes (words text);
CREATE FUNCTION public.writes() RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.notes VALUES ('x'); RETURN 'x'; END$$;
CREATE FUNCTION public.locks() RETURNS text LANGUAGE plpgsql AS $$BEGIN LOCK TABLE public.notes IN ACCESS EXCLUSIVE MODE; RETURN 'x'; END$$;
CREATE FUNCTION public.shares() RETURNS text LANGUAGE plpgsql AS $$BEGIN LOCK TABLE public.notes IN ACCESS SHARE MODE; RETURN 'x'; END$$;
EOC
	says("SELECT true, '5 open'", qr/^go \| 5 open \| its query says so$/, 'met');
	says("SELECT false, 'three'", qr/^no-go \| three \| /, 'not met');
	says("SELECT true, NULL::text", qr/^go \| its query says so$/, 'nothing found');
	says("SELECT true, 7", qr/^go \| 7 \| /, 'a number as what was found');
	says("SELECT NULL::boolean, 'x'", qr/^unknown \| x \| the query does not say whether it is met: it returns null$/, 'null');
	says("SELECT true, 'x' WHERE false", qr/^unknown \| its query fails: the query returns no row$/, 'no row');
	says("SELECT true, 'x' FROM generate_series(1, 2)", qr/^unknown \| its query fails: the query returns more than one row$/, 'two rows');
	says("SELECT 1 / (SELECT count(*) FROM public.notes) > 0, 'x'", qr/^unknown \| its query fails: division by zero$/, 'an error');
	says("SELECT true, public.writes()", qr/^unknown \| its query fails: cannot execute INSERT in a read-only transaction$/, 'it writes');
	my $reader = BCDelta::Session->open($node, 'shop');
	$reader->sql('BEGIN; LOCK TABLE public.notes IN ACCESS SHARE MODE');
	says("SELECT true, public.locks()", qr/^unknown \| its query fails: canceling statement due to lock timeout$/, 'it waits for a lock that would be in the way of others');
	$reader->close;
	says("SELECT true, pg_advisory_lock(1)::text", qr/^unknown \| its query fails: function pg_advisory_lock is not allowed in a criterion$/, 'a lock of the session');
	says("SELECT true, set_config('search_path', 'nowhere', false)", qr/^go \| nowhere/, 'it changes a setting');
	is($shop->sql("SELECT bcdelta.criterion('shop', 'own', query => 'SELECT true, public.shares()'); BEGIN; SELECT verdict FROM bcdelta.go_live_check('shop') WHERE criterion = 'own'; SELECT current_setting('search_path'), count(*) FROM pg_locks WHERE relation = 'notes'::regclass; COMMIT"),
		"\ngo\n\"\$user\", public|0", 'settings and locks are those from before');
	says("SELECT true, repeat('x', 100000)", qr/^go \| x{100}/, 'a long answer');
	$shop->sql('DROP FUNCTION shares');
	like(check('own', 'verdict'), qr/^go/, 'its last query');
	ask("SELECT true, public.writes()");
	$shop->sql('DROP FUNCTION writes');
	like(check('own', 'verdict, why'), qr/^unknown \| its query fails: function public\.writes\(\) does not exist$/, 'what it calls was dropped');
	is($shop->sql("SELECT count(*) FROM bcdelta.go_live_check('shop') WHERE verdict = 'unknown' AND why ~ 'fail'"), 1, 'all others are told');
	refused("SELECT bcdelta.criterion('shop', 'own', query => \$q\$$_->[0]\$q\$)", $_->[1], "refused: $_->[0]")
		foreach [ 'SELECT true', qr/the query must return two columns/ ], [ "SELECT true, 'a', 'b'", qr/the query must return two columns/ ], [ "SELECT 'yes', 'a'", qr/the query must return two columns/ ],
		[ 'DELETE FROM public.notes', qr/the query must be one SELECT statement/ ], [ "SELECT true, 'a'; SELECT true, 'b'", qr/the query must be one SELECT statement/ ], [ 'SELECT true, words FROM notes', qr/relation "notes" does not exist.*HINT:  Name each table and function with its schema/s ], [ 'SELEKT', qr/syntax error/ ], [ '', qr/the query must be one SELECT statement/ ],
		[ 'SELECT true, $1', qr/there is no parameter/ ], 
		[ 'WITH d AS (DELETE FROM public.notes RETURNING true, words) SELECT * FROM d', qr/the query must be one SELECT statement/ ], [ "SELECT true, words FROM public.notes FOR UPDATE", qr/the query must be one SELECT statement/ ];
};

subtest 'a query has five seconds, whatever it catches' => sub {
	$shop->sql(<<'EOC');
CREATE FUNCTION public.stubborn() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); RETURN 'x'; EXCEPTION WHEN query_canceled THEN RETURN 'caught'; END$$;
EOC
	my $start = time;
	says("SELECT true, public.stubborn()", qr/^unknown \| its query fails: it took longer than 5 seconds$/, 'it says so');
	cmp_ok(time - $start, '<', 20, 'and the check goes on');
	ask("SELECT true, pg_sleep(60)::text");
	my $asks = psql_start($node, 'shop', "SELECT verdict FROM bcdelta.go_live_check('shop')");
	$shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	$asks->cancel;
	my ($rc, undef, $err) = $asks->finish;
	like($err, qr/canceling statement due to user request/, 'whoever asks can cancel that');
	$shop->sql("SELECT bcdelta.criterion('shop', 'own')");
};

subtest 'a signature lapses with what it rests on, and does not count again by itself' => sub {
	$shop->sql("SELECT bcdelta.criterion('shop', 'invoices', 'Are all invoices sent?')");
	is(check('invoices', 'severity, verdict, why'), 'must | unknown | nobody has signed it', 'a question');
	$shop->sql("SELECT bcdelta.sign('shop', 'invoices', note => 'all 17')");
	like(check('invoices', 'verdict, found'), qr/^signed \| go: postgres, .*: all 17$/, 'signed');
	$shop->sql("SELECT bcdelta.pause('makers', 'lunch')");
	is(check('invoices', 'verdict, why'), 'unknown | the signature does not count: since then, this has got worse: feeds', 'a feed is paused: it does not count');
	$shop->sql("SELECT bcdelta.resume('makers')");
	is(check('invoices', 'verdict, why'), 'unknown | the signature does not count: since then, this has got worse: feeds', 'the feed goes on: it still does not');
	$shop->sql("SELECT bcdelta.sign('shop', 'invoices')");
	is(check('invoices'), 'signed', 'it has to be signed again');
	$shop->sql("SELECT bcdelta.pause('makers', 'lunch'); BEGIN READ ONLY; SELECT count(*) FROM bcdelta.go_live_check('shop'); COMMIT; SELECT bcdelta.resume('makers')");
	is(check('invoices'), 'signed', 'what was only seen in a transaction that may not write is not noted');
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '20 days')");
	$shop->sql("SELECT bcdelta.pause('makers', 'lunch')");
	$shop->wait_for("SELECT lapsed = 'feeds' FROM bcdelta.signature WHERE criterion = 'invoices'");
	$shop->sql("SELECT bcdelta.resume('makers')");
	is(check('invoices'), 'unknown', 'while there is a plan, the worker notes it, too');
	$shop->sql("SELECT bcdelta.sign('shop', 'invoices', 'no-go', 'three are missing')");
	like(check('invoices', 'verdict, why'), qr/^no-go \| a person has said no/, 'no');
	$shop->sql("SELECT bcdelta.sign('shop', 'invoices'), bcdelta.abort_cutover('shop', 'a test')");
	is(check('invoices', 'verdict, why'), 'unknown | the signature does not count: the plan that it was given for is over', 'it ends with its plan');
	refused("SELECT bcdelta.sign('shop', 'feeds')", qr/criterion "feeds" is measured, and not signed/, 'what is measured is not signed');
	refused("SELECT bcdelta.sign('shop', 'nothing')", qr/server "shop" has no criterion "nothing"/, 'nor what does not exist');
	refused("SELECT bcdelta.sign('shop', 'invoices', 'perhaps')", qr/invalid value for argument "verdict"/, 'yes or no');
};

subtest 'a waiver needs a reason, and ends' => sub {
	refused("SELECT bcdelta.waive('shop', 'rehearsal', $_)", qr/argument "reason"/, "reason $_") foreach "NULL", "''", "'  '";
	refused("SELECT bcdelta.waive('shop', 'rehearsal', 'why', until => now() - interval '1 day')", qr/argument "until" is in the past/, 'the past');
	$shop->sql("SELECT bcdelta.waive('shop', 'rehearsal', 'done in the sandbox', until => now() + interval '1 day')");
	like(check('rehearsal', 'verdict, why'), qr/^waived \| waived by postgres, .*: done in the sandbox$/, 'waived');
	is($shop->sql("SELECT reason || (detail - 'until')::text FROM bcdelta.journal WHERE what = 'waive' ORDER BY journal_id DESC LIMIT 1"), 'done in the sandbox{"criterion": "rehearsal"}', 'in the journal');
	$shop->sql("UPDATE bcdelta.signature SET until = now() - interval '1 second' WHERE criterion = 'rehearsal'");
	like(check('rehearsal', 'verdict, why'), qr/^unknown \| .*; the waiver of postgres does not count: it ended at /, 'its time is over');
	$shop->sql("SELECT bcdelta.waive('shop', 'rehearsal', 'again'), bcdelta.waive('shop', 'rehearsal', 'not any more', until => now())");
	is(check('rehearsal', 'verdict, why'), 'unknown | nothing was ever rolled back', 'taken back');
};

subtest 'names of criteria' => sub {
	foreach my $name ("it's", 'Über "Maße"', '<b>x</b>', 'x' x 255)
	{
		my $quoted = $name =~ s/'/''/gr;
		$shop->sql("SELECT bcdelta.criterion('shop', '$quoted', 'A question?')");
		my $call = check($name, 'next_step');
		$call =~ s/'\.\.\.'/'signed'/;
		$shop->sql($call);
		is(check($name), 'signed', "$name: the call to copy signs it");
		$shop->sql("SELECT bcdelta.criterion('shop', '$quoted')");
		is(check($name), '', 'and it can be removed');
	}
	refused("SELECT bcdelta.criterion('shop', $_->[0], 'A question?')", $_->[1], "refused: " . substr($_->[0], 0, 20))
		foreach [ "''", qr/the name in argument "criterion" has 0 bytes/ ], [ "'  '", qr/argument "criterion"/ ], [ "repeat('x', 256)", qr/the name in argument "criterion" has 256 bytes/ ], [ "repeat('ü', 128)", qr/the name in argument "criterion" has 256 bytes/ ], [ 'NULL', qr/argument "criterion" must not be null/ ],
		[ "'pending'", qr/criterion "pending" is measured by bcdelta/ ];
	refused("SELECT bcdelta.criterion('shop', 'x', 'A question?', 'perhaps')", qr/invalid value for argument "severity"/, 'severity');
	refused("SELECT bcdelta.criterion('shop', 'nothing')", qr/server "shop" has no criterion "nothing"/, 'one that does not exist cannot be removed');
};

subtest 'roles that are dropped' => sub {
	$shop->sql("CREATE ROLE asker LOGIN; GRANT USAGE ON FOREIGN SERVER shop TO asker; GRANT postgres TO asker");
	$shop->sql("SET SESSION AUTHORIZATION asker; SELECT bcdelta.sign('shop', 'staff')");
	like(check('staff', 'verdict, found'), qr/^signed \| go: asker/, 'a signature has the role that has logged in');
	$shop->sql("SET ROLE asker; SELECT bcdelta.criterion('shop', 'whose', query => 'SELECT true, current_user::text')");
	is(check('whose', 'verdict, found'), 'go | asker', 'a query runs as the role that made it');
	$shop->sql("DROP OWNED BY asker; DROP ROLE asker");
	is(check('whose', 'verdict, why'), 'unknown | the role that made it does not exist any more: make it again with bcdelta.criterion()', 'its query is not asked any more');
	like(check('staff', 'verdict, found'), qr/^signed \| go: asker/, 'the signature stays');
};

subtest 'a dump has criteria and answers' => sub {
	my $dump = $node->basedir . '/answers.dump';
	$shop->sql("SELECT bcdelta.criterion('shop', 'invoices', 'Are all invoices sent?'), bcdelta.sign('shop', 'invoices', note => 'all 17'); UPDATE bcdelta.signature SET lapsed = 'disk' WHERE criterion = 'staff'");
	$node->command_ok([ 'pg_dump', '-F', 'custom', '-f', $dump, $node->connstr('shop') ], 'a dump');
	$node->safe_psql('postgres', 'CREATE DATABASE twin');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('twin'), $dump ], 'is restored');
	is($node->safe_psql('twin', "SELECT criterion, question, query, severity FROM bcdelta.criterion ORDER BY criterion"), $shop->sql('SELECT criterion, question, query, severity FROM bcdelta.criterion ORDER BY criterion'), 'criteria');
	is($node->safe_psql('twin', "SELECT s FROM bcdelta.signature AS s ORDER BY s"), $shop->sql('SELECT s FROM bcdelta.signature AS s ORDER BY s'), 'and answers');
	like($node->safe_psql('twin', "SELECT verdict, why FROM bcdelta.go_live_check('shop') WHERE criterion = 'invoices'"), qr/^unknown\|the signature does not count: since then, this has got worse: .*feeds/, 'which do not count where the feeds are paused');
};

subtest 'a standby can be asked what speaks against going live' => sub {
	$node->backup('b');
	my $standby = PostgreSQL::Test::Cluster->new('answers_standby');
	$standby->init_from_backup($node, 'b', has_streaming => 1);
	$standby->start;
	my ($rc, $out, $err) = $standby->psql('shop', "SELECT count(*) FROM bcdelta.go_live_check('shop') WHERE why ~ 'could not be measured'");
	is($err, '', 'without an error');
	is($out, 0, 'all is measured') or diag($standby->safe_psql('shop', "SELECT criterion, why FROM bcdelta.go_live_check('shop') WHERE why ~ 'could not be measured'"));
	is($standby->safe_psql('shop', "SELECT verdict FROM bcdelta.go_live_check('shop') WHERE criterion = 'invoices'"), 'signed', 'with its answers');
	foreach my $call ("sign('shop', 'invoices')", "waive('shop', 'disk', 'why')", "criterion('shop', 'x', 'A question?')")
	{
		(undef, undef, $err) = $standby->psql('shop', "SELECT bcdelta.$call");
		like($err, qr/ERROR:  .*(standby|recovery|read-only)/, "$call: a clear error");
	}
	$standby->stop;
};

done_testing();
