# Bad rows among good ones: each is refused with a message that says what to do;
# none harms another, and none is lost.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('invalid');
my $store = $shop->store;
$shop->sql(<<'EOC');
CREATE TABLE audit (what text);
CREATE FUNCTION write_it(text) RETURNS text LANGUAGE sql AS 'INSERT INTO public.audit VALUES ($1) RETURNING what';
EOC
$shop->tables;
$shop->sql(<<'EOC');
INSERT INTO makers VALUES ('M1', 'Maker 1');
INSERT INTO groups VALUES (1, NULL, 'Group'), (2, 2, 'Myself'), (3, 1, repeat('x', 51)), (4, 1, NULL),
	(5, 6, 'You'), (6, 5, 'Me');
INSERT INTO articles (sku, title, price, weight) SELECT 'A-' || i, 'Article ' || i, i, 1 FROM generate_series(1, 15) AS i;
UPDATE articles SET title = repeat('ö', 251) WHERE sku = 'A-1';
UPDATE articles SET price = 'NaN' WHERE sku = 'A-2';
UPDATE articles SET price = -0.01 WHERE sku = 'A-3';
UPDATE articles SET weight = 'Infinity' WHERE sku = 'A-4';
UPDATE articles SET price = NULL WHERE sku = 'A-5';
UPDATE articles SET title = '' WHERE sku = 'A-6';
UPDATE articles SET title = repeat('ü', 250) WHERE sku = 'A-7';
EOC

subtest 'each bad row is refused with its field, its value and its limit, and none harms another' => sub {
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'the run continues');
	is($run->{created}, 11, 'good rows are created');
	is($run->{failed}, 9, 'bad rows are counted');
	is($run->{deferred}, 2, 'rows that wait for each other are deferred');
	is_deeply(
		$shop->pending,
		{
			(map { ("articles A-$_" => 'failed') } 1 .. 6), (map { ("groups $_" => 'failed') } 2 .. 4),
			(map { ("groups $_" => 'deferred') } 5 .. 6)
		},
		'and are pending as failed');
	my $errors = $shop->errors;
	my %expected = (
		'articles A-1' => qr/^name: 251 characters, at most 250 are allowed: "\x{f6}+\.\.\."$/,
		'articles A-2' => qr/^price: "NaN" is not a number/,
		'articles A-3' => qr/^price: "-0\.01" is less than 0$/,
		'articles A-4' => qr/^weight: "Infinity" is not a number/,
		'articles A-5' => qr/^price: the row has no value/,
		'articles A-6' => qr/^name: 0 characters, at least 1/,
		'groups 2' => qr/refers to itself/,
		'groups 3' => qr/^name: 51 characters, at most 50/,
		'groups 4' => qr/^name: the row has no value/,
		'groups 5' => qr/waits for row 6 of feed "groups"/,
		'groups 6' => qr/waits for row 5 of feed "groups"/);
	like($errors->{$_}, $expected{$_}, "$_: the message") foreach sort keys %expected;
	is($shop->outcomes->{'articles A-1'}, 'invalid', 'the outcome is invalid');
	is(scalar $store->journal(status => qr/^4/), 0, 'no request was made for them');
};

subtest 'only rows that were corrected, or for which retry() was called, are tried again' => sub {
	$shop->clear;
	is($shop->push->{failed}, 0, 'failed rows are not tried again by themselves');
	is_deeply($shop->calls, [], 'and cost nothing');
	$shop->sql(<<'EOC');
UPDATE articles SET title = left(title, 250) WHERE sku = 'A-1';
UPDATE articles SET price = 1 WHERE sku = 'A-2';
UPDATE groups SET parent = 1 WHERE id IN (2, 5);
EOC
	my $run = $shop->push;
	is($run->{created}, 5, 'a repaired row is pushed, and those that waited for it');
	is(scalar keys %{ $shop->pending }, 6, 'the others stay');
	is($shop->sql("SELECT bcdelta.retry('groups')"), 2, 'retry');
	is_deeply(
		{ map { /^groups/ ? ($_ => $shop->pending->{$_}) : () } keys %{ $shop->pending } },
		{ 'groups 3' => 'ready', 'groups 4' => 'ready' },
		'puts failed rows of the feed back');
	is($shop->push->{failed}, 2, 'which fail again');
	is($shop->sql('SELECT bcdelta.retry()'), 6, 'retry of all feeds');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE attempts > 0 OR last_error IS NOT NULL"),
		0, 'puts them back clean');
	$shop->push;
};

