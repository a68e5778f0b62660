# What a record or a store can have at most: rows beyond it are refused by name,
# before a request, and no others.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('limits');
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, props jsonb, images jsonb, kinds jsonb, groups int[], metas jsonb);
CREATE TABLE kind (id int PRIMARY KEY, item int, size text);
CREATE TABLE info (id int PRIMARY KEY, item int);
CREATE TABLE grp (id int PRIMARY KEY);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"custom_fields": "props", "images": "images", "variants": "kinds", "categories": "groups", "metafields": "metas"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}');
SELECT bcdelta.track('info', 'shop', 'product_metafield', '{"resource_id": "bcdelta.ref(''item'', item)", "namespace": "''erp''", "key": "''k'' || id", "value": "''v''", "permission_set": "''app_only''"}');
SELECT bcdelta.track('grp', 'shop', 'category', '{"name": "''Group '' || id", "parent_id": "0"}');
EOC

# Rows with n elements of a collection each; returns what becomes of them
sub refused
{
	my ($column, $element, @n) = @_;
	$shop->sql("DELETE FROM item WHERE id < 100; INSERT INTO item (id, $column) SELECT n % 100, $element FROM (VALUES " . join(', ', map { "($_)" } @n) . ') AS v (n)');
	$shop->clear;
	my $run = $shop->push(q('item'));
	return $shop->errors;
}

sub elements
{
	my ($fields) = @_;
	return "(SELECT jsonb_agg(jsonb_build_object($fields)) FROM generate_series(1, n) AS g)";
}

subtest 'of a product' => sub {
	my %limits = (
		custom_fields => [ 'props', elements(q('name', 'n' || g, 'value', 'v')), 200 ],
		images => [ 'images', elements(q('image_url', 'https://e.org/' || g || '.jpg')), 1000 ],
		variants => [ 'kinds', elements(q('sku', n || 'v' || g, 'option_values', jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', (g % 30)::text),
			jsonb_build_object('option_display_name', 'Colour', 'label', (g / 30)::text)))), 600 ],
		categories => [ 'groups', 'ARRAY(SELECT g FROM generate_series(1, n) AS g)', 1000 ],
		metafields => [ 'metas', elements(q('namespace', 'erp', 'key', 'k' || g, 'value', 'v', 'permission_set', 'app_only')), 250 ]);
	foreach my $field (sort keys %limits)
	{
		my ($column, $element, $most) = @{ $limits{$field} };
		my $errors = refused($column, $element, $most + 1);
		is((values %$errors)[0], "$field: @{[ $most + 1 ]} elements, at most $most are allowed", "$field: one too many");
		is_deeply([ $shop->writes ], [], 'is not sent');
	}
};

subtest 'variants, option values and metafields in rows of their own' => sub {
	$shop->sql('DELETE FROM item; INSERT INTO item (id) VALUES (100), (101), (102)');
	$shop->push(q('item'));
	$shop->sql(q(INSERT INTO kind SELECT g, 101, 's' || g FROM generate_series(1, 253) AS g; INSERT INTO kind VALUES (1000, 100, 's')));
	$shop->clear;
	my $run = $shop->push(q('kind'));
	is_deeply([ @$run{qw(created failed)} ], [ 251, 3 ], '250 values of an option') or diag(explain($shop->errors));
	like($_, qr/^option_values: option "Size" of product_id \d+ has 250 values already, and the store takes no more, so it cannot have "s\d+"/, 'by name') foreach values %{ $shop->errors };
	$shop->sql('DELETE FROM kind WHERE id > 250 AND id < 1000');
	$shop->sql(q(INSERT INTO info SELECT g, 102 FROM generate_series(1, 253) AS g; INSERT INTO info VALUES (1000, 100)));
	$shop->push(q('info'));
	my $errors = $shop->errors;
	is(scalar(grep { /^info/ } keys %$errors), 3, '250 metafields, of which there may be others') or diag(explain($errors));
	like($_, qr/at most 250 metafields/, 'in the words of the store') foreach map { $errors->{$_} } grep { /^info/ } keys %$errors;
};

subtest 'categories of a store' => sub {
	$store->control('seed', { kind => 'categories', count => 15_998, first => 1, template => { name => 'Old {n}' }, quiet => JSON::PP::true() });
	$shop->sql('INSERT INTO grp SELECT g FROM generate_series(1, 300) AS g');
	$shop->clear;
	my $run = $shop->push(q('grp'));
	is_deeply([ @$run{qw(created failed)} ], [ 2, 298 ], 'two fit') or diag(explain($shop->errors));
	my $errors = $shop->errors;
	is_deeply([ keys %{ { map { $errors->{$_} => 1 } grep { /^grp/ } keys %$errors } } ], ['the store has 16000 records of resource category, the most that it can have'], 'the others are told why');
	is(scalar(grep { $_->{method} eq 'POST' } $shop->writes), 1, 'before a request');
};

done_testing();
