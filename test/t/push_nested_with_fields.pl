# Custom fields that have changed go along in the update of their product's own
# fields, if the store keeps those that an update does not have.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('fields', server => { max_attempts => 3 }, store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.debug_points = on\n" });
my $store = $shop->store;
my $ROWS = 20;

# Everything is forgotten, and begins with products of two elements each, and
# one that was added by hand
sub begin
{
	my ($what, $options, $mode) = @_;
	$shop->sql(q(SELECT bcdelta.untrack('item') FROM bcdelta.feed; DROP TABLE IF EXISTS item; DELETE FROM bcdelta.learned));
	$store->remove('products', $_->{id}) foreach @{ $store->control('state/products') };
	$store->settings({ nested_put => $mode // 'keep' });
	$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 1, stock int, props jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1",
	"inventory_tracking": "''product''", "inventory_level": "stock", "custom_fields": "props"}', on_delete => 'delete', options => '@{[ $options // '{"nested": "keep"}' ]}');
INSERT INTO item SELECT g, 1, 1, '[{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]' FROM generate_series(1, $ROWS) AS g;
EOC
	is($shop->push->{created}, $ROWS, "$what: the products are there");
	$store->api('POST', '/catalog/products/' . $shop->id('item', $_) . '/custom-fields', { name => 'hand', value => 'made' }) foreach 1 .. $ROWS;
	$shop->clear;
	return;
}

# What the store has of each product: its price and elements, and how often that is
sub held
{
	my %ids = map { $shop->id('item', $_) => 1 } @_ ? @_ : 1 .. $ROWS;
	my %price = map { $_->{id} => $_->{price} + 0 } @{ $store->state('products') };
	my %found;
	$found{ join(' ', $price{ $_->{product_id} }, sort map { "$_->{name}=$_->{value}" } @{ $_->{custom_fields} }) }++ foreach grep { $ids{ $_->{product_id} } } @{ $store->control('state/elements') };
	return \%found;
}

# Requests that write, without the ids, and how many there are of each
sub writes
{
	my %n;
	$n{ join(' ', $_->{method}, $_->{path} =~ s{/\d+}{/id}gr) }++ foreach $shop->writes;
	return \%n;
}

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is($shop->verify->{conflicts}, 0, "$what: a verify finds no difference") or diag(explain($shop->discrepancies));
	$shop->clear;
	return;
}

# A change of the price and of an element; if wanted, with one more element
sub change
{
	my ($n, $where, $more) = @_;
	my $props = qq([{"name": "a", "value": "$n"}, {"name": "b", "value": "1"}@{[ $more ? qq(, {"name": "$more", "value": "$n"}) : '' ]}]);
	$shop->sql("UPDATE item SET price = $n, props = '$props' WHERE " . ($where // 'true'));
	return;
}

sub parts
{
	return $shop->list(<<"EOC");
SELECT (SELECT jsonb_agg(e - 'request_id' - 'http_status' - 'error' ORDER BY i) FROM jsonb_array_elements(parts) WITH ORDINALITY AS p(e, i)) FROM bcdelta.result
WHERE parts IS NOT NULL AND run_id = (SELECT max(run_id) FROM bcdelta.run WHERE kind = 'push') AND key = '$_[0]'
EOC
}

subtest 'a price and a custom field of ten products take one request, which a preview shows' => sub {
	begin('both');
	change(2, undef, 'c');
	my @shown = @{ $shop->list(q(SELECT concat_ws(' ', method, path, body) FROM bcdelta.preview('item', 100) ORDER BY 1)) };
	is(scalar(@shown), $ROWS, 'a preview shows one request for each row');
	is($shop->push->{updated}, $ROWS, 'all are changed');
	is_deeply(held(), { '2 a=2 b=1 c=2 hand=made' => $ROWS }, 'in both, and nothing else is');
	is_deeply(writes(), { 'PUT /catalog/products' => $ROWS / 10 }, 'by one request for ten of them');
	my @sent = map { @{ $shop->list("SELECT 'PUT /v3/catalog/products ' || e::text FROM jsonb_array_elements(" . BCDelta::Test::quote_literal($_->{body_text}) . '::jsonb) AS e') } } $shop->writes;
	is_deeply([ sort @sent ], [ sort @shown ], 'which are what was shown');
	is_deeply([ map { $_->{query} // '' } $shop->writes ], [ ('') x ($ROWS / 10) ], 'the replies show the ids of new elements');
	is_deeply(parts(1), ['[{"facet": "", "outcome": "updated"}, {"facet": "custom_fields", "element": [{"name": "a", "value": "2"}, {"name": "c", "value": "2"}], "outcome": "updated"}]'],
		'the result tells each part');
	is($shop->sql(q(SELECT count(DISTINCT e ->> 'request_id') || ' ' || count(*) FROM bcdelta.result, jsonb_array_elements(parts) AS e WHERE key = '1' AND outcome = 'updated')), '1 2', 'and that one request was for both');
	settled('both');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link, jsonb_array_elements(payload -> 'custom_fields') AS e WHERE e ? 'id')), 3 * $ROWS, 'all ids are known');
	change(3, 'id <= 10');
	$shop->sql('UPDATE item SET stock = 5 WHERE id <= 10');
	is($shop->push->{updated}, 10, 'with stock, too, and with an element that goes');
	is_deeply(held(1 .. 10), { '3 a=3 b=1 hand=made' => 10 }, 'as it should be');
	is_deeply(writes(), { 'PUT /catalog/products' => 2, 'PUT /inventory/adjustments/absolute' => 1, 'DELETE /catalog/products/id/custom-fields/id' => 10 }, 'elements that are removed go first');
	settled('stock and a removal');
	change(4, 'id <= 10');
	$shop->sql('UPDATE item SET stock = 6 WHERE id <= 10');
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => 1, 'PUT /inventory/adjustments/absolute' => 1 }, 'stock stays by itself');
	settled('stock');
	change(5, 'id <= 10');
	is($shop->sql(q(SELECT calls FROM bcdelta.estimate(feed => 'item'))), 1, 'an estimate counts one request');
	$shop->push;
	settled('estimate');
};

subtest 'a refused element does not keep the price from the store, nor a refused price the element' => sub {
	begin('refused');
	my $no = { status => 422, body => { status => 422, title => 'Not this one', errors => {} } };
	$store->fault({ match => { method => 'PUT', path => 'products$', body => 'bad' }, do => $no });
	change(2);
	$shop->sql(q(UPDATE item SET props = '[{"name": "a", "value": "2"}, {"name": "b", "value": "bad"}, {"name": "c", "value": "3"}]' WHERE id = 7));
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ $ROWS - 1, 1 ], 'one row fails');
	is_deeply(held(), { '2 a=2 b=1 hand=made' => $ROWS - 1, '2 a=2 b=1 c=3 hand=made' => 1 }, 'its price and its other elements are written');
	like($shop->errors->{'item 7'}, qr/^custom_fields: \{"name": "b", "value": "bad"\}: .*Not this one/, 'the message names the element');
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	settled('refused element');
	$store->fault({ match => { method => 'PUT', path => 'products$', body => '"price": 33' }, do => $no });
	change(3, 'id = 4');
	$shop->sql('UPDATE item SET price = 33 WHERE id = 4');
	$run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 0, 1 ], 'a refused price fails');
	is_deeply(held(4), { '2 a=3 b=1 hand=made' => 1 }, 'its element is written');
	is_deeply([ map { /"outcome": "(\w+)"/g } parts(4)->[-1] ], [qw(retry failed updated)], 'which the result tells') or diag(explain(parts(4)));
	$store->unfault;
	$shop->sql(q(SELECT bcdelta.retry('item')));
	$shop->push;
	settled('refused price');
	$store->remove('products', $shop->id('item', 9));
	change(5, 'id <= 10');
	$run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 1, 9, 0 ], 'a product that is gone is created again');
	settled('gone');
	$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => { partial => { fail => [3] } } });
	change(6, 'id <= 10', 'p');
	$shop->push;
	$shop->push if %{ $shop->pending };
	$store->unfault;
	is_deeply(held(2 .. 8), { '6 a=6 b=1 hand=made p=6' => 7 }, 'status 207: everything is there once');
	is_deeply([ grep { $_->{status} != 200 && $_->{status} != 207 } $shop->writes ], [], 'no element was sent twice, and refused for that');
	settled('in part');
	$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => { status => 413 } });
	change(7, 'id <= 10', 'q');
	is($shop->push->{updated}, 10, 'too large');
	is_deeply(held(2 .. 8), { '7 a=7 b=1 hand=made q=7' => 7 }, 'a request that is too large is divided');
	settled('too large');
};

