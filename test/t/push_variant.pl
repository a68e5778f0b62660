# Variants: below their products, with options that are made as needed by name,
# looked up among their siblings, and written fifty at a time.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $BATCH = 'PUT /catalog/variants';
my $OPTIONS = 'POST /catalog/products/{id}/options';

my $shop = BCDelta::Shop->open('variant', server => { timeout => 10 }, store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, price numeric, size text, colour text, stock int, mpn text, choices jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", "type": "''physical''", "weight": "1", "price": "10",
	"inventory_tracking": "''variant''"}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "coalesce(code, ''S'' || id)", "price": "price", "mpn": "mpn",
	"inventory_level": "stock", "option_values": "coalesce(choices, jsonb_strip_nulls(jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size), jsonb_build_object(''option_display_name'', ''Colour'', ''label'', colour))))"}', on_delete => 'delete');
EOC

sub counted { my %n; $n{$_}++ foreach @{ $shop->requests }; return \%n; }

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
	is($shop->push(q('item'))->{created}, 4, 'products are there already');
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 24, 0 ], 'every row once') or diag(explain($shop->errors));
	is($shop->sql(q(SELECT count(*) FROM bcdelta.result WHERE outcome NOT IN ('created'))), 0, 'making options is no attempt of a row');
	agrees('a first push');
	is(counted()->{$OPTIONS}, 8, 'each option is one request, with all its values');
	is_deeply([ sort grep { /^\Q$BATCH\E/ } @{ $shop->requests } ], [ "$BATCH 1", "$BATCH 23" ], 'and so are variants, once the first has shown that the store creates them so');
	my %options = map { $_->{path} => 1 } grep { $_->{path} =~ /options$/ && $_->{method} eq 'GET' } $store->journal;
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(created updated)} ], [ 0, 0 ], 'and nothing is left to send');
	is_deeply($shop->calls, [], 'nor to ask');
};

subtest 'changes are sent fifty at a time; fields that the batch lacks, alone; stock, together' => sub {
	$shop->clear;
	$shop->sql('UPDATE kind SET price = price + 1');
	is($shop->push->{updated}, 24, 'prices');
	is_deeply($shop->requests, ["$BATCH 24"], 'one request');
	is_deeply([ sort keys %{ ($shop->writes)[0]{body}[0] } ], [qw(id price)], 'with what has changed');
	$shop->clear;
	$shop->sql(q(UPDATE kind SET mpn = 'M' || id, price = price + 1 WHERE id <= 2));
	is($shop->push->{updated}, 2, 'numbers');
	is_deeply($shop->requests, [ "$BATCH 2", ('PUT /catalog/products/{id}/variants/{id}') x 2 ], 'alone');
	$shop->clear;
	$shop->sql('UPDATE kind SET stock = stock + 5');
	is($shop->push->{updated}, 24, 'stock');
	is_deeply($shop->requests, ['PUT /inventory/adjustments/absolute'], 'one request');
	is_deeply([ sort keys %{ ($shop->writes)[0]{body}{items}[0] } ], [qw(location_id quantity variant_id)], 'by variant');
	agrees('changes');
};

subtest 'variants are deleted one by one, and those of a deleted product go with it' => sub {
	$shop->clear;
	$shop->sql('DELETE FROM kind WHERE id IN (1, 7)');
	is($shop->push->{deleted}, 2, 'two rows');
	is_deeply($shop->requests, [ ('DELETE /catalog/products/{id}/variants/{id}') x 2 ], 'two requests');
	agrees('deletes');
};

