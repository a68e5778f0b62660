# Attributes of customers, and their values: written by customer and attribute,
# whether they exist or not, for ten customers at a time.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('attribute', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, mail text);
CREATE TABLE trait (code text PRIMARY KEY, name text, kind text);
CREATE TABLE worth (person int, trait text, value text, PRIMARY KEY (person, trait));
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "mail", "first_name": "''P''", "last_name": "id::text"}', on_delete => 'delete');
SELECT bcdelta.track('trait', 'shop', 'customer_attribute', '{"name": "name", "type": "kind"}', on_delete => 'delete');
SELECT bcdelta.track('worth', 'shop', 'customer_attribute_value', '{"customer_id": "bcdelta.ref(''person'', person)", "attribute_id": "bcdelta.ref(''trait'', trait)", "value": "value"}',
	on_delete => 'delete');
EOC

sub agrees
{
	my ($what) = @_;
	my %mail = map { $_->{id} => $_->{email} } @{ $store->state('customers') };
	my %name = map { $_->{id} => "$_->{name} ($_->{type})" } @{ $store->state('attributes') };
	is_deeply([ sort values %name ], [ sort @{ $shop->list(q(SELECT format('%s (%s)', name, kind) FROM trait)) } ], "$what: the store has the attributes");
	is_deeply([ sort map { join('|', $mail{ $_->{customer_id} }, $name{ $_->{attribute_id} }, $_->{attribute_value}) } @{ $store->state('attribute_values') } ],
		[ sort @{ $shop->list(q(SELECT concat_ws('|', mail, format('%s (%s)', name, kind), value) FROM worth JOIN person ON id = person JOIN trait ON code = trait)) } ],
		"$what: and the values, each once");
	is_deeply($shop->pending, {}, "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply($store->violations, {}, "$what: no rule of the API was broken");
	return;
}

sub sizes { return join(' ', sort map { "$_->{method} " . scalar @{ $_->{body} // [] } } grep { $_->{path} eq "/customers/$_[0]" } $shop->writes); }

subtest 'attributes, customers and values follow each other in one push; values go for ten customers at a time' => sub {
	$shop->sql(<<'EOC');
INSERT INTO person SELECT g, format('n%s@example.org', g) FROM generate_series(1, 25) AS g;
INSERT INTO trait VALUES ('a', 'Age', 'number'), ('b', 'Since', 'date'), ('c', 'Nickname', 'string');
INSERT INTO worth SELECT g, t.code, CASE t.code WHEN 'a' THEN g::text WHEN 'b' THEN '2020-02-' || to_char(g, 'FM00') ELSE 'N' || g END FROM generate_series(1, 25) AS g, trait AS t;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 103, 0 ], 'every row once') or diag(explain($shop->errors));
	is(sizes('attributes'), 'POST 3', 'attributes together');
	is(sizes('attribute-values'), 'PUT 15 PUT 30 PUT 30', 'all values of ten customers in a request');
	is(scalar(grep { $_ eq 'GET /customers/attribute-values' } @{ $shop->calls }), 0, 'and nothing is looked up');
	agrees('creates');
};

subtest 'changed values are written alone, deleted ones by their ids, and a value for each customer is a tenth of a call' => sub {
	$shop->sql(q(UPDATE worth SET value = (person + 1)::text WHERE trait = 'a' AND person <= 11; DELETE FROM worth WHERE trait = 'b' AND person > 20));
	$shop->clear;
	is_deeply([ @{ $shop->push }{qw(updated deleted)} ], [ 11, 5 ], 'each row once') or diag(explain($shop->errors));
	is(sizes('attribute-values'), 'DELETE 0 PUT 1 PUT 10', 'ten at a time');
	agrees('changes');
	$shop->clear;
	$shop->push;
	is_deeply($shop->calls, [], 'nothing is left to do');
};

subtest 'attributes that exist are linked by name; a name can change, a type cannot' => sub {
	$store->seed('attributes', [ { id => 900, name => 'Hobby', type => 'string' } ]);
	$shop->sql(q(INSERT INTO trait VALUES ('d', 'hobby', 'string')));
	$shop->push;
	is($shop->id('trait', 'd'), 900, 'found, ignoring case');
	$shop->sql(q(UPDATE trait SET name = 'Years' WHERE code = 'a'; UPDATE trait SET name = 'Hobby' WHERE code = 'd'));
	$shop->push;
	agrees('names');
	$shop->sql(q(UPDATE trait SET kind = 'number' WHERE code = 'c'));
	$shop->clear;
	is($shop->push->{failed}, 1, 'a row with another type fails');
	like($shop->errors->{'trait c'}, qr/^type: the record has string, which cannot be changed/, 'and says why');
	is_deeply([ $shop->writes ], [], 'before any request');
	$shop->sql(q(UPDATE trait SET kind = 'string' WHERE code = 'c'));
	$store->seed('attributes', [ { id => 901, name => 'Shoes', type => 'string' } ]);
	$shop->sql(q(INSERT INTO trait VALUES ('e', 'Shoes', 'number')));
	is($shop->push->{failed}, 1, 'so does one whose attribute exists with another type');
	like($shop->errors->{'trait e'}, qr/^type: the record has string/, 'in the same words');
	$store->control('remove', { resource => 'attribute', id => 901 });
	$shop->sql(q(SELECT bcdelta.unlink('trait', 'e'), bcdelta.retry('trait')));
	$shop->push;
	agrees('types');
};

subtest 'values that do not fit their fields or their types fail alone' => sub {
	$shop->sql(<<'EOC');
INSERT INTO worth VALUES (1, 'd', repeat('x', 256)), (2, 'd', NULL), (3, 'd', ''), (4, 'd', 'Chess'), (5, 'd', 'Go'), (21, 'b', '2021-02-29'), (22, 'b', '2024-02-29');
UPDATE worth SET value = 'old' WHERE person = 12 AND trait = 'a';
UPDATE worth SET value = '77' WHERE person = 13 AND trait = 'a';
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created updated failed)} ], [ 4, 1, 4 ], 'the others are written') or diag(explain([ $run, $shop->errors ]));
	my $errors = $shop->errors;
	my ($long, $null, $day, $old) = map { my $which = $_; (map { $errors->{$_} } grep { $_ =~ $which } keys %$errors)[0] } qr/\b1\b.*d/, qr/\b2\b.*d/, qr/21.*b/, qr/12.*a/;
	like($long, qr/^value: 256 characters, at most 255/, 'by its length');
	like($null, qr/^value: the row has no value/, 'by its absence');
	like($day, qr/^value: "2021-02-29" is not a date, which attribute_id \d+ wants/, 'by its type, before any request');
	like($old, qr/^value: "old" is not a number/, 'if it changes, too');
	is(scalar(grep { $_->{status} >= 400 } $store->journal), 0, 'the store has refused nothing');
	$shop->sql(q(DELETE FROM worth WHERE (person, trait) IN ((1, 'd'), (2, 'd'), (21, 'b')); UPDATE worth SET value = '12' WHERE person = 12 AND trait = 'a'));
	$shop->push;
	agrees('bad values');
};

