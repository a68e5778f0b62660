# Rows are linked to the records that the initial load left in the store.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('link', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'delete'" });

# The old shop, and the result of the initial load: 40 products, in trees.
$shop->sql(<<'EOC');
BEGIN;
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 9) AS i;
INSERT INTO groups VALUES (1, 5, 'Leaf'), (5, 9, 'Branch'), (9, NULL, 'Tree'), (2, 9, 'Leaf'), (3, 5, 'Only here'), (4, 3, 'Below it'),
	(6, NULL, 'Leaf');
INSERT INTO articles (sku, title, price, weight, maker, grp) SELECT 'A-' || i, 'Article ' || i, i + 0.5, 1, 'M' || 1 + i % 9, 1
	FROM generate_series(1, 40) AS i;
UPDATE articles SET sku = U&'A 41, \00e9/&', title = 'Article 41' WHERE sku = 'A-40';
DELETE FROM bcdelta.change;
COMMIT;
EOC
$store->seed('brands', [ map { { id => 100 + $_, name => $_ == 3 ? 'MAKER 3' : "Maker $_" } } 1 .. 8 ]);
$store->seed('categories',
	[
		{ category_id => 209, name => 'Tree' }, { category_id => 205, name => 'Branch', parent_id => 209 },
		{ category_id => 201, name => 'Leaf', parent_id => 205 }, { category_id => 202, name => 'Leaf', parent_id => 209 },
		{ category_id => 206, name => 'Leaf' }
	]);
$store->seed('products',
	[
		(map { { id => 300 + $_, sku => $_ == 7 ? "a-$_" : "A-$_", name => "Article $_", type => 'physical',
			price => $_ + 0.5, weight => 1, brand_id => 101 + $_ % 9, categories => [201] } } 1 .. 39),
		{ id => 341, sku => "A 41, \x{e9}/&", name => 'Article 41', type => 'physical', price => 1, weight => 1 }
	]);

subtest 'brands are found by the store\'s list; what is missing is listed, and nothing is marked' => sub {
	$shop->clear;
	my $run = $shop->link("'makers'");
	is_deeply([ @$run{qw(kind feed state linked failed)} ], [ 'link', 'makers', 'succeeded', 8, 0 ], 'brands');
	is_deeply($shop->calls, [ ('GET /catalog/brands') x 2 ], 'a page of all, then those that fit');
	is($shop->id('makers', 'M3'), 103, 'whatever the case');
	is_deeply($shop->discrepancies, ['makers|M9|missing_in_store|name|Maker 9'], 'a row without a match is listed');
	is($run->{conflicts}, 1, 'and counted');
	is($shop->link("'makers'")->{linked}, 0, 'again, only the others are looked for');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 0, 'link marks nothing');
};

