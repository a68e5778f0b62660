# Prices of variants in price lists: upserts by a thousand, removed by filters
# that are never empty, and refused in part.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('price_record', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ price_lists => [ 3, 4 ], currencies => [qw(usd eur gbp)] });
$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1 } } 1 .. 400 ]);
$shop->sql(<<'EOC');
CREATE TABLE price (id int PRIMARY KEY, list int, sku text, cur text, net numeric, sale numeric, tiers jsonb);
SELECT bcdelta.track('price', 'shop', 'price_record', '{"price_list_id": "list", "sku": "sku", "currency": "cur", "price": "net", "sale_price": "sale", "bulk_pricing_tiers": "tiers"}', on_delete => 'delete');
EOC

sub records { return { map { my $r = $_; (join(',', $r->{price_list_id}, uc $r->{sku}, $r->{currency}) => join('/', map { defined $_ ? 0 + $_ : '' } @$r{qw(price sale_price)})) } @{ $store->state('price_records') } }; }

sub agrees
{
	my ($what) = @_;
	my $rows = $shop->value(q(SELECT coalesce(jsonb_object_agg(concat_ws(',', list, upper(sku), lower(cur)), concat(trim_scale(net), '/', trim_scale(sale))), '{}') AS o FROM price))->{o};
	is_deeply(records(), $rows, "$what: the records are the source's");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub sizes { my ($list) = @_; return [ map { scalar @{ $_->{body} } } grep { $_->{method} eq 'PUT' && $_->{path} eq "/pricelists/$list/records" } $shop->writes ]; }

subtest 'records of each list are written a thousand at a time, whatever the order of their rows' => sub {
	$shop->sql(q(INSERT INTO price SELECT row_number() OVER (ORDER BY s, l, c), l, 'S' || s, c, s + l, s FROM generate_series(1, 400) AS s, generate_series(3, 4) AS l, unnest('{usd,EUR,gbp}'::text[]) AS c));
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 2400, 0 ], 'all of them') or diag(explain($shop->errors));
	cmp_ok(scalar @{ sizes(3) } + scalar @{ sizes(4) }, '<=', 4, 'with four requests') or diag(explain([ sizes(3), sizes(4) ]));
	agrees('a first push');
	is($shop->sql(q(SELECT address FROM bcdelta.link WHERE key = '2')), '3/gbp/sku=s1', 'the address is the key, whatever its case') or diag($shop->sql('SELECT * FROM price WHERE id = 2'));
	$shop->clear;
	$shop->sql(q(UPDATE price SET net = net + 1, sale = NULL WHERE id <= 10; UPDATE price SET cur = upper(cur) WHERE id <= 3));
	$run = $shop->push;
	is($run->{updated}, 10, 'what has changed');
	is_deeply([ map { join ' ', sort keys %{ $_->{body}[0] } } $shop->writes ], [ ('currency price sku') x 2 ], 'is sent whole');
	agrees('a change');
};

subtest 'what is removed, is removed by list and currency, and nothing else' => sub {
	$shop->clear;
	$shop->sql(q(DELETE FROM price WHERE sku IN ('S5', 'S6', 'S7')));
	is($shop->push->{deleted}, 18, 'eighteen records');
	my @deletes = grep { $_->{method} eq 'DELETE' } $shop->writes;
	is(scalar @deletes, 6, 'a request for each list and currency');
	is_deeply([ grep { $_->{query} !~ /^sku:in=S\d+,S\d+,S\d+&currency=\w{3}$/i } @deletes ], [], 'with both filters') or diag(explain([ map { $_->{query} } @deletes ]));
	agrees('deletes');
	$shop->clear;
	$shop->sql(q(UPDATE price SET list = 7 - list WHERE sku = 'S9'; UPDATE price SET sku = 'S5' WHERE sku = 'S10' AND cur = 'usd'));
	$shop->push;
	agrees('keys that move and are exchanged');
};

subtest 'the end of an offer is not a price of 0' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('price', options => '{"nulls": "clear"}'); INSERT INTO price VALUES (4501, 3, 'S30', 'cad', 10, 8), (4502, 3, 'S31', 'cad', 10, 8)));
	$store->settings({ currencies => [qw(usd eur gbp cad)], price_omitted => 'keep' });
	$shop->push;
	$shop->clear;
	$shop->sql('UPDATE price SET sale = NULL, net = CASE id WHEN 4501 THEN 10 ELSE 11 END WHERE id IN (4501, 4502)');
	is($shop->push->{failed}, 0, 'an offer ends');
	is_deeply([ map { $_->{sale_price} } map { @{ $_->{body} } } $shop->writes ], [undef], 'no sale price is sent');
	is_deeply([ sort @{ $shop->discrepancies($shop->verify("'price'")->{run_id}) } ], [ 'price|4501|different|sale_price|8', 'price|4502|different|sale_price|8' ], 'a verify lists what the store still has')
	  or diag(explain($shop->discrepancies));
	$shop->sql(q(UPDATE price SET sale = net, tiers = '[{"quantity_min": 10, "type": "percent", "amount": 5}]' WHERE id IN (4501, 4502)));
	$shop->push;
	$shop->sql('UPDATE price SET tiers = CASE id WHEN 4501 THEN jsonb_build_array() END WHERE id IN (4501, 4502)');
	$shop->push;
	is_deeply([ map { $_->{bulk_pricing_tiers} } grep { $_->{currency} eq 'cad' } @{ $store->state('price_records') } ], [ [], [] ], 'tiers can be emptied');
	agrees('offers that have ended');
	$shop->sql(q(DELETE FROM price WHERE id IN (4501, 4502); DELETE FROM bcdelta.discrepancy; SELECT bcdelta.alter_feed('price', options => '{}')));
	$shop->push;
	$store->settings({ currencies => [qw(usd eur gbp)], price_omitted => 'clear' });
};

