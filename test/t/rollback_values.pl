# Values that were not there before, and quantities that others have changed since.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('values', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my $PRODUCT = q("type": "''physical''", "weight": "1", "price": "10");

sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }

sub verdicts
{
	my ($run) = @_;
	return $shop->list("SELECT concat_ws(' ', key, field, verdict) FROM bcdelta.rollback_field WHERE run_id = $run->{run_id} ORDER BY key, field");
}

subtest 'variants that had the values of their product have them again' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, price numeric, sale numeric, weight numeric, upc text, mpn text);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", $PRODUCT}', on_delete => 'delete');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id", "price": "price", "sale_price": "sale", "weight": "weight", "upc": "upc", "mpn": "mpn",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', id::text))"}', on_delete => 'delete');
INSERT INTO item VALUES (1), (2);
INSERT INTO kind SELECT i, 1 + i % 2, CASE WHEN i = 1 THEN 5 END FROM generate_series(1, 4) AS i;
EOC
	$shop->push;
	my $values = sub { return [ map { my $v = $_; join ' ', map { $v->{$_} // '-' } qw(sku price sale_price weight upc mpn) } sort { $a->{sku} cmp $b->{sku} } grep { $_->{sku} =~ /^K/ } @{ $store->state('variants') } ] };
	my $before = $values->();
	is($before->[0], 'K1 5 - -  ', 'one has a price of its own');
	$shop->sql("UPDATE kind SET price = coalesce(price, 10) * 2, sale = 8, weight = 3, upc = '12345678', mpn = 'new'");
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ grep { !/K\d \d+ 8 3 12345678 new/ } @{ $values->() } ], [], 'a careless change');
	is(scalar(grep { /^GET/ } @{ $shop->calls }), 1, 'records are read once, by all');
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{conflicts}", 'succeeded 0', 'rolled back') or diag explain verdicts($back);
	is_deeply($values->(), $before, 'as before');
	undo("rollback($back->{run_id}, after => 'none')");
	is_deeply([ grep { !/K\d \d+ 8 3 12345678 new/ } @{ $values->() } ], [], 'and back');
	undo("rollback($run->{run_id}, after => 'hold')");
	is_deeply($values->(), $before, 'as before');
	$shop->sql("SELECT bcdelta.mark_all('kind')");
	$shop->clear;
	$shop->push;
	is_deeply([ $shop->writes ], [], 'and held');
	is_deeply($store->violations, {}, 'no rule of the API was broken');
};

subtest 'a customer without a company, and a variant that was hidden' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE buyer (id int PRIMARY KEY, company text);
SELECT bcdelta.track('buyer', 'shop', 'customer', '{"email": "''b'' || id || ''@example.com''", "first_name": "''B''", "last_name": "''B''", "company": "company"}');
INSERT INTO buyer VALUES (1), (2);
SELECT bcdelta.release(max(run_id)) FROM bcdelta.run WHERE kind = 'rollback';
SELECT bcdelta.alter_feed('kind', on_delete => 'hide');
EOC
	$shop->push;
	$shop->sql("UPDATE buyer SET company = 'ACME'; DELETE FROM kind WHERE id = 4");
	my $run = $shop->push;
	is("$run->{updated} $run->{hidden}", '2 1', 'pushed');
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{conflicts}", 'succeeded 0', 'rolled back') or diag explain verdicts($back);
	is_deeply([ map { $_->{company} // '' } @{ $store->state('customers') } ], [ '', '' ], 'no company');
	is_deeply([ map { $_->{purchasing_disabled} ? 1 : 0 } grep { $_->{sku} eq 'K4' } @{ $store->state('variants') } ], [0], 'and the variant can be bought');
};

$store->settings({ locations => [ { id => 1 }, { id => 2 } ] });
$store->seed('products', [ map { { id => 9000 + $_, name => "P$_", sku => "S$_", type => 'physical', weight => 1, price => 1, inventory_tracking => 'product' } } 1 .. 5 ]);

sub level { my ($item, $place) = @_; return ($store->levels(9000 + $item) // {})->{ $place // 1 } // 0; }

# The store sells, behind our back.
sub sell { my ($item, $n, $place) = @_; $store->seed('stock', [ { product_id => 9000 + $item, location_id => $place // 1, quantity => level($item, $place) - $n } ]); return; }
sub levels { return join ' ', map { level($_) } @_; }
sub relatives { return [ map { @{ $_->{body}{items} } } grep { $_->{path} =~ /relative/ } $shop->writes ]; }

foreach my $mode ('absolute', 'relative')
{
	subtest "stock that is pushed as $mode quantities: what the store has sold since stays sold" => sub {
		my $feed = "stock_$mode";
		my $place = $mode eq 'absolute' ? 1 : 2;
		my $have = sub { return join ' ', map { level($_, $place) } @_ };
		$shop->sql(<<"EOC");
CREATE TABLE $feed (item int PRIMARY KEY, qty int);
SELECT bcdelta.track('$feed', 'shop', 'inventory', '{"product_id": "9000 + item", "location_id": "$place", "quantity": "qty"}', options => '{"adjustment": "$mode"}');
INSERT INTO $feed SELECT i, 100 FROM generate_series(1, 5) AS i;
EOC
		$shop->push;
		$shop->sql("UPDATE $feed SET qty = 500 WHERE item < 4; UPDATE $feed SET qty = 10 WHERE item > 3");
		my $run = $shop->push;
		is($have->(1 .. 5), '500 500 500 10 10', 'a careless change') or diag explain $shop->errors;
		sell(1, 7, $place);
		sell(4, 3, $place);
		sell(3, 450, $place);
		$shop->clear;
		is_deeply($shop->list("SELECT concat_ws(' ', now, becomes, verdict, reason) FROM bcdelta.rollback_preview($run->{run_id}) WHERE feed IS NOT NULL"),
			[ '493 93 undone changed by -400, since the store has changed it, too', '500 100 undone', '50 impossible it would have to change by -400, which makes it too low',
			'7 97 undone changed by 90, since the store has changed it, too', '10 100 undone' ], 'preview');
		my $back = undo("rollback($run->{run_id}, after => 'none')");
		is("$back->{state} $back->{updated} $back->{conflicts}", 'succeeded 4 1', 'rolled back') or diag explain verdicts($back), $shop->errors;
		is($have->(1 .. 5), '93 100 50 97 100', 'by differences');
		is(join(' ', sort { $a <=> $b } map { $_->{quantity} } @{ relatives() }), '-400 -400 90 90', 'which is what is sent');
		sell(1, 3, $place);
		undo("rollback($run->{run_id}, after => 'none')");
		is($have->(1 .. 5), '90 100 50 97 100', 'a second time, nothing is changed');
		undo("rollback($back->{run_id}, after => 'none')");
		is($have->(1 .. 5), '490 500 50 7 10', 'the rollback is rolled back');

		foreach my $how ('the reply is lost', 'the worker is killed')
		{
			if ($how =~ /reply/)
			{
				$store->fault({ match => { method => 'POST' }, times => 1, do => { lose => 'after' } });
				undo("rollback($run->{run_id}, after => 'none')");
			}
			else
			{
				$store->hold({ match => { method => 'POST' }, process => 'now' });
				my $undo = $shop->start("SELECT state FROM bcdelta.rollback($run->{run_id}, after => 'none')");
				$shop->wait_held(1);
				kill_worker($shop->node, 'shop', 'KILL');
				$undo->finish;
				$store->release;
				wait_for_worker($shop->node, 'shop');
			}
			my $interrupted = $shop->sql("SELECT max(run_id) FROM bcdelta.run WHERE kind = 'rollback'");
			is($have->(1 .. 5), '90 100 50 97 100', "$how: done, although nobody knows");
			is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = '$feed' AND doubt IS NOT NULL"), 4, 'which is noted');
			undo("rollback($run->{run_id}, after => 'none')");
			is($have->(1 .. 5), '90 100 50 97 100', 'a difference is never sent twice');
			is_deeply($store->violations, {}, 'no rule of the API was broken');
			$shop->sql("SELECT bcdelta.settle('$feed', NULL, true)");
			my $last = undo("rollback($run->{run_id}, after => 'none')");
			is($have->(1 .. 5), '90 100 50 97 100', 'once it is settled, it is done');
			is($last->{conflicts}, 1, 'as far as it can be') or diag explain verdicts($last);
			undo("rollback($interrupted, after => 'none')");
			is($have->(1 .. 5), '490 500 50 7 10', 'and can be rolled back');
		}
		$shop->sql("SELECT bcdelta.untrack('$feed')");
	};
}

subtest 'the stock of a product' => sub {
	$shop->sql(<<"EOC");
CREATE TABLE ware (id int PRIMARY KEY, qty int);
SELECT bcdelta.track('ware', 'shop', 'product', '{"name": "''Ware '' || id", "inventory_tracking": "''product''", "inventory_level": "qty", $PRODUCT}', on_delete => 'delete');
INSERT INTO ware VALUES (1, 100), (2, 100);
EOC
	$shop->push;
	my $have = sub { return join ' ', map { $shop->record('products', $shop->id('ware', $_))->{inventory_level} } 1 .. 2 };
	$shop->sql("UPDATE ware SET qty = 500");
	my $run = $shop->push;
	is($have->(), '500 500', 'a careless change');
	$store->edit('product', $shop->id('ware', 1), { inventory_level => 480 });
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is($have->(), '80 100', 'what was sold stays sold') or diag explain $shop->list("SELECT f::text FROM bcdelta.rollback_field AS f WHERE run_id = $back->{run_id}");
	undo("rollback($back->{run_id}, after => 'none')");
	is($have->(), '480 500', 'and back');
};

done_testing();
