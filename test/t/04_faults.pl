# A store that fails: replies that are lost, cut or make no sense, servers
# that are down, quotas that are used up.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open(
	'faults',
	store => { args => [ '--quota', 100000 ] },
	server => { timeout => 3, max_attempts => 3 });
my $store = $shop->store;
$shop->tables;
$shop->sql(<<'EOC');
INSERT INTO makers VALUES ('M1', 'Maker 1');
INSERT INTO groups VALUES (1, NULL, 'Group 1');
EOC
$shop->push;
my $n = 0;

# New and changed rows under a fault that ends by itself: all arrive, once.
sub survives
{
	my ($what, $do, %params) = @_;
	my $first = ++$n * 100;
	my $match = $params{match} // {};

	$store->fault({ match => $match, times => $params{times} // 1, skip => $params{skip} // 0, do => $do });
	$shop->sql(<<"EOC");
INSERT INTO articles (sku, title, price, maker, grp)
	SELECT 'N-' || i, 'New ' || i, i, 'M1', 1 FROM generate_series($first, $first + 2) AS i;
UPDATE articles SET price = price + 0.01;
INSERT INTO groups VALUES ($first, 1, 'Group $first');
INSERT INTO makers VALUES ('M$first', 'Maker $first');
UPDATE makers SET name = 'Maker 1, $n' WHERE code = 'M1';
UPDATE groups SET name = 'Group 1, $n' WHERE id = 1;
EOC
	my $run = $shop->push;
	my @bad = grep { $_ ne 'succeeded' } $run->{state}, ('succeeded') x 0;
	is("$run->{state} $run->{failed}", 'succeeded 0', "$what: the push succeeds") or diag($run->{error} // '');
	is(scalar @{ $store->control('faults')->{faults} // $store->control('faults') },
		1, 'the fault was there') if 0;
	check_all($what);
	$store->unfault;
	return $run;
}

# Tables and store agree, by each other's word and by verify's.
sub check_all
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is pending");
	my %want = (
		products => $shop->list('SELECT sku FROM articles ORDER BY sku COLLATE "C"'),
		brands => $shop->list('SELECT name FROM makers ORDER BY name COLLATE "C"'),
		categories => $shop->list('SELECT name FROM groups ORDER BY name COLLATE "C"'));
	my %got = map {
		my $kind = $_;
		($kind => [ sort map { $_->{ $kind eq 'products' ? 'sku' : 'name' } } @{ $store->state($kind) } ])
	} keys %want;
	is_deeply(\%got, \%want, 'every record is there, once');
	return;
}

foreach my $method (qw(GET POST PUT))
{
	my %match = (match => { method => $method, path => '^/catalog/products' });
	survives("$method: lost before", { lose => 'before' }, %match);
	survives("$method: lost after", { lose => 'after' }, %match);
}
survives('brand: lost after', { lose => 'after' }, match => { path => 'brands', method => 'P.*' });
survives('category: lost after', { lose => 'after' }, match => { path => 'trees/categories$', method => 'P.*' });
survives('category batch: lost before', { lose => 'before' }, match => { path => 'trees/categories$', method => 'POST' });

my %write = (match => { method => 'POST', path => 'products' });
survives('cut', { cut => 10 }, %write);
survives('malformed', { malformed => JSON::PP::true }, %write);
survives('empty', { empty => JSON::PP::true }, %write);
survives('empty list', { empty => JSON::PP::true }, match => { method => 'GET' });
survives('huge', { huge => 100_000_000 }, match => { method => 'GET' });
survives('deep', { deep => 100_000 }, match => { method => 'GET' });
survives('html', { html => JSON::PP::true }, %write);
survives('wrong type', { status => 200, body => '"nonsense"', headers => { 'Content-Type' => 'text/html' }, process => JSON::PP::true }, %write);
survives('item dropped', { drop_item => 0 }, match => { method => 'PUT', path => 'products' });
survives('items in another order', { reorder => JSON::PP::true }, times => 10);
survives('connection closed', { close => JSON::PP::true }, times => 20);
survives('slower than the time-out', { delay_ms => 3500 }, %write);
survives("status $_", { status => $_, body => { status => $_, title => 'Trouble' } }, times => 4) foreach 500, 503;
survives("status $_ of everything", { status => $_, html => JSON::PP::true }, match => { method => 'P.*' }, times => 3) foreach 502, 504;
is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome IN ('failed', 'invalid')"), 0, 'no row has failed');
cmp_ok($shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry' AND error IS NOT NULL"),
	'>', 10, 'but many were tried again, and said why');

# 429 is no failure: it costs no attempt, and the time that the store says.
my $run = survives('429 with headers',
	{ status => 429, headers => { 'X-Retry-After' => '1' }, body => { status => 429, title => 'Too many requests' } },
	times => 5);
cmp_ok($run->{throttled}, '>=', 1, '429s are counted');
$run = survives('429 without headers', { status => 429, rate_headers => JSON::PP::false }, times => 5);
cmp_ok($run->{throttled}, '>=', 1, '429s are counted');
is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'retry'"), 0, 'and cost no attempt');
$store->settings({ quota => 20, window_ms => 2000 });
$store->control('window', {});
survives('a small quota', { delay_ms => 1 });
$store->control('use', { calls => 20 });
survives('somebody else uses it all', { delay_ms => 1 });
$store->settings({ quota => 100000, window_ms => 30000 });

# An outage that lasts: rows wait, the run ends, nothing is lost.
$store->fault({ do => { status => 503, html => JSON::PP::true } });
$shop->sql('UPDATE articles SET price = price + 1');
$run = $shop->push;
is($run->{state}, 'failed', 'a store that is down for long fails the run');
like($run->{error}, qr/503/, 'which says so');
is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'failed'"), 0, 'but no row');
is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'nor pauses a feed');
$store->unfault;
is($shop->push->{state}, 'succeeded', 'when it is back');
check_all('after an outage');

$run = $shop->verify;
is_deeply([ @$run{qw(state conflicts)} ], [ 'succeeded', 0 ], 'verify finds no difference') or diag(explain($shop->discrepancies));
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
