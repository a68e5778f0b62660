# Rows that exchange their natural keys: the store refuses each update as long
# as the other record has the key.

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

subtest 'two rows exchange their article numbers: neither is created or fails' => sub {
	$shop->sql(q(UPDATE item SET sku = CASE id WHEN 1 THEN 'S2' ELSE 'S1' END, price = price + 10 WHERE id IN (1, 2)));
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'two rows: the run succeeds');
	is($run->{created} + $run->{failed}, 0, 'none is created or failed');
	agree('two rows');
};

subtest 'three rows exchange their numbers in a circle' => sub {
	$shop->sql(q(UPDATE item SET sku = 'S' || 3 + (id - 2) % 3, price = price + 10 WHERE id BETWEEN 3 AND 5));
	my $run = $shop->push;
	is($run->{created} + $run->{failed}, 0, 'a circle: none is created or failed');
	agree('a circle');
};

subtest 'rows exchange their numbers in a chain, each waiting for the next' => sub {
	$shop->sql(q(UPDATE item SET sku = 'S' || id + 1, price = price + 10 WHERE id BETWEEN 6 AND 9));
	my $run = $shop->push;
	is($run->{created} + $run->{failed}, 0, 'a chain: none is created or failed');
	agree('a chain');
};

subtest 'a row takes the key of a deleted row, whose record is deleted or gives up the key' => sub {
	my $run;
	foreach my $on_delete (qw(delete hide ignore))
	{
		$shop->sql(qq(UPDATE bcdelta.feed SET on_delete = '$on_delete'));
		$shop->sql(q(INSERT INTO item VALUES (30, 'S30', 1), (31, 'S31', 2)));
		is($shop->push->{created}, 2, "$on_delete: two rows more");
		$shop->sql(q(DELETE FROM item WHERE id = 30; UPDATE item SET sku = 'S30', price = 3 WHERE id = 31));
		$run = $shop->push;
		is($run->{created} + $run->{failed}, 0, "$on_delete: none is created or failed");
		is_deeply($shop->pending, {}, "$on_delete: nothing is left pending") or diag(explain($shop->errors));
		my @with_key = grep { $_->{sku} eq 'S30' } @{ $store->state('products') };
		is_deeply([ map { $_->{price} + 0 } @with_key ], [3], "$on_delete: the record with the key is the row's");
		my $shown = grep { $_->{sku} eq 'S31' && $_->{is_visible} } @{ $store->state('products') };
		is($shown, $on_delete eq 'ignore' ? 1 : 0, "$on_delete: what becomes of the other record");
		$shop->sql(q(DELETE FROM item WHERE id > 29; UPDATE bcdelta.feed SET on_delete = 'delete'; SELECT bcdelta.mark('item', '30'), bcdelta.mark('item', '31')));
		$shop->push;
	}
};

subtest 'a new row waits for the key that another is about to give up, and keeps its attempts' => sub {
	$shop->sql(q(INSERT INTO item VALUES (40, 'S40', 1)));
	$shop->push;
	$store->fault({ match => { method => $_->[0] }, times => $_->[1], do => { status => 500 } }) foreach ([ 'PUT', 2 ], [ 'POST', 1 ]);
	$shop->sql(q(UPDATE item SET sku = 'S41' WHERE id = 40; INSERT INTO item VALUES (41, 'S40', 2)));
	my $waiting = $shop->start;
	$shop->wait_for(q(SELECT state = 'waiting' FROM bcdelta.pending WHERE key = '41'));
	$shop->sql(q(UPDATE bcdelta.pending SET attempts = 12 WHERE key = '41'));
	$waiting->finish;
	is_deeply($shop->pending, {}, 'a row that waits for another one is pushed after it') or diag(explain($shop->errors));
	is($shop->records('products', 'sku')->{S40}{price} + 0, 2, 'with its key');
	$store->unfault;
};

