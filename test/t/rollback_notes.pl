# What bcdelta.undo has: everything that may have been written, nothing else,
# and no more of it, or for longer, than a rollback needs.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP;
use Test::More;

my $shop = BCDelta::Shop->open('notes', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, body text NOT NULL DEFAULT '', views int);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id", "name": "''Item '' || id", "price": "10", "description": "body",
	"type": "''physical''", "weight": "1", "view_count": "views"}', on_delete => 'hide');
EOC

sub record
{
	my ($key) = @_;
	my ($record) = grep { $_->{sku} eq $key } @{ $store->state('products') };
	return $record;
}

sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }

sub verdicts
{
	my ($run) = @_;
	return $shop->list("SELECT concat_ws(' ', key, field, verdict) FROM bcdelta.rollback_field WHERE run_id = $run->{run_id} ORDER BY key, field");
}

# Rows of bcdelta.undo: all, and those of which it is not known what was created
sub noted { return $shop->sql("SELECT count(*) || ' ' || count(*) FILTER (WHERE address IS NULL) FROM bcdelta.undo WHERE run_id = $_[0]"); }

sub add { return $shop->sql("INSERT INTO item SELECT '$_[0]' || i FROM generate_series(1, 40) AS i"); }

# Pushes 40 new rows, until some of their creates are held; returns the session and the run.
sub begin
{
	my ($prefix) = @_;
	add($prefix);
	$store->hold({ match => { method => 'POST', path => '^/catalog/products$' }, process => 'now' });
	my $push = $shop->start;
	$shop->wait_held(2);
	return ($push, $shop->last_run->{run_id});
}

subtest 'creates are noted together, before the first of them is sent' => sub {
	my ($push, $run) = begin('a');
	is(noted($run), '40 40', 'noted');
	is($shop->sql("SELECT count(DISTINCT xmin::text) FROM bcdelta.undo WHERE run_id = $run"), 1, 'in one transaction');
	$store->release;
	$push->finish;
	is(noted($run), '40 0', 'each gets its id');
};

subtest 'a run that is cancelled leaves no notes of what was not sent' => sub {
	my ($push, $run) = begin('b');
	my $cancel = $shop->start("SELECT bcdelta.cancel($run)");
	# the call is served before the replies that come after it
	$shop->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^SELECT bcdelta.cancel' AND wait_event_type = 'Extension'");
	$store->release;
	$_->finish foreach $cancel, $push;
	my $created = $shop->sql("SELECT created FROM bcdelta.run WHERE run_id = $run");
	cmp_ok($created, '<', 40, 'cancelled');
	is(noted($run), "$created 0", 'notes of what was created');
	is($shop->push->{created}, 40 - $created, 'the others are created by the next run');
};

subtest 'a killed worker leaves notes; the next push finds out what was done' => sub {
	my ($push, $run) = begin('c');
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	wait_for_worker($shop->node, 'shop');
	is(noted($run), '40 40', 'notes of everything that may have been sent');
	$shop->push;
	is(scalar(grep { $_->{sku} =~ /^c/ } @{ $store->state('products') }), 40, 'each is created once');
	is($shop->sql("SELECT count(*) || ' ' || count(DISTINCT key) || ' ' || count(address) FROM bcdelta.undo WHERE key LIKE 'c%'"), '40 40 40', 'and noted once, with its id');
};

subtest 'a record that somebody else has created is not taken for a create that may have been done' => sub {
	my ($push, $run) = begin('d');
	my %sent = map { $_->{sku} => 1 } grep { $_->{sku} =~ /^d/ } @{ $store->state('products') };
	my ($other) = grep { !$sent{$_} } map { "d$_" } 1 .. 40;
	my ($mine) = sort keys %sent;
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	wait_for_worker($shop->node, 'shop');
	$store->seed('product', [ { sku => $other, name => 'By hand', type => 'physical', weight => 2, price => 5, is_visible => JSON::PP::true } ]);
	my $back = undo("rollback($run, after => 'none')");
	is($back->{state}, 'succeeded', 'rolled back') or diag explain $back;
	is(record($other)->{is_visible}, 1, 'it is left as it is');
	is(record($mine)->{is_visible}, 0, 'what the run may have created, and has the same values, is hidden');
	$shop->push;
};

my $long = join '', map { "<p>Line $_ of a long text.</p>" } 1 .. 700;

