# While a store has a plan, its runs are stopped by the plan's criteria, and by nothing else.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('stop', server => { error_limit => 1000 }, store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nbcdelta.confirm_after = 0\n" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(makers => { on_conflict => "'review'", on_delete => "'delete'" });
$store->fault({ name => 'bad', match => { method => 'POST', path => 'brands', body => 'bad' }, do => { status => 422, body => { status => 422, title => 'bad', errors => { name => 'bad' } } } });

# As plan_cutover() makes it; criteria that are not given are the usual ones
sub make_plan
{
	my ($stop, $hours) = @_;
	$hours //= '00:00-23:59';
	$shop->sql("DELETE FROM bcdelta.cutover");
	$shop->sql("INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, held, owner, home)
		VALUES ('shop', now() + interval '2 days', '$hours', 'UTC', '1 hour', '30 days', '" . ($stop // '{}') . "', false, 'postgres', bcdelta.home())");
	return;
}

# New rows of which the nth are bad, as a condition on n says
my $first = 0;

sub add
{
	my ($rows, $bad) = @_;
	$shop->sql("INSERT INTO makers SELECT 'M-' || to_char($first + n, 'FM00000'), CASE WHEN $bad THEN 'bad ' ELSE 'Maker ' END || $first + n FROM generate_series(1, $rows) AS n");
	$first += $rows;
	return;
}

# Pushes; returns the run
sub run
{
	$shop->try('SELECT * FROM bcdelta.push()');
	return $shop->last_run;
}

sub plan_is { return $shop->sql("SELECT concat_ws(' ', state, CASE WHEN held THEN 'held' ELSE 'goes on' END) FROM bcdelta.cutover"); }

# Removes rows, and what is left of them
sub clear
{
	$shop->sql("DELETE FROM makers; DELETE FROM bcdelta.cutover; DELETE FROM bcdelta.journal; DELETE FROM bcdelta.event");
	$shop->push;
	$store->clear;
	return;
}

subtest 'without a plan, or with one that is over, nothing stops a run' => sub {
	add(150, 'n % 10 = 0');
	is(run()->{state}, 'succeeded', 'no plan');
	make_plan();
	$shop->sql("UPDATE bcdelta.cutover SET state = 'aborted'");
	add(150, 'n % 10 = 0');
	is(run()->{state}, 'succeeded', 'a plan that was aborted');
	clear();
};

subtest 'a steady 3 % of errors stops the run after two windows, says why, and how to undo it' => sub {
	make_plan();
	add(400, 'n % 33 = 0');
	my $run = run();
	is($run->{state}, 'cancelled', 'stopped');
	my $done = $run->{created} + $run->{failed};
	cmp_ok($done, '>=', 100, 'after two windows');
	cmp_ok($done, '<=', 135, "and what was under way ($done rows)");
	like($run->{error}, qr/^run $run->{run_id} \(push\) was stopped, and the plan is held: [2-9]\.\d % of rows failed, and the limit is 2\.0 % \(error_rate\), 2 times in a row\. SELECT bcdelta\.rollback\($run->{run_id}\); undoes its writes, so far of (\d+) records, in about (\d+) calls, (\d+) seconds\.$/, 'in words');
	is(plan_is(), 'planned held', 'the plan is held');
	is($shop->sql('SELECT held_reason FROM bcdelta.cutover'), $run->{error}, 'for this reason');
	is($shop->sql("SELECT what || coalesce(by_role, ' by itself ') || (detail - 'run_id')::text FROM bcdelta.journal WHERE what = 'stop' AND server = 'shop' AND reason = (SELECT held_reason FROM bcdelta.cutover)"),
		'stop by itself {"action": "pause", "criterion": "error_rate"}', 'in the journal');
	is($shop->sql("SELECT severity || ' ' || server || ' ' || run_id FROM bcdelta.event WHERE event = 'cutover' AND message = (SELECT held_reason FROM bcdelta.cutover)"), "critical shop $run->{run_id}", 'told');
	is($shop->sql("SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM bcdelta.pending GROUP BY state) AS p"), "failed $run->{failed}, ready " . (400 - $done), 'the other rows are ready');
	my ($records, $calls) = $run->{error} =~ /so far of (\d+) records, in about (\d+) calls/;
	cmp_ok($records, '<=', $run->{created}, "the call undoes what was written ($records of $run->{created} records in $calls calls)");
	cmp_ok($records, '>', $run->{created} - 25, 'as far as it was known');
	$store->unfault;
	is(run()->{state}, 'succeeded', 'the next run pushes the rest') or diag($shop->last_run->{error});
	$store->fault({ name => 'bad', match => { method => 'POST', path => 'brands', body => 'bad' }, do => { status => 422, body => { status => 422, title => 'bad', errors => { name => 'bad' } } } });
	clear();
};

subtest 'a burst of 20 errors does not end the night, wherever it begins; a number of errors does' => sub {
	foreach my $begin (5, 40, 95)
	{
		make_plan();
		add(300, "n BETWEEN $begin AND $begin + 19");
		is(run()->{state}, 'succeeded', "a burst from row $begin on");
		is(plan_is(), 'planned goes on', 'the plan goes on');
		is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'cutover'"), 0, 'nothing is told');
		clear();
	}
	make_plan();
	add(300, 'n BETWEEN 101 AND 200');
	my $run = run();
	is($run->{state}, 'cancelled', 'all rows fail');
	like($run->{error}, qr/ 5\d rows have failed, and the limit is 50 \(errors\)/, 'fifty are too many');
	clear();
	make_plan('{"errors": null, "error_rate": null}');
	add(300, 'n BETWEEN 101 AND 200');
	is(run()->{state}, 'succeeded', 'null: no limit');
	clear();
};

subtest 'notify tells once and goes on; slow takes half of the share' => sub {
	make_plan('{"action": "notify"}');
	add(400, 'n % 20 = 0');
	my $run = run();
	is($run->{state}, 'succeeded', 'notify: it goes on');
	is($shop->sql("SELECT count(*) || ' ' || min(severity) FROM bcdelta.event WHERE event = 'cutover'"), '1 warning', 'told once');
	like($shop->sql("SELECT message FROM bcdelta.event WHERE event = 'cutover'"), qr/^run \d+ \(push\) goes on: [4-6]\.\d % of rows failed/, 'in words');
	is(plan_is(), 'planned goes on', 'the plan goes on, too');
	clear();

	make_plan('{"action": "slow", "errors": null, "throttled_rate": null}');
	$store->settings({ quota => 60, window_ms => 1000 });
	$shop->sql("INSERT INTO makers VALUES ('M-00000', 'The first one')");
	$shop->push;
	add(500, 'n % 20 = 0');
	$store->clear;
	is(run()->{state}, 'succeeded', 'slow: it goes on');
	like($shop->sql("SELECT message FROM bcdelta.event WHERE event = 'cutover'"), qr/goes on with half of its share of the quota: [4-6]\.\d %/, 'in words');
	my @posts = map { $_->{t} } $store->journal(method => 'POST', status => 200);
	my ($before, $after) = (($posts[90] - $posts[10]) / 80, ($posts[-10] - $posts[-110]) / 100);
	cmp_ok($after, '>', 1.5 * $before, sprintf('a request each %d ms became one each %d ms', 1000 * $before, 1000 * $after));
	$store->settings({ quota => 100000, window_ms => 30000 });
	clear();
};

subtest 'a run that will not be over when the hours of the plan end is stopped: a quota that was cut' => sub {
	$store->settings({ quota => 40, window_ms => 1000 });
	# the hours end in two to three minutes; the rows take one, and four with less of the quota
	my $end = $shop->sql("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 minutes', 'HH24:MI')");
	make_plan('{"others_share": null, "throttled_rate": null, "min_rows": 20}', $shop->sql("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI')") . "-$end");
	add(2_000, 'false');
	my $push = $shop->start;
	$shop->wait_for('SELECT count(*) = 1 FROM bcdelta.progress WHERE done > 80');
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'cutover'"), 0, 'it is in time');
	$store->settings({ quota => 8 });
	$push->finish;
	my $run = $shop->last_run;
	is($run->{state}, 'cancelled', 'stopped');
	like($run->{error}, qr/it will be over at least \d+ minutes after $end UTC, when the hours of the plan end/, 'in words') or diag(explain($run));
	cmp_ok($run->{created}, '<', 1_000, "early enough ($run->{created} rows)");
	$store->settings({ quota => 100000, window_ms => 30000 });
	make_plan('{}', $shop->sql("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI') || '-' || to_char(now() AT TIME ZONE 'UTC' + interval '2 hours', 'HH24:MI')"));
	is(run()->{state}, 'succeeded', 'a run outside of the hours is late for nothing');
	clear();
};

subtest 'a verify goes on, but the plan is held; a rollback is not stopped' => sub {
	add(40, 'false');
	my $run = run();
	$store->edit('brand', $_->{id}, { name => "Edited $_->{id}" }) for @{ $store->state('brands') };
	make_plan();
	my $verify = $shop->verify("server => 'shop'");
	is($verify->{state}, 'succeeded', 'all rows are compared');
	is($verify->{conflicts}, 40, 'and differ');
	is(plan_is(), 'planned held', 'the plan is held');
	like($shop->sql('SELECT held_reason FROM bcdelta.cutover'), qr/^run \d+ \(verify\) goes on, and the plan is held: \d+ differences were found, and the limit is 20 \(differences\)\.$/, 'for this reason');
	make_plan('{"errors": 1, "error_rate": 0.001, "min_rows": 10}');
	is($shop->value("SELECT * FROM bcdelta.rollback($run->{run_id}, created => 'delete', force => true)")->{state}, 'succeeded', 'a rollback is not judged');
	$shop->sql("SELECT bcdelta.resume('makers')");
	clear();
};

subtest 'plan_cutover() checks criteria' => sub {
	my $plan = sub { my ($rc, undef, $err) = $shop->try("SELECT count(*) FROM bcdelta.plan_cutover('shop', now() + interval '20 days', stop => '$_[0]')"); return $rc ? $err : 'ok'; };
	like($plan->('[1]'), qr/argument "stop" must be a JSON object/, 'no object');
	like($plan->('{"eror_rate": 1}'), qr/unknown key "eror_rate" in argument "stop"\nHINT:  Keys, with what is used if they are not given: \{"errors": 50, /, 'a key that is misspelled');
	like($plan->(qq({"$_->[0]": $_->[1]})), qr/invalid value for "$_->[0]" in argument "stop"\nDETAIL:  It must be $_->[2]/, "$_->[0]: $_->[1]")
	  foreach ([ error_rate => 3, 'a part' ], [ error_rate => 0, 'a part' ], [ errors => '"many"', 'a number' ], [ errors => '{"a": 1}', 'a number' ], [ late => 1, 'true or false' ], [ min_rows => 5, 'a whole number from 10 to 1000' ],
		[ min_rows => 20.5, 'a whole number' ], [ strikes => 'null', 'a whole number from 1 to 10' ], [ action => '"stop"', '"pause"' ]);
	is($shop->sql('SELECT count(*) FROM bcdelta.cutover'), 0, 'nothing was planned');
	is($plan->('{"error_rate": 0.5, "late": null}'), 'ok', 'some of them');
	is($shop->sql('SELECT stop::text FROM bcdelta.cutover'), '{"late": null, "action": "pause", "errors": 50, "strikes": 2, "min_rows": 50, "error_rate": 0.5, "differences": 20, "others_share": 0.6, "conflict_rate": 0.05, "throttled_rate": 0.05}', 'and the usual ones');
};

done_testing();
