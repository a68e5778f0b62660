# A store that fails: lost, truncated and senseless replies, outages, exhausted
# quotas.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $shop = BCDelta::Shop->open(
	'faults',
	store => { args => [ '--quota', 100000, '--window-ms', 1500 ] },
	server => { timeout => 3, max_attempts => 3, max_concurrency => 16 });
my $store = $shop->store;
$shop->tables;

# Tables and store agree.
sub check_all
{
	my ($what) = @_;
	my %want = (
		products => $shop->list(q(SELECT q FROM (SELECT sku || '=' || (price * 100)::int FROM articles) AS a (q) ORDER BY q COLLATE "C")),
		brands => $shop->list('SELECT name FROM makers ORDER BY name COLLATE "C"'),
		categories => $shop->list('SELECT name FROM groups ORDER BY name COLLATE "C"'));
	my %got = (
		products => [ sort map { sprintf '%s=%.0f', $_->{sku}, $_->{price} * 100 } @{ $store->state('products') } ],
		brands => [ sort map { $_->{name} } @{ $store->state('brands') } ],
		categories => [ sort map { $_->{name} } @{ $store->state('categories') } ]);

	is_deeply($shop->pending, {}, "$what: nothing is pending");
	is_deeply(\%got, \%want, 'every record is there, once');
	return;
}

# A push under faults, each of which must occur: all is well in the end.
sub push_under
{
	my ($what, @faults) = @_;
	$store->fault($_) foreach @faults;
	my $run = $shop->push;
	is("$run->{state} $run->{failed}", 'succeeded 0', "$what: the push succeeds") or diag($run->{error});
	is_deeply([ map { $_->{applied} ? () : $_->{name} } @{ $store->control('faults') } ],
		[], 'all faults were met');
	$store->unfault;
	check_all($what);
	return $run;
}

# Possible faults of any request
my %trouble = (
	'lost before' => { lose => 'before' },
	'lost after' => { lose => 'after' },
	'cut' => { cut => 10 },
	'malformed' => { malformed => $true },
	'empty' => { empty => $true },
	'huge' => { huge => 100_000_000 },
	'deep' => { deep => 100_000 },
	'html' => { html => $true },
	'html, status 200' => { html => $true, status => 200 },
	'html, status 200, done' => { html => $true, process => $true },
	'no record' => { status => 200, body => { data => [], meta => {} } },
	'nonsense' => { status => 200, body => '"nonsense"' },
	'timeout' => { delay_ms => 3500 },
	map { ("status $_" => { status => $_, body => { status => $_, title => 'Trouble' } }) } 408, 499, 500, 502, 503, 504);
my @kinds = sort keys %trouble;

subtest 'a create whose reply was lost is looked up before it is repeated' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('N-$_', 'New $_', $_.25)") foreach 10 .. 9 + @kinds;
	push_under('create',
		map { { name => $kinds[$_], times => 1, do => $trouble{ $kinds[$_] },
				match => { method => 'POST', body => '"N-' . (10 + $_) . '"' } } } 0 .. $#kinds);
	is($shop->sql("SELECT count(DISTINCT key) FROM bcdelta.result WHERE outcome = 'retry' AND error IS NOT NULL"),
		scalar @kinds, 'each row was tried again, with a reason');
	is($shop->last_run->{created} + $shop->last_run->{linked}, scalar @kinds, 'created or found');
};

