# The plan of a cutover: its steps, their times, and what becomes of them.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('plan', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(makers => {}, articles => {});
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M-1' FROM generate_series(1, 20) AS i;
EOC
is($shop->push->{created}, 23, 'a shop');
$shop->sql('UPDATE articles SET price = price + 1');
is($shop->push->{updated}, 20, 'and a push that can be rolled back');

$BCDelta::Cutover::shop = $shop;
my $PLAN = PLAN;

sub journal { return $shop->sql("SELECT concat_ws('|', what, by_role, reason) FROM bcdelta.journal WHERE what = 'go' ORDER BY journal_id DESC LIMIT 1"); }

subtest 'steps follow the clock of the time zone' => sub {
	# the night in which clocks go forward next
	my $night = "(SELECT max(day)::date FROM generate_series(date_trunc('year', now() + interval '276 days') + interval '2 months',
		date_trunc('year', now() + interval '276 days') + interval '3 months' - interval '1 day', interval '1 day') AS day WHERE extract(dow FROM day) = 0)";
	my ($rc, $out, $err) = $shop->try(<<"EOC");
SET TimeZone = 'Europe/Berlin';
SELECT concat_ws('|', name, to_char(due_at - ${night}::timestamp AT TIME ZONE 'Europe/Berlin', 'DD HH24:MI'), to_char(due_at, 'HH24:MI'))
FROM bcdelta.plan_cutover('shop', $night + time '05:00', before => '{7 days,2 hours}', after => '{24 hours}', dry_run => true) WHERE name ~ '^(sweep, |stage)' AND due_at > $night - 8;
EOC
	my @rows = grep { !/^stage prepare/ } split /\n/, $out;
	is_deeply(\@rows, [ 'sweep, 7 days before|-6 -19:00|05:00', 'sweep, 2 hours before|00 02:00|03:00', 'stage freeze|00 03:00|04:00', 'stage live|00 04:00|05:00',
		'sweep, 24 hours after|01 04:00|05:00', 'stage watch|01 04:00|05:00', 'stage closed|30 04:00|05:00' ], 'days by the clock, hours as they pass');
	like($err, qr/WARNING:  clocks change around go-live, which is at Sun .* 05:00 CEST\nDETAIL:  At Sun .* 01:59 CET, they go forward by 60 minutes/, 'the night of the change is pointed out');
	(undef, undef, $err) = $shop->try("SET TimeZone = 'Europe/Berlin'; SELECT bcdelta.plan_cutover('shop', $night + time '02:30', dry_run => true)");
	like($err, qr/WARNING:  clocks change around go-live, which is at Sun .* 03:30 CEST/, 'an hour that its night does not have');
	is($shop->sql('SELECT count(*) FROM bcdelta.cutover_step'), 0, 'a dry run writes nothing');
};

subtest 'steps are moved into hours with little traffic' => sub {
	my $rows = $shop->list(<<'EOC');
SET TimeZone = 'UTC';
SELECT concat_ws('|', name, to_char(due_at, 'HH24:MI'), to_char(not_after - due_at, 'DD HH24:MI')) FROM bcdelta.plan_cutover('shop', date_trunc('day', now() + interval '20 days') + interval '14 hours',
	hours => '02:00-04:00', before => '{3 days,1 day,4 hours}', after => '{1 hour,2 days}', freeze => '2 hours', dry_run => true) WHERE kind = 'push'
EOC
	is($shop->sql("SET TimeZone = 'UTC'; SELECT to_char(due_at, 'HH24:MI') FROM bcdelta.plan_cutover('shop', date_trunc('day', now() + interval '20 days') + interval '14 hours', hours => '02:00-04:00', dry_run => true) WHERE detail = 'watch'"),
		'02:00', 'stage watch follows the last sweep');
	is_deeply($shop->list("SET TimeZone = 'UTC'; SELECT concat_ws('|', name, round(extract(epoch FROM due_at - (date_trunc('day', now() + interval '20 days') + interval '6 hours')) / 3600)) FROM bcdelta.plan_cutover('shop',
		date_trunc('day', now() + interval '20 days') + interval '6 hours', dry_run => true) WHERE name ~ '^sweep, ([17] days?|24 hours)'"), [ 'sweep, 7 days before|-173', 'sweep, 1 day before|-29', 'sweep, 24 hours after|19', 'sweep, 7 days after|163' ],
		'the nearest ones, be they before');
	is($shop->sql("SELECT not_after IS NULL FROM bcdelta.plan_cutover('shop', now() + interval '20 days', freeze => '1 minute', dry_run => true) WHERE name ~ '^sweeps until'"),
		't', 'sweeps until go() end with that, even if they are due after go-live');
	is_deeply($rows, [ 'sweep, 3 days before|02:00|02 00:00', 'rehearsal: they are pushed again|02:00|02 00:00', 'sweep, 1 day before|02:00|00 08:00', 'sweep, 4 hours before|10:00|00 02:00',
		'sweep after the freeze|12:00', 'sweeps until go() is called|12:10', 'final sweep|13:30', 'sweep, 1 hour after|15:00|13 23:00', 'sweep, 2 days after|02:00|11 12:00' ],
		'unless go-live is near; each may be late until the next one');
};

