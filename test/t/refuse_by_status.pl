# A store that refuses: duplicates, records that are gone, tokens and scopes,
# batches that are too large, rows that are wrong.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 'very-secret-token-' . 'x' x 20;
my $shop = BCDelta::Shop->open(
	'refused',
	store => { args => [ '--quota', 100000 ], token => $token },
	server => { max_attempts => 2, error_limit => 5 });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

sub article { return { type => 'physical', weight => 1, price => 9, @_ }; }

# 409: the record is there already, made since it was looked up.
$store->hold({ match => { method => 'POST' }, process => 'release' });
$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('D-1', 'Duplicate 1', 1), ('D-2', 'Duplicate 2', 2)");
my $pushing = $shop->start;
$shop->wait_held(2);
$store->seed('products', [ article(id => 8001, sku => 'd-1', name => 'Made by hand'), article(id => 8002, sku => 'other', name => 'Duplicate 2') ]);
$store->release;
is(($pushing->finish)[0], 0, 'duplicates');
is($shop->id('articles', 'D-1'), 8001, 'a record with the same article number is this row\'s');
is($shop->record('products', 8001)->{$_->[0]}, $_->[1], "and has its $_->[0]") foreach [ name => 'Duplicate 1' ], [ price => 1 ];
is_deeply($shop->pending, { 'articles D-2' => 'failed' }, 'a name that another record has is refused');
like($shop->errors->{'articles D-2'}, qr/name is a duplicate of product 8002/, 'with the store\'s words');
$store->remove('product', 8002);
$shop->sql('SELECT bcdelta.retry()');
is($shop->push->{created}, 1, 'until it is free');

# Look-ups regardless of case
$store->seed('products', [ article(sku => 'CASE-x', name => 'Case') ]);
$store->seed('brands', [ { id => 71, name => 'Case & Co.' } ]);
$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('case-X', 'Case', 9); INSERT INTO makers VALUES ('C', 'Case & Co.')");
my $run = $shop->push;
is($shop->id('articles', 'case-X'), $shop->records('products', 'sku')->{'CASE-x'}{id}, 'an article number in other letters');
is($run->{linked}, 2, 'what agrees is only linked');

# 404: an administrator removed records; they are made again, by themselves.
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'G-' || i, 'Gone ' || i, 1 FROM generate_series(1, 10) AS i");
$shop->sql("INSERT INTO makers VALUES ('G', 'Gone Co.'); INSERT INTO groups VALUES (1, NULL, 'Gone group')");
$shop->push;
$store->remove('product', $shop->id('articles', 'G-4'));
$store->remove('brand', $shop->id('makers', 'G'));
$store->remove('category', $shop->id('groups', 1));
$store->remove('product', $shop->id('articles', 'G-7'));
$store->seed('products', [ article(sku => 'G-7', name => 'Put in again') ]);
$shop->clear;
$shop->sql("UPDATE articles SET price = 2 WHERE sku LIKE 'G-%'; UPDATE makers SET name = 'Gone & Co.' WHERE code = 'G'; UPDATE groups SET name = 'Gone, too'");
$run = $shop->push;
is_deeply([ @$run{qw(state created updated failed)} ], [ 'succeeded', 3, 9, 0 ], 'records that are gone')
  or diag(explain([ $run, $shop->errors ]));
is($shop->records('products', 'sku')->{'G-4'}{id}, $shop->id('articles', 'G-4'), 'are made again');
is($shop->records('products', 'sku')->{'G-4'}{name}, 'Gone 4', 'with all fields');
is($shop->id('articles', 'G-7'), $shop->records('products', 'sku')->{'G-7'}{id}, 'or found again');
is($shop->id('makers', 'G'), $shop->records('brands', 'name')->{'Gone & Co.'}{id}, 'a brand');
is($shop->id('groups', 1), $shop->records('categories', 'name')->{'Gone, too'}{category_id}, 'a category');

