# A database with 0.1.0 is upgraded to the newest version.  It is then what it
# would be if it had had that version from the start, and continues to work.

use strict;
use warnings;

use PostgreSQL::Test::Utils;

use BCDelta::Shop;
use BCDelta::Store;
use BCDelta::Test;
use Test::More;


my ($old, $new, $file);
my $node = bcdelta_node('upgrade', databases => [], conf => "bcdelta.naptime = 1\nlog_statement = none");
# All rows are in the store except one of each kind: of two that are created at
# the same time, either may get the lower id.
my @brands = map { { id => 100 + $_, name => "Maker $_" } } 1 .. 3, 5;
my @products = map { { id => 300 + $_, sku => "S$_", name => "Article $_", type => 'physical', weight => 1, price => $_ } } 1 .. 5, 9;
$products[-1]{sku} = 'S9a';

# A shop
my $shop = <<'EOC';
-- all but the tables that 0.1.0 does not have
SELECT format('GRANT SELECT ON bcdelta.%I TO "Reader"', relname) FROM pg_class WHERE relnamespace = 'bcdelta'::regnamespace AND relkind IN ('r', 'v')
	AND relname <> ALL (ARRAY['directory', 'learned', 'journal', 'adjustment', 'proven', 'proof', 'conflict', 'review', 'undo', 'undoable', 'rollback_field', 'id_change', 'dead_letter', 'total', 'metrics', 'event', 'trouble', 'sample', 'stage', 'authority', 'authority_now', 'freeze_leak', 'freeze_leaks', 'preflight_reply', 'stock_level', 'stock_balance', 'cutover', 'cutover_step', 'criterion', 'signature', 'go_live_fact', 'template']) \gexec
CREATE TABLE label (maker text, word text);
CREATE TABLE word (word text, meaning text);
SELECT bcdelta.depends('makers', 'label', '{maker}');
SELECT bcdelta.depends('makers', 'word', '{word}', lookup => 'SELECT maker FROM public.label WHERE word = $1');
SELECT bcdelta.pause('groups');
SELECT bcdelta.schedule('sweep', server => 'shop', every => '1 hour'),
	bcdelta.schedule('proof', feed => 'articles', at => '2099-01-01', kind => 'verify');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 4) AS i;
INSERT INTO groups VALUES (1, NULL, 'Group');
INSERT INTO articles SELECT 'S' || i, 'Article ' || i, i FROM generate_series(1, 9) AS i;
UPDATE articles SET maker = 'M4' WHERE sku = 'S6';
TRUNCATE bcdelta.change, bcdelta.change_1, bcdelta.change_2;
UPDATE bcdelta.feed SET tracked_at = '2026-01-01', crashes = 1;
UPDATE bcdelta.schedule SET first_run_at = '2099-01-01', next_run_at = '2099-01-01';
EOC

# Its links, and pending rows of every kind, as 0.1.0 has them
my $rows = <<'EOC';
CREATE TEMP TABLE l (feed text, key text, store_id bigint, payload jsonb, remembered jsonb, referred jsonb, aside jsonb);
INSERT INTO l VALUES ('makers', 'M1', 101, '{"name": "Maker 1"}', NULL, NULL, NULL),
	('makers', 'M2', 102, NULL, NULL, NULL, NULL),
	('makers', 'M3', 103, '{}', '{"name": "Maker 3"}', NULL, NULL),
	('articles', 'S1', 301, '{"sku": "S1", "name": "Article 1", "type": "physical", "price": 1, "weight": 1}', NULL, '{"brand_id": 77}', NULL),
	('articles', 'S2', 302, '{"sku": "S2", "name": "Article 2", "type": "physical", "price": 0, "weight": 1}', NULL, NULL, '{"name": "Article 2"}');
