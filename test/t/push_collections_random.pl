# Collections that change at random, pushed through faults of all kinds by a
# worker that is killed now and then, are in the end what the source says, with
# no element twice and none of others touched.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $seed = $ENV{RANDOM_SEED} // int(rand(1_000_000));
note("RANDOM_SEED=$seed");
srand($seed);

my $ROUNDS = $ENV{RANDOM_ROUNDS} // 6;
my $shop = BCDelta::Shop->open('collections_random', store => { args => [ '--quota', 100000, '--seed', $seed ] },
	server => { max_attempts => 20, error_limit => 100000 });
my $store = $shop->store;

# Elements of several products share requests where the store keeps those that an
# update does not have.
my $ITEMS = $ENV{RANDOM_ITEMS} // (rand() < 0.5 ? 8 : 16);
my ($nested, $options) = @{ pick([ 'keep', '{"nested": "keep"}' ], map { [ $_, '{}' ] } qw(keep replace renew ignore)) };
note("nested_put: $nested, options: $options, items: $ITEMS");
$store->settings({ nested_put => $nested });

# Names may move from row to row, so that records do, too.
$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY, code text NOT NULL, price int NOT NULL DEFAULT 1, props jsonb, rules jsonb, images jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "code", "name": "''Item '' || code", "price": "price",
	"type": "''physical''", "weight": "1", "custom_fields": "props", "bulk_pricing_rules": "rules", "images": "images"}', on_delete => 'delete', options => '$options');
EOC

sub pick { return $_[ rand @_ ]; }

sub some
{
	my ($most, $make) = @_;
	my %seen;
	my @made = grep { !$seen{$_}++ } map { $make->() } 1 .. int(rand($most + 1));
	return '[' . join(', ', @made) . ']';
}

sub random_props { return some(4, sub { sprintf('{"name": "%s", "value": "%d"}', pick(qw(a b c)), rand(3)) }); }
# One of them is always the same, so that the store is seen to keep their names.
sub random_images
{
	my $base = '{"image_url": "https://e.org/base.jpg"}';
	my $images = some(3, sub { sprintf('{"image_url": "https://e.org/%s.jpg"}', pick(qw(front back side top))) });
	return $images =~ s/^\[(?=\{)/[$base, /r =~ s/^\[\]/[$base]/r;
}

sub random_rules
{
	my $low = 1 + int(rand(5));
	my @rules;
	foreach (1 .. rand(4))
	{
		my $high = $low + 1 + int(rand(5));
		push @rules, qq({"quantity_min": $low, "quantity_max": $high, "type": "price", "amount": ) . int(1 + rand(4)) . '}';
		$low = $high + 1 + int(rand(2));
	}
	return '[' . join(', ', @rules) . ']';
}

sub change
{
	my $id = 1 + int(rand($ITEMS));
	my $roll = rand();
	if ($roll < 0.1)
	{
		$shop->sql("DELETE FROM item WHERE id = $id");
	}
	elsif ($roll < 0.2)
	{
		my $other = 1 + int(rand($ITEMS));
		$shop->sql("UPDATE item SET code = CASE id WHEN $id THEN (SELECT code FROM item WHERE id = $other) ELSE (SELECT code FROM item WHERE id = $id) END
			WHERE id IN ($id, $other) AND (SELECT count(*) FROM item WHERE id IN ($id, $other)) = 2");
	}
	else
	{
		my %set = (props => random_props(), rules => random_rules(), images => random_images());
		delete $set{$_} foreach grep { rand() < 0.5 } keys %set;
		my $set = join('', map { ", $_ = '$set{$_}'" } keys %set);
		$shop->sql("INSERT INTO item (id, code, props, rules, images) VALUES ($id, 'N' || nextval('code'), '[]', '[]', '[]') ON CONFLICT (id) DO UPDATE SET price = item.price + " . int(rand(2)) . $set);
	}
	return;
}

# Not 404: what the store says is not there is not there, and with its record a
# row forgets which elements were its own.
my @faults = (
	{ status => 503 },
	{ status => 500 },
	{ lose => 'before' },
	{ lose => 'after' },
	{ malformed => JSON::PP::true },
	{ status => 422, body => { status => 422, title => 'not now', errors => {} } },
	{ status => 409, body => { status => 409, title => 'not now', errors => {} } });

# What each product of the store has below it, and what the source says, by SKU
sub in_store
{
	my %skus = map { $_->{id} => $_->{sku} } @{ $store->state('products') };
	return { map {
		my $p = $_;
		($skus{ $p->{product_id} } => join(' ',
			(sort map { "$_->{name}=$_->{value}" } @{ $p->{custom_fields} }),
			(sort map { "$_->{quantity_min}-$_->{quantity_max}:" . ($_->{amount} + 0) } @{ $p->{bulk_pricing_rules} }),
			(sort map { $_->{image_file} =~ m{/([a-z]+)__} } @{ $p->{images} })))
	} @{ $store->control('state/elements') } };
}

sub in_source
{
	return { map {
		my $r = $_;
		($r->{code} => join(' ',
			(sort map { "$_->{name}=$_->{value}" } @{ $r->{props} }),
			(sort map { "$_->{quantity_min}-$_->{quantity_max}:$_->{amount}" } @{ $r->{rules} }),
			(sort map { $_->{image_url} =~ m{/([a-z]+)\.jpg} } @{ $r->{images} })))
	} @{ $shop->value(q(SELECT coalesce(jsonb_agg(to_jsonb(i)), '[]') AS o FROM item AS i))->{o} } };
}

$shop->sql('CREATE SEQUENCE code');
change() foreach 1 .. 1.5 * $ITEMS;
foreach my $round (1 .. $ROUNDS)
{
	$store->fault({ match => { method => $_->[0] }, probability => $_->[1], seed => int(rand(1 << 30)), do => pick(@faults) })
	  foreach [ 'POST', 0.2 ], [ 'PUT', 0.2 ], [ 'DELETE', 0.2 ], [ 'POST', 0.1 ];
	change() foreach 1 .. 0.6 * $ITEMS;
	my $run = $shop->start;
	change() foreach 1 .. 2;
	kill_worker($shop->node, 'shop', 'KILL') if rand() < 0.3;
	$run->finish;
	$store->unfault;
	next if $round % 3 != 0;
	foreach (1 .. 4)
	{
		$shop->sql(q(SELECT bcdelta.resume('item'); SELECT bcdelta.retry('item')));
		$shop->push;
		last if !%{ $shop->pending };
	}
	is_deeply($shop->pending, {}, "round $round: nothing is left pending") or diag(explain($shop->errors));
	is_deeply(in_store(), in_source(), "round $round: the store has what the source has") or last;
	is($shop->verify->{conflicts}, 0, "round $round: a verify finds no difference") or diag(explain($shop->discrepancies));
}

done_testing();
