# A store that denies access, or does not answer a question that a feed depends
# on: the feeds concerned are paused or stopped, with the reason, and the others
# continue.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $token = 'very-secret-token-' . 'x' x 20;
my $shop = BCDelta::Shop->open(
	'token',
	store => { args => [ '--quota', 100000 ], token => $token },
	server => { max_attempts => 2, error_limit => 5 });
my ($node, $store) = ($shop->node, $shop->store);
$shop->tables;
$shop->sql("INSERT INTO articles (sku, title, price) VALUES ('G-1', 'Gone 1', 1)");
$shop->push;

subtest '403 for a missing scope pauses its feed; 401 for a wrong token costs no row an attempt' => sub {
	$store->settings({ scopes => [ 'store_v2_products_read_only', 'store_v2_information_read_only' ] });
	$shop->sql("UPDATE articles SET price = 3 WHERE sku = 'G-1'");
	my $run = $shop->push;
	is($run->{state}, 'failed', 'a scope is missing');
	like($run->{error}, qr/feed "articles".*403.*scope/s, 'which the run says');
	like($shop->sql("SELECT paused_reason FROM bcdelta.status WHERE feed = 'articles'"), qr/403.*scope/s, 'and the feed');
	is($shop->sql("SELECT string_agg(feed, ' ' ORDER BY feed) FROM bcdelta.feed WHERE state = 'paused'"), 'articles', 'and no other feed');
	is($shop->sql("SELECT what FROM bcdelta.journal WHERE feed = 'articles' AND by_role IS NULL AND reason ~ '403.*scope'"), 'pause',
		'the journal says that the worker has paused it, and why');
	$store->settings({ scopes => [ 'store_v2_products', 'store_v2_information_read_only' ] });
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'; ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token-wrong')");
	$run = $shop->push;
	is($run->{state}, 'failed', 'a wrong token');
	like($run->{error}, qr/401.*token/s, 'is named');
	is_deeply($shop->pending, { 'articles G-1' => 'ready' }, 'and costs the row nothing');
	my $trouble = $shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'articles'");
	is(scalar(() = $trouble =~ /401/g), 1, 'the status says it once') or diag($trouble);
	like($trouble, qr/^it is paused: 401.*valid token.*, and resume the feeds that were paused: SELECT bcdelta\.resume\('articles'\)$/, 'and what to do');
	my $health = $shop->sql('SELECT message FROM bcdelta.health()');
	is(scalar(() = $health =~ /resumes? /g), 1, 'health() says once that feeds have to be resumed') or diag($health);
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token')");
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
	is($shop->push->{updated}, 1, 'with the right one it continues');
};

subtest 'redirects are not followed, wherever they lead' => sub {
	my $thief = BCDelta::Store->start(token => $token);
	$store->fault({ times => 1, do => { redirect => $thief->url . '/stores/teststore/v3/catalog/products' } });
	$shop->sql("UPDATE articles SET price = 4 WHERE sku = 'G-1'");
	my $run = $shop->push;
	is($run->{state}, 'failed', 'a redirect');
	like($run->{error}, qr/302.*redirect.*api_url/s, 'is an error that says what to look at');
	is_deeply([ $thief->journal ], [], 'and is not followed');
	$shop->sql("SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
};

subtest 'a look-up without an answer stops the feed that needs it, and no other' => sub {
	my $run;
	foreach my $path ('brands', 'trees$')
	{
		$store->fault({ match => { method => 'GET', path => $path }, do => $path eq 'brands' ? { status => 422, body => { status => 422, title => 'No' } } :
				{ status => 200, body => { data => [], meta => {} } } });
		my $number = $path eq 'brands' ? 1 : 2;
		$shop->sql("INSERT INTO makers SELECT 'N-' || i || '-$number', 'N ' || i || '-$number' FROM generate_series(1, 10) AS i;
			INSERT INTO groups SELECT $number * 1000 + i, NULL, 'N ' || i || '-$number' FROM generate_series(1, 10) AS i;
			INSERT INTO articles (sku, title, price) VALUES ('N-$number', 'N $number', 1)");
		$run = $shop->push;
		is_deeply([ @$run{qw(state created failed)} ], [ 'failed', 11, 0 ], "$path are not answered: others continue");
		like($run->{error}, $path eq 'brands' ? qr/feed "makers" was stopped: the store does not answer: 422/ : qr/feed "groups" was stopped: .*tree_id/, 'and the run says so');
		$store->unfault;
		is($shop->push->{created}, 10, 'until they are');
	}
};

subtest 'the token appears in no table, view or log' => sub {
	my $dump = $shop->sql(join ';', map { "SELECT * FROM bcdelta.$_" } qw(feed change pending link run result discrepancy schedule status progress));
	unlike($dump, qr/secret/, 'no table or view shows the token');
	unlike($shop->sql("SELECT * FROM pg_stat_activity WHERE backend_type LIKE 'bcdelta%'"), qr/secret/, 'nor does pg_stat_activity');
	my @log = grep { /secret/ && !/USER MAPPING/ } split /\n/, slurp_file($node->logfile);
	is_deeply(\@log, [], 'nor the server\'s log');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