subtest 'a new row takes the key that a deferred or invalid row gives up, as soon as that is pushed' => sub {
	my %bad = (deferred => [ q(maker = 'late'), q(INSERT INTO marque VALUES ('late')) ],
		invalid => [ 'price = -1', 'UPDATE item2 SET price = 5 WHERE id = 1' ]);
	$shop->sql(<<'EOS');
CREATE TABLE marque (name text PRIMARY KEY);
CREATE TABLE item2 (id int PRIMARY KEY, sku text NOT NULL, price numeric NOT NULL, maker text);
SELECT bcdelta.track('marque', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.track('item2', 'shop', 'product', '{"sku": "sku", "name": "''Thing '' || id", "price": "price",
	"type": "''physical''", "weight": "1", "brand_id": "bcdelta.ref(''marque'', maker)"}', on_delete => 'delete');
EOS
	foreach my $how (sort keys %bad)
	{
		$shop->sql(q(INSERT INTO item2 VALUES (1, 'T1', 1)));
		$shop->push;
		$shop->sql("UPDATE item2 SET sku = 'T2', $bad{$how}[0] WHERE id = 1; INSERT INTO item2 VALUES (2, 'T1', 2)");
		$shop->push;
		is_deeply($shop->pending, { 'item2 1' => $how eq 'deferred' ? 'deferred' : 'failed', 'item2 2' => 'failed' }, "$how: both are told of")
		  or diag(explain($shop->errors));
		like($shop->errors->{'item2 2'}, qr/row 1 in the store/, "$how: the second one names the first");
		$shop->sql($bad{$how}[1]);
		my $run = $shop->push;
		is_deeply($shop->pending, {}, "$how: nothing is left pending") or diag(explain($shop->errors));
		is_deeply([ @$run{qw(created updated)} ], [ $how eq 'deferred' ? 2 : 1, 1 ], "$how: the first one keeps its record");
		$shop->sql('DELETE FROM item2');
		$shop->push;
	}
	$shop->sql(q(SELECT bcdelta.untrack('item2'), bcdelta.untrack('marque')));
};

subtest 'a key that another row keeps stays with it, and the second row fails' => sub {
	$shop->sql(q(INSERT INTO item VALUES (20, 'X20', 1)));
	$shop->push;
	$shop->sql(q(UPDATE item SET sku = 's1' WHERE id = 20));
	my $run = $shop->push;
	is($run->{failed}, 1, 'two rows with one key: the second one fails');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link WHERE feed = 'item')), 12, 'and every row keeps its record');
};

sub numbers_agree
{
	my ($name) = @_;
	my $have = { map { $_->{name} => $_->{sku} } grep { $_->{name} =~ /^Named/ } @{ $store->state('products') } };
	is_deeply($have, $shop->value(q(SELECT jsonb_object_agg(name, sku) AS o FROM named))->{o}, "$name: the store has what the source has");
	is_deeply([ grep { /^named/ } keys %{ $shop->pending } ], [], "$name: nothing is left pending") or diag(explain($shop->errors));
}

subtest 'rows that exchange article numbers, but not names, keep their records' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE named (id int PRIMARY KEY, sku text NOT NULL, name text NOT NULL);
INSERT INTO named SELECT g, 'N' || g, 'Named ' || g FROM generate_series(1, 5) AS g;
SELECT bcdelta.track('named', 'shop', 'product', '{"sku": "sku", "name": "name", "price": "1", "type": "''physical''", "weight": "1"}');
SELECT bcdelta.mark_all('named');
EOC
	$shop->push;
	my $ids = $shop->value(q(SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = 'named'))->{o};
	$shop->sql(q(UPDATE named SET sku = CASE id WHEN 1 THEN 'N2' ELSE 'N1' END WHERE id IN (1, 2)));
	$shop->push;
	numbers_agree('two numbers');
	$shop->sql(q(UPDATE named SET sku = 'N' || 3 + (id - 2) % 3 WHERE id BETWEEN 3 AND 5));
	$shop->push;
	numbers_agree('a circle of numbers');
	is_deeply($shop->value(q(SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = 'named'))->{o},
		$ids, 'every row has kept its record');
};

