# Customers with all that can be sent along: addresses and attributes of new
# ones, form fields, credit, the channel that they come from.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('parts', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, mail text, fields jsonb, credit numeric, channel int);
CREATE TABLE place (id int PRIMARY KEY, person int, street text);
CREATE TABLE trait (code text PRIMARY KEY, name text);
CREATE TABLE worth (person int, trait text, value text, PRIMARY KEY (person, trait));
SELECT bcdelta.track('trait', 'shop', 'customer_attribute', '{"name": "name", "type": "''string''"}');
SELECT bcdelta.track('person', 'shop', 'customer', $$ {"email": "mail", "first_name": "'P'", "last_name": "id::text", "form_fields": "fields", "origin_channel_id": "channel",
	"store_credit_amounts": "CASE WHEN credit IS NOT NULL THEN jsonb_build_array(jsonb_build_object('amount', credit)) END",
	"addresses": "(SELECT jsonb_agg(jsonb_build_object('first_name', 'Ann', 'last_name', 'Bell', 'address1', street, 'city', 'Oslo', 'state_or_province', 'Oslo', 'postal_code', '0150', 'country_code', 'NO') ORDER BY p.id) FROM public.place AS p WHERE p.person = person.id)",
	"attributes": "(SELECT jsonb_agg(jsonb_build_object('attribute_id', bcdelta.ref('trait', w.trait), 'attribute_value', w.value)) FROM public.worth AS w WHERE w.person = person.id)"} $$, on_delete => 'delete');
SELECT bcdelta.track('place', 'shop', 'customer_address', '{"customer_id": "bcdelta.ref(''person'', person)", "first_name": "''Ann''", "last_name": "''Bell''",
	"address1": "street", "city": "''Oslo''", "state_or_province": "''Oslo''", "postal_code": "''0150''", "country_code": "''NO''"}', on_delete => 'delete');
SELECT bcdelta.track('worth', 'shop', 'customer_attribute_value', '{"customer_id": "bcdelta.ref(''person'', person)", "attribute_id": "bcdelta.ref(''trait'', trait)", "value": "value"}', on_delete => 'delete');
EOC

sub settled
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

subtest 'new customers bring their addresses and attributes, and the rows of these find them' => sub {
	$shop->sql(<<'EOC');
INSERT INTO trait VALUES ('n', 'Nickname'), ('s', 'Shoes');
INSERT INTO person SELECT g, format('n%s@example.org', g) FROM generate_series(1, 30) AS g;
INSERT INTO place SELECT g, (g + 2) / 3, 'Elm St ' || g FROM generate_series(1, 90) AS g;
INSERT INTO worth SELECT g, 'n', 'N' || g FROM generate_series(1, 30) AS g;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created linked failed)} ], [ 62, 90, 0 ], 'customers are created, addresses found') or diag(explain([ $run, $shop->errors ]));
	my %calls;
	$calls{$_}++ foreach grep { !m{attributes$} } @{ $shop->calls };
	is_deeply(\%calls, { 'GET /customers' => 1, 'POST /customers' => 3, 'GET /customers/addresses' => 1, 'PUT /customers/attribute-values' => 3 }, 'a call for ten customers, and none for their addresses');
	is(scalar @{ $store->state('addresses') }, 90, 'each address is there once');
	is(scalar @{ $store->state('attribute_values') }, 30, 'and each value');
	settled('nested');
};

subtest 'an update sends neither; later changes are made below' => sub {
	$shop->sql(q(UPDATE place SET street = 'Oak St' WHERE id = 1; INSERT INTO place VALUES (91, 1, 'Ash St'); UPDATE worth SET value = 'X' WHERE person = 1; UPDATE person SET mail = 'new1@example.org' WHERE id = 1));
	$shop->clear;
	is($shop->push->{failed}, 0, 'pushed');
	is_deeply([ map { sort keys %$_ } map { @{ $_->{body} } } grep { $_->{path} eq '/customers' } $shop->writes ], [qw(email id)], 'the customer is changed alone');
	is_deeply([ sort map { $_->{address1} } grep { $_->{customer_id} == $shop->id('person', 1) } @{ $store->state('addresses') } ], [ 'Ash St', 'Elm St 2', 'Elm St 3', 'Oak St' ], 'addresses by their rows');
	settled('below');
};

subtest 'bad elements are refused by field, element and limit, before any request' => sub {
	$shop->sql(<<'EOC');
INSERT INTO person (id, mail, fields, credit) VALUES (40, 'n40@example.org', '[{"name": "Hobbies"}]', NULL), (41, 'n41@example.org', '[{"name": "Hobbies", "value": {"a": 1}}]', NULL), (42, 'n42@example.org', '{}', NULL),
	(43, 'n43@example.org', '[{"name": "Hobbies", "value": "a"}, {"name": "Hobbies", "value": "b"}]', NULL), (44, 'n44@example.org', NULL, -1), (45, 'n45@example.org', NULL, NULL), (46, 'n46@example.org', '[]', 0);
INSERT INTO place SELECT 100 + g, 45, 'Long St ' || g FROM generate_series(1, 11) AS g;
EOC
	$shop->clear;
	is_deeply([ @{ $shop->push(q('person')) }{qw(created failed)} ], [ 1, 6 ], 'the good row is created');
	my $errors = $shop->errors;
	my %says = (40 => qr/^form_fields: element 1: value: there is no value/, 41 => qr/^form_fields: element 1: value: .* is not a text, a number or an array of strings/, 42 => qr/^form_fields: .* is not an array of objects/,
		43 => qr/^form_fields: elements 1 and 2 are the same/, 44 => qr/^store_credit_amounts: element 1: amount: "-1" is less than 0/, 45 => qr/^addresses: 11 elements, at most 10 are allowed/);
	like($errors->{"person $_"}, $says{$_}, "row $_") foreach sort keys %says;
	$shop->sql('DELETE FROM person WHERE id BETWEEN 40 AND 46; DELETE FROM place WHERE person = 45');
	$shop->push;
	settled('bad elements');
};

