# Rows that go, come back, change their key or cannot be sent.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('rows');
my $store = $shop->store;
$shop->tables;

# Three tables of products, one for each value of on_delete.
foreach my $how (qw(ignore hide delete))
{
	$shop->sql(<<"EOC");
CREATE TABLE on_$how (id int PRIMARY KEY, sku text, name text, price numeric, weight int NOT NULL DEFAULT 1);
SELECT bcdelta.track('on_$how', 'shop', 'product', on_delete => '$how',
	fields => '{"sku": "sku", "name": "name", "price": "price", "weight": "weight", "type": "''physical''"}');
INSERT INTO on_$how SELECT i, '$how-' || i, 'Product $how ' || i, i FROM generate_series(1, 30) AS i;
EOC
}
$shop->sql(<<'EOC');
CREATE TABLE hidden_groups (id int PRIMARY KEY, name text);
SELECT bcdelta.track('hidden_groups', 'shop', 'category', on_delete => 'hide');
INSERT INTO hidden_groups VALUES (1, 'Going'), (2, 'Staying');
EOC
is($shop->push->{created}, 92, 'rows are created');

subtest 'deleted rows are ignored, hidden or deleted, in as few calls as possible' => sub {
	$shop->clear;
	$shop->sql(<<'EOC');
DELETE FROM on_ignore WHERE id <= 2;
DELETE FROM on_hide WHERE id <= 12;
DELETE FROM on_delete WHERE id <= 12;
DELETE FROM hidden_groups WHERE id = 1;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(deleted hidden)} ], [ 12, 13 ], 'rows are deleted or hidden');
	is($run->{unchanged}, 2, 'rows whose deletion is ignored');
	is_deeply(
		[ sort map { "$_->{method} $_->{endpoint} " . ($_->{body} ? scalar @{ $_->{body} } : '-') } $shop->writes ],
		[
			'DELETE DELETE /catalog/products -',
			'PUT PUT /catalog/products 10',
			'PUT PUT /catalog/products 2',
			'PUT PUT /catalog/trees/categories 1'
		],
		'with as few calls as can be');
	my $products = $shop->records('products', 'sku');
	ok($products->{'ignore-1'}, 'ignore: it is still there');
	ok(!$products->{'hide-1'}{is_visible}, 'hide: it is there, but not shown');
	ok($products->{'hide-13'}{is_visible}, 'and the others are');
	ok(!$products->{'delete-1'}, 'delete: it is gone');
	ok($products->{'delete-13'}, 'and the others are not');
	ok(!$shop->records('categories', 'name')->{Going}{is_visible}, 'a category is hidden');
	is_deeply([ @{ $shop->outcomes }{ 'on_ignore 1', 'on_hide 1', 'on_delete 1' } ],
		[ 'unchanged', 'hidden', 'deleted' ], 'the outcomes say so');
	is($shop->id('on_delete', 1), '', 'the link of a deleted record is gone');
	is($shop->id('on_hide', 1), $products->{'hide-1'}{id}, 'the link of a hidden one is not');
};

my %ids;
subtest 'rows that come back are shown again or created' => sub {
	$shop->clear;
	%ids = map { $_ => $shop->id("on_$_", 1) } qw(ignore hide);
	$shop->sql(<<'EOC');
INSERT INTO on_ignore VALUES (1, 'ignore-1', 'Product ignore 1', 1);
INSERT INTO on_hide VALUES (1, 'hide-1', 'Product hide 1', 1), (2, 'hide-2', 'Product hide 2, new', 2);
INSERT INTO on_delete VALUES (1, 'delete-1', 'Product delete 1', 1);
INSERT INTO hidden_groups VALUES (1, 'Going');
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated unchanged)} ], [ 1, 3, 1 ], 'rows come back');
	my $products = $shop->records('products', 'sku');
	ok($products->{'hide-1'}{is_visible}, 'a hidden one is shown again');
	is($products->{'hide-1'}{id}, $ids{hide}, 'and is the same');
	ok($products->{'hide-2'}{is_visible}, 'one that changed meanwhile too');
	is($products->{'hide-2'}{name}, 'Product hide 2, new', 'with its changes');
	ok($shop->records('categories', 'name')->{Going}{is_visible}, 'a category');
	ok($products->{'delete-1'}, 'a deleted one is created');
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'a row that comes back after a hide whose reply was lost is shown' => sub {
	$store->fault(
		{ match => { method => 'PUT', body => 'is_visible' }, times => 1, do => { lose => 'after' } });
	$shop->sql('DELETE FROM on_hide WHERE id = 30');
	my $pushing = $shop->start;
	$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.pending WHERE feed = 'on_hide' AND key = '30'");
	ok(!$shop->records('products', 'sku')->{'hide-30'}{is_visible}, 'hidden, but nobody knows');
	$shop->sql("INSERT INTO on_hide VALUES (30, 'hide-30', 'Product hide 30', 30)");
	$pushing->finish;
	$shop->push;
	ok($shop->records('products', 'sku')->{'hide-30'}{is_visible}, 'shown again nevertheless');
};

subtest 'a link follows a changed key, and nothing is created' => sub {
	$shop->clear;
	foreach my $how (qw(ignore hide delete))
	{
		$ids{$how} = $shop->id("on_$how", 20);
		$shop->sql("UPDATE on_$how SET id = id + 100 WHERE id = 20");
		$shop->sql("UPDATE on_$how SET id = id + 100, price = 99 WHERE id = 21");
	}
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated deleted failed)} ], [ 0, 3, 0, 0 ], 'keys change');
	foreach my $how (qw(ignore hide delete))
	{
		is($shop->id("on_$how", 120), $ids{$how}, "$how: the link moves");
		is($shop->id("on_$how", 20), '', 'from the old key');
		is($shop->records('products', 'sku')->{"$how-21"}{price}, 99, 'changes are pushed');
	}
};

