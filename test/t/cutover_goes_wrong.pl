# A cutover in which something goes wrong, is held, moved or aborted.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('wrong', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);
$BCDelta::Cutover::shop = $shop;
my $PLAN = PLAN;
$shop->tables(articles => {});
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 20) AS i");
is($shop->push->{created}, 20, 'a shop');

sub go { return $shop->sql("SELECT bcdelta.waive('shop', 'leaks', 'a test'), bcdelta.go('shop')"); }

# A plan that waits for go()
sub wait_for_go
{
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '2 days', before => '{}')");
	make_due("name ~ '^baseline'");
	until_waiting();
	make_due("name ~ 'final|stage live'");
	return;
}

sub waits_again
{
	my ($why) = @_;
	$shop->wait_for("SELECT held AND held_reason IS NOT NULL FROM bcdelta.cutover WHERE plan_id = $PLAN");
	like(plan_state(), qr/^planned\|held\|$why/, 'the plan is held, and says why');
	return is_deeply(steps('name, state', "name ~ '^(go|final|stage live|sweeps until)'"), [ 'sweeps until go() is called|planned', 'go() opens the new shop|waiting',
		'final sweep|planned', 'final verification|planned', 'stage live|planned' ], 'it waits for go() again');
}

sub goes_live
{
	make_due("name ~ 'final|stage live'");
	go();
	return $shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover WHERE plan_id = $PLAN");
}

sub abort { return $shop->sql("SELECT bcdelta.abort_cutover('shop', 'the test is over')"); }

subtest 'a row that fails in the final sweep' => sub {
	wait_for_go();
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-3'");
	go();
	waits_again('final sweep: 1 failed');
	is(told()->[-1], 'stopped', 'people hear of it');
	refused("SELECT bcdelta.go('shop')", qr/server "shop" is not ready to go live.*failed: 1 row/s, 'go() says what is in the way');
	$shop->sql("SELECT bcdelta.go('shop', 'one article does not matter', override => true)");
	make_due("name ~ 'final|stage live'");
	$shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover WHERE plan_id = $PLAN");
	is($shop->sql("SELECT override_note FROM bcdelta.cutover WHERE plan_id = $PLAN"), 'one article does not matter', 'a person can say that it does not matter');
	is($shop->sql("SELECT reason || detail::text FROM bcdelta.journal WHERE what = 'go' ORDER BY journal_id DESC LIMIT 1"), 'one article does not matter{"override": "true"}', 'the journal knows');
	$shop->sql("SELECT bcdelta.hold_cutover('shop', 'something is odd'), bcdelta.go('shop', 'it was not')");
	is($shop->sql("SELECT override_note FROM bcdelta.cutover WHERE plan_id = $PLAN"), 'one article does not matter', 'which stays known, whatever is held and goes on later');
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.abort_cutover('shop', 'enough')");
	like($err, qr/NOTICE:  the new shop is open, and server "shop" stays in its stage/, 'a plan that is live can be ended');
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'live', 'but not taken back so');
	$shop->sql("SELECT bcdelta.stage('shop', NULL); UPDATE articles SET price = 3 WHERE sku = 'A-3'");
	$shop->push;
	is_deeply($shop->pending, {}, 'somebody repairs the row');
};

subtest 'a difference in the final verification' => sub {
	wait_for_go();
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	$shop->sql("UPDATE articles SET title = 'Other' WHERE sku = 'A-5'");
	go();
	$shop->wait_held(1);
	$store->edit('product', $shop->id('articles', 'A-6'), { name => 'Edited' });
	$store->release;
	waits_again('final verification: .*1 differ');
	$shop->sql('SELECT bcdelta.repair(max(run_id)) FROM bcdelta.run WHERE kind = \'verify\'');
	$shop->push;
	is($shop->verify->{conflicts}, 0, 'repaired');
	goes_live();
	abort();
};

