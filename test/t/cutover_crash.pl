# Whenever the worker or the server dies, each step of a cutover is done once.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('night', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nbcdelta.debug_points = on\n" });
my ($node, $store) = ($shop->node, $shop->store);
plan skip_all => 'built without debug points' unless $shop->has_points;
$BCDelta::Cutover::shop = $shop;
my $PLAN = PLAN;
$shop->tables(articles => {});
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 20) AS i");
$shop->push;
$shop->sql('UPDATE articles SET price = price + 1');
$shop->push;
$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '20 days', before => '{7 days}', after => '{1 hour}')");
wait_state('done', "detail = 'prepare'");
make_due("name ~ '^baseline'");
wait_state('done', "name ~ '^baseline'");

my $runs = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
my $price = 100;

# The next step, and what kills it at which instant
my @ends = (
	sub { kill_worker($node, 'shop', 'KILL') },
	sub { $node->stop('immediate'); $node->start; wait_for_worker($node, 'shop') },
	sub { $node->restart; wait_for_worker($node, 'shop') });
my $n = 0;
sub end { my $end = $ends[ $n++ % @ends ]; return $end->(); }

# It has been decided, and not been committed, that a step begins, or has ended.
sub crash_at_start
{
	my ($condition) = @_;
	my $session = $shop->stop_at('step');
	make_due($condition);
	$shop->wait_stopped;
	end();
	$session->close;
	return;
}

# Its run waits for the store.
sub crash_in_run
{
	my ($condition, $method) = @_;
	$shop->sql("UPDATE articles SET price = " . ++$price . " WHERE sku = 'A-1'");
	$store->hold({ match => { method => $method }, times => 1 });
	make_due($condition);
	$shop->wait_held(1);
	is($shop->sql("SELECT count(*) FROM bcdelta.cutover_step AS s JOIN bcdelta.run USING (run_id) WHERE s.state = 'running' AND run.state = 'running' AND $condition"), 1, 'a step and its run are running');
	end();
	$store->release;
	return;
}

my @night = (
	[ 'sweep, 7 days before', 'PUT' ],
	[ 'verification of what has changed, 7 days before' ],
	[ 'rehearsal: how long a sweep takes' ],
	[ 'rehearsal: some rows are rolled back', 'PUT' ],
	[ 'rehearsal: they are pushed again' ],
	[ 'stage freeze' ],
	[ 'sweep after the freeze' ],
	[ 'verification after the freeze', 'GET' ],
	[ 'what speaks against going live' ],
	[ 'go() opens the new shop' ],
	[ 'final sweep', 'PUT' ],
	[ 'final verification', 'GET' ],
	[ 'stage live' ],
	[ 'sweep, 1 hour after', 'PUT' ],
	[ 'stage watch' ],
	[ 'message "day_after"' ],
	[ 'stage closed' ]);

foreach my $step (@night)
{
	my ($name, $method) = @$step;
	if ($name eq 'final sweep')
	{
		$shop->sql("SELECT bcdelta.waive('shop', 'leaks', 'a test'), bcdelta.waive('shop', 'worker', 'it was killed', now() + interval '1 hour'), bcdelta.waive('shop', 'pending', 'a test'), bcdelta.go('shop')");
	}
	$method ? crash_in_run("name = '$name'", $method) : crash_at_start("name = '$name'");
	wait_state($name =~ /^go/ ? 'waiting' : 'done', "name = '$name'");
	pass("$name, although it was killed");
	until_done("name = 'verification of what has changed, 1 hour after'") if $name eq 'sweep, 1 hour after';
}

is(plan_state(), 'done', 'the night is over');
is_deeply(steps('name, state', "state NOT IN ('done', 'skipped')"), [], 'all steps are done');
my $steps = $shop->sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(DISTINCT run_id) AS n FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND run_id > $runs AND every IS NULL GROUP BY kind) AS k");
is($shop->sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) AS n FROM bcdelta.run WHERE run_id > $runs GROUP BY kind) AS k"), $steps, 'each run was requested once');
is_deeply($shop->list("SELECT detail ->> 'stage' FROM bcdelta.journal WHERE what = 'stage' ORDER BY journal_id"), [qw(prepare freeze live watch closed)], 'each stage began once');
is_deeply([ grep { !/tomorrow|delay|week|no_go/ } @{ told() } ], [qw(planned prepare freeze go live watch day_after closed)], 'people heard of each once');
is(scalar @{ $store->state('products') }, 20, 'nothing was created twice');
done_testing();