CREATE TEMP TABLE p (feed text, key text, state text, attempts int, last_error text, again boolean, waits_feed text, waits_key text, sought jsonb, trouble text);
INSERT INTO p VALUES ('makers', 'M2', 'waiting', 2, 'a gateway', false, NULL, NULL, NULL, 'update'),
	('makers', 'M4', 'ready', 0, NULL, false, NULL, NULL, NULL, NULL),
	('groups', '1', 'ready', 0, NULL, false, NULL, NULL, NULL, NULL),
	('articles', 'S2', 'ready', 0, NULL, false, NULL, NULL, NULL, NULL),
	('articles', 'S3', 'in_flight', 1, NULL, true, NULL, NULL, '{"sku": "S3"}', NULL),
	('articles', 'S4', 'waiting', 1, 'no reply', false, NULL, NULL, '{"sku": "S5"}', 'create'),
	('articles', 'S6', 'deferred', 0, NULL, false, 'makers', 'M4', NULL, NULL),
	('articles', 'S7', 'failed', 5, 'refused', false, NULL, NULL, NULL, NULL),
	('articles', 'S8', 'review', 1, 'look', false, NULL, NULL, '{"sku": "S8"}', NULL);
INSERT INTO bcdelta.run (kind, server, state) VALUES ('push', 'shop', 'succeeded');
EOC

# The rows of tables whose columns differ.
my %insert = (
	old => <<'EOC',
INSERT INTO bcdelta.link (feed, key, store_id, payload, remembered, referred, aside, pushed_at) SELECT *, '2026-01-01' FROM l;
INSERT INTO bcdelta.pending (feed, key, state, attempts, last_error, again, waits_feed, waits_key, sought, trouble, changed_at, next_attempt_at, early_at)
SELECT *, '2026-01-01', CASE WHEN state = 'waiting' THEN timestamptz '2026-01-02' END, CASE WHEN trouble IS NOT NULL THEN timestamptz '2026-01-01' END FROM p;
INSERT INTO bcdelta.result (run_id, feed, key, store_id, outcome, http_status, attempted_at)
VALUES (1, 'makers', 'M1', 101, 'created', 200, '2026-01-01'), (1, 'articles', 'S9', NULL, 'failed', 422, '2026-01-01');
INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, kind, field, source_value, store_value)
VALUES (1, 'makers', 'M1', 101, 'different', 'name', 'a', 'b'), (1, 'makers', 'M0', NULL, 'missing_in_store', NULL, NULL, NULL);
EOC
	new => <<'EOC',
INSERT INTO bcdelta.link (feed, key, store_id, payload, remembered, referred, aside, pushed_at, address) SELECT *, '2026-01-01', store_id FROM l;
INSERT INTO bcdelta.pending (feed, key, state, attempts, last_error, again, waits_feed, waits_key, intent, trouble, changed_at, next_attempt_at, early_at)
SELECT feed, key, state, attempts, last_error, again, waits_feed, waits_key, CASE WHEN sought IS NOT NULL THEN jsonb_build_object('', sought) END, trouble,
	'2026-01-01', CASE WHEN state = 'waiting' THEN timestamptz '2026-01-02' END, CASE WHEN trouble IS NOT NULL THEN timestamptz '2026-01-01' END FROM p;
INSERT INTO bcdelta.result (run_id, feed, key, store_id, outcome, http_status, attempted_at)
VALUES (1, 'makers', 'M1', 101, 'created', 200, '2026-01-01'), (1, 'articles', 'S9', NULL, 'failed', 422, '2026-01-01');
INSERT INTO bcdelta.discrepancy (run_id, feed, key, store_id, kind, field, source_value, store_value)
VALUES (1, 'makers', 'M1', 101, 'different', 'name', 'a', 'b'), (1, 'makers', 'M0', NULL, 'missing_in_store', NULL, NULL, NULL);
EOC
);

# Captured in the one, and in the other while it still has the script of 0.1.0;
# the time determines which table of the ring a change goes into.
my $changes = <<'EOC';
INSERT INTO word VALUES ('w', 'x');
UPDATE articles SET sku = 'S9a' WHERE sku = 'S9';
INSERT INTO makers VALUES ('M5', 'Maker 5');
CREATE TEMP TABLE c AS SELECT * FROM bcdelta.change;
TRUNCATE bcdelta.change, bcdelta.change_1, bcdelta.change_2;
INSERT INTO bcdelta.change SELECT feed_id, op, key, moved_from, move_id, '2026-01-01' FROM c;
UPDATE bcdelta.run SET requested_at = '2026-01-01';
EOC