subtest 'a new value is added to the option that is there, and another spelling finds it' => sub {
	$shop->clear;
	$shop->sql(q(INSERT INTO kind VALUES (30, 1, NULL, 1, 'XL', 'red', 0), (31, 2, NULL, 1, ' m ', 'BLUE', 0), (32, 2, NULL, 1, 'XL', 'Green', 0)));
	is($shop->push->{created}, 3, 'three rows') or diag(explain($shop->errors));
	is_deeply(counted(), { 'POST /catalog/products/{id}/options/{id}/values' => 3, "$BATCH 3" => 1 }, 'three new values, and no new option');
	my ($variant) = grep { $_->{sku} eq 'S31' } values %{ variants() };
	is_deeply([ sort map { $_->{label} } @{ $variant->{option_values} } ], [ 'Blue', 'M' ], 'in the store\'s spelling');
	is($shop->verify->{conflicts}, 0, 'which is no difference') or diag(explain($shop->discrepancies));
	$shop->sql(q(UPDATE kind SET size = 'M', price = 2 WHERE id = 31));
	is($shop->push->{updated}, 1, 'nor does another one keep a row from being updated') or diag(explain($shop->errors));
	agrees('spellings');
};

subtest 'what no variant can have is refused by field, and the other rows go on' => sub {
	$shop->sql(<<'EOC');
INSERT INTO kind (id, item, code, choices) VALUES (40, 1, NULL, '[]'), (41, 1, NULL, '[{"option_display_name": "Size"}]'), (42, 1, NULL, '[{"option_display_name": "Size", "label": ""}, {"option_display_name": "Colour", "label": "Red"}]'),
	(43, 1, NULL, '[{"option_display_name": "Size", "label": "S"}, {"option_display_name": "size", "label": "M"}]'), (44, 1, NULL, '{"Size": "S"}'), (45, 1, NULL, '[{"option_display_name": "Size", "label": "S", "id": 7}]'),
	(46, 1, NULL, to_jsonb(ARRAY[jsonb_build_object('option_display_name', 'Size', 'label', repeat('x', 256))])), (47, 1, '', '[{"option_display_name": "Size", "label": "Q"}, {"option_display_name": "Colour", "label": "Q"}]'),
	(48, NULL, NULL, '[{"option_display_name": "Size", "label": "Q"}]'), (49, 1, NULL, '[{"option_display_name": "Size", "label": "S"}]'), (50, 1, NULL, '[{"option_display_name": "Size", "label": 42}, {"option_display_name": "Colour", "label": "Red"}]'),
	(51, 1, NULL, '["S"]');
INSERT INTO kind VALUES (52, 2, NULL, 1, 'S', 'blue', 0), (53, 3, 'S13', 1, 'XXL', 'Red', 0), (54, 1, 'S20', 1, 'XXL', 'Red', 0);
EOC
	is($shop->push->{created}, 1, 'the good row is created');
	my $errors = $shop->errors;
	my %says = (
		40 => qr/^option_values: a new variant needs at least one/, 41 => qr/^option_values: element 1 of the array has no label/, 42 => qr/^option_values: the label of element 1 has 0 char/,
		43 => qr/^option_values: option "\w+" occurs twice/, 44 => qr/^option_values: .* is not an array of objects/, 45 => qr/^option_values: element 1 .* has "id"/,
		46 => qr/256 characters/, 47 => qr/^sku: 0 characters/, 48 => qr/^product_id: /, 49 => qr/422 .*Colour/, 51 => qr/element 1 of the array is not an object/,
		52 => qr/^option_values: record \d+ of the store has the same, and is linked to source row \d+/, 53 => qr/belongs to|still belongs/, 54 => qr/in use by variant/);
	like($errors->{"kind $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is_deeply([ sort keys %$errors ], [ sort map { "kind $_" } keys %says ], 'and no other');
	$shop->sql('DELETE FROM kind WHERE id BETWEEN 40 AND 54');
	$shop->push;
	agrees('refused rows');
	$shop->sql(q(INSERT INTO item VALUES (55, repeat('x', 251)); INSERT INTO kind VALUES (55, 55, NULL, 1, 'S', 'Red', 0), (56, 55, NULL, 1, 'M', 'Red', 0), (57, 1, NULL, 1, 'M', 'Green', 0)));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(created failed deferred)} ], [ 1, 1, 2 ], 'variants of a product that fails wait for it, and those of others do not');
	like($shop->errors->{'kind 55'}, qr/row 55 of feed "item"/, 'they say so');
	is(scalar(grep { $_->{path} eq '/catalog/products' } $shop->writes), 0, 'nothing is sent for it');
	$shop->sql(q(UPDATE item SET name = NULL WHERE id = 55));
	$shop->push;
	agrees('a product that is put right');
	$shop->sql(q(DELETE FROM kind WHERE id BETWEEN 55 AND 57; DELETE FROM item WHERE id = 55));
	$shop->push;
};