subtest 'empty and hostile values remove nothing' => sub {
	my %hostile = ('' => qr/sku/, ' ' => qr/./, 'S20,S21' => qr/comma/, 'S20&currency=usd' => qr/./, '*' => qr/./, '%' => qr/./, '../../x' => qr/./, "S20\tS21" => qr/./);
	my $id = 5000;
	my $before = scalar keys %{ records() };
	foreach my $sku (sort keys %hostile)
	{
		$shop->sql("INSERT INTO price VALUES (" . ++$id . ", 3, \$\$$sku\$\$, 'usd', 1)");
		$shop->push;
		is($shop->pending->{"price $id"}, 'failed', "'$sku' is not written");
		like($shop->errors->{"price $id"}, $hostile{$sku}, "'$sku' is refused in words");
		# even if its link were there
		$shop->clear;
		$shop->sql("INSERT INTO bcdelta.link (feed, key, address) VALUES ('price', '$id', '3/usd/sku=') ON CONFLICT DO NOTHING; DELETE FROM price WHERE id = $id");
		$shop->push;
		is(scalar keys %{ records() }, $before, "'$sku' removes no record");
		is_deeply([ grep { $_->{query} !~ /:in=[^,&]+&currency=.../ } grep { $_->{method} eq 'DELETE' } $shop->writes ], [], "'$sku' makes no delete without a filter");
		$shop->sql("DELETE FROM bcdelta.link WHERE key = '$id'; DELETE FROM bcdelta.pending WHERE key = '$id'");
	}
	foreach my $address ('', '3', '3/usd', '3//sku=S1', '3/usd/', '3/usd/variant_id=', '3/usd/variant_id=x', '/usd/sku=S1', '3/usd/sku=S1/4', '3/usd/id=1')
	{
		$shop->sql("INSERT INTO bcdelta.link (feed, key, address, payload) VALUES ('price', '6000', '$address', NULL)");
		$shop->clear;
		$shop->sql(q(SELECT bcdelta.mark('price', '6000')));
		$shop->push;
		is_deeply([ map { "$_->{method} $_->{query}" } $shop->writes ], [], "an address '$address' sends nothing");
		$shop->sql(q(DELETE FROM bcdelta.link WHERE key = '6000'; DELETE FROM bcdelta.pending WHERE key = '6000'));
	}
	agrees('hostile values');
};

subtest 'a record without a price, or with another currency, fails by name, and no other one' => sub {
	$shop->sql(q(INSERT INTO price VALUES (7001, 3, 'S5', 'eur', NULL), (7002, 3, 'S6', 'chf', 1), (7003, 3, 'none', 'usd', 1), (7004, 9, 'S1', 'usd', 1), (7005, 3, 'S6', 'usd', -1), (7006, 3, 'S6', 'dollar', 1), (7007, 3, 'S6', 'usd', 1), (7008, 3, 's6', 'USD', 2)));
	foreach my $mode (qw(partial atomic))
	{
		$store->settings({ price_mode => $mode });
		$shop->clear;
		$shop->sql(q(UPDATE price SET net = net + 1 WHERE id BETWEEN 300 AND 900; SELECT bcdelta.retry('price')));
		my $run = $shop->push;
		my $errors = $shop->errors;
		my %says = (7001 => qr/^price: the row has no value/, 7002 => qr/chf is no currency/, 7003 => qr/no such variant/, 7004 => qr/404/, 7005 => qr/^price: "-1" is less than 0/, 7006 => qr/^currency: 6 characters/, 7008 => qr/belongs to source row 7007$/);
		like($errors->{"price $_"}, $says{$_}, "$mode: $_") foreach sort keys %says;
		is_deeply([ sort keys %$errors ], [ map { "price $_" } sort keys %says ], "$mode: no others fail");
		cmp_ok(scalar $shop->writes, '<=', 10, "$mode: the echo leads to them") or diag(explain([ map { "$_->{path} " . @{ $_->{body} } } $shop->writes ]));
	}
	$shop->sql('DELETE FROM price WHERE id > 7000 AND id <> 7007');
	$shop->push;
	agrees('bad records');
	$store->settings({ price_mode => 'partial' });
};