sub shop
{
	my ($database, $version) = @_;
	my $shop = bless { db => $database, node => $node, store => BCDelta::Store->start(args => [ '--quota', 100000 ]) }, 'BCDelta::Shop';

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$shop->sql("CREATE EXTENSION bcdelta" . ($version ? " VERSION '$version'" : ''));
	$shop->store->seed('brands', \@brands);
	$shop->store->seed('products', \@products);
	return $shop;
}

# What the new one has, as 0.1.0 would have it: a dump,
# restored where the extension has that version.
sub copy_shop
{
	my $file = $node->basedir . '/shop.sql';
	my $other = $old->store;
	my $options = "SET store_hash '" . $other->hash . "', SET api_url '" . $other->url . "'";

	command_ok([ 'pg_dump', '-f', $file, '--exclude-table-data=bcdelta.link', '--exclude-table-data=bcdelta.pending',
		(map { "--exclude-table-data=bcdelta.$_*" } qw(journal adjustment conflict stage authority cutover cutover_step criterion signature template)), $node->connstr('new') ], 'pg_dump');
	# columns that 0.1.0 does not have
	my $dump = slurp_file($file);
	foreach my $column ([ feed => 'source_name' ], [ dependency => 'child_name' ], [ feed => 'policies' ], [ feed => 'merged' ], [ schedule => 'told_run_id' ], [ schedule => 'alert' ], [ schedule => 'mode' ],
		map { my $column = $_; map { [ $_ => $column ] } qw(change change_1 change_2) } qw(application by_role dependency_id))
	{
		$dump =~ s{^(COPY bcdelta\.$column->[0] \(.*), $column->[1](\) .*\n)((?:.*\n)*?)(?=\\\.$)}{ my ($a, $b, $rows) = ($1, $2, $3); $rows =~ s/\t[^\t\n]*$//mg; "$a$b$rows" }em
		  or die "the dump has no $column->[0]";
	}
	open my $handle, '>', $file or die "$file: $!";
	print {$handle} $dump;
	close $handle;
	command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('old'), '-f', $file ], 'and restore');
	$old->sql("ALTER SERVER shop OPTIONS ($options); ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '" . $other->token . "');
		UPDATE bcdelta.feed SET home = bcdelta.home(); UPDATE bcdelta.schedule SET home = bcdelta.home()");
	return;
}

# Everything in the catalog that belongs to the extension.
my $catalog = <<'EOC';
WITH member AS (
	SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'bcdelta')),
table_of AS (SELECT c.* FROM pg_class AS c JOIN member ON objid = oid AND classid = 'pg_class'::regclass)
SELECT 'member', identity, NULL, NULL FROM member, pg_identify_object(classid, objid, 0)
UNION ALL SELECT 'column', format('%s.%s', relname, attname), concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY attnum),
		format_type(atttypid, atttypmod), attcollation::regcollation, attnotnull, attidentity, attgenerated, attstorage),
		concat_ws(' ', pg_get_expr(adbin, adrelid), attacl, col_description(c.oid, attnum))
	FROM table_of AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
	LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
UNION ALL SELECT 'table', relname, concat_ws(' ', relkind, relreplident, relpersistence, reloptions, relacl),
		concat_ws(' ', obj_description(oid, 'pg_class'), CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END)
	FROM table_of
UNION ALL SELECT 'constraint', relname, conname, pg_get_constraintdef(k.oid) FROM table_of AS c JOIN pg_constraint AS k ON conrelid = c.oid
UNION ALL SELECT 'index', relname, pg_get_indexdef(indexrelid), concat_ws(' ', indisunique, indisvalid, indisreplident, indisclustered)
	FROM table_of AS c JOIN pg_index ON indrelid = c.oid
