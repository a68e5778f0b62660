# Variants that exchange what is unique: article numbers, which need a third
# value for a moment, and option values, which no variant ever changes.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $SINGLE = 'PUT /catalog/products/{id}/variants/{id}';

my $shop = BCDelta::Shop->open('exchange', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, price numeric);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", "type": "''physical''", "weight": "1", "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "code", "price": "price",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
INSERT INTO item SELECT g FROM generate_series(1, 3) AS g;
INSERT INTO kind SELECT g, (g - 1) / 4 + 1, 'K' || g, (ARRAY['S', 'M', 'L', 'XL'])[(g - 1) % 4 + 1], g FROM generate_series(1, 12) AS g;
EOC

sub ids { return { map { $_ => $shop->id('kind', $_) } @{ $shop->list('SELECT key FROM bcdelta.link WHERE feed = $$kind$$') } }; }

sub agrees
{
	my ($what) = @_;
	my %item = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	my %kind = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'kind'))->{o} };
	is_deeply(
		[ sort map { join('|', $kind{ $_->{id} } // '?', $item{ $_->{product_id} } // '?', $_->{sku}, $_->{option_values}[0]{label}, $_->{price} + 0) } @{ $store->state('variants') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', id, item, code, size, trim_scale(price)) FROM kind)) } ],
		"$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: no record lacks what it has given up");
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

subtest 'a circle of article numbers takes one request more than it has rows' => sub {
	$shop->push;
	agrees('at first');
	$shop->sql(q(UPDATE kind SET code = 'K' || 3 - id WHERE id IN (1, 2)));
	pushes('a swap', [ ($SINGLE) x 3 ]);
	$shop->sql(q(UPDATE kind SET code = 'K' || id % 12 + 1));
	pushes('a rotation through all products', [ ($SINGLE) x 12 ]);
	$shop->sql(q(UPDATE kind SET code = CASE WHEN id = 1 THEN 'new' ELSE 'K' || id END, price = price + 1 WHERE id < 5));
	pushes('a chain, beside changes of prices', [ 'PUT /catalog/variants 4', ($SINGLE) x 4 ]);
	$shop->sql(q(UPDATE kind SET code = 'K' || id));
	pushes('each its own', [ ($SINGLE) x 9 ]);
	$shop->sql(q(UPDATE kind SET code = CASE id WHEN 1 THEN 'k2' WHEN 2 THEN 'k1' END WHERE id < 3));
	$shop->push;
	$shop->sql(q(UPDATE kind SET code = 'K' || id));
	$shop->push;
	agrees('numbers in small letters, and back');
	$store->settings({ sku_charset => JSON::PP::true });
	$shop->sql(q(UPDATE kind SET code = 'K' || 3 - id WHERE id IN (1, 2)));
	pushes('a swap where a number has few characters', [ ($SINGLE) x 3 ]);
	$store->settings({ sku_charset => JSON::PP::false });
};

subtest 'a new variant, or one that goes, is part of the exchange' => sub {
	$shop->sql(q(UPDATE kind SET code = 'later' WHERE id = 1; INSERT INTO kind VALUES (20, 1, 'K2', 'XXL', 1); UPDATE kind SET code = 'K20' WHERE id = 1));
	$shop->push;
	agrees('a new one takes a number');
	$shop->sql(q(DELETE FROM kind WHERE id = 20; UPDATE kind SET code = 'K2' WHERE id = 5));
	$shop->push;
	agrees('a number of one that goes, below another product');
	$shop->sql(q(UPDATE kind SET code = 'K' || id));
	$shop->push;
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', on_delete => 'ignore'); DELETE FROM kind WHERE id = 4; UPDATE kind SET code = 'K4' WHERE id = 3));
	$shop->push;
	is_deeply($shop->pending, {}, 'the record of a row that is gone gives up its number') or diag(explain($shop->errors));
	is(scalar(grep { $_->{option_values}[0]{label} eq 'XL' && $_->{sku} =~ /^K4-\d+$/ } @{ $store->state('variants') }), 1, 'for one with its id');
	$shop->sql(q(INSERT INTO kind VALUES (4, 1, 'K3', 'XL', 4); SELECT bcdelta.alter_feed('kind', on_delete => 'delete')));
	$shop->push;
	$shop->sql(q(UPDATE kind SET code = 'K' || id));
	$shop->push;
	agrees('and is taken again');
};

subtest 'rows that exchange option values exchange their records, and nothing is removed' => sub {
	my $before = ids();
	$shop->sql(q(UPDATE kind SET size = CASE id WHEN 1 THEN 'M' ELSE 'S' END, code = 'K' || 3 - id WHERE id IN (1, 2)));
	is_deeply([ map { "$_->{action} " . ($_->{error} // '') =~ s/.*(which|:) //r } @{ $shop->value(q(SELECT jsonb_agg(p ORDER BY key) AS o FROM bcdelta.preview('kind') AS p))->{o} } ],
		[ ('update a push exchanges the records of these rows') x 2 ], 'a preview says so');
	$shop->clear;
	$shop->push;
	is_deeply($shop->requests, ['PUT /catalog/variants 2'], 'numbers and all: only the prices have to follow');
	is_deeply([ @{ ids() }{ 1, 2 } ], [ @$before{ 2, 1 } ], 'the records are exchanged');
	agrees('numbers and all');
	$shop->sql(q(UPDATE kind SET size = CASE id WHEN 1 THEN 'S' ELSE 'M' END WHERE id IN (1, 2)));
	pushes('numbers stay', [ 'PUT /catalog/variants 2', ($SINGLE) x 3 ]);
	$shop->sql(q(UPDATE kind SET size = (ARRAY['M', 'L', 'XL', 'S'])[(id - 1) % 4 + 1]));
	$shop->push;
	agrees('rotations');
	$shop->sql(q(UPDATE kind SET size = 'm' WHERE id = 1; UPDATE kind SET size = 'S', code = 'K' || id WHERE id = 5; UPDATE kind SET size = 'M' WHERE id = 8));
	$shop->push;
	is_deeply($shop->pending, {}, 'one in another spelling') or diag(explain($shop->errors));
	$shop->sql(q(UPDATE kind SET size = (ARRAY['S', 'M', 'L', 'XL'])[(id - 1) % 4 + 1], code = 'K' || id));
	$shop->push;
	agrees('put in order');
	$shop->sql(q(DELETE FROM kind WHERE id = 12; UPDATE kind SET size = 'XL' WHERE id = 11; INSERT INTO kind VALUES (13, 3, 'K13', 'L', 13)));
	$shop->push;
	$shop->push;
	agrees('what one leaves, a new one has');
	$shop->sql(q(DELETE FROM kind WHERE id = 13; INSERT INTO kind VALUES (12, 3, 'K12', 'L', 12)));
	$shop->push;
	agrees('back');
};

subtest 'what cannot be had is refused by name, before a request' => sub {
	$shop->clear;
	$shop->sql(q(INSERT INTO kind VALUES (30, 1, 'K30', 'Q', 1), (31, 1, 'K31', 'q', 1), (32, 1, 'K32', 's', 1), (33, 2, 'K33', 'Q', 1); UPDATE kind SET size = 'new' WHERE id = 6));
	$shop->push;
	is_deeply([ grep { m{/variants} } @{ $shop->requests } ], ['PUT /catalog/variants 2'], 'two are made');
	my $errors = $shop->errors;
	is_deeply([ sort keys %$errors ], [ 'kind 31', 'kind 32', 'kind 6' ], 'the others fail');
	like($errors->{'kind 31'}, qr/^option_values: (source row 30 has the same|record \d+ of the store has the same, and is linked to source row 30)$/, 'twins');
	like($errors->{'kind 32'}, qr/^option_values: record \d+ of the store has the same, and is linked to source row 1$/, 'one that is there');
	like($errors->{'kind 6'}, qr/^option_values: the record has .*"M".*, which cannot be changed in the store$/, 'one that nobody has');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry' AND run_id = (SELECT max(run_id) FROM bcdelta.run))), 0, 'nothing was tried in vain');
	$shop->sql(q(UPDATE kind SET size = 'R' WHERE id = 30; DELETE FROM kind WHERE id = 32; UPDATE kind SET size = 'M' WHERE id = 6; UPDATE kind SET size = 'T' WHERE id = 31));
	$shop->push;
	like($shop->errors->{'kind 30'}, qr/^option_values: the record has/, 'another value needs another row');
	$shop->sql(q(DELETE FROM kind WHERE id >= 30));
	$shop->push;
	agrees('put right');
	$shop->sql(q(INSERT INTO item VALUES (9, repeat('x', 251)); INSERT INTO kind VALUES (40, 9, 'K40', 'S', 1)));
	$shop->push;
	is($shop->pending->{'kind 40'}, 'deferred', 'a variant of a product that cannot be sent waits');
	like($shop->errors->{'kind 40'}, qr/^waits for row 9 of feed "item"/, 'by name');
	$shop->sql(q(UPDATE item SET name = NULL WHERE id = 9));
	$shop->push;
	agrees('and follows');
	$shop->sql(q(DELETE FROM item WHERE id = 9; DELETE FROM kind WHERE id = 40));
	$shop->push;
};

subtest 'an exchange that is cut off, or whose replies are lost, ends as it should' => sub {
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'PUT', path => 'variants/\d+$' }, times => 2, do => { lose => $how } });
		$shop->sql(q(UPDATE kind SET code = 'K' || id % 12 + 1));
		$shop->push;
		$store->unfault;
		$shop->push;
		agrees("a rotation, replies lost $how");
		$shop->sql(q(UPDATE kind SET code = 'K' || id));
		$shop->push;
		agrees("a rotation back, after replies lost $how");
	}
	foreach my $process ('now', 'never')
	{
		$store->hold({ match => { method => 'PUT', path => 'variants/\d+$' }, process => $process });
		$shop->sql(q(UPDATE kind SET code = 'K' || 3 - id WHERE id IN (1, 2)));
		my $push = $shop->start;
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		$shop->push;
		agrees("a kill while a number is put aside: $process");
		$shop->sql(q(UPDATE kind SET code = 'K' || id));
		$shop->push;
		agrees("back: $process");
	}
	$store->fault({ match => { method => 'PUT', path => 'variants/\d+$' }, skip => 1, times => 1, do => { status => 422, body => { status => 422, title => 'No.' } } });
	$shop->sql(q(UPDATE kind SET code = 'K' || 3 - id WHERE id IN (1, 2)));
	$shop->push;
	$store->unfault;
	is(scalar(grep { $_->{sku} !~ /^K\d+$/ } @{ $store->state('variants') }), 0, 'a refusal leaves no variant without its number') or diag(explain($store->state('variants')));
	$shop->sql(q(SELECT bcdelta.retry('kind')));
	$shop->push;
	agrees('and a retry brings the rest');
};

subtest 'a variant that was linked by hand is deleted below a product that is read' => sub {
	my $product = $shop->id('item', 1);
	$store->seed('variants', [ { id => 777000001, product_id => 0 + $product, sku => 'hand', option_values => [ { option_display_name => 'Size', label => 'hand' } ] } ]);
	$shop->sql(q(INSERT INTO kind VALUES (50, 1, 'hand', 'hand', 1); SELECT bcdelta.link('kind', '50', 777000001); DELETE FROM kind WHERE id = 50));
	is_deeply($shop->value(q(SELECT jsonb_agg(jsonb_build_array(action, method, path, error)) AS o FROM bcdelta.preview('kind')))->{o},
		[ [ 'delete', 'DELETE', '/v3/catalog/products/{product_id}/variants/{id}', 'product_id: not known for record 777000001, and read first' ] ], 'a preview');
	$shop->clear;
	is($shop->push->{deleted}, 1, 'deleted') or diag(explain($shop->errors));
	is_deeply([ map { "$_->{method} $_->{path}" } $store->journal ], [ 'GET /catalog/variants', "DELETE /catalog/products/$product/variants/777000001" ], 'two requests') or diag(explain($shop->calls));
	agrees('a hand-linked one');
};

subtest 'products and variants, which share their article numbers, exchange them in one push' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE goods (id int PRIMARY KEY, sku text);
CREATE TABLE goods_kind (id int PRIMARY KEY, goods int, sku text, size text);
SELECT bcdelta.track('goods', 'shop', 'product', '{"sku": "sku", "name": "''Goods '' || id", "type": "''physical''", "weight": "1", "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('goods_kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''goods'', goods)", "sku": "sku",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
INSERT INTO goods SELECT g, 'G' || g FROM generate_series(1, 4) AS g;
INSERT INTO goods_kind SELECT g, (g - 1) / 2 + 1, 'V' || g, 'n' || g FROM generate_series(1, 4) AS g;
EOC
	$shop->push;
	my $numbers = sub {
		my ($what) = @_;
		is_deeply([ sort grep { /^[GV]/ } map { $_->{sku} . ' ' . ($_->{name} // $_->{option_values}[0]{label}) } @{ $store->state('products') }, @{ $store->state('variants') } ],
			[ sort @{ $shop->list(q(SELECT sku || ' Goods ' || id FROM goods UNION ALL SELECT sku || ' ' || size FROM goods_kind)) } ], "$what: numbers");
		is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
		is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: no record lacks what it has given up");
		return;
	};
	$numbers->('at first');
	my %changes = (
		'a swap' => q(UPDATE goods SET sku = 'V3' WHERE id = 1; UPDATE goods_kind SET sku = 'G1' WHERE id = 3),
		'a swap with the own product' => q(UPDATE goods SET sku = 'V1' WHERE id = 1; UPDATE goods_kind SET sku = 'G1' WHERE id = 1),
		'a number of a product for a variant' => q(UPDATE goods SET sku = 'G9' WHERE id = 2; UPDATE goods_kind SET sku = 'G2' WHERE id = 1),
		'a number of a variant for a product' => q(UPDATE goods_kind SET sku = 'V9' WHERE id = 2; UPDATE goods SET sku = 'V2' WHERE id = 4),
		'a rotation' => q(UPDATE goods SET sku = CASE id WHEN 1 THEN 'V1' WHEN 2 THEN 'V3' END WHERE id < 3; UPDATE goods_kind SET sku = CASE id WHEN 1 THEN 'G2' WHEN 3 THEN 'G1' END WHERE id IN (1, 3)),
		'a number of a variant that goes' => q(DELETE FROM goods_kind WHERE id = 4; UPDATE goods SET sku = 'V4' WHERE id = 3),
		'a number that a variant leaves to a new product' => q(UPDATE goods_kind SET sku = 'V9' WHERE id = 2; INSERT INTO goods VALUES (5, 'V2')),
	);
	foreach my $what (sort keys %changes)
	{
		$shop->sql($changes{$what});
		is($shop->push->{failed}, 0, "$what: one push") or diag(explain($shop->errors));
		$numbers->($what);
		$shop->sql(q(DELETE FROM goods WHERE id = 5; INSERT INTO goods_kind VALUES (4, 2, 'V4', 'n4') ON CONFLICT DO NOTHING;
			UPDATE goods SET sku = 'G' || id; UPDATE goods_kind SET sku = 'V' || id));
		$shop->push;
		$numbers->("$what, and back");
	}
	foreach my $case ([ qw(before catalog/products$) ], [ qw(after catalog/products$) ], [ qw(after variants/) ], [ qw(before variants/) ])
	{
		$store->fault({ match => { method => 'PUT', path => $case->[1] }, times => 1, do => { lose => $case->[0] } });
		$shop->sql($changes{'a swap'});
		$shop->push;
		$store->unfault;
		$numbers->("a swap, a reply of $case->[1] lost $case->[0]");
		$shop->sql(q(UPDATE goods SET sku = 'G' || id; UPDATE goods_kind SET sku = 'V' || id));
		$shop->push;
	}
	like($shop->sql(q(UPDATE goods SET sku = 'V3' WHERE id = 1; SELECT error FROM bcdelta.preview('goods'))), qr/^sku "V3" belongs to row 3 of feed "goods_kind"/m, 'a preview has the other row');
	$shop->push;
	like($shop->errors->{'goods 1'}, qr/in use by variant/, 'what a variant keeps cannot be had');
	$shop->sql(q(DELETE FROM goods_kind; DELETE FROM goods));
	$shop->push;
};

done_testing();
