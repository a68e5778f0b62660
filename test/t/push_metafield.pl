# Metafields from a table of their own: made without a look-up by hundreds, found
# again when the store has them, and removed by a list of ids.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('metafield', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my $fields = q({"resource_id": "bcdelta.ref(''goods'', goods_id)", "namespace": "space", "key": "name", "value": "value", "permission_set": "''read''", "description": "about"});

sub track { my ($feed, $mapping) = @_; $shop->sql("SELECT bcdelta.track('$feed', 'shop', 'product_metafield', '" . ($mapping // $fields) . "', on_delete => 'delete')"); return; }

$shop->sql(<<'EOC');
CREATE TABLE goods (id int PRIMARY KEY);
SELECT bcdelta.track('goods', 'shop', 'product', '{"sku": "''G'' || id", "name": "''Goods '' || id", "price": "1", "type": "''physical''", "weight": "1"}', on_delete => 'delete');
CREATE TABLE info (id int PRIMARY KEY, goods_id int, space text DEFAULT 'erp', name text, value text, about text);
INSERT INTO goods SELECT generate_series(1, 40);
EOC
track('info');
$shop->push;

sub in_store { return [ sort map { join ' ', @$_{qw(resource_id namespace key value description)} } grep { $_->{owner_client_id} eq 'ours' } @{ $store->state('product_metafields') } ]; }
sub sizes { return [ sort map { "$_->{method} " . scalar @{ $_->{body} || [] } } $shop->writes ]; }
sub reads { return [ grep { /^GET/ } @{ $shop->calls } ]; }

sub agrees
{
	my ($what) = @_;
	is_deeply(in_store(), [ sort @{ $shop->list(q(SELECT concat_ws(' ', l.store_id, space, name, value, coalesce(about, '')) FROM info AS i JOIN bcdelta.link AS l ON l.feed = 'goods' AND l.key = i.goods_id::text)) } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($shop->list(q(SELECT format('%s %s %s %s', l.store_id, l.payload ->> 'resource_id', l.payload ->> 'namespace', l.payload ->> 'key') FROM bcdelta.link AS l WHERE feed = 'info' ORDER BY l.store_id)),
		[ map { join ' ', @$_{qw(id resource_id namespace key)} } sort { $a->{id} <=> $b->{id} } grep { $_->{owner_client_id} eq 'ours' } @{ $store->state('product_metafields') } ], "$what: the links lead to them");
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'new metafields are made 250 at a time without a look-up, and so they are changed and removed' => sub {
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) SELECT g, 1 + g % 40, 'k' || g / 40, 'v' || g FROM generate_series(1, 600) AS g));
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 600, 0 ], 'every row once') or diag(explain($shop->errors));
	is_deeply(sizes(), [ 'POST 100', 'POST 250', 'POST 250' ], 'in three requests');
	is($run->{api_calls}, 3, 'and no other');
	$shop->sql(q(UPDATE info SET value = value || 'x' WHERE id <= 300; DELETE FROM info WHERE id > 300));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated deleted)} ], [ 300, 300 ], 'changes and deletes');
	is_deeply(sizes(), [ 'DELETE 250', 'DELETE 50', 'PUT 250', 'PUT 50' ], 'with four requests');
	is_deeply([ grep { $_->{query} || grep { /\D/ } @{ $_->{body} } } grep { $_->{method} eq 'DELETE' } $shop->writes ], [], 'deletes name ids and nothing else');
	is(join(',', sort keys %{ (grep { $_->{method} eq 'PUT' } $shop->writes)[0]{body}[0] }), 'id,value', 'an update has what changed');
	agrees('changes');
	$shop->clear;
	is($shop->push->{api_calls}, 0, 'and nothing is left to send');
};

