# Fuses: a feed that would change too many rows, or too many of whose rows are
# refused, is paused, and no other feed is.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('fuses', store => { args => [ '--quota', 100000 ] }, server => { max_attempts => 2, error_limit => 5 });
my $store = $shop->store;
$shop->tables;

subtest 'max_changes: a feed that would change more rows is paused before anything is sent' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE careful (sku text PRIMARY KEY, name text);
SELECT bcdelta.track('careful', 'shop', 'product', options => '{"max_changes": 3}',
	fields => '{"sku": "sku", "name": "name", "type": "''physical''", "price": "1", "weight": "1"}');
INSERT INTO careful SELECT 'K-' || i, 'Careful ' || i FROM generate_series(1, 3) AS i;
EOC
	is($shop->push->{created}, 3, 'as many rows as max_changes allows');
	$shop->sql("INSERT INTO careful SELECT 'L-' || i, 'Careful ' || i FROM generate_series(4, 7) AS i");
	my $run = $shop->push;
	like($run->{error}, qr/feed "careful".*more than 3 rows.*max_changes/s, 'max_changes: a fuse');
	is($run->{created}, 0, 'blows before anything is sent');
	$shop->sql("SELECT bcdelta.resume('careful')");
	is($shop->push->{created}, 4, 'resume lets it pass');
};

subtest 'error_limit: too many consecutive refusals pause the feed, and only that one' => sub {
	# each with words of its own, so that any second reason would show
	$store->control('faults', [ map { { match => { method => 'POST', path => 'products' }, times => 1, do => { status => 422, body => { status => 422, title => "No $_" } } } } 1 .. 60 ]);
	$shop->sql("INSERT INTO articles (sku, title, price) SELECT 'E-' || i, 'E ' || i, 1 FROM generate_series(1, 60) AS i; INSERT INTO careful VALUES ('E-0', 'E 0')");
	my $run = $shop->push("feed => 'articles'");
	is($run->{state}, 'failed', 'the run fails');
	like($run->{error}, qr/feed "articles".*\d+ consecutive records were refused/, 'and says why');
	is($shop->sql("SELECT state || coalesce(paused_reason ~ 'refused by the store', false) FROM bcdelta.feed WHERE feed = 'articles'"),
		'pausedtrue', 'the feed is paused, with the reason');
	is($shop->sql("SELECT count(*) FROM bcdelta.journal WHERE feed = 'articles' AND what = 'pause'"), 1, 'once, whatever else was under way');
	unlike($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'articles'"), qr/and then/, 'with one reason');
	cmp_ok($run->{failed}, '<', 20, 'most rows were not even tried');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE feed = 'articles'"), 60, 'all rows are still pending');
	$store->unfault;
	is($shop->push->{created}, 1, 'other feeds continue');
	is($shop->sql("SELECT bcdelta.resume('articles'), bcdelta.retry('articles')"), '|' . $run->{failed}, 'resume and retry');
	$run = $shop->push;
	is_deeply([ @$run{qw(state created)} ], [ 'succeeded', 60 ], 'everything arrives');
};

is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
