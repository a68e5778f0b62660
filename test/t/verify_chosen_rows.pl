# Spot checks: a verify of rows that were chosen by their keys or by a
# condition; what it says of each difference; and repair().

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('chosen', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 1 });
my $store = $shop->store;
$shop->tables(articles => { on_delete => "'ignore'" }, groups => { on_delete => "'hide'" });
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, 4) AS i;
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M1' FROM generate_series(1, 600) AS i;
EOC
is($shop->push->{created}, 607, 'a shop');

sub edit { my ($key, %set) = @_; return $store->edit('product', $shop->id('articles', $key), \%set); }
sub keys_sql { return 'ARRAY[' . join(', ', map { "'$_'" } @_) . ']'; }

edit("A-$_", price => 1000 + $_) foreach 1 .. 5, 300;
$store->remove('product', $shop->id('articles', 'A-6'));
my ($run, $rc, $out, $err);

subtest 'rows chosen by keys are compared, and no others: one call for 250 of them' => sub {
	$shop->clear;
	$run = $shop->verify(q(feed => 'articles', keys => ) . keys_sql(map { "A-$_" } 10 .. 259));
	is_deeply([ @$run{qw(state mode unchanged conflicts api_calls)} ], [ 'succeeded', 'keys', 250, 0, 1 ], '250 rows that agree') or diag(explain($run));
	$run = $shop->verify(q(feed => 'articles', keys => ) . keys_sql('A-1', 'A-6', 'A-10', 'A-1'));
	is_deeply($shop->discrepancies, [ 'articles|A-1|different|price|1|1001', 'articles|A-6|missing_in_store' ], 'their differences');
	is_deeply([ @$run{qw(unchanged conflicts api_calls warning)} ], [ 1, 2, 2, undef ], 'a key given twice is compared once; one call more for the second look');
	is_deeply($run->{keys}, [ 'A-1', 'A-10', 'A-6' ], 'the run knows its keys');
	is(scalar $shop->writes, 0, 'nothing is written');
	$run = $shop->verify(q(feed => 'articles', keys => ) . keys_sql('A-10', 'Nobody'));
	like($run->{warning}, qr/row Nobody of feed "articles" is neither in the source nor linked/, 'a key that nobody has is named');
	is($run->{state}, 'succeeded', 'and no failure');
};

subtest 'rows chosen by a condition are compared, as the owner of the feed reads them' => sub {
	$shop->clear;
	$run = $shop->verify(q(feed => 'articles', mode => 'where', condition => 'price > 299 AND price < 302'));
	is_deeply([ @$run{qw(state mode unchanged conflicts api_calls)} ], [ 'succeeded', 'where', 1, 1, 2 ], 'two rows') or diag(explain($run));
	is_deeply($shop->discrepancies, ['articles|A-300|different|price|300|1300'], 'one of which differs');
	is($run->{condition}, 'price > 299 AND price < 302', 'the run knows its condition');
	$run = $shop->verify(q(feed => 'articles', mode => 'where', condition => 'false'));
	is_deeply([ @$run{qw(state unchanged conflicts api_calls)} ], [ 'succeeded', 0, 0, 0 ], 'no row, no call');
};

subtest 'a row that is gone is compared as such' => sub {
	$shop->sql("DELETE FROM articles WHERE sku = 'A-7'; DELETE FROM groups WHERE id = 4");
	$shop->push;
	$shop->verify(q(feed => 'articles', keys => ARRAY['A-7']));
	is_deeply($shop->discrepancies, ['articles|A-7|missing_in_source'], 'its record is still there');
	is($shop->verify(q(feed => 'groups', keys => ARRAY['4']))->{unchanged}, 1, 'its record is hidden, as it should be');
	$store->edit('category', $shop->id('groups', 4), { is_visible => JSON::PP::true });
	$shop->verify(q(feed => 'groups', keys => ARRAY['4']));
	is_deeply($shop->discrepancies, ['groups|4|different|is_visible|false|true'], 'its record is shown');
};

