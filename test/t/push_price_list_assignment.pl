# Price lists assigned to customer groups in channels, and price lists that prices
# and assignments refer to: written by 25, moved one by one, and removed by
# filters that never reach another pair.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('price_list_assignment', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->settings({ price_lists => [ 1001, 1002 ], price_groups => [ 1 .. 40 ], channels => [ 1 .. 4 ], currencies => [qw(usd eur)] });
$shop->sql(<<'EOC');
CREATE TABLE granted (id int PRIMARY KEY, list int, grp int, channel int);
SELECT bcdelta.track('granted', 'shop', 'price_list_assignment', '{"price_list_id": "list", "customer_group_id": "grp", "channel_id": "channel"}', on_delete => 'delete');
EOC

sub in_store { return { map { ("$_->{customer_group_id},$_->{channel_id}" => $_->{price_list_id}) } @{ $store->state('price_list_assignments') } }; }
sub calls { my %n; $n{ $_->{endpoint} }++ foreach $store->journal; return \%n; }

sub agrees
{
	my ($what) = @_;
	is_deeply(in_store(), $shop->value(q(SELECT coalesce(jsonb_object_agg(concat_ws(',', grp, channel), list), '{}') AS o FROM granted))->{o}, "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no filter was too broad");
	return;
}

subtest 'new assignments are written 25 at a time, and changes one by one' => sub {
	$shop->sql('INSERT INTO granted SELECT row_number() OVER (), 1001, g, c FROM generate_series(1, 25) AS g, generate_series(1, 4) AS c');
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 100, 0 ], 'a hundred rows') or diag(explain($shop->errors));
	is_deeply(calls(), { 'POST /pricelists/assignments' => 4 }, 'four calls');
	agrees('a first push');
	is($shop->sql(q(SELECT address FROM bcdelta.link WHERE key = '1')), $shop->sql(q(SELECT grp || '/' || channel FROM granted WHERE id = 1)), 'the pair is the address');
	$shop->clear;
	$shop->sql(q(UPDATE granted SET list = 1002 WHERE id <= 3; SELECT bcdelta.mark('granted', '9')));
	is($shop->push->{updated}, 3, 'three rows');
	is_deeply([ map { "$_->{method} $_->{path} " . join ',', sort keys %{ $_->{body} } } $shop->writes ], [ ('PUT /pricelists/1002/assignments channel_id,customer_group_id') x 3 ], 'move to another list');
	agrees('a change');
};

subtest 'what is removed is removed by its pair, and nothing else' => sub {
	$shop->clear;
	$shop->sql('DELETE FROM granted WHERE grp IN (5, 6); DELETE FROM granted WHERE grp = 7 AND channel = 2');
	is($shop->push->{deleted}, 9, 'nine rows');
	my @deletes = grep { $_->{method} eq 'DELETE' } $shop->writes;
	is_deeply([ sort map { join ' ', map { s/\d+/N/gr } $_->{query} } @deletes ], [ 'customer_group_id=N&channel_id:in=N', ('customer_group_id=N&channel_id:in=N,N,N,N') x 2 ], 'a request for each group');
	agrees('deletes');
	$shop->clear;
	$shop->sql('UPDATE granted SET channel = 5 - channel WHERE grp = 8; UPDATE granted SET grp = 30 WHERE grp = 9 AND channel = 1');
	$shop->push;
	agrees('pairs that are exchanged, and moved');
};