subtest 'products that exchange their names keep their records, because their variants cannot follow' => sub {
	my $ids = $shop->list(q(SELECT store_id FROM bcdelta.link WHERE feed = 'item' AND key IN ('1', '2') ORDER BY key));
	$shop->sql(q(UPDATE item SET name = 'Item ' || 3 - id WHERE id IN (1, 2)));
	$shop->push;
	agrees('exchanged names');
	is_deeply($shop->list(q(SELECT store_id FROM bcdelta.link WHERE feed = 'item' AND key IN ('1', '2') ORDER BY key)), $ids, 'each product has its record');
	$shop->sql(q(UPDATE item SET name = NULL WHERE id IN (1, 2)));
	$shop->push;
	agrees('and back');
	# the record of a product that is gone, but stays in the store, gives up the name
	$shop->sql(q(SELECT bcdelta.alter_feed('item', on_delete => 'hide'); INSERT INTO item VALUES (901, 'Gone')));
	$shop->push;
	$shop->sql(q(DELETE FROM item WHERE id = 901));
	$shop->push;
	$shop->sql(q(UPDATE item SET name = 'Gone' WHERE id = 1));
	$shop->push;
	agrees('the name of a hidden product');
	is_deeply($shop->list(q(SELECT store_id FROM bcdelta.link WHERE feed = 'item' AND key IN ('1', '2') ORDER BY key)), $ids, 'which does not change its record');
	$shop->sql(q(UPDATE item SET name = NULL WHERE id = 1; SELECT bcdelta.alter_feed('item', on_delete => 'delete')));
	$shop->push;
	$store->remove('product', $_->{id}) foreach grep { $_->{name} =~ /^Gone/ } @{ $store->state('products') };
};

subtest 'what is fixed stays as it is, and the row says so' => sub {
	$shop->sql(q(UPDATE kind SET size = 'L', price = 77 WHERE id = 4));
	$shop->push;
	like($shop->errors->{'kind 4'}, qr/^option_values: record \d+ of the store has the same, and is linked to source row \d+/, 'option values of another one');
	$shop->verify;
	my ($differs) = grep { /^kind\|4\|/ } @{ $shop->discrepancies };
	like($differs, qr/^kind\|4\|different\|option_values\|\[.*"L".*\]\|\[.*"M".*\]$/, 'a verify has the field, and both values');
	$shop->sql(q(UPDATE kind SET size = (ARRAY['S', 'M', 'L'])[id % 3 + 1] WHERE id = 4));
	$shop->push;
	agrees('put right');
};

