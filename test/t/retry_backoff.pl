# Rows that meet trouble wait, longer each time; but not while the store accepts
# other rows, unless they are the cause.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open(
	'luck',
	store => { args => [ '--quota', 100000, '--latency-ms', 5 ] },
	server => { timeout => 1 });
my $store = $shop->store;
$shop->tables;

# A third of all requests fail, in every way.
sub trouble
{
	my ($method) = @_;
	my %match = (path => '^/catalog/', method => $method);
	$store->fault({ name => 'late', match => \%match, times => 1, do => { delay_ms => 1500 } });
	$store->fault({ name => 'down', match => \%match, probability => 0.15, do => { status => 500 } });
	$store->fault({ name => 'reset', match => \%match, probability => 0.1, do => { lose => 'before' } });
	$store->fault({ name => 'lost', match => \%match, probability => 0.1, do => { lose => 'after' } });
	return;
}

# The longest time that a row waited from one attempt to the next
my $waited = q(SELECT coalesce(max(extract(epoch FROM next - attempted_at)), 0)::int FROM (
	SELECT attempted_at, lead(attempted_at) OVER (PARTITION BY key ORDER BY attempted_at) AS next
	FROM bcdelta.result WHERE run_id = (SELECT max(run_id) FROM bcdelta.run)) AS attempts);

subtest 'if a third of the creates fail, no row waits long, and each is created once' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1001, 1100) AS i");
	$store->fault({ name => 'unlucky', times => 5, match => { method => 'POST', body => '"A-1007"' }, do => { status => 502 } });
	trouble('POST');
	my $run = $shop->push;
	is("$run->{state} $run->{failed}", 'succeeded 0', 'a third of the creates fails: the push succeeds') or diag($run->{error});
	cmp_ok($shop->sql($waited), '<', 20, 'nobody waits for long');
	cmp_ok($shop->sql("SELECT count(*) FROM bcdelta.result WHERE key = 'A-1007' AND outcome = 'retry'"), '>=', 5, 'not even the unluckiest');
	is($shop->sql("SELECT count(*) FROM (SELECT FROM bcdelta.result WHERE outcome = 'retry' GROUP BY key HAVING count(*) > 9) AS r"),
		0, 'nobody is near its last attempt');
	my %made;
	$made{$_->{sku}}++ foreach @{ $store->state('products') };
	is_deeply([ scalar keys %made, [ grep { $made{$_} > 1 } keys %made ] ], [ 100, [] ], 'each row is created once');
	is_deeply($shop->pending, {}, 'nothing is pending');
	$store->unfault;
};

subtest 'if a third of the updates fail, all arrive, and no row waits long' => sub {
	trouble('PUT');
	$shop->sql('UPDATE articles SET price = price + 1');
	my $run = $shop->push;
	is("$run->{state} $run->{updated}", 'succeeded 100', 'a third of the updates fails') or diag($run->{error});
	cmp_ok($shop->sql($waited), '<', 20, 'nobody waits for long');
	is_deeply([ grep { $_->{price} * 1 != substr($_->{sku}, 2) + 1 } @{ $store->state('products') } ], [], 'all have arrived');
	$store->unfault;
};

subtest 'if a third of the reads fail, verify goes on, and finds no difference' => sub {
	trouble('GET');
	my $run = $shop->verify("'articles'");
	is($run->{state}, 'succeeded', 'a third of the reads fails: verify continues') or diag($run->{error});
	is($run->{conflicts}, 0, 'and finds no difference');
	$store->unfault;
};

subtest 'a row that causes failures is soon sent alone, and waits ever longer; retry(waiting) tries it at once' => sub {
	my $id = $shop->id('articles', 'A-1050');
	$store->fault({ name => 'poison', match => { method => 'PUT', body => qq("id": ?$id\\b) }, do => { status => 500 } });
	$shop->sql('UPDATE articles SET price = price + 1');
	$shop->clear;
	my $push = $shop->start;
	$shop->wait_for(q(SELECT coalesce(bool_and(state = 'waiting' AND trouble IS NULL), false) FROM bcdelta.pending));
	like($shop->sql('SELECT key, attempts FROM bcdelta.pending'), qr/^A-1050\|[3-6]$/, 'a row that fails by itself is soon alone');
	is($shop->sql("SELECT early_at IS NULL AND next_attempt_at - clock_timestamp() > '3 s' FROM bcdelta.pending"), 't',
		'and waits its time');
	my @calls = grep { $_->{body} && grep { $_->{id} == $id } @{ $_->{body} } } $store->journal(method => 'PUT');
	like(join(' ', map { scalar @{ $_->{body} } } @calls), qr/^10 10 10 [13]( 1)*$/, 'in ever smaller requests');
	is($shop->sql('SELECT bcdelta.retry()'), 0, 'retry leaves it alone');
	is($shop->sql("SELECT bcdelta.retry('groups', waiting => true)"), 0, 'so it does for another feed');

	# a user knows better, and the waiting run continues at once
	$store->unfault;
	is($shop->sql("SELECT bcdelta.retry('articles', waiting => true)"), 1, 'unless rows that wait are meant too');
	$push->finish;
	is($shop->last_run->{state}, 'succeeded', 'then it is tried at once');
	is_deeply($shop->pending, {}, 'with success');
};

done_testing();
