# Metafields as collections of products, variants, brands and categories: kept by
# difference like other collections, but written by hundreds, and read in lists of
# their own, since records do not show them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('metafields', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 3 });
my $store = $shop->store;
my $mapping = q("metafields": "(SELECT jsonb_agg(jsonb_build_object(''namespace'', ''erp'', ''key'', e.key, ''value'', e.value, ''permission_set'', ''read'')) FROM jsonb_each_text(info) AS e)");

my $fields = q("sku": "''S'' || id", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1");

$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 1, info jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{$fields, $mapping}', on_delete => 'delete');
EOC

# What the record of a row has, as "key=value", in order
sub info
{
	my ($key, $feed, $kind) = @_;
	my $id = $shop->id($feed // 'item', $key);
	return join(' ', sort map { "$_->{key}=$_->{value}" } grep { $_->{resource_id} == $id } @{ $store->state(($kind // 'product') . '_metafields') });
}

sub sizes { return [ sort map { my $p = $_->{path} =~ s{/\d+}{/id}gr; "$_->{method} $p" . (ref $_->{body} eq 'ARRAY' ? ' ' . @{ $_->{body} } : '') } $shop->writes ]; }
sub reads { return [ map { s{/\d+}{/id}gr } grep { /^GET/ } @{ $shop->calls } ]; }

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'those of many new products are made by hundreds' => sub {
	$shop->sql(q(INSERT INTO item (id, info) SELECT g, jsonb_build_object('a', 'a' || g, 'b', 'b' || g) FROM generate_series(1, 150) AS g));
	is($shop->push->{created}, 150, 'the products') or diag(explain($shop->errors));
	is(scalar(grep { /metafields/ } @{ sizes() }), 2, 'two requests for 300 metafields') or diag(explain(sizes()));
	is(info(150), 'a=a150 b=b150', 'they are there');
	settled('new products');
	$shop->clear;
	$shop->verify;
	is_deeply(reads(), [ 'GET /catalog/products', ('GET /catalog/products/metafields') x 2, 'GET /catalog/products' ], 'a verify reads their list');
};

subtest 'added, changed and removed ones are sent, and nothing else' => sub {
	$shop->clear;
	$shop->sql(q(UPDATE item SET info = '{"a": "A", "c": "C"}' WHERE id <= 20));
	is($shop->push->{updated}, 20, 'each row once') or diag(explain($shop->errors));
	is_deeply(sizes(), [ 'DELETE /catalog/products/metafields 20', 'POST /catalog/products/metafields 20', 'PUT /catalog/products/metafields 20' ], 'in three requests');
	is_deeply(reads(), [], 'without reading anything');
	is(info(1), 'a=A c=C', 'the metafields');
	is(info(21), 'a=a21 b=b21', 'others are left alone');
	settled('changes');
	$store->seed('product_metafields', [ { resource_id => 0 + $shop->id('item', 1), namespace => 'erp', key => 'z', value => 'by hand' } ]);
	$shop->sql(q(UPDATE item SET info = '{}' WHERE id = 1; UPDATE item SET info = NULL WHERE id = 2));
	$shop->push;
	is(info(1), 'a=A c=C z=by hand', 'jsonb_agg of none is null: nothing is said');
	(my $emptied = $mapping) =~ s/: "(.*)"$/: "coalesce($1, ''[]'')"/;
	$shop->sql("SELECT bcdelta.alter_feed('item', '{$fields, $emptied}')");
	$shop->push;
	is(info(1), 'z=by hand', 'an empty array removes them, but not what others have added');
	settled('removals');
};

subtest 'a product that is found by its number has its metafields read first' => sub {
	$shop->sql(q(SELECT bcdelta.unlink('item', id::text) FROM item WHERE id <= 3; UPDATE item SET info = '{"a": "found", "z": "ours"}' WHERE id <= 3));
	$shop->clear;
	is($shop->push->{failed}, 0, 'they are linked') or diag(explain($shop->errors));
	is(info(1), 'a=found z=ours', 'and none is there twice');
	is(scalar(grep { /id.metafields/ } @{ reads() }), 3, 'few products are read one by one');
	settled('found');
	$shop->link(q('item'));
	$shop->sql(q(UPDATE item SET info = info || '{"l": "linked"}' WHERE id <= 3));
	$shop->push;
	is(info(2), 'a=found l=linked z=ours', 'after a link');
	settled('linked');
};

subtest 'edits in the store are told by verify' => sub {
	my ($one) = grep { $_->{key} eq 'a' && $_->{resource_id} == $shop->id('item', 50) } @{ $store->state('product_metafields') };
	$store->edit('product_metafield', $one->{id}, { value => 'edited' });
	$store->remove('product_metafield', (grep { $_->{key} eq 'b' && $_->{resource_id} == $shop->id('item', 51) } @{ $store->state('product_metafields') })[0]{id});
	is($shop->verify->{conflicts}, 2, 'a change and a loss') or diag(explain($shop->discrepancies));
	is_deeply($shop->list(q(SELECT DISTINCT key || ' ' || facet FROM bcdelta.discrepancy WHERE run_id = (SELECT max(run_id) FROM bcdelta.run) ORDER BY 1)), [ '50 metafields', '51 metafields' ], 'in their facet');
	$shop->sql(q(SELECT bcdelta.mark('item', '50'), bcdelta.mark('item', '51')));
	$shop->push;
	settled('repaired');
};

subtest 'a batch that is saved in part, lost replies and other trouble' => sub {
	my $n = 60;
	foreach my $method (qw(POST PUT DELETE))
	{
		my $change = sub { return $method eq 'POST' ? qq(info || '{"n$n": "v"}') : $method eq 'PUT' ? qq(info || '{"a": "v$n"}') : q(info - 'b'); };
		foreach my $do ({ partial => { fail => [ 1, 4 ] } }, { lose => 'before' }, { lose => 'after' }, { status => 503 })
		{
			$shop->sql(q(UPDATE item SET info = info || '{"b": "again"}' WHERE id BETWEEN 60 AND 69));
			$shop->push;
			$store->fault({ match => { method => $method, path => 'metafields' }, times => 1, do => $do });
			$shop->sql("UPDATE item SET info = " . $change->() . " WHERE id BETWEEN 60 AND 69");
			is($shop->push->{failed}, 0, "$method, " . join(' ', %$do)) or diag(explain($shop->errors));
			$store->unfault;
			$n++;
		}
	}
	settled('trouble');
	$store->settings({ most_metafields => 3 });
	$shop->sql(q(UPDATE item SET info = '{"a": "1", "b": "2", "c": "3", "d": "4"}' WHERE id IN (80, 81); UPDATE item SET price = 7, info = '{"a": "1"}' WHERE id = 82));
	is($shop->push->{failed}, 2, 'what the store refuses fails its row');
	like($shop->errors->{'item 80'}, qr/at most 3 metafields/, 'with the reason');
	is(info(82), 'a=1', 'and no other');
	$store->settings({ most_metafields => 250 });
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	settled('a limit');
};

subtest 'what cannot be a collection is refused by element before a request' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE odd (id int PRIMARY KEY, m jsonb);
SELECT bcdelta.track('odd', 'shop', 'product', '{"sku": "''O'' || id", "name": "''Odd '' || id", "price": "1", "type": "''physical''", "weight": "1", "metafields": "m"}');
INSERT INTO odd SELECT id, m::jsonb FROM (VALUES (1, '{"key": "a"}'), (2, '"text"'), (3, '[1]'), (4, '[{"namespace": "n", "key": "k", "value": "v", "permission_set": "read"}, {"namespace": "n", "key": "k", "value": "w", "permission_set": "read"}]'),
	(5, '[{"namespace": "n", "key": "k", "value": "", "permission_set": "read"}]'), (6, '[{"namespace": "n", "key": "k", "value": "v", "permission_set": "all"}]'), (7, '[{"namespace": "n", "key": "k", "permission_set": "read"}]'),
	(8, '[{"namespace": "n", "key": "k", "value": 7, "permission_set": "read"}]'), (9, '[null]'), (10, '[{"id": 3}]'), (13, 'null')) AS v (id, m);
INSERT INTO odd SELECT 11, jsonb_agg(jsonb_build_object('namespace', 'n', 'key', 'k' || g, 'value', 'v', 'permission_set', 'read')) FROM generate_series(1, 10000) AS g;
INSERT INTO odd SELECT 12, jsonb_agg(jsonb_build_object('namespace', 'n', 'key', 'k' || g, 'value', 'v', 'permission_set', 'read')) FROM generate_series(1, 250) AS g;
EOC
	$shop->push;
	my $errors = $shop->errors;
	my %says = (1 => qr/is not an array of objects/, 2 => qr/is not an array/, 3 => qr/element 1 of the array is not an object/, 4 => qr/elements 1 and 2 are the same/, 5 => qr/element 1: value: 0 characters/, 6 => qr/element 1: permission_set: "all"/,
		7 => qr/element 1: value: there is no value/, 8 => qr/element 1: value: .* is not a text/, 9 => qr/element 1/, 10 => qr/element 1: there is no field "id"/, 11 => qr/10000 elements, at most 250 are allowed/);
	like($errors->{"odd $_"}, $says{$_}, "row $_") foreach sort { $a <=> $b } keys %says;
	is(info(12, 'odd'), join(' ', sort map { "k$_=v" } 1 .. 250), 'as many as there may be');
	$store->remove('product', $shop->id('odd', 12));
	$shop->sql(q(SELECT bcdelta.untrack('odd')));
};

subtest 'variants, brands and categories have them as well' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE maker (id int PRIMARY KEY, info jsonb);
CREATE TABLE shelf (id int PRIMARY KEY, info jsonb);
CREATE TABLE size (id int PRIMARY KEY, info jsonb);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "''Brand '' || id", $mapping}', on_delete => 'delete');
SELECT bcdelta.track('shelf', 'shop', 'category', '{"name": "''Shelf '' || id", "parent_id": "0", $mapping}', on_delete => 'delete');
SELECT bcdelta.track('size', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', 90)", "sku": "''V'' || id", "option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', id::text))", $mapping}', on_delete => 'delete');
INSERT INTO maker SELECT g, '{"a": "1", "b": "2"}' FROM generate_series(1, 7) AS g;
INSERT INTO shelf SELECT * FROM maker;
INSERT INTO size SELECT * FROM maker;
EOC
	is($shop->push->{failed}, 0, 'they are made') or diag(explain($shop->errors));
	my %kind = (maker => 'brand', shelf => 'category', size => 'variant');
	foreach my $feed (sort keys %kind)
	{
		is(info(7, $feed, $kind{$feed}), 'a=1 b=2', "$feed: there");
		$shop->clear;
		$shop->sql(qq(UPDATE $feed SET info = '{"a": "3", "c": "4"}'));
		is($shop->push->{updated}, 7, "$feed: changed");
		is(scalar(@{ sizes() }), 3, 'in three requests') or diag(explain(sizes()));
		is(info(7, $feed, $kind{$feed}), 'a=3 c=4', 'in the store');
		$shop->sql("SELECT bcdelta.unlink('$feed')");
		$shop->link("'$feed'");
		$shop->sql(qq(UPDATE $feed SET info = info - 'c' || '{"d": "5"}'));
		is($shop->push->{failed}, 0, "$feed: after a link") or diag(explain($shop->errors));
		like(info(6, $feed, $kind{$feed}), qr/^a=3 (c=4 )?d=5$/, 'which may have shown what is ours');
	}
	settled('other records');
	# another record has it, and the store calls this a bad request
	$shop->sql(q(SELECT bcdelta.alter_feed('size', fields => (SELECT fields || '{"sku": "coalesce(info ->> ''sku'', ''V'' || id)"}' FROM bcdelta.feed WHERE feed = 'size'))));
	$shop->push;
	$store->fault({ match => { method => 'PUT', path => 'variants/\\d+$' }, do => { status => 422, body => { status => 422, title => 'no', errors => {} } } });
	$shop->sql(q(UPDATE size SET info = info || '{"sku": "V2"}' WHERE id = 1));
	my $run = $shop->push;
	is("$run->{state} $run->{failed}", 'succeeded 1', 'a number that another variant has fails its row, and no run') or diag(explain($run));
	$store->unfault;
	$shop->sql(q(UPDATE size SET info = info - 'sku' WHERE id = 1));
	$shop->push;
	settled('without it');
};

subtest 'a verify of more rows than a run has in memory reads the list once' => sub {
	$store->seed('products', [ map { { id => 50_000 + $_, name => "Many $_", sku => "M$_", type => 'physical', weight => 1, price => 1 } } 1 .. 1200 ]);
	$store->seed('product_metafields', [ map { { resource_id => 50_000 + $_, namespace => 'n', key => 'k', value => "v$_", permission_set => 'read' } } 1 .. 1200 ]);
	$shop->sql(<<'EOC');
CREATE TABLE many (id int PRIMARY KEY, value text);
INSERT INTO many SELECT g, 'v' || g FROM generate_series(1, 1200) AS g;
SELECT bcdelta.track('many', 'shop', 'product', '{"sku": "''M'' || id", "name": "''Many '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"metafields": "jsonb_build_array(jsonb_build_object(''namespace'', ''n'', ''key'', ''k'', ''value'', value, ''permission_set'', ''read''))"}');
EOC
	is($shop->link(q('many'))->{linked}, 1200, 'linked');
	my @edited = grep { $_->{value} =~ /^v(3|700|1199)$/ && $_->{resource_id} > 50_000 } @{ $store->state('product_metafields') };
	$store->edit('product_metafield', $_->{id}, { value => 'other' }) foreach @edited;
	$shop->clear;
	is($shop->verify(q('many'))->{conflicts}, 3, 'the differences are found') or diag(explain($shop->discrepancies));
	my $lists = int((@{ $store->state('product_metafields') } + 249) / 250);
	is(scalar(grep { $_ eq 'GET /catalog/products/metafields' } @{ $shop->calls }), $lists, 'by one reading of the list');
	cmp_ok(scalar @{ $shop->calls }, '<=', $lists + 16, 'and what differs is read once more') or diag(explain($shop->calls));
};

done_testing();
