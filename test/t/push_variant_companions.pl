# New products, and new variants in a table of their own: one request for both.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $CREATE = 'POST /catalog/products';
my $ONE = 'PUT /catalog/variants 1';
my $OPTION = 'POST /catalog/products/{id}/options';

my $shop = BCDelta::Shop->open('companions', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, colour text, price numeric, stock int, image text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", "type": "''physical''", "weight": "1", "price": "10", "inventory_tracking": "''variant''"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''K'' || id)", "price": "price", "inventory_level": "stock",
	"image_url": "image", "option_values": "jsonb_strip_nulls(jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size)) || CASE WHEN colour IS NULL THEN ''[]'' ELSE jsonb_build_array(jsonb_build_object(''option_display_name'', ''Colour'', ''label'', colour)) END)"}', on_delete => 'delete');
EOC

sub agrees
{
	my ($what) = @_;
	my %item = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	is_deeply(
		[ sort map { join('|', $item{ $_->{product_id} } // '?', $_->{sku}, join(' ', sort map { $_->{label} } @{ $_->{option_values} }), ($_->{price} // 0) + 0, $_->{inventory_level}) } @{ $store->state('variants') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', item, coalesce(code, 'K' || id), concat_ws(' ', colour, size), trim_scale(coalesce(price, 0)), coalesce(stock, 0)) FROM kind)) } ],
		"$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub pushes
{
	my ($what, $requests) = @_;
	$shop->clear;
	$shop->push;
	is_deeply($shop->requests, $requests, "$what: requests");
	agrees($what);
	return;
}

subtest 'new variants are created with their new products, and read back page by page' => sub {
	$shop->sql(<<'EOC');
INSERT INTO item SELECT g FROM generate_series(1, 40) AS g;
INSERT INTO kind SELECT g, (g - 1) / 10 + 1, NULL, 'S' || g % 10, 'C' || g % 2, g, g % 7 FROM generate_series(1, 400) AS g;
EOC
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created linked failed deferred)} ], [ 440, 0, 0, 0 ], 'every row once') or diag(explain($shop->errors));
	is_deeply($shop->requests, [ ($CREATE) x 40 ], 'one request for each product');
	cmp_ok(scalar(grep { $_ eq 'GET /catalog/variants' } @{ $shop->calls }), '<=', 4, 'few pages for 400 variants');
	agrees('a first push');
	$shop->clear;
	$shop->push;
	is_deeply($shop->calls, [], 'and nothing is left to ask');
	$shop->sql(q(INSERT INTO kind VALUES (1001, 1, NULL, 'S0', 'C9', 1, 1), (1002, 60, NULL, 'S0', 'C9', 1, 1); INSERT INTO item VALUES (60)));
	pushes('one of a product that is there', [ $CREATE, 'POST /catalog/products/{id}/options/{id}/values', $ONE ]);
	$shop->sql(q(INSERT INTO item VALUES (61); INSERT INTO kind VALUES (1003, 61, NULL, 'S', NULL, 1, 1)));
	$shop->push(q('item'));
	is_deeply($shop->pending, { 'kind 1003' => 'ready' }, 'the rows of a feed that is not pushed are left alone');
	pushes('they follow', [ $OPTION, $ONE ]);
	$shop->sql(q(INSERT INTO item VALUES (62); INSERT INTO kind VALUES (1004, 62, NULL, 'S', NULL, 1, 1, 'http://example.com/a.jpg')));
	pushes('a picture', [ $CREATE, 'PUT /catalog/products/{id}/variants/{id}' ]);
};

subtest 'what might be refused does not join, and what is refused is sent again without them' => sub {
	$shop->sql(q(INSERT INTO item VALUES (70); INSERT INTO kind VALUES (1100, 70, NULL, 'S', 'Red', 1, 1), (1101, 70, NULL, 's', 'red', 1, 1), (1102, 70, 'k1100', 'M', 'Red', 1, 1), (1103, 70, NULL, 'L', NULL, 1, 1),
		(1104, 70, '', 'XL', 'Red', 1, 1), (1105, 70, NULL, 'XL', 'Red', -1, 1), (1106, 70, NULL, 'XXL', 'Red', 1, 1)));
	$shop->clear;
	$shop->push;
	is($shop->requests->[0], $CREATE, 'the product is created');
	is_deeply([ map { $_->{sku} } @{ ($shop->writes)[0]{body}{variants} } ], [ 'K1100', 'K1106' ], 'with those that fit');
	my $errors = $shop->errors;
	is_deeply([ sort keys %$errors ], [ map { "kind $_" } 1101 .. 1105 ], 'the others fail by themselves');
	like($errors->{'kind 1101'}, qr/^option_values: source row 1100 has the same/, 'the same options');
	like($errors->{'kind 1102'}, qr/^sku "k1100" belongs to record \d+ of the store, which is linked to source row 1100/, 'the same number');
	like($errors->{'kind 1103'}, qr/422 .*Colour/, 'fewer options');
	$shop->sql(q(DELETE FROM kind WHERE id BETWEEN 1101 AND 1105));
	$shop->push;
	agrees('put right');
	$shop->sql(q(INSERT INTO item VALUES (71); INSERT INTO kind VALUES (1110, 71, 'K5', 'S', NULL, 1, 1), (1111, 71, NULL, 'M', NULL, 1, 1)));
	$shop->clear;
	$shop->push;
	is_deeply([ @{ $shop->requests }[ 0, 1 ] ], [ $CREATE, $CREATE ], 'a number of another product: refused, and sent again without variants');
	like($shop->errors->{'kind 1110'}, qr/K5/, 'the one to blame fails');
	$shop->sql(q(UPDATE kind SET code = NULL WHERE id = 1110));
	$shop->push;
	agrees('and is put right');
};

subtest 'lost replies, kills and rows that change meanwhile leave nothing twice and nothing behind' => sub {
	my $id = 2000;
	foreach my $how (qw(before after))
	{
		$id += 10;
		$store->fault({ match => { method => 'POST', path => 'products$' }, times => 1, do => { lose => $how } });
		$shop->sql(qq(INSERT INTO item VALUES ($id); INSERT INTO kind SELECT g, $id, NULL, 's' || g, NULL, 1, 1 FROM generate_series($id, $id + 4) AS g));
		$shop->push;
		$store->unfault;
		$shop->push;
		agrees("replies lost $how");
	}
	foreach my $change ('SELECT', 'DELETE FROM kind WHERE id = ID + 1', q(UPDATE kind SET code = 'other' || id WHERE id = ID + 1), q(UPDATE kind SET size = 'other' WHERE id = ID + 1), 'DELETE FROM kind WHERE item = ID; DELETE FROM item WHERE id = ID',
		'UPDATE kind SET price = 9 WHERE item = ID')
	{
		foreach my $kill (0, 1)
		{
			$id += 10;
			$store->hold({ match => { method => 'POST', path => 'products$' }, process => 'now' });
			$shop->sql(qq(INSERT INTO item VALUES ($id); INSERT INTO kind SELECT g, $id, NULL, 's' || g, NULL, 1, 1 FROM generate_series($id, $id + 2) AS g));
			my $push = $shop->start;
			$shop->wait_held(1);
			$shop->sql($change =~ s/ID/$id/gr);
			kill_worker($shop->node, 'shop', 'KILL') if $kill;
			$store->release unless $kill;
			$push->finish;
			$store->release if $kill;
			$shop->push;
			$shop->push if $change =~ /size/;
			if ($change =~ /size/)
			{
				like($shop->errors->{ 'kind ' . ($id + 1) }, qr/^option_values: the record has/, 'other option values need another row');
				$shop->sql("UPDATE kind SET size = 's' || id WHERE id = $id + 1");
				$shop->push;
			}
			agrees(($kill ? 'a kill' : 'no kill') . ", and: $change");
		}
	}
};

subtest 'a variant that is deleted leaves no record, even if the key of its product has changed since' => sub {
	$store->hold({ match => { method => 'POST', path => 'products$' }, process => 'now' });
	$shop->sql('INSERT INTO item VALUES (6000); INSERT INTO kind SELECT g, 6000, NULL, g, NULL, 1, 1 FROM generate_series(6001, 6003) AS g');
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql('DELETE FROM kind WHERE id = 6002; UPDATE item SET id = 6500 WHERE id = 6000; UPDATE kind SET item = 6500 WHERE item = 6000');
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push(q('item'));
	$shop->wait_for('SELECT NOT EXISTS (SELECT FROM bcdelta.move)');
	cmp_ok($shop->id('item', 6500), '>', 0, 'the product has its new key');
	$shop->push;
	agrees('a product with another key');
};

subtest 'when rows could not be gathered for the creates of one round, all are for those of the next' => sub {
	$shop->sql(<<'EOC');
CREATE SEQUENCE troubles;
CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.key = '30255' AND NEW.state = 'deferred' AND nextval('public.troubles') = 1 THEN
		RAISE EXCEPTION 'trouble';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER trouble BEFORE UPDATE ON bcdelta.pending FOR EACH ROW EXECUTE FUNCTION trouble();
EOC
	$store->hold({ match => { method => 'PUT', path => 'catalog/variants$' }, process => 'now' });
	$shop->clear;
	$shop->sql(q(INSERT INTO item VALUES (3000); INSERT INTO kind SELECT g, 3000, NULL, 'S' || g % 20, 'C' || g / 20, 1, 1 FROM generate_series(30001, 30255) AS g));
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql(q(INSERT INTO item VALUES (2900); INSERT INTO kind VALUES (29001, 2900, NULL, 'S', 'C', 1, 1)));
	$store->release({});
	$push->finish;
	$shop->push;
	$shop->sql('DROP TRIGGER trouble ON bcdelta.pending');
	is($shop->sql('SELECT last_value FROM troubles') > 0, 1, 'there was trouble');
	my ($create) = grep { $_->{path} =~ /products$/ && $_->{body}{name} eq 'Item 2900' } $shop->writes;
	is_deeply([ map { $_->{sku} } @{ $create->{body}{variants} } ], ['K29001'], 'the product of the next round takes its variant along');
	agrees('trouble');
};

done_testing();
