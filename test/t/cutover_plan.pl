# The plan of a cutover: its steps, their times, and what becomes of them.

use strict;
use warnings;

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
$shop->sql("UPDATE articles SET price = price + 1");
is($shop->push->{updated}, 20, 'and a push that can be rolled back');

sub steps { return $shop->list("SELECT concat_ws('|', " . (shift) . ") FROM bcdelta.cutover_step WHERE plan_id = (SELECT max(plan_id) FROM bcdelta.cutover) " . (shift // '') . ' ORDER BY step'); }

subtest 'the steps and their times' => sub {
	my $plan = $shop->list(<<'EOC');
SET TimeZone = 'Europe/Berlin';
SELECT concat_ws('|', name, kind, detail, to_char(due_at, 'MM-DD HH24:MI'), to_char(not_after, 'MM-DD HH24:MI'), every)
FROM bcdelta.plan_cutover('shop', date_trunc('day', now() + interval '40 days') + interval '5 hours', dry_run => true)
EOC
	diag explain $plan;
	is($shop->sql('SELECT count(*) FROM bcdelta.cutover_step'), 0, 'a dry run writes nothing');
};

$shop->sql("SELECT 1 FROM pg_proc WHERE proname = 'go_live_check'") or $shop->sql("CREATE FUNCTION bcdelta.go_live_check(server name) RETURNS TABLE (no int, criterion text, severity text, verdict text, found text, required text, why text, next_step text) LANGUAGE sql AS \$\$ SELECT 1, 'pending', 'must', CASE WHEN count(*) = 0 THEN 'go' ELSE 'no-go' END, format('%s rows', count(*)), '0', '', '' FROM bcdelta.pending WHERE state = 'failed' \$\$");

# The clock is what a test cannot wait for: a step is made due.
sub due { my ($name) = @_; $shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() WHERE name = '$name' AND state = 'planned'"); $shop->wait_for("SELECT bool_and(state NOT IN ('planned', 'running')) FROM bcdelta.cutover_step WHERE name = '$name'"); }
sub state { my ($name) = @_; return $shop->sql("SELECT state FROM bcdelta.cutover_step WHERE name = '$name' ORDER BY plan_id DESC LIMIT 1"); }
sub refused { my ($sql, $words, $name) = @_; like(($shop->try($sql))[2], $words, $name); }
sub events { return $shop->list("SELECT detail FROM bcdelta.event WHERE event = 'cutover' AND detail IS NOT NULL ORDER BY event_id"); }

subtest 'a night' => sub {
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '10 days')");
	$shop->wait_for("SELECT state = 'done' FROM bcdelta.cutover_step WHERE name = 'stage prepare'");
	refused("SELECT bcdelta.plan_cutover('shop', now() + interval '11 days')", qr/already has a plan/, 'a second plan is refused');
	refused("SELECT bcdelta.go('shop')", qr/it is too early to go live/, 'go() before its time');
	due('baseline: source and store are compared');
	is_deeply(steps('name, state, measured', "AND kind = 'verify' AND state <> 'planned'"), [ 'baseline: source and store are compared|done|23 agree' ], 'the baseline');
	due($_) foreach @{ steps('name', "AND state = 'planned' AND name ~ 'before|rehearsal'") };
	due('message "tomorrow"');
	diag explain steps('name, state, measured, note');
	due('stage freeze');
	is($shop->sql("SELECT stage FROM bcdelta.stage"), 'freeze', 'the freeze');
	due('sweep after the freeze');
	due('verification after the freeze');
	refused("SELECT bcdelta.go('shop')", qr/it is too early/, 'not yet');
	$shop->sql("UPDATE articles SET price = 77 WHERE sku = 'A-7'");
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() WHERE name = 'sweeps until go() is called'");
	$shop->wait_for("SELECT price = 77 FROM articles WHERE sku = 'A-7' AND NOT EXISTS (SELECT FROM bcdelta.pending)");
	due('what speaks against going live');
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() WHERE name LIKE 'go%'");
	$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.cutover_step WHERE kind = 'go'");
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() WHERE name ~ 'final|stage live'");
	is(state('final sweep'), 'planned', 'nothing begins by itself');
	$shop->sql("SELECT bcdelta.go('shop', 'all is well')");
	$shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover");
	diag explain steps('name, state, due_at, measured, note');
	diag explain events();
};
done_testing();
