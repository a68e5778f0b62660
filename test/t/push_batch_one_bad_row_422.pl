# A row that the store refuses, or that makes it fail, harms no other row of its
# batch.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('badrow', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;

subtest '422: the row that the reply names, in whatever way, is sent alone, and the others together' => sub {
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
		# records of a batch are sorted by their keys as text
		$do->{body}{errors}{errors} = { '6.name' => 'is bad' } if $path =~ /categories/;
		$store->fault({ match => { method => 'PUT', path => "^$path\$", body => $body }, do => $do });
		$shop->sql("UPDATE groups SET name = CASE id WHEN 37 THEN 'Bad' ELSE 'Ten ' || id || ' $what' END WHERE id BETWEEN 31 AND 40") if $path =~ /categories/;
		$shop->sql("UPDATE articles SET price = CASE sku WHEN 'TEN-7' THEN 777 ELSE price + 1 END WHERE sku LIKE 'TEN-%'") if $path =~ /products/;
		$shop->clear;
		my $run = $shop->push;
		is_deeply([ @$run{qw(updated failed)} ], [ 9, 1 ], "named by $what: one row fails");
		cmp_ok(scalar(grep { $_->{method} eq 'PUT' } $store->journal), $what eq 'nothing' ? '>' : '<=', 3, "named by $what: calls");
		$store->unfault;
		$shop->sql("UPDATE groups SET name = 'Ten 37' WHERE id = 37; UPDATE articles SET price = 2 WHERE sku = 'TEN-7'");
		$shop->push;
	}
};

subtest '422: a batch is split again if the database could not record the split' => sub {
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
};

subtest '422: a row that the reply does not name is found by halving the batch, and each refusal is recorded' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'G-' || i, 'Gone ' || i, 1 FROM generate_series(1, 10) AS i");
	$shop->push;
	$store->fault({ match => { method => 'PUT', body => "\"id\": ?" . $shop->id('articles', 'G-5') . '\b' },
			do => { status => 422, body => { status => 422, title => 'No', errors => { price => 'too odd' } } } });
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'G-%'");
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 9, 1 ], 'one bad row in a batch of ten');
	like($shop->errors->{'articles G-5'}, qr/422 No.*price: too odd/, 'with the store\'s words');
	# and the row again, once it has failed
	my $rows = 0;
	$rows += @{ $_->{body} } foreach $store->journal(method => 'PUT', status => 422);
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome IN ('retry', 'failed') AND http_status = 422"),
		$rows + 1, 'each refusal of a batch is in the results of its rows');
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{updated}, 1, 'retry');
};

subtest '500: a row that makes the store fail harms no other row of its batch, look-up or list' => sub {
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(10, 29) AS i");
	$shop->push;
	my $id = $shop->id('articles', 'A-15');
	$store->fault({ match => { method => 'PUT', body => "\"id\": ?$id\\b" }, do => { status => 500 } });
	$shop->sql("UPDATE articles SET price = price + 1 WHERE sku LIKE 'A-%'");
	my $run = $shop->push;
	is_deeply([ @$run{qw(updated failed)} ], [ 19, 1 ], 'an update');
	is_deeply([ grep { /article/ } keys %{ $shop->pending } ], ['articles A-15'], 'of one row fails');
	$store->unfault;
	$store->fault({ match => { method => 'GET', query => 'B-15' }, do => { status => 500 } });
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'B-' || i, 'B ' || i, i FROM generate_series(10, 29) AS i");
	is($shop->push->{created}, 19, 'likewise a look-up');
	is($shop->errors->{'articles B-15'}, 'given up after 2 attempts: 500 Internal Server Error', 'which says why');
	$shop->sql("SELECT bcdelta.untrack('articles'), bcdelta.track('articles', 'shop', 'product', '{\"sku\": \"sku\"}')");
	is($shop->link("'articles'")->{linked}, 59, 'and a link');
	$store->unfault;
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
