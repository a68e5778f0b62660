# Proof: which differences verify finds, and what does not count as one.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('verify', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'ignore'" }, groups => { on_delete => "'hide'" });
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 7) AS i;
INSERT INTO groups SELECT i, CASE WHEN i > 1 THEN i / 2 END, 'Group ' || i FROM generate_series(1, 12) AS i;
INSERT INTO articles (sku, title, price, weight, maker, grp, release_date)
	SELECT 'A-' || i, 'Article ' || i, i + 0.50, 0.1, 'M' || 1 + i % 7, 1 + i % 12, '2030-01-01 12:00+02'
	FROM generate_series(1, 600) AS i;
EOC
is($shop->push->{created}, 619, 'a shop');
$shop->clear;

my $run = $shop->verify;

subtest 'records that agree are found to agree: in full, by count and by sample, in few calls, without a write' => sub {
	is_deeply([ @$run{qw(kind state unchanged conflicts deferred failed)} ], [ 'verify', 'succeeded', 619, 0, 0, 0 ], 'full: all agrees');
	is_deeply($shop->discrepancies, [], 'no difference');
	is(scalar $shop->writes, 0, 'nothing is written');
	cmp_ok(scalar @{ $shop->calls }, '<=', 10, 'read by pages');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending"), 0, 'nothing is marked');
	foreach my $mode (qw(count sample))
	{
		$run = $shop->verify("mode => '$mode'");
		is_deeply([ @$run{qw(state conflicts)} ], [ 'succeeded', 0 ], "$mode: all agrees");
	}
	is($shop->verify("feed => 'articles', mode => 'sample', sample => 50")->{unchanged}, 50, 'a sample of 50');
	is($shop->verify("feed => 'makers'")->{unchanged}, 7, 'one feed');
};

sub edit { my ($key, %set) = @_; return $store->edit('product', $shop->id('articles', $key), \%set); }

subtest 'numbers are compared by value, sets in any order, timestamps in any time zone' => sub {
	edit('A-1', price => '1.5000', preorder_release_date => '2030-01-01T10:00:00+00:00');
	$shop->sql(q(UPDATE bcdelta.feed SET fields = fields || '{"related_products": "ARRAY[2, 1]"}' WHERE feed = 'articles'));
	$shop->push if $shop->sql("SELECT bcdelta.mark('articles', 'A-2')");
	edit('A-2', related_products => [ 1, 2 ]);
	$shop->sql("SELECT bcdelta.mark_all('articles')");
	$shop->push;
	$run = $shop->verify;
	is_deeply([ @$run{qw(unchanged conflicts)} ], [ 619, 0 ], 'numbers by value, sets in any order, instants in any zone')
	  or diag(explain($shop->discrepancies));
};

subtest 'texts are compared regardless of HTML spelling and surrounding space' => sub {
	$shop->sql(<<'EOC');
UPDATE bcdelta.feed SET fields = fields || '{"description": "''<p>A & B<br>it</p>''", "page_title": "''  Title ''"}' WHERE feed = 'articles';
UPDATE articles SET release_date = release_date + interval '0.25 seconds' WHERE sku = 'A-2';
EOC
	$shop->sql("SELECT bcdelta.mark('articles', 'A-2')");
	$shop->push;
	edit('A-2', description => "<P>A &amp; B<br />&#105;t</P>\n", page_title => 'Title', preorder_release_date => '2030-01-01T10:00:00+00:00');
	$run = $shop->verify("feed => 'articles'");
	is_deeply([ grep { /A-2\|/ } @{ $shop->discrepancies } ], [], 'HTML whatever its spelling, texts without the space around them, seconds')
	  or diag(explain($shop->discrepancies));
	$shop->sql("UPDATE bcdelta.feed SET fields = fields - 'description' - 'page_title' WHERE feed = 'articles'");
	$shop->sql("SELECT bcdelta.mark_all('articles')");
	$shop->push;
};