subtest 'a key that changes during a run creates, deletes and hides nothing' => sub {
	my ($products, $pushing);
	foreach my $how (qw(ignore hide delete))
	{
		$shop->clear;
		$ids{$how} = $shop->id("on_$how", 15);
		$shop->sql("UPDATE on_$how SET price = 1500 WHERE id IN (15, 16); INSERT INTO makers VALUES ('$how', '$how')");
		$store->hold({ match => { path => 'brands' } });
		$pushing = $shop->start;
		$shop->wait_held(1);
		$shop->sql("UPDATE on_$how SET id = id + 200 WHERE id = 15; UPDATE on_$how SET id = 15 WHERE id = 16");
		$store->release;
		$pushing->finish;
		is($shop->last_run->{failed}, 0, "$how: no row is taken for another");
		$shop->push;
		is_deeply(
			[
				grep { $_->{status} == 409 || @{ $_->{created} } || @{ $_->{deleted} } || exists(($_->{body} // [{}])->[0]{is_visible}) }
				  $store->journal(path => qr/products/)
			],
			[],
			"$how: keys change while the run goes on");
		is($shop->id("on_$how", 215), $ids{$how}, 'the link moves');
		$products = $shop->records('products', 'sku');
		is_deeply([ map { $_->{price} } @$products{ "$how-15", "$how-16" } ], [ 1500, 1500 ], 'changes are pushed');
	}
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'a row that replaces another one with its article number gets its record' => sub {
	$shop->clear;
	foreach my $how (qw(ignore hide delete))
	{
		$ids{$how} = [ $shop->id("on_$how", 25), $shop->id("on_$how", 26) ];
		$shop->sql(<<"EOC");
BEGIN;
DELETE FROM on_$how WHERE id IN (25, 26);
INSERT INTO on_$how VALUES (925, '$how-25', 'Product $how 25', 1000), (115, '$how-26', 'Product $how 26', 26);
COMMIT;
EOC
	}
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated deleted failed)} ], [ 0, 3, 0, 0 ], 'rows are replaced');
	my $products = $shop->records('products', 'sku');
	foreach my $how (qw(ignore hide delete))
	{
		is_deeply([ map { $_->{id} } @$products{ "$how-25", "$how-26" } ],
			$ids{$how}, "$how: the records are there");
		is_deeply([ $shop->id("on_$how", 925), $shop->id("on_$how", 115) ],
			$ids{$how}, 'linked to the new rows');
		ok($products->{"$how-25"}{is_visible} && $products->{"$how-26"}{is_visible}, 'and visible');
	}
	is_deeply($shop->pending, {}, 'nothing is left pending');
};

subtest 'rows with composite keys, and references to them, are pushed like others' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE parts (list text, pos int, sku text, name text, price numeric, weight int, PRIMARY KEY (list, pos));
SELECT bcdelta.track('parts', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "price": "price", "weight": "1", "type": "''physical''"}');
CREATE TABLE sets (id int PRIMARY KEY, list text, pos int);
SELECT bcdelta.track('sets', 'shop', 'category',
	fields => '{"name": "''Set '' || bcdelta.ref(''parts'', list, pos)"}');
INSERT INTO parts SELECT 'a "b", \ ' || i, i, 'part-' || i, 'Part ' || i, i FROM generate_series(1, 3) AS i;
INSERT INTO sets VALUES (1, 'a "b", \ 2', 2), (2, NULL, 1);
EOC
	my $run = $shop->push;
	is($run->{created}, 4, 'composite keys');
	is($run->{failed}, 1, 'a name that is null because of a null key');
	is($shop->id('parts', '["a \"b\", \\\\ 2", "2"]'), $shop->records('products', 'sku')->{'part-2'}{id}, 'the key');
	ok($shop->records('categories', 'name')->{ 'Set ' . $shop->records('products', 'sku')->{'part-2'}{id} },
		'a reference to one');
	$shop->sql("UPDATE parts SET pos = 22 WHERE pos = 2; DELETE FROM parts WHERE pos = 3");
	$run = $shop->push("feed => 'parts'");
	is_deeply([ @$run{qw(created updated deleted unchanged)} ], [ 0, 0, 1, 2 ], 'a part of a key changes');
};

subtest 'rows too large to be looked up in one batch are pushed nevertheless' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE large (id int PRIMARY KEY, sku text, name text, description text);
SELECT bcdelta.track('large', 'shop', 'product',
	fields => '{"sku": "sku", "name": "name", "description": "description", "price": "1", "weight": "1", "type": "''physical''"}');
INSERT INTO large SELECT i, 'large-' || i, 'Large ' || i, repeat('x', 300000) FROM generate_series(1, 100) AS i;
EOC
	$shop->clear;
	is($shop->push->{created}, 100, 'large rows are created');
	cmp_ok(scalar $store->journal(method => 'GET', path => '/catalog/products'), '<', 20, 'with few look-ups');
	$shop->sql("UPDATE large SET description = 'y' || description");
	$shop->clear;
	is($shop->push->{updated}, 100, 'and updated');
	is(scalar $shop->writes, 10, 'in full batches');
};

done_testing();