subtest 'empty and hostile values remove nothing' => sub {
	my $before = scalar keys %{ in_store() };
	foreach my $address ('', '1', '1/', '/1', '0/1', '1/0', '0/0', '1/1/1', 'x/1', '1/x', '-1/1', '1,2/1', '1&channel_id=2/1', '1 /1')
	{
		$shop->sql("INSERT INTO bcdelta.link (feed, key, address) VALUES ('granted', '9000', '$address')");
		$shop->clear;
		$shop->sql(q(SELECT bcdelta.mark('granted', '9000')));
		$shop->push;
		is(scalar keys %{ in_store() }, $before, "an address '$address' removes nothing");
		is_deeply([ grep { $_->{query} !~ /^customer_group_id=[0-9]+&channel_id:in=[0-9]+$/ } $shop->writes ], [], "an address '$address' makes no other filter");
		$shop->sql(q(DELETE FROM bcdelta.link WHERE key = '9000'; DELETE FROM bcdelta.pending WHERE key = '9000'));
	}
	$shop->sql('INSERT INTO granted VALUES (9001, 1001, 0, 1), (9002, 1001, 1, 0), (9003, 1001, NULL, 1), (9004, 1001, 1, NULL), (9005, NULL, 31, 1), (9006, 1001, -1, 1), (9007, 77, 31, 2), (9008, 1001, 99, 1), (9009, 1001, 31, 9), (9010, 1001, 31, 3)');
	my $run = $shop->push;
	my %says = (9001 => qr/^customer_group_id: "0" is less than 1|not between/, 9002 => qr/^channel_id: "0"/, 9003 => qr/^customer_group_id: the row has no value/, 9004 => qr/^channel_id: the row has no value/,
		9005 => qr/^price_list_id: the row has no value/, 9006 => qr/^customer_group_id: "-1"/, 9007 => qr/no price list 77/, 9008 => qr/no customer group 99/, 9009 => qr/no channel 9/);
	my $errors = $shop->errors;
	like($errors->{"granted $_"} // '', $says{$_}, "row $_") foreach sort keys %says;
	is($run->{updated} + $run->{linked}, 1, 'the good row of the same batch is written');
	$shop->sql('DELETE FROM granted WHERE id > 9000 AND id <> 9010');
	$shop->push;
	is_deeply($store->violations, {}, 'no filter was too broad');
	agrees('hostile values');
};

subtest 'a pair that the store has already is taken over, whatever it says to that' => sub {
	foreach my $twin (qw(refuse upsert))
	{
		foreach my $mode (qw(partial atomic))
		{
			$store->settings({ price_assignment_twin => $twin, price_assignment_mode => $mode });
			$store->api('POST', '/pricelists/assignments', [ map { { price_list_id => 1001, customer_group_id => 32, channel_id => $_ } } 1, 2 ]);
			$shop->sql('INSERT INTO granted SELECT 9100 + c, CASE c WHEN 1 THEN 1002 ELSE 1001 END, 32, c FROM generate_series(1, 4) AS c');
			is($shop->push->{failed}, 0, "$twin, $mode: no row fails") or diag(explain($shop->errors));
			agrees("$twin, $mode");
			$shop->sql('DELETE FROM granted WHERE grp = 32');
			$shop->push;
		}
	}
	$store->settings({ price_assignment_twin => 'refuse', price_assignment_mode => 'partial' });
};

subtest 'lost replies and a killed worker leave no assignment behind' => sub {
	foreach my $lost (qw(after before))
	{
		foreach my $method (qw(POST PUT DELETE))
		{
			$store->fault({ match => { method => $method, path => 'assignments$' }, times => 1, do => { lose => $lost } });
			$shop->sql('INSERT INTO granted VALUES (9200, 1001, 33, 1), (9201, 1001, 33, 2)') if $method eq 'POST';
			$shop->sql('UPDATE granted SET list = 1002 WHERE id = 9200') if $method eq 'PUT';
			$shop->sql('DELETE FROM granted WHERE grp = 33') if $method eq 'DELETE';
			$shop->push;
			$store->unfault;
			agrees("$method lost $lost");
		}
	}
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	$shop->sql('INSERT INTO granted VALUES (9300, 1001, 34, 1), (9301, 1001, 34, 2)');
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->sql('UPDATE granted SET grp = 35 WHERE id = 9300; DELETE FROM granted WHERE id = 9301');
	$shop->push;
	agrees('a kill');
};

subtest 'verify and link read them; preview shows them' => sub {
	$store->api('DELETE', '/pricelists/assignments?customer_group_id=1&channel_id=1');
	$store->api('PUT', '/pricelists/1002/assignments', { customer_group_id => 2, channel_id => 2 });
	$shop->clear;
	is($shop->verify(q('granted'))->{conflicts}, 2, 'two differences') or diag(explain($shop->discrepancies));
	is_deeply(calls(), { 'GET /pricelists/assignments' => 6 }, 'a call for each channel, and one more for those with a difference');
	is_deeply($shop->list(q(SELECT concat_ws(' ', address, kind, field, source_value, store_value) FROM bcdelta.discrepancy ORDER BY address)), [ '1/1 missing_in_store', '2/2 different price_list_id 1001 1002' ], 'in words');
	$shop->sql(q(SELECT bcdelta.mark_all('granted')));
	is($shop->push->{updated}, 2, 'a push mends them');
	agrees('verify');
	$shop->sql(q(SELECT bcdelta.unlink('granted')));
	is($shop->link(q('granted'))->{linked}, $shop->sql('SELECT count(*) FROM granted'), 'link finds all');
	$shop->sql('UPDATE granted SET list = 1002 WHERE id = 50');
	is_deeply($shop->list(q(SELECT concat_ws(' ', action, method, path, body) FROM bcdelta.preview('granted'))),
		[ 'update PUT /v3/pricelists/1002/assignments ' . $shop->sql(q(SELECT jsonb_build_object('customer_group_id', grp, 'channel_id', channel) FROM granted WHERE id = 50)) ], 'preview shows the move');
	$shop->push;
	agrees('link');
};

subtest 'prices and assignments refer to a feed of price lists, and come after it' => sub {
	$store->seed('products', [ map { { id => $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1 } } 1 .. 3 ]);
	$shop->sql(<<'EOC');
CREATE TABLE lists (code text PRIMARY KEY, title text);
CREATE TABLE prices (code text, sku text, cur text, net numeric, PRIMARY KEY (code, sku, cur));
CREATE TABLE who (code text, grp int, channel int, PRIMARY KEY (grp, channel));
SELECT bcdelta.track('lists', 'shop', 'price_list', '{"name": "title"}', on_delete => 'delete');
SELECT bcdelta.track('prices', 'shop', 'price_record', '{"price_list_id": "bcdelta.ref(''lists'', code)", "sku": "sku", "currency": "cur", "price": "net"}', on_delete => 'delete');
SELECT bcdelta.track('who', 'shop', 'price_list_assignment', '{"price_list_id": "bcdelta.ref(''lists'', code)", "customer_group_id": "grp", "channel_id": "channel"}', on_delete => 'delete');
INSERT INTO who VALUES ('A', 36, 1), ('B', 36, 2);
INSERT INTO prices SELECT l, 'S' || s, 'usd', s FROM unnest('{A,B}'::text[]) AS l, generate_series(1, 3) AS s;
INSERT INTO lists VALUES ('A', 'List A'), ('B', 'List B');
EOC
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed deferred)} ], [ 2, 8, 0, 0 ], 'all in one run') or diag(explain([ $run, $shop->errors ]));
	my %ids = map { $_->{name} => $_->{id} } @{ $store->state('price_lists') };
	is_deeply({ map { ("$_->{price_list_id}" => 1) } @{ $store->state('price_records') } }, { map { $_ => 1 } values %ids }, 'prices are in their lists');
	my @paths = map { $_->{path} } $shop->writes;
	is(join(' ', @paths[ 0, 1 ]), '/pricelists /pricelists', 'the lists come first');
	$shop->sql(q(INSERT INTO prices VALUES ('C', 'S1', 'usd', 1), ('A', 'S1', 'chf', 1), ('A', 'S2', 'eur', NULL)));
	$shop->push;
	is($shop->pending->{'prices ["C", "S1", "usd"]'}, 'deferred', 'a price of a list that is not there waits');
	like($shop->errors->{'prices ["A", "S1", "chf"]'}, qr/chf is no currency/, 'a price of a currency that the store does not have fails by name');
	like($shop->errors->{'prices ["A", "S2", "eur"]'}, qr/^price: the row has no value/, 'a record without a price is invalid');
	$shop->sql(q(DELETE FROM prices WHERE code = 'C' OR cur <> 'usd'));
	# someone deletes a list: it is made again, and what is in it is, too
	$store->control('remove', { resource => 'price_list', id => $ids{'List A'} });
	$shop->sql(q(UPDATE lists SET title = 'List A2' WHERE code = 'A'));
	$shop->push;
	my ($again) = grep { $_->{name} eq 'List A2' } @{ $store->state('price_lists') };
	isnt($again->{id}, $ids{'List A'}, 'a list that was made again');
	is_deeply([ sort map { "$_->{price_list_id} $_->{sku}" } @{ $store->state('price_records') } ], [ sort map { my $s = $_; ("$again->{id} S$s", "$ids{'List B'} S$s") } 1 .. 3 ], 'has its prices');
	is(in_store()->{'36,1'}, $again->{id}, 'and its assignments');
	is_deeply($shop->pending, {}, 'nothing is left pending') or diag(explain($shop->errors));
	$shop->sql('DELETE FROM lists; DELETE FROM prices; DELETE FROM who');
	$shop->push;
	is_deeply($shop->pending, {}, 'all of it can be deleted') or diag(explain($shop->errors));
	is_deeply([ @{ $store->state('price_lists') }, @{ $store->state('price_records') } ], [], 'and is');
	is_deeply($store->violations, {}, 'no filter was too broad');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
