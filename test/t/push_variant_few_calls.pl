# New variants of products that exist: the options of ten products are read with
# one request, and once more after they have changed.  Where the store's list
# does not show them, each product is asked for its own, and nothing is lost.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $MANY = 'GET /catalog/products';
my $ONE = 'GET /catalog/products/{id}/options';
my $OPTION = 'POST /catalog/products/{id}/options';
my $VALUE = 'POST /catalog/products/{id}/options/{id}/values';

my $shop = BCDelta::Shop->open('few', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, size text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''S'' || id", "price": "1",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
EOC

my $items = 0;

# So many new products, without variants
sub items
{
	my ($n) = @_;
	my $from = $items + 1;
	$items += $n;
	$shop->sql("INSERT INTO item SELECT generate_series($from, $items)");
	$shop->push(q('item'));
	return $from;
}

# Rows below products from one on, with n sizes from one on
sub kinds
{
	my ($item, $n, $first) = @_;
	$shop->sql("INSERT INTO kind SELECT i * 100 + s, i, 'n' || s FROM generate_series($item, $items) AS i, generate_series($first, $first + $n - 1) AS s");
	return;
}

# How many requests of these were made
sub made
{
	my %made = ($MANY => 0, $ONE => 0, $OPTION => 0, $VALUE => 0);
	foreach my $call ($store->journal)
	{
		my $what = "$call->{method} " . $call->{path} =~ s/\d+/{id}/gr;
		$made{$what}++ if exists $made{$what} && ($what ne $MANY || $call->{query} =~ /include=options/);
	}
	return [ @made{ $MANY, $ONE, $OPTION, $VALUE } ];
}

sub agrees
{
	my ($what) = @_;
	my $links = $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o};
	my %item = reverse %$links;
	is_deeply(
		[ sort map { join('|', $item{ $_->{product_id} } // '?', $_->{sku}, $_->{option_values}[0]{label}) } @{ $store->state('variants') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', item, 'S' || id, size) FROM kind)) } ],
		"$what: the store has the rows, each once");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'the options of ten products are read together, and an option is made with all its values' => sub {
	my $first = items(25);
	kinds($first, 12, 1);
	$shop->clear;
	is($shop->push->{created}, 300, 'new variants');
	is_deeply(made(), [ 3, 0, 25, 0 ], 'three reads for 25 products; each has one new option, however many claims its rows were in');
	agrees('new options');
};

subtest 'values that are added to options are read once more, together, when none is missing' => sub {
	kinds(1, 3, 20);
	$shop->clear;
	is($shop->push->{created}, 75, 'new variants');
	is_deeply(made(), [ 6, 0, 0, 75 ], 'three reads before, and three after 75 new values');
	agrees('new values');
};

# what the store does, the settings, and the requests for 12 products, which have the option and its value: lists, and options of one
my @cases = (
	[ 'refuses to show options', { options_shown => 'refuse' }, [ 2, 12 ] ],
	[ 'does not show options', { options_shown => 'none' }, [ 2, 12 ] ],
	[ 'shows options without their values', { options_shown => 'bare' }, [ 2, 12 ] ],
	[ 'shows seven products at most', { options_page => 7 }, [ 2, 3 ] ],
);

foreach my $case (@cases)
{
	my ($what, $settings, $expected) = @$case;
	subtest "a store that $what is asked for the options of each product" => sub {
		my $first = items(12);
		kinds($first, 1, 1);
		$shop->push;
		# their options stay
		$shop->sql("DELETE FROM kind WHERE item >= $first");
		$shop->push;
		kinds($first, 1, 1);
		$store->settings($settings);
		$shop->clear;
		is($shop->push->{failed}, 0, 'no row fails') or diag(explain($shop->errors));
		is_deeply([ @{ made() }[ 0, 1 ] ], $expected, 'requests');
		agrees($what);
		$store->settings({ options_shown => 'all', options_page => 10 });
	};
}

subtest 'what a list does not show, although the store has it, is not taken to be missing' => sub {
	my $first = items(12);
	kinds($first, 3, 1);
	$shop->push;
	$shop->sql("DELETE FROM kind WHERE item >= $first AND id % 100 > 1");
	$shop->push;
	kinds($first, 2, 2);
	$store->settings({ options_shown => 'some' });
	$shop->clear;
	is($shop->push->{failed}, 0, 'no row fails') or diag(explain($shop->errors));
	agrees('values that are not shown');
	is_deeply(made(), [ 2, 12, 0, 12 ], 'a value that the store refuses to make twice is looked for in the list of its product');
	$store->settings({ options_shown => 'all' });
};

subtest 'a product that is gone, and one that the store fails with, harm no other' => sub {
	my $first = items(12);
	kinds($first, 2, 1);
	my $gone = $shop->id('item', $first);
	$store->remove('product', $gone);
	$shop->clear;
	my $run = $shop->push;
	is($run->{created}, 22, 'those of the others are created');
	is_deeply([ sort keys %{ $shop->errors } ], [ map { "kind ${first}0$_" } 1, 2 ], 'its own rows are not') or diag(explain($shop->errors));
	is_deeply([ @{ made() }[ 0, 1 ] ], [ 2, 1 ], 'it alone is asked for its options');
	$shop->sql("DELETE FROM kind WHERE item = $first; DELETE FROM item WHERE id = $first");
	$shop->push;
	kinds($first + 1, 1, 3);
	$store->fault({ match => { method => 'GET', path => 'catalog/products$', query => 'include=options' }, do => { status => 500 } });
	$shop->clear;
	$shop->push;
	$shop->hurry;
	$shop->push;
	$store->unfault;
	agrees('a list that fails');
};

subtest 'of more products than are remembered at a time, none is asked twice' => sub {
	my $first = items(1100);
	kinds($first, 1, 1);
	$shop->clear;
	is($shop->push->{created}, 1100, 'new variants');
	my $made = made();
	is_deeply([ @$made[ 1 .. 3 ] ], [ 0, 1100, 0 ], 'an option for each');
	cmp_ok($made->[0], '<=', 120, 'a read for ten of them') or diag($made->[0]);
	agrees('many products');
};

subtest 'so it is for variants in the mapping of their products' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE whole (id int PRIMARY KEY, sizes text[] DEFAULT '{S,M}');
SELECT bcdelta.track('whole', 'shop', 'product', '{"name": "''Whole '' || id", "type": "''physical''", "weight": "1", "price": "10", "variants":
	"(SELECT jsonb_agg(jsonb_build_object(''sku'', ''W'' || id || s, ''option_values'', jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', s)))) FROM unnest(sizes) AS s)"}');
INSERT INTO whole SELECT generate_series(1, 12);
EOC
	is($shop->push(q('whole'))->{created}, 12, 'products with variants');
	$shop->clear;
	$shop->sql(q(UPDATE whole SET sizes = '{S,M,L}'));
	is($shop->push(q('whole'))->{updated}, 12, 'each gets another one');
	is_deeply(made(), [ 4, 0, 0, 12 ], 'two reads before, two after new values');
	is_deeply($shop->pending, {}, 'nothing is left pending') or diag(explain($shop->errors));
	is($shop->verify(q('whole'))->{conflicts}, 0, 'and the store has them');
};

done_testing();
