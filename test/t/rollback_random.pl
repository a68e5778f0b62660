# Random changes are pushed, in several runs, while requests fail and the worker
# is killed.  All of it is rolled back: the store is as before, except for ids and
# dates.  The rollback is rolled back: the store is as it was after the pushes.
# RANDOM_SEED and RANDOM_ROUNDS choose other numbers.

use strict;
use warnings;

use List::Util qw(max);

use BCDelta::Faults;
use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // 1;
my $rounds = $ENV{RANDOM_ROUNDS} // 2;
diag("RANDOM_SEED=$seed RANDOM_ROUNDS=$rounds");
srand($seed);

my $shop = BCDelta::Shop->open(
	'undo',
	server => { timeout => 2, max_attempts => 9 },
	node => { conf => "bcdelta.crash_limit = 0\n" },
	store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my $n = 0;

$shop->sql(<<'EOC');
CREATE TABLE maker (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE grp (id int PRIMARY KEY, name text NOT NULL, shown boolean NOT NULL DEFAULT true);
CREATE TABLE item (id int PRIMARY KEY, sku text NOT NULL, title text NOT NULL, price numeric NOT NULL, maker int, grps int[],
	body text, fields jsonb, stock int NOT NULL DEFAULT 5);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete'),
	bcdelta.track('grp', 'shop', 'category', '{"name": "name", "parent_id": "0", "is_visible": "shown"}', on_delete => 'delete'),
	bcdelta.track('item', 'shop', 'product', '{"sku": "sku", "name": "title", "price": "price", "description": "body", "type": "''physical''", "weight": "1",
		"brand_id": "coalesce(bcdelta.ref(''maker'', maker), 0)", "custom_fields": "fields",
		"categories": "ARRAY(SELECT bcdelta.ref(''grp'', g) FROM unnest(grps) AS g)"}', on_delete => 'delete');
EOC

sub pick { return $_[ rand @_ ]; }
sub some { my ($table) = @_; my $id = $shop->sql("SELECT id FROM $table ORDER BY md5(id::text || '" . rand() . "') LIMIT 1"); return $id; }

sub fields
{
	return "'" . '[' . join(', ', map { qq({"name": "f$_", "value": "v) . int(rand(5)) . '"}' } grep { rand() < 0.5 } 1 .. 3) . "]'";
}

# A random statement
sub change
{
	my $what = int rand 14;
	my $i = ++$n;
	my ($maker, $grp, $item) = map { some($_) || 0 } qw(maker grp item);
	return $shop->sql("INSERT INTO maker VALUES ($i, 'Maker $i')") if $what == 0;
	return $shop->sql("INSERT INTO grp VALUES ($i, 'Group $i')") if $what == 1;
	return $shop->sql("INSERT INTO item VALUES ($i, 'S$i', 'Item $i', " . int(rand(99)) . ", nullif($maker, 0), array_remove(ARRAY[$grp], 0), '<p>Text $i</p>', " . fields() . ')') if $what < 5;
	return $shop->sql("UPDATE maker SET name = 'Maker $i' WHERE id = $maker") if $what == 5;
	return $shop->sql("UPDATE grp SET name = 'Group $i', shown = NOT shown WHERE id = $grp") if $what == 6;
	return $shop->sql("UPDATE item SET price = price + 1, body = '<p>Text $i</p>' WHERE id = $item") if $what < 9;
	return $shop->sql("UPDATE item SET fields = " . fields() . ", maker = nullif($maker, 0) WHERE id = $item") if $what == 9;
	return $shop->sql("UPDATE item SET sku = 'S$i', title = 'Item $i', grps = array_remove(ARRAY[$grp], 0) WHERE id = $item") if $what == 10;
	return $shop->sql("DELETE FROM item WHERE id = $item") if $what == 11;
	# the store itself takes a deleted brand from products: only unused ones are deleted
	my ($table, $id, $field) = $what == 12 ? ('maker', $maker, 'brand_id') : ('grp', $grp, 'categories');
	$shop->sql($what == 12 ? "UPDATE item SET maker = NULL WHERE maker = $id" : "UPDATE item SET grps = '{}' WHERE $id = ANY (grps)") if rand() < 0.5;
	return $shop->sql(<<"EOC");
DELETE FROM $table AS t WHERE id = $id AND NOT EXISTS (SELECT FROM item WHERE maker = $id AND '$table' = 'maker' OR $id = ANY (grps) AND '$table' = 'grp')
AND NOT EXISTS (SELECT FROM bcdelta.link AS i, bcdelta.link AS r WHERE i.feed = 'item' AND r.feed = '$table' AND r.key = '$id'
	AND (i.payload IS NULL OR i.payload->'$field' @> to_jsonb(r.store_id) OR i.remembered->'$field' @> to_jsonb(r.store_id)))
EOC
}

# The store's contents, with names in place of ids
sub contents
{
	my %fields = map { $_->{product_id} => $_->{custom_fields} } @{ $store->control('state/elements') };
	my %brand = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	my %category = map { $_->{category_id} => $_->{name} } @{ $store->state('categories') };
	return [
		sort(
			(map { "brand $_" } values %brand),
			(map { "category $_->{name} $_->{is_visible}" } @{ $store->state('categories') }),
			(map {
					my $p = $_;
					join ' ', 'product', (map { $p->{$_} // '-' } qw(sku name price description is_visible)), $brand{ $p->{brand_id} || 0 } // '-',
					  (sort map { $category{$_} // "gone $_" } @{ $p->{categories} }), sort map { "$_->{name}=$_->{value}" } @{ $fields{ $p->{id} } || [] }
				} @{ $store->state('products') })) ];
}

# Pushes until nothing is left, whatever happens
sub push_all
{
	my ($faults) = @_;
	random_faults($store, int(rand(1000000)), 0.5) if $faults;
	for (1 .. 3)
	{
		my $push = $shop->start;
		if ($faults && rand() < 0.5)
		{
			my $calls = int rand 6;
			poll_until(sub { !$push->running || $store->counts->{requests} > $calls }, 'some requests');
			kill_worker($shop->node, 'shop', 'KILL');
			wait_for_worker($shop->node, 'shop');
		}
		$push->finish;
	}
	$store->unfault;
	$shop->hurry;
	$shop->sql("SELECT bcdelta.retry(waiting => true)");
	$shop->push;
	$shop->push;
	return;
}

# Compares the store with what it should be; says what was written to records that differ
sub same_as
{
	my ($expected, $what) = @_;
	my $have = contents();
	my %have = map { $_ => 1 } @$have;
	my %expected = map { $_ => 1 } @$expected;
	my @lost = grep { !$have{$_} } @$expected;
	my @more = grep { !$expected{$_} } @$have;
	is_deeply($have, $expected, $what)
	  or diag(map({ "lost: $_\n" } @lost), map({ "more: $_\n" } @more), $shop->sql(<<'EOC'));
SELECT run_id, kind, state, error, warning, created, updated, deleted, hidden, unchanged, failed, rollback FROM bcdelta.run ORDER BY run_id DESC LIMIT 5;
SELECT u.* FROM bcdelta.undo AS u WHERE written_at > (SELECT max(written_at) - interval '2 minutes' FROM bcdelta.undo) ORDER BY undo_id;
SELECT * FROM bcdelta.rollback_field WHERE run_id = (SELECT max(run_id) FROM bcdelta.rollback_field)
EOC
	return;
}

sub undo
{
	my ($call) = @_;
	my $run = $shop->value("SELECT * FROM bcdelta.$call");
	is($run->{state}, 'succeeded', "$call") or diag(explain($run));
	is("$run->{failed} $run->{conflicts}", '0 0', 'nothing is left') or diag($shop->sql("SELECT * FROM bcdelta.rollback_field WHERE run_id = $run->{run_id} AND verdict IN ('edited', 'impossible')"),
		"\n", $shop->sql("SELECT * FROM bcdelta.result WHERE run_id = $run->{run_id} AND error IS NOT NULL"));
	return $run;
}

foreach my $round (1 .. $rounds)
{
	change() for 1 .. 30;
	push_all(0);
	is_deeply($shop->pending, {}, "round $round: pushed") or diag(explain($shop->errors));
	my $before = contents();
	my $since = $shop->sql('SELECT clock_timestamp()');
	for (1 .. 2)
	{
		change() for 1 .. 15;
		push_all(1);
	}
	is_deeply($shop->pending, {}, 'and the changes') or diag(explain($shop->errors), $shop->sql('SELECT * FROM bcdelta.run ORDER BY run_id DESC LIMIT 4'), "\n", $shop->sql('SELECT * FROM bcdelta.pending'));
	my $after = contents();
	$shop->clear;
	# calls that fail or are killed are repeated, until nothing is left
	for (1 .. ($round == 2 ? 3 : 0))
	{
		random_faults($store, int(rand(1000000)), 0.5);
		my $undo = $shop->start("SELECT state FROM bcdelta.rollback_since('$since', created => 'delete', after => 'none')");
		my $calls = $store->counts->{requests} + int rand 12;
		poll_until(sub { !$undo->running || $store->counts->{requests} > $calls }, 'some requests');
		kill_worker($shop->node, 'shop', 'KILL') if rand() < 0.7;
		$undo->finish;
		$store->unfault;
		wait_for_worker($shop->node, 'shop');
	}
	my $back = undo("rollback_since('$since', created => 'delete', after => 'none')");
	same_as($before, 'rolled back');
	$shop->clear;
	undo("rollback_since('$since', created => 'delete', after => 'none')") if $round != 2;
	my @writes = $shop->writes;
	is_deeply(\@writes, [], 'once more: nothing is written') or diag(explain(\@writes), $shop->sql('SELECT * FROM bcdelta.run ORDER BY run_id DESC LIMIT 3'));
	same_as($before, 'and nothing changes');
	if ($round == 2)
	{
		# several runs have undone it: their rows are pushed again
		$shop->sql("SELECT bcdelta.mark_all(f) FROM unnest('{maker,grp,item}'::text[]) AS f");
		change() for 1 .. 5;
		next;
	}
	undo("rollback($back->{run_id}, created => 'delete', after => 'none')");
	same_as($after, 'the rollback is rolled back');
	is_deeply($store->violations, {}, 'no rule of the API was broken');
	last unless Test::More->builder->is_passing;
}

done_testing();
