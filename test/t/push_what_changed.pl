# What a push sends, and what it does not: rows of several feeds on their way
# from table to store.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('push');
my $store = $shop->store;
$shop->tables;

my $products;
subtest 'the first push creates every row once, parents first, with few look-ups' => sub {
	# Groups whose keys sort before their parents', three levels deep.
	$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO groups VALUES (1, 5, 'Leaf'), (5, 9, 'Branch'), (9, NULL, 'Tree'), (2, 9, 'Twig');
INSERT INTO articles (sku, title, price, weight, maker, grp)
	SELECT 'A-' || lpad(i::text, 2, '0'), 'Article ' || i, i + 0.50, 0.25, 'M' || 1 + i % 3, 1
	FROM generate_series(1, 25) AS i;
EOC

	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'first push');
	is($run->{error}, undef, 'without an error');
	is($run->{created}, 32, 'all rows are created');
	is($run->{$_}, 0, "none is $_")
	  foreach qw(updated deleted linked unchanged deferred conflicts failed throttled);
	is_deeply($shop->pending, {}, 'nothing is left pending');

	my $brands = $shop->records('brands', 'name');
	my $groups = $shop->records('categories', 'name');
	$products = $shop->records('products', 'sku');
	is(scalar keys %$products, 25, 'products in the store');
	is($groups->{Leaf}{parent_id}, $groups->{Branch}{category_id}, 'child of a child');
	is($groups->{Branch}{parent_id}, $groups->{Tree}{category_id}, 'child');
	is($groups->{Tree}{parent_id}, 0, 'top of the tree');
	is($products->{'A-04'}{brand_id}, $brands->{'Maker 2'}{id}, 'reference to a brand');
	is_deeply(
		$products->{'A-04'}{categories},
		[ $groups->{Leaf}{category_id} ],
		'reference to a category');
	is($run->{api_calls}, scalar @{ $shop->calls }, 'all calls are counted');
	is(scalar $store->journal(method => 'POST', path => '/catalog/products'),
		25, 'a call for each new product');
	is(scalar $store->journal(method => 'GET', path => '/catalog/products'),
		1, 'one look-up for all of them');
	is($shop->outcomes($run->{run_id})->{'articles A-01'}, 'created', 'outcome');
	is( $shop->sql(
			"SELECT count(*) FROM bcdelta.result WHERE outcome = 'created' AND http_status IN (200, 201)
			 AND request_id IS NOT NULL AND store_id IS NOT NULL AND error IS NULL"),
		32,
		'results are complete');
};

subtest 'if nothing has changed, nothing is sent' => sub {
	$shop->clear;
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'second push');
	is_deeply($shop->calls, [], 'makes no call');
	$shop->sql("SELECT bcdelta.mark_all(feed) FROM bcdelta.feed");
	$run = $shop->push;
	is($run->{unchanged}, 32, 'marked rows that did not change');
	is_deeply($shop->calls, [], 'need no call either');
	$shop->sql("UPDATE articles SET title = title, price = price * 1.000");
	is($shop->push->{unchanged}, 25, 'nor do updates that change nothing');
	is_deeply($shop->calls, [], 'in whatever form the number is');
};

