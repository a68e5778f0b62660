# What a push has done is undone, whatever the resource: records of every kind, what
# is below them, and those without an id.

use strict;
use warnings;

use JSON::PP ();

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('resources', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 4 });
my $store = $shop->store;
my $json = JSON::PP->new->canonical->allow_nonref;
my $PRODUCT = q("type": "''physical''", "weight": "1");

$store->settings({ channels => [ 1, 2, 3 ], new_on_channels => [1], locations => [ { id => 1 }, { id => 2 } ], sites => [1000], price_groups => [ 1 .. 5 ], currencies => [qw(usd eur)] });

# By which name a record of a kind goes
my %kinds = (
	products => 'name', variants => 'sku', brands => 'name', categories => 'name', customers => 'email', attributes => 'name', customer_groups => 'name',
	price_lists => 'name', redirects => undef, addresses => undef, attribute_values => undef, price_records => undef, price_list_assignments => undef,
	product_metafields => undef, elements => undef, stock => undef, product_channels => undef);
my %refers = (
	product_id => 'products', resource_id => 'products', variant_id => 'variants', brand_id => 'brands', parent_id => 'categories', categories => 'categories', customer_id => 'customers',
	attribute_id => 'attributes', customer_group_id => 'customer_groups', price_list_id => 'price_lists');