# What refers to them is told
$shop->sql("INSERT INTO articles (sku, title, price, maker, grp) VALUES ('R-1', 'Refers', 1, 'G', 1); INSERT INTO groups VALUES (2, 1, 'Below')");
$shop->push;
$store->remove('brand', $shop->id('makers', 'G'));
$store->remove('category', $shop->id('groups', 1));
$shop->sql("UPDATE makers SET name = 'Gone again' WHERE code = 'G'; UPDATE groups SET name = 'Gone again'  WHERE id = 1");
$run = $shop->push;
is_deeply([ @$run{qw(state failed)} ], [ 'succeeded', 0 ], 'a brand and a category are made again') or diag(explain($shop->errors));
is($shop->records('products', 'sku')->{'R-1'}{brand_id}, $shop->id('makers', 'G'), 'a product has its brand again');
is_deeply($shop->records('products', 'sku')->{'R-1'}{categories}, [ 0 + $shop->id('groups', 1) ], 'and its category');
is($shop->records('categories', 'name')->{Below}{parent_id}, $shop->id('groups', 1), 'a category its parent');
is($shop->id('groups', 2), ($shop->records('categories', 'name')->{Below} || {})->{category_id}, 'and its link');

# A feed that does not want that, and a fuse
$shop->sql(<<'EOC');
CREATE TABLE careful (sku text PRIMARY KEY, name text);
SELECT bcdelta.track('careful', 'shop', 'product', options => '{"stale_link": "fail", "max_changes": 3}',
	fields => '{"sku": "sku", "name": "name", "type": "''physical''", "price": "1", "weight": "1"}');
INSERT INTO careful SELECT 'K-' || i, 'Careful ' || i FROM generate_series(1, 3) AS i;
EOC
is($shop->push->{created}, 3, 'a careful feed');
$store->remove('product', $shop->id('careful', 'K-2'));
$shop->sql("UPDATE careful SET name = name || '!'");
$run = $shop->push;
is_deeply([ @$run{qw(created updated failed)} ], [ 0, 2, 1 ], 'stale_link fail: nothing is made again');
like($shop->errors->{'careful K-2'}, qr/record \d+ is not in the store any more/, 'the row says why');
$shop->sql("SELECT bcdelta.retry('careful'); INSERT INTO careful SELECT 'L-' || i, 'Careful ' || i FROM generate_series(4, 6) AS i");
$run = $shop->push;
like($run->{error}, qr/feed "careful".*more than 3 rows.*max_changes/s, 'max_changes: a fuse');
is($run->{created}, 0, 'blows before anything is sent');
$shop->sql("SELECT bcdelta.resume('careful')");
is($shop->push->{created}, 3, 'resume lets it pass');
$shop->sql("SELECT bcdelta.untrack('careful')");

# 207: saved in part. The part is sent again, alone.
$shop->sql(<<'EOC');
CREATE TABLE stock (sku text PRIMARY KEY, name text, level int);
SELECT bcdelta.track('stock', 'shop', 'product', fields => '{"sku": "sku", "name": "name", "type": "''physical''",
	"price": "1", "weight": "1", "inventory_level": "level"}');
EOC
$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fields => ['inventory_level'] } } });
$shop->sql("INSERT INTO stock VALUES ('S-1', 'Stock 1', 5)");
$shop->clear;
is($shop->push->{failed}, 0, 'saved in part: create');
is($shop->records('products', 'sku')->{'S-1'}{inventory_level}, 5, 'the rest arrives');
is(scalar $store->journal(method => 'POST'), 1, 'nothing is made twice');
is_deeply(($shop->writes)[-1]{body}, [ { id => 0 + $shop->id('stock', 'S-1'), inventory_level => 5 } ], 'only the rest is sent');
$shop->sql("INSERT INTO stock SELECT 'T-' || i, 'T ' || i, i FROM generate_series(1, 5) AS i");
$shop->push;
$store->fault({ match => { method => 'PUT' }, times => 1, do => { partial => { fail => [ 1, 3 ] } } });
$shop->sql("UPDATE stock SET level = level + 100 WHERE sku LIKE 'T%'");
$run = $shop->push;
is_deeply([ @$run{qw(updated failed)} ], [ 5, 0 ], 'saved in part: batch');
is_deeply([ map { $shop->records('products', 'sku')->{"T-$_"}{inventory_level} } 1 .. 5 ], [ 101 .. 105 ], 'all arrives');
$store->fault({ match => { method => 'PUT' }, do => { partial => { fields => ['inventory_level'] } } });
$shop->sql("UPDATE stock SET level = 999, name = 'T one' WHERE sku = 'T-1'");
is($shop->push->{failed}, 1, 'a part that is never saved');
like($shop->errors->{'stock T-1'}, qr/^saved in part: .*inventory_level/, 'fails the row, and says so');
is($shop->records('products', 'sku')->{'T-1'}{name}, 'T one', 'the rest is saved');
$store->unfault;
$shop->sql('SELECT bcdelta.retry()');
$shop->push;

