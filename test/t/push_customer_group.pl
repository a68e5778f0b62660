# Groups of customers: V2, whose replies have no envelope and whose lists do not
# say how long they are.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('customer_group', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$store->seed('price_lists', [ { id => 7, name => 'Trade' } ]);
$shop->sql(<<'EOC');
CREATE TABLE grp (id int PRIMARY KEY, name text, rules jsonb, guests boolean);
SELECT bcdelta.track('grp', 'shop', 'customer_group', '{"name": "name", "discount_rules": "rules", "is_group_for_guests": "guests"}', on_delete => 'delete');
CREATE TABLE person (id int PRIMARY KEY, grp int);
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "id || ''@example.org''", "first_name": "''A''", "last_name": "''B''", "customer_group_id": "bcdelta.ref(''grp'', grp)"}');
EOC

sub agrees
{
	my ($what) = @_;
	is_deeply([ sort map { $_->{name} . ' ' . join(',', map { $_->{type} } @{ $_->{discount_rules} }) } @{ $store->state('customer_groups') } ],
		[ sort @{ $shop->list(q(SELECT name || ' ' || coalesce((SELECT string_agg(r ->> 'type', ',') FROM jsonb_array_elements(rules) AS r), '') FROM grp)) } ], "$what: the store has the rows");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	return;
}

subtest 'groups are linked by name, created before their customers, changed and deleted' => sub {
	$store->seed('customer_groups', [ { id => 40, name => 'Retail' } ]);
	$shop->sql(<<'EOC');
INSERT INTO grp VALUES (1, 'Retail', '[{"type": "all", "method": "percent", "amount": "5"}]', NULL), (2, 'Trade', '[{"type": "price_list", "price_list_id": 7}]', NULL), (3, 'Guests', NULL, true);
INSERT INTO person VALUES (1, 1), (2, 2);
EOC
	is_deeply([ @{ $shop->link(q('grp')) }{qw(linked conflicts)} ], [ 1, 2 ], 'the one that is there');
	is($shop->value(q(SELECT path FROM bcdelta.preview('grp') WHERE key = '2'))->{path}, '/v2/customer_groups', 'preview shows the path');
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 4, 1, 0 ], 'in one run') or diag(explain([ $run, $shop->errors ]));
	agrees('first push');
	is_deeply([ map { $_->{customer_group_id} } @{ $store->state('customers') } ], [ map { $shop->id('grp', $_) } 1, 2 ], 'customers are in their groups');
	$shop->sql(q(UPDATE grp SET rules = '[]' WHERE id = 1; UPDATE grp SET name = CASE id WHEN 2 THEN 'Guests' ELSE 'Trade' END WHERE id > 1));
	$shop->push;
	agrees('names that change places');
	$shop->sql(q(UPDATE grp SET rules = '[{"type": "all", "method": "percent", "amount": "7.5"}]' WHERE id = 1));
	$shop->push;
	is_deeply([ @{ $shop->verify(q('grp')) }{qw(state conflicts)} ], [ 'succeeded', 0 ], 'verify finds no difference, though the store shows amounts with other decimals');
	$shop->sql(q(DELETE FROM person WHERE id = 2; DELETE FROM grp WHERE id = 2));
	is($shop->push->{deleted}, 1, 'a delete');
	agrees('deletes');
};