subtest 'tiers are sent as they are' => sub {
	$shop->sql(q(UPDATE price SET tiers = '[{"quantity_min": 10, "quantity_max": 20, "type": "price", "amount": 1.5}]' WHERE id = 301));
	$shop->push;
	agrees('tiers');
	is_deeply([ map { $_->{bulk_pricing_tiers}[0]{quantity_min} } grep { $_->{bulk_pricing_tiers} } @{ $store->state('price_records') } ], [10], 'a tier');
	$shop->sql(q(UPDATE price SET tiers = '{"quantity_min": 10}' WHERE id = 302));
	$shop->push;
	like($shop->errors->{'price 302'}, qr/bulk_pricing_tiers: .* is not an array of objects/, 'and nothing else');
	$shop->sql(q(UPDATE price SET tiers = NULL WHERE id = 302));
	$shop->push;
};

subtest 'lost replies and a killed worker leave the records right, wherever the row goes meanwhile' => sub {
	foreach my $lost (qw(after before))
	{
		$store->fault({ match => { path => 'records$' }, times => 1, do => { lose => $lost } });
		$shop->sql(q(UPDATE price SET net = net + 1 WHERE id % 7 = 0; UPDATE price SET cur = 'gbp' WHERE id = 7007; DELETE FROM price WHERE id = 1000));
		$shop->push;
		agrees("replies lost $lost");
		$store->unfault;
		$shop->sql(q(UPDATE price SET cur = 'usd' WHERE id = 7007));
		$shop->push;
	}
	$store->hold({ match => { path => 'records$' }, process => 'now' });
	$shop->sql(q(INSERT INTO price VALUES (8001, 3, 'S6', 'eur', 8), (8002, 3, 'S7', 'eur', 8)));
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->sql(q(UPDATE price SET sku = 'S5' WHERE id = 8001; DELETE FROM price WHERE id = 8002));
	$shop->push;
	agrees('a kill');
};

subtest 'verify reads them by filters, and lists what differs' => sub {
	my %ids = map { $_->{sku} => $_->{variant_id} } grep { $_->{price_list_id} == 3 && $_->{currency} eq 'usd' } @{ $store->state('price_records') };
	$store->api('DELETE', "/pricelists/3/records?variant_id:in=$ids{S50}&currency=usd");
	$store->api('PUT', '/pricelists/3/records', [ { variant_id => 0 + $ids{S51}, currency => 'usd', price => 777 } ]);
	$shop->clear;
	my $run = $shop->verify(q('price'));
	is($run->{conflicts}, 3, 'three differences') or diag(explain([ $run, $shop->discrepancies ]));
	is_deeply([ grep { !m{^GET /pricelists/[34]/records$} } @{ $shop->calls } ], [], 'reads alone');
	cmp_ok(scalar @{ $shop->calls }, '<=', 18, '250 a call, for each list and currency');
	my (undef, undef, $text) = $shop->node->psql('shop', q(SELECT bcdelta.why('price', key, read => true) FROM bcdelta.link WHERE feed = 'price' AND address = '3/usd/sku=s51'));
	like($text, qr/records of resource price_record cannot be read one by one\nHINT: .*verify\('price'/, 'which is said where one is to be read');
	is_deeply($shop->list(q(SELECT concat_ws(' ', address, kind, field, store_value) FROM bcdelta.discrepancy ORDER BY address, field)),
		[ '3/usd/sku=s50 missing_in_store', '3/usd/sku=s51 different price 777', '3/usd/sku=s51 different sale_price null' ], 'each by its address');
	$shop->sql(q(SELECT bcdelta.mark_all('price')));
	$shop->clear;
	is($shop->push->{updated}, 2, 'two records are sent again');
	agrees('after verify');
	is($shop->verify(q('price'))->{conflicts}, 0, 'and nothing differs');
};

subtest 'a price list that is gone: its records are missing, and its rows fail together' => sub {
	my $rows = $shop->value(q(SELECT count(*) AS n FROM price WHERE list = 4))->{n};
	$store->settings({ price_lists => [3] });
	$shop->clear;
	my $run = $shop->verify(q('price'));
	is($run->{state}, 'succeeded', 'verify compares the others') or diag(explain($run));
	is($shop->value(q(SELECT count(*) AS n FROM bcdelta.discrepancy WHERE kind = 'missing_in_store' AND address LIKE '4/%'))->{n}, $rows, "all $rows are listed");
	cmp_ok(scalar @{ $shop->calls }, '<=', 60, 'and not read one by one') or diag(explain($shop->calls));
	$shop->sql(q(UPDATE price SET net = net + 1 WHERE id % 10 = 0));
	$shop->clear;
	$shop->push;
	cmp_ok(scalar @{ $shop->calls }, '<=', 15, 'nor are they written one by one') or diag(explain($shop->calls));
	my $stopped = $shop->value(q(SELECT array_agg(DISTINCT last_error) AS e FROM bcdelta.pending WHERE state = 'failed'))->{e};
	like("@$stopped", qr/price list 4 was not found/i, 'their errors name it');
	$store->settings({ price_lists => [ 3, 4 ] });
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
is($store->counts->{throttled}{concurrency} // 0, 0, 'one request at a time');
done_testing();