# 207 for a create, without a word about the record: it is looked up.
my $nothing = { status => 207, process => JSON::PP::true, body => { errors => { title => 'Multi-Status' }, meta => {} } };
$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
$shop->sql("INSERT INTO makers VALUES ('H', 'Half Co.')");
$shop->clear;
is($shop->push->{failed}, 0, 'saved in part: which is not named');
is($shop->id('makers', 'H'), $shop->records('brands', 'name')->{'Half Co.'}{id}, 'it is found');
is(scalar $store->journal(method => 'POST'), 1, 'and not made twice');
$nothing->{process} = JSON::PP::false;
$store->fault({ match => { method => 'POST' }, times => 1, do => $nothing });
$shop->sql("INSERT INTO makers VALUES ('I', 'Idle Co.')");
is($shop->push->{failed}, 1, 'or it was not saved');
like($shop->errors->{'makers I'}, qr/^207 Multi-Status/, 'which fails the row with what the store said');
$shop->sql('SELECT bcdelta.retry()');
is($shop->push->{created}, 1, 'until it is saved');

# 207 whose counters say that all was saved, and a category that is gone in a 207
my $counted = { status => 207, process => JSON::PP::true, body => { errors => {}, meta => { total => 2, success => 2, failed => 0 } } };
$shop->sql("INSERT INTO groups VALUES (20, NULL, 'Twenty'), (21, NULL, 'Twenty-one')");
$shop->push;
$store->fault({ match => { method => 'PUT' }, times => 1, do => $counted });
$shop->sql("UPDATE groups SET name = name || '!' WHERE id IN (20, 21)");
$shop->clear;
is($shop->push->{updated}, 2, 'partly saved, but all of it');
is(scalar(@{ $shop->calls }), 1, 'needs no second call');
$store->remove('category', $shop->id('groups', 20));
$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => 207, body => { errors => { title => 'Not there' }, meta => { total => 1, success => 0, failed => 1 } } } });
$shop->sql("UPDATE groups SET name = 'Twenty' WHERE id = 20");
$run = $shop->push;
is_deeply([ @$run{qw(created failed)} ], [ 1, 0 ], 'a category that is gone, refused with 207, is made again');
$store->unfault;

# One bad row of ten is named by the reply: it is sent alone, the others together.
$shop->sql("INSERT INTO groups SELECT i, NULL, 'Ten ' || i FROM generate_series(31, 40) AS i");
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'TEN-' || i, 'Of ten ' || i, 1 FROM generate_series(1, 10) AS i");
$shop->push;
my %named = (
	'an index' => [ '/catalog/trees/categories', 'Bad', { status => 422, body => { errors => { status => 422, title => 'Wrong', errors => {} } } } ],
	'an index, in a 207' => [ '/catalog/trees/categories', 'Bad', { status => 207, body => { errors => { status => 207, title => 'Wrong', errors => {} }, meta => { total => 10, success => 9, failed => 1 } } } ],
	'a key' => [ '/catalog/products', '777', { status => 422, body => { title => 'SKU ten-7 cannot have this price' } } ],
	'an id' => [ '/catalog/products', '777', { status => 422, body => { title => 'Product ' . $shop->id('articles', 'TEN-7') . ' conflicts' } } ],
	'nothing' => [ '/catalog/products', '777', { status => 422, body => { title => 'One of them is wrong' } } ]);
foreach my $what (sort keys %named)
{
	my ($path, $body, $do) = @{ $named{$what} };
	# the place of a record in a batch is that of its key, as text
	$do->{body}{errors}{errors} = { '6.name' => 'is bad' } if $path =~ /categories/;
	$store->fault({ match => { method => 'PUT', path => "^$path\$", body => $body }, do => $do });
	$shop->sql("UPDATE groups SET name = CASE id WHEN 37 THEN 'Bad' ELSE 'Ten ' || id || ' $what' END WHERE id BETWEEN 31 AND 40") if $path =~ /categories/;
	$shop->sql("UPDATE articles SET price = CASE sku WHEN 'TEN-7' THEN 777 ELSE price + 1 END WHERE sku LIKE 'TEN-%'") if $path =~ /products/;
	$shop->clear;
	$run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 9, 1 ], "named by $what: one row fails");
	cmp_ok(scalar(grep { $_->{method} eq 'PUT' } $store->journal), $what eq 'nothing' ? '>' : '<=', 3, "named by $what: calls");
	$store->unfault;
	$shop->sql("UPDATE groups SET name = 'Ten 37' WHERE id = 37; UPDATE articles SET price = 2 WHERE sku = 'TEN-7'");
	$shop->push;
}

