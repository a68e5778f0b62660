# A shop whose rows have every mistake that we could think of: each is refused by
# name, the rest of its row and all other rows are written, and nothing is sent
# twice.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('bad_input');
my $store = $shop->store;
$store->settings({ unfetchable => 'gone|slow', price_lists => [1], currencies => ['usd'], locations => [ { id => 1 }, { id => 2, enabled => JSON::PP::false() } ] });

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text, tracked text DEFAULT 'product', props jsonb, images jsonb, rules jsonb);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, choices jsonb);
CREATE TABLE price (id int PRIMARY KEY, sku text, cur text, net numeric);
CREATE TABLE person (id int PRIMARY KEY, mail text);
CREATE TABLE place (id int PRIMARY KEY, person int, land text);
CREATE TABLE moved (id int PRIMARY KEY, path text, target text);
CREATE TABLE stock (id int PRIMARY KEY, item int, location int DEFAULT 1, qty numeric);
CREATE TABLE info (id int PRIMARY KEY, item int, name text, value text);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "coalesce(name, ''Item '' || id)", "price": "1", "type": "''physical''", "weight": "1",
	"inventory_tracking": "tracked", "custom_fields": "props", "images": "images", "bulk_pricing_rules": "rules"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''K'' || id)", "option_values": "choices"}', on_delete => 'delete');
SELECT bcdelta.track('price', 'shop', 'price_record', '{"price_list_id": "1", "sku": "sku", "currency": "cur", "price": "net"}', on_delete => 'delete');
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "''A''", "last_name": "''B''"}', on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "''A''", "last_name": "''B''",
	"address1": "''Street '' || id", "city": "''Oslo''", "state_or_province": "''Oslo''", "postal_code": "''0150''", "country_code": "land"}', on_delete => 'delete');
SELECT bcdelta.track('moved', 'shop', 'redirect', '{"site_id": "1000", "from_path": "path", "to": "jsonb_build_object(''type'', ''url'', ''url'', target)"}', on_delete => 'delete');
SELECT bcdelta.track('stock', 'shop', 'inventory', '{"product_id": "bcdelta.ref(''item'', item)", "location_id": "location", "quantity": "qty"}', on_delete => 'delete');
SELECT bcdelta.track('info', 'shop', 'product_metafield', '{"resource_id": "bcdelta.ref(''item'', item)", "namespace": "''erp''", "key": "name", "value": "value", "permission_set": "''app_only''"}', on_delete => 'delete');
EOC

sub size { return qq([{"option_display_name": "$_[0]", "label": "$_[1]"}]); }
sub image { return '[' . join(', ', map { qq({"image_url": "$_"}) } @_) . ']'; }

# What goes in as "feed key", the columns after the key, and what its error is;
# undef: it is written
my $URL = 'https://example.com';
my $long = "$URL/" . 'x' x 276 . '.jpg';
my $many = '[' . join(', ', map { qq({"name": "n$_", "value": "v"}) } 1 .. 10_000) . ']';
my @input = (
	# variants
	[ 'kind 1', [ 1, undef, size('Size', 'L') ] ],
	[ 'kind 2', [ 1, undef, size('SIZE', 'm') ] ],
	[ 'kind 100', [ 1, undef, size('size', 'l') ], qr/^option_values: (source row 1 has the same|record \d+ of the store has the same, and is linked to source row 1)/, 'two variants with the same option values, in another spelling' ],
	[ 'kind 101', [ 2, undef, size('Size', 'L') ] ],
	[ 'kind 102', [ 120, undef, size('Size', 'L') ], qr/waits for row 120 of feed "item"/, 'a variant whose product failed' ],
	# images
	[ 'item 100', [ undef, undef, undef, image("$URL/gone.jpg", "$URL/a.jpg") ], qr/^images: \{"image_url": "https:.*gone.jpg"\}: .*could not be fetched/, 'an image that is not found' ],
	[ 'item 101', [ undef, undef, undef, image("$URL/b.jpg", "$URL/slow.jpg") ], qr/^images: \{"image_url": "https:.*slow.jpg"\}: .*could not be fetched/, 'an image that takes too long' ],
	[ 'item 102', [ undef, undef, undef, image('data:image/png;base64,AAAA') ], qr/^images: element 1: image_url: "data:.*" is not an http or https URL/, 'a data URL' ],
	[ 'item 103', [ undef, undef, undef, image($long) ], qr/^images: element 1: image_url: 300 characters, at most 255 are allowed/, 'a URL of 300 characters' ],
	[ 'item 104', [ undef, undef, undef, image("$URL/a.jpg", "$URL/b.jpg") =~ s/"}/", "is_thumbnail": true}/gr ], qr/^images: is_thumbnail is true in 2 elements/, 'two thumbnails' ],
	# rules, custom fields, collections
	[ 'item 105', [ undef, undef, undef, undef, '[{"quantity_min": 1, "quantity_max": 9, "type": "price", "amount": 1}, {"quantity_min": 5, "quantity_max": 0, "type": "price", "amount": 1}]' ],
		qr/^bulk_pricing_rules: \{"quantity_min": 5\}: .*overlaps/, 'a rule that overlaps' ],
	[ 'item 106', [ undef, undef, '[{"name": "a", "value": "b"}, {"name": "Color", "value": ""}]' ], qr/^custom_fields: element 2: value: 0 characters, at least 1/, 'a custom field with an empty value' ],
	[ 'item 107', [ undef, undef, 'null' ], qr/^custom_fields: null is not allowed/, 'a collection that is null' ],
	[ 'item 108', [ undef, undef, '{"name": "a", "value": "b"}' ], qr/^custom_fields: .* is not an array of objects/, 'a collection that is an object' ],
	[ 'item 109', [ undef, undef, $many ], qr/^custom_fields: 10000 elements, at most 200 are allowed/, 'a collection of 10,000 elements' ],
	[ 'item 120', [''], qr/^name: 0 characters/, 'a product without a name' ],
	# prices
	[ 'price 1', [ 'S4', 'usd', 5 ] ],
	[ 'price 100', [ 'S2', 'usd', undef ], qr/^price: the row has no value/, 'a price record without a price' ],
	[ 'price 101', [ 'S3', 'chf', 5 ], qr/chf is no currency/, 'a price in a currency that the store does not have' ],
	# customers and addresses
	[ 'person 1', ['ONE@Example.ORG'] ],
	[ 'person 2', ['two@example.org'] ],
	[ 'person 100', ['th ree@example.org'], qr/^email: .*th ree/, 'an address with a space' ],
	[ 'person 101', ['one@example.org'], qr/source row 1\b|linked to|has the same/, 'the same person twice, once in capitals' ],
	[ 'place 1', [ 1, 'NO' ] ],
	[ 'place 100', [ 2, undef ], qr/^country_code: the row has no value/, 'an address without a country' ],
	# redirects
	[ 'moved 1', [ '/old', '/new' ] ],
	[ 'moved 100', [ '/self', '/self' ], qr{^to.url: "/self" is the from_path of the row itself}, 'a redirect to itself' ],
	# stock
	[ 'stock 1', [ 1, 1, 7 ] ],
	[ 'stock 100', [ 2, 1, -3 ], qr/^quantity: "-3" is not between 0 and 2147483647/, 'a stock of -3' ],
	[ 'stock 101', [ 3, 1, 2147483648 ], qr/^quantity: "2147483648" is not between 0 and 2147483647/, 'a stock of 2^31' ],
	[ 'stock 102', [ 4, 1, 1.5 ], qr/^quantity: "1.5" is not an integer/, 'a stock of 1.5' ],
	[ 'stock 103', [ 5, 2, 8 ], qr/not enabled/, 'a location that was switched off' ],
	# metafields
	[ 'info 1', [ 1, 'a', 'x' ] ],
	[ 'info 100', [ 1, 'a', 'y' ], qr/source row 1\b/, 'a metafield whose key another row has' ],
	map { [ "item $_", [] ] } 1 .. 5);

