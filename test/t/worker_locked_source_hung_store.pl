# Trouble with one store, or one table, does not affect any other.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;
use Time::HiRes qw(time);

my $shop = BCDelta::Shop->open(
	'others',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1" });
my ($node, $store) = ($shop->node, $shop->store);
my $second = BCDelta::Store->start(hash => 'second', token => 'second-token', args => [ '--quota', 100000 ]);
$shop->tables;
$shop->sql(create_server_sql($second, name => 'second'));
$shop->sql(<<'EOC');
CREATE TABLE things (id int PRIMARY KEY, name text);
SELECT bcdelta.track('things', 'second', 'brand');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO things SELECT i, 'Thing ' || i FROM generate_series(1, 3) AS i;
EOC

subtest 'with two stores, one must be named' => sub {
	my ($rc, undef, $err) = $shop->try('SELECT bcdelta.push()');
	like($err, qr/there are 2 stores: name one/, 'with two stores one has to be named');
};

subtest 'a store that hangs does not stop another one' => sub {
	$store->hold({ match => {} });
	my $push = $shop->start("SELECT bcdelta.push(server => 'shop')");
	$shop->wait_held(1);
	my $run = $shop->push("server => 'second'");
	is_deeply([ @$run{qw(state created)} ], [ 'succeeded', 3 ], 'a store that hangs does not stop another');
	is($shop->push("feed => 'things'")->{state}, 'succeeded', 'the feed tells which store is meant');
	$store->release;
	is(($push->finish)[0], 0, 'and goes on itself');
};

my $no_group;
subtest 'a locked source holds up its own feed only' => sub {
	my $rc;
	$no_group = "SELECT count(*) = 0 FROM bcdelta.pending WHERE feed = 'groups'";
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE makers; INSERT INTO makers VALUES (\'M4\', \'Maker 4\')');
	$shop->sql("INSERT INTO groups VALUES (1, NULL, 'Group'); UPDATE things SET name = name || '!'");
	my $began = time;
	is($shop->push("server => 'second'")->{updated}, 3, 'a table is locked: the other store continues');
	my $push = $shop->start("SELECT state, created, error FROM bcdelta.push(server => 'shop')");
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE server = 'shop' AND state IN ('requested', 'running')");
	foreach my $i (1 .. 5)
	{
		$shop->sql("UPDATE things SET name = 'Thing ' || id || '.$i'");
		is($shop->push("server => 'second'")->{updated}, 3, 'also beside a run that waits for the lock');
	}
	cmp_ok(time - $began, '<', 20, 'at once');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'groups'"), 1, 'so has another feed of the store');
	is(($push->running ? 'waiting' : 'ended'), 'waiting', 'which still waits');
	$locker->query('COMMIT');
	$locker->finish;
	($rc, my $out) = $push->finish;
	is($out, 'succeeded|2|', 'when the lock is gone, it continues');
	is_deeply($shop->pending, {}, 'nothing is lost');
};

subtest 'a lock taken during the run holds up its own feed only' => sub {
	$store->hold({ match => { path => 'trees' } });
	$shop->sql("UPDATE groups SET name = 'Group, locked'; UPDATE makers SET name = name || ', locked'");
	my $push = $shop->start("SELECT state, updated, error FROM bcdelta.push(server => 'shop')");
	$shop->wait_held(1);
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE makers');
	$store->release;
	$shop->wait_for($no_group);
	my $began = time;
	is($shop->push("server => 'second'")->{state}, 'succeeded', 'a lock on the way: the other store goes on') foreach 1 .. 5;
	cmp_ok(time - $began, '<', 10, 'at once');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state <> 'active'"), 0, 'no feed is paused');
	$locker->query('ROLLBACK');
	$locker->finish;
	is(($push->finish)[1], 'succeeded|5|', 'and so does the run');
};

subtest 'a lock on rows that are being pushed puts these back, and the others go on' => sub {
	$shop->sql("SELECT bcdelta.alter_feed('makers', on_delete => 'delete'); INSERT INTO makers SELECT 'L' || i, 'Locked ' || i FROM generate_series(1, 6) AS i;
		INSERT INTO articles SELECT 'L-' || i, 'Locked ' || i, i FROM generate_series(1, 3) AS i");
	$shop->push("server => 'shop'");
	foreach my $case (
		[ 'a row finds the record of another one', 'makers', 'brands', "UPDATE makers SET name = 'Left' WHERE code = 'L1'; INSERT INTO makers VALUES ('L7', 'Locked 1')" ],
		[ 'a row waits for what another one has left', 'articles', 'products',
			"UPDATE articles SET title = repeat('x', 300) WHERE sku = 'L-1'; INSERT INTO articles VALUES ('L-4', 'Locked 1', 4)", "UPDATE articles SET title = 'Left' WHERE sku = 'L-1'" ],
		[ 'a record is to be removed', 'makers', 'brands', "DELETE FROM makers WHERE code = 'L2'; INSERT INTO makers VALUES ('L8', 'Locked 8')" ])
	{
		my ($what, $table, $path, $change, $mend) = @$case;
		$store->hold({ match => { method => 'GET', path => $path } });
		$shop->sql("$change; UPDATE groups SET name = 'Group, $table'; INSERT INTO articles VALUES ('$what', '$what', 1)");
		my $push = $shop->start("SELECT state FROM bcdelta.push(server => 'shop')");
		$shop->wait_held(1);
		my $locker = psql_open($node, 'shop');
		$locker->query("BEGIN; LOCK TABLE $table");
		$store->release;
		$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE feed = 'articles' AND key = '$what'") if $table ne 'articles';
		$shop->wait_for("SELECT state = 'ready' FROM bcdelta.pending WHERE feed = '$table' AND key = '" . ($table eq 'articles' ? 'L-4' : $what =~ /removed/ ? 'L2' : 'L7') . "'");
		is(($push->running ? 'waits' : 'ended'), 'waits', "a lock on rows that are under way, $what: they come back, and the others continue");
		$locker->query('COMMIT');
		$locker->finish;
		$push->finish;
		$shop->sql($mend) if $mend;
		is($shop->push("server => 'shop'")->{state}, 'succeeded', 'the lock is gone');
		is_deeply($shop->pending, {}, 'nothing is lost') or diag(explain($shop->errors));
	}
	$shop->sql("DELETE FROM makers WHERE code LIKE 'L%'");
	is($shop->push("server => 'shop'")->{failed}, 0, 'the rows of this part go again');
	$shop->sql("SELECT bcdelta.alter_feed('makers', on_delete => 'ignore')");
};

subtest 'a run that waits for a lock can be cancelled' => sub {
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE makers');
	$shop->sql("UPDATE groups SET name = 'Group, free'");
	my $run = $shop->push("server => 'shop', wait => false");
	$shop->wait_for("SELECT name = 'Group, free' FROM (SELECT payload ->> 'name' AS name FROM bcdelta.link WHERE feed = 'groups') AS l");
	$shop->sql("SELECT bcdelta.cancel($run->{run_id})");
	is($shop->run($run->{run_id})->{state}, 'cancelled', 'a run that waits for a lock is cancelled');
	$locker->query("UPDATE makers SET name = 'Maker 1, unlocked' WHERE code = 'M1'; COMMIT");
	$locker->finish;
};

subtest 'an open transaction hides its own changes only' => sub {
	my $writer = psql_open($node, 'shop');
	$writer->query("BEGIN; UPDATE makers SET name = 'Maker 2, late' WHERE code = 'M2'");
	is($shop->push("server => 'shop'")->{updated}, 1, 'an open transaction hides its own changes only');
	$writer->query('COMMIT');
	$writer->finish;
	is($shop->push("server => 'shop'")->{updated}, 1, 'they follow when it commits');
};

done_testing();
