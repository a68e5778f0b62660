# Tables that are altered or dropped while they are tracked: the feed says what
# is wrong and what to do, and the others continue.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('source', store => { args => [ '--quota', 100000 ] }, node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;
$shop->sql(<<'EOC');
CREATE TABLE things (id int PRIMARY KEY, name text, title text);
SELECT bcdelta.track('things', 'shop', 'brand', fields => '{"name": "name", "page_title": "title"}', on_delete => 'delete');
INSERT INTO things SELECT i, 'Thing ' || i, 'Title ' || i FROM generate_series(1, 10) AS i;
INSERT INTO makers VALUES ('M1', 'Maker 1');
EOC
is($shop->push->{created}, 11, 'a shop');
my $n = 0;

# A push finds the feed broken; the row of another feed is pushed nevertheless.
sub broken
{
	my ($what, $message) = @_;
	$n++;
	$shop->sql("UPDATE makers SET name = 'Maker 1.$n'");
	my $run = $shop->push;
	is($run->{state}, 'failed', "$what: the run fails");
	like($run->{error}, qr/feed "things"/, 'and names the feed');
	is($run->{updated}, 1, 'another feed continues');
	my $reason = $shop->sql("SELECT paused_reason FROM bcdelta.status WHERE feed = 'things' AND state = 'paused'");
	like($reason, $message, 'the feed says why');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'things' AND state = 'failed'"), 0, 'no row is at fault');
	my $again = $shop->push;
	is($again->{state}, 'succeeded', 'the next run leaves it out');
	like($shop->push("feed => 'things'")->{error}, qr/feed "things" is paused: /, 'a push of it alone says so');
	return;
}

sub mended
{
	my ($what, $updated) = @_;
	$shop->sql("SELECT bcdelta.resume('things')");
	my $run = $shop->push;
	is("$run->{state} $run->{updated} $run->{failed}", "succeeded $updated 0", "$what: corrected, nothing is lost") or diag(explain([ $run, $shop->errors ]));
	return;
}

subtest 'a table that is renamed or moved is followed' => sub {
	$shop->sql("ALTER TABLE things RENAME TO objects; CREATE SCHEMA old; ALTER TABLE objects SET SCHEMA old; UPDATE old.objects SET title = 'Moved' WHERE id = 1");
	is($shop->push->{updated}, 1, 'a table that was renamed and moved to another schema');
	$shop->sql("ALTER TABLE old.objects SET SCHEMA public; ALTER TABLE objects RENAME TO things");
};

subtest 'a column of the mapping that is renamed or dropped pauses the feed, and nothing is lost' => sub {
	$shop->sql("ALTER TABLE things RENAME COLUMN title TO caption; UPDATE things SET caption = 'Renamed' WHERE id = 2");
	broken('a column was renamed', qr/column "title" does not exist/);
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.resume('things')");
	like($err, qr/feed "things", field "page_title": column "title" does not exist/, 'resume checks it, and names the field');
	$shop->sql("ALTER TABLE things RENAME COLUMN caption TO title");
	mended('renamed back', 1);
	$shop->sql("ALTER TABLE things DROP COLUMN title; UPDATE things SET name = name || '!' WHERE id = 3");
	broken('a column was dropped', qr/column "title" does not exist/);
	$shop->sql("ALTER TABLE things ADD COLUMN title text DEFAULT 'Again'");
	mended('added again', 1);
	$shop->sql("ALTER TABLE things ALTER COLUMN name TYPE varchar(40), ALTER COLUMN id TYPE bigint; UPDATE things SET name = 'Wider' WHERE id = 4");
	is($shop->push->{updated}, 1, 'columns of other types');
};

subtest 'a key column that is renamed pauses the feed, and the source goes on' => sub {
	$shop->sql("ALTER TABLE things RENAME COLUMN id TO number");
	$shop->sql("UPDATE things SET title = 'Key renamed' WHERE number = 5; DELETE FROM things WHERE number = 6");
	is($shop->sql('SELECT count(*) FROM things'), 9, 'the source continues');
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'things'");
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'things'"), qr/key column.*renamed or dropped.*mark_all/s, 'a key column was renamed: the feed is paused');
	$shop->sql("ALTER TABLE things RENAME COLUMN number TO id; SELECT bcdelta.resume('things'); SELECT bcdelta.mark_all('things')");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state deleted failed)} ], [ 'succeeded', 1, 0 ], 'when it has its name back, nothing is lost') or diag(explain($run));
};

subtest 'a column that is dropped during a run loses no row' => sub {
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	$shop->sql("UPDATE makers SET name = 'Held'; UPDATE things SET title = 'In the middle'");
	my $push = $shop->start("SELECT state, error FROM bcdelta.push()");
	$shop->wait_held(1);
	$shop->sql("ALTER TABLE things DROP COLUMN title");
	$store->release;
	my (undef, $out) = $push->finish;
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'things'"), 9, 'a column is dropped during a run: rows wait or have failed');
	$shop->sql("ALTER TABLE things ADD COLUMN title text DEFAULT 'After all'; SELECT bcdelta.resume('things'); SELECT bcdelta.retry('things')");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state updated failed)} ], [ 'succeeded', 9, 0 ], 'and are pushed once it is corrected');
};

