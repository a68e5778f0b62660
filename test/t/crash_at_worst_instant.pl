# The worker, or the whole server, is killed at the worst possible instants:
# those between what the store has done and what is known of it.  The worker
# stops at debug points (src/base/debug.h), and the store holds requests, so
# each instant is hit reliably.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

# Nothing is flushed by chance: a crash loses every commit that did not wait for
# the disk.
my $shop = BCDelta::Shop->open(
	'instants',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.debug_points = on\nwal_writer_delay = 10s\n" });
plan skip_all => 'built without debug points' unless $shop->has_points;

my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(map { $_ => { on_delete => "'delete'" } } qw(makers groups articles));
$shop->sql(<<'EOC');
CREATE TABLE shelf (id int PRIMARY KEY, price int NOT NULL, stock int NOT NULL);
SELECT bcdelta.track('shelf', 'shop', 'product', '{"sku": "''H'' || id", "name": "''Shelf '' || id", "type": "''physical''", "weight": "1",
	"price": "price", "inventory_tracking": "''product''", "inventory_level": "stock"}', on_delete => 'delete');
INSERT INTO shelf SELECT g, g, g FROM generate_series(1, 6) AS g;
EOC
$shop->push;
my $n = 0;

# Rows of all kinds, new, changed and deleted, which need several kinds of requests.
sub change
{
	my ($op) = @_;
	if ($op eq 'create')
	{
		$n++;
		$shop->sql(<<"EOC");
INSERT INTO makers VALUES ('M$n', 'Maker $n');
INSERT INTO groups VALUES ($n, NULL, 'Group $n'), (10000 + $n, $n, 'Group below $n');
INSERT INTO articles (sku, title, price, maker, grp) SELECT 'S-$n-' || i, 'Article $n-' || i, i, 'M$n', $n FROM generate_series(1, 3) AS i;
EOC
	}
	elsif ($op eq 'stock')
	{
		$shop->sql('UPDATE shelf SET stock = stock + 1, price = price + id % 2');
	}
	elsif ($op eq 'update')
	{
		$shop->sql(<<"EOC");
UPDATE makers SET name = name || '+' WHERE code = 'M$n';
UPDATE groups SET name = name || '+' WHERE id IN ($n, 10000 + $n);
UPDATE articles SET price = price + 1 WHERE maker = 'M$n';
EOC
	}
	else
	{
		$shop->sql(<<"EOC");
DELETE FROM articles WHERE maker = 'M$n';
DELETE FROM groups WHERE id IN ($n, 10000 + $n);
DELETE FROM makers WHERE code = 'M$n';
EOC
	}
	return;
}

sub check
{
	my ($what) = @_;
	my %brands = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	my %groups = map { $_->{category_id} => $_ } @{ $store->state('categories') };
	my %shelf = map { $_->{id} => $_ } grep { $_->{sku} =~ /^H/ } @{ $store->state('products') };
	my @have = (
		(map { sprintf 'shelf %s %g %d', $_->{sku}, $_->{price}, $store->levels($_->{id})->{1} } values %shelf),
		(map { "brand $_" } values %brands),
		(map { "group $_->{name} below " . ($_->{parent_id} ? $groups{ $_->{parent_id} }{name} : '-') } values %groups),
		(map { sprintf 'product %s %s %g %s %s', $_->{sku}, $_->{name}, $_->{price}, $brands{ $_->{brand_id} },
				join ' ', map { $groups{$_}{name} } @{ $_->{categories} } } grep { !$shelf{ $_->{id} } } @{ $store->state('products') }));
	my $want = $shop->list(<<'EOC');
SELECT format('shelf H%s %s %s', id, price, stock) FROM shelf
UNION ALL
SELECT 'brand ' || name FROM makers
UNION ALL
SELECT format('group %s below %s', g.name, coalesce(p.name, '-')) FROM groups AS g LEFT JOIN groups AS p ON p.id = g.parent
UNION ALL
SELECT format('product %s %s %s %s %s', sku, title, trim_scale(price), m.name, g.name)
	FROM articles AS a JOIN makers AS m ON m.code = maker JOIN groups AS g ON g.id = grp
EOC
	is_deeply([ sort @have ], [ sort @$want ], "$what: source equals store");
	is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	is(scalar(grep { ($_->{status} // 0) == 409 || ($_->{status} // 0) == 422 } $store->journal),
		0, 'the store refused nothing');
	# requests of a killed worker may still be in progress in the store
	my %broken = %{ $store->violations };
	delete $broken{beside_adjustment};
	is_deeply(\%broken, {}, 'and no rule of its API was broken');
	return;
}

sub kill_it
{
	my ($victim) = @_;
	if ($victim eq 'server') { crash_server($node, 'shop') }
	else { kill_worker($node, 'shop', 'KILL') }
	return;
}

my %method = (create => 'POST', update => 'PUT', delete => 'DELETE', stock => 'PUT');
my %path = (groups => 'categories', makers => 'brands', articles => 'products', shelf => 'absolute');

# A push, and the kill: when rows of the feed are claimed and nothing is sent;
# when the store has done what the first request says, and the reply is not
# out; when the reply has come; before and after the commit of what it means.
sub killed_at
{
	my ($victim, $point, $op, $feed) = @_;
	my $session;
	my $last = $shop->last_run;
	change($op);
	if ($point eq 'claimed')
	{
		$shop->push("feed => '$_'") foreach $feed eq 'groups' ? () : $feed eq 'makers' ? 'groups' : ('groups', 'makers');
		$session = $shop->stop_at($point);
		$shop->sql("SELECT bcdelta.push(feed => '$feed', wait => false)");
		$shop->wait_stopped;
		is($shop->sql("SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'in_flight'"), 't', 'rows are in flight');
	}
	else
	{
		$store->hold({ match => { method => $method{$op}, path => $path{$feed} }, process => 'now' });
		$shop->sql('SELECT bcdelta.push(wait => false)');
		$shop->wait_held(1);
		$session = $shop->stop_at($point) unless $point eq 'processed';
		$store->release if $session;
		$shop->wait_stopped if $session;
	}
	kill_it($victim);
	$store->release;
	$session->close if $session;
	$shop->push;
	check("$op of $feed, $victim killed when $point");

	# an asynchronous commit may have reached the disk
	cmp_ok($shop->sql(sprintf <<'EOC', $last ? $last->{run_id} : 0), '>', 0, 'and the attempt is in the results') unless $point eq 'settled';
SELECT count(*) FROM bcdelta.result WHERE run_id > %d AND outcome = 'retry' AND error LIKE 'interrupted: %%'
EOC
	return;
}

subtest 'a worker killed at any step from claim to commit loses nothing and creates nothing twice' => sub {
	foreach my $point (qw(claimed processed replied settling settled))
	{
		killed_at('worker', $point, 'stock', 'shelf');
		foreach my $feed ($point eq 'processed' || $point eq 'settled' ? qw(groups makers articles) : 'articles')
		{
			killed_at('worker', $point, $_, $feed) foreach qw(create update delete);
		}
	}
};

# While changes become pending rows, while links move to other keys, at the
# end of a run, before and after its last commit.
sub killed_in
{
	my ($victim, $point, $change, $writes) = @_;
	$shop->clear;
	my $session = $shop->stop_at($point);
	$change->();
	my $run = $shop->push('wait => false');
	$shop->wait_stopped;
	kill_it($victim);
	$session->close;
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	check("$victim killed when $point");
	cmp_ok(scalar $shop->writes, '<=', $writes, 'no request was made more often than that');
	return;
}

subtest 'a server killed at any of these steps loses nothing and creates nothing twice' => sub {
	killed_at('server', @$_) foreach
		(map { [ $_, 'stock', 'shelf' ] } qw(processed replied settling settled)),
		[ 'claimed', 'create', 'articles' ], [ 'processed', 'update', 'articles' ], [ 'processed', 'delete', 'articles' ],
		[ 'processed', 'create', 'articles' ], [ 'replied', 'update', 'groups' ], [ 'settling', 'delete', 'makers' ],
		[ 'settled', 'create', 'makers' ], [ 'settled', 'update', 'articles' ], [ 'settled', 'delete', 'groups' ];
};

subtest 'a kill while changes are folded, links move or a run ends loses nothing' => sub {
	foreach my $victim (qw(worker server))
	{
		killed_in($victim, 'folding', sub { change('create') }, 6);
		killed_in($victim, 'moving', sub { $shop->sql(<<"EOC") }, 0);
UPDATE groups SET id = id + 100000 WHERE id IN ($n, 10000 + $n);
UPDATE groups SET parent = 100000 + $n WHERE parent = $n;
UPDATE articles SET grp = 100000 + $n WHERE grp = $n
EOC
		# the last outcome may be lost: then the update is sent again
		killed_in($victim, 'finishing', sub { $shop->sql("UPDATE articles SET price = 77 WHERE maker = 'M$n'") }, 2);
		killed_in($victim, 'finishing', sub { change('stock') }, 4);
		killed_in($victim, 'finished', sub { $shop->sql("UPDATE articles SET price = 78 WHERE maker = 'M$n'") }, 1);
	}
};

subtest 'a row that changes while a claim begins is read with its latest values' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price, maker, grp) SELECT 'C-' || i, 'Claim ' || i, 1, 'M$n', 100000 + $n FROM generate_series(1, 3) AS i");
	$shop->push;
	$shop->sql("UPDATE articles SET price = 2 WHERE sku = 'C-1'");
	my $session = $shop->stop_at('claiming');
	my $push = $shop->start("SELECT bcdelta.push(feed => 'articles')");
	$shop->wait_stopped;
	$shop->sql("UPDATE articles SET price = 3 WHERE sku = 'C-2'; DELETE FROM articles WHERE sku = 'C-3'");
	$session->close;
	$push->finish;
	$shop->push;
	check('changed while a claim begins');
};

subtest 'a record that was hidden during a crash is shown again when its row comes back' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE shy (sku text PRIMARY KEY);
SELECT bcdelta.track('shy', 'shop', 'product', on_delete => 'hide',
	fields => '{"sku": "sku", "name": "sku", "type": "''physical''", "price": "1", "weight": "1"}');
INSERT INTO shy VALUES ('Shy');
EOC
	$shop->push;
	$shop->sql('DELETE FROM shy');
	$store->hold({ match => { method => 'PUT' }, process => 'now' });
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_it('server');
	$push->finish;
	$store->release;
	$shop->sql("INSERT INTO shy VALUES ('Shy')");
	$shop->push;
	is($shop->records('products', 'sku')->{Shy}{is_visible}, JSON::PP::true, 'a record that was hidden in a crash is shown again');
};

unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