subtest 'a batch that is refused in part: what was saved is linked, and the bad rows fail alone with their own error' => sub {
	foreach my $errors (qw(place id))
	{
		$store->settings({ metafield_errors => $errors });
		$store->seed('products', [ { name => "Elsewhere $errors", type => 'physical', price => 1, weight => 1 } ]);
		my $from = $shop->sql('SELECT max(id) FROM info') + 1;
		# one that was removed behind our back, and one more than a product can have
		$store->settings({ most_metafields => 3 + ($errors eq 'id') + $shop->sql('SELECT count(*) FROM info WHERE goods_id = 1') });
		$shop->sql("INSERT INTO info (id, goods_id, name, value) SELECT g, 1, '$errors' || g, 'v' FROM generate_series($from, $from + 5) AS g");
		$shop->clear;
		my $run = $shop->push;
		cmp_ok($run->{created}, '>=', 3, "$errors: those that the product can have are made");
		is($run->{created} + $run->{failed}, 6, 'and the others fail');
		like((values %{ $shop->errors })[0], qr/at most \d+ metafields/, 'with the reason');
		is(scalar(grep { $_->{method} eq 'POST' && @{ $_->{body} } > 1 } $shop->writes), 1, 'one batch was sent');
		$store->settings({ most_metafields => 250 });
		$shop->sql(q(SELECT bcdelta.retry('info')));
		$shop->push;
		agrees("refused in part, $errors");
	}
	$shop->sql(q(UPDATE info SET value = 'changed' WHERE id <= 20));
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { partial => { fail => [ 3, 7 ] } } });
	is($shop->push->{updated}, 20, 'updates in part');
	agrees('updates in part');
	$shop->sql(q(DELETE FROM info WHERE id <= 20));
	$store->fault({ match => { method => 'DELETE' }, times => 1, do => { partial => { fail => [ 3, 7 ] } } });
	is($shop->push->{deleted}, 20, 'deletes in part');
	agrees('deletes in part');
	$store->unfault;
};

subtest 'metafields that the store has already are found in its list, not one by one' => sub {
	my $n = $shop->sql('SELECT count(*) FROM info');
	$shop->sql(q(SELECT bcdelta.unlink('info')));
	$shop->clear;
	is_deeply([ @{ $shop->link(q('info')) }{qw(linked conflicts)} ], [ $n, 0 ], 'link links all of them');
	is(scalar @{ $shop->calls }, 4, 'with two pages of names, and two of the records');
	agrees('linked');
	$shop->sql(q(SELECT bcdelta.unlink('info'); SELECT bcdelta.mark_all('info')));
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(linked created failed)} ], [ $n, 0, 0 ], 'a push does as well') or diag(explain($shop->errors));
	cmp_ok(scalar @{ $shop->calls }, '<=', 8, 'after the store has refused a batch') or diag(explain($shop->calls));
	agrees('found by a push');
	$shop->sql(q(SELECT bcdelta.unlink('info'); SELECT bcdelta.mark('info', '25')));
	$shop->clear;
	is($shop->push->{linked}, 1, 'one row');
	is_deeply(reads(), [ ('GET /catalog/products/' . $shop->id('goods', 26) . '/metafields') ], 'is looked up below its product');
	$shop->link(q('info'));
	agrees('linked again');
};

subtest 'another namespace, key or product is another metafield, and the old one goes' => sub {
	my ($before) = @{ $shop->list(q(SELECT store_id FROM bcdelta.link WHERE feed = 'info' AND key = '30')) };
	$shop->sql(q(UPDATE info SET space = 'web' WHERE id = 30; UPDATE info SET name = 'other' WHERE id = 31; UPDATE info SET goods_id = 5 WHERE id = 32;
		UPDATE info AS i SET name = o.name, goods_id = o.goods_id FROM info AS o WHERE (i.id, o.id) IN ((40, 41), (41, 40))));
	my $run = $shop->push;
	is_deeply([ @$run{qw(created deleted failed)} ], [ 5, 5, 0 ], 'removed and made') or diag(explain($shop->errors));
	isnt($shop->id('info', 30), $before, 'with another id');
	agrees('other names');
	$shop->sql(q(INSERT INTO info SELECT 1050, goods_id, space, name, 'taken over' FROM info WHERE id = 50; DELETE FROM info WHERE id = 50));
	$shop->push;
	agrees('a row that takes over');
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) SELECT 1051, goods_id, upper(name), 'capitals' FROM info WHERE id = 51));
	$shop->push;
	agrees('capitals are another key');
};

