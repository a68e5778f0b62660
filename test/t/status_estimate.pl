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
	is($e->{basis}, 'all rows were looked at (65); 65 rows without a record are looked for in the store: if all of them are there, 13 calls; the quota of the store is not known yet: 150 requests in 30 seconds are assumed; a request is assumed to take a quarter of a second',
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
	like($e->{basis}, qr/^all rows were looked at \(62\); 7 rows without a record are looked for in the store: if all of them are there, \d+ calls; quota: 90000 requests in 30 seconds$/, 'the quota is known now');
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

# Rows of which nothing can be said but by the push: is it near to the truth?
sub near
{
	my ($e, $run, $part, $what) = @_;
	return cmp_ok(abs($run->{api_calls} - $e->{calls}), '<=', $part * $run->{api_calls}, "$what: $run->{api_calls} requests, estimated $e->{calls}");
}

$shop->sql("SELECT bcdelta.untrack(feed) FROM bcdelta.feed");

subtest 'what comes before a new variant is counted: the options of its product, and what they lack' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, size text, colour text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id", "option_values":
	"jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size), jsonb_build_object(''option_display_name'', ''Colour'', ''label'', colour))"}');
INSERT INTO item SELECT g FROM generate_series(1, 40) AS g;
EOC
	$shop->push;
	$shop->sql("INSERT INTO kind SELECT g, (g - 1) / 6 + 1, (ARRAY['S', 'M', 'L'])[g % 3 + 1], (ARRAY['Red', 'Blue'])[g % 2 + 1] FROM generate_series(1, 120) AS g");
	my $e = estimate("'shop'");
	my $run = $shop->push;
	is($run->{created}, $e->{creates}, 'new options of products that are there');
	near($e, $run, 0.1, 'new options');
	$shop->sql("INSERT INTO kind SELECT 200 + g, g, 'XL', (ARRAY['Red', 'Green'])[g % 2 + 1] FROM generate_series(1, 20) AS g");
	$e = estimate("'shop'");
	near($e, $shop->push, 0.1, 'new values of options');
	$shop->sql("INSERT INTO item SELECT g FROM generate_series(101, 110) AS g; INSERT INTO kind SELECT 1000 + g, 100 + (g + 1) / 2, (ARRAY['S', 'M'])[g % 2 + 1], 'Red' FROM generate_series(1, 20) AS g");
	is(estimate("feed => 'kind'")->{creates}, 0, 'a push of one feed does not write what waits for another');
	$e = estimate("'shop'");
	$run = $shop->push;
	is($run->{created}, $e->{creates}, 'variants that are created with their products are creates');
	near($e, $run, 0.2, 'with their products');
};

subtest 'of many new variants, some are looked at, and the others share their products' => sub {
	$shop->sql("INSERT INTO item SELECT g FROM generate_series(1001, 1034) AS g");
	$shop->push;
	$shop->sql("INSERT INTO kind SELECT 10000 + g, 1000 + (g - 1) / 30 + 1, 'S' || g % 6, 'C' || g % 5 FROM generate_series(1, 1020) AS g");
	$shop->wait_for("SELECT sum(ready) = 1020 FROM bcdelta.status");
	my $e = estimate("'shop'");
	is($e->{creates}, 1020, 'all');
	near($e, $shop->push, 0.25, 'from half of them');
};

subtest 'lists of names are counted, as long as the last push has seen them' => sub {
	$shop->sql(<<'EOC');
SELECT bcdelta.untrack(feed) FROM bcdelta.feed;
CREATE TABLE stock (item int PRIMARY KEY, place text, qty int);
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "item", "location_id": "bcdelta.named(''location'', place)", "quantity": "qty"}');
EOC
	$store->settings({ locations => [ map { { id => $_, code => "L$_" } } 1 .. 300 ] });
	$store->seed('products', [ map { { id => 90000 + $_, sku => "P$_", name => "Product $_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 5 ]);
	$shop->sql("INSERT INTO stock SELECT 90000 + g, 'L' || g, 5 FROM generate_series(1, 5) AS g");
	my $e = estimate("'shop'");
	is_deeply([ @$e{qw(rows creates updates calls)} ], [ 5, 5, 0, 2 ], 'a list that was never read') or diag(explain($e));
	like($e->{basis}, qr/; lists that no push has read yet, taken to have one page: "location"/, 'has one page, as far as is known');
	my $run = $shop->push;
	$shop->sql("UPDATE stock SET qty = 6");
	$e = estimate("'shop'");
	unlike($e->{basis}, qr/lists/, 'then it is known');
	$run = $shop->push;
	is($e->{calls}, $run->{api_calls}, 'two pages, and an update');
};

subtest 'records that are in the store already: what a push takes if all are found' => sub {
	$shop->sql("SELECT bcdelta.untrack(feed) FROM bcdelta.feed; DROP TABLE makers, groups, articles");
	$store->seed('products', [ map { { id => 80000 + $_, sku => "F$_", name => "Found $_", type => 'physical', weight => 1, price => 1 } } 1 .. 100 ]);
	$shop->tables(articles => {});
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'F' || i, 'Sought ' || i, i FROM generate_series(1, 100) AS i");
	my $e = estimate("'shop'");
	is_deeply([ @$e{qw(creates updates calls)} ], [ 100, 0, 101 ], 'if none is there');
	my ($calls) = $e->{basis} =~ /; 100 rows without a record are looked for in the store: if all of them are there, (\d+) calls/;
	ok($calls, 'there is a second figure') or diag($e->{basis});
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated)} ], [ 0, 100 ], 'all are found') or diag(explain($run));
	near({ calls => $calls // 0 }, $run, 0.2, 'if all are there');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
