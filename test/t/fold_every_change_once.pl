# Folding: every committed change once, whatever happens to the tables of
# changes, and at a cost that does not grow with what has been folded before.
#
# No worker serves the database: the test folds by itself.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use BCDelta::Session;
use BCDelta::Test;

my $node = PostgreSQL::Test::Cluster->new('fold');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'bcdelta'
bcdelta.change_turn = 1
max_prepared_transactions = 5
restart_after_crash = on
autovacuum = off
EOC
$node->start;
$node->safe_psql('postgres', <<'EOC');
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'x');
CREATE FUNCTION fold(bigint DEFAULT 100000) RETURNS bigint LANGUAGE c AS '$libdir/bcdelta', 'bcdelta_fold';
CREATE TABLE item (id bigint PRIMARY KEY, name text);
CREATE SEQUENCE ids;
SELECT bcdelta.track('item', 'shop', 'brand');
-- the source and what is pending agree, and nothing is left over
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM item FULL JOIN bcdelta.pending ON id::text = key WHERE id IS NULL OR key IS NULL
$$;
CREATE FUNCTION pages() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_relation_size(oid)) / 8192 FROM pg_class
	WHERE oid IN ('bcdelta.change'::regclass, 'bcdelta.change_1'::regclass, 'bcdelta.change_2'::regclass)
$$;
EOC

sub sessions
{
	return map { BCDelta::Session->open($node, 'postgres') } 1 .. $_[0];
}

sub insert
{
	my ($session, $n) = @_;
	return $session->sql("INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, $n)");
}

# Folds until nothing is left; returns the number of changes.
sub fold_all
{
	my ($session) = @_;
	my $sum = 0;
	while (my $n = $session->sql('SELECT fold()'))
	{
		$sum += $n;
	}
	return $sum;
}

# Buffers that a fold reads
sub buffers_of_fold
{
	my ($session, $rows) = @_;
	my $plan = $session->sql("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT fold($rows)");
	my ($buffers) = $plan =~ /^\s*Buffers: shared (.*)$/m or die $plan;
	my $sum = 0;
	$sum += $1 while $buffers =~ /(?:hit|read)=(\d+)/g;
	return $sum;
}

my ($one, $two, $folder) = sessions(3);

subtest 'the space of folded changes is freed' => sub {
	insert($one, 200_000);
	is(fold_all($folder), 200_000, 'many changes are folded');
	is($two->sql('SELECT differences()'), 0, 'all of them');
	ok(poll_until(sub { $folder->sql('SELECT fold()'); $two->sql('SELECT pages()') == 0 }, 'an empty table'),
		'and their space is given back');
	ok(poll_until(sub { $folder->sql('SELECT 1'); $two->sql("SELECT sum(n_tup_del) >= 200000 AND sum(n_dead_tup) = 0 FROM pg_stat_user_tables WHERE relname ~ '^change(_[12])?\$'") eq 't' }, 'the statistics', 60),
		'of which the statistics know');
};

my $before;
subtest 'an old snapshot keeps the space in use, but folded changes are not read again' => sub {
	$two->sql('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bcdelta.change');
	insert($one, 10);
	$folder->sql('SELECT fold()');
	$before = buffers_of_fold($folder, 100);
	insert($one, 10);
	my $few = buffers_of_fold($folder, 100);
	insert($one, 100_000);
	is(fold_all($folder), 100_000, 'changes are folded while a snapshot is held');
	cmp_ok($one->sql('SELECT pages()'), '>', 600, 'their space cannot be given back');
	cmp_ok(buffers_of_fold($folder, 100), '<', $before + 30, 'but they are not looked at again');
	insert($one, 10);
	cmp_ok(buffers_of_fold($folder, 100), '<', $few + 60, 'nor when there is something to fold');
	$two->sql('COMMIT');
};