subtest 'short pages, and fields that cannot be asked for by name, make no difference' => sub {
	$store->settings({ max_limit => 7 });
	$run = $shop->verify;
	is_deeply([ @$run{qw(state unchanged conflicts)} ], [ 'succeeded', 619, 0 ], 'short pages') or diag(explain($run));
	$store->settings({ max_limit => 250 });
	$shop->sql(q(UPDATE bcdelta.feed SET fields = fields || '{"sort_order": "7", "gift_wrapping_options_type": "''none''"}' WHERE feed = 'articles'));
	$shop->sql("SELECT bcdelta.mark('articles', 'A-13'); INSERT INTO articles (sku, title, price) VALUES ('S-1', 'Sorted', 1)");
	$run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 1, 1, 0 ], 'sort_order') or diag(explain($run), $shop->errors);
	edit('A-13', sort_order => 8);
	$shop->verify("feed => 'articles'");
	is_deeply([ grep { /A-13\|/ } @{ $shop->discrepancies } ], ['articles|A-13|different|sort_order|7|8'], 'is compared');
	edit('A-13', sort_order => 7);
	$shop->sql("UPDATE bcdelta.feed SET fields = fields - 'sort_order' - 'gift_wrapping_options_type' WHERE feed = 'articles'");
	$shop->sql("DELETE FROM articles WHERE sku = 'S-1'");
	$shop->push;
	$store->remove('product', $shop->id('articles', 'S-1'));
	$shop->sql("DELETE FROM bcdelta.link WHERE key = 'S-1'");
};

my @expected;
subtest 'every difference is found, by field: different, missing in the store, missing in the source' => sub {
	edit('A-3', price => '3.49', name => 'Edited');
	edit('A-4', categories => []);
	edit('A-5', brand_id => 0);
	edit('A-6', description => 'not mapped, not compared');
	edit('A-7', weight => '0.1001');
	$store->remove('product', $shop->id('articles', 'A-8'));
	my $gone = $shop->id('articles', 'A-8');
	$store->seed('products', [ { id => 9001, name => 'Extra', sku => 'X-1', type => 'physical', weight => 1, price => 1 } ]);
	$store->edit('brand', $shop->id('makers', 'M1'), { name => 'Edited Maker' });
	$store->edit('category', $shop->id('groups', 12), { is_visible => JSON::PP::false });
	$store->seed('brands', [ { id => 9002, name => 'Extra brand' } ]);
	$store->seed('categories', [ { category_id => 9003, name => 'Extra group' } ]);
	$shop->sql("DELETE FROM articles WHERE sku = 'A-9'; DELETE FROM groups WHERE id = 11");
	$shop->push;
	@expected = sort(
		'articles|A-3|different|name|Article 3|Edited',
		'articles|A-3|different|price|3.5|3.49',
		'articles|A-4|different|categories|[' . $shop->id('groups', 5) . ']|[]',
		'articles|A-5|different|brand_id|' . $shop->id('makers', 'M6') . '|0',
		'articles|A-7|different|weight|0.1|0.1001',
		"articles|A-8|missing_in_store",
		'articles|A-9|missing_in_source',
		'articles|#9001|missing_in_source|sku|X-1',
		'makers|M1|different|name|Maker 1|Edited Maker',
		'groups|12|different|is_visible|true|false',
		'makers|#9002|missing_in_source|name|Extra brand',
		'groups|#9003|missing_in_source|name|Extra group');
	$run = $shop->verify;
	is($run->{state}, 'succeeded', 'differences are no failure of the run');
	is_deeply([ sort @{ $shop->discrepancies } ], \@expected, 'every difference is found, by field');
	is($run->{conflicts}, scalar @expected, 'and counted');
	is($shop->sql("SELECT store_id FROM bcdelta.discrepancy WHERE run_id = $run->{run_id} AND kind = 'missing_in_store'"), $gone, 'with the id that is gone');
	is_deeply($shop->list("SELECT concat_ws('|', field, address = store_id::text, facet, pushed_value) FROM bcdelta.discrepancy
		WHERE run_id = $run->{run_id} AND key = 'A-3' ORDER BY 1"), [ 'name|t|Article 3', 'price|t|3.5' ], 'with the address of the record, and what was pushed last');
	is($shop->sql("SELECT count(*) FROM bcdelta.discrepancy WHERE run_id = $run->{run_id} AND feed = 'groups' AND key = '11'"),
		0, 'a record that was hidden is where it should be');
	$run = $shop->verify("mode => 'count'");
	is_deeply($shop->discrepancies,
		[ 'articles|different|count|599|600', 'groups|different|count|12|13', 'makers|different|count|7|8' ],
		'count: numbers of records, hidden ones among them') or diag(explain($shop->discrepancies));
};

subtest 'differences are corrected by marking and pushing the rows, and nothing else is sent' => sub {
	$shop->clear;
	$shop->sql("SELECT bcdelta.mark('articles', 'A-3', 'A-4', 'A-5', 'A-7', 'A-8'), bcdelta.mark('makers', 'M1'), bcdelta.mark('groups', '12')");
	$run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 1, 6, 0 ], 'put right') or diag(explain($run));
	my %sent = map { $_->{id} => join ',', sort grep { $_ ne 'id' } keys %$_ } map { @{ $_->{body} } } $store->journal(method => 'PUT', path => '/catalog/products');
	is($sent{ $shop->id('articles', 'A-3') }, 'name,price', 'by what differs');
	$run = $shop->verify;
	is_deeply([ sort @{ $shop->discrepancies } ], [ sort grep { /missing_in_source/ } @expected ], 'what nobody owns is left');
};

