# Foreign tables when something goes wrong: the query gets an error that names
# the table and the request, within a second, and never a part of the rows.

use strict;
use warnings;

use BCDelta::Foreign;
use BCDelta::Test;
use Test::More;
use Time::HiRes qw(time);

my $foreign = BCDelta::Foreign->open('trouble', node => { init => [ allows_streaming => 1 ] });
my ($shop, $store) = ($foreign->shop, $foreign->store);
my $node = $shop->node;

sub fails_like
{
	my ($sql, $words, $name) = @_;
	my ($rc, $out, $err) = $node->psql('shop', "SET search_path = s, public; $sql");
	isnt($rc, 0, $name);
	like($err, $words, "$name: the message");
	is($out, '', "$name: no rows");
	return;
}

# A query on the foreign tables that goes on in the background
sub begin
{
	my ($sql) = @_;
	return psql_start($node, 'shop', "SET search_path = s, public; $sql");
}

sub scans { return $shop->sql('SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = \'Extension\' AND query LIKE \'%product%\' AND pid <> pg_backend_pid()'); }

sub works
{
	my ($name) = @_;
	is($foreign->rows('SELECT count(id) FROM product'), 600, "$name: the next query works");
	return;
}

subtest 'what is malformed is an error that names the table and the request' => sub {
	my $page = sub { return { match => { method => 'GET', path => '/catalog/products' }, times => 1, do => $_[0] } };
	foreach my $case (
		[ { status => 200, body => '{"data": {"id": 1}, "meta": {}}' }, qr/foreign table "product" cannot be read: it has no array "data".*GET \/catalog\/products\?limit=250/s, 'no list' ],
		[ { status => 200, body => '[1, 2]' }, qr/record 1 of the page is no object/, 'no records' ],
		[ { status => 200, body => '{"data": [{"id": -1}], "meta": {}}' }, qr/has no usable id/, 'an id that is none' ],
		[ { status => 200, body => '{"data": [{"id": 1}, {"id": "x"}], "meta": {}}' }, qr/record 2 of the page has no usable id/, 'an id that is a text' ],
		[ { status => 200, body => '{"data": [' }, qr/(JSON|json)/, 'half a reply' ],
		[ { status => 200, body => '{"data": ' . ('[' x 1000) . (']' x 1000) . '}' }, qr/nested too deeply/, 'depth' ],
		[ { status => 200, body => '{"data": [' . ('1,' x 600000) . '1]}' }, qr/too many values/, 'many values' ],
		[ { status => 200, body => '' }, qr/empty/, 'nothing' ],
		[ { status => 200, body => '{"data": [{"id": 5}, {"id": 3}], "meta": {"pagination": {"total": 2, "total_pages": 1}}}' }, qr/cannot be read: the store's list is not in the order of ids/, 'a list that is not sorted' ],
		[ { status => 200, body => '"x"' }, qr/it is no object/, 'a text' ],
		[ { status => 401, body => '{"title": "Unauthorized"}' }, qr/could not read from server "shop": 401 Unauthorized.*GET \/catalog\/products.*The access token is not valid/s, 'a token that has expired' ],
		[ { status => 403, body => '{"title": "no scope"}' }, qr/403 no scope.*lacks a scope/s, 'a scope that is missing' ],
		[ { status => 404, body => '' }, qr/404/, 'not found' ],
		[ { status => 422, body => '{"title": "The filter is wrong"}' }, qr/422 The filter is wrong/, 'unprocessable' ])
	{
		$store->fault($page->($case->[0]));
		fails_like('SELECT id, name FROM product', $case->[1], $case->[2]);
		$store->unfault;
	}
	$store->fault({ match => { method => 'GET', path => '/catalog/brands' }, times => 1, do => { status => 200, body => '{"data": [], "meta": {"pagination": {"total": 600, "total_pages": 3}}}' } });
	fails_like('SELECT id FROM brand', qr/cannot be read: the store's list ends before its last page/, 'a list that ends before its end');
	fails_like('SELECT id, name, no_such FROM product', qr/column "no_such" does not exist/, 'a column that is none');
	works('after that');
};

subtest 'tables that were altered' => sub {
	$shop->sql('CREATE FOREIGN TABLE s.odd (id bigint, name int, nope text) SERVER shop OPTIONS (resource \'product\')');
	fails_like('SELECT name FROM odd', qr/column "nope" of foreign table "odd" is not a field that the store returns of resource product/, 'a column that the API does not know');
	$shop->sql('ALTER FOREIGN TABLE s.odd DROP COLUMN nope');
	fails_like('SELECT name FROM odd', qr/invalid input syntax for type integer: "Product 1".*column "name" of foreign table "odd", record \d+/s, 'a type that cannot have the value');
	is($foreign->rows('SELECT count(id) FROM odd'), 600, 'other columns can be read');
	$shop->sql('ALTER FOREIGN TABLE s.odd ALTER COLUMN name TYPE varchar(5), ADD COLUMN article text OPTIONS (field \'sku\'), ADD COLUMN price float, ADD COLUMN type json');
	is($foreign->rows($foreign->with_ids('SELECT article, price FROM odd WHERE id = {p2}')), 'P-2|2.5', 'other names and types');
	fails_like('SELECT name FROM odd', qr/value too long for type character varying\(5\).*column "name"/s, 'a limit that a value exceeds');
	is($foreign->rows($foreign->with_ids('SELECT type FROM odd WHERE id = {p2}')), '"physical"', 'a text as JSON');
	is($foreign->rows("SELECT article FROM odd WHERE article = 'P-7'"), 'P-7', 'a condition on a renamed column');
	is($foreign->rows("SELECT count(name) FROM product WHERE date_modified < date '300000-01-01'"), 600, 'a day far in the future');
	$shop->sql('DROP FOREIGN TABLE s.odd');
};

subtest 'what passes is tried again: 429, 5xx, lost replies' => sub {
	foreach my $do ({ status => 503 }, { status => 429 }, { status => 200, body => '<html>of a proxy</html>' }, { lose => 'after' }, { lose => 'before' })
	{
		$store->fault({ match => { method => 'GET' }, times => 1, skip => 1, do => $do });
		is($foreign->rows('SELECT count(id) FROM product'), 600, 'all rows after ' . join(' ', %$do));
		$store->unfault;
	}
	$store->fault({ match => { method => 'GET' }, times => 100, do => { status => 500 } });
	fails_like('SELECT id FROM product', qr/could not read from server "shop": 500/, 'a store that fails for good');
	$store->unfault;
	works('after that');
};

subtest 'a cancel, a timeout and a lost client end the scan, and the worker forgets it' => sub {
	$store->hold({ match => { method => 'GET', path => '/catalog/products' } });
	my $began = time;
	fails_like("SET statement_timeout = '300ms'; SELECT id FROM product", qr/statement timeout/, 'statement_timeout');
	cmp_ok(time - $began, '<', 5, 'at once');
	my $query = begin('SELECT id FROM product');
	poll_until(sub { scans() == 1 }, 'a query that waits');
	$shop->sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM product' AND pid <> pg_backend_pid()");
	like(($query->finish)[2], qr/canceling statement due to user request/, 'a cancel');
	$query = begin('SELECT id FROM product');
	poll_until(sub { scans() == 1 }, 'a query that waits');
	$query->{run}->kill_kill;
	poll_until(sub { scans() == 0 }, 'the end of the session whose client has gone');
	pass('a lost client');
	$store->release;
	works('after that');
};

subtest 'cursors, prepared statements and rescans' => sub {
	my $rows = $foreign->rows('BEGIN; DECLARE c CURSOR FOR SELECT id FROM product ORDER BY id; FETCH 3 FROM c; SAVEPOINT a; FETCH 2 FROM c; ROLLBACK TO a; FETCH 1 FROM c; CLOSE c; COMMIT');
	is(scalar(split /\n/, $rows), 6, 'a cursor goes on after a savepoint');
	($rows, my @asked) = $foreign->ask('BEGIN; DECLARE c CURSOR FOR SELECT id FROM product ORDER BY id; FETCH 3 FROM c; COMMIT');
	is(scalar(@asked), 1, 'a cursor that is not read to its end makes one call');
	my @ids = map { $foreign->with_ids("{p$_}") } 1 .. 9;
	($rows, @asked) = $foreign->ask('PREPARE q(bigint) AS SELECT sku FROM product WHERE id = $1; ' . join('; ', map { "EXECUTE q($_)" } @ids));
	is($rows, join("\n", map { "P-$_" } 1 .. 9), 'a prepared statement');
	is_deeply([ map { /id=(\d+)/ } @asked ], \@ids, 'asks for one record each time, with a generic plan, too');
	($rows, @asked) = $foreign->ask("SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SELECT count(*) FROM few f LEFT JOIN product p ON p.price > f.i - 100000 AND p.id < 100");
	is(scalar(@asked), 1, 'what is read again for each row of another table is asked for once');
	($rows, @asked) = $foreign->ask("SELECT count(*) FROM few f, LATERAL (SELECT id FROM product WHERE id = f.i LIMIT 1) p");
	is($rows, 3, 'a lateral join');
};

subtest 'the whole list is read in place of ever more lookups, if there are more rows than the planner thought' => sub {
	$shop->sql($foreign->with_ids(q(CREATE TABLE many AS SELECT g AS i, 'P-' || g AS sku FROM generate_series({p1}, {p300}) AS g; INSERT INTO many VALUES (NULL, NULL))));
	foreach my $join ('p.id = many.i', 'p.sku = many.sku', 'p.sku = many.sku AND p.id < 500', 'p.id = many.i AND p.price < many.i')
	{
		my $sql = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SELECT count(*), sum(p.id), sum(many.i) FROM many " . (rand() < 0.5 ? 'LEFT ' : '') . "JOIN product p ON $join";
		my ($rows, @asked) = $foreign->ask($sql);
		is($rows, $foreign->local($sql), "$join: the rows");
		cmp_ok(scalar(@asked), '<=', 15, 'in a few calls: ' . scalar(@asked));
	}
};

subtest 'the number of calls is limited before the first one, and while they are made' => sub {
	$foreign->ask('SELECT count(*) FROM product');
	fails_like('SET bcdelta.max_calls = 2; SELECT id FROM product', qr/the statement would take about 3 calls of the API, of at most 2 \(setting bcdelta\.max_calls\).*About 3 of them read foreign table "product": GET \/catalog\/products\?.*Limit it by a field that the store can search \(id, availability, brand_id/s, 'too many');
	my ($rows, @asked) = $foreign->ask('SET bcdelta.max_calls = 2; SELECT id FROM product LIMIT 10');
	is(scalar(@asked), 1, 'a LIMIT needs few');
	$store->clear;
	fails_like('SET bcdelta.max_calls = 2; SELECT id FROM product', qr/would take about 3/, 'too many again');
	is(scalar($store->journal), 0, 'and none was made');
	fails_like('SET bcdelta.max_calls = 5; SELECT (SELECT count(name) FROM product), (SELECT count(sku) FROM product)', qr/calls of the API, of at most 5/, 'all scans of a statement count');
	fails_like('SET bcdelta.max_calls = 3; SET enable_material = off; SELECT p.id FROM generate_series(100, 120) i, LATERAL (SELECT id FROM product WHERE id = i OFFSET 0) p', qr/of at most 3/, 'also those of a join');
	$shop->sql('ALTER FOREIGN TABLE s.product OPTIONS (max_calls \'1\')');
	fails_like('SELECT id FROM product', qr/of at most 1 \(option max_calls of foreign table "product"\)/, 'the option of a table');
	$shop->sql('ALTER FOREIGN TABLE s.product OPTIONS (DROP max_calls)');
	is($foreign->rows('SET bcdelta.max_calls = 3; SELECT count(id) FROM product'), 600, 'enough');
};

subtest 'nothing can be written' => sub {
	fails_like($_, qr/foreign table "product" can only be read.*use bcdelta\.track\(\) and bcdelta\.push\(\)/s, $_)
	  foreach "INSERT INTO product (name) VALUES ('x')", "UPDATE product SET name = 'x'", 'DELETE FROM product', "COPY product (name) FROM stdin;\nx\n\\.\n";
};

subtest 'rights: the server and a token of who asks, of views that of their owner' => sub {
	$shop->sql(<<'EOC');
CREATE ROLE looker LOGIN;
GRANT USAGE ON SCHEMA s TO looker;
GRANT SELECT ON s.product TO looker;
CREATE VIEW s.shown AS SELECT id, sku FROM s.product WHERE id < 100;
GRANT SELECT ON s.shown TO looker;
EOC
	fails_like('SET ROLE looker; SELECT id FROM product', qr/permission denied for foreign server shop/, 'without USAGE');
	is($foreign->rows('SET ROLE looker; SELECT count(sku) FROM shown'), $foreign->rows('SELECT count(sku) FROM shown'), 'the view has the rights of its owner');
	$shop->sql('GRANT USAGE ON FOREIGN SERVER shop TO looker');
	fails_like('SET ROLE looker; SELECT id FROM product', qr/no access token for role "looker" on server "shop"/, 'without a token');
	$shop->sql("CREATE USER MAPPING FOR looker SERVER shop OPTIONS (access_token 'wrong-token-of-looker')");
	fails_like('SET ROLE looker; SELECT id FROM product', qr/could not read from server "shop": 401/, 'with a wrong one');
	my ($rc, $out, $err) = $node->psql('shop', 'SET ROLE looker; EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM s.product');
	unlike("$out$err", qr/wrong-token/, 'it is not shown');
	$shop->sql("ALTER USER MAPPING FOR looker SERVER shop OPTIONS (SET access_token '" . $store->token . "')");
	is($foreign->rows('SET ROLE looker; SELECT count(sku) FROM product'), 600, 'with a right one');
};

subtest 'what the worker runs cannot read foreign tables, and holds nothing up' => sub {
	$shop->sql("CREATE TABLE odd (id int PRIMARY KEY, name text);
SELECT bcdelta.track('odd', 'shop', 'brand', '{\"name\": \"(SELECT name FROM s.brand LIMIT 1)\"}'); INSERT INTO odd VALUES (1, 'x')");
	my $run = $shop->push(q('odd'));
	is($run->{failed}, 1, 'the row fails');
	like($shop->sql("SELECT error FROM bcdelta.result WHERE feed = 'odd' ORDER BY run_id DESC LIMIT 1"), qr/cannot read foreign tables of server "shop"/, 'and says why');
	$shop->sql("SELECT bcdelta.untrack('odd')");
};

subtest 'a change of rows by those of a foreign table asks for their columns only' => sub {
	my $product = $foreign->with_ids('{p2}');
	$shop->sql("CREATE TABLE priced (id bigint, price numeric); INSERT INTO priced VALUES ($product, 1)");
	my (undef, @asked) = $foreign->ask("UPDATE priced SET price = p.price FROM product p WHERE p.id = priced.id AND p.id = $product");
	like("@asked", qr/include_fields=price$/, 'the price');
	is($shop->sql('SELECT price FROM priced'), '2.5', 'is taken over');
};

subtest 'the worker ends: the query says so, and the next one works' => sub {
	$store->hold({ match => { method => 'GET', path => '/catalog/products' } });
	my $query = begin('SELECT id FROM product');
	poll_until(sub { scans() == 1 }, 'a query that waits');
	my $worker = worker_pid($node, 'shop');
	$shop->sql("SELECT pg_terminate_backend($worker)");
	like(($query->finish)[2], qr/the bcdelta worker ended while it read from server "shop"/, 'the query ends with an error');
	$store->release;
	wait_for_worker($node, 'shop');
	works('with a new worker');
	$store->hold({ match => { method => 'GET', path => '/catalog/products' } });
	$query = begin('SELECT id FROM product');
	poll_until(sub { scans() == 1 }, 'a query that waits');
	kill_worker($node, 'shop');
	isnt(($query->finish)[0], 0, 'kill -9: the query does not succeed');
	$store->release;
	wait_for_worker($node, 'shop');
	works('after kill -9');
};

subtest 'the server is altered: no page of another store' => sub {
	my $other = BCDelta::Store->start(hash => 'other');
	$store->hold({ match => { method => 'GET', path => '/catalog/products', query => 'greater' } });
	my $query = begin('SELECT id FROM product');
	poll_until(sub { scans() == 1 }, 'a query that waits');
	$shop->sql("ALTER SERVER shop OPTIONS (SET api_url '" . $other->url . "', SET store_hash 'other')");
	$store->release;
	like(($query->finish)[2], qr/server "shop" now leads to another store/, 'the query ends with an error');
	$shop->sql("ALTER SERVER shop OPTIONS (SET api_url '" . $store->url . "', SET store_hash '" . $store->hash . "')");
	works('back again');
	$other->stop;
};

subtest 'several stores are read side by side' => sub {
	my $other = BCDelta::Store->start(hash => 'second', args => [ '--quota', 100000 ]);
	$other->seed('products', [ map { { name => "Other $_", sku => "O-$_", price => 1, type => 'physical', weight => 1 } } 1 .. 300 ]);
	$shop->sql(create_server_sql($other, name => 'second') . "CREATE FOREIGN TABLE s.other (id bigint, sku text) SERVER second OPTIONS (resource 'product')");
	is($foreign->rows('SELECT count(sku) FROM (SELECT sku FROM product UNION ALL SELECT sku FROM other) u'), 900, 'all rows of both');
	SKIP:
	{
		skip 'PostgreSQL 14 or later', 4 if $shop->sql('SHOW server_version_num') < 140000;
		like($shop->sql('EXPLAIN (COSTS OFF) SELECT sku FROM s.product UNION ALL SELECT sku FROM s.other'), qr/Async Foreign Scan/, 'the plan');
		$_->hold({ match => { method => 'GET', path => '/catalog/products' } }) foreach $store, $other;
		my $query = begin('SELECT count(*) FROM (SELECT sku FROM product UNION ALL SELECT sku FROM other) u');
		poll_until(sub { $store->counts->{held} && $other->counts->{held} }, 'requests at both stores');
		pass('both are asked before one has replied');
		$_->release foreach $other, $store;
		is(($query->finish)[1], 900, 'all rows');
		is($foreign->rows('SELECT count(*) FROM product UNION ALL SELECT count(*) FROM other'), "300\n600", 'numbers of both');
	}
	$other->stop;
};

subtest 'a standby, and a database without a worker, say why there are no rows' => sub {
	my $standby = standby_of($node, 'standby');
	my ($rc, $out, $err) = $standby->psql('shop', 'SELECT id FROM s.product');
	like($err, qr/no bcdelta worker serves this database: this server is a standby/, 'a standby');
	($rc, $out, $err) = $standby->psql('shop', 'EXPLAIN SELECT id FROM s.product');
	is($rc, 0, 'the plan can be shown') or diag($err);
	$standby->stop;
	$node->append_conf('postgresql.conf', "bcdelta.databases = ''");
	$node->reload;
	poll_until(sub { !defined worker_pid($node, 'shop') }, 'the end of the worker');
	fails_like('SELECT id FROM product', qr/no bcdelta worker serves this database: /, 'without a worker');
};

is(scalar(keys %{ $store->violations || {} }), 0, 'no rule of the API was broken');
done_testing();
