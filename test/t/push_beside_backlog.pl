# The cost of a push does not grow with what it leaves alone: the rows it reads
# are counted with a small and a large backlog, and with few and many links.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use List::Util qw(sum);
use Test::More;

my $shop = BCDelta::Shop->open(
	'backlog',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "autovacuum = off\nbcdelta.naptime = 1" });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(makers => { on_delete => q('delete') });
my $is_old = $shop->sql('SHOW server_version_num') < 150000;

# Few and many rows, and how much a constant cost may vary: probes that find a
# row or none, dead rows.
my ($few, $many, $slack) = (300, 9300, 400);

sub rows_read
{
	return $shop->value(q(SELECT jsonb_object_agg(relname, n) AS o FROM (
		SELECT relname, sum(n) AS n FROM (
			SELECT relname, seq_tup_read AS n FROM pg_stat_user_tables WHERE schemaname = 'bcdelta'
			UNION ALL SELECT relname, idx_tup_read FROM pg_stat_user_indexes WHERE schemaname = 'bcdelta') AS t
		WHERE relname IN ('pending', 'link', 'move', 'lookup', 'result', 'run') GROUP BY relname) AS t))->{o};
}

# The statistics are complete when they no longer grow.  Before PostgreSQL 15,
# they arrive late, and in 14, a worker that waits may read a few dead rows
# again each time that it looks.
sub settled
{
	my ($polls, $few) = $is_old ? (21, 50) : (3, 0);
	my @sums;
	# a session that ends tells its own at once
	$shop->leave;
	poll_until(
		sub {
			unshift @sums, sum(values %{ rows_read() });
			return @sums > $polls && $sums[0] - $sums[$polls] <= $few;
		},
		'rows read to be told');
	return rows_read();
}

# Rows read by other processes because of the sub, by table.
sub cost
{
	my ($sub) = @_;
	my $before = settled();
	$sub->();
	my $after = settled();
	return { map { $_ => $after->{$_} - $before->{$_} } keys %$after };
}