# A value without ids and dates
sub plain
{
	my ($v, $names, $member) = @_;
	my $named = $refers{ $member // '' };
	return [ sort { $json->encode($a) cmp $json->encode($b) } map { plain($_, $names, $member) } @$v ] if ref $v eq 'ARRAY';
	return $names->{$named}{$v} // $v if $named && defined $v && !ref $v;
	return $v unless ref $v eq 'HASH';
	return { map { $v->{$_} ? ($_ => $v->{$_}) : () } keys %$v } if ($member // '') eq 'levels';
	return { map { $_ => plain($v->{$_}, $names, $_) } grep { !($_ eq 'name' && exists $v->{display_name}) } grep { !/^(id|category_id|image_id|option_id|option_value_id|base_variant_id|date_\w+|\w+_at|url_\w+|\w+_uuid|store_credit_amounts|image_file|calculated_\w+|sku_id|sort_order|is_thumbnail|customer_count)$/ } keys %$v };
}

# The store's contents, with names in place of ids
sub contents
{
	my %records = map { my $r = $store->state($_); $_ => ref $r eq 'HASH' ? [ map { { product_id => $_, level => $r->{$_} } } keys %$r ] : $r } keys %kinds;
	my %names;
	foreach my $kind (grep { $kinds{$_} } keys %kinds)
	{
		$names{$kind}{ $_->{id} // $_->{category_id} } = $_->{ $kinds{$kind} } foreach @{ $records{$kind} };
	}
	$_ = { product_id => $_->[0], channel_id => $_->[1] } foreach @{ $records{product_channels} };
	return { map { my $kind = $_; map { ("$kind " . $json->encode(plain($_, \%names)) => 1) } @{ $records{$kind} } } keys %kinds };
}

# In which members two records differ
sub differences
{
	my ($kind, @texts) = (split(/ /, $_[0], 2), (split / /, $_[1], 2)[1]);
	my ($is, $has) = map { $json->decode($_) } @texts;
	return map { my ($x, $y) = map { $json->encode($_) } $is->{$_}, $has->{$_}; $x eq $y ? () : "$kind $_: $x, but has $y\n" } sort keys %{ { %$is, %$has } };
}

# Compares them with what they should be
sub same_as
{
	my ($expected, $what) = @_;
	my $have = contents();
	my @lost = grep { !$have->{$_} } sort keys %$expected;
	my @more = grep { !$expected->{$_} } sort keys %$have;
	ok(!@lost && !@more, $what) or diag(@lost == @more ? map({ differences($lost[$_], $more[$_]) } 0 .. $#lost) : (map({ "lost: $_\n" } @lost), map({ "more: $_\n" } @more)));
	return;
}

sub undo
{
	my ($call, $kept) = @_;
	my $run = $shop->value("SELECT * FROM bcdelta.$call");
	is("$run->{state} $run->{failed} $run->{conflicts}", 'succeeded 0 ' . ($kept // 0), $call)
	  or diag($shop->sql("SELECT * FROM bcdelta.rollback_field WHERE run_id = $run->{run_id}"), "\n", $shop->sql("SELECT * FROM bcdelta.result WHERE run_id = $run->{run_id} AND error IS NOT NULL"));
	return $run;
}

sub push_all
{
	my ($what) = @_;
	my $run = $shop->push;
	is_deeply($shop->pending, {}, "$what is pushed") or diag(explain([ $run, $shop->errors ]));
	return $run;
}

# Pushes a change, rolls it back, twice, and rolls that back.
sub goes_back
{
	my ($what, $change) = @_;
	my $before = contents();
	my $options = 'created => $$delete$$, after => $$none$$';
	$shop->sql($change);
	my $run = push_all($what);
	my $after = contents();
	isnt($json->encode($after), $json->encode($before), "$what: the store has changed");
	my $back = undo("rollback($run->{run_id}, $options)");
	same_as($before, "$what: the store is as before");
	$shop->clear;
	undo("rollback($run->{run_id}, $options)");
	is_deeply($shop->requests, [], "$what: nothing is left to do");
	undo("rollback($back->{run_id}, $options)");
	same_as($after, "$what: the rollback is rolled back");
	is_deeply($store->violations, {}, "$what: no rule of the API was broken") or diag(explain($store->violations));
	# the rows, too, are as in the store
	$shop->sql("SELECT bcdelta.mark_all(feed) FROM bcdelta.feed");
	push_all("$what: all of it");
	same_as($after, "$what: the next push leaves it so");
	return;
}

subtest 'variants of a table of their own' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, price numeric, mpn text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", $PRODUCT, "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''K'' || id)", "price": "price", "mpn": "mpn",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
INSERT INTO item VALUES (1), (2);
INSERT INTO kind VALUES (1, 1, NULL, 'S', 1, 'm1'), (2, 1, NULL, 'M', 2, 'm2'), (3, 2, NULL, 'S', 3, 'm3');
EOC
	push_all('a first push');
	goes_back('an update', "UPDATE kind SET price = price + 1, mpn = 'new' WHERE id < 3");
	goes_back('a new variant', "INSERT INTO kind VALUES (4, 1, NULL, 'L', 4, 'm4')");
	goes_back('a new product with variants', "INSERT INTO item VALUES (3); INSERT INTO kind VALUES (5, 3, NULL, 'S', 5, 'm5'), (6, 3, NULL, 'M', 6, 'm6')");
	goes_back('a deleted variant', 'DELETE FROM kind WHERE id = 2');
	goes_back('swapped numbers', "UPDATE kind SET code = CASE id WHEN 1 THEN 'K3' ELSE 'K1' END WHERE id IN (1, 3)");
	goes_back('a deleted product with its variants', 'DELETE FROM kind WHERE item = 3; DELETE FROM item WHERE id = 3');
	$shop->sql("SELECT bcdelta.untrack('kind'); SELECT bcdelta.untrack('item')");
};

subtest 'what is below a product' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE full_item (id int PRIMARY KEY, sizes text[], images jsonb, videos jsonb, rules jsonb, mods jsonb, meta jsonb, fields jsonb, channels int[]);
SELECT bcdelta.track('full_item', 'shop', 'product', '{"name": "''Full '' || id", "sku": "''F'' || id", $PRODUCT, "price": "10", "images": "images", "videos": "videos", "bulk_pricing_rules": "rules",
	"modifiers": "mods", "metafields": "meta", "custom_fields": "fields", "channels": "channels",
	"variants": "(SELECT jsonb_agg(jsonb_build_object(''sku'', ''F'' || id || s, ''price'', length(s), ''option_values'', jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', s)))) FROM unnest(sizes) AS s)"}', on_delete => 'delete');
INSERT INTO full_item VALUES (1, '{S,M}', '[{"image_url": "https://img.example.org/a.jpg", "description": "A"}, {"image_url": "https://img.example.org/b.jpg", "description": "B"}]',
	'[{"video_id": "v1", "title": "V1"}]', '[{"quantity_min": 2, "quantity_max": 9, "type": "price", "amount": 1}, {"quantity_min": 10, "quantity_max": 0, "type": "price", "amount": 2}]',
	'[{"type": "text", "display_name": "Engraving", "required": false, "config": {"text_max_length": 20}}, {"type": "dropdown", "display_name": "Wrapping", "required": true, "option_values": [{"label": "Red", "sort_order": 0}, {"label": "Blue", "sort_order": 1}]}]',
	'[{"namespace": "erp", "key": "k1", "value": "1", "permission_set": "read"}, {"namespace": "erp", "key": "k2", "value": "1", "permission_set": "read"}]',
	'[{"name": "a", "value": "1"}]', '{1,2}');
EOC
	push_all('a first push');
	goes_back('images', q(UPDATE full_item SET images = '[{"image_url": "https://img.example.org/b.jpg", "description": "B2"}, {"image_url": "https://img.example.org/c.jpg"}]'));
	goes_back('videos', q(UPDATE full_item SET videos = '[{"video_id": "v2", "title": "V2"}]'));
	goes_back('rules', q(UPDATE full_item SET rules = '[{"quantity_min": 2, "quantity_max": 5, "type": "price", "amount": 3}]'));
	goes_back('modifiers', q(UPDATE full_item SET mods = '[{"type": "dropdown", "display_name": "Wrapping", "required": false, "option_values": [{"label": "Red", "sort_order": 0}, {"label": "Green", "sort_order": 1}]}, {"type": "text", "display_name": "Card", "required": false, "config": {"text_max_length": 9}}]'));
	goes_back('metafields', q(UPDATE full_item SET meta = '[{"namespace": "erp", "key": "k2", "value": "2", "permission_set": "read"}, {"namespace": "erp", "key": "k3", "value": "3", "permission_set": "read"}]'));
	goes_back('channels', q(UPDATE full_item SET channels = '{2,3}'));
	goes_back('variants', q(UPDATE full_item SET sizes = '{M,LL}'));
	goes_back('a new product', q(INSERT INTO full_item SELECT 2, sizes, images, videos, rules, mods, meta, fields, channels FROM full_item));
	goes_back('a deleted product', q(DELETE FROM full_item WHERE id = 2));
	$shop->sql("SELECT bcdelta.untrack('full_item')");
};

subtest 'stock' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE stocked (id int PRIMARY KEY, qty int);
CREATE TABLE bin (item int, place int, qty int, PRIMARY KEY (item, place));
CREATE TABLE rel (item int, place int, qty int, PRIMARY KEY (item, place));
SELECT bcdelta.track('stocked', 'shop', 'product', '{"name": "''Stocked '' || id", "sku": "''Q'' || id", $PRODUCT, "price": "10", "inventory_tracking": "''product''", "inventory_level": "qty"}', on_delete => 'delete');
SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''stocked'', item)", "location_id": "place", "quantity": "qty"}', on_delete => 'delete');
INSERT INTO stocked VALUES (1, 5), (2, 6), (3, NULL), (4, NULL);
INSERT INTO bin VALUES (3, 1, 7), (3, 2, 8);
EOC
	push_all('a first push');
	goes_back('the level of products', 'UPDATE stocked SET qty = qty + 10');
	goes_back('levels', 'UPDATE bin SET qty = qty + 1');
	goes_back('new levels', 'INSERT INTO bin VALUES (4, 2, 3)');
	goes_back('another address', 'UPDATE bin SET item = 4, place = 1 WHERE place = 1');
	goes_back('a row that is gone', 'DELETE FROM bin WHERE item = 3');
	$shop->sql("SELECT bcdelta.untrack('bin'); SELECT bcdelta.untrack('stocked')");
};

subtest 'price lists' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE lists (code text PRIMARY KEY, title text, active boolean);
CREATE TABLE prices (list text, sku text, cur text, net numeric, sale numeric, tiers jsonb, PRIMARY KEY (list, sku, cur));
CREATE TABLE who (list text, grp int, channel int, PRIMARY KEY (grp, channel));
SELECT bcdelta.track('lists', 'shop', 'price_list', '{"name": "title", "active": "active"}', on_delete => 'delete');
SELECT bcdelta.track('prices', 'shop', 'price_record', '{"price_list_id": "bcdelta.ref(''lists'', list)", "sku": "sku", "currency": "cur", "price": "net", "sale_price": "sale", "bulk_pricing_tiers": "tiers"}', on_delete => 'delete');
SELECT bcdelta.track('who', 'shop', 'price_list_assignment', '{"price_list_id": "bcdelta.ref(''lists'', list)", "customer_group_id": "grp", "channel_id": "channel"}', on_delete => 'delete');
INSERT INTO lists VALUES ('A', 'List A', true), ('B', 'List B', true);
INSERT INTO prices VALUES ('A', 'Q1', 'usd', 1, 0.5, NULL), ('A', 'Q2', 'usd', 2, 1, '[{"quantity_min": 2, "quantity_max": 0, "type": "price", "amount": 1}]'), ('B', 'Q1', 'eur', 3, 2, NULL);
INSERT INTO who VALUES ('A', 1, 1), ('A', 2, 1);
EOC
	push_all('a first push');
	goes_back('lists', "UPDATE lists SET title = title || '!', active = false");
	goes_back('prices', 'UPDATE prices SET net = net + 1, sale = coalesce(sale, 0) + 0.5');
	goes_back('tiers', q(UPDATE prices SET tiers = '[{"quantity_min": 3, "quantity_max": 0, "type": "price", "amount": 0.5}]' WHERE sku = 'Q2'));
	goes_back('a new price', "INSERT INTO prices VALUES ('B', 'Q2', 'usd', 1, NULL, NULL)");
	goes_back('a deleted price', "DELETE FROM prices WHERE sku = 'Q2' AND list = 'A'");
	goes_back('a price of another address', "UPDATE prices SET cur = 'usd' WHERE cur = 'eur'");
	goes_back('assignments', "UPDATE who SET list = 'B' WHERE grp = 1");
	goes_back('assignments added and removed', "DELETE FROM who WHERE grp = 2; INSERT INTO who VALUES ('B', 3, 2)");
	goes_back('a new list with its prices', "INSERT INTO lists VALUES ('C', 'List C', true); INSERT INTO prices VALUES ('C', 'Q1', 'usd', 1, NULL, NULL); INSERT INTO who VALUES ('C', 4, 1)");
	goes_back('a deleted list with its prices', "DELETE FROM who WHERE list = 'C'; DELETE FROM prices WHERE list = 'C'; DELETE FROM lists WHERE code = 'C'");
	$shop->sql("SELECT bcdelta.untrack('who'); SELECT bcdelta.untrack('prices'); SELECT bcdelta.untrack('lists')");
};

subtest 'customers' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE grp (id int PRIMARY KEY, name text);
CREATE TABLE person (id int PRIMARY KEY, mail text, firm text, grp int);
CREATE TABLE place (id int PRIMARY KEY, person int, street text, phone text);
CREATE TABLE trait (code text PRIMARY KEY, name text);
CREATE TABLE worth (person int, trait text, value text, PRIMARY KEY (person, trait));
SELECT bcdelta.track('grp', 'shop', 'customer_group', '{"name": "name"}', on_delete => 'delete');
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "''P''", "last_name": "id::text", "company": "firm", "customer_group_id": "coalesce(bcdelta.ref(''grp'', grp), 0)"}', on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "''Ann''", "last_name": "''Bell''", "address1": "street", "city": "''Oslo''",
	"state_or_province": "''Oslo''", "postal_code": "''0150''", "country_code": "''NO''", "phone": "phone"}', on_delete => 'delete');
