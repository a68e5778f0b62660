# Dump and restore, and copies of the data directory: triggers are included, and
# restored rows are not mistaken for changes.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use BCDelta::Test;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'bcdelta'");
$node->start;
# Before 13.8 and 14.5, what pg_dump writes of a trigger FOR EACH STATEMENT of a
# partitioned table cannot be restored.
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
my $partitioned = $version >= 140005 || ($version >= 130008 && $version < 140000);
$node->safe_psql('postgres', 'CREATE TABLE stock (id int, place text, qty int, PRIMARY KEY (place, id))'
	  . ($partitioned && q( PARTITION BY LIST (place); CREATE TABLE stock_a PARTITION OF stock FOR VALUES IN ('a'))));
$node->safe_psql('postgres', <<'EOC');
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'x');
CREATE FUNCTION fold(bigint) RETURNS bigint LANGUAGE c AS '$libdir/bcdelta', 'bcdelta_fold';
CREATE TABLE "Odd Items" (id int PRIMARY KEY, title text, seen int);
INSERT INTO "Odd Items" SELECT g, 'T' FROM generate_series(1, 5) AS g;
INSERT INTO stock VALUES (1, 'a', 1);
CREATE TABLE price (id int PRIMARY KEY, net numeric);
SELECT bcdelta.track('"Odd Items"', 'shop', 'brand', '{"name": "title"}', feed => 'items');
SELECT bcdelta.track('stock', 'shop', 'brand', '{"name": "qty::text"}', filter => 'qty > 0');
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}', capture => 'row');
CREATE TABLE note (item bigint, note text);
SELECT bcdelta.depends('items', 'note', '{item}');
SELECT bcdelta.depends('stock', 'stock', '{place,id}');
CREATE TABLE detail (d int);
SELECT bcdelta.depends('stock', 'detail', '{d}', lookup => 'SELECT ''a'', $1');
SELECT bcdelta.pause('stock');
INSERT INTO detail VALUES (1);
CREATE ROLE "1 Odd ""Role" SUPERUSER;
SET ROLE "1 Odd ""Role";
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}', feed => 'odd');
RESET ROLE;
INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('items', '1', 101, 101), ('items', '2', 102, 102), ('items', '3', 103, 103);
UPDATE "Odd Items" SET title = 'U' WHERE id = 3;
SELECT fold(100);
-- one that waits, ones that are not folded
INSERT INTO bcdelta.pending (feed, key, state, changed_at) VALUES ('items', '1', 'in_flight', now());
UPDATE "Odd Items" SET id = 10 WHERE id = 1;
SELECT fold(100);
UPDATE "Odd Items" SET title = 'U' WHERE id = 4;
UPDATE "Odd Items" SET id = 20 WHERE id = 2;
-- the store is not there: whatever is asked of it fails
CREATE SCHEMA store;
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (brand, product) FROM SERVER shop INTO store;
ALTER FOREIGN TABLE store.brand RENAME name TO "the name";
ALTER FOREIGN TABLE store.brand ALTER "the name" OPTIONS (field 'name'), OPTIONS (page '50', max_calls '7');
SELECT 'CREATE VIEW compared AS ' || bcdelta.compare('items') \gexec
EOC