subtest 'a difference that a person has decided to leave is not in the way' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('articles', 'price', 'review')");
	$store->edit('product', $shop->id('articles', 'A-8'), { price => 80 });
	$shop->sql("UPDATE articles SET price = 81 WHERE sku = 'A-8'");
	$shop->push;
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'store') FROM bcdelta.conflict WHERE state = 'open'");
	$shop->push;
	is($shop->verify->{conflicts}, 0, 'a verify does not count it');
	like($shop->sql('SELECT decided FROM bcdelta.discrepancy WHERE run_id = (SELECT max(run_id) FROM bcdelta.run)'), qr/^conflict \d+: \w+ has chosen "store" on /, 'but lists it, and why');
	wait_for_go();
	goes_live();
	pass('the shop goes live');
	abort();
	$shop->sql("UPDATE articles SET price = 80 WHERE sku = 'A-8'; SELECT bcdelta.stage('shop', NULL), bcdelta.set_conflict('articles', 'price', NULL)");
	$shop->push;
};

subtest 'a run that is cancelled by hand' => sub {
	wait_for_go();
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	$shop->sql("UPDATE articles SET title = 'Another' WHERE sku = 'A-5'");
	go();
	$shop->wait_held(1);
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.go('shop')");
	like($err, qr/does not wait for go\(\)\nDETAIL:  It was called before, and the final sweep is under way/, 'go() twice');
	refused("SELECT bcdelta.move_cutover('shop', now() + interval '3 days', 'later')", qr/step "final sweep" of the cutover of server "shop" is still running, as run \d+/, 'it cannot be moved while a step runs');
	$shop->sql("SELECT bcdelta.cancel(run_id) FROM bcdelta.run WHERE state = 'running'");
	$store->release;
	waits_again('final sweep: run \d+ was cancelled');
	goes_live();
	abort();
	is(plan_state(), 'aborted', 'a plan is aborted');
};

subtest 'hold, after go' => sub {
	wait_for_go();
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	$shop->sql("UPDATE articles SET title = 'Held' WHERE sku = 'A-5'");
	go();
	$shop->wait_held(1);
	refused("SELECT bcdelta.hold_cutover('shop', NULL)", qr/argument "reason"/, 'a hold needs a reason');
	$shop->sql("SELECT bcdelta.hold_cutover('shop', 'the payment does not work')");
	$store->release;
	waits_again('the payment does not work');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	is(told()->[-1], 'delay', 'people hear of it');
	is(state_of('stage live'), 'planned', 'nothing goes live');
};

subtest 'move, after the freeze has begun' => sub {
	refused("SELECT bcdelta.move_cutover('shop', now() - interval '1 hour', 'earlier')", qr/argument "go_live" is in the past/, 'not into the past');
	$shop->sql("UPDATE bcdelta.cutover SET go_live = now() + interval '10 minutes' WHERE plan_id = $PLAN; SELECT bcdelta.move_cutover('shop', now() + interval '9 days', 'the payment does not work')");
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'prepare', 'the freeze is over');
	is_deeply(steps('name, state', "state <> 'planned'"), [ 'stage prepare|done', 'baseline: source and store are compared|done' ], 'what follows is planned again');
	is(steps('round(extract(epoch FROM due_at - now()) / 3600)', "name = 'stage live'")->[0], 9 * 24, 'for the other day');
	is(plan_state(), 'planned|held', 'it waits');
	until_waiting();
	goes_live();
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'live', 'and goes live');
	abort();
};

subtest 'hold, after the new shop is open' => sub {
	wait_for_go();
	goes_live();
	$shop->sql("SELECT bcdelta.hold_cutover('shop', 'something is odd')");
	make_due("name ~ '1 hour after'");
	is(plan_state(), 'live|held|something is odd', 'the plan is held');
	make_due("detail = 'day_after'");
	wait_state('done', "detail = 'day_after'");
	is(state_of('sweep, 1 hour after'), 'planned', 'no sweep begins');
	$shop->sql("SELECT bcdelta.go('shop', 'it was not')");
	wait_state('done', "name ~ '1 hour after'");
	abort();
};

subtest 'slow mappings and slow queries do not hold the worker up' => sub {
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '20 days', before => '{7 days}')");
	wait_state('done', "detail = 'prepare'");
	$shop->sql(<<'EOC');
CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.1); RETURN $1; END$$;
CREATE TABLE slow_things (id text PRIMARY KEY);
SELECT bcdelta.track('slow_things', 'shop', 'brand', '{"name": "public.slow(id)"}');
INSERT INTO slow_things SELECT 'Slow ' || i FROM generate_series(1, 200) AS i;
SELECT bcdelta.criterion('shop', 'slow ' || i, query => 'SELECT true, pg_sleep(4)::text') FROM generate_series(1, 3) AS i;
EOC
	$shop->sql("UPDATE bcdelta.cutover_step SET state = 'skipped' WHERE plan_id = $PLAN AND state = 'planned' AND step < (SELECT step FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND kind = 'estimate')");
	my $seconds = sub {
		my ($kind) = @_;
		make_due("kind = '$kind'");
		wait_state('done', "kind = '$kind'");
		return steps('round(extract(epoch FROM done_at - due_at)), measured', "kind = '$kind'")->[0];
	};
	like($seconds->('estimate'), qr/^[2-9]\|a sweep of what is pending: rows: 2\d\d, requests: \d+, /, 'the rehearsal looks at some rows');
	$shop->sql("UPDATE bcdelta.cutover_step SET state = 'skipped' WHERE plan_id = $PLAN AND state = 'planned' AND step < (SELECT step FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND kind = 'check')");
	like($seconds->('check'), qr/^(\d|1\d)\|no-go: .*slow [23]: unknown/, 'the check asks some queries');
	$shop->sql("SELECT bcdelta.criterion('shop', 'slow ' || i) FROM generate_series(1, 3) AS i");
	$shop->sql("SELECT bcdelta.untrack('slow_things')");
	abort();
};

subtest 'steps that could not begin in time are missed, or run late' => sub {
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '20 days', before => '{7 days,3 days,1 day}')");
	until_done("name ~ '^baseline'");
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() - interval '2 hours', not_after = now() - interval '1 hour' WHERE plan_id = $PLAN AND name ~ '7 days before'");
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() - interval '1 hour' WHERE plan_id = $PLAN AND name ~ '3 days before'");
	wait_state('done', "name ~ '3 days before'");
	is_deeply(steps('name, state', "name ~ '[73] days before'"), [ 'sweep, 7 days before|missed', 'verification of what has changed, 7 days before|missed',
		'sweep, 3 days before|done', 'verification of what has changed, 3 days before|done' ], 'one that is late runs once');
};

subtest 'a plan whose server or owner is gone says so, and goes on when they are there again' => sub {
	$shop->sql('CREATE ROLE planner LOGIN; GRANT USAGE ON FOREIGN SERVER shop TO planner');
	$shop->sql("UPDATE bcdelta.cutover SET owner = 'planner' WHERE plan_id = $PLAN; REVOKE USAGE ON FOREIGN SERVER shop FROM planner");
	make_due("name = 'sweep, 1 day before' OR name ~ '^rehearsal'");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND state = 'planned' AND note ~ 'permission denied for foreign server'");
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE message ~ 'it cannot begin'"), 1, 'which is told once');
	$shop->sql('REASSIGN OWNED BY planner TO CURRENT_USER; DROP ROLE planner');
	wait_state('done', "name = 'sweep, 1 day before'");
	is($shop->sql("SELECT owner = current_user::regrole FROM bcdelta.cutover WHERE plan_id = $PLAN"), 't', 'REASSIGN OWNED includes plans');
	$shop->sql("CREATE ROLE gone; UPDATE bcdelta.cutover SET owner = 'gone' WHERE plan_id = $PLAN; DROP ROLE gone");
	make_due("name = 'verification of what has changed, 1 day before'");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND state = 'planned' AND note ~ 'the owner of the plan no longer exists'");
	$shop->sql("UPDATE bcdelta.cutover SET owner = current_user::regrole WHERE plan_id = $PLAN");
	wait_state('done', "name = 'verification of what has changed, 1 day before'");
};