SELECT bcdelta.track('trait', 'shop', 'customer_attribute', '{"name": "name", "type": "''string''"}', on_delete => 'delete');
SELECT bcdelta.track('worth', 'shop', 'customer_attribute_value', '{"customer_id": "bcdelta.ref(''person'', person)", "attribute_id": "bcdelta.ref(''trait'', trait)", "value": "value"}', on_delete => 'delete');
INSERT INTO grp VALUES (1, 'Retail'), (2, 'Trade');
INSERT INTO person VALUES (1, 'a\@example.org', 'Acme', 1), (2, 'b\@example.org', 'Bcme', NULL);
INSERT INTO place VALUES (1, 1, 'Street 1', '1'), (2, 1, 'Street 2', '2'), (3, 2, 'Street 3', '3');
INSERT INTO trait VALUES ('x', 'Size'), ('y', 'Shoe');
INSERT INTO worth VALUES (1, 'x', '1'), (1, 'y', '2'), (2, 'x', '3');
EOC
	push_all('a first push');
	goes_back('customers', "UPDATE person SET firm = 'New', grp = 2");
	goes_back('addresses', "UPDATE place SET street = street || 'b', phone = '9'");
	goes_back('addresses added and removed', "DELETE FROM place WHERE id = 2; INSERT INTO place VALUES (4, 2, 'Street 4', '4')");
	goes_back('attributes', "UPDATE trait SET name = name || '!'");
	goes_back('values', "UPDATE worth SET value = value || '0'");
	goes_back('values added and removed', "DELETE FROM worth WHERE person = 2; INSERT INTO worth VALUES (2, 'y', '7')");
	goes_back('groups', "UPDATE grp SET name = name || '!'");
	goes_back('a new customer', "INSERT INTO person VALUES (3, 'c\@example.org', 'C', 1); INSERT INTO place VALUES (5, 3, 'Street 5', '5'); INSERT INTO worth VALUES (3, 'x', '8')");
	goes_back('a deleted customer', 'DELETE FROM worth WHERE person = 3; DELETE FROM place WHERE person = 3; DELETE FROM person WHERE id = 3');
	goes_back('a deleted attribute', "DELETE FROM worth WHERE trait = 'y'; DELETE FROM trait WHERE code = 'y'");
	$shop->sql("SELECT bcdelta.untrack(f) FROM unnest('{worth,trait,place,person,grp}'::text[]) AS f");
};

