# Who has changed what, by policy and field: the store's value, and what is left
# to a person, are as the tables of docs/conflicts.md say.  Of each side there are
# four courses: nothing, a change of its own, the same change as the other side,
# and a change that was taken back.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use POSIX qw(strftime);
use Test::More;

my $shop = BCDelta::Shop->open('matrix', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my @cat = map { $store->seed('category', [ { name => "Category $_" } ])->{first} } 0 .. 4;

# What both had, what the source makes of it, the store, and both
my %values = (
	price => [ 10, 20, 15, 12 ],
	body => [ '<p>Old</p>', '<p>New &amp; better</p>', '<p>By the agency</p>', '<p>Both</p>' ],
	sets => [ [ 0, 1 ], [ 0, 2 ], [ 0, 1, 3 ], [ 0, 4 ] ],
	stock => [ 5, 7, 3, 9 ]);
my %member = (price => 'price', body => 'description', sets => 'categories', stock => 'inventory_level');
my @courses = qw(none own both back);
my %final = (none => 0, back => 0, own => 1, both => 3);    # which value: of the source
my %seen = (%final, own => 2);    # of the store

my %feeds = (
	source => { policy => 'source', resource => 'product' },
	store => { policy => 'store', resource => 'product' },
	review => { policy => 'review', resource => 'product' },
	later => { policy => 'newest', wins => 'source', resource => 'product' },
	earlier => { policy => 'newest', wins => 'store', resource => 'product' },
	v_source => { policy => 'source', resource => 'variant' },
	v_store => { policy => 'store', resource => 'variant' },
	v_review => { policy => 'review', resource => 'variant' });
my %fields = (product => [qw(price body sets stock)], variant => [qw(price stock)]);

sub literal
{
	my ($value) = @_;
	return ref $value ? "'{" . join(',', map { $cat[$_] } @$value) . "}'" : "'$value'";
}

$shop->sql(<<'EOC');
CREATE TABLE parent (id text PRIMARY KEY);
SELECT bcdelta.track('parent', 'shop', 'product', '{"sku": "id", "name": "''Parent '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"inventory_tracking": "''variant''"}');
EOC
foreach my $feed (sort keys %feeds)
{
	my ($policy, $resource) = @{ $feeds{$feed} }{qw(policy resource)};
	my @rows = map { my $field = $_; map { my $s = $_; map { "$feed-$field-$s-$_" } @courses } @courses } @{ $fields{$resource} };
	my $mapping = $resource eq 'variant'
	  ? q("product_id": "bcdelta.ref('parent', split_part(id, '-', 1))", "sku": "id", "price": "price", "inventory_level": "stock",
			"option_values": "jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', id))")
	  : q("sku": "id", "name": "'Item ' || id", "price": "price", "description": "body", "categories": "sets", "inventory_level": "stock",
			"inventory_tracking": "'product'", "type": "'physical'", "weight": "1");
	my $options = $policy eq 'newest' ? ', options => $${"modified": "changed"}$$' : '';
	$shop->sql("CREATE TABLE $feed (id text PRIMARY KEY, price numeric, body text, sets int[], stock int, changed timestamptz)");
	$shop->sql("SELECT bcdelta.track('$feed', 'shop', '$resource', \$m\${$mapping}\$m\$, on_conflict => '$policy'$options)");
	$shop->sql("INSERT INTO parent VALUES ('$feed')") if $resource eq 'variant';
	$shop->sql("INSERT INTO $feed (id, price, body, sets, stock) VALUES " . join(', ', map { "('$_', " . join(', ', map { literal($values{$_}[0]) } qw(price body sets stock)) . ')' } @rows));
	$feeds{$feed}{rows} = \@rows;
}
my (undef, undef, $text) = $shop->node->psql('shop', q(SELECT bcdelta.set_conflict('v_store', policy => 'newest')));
like($text, qr/"newest" is not possible for resource variant/, 'variants have no dates');

my $run = $shop->push;
is($run->{failed} + $run->{deferred}, 0, 'pushed') or diag(explain($shop->errors));
my %id = map { my $feed = $_; %{ $shop->value("SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = '$feed'")->{o} } } sort keys %feeds;

# Somebody changes a field in the store.
sub edit
{
	my ($feed, $key, $field, $value) = @_;
	my ($resource, $id) = ($feeds{$feed}{resource}, 0 + $id{$key});
	my $at = time() + (($feeds{$feed}{wins} // '') eq 'source' ? -1 : 1) * 86400;
	my %dated = $feeds{$feed}{wins} ? (date_modified => strftime('%Y-%m-%dT%H:%M:%S+00:00', gmtime($at))) : ();

	$store->api(PUT => '/inventory/adjustments/absolute', { reason => 'count', items => [ { location_id => 1, "${resource}_id" => $id, quantity => $value } ] }) if $field eq 'stock';
	return if $field eq 'stock' && !%dated;
	$value = [ map { $cat[$_] } @$value ] if ref $value;
	$store->edit($resource, $id, { $field eq 'stock' ? (warranty => 'counted') : ($member{$field} => $value), %dated });
	return;
}

my %changes;
foreach my $feed (sort keys %feeds)
{
	foreach my $key (@{ $feeds{$feed}{rows} })
	{
		my (undef, $field, $s, $t) = split /-/, $key;
		my @values = @{ $values{$field} };
		push @{ $changes{$feed} }, map { "UPDATE $feed SET $field = $_, changed = now() WHERE id = '$key'" } map { literal($values[$_]) } $s eq 'none' ? () : $s eq 'back' ? (1, 0) : $final{$s};
		edit($feed, $key, $field, $values[$_]) foreach $t eq 'none' ? () : $t eq 'back' ? (2, 0) : $seen{$t};
	}
	$shop->sql(join(';', @{ $changes{$feed} }));
}

# What a field has in the end, and whether a person decides
sub expected
{
	my ($feed, $field, $s, $t) = @_;
	my ($policy, $wins) = @{ $feeds{$feed} }{qw(policy wins)};
	my @values = @{ $values{$field} };
	my ($base, $mine, $theirs) = map { ref $_ ? join(',', sort @$_) : $_ } $values[0], $values[ $final{$s} ], $values[ $seen{$t} ];
	return ($theirs, 0) if $mine eq $theirs || $mine eq $base;
	return ($mine, 0) if $theirs eq $base || $policy eq 'source';
	return ($theirs, $policy eq 'review' ? 1 : 0) if $field ne 'sets' && ($wins // 'store') eq 'store';
	return ($mine, 0) if $field ne 'sets';
	my %of = map { $_ => 1 } grep { !/,/ && (index($mine, $_) >= 0 || index($base, $_) < 0) } @{ $values[ $seen{$t} ] };
	$of{$_} = 1 foreach grep { index($base, $_) < 0 } @{ $values[ $final{$s} ] };
	return (join(',', sort keys %of), 0);
}

sub in_store
{
	my %record = map { $_->{id} => $_ } @{ $store->state('products') }, @{ $store->state('variants') };
	my %nth = map { $cat[$_] => $_ } 0 .. $#cat;
	my %has;
	foreach my $feed (sort keys %feeds)
	{
		foreach my $key (@{ $feeds{$feed}{rows} })
		{
			my $field = (split /-/, $key)[1];
			my $value = $record{ $id{$key} }{ $member{$field} };
			$has{$key} = ref $value ? join(',', sort map { $nth{$_} } @$value) : $field eq 'body' ? $value : $value + 0;
		}
	}
	return \%has;
}

$run = $shop->push;
is($run->{failed}, 0, 'pushed again') or diag(explain($shop->errors));
my (%want, @open);
foreach my $feed (sort keys %feeds)
{
	foreach my $key (@{ $feeds{$feed}{rows} })
	{
		my $left;
		($want{$key}, $left) = expected(split /-/, $key);
		push @open, $key if $left;
	}
}
is_deeply(in_store(), \%want, 'the values of the store');
is_deeply($shop->list('SELECT key FROM bcdelta.review ORDER BY key COLLATE "C"'), [ sort @open ], 'what is left to a person')
  or diag($shop->sql('SELECT * FROM bcdelta.conflict ORDER BY conflict_id'));
is_deeply($shop->list('SELECT key FROM bcdelta.pending ORDER BY key COLLATE "C"'), [ sort @open ], 'whose rows wait');
is($run->{conflicts}, scalar @open, 'which is counted');
$shop->clear;
$shop->sql("SELECT bcdelta.mark_all('$_')") foreach sort keys %feeds;
$shop->push;
is_deeply([ $shop->writes ], [], 'nothing is written again');
is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