# The same, but the database cannot write down what was made of it: it is made
# again of the same rows.
$store->fault({ match => { method => 'PUT', path => '^/catalog/trees/categories$', body => 'Bad' },
	do => { status => 422, body => { title => 'Wrong', errors => { '0.name' => 'is bad' } } } });
$shop->sql(q(ALTER TABLE bcdelta.result ADD CONSTRAINT full_disk CHECK (outcome <> 'retry') NOT VALID));
$shop->sql("UPDATE groups SET name = CASE id WHEN 31 THEN 'Bad' ELSE 'Eleven ' || id END WHERE id BETWEEN 31 AND 40");
my $log_end = -s $node->logfile;
my $refused = $shop->start;
poll_until(sub { slurp_file($node->logfile, $log_end) =~ /could not record the outcome/ }, 'a settle to fail');
$shop->sql('ALTER TABLE bcdelta.result DROP CONSTRAINT full_disk');
is(($refused->finish)[0], 0, 'a refusal that cannot be recorded at once');
is_deeply($shop->pending, { 'groups 31' => 'failed' }, 'fails the row that it names');
is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE payload ->> 'name' = 'Eleven ' || key"), 9, 'and no other');
$store->unfault;
$shop->sql("UPDATE groups SET name = 'Ten 31' WHERE id = 31");
$shop->push;

# A record that is gone, in a batch of ten: all are read at once
$store->remove('products', $shop->id('articles', 'G-3'));
$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
$shop->clear;
$run = $shop->push;
is_deeply([ @$run{qw(updated created failed)} ], [ 9, 1, 0 ], 'one record of a batch is gone');
is_deeply([ sort map { "$_->{method} $_->{status}" } $store->journal ], [ 'GET 200', 'GET 200', 'POST 200', 'PUT 200', 'PUT 404' ], 'which takes five calls');

# A reply that does not mention a record, which is there or not
foreach my $there (0, 1)
{
	my @ids = map { $shop->id('articles', "G-$_") } 1 .. 10;
	$store->remove('products', $ids[6]) unless $there;
	$store->fault({ match => { method => 'PUT' }, times => 1,
			do => { status => 200, body => { data => [ map { { id => 0 + $_ } } @ids[0 .. 5, 7 .. 9] ], meta => {} } } });
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
	$run = $shop->push;
	is($run->{failed}, 0, $there ? 'it is there' : 'it is gone');
	is($shop->records('products', 'sku')->{'G-7'}{price} + 0, $shop->sql("SELECT price FROM articles WHERE sku = 'G-7'") + 0,
		'and has been written');
	$store->unfault;
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
	$shop->push;
}

# 413: the store's idea of a batch is smaller than documented.
$store->settings({ product_batch => 3 });
$shop->clear;
$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
$run = $shop->push;
is_deeply([ @$run{qw(updated failed)} ], [ 10, 0 ], 'smaller batches are accepted');
$shop->clear;
$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
$shop->push;
is(scalar $store->journal(status => 413), 0, 'and remembered');
$store->settings({ product_batch => 10 });

# 422 of one in a batch of ten, and of what the database cannot know
$store->fault({ match => { method => 'PUT', body => "\"id\": ?" . $shop->id('articles', 'G-5') . '\b' },
		do => { status => 422, body => { status => 422, title => 'No', errors => { price => 'too odd' } } } });
$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
$run = $shop->push;
is_deeply([ @$run{qw(updated failed)} ], [ 9, 1 ], 'one bad row in a batch of ten');
like($shop->errors->{'articles G-5'}, qr/422 No.*price: too odd/, 'with the store\'s words');
is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome IN ('retry', 'failed') AND http_status = 422"),
	3 + 1, 'each refusal of a batch is in the results of its rows');
$store->unfault;
$shop->sql('SELECT bcdelta.retry()');
is($shop->push->{updated}, 1, 'retry');

# error_limit: too many refusals in a row pause the feed, and only that one.
$store->fault({ match => { method => 'POST', path => 'products' }, do => { status => 422, body => { status => 422, title => 'No' } } });
$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'E-' || i, 'E ' || i, 1 FROM generate_series(1, 60) AS i; INSERT INTO stock VALUES ('E-0', 'E 0', 1)");
$run = $shop->push("feed => 'articles'");
is($run->{state}, 'failed', 'the run fails');
like($run->{error}, qr/feed "articles".*\d+ records in a row were refused/, 'and says why');
is($shop->sql("SELECT state || coalesce(paused_reason ~ 'refused by the store', false) FROM bcdelta.feed WHERE feed = 'articles'"),
	'pausedtrue', 'the feed is paused, with the reason');
