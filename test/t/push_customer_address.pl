# Addresses of customers: records without a name, known by everything that they
# contain. The store ignores one that it has already, and says so by silence.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('address', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, mail text);
CREATE TABLE place (id int PRIMARY KEY, person int, who text DEFAULT 'Ann', firm text, street text, city text DEFAULT 'Oslo', area text DEFAULT 'Oslo', land text DEFAULT 'NO', phone text, kind text, fields jsonb);
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "''P''", "last_name": "id::text"}', on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "who", "last_name": "''Bell''",
	"company": "coalesce(firm, '''')", "address1": "street", "city": "city", "state_or_province": "area", "postal_code": "''0150''", "country_code": "land",
	"phone": "phone", "address_type": "kind", "form_fields": "fields"}', on_delete => 'delete');
EOC

# What both sides have, as lines of text.
sub stored
{
	my %mail = map { $_->{id} => $_->{email} } @{ $store->state('customers') };
	return [ sort map { join('|', $mail{ $_->{customer_id} }, @$_{qw(first_name company address1 city country_code phone address_type)}) } @{ $store->state('addresses') } ];
}

sub agrees
{
	my ($what) = @_;
	is_deeply(stored(), [ sort @{ $shop->list(q(SELECT concat_ws('|', mail, who, coalesce(firm, ''), street, city, land, coalesce(phone, ''), coalesce(kind, 'residential'))
		FROM place JOIN person ON person.id = place.person)) } ], "$what: the store has the rows, each once");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub sizes { return join(' ', sort map { "$_->{method} " . scalar @{ $_->{body} // [] } } grep { $_->{path} =~ /addresses/ } $shop->writes); }
sub reads { return scalar grep { $_ eq 'GET /customers/addresses' } @{ $shop->calls }; }

subtest 'addresses of new customers follow in batches, and are found again without their rows' => sub {
	$shop->sql(q(INSERT INTO person SELECT g, format('n%s@example.org', g) FROM generate_series(1, 12) AS g));
	$shop->sql(q(INSERT INTO place (id, person, street) SELECT g, (g + 1) / 2, 'Elm St ' || g FROM generate_series(1, 24) AS g));
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 36, 0 ], 'one push creates both') or diag(explain($shop->errors));
	is(sizes(), 'POST 10 POST 10 POST 4', 'ten at a time');
	is(reads(), 1, 'looked up with one request');
	agrees('creates');
	$shop->sql(q(SELECT bcdelta.unlink('place')));
	$shop->clear;
	is_deeply([ @{ $shop->link(q('place')) }{qw(linked conflicts)} ], [ 24, 0 ], 'link finds all by their contents');
	is_deeply($shop->calls, ['GET /customers/addresses'], 'with one request');
	is($shop->record('addresses', $shop->id('place', 7))->{address1}, 'Elm St 7', 'each its own');
};

subtest 'changes and deletes go by id, in batches, with what has changed' => sub {
	$shop->sql(q(UPDATE place SET street = street || 'a', phone = '1' WHERE id <= 11; DELETE FROM place WHERE id > 20));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated deleted failed)} ], [ 11, 4, 0 ], 'each row once') or diag(explain($shop->errors));
	is(sizes(), 'DELETE 0 PUT 1 PUT 10', 'ten at a time, deletes together');
	is_deeply([ sort keys %{ ($shop->writes)[0]{body}[0] // {} } ], [qw(address1 id phone)], 'and nothing but the changes');
	is(reads(), 0, 'nothing has to be read');
	agrees('changes');
	$shop->clear;
	$shop->push;
	is_deeply($shop->calls, [], 'nothing is left to do');
};

subtest 'bad values are refused by field, before any request, and the other rows go on' => sub {
	$shop->sql(<<'EOC');
INSERT INTO place (id, person, street, city, land, phone, kind) VALUES (30, 1, 'A', 'Oslo', NULL, NULL, NULL), (31, 1, 'B', 'Oslo', '', NULL, NULL), (32, 1, 'C', 'Oslo', 'NOR', NULL, NULL),
	(33, 1, NULL, 'Oslo', 'NO', NULL, NULL), (34, 1, 'E', repeat('x', 101), 'NO', NULL, NULL), (35, 1, 'F', 'Oslo', 'NO', repeat('1', 51), NULL), (36, 1, 'G', 'Oslo', 'NO', NULL, 'barn'),
	(37, NULL, 'H', 'Oslo', 'NO', NULL, NULL), (38, 1, 'I', 'Oslo', 'NO', '', 'commercial');
EOC
	my %says = (30 => qr/^country_code: the row has no value/, 31 => qr/^country_code: 0 characters, at least 2/, 32 => qr/^country_code: 3 characters, at most 2/, 33 => qr/^address1: the row has no value/,
		34 => qr/^city: 101 characters, at most 100/, 35 => qr/^phone: 51 characters/, 36 => qr/^address_type: "barn" is not one/, 37 => qr/^customer_id: /);
	is_deeply([ map { $_->{action} } @{ $shop->value(q(SELECT jsonb_agg(p ORDER BY key) AS o FROM bcdelta.preview('place') AS p))->{o} } ], [ ('invalid') x 8, 'create' ], 'preview says so');
	$shop->clear;
	is($shop->push->{created}, 1, 'the good row is created');
	my $errors = $shop->errors;
	like($errors->{"place $_"}, $says{$_}, "row $_") foreach sort keys %says;
	is(scalar(keys %$errors), 8, 'and no other');
	is(scalar @{ $shop->calls }, 2, 'a look-up and a create, for that row alone');
	$shop->sql('DELETE FROM place WHERE id BETWEEN 30 AND 37');
	$shop->push;
	agrees('bad values');
};

subtest 'an address that the store has already is linked, although it says nothing' => sub {
	my $id = 0 + $shop->id('person', 3);
	$store->seed('addresses', [ { id => 500, customer_id => $id, first_name => 'Ann', last_name => 'Bell', address1 => 'Oak St', city => 'Oslo', state_or_province => 'Oslo', postal_code => '0150', country_code => 'NO' } ]);
	# it is made between the look-up and the create
	$store->fault({ match => { method => 'GET', path => 'addresses' }, times => 1, do => { status => 200, body => { data => [], meta => {} } } });
	$shop->sql(q(INSERT INTO place (id, person, street) VALUES (40, 3, 'Oak St'), (41, 3, 'Oak St 2')));
	$shop->push;
	is($shop->id('place', 40), 500, 'the row has the one that was there');
	agrees('ignored creates');
};

subtest 'of two rows with the same contents, one gets the address, and the other fails and names it' => sub {
	$shop->sql(q(INSERT INTO place (id, person, street) VALUES (50, 4, 'Twin St'), (51, 4, 'Twin St')));
	is_deeply([ @{ $shop->push }{qw(created failed)} ], [ 1, 1 ], 'one of each');
	my ($row, $error) = %{ $shop->errors };
	my ($other) = grep { "place $_" ne $row } 50, 51;
	like($error, qr/^address "Ann \| Bell \| .*Twin St.*" belongs to record \d+ of the store, which is linked to source row $other$/, 'by the row') or diag(explain($shop->errors));
	$shop->sql(q(UPDATE place SET street = 'Single St' WHERE id = 51; SELECT bcdelta.retry('place')));
	$shop->push;
	agrees('twins');
	# the same for a change
	$shop->sql(q(UPDATE place SET street = 'Twin St' WHERE id = 51));
	is($shop->push->{failed}, 1, 'a change into the likeness of another row fails');
	like($shop->errors->{'place 51'}, qr/\b50\b|already/, 'and says why');
	$shop->sql(q(DELETE FROM place WHERE id = 50; SELECT bcdelta.retry('place')));
	$shop->push;
	agrees('a twin is gone');
};

subtest 'a change into the likeness of an address that no row has fails, in words' => sub {
	$store->seed('addresses', [ { customer_id => 0 + $shop->id('person', 5), first_name => 'Ann', last_name => 'Bell', address1 => 'Foreign St', city => 'Oslo', state_or_province => 'Oslo', postal_code => '0150', country_code => 'NO', phone => '1' } ]);
	$shop->sql(q(UPDATE place SET street = CASE id WHEN 9 THEN 'Foreign St' ELSE 'Other St' END WHERE id IN (9, 10)));
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 1, 1 ], 'the other row of the batch is written');
	like($shop->errors->{'place 9'}, qr/ignored it, because it has the same record already/, 'the row says that the store has it');
	my ($foreign) = grep { $_->{address1} eq 'Foreign St' } @{ $store->state('addresses') };
	$store->control('remove', { resource => 'address', id => $foreign->{id} });
	$shop->sql(q(SELECT bcdelta.retry('place')));
	$shop->push;
	agrees('foreign twins');
};