subtest 'with its server, a plan, a stage and signatures end; another server of its name inherits nothing' => sub {
	my $second = BCDelta::Store->start;
	$shop->sql(create_server_sql($second, name => 'second'));
	$shop->sql('CREATE TABLE things (id text PRIMARY KEY, name text)');
	$shop->sql("SELECT bcdelta.track('things', 'second', 'brand', '{\"name\": \"name\"}')");
	my $drop = sub {
		$shop->sql("SELECT bcdelta.plan_cutover('second', now() + interval '20 days')");
		wait_state('done', "detail = 'prepare'");
		$shop->sql("SELECT bcdelta.stage('second', 'live'), bcdelta.sign('second', 'staff'), bcdelta.criterion('second', 'invoices', 'Are all sent?')");
		is($shop->sql("SELECT stage FROM bcdelta.stage WHERE server = 'second'"), 'live', 'a shop that is live');
		$shop->sql($_[0]);
		is($shop->sql("SELECT state FROM bcdelta.cutover WHERE server = 'second' ORDER BY plan_id DESC LIMIT 1"), 'aborted', "$_[1]: the plan is aborted");
		is($shop->sql("SELECT string_agg(DISTINCT note, ' ') FROM bcdelta.cutover_step JOIN bcdelta.cutover USING (plan_id) WHERE server = 'second' AND cutover_step.state = 'skipped'"), 'the server was dropped', 'and says why');
		is($shop->sql("SELECT count(*) FROM bcdelta.stage WHERE server = 'second'") + $shop->sql("SELECT count(*) FROM bcdelta.signature WHERE server = 'second'"), 0, 'no stage, no signature');
		is($shop->sql("SELECT string_agg(what || ' ' || reason, ', ' ORDER BY journal_id) FROM (SELECT * FROM bcdelta.journal WHERE server = 'second' ORDER BY journal_id DESC LIMIT 2) AS j"), 'abort_cutover the server was dropped, stage the server was dropped', 'the journal knows');
		$shop->sql(create_server_sql($second, name => 'second'));
		is($shop->sql("SELECT verdict || ' ' || why FROM bcdelta.go_live_check('second') WHERE criterion = 'staff'"), 'unknown nobody has signed it', 'made again: nothing is signed');
		is($shop->sql("SELECT question FROM bcdelta.criterion WHERE server = 'second'"), 'Are all sent?', 'what people want to know is asked again');
		refused("SELECT bcdelta.go('second')", qr/server "second" has no plan of a cutover/, 'and there is no plan');
	};
	$drop->('DROP SERVER second CASCADE', 'DROP SERVER');
	$drop->('CREATE ROLE merchant; GRANT USAGE ON FOREIGN DATA WRAPPER bcdelta TO merchant; ALTER SERVER second OWNER TO merchant; DROP OWNED BY merchant CASCADE; DROP ROLE merchant', 'DROP OWNED');
	$shop->sql("BEGIN; SELECT bcdelta.stage('second', 'live'); DROP SERVER second CASCADE; ROLLBACK");
	is($shop->sql("SELECT count(*) FROM pg_foreign_server WHERE srvname = 'second'"), 1, 'a drop can be taken back');
	$shop->sql("SELECT bcdelta.untrack('things'); DROP SERVER second CASCADE");
};

