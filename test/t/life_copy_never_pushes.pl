# Copies of the database never push unless a user says so; a promoted standby
# continues by itself.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'copy',
	store => { args => [ '--quota', 100000 ] },
	node => { databases => [ 'shop', 'early' ], conf => 'bcdelta.naptime = 1', init => [ allows_streaming => 1 ] });
my ($node, $store) = ($shop->node, $shop->store);
$node->safe_psql('early', 'DROP EXTENSION bcdelta');
$shop->tables(articles => { on_delete => "'delete'" });
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 5) AS i;
INSERT INTO groups VALUES (1, NULL, 'Group'), (2, 1, 'Subgroup');
INSERT INTO articles (sku, title, price, maker, grp) SELECT 'A-' || i, 'Article ' || i, i, 'M1', 2 FROM generate_series(1, 10) AS i;
EOC
$shop->push;

# At the time of the dump: a row in flight, one deferred, one failed, and
# changes that have not been folded, since there is no worker.
$store->hold({ match => { method => 'POST' } });
$shop->sql(<<'EOC');
INSERT INTO articles (sku, title, price, maker) VALUES ('F-1', 'In flight', 1, 'M1'), ('F-2', 'Waits', 1, 'M99'), ('F-3', 'Wrong', -1, 'M1');
SELECT bcdelta.schedule('often', server => 'shop', every => '1 hour');
EOC
my $run = $shop->push('wait => false');
$shop->wait_held(1);
my $worker = worker_pid($node, 'shop');
kill('STOP', $worker);
$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('C-1', 'Change', 1); DELETE FROM articles WHERE sku = 'A-10'");
my $dump = $node->basedir . '/shop.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('shop') ], 'dump');
kill('CONT', $worker);
$store->release;
$shop->wait_for("SELECT state <> 'running' FROM bcdelta.run WHERE run_id = $run->{run_id}");
my %pending = %{ $shop->pending };
$shop->clear;