subtest 'categories below each other, redirects, metafields and assignments' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE shelf (id int PRIMARY KEY, parent int, name text);
CREATE TABLE goods (id int PRIMARY KEY, shelf int, code text);
CREATE TABLE moved (id int PRIMARY KEY, path text, target text);
CREATE TABLE info (id int PRIMARY KEY, goods int, name text, value text);
CREATE TABLE on_channel (item int, channel int, PRIMARY KEY (item, channel));
CREATE TABLE on_shelf (item int, shelf int, PRIMARY KEY (item, shelf));
SELECT bcdelta.track('shelf', 'shop', 'category', '{"name": "name", "parent_id": "coalesce(bcdelta.ref(''shelf'', parent), 0)"}', on_delete => 'delete');
SELECT bcdelta.track('goods', 'shop', 'product', '{"name": "''Goods '' || id", "sku": "coalesce(code, ''G'' || id)", $PRODUCT, "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('moved', 'shop', 'redirect', '{"site_id": "1000", "from_path": "path", "to": "jsonb_build_object(''type'', ''url'', ''url'', target)"}', on_delete => 'delete');
SELECT bcdelta.track('info', 'shop', 'product_metafield', '{"resource_id": "bcdelta.ref(''goods'', goods)", "namespace": "''erp''", "key": "name", "value": "value", "permission_set": "''read''"}', on_delete => 'delete');
SELECT bcdelta.track('on_channel', 'shop', 'channel_assignment', '{"product_id": "bcdelta.ref(''goods'', item)", "channel_id": "channel"}', on_delete => 'delete');
SELECT bcdelta.track('on_shelf', 'shop', 'category_assignment', '{"product_id": "bcdelta.ref(''goods'', item)", "category_id": "bcdelta.ref(''shelf'', shelf)"}', on_delete => 'delete');
INSERT INTO shelf VALUES (1, NULL, 'One'), (2, 1, 'Two'), (3, 2, 'Three');
INSERT INTO goods VALUES (1, 2), (2, 2);
INSERT INTO moved VALUES (1, '/a', '/x'), (2, '/b', '/y');
INSERT INTO info VALUES (1, 1, 'k1', '1'), (2, 1, 'k2', '2'), (3, 2, 'k1', '3');
INSERT INTO on_channel VALUES (1, 1), (1, 2), (2, 1);
INSERT INTO on_shelf VALUES (1, 2), (2, 3);
EOC
	push_all('a first push');
	goes_back('categories moved', 'UPDATE shelf SET parent = 1 WHERE id = 3');
	goes_back('a new tree', "INSERT INTO shelf VALUES (4, 1, 'Four'), (5, 4, 'Five'), (6, 5, 'Six')");
	goes_back('a deleted tree', 'DELETE FROM shelf WHERE id > 3');
	goes_back('redirects', "UPDATE moved SET target = target || 'z'");
	goes_back('redirects of another path', "UPDATE moved SET path = path || 'z' WHERE id = 1");
	goes_back('redirects exchanged', "UPDATE moved SET path = CASE id WHEN 2 THEN '/az' ELSE '/b' END");
	goes_back('redirects added and removed', "DELETE FROM moved WHERE id = 1; INSERT INTO moved VALUES (3, '/c', '/q')");
	goes_back('metafields', "UPDATE info SET value = value || '0'");
	goes_back('metafields added and removed', "DELETE FROM info WHERE id = 1; INSERT INTO info VALUES (4, 2, 'k4', '4')");
	goes_back('assignments', 'DELETE FROM on_channel WHERE item = 1 AND channel = 1; INSERT INTO on_channel VALUES (2, 3); DELETE FROM on_shelf WHERE item = 1; INSERT INTO on_shelf VALUES (1, 3)');
	goes_back('exchanged numbers', "UPDATE goods SET code = CASE id WHEN 1 THEN 'G2' ELSE 'G1' END");
};