subtest 'a key twice: one row has the metafield, the other fails by name' => sub {
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) VALUES (2001, 7, 'twin', 'a'), (2002, 7, 'twin', 'b')));
	$shop->push;
	is(join(' ', values %{ $shop->pending }), 'failed', 'one row fails') or diag(explain($shop->errors));
	like((values %{ $shop->errors })[0], qr/\b200[12]\b/, 'and names the other');
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) VALUES (2003, 7, 'twin', 'c')));
	$shop->push;
	is(scalar(values %{ $shop->pending }), 2, 'so does one that comes later');
	$shop->sql(q(UPDATE info SET name = 'single' WHERE id = 2002; UPDATE info SET space = 'web' WHERE id = 2003; SELECT bcdelta.retry('info')));
	$shop->push;
	agrees('twins');
};

subtest 'what cannot be a metafield is refused by name before a request, and the other rows go on' => sub {
	$shop->sql(q(INSERT INTO info (id, goods_id, space, name, value, about) VALUES (3001, 8, 'erp', 'e', '', NULL), (3002, 8, 'erp', 'n', NULL, NULL), (3003, 8, 'erp', '', 'v', NULL),
		(3004, 8, repeat('s', 65), 'e', 'v', NULL), (3005, 8, 'erp', repeat('k', 65), 'v', NULL), (3006, 8, 'erp', 'long', repeat('v', 65536), NULL), (3007, 8, 'erp', 'a', 'v', repeat('d', 256)),
		(3008, 8, NULL, 'e', 'v', NULL), (3009, NULL, 'erp', 'e', 'v', NULL), (3010, 8, 'erp', repeat('k', 64), repeat('v', 65535), repeat('d', 255)), (3011, 8, 'erp', 'comma,key', 'v', NULL)));
	is($shop->push->{created}, 2, 'the good rows are there');
	my %says = (3001 => qr/^value: 0 char/, 3002 => qr/^value: /, 3003 => qr/^key: 0 char/, 3004 => qr/^namespace: 65 characters, at most 64/, 3005 => qr/^key: 65/, 3006 => qr/^value: 65536 characters, at most 65535/,
		3007 => qr/^description: 256/, 3008 => qr/^namespace: /, 3009 => qr/^resource_id: /);
	my $errors = $shop->errors;
	like($errors->{"info $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar keys %$errors, 9, 'and no other');
	$shop->sql('DELETE FROM info WHERE id BETWEEN 3001 AND 3009');
	$shop->push;
	agrees('refused rows');
	my (undef, undef, $err) = $shop->try(q(SELECT bcdelta.track('info', 'shop', 'product_metafield', '{"resource_id": "1", "namespace": "space", "key": "name", "value": "value", "permission_set": "''all''"}', feed => 'bad')));
	like($err, qr/permission_set": "all" is not one of/, 'and a mapping with a permission that does not exist');
};

subtest 'access to a metafield of another app is denied to its row, and no other row waits; without the scope, the feed is paused' => sub {
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) SELECT 4000 + g, 11, 'o' || g, 'v' FROM generate_series(1, 20) AS g));
	$shop->push;
	my $foreign = $shop->id('info', 4007);
	foreach my $how ('PUT', 'DELETE')
	{
		$store->fault({ match => { method => $how, path => 'metafields', body => "\\b$foreign\\b" }, times => 1000, do => { status => 403, body => { status => 403, title => 'You do not own this metafield.' } } });
		$shop->sql($how eq 'PUT' ? q(UPDATE info SET value = 'w' WHERE id > 4000) : q(DELETE FROM info WHERE id > 4000));
		$shop->clear;
		my $run = $shop->push;
		is_deeply([ @$run{qw(state updated deleted failed)} ], [ 'succeeded', $how eq 'PUT' ? (19, 0) : (0, 19), 1 ], "$how: one row fails") or diag(explain([ $run, $shop->errors ]));
		like($shop->errors->{'info 4007'}, qr/^403 .*do not own.*; the record may belong to another app/, "$how: it says why");
		cmp_ok(scalar @{ sizes() }, '<=', 11, "$how: found by halves");
		is($shop->sql(q(SELECT count(*) FROM bcdelta.feed WHERE state = 'paused')), 0, "$how: no feed is paused");
		$store->unfault;
		$shop->sql(q(SELECT bcdelta.retry('info')));
		$shop->push;
		agrees($how);
	}
	$store->fault({ match => { method => 'POST', path => 'metafields' }, times => 1, do => { status => 403 } });
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) VALUES (4100, 11, 'o', 'v')));
	like($shop->push->{error}, qr/"info" was stopped: 403/, 'without the scope');
	$shop->sql(q(SELECT bcdelta.resume('info')));
	$shop->push;
	agrees('resumed');
};