subtest 'a condition that is wrong, or writes, is an error; the feed is not paused, and nothing is half done' => sub {
	$shop->sql('CREATE SEQUENCE s; CREATE TABLE log (t text); GRANT ALL ON s, log TO PUBLIC;
		CREATE FUNCTION writes(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ($1); RETURN true; END $$;
		CREATE FUNCTION slyly(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN SET LOCAL transaction_read_only = off; INSERT INTO public.log VALUES ($1); RETURN true; END $$');
	my $where = sub { return $shop->try("SELECT state, error FROM bcdelta.verify(feed => 'articles', mode => 'where', condition => \$c\$$_[0]\$c\$)"); };
	my %wrong = (
		'price >' => qr/the condition is not a single SQL expression|syntax error/,
		'true) OR (true' => qr/the condition is not a single SQL expression|syntax error/,
		'true; DROP TABLE articles' => qr/syntax error/,
		'no_column = 1' => qr/column "no_column" does not exist.*CONTEXT:  condition on the columns of public.articles/s,
		'price' => qr/argument of WHERE must be type boolean/,
		'(DELETE FROM articles RETURNING true)' => qr/not a single SQL expression|syntax error/,
		'' => qr/argument "condition" must not be empty.*HINT/s);
	foreach my $condition (sort keys %wrong)
	{
		($rc, $out, $err) = $where->($condition);
		isnt($rc, 0, "\"$condition\" is an error");
		like($err, $wrong{$condition}, 'that says so');
	}
	my $before = $shop->sql('SELECT count(*) FROM bcdelta.discrepancy');
	foreach my $condition (q(nextval('public.s') > 0), q(public.writes(sku)), q(public.slyly(sku)))
	{
		($rc, $out, $err) = $where->($condition);
		like($out, qr/^failed\|the condition on the rows of feed "articles" failed: .*read-only transaction/, "$condition: the run fails");
	}
	like(($where->(q(1 / (price - 1) > 0)))[1], qr/^failed\|.*division by zero/, 'an error for one row');
	$shop->sql('ALTER SYSTEM SET bcdelta.mapping_timeout = 500; SELECT pg_reload_conf()');
	$shop->wait_for(q(SELECT setting = '500' FROM pg_settings WHERE name = 'bcdelta.mapping_timeout'));
	like(($where->('pg_sleep(10) IS NULL'))[1], qr/^failed\|.* failed: it took longer than bcdelta.mapping_timeout, which is 500 ms/, 'one that takes as long as no row may');
	$shop->sql('ALTER SYSTEM RESET bcdelta.mapping_timeout; SELECT pg_reload_conf()');
	is($shop->sql('SELECT count(*) FROM log'), 0, 'nothing was written');
	is($shop->sql("SELECT count(*) FROM bcdelta.discrepancy"), $before, 'nothing was reported');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state <> 'active'"), 0, 'no feed is paused');
};

subtest 'arguments that do not fit together are errors' => sub {
	my %wrong = (
		q(keys => ARRAY['A-1']) => qr/argument "feed" is needed.*exactly one feed/s,
		q(mode => 'where', condition => 'true') => qr/argument "feed" is needed/,
		q(feed => 'articles', mode => 'where') => qr/mode "where" needs argument "condition"/,
		q(feed => 'articles', mode => 'keys') => qr/mode "keys" needs argument "keys"/,
		q(feed => 'articles', mode => 'count', keys => ARRAY['A-1']) => qr/argument "keys" cannot be used in mode "count"/,
		q(feed => 'articles', condition => 'true') => qr/argument "condition" cannot be used in mode "full".*mode => 'where'/s,
		q(feed => 'articles', mode => 'where', condition => 'true', keys => ARRAY['A-1']) => qr/argument "keys" cannot be used in mode "where"/,
		q(feed => 'articles', keys => ARRAY[]::text[]) => qr/argument "keys" must not be empty/,
		q(feed => 'articles', keys => ARRAY['A-1', NULL]) => qr/must not be null/,
		q(feed => 'groups', keys => ARRAY['x']) => qr/"x" is not a key of feed "groups"/);
	foreach my $arguments (sort keys %wrong)
	{
		($rc, $out, $err) = $shop->try("SELECT bcdelta.verify($arguments)");
		like($err, $wrong{$arguments}, $arguments);
	}
	$shop->sql(<<'EOC');
CREATE ROLE other LOGIN;
GRANT USAGE ON FOREIGN SERVER shop TO other;
EOC
	($rc, $out, $err) = $shop->try("SET ROLE other; SELECT bcdelta.verify(feed => 'articles', mode => 'where', condition => 'true')");
	like($err, qr/permission denied to verify rows by a condition of feed "articles"|must be owner/, 'only the owner of a feed may give a condition');
};

subtest 'a difference names the natural key of its record, and the state of its row' => sub {
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-8'; UPDATE articles SET price = 9.5 WHERE sku = 'A-9'");
	$shop->push(q(feed => 'articles', max_rows => 1));
	$shop->sql("UPDATE articles SET price = 9.75 WHERE sku = 'A-9'");
	$run = $shop->verify(q(feed => 'articles', keys => ) . keys_sql(map { "A-$_" } 1, 6, 8, 9));
	is_deeply($shop->list("SELECT concat_ws('|', key, natural_key, coalesce(row_state, '-')) FROM bcdelta.discrepancy WHERE run_id = $run->{run_id} ORDER BY 1"),
		[ 'A-1|A-1|-', 'A-6|A-6|-', 'A-8|A-8|failed' ], 'of each difference');
	is($run->{deferred}, 1, 'a row with a change that is not pushed yet is none');
	is_deeply($shop->list("SELECT concat_ws('|', key, outcome, error) FROM bcdelta.result WHERE run_id = $run->{run_id}"),
		['A-9|deferred|not compared, because a change has still to be pushed: it is ready'], 'but it is listed among the results');
	$store->seed('products', [ { id => 9001, name => 'Extra', sku => 'X-1', type => 'physical', weight => 1, price => 1 } ]);
	$run = $shop->verify;
	is($shop->sql("SELECT natural_key FROM bcdelta.discrepancy WHERE run_id = $run->{run_id} AND store_id = 9001"), 'X-1', 'a record without a row, too');
	$store->remove('product', 9001);
	$shop->sql("UPDATE articles SET price = 8 WHERE sku = 'A-8'");
	$shop->push;
};

subtest 'a difference is looked at a second time before it is reported' => sub {
	$shop->node->append_conf('postgresql.conf', 'bcdelta.confirm_after = 3');
	$shop->node->reload;
	edit('A-20', price => 5);
	$shop->clear;
	my $session = $shop->start(q(SELECT unchanged, conflicts FROM bcdelta.verify(feed => 'articles', keys => ARRAY['A-20', 'A-21'])));
	poll_until(sub { return $store->journal(method => 'GET') == 1; }, 'the first look');
	edit('A-20', price => 20);
	is(($session->finish)[1], '2|0', 'the editor has changed his mind: nothing is reported');
	is_deeply([ @{ $shop->last_run }{qw(unchanged conflicts api_calls)} ], [ 2, 0, 2 ], 'both rows agree, after two calls');
	$shop->node->append_conf('postgresql.conf', 'bcdelta.confirm_after = 0');
	$shop->node->reload;
};

subtest 'repair() marks what a verify found, and the push corrects it' => sub {
	$run = $shop->verify(q(feed => 'articles'));
	my $found = $shop->sql("SELECT count(DISTINCT key) FROM bcdelta.discrepancy WHERE run_id = $run->{run_id}");
	cmp_ok($found, '>=', 7, 'differences');
	is($shop->sql("SELECT bcdelta.repair($run->{run_id})"), $found, 'repair() returns the number of rows');
	$shop->clear;
	my $push = $shop->push;
	is_deeply([ @$push{qw(created updated failed)} ], [ 1, 6, 0 ], 'which are put right') or diag(explain($push), $shop->errors);
	my %sent = map { $_->{id} => join ',', sort grep { $_ ne 'id' } keys %$_ } map { @{ $_->{body} } } $store->journal(method => 'PUT', path => '/catalog/products');
	is($sent{ $shop->id('articles', 'A-3') }, 'price', 'by what differs, and nothing else');
	$shop->verify(q(feed => 'articles'));
	is_deeply($shop->discrepancies, ['articles|A-7|missing_in_source'], 'what is left has no row');
	is($shop->sql("SELECT bcdelta.repair($push->{run_id} + 1)"), 1, 'a second time: the row that is left');
	foreach my $case ([ 0, qr/run 0 does not exist/ ], [ $push->{run_id}, qr/run \d+ is a push, not a verify/ ])
	{
		($rc, $out, $err) = $shop->try("SELECT bcdelta.repair($case->[0])");
		like($err, $case->[1], 'an error');
	}
	($rc, $out, $err) = $shop->try("SET ROLE other; SELECT bcdelta.repair($run->{run_id})");
	like($err, qr/permission denied to mark rows of feed "articles"|must be owner/, 'not by somebody else');
	$store->hold({ match => { method => 'GET' } });
	$shop->start(q(SELECT bcdelta.verify()));
	$shop->wait_held(1);
	($rc, $out, $err) = $shop->try("SELECT bcdelta.repair((SELECT max(run_id) FROM bcdelta.run))");
	like($err, qr/run \d+ has not ended yet/, 'not of a run that has not ended');
	$store->release;
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run ORDER BY run_id DESC LIMIT 1");
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
