# What speaks for and against going live: measured criteria, own ones, signatures and waivers.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('check', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);

sub check
{
	my ($criterion, $columns) = @_;
	$columns //= 'verdict';
	return $shop->sql("SELECT concat_ws(' | ', $columns) FROM bcdelta.go_live_check('shop') WHERE criterion = '$criterion'");
}

sub verdicts
{
	my ($verdict, $severity) = @_;
	return $shop->sql("SELECT coalesce(string_agg(criterion, ' ' ORDER BY no), '') FROM bcdelta.go_live_check('shop') WHERE verdict = '$verdict'" . ($severity ? " AND severity = '$severity'" : ''));
}

sub refused
{
	my ($sql, $error, $what) = @_;
	my ($rc, undef, $err) = $shop->try($sql);
	isnt($rc, 0, "$what: refused");
	like($err, $error, $what);
	return;
}

subtest 'a server without feeds has a list of what is missing, and why, with calls to copy' => sub {
	is(verdicts('no-go'), 'feeds afterwards', 'no feed is tracked');
	is(check('feeds', 'found, next_step'), 'no feed is tracked | SELECT bcdelta.track(...);', 'it says so');
	is(check('verified', 'verdict, why'), 'unknown | no feed is tracked', 'nothing to verify');
	is(check('estimate', 'verdict, why'), 'unknown | there is no plan', 'a plan is missing');
	is($shop->sql("SELECT string_agg(criterion, ' ') FROM bcdelta.go_live_check('shop') WHERE verdict = 'unknown' AND found IS NOT NULL"), '', 'of what is not known, nothing was found');
	like(check('estimate', 'next_step'), qr/^SELECT \* FROM bcdelta\.plan_cutover\('shop', /, 'and how to make one');
	is(verdicts('unknown', 'must'), 'verified proof differences token estimate leaks', 'and what is not known');
	is($shop->sql("SELECT string_agg(DISTINCT severity, ' ' ORDER BY severity) FROM bcdelta.go_live_check('shop')"), 'must should', 'severities');
};

$shop->tables;
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M-1' FROM generate_series(1, 6) AS i;
EOC

# As plan_cutover() would make it
sub make_plan
{
	$shop->sql("INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home)
		VALUES ('shop', now() + interval '2 days', '00:00-23:59', 'UTC', '1 hour', '30 days', '{}', 'postgres', bcdelta.home())");
	return;
}

subtest 'each measured criterion turns, says what was found, and turns back' => sub {
	$shop->push;
	is(check('verified', 'verdict, found'), 'no-go | 3 of 3 resources were never compared', 'what was never compared');
	$shop->sql("SELECT bcdelta.pause(feed, 'lunch') FROM bcdelta.feed WHERE feed <> 'groups'");
	like(check('feeds', 'found'), qr/^feeds "articles", "makers": paused by \S+: lunch$/, 'a reason that several feeds have is told once');
	$shop->sql("SELECT bcdelta.pause('groups', 'lunch')");
	like(check('feeds', 'found'), qr/^all 3 feeds: paused by \S+: lunch$/, 'and that it is that of all feeds');
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed");
	$shop->push;
	$shop->verify("server => 'shop'");
	make_plan();
	is(verdicts('no-go'), 'afterwards', 'a shop that is ready lacks a schedule');
	is(verdicts('unknown', 'must'), 'leaks', 'all that must be known is, but what happens in the freeze');
	$shop->sql("SELECT bcdelta.set_template('no_go', 'internal', 'de', 'x', '{unmet}')");
	my @german = split /\n/, $shop->sql("SELECT body FROM bcdelta.message('shop', 'no_go', 'internal', 'de')");
	cmp_ok(scalar @german, '>', 4, 'in German, too');
	is_deeply([ grep { !/^- .* \(\w+\): / && !/weitere/ } @german ], [], 'each criterion has a name in German');
	is_deeply([ grep { /: (unknown|none|no |[0-9]+ (rows|of|steps))/ } @german ], [], 'and so has what was found');
	$shop->sql("SELECT bcdelta.set_template('no_go', 'internal', 'de', NULL, NULL)");
	is(verdicts('unknown'), 'quota_taken leaks rehearsal dns payment shipping mails contingency staff', 'the rest is for people');

	my @turns = (
		[ 'failed', "UPDATE articles SET title = repeat('x', 300) WHERE sku = 'A-1'", "UPDATE articles SET title = 'Article 1' WHERE sku = 'A-1'", qr/^1 row$/ ],
		[ 'capture', 'ALTER TABLE makers DISABLE TRIGGER USER', "SELECT bcdelta.resume('makers')", qr/^feed "makers": .*disabled/, 'still' ],
		[ 'feeds', "SELECT bcdelta.pause('makers', 'lunch')", "SELECT bcdelta.resume('makers')", qr/^feed "makers": .*lunch/ ],
		[ 'mappings', 'ALTER TABLE articles RENAME title TO called', 'ALTER TABLE articles RENAME called TO title', qr/^feed "articles": .*title/, 'still' ],
		[ 'afterwards', "SELECT 1", "SELECT bcdelta.schedule('later', server => 'shop', kind => 'verify', mode => 'changed', every => '1 day')", qr/^0 steps of the plan, 0 schedules/, 'still' ],
		[ 'undo', "ALTER SYSTEM SET bcdelta.undo_retention = 0; SELECT pg_reload_conf()", "ALTER SYSTEM RESET bcdelta.undo_retention; SELECT pg_reload_conf()", qr/^0 days/, 'reload' ],
		[ 'deferred', "INSERT INTO articles (sku, title, price, maker) VALUES ('A-7', 'Seven', 7, 'M-9')", "UPDATE articles SET maker = NULL WHERE sku = 'A-7'", qr/^1 row$/ ],
		[ 'verified', "UPDATE bcdelta.proven SET full_at = now() - interval '8 days' WHERE resource = 'brand'", "UPDATE bcdelta.proven SET full_at = now()", qr/^the oldest of/, 'still' ],
		[ 'proof', "UPDATE bcdelta.proven SET proven_at = now() - interval '2 hours' WHERE resource = 'brand'", "UPDATE bcdelta.proven SET proven_at = now()", qr/^the oldest of/, 'still' ],
		[ 'differences', "UPDATE bcdelta.proven SET different = 3 WHERE resource = 'brand'", "UPDATE bcdelta.proven SET different = 0", qr/^3 rows differ: brand/, 'still' ],
		[ 'silent_edits', "UPDATE bcdelta.proven SET silent_edits = 1 WHERE resource = 'brand'", "UPDATE bcdelta.proven SET silent_edits = 0", qr/^1 so far/, 'still' ],
		[ 'pending', "UPDATE bcdelta.pending SET changed_at = now() - interval '1 hour'", 'SELECT 1', qr/^1 row, the oldest since/ ],
		[ 'estimate', "UPDATE bcdelta.cutover SET go_live = date_trunc('day', now() + interval '2 days') + interval '23:58:59.999'", "UPDATE bcdelta.cutover SET go_live = now() + interval '2 days'", qr/^[1-9]\d* rows in about \d+ seconds: until \d{4}/, 'still' ],
		[ 'refusals', "INSERT INTO bcdelta.sample (server, seconds, pending, failed, review, calls, throttled) VALUES ('shop', 1, 0, 0, 0, 100, 50)", 'TRUNCATE bcdelta.sample', qr/^50 of \d+ requests/, 'still' ],
	);
	$shop->push;
	foreach my $turn (@turns)
	{
		my ($criterion, $break, $mend, $found, $how) = @$turn;
		if ($criterion eq 'pending') { $shop->sql("INSERT INTO makers VALUES ('M-8', 'Maker 8')"); $node->poll_query_until('shop', 'SELECT count(*) = 1 FROM bcdelta.pending') or die; }
		$shop->sql("UPDATE makers SET name = name || '.'") if $criterion eq 'estimate';
		$shop->sql($break);
		$node->poll_query_until('shop', "SELECT current_setting('bcdelta.undo_retention') = '0'") if $criterion eq 'undo';
		if ($criterion eq 'estimate') { $node->poll_query_until('shop', "SELECT count(*) >= 3 FROM bcdelta.pending") or die; }
		$shop->push if !$how && $criterion !~ /^(feeds|pending)$/;
		is(check($criterion), 'no-go', "$criterion is not met") or diag(check($criterion, 'found, why'));
		like(check($criterion, 'found'), $found, "$criterion: what was found");
		isnt(check($criterion, 'next_step'), '', "$criterion: what to do");
		$shop->sql($mend);
		$node->poll_query_until('shop', "SELECT current_setting('bcdelta.undo_retention') <> '0'") if $criterion eq 'undo';
		$shop->push if !$how;
		is(check($criterion), $criterion eq 'refusals' ? 'unknown' : 'go', "$criterion is met again") or diag(check($criterion, 'found, why'));
	}
};

# Until it is so, since the worker, or the store, has to do something first
sub becomes
{
	my ($criterion, $verdict, $words, $what) = @_;
	eval { $shop->wait_for("SELECT verdict = '$verdict' FROM bcdelta.go_live_check('shop') WHERE criterion = '$criterion'"); 1 } or diag($@);
	return like(check($criterion, 'verdict, found, why'), qr/^$verdict \| $words/, "$criterion: $what");
}

subtest 'what is measured of the store, the worker and the machine turns, too' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('articles', 'price', 'review')");
	$store->edit('product', $shop->id('articles', 'A-2'), { price => 50 });
	$shop->sql("UPDATE articles SET price = 51 WHERE sku = 'A-2'");
	$shop->push;
	becomes('conflicts', 'no-go', '1 open \| a person has to decide', 'a conflict');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.conflict WHERE state = 'open'");
	$shop->push;
	becomes('conflicts', 'go', 'none', 'it is decided');

	$store->fault({ match => { path => 'products' }, do => { status => 503, body => {} } });
	$shop->sql("UPDATE articles SET price = 52 WHERE sku = 'A-2'");
	$shop->push('wait => false');
	becomes('store', 'no-go', '.*503', 'it fails');
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry(waiting => true)');
	becomes('store', 'go', 'no trouble', 'it is well again');
	$shop->wait_for("SELECT NOT EXISTS (SELECT FROM bcdelta.run WHERE state IN ('requested', 'running'))");

	$shop->sql("UPDATE bcdelta.total SET at = now() - interval '2 hours' WHERE what = 'request' AND code = '2xx'");
	becomes('token', 'unknown', 'accepted at .* \| the store was last asked at', 'it may have expired since');
	$shop->verify("server => 'shop', mode => 'count'");
	becomes('token', 'go', 'accepted at', 'it was accepted');

	$shop->sql("SELECT bcdelta.stage('shop', 'freeze')");
	becomes('leaks', 'go', 'none', 'the freeze');
	$shop->sql("UPDATE articles SET price = 53 WHERE sku = 'A-2'");
	becomes('leaks', 'no-go', '1 change, at .*: public\\.articles by', 'somebody writes');
	$shop->push;
	$shop->sql("UPDATE bcdelta.freeze_leak SET last_at = now() - interval '16 minutes'");
	becomes('leaks', 'go', '1 change, at', 'a quarter of an hour later');
	$shop->sql("SELECT bcdelta.stage('shop', NULL)");

	$store->settings({ clock_offset_s => 60 });
	$shop->verify("server => 'shop', mode => 'count'");
	becomes('clock', 'no-go', '(5\d|60)\.\d seconds', 'the clock of the store is fast');
	$store->settings({ clock_offset_s => 0 });
	$shop->verify("server => 'shop', mode => 'count'");
	becomes('clock', 'go', '-?[01]\.\d seconds', 'it was set');

	is(check('rehearsal', 'verdict, why'), 'unknown | nothing was ever rolled back', 'rehearsal: none');
	my $run = $shop->sql("SELECT max(run_id) FROM bcdelta.undoable");
	$shop->sql("SELECT bcdelta.rollback($run)");
	becomes('rehearsal', 'go', 'of ', 'a rollback');
	$shop->sql("UPDATE bcdelta.run SET finished_at = now() - interval '8 days' WHERE kind = 'rollback'");
	becomes('rehearsal', 'unknown', 'of .* \| the last rollback was at', 'long ago');
	$shop->sql('SELECT bcdelta.resume(feed) FROM bcdelta.feed');

	my $disk_free = $shop->sql("SELECT pg_get_functiondef('bcdelta.disk_free()'::regprocedure)");
	$shop->sql("CREATE OR REPLACE FUNCTION bcdelta.disk_free() RETURNS bigint LANGUAGE sql AS 'SELECT 1000000::bigint'");
	becomes('disk', 'no-go', '977 kB \| a full disk stops the source as well', 'nearly full');
	$shop->sql("CREATE OR REPLACE FUNCTION bcdelta.disk_free() RETURNS bigint LANGUAGE sql AS 'SELECT NULL::bigint'");
	is(check('disk', 'verdict, why'), 'unknown | the system does not say', 'disk: not known');
	$shop->sql($disk_free);
	becomes('disk', 'go', '\d+ .B', 'there is room');

	$shop->sql("INSERT INTO makers SELECT 'Q-' || i, 'Quota ' || i FROM generate_series(1, 300) AS i");
	$shop->push;
	foreach ([ { calls => 40, at_ms => [0] }, 'no-go', '80 %', 'other apps', 60 ], [ undef, 'go', '0 %', 'they are gone', 300 ])
	{
		my ($others, $verdict, $words, $what, $rows) = @$_;
		$store->settings({ quota => 50, window_ms => 300, other_app => $others });
		$shop->sql("UPDATE makers SET name = name || '.' WHERE code IN (SELECT 'Q-' || i FROM generate_series(1, $rows) AS i)");
		$shop->push;
		becomes('quota_taken', $verdict, $words, $what);
		next if $verdict eq 'go';
		$shop->sql("ALTER SERVER shop OPTIONS (ADD others_alert '0.9')");
		becomes('quota_taken', 'go', qr/80 % \(others_alert: 0\.9\)/, 'they may');
		$shop->sql('ALTER SERVER shop OPTIONS (DROP others_alert)');
	}

	$shop->sql("ALTER SYSTEM SET bcdelta.databases = 'postgres'; SELECT pg_reload_conf()");
	becomes('worker', 'no-go', '.+ \| without a worker nothing is pushed', 'it was sent to another database');
	$shop->sql("ALTER SYSTEM RESET bcdelta.databases; SELECT pg_reload_conf()");
	becomes('worker', 'go', 'running', 'it is back');
};

done_testing();