subtest 'with its server, feeds, schedules and all of a cutover take a new name' => sub {
	my $second = BCDelta::Store->start;
	my $named = sub { return $shop->sql("SELECT string_agg(t || ' ' || n, ', ') FROM (SELECT t, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM bcdelta.%I WHERE server = %L', t, '$_[0]'), false, true, '')))[1] AS n"
				. " FROM unnest(ARRAY['feed', 'schedule', 'stage', 'authority', 'criterion', 'signature']) AS t) AS c"); };
	$shop->sql("DELETE FROM bcdelta.criterion WHERE server = 'second'");
	$shop->sql(create_server_sql($second, name => 'second'));
	$shop->sql("SELECT bcdelta.track('things', 'second', 'brand', '{\"name\": \"name\"}'), bcdelta.schedule('weekly', server => 'second', every => '7 days')");
	$shop->sql("SELECT bcdelta.plan_cutover('second', now() + interval '20 days')");
	wait_state('done', "detail = 'prepare'");
	$shop->sql("SELECT bcdelta.stage('second', 'freeze'), bcdelta.sign('second', 'staff'), bcdelta.criterion('second', 'invoices', 'Are all sent?'), bcdelta.set_authority('second', 'live', 'brand', 'store')");
	my $before = $named->('second');
	my ($rc, undef, $err) = $shop->try('ALTER SERVER second RENAME TO "the Third"');
	like($err, qr/NOTICE:  what belongs to server "second" follows to its new name "the Third": feeds: 1, schedules: 1, plans of cutovers: [0-9]+, stages: 1, /, 'what follows is told');
	is($named->('the Third'), $before, 'all of them have the new name');
	is($shop->sql("SELECT count(*) FROM bcdelta.cutover WHERE server = 'second'"), 0, 'and none the old one');
	is($shop->sql("SELECT detail ->> 'from' FROM bcdelta.journal WHERE server = 'the Third' AND what = 'rename_server'"), 'second', 'the journal knows');
	$shop->sql("INSERT INTO things VALUES ('t1', 'One')");
	is($shop->push("feed => 'things'")->{created}, 1, 'its feed is pushed');
	$shop->sql(create_server_sql($second, name => 'passing') . 'DROP SERVER passing CASCADE');
	is(plan_state(), 'planned|held', 'the plan goes on');
	until_done("name ~ '^baseline'");
	is($shop->sql("SELECT verdict FROM bcdelta.go_live_check('the Third') WHERE criterion = 'staff'"), 'signed', 'what was signed counts');
	$shop->sql('BEGIN; ALTER SERVER "the Third" RENAME TO fourth; ROLLBACK');
	$shop->sql("CREATE FOREIGN DATA WRAPPER other; CREATE SERVER theirs FOREIGN DATA WRAPPER other; ALTER SERVER theirs RENAME TO theirs_too; DROP FOREIGN DATA WRAPPER other CASCADE");
	is($named->('the Third'), $before, 'a new name can be taken back');
	$shop->sql("SELECT bcdelta.untrack('things'), bcdelta.unschedule('weekly'); DROP SERVER \"the Third\" CASCADE");
};

subtest 'a copy of the database does nothing' => sub {
	my $dump = $node->basedir . '/plan.dump';
	$node->command_ok([ 'pg_dump', '-F', 'custom', '-f', $dump, $node->connstr('shop') ], 'a dump');
	$node->safe_psql('postgres', 'CREATE DATABASE twin');
	$node->command_ok([ 'pg_restore', '-d', $node->connstr('twin'), $dump ], 'is restored');
	is($node->safe_psql('twin', "SELECT count(*) FROM bcdelta.cutover_step"), $shop->sql('SELECT count(*) FROM bcdelta.cutover_step'), 'with the plans');
	$node->safe_psql('twin', "UPDATE bcdelta.cutover_step SET due_at = now() WHERE state = 'planned'");
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'shop, twin'");
	$node->reload;
	$node->poll_query_until('twin', "SELECT held AND held_reason ~ '^this database is a copy' FROM bcdelta.cutover WHERE state = 'planned'") or die;
	is($node->safe_psql('twin', "SELECT count(*) FROM bcdelta.cutover_step JOIN bcdelta.cutover USING (plan_id) WHERE cutover.state = 'planned' AND cutover_step.state NOT IN ('planned', 'done', 'missed')"), 0, 'nothing begins');
	my (undef, undef, $err) = $node->psql('twin', "SELECT bcdelta.go('shop')");
	like($err, qr/the plan of server "shop" was made in another database, of which this one is a copy/, 'go() says so');
	$node->safe_psql('twin', "SELECT bcdelta.resume('articles')");
	is($node->safe_psql('twin', "SELECT count(*) FROM bcdelta.cutover WHERE state = 'planned' AND home = (SELECT home FROM bcdelta.feed WHERE feed = 'articles') AND held_reason IS NULL"), 1, 'unless it is said to be the source');
};

done_testing();