# The sub costs the same when there is more of something; the first statements
# make few rows, the others many.
sub does_not_grow
{
	my ($statements, $sub) = @_;
	my @costs;
	foreach my $range ("1, $few", "$few + 1, $many")
	{
		$shop->sql($statements =~ s/RANGE/generate_series($range) AS i/r);
		$sub->();    # what is done once for whatever is new
		push @costs, cost($sub);
	}
	foreach my $table (sort keys %{ $costs[0] })
	{
		my ($small, $large) = map { $_->{$table} // 0 } @costs;
		cmp_ok($large - $small, '<', $slack, "rows read of $table") or diag("$small rows, then $large");
	}
	return;
}

my $n = 0;

sub add_article
{
	$n++;
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('A-$n', 'Article $n', 1)");
	return;
}

sub push_one
{
	add_article();
	is($shop->push->{created}, 1, "article $n is created");
	$shop->sql('SELECT * FROM bcdelta.status');
	return;
}

# A push continues while rows wait: it is stopped when it has nothing else to do.
sub push_beside_waiting
{
	add_article();
	my $push = $shop->start;
	$shop->wait_for("SELECT EXISTS (SELECT FROM bcdelta.link WHERE feed = 'articles' AND key = 'A-$n')");
	$shop->sql("SELECT bcdelta.cancel(run_id) FROM bcdelta.run WHERE state = 'running'");
	$push->finish;
	is($shop->last_run->{created}, 1, "article $n is created");
	$shop->sql('SELECT * FROM bcdelta.status, bcdelta.progress');
	return;
}

sub backlog
{
	my ($state, $columns, $values) = @_;
	return "INSERT INTO bcdelta.pending (feed, key, state, changed_at, $columns)
		SELECT 'articles', '$state' || i, '$state', now() - interval '1 hour', $values FROM RANGE";
}

push_one();
subtest 'what a push reads does not grow with rows that failed or are deferred, nor with results' => sub {
	does_not_grow(backlog('failed', 'attempts', '5'), \&push_one);
	does_not_grow(backlog('deferred', 'waits_feed, waits_key', "'makers', 'M' || i"), \&push_one);
	does_not_grow("INSERT INTO bcdelta.result (run_id, feed, key, outcome)
		SELECT 1, 'articles', 'old' || i, 'updated' FROM RANGE", \&push_one);
};

subtest 'a row whose reference is linked by hand, or in any other way, is no longer deferred' => sub {
	$shop->sql(q(INSERT INTO makers VALUES ('M9000', 'Maker 9000');
		INSERT INTO articles (sku, title, price, maker) VALUES ('deferred9000', 'Late', 1, 'M9000');
		DELETE FROM bcdelta.change));
	$store->seed('brands', [ { id => 501, name => 'Maker 9000' }, { id => 502, name => 'Maker 9' } ]);
	$shop->sql("SELECT bcdelta.link('makers', 'M9000', 501)");
	is($shop->push("feed => 'articles'")->{created}, 1, 'a row whose reference is linked by hand');
	is($shop->records('products', 'sku')->{deferred9000}{brand_id}, 501, 'has it');

	$shop->sql(q(INSERT INTO makers VALUES ('M9', 'Maker 9');
		INSERT INTO articles (sku, title, price, maker) VALUES ('deferred9', 'Late, too', 1, 'M9');
		DELETE FROM bcdelta.change;
		INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('makers', 'M9', 502, 502)));
	kill_worker($node, 'shop', 'TERM');
	is($shop->push("feed => 'articles'")->{created}, 1, 'one whose reference was put there is found by a new worker');
	$shop->sql("DELETE FROM bcdelta.pending WHERE state <> 'failed'");

	$shop->sql(q(INSERT INTO bcdelta.pending (feed, key, state, changed_at, waits_feed, waits_key)
		SELECT 'articles', 'deferred' || i, 'deferred', now(), 'makers', 'X' || i FROM generate_series(1, 500) AS i));
	$shop->push("feed => 'articles'");
	$shop->sql(q(INSERT INTO articles (sku, title, price) VALUES ('deferred77', 'Late again', 1);
		DELETE FROM bcdelta.change;
		INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('makers', 'X77', 503, 503)));
	my $pushes = 0;
	$pushes++ while $pushes < 5 && $shop->push("feed => 'articles'")->{created} == 0;
	cmp_ok($pushes, '<', 5, 'and by the same one some rounds later');
	$shop->sql(q(DELETE FROM bcdelta.link WHERE key = 'X77'; DELETE FROM bcdelta.pending WHERE state <> 'failed'));
};

subtest 'what a push reads does not grow with rows that wait' => sub {
	does_not_grow(backlog('waiting', 'next_attempt_at', "now() + interval '1 day'"), \&push_beside_waiting);
	$shop->sql("DELETE FROM bcdelta.pending WHERE state <> 'failed'");
	does_not_grow(
		backlog('waiting', 'next_attempt_at, trouble, early_at', "now() + interval '1 day', 'create', now() + interval '1 day'"),
		\&push_beside_waiting);
	$shop->sql("DELETE FROM bcdelta.pending WHERE state <> 'failed'");
};

$n = 10000;

sub remove_a_brand
{
	$n += 2;
	$shop->sql("INSERT INTO makers VALUES ('B$n', 'Brand $n'); INSERT INTO articles (sku, title, price, maker)
		SELECT 'A-' || i, 'Article ' || i, 1, 'B$n' FROM generate_series($n, $n + 1) AS i");
	is($shop->push->{created}, 3, 'a brand and two articles');
	$shop->sql("DELETE FROM makers WHERE code = 'B$n'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(deleted deferred)} ], [ 1, 2 ], 'the brand goes, and its articles are marked');
	$shop->sql("UPDATE articles SET maker = NULL WHERE maker = 'B$n'");
	$shop->push;
	return;
}

sub unlink_a_brand
{
	$shop->sql("SELECT bcdelta.unlink('makers', 'M9000')");
	$shop->sql("SELECT bcdelta.link('makers', 'M9000', 501)");
	return;
}

sub add_links
{
	my ($feed, $first) = @_;
	return "INSERT INTO bcdelta.link (feed, key, store_id, address, payload) SELECT '$feed', 'L' || i, $first + i, $first + i,
		jsonb_build_object('sku', 'L' || i, 'name', '$feed ' || i, 'brand_id', 900000 + i % 7) FROM RANGE";
}

subtest 'what refers to a record is found without reading other links' => sub {
	does_not_grow(add_links('articles', 800000), \&remove_a_brand);
	does_not_grow(add_links('groups', 900000), \&unlink_a_brand);
};

subtest 'a link can be written whatever its payload contains' => sub {
	$shop->sql(q(INSERT INTO bcdelta.link (feed, key, store_id, address, payload) VALUES
		('articles', 'odd1', 1, 1, '{"brand_id": 1e400, "categories": [-1, 0.5, "7", null, {"a": 8}, [9]]}'),
		('articles', 'odd2', 2, 2, '[5]'), ('articles', 'odd3', 3, 3, '7'),
		('articles', 'odd4', 4, 4, '{"categories": {"a": [1]}, "brand_id": 99999999999999999999}')));
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE key LIKE 'odd%'"), 4, 'odd payloads');
};
done_testing();