# Foreign tables, what is said of them, and views of them
my $foreign = <<'EOC';
SELECT relname, ARRAY(SELECT unnest(ftoptions) FROM pg_foreign_table WHERE ftrelid = oid ORDER BY 1), obj_description(oid, 'pg_class'), (SELECT string_agg(concat(attname, ' ', atttypid::regtype, attfdwoptions, col_description(attrelid, attnum)), E'\n' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = oid AND attnum > 0)
FROM pg_class WHERE relkind = 'f' OR relname = 'compared' ORDER BY 1
EOC

my $state = <<'EOC';
SELECT 'change', f.feed, c.op, c.key, c.moved_from FROM bcdelta.change AS c JOIN bcdelta.feed AS f USING (feed_id)
UNION ALL SELECT 'move', f.feed, '-', m.key, m.moved_from FROM bcdelta.move AS m JOIN bcdelta.feed AS f USING (feed_id)
UNION ALL SELECT 'pending', feed, '-', key, state FROM bcdelta.pending
UNION ALL SELECT 'link', feed, '-', key, store_id::text FROM bcdelta.link
UNION ALL SELECT 'status', feed, '-', 'linked', linked::text FROM bcdelta.status
UNION ALL SELECT 'dependency', feed, '-', child::text, dependency_id::text || parent_key::text || coalesce(lookup, '') FROM bcdelta.dependency
UNION ALL SELECT 'lookup', f.feed, '-', l.captured, l.dependency_id::text FROM bcdelta.lookup AS l JOIN bcdelta.feed AS f USING (feed_id)
UNION ALL SELECT 'feed', feed, '-', filter, version::text FROM bcdelta.feed
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgenabled, tgname, pg_get_triggerdef(oid) FROM pg_trigger
	WHERE tgfoid = 'bcdelta.capture'::regproc
ORDER BY 1, 2, 3, 4, 5
EOC

my $file;
subtest 'a dump contains what is pending, linked and captured, and restoring it marks nothing' => sub {
	my $before = $node->safe_psql('postgres', $state);
	my $tables = $node->safe_psql('postgres', $foreign);
	like($before, qr/^change\|items\|c\|4\|\n/m, 'there is something to lose');
	like($tables, qr/the name text\{field=name\}.*^compared\|/ms, 'a table with a renamed column, a view');
	like($before, qr/^lookup\|stock\|-\|\["1"\]/m, 'and something that waits for a lookup');

	$file = $node->basedir . '/shop.dump';
	foreach my $format ('custom', 'plain')
	{
		my $db = "copy_$format";
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		command_ok([ 'pg_dump', '-F', $format, '-f', $file, $node->connstr('postgres') ], "pg_dump, $format");
		command_ok(
			$format eq 'custom'
			? [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($db), $file ]
			: [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ],
			'and restore');
		is($node->safe_psql($db, $state), $before, 'nothing is lost, and no row is marked by the restore');
		is($node->safe_psql($db, $foreign), $tables, 'foreign tables are there as they were defined, and nobody has asked the store for their rows');
		unlike($node->safe_psql($db, 'SELECT bcdelta.feed_trouble(feed) FROM bcdelta.feed'), qr/trigger/,
			'no trigger is missing');
		$node->safe_psql($db, <<'EOC');
INSERT INTO note VALUES (5, 'N');
UPDATE "Odd Items" SET id = 30 WHERE id = 3;
UPDATE bcdelta.pending SET state = 'ready';
SELECT fold(100);
EOC
		is($node->safe_psql($db, "SELECT string_agg(key, ' ' ORDER BY store_id) FROM bcdelta.link"), '10 20 30',
			'keys go on from where they were');
		is($node->safe_psql($db, "SELECT string_agg(key, ' ' ORDER BY key::int) FROM bcdelta.pending"),
			'1 2 3 4 5 10 20 30', 'so do changes, and those of child tables');
		is($node->safe_psql($db, "SELECT bcdelta.depends('items', 'price', '{id}'); SELECT count(DISTINCT dependency_id) FROM bcdelta.dependency"),
			"\n4", 'and dependencies') if $format eq 'custom';
	}
};

subtest 'a worker that folds during a restore does not mistake a change for that of a removed feed' => sub {
	my $before = $node->safe_psql('postgres', $state);
	command_ok([ 'pg_dump', '-F', 'custom', '-f', $file, $node->connstr('postgres') ], 'pg_dump');
	my $definition = qr/ TABLE DATA bcdelta (feed|dependency) | SEQUENCE SET /;
	my $ours = qr/ TABLE DATA bcdelta (?!feed |dependency )/;
	my $later = qr/ TABLE DATA public | (TRIGGER|CONSTRAINT|INDEX) /;
	my %orders = (
		'changes first' => [ $ours, qr/ TABLE DATA bcdelta dependency /, qr/ TABLE DATA bcdelta feed /, qr/ SEQUENCE SET / ],
		'sequences first' => [ qr/ SEQUENCE SET /, $ours, qr/ TABLE DATA bcdelta dependency /, qr/ TABLE DATA bcdelta feed / ]);
	foreach my $order (sort keys %orders)
	{
		my $db = 'copy_' . $order =~ s/ /_/r;
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		restore_some($node, $db, $file, qr/^(?!.*(?:$definition|$ours|$later))/);
		foreach my $step (@{ $orders{$order} })
		{
			restore_some($node, $db, $file, $step);
			# changes of existing feeds are folded as always
			$node->safe_psql($db, 'SELECT fold(100) WHERE NOT EXISTS (SELECT FROM bcdelta.feed)');
		}
		restore_some($node, $db, $file, $later);
		is($node->safe_psql($db, $state), $before, "$order: nothing is lost");
	}
	my $db = 'copy_changes_first';
	$node->safe_psql($db, "SELECT bcdelta.untrack('items'); SELECT fold(100)");
	isnt($node->safe_psql($db, 'SELECT count(*) FROM bcdelta.change'), 0, 'nothing is removed while feeds are not resumed');
	$node->safe_psql($db, 'UPDATE bcdelta.feed SET home = bcdelta.home(); SELECT fold(100)');
	is($node->safe_psql($db, 'SELECT count(*) FROM bcdelta.change'), 0, 'then changes of a feed that was removed are');
};

subtest 'nor if the feeds come one by one, as from a dump with INSERT commands that several jobs restore' => sub {
	command_ok([ 'pg_dump', '-F', 'custom', '--inserts', '-f', $file, $node->connstr('postgres') ], 'pg_dump --inserts');
	my ($data) = run_command([ 'pg_restore', '-a', '--schema=bcdelta', '--table=feed', '-f', '-', $file ]);
	my @feeds = split /^(?=INSERT INTO )/m, $data;
	my $settings = shift @feeds;
	is(scalar @feeds, 4, 'each feed is inserted on its own');
	my $data_of_feeds = qr/ TABLE DATA bcdelta feed /;
	my $later = qr/ TABLE DATA public | (TRIGGER|CONSTRAINT|INDEX) /;
	foreach my $db ('copy_at_once', 'copy_one_by_one')
	{
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		restore_some($node, $db, $file, qr/^(?!.*(?:$data_of_feeds|$later))/);
		foreach my $feed ($db eq 'copy_at_once' ? join('', @feeds) : reverse @feeds)
		{
			$node->safe_psql($db, "$settings $feed");
			$node->safe_psql($db, 'SELECT fold(100)');
		}
		restore_some($node, $db, $file, $later);
		$node->safe_psql($db, 'SELECT fold(100)');
	}
	my $whole = $node->safe_psql('copy_at_once', $state);
	like($whole, qr/^lookup\|stock.*^move\|items.*^pending\|items\|-\|4\|/ms, 'there is something to lose');
	is($node->safe_psql('copy_one_by_one', $state), $whole, 'the worker meets a part of them, and nothing is lost');

	$node->safe_psql('postgres', 'CREATE DATABASE copy_jobs');
	command_ok([ 'pg_restore', '--exit-on-error', '-j', 3, '-d', $node->connstr('copy_jobs'), $file ], 'pg_restore -j');
	is($node->safe_psql('copy_jobs', $state), $node->safe_psql('postgres', $state), 'several jobs lose nothing and mark nothing');
};

subtest 'an owner is dumped by name, and restored as the role of that name' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE copy_owner');
	command_ok([ 'pg_dump', '-f', $file, $node->connstr('postgres') ], 'pg_dump');
	$node->safe_psql('postgres', 'ALTER ROLE "1 Odd ""Role" RENAME TO before; CREATE ROLE "1 Odd ""Role" SUPERUSER');
	command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy_owner'), '-f', $file ], 'and restore');
	is($node->safe_psql('postgres', "SELECT owner FROM bcdelta.feed WHERE feed = 'odd'"), 'before', 'a renamed owner is the same role');
	is($node->safe_psql('copy_owner', "SELECT owner FROM bcdelta.feed WHERE feed = 'odd'"), '"1 Odd ""Role"', 'a restored one has the same name');
};

