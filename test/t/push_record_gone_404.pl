# An administrator has removed records that rows are linked to: they are created
# again, or found again, unless the feed's options forbid this.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('gone', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables;

sub article { return { type => 'physical', weight => 1, price => 9, @_ }; }

subtest '404: records that an administrator has removed are created again, or found again' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'G-' || i, 'Gone ' || i, 1 FROM generate_series(1, 10) AS i");
	$shop->sql("INSERT INTO makers VALUES ('G', 'Gone Co.'); INSERT INTO groups VALUES (1, NULL, 'Gone group')");
	$shop->push;
	$store->remove('product', $shop->id('articles', 'G-4'));
	$store->remove('brand', $shop->id('makers', 'G'));
	$store->remove('category', $shop->id('groups', 1));
	$store->remove('product', $shop->id('articles', 'G-7'));
	$store->seed('products', [ article(sku => 'G-7', name => 'Put in again') ]);
	$shop->clear;
	$shop->sql("UPDATE articles SET price = 2 WHERE sku LIKE 'G-%'; UPDATE makers SET name = 'Gone & Co.' WHERE code = 'G'; UPDATE groups SET name = 'Gone, too'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated failed)} ], [ 'succeeded', 3, 9, 0 ], 'records that are gone')
	  or diag(explain([ $run, $shop->errors ]));
	is($shop->records('products', 'sku')->{'G-4'}{id}, $shop->id('articles', 'G-4'), 'are created again');
	is($shop->records('products', 'sku')->{'G-4'}{name}, 'Gone 4', 'with all fields');
	is($shop->id('articles', 'G-7'), $shop->records('products', 'sku')->{'G-7'}{id}, 'or found again');
	is($shop->id('makers', 'G'), $shop->records('brands', 'name')->{'Gone & Co.'}{id}, 'a brand');
	is($shop->id('groups', 1), $shop->records('categories', 'name')->{'Gone, too'}{category_id}, 'a category');
};

subtest '404: references to a record that is created again get its new id' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price, maker, grp) VALUES ('R-1', 'Refers', 1, 'G', 1); INSERT INTO groups VALUES (2, 1, 'Below')");
	$shop->push;
	$store->remove('brand', $shop->id('makers', 'G'));
	$store->remove('category', $shop->id('groups', 1));
	$shop->sql("UPDATE makers SET name = 'Gone again' WHERE code = 'G'; UPDATE groups SET name = 'Gone again'  WHERE id = 1");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state failed)} ], [ 'succeeded', 0 ], 'a brand and a category are created again') or diag(explain($shop->errors));
	is($shop->records('products', 'sku')->{'R-1'}{brand_id}, $shop->id('makers', 'G'), 'a product has its brand again');
	is_deeply($shop->records('products', 'sku')->{'R-1'}{categories}, [ 0 + $shop->id('groups', 1) ], 'and its category');
	is($shop->records('categories', 'name')->{Below}{parent_id}, $shop->id('groups', 1), 'a category its parent');
	is($shop->id('groups', 2), ($shop->records('categories', 'name')->{Below} || {})->{category_id}, 'and its link');
};

subtest '404: with stale_link \'fail\', nothing is created again, and the row says why' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE careful (sku text PRIMARY KEY, name text);
SELECT bcdelta.track('careful', 'shop', 'product', options => '{"stale_link": "fail"}',
	fields => '{"sku": "sku", "name": "name", "type": "''physical''", "price": "1", "weight": "1"}');
INSERT INTO careful SELECT 'K-' || i, 'Careful ' || i FROM generate_series(1, 3) AS i;
EOC
	is($shop->push->{created}, 3, 'a careful feed');
	$store->remove('product', $shop->id('careful', 'K-2'));
	$shop->sql("UPDATE careful SET name = name || '!'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 0, 2, 1 ], 'stale_link fail: nothing is created again');
	like($shop->errors->{'careful K-2'}, qr/record \d+ is no longer in the store/, 'the row says why');
	$shop->sql("SELECT bcdelta.untrack('careful')");
};

subtest '404: if a record of a batch is gone, all records of the batch are read at once' => sub {
	$store->remove('products', $shop->id('articles', 'G-3'));
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated created failed)} ], [ 9, 1, 0 ], 'one record of a batch is gone');
	is_deeply([ sort map { "$_->{method} $_->{status}" } $store->journal ], [ 'GET 200', 'GET 200', 'POST 200', 'PUT 200', 'PUT 404' ], 'which takes five calls');
};

subtest 'a record that the reply does not mention is read, and written if necessary' => sub {
	my $run;
	foreach my $there (0, 1)
	{
		my @ids = map { $shop->id('articles', "G-$_") } 1 .. 10;
		$store->remove('products', $ids[6]) unless $there;
		$store->fault({ match => { method => 'PUT' }, times => 1,
				do => { status => 200, body => { data => [ map { { id => 0 + $_ } } @ids[0 .. 5, 7 .. 9] ], meta => {} } } });
		$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
		$run = $shop->push;
		is($run->{failed}, 0, $there ? 'it is there' : 'it is gone');
		is($shop->records('products', 'sku')->{'G-7'}{price} + 0, $shop->sql("SELECT price FROM articles WHERE sku = 'G-7'") + 0,
			'and has been written');
		$store->unfault;
		$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
		$shop->push;
	}
};

