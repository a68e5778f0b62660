# Records that go, or are gone: what refers to them, and what is below them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('gone', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

# Whatever the feed is called, and whoever calls ref()
$shop->sql(<<'EOC');
CREATE TABLE makers (code text PRIMARY KEY, name text);
CREATE TABLE articles (sku text PRIMARY KEY, price numeric, maker text, other text);
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete', feed => $$o'neil "x" \$$);
CREATE FUNCTION brand_of(code text) RETURNS bigint LANGUAGE sql STABLE AS $$SELECT bcdelta.ref('o''neil "x" \', code)$$;
SELECT bcdelta.track('articles', 'shop', 'product', '{"sku": "sku", "name": "sku", "price": "price", "weight": "1", "type": "''physical''",
	"brand_id": "public.brand_of(maker)", "search_keywords": "other"}', on_delete => 'delete');
INSERT INTO makers SELECT i::text, 'Maker ' || i FROM generate_series(1, 4) AS i;
INSERT INTO articles SELECT 'A-' || i, i, i % 4 + 1 FROM generate_series(1, 40) AS i;
EOC
is($shop->push->{created}, 44, 'makers and articles');

sub brands
{
	my %names = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	return [ map { "$_->{sku} " . ($names{ $_->{brand_id} } // '-') } sort { $a->{sku} cmp $b->{sku} } @{ $store->state('products') } ];
}

my $source = q(SELECT sku || ' ' || name FROM articles JOIN makers ON code = maker ORDER BY sku COLLATE "C");
$store->remove('brand', $_) foreach map { $_->{id} } grep { $_->{name} ne 'Maker 4' } @{ $store->state('brands') };
$shop->sql("UPDATE makers SET name = 'New ' || code");
$shop->clear;
my $run = $shop->push;
is_deeply([ @$run{qw(state created updated)} ], [ 'succeeded', 3, 31 ], 'brands that are gone are made again');
is_deeply(brands(), $shop->list($source), 'and their products told');

# A row that goes and comes back has another record
$shop->sql("DELETE FROM makers WHERE code IN ('1', '2')");
$run = $shop->push;
is_deeply([ @$run{qw(state deleted deferred)} ], [ 'succeeded', 2, 20 ], 'what still refers to a row that was deleted waits for it');
$shop->sql("INSERT INTO makers VALUES ('1', 'Back 1'), ('2', 'Back 2')");
$run = $shop->push;
is_deeply([ @$run{qw(state created updated)} ], [ 'succeeded', 2, 20 ], 'which comes back');
is_deeply(brands(), $shop->list($source), 'and has its products again');
is_deeply($shop->pending, {}, 'nothing is pending');
$shop->clear;
$shop->sql("UPDATE articles SET maker = 3; DELETE FROM makers WHERE code <> '3'");
$run = $shop->push;
is_deeply([ @$run{qw(deleted updated deferred)} ], [ 3, 30, 0 ], 'what refers to another row does not wait');
is(scalar $shop->writes, 6, 'which costs no further call');

done_testing();