cmp_ok($run->{failed}, '<', 20, 'most rows were not even tried');
is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'articles'"), 60, 'all rows are still pending');
$store->unfault;
is($shop->push->{created}, 1, 'other feeds go on');
is($shop->sql("SELECT bcdelta.resume('articles'), bcdelta.retry('articles')"), '|' . $run->{failed}, 'resume and retry');
$run = $shop->push;
is_deeply([ @$run{qw(state created)} ], [ 'succeeded', 60 ], 'everything arrives');

# 403: a scope is missing; 401: the token is wrong.
$store->settings({ scopes => [ 'store_v2_products_read_only', 'store_v2_information_read_only' ] });
$shop->sql("UPDATE articles SET price = 3 WHERE sku = 'G-1'");
$run = $shop->push;
is($run->{state}, 'failed', 'a scope is missing');
like($run->{error}, qr/feed "articles".*403.*scope/s, 'which the run says');
like($shop->sql("SELECT paused_reason FROM bcdelta.status WHERE feed = 'articles'"), qr/403.*scope/s, 'and the feed');
is($shop->sql("SELECT string_agg(feed, ' ' ORDER BY feed) FROM bcdelta.feed WHERE state = 'paused'"), 'articles', 'and no other feed');
$store->settings({ scopes => [ 'store_v2_products', 'store_v2_information_read_only' ] });
$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'; ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token-wrong')");
$run = $shop->push;
is($run->{state}, 'failed', 'a wrong token');
like($run->{error}, qr/401.*token/s, 'is named');
is_deeply($shop->pending, { 'articles G-1' => 'ready' }, 'and costs the row nothing');
$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token')");
$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
is($shop->push->{updated}, 1, 'with the right one it goes on');

# Redirects are not followed, whereever they lead.
my $thief = BCDelta::Store->start(token => $token);
$store->fault({ times => 1, do => { redirect => $thief->url . '/stores/teststore/v3/catalog/products' } });
$shop->sql("UPDATE articles SET price = 4 WHERE sku = 'G-1'");
$run = $shop->push;
is($run->{state}, 'failed', 'a redirect');
like($run->{error}, qr/302.*redirect.*api_url/s, 'is an error that says what to look at');
is_deeply([ $thief->journal ], [], 'and is not followed');
$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");

# What is not answered stops the feed that needs it, and no other.
foreach my $path ('brands', 'trees$')
{
	$store->fault({ match => { method => 'GET', path => $path }, do => $path eq 'brands' ? { status => 422, body => { status => 422, title => 'No' } } :
			{ status => 200, body => { data => [], meta => {} } } });
	my $number = $path eq 'brands' ? 1 : 2;
	$shop->sql("INSERT INTO makers SELECT 'N-' || i || '-$number', 'N ' || i || '-$number' FROM generate_series(1, 10) AS i;
		INSERT INTO groups SELECT $number * 1000 + i, NULL, 'N ' || i || '-$number' FROM generate_series(1, 10) AS i;
		INSERT INTO articles (sku, title, price) VALUES ('N-$number', 'N $number', 1)");
	$run = $shop->push;
	is_deeply([ @$run{qw(state created failed)} ], [ 'failed', 11, 0 ], "$path are not answered: others go on");
	like($run->{error}, $path eq 'brands' ? qr/feed "makers" was stopped: the store does not answer: 422/ : qr/feed "groups" was stopped: .*tree_id/, 'and the run says so');
	$store->unfault;
	is($shop->push->{created}, 10, 'until they are');
}

# The token is nowhere to be seen.
my $dump = $shop->sql(join ';', map { "SELECT * FROM bcdelta.$_" } qw(feed change pending link run result discrepancy schedule status progress));
unlike($dump, qr/secret/, 'no table or view shows the token');
unlike($shop->sql("SELECT * FROM pg_stat_activity WHERE backend_type LIKE 'bcdelta%'"), qr/secret/, 'nor does pg_stat_activity');
my @log = grep { /secret/ && !/USER MAPPING/ } split /\n/, slurp_file($node->logfile);
is_deeply(\@log, [], 'nor the server\'s log');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