subtest 'a long text that was written is not kept a second time' => sub {
	my ($first, $second) = ("$long<p>one</p>", "$long<p>two</p>");
	$shop->sql("INSERT INTO item VALUES ('x', '$first'), ('y', '$first'), ('z', '$first')");
	my $create = $shop->push;
	$shop->sql("UPDATE item SET body = '$second' WHERE id IN ('x', 'y', 'z')");
	my $run = $shop->push;
	is($shop->sql("SELECT max(length(after::text)) < 500 FROM bcdelta.undo WHERE run_id IN ($create->{run_id}, $run->{run_id}) AND key IN ('x', 'y', 'z')"), 't', 'only what stands for it');
	is($shop->sql("SELECT min(length(before->>'description')) FROM bcdelta.undo WHERE run_id = $run->{run_id}"), length $first, 'what it has replaced is kept');
	# the store has reformatted one, and somebody has edited another
	(my $reformatted = $second) =~ s{</p><p>}{</P><P>}g;
	$store->edit('product', record('y')->{id}, { description => $reformatted });
	$store->edit('product', record('z')->{id}, { description => "$second!" });
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is_deeply(verdicts($back), [ 'x description undone', 'y description undone', 'z description edited' ], 'what of it is still ours');
	is(join(' ', map { length record($_)->{description} } qw(x y z)), join(' ', length $first, length $first, length "$second!"), 'rolled back');
	my $redo = undo("rollback($back->{run_id}, after => 'none')");
	is(length record('x')->{description}, length $second, 'and forth');
	is(record('x')->{description}, $second, 'with the same text');
};

subtest 'values that the store never shows are not kept; a rollback lists them' => sub {
	$shop->sql("UPDATE item SET views = 5 WHERE id = 'x'");
	$shop->push;
	$shop->sql("UPDATE item SET views = 6 WHERE id = 'x'");
	my $run = $shop->push;
	is($shop->sql("SELECT before::text || after FROM bcdelta.undo WHERE run_id = $run->{run_id}"), '{}{"view_count": null}', 'neither the old nor the new value');
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is_deeply($shop->list("SELECT concat_ws(' ', key, field, verdict, reason) FROM bcdelta.rollback_field WHERE run_id = $back->{run_id}"),
		['x view_count impossible the store does not tell its value'], 'listed') or diag explain $back;
};

subtest 'undoable reads what those runs have written that a query shows' => sub {
	$shop->sql(<<'EOC');
BEGIN;
INSERT INTO bcdelta.run (server, kind, state, started_at, finished_at) SELECT 'shop', 'push', 'succeeded', now(), now() FROM generate_series(1, 300) AS i;
INSERT INTO bcdelta.undo (run_id, feed, feed_id, key, store_id, address, action, undone_by)
SELECT run_id, 'item', 1, 'k' || i / 2, 1000 + i / 2, (1000 + i / 2)::text, CASE WHEN i = 1 THEN 'created' ELSE 'updated' END, CASE WHEN i < 4 THEN 1 END
FROM (SELECT run_id FROM bcdelta.run ORDER BY run_id DESC LIMIT 300) AS r, generate_series(1, 100) AS i;
COMMIT;
ANALYZE bcdelta.run, bcdelta.undo;
EOC
	my $query = q(SELECT * FROM bcdelta.undoable WHERE server = 'shop' ORDER BY run_id DESC LIMIT 5);
	is_deeply($shop->list("SELECT DISTINCT concat_ws(' ', kind, feed, records, undone, created, updated, hidden, deleted, calls) FROM ($query) AS q"), ['push item 51 2 1 99 0 0 11'], 'with their numbers');
	my $plan = $shop->sql("EXPLAIN (ANALYZE, TIMING off, COSTS off) $query");
	my $read = 0;
	$read += $1 * $2 while $plan =~ /Scan[^\n]* on undo [^\n]*actual rows=([\d.]+) loops=(\d+)/g;
	cmp_ok($read, '>=', 500, 'five runs');
	cmp_ok($read, '<', 1500, 'and not three hundred');
	$shop->sql(q(DELETE FROM bcdelta.undo WHERE key LIKE 'k%'));
};

subtest 'what records held is kept for bcdelta.undo_retention days' => sub {
	my ($old, $young) = @{ $shop->list('SELECT DISTINCT run_id FROM bcdelta.undo ORDER BY run_id LIMIT 2') };
	$shop->sql("UPDATE bcdelta.undo SET written_at = now() - CASE run_id WHEN $old THEN 31 ELSE 29 END * interval '1 day' WHERE run_id IN ($old, $young)");
	kill_worker($shop->node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.undo WHERE run_id = $old");
	is($shop->sql("SELECT count(*) > 0 FROM bcdelta.undo WHERE run_id = $young"), 't', 'younger ones stay');
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.rollback($old)");
	like($err, qr/it is no longer known what the records held before/, 'the run can no longer be rolled back');
	$shop->sql('ALTER SYSTEM SET bcdelta.undo_retention = 0; SELECT pg_reload_conf()');
	kill_worker($shop->node, 'shop', 'TERM');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.undo');
	$shop->sql("UPDATE item SET views = 7 WHERE id = 'x'");
	is($shop->push->{updated}, 1, 'with 0, rows are pushed');
	is($shop->sql('SELECT count(*) FROM bcdelta.undo'), 0, 'and nothing is kept');
	$shop->sql('ALTER SYSTEM RESET bcdelta.undo_retention; SELECT pg_reload_conf()');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
