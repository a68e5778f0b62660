# Look-ups: nothing is created because a reply was incomplete, and nothing is
# asked twice without a reason.

use strict;
use warnings;
use utf8;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('lookups', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'delete'" });

sub article { return { type => 'physical', weight => 1, price => 1, @_ }; }

subtest 'a reply that is no list, or whose page has no records, does not mean that a record is missing' => sub {
	$store->seed('products', [ article(id => 100, sku => 'THERE', name => 'There') ]);
	$store->seed('brands', [ { id => 100, name => 'There' } ]);
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('THERE', 'There', 1); INSERT INTO makers VALUES ('T', 'There')");
	foreach my $body ({}, { data => {} }, { data => [], meta => { pagination => { total => 2, total_pages => 2, current_page => 1, per_page => 1, count => 0 } } })
	{
		$store->fault({ match => { method => 'GET', path => 'brands|products' }, do => { status => 200, body => $body } });
		$shop->clear;
		my $run = $shop->push;
		is_deeply([ @$run{qw(created failed)} ], [ 0, 2 ], 'a reply that does not tell');
		is(scalar $shop->writes, 0, 'nothing is written');
		$store->unfault;
		$shop->sql('SELECT bcdelta.retry()');
	}
	like($shop->sql("SELECT string_agg(DISTINCT error, '; ') FROM bcdelta.result"), qr/it is not a list.*several pages for one record/, 'the rows say why');
	is($shop->push->{linked}, 2, 'both are found');
};

subtest 'a store that counts a page more than there are has no such record' => sub {
	$store->fault({ match => { method => 'GET', path => 'brands|products' },
		do => { status => 200, body => { data => [], meta => { pagination => { total => 0, total_pages => 2, current_page => 1, per_page => 250, count => 0 } } } } });
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('NONE', 'None', 1); INSERT INTO makers VALUES ('N', 'None')");
	my $run = $shop->push;
	is_deeply([ @$run{qw(created failed)} ], [ 2, 0 ], 'both are created') or diag(explain($run), $shop->errors);
	$store->unfault;
	$shop->sql("DELETE FROM articles WHERE sku = 'NONE'");
	$shop->push;
};

subtest 'lists that do not tell their number of pages, or tell one that does not fit their records, are read to the end' => sub {
	my $n = 1000;
	foreach my $left_out (['total_pages'], [ 'total_pages', 'total' ], [ 'total_pages', 'per_page' ], [])
	{
		$store->settings({ max_limit => 50, left_out => $left_out, pages_told => @$left_out ? 0 : 1 });
		$store->seed('brands', [ map { { id => $n + $_, name => "Listed $n $_" } } 1 .. 120 ]);
		$shop->sql("INSERT INTO makers SELECT 'L-$n-' || i, 'Listed $n ' || i FROM generate_series(1, 120) AS i");
		$shop->clear;
		my $run = $shop->push;
		is_deeply([ @$run{qw(created linked failed)} ], [ 0, 120, 0 ], "all are found " . (@$left_out ? "without @$left_out" : "though only one page is announced")) or diag(explain($run), $shop->errors);
		is(scalar $shop->writes, 0, 'nothing is written');
		$n += 1000;
	}
	$store->settings({ max_limit => 250, left_out => [], pages_told => 0 });
};

subtest 'records that are read by their ids are read again, and keep their links' => sub {
	$shop->sql("ALTER SERVER shop OPTIONS (SET max_attempts '4'); INSERT INTO articles (sku, title, price) SELECT 'A-' || i, 'Article ' || i, i FROM generate_series(1, 10) AS i");
	$shop->push;
	my $links = $shop->sql("SELECT string_agg(key || store_id, ' ' ORDER BY key) FROM bcdelta.link");
	$store->fault($_) foreach (
		{ match => { method => 'PUT', path => 'products' }, times => 1, do => { status => 404, body => { status => 404, title => 'Gone' } } },
		{ match => { method => 'GET', path => 'products' }, times => 1, do => { status => 200, body => {} } });
	$shop->sql('UPDATE articles SET price = price + 1');
	my $run = $shop->push;
	is_deeply([ @$run{qw(state updated linked failed)} ], [ 'succeeded', 11, 0, 0 ], 'records are read again');
	is($shop->sql("SELECT string_agg(key || store_id, ' ' ORDER BY key) FROM bcdelta.link"), $links, 'and keep their links');
	$store->unfault;
};

subtest 'a whole list that failed to arrive is read again before anything is created' => sub {
	$store->seed('brands', [ map { { id => 200 + $_, name => "Brand $_" } } 1 .. 20 ]);
	$shop->sql("INSERT INTO makers SELECT 'B' || i, 'Brand ' || i FROM generate_series(1, 20) AS i");
	$store->fault({ match => { method => 'GET', path => 'brands' }, times => 1, do => { status => 200, body => {} } });
	$shop->clear;
	is($shop->push->{linked}, 20, 'the list of brands is read again');
	is(scalar $shop->writes, 0, 'before anything is made');
};

subtest 'a removal during a look-up does not cause another one' => sub {
	$store->seed('products', [ article(id => 300, sku => 'ADMIN', name => 'By hand') ]);
	$store->hold({ match => { method => 'GET', path => 'products', query => 'sku' } });
	$store->hold({ match => { method => 'DELETE' } });
	$shop->clear;
	$shop->sql("DELETE FROM articles WHERE sku = 'A-1'; UPDATE articles SET title = 'By hand', price = 7 WHERE sku = 'A-2'");
	$shop->sql("UPDATE articles SET sku = 'ADMIN' WHERE sku = 'A-2'");
	my $push = $shop->start('SELECT state, deleted, failed FROM bcdelta.push()');
	$shop->wait_held(2);
	my ($delete) = $store->journal(method => 'DELETE');
	$store->release({ n => $delete->{n}, stay => JSON::PP::true });
	$shop->wait_for("SELECT NOT EXISTS (SELECT FROM bcdelta.link WHERE key = 'A-1')");
	$store->release;
	is(($push->finish)[1], 'succeeded|1|1', 'a removal during a look-up');
	is(scalar(grep { $_->{query} !~ /id(:|%3A)in/ } $store->journal(method => 'GET')), 1, 'of another record: that is not asked for again');
};

subtest 'of two rows that find the same record, the first gets it and keeps it' => sub {
	$store->seed('brands', [ { id => 400, name => 'Same' } ]);
	$store->fault({ match => { method => 'GET', path => 'brands', query => 'in=\d+(,|%2C)' }, do => { status => 413, body => { status => 413, title => 'Too large' } } });
	$shop->sql("INSERT INTO makers SELECT 'S' || i, CASE WHEN i IN (1, 7) THEN 'same' ELSE 'Other ' || i END FROM generate_series(1, 7) AS i");
	$store->seed('brands', [ map { { id => 400 + $_, name => "Other $_" } } 2 .. 6 ]);
	my $run = $shop->push;
	is_deeply([ @$run{qw(linked updated failed)} ], [ 5, 1, 1 ], 'of two rows with the same name one has the record');
	is_deeply($shop->list("SELECT outcome FROM bcdelta.result WHERE run_id = $run->{run_id} AND key IN ('S1', 'S7') AND outcome <> 'retry' ORDER BY 1"),
		[ 'failed', 'updated' ], 'and keeps it');
	$store->unfault;
};

subtest 'smaller pages are requested when the store refuses large ones' => sub {
	$store->settings({ max_limit => 30, over_limit => 'refuse' });
	$store->seed('brands', [ map { { id => 500 + $_, name => "Many $_" } } 1 .. 100 ]);
	$store->seed('products', [ map { article(id => 500 + $_, sku => "MANY-$_", name => "Many $_") } 1 .. 100 ]);
	$shop->sql("INSERT INTO makers SELECT 'M' || i, 'Many ' || i FROM generate_series(1, 100) AS i;
		INSERT INTO articles (sku, title, price) SELECT 'MANY-' || i, 'Many ' || i, 1 FROM generate_series(1, 100) AS i");
	my $run = $shop->push;
	is_deeply([ @$run{qw(linked created failed)} ], [ 200, 0, 0 ], 'smaller pages are asked for');
	is($shop->verify("'makers'")->{state}, 'succeeded', 'by verify too');
};

subtest 'names and article numbers are found regardless of case' => sub {
	$store->seed('products', [ article(sku => 'CASE-x', name => 'Case') ]);
	$store->seed('brands', [ { id => 71, name => 'Case & Co.' } ]);
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('case-X', 'Case', 1); INSERT INTO makers VALUES ('C', 'Case & Co.')");
	my $run = $shop->push;
	is($shop->id('articles', 'case-X'), $shop->records('products', 'sku')->{'CASE-x'}{id}, 'an article number in other letters');
	is($run->{linked}, 2, 'what agrees is only linked');
};

subtest 'this includes letters beyond ASCII, whatever the locale of the database' => sub {
	$store->settings({ names_ignore_case => JSON::PP::true });
	is($shop->sql("SELECT lower('Ü') = 'Ü'"), 't', 'the database knows ASCII letters only');
	foreach my $names ([ 'Müller', 'MÜLLER' ], [ map { ("Große Söhne $_", "GROßE SÖHNE $_") } 1 .. 10 ])
	{
		my %of = @$names;
		$store->seed('brands', [ map { { name => $_ } } sort keys %of ]);
		$shop->sql("DELETE FROM makers; DELETE FROM bcdelta.change; INSERT INTO makers VALUES "
			. join(', ', map { "('$of{$_}', '$of{$_}')" } sort keys %of));
		my $run = $shop->push("feed => 'makers'");
		is_deeply([ @$run{qw(created failed)} ], [ 0, 0 ], "$names->[0]: found whatever the case")
		  or diag(explain($shop->errors));
		is_deeply([ grep { exists $of{$_} } map { $_->{name} } @{ $store->state('brands') } ], [], 'and written as the source has it');
	}
	$store->seed('products', [ article(sku => 'größe-1', name => 'Size'), article(sku => 'größe-2', name => 'Other size') ]);
	$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('GRÖßE-1', 'Size', 1), ('Größe-2', 'Other size', 1)");
	my $run = $shop->push("feed => 'articles'");
	is_deeply([ @$run{qw(created failed)} ], [ 0, 0 ], 'SKUs too') or diag(explain($shop->errors));
};

done_testing();
