# While requests wait for the store, nobody waits for bcdelta: no transaction is
# open, nothing is locked, and the worker can be stopped.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;
use Time::HiRes qw(time);

# What takes less than a second may take this long on a busy machine.
my $soon = 5;

my $shop = BCDelta::Shop->open(
	'nothing',
	store => { args => [ '--quota', 100000 ] },
	node => { conf => 'bcdelta.naptime = 1' });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

sub quick
{
	my ($what, $sub) = @_;
	my $began = time;
	$sub->();
	cmp_ok(time - $began, '<', $soon, "$what takes no time");
	return;
}

subtest 'no transaction and no lock is held while requests are under way' => sub {
	my $worker = "pg_stat_activity WHERE backend_type = 'bcdelta worker'";

	$shop->hold_articles(3);
	my $push = $shop->start;
	$shop->wait_held(3);
	is($shop->sql("SELECT backend_xmin, backend_xid, xact_start FROM $worker"), '||', 'the worker has no transaction');
	is($shop->sql("SELECT count(*) FROM pg_locks AS l JOIN (SELECT pid FROM $worker) AS w USING (pid) WHERE locktype = 'relation'"),
		0, 'and no lock');
	is($shop->sql("SELECT phase, done, in_flight FROM bcdelta.progress"), 'push articles|0|3', 'progress is shown');
	is($shop->sql("SELECT in_flight FROM bcdelta.status WHERE feed = 'articles'"), 3, 'and so is the status');
	quick('CREATE DATABASE', sub { $node->safe_psql('postgres', 'CREATE DATABASE other'); });
	quick('CREATE DATABASE with a template', sub { $node->safe_psql('postgres', 'CREATE DATABASE another TEMPLATE other'); });
	quick('DROP DATABASE', sub { $node->safe_psql('postgres', 'DROP DATABASE other'); });
	quick('VACUUM FULL of the source', sub { $shop->sql('VACUUM FULL articles'); });
	quick('ALTER TABLE of the source', sub { $shop->sql('ALTER TABLE articles ADD COLUMN remark text'); });
	$store->release;
	my ($rc) = $push->finish;
	is($rc, 0, 'the push ends successfully');
	$shop->articles_ok('after that');
};

subtest 'a row that changes in flight is pushed again, and its last state wins' => sub {
	$shop->hold_articles(1);
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql("UPDATE articles SET price = 1000 WHERE sku = 'A-4'");
	$shop->sql("UPDATE articles SET price = 2000 WHERE sku = 'A-4'");
	$store->release;
	is(($push->finish)[0], 0, 'a row changes in flight');
	is($shop->records('products', 'sku')->{'A-4'}{price}, 2000, 'the last state is in the store');
	$shop->articles_ok('changed in flight');
	$store->hold({ match => { method => 'PUT' }, process => 'now' });
	$shop->sql("UPDATE articles SET price = 3 WHERE sku = 'A-1'");
	$push = $shop->start;
	$shop->wait_held(1);
	$shop->sql("UPDATE articles SET price = 4 WHERE sku = 'A-1'; UPDATE articles SET price = 3 WHERE sku = 'A-1'");
	$shop->sql("DELETE FROM articles WHERE sku = 'A-2'; INSERT INTO articles (sku, title, price) VALUES ('A-2', 'Article 2', 22)");
	$store->release;
	is(($push->finish)[0], 0, 'changed and changed back');
	is($shop->records('products', 'sku')->{'A-1'}{price}, 3, 'is right');
	is($shop->records('products', 'sku')->{'A-2'}{price}, 22, 'deleted and entered again too');
};

subtest 'a run that waits for a retry does not delay other rows' => sub {
	$shop->sql("SELECT bcdelta.pause('articles')");
	$shop->add_articles(2);
	$shop->wait_for("SELECT count(*) FROM bcdelta.pending WHERE state = 'ready'", 2);
	$shop->sql(<<'EOC');
UPDATE bcdelta.pending SET state = 'waiting', next_attempt_at = now() + interval '8 minutes' WHERE key = (SELECT min(key) FROM bcdelta.pending);
SELECT bcdelta.resume('articles');
SELECT bcdelta.push(wait => false);
EOC
	$shop->wait_for('SELECT count(*) FROM bcdelta.pending', 1);
	$shop->add_articles(1);
	$shop->wait_for("SELECT count(*) FROM bcdelta.link WHERE feed = 'articles'", $shop->articles - 1);
	is_deeply([ values %{ $shop->pending } ], ['waiting'], 'a new row is pushed while another one waits');
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku NOT IN (SELECT payload ->> 'sku' FROM bcdelta.link WHERE feed = 'articles')");
	$shop->wait_for("SELECT state FROM bcdelta.run ORDER BY run_id DESC LIMIT 1", 'succeeded');
	$shop->articles_ok('and that one when it is changed');
};

subtest 'the worker can be terminated at any time, and its run goes on' => sub {
	$shop->hold_articles(2);
	$shop->sql('SELECT bcdelta.push(wait => false)');
	$shop->wait_held(2);
	my $pid = worker_pid($node, 'shop');
	quick('pg_terminate_backend', sub { $shop->sql("SELECT pg_terminate_backend($pid)"); poll_until(sub { !kill(0, $pid) }, 'its end'); });
	$store->release;
	wait_for_worker($node, 'shop', $pid);
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.pending");
	$shop->articles_ok('terminated');
};

subtest 'the extension can be dropped during a run, and created again' => sub {
	$shop->hold_articles(2);
	my $push = $shop->start;
	$shop->wait_held(2);
	my $pid = worker_pid($node, 'shop');
	quick('DROP EXTENSION', sub { $shop->sql('DROP EXTENSION bcdelta CASCADE'); });
	isnt(($push->finish)[0], 0, 'the caller is told');
	$store->release;
	is($shop->sql('SELECT count(*) FROM articles'), $shop->articles, 'the source is as it was');
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('free', 'Free', 1); DELETE FROM articles WHERE sku = 'free'");
	is(worker_pid($node, 'shop'), $pid, 'the worker lives');
	$shop->sql('CREATE EXTENSION bcdelta');
	$shop->sql(create_server_sql($store));
	$shop->track;
	$shop->wait_for("SELECT bcdelta.worker_state()", 'running');
	is($shop->link("'articles'")->{linked}, $shop->articles, 'created again, everything is found again');
};

subtest 'the server can be stopped at any time, and its run goes on' => sub {
	$shop->hold_articles(2);
	$shop->sql('SELECT bcdelta.push(wait => false)');
	$shop->wait_held(2);
	quick('stop -m fast', sub { $node->stop('fast'); });
	$store->release;
	$node->start;
	wait_for_worker($node, 'shop');
	$shop->wait_for('SELECT count(*) = 0 FROM bcdelta.pending');
	$shop->articles_ok('stopped and started');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