subtest 'many groups are found in the list, page by page, and names that several groups have are not linked' => sub {
	$shop->sql(q(INSERT INTO grp SELECT g, 'G' || g FROM generate_series(100, 359) AS g));
	$store->seed('customer_groups', [ map { { id => $_, name => "G$_" } } 100 .. 349 ]);
	$store->seed('customer_groups', [ { id => 400, name => 'G100' } ]);
	$shop->clear;
	my $run = $shop->link(q('grp'));
	is_deeply([ @$run{qw(linked failed conflicts)} ], [ 249, 1, 10 ], 'those that are there, but not the one that is there twice') or diag(explain($run));
	cmp_ok(scalar(@{ $shop->calls }), '<=', 12, 'with few requests');
	$store->remove('customer_group', 400);
	$run = $shop->push;
	is($run->{failed}, 0, 'the rest is pushed') or diag(explain($shop->errors));
	agrees('many');
	$store->edit('customer_group', 120, { name => 'Other' });
	$store->remove('customer_group', 121);
	$store->seed('customer_groups', [ { id => 999, name => 'Extra' } ]);
	$shop->clear;
	$shop->verify(q('grp'));
	is_deeply($shop->discrepancies, [ 'grp|#999|missing_in_source|name|Extra', 'grp|120|different|name|G120|Other', 'grp|121|missing_in_store' ], 'verify lists what differs');
	cmp_ok(scalar(@{ $shop->calls }), '<=', 8, 'with few requests');
	like($shop->value(q(SELECT * FROM bcdelta.verify('grp', mode => 'count')))->{state}, qr/succeeded/, 'and counts');
	$store->remove('customer_group', 999);
	$shop->sql(q(SELECT bcdelta.mark_all('grp')));
	$shop->push;
	agrees('corrected');
	$shop->sql(q(DELETE FROM grp WHERE id >= 100));
	$shop->push;
	agrees('all gone');
};

subtest 'an object where a list should be does not mean that there are no groups' => sub {
	$store->seed('customer_groups', [ map { { id => 500 + $_, name => "L$_" } } 1 .. 9 ]);
	$shop->sql(q(INSERT INTO grp SELECT 500 + g, 'L' || g FROM generate_series(1, 9) AS g));
	$store->fault({ match => { method => 'GET', path => 'customer_groups' }, times => 2, do => { status => 200, body => { message => 'maintenance' } } });
	$shop->push;
	$store->unfault;
	$shop->push;
	agrees('a senseless list');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link WHERE feed = 'grp' AND store_id BETWEEN 501 AND 509)), 9, 'the rows have the groups that were there');
	$shop->sql('DELETE FROM grp WHERE id > 500');
	$shop->push;
};

subtest 'a group that is gone is deleted or made again, whatever status says so' => sub {
	foreach my $status (400, 404)
	{
		$store->settings({ group_missing => $status });
		$shop->sql(q(INSERT INTO grp VALUES (10, 'Gone'), (11, 'Lost')));
		$shop->push;
		$store->remove('customer_group', $shop->id('grp', $_)) foreach 10, 11;
		$shop->sql(q(DELETE FROM grp WHERE id = 10; UPDATE grp SET name = 'Found' WHERE id = 11));
		$shop->push;
		agrees("status $status");
		$shop->sql(q(DELETE FROM grp WHERE id = 11));
		$shop->push;
	}
};

subtest 'a discount that was not saved is sent again; lost replies create no group twice' => sub {
	foreach my $how ({ partial => { fields => ['discount_rules'] } }, { lose => 'before' }, { lose => 'after' }, { status => 503 })
	{
		my ($name) = %$how;
		$store->fault({ match => { method => 'POST', path => 'customer_groups' }, times => 1, do => $how });
		$shop->sql(q(INSERT INTO grp VALUES (20, 'Sale', '[{"type": "all", "method": "percent", "amount": "5"}]')));
		$shop->push;
		agrees("$name, new");
		$store->unfault;
		$store->fault({ match => { method => 'PUT', path => 'customer_groups' }, times => 1, do => $how });
		$shop->sql(q(UPDATE grp SET rules = '[{"type": "price_list", "price_list_id": 7}]' WHERE id = 20));
		$shop->push;
		$shop->sql(q(SELECT bcdelta.retry('grp')));
		$shop->push;
		agrees("$name, changed");
		$store->unfault;
		$shop->sql(q(DELETE FROM grp WHERE id = 20));
		$shop->push;
	}
};