subtest 'an address moves to another customer, and is not left behind; rows exchange their contents' => sub {
	$shop->sql('UPDATE place SET person = 6 WHERE id = 1');
	$shop->push;
	agrees('a move');
	$shop->sql(q(UPDATE place SET street = (SELECT o.street FROM place AS o WHERE o.id = CASE place.id WHEN 5 THEN 6 ELSE 5 END), phone = (SELECT o.phone FROM place AS o WHERE o.id = CASE place.id WHEN 5 THEN 6 ELSE 5 END) WHERE id IN (5, 6)));
	$shop->clear;
	$shop->push;
	agrees('an exchange');
	is_deeply([ $shop->writes ], [], 'an exchange writes nothing: the rows exchange their records');
	# a chain: each takes the contents of the next one, and the last has new ones
	$shop->sql(q(UPDATE place SET street = CASE id WHEN 13 THEN (SELECT o.street FROM place AS o WHERE o.id = 14) ELSE 'Last St' END WHERE id IN (13, 14)));
	$shop->push;
	agrees('a chain');
};

subtest 'an address that is gone from the store is made again, however the store says so' => sub {
	foreach my $says (qw(refuse absent))
	{
		$store->settings({ address_gone => $says });
		$store->control('remove', { resource => 'address', id => 0 + $shop->id('place', $_) }) foreach 15, 16;
		$shop->sql(qq(UPDATE place SET street = street || ' $says' WHERE id IN (15, 17)));
		$shop->push;
		$shop->sql(q(UPDATE place SET street = street || '!' WHERE id = 16));
		$shop->push;
		agrees("gone, $says");
	}
	$store->settings({ address_gone => 'refuse' });
};

