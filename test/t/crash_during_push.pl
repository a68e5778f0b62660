# The worker dies in the middle of a push, in every possible way, while requests
# are under way: no product is created twice, and none is missing.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

# With this latency there are always requests in flight.
my $shop = BCDelta::Shop->open(
	'crash',
	store => { args => [ '--latency-ms', 40, '--quota', 100000 ] },
	node => { conf => 'restart_after_crash = on' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->sql(<<'EOC');
CREATE TABLE things (id int PRIMARY KEY, name text, price numeric);
SELECT bcdelta.track('things', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "''T-'' || id", "name": "name", "price": "price", "weight": "1", "type": "''physical''"}');
EOC

# More things; the reply to one create is not sent, so that no push ends before it is killed.
sub add_things
{
	my ($from, $to) = @_;
	$shop->sql("INSERT INTO things SELECT i, 'Thing ' || i, i FROM generate_series($from, $to) AS i");
	$store->hold({ match => { method => 'POST' }, times => 1 });
	return;
}

sub created { return $store->counts->{records}{products}; }

# Waits until there are this many products and a request is in flight.
sub wait_created
{
	my ($number) = @_;
	poll_until(sub { created() >= $number && $store->counts->{held} > 0 }, "$number products");
	return;
}

# Once nothing is in flight, every row is in the store exactly once.
sub check_all
{
	my ($what) = @_;
	my %linked = map { split /=/ } @{ $shop->list("SELECT key || '=' || store_id FROM bcdelta.link") };
	my %rows = map { $_ => 1 } @{ $shop->list('SELECT id FROM things') };
	my @products = @{ $store->state('products') };
	my $posts = grep { @{ $_->{created} } } $store->journal(method => 'POST');

	is_deeply($shop->pending, {}, "$what: nothing is pending");
	is(scalar @products, scalar keys %rows, 'all products are there, none twice');
	is_deeply({ map { ($_->{sku} =~ /^T-(\d+)$/)[0] => $_->{id} } @products },
		\%linked, 'and linked to their rows');
	return $posts;
}

subtest 'after ten kills, no product is missing or created twice' => sub {
	foreach my $n (1 .. 10)
	{
		# Nobody waits for every other run, which continues by itself.
		add_things(30 * $n - 29, 30 * $n);
		my $psql = $n % 2 ? $shop->start : undef;
		$shop->sql('SELECT bcdelta.push(wait => false)') unless $psql;
		wait_created(30 * $n - 15);
		kill_worker($node, 'shop', 'KILL');
		$store->release;
		if ($psql)
		{
			my ($rc) = $psql->finish;
			isnt($rc, 0, "$n: a caller is told about the crash");
			$shop->wait_for("SELECT state = 'failed' FROM bcdelta.run WHERE waited ORDER BY run_id DESC LIMIT 1");
			like($shop->sql('SELECT error FROM bcdelta.run WHERE waited ORDER BY run_id DESC LIMIT 1'),
				qr/interrupted: the worker was restarted/, 'and so is the run');
		}
		$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.run WHERE state IN ('requested', 'running')");
	}
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'push after ten crashes');
	is($shop->sql('SELECT sum(created) FROM bcdelta.run'),
		$shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome = 'created'"),
		'the totals of interrupted runs are those of their results');
	is(check_all('killed'), 300, '300 creating requests in all');
	is(scalar $store->journal(status => 409), 0, 'and none that the store had to refuse');
	is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE state NOT IN ('succeeded', 'failed')"),
		0, 'no run is left over');
};

subtest 'a terminated worker comes back by itself, and so does its run' => sub {
	$shop->sql('UPDATE things SET price = price + 1');
	add_things(301, 360);
	my $run = $shop->push('wait => false');
	wait_created(310);
	kill_worker($node, 'shop', 'TERM');
	$store->release;
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is(check_all('terminated'), 360, 'none was created twice');
	is_deeply([ grep { $_->{price} != ($_->{sku} =~ /T-(\d+)/)[0] + ($1 <= 300) } @{ $store->state('products') } ],
		[], 'all prices are right');
};

subtest 'after an immediate shutdown of the server, the caller is told and nothing is created twice' => sub {
	add_things(361, 420);
	my $psql = $shop->start;
	wait_created(370);
	$node->stop('immediate');
	$store->release;
	my ($run) = $psql->finish;
	isnt($run, 0, 'the caller is told');
	$node->start;
	wait_for_worker($node, 'shop');
	is($shop->push->{state}, 'succeeded', 'push after an immediate stop');
	is(check_all('server stopped'), 420, 'none was created twice');
};

subtest 'a crash during updates and deletes loses none of them' => sub {
	$shop->sql('DELETE FROM things WHERE id <= 200; UPDATE things SET price = 7');
	$shop->sql('SELECT bcdelta.push(wait => false)');
	poll_until(sub { $store->journal(method => 'PUT') }, 'updates');
	kill_worker($node, 'shop', 'KILL');
	is($shop->push->{state}, 'succeeded', 'push after a crash amid updates');
	check_all('updates and deletes');
	is_deeply([ grep { $_->{price} != 7 } @{ $store->state('products') } ], [], 'all prices are right');
};

subtest 'broken connections are opened again' => sub {
	$shop->sql('UPDATE things SET price = 8');
	$store->hold({ match => { method => 'PUT' } });
	my $run = $shop->push('wait => false');
	$shop->wait_held(1);
	$store->control('disconnect', {});
	$store->release;
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is_deeply([ grep { $_->{price} != 8 } @{ $store->state('products') } ], [], 'connections reset');
};

unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