subtest 'a preview shows the requests of a push, but for ids that only the store knows' => sub {
	$shop->sql(q(UPDATE kind SET price = 5, stock = 9, mpn = 'X' WHERE id = 9; DELETE FROM kind WHERE id = 10; INSERT INTO kind VALUES (60, 3, NULL, 1, 'XL', 'Red', 1)));
	# an update and a create may have the same path
	my $name = sub { my ($call, $body) = @_; return "$call->{method} $call->{path}" . (ref $body && $body->{sku} ? ' new' : ''); };
	my %shown = map { ($name->($_, $_->{body}) => $_->{body}) } @{ $shop->value(q(SELECT jsonb_agg(jsonb_build_object('method', method, 'path', path, 'body', body)) AS o FROM bcdelta.preview('kind')))->{o} };
	$shop->clear;
	$shop->push;
	my %sent;
	foreach my $call (grep { $_->{path} !~ /options/ } $shop->writes)
	{
		my $body = ref $call->{body} eq 'ARRAY' ? $call->{body}[0] : $call->{body}{items} ? $call->{body}{items}[0] : $call->{body};
		delete @$_{qw(id option_id)} foreach @{ $body->{option_values} // [] };
		$sent{ $name->({ %$call, path => "/v3$call->{path}" }, $body) } = $call->{method} eq 'DELETE' ? undef : $body;
	}
	is_deeply(\%shown, \%sent, 'the same');
	agrees('a preview');
};

subtest 'hidden is what cannot be bought, until its row comes back' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', on_delete => 'hide')));
	$shop->push;
	my $id = $shop->id('kind', 11);
	$shop->sql('CREATE TABLE gone AS SELECT * FROM kind WHERE id = 11; DELETE FROM kind WHERE id = 11');
	$shop->clear;
	is($shop->push->{hidden}, 1, 'hidden') or diag(explain($shop->errors));
	is_deeply([ map { $_->{body} } $shop->writes ], [ [ { id => $id, purchasing_disabled => JSON::PP::true } ] ], 'in the batch');
	is($shop->verify(q('kind'))->{conflicts}, 0, 'verify sees that it is') or diag(explain($shop->discrepancies));
	$shop->clear;
	$shop->sql('INSERT INTO kind SELECT * FROM gone');
	is($shop->push->{updated}, 1, 'shown again');
	is_deeply([ map { $_->{body} } $shop->writes ], [ [ { id => $id, purchasing_disabled => JSON::PP::false } ] ], 'as it was');
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', on_delete => 'delete')));
	$shop->push;
	agrees('hidden and shown');
};

subtest 'what is saved in part, lost on its way or cut off by a kill is in the store once' => sub {
	my $from = 200;
	my $more = sub {
		my ($item) = @_;
		$shop->sql(sprintf(q(INSERT INTO kind SELECT g, %d, NULL, g, 'Z' || g, 'Red', 3 FROM generate_series(%d, %d) AS g), $item, $from, $from + 4));
		$from += 10;
	};
	foreach my $where (qw(options$ values$ variants$))
	{
		$shop->sql(q(SELECT bcdelta.alter_feed('kind', options => '{"creates": "one"}'))) if $where eq 'variants$';
		foreach my $how (qw(before after))
		{
			$store->fault({ match => { method => 'POST', path => $where }, times => 2, do => { lose => $how } });
			$shop->sql('INSERT INTO item SELECT max(id) + 1 FROM item');
			my $item = $shop->sql('SELECT max(id) FROM item');
			$more->($item);
			$shop->push;
			$more->($item);
			$shop->push;
			$store->unfault;
			agrees("$where: replies lost $how");
		}
	}
	$store->fault({ match => { method => 'POST', path => 'variants$' }, times => 1, do => { partial => { fields => ['inventory_level'] } } });
	$more->(2);
	$shop->push;
	$store->unfault;
	agrees('stock that was not saved');
	$store->hold({ match => { method => 'POST', path => 'variants$' }, process => 'now' });
	$more->(3);
	my $push = $shop->start;
	$shop->wait_held(2);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
	$store->fault({ match => { method => 'PUT', path => 'catalog/variants$' }, times => 1, do => { partial => { fail => [3] } } });
	$shop->sql('UPDATE kind SET price = price + 1');
	is($shop->push->{failed}, 0, 'a batch that is refused once fails no row') or diag(explain($shop->errors));
	$store->unfault;
	agrees('a refused batch');
	$store->settings({ value_ids => 'stable', variant_twin_status => 422, variant_mode => 'prefix' });
	$shop->sql('INSERT INTO item SELECT max(id) + 1 FROM item');
	$more->($shop->sql('SELECT max(id) FROM item'));
	$store->fault({ match => { method => 'POST', path => 'variants$' }, times => 2, do => { lose => 'after' } });
	$shop->push;
	$store->unfault;
	agrees('duplicates that are refused like bad requests');
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', options => '{}')));
	$store->settings({ value_ids => 'change', variant_twin_status => 409, variant_mode => 'atomic' });
};

