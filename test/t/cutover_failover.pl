# A standby is promoted in the middle of the night, and goes on with the plan.

use strict;
use warnings;

use BCDelta::Cutover;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('night1', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nmax_wal_senders = 5", init => [ allows_streaming => 1 ] });
my $store = $shop->store;
$BCDelta::Cutover::shop = $shop;
my $PLAN = PLAN;
$shop->tables(articles => {});
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 20) AS i");
is($shop->push->{created}, 20, 'a shop');
$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '2 days', before => '{}')");
until_done("name ~ '^baseline'");

my $number = 1;

# The run of a step waits for the store.
sub in_run
{
	my ($condition, $method) = @_;
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'A-1'");
	$store->hold({ match => { method => $method }, times => 1 });
	make_due($condition);
	$shop->wait_held(1);
	return;
}

subtest 'in the sweep after the freeze' => sub {
	fail_over(
		'night' . ++$number,
		sub {
			until_done("name = 'stage freeze'");
			in_run("name = 'sweep after the freeze'", 'PUT');
		});
	$store->release;
	wait_state('done', "name = 'sweep after the freeze'");
	is($shop->sql('SELECT stage FROM bcdelta.stage'), 'freeze', 'the freeze goes on');
	is(told()->[-1], 'freeze', 'and is told once');
};

subtest 'while the plan waits for go()' => sub {
	fail_over('night' . ++$number, sub { until_waiting(); });
	is(state_of('go() opens the new shop'), 'waiting', 'it waits');
	is(plan_state(), 'planned|held', 'and is held');
};

subtest 'in the final sweep' => sub {
	fail_over(
		'night' . ++$number,
		sub {
			$shop->sql("SELECT bcdelta.go('shop', 'ready', override => true)");
			in_run("name ~ 'final|stage live'", 'PUT');
		});
	$store->release;
	$shop->wait_for("SELECT state = 'live' FROM bcdelta.cutover WHERE plan_id = $PLAN");
	is_deeply(steps('name, state', "name ~ '^(final|stage live)'"), [ map { "$_|done" } 'final sweep', 'final verification', 'stage live' ], 'the new shop opens');
	is_deeply([ grep { !/tomorrow|delay|no_go/ } @{ told() } ], [qw(planned prepare freeze go live)], 'people heard of each once');
	is($shop->sql("SELECT count(*) - count(DISTINCT run_id) FROM bcdelta.cutover_step WHERE plan_id = $PLAN AND run_id IS NOT NULL"), 0, 'each step has a run of its own');
};

is(scalar @{ $store->state('products') }, 20, 'nothing was created twice');
is($shop->verify->{conflicts}, 0, 'source and store agree') or diag(explain($shop->discrepancies));
done_testing();