sub literal { return defined $_[0] ? "'$_[0]'" : 'NULL'; }
my %columns = (item => [qw(id name tracked props images rules)], kind => [qw(id item code choices)], price => [qw(id sku cur net)], person => [qw(id mail)], place => [qw(id person land)],
	moved => [qw(id path target)], stock => [qw(id item location qty)], info => [qw(id item name value)]);
sub add
{
	my ($row) = @_;
	my ($feed, $key) = split ' ', $row->[0];
	my @values = @{ $row->[1] };
	$values[1] //= 'product' if $feed eq 'item';
	$values[1] = 'variant' if $feed eq 'item' && $key == 2;
	my @names = @{ $columns{$feed} }[ 0 .. @values ];
	$shop->sql("INSERT INTO $feed (" . join(', ', @names) . ') VALUES (' . join(', ', map { literal($_) } $key, @values) . ')');
	return;
}

# of two rows for the same person, the first one has the record
add($_) foreach grep { $_->[0] ne 'person 101' } @input;
my $run = $shop->push;
is($run->{state}, 'succeeded', 'the push ends as usual') or diag(explain($run));
add($_) foreach grep { $_->[0] eq 'person 101' } @input;
is($shop->push->{failed}, 1, 'so does another one');

my $errors = $shop->errors;
subtest 'each mistake is told by field, element and limit' => sub {
	like($errors->{ $_->[0] } // 'no error', $_->[2], "$_->[3]: $_->[0]") foreach grep { $_->[2] } @input;
};

subtest 'all other rows are in the store, and so are the other parts of those' => sub {
	foreach my $row (grep { !$_->[2] } @input)
	{
		my ($feed, $key) = split ' ', $row->[0];
		ok(!exists $errors->{ $row->[0] }, $row->[0]) or diag($errors->{ $row->[0] });
	}
	my %images = map { my $key = $_; my $id = $shop->id('item', $key); ($key => join(' ', map { $_->{image_file} =~ m{/([^/]+)__} } map { @{ $_->{images} // [] } } grep { $_->{product_id} == $id } @{ $store->control('state/elements') })) } 100, 101;
	is_deeply(\%images, { 100 => 'a', 101 => 'b' }, 'the other image of products of which one cannot be fetched');
	my $id = $shop->id('item', 105);
	is(join(' ', map { $_->{quantity_min} } map { @{ $_->{bulk_pricing_rules} // [] } } grep { $_->{product_id} == $id } @{ $store->control('state/elements') }), '1', 'the other rule');
};

subtest 'nothing is sent twice, neither in the push nor in the next one' => sub {
	my %sent;
	$sent{"$_->{method} $_->{path} " . JSON::PP->new->canonical->encode($_->{body} // {})}++ foreach grep { $_->{status} < 300 } $shop->writes;
	is_deeply([ grep { $sent{$_} > 1 } sort keys %sent ], [], 'no write that the store accepted');
	my %ids;
	$ids{ join(' ', $_->{feed}, $_->{store_id}) }++ foreach @{ $shop->value(q(SELECT jsonb_agg(to_jsonb(l)) AS o FROM bcdelta.link AS l WHERE store_id IS NOT NULL))->{o} };
	is_deeply([ grep { $ids{$_} > 1 } keys %ids ], [], 'no record belongs to two rows');
	$shop->clear;
	$run = $shop->push;
	is_deeply([ map { "$_->{method} $_->{path}" } $shop->writes ], [], 'a second push has nothing to write');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