subtest 'a record without an id is made again, even if its link had lost what it held' => sub {
	$shop->sql("SELECT bcdelta.untrack(feed) FROM bcdelta.feed");
	$shop->sql(<<"EOC");
CREATE TABLE thing (id int PRIMARY KEY);
CREATE TABLE tariff (code text PRIMARY KEY);
CREATE TABLE cost (id int PRIMARY KEY, net numeric);
SELECT bcdelta.track('thing', 'shop', 'product', '{"name": "''Costly '' || id", "sku": "''C'' || id", $PRODUCT, "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('tariff', 'shop', 'price_list', '{"name": "''Tariff '' || code"}', on_delete => 'delete');
SELECT bcdelta.track('cost', 'shop', 'price_record', '{"price_list_id": "bcdelta.ref(''tariff'', ''X'')", "sku": "''C'' || id", "currency": "''usd''", "price": "net"}', on_delete => 'delete');
INSERT INTO thing VALUES (1); INSERT INTO tariff VALUES ('X');
EOC
	push_all('a product and a list');
	$shop->sql('INSERT INTO cost VALUES (1, 5)');
	push_all('a price');
	my $run = $shop->last_run;
	my $price = sub { return join ' ', map { 0 + $_->{price} } grep { $_->{price} == 5 } @{ $store->state('price_records') } };
	$shop->sql(q(UPDATE bcdelta.link SET payload = NULL WHERE feed = 'cost'));
	my $undone = undo("rollback($run->{run_id}, created => 'delete', after => 'none')");
	is($price->(), '', 'deleted');
	undo("rollback($undone->{run_id}, after => 'none')");
	is($price->(), '5', 'and there again');
	$shop->sql('SELECT bcdelta.untrack(feed) FROM bcdelta.feed; DROP TABLE thing, tariff, cost');
};

subtest 'all of it, whenever the worker is killed or the run is cancelled' => sub {
	$shop->sql("SELECT bcdelta.untrack(feed) FROM bcdelta.feed");
	$shop->sql('DROP TABLE item, kind, bin, lists, prices, person, place, shelf');
	$shop->sql(<<"EOC");
CREATE TABLE shelf (id int PRIMARY KEY, parent int, name text);
CREATE TABLE item (id int PRIMARY KEY, shelf int, sku text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, price numeric);
CREATE TABLE bin (item int, place int, qty int, PRIMARY KEY (item, place));
CREATE TABLE lists (code text PRIMARY KEY, title text);
CREATE TABLE prices (list text, sku text, cur text, net numeric, PRIMARY KEY (list, sku, cur));
CREATE TABLE person (id int PRIMARY KEY, mail text, firm text);
CREATE TABLE place (id int PRIMARY KEY, person int, street text);
SELECT bcdelta.track('shelf', 'shop', 'category', '{"name": "name", "parent_id": "coalesce(bcdelta.ref(''shelf'', parent), 0)"}', on_delete => 'delete');
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Thing '' || id", "sku": "sku", $PRODUCT, "price": "10", "inventory_tracking": "''product''", "categories": "ARRAY[bcdelta.ref(''shelf'', shelf)]"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "code", "price": "price",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
SELECT bcdelta.track('bin', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', item)", "location_id": "place", "quantity": "qty"}', on_delete => 'delete');
SELECT bcdelta.track('lists', 'shop', 'price_list', '{"name": "title"}', on_delete => 'delete');
SELECT bcdelta.track('prices', 'shop', 'price_record', '{"price_list_id": "bcdelta.ref(''lists'', list)", "sku": "sku", "currency": "cur", "price": "net"}', on_delete => 'delete');
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "''P''", "last_name": "id::text", "company": "firm"}', on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "''Ann''", "last_name": "''Bell''", "address1": "street", "city": "''Oslo''",
	"state_or_province": "''Oslo''", "postal_code": "''0150''", "country_code": "''NO''"}', on_delete => 'delete');
