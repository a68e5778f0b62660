# Price lists: found by name, written and deleted one by one.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('price_list', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE tariff (id int PRIMARY KEY, name text, active boolean);
SELECT bcdelta.track('tariff', 'shop', 'price_list', '{"name": "name", "active": "active"}', on_delete => 'delete');
EOC

sub agrees
{
	my ($what) = @_;
	is_deeply([ sort map { "$_->{name} " . ($_->{active} ? 't' : 'f') } @{ $store->state('price_lists') } ],
		[ sort @{ $shop->list(q(SELECT name || ' ' || left(coalesce(active, true)::text, 1) FROM tariff)) } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'price lists are linked by name, and created, changed and deleted one by one' => sub {
	$store->seed('price_lists', [ { id => 40, name => 'Retail' } ]);
	$shop->sql(q(INSERT INTO tariff VALUES (1, 'Retail', false), (2, 'Trade', NULL), (3, 'Export', true)));
	is_deeply([ @{ $shop->link(q('tariff')) }{qw(linked conflicts)} ], [ 1, 2 ], 'the one that is there');
	is_deeply([ @{ $shop->push }{qw(created updated)} ], [ 2, 1 ], 'the others are created') or diag(explain($shop->errors));
	agrees('first push');
	$shop->sql(q(UPDATE tariff SET active = false WHERE id = 2; UPDATE tariff SET name = CASE id WHEN 1 THEN 'Export' ELSE 'Retail' END WHERE id IN (1, 3)));
	$shop->push;
	agrees('names that change places');
	$shop->sql('DELETE FROM tariff WHERE id > 1');
	is($shop->push->{deleted}, 2, 'deletes');
	is_deeply([ grep { $_->{method} eq 'DELETE' && $_->{path} !~ m{/pricelists/\d+$} } $shop->writes ], [], 'each by its path');
	agrees('deletes');
};

subtest 'lost replies and a killed worker create no price list twice; a name is one row\'s' => sub {
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'POST' }, times => 1, do => { lose => $how } });
		$shop->sql("INSERT INTO tariff VALUES (1" . length($how) . ", 'Lost $how', true)");
		$shop->push;
		agrees("a reply lost $how");
		$store->unfault;
	}
	$store->hold({ match => { method => 'POST' }, process => 'now' });
	$shop->sql(q(INSERT INTO tariff VALUES (20, 'Killed', true)));
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
	$shop->sql(q(INSERT INTO tariff VALUES (30, 'Killed', true), (31, '', true), (32, NULL, true)));
	is($shop->push->{failed}, 3, 'what cannot be a price list');
	my $errors = $shop->errors;
	like($errors->{'tariff 30'}, qr/\b20\b/, 'a name of another row');
	like($errors->{'tariff 31'}, qr/^name: 0 characters/, 'an empty one');
	like($errors->{'tariff 32'}, qr/^name: /, 'none');
	$shop->sql('DELETE FROM tariff WHERE id >= 30');
	$shop->push;
};

subtest 'verify lists what differs' => sub {
	$store->edit('price_list', 40, { active => JSON::PP::true() });
	$store->seed('price_lists', [ { id => 90, name => 'Extra' } ]);
	$shop->verify(q('tariff'));
	is_deeply($shop->discrepancies, [ 'tariff|#90|missing_in_source|name|Extra', 'tariff|1|different|active|false|true' ], 'both');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
