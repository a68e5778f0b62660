# Databases that are dropped, renamed or copied while their workers run.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'guest',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);

sub server { return $node->safe_psql('postgres', $_[0]); }
sub log_lines { my ($what) = @_; return scalar(() = slurp_file($node->logfile) =~ /$what/g); }

sub databases
{
	my (@names) = @_;
	$node->append_conf('postgresql.conf', "bcdelta.databases = '" . join(', ', @names) . "'");
	$node->reload;
	return;
}

# Statements with their time: PostgreSQL waits five seconds for other sessions.
sub in_time
{
	my ($sql, $what, $role) = @_;
	my $began = time();
	$shop->leave;
	my ($rc, undef, $err) = $node->psql('postgres', ($role ? "SET ROLE $role; " : '') . $sql);
	is($rc, 0, $what) or diag($err);
	cmp_ok(time() - $began, '<=', 4, 'it does not wait for the worker') if $rc == 0;
	return;
}

$shop->tables;
$shop->sql("INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i");
is($shop->push->{created}, 3, 'pushed');

subtest 'a database is copied while its worker runs; the copy pushes nothing, and says so' => sub {
	$shop->hold_articles(20);
	my $run = $shop->push('wait => false');
	$shop->wait_held(1);
	in_time('CREATE DATABASE twin TEMPLATE shop', 'a run is going on');
	$store->release;
	databases('shop', 'twin');
	wait_for_worker($node, $_) foreach qw(shop twin);
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	$shop->articles_ok('the original goes on');
	$node->poll_query_until('twin', "SELECT count(*) = 3 FROM bcdelta.feed WHERE state = 'paused'") or die 'the copy is not paused';
	$store->clear;
	$node->safe_psql('twin', "UPDATE makers SET name = name || ' of the copy'");
	is($node->safe_psql('twin', 'SELECT state FROM bcdelta.push()'), 'failed', 'a push of the copy fails');
	is(scalar($store->journal), 0, 'the store hears nothing');
	like($node->safe_psql('twin', 'SELECT state, message FROM bcdelta.health()'), qr/^critical\|.*this database is a copy.*bcdelta\.resume/, 'health() says so');
};

subtest 'a database is renamed; its feeds go on under the new name' => sub {
	in_time('ALTER DATABASE shop RENAME TO market', 'while its worker runs');
	poll_until(sub { log_lines('WARNING:.*database "shop" of bcdelta.databases does not exist') }, 'a warning');
	databases('market', 'twin');
	wait_for_worker($node, 'market');
	is($node->safe_psql('market', "INSERT INTO makers VALUES ('M9', 'Maker 9'); SELECT state, created FROM bcdelta.push()"), 'succeeded|1', 'a push');
	in_time('ALTER DATABASE market RENAME TO shop', 'back again');
	databases('shop', 'twin');
	wait_for_worker($node, 'shop');
};

subtest 'a database is dropped while its worker runs, by its owner, and comes again' => sub {
	server('CREATE ROLE keeper CREATEDB; ALTER DATABASE twin OWNER TO keeper');
	in_time('DROP DATABASE twin', 'DROP DATABASE', 'keeper');
	poll_until(sub { log_lines('WARNING:.*database "twin" of bcdelta.databases does not exist') }, 'a warning');
	server('CREATE DATABASE twin OWNER keeper');
	$node->safe_psql('twin', 'CREATE EXTENSION bcdelta');
	wait_for_worker($node, 'twin');
	in_time('DROP DATABASE twin WITH (FORCE)', 'WITH (FORCE)', 'keeper');
	poll_until(sub { log_lines('WARNING:.*database "twin" of bcdelta.databases does not exist') == 2 }, 'a warning');
	server('CREATE DATABASE twin OWNER keeper');
	$node->safe_psql('twin', 'CREATE EXTENSION bcdelta');
	wait_for_worker($node, 'twin');
	is(log_lines('database "twin" of bcdelta.databases does not exist'), 2, 'each time, it is told once that it is missing');
};

subtest 'a statement that is refused, or fails, costs nobody the worker for long' => sub {
	my $pid = worker_pid($node, 'shop');
	server('CREATE ROLE stranger CREATEDB');
	$shop->leave;
	foreach my $sql ('DROP DATABASE shop', 'CREATE DATABASE other TEMPLATE shop', 'ALTER DATABASE shop RENAME TO other')
	{
		my ($rc, undef, $err) = $node->psql('postgres', "SET ROLE stranger; $sql");
		like($err, qr/must be owner|permission denied/, "a stranger: $sql");
	}
	my ($rc, undef, $err) = $node->psql('postgres', 'BEGIN; DROP DATABASE shop');
	like($err, qr/cannot run inside a transaction block/, 'in a transaction');
	($rc, undef, $err) = $node->psql('shop', 'DROP DATABASE shop');
	like($err, qr/cannot drop the currently open database/, 'the current database');
	is(worker_pid($node, 'shop'), $pid, 'the worker does not even leave');
	# until then, a worker that starts may have started with its server
	$shop->wait_for("SELECT clock_timestamp() > pg_postmaster_start_time() + interval '11 seconds'");
	# of databases that were renamed later than that
	my $told = $shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'worker_back'");
	$shop->leave;
	my $session = psql_open($node, 'shop');
	$session->query('SELECT 1');
	($rc, undef, $err) = $node->psql('postgres', 'DROP DATABASE shop');
	like($err, qr/is being accessed by other users/, 'another session is in the way');
	$session->finish;
	wait_for_worker($node, 'shop', $pid);
	is($shop->push->{state}, 'succeeded', 'the worker comes back by itself');
	is($shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'worker_back'"), $told, 'a worker that made room is not told of as one that had failed');
};

subtest 'a database is dropped during a push' => sub {
	$shop->hold_articles(20);
	my $push = $shop->start('SELECT state FROM bcdelta.push()');
	$shop->wait_held(1);
	in_time('DROP DATABASE shop WITH (FORCE)', 'with a run going on');
	$store->release;
	isnt(($push->finish)[0], 0, 'the session that requested the run is told');
	poll_until(sub { log_lines('WARNING:.*database "shop" of bcdelta.databases does not exist') == 2 }, 'a warning');
};

$node->stop;
is(log_lines('FATAL:.*(bcdelta|background worker|does not exist)'), 0, 'no worker has failed');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
