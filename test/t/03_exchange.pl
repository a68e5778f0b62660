# Rows that exchange their natural keys: the store allows none of the updates
# as long as the other record has the key.

use strict;
use warnings;

use BCDelta::Shop;
use Test::More;

my $shop = BCDelta::Shop->open('exchange');
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, sku text NOT NULL, price numeric NOT NULL);
INSERT INTO item SELECT g, 'S' || g, g FROM generate_series(1, 9) AS g;
SELECT bcdelta.track('item', 'shop', 'product',
	'{"sku": "sku", "name": "''Item '' || sku", "price": "price", "type": "''physical''", "weight": "1"}');
SELECT bcdelta.mark_all('item');
EOC
is($shop->push->{created}, 9, 'the store is loaded');

sub agree
{
	my ($name) = @_;
	my $have = { map { $_->{sku} => $_->{price} + 0 } @{ $store->state('products') } };
	my $want = $shop->value(q(SELECT jsonb_object_agg(sku, price) AS o FROM item))->{o};
	is_deeply($have, $want, "$name: the store has what the source has");
	is_deeply($shop->pending, {}, "$name: nothing is left pending") or diag(explain($shop->errors));
	is($shop->verify->{conflicts}, 0, "$name: verify finds no difference");
}

# Two rows change places
$shop->sql(q(UPDATE item SET sku = CASE id WHEN 1 THEN 'S2' ELSE 'S1' END, price = price + 10 WHERE id IN (1, 2)));
my $run = $shop->push;
is($run->{state}, 'succeeded', 'two rows: the run succeeds');
is($run->{created} + $run->{failed}, 0, 'none is created or failed');
agree('two rows');

# Three rows in a circle
$shop->sql(q(UPDATE item SET sku = 'S' || 3 + (id - 2) % 3, price = price + 10 WHERE id BETWEEN 3 AND 5));
$run = $shop->push;
is($run->{created} + $run->{failed}, 0, 'a circle: none is created or failed');
agree('a circle');

# A chain, where every row only has to wait for the next one
$shop->sql(q(UPDATE item SET sku = 'S' || id + 1, price = price + 10 WHERE id BETWEEN 6 AND 9));
$run = $shop->push;
is($run->{created} + $run->{failed}, 0, 'a chain: none is created or failed');
agree('a chain');

# A key that is another row's, which keeps it, is that row's
$shop->sql(q(INSERT INTO item VALUES (20, 'X20', 1)));
$shop->push;
$shop->sql(q(UPDATE item SET sku = 's1' WHERE id = 20));
$run = $shop->push;
is($run->{failed}, 1, 'two rows with one key: the second one fails');
is($shop->sql(q(SELECT count(*) FROM bcdelta.link WHERE feed = 'item')), 10, 'and every row keeps its record');
done_testing();