subtest 'bad input' => sub {
	my $at = "now() + interval '20 days'";
	refused("SELECT bcdelta.plan_cutover('shop', now() - interval '1 hour')", qr/argument "go_live" is in the past/, 'the past');
	refused("SELECT bcdelta.plan_cutover('shop', 'infinity')", qr/argument "go_live" must be finite/, 'never');
	refused("SELECT bcdelta.plan_cutover('shop', now() + interval '3 years')", qr/argument "go_live" is more than 366 days away/, 'some day');
	refused("SELECT bcdelta.plan_cutover('shop', $at, after => '{15 days}')", qr/argument "after" has a sweep more than 14 days after go-live\nDETAIL:  BigCommerce advises/, 'two weeks are the limit');
	refused("SELECT bcdelta.plan_cutover('shop', $at, after => '{1 month}')", qr/argument "after" has a sweep more than 14 days/, 'a month is more');
	refused("SELECT bcdelta.plan_cutover('shop', $at, after => '{3 days}', watch => '2 days')", qr/argument "after" has 3 days, which is after the end of the plan/, 'a plan that ends before');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => '{1 hour}')", qr/argument "before" has 1 hour, which is not before the freeze/, 'a sweep in the freeze');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => '{-1 day}')", qr/argument "before" must be between/, 'a negative time');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => '{NULL}')", qr/argument "before" must not contain nulls/, 'null');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => '{178000000 years}')", qr/argument "before" must not have months/, 'ages');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => '{2147483647 days}')", qr/argument "before" must be between/, 'many days');
	refused("SELECT bcdelta.plan_cutover('shop', $at, before => array_fill(interval '3 days', '{51}'))", qr/argument "before" must not have more than 50 elements/, 'many sweeps');
	refused("SELECT bcdelta.plan_cutover('shop', $at, freeze => '20 days')", qr/argument "freeze" must be between 0 days and 14 days/, 'a long freeze');
	refused("SELECT bcdelta.plan_cutover('shop', $at, hours => 'at night')", qr/invalid value for argument "hours"/, 'hours');
	refused("SELECT bcdelta.plan_cutover('shop', $at, time_zone => 'Mars/Utopia')", qr/time zone "Mars\/Utopia" is not known/, 'a time zone');
	refused("SELECT bcdelta.plan_cutover('nowhere', $at)", qr/server "nowhere" does not exist/, 'a server');
	refused("SELECT bcdelta.$_", qr/server "shop" has no plan of a cutover/, "no plan: $_") foreach "go('shop')", "hold_cutover('shop', 'wait')", "move_cutover('shop', $at, 'later')", "abort_cutover('shop', 'no')";
	$shop->sql('CREATE ROLE stranger');
	refused("SET ROLE stranger; SELECT bcdelta.$_", qr/permission denied for foreign server shop/, "a role that may not: $_")
		foreach "plan_cutover('shop', $at)", "go('shop')", "hold_cutover('shop', 'wait')", "move_cutover('shop', $at, 'later')", "abort_cutover('shop', 'no')";
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.plan_cutover('shop', now() + interval '90 minutes', freeze => '2 hours', before => '{7 days,1 day,3 hours}', dry_run => true)");
	like($err, qr/WARNING:  go-live is so near that not all steps fit\nDETAIL:  Left out: sweep, 7 days before; .*; sweep, 3 hours before; .*; the freeze begins at once\./, 'what does not fit is named');
	my $night = $shop->sql("SELECT to_char(now() + interval '20 days', 'YYYY-MM-DD') || ' 05:00'");
	my $plan = sub { return ($shop->try("SET TimeZone = '$_[1]'; SELECT bcdelta.plan_cutover('shop', '$_[0]', time_zone => 'Europe/Berlin', dry_run => true)"))[2]; };
	like($plan->($night, 'UTC'), qr/ goes live at .* 0[67]:00 CES?T,.*\nHINT:  A time without a time zone is one of the session's, which is in UTC: '$night Europe\/Berlin' names one\./, 'a time that was meant in the time zone of the plan');
	unlike($plan->($night, 'Europe/Berlin'), qr/HINT/, 'no hint if that is the time zone of the session');
	like($plan->("$night Europe/Berlin", 'UTC'), qr/ goes live at .* 05:00 CES?T/, 'a time with its zone');
	is($shop->sql('SELECT count(*) FROM bcdelta.cutover'), 0, 'no plan was made');
};

