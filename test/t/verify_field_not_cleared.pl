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

subtest 'a field that is no longer mapped is ignored' => sub {
	$shop->sql("UPDATE articles SET grp = NULL WHERE sku = 'A-3'");
	$shop->push;
	is(scalar @{ differences() }, 1, 'a category');
	$shop->sql("UPDATE bcdelta.feed SET fields = fields - 'categories' WHERE feed = 'articles'");
	is_deeply(differences(), [], 'that nobody maps is nobody\'s');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