UNION ALL SELECT 'trigger', relname, tgenabled::text, pg_get_triggerdef(t.oid) FROM table_of AS c JOIN pg_trigger AS t ON tgrelid = c.oid
UNION ALL SELECT 'function', p.oid::regprocedure::text, concat_ws(' ', proacl, obj_description(p.oid, 'pg_proc')), pg_get_functiondef(p.oid)
	FROM pg_proc AS p JOIN member ON objid = p.oid AND classid = 'pg_proc'::regclass
UNION ALL SELECT 'other', identity, obj_description(objid, classid::regclass::text), NULL FROM member, pg_identify_object(classid, objid, 0)
	WHERE classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass)
UNION ALL SELECT 'schema', nspname, nspacl::text, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'bcdelta'
UNION ALL SELECT 'dumped', t.oid::regclass::text, t.condition, NULL
	FROM pg_extension, unnest(extconfig, extcondition) AS t (oid, condition) WHERE extname = 'bcdelta'
UNION ALL SELECT 'extension', extversion, extnamespace::regnamespace::text, concat_ws(' ', obj_description(oid, 'pg_extension'), extrelocatable) FROM pg_extension WHERE extname = 'bcdelta'
ORDER BY 1, 2, 3, 4
EOC

# A dump, without parts that always differ between databases.
sub dump_of
{
	my ($shop) = @_;
	my $port = $shop->store->port;
	my ($out, $err) = run_command([ 'pg_dump', '-d', $node->connstr($shop->{db}) ]);

	is($err, '', "the dump of database $shop->{db}");
	$out =~ s/^\\(?:un)?restrict .*$//mg;
	$out =~ s{^(COPY .*?\n)(.*?)^\\\.$}{$1 . join("\n", sort split /\n/, $2) . "\n\\."}gems;
	$out =~ s/:$port\b/:port/g;
	$out =~ s/\b(\d+)\/\Q@{[ $shop->sql('SELECT oid FROM pg_database WHERE datname = current_database()') ]}\E(?:\.\d+)?\//$1\/database\//g;
	return [ split /\n/, $out ];
}

sub compare
{
	my ($shop, $what) = @_;
	is_deeply([ split /\n/, $shop->sql($catalog) ], [ split /\n/, $new->sql($catalog) ], "the catalog is the same $what");
	is_deeply(dump_of($shop), dump_of($new), "and so is a dump $what");
	return;
}

sub requests
{
	my ($shop) = @_;
	my $json = JSON::PP->new->canonical->allow_nonref;
	return [ sort map { join(' ', @$_{qw(method path)}, $json->encode([ @$_{qw(query body)} ])) } $shop->store->journal ];
}

sub serve
{
	my ($databases) = @_;
	$node->append_conf('postgresql.conf', "bcdelta.databases = '$databases'");
	$node->reload;
	return;
}

# Makes the script of a database count as one of this version.
sub pretend
{
	my ($shop, $version) = @_;
	$shop->sql("UPDATE pg_extension SET extversion = '$version' WHERE extname = 'bcdelta'");
	return;
}

my $state = 'SELECT bcdelta.worker_state()';
$node->safe_psql('postgres', 'CREATE ROLE "Reader"');
$old = shop('old', '0.1.0');
$new = shop('new');
my $version = $new->sql("SELECT extversion FROM pg_extension WHERE extname = 'bcdelta'");

subtest 'an empty database with 0.1.0 is upgraded, and the worker waits until it is' => sub {
	serve('old');
	$old->wait_for("SELECT bcdelta.worker_state() LIKE '%version 0.1.0%version $version%ALTER EXTENSION bcdelta UPDATE%'");
	like(slurp_file($node->logfile), qr/LOG:  bcdelta: extension bcdelta has version 0\.1\.0, but/, 'the server log says so');
	my ($rc, $out, $err) = $old->try(q(SELECT bcdelta.mark_all('articles')));
	like($err, qr/extension "bcdelta" has version 0\.1\.0, but the loaded library has version \Q$version\E.*ALTER EXTENSION bcdelta UPDATE/s, 'a session hears the same');
	$old->sql('ALTER EXTENSION bcdelta UPDATE');
	$old->wait_for($state, 'running');
	pretend($old, '99.0');
	$old->wait_for("SELECT bcdelta.worker_state() LIKE '%version 99.0%Restart the server%'");
	pretend($old, $version);
	$old->wait_for($state, 'running');
	is_deeply([ split /\n/, $old->sql($catalog) ], [ split /\n/, $new->sql($catalog) ], 'the catalog is the same');
	serve('');
	poll_until(sub { !defined worker_pid($node, 'old') }, 'the end of the worker');
};