INSERT INTO shelf VALUES (1, NULL, 'Ein'), (2, 1, 'Zwei'), (3, 2, 'Drei');
INSERT INTO item VALUES (1, 2, 'T1'), (2, 2, 'T2'), (3, 3, 'T3'), (4, 3, 'T4'), (6, 1, 'P1'), (7, 1, 'P2');
INSERT INTO kind VALUES (1, 3, 'V1', 'S', 1), (2, 3, 'V2', 'M', 2), (3, 4, 'V3', 'S', 1), (4, 4, 'V4', 'M', 2);
INSERT INTO bin VALUES (1, 1, 7), (2, 2, 8);
INSERT INTO lists VALUES ('A', 'Tariff A'), ('B', 'Tariff B');
INSERT INTO prices VALUES ('A', 'P1', 'usd', 1), ('A', 'P2', 'usd', 2), ('B', 'P1', 'eur', 3);
INSERT INTO person VALUES (1, 'x\@example.org', 'Acme'), (2, 'y\@example.org', 'Bcme');
INSERT INTO place VALUES (1, 1, 'Street 1'), (2, 1, 'Street 2'), (3, 2, 'Street 3');
EOC
	push_all('a first push');
	my $before = contents();
	$shop->sql(<<'EOC');
UPDATE item SET sku = CASE id WHEN 1 THEN 'T2' ELSE 'T1' END WHERE id < 3;
DELETE FROM kind WHERE item = 3; UPDATE item SET shelf = 1;
DELETE FROM bin WHERE item = 3; DELETE FROM item WHERE id = 3;
DELETE FROM shelf WHERE id = 3;
UPDATE kind SET code = CASE id WHEN 3 THEN 'V4' ELSE 'V3' END WHERE item = 4;
INSERT INTO shelf VALUES (4, 1, 'Vier'), (5, 4, 'Acht');
INSERT INTO item VALUES (5, 5, 'T5'); INSERT INTO kind VALUES (5, 5, 'V5', 'S', 1);
UPDATE bin SET place = 3 - place; UPDATE bin SET qty = qty + 1;
DELETE FROM prices WHERE list = 'A'; DELETE FROM lists WHERE code = 'A';
UPDATE prices SET cur = 'usd';
INSERT INTO lists VALUES ('C', 'Tariff C'); INSERT INTO prices VALUES ('C', 'P2', 'usd', 4);
UPDATE person SET firm = firm || '!' WHERE id = 1; DELETE FROM place WHERE person = 2; DELETE FROM person WHERE id = 2;
INSERT INTO person VALUES (3, 'z@example.org', 'Ccme'); INSERT INTO place VALUES (4, 3, 'Street 4');
UPDATE place SET street = street || '!' WHERE id = 1;
EOC
	push_all('a change');
	my $run = $shop->last_run;
	my $after = contents();
	my $options = 'created => $$delete$$, after => $$none$$';
	foreach my $mode ('kill', 'cancel')
	{
		my $since = $shop->sql('SELECT clock_timestamp()');
		my $call = "rollback($run->{run_id}, $options)";
		for (1 .. 2)
		{
			my $s = $shop->start("SELECT state FROM bcdelta.$call");
			my $calls = $store->counts->{requests} + 6 * $_;
			poll_until(sub { !$s->running || $store->counts->{requests} > $calls }, 'some requests');
			if ($mode eq 'kill') { kill_worker($shop->node, 'shop', 'KILL'); wait_for_worker($shop->node, 'shop'); }
			else { $shop->try("SELECT bcdelta.cancel(max(run_id)) FROM bcdelta.run"); }
			$s->finish;
		}
		undo($call);
		same_as($before, "$mode: before");
		$shop->clear;
		undo($call);
		is_deeply($shop->requests, [], "$mode: nothing left");
		my $redo = undo("rollback_since('$since', 'shop', $options)");
		same_as($after, "$mode: after");
		is_deeply($store->violations, {}, "$mode: no rule of the API was broken") or diag(explain($store->violations));
		$run = $redo;
	}
};

done_testing();