subtest 'a 404 is not believed before the record was looked for: nothing is made twice, and nothing stays' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE shelf (sku text PRIMARY KEY, name text);
SELECT bcdelta.track('shelf', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "type": "''physical''", "price": "1", "weight": "1"}');
INSERT INTO shelf SELECT 'F-' || i, 'Shelf ' || i FROM generate_series(1, 5) AS i;
EOC
	$shop->push;
	my @ids = map { $shop->id('shelf', "F-$_") } 1 .. 5;
	$store->remove('product', $ids[2]);
	$store->fault({ match => { method => 'DELETE' }, times => 1, do => { status => 404 } });
	$shop->clear;
	$shop->sql(q(DELETE FROM shelf WHERE sku <> 'F-1'));
	my $run = $shop->push;
	is($shop->outcomes->{"shelf F-3"}, 'deleted', 'what is gone is gone');
	my @calls = map { "$_->{method} " . ($_->{status} // '') } $store->journal;
	is_deeply([ @calls[ 0 .. 2 ] ], [ 'GET 200', 'DELETE 404', 'GET 200' ], 'what is to be deleted is read first, and all of it again after that');
	cmp_ok(scalar @calls, '<=', 9, 'with few calls');
	is_deeply([ grep { $_->{sku} =~ /^F-/ } map { { sku => $_->{sku} } } @{ $store->state('products') } ], [ { sku => 'F-1' } ], 'nothing stays in the store');
	is($shop->sql(q(SELECT string_agg(key, ',') FROM bcdelta.link WHERE feed = 'shelf')), 'F-1', 'and links follow');
	$store->fault({ match => { method => 'PUT' }, times => 2, do => { status => 404 } });
	$shop->sql(q(UPDATE shelf SET name = 'Shelf one' WHERE sku = 'F-1'; INSERT INTO makers VALUES ('H', 'Here')));
	$shop->push;
	$store->unfault;
	is($shop->id('shelf', 'F-1'), $ids[0], 'a record that is there keeps its link');
	like($shop->errors->{'shelf F-1'}, qr/404/, 'the row says what the store said');
	$shop->sql(q(SELECT bcdelta.retry('shelf')));
	$shop->push;
	is($shop->record('products', $ids[0])->{name}, 'Shelf one', 'and is written when it is tried again');
	is(scalar(grep { $_->{sku} eq 'F-1' } @{ $store->state('products') }), 1, 'once');
	$shop->sql(q(SELECT bcdelta.untrack('shelf')));
};

# Their rows are gone, so nothing would ever look for these records again.
subtest 'a 404 to the read before a removal is not believed: the record is read once more, or its list, and does not stay' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE shirts (sku text PRIMARY KEY);
CREATE TABLE sizes (sku text PRIMARY KEY, shirt text, size text);
CREATE TABLE notes (id int PRIMARY KEY, shirt text, value text);
CREATE TABLE lists (id int PRIMARY KEY);
CREATE TABLE prices (sku text PRIMARY KEY, price numeric);
SELECT bcdelta.track('shirts', 'shop', 'product', '{"sku": "sku", "name": "''Shirt '' || sku", "price": "1", "weight": "1", "type": "''physical''"}', on_delete => 'delete');
SELECT bcdelta.track('sizes', 'shop', 'variant', '{"product_id": "bcdelta.ref(''shirts'', shirt)", "sku": "sku", "option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}',
	on_delete => 'delete', on_conflict => 'review');
SELECT bcdelta.track('notes', 'shop', 'product_metafield', '{"resource_id": "bcdelta.ref(''shirts'', shirt)", "namespace": "''erp''", "key": "''k'' || id", "value": "value", "permission_set": "''read''"}',
	on_delete => 'delete', on_conflict => 'review');
SELECT bcdelta.track('lists', 'shop', 'price_list', '{"name": "''List '' || id", "active": "true"}', on_delete => 'delete');
SELECT bcdelta.track('prices', 'shop', 'price_record', '{"price_list_id": "bcdelta.ref(''lists'', 1)", "currency": "''usd''", "sku": "sku", "price": "price"}', on_delete => 'delete');
INSERT INTO shirts VALUES ('T-1'), ('T-2');
INSERT INTO sizes SELECT t.sku || s, t.sku, s FROM shirts AS t, unnest(ARRAY['S', 'M', 'L']) AS s;
INSERT INTO notes SELECT i, 'T-1', 'v' FROM generate_series(1, 3) AS i;
EOC
	$shop->sql(q(INSERT INTO lists VALUES (1); INSERT INTO prices VALUES ('T-2M', 1), ('T-2S', 1)));
	is($shop->push->{failed}, 0, 'variants, metafields and prices') or diag(explain($shop->errors));
	foreach my $case ([ sizes => "sku = 'T-1S'", 'catalog/variants', 'variants' ], [ sizes => "sku IN ('T-1M', 'T-1L')", 'catalog/variants', 'variants' ], [ notes => 'id = 1', 'metafields', 'product_metafields' ], [ notes => 'id > 1', 'metafields', 'product_metafields' ])
	{
		my ($feed, $which, $path, $records) = @$case;
		my @ids = @{ $shop->list("SELECT l.store_id FROM $feed AS t JOIN bcdelta.link AS l ON l.feed = '$feed' AND l.key = (SELECT v FROM jsonb_each_text(to_jsonb(t)) AS e (k, v) WHERE k IN ('sku', 'id')) WHERE $which") };
		$store->fault({ match => { method => 'GET', path => $path }, times => 1, do => { status => 404 } });
		$shop->sql("DELETE FROM $feed WHERE $which");
		$shop->push;
		$shop->wait_for(q(SELECT NOT EXISTS (SELECT FROM bcdelta.pending WHERE next_attempt_at > clock_timestamp())));
		$shop->push if %{ $shop->pending };
		$store->unfault;
		my %there = map { $_->{id} => 1 } @{ $store->state($records) };
		is_deeply([ grep { $there{$_} } @ids ], [], "$feed, $which: the records do not stay") or diag(explain($shop->outcomes));
		is_deeply($shop->pending, {}, 'and nothing is left pending') or diag(explain($shop->errors));
	}
	is(scalar @{ $store->state('price_records') }, 2, 'what has no id, either:');
	$store->fault({ match => { path => 'pricelists/\d+/records' }, times => 2, do => { status => 404 } });
	$shop->sql(q(DELETE FROM prices WHERE sku = 'T-2M'));
	$shop->push;
	$shop->wait_for(q(SELECT NOT EXISTS (SELECT FROM bcdelta.pending WHERE next_attempt_at > clock_timestamp())));
	$shop->push if %{ $shop->pending };
	$store->unfault;
	is_deeply([ map { $_->{sku} } @{ $store->state('price_records') } ], ['T-2S'], 'a 404 to its removal and one to the read after that') or diag(explain($shop->outcomes));
	is_deeply($shop->pending, {}, 'leave nothing') or diag(explain($shop->errors));
	$store->fault({ match => { method => 'GET', path => 'pricelists/\d+/records' }, times => 1, do => { status => 404 } });
	$shop->sql(q(SELECT bcdelta.set_conflict('prices', 'price', 'review'); UPDATE prices SET price = 2));
	$shop->push;
	$shop->wait_for(q(SELECT NOT EXISTS (SELECT FROM bcdelta.pending WHERE next_attempt_at > clock_timestamp())));
	$shop->push if %{ $shop->pending };
	$store->unfault;
	is_deeply($shop->pending, {}, 'one to the read before a change is not believed, either') or diag(explain($shop->errors));
	is($store->state('price_records')->[0]{price}, 2, 'and the change arrives');
};

