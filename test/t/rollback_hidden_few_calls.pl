# Records of rows that are gone are hidden without a read, where the store has shown
# before that they are not hidden, and a rollback shows them again.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('hidden', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
my $PRODUCT = q("type": "''physical''", "weight": "1", "price": "price");
$store->seed('products', [ map { { id => 9000 + $_, name => "Product $_", sku => "S$_", type => 'physical', weight => 1, price => $_, is_visible => $_ == 5 ? JSON::PP::false() : JSON::PP::true() } } 1 .. 6 ]);
$shop->sql(<<"EOC");
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE kind (id int PRIMARY KEY, item int, price numeric DEFAULT 10);
CREATE TABLE article (id int PRIMARY KEY, price numeric);
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "''Item '' || id", "type": "''physical''", "weight": "1", "price": "10"}');
SELECT bcdelta.track('kind', 'shop', 'variant', '{"product_id": "bcdelta.ref(''item'', item)", "sku": "''K'' || id", "price": "price",
	"option_values": "jsonb_build_array(jsonb_build_object(''option_display_name'', ''Size'', ''label'', id::text))"}', on_delete => 'hide');
SELECT bcdelta.track('article', 'shop', 'product', '{"name": "''Product '' || id", "sku": "''S'' || id", $PRODUCT}', on_delete => 'hide');
EOC

sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }
sub calls { return join ' ', map { s/ .*?\/([a-z]+)(\?.*)?$/ $1/r } @{ $shop->calls } }
sub hidden { return join ' ', sort map { $_->{sku} } grep { $_->{purchasing_disabled} } @{ $store->state('variants') } }
sub unseen { return join ' ', sort map { $_->{sku} } grep { !$_->{is_visible} } @{ $store->state('products') } }

sub push_counted
{
	my ($change, $calls, $what) = @_;
	$shop->clear;
	$shop->sql($change);
	my $run = $shop->push;
	is("$run->{state} " . calls(), "succeeded $calls", $what) or diag(explain([ $run, $shop->errors ]));
	return $run;
}

sub undone
{
	my ($run) = @_;
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{conflicts}", 'succeeded 0', 'rolled back');
	return;
}

subtest 'variants that were created' => sub {
	$shop->sql('INSERT INTO item SELECT generate_series(1, 6); INSERT INTO kind SELECT i, 1 + i % 6 FROM generate_series(1, 60) AS i');
	is($shop->push->{state}, 'succeeded', 'pushed');
	my $run = push_counted('DELETE FROM kind WHERE id BETWEEN 11 AND 50', 'PUT variants', 'are hidden without a read');
	is($run->{hidden}, 40, 'all of them');
	undone($run);
	is(hidden(), '', 'are all shown');
	push_counted('UPDATE kind SET price = 11 WHERE id = 1; DELETE FROM kind WHERE id = 2', 'PUT variants', 'one is hidden while another one changes');
	push_counted('DELETE FROM kind WHERE id = 1', 'PUT variants', 'that one, too, after the change');
	push_counted('INSERT INTO kind VALUES (1, 2, 12)', 'PUT variants', 'its row comes back');
	is(hidden(), 'K2', 'and it is shown');
	push_counted('DELETE FROM kind WHERE id = 1', 'PUT variants', 'its row is gone again');
	is(hidden(), 'K1 K2', 'and it is hidden');
};

subtest 'products that were linked' => sub {
	$shop->sql('INSERT INTO article SELECT i, i FROM generate_series(1, 6) AS i');
	is($shop->sql(q(SELECT (bcdelta.link('article')).linked)), 6, 'linked');
	is($shop->push->{failed}, 0, 'pushed');
	my $run = push_counted('DELETE FROM article WHERE id IN (3, 5)', 'GET products PUT products', 'only the one that is hidden is read');
	is($run->{hidden}, 1, 'and is left alone');
	undone($run);
	is(unseen(), 'S5', 'as before');
};

subtest 'a record that somebody has hidden, as a verify has seen' => sub {
	$store->edit('product', 9002, { is_visible => JSON::PP::false() });
	$shop->verify(q('article'));
	is_deeply([ grep { /^article.2\b/ } @{ $shop->discrepancies } ], [], 'no row says anything about that');
	my $run = push_counted('DELETE FROM article WHERE id = 2', 'GET products', 'is read, and left alone');
	undone($run);
	is(unseen(), 'S2 S5', 'and stays hidden');
};

subtest 'what the store has shown does not count, once the mapping says whether records are shown' => sub {
	$store->edit('product', 9001, { is_visible => JSON::PP::false() });
	$shop->sql(qq(SELECT bcdelta.alter_feed('article', '{"name": "''Product '' || id", "sku": "''S'' || id", $PRODUCT, "is_visible": "true"}')));
	$shop->push;
	is(unseen(), 'S2 S3 S5', 'it is sent') or diag(explain($shop->errors));
};

is_deeply($store->violations, {}, 'no rule of the API was broken');

done_testing();