subtest 'a shop with 0.1.0 is upgraded, and its catalog and dump equal those of a new installation' => sub {
	$old->sql("DROP EXTENSION bcdelta CASCADE; CREATE EXTENSION bcdelta VERSION '0.1.0'");
	$new->sql(create_server_sql($new->store));
	$new->tables(articles => { on_delete => "'delete'" });
	$new->sql($shop);
	# a table that 0.1.0 does not have
	$new->sql('TRUNCATE bcdelta.journal RESTART IDENTITY');
	copy_shop();
	$_->sql($rows . $insert{ $_->{db} } . $changes) foreach $old, $new;
	is($old->sql('SELECT count(*) FROM bcdelta.change'), 3, 'changes are captured before the upgrade');
	like($old->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'makers'"), qr/has version 0\.1\.0, but the loaded library has version/, 'bcdelta.status says so');
	$file = $node->basedir . '/old.dump';
	command_ok([ 'pg_dump', '-F', 'custom', '-f', $file, $node->connstr('old') ], 'a dump of 0.1.0');
	$old->sql('ALTER EXTENSION bcdelta UPDATE');
	compare($old, 'after the upgrade');
};

subtest 'a dump of 0.1.0 is restored with that version, and upgraded' => sub {
	my $restored = bless { %$old, db => 'restored' }, 'BCDelta::Shop';
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$restored->sql("CREATE EXTENSION bcdelta VERSION '0.1.0'");
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $file ], 'the restore');
	$restored->sql('ALTER EXTENSION bcdelta UPDATE; UPDATE bcdelta.feed SET home = bcdelta.home(); UPDATE bcdelta.schedule SET home = bcdelta.home()');
	compare($restored, 'after the restore and the upgrade');
};

subtest 'after the upgrade, the pending rows are pushed' => sub {
	my (%sent, %has);
	serve('old, new');
	foreach my $shop ($old, $new)
	{
		wait_for_worker($node, $shop->{db});
		$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.change');
		$shop->sql("SELECT bcdelta.resume('groups')");
		is($shop->push->{state}, 'succeeded', "a push of database $shop->{db}");
		$sent{ $shop->{db} } = requests($shop);
		$has{ $shop->{db} } = $shop->list(<<'EOC');
SELECT concat_ws(' ', feed, key, store_id, address, payload, remembered, referred, aside) FROM bcdelta.link
UNION ALL SELECT concat_ws(' ', feed, key, state, attempts, last_error, waits_key, intent) FROM bcdelta.pending
UNION ALL SELECT concat_ws(' ', feed, key, address, outcome, error) FROM bcdelta.result
UNION ALL SELECT concat_ws(' ', feed, ready, waiting, in_flight, deferred, failed, review, linked) FROM bcdelta.status
ORDER BY 1
EOC
	}
	is_deeply($sent{old}, $sent{new}, 'the same requests');
	is_deeply($has{old}, $has{new}, 'the same links, pending rows and results');
	is($old->sql('SELECT count(*) FROM (SELECT address, store_id FROM bcdelta.link UNION ALL SELECT address, store_id FROM bcdelta.result WHERE run_id > 1) AS a
		WHERE address IS DISTINCT FROM store_id::text'), 0, 'each link and each new result has an address');
	is($old->id('articles', 'S3'), 303, 'a create whose reply was lost before the upgrade is found after it');
	is($old->sql("SELECT count(*) FROM bcdelta.link WHERE key IN ('M4', 'M5', 'S6', 'S9a')"), 4, 'and what was pending is in the store');
};

done_testing();
