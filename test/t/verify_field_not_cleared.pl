# Fields for which the mapping once gave a value and no longer does keep it in
# the store, and verify says so.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('dropped', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->tables(
	articles => {
		fields => q('{"sku": "sku", "name": "title", "type": "''physical''", "price": "price",
			"weight": "weight", "brand_id": "bcdelta.ref(''makers'', maker)",
			"categories": "CASE WHEN grp IS NOT NULL THEN ARRAY[bcdelta.ref(''groups'', grp)] END"}') });
$shop->sql(<<'EOC');
INSERT INTO makers VALUES ('M1', 'Maker 1'), ('M2', 'Maker 2');
INSERT INTO groups VALUES (1, NULL, 'Group 1');
INSERT INTO articles (sku, title, price, maker, grp) SELECT 'A-' || i, 'Article ' || i, i, 'M1', 1 FROM generate_series(1, 6) AS i;
EOC
is($shop->push->{created}, 9, 'a shop');
is($shop->verify->{conflicts}, 0, 'that agrees');
my ($brand, $group) = ($shop->id('makers', 'M1'), $shop->id('groups', 1));

sub differences { $shop->verify("feed => 'articles'"); return $shop->discrepancies; }

my @both;
subtest 'a field whose expression becomes null is not sent, and verify lists what stays' => sub {
	$shop->sql("UPDATE articles SET maker = NULL, grp = NULL WHERE sku = 'A-1'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated unchanged api_calls)} ], [ 0, 1, 0 ], 'a null is not sent');
	@both = ("articles|A-1|different|brand_id|$brand", "articles|A-1|different|categories|[$group]");
	is_deeply(differences(), \@both, 'brand and category of before are listed');
	is($shop->sql("SELECT count(*) FROM bcdelta.discrepancy WHERE source_value IS NULL AND store_value IN ('$brand', '[$group]')"),
		2, 'as what the store has and the source has not');
	is_deeply(differences(), \@both, 'each time');
};

subtest 'what stays is listed even when other fields of the row are written' => sub {
	$shop->sql("UPDATE articles SET price = 10 WHERE sku = 'A-1'");
	$shop->clear;
	is($shop->push->{updated}, 1, 'another field changes');
	my ($write) = $shop->writes;
	is_deeply([ sort keys %{ $write->{body}[0] } ], [qw(id price)], 'and is sent alone');
	is_deeply(differences(), \@both, 'they are listed still');
};

subtest 'what stays is listed even when the result of a write is unknown' => sub {
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { lose => 'after' } });
	$shop->sql("UPDATE articles SET price = 11 WHERE sku = 'A-1'");
	$shop->push;
	is_deeply($shop->pending, {}, 'a reply is lost');
	is_deeply(differences(), \@both, 'they are listed still');
	$store->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE articles SET price = 12 WHERE sku = 'A-1'");
	$shop->sql("SELECT bcdelta.push(wait => false)");
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$store->release({});
	$shop->wait_for("SELECT count(*) = 0 FROM bcdelta.pending");
	is_deeply(differences(), \@both, 'the worker dies in flight: they are listed still');
};

subtest 'what stays is listed even after the row\'s key has changed' => sub {
	$shop->sql("UPDATE articles SET sku = 'B-1' WHERE sku = 'A-1'");
	$shop->push;
	s/A-1/B-1/ foreach @both;
	is_deeply(differences(), \@both, 'under another key too');
};

subtest 'what stays is listed until the store is cleared, or the row has a value again' => sub {
	$store->edit('product', $shop->id('articles', 'B-1'), { brand_id => 0 + $shop->id('makers', 'M2'), categories => [] });
	is_deeply(differences(), [ 'articles|B-1|different|brand_id|' . $shop->id('makers', 'M2') ], 'what is cleared in the store is gone from the list');
	$shop->sql("UPDATE articles SET maker = 'M1' WHERE sku = 'B-1'");
	is($shop->push->{updated}, 1, 'a value that the store has not is sent');
	is_deeply(differences(), [], 'and agrees');
};

subtest 'written as null or zero, the field is cleared' => sub {
	$shop->sql("UPDATE articles SET maker = NULL WHERE sku = 'A-2'");
	$shop->push;
	is(scalar @{ differences() }, 1, 'another row');
	$shop->sql(q(UPDATE bcdelta.feed SET fields = fields || '{"brand_id": "coalesce(bcdelta.ref(''makers'', maker), 0)"}' WHERE feed = 'articles'));
	$shop->sql("SELECT bcdelta.mark('articles', 'A-2')");
	is($shop->push->{updated}, 1, 'coalesce(..., 0) clears the brand');
	is_deeply(differences(), [], 'and the store agrees');
};

subtest 'with the option nulls, a null empties the field' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE thing (id text PRIMARY KEY, title text, upc text, cost numeric, body text, places int[], price numeric NOT NULL DEFAULT 1, sort int);
SELECT bcdelta.track('thing', 'shop', 'product', '{"sku": "id", "name": "title", "type": "''physical''", "weight": "1", "price": "price", "upc": "upc", "cost_price": "cost",
	"description": "body", "categories": "places", "sort_order": "sort", "condition": "CASE WHEN sort IS NOT NULL THEN ''Used'' END"}', options => '{"nulls": "clear"}');
EOC
	$shop->sql("INSERT INTO thing VALUES ('t1', 'Thing 1', '123456789012', 5, '<p>Text</p>', '{$group}', 1, 7), ('t2', 'Thing 2', NULL, NULL, NULL, NULL, 1, NULL)");
	is($shop->push->{created}, 2, 'pushed');
	$shop->sql("UPDATE thing SET upc = NULL, cost = NULL, body = NULL, places = NULL, sort = NULL WHERE id = 't1'");
	is_deeply([ map { "$_->{key} $_->{action}" } $shop->value("SELECT key, action FROM bcdelta.preview('thing')") ], ['t1 update'], 'preview tells it');
	$shop->clear;
	$shop->push;
	my ($put) = $shop->writes;
	delete $put->{body}[0]{id};
	is_deeply($put->{body}, [ { upc => '', cost_price => 0, description => '', categories => [], sort_order => 0 } ], 'each in its way, but for what cannot be empty');
	$shop->verify("feed => 'thing'");
	is_deeply($shop->discrepancies, ['thing|t1|different|condition|Used'], 'verify lists only that') or diag(explain($shop->discrepancies));
	$shop->clear;
	$shop->sql("UPDATE thing SET price = 2; SELECT bcdelta.mark_all('thing')");
	$shop->push;
	is_deeply([ map { join ' ', sort keys %$_ } map { @{ $_->{body} } } $shop->writes ], [ 'id price', 'id price' ], 'once');
	$shop->sql("UPDATE thing SET upc = '123456789013' WHERE id = 't1'");
	$shop->push;
	my ($record) = grep { $_->{sku} eq 't1' } @{ $store->state('products') };
	is($record->{upc}, '123456789013', 'a later value is written');
	my (undef, undef, $text) = $shop->node->psql('shop', q(SELECT bcdelta.alter_feed('thing', options => '{"nulls": "drop"}')));
	like($text, qr/invalid value for option "nulls".*"keep" or "clear"/s, 'another word');
};

subtest 'a field that is no longer mapped is ignored' => sub {
	$shop->sql("UPDATE articles SET grp = NULL WHERE sku = 'A-3'");
	$shop->push;
	is(scalar @{ differences() }, 1, 'a category');
	$shop->sql("UPDATE bcdelta.feed SET fields = fields - 'categories' WHERE feed = 'articles'");
	is_deeply(differences(), [], 'that nobody maps is nobody\'s');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