subtest 'a value that moves to another customer or attribute is not left behind' => sub {
	$shop->sql(q(UPDATE worth SET person = 6 WHERE person = 4 AND trait = 'd'; UPDATE worth SET trait = 'd' WHERE person = 7 AND trait = 'c'));
	$shop->push;
	agrees('moves');
	$shop->sql(q(DELETE FROM worth WHERE (person, trait) IN ((20, 'c'), (21, 'c')); INSERT INTO worth VALUES (20, 'c', 'moves')));
	$shop->push;
	$shop->sql(q(UPDATE worth SET person = 21 WHERE (person, trait) = (20, 'c')));
	# the old one has to be found again
	$store->fault({ match => { method => 'DELETE' }, times => 1, do => { status => 503 } });
	$shop->push;
	agrees('a removal that is not known to have been done');
	$store->unfault;
};

subtest 'lost replies and a killed worker write no value twice, and lose none that was deleted meanwhile' => sub {
	my $person = 8;
	foreach my $how (qw(before after))
	{
		$store->fault({ match => { method => 'PUT', path => 'values' }, times => 2, do => { lose => $how } });
		$shop->sql("INSERT INTO worth SELECT g, 'd', 'Lost' FROM generate_series($person, $person + 3) AS g");
		$shop->push;
		agrees("replies lost $how");
		$store->unfault;
		$person += 4;
	}
	$store->hold({ match => { method => 'PUT', path => 'values' }, process => 'now' });
	$shop->sql("INSERT INTO worth SELECT g, 'd', 'Kill' FROM generate_series($person, $person + 3) AS g");
	my $push = $shop->start;
	$shop->wait_held(1);
	$shop->sql("UPDATE worth SET value = 'Changed' WHERE person = $person AND trait = 'd'; DELETE FROM worth WHERE person = $person + 1 AND trait = 'd'");
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->push;
	agrees('a kill');
};

subtest 'verify compares values, whatever the store calls them' => sub {
	my ($value) = grep { $_->{attribute_value} eq 'N1' } @{ $store->state('attribute_values') };
	$shop->clear;
	$shop->verify(q('worth'));
	is_deeply($shop->discrepancies, [], 'no difference') or diag(explain($shop->discrepancies));
	cmp_ok(scalar @{ $shop->calls }, '<=', 2, 'in two requests');
	$store->control('edit', { resource => 'attribute_value', id => $value->{id}, set => { attribute_value => 'Other' } });
	$shop->verify(q('worth'));
	is_deeply([ map { s/^[^|]*\|[^|]*\|//r } @{ $shop->discrepancies } ], ['different|value|N1|Other'], 'one difference');
	$shop->sql(q(SELECT bcdelta.mark_where('worth', 'person = 1')));
	$shop->push;
	agrees('verified');
};

subtest 'values go with their attribute or their customer, without a call of their own' => sub {
	$shop->sql(q(DELETE FROM worth WHERE trait = 'd' OR person = 1; DELETE FROM trait WHERE code = 'd'; DELETE FROM person WHERE id = 1));
	$shop->clear;
	$shop->push;
	agrees('deletes');
};

cmp_ok($store->counts->{max_concurrency}{'PUT /customers/attribute-values'}, '<=', 3, 'three at a time, at most');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