subtest 'a record that is not listed yet does not stay when its row is gone' => sub {
	my %kind = (makers => 'brand', groups => 'category', articles => 'product');
	$shop->sql("SELECT bcdelta.alter_feed(feed, on_delete => 'delete') FROM unnest(ARRAY['makers', 'groups', 'articles']) AS f (feed)");
	$store->settings({ list_delay_ms => 3600000 });
	$shop->sql("INSERT INTO makers VALUES ('Y', 'Young'); INSERT INTO groups VALUES (70, NULL, 'Young'); INSERT INTO articles (sku, title, price) VALUES ('Y-1', 'Young', 1), ('Y-2', 'Young, too', 1)");
	is($shop->push->{created}, 4, 'records') or diag(explain($shop->errors));
	my %ids = (makers => [ $shop->id('makers', 'Y') ], groups => [ $shop->id('groups', 70) ], articles => [ map { $shop->id('articles', "Y-$_") } 1, 2 ]);
	$store->remove('product', $ids{articles}[1]);
	$shop->sql("DELETE FROM makers WHERE code = 'Y'; DELETE FROM groups WHERE id = 70; DELETE FROM articles WHERE sku LIKE 'Y-%'");
	is($shop->push->{deleted}, 4, 'whose rows are gone') or diag(explain($shop->errors));
	$store->settings({ list_delay_ms => 0 });
	$store->settle;
	foreach my $feed (sort keys %kind)
	{
		my %there = map { ($_->{id} // $_->{category_id}) => 1 } @{ $store->state({ brand => 'brands', category => 'categories', product => 'products' }->{ $kind{$feed} }) };
		is_deeply([ grep { $there{$_} } @{ $ids{$feed} } ], [], "$feed: none stays");
	}
	is_deeply($shop->pending, {}, 'nothing is left pending') or diag(explain($shop->errors));
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