subtest 'verify reads the list of metafields, and leaves those of other apps out' => sub {
	$store->seed('product_metafields', [ { resource_id => 0 + $shop->id('goods', 9), namespace => 'loyalty', key => 'points', value => '7', owner_client_id => 'other' } ]);
	$shop->clear;
	my $run = $shop->verify(q('info'));
	is($run->{conflicts}, 0, 'there is no difference') or diag(explain($shop->discrepancies));
	is_deeply($shop->calls, [ ('GET /catalog/products/metafields') x 3 ], 'two pages and a count');
	$shop->sql(q(INSERT INTO info (id, goods_id, name, value) SELECT 5000 + g, 1 + g % 40, 'many' || g / 40, 'v' FROM generate_series(1, 2200) AS g));
	$shop->push;
	$shop->clear;
	is($shop->verify(q('info'))->{conflicts}, 0, 'nor among more rows than a run has in memory') or diag(explain($shop->discrepancies));
	my $pages = int((@{ $store->state('product_metafields') } + 249) / 250);
	is_deeply($shop->calls, [ ('GET /catalog/products/metafields') x ($pages + 1) ], 'the list is read once for all of them');
	$shop->sql(q(DELETE FROM info WHERE id > 5000));
	$shop->push;
	$store->edit('product_metafield', $shop->id('info', 60), { value => 'edited' });
	$store->remove('product_metafield', $shop->id('info', 61));
	$store->seed('product_metafields', [ { resource_id => 0 + $shop->id('goods', 10), namespace => 'erp', key => 'extra', value => 'x' } ]);
	$shop->verify(q('info'));
	my $is = $shop->sql(q(SELECT value FROM info WHERE id = 60));
	is_deeply([ grep { !/extra/ } @{ $shop->discrepancies } ], [ "info|60|different|value|$is|edited", 'info|61|missing_in_store' ], 'changes and losses');
	is(scalar(grep { /missing_in_source.*extra/ } @{ $shop->discrepancies }), 0 + grep({ /missing_in_source/ } @{ $shop->discrepancies }), 'and those of the namespace that no row has');
	$store->remove('product_metafield', (grep { $_->{key} eq 'extra' } @{ $store->state('product_metafields') })[0]{id});
	$shop->sql(q(SELECT bcdelta.mark('info', '60'), bcdelta.mark('info', '61')));
	$shop->push;
	agrees('repaired');
	is($shop->verify(q('info'))->{conflicts}, 0, 'nothing is left');
};

subtest 'lost replies and a killed worker make no metafield twice' => sub {
	my $from = 4000;
	foreach my $how (qw(before after))
	{
		foreach my $method (qw(POST PUT DELETE))
		{
			$shop->sql("INSERT INTO info (id, goods_id, name, value) SELECT g, 11, 'lost' || g, 'v' FROM generate_series($from, $from + 8) AS g");
			$shop->push if $method ne 'POST';
			$store->fault({ match => { method => $method }, times => 1, do => { lose => $how } });
			$shop->sql("UPDATE info SET value = 'w' WHERE id BETWEEN $from AND $from + 8");
			$shop->sql("DELETE FROM info WHERE id BETWEEN $from AND $from + 3") if $method eq 'DELETE';
			$shop->push;
			agrees("$method lost $how");
			$store->unfault;
			$from += 10;
		}
	}
	foreach my $method (qw(POST DELETE))
	{
		$store->hold({ match => { method => $method }, process => 'now' });
		$shop->sql("INSERT INTO info (id, goods_id, name, value) SELECT g, 12, 'kill' || g, 'v' FROM generate_series($from, $from + 8) AS g; DELETE FROM info WHERE id BETWEEN " . ($method eq 'POST' ? '4015 AND 4018' : '4034 AND 4038'));
		my $push = $shop->start;
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		# the row of a create that is lost has another name by now
		$shop->sql("UPDATE info SET name = name || 'x' WHERE id = $from; DELETE FROM info WHERE id = $from + 1");
		$shop->push;
		agrees("a kill at $method");
		$from += 10;
	}
};

subtest 'what goes with its product costs no request' => sub {
	$shop->sql('DELETE FROM info WHERE goods_id = 13; DELETE FROM goods WHERE id = 13');
	$shop->clear;
	$shop->push;
	is_deeply([ sort map { "$_->{method} $_->{path}" } $shop->writes ], [ 'DELETE /catalog/products' ], 'one delete');
	agrees('with its product');
};