subtest 'the changes of a long transaction are folded when it commits' => sub {
	$two->sql('BEGIN');
	insert($two, 1);
	insert($one, 500);
	insert($two, 20_000);
	$two->sql('SAVEPOINT s');
	insert($two, 20_000);
	$two->sql('ROLLBACK TO s; SAVEPOINT t');
	insert($two, 20_000);
	$two->sql('RELEASE t');
	insert($one, 500);
	is(fold_all($folder), 1_000, 'what is committed is folded');
	cmp_ok(buffers_of_fold($folder, 100), '<', $before + 30, 'what is not is waited for without looking');
	insert($one, 20_000);
	is(fold_all($folder), 20_000, 'others continue');
	$two->sql('COMMIT');
	is($folder->sql('SELECT fold(1000)') >= 1000, 1, 'then the long one is folded, in portions');
	fold_all($folder);
	is($one->sql('SELECT differences()'), 0, 'all of it, and nothing that was rolled back');
};

subtest 'the changes of a prepared transaction are folded when it commits, even after a crash' => sub {
	$two->sql('BEGIN');
	insert($two, 1_000);
	$two->sql("PREPARE TRANSACTION 'late'");
	insert($one, 1_000);
	is(fold_all($folder), 1_000, 'a prepared transaction is waited for');
	$_->close foreach $one, $two, $folder;
	$node->stop('immediate');
	$node->start;
	($one, $two, $folder) = sessions(3);
	is(fold_all($folder), 0, 'a crash folds nothing twice');
	$two->sql("COMMIT PREPARED 'late'");
	is(fold_all($folder), 1_000, 'after the crash too');
	is($one->sql('SELECT differences()'), 0, 'and nothing is missing');
};

subtest 'a fold that is rolled back, or killed with the server, is repeated' => sub {
	insert($one, 5_000);
	$folder->sql('BEGIN');
	is(fold_all($folder), 5_000, 'folded');
	$folder->sql('ROLLBACK');
	is(fold_all($folder), 5_000, 'folded again after a rollback');
	insert($one, 5_000);
	$folder->sql('BEGIN; SAVEPOINT s');
	is(fold_all($folder), 5_000, 'folded in a subtransaction');
	$folder->sql('ROLLBACK TO s');
	is(fold_all($folder), 5_000, 'again after its rollback');
	$folder->sql('COMMIT');
	is(fold_all($folder), 0, 'not once more');
	insert($one, 5_000);
	$folder->sql('BEGIN');
	fold_all($folder);
	$_->close foreach $one, $two;
	$node->stop('immediate');
	$node->start;
	($one, $two, $folder) = sessions(3);
	is(fold_all($folder), 5_000, 'folded after a crash that undid it');
	is($one->sql('SELECT differences()'), 0, 'and nothing is missing');
};

subtest 'nothing is truncated that a rollback needs' => sub {
	insert($one, 50_000);
	$one->sql('SELECT pg_sleep(2.1)');
	$folder->sql('BEGIN');
	fold_all($folder);
	$folder->sql('SELECT fold()') foreach 1 .. 3;
	$folder->sql('ROLLBACK');
	is(fold_all($folder), 50_000, 'a table emptied by an open transaction is not truncated');
};

subtest 'nothing is missed after VACUUM FULL, TRUNCATE, CLUSTER and the like' => sub {
	foreach my $command ('VACUUM (TRUNCATE)', 'VACUUM FULL', 'VACUUM (FREEZE)', 'TRUNCATE', 'CLUSTER', 'ANALYZE')
	{
		insert($one, 30_000);
		fold_all($folder);
		if ($command eq 'CLUSTER')
		{
			$one->sql("CREATE INDEX c$_ ON bcdelta.$_ (key); CLUSTER bcdelta.$_ USING c$_; DROP INDEX bcdelta.c$_")
			  foreach qw(change change_1 change_2);
		}
		else
		{
			$one->sql("$command bcdelta.$_") foreach qw(change change_1 change_2);
		}
		insert($one, 30_000);
		is(fold_all($folder), 30_000, "nothing is missed after $command");
	}
	is($one->sql('SELECT differences()'), 0, 'of all that');
};