subtest 'a product that goes, and one that is made again, have the variants of the rows' => sub {
	$store->remove('products', $shop->id('item', 4));
	$shop->sql('UPDATE item SET name = $$New$$ WHERE id = 4');
	$shop->push;
	$shop->push;
	agrees('a product that was gone');
	$shop->sql(q(CREATE TABLE kept AS SELECT * FROM kind WHERE item = 3; DELETE FROM item WHERE id = 3; DELETE FROM kind WHERE item = 3));
	$shop->clear;
	$shop->push;
	is_deeply([ grep { /variants/ } @{ $shop->requests } ], [], 'variants that go with their product are no requests');
	agrees('a product that goes');
	$shop->sql(q(INSERT INTO item VALUES (3); INSERT INTO kind SELECT * FROM kept));
	$shop->push;
	agrees('and comes back');
};

subtest 'a row that moves to another product gets another variant, and the old one is removed' => sub {
	my $old = $shop->id('kind', 13);
	$shop->sql(q(UPDATE kind SET item = 1, size = 'moved' WHERE id = 13));
	is_deeply([ map { "$_->{action} $_->{method} $_->{path}" } @{ $shop->value(q(SELECT jsonb_agg(p) AS o FROM bcdelta.preview('kind') AS p))->{o} } ],
		[ 'update DELETE /v3/catalog/products/' . $shop->id('item', 3) . "/variants/$old", 'update PUT /v3/catalog/variants' ], 'a preview');
	$shop->clear;
	$shop->push;
	is_deeply([ grep { !/options/ } @{ $shop->requests } ], [ 'DELETE /catalog/products/{id}/variants/{id}', "$BATCH 1" ], 'two requests');
	agrees('moved');
	foreach my $case ([ DELETE => 'variants/' ], [ PUT => 'catalog/variants$' ])
	{
		foreach my $how (qw(before after))
		{
			$store->fault({ match => { method => $case->[0], path => $case->[1] }, times => 1, do => { lose => $how } });
			$shop->sql(q(UPDATE kind SET item = 4 - item, size = CASE item WHEN 1 THEN 'there' ELSE 'here' END WHERE id = 13));
			$shop->push;
			$store->unfault;
			agrees("a $case->[0] that is lost $how");
		}
	}
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', on_delete => 'ignore'); UPDATE kind SET item = 3, size = k.size FROM kept AS k WHERE kind.id = 13 AND k.id = 13));
	$shop->push;
	agrees('moved back, where rows that are gone leave their variants');
	$shop->sql(q(SELECT bcdelta.alter_feed('kind', on_delete => 'delete')));
	$shop->push;
	$shop->sql(q(UPDATE kind SET item = 4 - item, code = CASE id WHEN 2 THEN 'S13' WHEN 13 THEN 'S2' END, size = CASE id WHEN 2 THEN 'M1' ELSE 'M2' END, colour = 'Red' WHERE id IN (2, 13)));
	$shop->push;
	agrees('two rows that change places');
	$shop->sql(q(UPDATE kind SET item = 4 - item, code = NULL WHERE id IN (2, 13); UPDATE kind SET size = k.size, colour = k.colour FROM kept AS k WHERE kind.id = 13 AND k.id = 13));
	$shop->push;
	agrees('and back');
	my $product = $shop->id('item', 3);
	$shop->sql(q(UPDATE kind SET item = 1, size = 'fled' WHERE id = 13; DELETE FROM item WHERE id = 3; DELETE FROM kind WHERE item = 3));
	$shop->clear;
	$shop->push;
	is_deeply([ grep { /DELETE/ } @{ $shop->requests } ], ['DELETE /catalog/products'], 'what went with its product costs no request');
	agrees('a product that the row has left goes');
	$shop->sql(q(INSERT INTO item VALUES (3); INSERT INTO kind SELECT * FROM kept WHERE id <> 13; UPDATE kind SET item = 3, size = k.size FROM kept AS k WHERE kind.id = 13 AND k.id = 13));
	$shop->push;
	agrees('and comes back');
};