subtest 'a single address in a reply may come without the envelope' => sub {
	$store->settings({ address_reply => 'bare' });
	$shop->sql(q(INSERT INTO place (id, person, street) VALUES (60, 7, 'Bare St')));
	$shop->clear;
	is($shop->push->{created}, 1, 'created');
	$shop->sql(q(UPDATE place SET street = 'Bare St 2' WHERE id = 60));
	is($shop->push->{updated}, 1, 'and changed');
	is(scalar($shop->writes), 2, 'with one request each');
	$store->settings({ address_reply => 'list' });
	agrees('bare replies');
};

subtest 'lost replies and a killed worker create no address twice, even if the row changes meanwhile' => sub {
	my $from = 100;
	my $rows = sub { $shop->sql(sprintf(q(INSERT INTO place (id, person, street) SELECT g, g %% 12 + 1, 'Lost St ' || g FROM generate_series(%d, %d) AS g), $from, $from + 14)); };
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'POST', path => 'addresses' }, times => 2, do => { lose => $how } });
		$rows->();
		$shop->push;
		agrees("replies lost $how");
		$store->unfault;
		$from += 20;
	}
	$store->hold({ match => { method => 'POST', path => 'addresses' }, process => 'now' });
	$rows->();
	my $push = $shop->start;
	$shop->wait_held(2);
	$shop->sql(sprintf(q(UPDATE place SET street = 'Changed St ' || id WHERE id BETWEEN %d AND %d; DELETE FROM place WHERE id BETWEEN %d AND %d), $from, $from + 3, $from + 4, $from + 7));
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
};

subtest 'a refused batch is halved, whatever the store keeps of it' => sub {
	my $from = 200;
	foreach my $mode (qw(atomic prefix))
	{
		$store->settings({ customer_mode => $mode });
		# the store alone knows how states are spelled
		$shop->sql(sprintf(q(INSERT INTO place (id, person, street, area) SELECT g, 8, 'Bad St ' || g, CASE WHEN g %% 10 = 5 THEN 'NY' ELSE 'Oslo' END FROM generate_series(%d, %d) AS g), $from, $from + 9));
		my $run = $shop->push;
		is_deeply([ $run->{created} + $run->{linked}, $run->{failed} ], [ 9, 1 ], "$mode: one fails") or diag(explain([ $run, $shop->errors ]));
		like($shop->errors->{ 'place ' . ($from + 5) }, qr/full name of a state/, "$mode: in the store's words");
		$shop->sql(sprintf(q(UPDATE place SET area = 'Oslo' WHERE id = %d), $from + 5));
		$shop->sql(q(SELECT bcdelta.retry('place')));
		$shop->push;
		$shop->sql(sprintf(q(DELETE FROM place WHERE id BETWEEN %d AND %d), $from, $from + 9));
		$shop->push;
		agrees("refused, $mode");
		$from += 10;
	}
	$store->settings({ customer_mode => 'atomic' });
};

