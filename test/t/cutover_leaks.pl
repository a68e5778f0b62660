# During a freeze, who still writes to the source is told, and is not kept from it.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('leaks', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\nmax_prepared_transactions = 5\nwal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n" });
my $node = $shop->node;
$shop->tables;
$shop->sql(<<'EOC');
CREATE TABLE label (id int PRIMARY KEY, maker text, word text) PARTITION BY RANGE (id);
CREATE TABLE label_low PARTITION OF label FOR VALUES FROM (0) TO (100);
SELECT bcdelta.depends('makers', 'label', '{maker}');
CREATE TABLE probe (id int PRIMARY KEY, name text);
SELECT bcdelta.track('probe', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.track('articles', 'shop', 'product_metafield', '{"resource_id": "bcdelta.ref(''articles'', sku)",
	"namespace": "''n''", "key": "''k''", "value": "title", "permission_set": "''app_only''"}', feed => 'notes');
INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 6) AS i;
CREATE ROLE seller LOGIN;
GRANT INSERT, UPDATE, DELETE, SELECT, TRUNCATE ON makers, articles, label, label_low TO seller;
EOC

my $probes = 0;

# Begins a freeze; the worker knows of it when this returns, unless there is none.
sub freeze
{
	my ($known) = @_;
	$shop->sql("SELECT bcdelta.stage('shop', 'freeze')");
	return if defined $known && !$known;
	poll_until(sub {
		$probes++;
		$shop->sql("INSERT INTO probe VALUES ($probes, 'P$probes')");
		return $shop->sql("SELECT by_role IS NOT NULL FROM bcdelta.freeze_leaks WHERE source = 'probe'::regclass") eq 't';
	}, 'the worker shows the freeze');
	return;
}

sub leaks
{
	return $shop->list("SELECT concat_ws(' ', source, feeds, changes, application, by_role) FROM bcdelta.freeze_leaks
		WHERE source IS DISTINCT FROM 'probe'::regclass ORDER BY source::text");
}

sub as_seller
{
	my ($application, $sql) = @_;
	return $node->safe_psql('shop', $sql, extra_params => [ '-d', $node->connstr('shop') . " user=seller application_name=$application" ]);
}

my $me = $shop->sql('SELECT session_user');

subtest 'a table that is written is named, with the number of changes, the application and the role' => sub {
	as_seller('before', "UPDATE articles SET price = 7");
	is_deeply(leaks(), [], 'there is no freeze');
	freeze();
	is_deeply(leaks(), [], 'what was written before it does not count');
	as_seller('till', "UPDATE articles SET price = 8 WHERE sku IN ('A-1', 'A-2'); UPDATE articles SET price = 8 WHERE sku = 'A-1'; DELETE FROM articles WHERE sku = 'A-3'");
	is_deeply(leaks(), ['articles {articles,notes} 3 till seller'], 'changed rows are counted, statements that change nothing are not');
	as_seller('office', "INSERT INTO articles (sku, title, price) VALUES ('A-7', 'Seventh', 7); UPDATE makers SET code = 'M-9' WHERE code = 'M-3'");
	is_deeply(leaks(), [ 'articles {articles,notes} 4 office seller', 'makers {makers} 1 office seller' ], 'the last one is named; a new key counts');
	as_seller('labels', "INSERT INTO label_low VALUES (1, 'M-1', 'w')");
	is_deeply(leaks()->[1], 'label {makers} 1 labels seller', 'a child table goes by its own name, even if a partition is written');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is_deeply(leaks(), [ 'articles {articles,notes} 4 office seller', 'label {makers} 1 labels seller', 'makers {makers} 1 office seller' ], 'it is the same once it is folded');
	$shop->sql("SELECT bcdelta.mark_all('makers'), bcdelta.mark('articles', 'A-1')");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is(scalar(grep { / makers 1 | 4 / } @{ leaks() }), 1, 'marking is no change of the source');
	is($shop->push->{failed}, 0, 'and all of it is pushed');
	is($shop->sql("SELECT bool_and(first_at <= last_at AND first_at >= since AND last_at <= now()) FROM bcdelta.freeze_leaks"), 't', 'times are told');
};

subtest 'the freeze ends, and the next one starts at 0' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', 'freeze', 'said again')");
	is(scalar @{ leaks() }, 3, 'what is said again goes on');
	$shop->sql("SELECT bcdelta.stage('shop', 'live')");
	is($shop->sql('SELECT count(*) FROM bcdelta.freeze_leaks'), 0, 'nothing is shown');
	as_seller('shop', "UPDATE articles SET price = 9");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	freeze();
	is_deeply(leaks(), [], 'nothing is counted from before');
	as_seller('again', "UPDATE articles SET price = 10 WHERE sku = 'A-1'");
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is_deeply(leaks(), ['articles {articles} 1 again seller'], 'counted from 0');
};