subtest 'numbers that move on from row to row come to their rows' => sub {
	$shop->sql(q(UPDATE kind SET code = 'fresh' WHERE id = 17; UPDATE kind SET code = 'S' || id + 1 WHERE id BETWEEN 15 AND 16));
	$shop->push;
	agrees('a chain');
	$shop->sql(q(UPDATE kind SET code = NULL WHERE id BETWEEN 15 AND 17));
	$shop->push;
	agrees('a chain, back');
	$shop->sql(q(UPDATE kind SET code = 'S' || CASE id WHEN 14 THEN 15 ELSE 14 END WHERE id IN (14, 15)));
	$shop->push;
	agrees('a swap');
	$shop->sql(q(UPDATE kind SET code = NULL WHERE id IN (14, 15)));
	$shop->push;
};

subtest 'a number that a product passes on to its first variant is not taken for that variant' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE goods (id int PRIMARY KEY, sku text);
CREATE TABLE goods_kind (id int PRIMARY KEY, goods int, sku text, size text);
SELECT bcdelta.track('goods', 'shop', 'product', '{"sku": "sku", "name": "''Goods '' || id", "type": "''physical''", "weight": "1", "price": "10"}', on_delete => 'delete');
SELECT bcdelta.track('goods_kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''goods'', goods)", "sku": "sku",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size))"}', on_delete => 'delete');
INSERT INTO goods VALUES (1, 'G-1');
EOC
	$shop->push;
	$shop->sql(q(UPDATE goods SET sku = 'G'; INSERT INTO goods_kind VALUES (1, 1, 'G-1', 'S'), (2, 1, 'G-2', 'M')));
	# the product still has it when the variant is looked up
	$store->fault({ match => { method => 'PUT', path => '/catalog/products$' }, times => 1, do => { status => 503 } });
	$shop->push;
	$shop->sql(q(SELECT bcdelta.retry('goods_kind')));
	$shop->push;
	is_deeply([ grep { /^goods/ } keys %{ $shop->pending } ], [], 'nothing is left pending') or diag(explain($shop->errors));
	is_deeply([ sort map { $_->{sku} } grep { $_->{sku} =~ /^G-/ } values %{ variants() } ], [qw(G-1 G-2)], 'the variants have their numbers');
	$shop->sql(q(DELETE FROM goods_kind; DELETE FROM goods));
	$shop->push;
	$store->unfault;
};

subtest 'limits of the store are refused by name, before a request' => sub {
	$shop->sql(<<'EOC');
INSERT INTO item VALUES (90);
INSERT INTO kind SELECT g, 90, NULL, 1, 'v' || g % 250, 'c' || g / 250, 0 FROM generate_series(2000, 2601) AS g;
EOC
	$shop->push;
	my $errors = $shop->errors;
	is(scalar(keys %$errors), 2, 'two too many');
	like($_, qr/^product_id \d+ has 600 variants already, and the store takes no more/, 'by name') foreach values %$errors;
	$shop->sql('DELETE FROM kind WHERE id > 2260');
	$shop->push;
	$shop->sql(q(INSERT INTO kind VALUES (2700, 90, NULL, 1, 'one more', 'c8', 0)));
	$shop->push;
	like($shop->errors->{'kind 2700'}, qr/^option_values: option "Size" of product_id \d+ has 250 values already.*"one more"/, 'values too');
	$shop->sql('DELETE FROM kind WHERE id >= 2000');
	$shop->push;
	agrees('limits');
};