# SQL in a copy
sub copy { my ($database, $sql, $where) = @_; return ($where // $node)->safe_psql($database, $sql); }

sub check_copy
{
	my ($what, $database, $where) = @_;
	$where //= $node;
	$where->poll_query_until($database, "SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused' AND paused_reason ~ 'copy'")
	  or die 'the feeds are not paused';
	is(copy($database, "SELECT count(*) FROM bcdelta.status WHERE state = 'paused' AND paused_reason ~ 'bcdelta.resume'", $where),
		3, "$what: feeds are paused, and say what to do");
	like(copy($database, "SELECT error FROM bcdelta.push('articles')", $where), qr/paused.*copy/s, 'a push of one says why it does nothing');
	is(copy($database, "SELECT created + updated + deleted FROM bcdelta.push()", $where), 0, 'a push of all does nothing');
	is_deeply([ $shop->writes ], [], 'the store hears nothing');
	is(copy($database, 'SELECT count(*) FROM bcdelta.link', $where), 17, 'links are there');
	is(copy($database, "SELECT max(key) FROM bcdelta.pending WHERE feed = 'articles' AND key = 'C-1'", $where), 'C-1', 'and changes');
	is(copy($database, "SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM bcdelta.pending WHERE key LIKE 'F-%' AND state <> 'in_flight'", $where)
		  =~ s/F-1 ready, //r, 'F-2 deferred, F-3 failed', 'and rows that wait');
	copy($database, "INSERT INTO articles (sku, title, price) VALUES ('X-1', 'Copied', 1); DELETE FROM articles WHERE sku = 'X-1'", $where);
	is($where->poll_query_until($database, "SELECT count(*) = 1 FROM bcdelta.pending WHERE key = 'X-1'"), 1, 'changes are captured');
	return;
}

sub restore
{
	my ($database, $where) = @_;
	return $where->command_ok([ 'pg_restore', '-d', $where->connstr($database), $dump ], "restore into $database");
}

subtest 'a dump restored into another database pushes nothing' => sub {
	restore('early', $node);
	check_copy('another database', 'early');
};

subtest 'a dump restored into another cluster pushes nothing' => sub {
	my $other = bcdelta_node('other', databases => ['shop'], extension => 0, conf => 'bcdelta.naptime = 1');
	# the worker starts again, and folds, before the feeds have been restored;
	# it pauses them before the journal has been restored, or its sequence
	my $late = qr/ TABLE DATA bcdelta (?:feed|dependency) | (?:TRIGGER|INDEX|CONSTRAINT) /;
	my $last = qr/ TABLE DATA bcdelta journal | SEQUENCE SET /;
	restore_some($other, 'shop', $dump, qr/^(?!.*(?:$late|$last))/);
	kill_worker($other, 'shop', 'TERM');
	restore_some($other, 'shop', $dump, $late);
	$other->poll_query_until('shop', "SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused'") or die 'the feeds are not paused';
	restore_some($other, 'shop', $dump, $last);
	is(copy('shop', 'SELECT count(*) FROM bcdelta.journal', $other), $shop->sql('SELECT count(*) FROM bcdelta.journal'), 'the journal is that of the dump');
	check_copy('another cluster', 'shop', $other);
	$other->stop;
};

subtest 'a database created from a template pushes nothing, and the original goes on' => sub {
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'early'");
	$node->reload;
	poll_until(sub { !defined worker_pid($node, 'shop') }, 'the end of the worker');
	$shop->leave;
	$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE shop');
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'shop, early, twin'");
	$node->reload;
	wait_for_worker($node, $_) foreach qw(shop twin);
	$node->poll_query_until('twin', "SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused' AND paused_reason ~ 'copy'");
	is(copy('twin', "SELECT count(*) FROM bcdelta.status WHERE paused_reason ~ 'copy'"), 3, 'a database from a template is a copy');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'the original is not');
};

subtest 'a copy that is declared to be the source goes on, and creates nothing twice' => sub {
	is_deeply($shop->pending, \%pending, 'the original is as it was');
	copy('early', 'SELECT bcdelta.resume(feed) FROM bcdelta.feed');
	is(copy('early', 'SELECT state, created, deleted, linked, deferred, failed FROM bcdelta.push()'), 'succeeded|0|1|2|1|0', 'resumed');
	is(copy('early', "SELECT string_agg(key, ' ' ORDER BY key) FROM bcdelta.pending"), 'F-2 F-3', 'what was in flight was found, not created again');
	is($shop->sql("SELECT home <> bcdelta.home() FROM bcdelta.schedule") . copy('early', 'SELECT home = bcdelta.home() FROM bcdelta.schedule'),
		'ft', 'its schedules go with it');
};

subtest 'an older dump that is restored in place of what the database has pushes nothing, and says that the store may be ahead' => sub {
	my $old = $node->basedir . '/old.dump';
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $old, $node->connstr('early') ], 'dump');
	copy('early', "UPDATE articles SET price = price + 100 WHERE sku IN ('A-1', 'A-2'); INSERT INTO articles (sku, title, price) VALUES ('L-1', 'Later', 1)");
	is(copy('early', 'SELECT state, created, updated FROM bcdelta.push()'), 'succeeded|1|2', 'later changes are pushed');
	$node->command_ok([ 'pg_restore', '--clean', '--if-exists', '-d', $node->connstr('early'), $old ], 'the dump is restored');
	is(copy('early', "SELECT count(*) FROM bcdelta.status WHERE state = 'paused' AND trouble ~ 'restored from a dump.*verify.*resume'"),
		3, 'feeds are paused at once, and say why, and what to do');
	wait_for_worker($node, 'early');
	$shop->clear;
	copy('early', "UPDATE articles SET title = 'Article 3, changed' WHERE sku = 'A-3'");
	is(copy('early', 'SELECT created + updated + deleted FROM bcdelta.push()'), 0, 'a push does nothing');
	is_deeply([ $shop->writes ], [], 'the store hears nothing');
	is(copy('early', 'SELECT state FROM bcdelta.verify()'), 'succeeded', 'it can be verified');
	is(copy('early', "SELECT string_agg(concat_ws(' ', key, kind, field, source_value, store_value), ', ' ORDER BY key, field) FROM bcdelta.discrepancy
		WHERE feed = 'articles' AND (key IS NULL AND natural_key LIKE 'L%' OR key IN ('A-1', 'A-2'))"),
		'A-1 different price 1 101, A-2 different price 2 102, missing_in_source sku L-1', 'which lists what the store has of later');
	copy('early', "SELECT bcdelta.resume(server => 'shop')");
	is(copy('early', 'SELECT state, updated FROM bcdelta.push()'), 'succeeded|1', 'resumed, it goes on');
};

subtest 'a worker whose commit waits for a synchronous standby that is not there says so' => sub {
	$shop->leave;
	my ($name, $local) = ("ALTER SYSTEM SET synchronous_standby_names", 'SET synchronous_commit = local;');
	$node->safe_psql('postgres', "$name = 'nobody'");
	$node->reload;
	$node->safe_psql('shop', "$local INSERT INTO articles (sku, title, price) VALUES ('SYNC', 'Synchronous', 1)");
	my $run = $node->safe_psql('shop', "$local SELECT run_id FROM bcdelta.push(wait => false)");
	$node->poll_query_until('shop', "SELECT state = 'critical' AND message ~ '^the worker''s commit waits for a synchronous standby.*synchronous_standby_names' FROM bcdelta.health()")
	  or die 'health() does not say so';
	like($node->safe_psql('shop', "SELECT trouble FROM bcdelta.status WHERE feed = 'articles'"), qr/^the worker's commit waits for a synchronous standby/, 'so does the status');
	$node->safe_psql('postgres', "$name = ''");
	$node->reload;
	$node->poll_query_until('shop', "SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run") or die 'the push does not end';
	is(copy('shop', 'SELECT bcdelta.worker_state()'), 'running', 'and goes on when none is asked for');
};

subtest 'a standby does nothing until it is promoted, then goes on by itself' => sub {
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	$shop->sql("SELECT bcdelta.unschedule('often')");
	$shop->sql("SELECT bcdelta.schedule('soon', server => 'shop', every => '1 second')");
	$shop->wait_for("SELECT count(*) >= 1 FROM bcdelta.run WHERE schedule = 'soon' AND state = 'succeeded'");
	my ($rc, undef, $err) = $standby->psql('shop', 'SELECT bcdelta.push()');
	isnt($rc, 0, 'push on a standby');
	like($err, qr/recovery|standby/, 'is refused');
	like($standby->safe_psql('shop', 'SELECT DISTINCT worker FROM bcdelta.status'), qr/standby/, 'the status says so');
	is($standby->safe_psql('shop', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'bcdelta%'"), 0, 'no worker runs there');
	$store->hold({ match => { method => 'POST' } });
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'S-' || i, 'Standby ' || i, i FROM generate_series(1, 20) AS i");
	$shop->wait_held(1);
	$node->wait_for_catchup('standby', 'replay', $node->lsn('insert'));
	$node->stop('immediate');
	$store->release;
	$standby->promote;
	wait_for_worker($standby, 'shop');
	$standby->poll_query_until('shop', "SELECT count(*) = 20 FROM bcdelta.link WHERE key LIKE 'S-%'");
	is($standby->safe_psql('shop', "SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'promoted, it goes on by itself');
	is(scalar(grep { $_->{sku} =~ /^S-/ } @{ $store->state('products') }), 20, 'nothing is missing');
	is(scalar(grep { @{ $_->{created} } && $_->{body}{sku} =~ /^S-/ } $store->journal(method => 'POST')), 20, 'nothing was created twice');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
