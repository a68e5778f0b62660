# Whatever dies, and in whichever step of a cutover, each step is done once.
#
# The worker is killed, and the server crashes or is restarted, in turn.
# With BCDELTA_SOAK set, there is a night of each of these, and one in which a
# standby is promoted in every step.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my ($shop, $node_number) = (undef, 0);
my $PLAN = PLAN;
my $price;

# What happens after something has brought a step to its worst instant
my %ends = (
	'kill -9' => sub { $_[0]->(); kill_worker($shop->node, 'shop', 'KILL'); },
	'restart' => sub { $_[0]->(); $shop->node->restart; wait_for_worker($shop->node, 'shop'); },
	'crash of the server' => sub { $_[0]->(); $shop->node->stop('immediate'); $shop->node->start; wait_for_worker($shop->node, 'shop'); },
	'fail-over' => sub { fail_over('standby' . ++$node_number, $_[0]); });

# It has been decided, and not been committed, that a step begins, or has ended.
sub crash_at_start
{
	my ($end, $condition) = @_;
	my $session;
	$end->(
		sub {
			$session = $shop->stop_at('step');
			make_due($condition);
			$shop->wait_stopped;
		});
	$session->close;
	return;
}

# Its run waits for the store.
sub crash_in_run
{
	my ($end, $condition, $method) = @_;
	$end->(
		sub {
			$shop->sql("UPDATE articles SET price = " . ++$price . " WHERE sku = 'A-1'");
			$shop->store->hold({ match => { method => $method }, times => 1 });
			make_due($condition);
			$shop->wait_held(1);
			is($shop->sql("SELECT count(*) FROM bcdelta.cutover_step AS s JOIN bcdelta.run USING (run_id) WHERE s.state = 'running' AND run.state = 'running' AND $condition"), 1, 'a step and its run are running');
		});
	$shop->store->release;
	return;
}

# The one change of a step was written once: if the reply was lost, the record is
# read, and not written again.
sub written_once
{
	my ($name, $times) = @_;
	my @writes = $shop->writes;
	is(scalar @writes, $times, "$name: writes in the store") or diag(explain(\@writes));
	$shop->clear;
	return;
}

my @steps = (
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

# A cutover; its steps meet these ends in turn.
sub night
{
	my ($name, @ends) = @_;
	my $n = 0;
	$shop = BCDelta::Shop->open($name, store => { args => [ '--quota', 100000 ] },
		node => { conf => "bcdelta.naptime = 1\nbcdelta.debug_points = on\nmax_wal_senders = 5", init => [ allows_streaming => 1 ] });
	plan(skip_all => 'built without debug points') unless $shop->has_points;
	$BCDelta::Cutover::shop = $shop;
	$price = 100;
	$shop->tables(articles => {});
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 20) AS i");
	$shop->push;
	$shop->sql('UPDATE articles SET price = price + 1');
	$shop->push;
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '20 days', before => '{7 days}', after => '{1 hour}')");
	wait_state('done', "detail = 'prepare'");
	make_due("name ~ '^baseline'");
	wait_state('done', "name ~ '^baseline'");
	is($shop->sql("SELECT string_agg(DISTINCT kind, ' ') FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND kind <> ALL (SELECT kind FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND name = ANY (ARRAY["
				. join(', ', map { BCDelta::Test::quote_literal($_->[0]) } @steps) . ']))'), '', 'steps of all kinds meet their ends');

	my $runs = $shop->sql('SELECT max(run_id) FROM bcdelta.run');
	$shop->clear;
	foreach my $step (@steps)
	{
		my ($step_name, $method) = @$step;
		my $what = $ends[ $n++ % @ends ];
		if ($step_name eq 'final sweep')
		{
			$shop->sql("SELECT bcdelta.waive('shop', 'leaks', 'a test'), bcdelta.waive('shop', 'worker', 'it was killed', now() + interval '1 hour'), bcdelta.waive('shop', 'pending', 'a test'), bcdelta.go('shop')");
		}
		$method ? crash_in_run($ends{$what}, "name = '$step_name'", $method) : crash_at_start($ends{$what}, "name = '$step_name'");
		wait_state($step_name =~ /^go/ ? 'waiting' : 'done', "name = '$step_name'");
		pass("$step_name, in spite of a $what");
		written_once($step_name, ($method // '') eq 'PUT' || $step_name =~ /pushed again/ ? 1 : 0);
		until_done("name = 'verification of what has changed, 1 hour after'") if $step_name eq 'sweep, 1 hour after';
	}

	is(plan_state(), 'done', 'the night is over');
	is_deeply(steps('name, state', "state NOT IN ('done', 'skipped')"), [], 'all steps are done');
	my $kinds = $shop->sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(DISTINCT run_id) AS n FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND run_id > $runs AND every IS NULL GROUP BY kind) AS k");
	is($shop->sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) AS n FROM bcdelta.run WHERE run_id > $runs GROUP BY kind) AS k"), $kinds, 'each run was requested once');
	is_deeply($shop->list("SELECT detail ->> 'stage' FROM bcdelta.journal WHERE what = 'stage' ORDER BY journal_id"), [qw(prepare freeze live watch closed)], 'each stage began once');
	is_deeply([ grep { !/tomorrow|delay|week|no_go/ } @{ told() } ], [qw(planned prepare freeze go live watch day_after closed)], 'people heard of each once');
	is(scalar @{ $shop->store->state('products') }, 20, 'nothing was created twice');
	is($shop->records('products', 'sku')->{'A-1'}{price}, $price, 'the last price arrived');
	return;
}

if ($ENV{BCDELTA_SOAK})
{
	my $number = 0;
	foreach my $end (sort keys %ends)
	{
		subtest "a $end in every step" => sub { night('night' . ++$number, $end); };
		$shop->node->clean_node if $shop;
	}
}
else
{
	night('night', 'kill -9', 'crash of the server', 'restart');
}
done_testing();