subtest 'changed rows are sent ten at a time, with the changed fields only' => sub {
	$shop->sql("UPDATE articles SET price = price + 1");
	my $run = $shop->push;
	is($run->{updated}, 25, 'changed rows are updated');
	my @writes = $shop->writes;
	is_deeply(
		[ sort map { "$_->{method} $_->{path} " . @{ $_->{body} } } @writes ],
		[ map { "PUT /catalog/products $_" } 10, 10, 5 ],
		'in batches of ten');
	is_deeply([ sort keys %{ $writes[0]{body}[0] } ], [ 'id', 'price' ], 'with what changed');
	is($run->{api_calls}, 3, 'and no other call');
	$shop->clear;
	$shop->sql(<<'EOC');
UPDATE articles SET title = 'Article one' WHERE sku = 'A-01';
UPDATE articles SET price = 2 WHERE sku = 'A-02';
UPDATE articles SET price = 3 WHERE sku = 'A-02';
UPDATE articles SET price = 4 WHERE sku = 'A-02';
UPDATE makers SET name = 'Maker One' WHERE code = 'M1';
EOC
	$run = $shop->push;
	is($run->{updated}, 3, 'many changes of a row are one');
	is_deeply([ sort { ($a->{id} // 0) <=> ($b->{id} // 0) } map { ref $_->{body} eq 'ARRAY' ? @{ $_->{body} } : $_->{body} } $shop->writes ],
		[
			{ name => 'Maker One' },
			{ id => $products->{'A-01'}{id}, name => 'Article one' },
			{ id => $products->{'A-02'}{id}, price => 4 }
		], 'each record with its own fields');
};

subtest 'decimals keep their digits' => sub {
	$shop->clear;
	$shop->sql(<<'EOC');
UPDATE articles SET price = 12.50 WHERE sku = 'A-03';
UPDATE articles SET price = 0.0725, weight = 0.1 WHERE sku = 'A-04';
UPDATE articles SET price = 123456789012.3456, weight = 1e-3 WHERE sku = 'A-05';
EOC
	$shop->push;
	my $text = $store->control_text('journal');
	like($text, qr/"price": ?12\.5\d*[,}]/, '12.50');
	like($text, qr/"price": ?0\.0725[,}]/, '0.0725');
	like($text, qr/"weight": ?0\.1[,}]/, '0.1 of a real column');
	like($text, qr/"weight": ?0\.001[,}]/, '1e-3 of a real column');
	$text = $store->control_text('state/products?fields=price');
	like($text, qr/"price": ?123456789012\.3456[,}]/, 'more digits than a double has');
};

subtest 'NULL leaves a field alone, JSON null clears it' => sub {
	$shop->clear;
	$shop->sql("UPDATE articles SET release_date = '2030-01-02 03:04:05+00' WHERE sku = 'A-06'");
	$shop->push;
	like($shop->records('products', 'sku')->{'A-06'}{preorder_release_date}, qr/^2030-01-02/, 'a date');
	$shop->sql("UPDATE articles SET release_date = NULL WHERE sku = 'A-06'");
	is($shop->push->{unchanged}, 1, 'NULL: the field is left alone');
	like($shop->records('products', 'sku')->{'A-06'}{preorder_release_date}, qr/^2030/, 'in the store');
	$shop->sql("UPDATE articles SET no_release = true WHERE sku = 'A-06'");
	is($shop->push->{updated}, 1, 'JSON null is sent');
	is($shop->records('products', 'sku')->{'A-06'}{preorder_release_date}, undef, 'and clears it');
	is(($shop->writes)[-1]{body}[0]{preorder_release_date}, undef, 'as null');
};

subtest 'a row whose reference is not linked yet is deferred, and created once it is' => sub {
	$shop->clear;
	$shop->sql(<<'EOC');
INSERT INTO articles (sku, title, price, maker) VALUES ('B-1', 'Orphan 1', 1, 'M9'), ('B-2', 'Orphan 2', 1, 'M1');
INSERT INTO groups VALUES (20, 21, 'Lost');
EOC
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'a push with rows that cannot go yet succeeds');
	is($run->{created}, 1, 'the others are created');
	is($run->{deferred}, 2, 'two are deferred');
	is_deeply(
		$shop->pending,
		{ 'articles B-1' => 'deferred', 'groups 20' => 'deferred' },
		'which says so');
	is($shop->outcomes->{'articles B-1'}, 'deferred', 'and so does the result');
	like($shop->errors->{'articles B-1'}, qr/row M9 of feed "makers"/, 'with what it waits for');
	$shop->sql("INSERT INTO makers VALUES ('M9', 'Maker 9'); INSERT INTO groups VALUES (21, 9, 'Found')");
	$run = $shop->push;
	is($run->{created}, 4, 'all are created once the references are there');
	is_deeply($shop->pending, {}, 'and nothing waits any more');
	is( $shop->records('products', 'sku')->{'B-1'}{brand_id},
		$shop->id('makers', 'M9'),
		'with the new record');
};