subtest 'an update whose reply was lost arrives' => sub {
	$shop->sql("INSERT INTO makers SELECT 'M-' || i, 'Maker ' || i FROM generate_series(10, 9 + " . @kinds . ') AS i');
	$shop->push;
	$shop->sql("UPDATE makers SET name = name || ', new'");
	push_under('update',
		map { { name => $kinds[$_], times => 1, do => $trouble{ $kinds[$_] },
				match => { method => 'PUT', body => 'Maker ' . (10 + $_) } } } 0 .. $#kinds);
};

subtest 'a row that was changed back after a lost reply is sent again' => sub {
	$shop->sql("UPDATE articles SET price = 5 WHERE sku = 'N-10'");
	$shop->push;
	$store->fault({ times => 1, do => { lose => 'after' }, match => { method => 'PUT' } });
	$shop->sql("UPDATE articles SET price = 6 WHERE sku = 'N-10'");
	my $pushing = $shop->start;
	$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.pending WHERE key = 'N-10'");
	$shop->sql("UPDATE articles SET price = 5 WHERE sku = 'N-10'");
	$pushing->finish;
	$store->unfault;
	$shop->push;
	check_all('changed back after a lost reply');
};

subtest 'batches survive replies that are lost, mixed up, cut short or closed' => sub {
	$shop->sql(<<'EOC');
UPDATE articles SET price = price + 1;
INSERT INTO groups SELECT i, CASE WHEN i > 1 THEN 1 END, 'Group ' || i FROM generate_series(1, 15) AS i;
EOC
	push_under('batches',
		{ name => 'products', times => 1, do => { lose => 'after' }, match => { method => 'PUT', path => 'products' } },
		{ name => 'categories', times => 1, do => { lose => 'after' }, match => { method => 'POST', path => 'trees' } });
	$shop->sql("UPDATE articles SET price = price + 1; UPDATE groups SET name = name || '!'");
	push_under('batch replies',
		{ name => 'dropped', times => 1, do => { drop_item => 3 }, match => { method => 'PUT', path => 'products' } },
		{ name => 'mixed', times => 9, do => { reorder => $true } });
	$shop->sql("UPDATE articles SET price = price + 1; UPDATE groups SET name = name || '!'");
	push_under('connections', { name => 'closed', do => { close => $true } });
};

subtest 'look-ups of one key, of many, and of the whole list are repeated' => sub {
	$shop->sql("INSERT INTO makers VALUES ('L-1', 'Look 1'), ('L-2', 'Look 2'), ('L-3', 'Look 3'), ('L-4', 'Look 4')");
	push_under('single look-ups',
		map { { name => $_->[0], times => 1, do => $trouble{ $_->[0] }, match => { method => 'GET', query => "name=Look%20$_->[1]" } } }
		  [ 'empty', 1 ], [ 'huge', 2 ], [ 'deep', 3 ], [ 'lost after', 4 ]);
	$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'P-' || i, 'Page ' || i FROM generate_series(1, 10) AS i;
INSERT INTO articles (sku, title, price) SELECT 'P-' || i, 'Page ' || i, 1 FROM generate_series(1, 40) AS i;
EOC
	$shop->clear;
	push_under('list look-ups',
		map { { name => $_, times => 1, do => { status => 503 }, match => { method => 'GET', path => $_ } } } 'brands', 'products');
	cmp_ok(scalar $store->journal(method => 'GET', path => '/catalog/products'), '<=', 3,
		'a list that failed is asked for as a list again');
	$shop->sql(<<'EOC');
INSERT INTO makers VALUES ('U-1', 'Unseen');
INSERT INTO articles (sku, title, price) SELECT 'U-' || i, 'Unseen ' || i, 1 FROM generate_series(1, 40) AS i;
EOC
	$shop->clear;
	push_under('look-ups that are answered with 404',
		map { { name => $_, times => 1, do => { status => 404, body => { status => 404, title => 'Not found' } }, match => { method => 'GET', path => $_ } } } 'brands', 'products');
	cmp_ok(scalar $store->journal(method => 'GET', path => '/catalog/products'), '<=', 3, 'the same list is asked for again, not a part of it');
};

subtest 'a list that always fails ends the run, though the store answers a probe' => sub {
	$shop->sql("ALTER SERVER shop OPTIONS (SET max_attempts '6')");
	$store->fault({ name => 'list', do => { status => 500 }, match => { method => 'GET', path => '/catalog/brands$' } });
	$shop->clear;
	my $verify = $shop->start("SELECT state FROM bcdelta.verify('makers', mode => 'count')");
	poll_until(sub { !$verify->running }, 'the run ends');
	$verify->finish;
	my $run = $shop->last_run;
	is($run->{state}, 'failed', 'it has failed');
	like($run->{error}, qr/feed "makers" was stopped: the store does not answer: 500/, 'and says so');
	is(scalar $store->journal(method => 'GET', path => '/catalog/brands'), 6, 'after as many attempts as there are');
	cmp_ok(scalar(grep { $_ eq 'GET /v2/time' } @{ $shop->calls }), '>', 0, 'some of them after a probe');
	$store->unfault;
	$shop->sql("ALTER SERVER shop OPTIONS (SET max_attempts '3')");
};

subtest '429 is no failure: it costs no attempt, and only the time that the store asks for' => sub {
	$shop->sql('UPDATE articles SET price = price + 1');
	my $run = push_under('429 with headers',
		{ name => '429', times => 4, do => { status => 429, headers => { 'X-Retry-After' => '1' } } });
	cmp_ok($run->{throttled}, '>=', 1, 'they are counted');
	$shop->sql('UPDATE articles SET price = price + 1');
	$run = push_under('429 without headers', { name => '429', times => 4, do => { status => 429, rate_headers => $false } });
	cmp_ok($run->{throttled}, '>=', 1, 'they are counted');
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'retry'"),
		0, 'and cost no attempt');
	$store->settings({ quota => 10 });
	$store->control('window', {});
	$store->control('use', { calls => 10 });
	$shop->sql("UPDATE makers SET name = name || '?'");
	$run = push_under('a small quota that is used up');
	is($run->{updated}, $shop->sql('SELECT count(*) FROM makers'), 'goes on in the next windows');
	$store->settings({ quota => 100000 });
};