subtest 'categories are found by their name within their parent' => sub {
	my $run = $shop->link("'groups'");
	is_deeply([ @$run{qw(state linked failed deferred)} ], [ 'succeeded', 5, 0, 1 ], 'categories') or diag(explain($run));
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND key = '4'"), 1, 'a row that waits has one result');
	is($shop->sql("SELECT done || ' ' || total FROM (SELECT count(DISTINCT key) AS done, count(*) AS total FROM bcdelta.result
		WHERE run_id = $run->{run_id}) AS q"), '6 6', 'as each row has');
	is_deeply([ map { $shop->id('groups', $_) } 1, 2, 5, 6, 9 ], [ 201, 202, 205, 206, 209 ], 'each in its place of the tree');
	is_deeply($shop->discrepancies, ['groups|3|missing_in_store|name|Only here'], 'one is missing');
};

subtest 'products are found by their article number, ignoring case, many at a time' => sub {
	$shop->clear;
	my $run = $shop->link("'articles'");
	is_deeply([ @$run{qw(state linked failed deferred)} ], [ 'succeeded', 40, 0, 0 ], 'products, those of a missing brand too') or diag(explain($run));
	is($shop->id('articles', 'A-7'), 307, 'whatever the case');
	is($shop->sql("SELECT key = U&'A 41, \\00e9/&' FROM bcdelta.link WHERE store_id = 341"), 't', 'odd characters');
	cmp_ok(scalar @{ $shop->calls }, '<=', 2, 'many at a time');
	is(scalar $shop->writes, 0, 'link writes nothing');
};

subtest 'records that agree need no write; for others, only the differing fields are sent' => sub {
	$shop->sql("SELECT bcdelta.mark_all('articles')");
	$shop->clear;
	my $run = $shop->push("feed => 'articles'");
	is_deeply([ @$run{qw(unchanged updated created deferred)} ], [ 35, 1, 0, 4 ], 'marked after the link');
	my @writes = $shop->writes;
	is(scalar @writes, 1, 'one write');
	is_deeply($writes[0]{body}, [ { id => 341, brand_id => 105, categories => [201], price => 40.5 } ], 'of what differs');
};

subtest 'a row whose brand is missing in the store is found by its own key, and its delete is not lost' => sub {
	$shop->verify("feed => 'articles'");
	is_deeply([ grep { /A-(8|17)\|/ } @{ $shop->discrepancies } ], [], 'a deferred row is about to be pushed');
	$shop->sql("DELETE FROM bcdelta.pending WHERE key = 'A-17'");
	$shop->verify("feed => 'articles'");
	is_deeply([ grep { /A-17\|/ } @{ $shop->discrepancies } ],
		['articles|A-17|different|refers to row M9 of feed "makers", which is not in the store'], 'one that nobody is going to push is told of');
	my $gone = $shop->id('articles', 'A-8');
	$shop->sql("DELETE FROM articles WHERE sku = 'A-8'");
	is($shop->push("feed => 'articles'")->{deleted}, 1, 'it is deleted');
	is($shop->record('products', $gone), undef, 'in the store too');
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-26'; DELETE FROM bcdelta.link WHERE key = 'A-26'");
	is($shop->link("'articles'")->{linked}, 1, 'a row with a value that cannot be sent is found by its key too');
};

subtest 'a few rows are looked up one by one' => sub {
	$shop->sql("INSERT INTO makers VALUES ('X1', 'Extra 1'), ('X2', 'Extra, & 2')");
	$store->seed('brands', [ { id => 151, name => 'Extra 1' }, { id => 152, name => 'Extra, & 2' } ]);
	$shop->clear;
	my $run = $shop->link("'makers'");
	is($run->{linked}, 2, 'a few rows');
	is(scalar @{ $shop->calls }, 3, 'single look-ups');
};

subtest 'if two rows match one record, one gets it; if two records match one row, the one with the same spelling is taken' => sub {
	$shop->sql("INSERT INTO makers VALUES ('T1', 'Twin'), ('T2', 'TWIN'), ('T3', 'a'), ('T4', 'b'), ('T5', 'c')");
	$store->seed('brands', [ { id => 161, name => 'Twin' } ]);
	my $run = $shop->link("'makers'");
	is_deeply([ @$run{qw(linked failed)} ], [ 1, 1 ], 'two rows of one name');
	like($shop->sql("SELECT error FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'failed'"),
		qr/name "twin" belongs to record 161 of the store, which is linked to source row T\d/i, 'the second is told');
	$shop->sql("DELETE FROM makers WHERE code LIKE 'T_'; INSERT INTO makers SELECT 'U' || i, 'Upper ' || i FROM generate_series(1, 6) AS i");
	$store->seed('brands', [ map { ({ id => 170 + $_, name => "UPPER $_" }, { id => 180 + $_, name => "Upper $_" }) } 1 .. 6 ]);
	is($shop->link("'makers'")->{linked}, 6, 'two records in different case');
	is_deeply([ map { $shop->id('makers', "U$_") } 1 .. 6 ], [ 181 .. 186 ], 'the one that is written alike is taken');
};

subtest 'link(feed, key, id) takes an id list, and refuses what is wrong with the reason' => sub {
	$shop->sql("SELECT bcdelta.link('makers', 'M9', 109)");
	is($shop->id('makers', 'M9'), 109, 'link(feed, key, id)');
	foreach my $bad (
		[ "'nothing', 'x', 1", qr/feed "nothing" does not exist/ ],
		[ "'makers', 'M9', 0", qr/store_id/ ],
		[ "'makers', 'M8', 109", qr/109.*M9|M9.*109/s ],
		[ "'groups', 'x', 1", qr/invalid input syntax for type integer: "x"/ ])
	{
		my ($rc, undef, $err) = $shop->try("SELECT bcdelta.link($bad->[0])");
		isnt($rc, 0, "link($bad->[0])");
		like($err, $bad->[1], 'is refused with a reason');
	}
};

subtest 'every record is found on short pages' => sub {
	$store->settings({ max_limit => 10 });
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'articles'");
	my $run = $shop->link("'articles'");
	is_deeply([ @$run{qw(state linked)} ], [ 'succeeded', 39 ], 'every record is found on short pages') or diag(explain($shop->discrepancies));
	$store->settings({ max_limit => 250 });
};

subtest 'white space around a name does not matter' => sub {
	$shop->sql("INSERT INTO makers SELECT 'W' || i, '  Wide ' || i || E'\\n' FROM generate_series(1, 7) AS i");
	$store->seed('brands', [ map { { id => 200 + $_, name => "Wide $_" } } 1 .. 7 ]);
	is($shop->link("'makers'")->{linked}, 7, 'names with white space around them');
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'makers' AND key = 'W1'; SELECT bcdelta.mark('makers', 'W1')");
	$store->fault({ match => { method => 'POST' }, do => { status => 409 } });
	my $run = $shop->push("feed => 'makers'");
	is_deeply([ @$run{qw(created updated linked failed)} ], [ 0, 0, 1, 0 ], 'one that is found only without it')
	  or diag(explain($run), $shop->errors);
	is($shop->id('makers', 'W1'), 201, 'is linked');
	$store->unfault;
};

subtest 'root categories of other trees are not linked' => sub {
	$store->seed('trees', [ { id => 2, name => 'Other shop', channels => [5] } ]);
	$store->seed('categories', [ map { ({ category_id => 500 + $_, name => "Root $_", tree_id => 1 }) } 1 .. 7 ]);
	$store->seed('categories', [ map { ({ category_id => 600 + $_, name => "Root $_", tree_id => 2 }) } 1 .. 6 ]);
	$shop->sql(q(CREATE TABLE other AS SELECT i AS id, 'Root ' || i AS name FROM generate_series(1, 7) AS i; ALTER TABLE other ADD PRIMARY KEY (id);
		SELECT bcdelta.track('other', 'shop', 'category', options => '{"tree_id": 2}', fields => '{"name": "name", "sort_order": "id"}')));
	my $run = $shop->link("'other'");
	is_deeply([ $run->{linked}, map { $shop->id('other', $_) } 1 .. 6 ], [ 6, 601 .. 606 ], 'roots of one tree, by the list');
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'other' AND key = '2'; SELECT bcdelta.mark('other', '2', '7')");
	$run = $shop->push("feed => 'other'");
	is_deeply([ @$run{qw(created updated failed)} ], [ 1, 1, 0 ], 'and one by one') or diag(explain($run), $shop->errors);
	is($shop->id('other', '2'), 602, 'the root of this tree');
	is($shop->sql("SELECT store_id > 606 FROM bcdelta.link WHERE feed = 'other' AND key = '7'"), 't', 'which lacks one that another tree has');
	$shop->sql("SELECT bcdelta.mark_all('other')");
	$shop->push("feed => 'other'");
	$run = $shop->verify("feed => 'other'");
	is_deeply([ @$run{qw(state conflicts)} ], [ 'succeeded', 0 ], 'nor does verify look at them') or diag(explain($shop->discrepancies));
	$store->seed('categories', [ { category_id => 700, name => 'Root 9', tree_id => 2 } ]);
	is($shop->verify("feed => 'other'")->{conflicts}, 1, 'but at its own tree it does');
};

subtest 'a rejected token fails a link' => sub {
	$shop->sql("INSERT INTO makers VALUES ('Z', 'Zed')");
	$store->settings({ token => 'another' });
	my $run = $shop->link("'makers'");
	is($run->{state}, 'failed', 'a wrong token');
	like($run->{error}, qr/401/, 'fails a link too');
	$store->settings({ token => $store->token });
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
