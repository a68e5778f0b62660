package BCDelta::Cutover;

=pod

=head1 NAME

BCDelta::Cutover - the plan of a shop's cutover, with a clock that tests turn

=cut

use strict;
use warnings;

use BCDelta::Test;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(PLAN steps state_of plan_state told refused make_due wait_state until_done until_waiting fail_over);

our $shop;

=pod

=over

=item PLAN

The SQL expression for the number of the last plan of C<$BCDelta::Cutover::shop>.

=cut

sub PLAN { return '(SELECT max(plan_id) FROM bcdelta.cutover)'; }

=pod

=item steps(columns, condition), state_of(name), plan_state, told

Columns of the steps of the plan, joined by bars; the state of a step, of the
plan; the events that people were told of.

=cut

sub steps
{
	my ($columns, $condition) = @_;
	return $shop->list("SELECT concat_ws('|', $columns) FROM bcdelta.cutover_step WHERE plan_id = " . PLAN . ' AND ' . ($condition // 'true') . ' ORDER BY step');
}

sub state_of { return steps('state', "name = '$_[0]'")->[0]; }
sub plan_state { return $shop->sql("SELECT concat_ws('|', state, CASE WHEN held THEN 'held' END, held_reason) FROM bcdelta.cutover WHERE plan_id = " . PLAN); }
sub told { return $shop->list("SELECT detail FROM bcdelta.event WHERE event = 'cutover' AND detail IS NOT NULL ORDER BY event_id"); }

=pod

=item refused(sql, words, name)

The statement ends with an error that begins with these words.

=cut

sub refused
{
	my ($sql, $words, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, undef, $err) = $shop->try($sql);
	return like($err, qr/ERROR:  $words/, $name);
}

=pod

=item make_due(condition), wait_state(state, condition), until_done(condition), until_waiting

Make steps due, instead of waiting for the clock; wait until they are in a
state, until they are done, until the plan waits for go().

=cut

sub make_due { return $shop->sql('UPDATE bcdelta.cutover_step SET due_at = now() WHERE plan_id = ' . PLAN . " AND state = 'planned' AND $_[0]"); }

sub wait_state
{
	my ($state, $condition) = @_;
	return 1 if eval { $shop->wait_for("SELECT bool_and(state = '$state') FROM bcdelta.cutover_step WHERE plan_id = " . PLAN . " AND $condition"); 1 };
	diag(explain(steps('name, state, due_at, not_after, run_id, measured, note', $condition)));
	die $@;
}

sub until_done
{
	make_due($_[0]);
	return wait_state('done', $_[0]);
}

sub until_waiting
{
	make_due("kind <> 'message' AND every IS NULL AND step <= (SELECT step FROM bcdelta.cutover_step WHERE plan_id = " . PLAN . " AND kind = 'go')");
	return wait_state('waiting', "kind = 'go'");
}

=pod

=item fail_over(name, meanwhile)

A standby of this name follows the shop's server, which ends after C<meanwhile>
was called; the standby has all that was committed, is promoted, and is the
shop's server from then on.  The old one is removed.

=cut

sub fail_over
{
	my ($name, $meanwhile) = @_;
	my $old = $shop->node;
	my $standby = standby_of($old, $name);
	$old->append_conf('postgresql.conf', "synchronous_standby_names = '*'\nsynchronous_commit = remote_apply");
	$old->reload;
	$shop->wait_for("SELECT sync_state = 'sync' FROM pg_stat_replication");
	$meanwhile->();
	$old->stop('immediate');
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$standby->promote;
	$shop->{node} = $standby;
	wait_for_worker($standby, $shop->{db});
	$old->clean_node;
	return;
}

=pod

=back

=cut

1;