subtest 'lost replies and crashes: each element is there once' => sub {
	my $n = 10;
	begin('lost');
	foreach my $lost (qw(before after))
	{
		$store->fault({ match => { method => 'PUT', path => 'products$' }, times => 1, do => { lose => $lost } });
		change(++$n, 'id <= 10', $lost);
		$shop->push;
		$store->unfault;
		is_deeply(held(1 .. 10), { join(' ', $n, sort "a=$n", 'b=1', 'hand=made', "$lost=$n") => 10 }, "lost $lost");
		settled("lost $lost");
	}
	# what was sent is known to be ours, even if the row wants something else by now
	my $three = q(props || '[{"name": "x", "value": "1"}, {"name": "y", "value": "1"}, {"name": "z", "value": "1"}]');
	foreach my $price ('price + 1', 'price')
	{
		foreach my $process (qw(never now))
		{
			$store->hold({ match => { method => 'PUT', path => 'products$' }, process => $process });
			$shop->sql("UPDATE item SET price = $price, props = $three WHERE id <= 10");
			my $push = $shop->start;
			$shop->wait_held(1);
			change(++$n, 'id <= 10');
			kill_worker($shop->node, 'shop', 'KILL');
			$push->finish;
			$store->release;
			$shop->push;
			is_deeply(held(1 .. 10), { "$n a=$n b=1 hand=made" => 10 }, "$price, killed, processed $process");
			settled("$price, killed, $process");
		}
		$store->fault({ match => { method => 'PUT', path => 'products$' }, do => { lose => 'after' } });
		$shop->sql("UPDATE item SET price = $price, props = $three WHERE id <= 10");
		my $push = $shop->start;
		$shop->wait_for("SELECT count(*) = 10 FROM bcdelta.pending WHERE state = 'waiting'");
		$store->unfault;
		change(++$n, 'id <= 10');
		$push->finish;
		$shop->push if %{ $shop->pending };
		is_deeply(held(1 .. 10), { "$n a=$n b=1 hand=made" => 10 }, "$price, lost");
		settled("$price, lost");
	}
	foreach my $point ($shop->has_points ? qw(claimed noted replied settling settled) : ())
	{
		my $session = $shop->stop_at($point);
		change(++$n, 'id <= 10', $point);
		my $push = $shop->start;
		$shop->wait_stopped;
		kill_worker($shop->node, 'shop', 'KILL');
		$push->finish;
		undef $session;
		$shop->push if %{ $shop->pending };
		is_deeply(held(1 .. 10), { join(' ', $n, sort "a=$n", 'b=1', 'hand=made', "$point=$n") => 10 }, "killed at $point");
		settled("killed at $point");
	}
};

