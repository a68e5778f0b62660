# Variants in the mapping of their product: created with it, kept by difference.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $BATCH = 'PUT /catalog/variants';
my $POST = 'POST /catalog/products/{id}/variants';
my $SINGLE = 'PUT /catalog/products/{id}/variants/{id}';
my $DELETE = 'DELETE /catalog/products/{id}/variants/{id}';

my $shop = BCDelta::Shop->open('nested', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, name text, more jsonb);
CREATE TABLE kind (id int PRIMARY KEY, item int, code text, size text, price numeric, mpn text, image text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "coalesce(name, ''Item '' || id)", "type": "''physical''", "weight": "1", "price": "10",
	"variants": "coalesce(more, (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(''sku'', coalesce(code, ''K'' || kind.id), ''price'', price, ''mpn'', coalesce(mpn, ''''), ''image_url'', image, ''option_values'', jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', size)))) ORDER BY kind.id) FROM public.kind WHERE kind.item = item.id), ''[]'')"}', on_delete => 'delete');
SELECT bcdelta.depends('item', 'kind', '{item}');
EOC

sub agrees
{
	my ($what) = @_;
	my %item = reverse %{ $shop->value(q(SELECT coalesce(jsonb_object_agg(key, store_id), '{}') AS o FROM bcdelta.link WHERE feed = 'item'))->{o} };
	is_deeply(
		[ sort map { join('|', $item{ $_->{product_id} } // '?', $_->{sku}, lc $_->{option_values}[0]{label}, ($_->{price} // 0) + 0, $_->{mpn}) } @{ $store->state('variants') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', item, coalesce(code, 'K' || id), lower(size), trim_scale(coalesce(price, 0)), coalesce(mpn, '')) FROM kind)) } ],
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

subtest 'a product and its variants are one request' => sub {
	$shop->sql(<<'EOC');
INSERT INTO item SELECT g FROM generate_series(1, 3) AS g;
INSERT INTO kind SELECT g, (g - 1) / 20 + 1, NULL, 'z' || (g - 1) % 20, g, 'M' || g FROM generate_series(1, 60) AS g;
EOC
	pushes('new', [ ('POST /catalog/products') x 3 ]);
	$shop->clear;
	$shop->push;
	is_deeply($shop->calls, [], 'and nothing is left to ask');
	is($shop->verify->{conflicts}, 0, 'a verify agrees') or diag(explain($shop->discrepancies));
	$store->settings({ variants_in_reply => JSON::PP::true });
	$shop->sql(q(INSERT INTO item VALUES (4); INSERT INTO kind VALUES (80, 4, NULL, 'S', 1)));
	pushes('with ids in the reply', ['POST /catalog/products']);
	$shop->clear;
	$shop->sql('UPDATE kind SET price = 2 WHERE id = 80');
	$shop->push;
	is_deeply($shop->calls, ['PUT /catalog/variants'], 'which need not be read');
	$store->settings({ variants_in_reply => JSON::PP::false });
};

subtest 'changes are sent fifty at a time, of one product or of several; some fields alone' => sub {
	$shop->sql('UPDATE kind SET price = price + 1 WHERE item < 4');
	pushes('sixty prices', [ "$BATCH 50", "$BATCH 10" ]);
	$shop->sql(q(UPDATE kind SET mpn = 'N' || id, price = price + 1 WHERE id <= 2));
	pushes('numbers, too', [ "$BATCH 2", ($SINGLE) x 2 ]);
	my ($parts) = @{ $shop->list(q(SELECT jsonb_path_query_array(parts, '$[*].element')->0->1->'option_values'->0->>'label' FROM bcdelta.result WHERE parts IS NOT NULL ORDER BY attempted_at DESC LIMIT 1)) };
	is($parts, 'z1', 'the result has them');
	$shop->sql(q(UPDATE kind SET size = upper(size) WHERE id <= 2));
	pushes('another spelling', []);
};

subtest 'one that is new, and one that goes' => sub {
	$shop->sql(q(INSERT INTO kind VALUES (100, 1, NULL, 'new', 1), (101, 1, NULL, 'newer', 1), (102, 2, NULL, 'Z3', 1); DELETE FROM kind WHERE id IN (3, 24)));
	$shop->clear;
	$shop->push;
	is_deeply([ sort @{ $shop->requests } ], [ sort "$BATCH 1", $SINGLE, $DELETE, ('POST /catalog/products/{id}/options/{id}/values') x 2, ($POST) x 2 ], 'of the same option values, the variant stays');
	agrees('they');
	$shop->sql(q(UPDATE kind SET size = 'other' WHERE id = 100));
	pushes('other option values are another variant', [ $DELETE, 'POST /catalog/products/{id}/options/{id}/values', $POST ]);
	$shop->sql(q(INSERT INTO item VALUES (5)));
	$shop->push;
	$shop->sql(q(INSERT INTO kind VALUES (110, 5, NULL, 'S', 1), (111, 5, NULL, 'M', 1)));
	pushes('the first ones of a product', [ 'POST /catalog/products/{id}/options', ($POST) x 2 ]);
	$shop->sql(q(DELETE FROM kind WHERE item = 5; DELETE FROM item WHERE id = 5));
	pushes('the product goes with them', ['DELETE /catalog/products']);
};

subtest 'article numbers are exchanged with one request more for each circle' => sub {
	$shop->sql(q(UPDATE kind SET code = 'K' || CASE id WHEN 4 THEN 5 WHEN 5 THEN 4 WHEN 6 THEN 7 WHEN 7 THEN 8 WHEN 8 THEN 6 END WHERE id BETWEEN 4 AND 8));
	pushes('two circles', [ ($SINGLE) x 7 ]);
	$shop->sql(q(UPDATE kind SET code = CASE id WHEN 4 THEN 'fresh' WHEN 5 THEN 'K5' END WHERE id BETWEEN 4 AND 5));
	pushes('a chain', [ ($SINGLE) x 2 ]);
	$shop->sql(q(UPDATE kind SET size = CASE id WHEN 9 THEN 'z9' ELSE 'z8' END WHERE id IN (9, 10)));
	$shop->push;
	agrees('option values: the numbers and prices are exchanged');
	$shop->sql(q(UPDATE kind SET code = NULL));
	$shop->push;
	agrees('numbers, back');
};

subtest 'a row says that an element was left with an interim number, and the next push ends the exchange' => sub {
	foreach my $do ({ status => 422, body => { status => 422, title => 'No', errors => {} } })
	{
		# one gives way, the other takes its number, and then the store fails
		$store->fault({ match => { method => 'PUT', path => 'variants/\d+$' }, skip => 2, do => $do });
		$shop->sql(q(UPDATE kind SET code = 'K' || CASE id WHEN 4 THEN 5 ELSE 4 END WHERE id IN (4, 5)));
		foreach (1 .. 5)
		{
			$shop->push;
			last if ($shop->pending->{'item 1'} // '') eq 'failed';
			$shop->hurry;
		}
		like($shop->errors->{'item 1'}, qr/the record has the interim sku "K\d-\d+" until the row is pushed again/, "status $do->{status}: told");
		$store->unfault;
		$shop->sql('SELECT bcdelta.retry()');
		$shop->push;
		agrees('after another push');
		$shop->sql(q(UPDATE kind SET code = NULL));
		$shop->push;
	}
};

subtest 'elements of different products exchange their numbers in one push' => sub {
	my %changes = (
		'a swap' => q(UPDATE kind SET code = 'K' || 24 - id WHERE id IN (2, 22)),
		'a chain' => q(UPDATE kind SET code = CASE id WHEN 2 THEN 'K22' ELSE 'fresh' END WHERE id IN (2, 22)),
		'a chain, the other way' => q(UPDATE kind SET code = CASE id WHEN 22 THEN 'K2' ELSE 'fresh' END WHERE id IN (2, 22)),
		'a rotation of three' => q(UPDATE kind SET code = 'K' || CASE id WHEN 2 THEN 22 WHEN 22 THEN 42 ELSE 2 END WHERE id IN (2, 22, 42)),
		'two circles' => q(UPDATE kind SET code = 'K' || CASE WHEN id < 20 THEN id + 20 ELSE id - 20 END WHERE id IN (2, 3, 22, 23)),
		'an element that moves' => q(UPDATE kind SET item = 2, size = 'moved' WHERE id = 2),
		'an element that moves the other way' => q(UPDATE kind SET item = 1, size = 'moved' WHERE id = 22),
		'two that change places' => q(UPDATE kind SET item = CASE id WHEN 2 THEN 2 ELSE 1 END, size = 'moved' WHERE id IN (2, 22)),
	);
	foreach my $what (sort keys %changes)
	{
		$shop->sql('CREATE TABLE was AS SELECT * FROM kind; ' . $changes{$what});
		is($shop->push->{failed}, 0, "$what: one push") or diag(explain($shop->errors));
		agrees($what);
		$shop->sql('UPDATE kind SET code = w.code, item = w.item, size = w.size FROM was AS w WHERE w.id = kind.id; DROP TABLE was');
		$shop->push;
		agrees("$what, and back");
	}
	$store->fault({ match => { method => 'PUT', path => 'variants/\d+$' }, skip => 1, times => 2, do => { lose => 'after' } });
	$shop->sql($changes{'a swap'});
	$shop->push;
	$store->unfault;
	agrees('a swap, with lost replies');
	$shop->sql(q(UPDATE kind SET code = NULL));
	$shop->push;
	agrees('and back');
};

subtest 'what cannot be is refused by element, before a request' => sub {
	my $one = '[{"option_display_name": "Size", "label": "S"}]';
	my %bad = (
		qq([{"sku": "A", "option_values": $one}, {"sku": "B", "option_values": [{"option_display_name": "size", "label": " s "}]}]) => qr/^variants: elements 1 and 2 are the same: .*option_display_name/,
		qq([{"sku": "A", "option_values": $one}, {"sku": "a", "option_values": [{"option_display_name": "Size", "label": "M"}]}]) => qr/^variants: elements 1 and 2 have the same sku, "a"$/,
		qq([{"option_values": $one}]) => qr/^variants: element 1: sku: there is no value/,
		'[{"sku": "A"}]' => qr/^variants: element 1: option_values: there is no value/,
		'[{"sku": "A", "option_values": []}]' => qr/^variants: element 1: option_values: 0 elements, at least 1 are needed/,
		qq([{"sku": "A", "option_values": $one, "colour": "red"}]) => qr/^variants: element 1: there is no field "colour"/,
		qq([{"sku": "A", "option_values": $one, "price": -1}]) => qr/^variants: element 1: price: "?-1"? is less than 0/,
		'{"sku": "A"}' => qr/^variants: .* is not an array of objects/,
		'null' => qr/^variants: null is not allowed/);
	$shop->clear;
	foreach my $more (sort keys %bad)
	{
		$shop->sql(qq(INSERT INTO item VALUES (90, NULL, '$more') ON CONFLICT (id) DO UPDATE SET more = excluded.more));
		$shop->push;
		like($shop->errors->{'item 90'}, $bad{$more}, $more);
	}
	$shop->sql(q(UPDATE item SET more = (SELECT jsonb_agg(jsonb_build_object('sku', 'x' || g, 'option_values', jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', 'x' || g)))) FROM generate_series(1, 601) AS g) WHERE id = 90));
	$shop->push;
	like($shop->errors->{'item 90'}, qr/^variants: 601 elements, at most 600/, 'too many');
	is_deeply($shop->calls, [], 'without a request');
	$shop->sql(q(DELETE FROM item WHERE id = 90));
	$shop->push;
};

subtest 'a bad one keeps neither its product nor the others from the store' => sub {
	$shop->sql(q(INSERT INTO item VALUES (6); INSERT INTO kind VALUES (120, 6, NULL, 'S', 1), (121, 6, 'K120', 'M', 1) ON CONFLICT DO NOTHING; UPDATE kind SET code = 'K1' WHERE id = 121; INSERT INTO kind VALUES (122, 6, NULL, 'L', 1)));
	$shop->push;
	like($shop->errors->{'item 6'}, qr/in use by variant/, 'the element fails');
	is_deeply([ sort map { $_->{sku} } grep { $_->{product_id} == $shop->id('item', 6) } @{ $store->state('variants') } ], [ 'K120', 'K122' ], 'the others are there');
	$shop->sql(q(UPDATE kind SET code = NULL WHERE id = 121));
	$shop->push;
	agrees('put right');
	$store->edit('variant', (grep { $_->{sku} eq 'K121' } @{ $store->state('variants') })[0]{id}, { sku => 'strange' });
	$store->remove('variant', (grep { $_->{sku} eq 'K122' } @{ $store->state('variants') })[0]{id});
	$shop->verify(q('item'));
	is(scalar(@{ $shop->discrepancies }), 2, 'a verify lists what is different and what is gone') or diag(explain($shop->discrepancies));
	$shop->sql(q(SELECT bcdelta.mark('item', '6'); UPDATE kind SET price = 7 WHERE item = 6));
	$shop->push;
	$shop->sql(q(UPDATE kind SET mpn = 'Z' WHERE item = 6));
	$shop->push;
	is($shop->verify(q('item'))->{conflicts}, 0, 'and is put right') or diag(explain($shop->discrepancies));
};

subtest 'two products with two bad variants each, which the store does not name, do not keep the run going' => sub {
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	$store->fault({ match => { method => 'PUT', path => 'variants', body => '66[67]' }, do => { status => 422, body => { status => 422, title => 'no', errors => {} } } });
	$shop->sql(q(UPDATE kind SET price = 666 WHERE id IN (5, 25); UPDATE kind SET price = 777 WHERE id IN (6, 26)));
	$shop->clear;
	my $run = $shop->push('wait => false');
	poll_until(sub { $shop->sql("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $run->{run_id}") eq 't' || @{ $shop->requests } > 50 }, 'the run');
	cmp_ok(scalar @{ $shop->requests }, '<', 20, 'few requests') or $shop->sql("SELECT bcdelta.cancel($run->{run_id})");
	$store->unfault;
	is_deeply($shop->pending, { 'item 1' => 'failed', 'item 2' => 'failed' }, 'the products fail');
	is_deeply([ sort map { $_->{price} + 0 } grep { $_->{sku} =~ /^K(6|26)$/ } @{ $store->state('variants') } ], [ 777, 777 ], 'and their good variants are written');
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	agrees('tried again');
};

subtest 'options that cannot be read after several changes were sent in one request' => sub {
	$store->fault({ match => { method => 'GET', path => 'options$' }, times => 1, do => { status => 503 } });
	$shop->sql(q(UPDATE kind SET price = price + 1 WHERE id IN (8, 9, 10); INSERT INTO kind VALUES (90, 1, NULL, 'extra', 1)));
	my $worker = worker_pid($shop->node, 'shop');
	$shop->push;
	$store->unfault;
	is(worker_pid($shop->node, 'shop'), $worker, 'the worker goes on');
	agrees('one that is new');
	$shop->sql(q(DELETE FROM kind WHERE id = 90));
	$shop->push;
};

subtest 'what is lost on its way, refused in part or cut off by a kill is in the store once' => sub {
	my $id = 200;
	foreach my $how (qw(before after))
	{
		foreach my $match ({ method => 'POST', path => 'products$' }, { method => 'POST', path => 'variants$' }, { method => 'PUT', path => 'variants$' }, { method => 'DELETE', path => 'variants' })
		{
			$store->fault({ match => $match, times => 1, do => { lose => $how } });
			$id++;
			$shop->sql(qq(INSERT INTO item VALUES ($id); INSERT INTO kind VALUES ($id, $id, NULL, 'S', 1), (1$id, 1, NULL, 's$id', 1); UPDATE kind SET price = price + 1 WHERE item = 2; DELETE FROM kind WHERE id = $id - 100 + 910));
			$shop->push;
			$store->unfault;
			$shop->push;
			agrees("$match->{method} $match->{path}: replies lost $how");
		}
	}
	$store->fault({ match => { method => 'PUT', path => 'catalog/variants$' }, times => 1, do => { status => 422, body => { batch_errors => [ { status => 422, title => 'No.', errors => {} } ] } } });
	$shop->sql('UPDATE kind SET price = price + 1 WHERE item < 4');
	$shop->push;
	$store->unfault;
	agrees('a batch that is refused once');
	$store->hold({ match => { method => 'POST', path => 'products$' }, process => 'now' });
	$shop->sql(q(INSERT INTO item VALUES (300); INSERT INTO kind SELECT g, 300, NULL, 's' || g, 1 FROM generate_series(300, 309) AS g));
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->clear;
	$shop->push;
	is_deeply($shop->requests, [], 'after a kill, nothing is sent twice');
	agrees('a kill');
};

done_testing();