subtest 'a name can be used as soon as the row that had it is renamed or deleted' => sub {
	$shop->sql(q(UPDATE bcdelta.feed SET on_delete = 'delete' WHERE feed = 'named'));
	$shop->sql(q(UPDATE named SET name = 'Named 1, old' WHERE id = 1; INSERT INTO named VALUES (11, 'N11', 'Named 1')));
	$shop->push;
	numbers_agree('a new row with the name of one that is renamed');
	$shop->sql(q(DELETE FROM named WHERE id = 2; INSERT INTO named VALUES (12, 'N12', 'Named 2')));
	$shop->push;
	numbers_agree('a new row with the name of one that is deleted');
	$shop->sql(q(INSERT INTO named VALUES (13, 'N13', 'Named 3')));
	$shop->clear;
	is($shop->push->{failed}, 1, 'a name that stays another row\'s fails');
	is(scalar $store->journal(method => 'POST'), 1, 'at once, when nothing moves');
	$shop->sql(q(DELETE FROM named WHERE id = 13));
};

subtest 'references to rows that exchange their records are updated' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE maker (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE made (sku text PRIMARY KEY, maker text NOT NULL);
INSERT INTO maker VALUES ('a', 'Alpha'), ('b', 'Beta');
INSERT INTO made VALUES ('M1', 'a'), ('M2', 'b'), ('M3', 'a');
SELECT bcdelta.track('maker', 'shop', 'brand');
SELECT bcdelta.track('made', 'shop', 'product', '{"sku": "sku", "name": "sku", "price": "1", "type": "''physical''",
	"weight": "1", "brand_id": "bcdelta.ref(''maker'', maker)"}');
SELECT bcdelta.mark_all('maker'), bcdelta.mark_all('made');
EOC
	$shop->push;
	$shop->sql(q(UPDATE maker SET name = CASE code WHEN 'a' THEN 'Beta' ELSE 'Alpha' END));
	my $run = $shop->push;
	is($run->{created} + $run->{failed}, 0, 'brands change their names');
	my %brand = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	my $made = $shop->records('products', 'sku');
	is_deeply([ map { $brand{ $made->{$_}{brand_id} } } qw(M1 M2 M3) ], [qw(Beta Alpha Beta)], 'and their products follow');
	is($shop->verify("'made'")->{conflicts}, 0, 'as verify says too');
};

sub names_agree
{
	my ($what) = @_;
	is_deeply([ grep { /^titled/ } keys %{ $shop->pending } ], [], "$what: nothing is left pending") or diag(explain($shop->errors));
	is_deeply([ sort map { "$_->{sku} $_->{name}" } grep { $_->{sku} =~ /^T-/ } @{ $store->state('products') } ],
		[ sort @{ $shop->list(q(SELECT 'T-' || id || ' ' || title FROM titled)) } ], 'the store has what the source has');
	return;
}

subtest 'names are exchanged in a chain, although no row is found by its name' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE titled (id int PRIMARY KEY, title text);
SELECT bcdelta.track('titled', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "''T-'' || id", "name": "title", "price": "1", "type": "''physical''", "weight": "1"}');
INSERT INTO titled SELECT i, 'Title ' || i FROM generate_series(1, 5) AS i;
EOC
	$shop->push;

	$shop->sql(q(UPDATE titled SET title = 'Title ' || id + 1));
	my $run = $shop->push;
	is($run->{failed}, 0, 'a chain of names: none fails');
	names_agree('a chain of names');
	$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => 500 } });
	$shop->sql(q(UPDATE titled SET title = 'Last' WHERE id = 5; INSERT INTO titled VALUES (6, 'Title 6')));
	is($shop->push->{created}, 1, 'a new row waits for the row that leaves its name');
	names_agree('a new row');
	$store->unfault;
};

