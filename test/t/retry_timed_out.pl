# A request that was given up after the time limit may still be carried out by the
# store.  Its row is not tried again before as much time has passed once more, even
# if it changes: an older state would be written after a newer one, or a second
# record made.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('timed_out', store => { args => [ '--quota', 100000 ] }, server => { timeout => 2 });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 10);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || id", "name": "''Item '' || id", "price": "price", "type": "''physical''", "weight": "1"}');
INSERT INTO item SELECT generate_series(1, 4);
EOC
is($shop->push->{created}, 4, 'pushed');

sub prices { return { map { $_->{sku} => 0 + $_->{price} } @{ $store->state('products') } }; }

# A request is held until it is given up; then its row changes.
sub given_up
{
	my ($method, $sql, $more) = @_;
	$store->hold({ match => { method => $method, path => 'products' }, process => 'release', times => 1 });
	$shop->sql($sql);
	$shop->clear;
	my $pushing = $shop->start;
	$shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting' AND not_before > clock_timestamp()));
	$shop->sql($more);
	$shop->sql(q(SELECT bcdelta.push(wait => false)));
	# the change is folded, and does not make the row ready
	$shop->wait_for(q(SELECT count(*) = 0 FROM bcdelta.change));
	is($shop->sql(q(SELECT string_agg(state, ',') FROM bcdelta.pending WHERE not_before > clock_timestamp())), 'waiting', 'the row waits, although it has changed');
	my $tries = () = $shop->writes;
	is($tries, 1, 'nothing else is sent for it');
	$store->release;
	$pushing->finish;
	$shop->push;
	is_deeply($shop->pending, {}, 'in the end nothing is pending') or diag(explain($shop->errors));
	return;
}

subtest 'an older state is not written after a newer one' => sub {
	given_up('PUT', 'UPDATE item SET price = 20 WHERE id = 1', 'UPDATE item SET price = 30 WHERE id = 1');
	is(prices()->{S1}, 30, 'the newest');
};

subtest 'a record is not made twice' => sub {
	given_up('POST', 'INSERT INTO item VALUES (5)', 'UPDATE item SET price = 30 WHERE id = 5');
	is_deeply([ map { $_->{sku} } grep { $_->{sku} eq 'S5' } @{ $store->state('products') } ], ['S5'], 'once');
	is(prices()->{S5}, 30, 'with the newest price');
};

subtest 'a change while the request is under way does not make the row ready either' => sub {
	$store->hold({ match => { method => 'PUT', path => 'products' }, process => 'release', times => 1 });
	$shop->sql('UPDATE item SET price = 20 WHERE id = 2');
	my $pushing = $shop->start;
	$shop->wait_held(1);
	$shop->sql('UPDATE item SET price = 40 WHERE id = 2');
	$shop->sql('SELECT bcdelta.push(wait => false)');
	$shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting' AND not_before > clock_timestamp()));
	$store->release;
	$pushing->finish;
	$shop->push;
	is(prices()->{S2}, 40, 'the newest');
};

subtest 'rows of requests that were refused, or lost at once, do not wait for that' => sub {
	$store->fault({ times => 1, do => { lose => 'before' }, match => { method => 'PUT' } });
	$shop->sql('UPDATE item SET price = 50 WHERE id = 3');
	my $pushing = $shop->start;
	$shop->wait_for(q(SELECT count(*) > 0 FROM bcdelta.pending WHERE state = 'waiting' AND not_before IS NULL));
	$pushing->finish;
	is(prices()->{S3}, 50, 'it arrives');
	is($shop->sql('SELECT count(*) FROM bcdelta.pending'), 0, 'and nothing is pending');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
