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

done_testing();