subtest 'a row that also changes its number waits for the name' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE coded (id int PRIMARY KEY, sku text, title text);
INSERT INTO coded VALUES (1, 'C-1', 'Coded 1'), (2, 'C-2', 'Coded 2');
SELECT bcdelta.track('coded', 'shop', 'product', '{"sku": "sku", "name": "title", "price": "1", "type": "''physical''", "weight": "1"}');
SELECT bcdelta.mark_all('coded');
EOC
	$shop->push;
	$store->fault({ match => { method => 'PUT', body => 'Coded 3' }, times => 2, do => { status => 500 } });
	$shop->sql(q(UPDATE coded SET title = 'Coded 3' WHERE id = 2));
	my $waiting = $shop->start;
	$shop->wait_for(q(SELECT state = 'waiting' FROM bcdelta.pending WHERE feed = 'coded' AND key = '2'));
	$shop->sql(q(UPDATE coded SET title = 'Coded 2', sku = 'C-9' WHERE id = 1));
	$waiting->finish;
	is_deeply([ grep { /^coded/ } keys %{ $shop->pending } ], [], 'number and name change: nothing is left pending') or diag(explain($shop->errors));
	is_deeply([ sort map { "$_->{sku} $_->{name}" } grep { $_->{sku} =~ /^C-/ } @{ $store->state('products') } ],
		[ 'C-2 Coded 3', 'C-9 Coded 2' ], 'the store has what the source has');
	$store->unfault;
};

subtest 'a row that wants a name which another row keeps fails; if the name is given up or exchanged, it does not' => sub {
	$shop->sql(q(INSERT INTO titled VALUES (7, 'Last')));
	is($shop->push->{failed}, 1, 'a name that is another row\'s, which keeps it');
	$shop->sql(q(DELETE FROM titled WHERE id IN (1, 7); INSERT INTO titled VALUES (8, 'Title 2')));
	my $run = $shop->push;
	is("$run->{created} $run->{deleted} $run->{failed}", '1 1 0', 'a row goes, and another one has its name');
	names_agree('a row that goes');
	$shop->sql(q(UPDATE titled SET title = CASE id WHEN 3 THEN 'Title 5' ELSE 'Title 4' END WHERE id IN (3, 4)));
	$shop->clear;
	$run = $shop->push;
	is("$run->{updated} $run->{failed}", '2 0', 'two rows that exchange names');
	is_deeply([ map { $_->{status} } $shop->writes ], [ 200, 200 ], 'one of them has another name for a moment');
	names_agree('exchanged names');
};

subtest 'customers exchange addresses in a circle, although a reply was lost, and the store calls a duplicate a bad request' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE person (id int PRIMARY KEY, email text);
SELECT bcdelta.track('person', 'shop', 'customer', '{"email": "email", "first_name": "''F''", "last_name": "''L''"}');
INSERT INTO person SELECT n, 'p' || n || '@example.org' FROM generate_series(1, 5) AS n;
EOC
	$shop->push;
	$shop->sql(q(UPDATE person SET email = 'p' || (id % 5 + 1) || '@example.org'));
	# It is not known any more which address each record has.
	$store->fault({ match => { method => 'PUT', path => 'customers' }, times => 1, do => { lose => 'before' } });
	my $run = $shop->push;
	is("$run->{state} $run->{failed}", 'succeeded 0', 'no row fails') or diag(explain($shop->errors));
	is_deeply([ grep { /^person/ } keys %{ $shop->pending } ], [], 'nothing is left pending');
	my %id = map { $_->{email} => $_->{id} } @{ $store->state('customers') };
	is_deeply([ map { $id{ 'p' . ($_ % 5 + 1) . '@example.org' } } 1 .. 5 ], [ map { $shop->id('person', $_) } 1 .. 5 ], 'each has its address, and its record');
};

is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE address IS DISTINCT FROM store_id::text'), 0, 'each link has the address of its record');
done_testing();
