# Hundreds of thousands of rows are captured, marked and folded without using
# much memory.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use BCDelta::Test;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $rows = 400_000;
my $node = PostgreSQL::Test::Cluster->new('mark');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
# shared buffers that a process has touched count as its own memory
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'bcdelta'
shared_buffers = 4MB
fsync = off
work_mem = '256kB'
max_wal_size = 4GB
EOC
$node->start;
$node->safe_psql('postgres', <<"EOC");
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'x');
CREATE FUNCTION fold(bigint DEFAULT 20000) RETURNS bigint LANGUAGE c AS '\$libdir/bcdelta', 'bcdelta_fold';
CREATE TABLE item (id int PRIMARY KEY, title text, changed timestamptz);
INSERT INTO item SELECT g, 'T', '2026-01-01'::timestamptz + g * interval '1 s' FROM generate_series(1, $rows) AS g;
SELECT bcdelta.track('item', 'shop', 'brand', '{"name": "title"}');
CREATE TABLE other AS TABLE item;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RETURN NULL; END \$\$;
CREATE TRIGGER nothing AFTER UPDATE ON other REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION nothing();
EOC

# The peak memory of a backend, in MiB
sub peak
{
	my ($pid) = @_;
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
	return $kb / 1024;
}

# Runs a statement in a separate session; returns its result, and how much the
# session has grown beyond what the same statement needs for a few rows.
sub measure
{
	my ($few, $statement) = @_;
	my $session = psql_open($node, 'postgres');
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query("SELECT count(*) FROM item; $few");
	my $before = peak($pid);
	my $answer = $session->query($statement);
	my $growth = peak($pid) - $before;
	note(sprintf '%.1f MiB', $growth);
	$session->finish;
	return ($answer, $growth);
}

my $limit = 12;

sub update
{
	my ($table) = @_;
	return ("UPDATE $table SET title = title || '.' WHERE id < 10", "WITH u AS (UPDATE $table SET title = title || '!' RETURNING 1) SELECT count(*) FROM u");
}

subtest 'mark_all, mark_where, mark_since and a large UPDATE capture every row in little memory' => sub {
	# Early releases of PostgreSQL 14 need 32 bytes for each row that they
	# collect for a trigger, whatever it does.
	my (undef, $servers) = measure(update('other'));
	foreach my $case (
		[ 'mark_all', "SELECT bcdelta.mark_where('item', 'id < 10')", "SELECT bcdelta.mark_all('item')", $rows ],
		[ 'mark_where', "SELECT bcdelta.mark_where('item', 'id < 10')", "SELECT bcdelta.mark_where('item', 'id % 2 = 0')", $rows / 2 ],
		[
			'mark_since', "SELECT bcdelta.mark_since('item', 'changed', 'infinity')",
			"SELECT bcdelta.mark_since('item', 'changed', '2026-01-01')", $rows
		],
		[ 'an UPDATE', update('item'), $rows, $servers ])
	{
		my ($name, $few, $statement, $count, $not_ours) = @$case;
		$node->safe_psql('postgres', 'TRUNCATE bcdelta.change');
		my ($answer, $growth) = measure($few, $statement);
		is($answer, $count, "$name: the number of rows");
		cmp_ok($growth, '<', $limit + ($not_ours // 0), "$name: no memory");
		cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM bcdelta.change'), '>=', $count, "$name: all of them");
	}
};

subtest 'folding them takes little memory' => sub {
	my ($folds, $growth) = measure('SELECT fold()',
		"DO \$\$ BEGIN WHILE fold() > 0 LOOP COMMIT; END LOOP; END \$\$; SELECT count(*) FROM bcdelta.pending");
	is($folds, $rows, 'folded: each row once');
	cmp_ok($growth, '<', 2 * $limit, 'folded: no memory');
};

$node->stop;
done_testing();
