# Roles, servers and the extension are changed or dropped while the worker runs.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'objects',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
my $worker = worker_pid($node, 'shop');

sub log_lines { my ($what) = @_; return scalar(() = slurp_file($node->logfile) =~ /$what/g); }
sub trouble { return $shop->sql("SELECT state, trouble FROM bcdelta.status WHERE feed = 'things'"); }

# A server of their own, and a feed of ann's
my $hers = create_server_sql($store, name => 'hers')
  . join('', map { "CREATE USER MAPPING FOR $_ SERVER hers OPTIONS (access_token '" . $store->token . "'); GRANT USAGE ON FOREIGN SERVER hers TO $_;" } qw(ann bob carol));
$shop->sql(<<"EOC");
CREATE ROLE ann; CREATE ROLE bob; CREATE ROLE carol;
$hers
CREATE TABLE things (id text PRIMARY KEY, name text);
ALTER TABLE things OWNER TO ann;
GRANT USAGE ON SCHEMA public TO ann, bob, carol;
INSERT INTO things SELECT 'T-' || i, 'Thing ' || i FROM generate_series(1, 5) AS i;
SET ROLE ann;
SELECT bcdelta.track('things', 'hers', 'brand', '{"name": "name"}');
SELECT bcdelta.schedule('yearly', feed => 'things', every => '360 days');
SELECT bcdelta.mark_all('things');
EOC
is($shop->push("'things'")->{created}, 5, 'pushed');

# A run of the feed of which a request is under way
sub begin_run
{
	$store->hold({ match => { method => 'PUT' }, process => 'now' });
	$shop->sql("UPDATE things SET name = name || '.'");
	my $run = $shop->push("'things', wait => false");
	$shop->wait_held(1);
	return $run->{run_id};
}

# Its end
sub end_run
{
	my ($id) = @_;
	$store->release;
	$shop->wait_for("SELECT state NOT IN ('requested', 'running') FROM bcdelta.run WHERE run_id = $id");
	return $shop->run($id);
}

sub names_agree
{
	my ($what) = @_;
	is_deeply([ sort map { $_->{name} } @{ $store->state('brands') } ], [ sort @{ $shop->list('SELECT name FROM things') } ], $what);
	return;
}

subtest 'REASSIGN OWNED includes feeds and schedules, and a run goes on' => sub {
	my ($rc, undef, $err) = $shop->try('DROP ROLE ann');
	like($err, qr/cannot be dropped.*owner of table things/s, 'PostgreSQL says what keeps a role');
	my $run = begin_run();
	($rc, undef, $err) = $shop->try('REASSIGN OWNED BY ann, carol TO bob');
	is($rc, 0, 'REASSIGN OWNED') or diag($err);
	like($err, qr/NOTICE:  role "bob" also takes over feeds: 1, schedules: 1.*user mapping/s, 'and says what it does');
	is($shop->sql('SELECT f.owner, s.owner FROM bcdelta.feed AS f, bcdelta.schedule AS s'), 'bob|bob', 'to whom they belong');
	is(end_run($run)->{state}, 'succeeded', 'the run');
	($rc, undef, $err) = $shop->try('DROP OWNED BY ann, carol; DROP ROLE ann, carol');
	is($rc, 0, 'the role can be dropped') or diag($err);
	$run = begin_run();
	is(end_run($run)->{state}, 'succeeded', 'the feed goes on, as that of its new owner');
	names_agree('nothing is missing');
	is(trouble(), 'active|', 'no trouble');
	my ($rc2, undef, $err2) = $shop->try('SET ROLE bob; REASSIGN OWNED BY postgres TO bob');
	like($err2, qr/permission denied/, 'who may not do so takes over nothing');
	is($node->safe_psql('postgres', 'REASSIGN OWNED BY bob TO bob; SELECT 1'), 1, 'a database without the extension is left alone');
};

subtest 'if the owner of a feed loses its rights, or is dropped, the feed pauses, says what to do, and goes on with another one' => sub {
	my $run = begin_run();
	$shop->sql('ALTER TABLE things OWNER TO postgres; DROP OWNED BY bob');
	$run = end_run($run);
	$shop->sql("INSERT INTO things VALUES ('T-6', 'Thing 6')");
	is($shop->push("'things'")->{state}, 'failed', 'a push');
	like(trouble(), qr/^paused\|.*(permission denied for table things|no USAGE on server "hers")/, 'without rights');
	$shop->sql('DROP ROLE bob');
	poll_until(sub { trouble() =~ /^paused\|.*its owner no longer exists: a superuser has to assign another one with UPDATE bcdelta.feed/ }, 'the words');
	pass('without an owner');
	$shop->sql("UPDATE bcdelta.feed SET owner = 'postgres' WHERE feed = 'things'; SELECT bcdelta.resume('things')");
	is($shop->push("'things'")->{state}, 'succeeded', 'with another owner, it goes on');
	names_agree('nothing is missing');
	is(trouble(), 'active|', 'no trouble');
	is(log_lines('WARNING:.*feed "things" was paused: its owner no longer exists'), 0, 'a feed that is paused is not paused again');
};