subtest 'what went with a product that somebody removed from the store is gone' => sub {
	$shop->sql("INSERT INTO goods VALUES (50); INSERT INTO info SELECT 8000 + i, 40 + i % 2 * 10, 'erp', 'gone ' || i, 'x' FROM generate_series(1, 6) AS i");
	is($shop->push->{failed}, 0, 'metafields of two products');
	$store->remove('product', $shop->id('goods', 50));
	$shop->sql('DELETE FROM info WHERE id > 8000');
	my $run = $shop->push;
	is_deeply([ @$run{qw(deleted failed)} ], [ 6, 0 ], 'they are removed') or diag(explain($run), explain($shop->errors));
	$shop->sql('DELETE FROM goods WHERE id = 50');
	$shop->push;
	agrees('a product that is gone');
};

subtest 'variants, brands, categories and customers have metafields of their own' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE brands (id int PRIMARY KEY);
CREATE TABLE shelves (id int PRIMARY KEY);
CREATE TABLE sizes (id int PRIMARY KEY);
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "''c'' || id || ''@example.com''", "first_name": "''A''", "last_name": "''B''"}', on_delete => 'delete');
SELECT bcdelta.track('brands', 'shop', 'brand', '{"name": "''Brand '' || id"}');
SELECT bcdelta.track('shelves', 'shop', 'category', '{"name": "''Shelf '' || id", "parent_id": "0"}');
SELECT bcdelta.track('sizes', 'shop', 'variant', '{"product_id": "bcdelta.ref(''goods'', 1)", "sku": "''S'' || id", "option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', id::text))"}');
INSERT INTO people SELECT generate_series(1, 8);
INSERT INTO brands SELECT generate_series(1, 8);
INSERT INTO shelves SELECT generate_series(1, 8);
INSERT INTO sizes SELECT generate_series(1, 8);
EOC
	my %of = (people => 'customer', brands => 'brand', shelves => 'category', sizes => 'variant');
	foreach my $feed (sort keys %of)
	{
		$shop->sql("CREATE TABLE ${feed}_info (id int PRIMARY KEY, value text); INSERT INTO ${feed}_info SELECT g, 'v' || g FROM generate_series(1, 8) AS g");
		$shop->sql(qq(SELECT bcdelta.track('${feed}_info', 'shop', '$of{$feed}_metafield', '{"resource_id": "bcdelta.ref(''$feed'', id)", "namespace": "''erp''", "key": "''code''", "value": "value", "permission_set": "''app_only''"}', on_delete => 'delete')));
		$shop->sql(qq(SELECT bcdelta.mark_all('${feed}_info')));
	}
	$shop->clear;
	is($shop->push->{failed}, 0, 'all in one push') or diag(explain($shop->errors));
	foreach my $feed (sort keys %of)
	{
		my $values = sub { return join ' ', sort map { $_->{value} } @{ $store->state("$of{$feed}_metafields") } };
		my $sent = sub { return join ' ', sort map { $_->{method} } grep { $_->{path} =~ /metafields/ } $shop->writes };
		is($values->(), join(' ', map { "v$_" } 1 .. 8), "$feed: made");
		$shop->clear;
		$shop->sql("UPDATE ${feed}_info SET value = 'w' || id WHERE id < 8; DELETE FROM ${feed}_info WHERE id = 8");
		$shop->push;
		is($values->(), join(' ', map { "w$_" } 1 .. 7), "$feed: changed and removed");
		is($sent->(), 'DELETE PUT', 'in two requests');
		is($shop->verify("'${feed}_info'")->{conflicts}, 0, "$feed: the same");
		$shop->sql("SELECT bcdelta.unlink('${feed}_info')");
		is_deeply([ @{ $shop->link("'${feed}_info'") }{qw(linked conflicts)} ], [ 7, 0 ], "$feed: found again");
		$shop->sql("SELECT bcdelta.unlink('${feed}_info', '3'), bcdelta.mark('${feed}_info', '3')");
		is($shop->push->{linked}, 1, "$feed: by itself") or diag(explain($shop->errors));
	}
	is_deeply($store->violations, {}, 'no rule of the API was broken');
};

done_testing();
