
=pod

=head1 NAME

BCDelta::Example - the examples of docs/examples on small shops

=head1 SYNOPSIS

  $shop->sql(example_tables('spree'));
  $shop->sql(example_feeds('spree'));
  example_follow($shop, 'spree', sub { $shop->sql($_[0]) });

=head1 DESCRIPTION

docs/examples/NAME.sql is run as it is.  test/examples/NAME.sql has the tables
with some rows, and what the simulated store has, if need be (test/demo reads
this, too):

	-- settings {"locations": ...}
	-- seed price_lists [{"id": ...}]

test/examples/NAME_changes.sql has what then happens to the tables:

	-- : what is changed
	-- => product SKU-1 {"price": 12.5}		what the store has after the push
	-- => product SKU-2 null				that it has no such record
	-- => nothing							or that nothing is written
	UPDATE ...

=cut

package BCDelta::Example;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename dirname);
use JSON::PP ();
use Scalar::Util qw(looks_like_number);

use BCDelta::Store;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  example_document
  example_feeds
  example_follow
  example_names
  example_pushed
  example_tables
);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $json = BCDelta::Store::decoder();

=pod

=head1 FUNCTIONS

=over

=item example_names, example_tables(name), example_feeds(name), example_document(path)

Which examples there are; the SQL that makes the tables; the example itself; the
text of another document.

=cut

sub example_names { return map { basename($_, '.sql') } glob("$top/docs/examples/*.sql"); }
sub example_tables { return slurp_file("$top/test/examples/$_[0].sql"); }
sub example_feeds { return slurp_file("$top/docs/examples/$_[0].sql"); }
sub example_document { return slurp_file("$top/$_[0]"); }

# The records of a kind, by what people call them.  Where they have the id of
# another record, its name is added: brand, in (categories), parent, product,
# customer, group.
my %name_of = (product => 'sku', brand => 'name', category => 'name', customer => 'email', variant => 'sku', address => 'address1');
my %kinds = (product => 'products', brand => 'brands', category => 'categories', customer => 'customers', variant => 'variants', address => 'addresses');

sub id_of { return $_[0]{id} // $_[0]{category_id}; }

sub store_has
{
	my ($store) = @_;
	my %all = map { $_ => $store->state($kinds{$_}) } keys %kinds;
	# a product whose variants are sold may have no number
	$_->{sku} ||= $_->{name} foreach @{ $all{product} };
	my %name = map { my $kind = $_; $kind => { map { id_of($_) => $_->{ $name_of{$kind} } } @{ $all{$kind} } } } keys %all;

	$_->{parent} = $name{category}{ $_->{parent_id} } foreach @{ $all{category} };
	$_->{customer} = $name{customer}{ $_->{customer_id} } foreach @{ $all{address} };
	my %group = map { $_->{id} => $_->{name} } @{ $store->state('customer_groups') };
	$_->{group} = $group{ $_->{customer_group_id} // 0 } foreach @{ $all{customer} };
	my %below = map { $_->{product_id} => $_ } @{ $store->state('elements') };
	foreach my $product (@{ $all{product} })
	{
		my $below = $below{ $product->{id} } // {};
		$product->{attributes} = [ sort map { "$_->{name}: $_->{value}" } @{ $below->{custom_fields} // [] } ];
		$product->{pictures} = @{ $below->{images} // [] };
		$product->{brand} = $name{brand}{ $product->{brand_id} // 0 };
		$product->{in} = [ sort map { $name{category}{$_} } @{ $product->{categories} } ];
	}
	foreach my $variant (@{ $all{variant} })
	{
		$variant->{product} = $name{product}{ $variant->{product_id} };
		$variant->{options} = [ sort map { "$_->{option_display_name}: $_->{label}" } @{ $variant->{option_values} } ];
	}
	my %prices;
	$prices{ $_->{sku} }{ $_->{currency} } = $_->{price} foreach @{ $store->state('price_records') };
	return {
		price => \%prices,
		stock => {
			map { $_->{identity}{sku} => { map { $_->{location_id} => $_->{total_inventory_onhand} } @{ $_->{locations} } } }
				@{ $store->api('GET', '/inventory/items?limit=1000')->{data} }
		},
		map { my $kind = $_; $kind => { map { $_->{ $name_of{$kind} } => $_ } @{ $all{$kind} } } } keys %all
	};
}

sub plain
{
	my ($value) = @_;
	return [ map { plain($_) } @$value ] if ref $value eq 'ARRAY';
	return { map { $_ => plain($value->{$_}) } keys %$value } if ref $value eq 'HASH';
	return $value ? 1 : 0 if JSON::PP::is_bool($value);
	return defined $value && looks_like_number($value) ? 0 + $value : $value;
}

=pod

=item example_pushed(shop, what, expected, ...)

After the push the store has what is expected, agrees with the source, and has
no record twice.

=cut

sub example_pushed
{
	my ($shop, $what, @expected) = @_;
	my $run = $shop->push;
	my @writes = $shop->writes;
	is($run->{state}, 'succeeded', "$what: pushed") or diag($run->{error});
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	# Stock of a variant that is gone cannot be set to 0, and need not be.
	my @refused = grep { $_->{status} >= 400 && !($_->{path} eq '/inventory/adjustments/absolute' && $_->{body_text} !~ /"quantity": [1-9]/) } $shop->store->journal;
	is_deeply([ map { "$_->{status} $_->{method} $_->{path} $_->{body_text}" } @refused ], [], "$what: no request is refused");

	my $has = store_has($shop->store);
	foreach my $line (@expected)
	{
		if ($line eq 'nothing')
		{
			is(scalar @writes, 0, "$what: nothing is written") or diag(explain(\@writes));
			next;
		}
		my ($kind, $name, $fields) = $line =~ /^(\w+) (.+?) (\{.*\}|null)$/ or die "what is this: $line";
		my $told = "$what: $kind $name";
		utf8::decode($name);
		my ($wanted, $record) = ($json->decode($fields), $has->{$kind}{$name});
		if (defined $wanted && defined $record)
		{
			is_deeply({ map { $_ => plain($record->{$_}) } keys %$wanted }, plain($wanted), $told);
		}
		else
		{
			is(defined $record ? 'there' : 'not there', defined $wanted ? 'there' : 'not there', $told);
		}
	}

	$run = $shop->verify;
	is_deeply([ $run->{state}, @{ $shop->discrepancies } ], ['succeeded'], "$what: store and source agree");
	foreach my $kind (sort keys %kinds)
	{
		my $records = $shop->store->state($kinds{$kind});
		is(scalar keys %{ $has->{$kind} }, scalar @$records, "$what: each $kind is in the store once");
	}
	is_deeply($shop->store->violations, {}, "$what: no rule of the API is broken");
	$shop->clear;
	return;
}

=pod

=item example_follow(shop, name, sub)

Pushes the tables as they are, and then after each of the changes, which the sub
applies.

=back

=cut

sub example_follow
{
	my ($shop, $name, $apply) = @_;
	my $changes = slurp_file("$top/test/examples/${name}_changes.sql");

	my $tables = example_tables($name);
	$shop->store->settings($json->decode($1)) if $tables =~ /^-- settings (.*)/m;
	$shop->store->seed($1, $json->decode($2)) while $tables =~ /^-- seed (\w+) (.*)/mg;
	foreach my $change (split /^(?=-- : )/m, $changes)
	{
		my ($what) = $change =~ /^-- : (.*)/ or next;
		my @expected = $change =~ /^-- => (.*)/mg;
		$apply->($change);
		example_pushed($shop, $what, @expected);
	}
	return;
}

1;
