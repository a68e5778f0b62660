# What a push or a verify reads in lists by parent takes as few requests as the pages
# allow, also where the rows of a parent are not neighbors in the source.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('lists', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

# The requests since then, by method and path
sub requests
{
	my %n;
	$n{ "$_->{method} " . $_->{path} =~ s/\d+/N/gr }++ foreach @{ $store->control('journal')->{entries} };
	$shop->clear;
	return \%n;
}

sub push_all
{
	my ($what) = @_;
	$shop->clear;
	my $run = $shop->push;
	is("$run->{state} $run->{failed} $run->{deferred}", 'succeeded 0 0', $what) or diag(explain([ $run, $shop->errors ]));
	return requests();
}

subtest 'variants of products' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, size int);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', ''S'' || size))"}');
INSERT INTO item SELECT generate_series(1, 100);
INSERT INTO kind SELECT n, 1 + n / 5, n % 5 FROM generate_series(0, 499) AS n;
EOC
	my $calls = push_all('both are new');
	is($calls->{'GET /catalog/variants'}, 2, 'a list of those that were created has 250') or diag(explain($calls));
	$shop->sql('INSERT INTO kind SELECT n, 1 + n / 5 - 100, 5 + n % 5 FROM generate_series(500, 999) AS n');
	$calls = push_all('five more of each');
	is($calls->{'GET /catalog/variants'}, 2, 'a list of those that there are has 250, too') or diag(explain($calls));
	$shop->sql('INSERT INTO item SELECT generate_series(101, 200)');
	push_all('more products');
	$shop->sql('INSERT INTO kind SELECT n, 1 + n / 10, n % 10 FROM generate_series(1000, 1999) AS n');
	$calls = push_all('ten variants of each');
	is($calls->{'GET /catalog/products'}, 10, 'a list of options has those of ten products') or diag(explain($calls));
	is($calls->{'GET /catalog/variants'}, 4, 'after a look-up of 250 variants');
	$shop->clear;
	is($shop->verify(q('kind'))->{conflicts}, 0, 'all agree');
	$calls = requests();
	is($calls->{'GET /catalog/variants'}, 9, 'and are read as many at a time as pages have room for, and counted') or diag(explain($calls));
};

subtest 'addresses and attribute values of customers' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE buyer (id int PRIMARY KEY);
CREATE TABLE place (id int PRIMARY KEY);
CREATE TABLE trait (id int PRIMARY KEY);
CREATE TABLE value (id int PRIMARY KEY, buyer int, trait int);
SELECT bcdelta.track('buyer', 'shop', 'customer', '{"email": "''p'' || id || ''@example.org''", "first_name": "''F''", "last_name": "''L''"}');
SELECT bcdelta.track('trait', 'shop', 'customer_attribute', '{"name": "''T'' || id", "type": "''string''"}');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"first_name": "''F''", "last_name": "''L''", "address1": "''Street 1''", "city": "''Bergen''", "state_or_province": "''''",
	"postal_code": "''5003''", "country_code": "''NO''", "customer_id": "bcdelta.ref(''buyer'', id)"}');
SELECT bcdelta.track('value', 'shop', 'customer_attribute_value', '{"customer_id": "bcdelta.ref(''buyer'', buyer)", "attribute_id": "bcdelta.ref(''trait'', trait)", "value": "''V'' || pg_sleep(0.002)"}');
INSERT INTO buyer SELECT generate_series(1, 500);
INSERT INTO trait VALUES (1), (2);
EOC
	push_all('customers');
	$shop->sql('INSERT INTO place SELECT generate_series(1, 500); INSERT INTO value SELECT 1000 + b + 250 * t, b, t FROM generate_series(1, 250) AS b, generate_series(1, 2) AS t');
	my $calls = push_all('their addresses and values');
	is($calls->{'GET /customers/addresses'}, 2, 'addresses are looked up for 250 customers at a time') or diag(explain($calls));
	is($calls->{'PUT /customers/attribute-values'}, 25, 'values are written for ten customers at a time, each with both of its own');
	$shop->clear;
	is($shop->verify(q('value'))->{conflicts}, 0, 'all agree');
	$calls = requests();
	is($calls->{'GET /customers/attribute-values'}, 3, 'values are read 250 at a time, and counted') or diag(explain($calls));
};

subtest 'new locations, whose ids no reply has, are looked up together once more' => sub {
	$store->settings({ max_locations => 1000 });
	$shop->sql(<<'EOC');
CREATE TABLE depot (id int PRIMARY KEY);
SELECT bcdelta.track('depot', 'shop', 'location', '{"code": "''L'' || id", "label": "''Depot '' || id", "type_id": "''VIRTUAL''", "time_zone": "''Etc/UTC''", "managed_by_external_source": "true", "enabled": "true"}');
INSERT INTO depot SELECT generate_series(1, 90);
EOC
	is_deeply(push_all('pushed'), { 'GET /inventory/locations' => 2, 'POST /inventory/locations' => 1 }, 'in three requests');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');

done_testing();