subtest 'every committed change is folded once while many write and roll back' => sub {
	$node->append_conf('postgresql.conf', 'synchronous_commit = off');
	$node->reload;
	my $script = $node->basedir . '/writers.sql';
	append_to_file($script, <<'EOC');
\set k random(1, 12)
\set n random(1, 30)
\if :k <= 6
INSERT INTO item VALUES (nextval('ids'), 'x');
\elif :k <= 8
BEGIN;
INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, :n);
SAVEPOINT a;
INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, :n);
ROLLBACK TO a;
INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, :n);
COMMIT;
\elif :k = 9
BEGIN;
INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, :n * 50);
ROLLBACK;
\elif :k = 10
BEGIN;
INSERT INTO item SELECT nextval('ids'), 'x' FROM generate_series(1, :n * 20);
\sleep 15 ms
COMMIT;
\else
BEGIN;
INSERT INTO item VALUES (nextval('ids'), 'x');
\sleep 1 ms
INSERT INTO item VALUES (nextval('ids'), 'x');
COMMIT;
\endif
EOC
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 6, '-j', 2, '-T', 8, '-f', $script, $node->connstr('postgres') ],
		'<', \undef, '>', \my $out, '2>', \my $err);
	my ($folds, $folded, $largest) = (0, 0, 0);
	while ($pgbench->pump_nb, $pgbench->pumpable)
	{
		$folded += $folder->sql('SELECT fold((random() * 2000)::bigint + 1)');
		my $pages = $folds++ % 50 ? 0 : $one->sql('SELECT pages()');
		$largest = $pages if $pages > $largest;
	}
	$pgbench->finish;
	fold_all($folder);
	ok(!$pgbench->result, 'pgbench was content') or diag($err);
	cmp_ok($folded, '>', 10_000, "changes were folded while others were made ($folds folds, $largest pages)");
	is($one->sql('SELECT differences()'), 0, 'every committed change was folded, and no other');
	is($one->sql('SELECT count(*) FROM bcdelta.change'), 0, 'none is left');
};

subtest 'a statement that moves more keys than are folded at once moves all of them together' => sub {
	$one->sql('TRUNCATE item, bcdelta.change, bcdelta.pending');
	$one->sql("ALTER TABLE item DROP CONSTRAINT item_pkey; INSERT INTO item SELECT g, 'x' FROM generate_series(1, 50000) AS g");
	$one->sql("INSERT INTO bcdelta.link (feed, key, store_id, address) SELECT 'item', id::text, id, id FROM item");
	# of a deleted row, whose key another row takes
	$one->sql("INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('item', '50001', 99999, 99999)");
	fold_all($folder);
	$one->sql('UPDATE item SET id = id + 1');
	$folder->sql('SELECT fold(1000)');
	is($one->sql("SELECT count(*) FROM bcdelta.link WHERE key = store_id::text"), 50_000,
		'no link moves before all key changes of the statement are known');
	fold_all($folder);
	is($one->sql("SELECT count(*) FROM bcdelta.link WHERE key = (store_id + 1)::text AND address = store_id::text"), 50_000,
		'then all of them do');
	is($one->sql("SELECT key FROM bcdelta.link WHERE store_id = 99999"), '1', 'the one in the way goes where the row is gone');
	is($one->sql('SELECT count(*) FROM bcdelta.move'), 0, 'none is left');
};

subtest 'chains of key changes of single rows lead to the right key' => sub {
	$one->sql('CREATE INDEX ON item (id)');
	$one->sql(<<'EOC');
DO $$
BEGIN
	FOR i IN 1 .. 2000 LOOP
		UPDATE item SET id = -1 WHERE id = 2;
		UPDATE item SET id = 2 WHERE id = 3;
		UPDATE item SET id = 3 WHERE id = -1;
	END LOOP;
END
$$
EOC
	fold_all($folder);
	is($one->sql("SELECT string_agg(key || '=' || store_id, ' ' ORDER BY key) FROM bcdelta.link WHERE key IN ('-1', '2', '3')"),
		'2=1 3=2', 'chains of key changes');
};

$_->close foreach $one, $two, $folder;
$node->stop;
done_testing();