subtest 'a verify by count considers all feeds of a resource together' => sub {
	$shop->sql(q(CREATE TABLE others AS SELECT 1 AS id, 'Other maker'::text AS name; ALTER TABLE others ADD PRIMARY KEY (id);
		SELECT bcdelta.track('others', 'shop', 'brand', '{"name": "name"}'); SELECT bcdelta.mark_all('others')));
	$shop->push;
	$shop->verify("mode => 'count'");
	is_deeply([ grep { /brand|makers|others/ } @{ $shop->discrepancies } ], ['others|different|count|8|9'], 'count: all feeds of a resource');
	$shop->sql("SELECT bcdelta.untrack('others')");
	$store->remove('brand', $_->{id}) foreach grep { $_->{name} eq 'Other maker' } @{ $store->state('brands') };
};

subtest 'a pending change is no difference' => sub {
	$shop->sql("UPDATE articles SET price = 77 WHERE sku IN ('A-10', 'A-11'); INSERT INTO articles (sku, title, price) VALUES ('N-1', 'New', 1);
		UPDATE makers SET name = 'Pending' WHERE code = 'M2'");
	$run = $shop->verify;
	is($run->{deferred}, 4, 'rows with changes that are not pushed yet');
	is_deeply([ sort @{ $shop->discrepancies } ], [ sort grep { /missing_in_source/ } @expected ], 'are not reported');
	$shop->push;
};

subtest 'a row that cannot be sent is a difference' => sub {
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-12'");
	$shop->push;
	$shop->verify("feed => 'articles'");
	like(join("\n", @{ $shop->discrepancies }), qr/^articles\|A-12\|different\|.*price: .*-1/m, 'a row that cannot be sent is a difference');
};

subtest 'failed requests are repeated; a store that is down fails the run' => sub {
	$store->fault({ times => 2, do => { status => 503 }, match => { method => 'GET' } });
	$run = $shop->verify;
	is($run->{state}, 'succeeded', 'requests that fail are created again') or diag($run->{error});
	$store->fault({ do => { status => 503 } });
	$run = $shop->verify;
	is($run->{state}, 'failed', 'a store that is down fails a verify');
	$store->unfault;
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.verify(mode => 'deep')");
	like($err, qr/mode/, 'an unknown mode');
};

subtest 'a list of many pages is read once, even if the quota delays the pages' => sub {
	$store->seed('brands', [ map { { id => 10000 + $_, name => "Somebody's brand $_" } } 1 .. 2400 ]);
	$store->settings({ quota => 3, window_ms => 300 });
	$shop->clear;
	$run = $shop->verify("feed => 'makers'");
	my %pages;
	$pages{ $_->{query} }++ foreach grep { $_->{status} == 200 } $store->journal(method => 'GET', path => '/catalog/brands');
	is_deeply([ grep { $pages{$_} > 1 } keys %pages ], [], 'a small quota: no page is read twice');
	is(scalar @{ $shop->discrepancies }, 2401, 'every record that belongs to no row is listed once');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