subtest 'if a source is dropped, the feed says so, and untrack removes the links' => sub {
	$shop->sql("UPDATE things SET title = 'Last words' WHERE id = 7");
	$shop->sql('DROP TABLE things');
	broken('the table was dropped', qr/feed "things": its source table no longer exists.*bcdelta\.untrack\('things'\)/s);
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.resume('things')");
	like($err, qr/source table no longer exists/, 'resume says so too');
	like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'things'"), qr/./, 'and the status');
	$shop->sql("SELECT bcdelta.untrack('things')");
	is($shop->push->{state}, 'succeeded', 'without it everything is well');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'things'"), 0, 'untrack removes the links');
};

subtest 'triggers that are disabled are shown' => sub {
	$shop->sql("ALTER TABLE makers DISABLE TRIGGER ALL");
	like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'makers'"), qr/trigger/, 'a disabled trigger is shown');
	like($shop->sql("ALTER TABLE makers ENABLE TRIGGER ALL; SELECT trouble FROM bcdelta.status WHERE feed = 'makers'"),
		qr/trigger.*bcdelta\.resume/, 'so is one that is not enabled as it should be');
	$shop->sql("SELECT bcdelta.resume('makers')");
	is($shop->sql("SELECT trouble FROM bcdelta.status WHERE trouble IS NOT NULL"), '', 'no trouble is left');
};

subtest 'row-level security that is enabled later removes no record' => sub {
	$shop->sql(q{CREATE ROLE agency; GRANT USAGE ON SCHEMA bcdelta TO agency; GRANT USAGE ON FOREIGN SERVER shop TO agency;
		CREATE USER MAPPING FOR agency SERVER shop OPTIONS (access_token '} . $store->token . q{');
		CREATE TABLE goods (id int PRIMARY KEY, name text); GRANT SELECT, TRIGGER ON goods TO agency});
	$shop->sql(q(SET ROLE agency; SELECT bcdelta.track('goods', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete')));
	$shop->sql("INSERT INTO goods SELECT i, 'Good ' || i FROM generate_series(1, 30) AS i");
	is($shop->push("'goods'")->{created}, 30, 'records of a table without it');
	$shop->sql("ALTER TABLE goods ENABLE ROW LEVEL SECURITY; UPDATE goods SET name = name || '!'");
	my $run = $shop->push("'goods'");
	like($run->{error}, qr/on_delete "delete" is not possible for table "goods": it has row-level security/, 'a push says why it does nothing');
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'goods'"), 'paused', 'the feed is paused');
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.resume('goods')");
	like($err, qr/has row-level security.*whose owner has BYPASSRLS/s, 'and cannot be resumed while rows are hidden');
	$shop->sql("ALTER ROLE agency BYPASSRLS; SELECT bcdelta.resume('goods')");
	is($shop->push("'goods'")->{updated}, 30, 'nothing is lost');

	$shop->sql("ALTER TABLE goods DISABLE ROW LEVEL SECURITY; ALTER ROLE agency NOBYPASSRLS; UPDATE goods SET name = name || '?'; DELETE FROM goods WHERE id = 30");
	$store->hold({ match => { method => 'PUT' } });
	my $push = $shop->start("SELECT state, deleted, error FROM bcdelta.push('goods')");
	$shop->wait_held(1);
	$shop->sql("ALTER TABLE goods ENABLE ROW LEVEL SECURITY; UPDATE goods SET name = name || '.'");
	$store->release;
	$shop->wait_for("SELECT updated + deleted >= 30 FROM bcdelta.run WHERE state = 'running'");
	$shop->wait_for("SELECT count(*) = 29 FROM bcdelta.pending WHERE feed = 'goods' AND state = 'ready'");
	$shop->sql("ALTER TABLE goods DISABLE ROW LEVEL SECURITY");
	my (undef, $out) = $push->finish;
	is($out, 'succeeded|1|', 'during a push, rows wait while they are hidden');
	is(scalar(grep { /^Good/ } map { $_->{name} } @{ $store->state('brands') }), 29, 'and no record has been removed but that of the deleted row');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'goods'"), 0, 'nothing is left');
};

subtest 'after a server was dropped and created again, a push says so and goes on' => sub {
	$shop->sql("UPDATE makers SET name = 'No server'; DROP SERVER shop CASCADE");
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.push('makers')");
	like($err, qr/server "shop" does not exist.*CREATE SERVER/s, 'without the server a push says so');
	is($shop->sql("SELECT count(*) FROM bcdelta.status WHERE feed = 'makers'"), 1, 'the status is still there');
	$shop->sql(create_server_sql($store));
	is($shop->push("feed => 'makers'")->{updated}, 1, 'created again, it continues');
};

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|the worker starts again/, 'the worker was never confused');
done_testing();
