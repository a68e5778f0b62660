# Workers for several databases, and too few processes for them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# PostgreSQL's own launcher of logical replication, ours, and one worker
my $node = bcdelta_node('places', databases => [ 'one', 'two', 'late' ], extension => 0,
	conf => "max_worker_processes = 3\nmax_parallel_workers = 0\nbcdelta.naptime = 1");

sub log_lines { my ($what) = @_; return scalar(() = slurp_file($node->logfile) =~ /$what/g); }

sub databases
{
	my ($names) = @_;
	$node->append_conf('postgresql.conf', "bcdelta.databases = '$names'");
	$node->reload;
	return;
}

sub state { return $node->safe_psql($_[0], 'SELECT bcdelta.worker_state()'); }

my @shops = map { $node->safe_psql($_, 'CREATE EXTENSION bcdelta'); BCDelta::Shop->on($node, $_) } qw(one two);
$_->tables foreach @shops;

subtest 'if all background workers are in use, the log and the database say so, and a worker starts as soon as one is free' => sub {
	wait_for_worker($node, 'one');
	$shops[0]->sql("INSERT INTO makers VALUES ('M1', 'One')");
	is($shops[0]->push->{created}, 1, 'the first database is served');
	poll_until(sub { log_lines('WARNING:  could not start the bcdelta worker of database "two": no slot for a background worker is free') }, 'a warning');
	like(slurp_file($node->logfile), qr/HINT:  Increase max_worker_processes, which is 3, and restart the server\./, 'with a hint');
	$node->poll_query_until('two', "SELECT bcdelta.worker_state() = 'the worker is starting: all background workers are in use; max_worker_processes is 3'")
	  or is(state('two'), 'all background workers are in use', 'the second one');
	like($shops[1]->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'makers'"), qr/all background workers are in use/, 'its status says so');
	like($shops[1]->sql('SELECT state, message FROM bcdelta.health()'), qr/^critical\|.*max_worker_processes is 3/, 'and health()');
	$node->reload foreach 1 .. 3;
	my $pid = worker_pid($node, 'one');
	databases('two');
	poll_until(sub { !kill(0, $pid) }, 'the end of the first worker');
	wait_for_worker($node, 'two');
	$shops[1]->sql("INSERT INTO makers VALUES ('M2', 'Two')");
	is($shops[1]->push->{created}, 1, 'it is served once a process is free');
	is(log_lines('WARNING:  could not start the bcdelta worker of database "two"'), 1, 'and there was one warning');
};

subtest 'without a process for the launcher, the database says so' => sub {
	databases('one, two, late');
	$node->append_conf('postgresql.conf', 'max_worker_processes = 1');
	$node->restart;
	is(state('one'), 'the bcdelta launcher is not running; it needs one of max_worker_processes, which is 1', 'in words');
	$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
	$node->restart;
};

subtest 'several databases are served side by side, and one whose extension is created later' => sub {
	wait_for_worker($node, $_) foreach qw(one two late);
	$_->store->hold({ match => { method => 'POST' } }) foreach @shops;
	$_->sql("INSERT INTO makers VALUES ('M3', 'Three')") foreach @shops;
	my @pushes = map { $_->start('SELECT state, created FROM bcdelta.push()') } @shops;
	$_->wait_held(1) foreach @shops;
	$node->safe_psql('late', 'CREATE EXTENSION bcdelta');
	$node->poll_query_until('late', "SELECT bcdelta.worker_state() = 'running'") or die 'no worker';
	my $shop = BCDelta::Shop->on($node, 'late');
	$shop->tables;
	$shop->sql("INSERT INTO makers VALUES ('M4', 'Four')");
	is($shop->push->{created}, 1, 'the third is served while requests of the others are under way');
	$_->store->release foreach @shops;
	is(($_->finish)[1], 'succeeded|1', 'and so are these') foreach @pushes;
	is(join(' ', map { scalar @{ $_->store->state('brands') } } @shops, $shop), '2 2 1', 'each in its own store');
	is(log_lines('extension bcdelta does not exist'), 2, 'that it was missing is told once at each start of a worker');
	my ($before) = map { $_->sql("SELECT count(*) FROM bcdelta.event") } $shop;
	kill_worker($node, 'two', 'TERM');
	is($shop->push->{state}, 'succeeded', 'the end of one of them harms no other');
};

subtest 'more databases than places' => sub {
	databases('one');
	poll_until(sub { !defined worker_pid($node, 'two') && !defined worker_pid($node, 'late') }, 'the end of the others');
	databases(join(', ', 'one', (map { "missing$_" } 1 .. 31), 'two'));
	poll_until(sub { log_lines('WARNING:  bcdelta serves at most 32 databases\n.*Database "two" gets no worker') }, 'a warning');
	poll_until(sub { state('two') eq 'bcdelta serves at most 32 databases' }, 'the words');
	is(state('one'), 'running', 'the others are served');
	is(log_lines('database "missing7" of bcdelta.databases does not exist'), 1, 'a missing database is told once');
	$node->reload;
	databases('one, two');
	wait_for_worker($node, 'two');
	is(log_lines('database "missing7" of bcdelta.databases does not exist'), 1, 'however often settings are read again');
};

$node->stop;
is(log_lines('(FATAL|PANIC):  (?!terminating connection due)'), 0, 'no process has failed');
done_testing();