subtest 'categories can be moved within the tree' => sub {
	$shop->clear;
	$shop->sql("UPDATE groups SET parent = NULL WHERE id = 5; UPDATE groups SET parent = 5 WHERE id = 2");
	is($shop->push->{updated}, 2, 'categories move');
	is($shop->record('categories', $shop->id('groups', 5))->{parent_id}, 0, 'to the top');
	is($shop->record('categories', $shop->id('groups', 2))->{parent_id},
		$shop->id('groups', 5), 'to another parent');
};

subtest 'a push can be limited to one feed, to max_rows, and need not be waited for' => sub {
	$shop->sql(<<'EOC');
UPDATE makers SET name = name || '!';
UPDATE articles SET price = price + 1;
EOC
	my $run = $shop->push("feed => 'makers'");
	is_deeply([ @$run{qw(feed updated)} ], [ 'makers', 4 ], 'push of one feed');
	is(scalar(grep { /^articles/ } keys %{ $shop->pending }), 27, 'leaves the others alone');
	$run = $shop->push('max_rows => 12');
	is($run->{updated}, 12, 'max_rows');
	is(scalar keys %{ $shop->pending }, 15, 'leaves the rest pending');
	$run = $shop->push("server => 'shop', wait => false");
	like($run->{state}, qr/^(requested|running|succeeded)$/, 'wait => false returns the run');
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is($shop->run($run->{run_id})->{updated}, 15, 'which goes on by itself');
	is_deeply($shop->pending, {}, 'to its end');
	my ($rc, undef, $err) = $shop->try("SELECT bcdelta.push('nothing')");
	isnt($rc, 0, 'a feed that is not there');
	like($err, qr/feed "nothing" does not exist/, 'is named');
};

subtest 'replies to writes of products contain only the fields that are used' => sub {
	my $asked = sub { return [ sort map { "$_->{method} " . (($_->{query} // '') =~ s/%2C/,/gr) } grep { $_->{path} =~ /products/ } $shop->writes ] };
	my $all = 'include_fields=sku,name,type,price,weight,brand_id,categories,preorder_release_date,is_visible,date_modified';
	$shop->clear;
	$shop->sql("INSERT INTO articles VALUES ('F-1', 'Fields 1', 1); UPDATE articles SET price = price + 1 WHERE sku IN ('A-01', 'A-02')");
	is($shop->push->{failed}, 0, 'a new product, and a batch');
	my @asked = @{ $asked->() };
	is((split /=/, $asked[0])[0], 'POST include_fields', 'a create');
	is_deeply([ sort split /,/, (split /=/, $asked[0])[1] ], [ sort split /,/, (split /=/, $all)[1] ], 'is answered with what is mapped');
	is($asked[1], 'PUT include_fields=sku', 'a batch of updates with ids and little else');
	$shop->clear;
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'F-1'");
	is($shop->push->{updated}, 1, 'an update of one product');
	is($asked->()->[0] =~ s/^PUT //r, $asked[0] =~ s/^POST //r, 'is answered like a create');
	$shop->sql(q(SELECT bcdelta.alter_feed('articles', fields => fields || '{"sort_order": "7"}') FROM bcdelta.feed WHERE feed = 'articles'));
	$shop->push;
	$shop->clear;
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku = 'F-1'");
	is($shop->push->{updated}, 1, 'where a field is mapped that cannot be asked for');
	is_deeply($asked->(), ['PUT '], 'it is answered with the whole record');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