subtest 'link finds variants among those of their products, page by page, and verify reads as few' => sub {
	$shop->sql(q(DELETE FROM item));
	$shop->push;
	is_deeply(variants(), {}, 'products take their variants along');
	$shop->sql(q(DELETE FROM kind));
	$shop->clear;
	$shop->push;
	is_deeply($shop->pending, {}, 'rows that are gone with them');
	is_deeply($store->state('options'), {}, 'and their options');
	$store->seed('products', [ map { { id => $_, name => "Item $_", type => 'physical', weight => 1, price => 10, inventory_tracking => 'variant' } } 100 .. 130 ]);
	# one has more than two pages of them
	$store->seed('variants', [ map { { product_id => $_ <= 520 ? 100 : 100 + $_ % 30 + 1, sku => "s$_", price => $_, mpn => 'none', inventory_level => 0,
		option_values => [ { option_display_name => 'Size', label => 'n' . $_ % 200 }, { option_display_name => 'Colour', label => 'C' . int($_ / 200) } ] } } grep { $_ != 900 } 1 .. 1000 ]);
	$shop->sql(<<'EOC');
INSERT INTO item SELECT g FROM generate_series(100, 130) AS g;
INSERT INTO kind SELECT g, CASE WHEN g <= 520 THEN 100 ELSE 100 + g % 30 + 1 END, CASE WHEN g = 7 THEN 'other' END, g, 'N' || g % 200, 'c' || g / 200, 0, 'none' FROM generate_series(1, 1000) AS g;
EOC
	$shop->clear;
	is($shop->link(q('item'))->{linked}, 31, 'products');
	$shop->clear;
	my $run = $shop->link(q('kind'));
	is_deeply([ @$run{qw(linked conflicts)} ], [ 999, 1 ], 'all that are there, one of them by its options') or diag(explain([ @{ $shop->discrepancies }[0 .. 5] ]));
	cmp_ok(scalar @{ $shop->calls }, '<=', 12, 'few requests');
	$shop->clear;
	is($shop->push->{failed}, 0, 'a push brings the rest') or diag(explain($shop->errors));
	agrees('linked');
	$store->edit('variant', $shop->id('kind', 7), { sku => 'strange' });
	$store->remove('variant', $shop->id('kind', 900));
	$store->seed('variants', [ { id => 999999999, product_id => 101, sku => 'extra', option_values => [ { option_display_name => 'Size', label => 'extra' } ] } ]);
	$shop->clear;
	$run = $shop->verify(q('kind'));
	is_deeply($shop->discrepancies, [ 'kind|#999999999|missing_in_source|sku|extra', 'kind|7|different|sku|other|strange', 'kind|900|missing_in_store' ], 'verify lists what differs')
	  or diag(explain($shop->discrepancies));
	cmp_ok(scalar @{ $shop->calls }, '<=', 15, 'with few requests') or diag(scalar @{ $shop->calls });
	$store->remove('variant', 999999999);
	$shop->sql(q(SELECT bcdelta.mark('kind', '7'), bcdelta.mark('kind', '900')));
	$shop->push;
	agrees('put right');
};

subtest 'the reply to the first option of a product has the ids of its values; the list is read again if there are others' => sub {
	$shop->sql(q(INSERT INTO item VALUES (50), (51); INSERT INTO kind (id, item, price, stock, choices) SELECT 5000 + g, 50, 1, 1,
			jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', 'S' || g)) FROM generate_series(1, 3) AS g;
		INSERT INTO kind VALUES (5010, 51, NULL, 1, 'S', 'Red', 1)));
	$shop->push(q('item'));
	$shop->clear;
	is($shop->push->{created}, 4, 'they are created');
	my @reads = map { $_->{query} =~ /id:in=([^&]*)/ } grep { $_->{method} eq 'GET' && ($_->{query} // '') =~ /include=options/ } $store->journal;
	is_deeply(\@reads, [ join(',', map { $shop->id('item', $_) } 50, 51), $shop->id('item', 51) ], 'one read for one option, two for two');
	agrees('a first option');
	$shop->sql('DELETE FROM kind WHERE id > 5000; DELETE FROM item WHERE id >= 50');
	$shop->push;
};

done_testing();