subtest 'dates are sent with time and zone; values that are no date are refused' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE dated (id int PRIMARY KEY, day text);
SELECT bcdelta.track('dated', 'shop', 'product', fields => '{"sku": "''dated-'' || id", "name": "''Dated '' || id", "price": "1",
	"weight": "1", "type": "''physical''", "preorder_release_date": "day"}');
INSERT INTO dated VALUES (1, '2030-01-02'), (2, '2030-01-02 03:04:05'), (3, '2030-01-02T03:04:05+02:00'), (4, 'soon'), (5, 'infinity');
EOC
	$shop->clear;
	my $run = $shop->push("feed => 'dated'");
	is_deeply([ @$run{qw(created failed)} ], [ 3, 2 ], 'dates');
	is_deeply(
		[ sort map { $_->{body}{preorder_release_date} } $shop->writes ],
		[ '2030-01-02T00:00:00+00:00', '2030-01-02T01:04:05+00:00', '2030-01-02T03:04:05+00:00' ],
		'are sent with time and zone');
	like($shop->errors->{'dated 4'}, qr/^preorder_release_date: "soon" is not a date and time/, 'what is none is refused');
	$shop->sql("SELECT bcdelta.untrack('dated')");
};

subtest 'a mapping that fails for a row, or writes, fails only that row' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE odd (id int PRIMARY KEY, name text, divisor int NOT NULL DEFAULT 1, evil boolean NOT NULL DEFAULT false);
SELECT bcdelta.track('odd', 'shop', 'product', fields => '{"sku": "''odd-'' || id", "price": "10 / divisor",
	"name": "CASE WHEN evil THEN public.write_it(name) ELSE name END", "weight": "1", "type": "''physical''"}');
INSERT INTO odd SELECT i, 'Odd ' || i FROM generate_series(1, 12) AS i;
UPDATE odd SET divisor = 0 WHERE id = 5;
UPDATE odd SET evil = true WHERE id = 6;
EOC
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 10, 2 ], 'an expression that fails for a row');
	like($shop->errors->{'odd 5'}, qr/division by zero/, 'with its error');
	like($shop->errors->{'odd 6'}, qr/read-only/, 'nor may it write');
	is($shop->sql('SELECT count(*) FROM audit'), 0, 'so nothing was written');
	$shop->sql('UPDATE odd SET divisor = 2, evil = false WHERE id IN (5, 6)');
	is($shop->push->{created}, 2, 'repaired');
};

subtest '409 for one row of a batch: it fails with the store\'s words, and the others go through' => sub {
	$shop->clear;
	$store->seed('products', [ { name => 'Odd name', sku => 'taken', type => 'physical', weight => 1, price => 1 } ]);
	$shop->sql("UPDATE odd SET name = CASE id WHEN 4 THEN 'Odd name' ELSE name || '!' END WHERE id <= 10");
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 9, 1 ], 'one bad row in a batch of ten');
	like($shop->errors->{'odd 4'}, qr/duplicate of product/, 'the message is the store\'s');
	is($shop->sql("SELECT outcome || http_status FROM bcdelta.result WHERE feed = 'odd' AND key = '4' AND run_id = $run->{run_id} AND outcome = 'failed'"),
		'failed409', 'with its status');
	cmp_ok(scalar $shop->writes, '<=', 8, 'found by halves, not one by one');
	is($shop->records('products', 'sku')->{"odd-$_"}{name}, "Odd $_!", "row $_ went through")
	  foreach 1 .. 3, 5 .. 10;
	$store->remove('product', $shop->records('products', 'sku')->{taken}{id});
	is($shop->sql("SELECT bcdelta.retry('odd')"), 1, 'retry after repair in the store');
	is($shop->push->{updated}, 1, 'pushes it');
};