subtest 'a rollback restores both, in as few requests' => sub {
	begin('rollback');
	change(2, undef, 'c');
	my $run = $shop->push;
	$shop->clear;
	my $back = $shop->value("SELECT * FROM bcdelta.rollback($run->{run_id})");
	is("$back->{state} $back->{updated}", "succeeded $ROWS", 'rolled back') or diag(explain($back));
	is_deeply(held(), { '1 a=1 b=1 hand=made' => $ROWS }, 'everything is as before');
	$shop->clear;
	my $redo = $shop->value("SELECT * FROM bcdelta.rollback($back->{run_id})");
	is_deeply(held(), { '2 a=2 b=1 c=2 hand=made' => $ROWS }, 'and back again');
	is_deeply(writes(), { 'PUT /catalog/products' => $ROWS / 10 }, 'with one request for ten');
	$shop->sql(q(SELECT bcdelta.resume('item')));
	$shop->push;
	settled('rollback');

	# others have changed an element since, which is kept
	change(3, 'id <= 10');
	$run = $shop->push;
	my ($element) = map { $_->{id} } grep { $_->{name} eq 'a' } map { @{ $_->{custom_fields} } } grep { $_->{product_id} == $shop->id('item', 5) } @{ $store->control('state/elements') };
	$store->api('PUT', '/catalog/products/' . $shop->id('item', 5) . "/custom-fields/$element", { value => 'edited' });
	$shop->value("SELECT * FROM bcdelta.rollback($run->{run_id}, after => 'none')");
	is_deeply(held(1 .. 10), { '2 a=2 b=1 c=2 hand=made' => 9, '2 a=edited b=1 c=2 hand=made' => 1 }, 'what others have changed since is kept');
};

subtest 'fields that are guarded are read first, and their elements still go along' => sub {
	begin('guarded');
	$shop->sql(q(SELECT bcdelta.alter_feed('item', on_conflict => 'store')));
	$shop->push;
	$shop->clear;
	$store->edit('product', $shop->id('item', 3), { price => 50 });
	change(2, 'id <= 10');
	$shop->push;
	is_deeply(held(1 .. 10), { '2 a=2 b=1 hand=made' => 9, '50 a=2 b=1 hand=made' => 1 }, 'a price that somebody has changed is kept; the element is written');
	is_deeply(writes(), { 'PUT /catalog/products' => 2 }, 'nine rows share a request');
};

subtest 'a store that is seen to lose elements gets them again, one by one' => sub {
	begin('lost', '{}');
	change(2);
	$shop->push;
	is($shop->sql('SELECT keeps FROM bcdelta.learned'), 't', 'the store was asked');
	is_deeply(held(), { '2 a=2 b=1 hand=made' => $ROWS }, 'and everything is written');
	settled('asked');
	change(3);
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => $ROWS / 10 }, 'what was learned is used');
	settled('learned');
	$store->settings({ nested_put => 'replace' });
	change(4);
	$shop->push;
	is($shop->sql('SELECT keeps FROM bcdelta.learned'), 'f', 'a store that no longer keeps elements is noticed');
	is_deeply(held(), { '4 a=4 b=1' => $ROWS }, 'what the rows have is made again');
	settled('changed its mind');
	change(5);
	$shop->push;
	is_deeply(writes(), { 'PUT /catalog/products' => $ROWS / 10, 'PUT /catalog/products/id/custom-fields/id' => $ROWS }, 'and elements go by themselves');
	settled('one by one');
	foreach my $mode (qw(ignore renew))
	{
		begin($mode, undef, $mode);
		change(2, undef, 'c');
		$shop->push;
		is_deeply([ sort map { s/ hand=made//r } keys %{ held() } ], ['2 a=2 b=1 c=2'], "$mode, although the option says otherwise: the rows' own are there");
		settled($mode);
	}
};

done_testing();
