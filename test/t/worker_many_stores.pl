# Twenty stores of one database: each has its own quota and its own trouble.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use List::Util qw(max sum);
use PostgreSQL::Test::Utils;
use Test::More;

my $stores = 20;
my $rows = 60;
my $shop = BCDelta::Shop->open(
	'many',
	store => { args => [ '--latency-ms', 5 ] },
	node => { conf => "bcdelta.naptime = 1" });
my ($node, $store) = ($shop->node, $shop->store);

sub control { my ($nth, $name, $data) = @_; return $store->control("$name?store=s$nth", $data); }
sub requests { return control($_[0], 'counts')->{total}; }

# A table, a server and a feed for each
foreach my $i (1 .. $stores)
{
	$store->control('stores', { hash => "s$i", token => "token$i" });
	control($i, 'settings', { quota => 100000, window_ms => 30000, latency_ms => 5 });
	$shop->sql(<<"EOC");
CREATE SERVER s$i FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 's$i', api_url '${\$store->url}', max_concurrency '8', timeout '60');
CREATE USER MAPPING FOR CURRENT_USER SERVER s$i OPTIONS (access_token 'token$i');
CREATE TABLE t$i (id int PRIMARY KEY, name text);
INSERT INTO t$i SELECT g, 'S$i ' || g FROM generate_series(1, $rows) AS g;
SELECT bcdelta.track('t$i', 's$i', 'brand', '{"name": "name"}');
SELECT bcdelta.mark_all('t$i');
EOC
}
my @all = (1 .. $stores);

# Pushes of all stores begin together; returns them by store.
sub begin_all
{
	my %run = map { split /=/ } @{ $shop->list(join('; ', map { "SELECT $_ || '=' || run_id FROM bcdelta.push(server => 's$_', wait => false)" } @all)) };
	return \%run;
}

sub wait_for_runs
{
	my ($run, @of) = @_;
	my $ids = join(', ', map { $run->{$_} } @of);
	$shop->wait_for("SELECT bool_and(state NOT IN ('requested', 'running')) FROM bcdelta.run WHERE run_id IN ($ids)");
	my %took = map { split /=/ } @{ $shop->list("SELECT run_id || '=' || extract(epoch FROM finished_at - started_at) FROM bcdelta.run WHERE run_id IN ($ids)") };
	return map { $_ => $took{ $run->{$_} } } @of;
}

subtest 'twenty stores are pushed side by side' => sub {
	my %run = %{ begin_all() };
	wait_for_runs(\%run, @all);
	is($shop->sql("SELECT string_agg(DISTINCT state || ' ' || created, ', ') FROM bcdelta.run"), "succeeded $rows", 'every row of every store');
	is_deeply([ map { scalar @{ control($_, 'state/brands') } } @all ], [ ($rows) x $stores ], 'each in its own');
	is($shop->sql('SELECT count(DISTINCT server) FROM bcdelta.status WHERE quota_left > 0'), $stores, 'the quota of each is shown');
	cmp_ok($store->counts->{server}{connections}, '<=', $stores * $rows / 3, 'connections are kept');
};

subtest 'stores that hang, are down, are slow or are out of quota do not slow the others' => sub {
	$shop->sql(join('; ', map { "UPDATE t$_ SET name = name || '!'" } @all));
	# the same changes, all well
	my %before = map { $_ => requests($_) } @all;
	my %run = %{ begin_all() };
	my %well = wait_for_runs(\%run, @all);
	my %calls = map { $_ => requests($_) - $before{$_} } @all;
	$shop->sql(join('; ', map { "UPDATE t$_ SET name = name || '?'" } @all));
	control(1, 'hold', { match => { method => 'PUT' }, process => 'release' });
	control(2, 'faults', { match => {}, do => { status => 503 } });
	control(3, 'settings', { latency_ms => 1500 });
	control(4, 'settings', { quota => 5, window_ms => 20000 });
	control(4, 'window', {});
	%before = map { $_ => requests($_) } @all;
	my @healthy = (5 .. $stores);
	%run = %{ begin_all() };
	my %ill = wait_for_runs(\%run, @healthy);
	my $unfinished = join(', ', map { $run{$_} } 1 .. 4);
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id IN ($unfinished) AND state = 'running'"), 4, 'those are still at work when the others are done');
	is($shop->sql('SELECT count(*) FROM bcdelta.run WHERE run_id IN (' . join(', ', map { $run{$_} } @healthy) . ") AND state = 'succeeded' AND updated = $rows"), 16, 'the others have pushed every row');
	is_deeply([ map { requests($_) - $before{$_} } @healthy ], [ map { $calls{$_} } @healthy ], 'with as many calls as before');
	my $ratio = sum(@ill{@healthy}) / sum(@well{@healthy});
	cmp_ok($ratio, '<', 2, sprintf('and in %.2f of the time', $ratio));
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.trouble WHERE event = 'store_trouble' AND server = 's2'");
	is($shop->sql("SELECT count(*) FROM bcdelta.trouble WHERE server NOT IN ('s1', 's2', 's3', 's4')"), 0, 'only theirs are in trouble');
	control(1, 'release', {});
	$store->control('faults?store=s2', undef, 'DELETE');
	control(3, 'settings', { latency_ms => 5 });
	control(4, 'settings', { quota => 100000 });
	control(4, 'window', {});
	wait_for_runs(\%run, 1 .. 4);
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE run_id IN ($unfinished) AND state = 'succeeded' AND updated = $rows"), 4, 'once they are well, all rows are there');
};

subtest 'a store at rest gets no request, however often the worker looks for changes' => sub {
	$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.change)');
	my %before = map { $_ => requests($_) } @all;
	foreach my $i (1 .. 3)
	{
		$shop->sql("UPDATE t1 SET name = name || '.' WHERE id = $i");
		$shop->wait_for("SELECT count(*) = $i FROM bcdelta.pending");
	}
	is(sum(map { requests($_) - $before{$_} } @all), 0, 'no request');
};

# What the worker does in so many turns of its timer, with all stores at rest
sub at_rest
{
	my ($turns) = @_;
	my $ups = sub { return { map { split /\|/ } @{ $shop->list('SELECT cause, n FROM bcdelta.worker_wake_ups()') } }; };
	my $pid = $shop->sql("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'bcdelta%' AND datname = current_database()");
	my $ticks = sub { my @f = split / /, slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr; return $f[11] + $f[12]; };
	my ($before, $spent) = ($ups->(), $ticks->());
	$shop->wait_for("SELECT n >= $before->{timer} + $turns FROM bcdelta.worker_wake_ups() WHERE cause = 'timer'");
	my $after = $ups->();
	return { ticks => $ticks->() - $spent, map { $_ => $after->{$_} - $before->{$_} } keys %$after };
}

subtest 'twenty stores at rest wake the worker no more often than one, and cost next to nothing' => sub {
	$shop->push("server => 's1'");
	$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.change)');
	my $rest = at_rest(5);
	is_deeply([ @$rest{qw(commit run)} ], [ 0, 0 ], 'no commit and no run wakes it') or diag(explain($rest));
	cmp_ok($rest->{timer}, '<=', 7, 'its timer does, once per naptime');
	note("$rest->{ticks} ticks of the processor, a hundred per second, in $rest->{timer} turns");
	cmp_ok($rest->{ticks}, '<=', 50, 'at most a tenth of a second for each');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