subtest 'verify tells each difference, and reads addresses by the page' => sub {
	$store->edit('address', 0 + $shop->id('place', 11), { city => 'Bergen' });
	$store->control('remove', { resource => 'address', id => 0 + $shop->id('place', 12) });
	$store->seed('addresses', [ { id => 600, customer_id => 0 + $shop->id('person', 5), first_name => 'Eve', last_name => 'Extra', address1 => 'X', city => 'Oslo', state_or_province => 'Oslo', postal_code => '1', country_code => 'NO' } ]);
	$shop->clear;
	$shop->verify(q('place'));
	is_deeply($shop->discrepancies, [ 'place|#600|missing_in_source|address|Eve | Extra |  | X |  | Oslo | Oslo | 1 | NO |  | residential', 'place|11|different|city|Oslo|Bergen', 'place|12|missing_in_store' ], 'three differences')
	  or diag(explain($shop->discrepancies));
	cmp_ok(scalar @{ $shop->calls }, '<=', 4, 'in three requests, and a second look');
	$store->control('remove', { resource => 'address', id => 600 });
	$shop->sql(q(SELECT bcdelta.mark('place', '11'), bcdelta.mark('place', '12')));
	$shop->push;
	agrees('verified');
};

subtest 'addresses go with their customers, without a call of their own' => sub {
	$shop->sql('DELETE FROM place WHERE person IN (9, 10); DELETE FROM person WHERE id IN (9, 10)');
	$shop->clear;
	$shop->push;
	is_deeply([ map { "$_->{method} $_->{path}" } $shop->writes ], ['DELETE /customers'], 'one delete');
	agrees('customers deleted');
	# a customer that is made again gets its addresses again
	$store->control('remove', { resource => 'customer', id => 0 + $shop->id('person', 11) });
	$shop->sql(q(UPDATE person SET mail = 'new11@example.org' WHERE id = 11));
	$shop->push;
	$shop->push;
	agrees('a customer made again');
};

subtest 'case and white space make no other address, whatever the store thinks of them' => sub {
	foreach my $mode (qw(exact fold))
	{
		$store->settings({ address_twins => $mode });
		$shop->sql(q(INSERT INTO place (id, person, street) VALUES (70, 2, 'Case St')));
		$shop->push;
		$shop->sql(q(SELECT bcdelta.unlink('place', '70'); UPDATE place SET street = ' CASE st ' WHERE id = 70));
		is($shop->push->{failed}, 0, "$mode: the row finds its address again");
		is(scalar(grep { $_->{address1} =~ /case st/i } @{ $store->state('addresses') }), 1, "$mode: which is there once");
		$shop->sql(q(INSERT INTO place (id, person, street) VALUES (71, 2, 'case ST')));
		is($shop->push->{failed}, 1, "$mode: another row with the same one fails");
		$shop->sql('DELETE FROM place WHERE id IN (70, 71)');
		$shop->push;
		agrees("case, $mode");
	}
	$store->settings({ address_twins => 'exact' });
};

