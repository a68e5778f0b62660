
=pod

=head1 NAME

BCDelta::Foreign - foreign tables, and local ones with the same records

=head1 SYNOPSIS

  my $foreign = BCDelta::Foreign->open('name');
  my ($rows, @requests) = $foreign->ask('SELECT id FROM product');
  is($rows, $foreign->local('SELECT id FROM product'));

=head1 DESCRIPTION

A shop with records of several kinds, foreign tables of it in the schema s, and
local tables of the same names and columns in the schema l, filled with what the
simulated store says it has.  A query that names its tables without a schema can
be made on both.

=cut

package BCDelta::Foreign;

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use JSON::PP ();

# Where the records are listed, and what has to be asked for with them
my %lists = (
	brand => '/catalog/brands?limit=250',
	product => '/catalog/products?limit=10&include=bulk_pricing_rules,channels,custom_fields,images,modifiers,options,parent_relations,primary_image,variants,videos',
	customer => '/customers?limit=250',
	category => '/catalog/trees/categories?limit=250',
	variant => '/catalog/variants?limit=250');

sub open    ## no critic (ProhibitBuiltinHomonyms)
{
	my ($class, $name, %options) = @_;
	my $shop = BCDelta::Shop->open($name, store => { args => [ '--quota', 100000 ] }, %options);
	my $self = bless({ shop => $shop, store => $shop->store }, $class);

	$self->fill;
	$shop->sql(<<'EOC');
CREATE SCHEMA s;
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO s;
CREATE SCHEMA l;
CREATE TABLE few (i bigint);
CREATE TABLE skus (sku text);
EOC
	$self->copy($_) foreach sort keys %lists;
	$self->{ids}{ { brand => 'b', product => 'p', customer => 'c', category => 'k' }->{$_} // $_ } = $shop->list("SELECT " . ($_ eq 'category' ? 'category_id' : 'id') . " FROM l.$_ ORDER BY 1")
	  foreach qw(brand product customer category);
	$shop->sql($self->with_ids(q(INSERT INTO few VALUES ({p2}), ({p4}), ({p4}), (-1), (NULL); INSERT INTO skus VALUES ('P-3'), ('p-4'), ('c2@example.com'); ANALYZE few, skus;
CREATE VIEW brand_of_two AS SELECT i AS id FROM few)));
	return $self;
}

sub shop { return $_[0]->{shop}; }
sub store { return $_[0]->{store}; }

# Records with all that conditions can differ in
sub fill
{
	my ($self) = @_;
	my $store = $self->{store};

	$store->seed('brands', [ map { { name => "Maker $_", page_title => $_ % 3 ? "Page $_" : '' } } 1 .. 30 ]);
	$store->seed('categories', [ map { { name => "Shelf $_" } } 1 .. 8 ]);
	$store->seed('products', [ map { $self->product($_) } 1 .. 600 ]);
	$store->seed('customers', [ map { { email => "c$_\@example.com", first_name => "C$_", last_name => 'X' } } 1 .. 20 ]);
	return;
}

sub moment
{
	my ($n) = @_;
	return sprintf('2026-%02d-%02dT%02d:00:00Z', 1 + $n % 11, 1 + $n % 28, $n % 24);
}

sub product
{
	my ($self, $n) = @_;
	my @brands = map { $_->{id} } @{ $self->{brands} ||= $self->{store}->state('brands') };

	return {
		name => "Product $n", sku => $n == 100 ? 'a,b' : $n == 101 ? "a b&c=d/%\x{e4}" : "P-$n", price => ($n % 17) + 0.25 * ($n % 3), type => $n % 50 ? 'physical' : 'digital',
		weight => $n % 5, is_visible => $n % 40 ? JSON::PP::true : JSON::PP::false, availability => $n % 60 ? 'available' : 'disabled',
		$n % 4 ? (brand_id => $brands[ $n % 30 ]) : (), date_modified => moment($n), date_created => moment($n),
		$n % 7 ? () : (custom_fields => [ { name => 'Color', value => "c$n" } ])
	};
}

# Makes the local table of a kind of records, with what the store lists.
sub copy
{
	my ($self, $table) = @_;
	my (@records, $page);

	for (my $n = 1; !$page || $n <= $page->{meta}{pagination}{total_pages}; $n++)
	{
		$page = $self->{store}->api('GET', "$lists{$table}&page=$n");
		push @records, @{ $page->{data} };
	}
	my $json = JSON::PP->new->canonical->encode(\@records);
	my $tag = '$copy$';
	$self->{shop}->sql("CREATE TABLE IF NOT EXISTS l.$table (LIKE s.$table); TRUNCATE l.$table;
INSERT INTO l.$table SELECT (jsonb_populate_record(NULL::l.$table, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(record) WHERE value <> '\"\"' OR key !~ 'date')
	|| jsonb_build_object('raw', record))).* FROM jsonb_array_elements($tag$json$tag) AS record");
	return;
}

# Puts ids into a text that has {p1} for the first product, and takes them out.
sub with_ids
{
	my ($self, $text) = @_;
	return $text =~ s/\{([a-z])(\d+)\}/$self->{ids}{$1}[$2 - 1]/gr;
}

sub without_ids
{
	my ($self, $text) = @_;
	my %names = map { my $kind = $_; map { $self->{ids}{$kind}[$_] => "{$kind" . ($_ + 1) . '}' } 0 .. $#{ $self->{ids}{$kind} } } sort keys %{ $self->{ids} };
	$text =~ s/(?<![-:%.\w])(?<!limit=)(?<!page=)(\d{2,})(?![-:%.\w])/$names{$1} || $1/ge;
	return $text;
}

sub sorted { return join("\n", sort split(/\n/, $_[0])); }

# Returns the rows of a query on the foreign tables, and its requests.
sub ask
{
	my ($self, $sql) = @_;

	$self->{store}->clear;
	my $rows = sorted($self->{shop}->sql("SET search_path = s, public; $sql"));
	return ($rows, map { my $query = $_->{query} // ''; "$_->{method} " . ($_->{path} =~ s{.*/v3}{}r) . ($query ne '' ? "?$query" : '') } $self->{store}->journal);
}

sub rows { return ($_[0]->ask($_[1]))[0]; }

# Returns the rows of a query on the local tables.
sub local    ## no critic (ProhibitBuiltinHomonyms)
{
	my ($self, $sql) = @_;
	return sorted($self->{shop}->sql("SET search_path = l, public; $sql"));
}

1;