subtest 'feeds whose owner is missing are restored once the role exists' => sub {
	command_ok([ 'pg_dump', '-F', 'custom', '-f', $file, $node->connstr('copy_owner') ], 'pg_dump');
	$node->safe_psql('postgres', 'DROP ROLE "1 Odd ""Role"; CREATE DATABASE copy_missing');
	command_fails_like([ 'pg_restore', '-d', $node->connstr('copy_missing'), $file ], qr/role ".*Role" does not exist/, 'and restore without the owner');
	my $left = 'SELECT count(*) FROM bcdelta.feed UNION ALL SELECT count(*) FROM bcdelta.link';
	like($node->safe_psql('copy_missing', $left), qr/^0\n[1-9]/, 'leaves out the feeds, and nothing else');
	$node->safe_psql('postgres', 'CREATE ROLE "1 Odd ""Role" SUPERUSER');
	command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '--schema=bcdelta', '--table=feed', '-d', $node->connstr('copy_missing'), $file ],
		'pg_restore of the feeds');
	is($node->safe_psql('copy_missing', $left), $node->safe_psql('copy_owner', $left), 'all are there');
};

subtest 'rows restored into a tracked table are changes' => sub {
	$node->safe_psql('copy_plain', 'TRUNCATE bcdelta.pending; TRUNCATE "Odd Items"; SELECT fold(100); TRUNCATE bcdelta.pending');
	command_ok([ 'pg_dump', '-a', '-t', '"Odd Items"', '-f', $file, $node->connstr('postgres') ], 'pg_dump of the data of a table');
	command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy_plain'), '-f', $file ], 'and restore');
	$node->safe_psql('copy_plain', 'SELECT fold(100)');
	is($node->safe_psql('copy_plain', "SELECT string_agg(key, ' ' ORDER BY key::int) FROM bcdelta.pending"),
		'3 4 5 10 20', 'is captured');
};