subtest 'form fields are written with an address, and no part of what it is known by' => sub {
	$shop->sql(q(UPDATE place SET fields = '[{"name": "Hobbies", "value": "Go"}]' WHERE id IN (3, 4); INSERT INTO place (id, person, street, fields) VALUES (75, 2, 'Form St', '[{"name": "Shirt size", "value": 4}]')));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(created updated failed)} ], [ 1, 2, 0 ], 'written') or diag(explain($shop->errors));
	is(sizes(), 'POST 1 PUT 2', 'with one request each');
	is_deeply($shop->record('addresses', $shop->id('place', 3))->{form_fields}, [ { name => 'Hobbies', value => 'Go' } ], 'as the row has them');
	is($shop->verify(q('place'))->{conflicts}, 0, 'a verify sees them');
	$store->edit('address', 0 + $shop->id('place', 3), { form_fields => [ { name => 'Hobbies', value => 'Chess' } ] });
	$shop->verify(q('place'));
	is_deeply([ map { s/^([^|]*\|[^|]*\|[^|]*\|[^|]*).*/$1/r } @{ $shop->discrepancies } ], ['place|3|different|form_fields'], 'and what differs');
	$shop->sql(q(SELECT bcdelta.mark('place', '3')));
	is($shop->push->{updated}, 1, 'which a push corrects');
	$shop->sql(q(SELECT bcdelta.unlink('place', '75'); UPDATE place SET fields = '[{"name": "Hobbies", "value": ["a", "b"]}]' WHERE id = 75));
	is($shop->push->{updated}, 1, 'an address that is found gets them');
	$shop->sql('DELETE FROM place WHERE id = 75');
	$shop->push;
	agrees('form fields');
};

subtest 'separators, quotes and long texts in addresses' => sub {
	$shop->sql(q(INSERT INTO place (id, person, who, firm, street) VALUES (80, 2, 'A | B', '', 'C'), (81, 2, 'A', 'B', 'C'), (82, 2, 'Ann "Q" \', E'{"a":\t1}', E'Straße 1\n2'), (83, 2, 'L', repeat('x', 255), repeat('ü', 20000))));
	is_deeply([ @{ $shop->push }{qw(created failed)} ], [ 4, 0 ], 'all are made') or diag(explain($shop->errors));
	$shop->sql(q(SELECT bcdelta.unlink('place')));
	is($shop->link(q('place'))->{conflicts}, 0, 'and found again');
	is($shop->verify(q('place'))->{conflicts}, 0, 'as they are');
	$shop->sql('DELETE FROM place WHERE id BETWEEN 80 AND 83');
	$shop->push;
	agrees('odd texts');
};

subtest 'addresses that differ only in which field a part of them is in are two' => sub {
	$shop->sql(q(INSERT INTO person VALUES (62, 'n62@example.org'); INSERT INTO place (id, person, firm, street, city) VALUES (621, 62, 'A | B', 'C', 'Oslo'), (622, 62, 'A', 'B | C', 'Oslo'),
		(623, 62, 'A', 'B', 'Oslo'), (624, 62, 'A || B', 'C', 'Oslo'), (625, 62, 'A |', 'B', 'Oslo'), (626, 62, 'A', '| B', 'Oslo')));
	is_deeply([ @{ $shop->push }{qw(created failed)} ], [ 7, 0 ], 'each is made') or diag(explain($shop->errors));
	agrees('bars');
	$shop->sql(q(SELECT bcdelta.unlink('place')));
	$shop->link(q('place'));
	agrees('found again');
	is($shop->record('addresses', $shop->id('place', 622))->{address1}, 'B | C', 'each its own');
};

subtest 'nothing that a feed can say makes a delete without ids' => sub {
	$shop->sql(q(INSERT INTO place (id, person, street) SELECT g, 2, 'Gone St ' || g FROM generate_series(90, 94) AS g));
	$shop->push;
	$shop->try(qq(SELECT bcdelta.link('place', '90', $_))) foreach 0, -1, '9223372036854775807';
	$shop->sql(q(UPDATE bcdelta.link SET payload = NULL, remembered = NULL WHERE feed = 'place' AND key = '91'; UPDATE bcdelta.link SET payload = '{}' WHERE feed = 'place' AND key = '92'));
	$shop->sql(q(DELETE FROM place WHERE id BETWEEN 90 AND 94));
	$shop->clear;
	$shop->push;
	my @deletes = grep { $_->{method} eq 'DELETE' } $shop->writes;
	cmp_ok(scalar @deletes, '>=', 1, 'there are some');
	is(scalar(grep { $_->{query} !~ /^id:in=\d+(,\d+)*$/ } @deletes), 0, 'each lists ids, and nothing else') or diag(explain([ map { $_->{query} } @deletes ]));
	is_deeply($store->violations, {}, 'none was without');
};

cmp_ok($store->counts->{max_concurrency}{'POST /customers/addresses'}, '<=', 10, 'no more creates at a time than is documented');
cmp_ok($store->counts->{max_concurrency}{'PUT /customers/addresses'}, '<=', 3, 'nor updates');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
