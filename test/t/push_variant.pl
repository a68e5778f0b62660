# Variants: below their products, with options that are made as needed by name,
# looked up among their siblings, and written fifty at a time.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $BATCH = 'PUT /catalog/variants';
my $OPTIONS = 'POST /catalog/products/{id}/options';

my $shop = BCDelta::Shop->open('variant', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, price numeric, size text, colour text, stock int, mpn text, choices jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", "type": "''physical''", "weight": "1", "price": "10",
	"inventory_tracking": "''variant''"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''S'' || id)", "price": "price", "mpn": "mpn",
	"inventory_level": "stock", "option_values": "coalesce(choices, jsonb_strip_nulls(jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size), jsonb_build_object(''option_display_name'', ''Colour'', ''label'', colour))))"}', on_delete => 'delete');
EOC

# method and pattern of the path, with the number of records in the body
sub requests
{
	return [
		map {
			my $path = $_->{path} =~ s/\d+/{id}/gr;
			ref $_->{body} eq 'ARRAY' ? "$_->{method} $path " . @{ $_->{body} } : "$_->{method} $path"
		} $shop->writes
	];
}

sub counted { my %n; $n{$_}++ foreach @{ requests() }; return \%n; }

sub variants { return { map { $_->{id} => $_ } @{ $store->state('variants') } }; }

sub named
{
	my ($variant) = @_;
	return join(' ', map { lc "$_->{option_display_name}=$_->{label}" } sort { $a->{option_display_name} cmp $b->{option_display_name} } @{ $variant->{option_values} });
}

# Are the variants of the store the rows, each below its product?
sub agrees
{
	my ($what) = @_;
	my $links = $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o};
	my %item = reverse %$links;
	is_deeply(
		[ sort map { join('|', $item{ $_->{product_id} } // '?', lc $_->{sku}, ($_->{price} // '') + 0, $_->{inventory_level}, $_->{mpn}, named($_)) } values %{ variants() } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', item, lower(coalesce(code, 'S' || id)), trim_scale(coalesce(price, 0)), coalesce(stock, 0), coalesce(mpn, ''),
			(SELECT string_agg(lower(c ->> 'option_display_name' || '=' || (c ->> 'label')), ' ' ORDER BY c ->> 'option_display_name')
			FROM jsonb_array_elements(coalesce(choices, jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', size),
			jsonb_build_object('option_display_name', 'Colour', 'label', colour)))) AS c)) FROM kind)) } ],
		"$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'variants are created below their products, and options are created once, by name' => sub {
	$shop->sql(<<'EOC');
INSERT INTO item SELECT g FROM generate_series(1, 4) AS g;
INSERT INTO kind SELECT g, (g - 1) / 6 + 1, NULL, g, (ARRAY['S', 'M', 'L'])[g % 3 + 1], (ARRAY['Red', 'Blue'])[g % 2 + 1], g FROM generate_series(1, 24) AS g;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 28, 0 ], 'every row once') or diag(explain($shop->errors));
	is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE outcome NOT IN ('created'))), 0, 'making options is no attempt of a row');
	agrees('a first push');
	is(counted()->{$OPTIONS}, 8, 'each option is one request, with all its values');
	is(counted()->{'POST /catalog/products/{id}/variants'}, 24, 'each variant is one');
	my %options = map { $_->{path} => 1 } grep { $_->{path} =~ /options$/ && $_->{method} eq 'GET' } $store->journal;
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(created updated)} ], [ 0, 0 ], 'and nothing is left to send');
	is_deeply($shop->calls, [], 'nor to ask');
};

subtest 'changes are sent fifty at a time; fields that the batch lacks, alone; stock, together' => sub {
	$shop->clear;
	$shop->sql('UPDATE kind SET price = price + 1');
	is($shop->push->{updated}, 24, 'prices');
	is_deeply(requests(), ["$BATCH 24"], 'one request');
	is_deeply([ sort keys %{ ($shop->writes)[0]{body}[0] } ], [qw(id price)], 'with what has changed');
	$shop->clear;
	$shop->sql(q(UPDATE kind SET mpn = 'M' || id, price = price + 1 WHERE id <= 2));
	is($shop->push->{updated}, 2, 'numbers');
	is_deeply(requests(), [ "$BATCH 2", ('PUT /catalog/products/{id}/variants/{id}') x 2 ], 'alone');
	$shop->clear;
	$shop->sql('UPDATE kind SET stock = stock + 5');
	is($shop->push->{updated}, 24, 'stock');
	is_deeply(requests(), ['PUT /inventory/adjustments/absolute'], 'one request');
	is_deeply([ sort keys %{ ($shop->writes)[0]{body}{items}[0] } ], [qw(location_id quantity variant_id)], 'by variant');
	agrees('changes');
};

subtest 'variants are deleted one by one, and those of a deleted product go with it' => sub {
	$shop->clear;
	$shop->sql('DELETE FROM kind WHERE id IN (1, 7)');
	is($shop->push->{deleted}, 2, 'two rows');
	is_deeply(requests(), [ ('DELETE /catalog/products/{id}/variants/{id}') x 2 ], 'two requests');
	agrees('deletes');
};

done_testing();