subtest 'what cannot be a group is refused by field, in the store\'s words where only it knows' => sub {
	$store->settings({ group_names => 'unique' });
	$store->seed('customer_groups', [ { id => 500, name => 'Taken' } ]);
	$shop->sql(<<'EOC');
INSERT INTO grp VALUES (30, NULL), (31, ''), (38, 'Taken'), (39, 'Good');
INSERT INTO grp VALUES (32, 'R', '[{"type": "some"}]'), (33, 'S', '[{"method": "percent"}]'), (34, 'T', '{}'), (35, 'U', '[{"type": "all", "method": "percent", "amount": "much"}]'),
	(36, 'V', '[{"type": "price_list", "price_list_id": 99}]');
INSERT INTO grp VALUES (37, 'W', NULL, true);
EOC
	$shop->push;
	my $errors = $shop->errors;
	my %says = (30 => qr/^name: /, 31 => qr/^name: 0 characters/, 32 => qr/^discount_rules: element 1: type: /, 33 => qr/^discount_rules: element 1: type: there is no value/, 34 => qr/^discount_rules: /,
		35 => qr/400 .*discount_rules/, 36 => qr/400 .*There is no price_list 99/, 37 => qr/400 .*guests/);
	like($errors->{"grp $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar(keys %$errors), 8, 'and no other') or diag(explain($errors));
	is($shop->id('grp', 38), 500, 'a group with the name is taken over');
};

subtest 'the ids in rules and in the access to categories follow the records that are made again' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE thing (id int PRIMARY KEY, name text);
SELECT bcdelta.track('thing', 'shop', 'product', '{"name": "name", "type": "''physical''", "price": "1", "weight": "1"}', feed => 'goods');
SELECT bcdelta.track('thing', 'shop', 'category', '{"name": "name", "parent_id": "0"}', feed => 'shelves');
SELECT bcdelta.track('thing', 'shop', 'price_list', '{"name": "name"}', feed => 'lists');
INSERT INTO thing VALUES (1, 'One'), (2, 'Two');
CREATE TABLE class (id int PRIMARY KEY, rules text);
CREATE FUNCTION rules_of(int) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT CASE $1 WHEN 1 THEN jsonb_build_array(jsonb_build_object('type', 'price_list', 'price_list_id', bcdelta.ref('lists', 1)))
		ELSE jsonb_build_array(jsonb_build_object('type', 'category', 'category_id', bcdelta.ref('shelves', 1), 'method', 'fixed', 'amount', '1'),
			jsonb_build_object('type', 'product', 'product_id', bcdelta.ref('goods', 2), 'method', 'fixed', 'amount', '1')) END
$$;
SELECT bcdelta.track('class', 'shop', 'customer_group', '{"name": "''Class '' || id", "discount_rules": "public.rules_of(id)", "category_access": "jsonb_build_object(''type'', ''specific'', ''categories'', jsonb_build_array(bcdelta.ref(''shelves'', 2)))"}', feed => 'classes');
INSERT INTO class VALUES (1), (2);
EOC
	my $run = $shop->push;
	my $ids = sub
	{
		my @groups = sort { $a->{name} cmp $b->{name} } grep { $_->{name} =~ /^Class/ } @{ $store->state('customer_groups') };
		return [ map { [ map { map { int } grep { defined } @$_{qw(price_list_id category_id product_id)} } @{ $_->{discount_rules} } ], $_->{category_access}{categories} } @groups ];
	};
	my $wanted = sub
	{
		my %id = map { my $feed = $_; map { ("$feed $_" => 0 + $shop->id($feed, $_)) } 1, 2 } qw(lists shelves goods);
		return [ [ $id{'lists 1'} ], [ $id{'shelves 2'} ], [ @id{ 'shelves 1', 'goods 2' } ], [ $id{'shelves 2'} ] ];
	};
	is_deeply($ids->(), $wanted->(), 'the first push') or diag(explain($shop->errors));
	foreach my $gone ([ price_list => 'lists', 1 ], [ category => 'shelves', 1 ], [ category => 'shelves', 2 ], [ product => 'goods', 2 ])
	{
		my ($resource, $feed, $key) = @$gone;
		my $id = $shop->id($feed, $key);
		$store->remove($resource, $id);
		$shop->sql("SELECT bcdelta.mark('$feed', '$key'); UPDATE thing SET name = name || '!' WHERE id = $key");
		$shop->push;
		isnt($shop->id($feed, $key), $id, "$resource $key is made again");
		is_deeply($ids->(), $wanted->(), 'and the groups follow') or diag(explain([ $shop->errors, $shop->pending ]));
	}
	is_deeply([ grep { /classes|goods|shelves|lists/ } keys %{ $shop->pending } ], [], 'nothing is left pending');
};

is($store->counts->{throttled}{concurrency} // 0, 0, 'the store had no reason to complain of too many');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