subtest 'the source never waits' => sub {
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE bcdelta.stage, bcdelta.freeze_leak, bcdelta.feed, bcdelta.dependency, bcdelta.pending');
	as_seller('hurried', "SET statement_timeout = '20s'; UPDATE articles SET price = 11 WHERE sku = 'A-2'; DELETE FROM label");
	$locker->query('ROLLBACK');
	$locker->finish;
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is_deeply(leaks(), [ 'articles {articles} 2 hurried seller', 'label {makers} 1 hurried seller' ], 'and is counted later');
};

subtest 'rolled back and prepared transactions, replicas, TRUNCATE, superusers' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', 'prepare')");
	freeze();
	as_seller('undecided', "BEGIN; UPDATE articles SET price = 12; ROLLBACK");
	is_deeply(leaks(), [], 'nothing was written');
	as_seller('two', "BEGIN; UPDATE articles SET price = 13 WHERE sku = 'A-1'; PREPARE TRANSACTION 'x'");
	is_deeply(leaks(), [], 'nor is it while a transaction is only prepared');
	$node->restart;
	wait_for_worker($node, 'shop');
	$shop->sql("COMMIT PREPARED 'x'");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.change");
	is_deeply(leaks(), ['articles {articles} 1 two seller'], 'who has prepared it is told');
	$shop->sql("SET application_name = ''; SET session_replication_role = replica; UPDATE articles SET price = 14 WHERE sku = 'A-1'");
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.change");
	my $now = leaks()->[0];
	like($now, qr/^articles \{articles\} 2/, 'a replica and a superuser count');
	as_seller('empty', 'TRUNCATE label');
	is_deeply([ grep { /^label/ } @{ leaks() } ], ['label {makers} 2 empty seller'], 'TRUNCATE counts once for the table and for each partition')
	  or diag explain leaks();
};

subtest 'a subscription is named' => sub {
	$shop->sql("CREATE TABLE remote (id int PRIMARY KEY, name text); SELECT bcdelta.track('remote', 'shop', 'brand', '{\"name\": \"name\"}', capture => 'row')");
	$shop->sql("SELECT bcdelta.stage('shop', 'prepare')");
	freeze();
	$node->safe_psql('postgres', "CREATE TABLE remote (id int PRIMARY KEY, name text); CREATE PUBLICATION shop FOR TABLE remote");
	$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('mirror', 'pgoutput')");
	$shop->sql("CREATE SUBSCRIPTION mirror CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION shop WITH (create_slot = false, slot_name = 'mirror')");
	$node->safe_psql('postgres', "INSERT INTO remote VALUES (1, 'One'), (2, 'Two')");
	$shop->wait_for('SELECT count(*) = 2 FROM remote');
	is_deeply(leaks(), ["remote {remote} 2 subscription mirror $me"], 'by the subscriber');
	$shop->sql('DROP SUBSCRIPTION mirror');
};

subtest 'without a worker changes are counted, but nobody is named' => sub {
	$shop->sql("SELECT bcdelta.stage('shop', 'prepare')");
	my $databases = $shop->sql('SHOW bcdelta.databases');
	$node->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$node->restart;
	freeze(0);
	as_seller('unseen', "UPDATE articles SET price = 15 WHERE sku = 'A-1'; UPDATE makers SET name = 'x' WHERE code = 'M-1'");
	is_deeply(leaks(), [ 'articles {articles} 1', '{makers} 1' ], 'a feed with child tables does not know which of its tables it was');
	$node->append_conf('postgresql.conf', "bcdelta.databases = '$databases'");
	$node->reload;
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
	is_deeply(leaks(), [ 'articles {articles} 1', '{makers} 1' ], 'the same once a worker has folded them');
};

subtest 'a feed that goes leaves nothing behind' => sub {
	$shop->sql("SELECT bcdelta.untrack('makers')");
	is($shop->sql('SELECT count(*) FROM bcdelta.freeze_leak WHERE feed_id NOT IN (SELECT feed_id FROM bcdelta.feed)'), 0, 'no rows');
	$shop->sql('DROP TABLE probe');
	is($shop->sql('SELECT count(*) > 0 FROM bcdelta.freeze_leaks'), 't', 'a source that is gone does no harm');
};

done_testing();