subtest 'a night' => sub {
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '10 days')");
	wait_state('done', "detail = 'prepare'");
	refused("SELECT bcdelta.plan_cutover('shop', now() + interval '11 days')", qr/server "shop" already has a plan of a cutover/, 'a second plan');
	refused("SELECT bcdelta.go('shop')", qr/it is too early to go live with server "shop"\nDETAIL:  Step "(baseline|sweep, 7)/, 'go() before its time');
	until_done("name ~ '^baseline'");
	until_done("name ~ 'before\$|^rehearsal|tomorrow'");
	is_deeply(steps('name, measured', "name ~ 'baseline|7 days before|rehearsal'"), [ 'baseline: source and store are compared|23 agree', 'sweep, 7 days before|nothing was to be written',
		'verification of what has changed, 7 days before|20 agree', 'rehearsal: how long a sweep takes|a sweep of what is pending: rows: 0, requests: 0, seconds: 0',
		'rehearsal: some rows are rolled back|10 updated', 'rehearsal: they are pushed again|10 updated' ], 'what came of it');
	is($shop->verify->{conflicts}, 0, 'the rehearsal leaves no trace');
	$shop->sql("UPDATE articles SET price = 77 WHERE sku = 'A-7'");
	until_waiting();
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'freeze', 'the freeze');
	is_deeply(steps('measured', "name = 'sweep after the freeze'"), [ '1 updated' ], 'what has changed before the freeze');
	$shop->sql("UPDATE articles SET price = 78 WHERE sku = 'A-7'");
	make_due("name ~ 'final|stage live|^sweeps until'");
	$shop->wait_for("SELECT due_at > now() AND measured = '1 updated' FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND name ~ '^sweeps until'");
	is_deeply(steps('name', "name ~ 'final|stage live' AND state <> 'planned'"), [], 'whoever writes nevertheless is swept, and nothing goes live by itself');
	refused("SELECT bcdelta.go('shop')", qr/server "shop" is not ready to go live: 1 criterion is not met\nDETAIL:  leaks: .*articles/, 'somebody writes in the freeze');
	refused("SELECT bcdelta.go('shop', override => true)", qr/argument "override" needs argument "note"/, 'no override without a reason');
	$shop->sql("SELECT bcdelta.waive('shop', 'leaks', 'the intern has gone home')");
	$shop->sql("SELECT bcdelta.go('shop', 'all is well')");
	is(journal(), 'go|' . $shop->sql('SELECT session_user') . '|all is well', 'who said go is in the journal');
	$shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover WHERE plan_id = $PLAN");
	is_deeply(steps('name, state, measured', "name ~ '^final|^stage live|^sweeps until'"), [ 'sweeps until go() is called|done|1 updated', 'final sweep|done|nothing was to be written',
		'final verification|done|20 agree', 'stage live|done' ], 'the new shop is open');
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'live', 'and the stage says so');
	is(steps('round(extract(epoch FROM due_at - (SELECT went_live_at FROM bcdelta.cutover WHERE plan_id = cutover_step.plan_id)) / 60)', "name = 'sweep, 1 hour after'")->[0], 60, 'what follows counts from now');
	refused("SELECT bcdelta.go('shop')", qr/the cutover of server "shop" does not wait for go\(\)\nDETAIL:  Stage live began/, 'go() twice');
	refused("SELECT bcdelta.move_cutover('shop', now() + interval '1 day', 'too early')", qr/the cutover of server "shop" cannot be moved, since the new shop is open/, 'the past cannot be moved');
	until_done("name ~ 'after\$'");
	make_due("name ~ 'daily|weekly'");
	$shop->wait_for("SELECT bool_and(due_at > now() AND measured IS NOT NULL) FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND name ~ 'daily|weekly'");
	is(state_of('daily verification of a sample'), 'planned', 'verifications go on');
	until_done("name ~ '$_'") foreach qw(watch day_after week_after closed);
	is(plan_state(), 'done', 'the plan is done');
	is_deeply([ grep { $_ ne 'tomorrow' } @{ told() } ], [ qw(planned prepare freeze go live watch day_after week_after closed) ], 'what people heard of') or diag explain told();
	is_deeply(steps('name, state', "state NOT IN ('done', 'skipped')"), [], 'no step is left');
};