subtest 'if two rows have one article number, the first gets the record, and the error of the other says so' => sub {
	$shop->sql("INSERT INTO odd VALUES (101, 'Twin'), (102, 'Other twin')");
	$shop->sql(q(UPDATE bcdelta.feed SET fields = fields || '{"sku": "''odd-'' || least(id, 101)"}' WHERE feed = 'odd'));
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 1, 1 ], 'twins');
	like(
		(values %{ $shop->errors })[0] . join(' ', values %{ $shop->errors }),
		qr/belongs to record \d+ of the store, which is linked to source row 101/,
		'the other is told who has it');
	$shop->sql('DELETE FROM odd WHERE id > 100');
	$store->seed('products', [ { name => 'Found', sku => 'odd-101', type => 'physical', weight => 1, price => 1 } ])
	  unless $shop->records('products', 'sku')->{'odd-101'};
	$shop->sql("SELECT bcdelta.untrack('odd')");
	$shop->sql(q(SELECT bcdelta.track('odd', 'shop', 'product', fields => '{"sku": "''odd-'' || least(id, 101)",
		"name": "name", "price": "10", "weight": "1", "type": "''physical''"}')));
	$shop->sql("INSERT INTO odd VALUES (201, 'Twin A'), (202, 'Twin B')");
	$run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 1, 1 ], 'twins that find the same record');
	is($shop->records('products', 'sku')->{'odd-101'}{name}, 'Twin A', 'the first one has it');
};

my $node;
subtest 'a mapping that does not return costs its row the time limit, and no other row anything' => sub {
	$node = $shop->node;

	# A mapping that does not return fails its row after the time limit
	$node->append_conf('postgresql.conf', "bcdelta.mapping_timeout = '300ms'");
	$node->reload;
	$shop->sql(<<'EOC');
CREATE TABLE slow (id int PRIMARY KEY, name text);
SELECT bcdelta.track('slow', 'shop', 'brand', '{"name": "name || CASE WHEN id % 4 = 0 THEN pg_sleep(3600)::text ELSE '''' END"}');
INSERT INTO slow SELECT g, 'Slow ' || g FROM generate_series(1, 20) AS g;
EOC
	my $run = $shop->push(q('slow'));
	is("$run->{state} $run->{created} $run->{failed}", 'succeeded 15 5', 'a mapping that does not return: other rows are created');
	is( $shop->errors->{'slow 4'},
		'the mapping took longer than bcdelta.mapping_timeout, which is 300 ms',
		'and the reason is given');
	is($shop->link(q('slow'))->{state}, 'succeeded', 'link goes on too');
	is($shop->verify(q('slow'))->{state}, 'succeeded', 'and so does verify');
};

subtest 'in a database with encoding SQL_ASCII, text that is not UTF-8 is refused' => sub {
	$shop->sql("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
	$node->append_conf('postgresql.conf', "bcdelta.databases = 'shop, ascii'");
	$node->safe_psql('ascii', 'CREATE EXTENSION bcdelta');
	$node->reload;
	wait_for_worker($node, 'ascii');
	$store->control('stores', { hash => 'ascii', token => 'ascii-token' });
	$node->safe_psql('ascii', create_server_sql($store, store_hash => 'ascii', token => 'ascii-token'));
	$node->safe_psql('ascii', <<'EOC');
CREATE TABLE brand (id int PRIMARY KEY, name text);
SELECT bcdelta.track('brand', 'shop', 'brand');
INSERT INTO brand VALUES (1, E'caf\xe9'), (2, E'caf\xc3\xa9'), (3, repeat(E'\xc3\xa9', 255)), (4, repeat(E'\xc3\xa9', 256));
EOC
	is($node->safe_psql('ascii', 'SELECT created, failed FROM bcdelta.push()'), '2|2', 'SQL_ASCII');
	is( $node->safe_psql('ascii', "SELECT string_agg(left(last_error, 40), '|' ORDER BY key) FROM bcdelta.pending"),
		'name: the text is not valid UTF-8|name: 256 characters, at most 255 are al',
		'bytes that are not UTF-8, and characters that are');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
