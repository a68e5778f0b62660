# A standby is promoted in the middle of a push, and goes on: nothing is lost,
# and nothing is created twice.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open(
	'primary',
	store => { args => [ '--quota', 1000000, '--latency-ms', 20 ] },
	node => { conf => "bcdelta.naptime = 1\nmax_wal_senders = 5", init => [ allows_streaming => 1 ] });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'delete'" });
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 150) AS i");
is($shop->push->{created}, 150, 'pushed');

# A standby of the present primary, which streams
my $number = 0;
sub standby { return standby_of($shop->node, 'standby' . ++$number); }

# Creates, updates and deletes; a push of them is in its middle.
my $batch = 0;
my $from = 0;
sub begin_push
{
	my ($between) = @_;
	$batch++;
	$from += 10;
	$store->clear;
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'N-$batch-' || i, 'New $batch ' || i, i FROM generate_series(1, 40) AS i;
		UPDATE articles SET price = price + 0.25 WHERE sku ~ '^A-';
		DELETE FROM articles WHERE sku IN (SELECT 'A-' || i FROM generate_series($from - 9, $from) AS i)");
	$between->() if $between;
	my $run = $shop->push('wait => false');
	poll_until(sub {
		my @methods = map { $_->{status} ? $_->{method} : () } $store->journal(method => qr/POST|PUT/);
		return @methods >= 12 && grep { $_ eq 'POST' } @methods;
	}, 'the middle of the push');
	return $run;
}

sub in_the_middle
{
	my %done = map { $_->{sku} => $_->{price} } @{ $store->state('products') };
	my $created = grep { /^N-$batch-/ } keys %done;
	ok($created > 0 && $created < 40, "some of the records were created: $created of 40");
	return;
}

# From now on, this is the primary.
sub promote
{
	my ($standby) = @_;
	$standby->promote;
	$shop->{node} = $standby;
	wait_for_worker($standby, 'shop');
	return;
}

sub agree
{
	my ($what) = @_;
	$shop->wait_for("SELECT NOT EXISTS (SELECT FROM bcdelta.pending) AND NOT EXISTS (SELECT FROM bcdelta.run WHERE state IN ('requested', 'running')) AND NOT EXISTS (SELECT FROM bcdelta.status WHERE changes > 0)");
	my %source = map { split /=/ } @{ $shop->list("SELECT sku || '=' || price FROM articles") };
	my @products = @{ $store->state('products') };
	my %store = map { $_->{sku} => $_->{price} } @products;
	is(scalar @products, scalar keys %store, "$what: no record is there twice");
	is(join(' ', grep { !exists $store{$_} } sort keys %source), '', 'none is missing');
	is(join(' ', grep { !exists $source{$_} } sort keys %store), '', 'none is left over');
	is(join(' ', grep { exists $store{$_} && $store{$_} != $source{$_} } sort keys %source), '', 'prices agree');
	is(scalar(grep { $_->{status} == 409 } $store->journal(method => 'POST')), 0, 'nothing was created that was there already');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'no feed is paused');
	return;
}

subtest 'synchronous: the standby has all that was decided, and goes on in the middle of the push' => sub {
	my $standby = standby();
	my $old = $shop->node;
	$old->append_conf('postgresql.conf', "synchronous_standby_names = '*'\nsynchronous_commit = remote_apply");
	$old->reload;
	$shop->wait_for("SELECT sync_state = 'sync' FROM pg_stat_replication");
	$shop->sql("SELECT bcdelta.plan_cutover('shop', now() + interval '10 days')");
	begin_push();
	$old->stop('immediate');
	in_the_middle();
	promote($standby);
	like(slurp_file($standby->logfile), qr/LOG:  bcdelta: this promoted standby continues to push/, 'the log says so');
	agree('synchronous');
	is($shop->verify->{conflicts}, 0, 'a verify finds no difference');
	$shop->sql("UPDATE bcdelta.cutover_step SET due_at = now() WHERE name ~ '^baseline'");
	$shop->wait_for("SELECT state = 'done' FROM bcdelta.cutover_step WHERE name ~ '^baseline'");
	is($shop->sql("SELECT held_reason IS NULL FROM bcdelta.cutover"), 't', 'and the plan of the cutover goes on, too');
	$shop->sql("SELECT bcdelta.abort_cutover('shop', 'the test goes on without it')");
};

subtest 'asynchronous: what the standby had not received is found by look-up' => sub {
	my $standby = standby();
	my $old = $shop->node;
	# it knows of the changes, but of nothing that the push does
	begin_push(
		sub {
			$old->wait_for_catchup($standby->name, 'replay', $old->lsn('insert'));
			$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
			$standby->reload;
			poll_until(sub { $old->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_replication') eq '0' }, 'the end of the stream');
		});
	$old->stop('immediate');
	in_the_middle();
	promote($standby);
	$shop->push;
	agree('asynchronous');
	is($shop->verify->{conflicts}, 0, 'a verify finds no difference');
};

subtest 'asynchronous: what the source has lost is in the store, and verify shows it' => sub {
	my $standby = standby();
	my $old = $shop->node;
	$old->wait_for_catchup($standby->name, 'replay', $old->lsn('insert'));
	$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
	$standby->reload;
	poll_until(sub { $old->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_replication') eq '0' }, 'the end of the stream');
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('L-1', 'Lost', 1); UPDATE articles SET price = 999 WHERE sku = 'A-100'");
	is($shop->push->{state}, 'succeeded', 'pushed, and not replicated');
	$old->stop('immediate');
	promote($standby);
	$shop->push;
	$shop->verify;
	is_deeply($shop->discrepancies, [ 'articles|#' . (map { $_->{id} } grep { $_->{sku} eq 'L-1' } @{ $store->state('products') })[0] . '|missing_in_source|sku|L-1',
			'articles|A-100|different|price|' . $shop->sql("SELECT trim_scale(price) FROM articles WHERE sku = 'A-100'") . '|999' ], 'both are listed');
};

subtest 'an old primary that still runs is noticed, and no longer once it is stopped' => sub {
	my $standby = standby();
	my $old = $shop->node;
	promote($standby);
	my $told = "SELECT severity, message FROM bcdelta.event WHERE event = 'another_writer' AND over_at IS NULL";
	# both are fed by the same program; clocks are known to the second
	my $rows = "INSERT INTO articles (sku, title, price) SELECT 'B-' || i, 'Both ' || i, i FROM generate_series(1, 3) AS i";
	$shop->sql($rows);
	$shop->wait_for("SELECT clock_timestamp() > min(changed_at) + interval '5 seconds' FROM bcdelta.pending");
	is($old->safe_psql('shop', "$rows; SELECT created FROM bcdelta.push()"), 3, 'the old one pushes');
	is($shop->push->{linked}, 3, 'the new one finds the records');
	$shop->wait_for("SELECT EXISTS ($told)");
	like($shop->sql($told), qr/^critical\|store of server "shop": another server seems to push to it/, 'the new one notices');
	like($shop->sql('SELECT message FROM bcdelta.health()'), qr/another server/, 'health() says so');
	$old->stop;
	kill_worker($shop->node, 'shop', 'TERM');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.event WHERE event = 'another_writer' AND over_at IS NOT NULL");
	pass('the old one was stopped');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
