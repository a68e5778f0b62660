# The disk is full while the outcomes of requests are to be recorded, and at
# other times.  Nothing is sent twice, nothing is lost, and once there is space
# again, everything continues.

use strict;
use warnings;

use BCDelta::Faults;
use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('disk', store => { args => [ '--quota', 100000 ] });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables(articles => { on_delete => "'delete'" });

# A disk that is full when the test says so
disk_may_fill($shop, qw(result link pending run));
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 5) AS i");
$shop->push;

my $log_end = 0;

sub fill
{
	# earlier messages in the log do not count
	$log_end = -s $node->logfile;
	$shop->sql("INSERT INTO full_disk VALUES ('$_[0]')");
	return;
}

sub make_space { $shop->sql('DELETE FROM full_disk'); return; }

# Wait until the worker has met the full disk.
sub wait_for_log
{
	my ($text) = @_;
	poll_until(sub { slurp_file($node->logfile, $log_end) =~ $text }, "the log to say $text");
	$log_end = -s $node->logfile;
	return;
}

my $n = 5;

# A new row, a changed one, and a deleted one.
sub change
{
	$n++;
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('A-$n', 'Article $n', $n);
		UPDATE articles SET price = price + 100 WHERE sku = 'A-' || $n - 2; DELETE FROM articles WHERE sku = 'A-' || $n - 4");
	return;
}

sub check
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is pending");
	is_deeply([ sort map { "$_->{sku} " . (0 + $_->{price}) } @{ $store->state('products') } ],
		[ sort @{ $shop->list("SELECT sku || ' ' || price FROM articles") } ], 'source equals store');
	is(scalar $store->journal(method => 'POST'), 1, 'one create');
	return;
}

subtest 'outcomes that meet a full disk are recorded once there is space, and no request is repeated' => sub {
	foreach my $relation (qw(result link))
	{
		foreach my $method (qw(POST PUT DELETE))
		{
			change();
			$shop->clear;
			$store->hold({ match => { method => $method }, process => 'now' });
			my $push = $shop->start('SELECT state, created, updated, deleted FROM bcdelta.push()');
			$shop->wait_held(1);
			fill($relation);
			$store->release;
			wait_for_log(qr/could not record the outcome of a request.*could not extend file of $relation/);
			make_space();
			is(($push->finish)[1], 'succeeded|1|1|1', "full while the outcome of $method is written to $relation: the push succeeds");
			check("$relation, $method");
			is(scalar $shop->writes, 3, 'no request was repeated');
		}
	}
};

subtest 'with a full disk, a record that is gone is not mistaken for another one' => sub {
	my ($x, $y) = map { 'A-' . ($n - $_) } 1, 2;
	my ($x_id, $y_id) = map { $shop->id('articles', $_) } $x, $y;
	$store->remove('product', $x_id);
	$store->edit('product', $y_id, { sku => $x });
	$store->hold({ match => { method => 'GET', query => 'id(:|%3A)in' }, process => 'now' });
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku IN ('$x', '$y')");
	my $reading = $shop->start('SELECT state, failed FROM bcdelta.push()');
	$shop->wait_held(1);
	fill('link');
	$store->release;
	wait_for_log(qr/could not record the outcome/);
	make_space();
	is(($reading->finish)[1], 'succeeded|0', 'a record that is gone is not mistaken for another one');
	is($shop->id('articles', $y), $y_id, 'which its row keeps');
	is_deeply([ sort map { "$_->{sku} " . (0 + $_->{price}) } @{ $store->state('products') } ],
		[ sort @{ $shop->list("SELECT sku || ' ' || price FROM articles") } ], 'source equals store');
};

subtest 'a refusal that is recorded at the fourth attempt counts once' => sub {
	$shop->sql("ALTER SERVER shop OPTIONS (ADD error_limit '3'); INSERT INTO articles (sku, title, price) VALUES ('refused', 'Refused', 1)");
	$store->fault({ match => { method => 'POST' }, times => 1, do => { status => 422, body => { status => 422, title => 'No' } } });
	fill('result');
	my $refused = $shop->start('SELECT state, failed FROM bcdelta.push()');
	wait_for_log(qr/could not record the outcome/) foreach 1 .. 4;
	make_space();
	is(($refused->finish)[1], 'succeeded|1', 'a refusal is recorded after some tries');
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'articles'"), 'active', 'and counts once');
	$shop->sql("ALTER SERVER shop OPTIONS (DROP error_limit); DELETE FROM articles WHERE sku = 'refused'");
	$shop->push;
};

subtest 'a run whose outcomes cannot be recorded can be cancelled, and the next one finds what was created' => sub {
	change();
	$shop->clear;
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	my $run = $shop->push('wait => false');
	$shop->wait_held(1);
	fill('result');
	$store->release;
	wait_for_log(qr/could not record the outcome/);
	$shop->sql("SELECT bcdelta.cancel($run->{run_id})");
	is($shop->run($run->{run_id})->{state}, 'cancelled', 'a run whose outcomes cannot be recorded is cancelled');
	make_space();
	$run = $shop->push;
	is("$run->{state} $run->{created}", 'succeeded 0', 'the next one finds what was made');
	check('given up');
};

subtest 'if the disk fills up while changes are folded, or a run starts or ends, the caller is told and nothing is lost' => sub {
	change();
	$shop->clear;
	fill('pending');
	my $run = $shop->push;
	is($run->{state}, 'failed', 'full when changes become pending rows: the run fails');
	like($run->{error}, qr/No space left/, 'and says why');
	make_space();
	is($shop->push->{state}, 'succeeded', 'a push when there is space');
	check('changes');
	change();
	$shop->clear;
	fill('run');
	my ($rc, undef, $err) = $shop->try('SELECT bcdelta.push()');
	isnt($rc, 0, 'full when a run is asked for: the caller is told');
	like($err, qr/No space left/, 'why');
	make_space();
	is($shop->push->{state}, 'succeeded', 'a push when there is space');
	check('request for a run');
	change();
	$shop->clear;
	$store->hold({ match => { method => 'DELETE' }, process => 'now' });
	my $push = $shop->start;
	$shop->wait_held(1);
	fill('run');
	$store->release;
	wait_for_log(qr/could not extend file of run/);
	make_space();
	isnt(($push->finish)[0], 0, 'full when the run ends: the caller is told');
	is($shop->push->{state}, 'succeeded', 'a push when there is space');
	check('the end of a run');
};

is($shop->sql("SELECT count(*) FROM bcdelta.run WHERE state NOT IN ('succeeded', 'failed', 'cancelled')"), 0, 'all runs have ended');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no failed assertion');
done_testing();