subtest 'form fields and credit are sent when they change, and verified; what the store has besides is left alone' => sub {
	$shop->sql(q(UPDATE person SET fields = '[{"name": "Hobbies", "value": ["Chess", "Go"]}]', credit = 43.15 WHERE id = 2; UPDATE person SET fields = '[{"name": "Shirt size", "value": 4}]' WHERE id = 3));
	$shop->clear;
	is($shop->push->{updated}, 2, 'both are written');
	is(scalar($shop->writes), 1, 'with one request');
	is_deeply($shop->record('customers', $shop->id('person', 2))->{form_fields}, [ { name => 'Hobbies', value => [ 'Chess', 'Go' ] } ], 'as the row has them');
	$store->edit('customer', 0 + $shop->id('person', 3), { form_fields => [ { name => 'Hobbies', value => 'Own' } ] });
	$shop->verify(q('person'));
	is_deeply($shop->discrepancies, [], 'fields that the row does not have make no difference') or diag(explain($shop->discrepancies));
	$store->edit('customer', 0 + $shop->id('person', 2), { store_credit_amounts => [ { amount => 3.15 } ], form_fields => [ { name => 'Hobbies', value => 'Chess' } ] });
	$shop->verify(q('person'));
	is_deeply([ map { (split /\|/)[3] } @{ $shop->discrepancies } ], [qw(form_fields store_credit_amounts)], 'those that it has do') or diag(explain($shop->discrepancies));
	$shop->sql(q(SELECT bcdelta.mark('person', '2')));
	$shop->push;
	is($shop->record('customers', $shop->id('person', 2))->{store_credit_amounts}[0]{amount}, 43.15, 'and are corrected');
	settled('form fields');
};

subtest 'an unknown form field fails alone, in the words of the store' => sub {
	$shop->sql(q(UPDATE person SET fields = CASE id WHEN 5 THEN '[{"name": "Unknown", "value": "x"}]' ELSE '[{"name": "Hobbies", "value": "Go"}]' END::jsonb WHERE id BETWEEN 4 AND 9));
	is_deeply([ @{ $shop->push }{qw(updated failed)} ], [ 5, 1 ], 'the others are written');
	like($shop->errors->{'person 5'}, qr/no form field Unknown/, 'by its name');
	$shop->sql('UPDATE person SET fields = NULL WHERE id = 5');
	$shop->push;
	settled('unknown form fields');
};

subtest 'where addresses are unique per channel, the channel tells which customer is meant' => sub {
	$store->settings({ email_unique => 'channel' });
	$store->seed('customers', [ map { { id => 900 + $_, email => 'both@example.org', first_name => 'P', last_name => 'X', origin_channel_id => $_ } } 1, 2 ]);
	$shop->sql(q(INSERT INTO person (id, mail, channel) VALUES (60, 'both@example.org', 2), (61, 'BOTH@example.org', 1), (62, 'new@example.org', 1), (63, 'new@example.org', 2), (64, 'new@example.org', 3)));
	$shop->push;
	is_deeply([ map { $shop->id('person', $_) } 60, 61 ], [ 902, 901 ], 'rows find the customer of their channel');
	is_deeply([ map { $shop->record('customers', $shop->id('person', $_))->{origin_channel_id} } 62 .. 64 ], [ 1, 2, 3 ], 'and make one for each') or diag(explain($shop->errors));
	$store->fault({ match => { method => 'POST', path => '^/customers$' }, times => 1, do => { lose => 'after' } });
	$shop->sql(q(INSERT INTO person (id, mail, channel) VALUES (65, 'lost@example.org', 1), (66, 'lost@example.org', 2)));
	$shop->push;
	is_deeply([ map { $shop->record('customers', $shop->id('person', $_))->{origin_channel_id} } 65, 66 ], [ 1, 2 ], 'also if the reply to the create is lost');
	$shop->clear;
	$shop->sql('UPDATE person SET channel = 3 WHERE id = 65');
	is($shop->push->{failed}, 1, 'the channel of a customer cannot change');
	like($shop->errors->{'person 65'}, qr/^origin_channel_id: the record has 1, which cannot be changed/, 'and the row says so');
	$shop->sql('UPDATE person SET channel = 1 WHERE id = 65');
	$shop->push;
	settled('channels');
	$store->settings({ email_unique => 'store' });
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