subtest 'a server is dropped during a run; made again, its feed goes on' => sub {
	my ($rc, undef, $err) = $shop->try('DROP SERVER hers');
	like($err, qr/cannot drop server hers because other objects depend on it.*Use DROP \.\.\. CASCADE/s, 'without CASCADE, user mappings keep it');
	my $run = begin_run();
	$shop->sql('DROP SERVER hers CASCADE');
	$run = end_run($run);
	is($run->{state}, 'failed', 'the run ends');
	like($run->{error}, qr/server "hers"/, 'and says why');
	like(trouble(), qr/server "hers" does not exist/, 'so does the feed');
	is($shop->sql("SELECT count(*) FROM bcdelta.trouble WHERE event = 'store_trouble'"), 0, 'a store that is gone has no trouble');
	($rc, undef, $err) = $shop->try("SELECT bcdelta.push('things')");
	like($err, qr/server "hers" does not exist.*CREATE SERVER hers/s, 'and a session');
	$shop->sql(create_server_sql($store, name => 'hers'));
	$shop->sql("SELECT bcdelta.resume('things')");
	is($shop->push("'things'")->{state}, 'succeeded', 'a server of this name for the same store');
	names_agree('nothing is missing');
	is(trouble(), 'active|', 'no trouble');
};

subtest 'the extension is updated during a run; while the versions differ, nothing is pushed' => sub {
	my $dir = $shop->sql("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'");
	my $version = $shop->sql("SELECT extversion FROM pg_extension WHERE extname = 'bcdelta'");
	my ($there, $back) = map { "$dir/extension/bcdelta--$_.sql" } "$version--${version}guest", "${version}guest--$version";
	append_to_file($there, 'ALTER TABLE bcdelta.link ADD COLUMN guest int; ALTER TABLE bcdelta.feed ADD COLUMN guest int;');
	append_to_file($back, 'ALTER TABLE bcdelta.link DROP COLUMN guest; ALTER TABLE bcdelta.feed DROP COLUMN guest;');
	my $run = begin_run();
	my ($rc, undef, $err) = $shop->try("SET lock_timeout = '10s'; ALTER EXTENSION bcdelta UPDATE TO '${version}guest'");
	is($rc, 0, 'nothing is in the way') or diag($err);
	$shop->wait_for("SELECT bcdelta.worker_state() LIKE '%version ${version}guest%Restart the server%'");
	like(trouble(), qr/version \Q${version}\Eguest/, 'the status says so');
	$store->release;
	$store->clear;
	$shop->sql("UPDATE things SET name = name || '+'");
	(undef, undef, $err) = $shop->try("SELECT bcdelta.push('things')");
	like($err, qr/extension "bcdelta" has version \Q${version}\Eguest, but the loaded library has version \Q$version\E/, 'and a session');
	$shop->sql("ALTER EXTENSION bcdelta UPDATE TO '$version'");
	unlink($there, $back);
	$shop->wait_for("SELECT state NOT IN ('requested', 'running') FROM bcdelta.run WHERE run_id = $run");
	is($shop->run($run)->{state}, 'succeeded', 'once they agree, the run goes on');
	$shop->push("'things'");
	names_agree('nothing is missing');
};

is(worker_pid($node, 'shop'), $worker, 'all the time, it was one worker');

subtest 'a worker that is terminated comes back by itself, with one message' => sub {
	$shop->wait_for("SELECT clock_timestamp() > pg_postmaster_start_time() + interval '11 seconds'");
	my $before = $shop->sql("SELECT count(*) FROM bcdelta.event WHERE event = 'worker_back'");
	my $lines = log_lines('(WARNING|ERROR|FATAL|PANIC):');
	my $run = begin_run();
	$shop->sql("SELECT pg_terminate_backend($worker)");
	wait_for_worker($node, 'shop', $worker);
	is(end_run($run)->{state}, 'succeeded', 'so does its run');
	names_agree('nothing is missing');
	is($shop->sql("SELECT count(*) - $before FROM bcdelta.event WHERE event = 'worker_back'"), 1, 'it is told once');
	poll_until(sub { log_lines('WARNING:  bcdelta: the worker of this database works again') > 0 }, 'a warning');
	is(log_lines('(WARNING|ERROR|FATAL|PANIC):') - $lines, 1, 'also in the log, which has no failure');
};

subtest 'a fast stop during a run is no failure, and the run goes on after the start' => sub {
	my $run = begin_run();
	my $lines = log_lines('(WARNING|ERROR|FATAL|PANIC):');
	$shop->leave;
	$node->stop('fast');
	is(log_lines('(WARNING|ERROR|FATAL|PANIC):') - $lines, 0, 'the log has no failure');
	$node->start;
	wait_for_worker($node, 'shop');
	is(end_run($run)->{state}, 'succeeded', 'the run');
	names_agree('nothing is missing');
};

subtest 'while the schema of the extension has another name, the source goes on, and nothing is lost' => sub {
	$shop->push("'things'");
	$shop->sql('ALTER SCHEMA bcdelta RENAME TO other');
	my ($rc, undef, $err) = $shop->try(q(INSERT INTO things VALUES ('T-renamed', 'Renamed'); UPDATE things SET name = name || '!' WHERE id = 'T-2'));
	is($rc, 0, 'statements of the source succeed') or diag($err);
	kill_worker($node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) > 0 FROM (SELECT other.worker_state()) AS w (words) WHERE words ~ 'ALTER SCHEMA other RENAME TO bcdelta'");
	$shop->sql('ALTER SCHEMA other RENAME TO bcdelta');
	$shop->wait_for("SELECT bcdelta.worker_state() = 'running'");
	my $run = $shop->push("'things'");
	is_deeply([ $run->{state}, $run->{created}, $run->{updated} ], [ 'succeeded', 1, 1 ], 'and their changes are pushed when it has its name again');
	names_agree('nothing was lost');
};

is(scalar(() = @{ $store->state('brands') }), 7, 'nothing was created twice');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