# A time zone whose clocks go forward by an hour at this time
sub changing
{
	my ($at) = @_;
	my @t = gmtime $at;
	return sprintf('AAA0BBB,%d/%02d:%02d:%02d,%d/0', $t[7], @t[ 2, 1, 0 ], ($t[7] + 180) % 365);
}

subtest 'clocks change while a plan is carried out' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', NULL)");
	my $now = time;
	my $zone = changing($now + 7);
	is($shop->sql("SELECT to_char(to_timestamp($now + 6) AT TIME ZONE '$zone', 'MI:SS') = to_char(to_timestamp($now + 6), 'MI:SS') AND to_timestamp($now + 7) AT TIME ZONE '$zone' - to_timestamp($now + 6) AT TIME ZONE '$zone' = interval '1 hour 1 second'"), 't', "at $zone, clocks change in a moment");
	# a day before go-live, by the clock, is 23 hours before it
	my $live = $now + 23 * 3600 + 6;
	my $hours = $shop->sql("SELECT to_char(t - interval '2 hours', 'HH24:MI') || '-' || to_char(t + interval '4 hours', 'HH24:MI') FROM (SELECT to_timestamp($now) AT TIME ZONE '$zone') AS t (t)");
	$shop->sql("SELECT bcdelta.plan_cutover('shop', to_timestamp($live), hours => '$hours', time_zone => '$zone', before => '{1 day,22:59:55}', freeze => '1 hour')");
	is_deeply(steps('extract(epoch FROM due_at)::bigint', "name ~ '^sweep, .* before'"), [ $now + 6, $now + 11 ], 'a sweep before the change, and one after it');
	wait_state('done', "name ~ '^sweep, .* before'");
	is_deeply(steps('name, started_at >= due_at AND started_at < due_at + interval \'30 seconds\'', "name ~ '^sweep, .* before'"), [ 'sweep, 1 day before|t', 'sweep, 82795 seconds before|t' ], 'each began when it was due');
	$shop->sql("SELECT bcdelta.abort_cutover('shop', 'the next one'), bcdelta.stage('shop', NULL)");

	$now = time;
	$zone = changing($now + 6);
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.plan_cutover('shop', to_timestamp($now + 9), time_zone => '$zone', before => '{}', freeze => '8 seconds')");
	like($err, qr/WARNING:  clocks change around go-live, which is at .* BBB/, 'a night in which clocks change');
	wait_state('waiting', "kind = 'go'");
	$shop->sql("SELECT bcdelta.go('shop', 'a test', override => true)");
	$shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover WHERE plan_id = $PLAN");
	is($shop->sql("SELECT went_live_at >= go_live AND went_live_at < go_live + interval '30 seconds' FROM bcdelta.cutover WHERE plan_id = $PLAN"), 't', 'it goes live when it is planned');
	is($shop->sql("SELECT min(started_at) < to_timestamp($now + 6) AND max(started_at) > to_timestamp($now + 6) FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND state = 'done'"), 't', 'after steps on both sides of the change');
	$shop->sql("SELECT bcdelta.abort_cutover('shop', 'over'), bcdelta.stage('shop', NULL)");
};

done_testing();
