# What a push would take is told before anything is sent, and is what it then
# takes.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('estimate', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(map { $_ => { on_delete => "'delete'" } } qw(makers groups articles));

sub estimate { return $shop->value("SELECT * FROM bcdelta.estimate($_[0])"); }
sub figures { my ($e) = @_; return [ map { $e->{$_} } qw(rows creates updates deletes calls) ]; }

subtest 'before a push, nothing is known of the store, and the estimate says what it assumes' => sub {
	is_deeply(figures(estimate("'shop'")), [ 0, 0, 0, 0, 0 ], 'nothing to do');
	$shop->sql("INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 5) AS i;
		INSERT INTO articles (sku, title, price, maker) SELECT 'S' || i, 'Article ' || i, i, 'M' || (i % 5 + 1) FROM generate_series(1, 60) AS i");
	my $e = estimate("'shop'");
	is_deeply([ @$e{qw(rows creates updates deletes)} ], [ 65, 65, 0, 0 ], 'a first load: rows that wait for others are created, too');
	is($e->{basis}, 'all rows were looked at (65); the quota of the store is not known yet: 150 requests in 30 seconds are assumed; a request is assumed to take a quarter of a second',
		'what is assumed');
	is(scalar $store->journal, 0, 'nothing is asked of the store');
	my $run = $shop->push;
	is($run->{created}, $e->{creates}, 'the push creates so many');
	cmp_ok(abs($run->{api_calls} - $e->{calls}), '<=', 0.1 * $run->{api_calls}, "with about so many requests: $run->{api_calls}, not $e->{calls}");
};

subtest 'creates, updates and deletes are those of the push that follows' => sub {
	$shop->sql("UPDATE articles SET price = price + 1 WHERE price <= 40; DELETE FROM articles WHERE price > 50; UPDATE makers SET name = name || '!' WHERE code < 'M3';
		INSERT INTO articles (sku, title, price) SELECT 'N' || i, 'New ' || i, i FROM generate_series(1, 7) AS i; SELECT bcdelta.mark_all('makers')");
	my $e = estimate("'shop'");
	my $run = $shop->push;
	is_deeply([ @$e{qw(creates updates deletes)} ], [ @$run{qw(created updated deleted)} ], 'as many of each');
	is($e->{rows}, 7 + 40 + 10 + 5, 'rows that need nothing are rows');
	cmp_ok(abs($run->{api_calls} - $e->{calls}), '<=', 0.2 * $run->{api_calls}, "with about so many requests: $run->{api_calls}, not $e->{calls}");
	like($e->{basis}, qr/^all rows were looked at \(62\); quota: 90000 requests in 30 seconds$/, 'the quota is known now');
	is_deeply(figures(estimate('')), [ 0, 0, 0, 0, 0 ], 'then nothing is left; the only server need not be named');
};

subtest 'one feed, feeds of others, paused feeds, and what is refused' => sub {
	$shop->sql("UPDATE makers SET name = name || '?'; UPDATE articles SET price = price + 1 WHERE sku = 'S1'");
	is_deeply(figures(estimate("feed => 'makers'")), [ 5, 0, 5, 0, 5 ], 'one feed');
	$shop->sql("SELECT bcdelta.pause('makers')");
	my $e = estimate("'shop'");
	is_deeply(figures($e), [ 1, 0, 1, 0, 1 ], 'a paused feed is left out');
	like($e->{basis}, qr/^all rows were looked at \(1\); without feeds that are paused: "makers"; /, 'and named');
	is_deeply(figures(estimate("feed => 'makers'")), [ 5, 0, 5, 0, 5 ], 'unless it is asked for');
	$shop->sql("SELECT bcdelta.resume('makers'); CREATE ROLE clerk; GRANT USAGE ON FOREIGN SERVER shop TO clerk; CREATE ROLE nobody");
	my $others = $shop->sql("SET ROLE clerk; SELECT rows || '|' || updates || '|' || basis FROM bcdelta.estimate('shop')");
	like($others, qr/^6\|6\|all rows were looked at \(0\); only the links of feeds that belong to others: "makers", "groups", "articles"; /, 'feeds of others are counted, but their mappings are not run');
	foreach my $case (
		[ "SET ROLE clerk; SELECT bcdelta.estimate(feed => 'makers')", qr/permission denied to estimate a push of feed "makers"/ ],
		[ "SET ROLE nobody; SELECT bcdelta.estimate('shop')", qr/permission denied for foreign server shop/ ],
		[ "SELECT bcdelta.estimate('nope')", qr/server "nope" does not exist/ ],
		[ "SELECT bcdelta.estimate(feed => 'nope')", qr/feed "nope" does not exist/ ])
	{
		like(($shop->try($case->[0]))[2], $case->[1], $case->[0]);
	}
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