subtest 'rows restored without triggers are no changes, and the status reports missing triggers' => sub {
	$node->safe_psql('copy_plain', 'TRUNCATE bcdelta.pending; DELETE FROM "Odd Items"; SELECT fold(100); TRUNCATE bcdelta.pending');
	command_ok([ 'pg_dump', '-a', '--disable-triggers', '-t', '"Odd Items"', '-f', $file, $node->connstr('postgres') ],
		'pg_dump --disable-triggers');
	command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy_plain'), '-f', $file ], 'and restore');
	is($node->safe_psql('copy_plain', 'SELECT count(*) FROM "Odd Items"'), 5, 'with its rows');
	is($node->safe_psql('copy_plain', 'SELECT fold(100)'), 0, 'is not captured');
	like($node->safe_psql('copy_plain', q(SELECT trouble FROM bcdelta.status WHERE feed = 'items')),
		qr/trigger "bcdelta_\d+_delete" of table (public\.)?"Odd Items" is not enabled always/, 'and what became of the triggers is said');
};

subtest 'a promoted standby has every change, and goes on' => sub {
	my $backup = 'standby';
	$node->backup($backup);
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, $backup, has_streaming => 1);
	$standby->start;
	$node->safe_psql('postgres', q(UPDATE "Odd Items" SET title = 'W' WHERE id = 5));
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	my ($rc, $out, $err) = $standby->psql('postgres', "SELECT bcdelta.mark('items', '1')");
	like($err, qr/cannot execute bcdelta.mark\(\) (during recovery|in a read-only transaction)/, 'a standby marks nothing');
	my $before = $node->safe_psql('postgres', $state);
	$node->stop('immediate');
	$standby->promote;
	$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	is($standby->safe_psql('postgres', $state), $before, 'a promoted standby has every change');
	$standby->safe_psql('postgres', q(UPDATE "Odd Items" SET title = 'X' WHERE id = 5; SELECT fold(100)));
	is($standby->safe_psql('postgres', "SELECT string_agg(key, ' ' ORDER BY key::int) FROM bcdelta.pending WHERE state = 'ready'"),
		'3 4 5', 'and goes on: others wait for the row in flight');
	$standby->stop;
};

done_testing();