subtest 'the page of a proxy or a firewall says nothing about a record, whatever its status' => sub {
	$shop->sql("SELECT bcdelta.alter_feed('makers', on_delete => 'delete')");
	foreach my $status (200, 400, 403, 404, 410)
	{
		my ($renamed, $removed) = map { $shop->sql("SELECT min(code) FROM makers WHERE code LIKE '$_-%'") } 'M', 'P';
		my $id = $shop->sql("SELECT store_id FROM bcdelta.link WHERE feed = 'makers' AND key = '$renamed'");
		$shop->sql("UPDATE makers SET name = 'Page $status' WHERE code = '$renamed'; DELETE FROM makers WHERE code = '$removed'");
		push_under("status $status", map { { name => $_, times => 1, do => { html => $true, status => $status },
			match => { method => $_, path => 'brands' } } } 'PUT', 'DELETE');
		is($shop->sql("SELECT store_id FROM bcdelta.link WHERE feed = 'makers' AND key = '$renamed'"), $id, 'the row keeps its record');
	}
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'no feed was paused');
	$store->fault({ do => { html => $true, status => 404 }, match => { path => 'products' } });
	$store->fault({ do => { html => $true, status => 200 } });
	$shop->sql('UPDATE articles SET price = price + 1');
	my $run = $shop->push;
	is($run->{state}, 'failed', 'all replies are pages: the run fails');
	like($run->{error}, qr/a page came instead of the API's reply, with status (?:200|404): "/, 'and says so');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'failed'"), 0, 'no row is at fault');
	$store->unfault;
	is($shop->push->{state}, 'succeeded', 'when the store is back');
	check_all('after the pages');
};

subtest 'an outage fails the run but no row, and afterwards everything arrives' => sub {
	$store->fault({ do => { status => 503, html => $true } });
	$shop->sql('UPDATE articles SET price = price + 1');
	my $run = $shop->push;
	is($run->{state}, 'failed', 'a store that is down for long fails the run');
	like($run->{error}, qr/503/, 'which says so');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'failed'"), 0, 'but no row');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'nor pauses a feed');
	$store->unfault;
	is($shop->push->{state}, 'succeeded', 'when it is back');
	check_all('after an outage');
	$store->kill;
	$shop->sql('UPDATE articles SET price = price + 1');
	$run = $shop->push;
	is($run->{state}, 'failed', 'nobody listens');
	like($run->{error}, qr/connect/i, 'which says so too');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'failed'"), 0, 'but no row has failed');
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome IN ('failed', 'invalid')"), 0, 'in all of this');
};

done_testing();
