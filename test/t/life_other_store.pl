# The links of a feed belong to one store: nothing is sent to another store with
# the ids of the first.

use strict;
use warnings;

use BCDelta::Session;
use BCDelta::Shop;
use BCDelta::Store;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open(
	'store',
	store => { hash => 'sandbox', args => [ '--quota', 100000 ] },
	node => { conf => 'bcdelta.naptime = 1', databases => ['shop'] });
my $sandbox = $shop->store;
my $live = BCDelta::Store->start(hash => 'live', token => 'live-token', args => [ '--quota', 50000 ]);
my $node = $shop->node;
$shop->tables;
$shop->sql(<<'EOC');
INSERT INTO makers SELECT 'M' || i, 'Maker ' || i FROM generate_series(1, 3) AS i;
INSERT INTO groups VALUES (1, NULL, 'Group');
INSERT INTO articles (sku, title, price, maker) SELECT 'A-' || i, 'Article ' || i, i, 'M1' FROM generate_series(1, 10) AS i;
EOC

# SQL that makes the server lead to a store
sub lead_to
{
	my ($store) = @_;
	my ($hash, $url, $token) = map { $store->$_ } qw(hash url token);
	return "ALTER SERVER shop OPTIONS (SET store_hash '$hash', SET api_url '$url');"
	  . "ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token');";
}

sub status { return $shop->value("SELECT state, paused_reason, trouble FROM bcdelta.status WHERE feed = '$_[0]'"); }

sub hears_nothing
{
	my ($what) = @_;
	is(scalar($_->[1]->journal), 0, "$what: the $_->[0] hears nothing") foreach [ 'live store', $live ], [ 'sandbox', $sandbox ];
	return;
}

sub clear_all { $_->clear foreach $sandbox, $live; return; }

# The live store was filled by an initial load: the same ids mean other records.
$live->seed('brands', [ map { { id => 200 - $_, name => "Maker $_" } } 1 .. 3 ]);
$live->seed('products',
	[ map { { id => 1000 - $_, sku => "A-$_", name => "Article $_", type => 'physical', weight => 1, price => $_ } } 1 .. 10 ]);

is($shop->push->{created}, 14, 'pushed to the sandbox');
like($shop->sql('SELECT DISTINCT store FROM bcdelta.feed'), qr{^127\.0\.0\.1:\d+/stores/sandbox$}, 'a feed knows its store');
clear_all();

subtest 'a link to a record that the store does not have is found, and corrected by a push' => sub {
	$shop->sql("INSERT INTO makers VALUES ('M9', 'Maker 9'); DELETE FROM bcdelta.change; SELECT bcdelta.link('makers', 'M9', 987654)");
	$shop->verify("'makers'");
	is_deeply($shop->discrepancies, ['makers|M9|missing_in_store'], 'is found by the next look');
	is($shop->sql("SELECT bcdelta.unlink('makers', 'M9')"), 1, 'and taken back');
	$shop->sql("SELECT bcdelta.link('makers', 'M9', 987654); SELECT bcdelta.mark('makers', 'M9')");
	is($shop->push->{created}, 1, 'a push makes the record');
	isnt($shop->id('makers', 'M9'), 987654, 'and links the row to it');
	# rows that refer to it are written again
	$shop->sql("UPDATE articles SET maker = 'M9' WHERE sku = 'A-10'");
	$shop->push;
	my ($wrong, $right) = ($shop->id('makers', 'M9'), $sandbox->seed('brands', [ { name => 'Maker 9, the right one' } ])->{first});
	is($shop->records('products', 'sku')->{'A-10'}{brand_id}, $wrong, 'a product of it');
	$shop->sql("SELECT bcdelta.link('makers', 'M9', $right)");
	is($shop->push->{updated}, 1, 'is written again when the row is linked to another record');
	is($shop->records('products', 'sku')->{'A-10'}{brand_id}, $right, 'with that one');
	$shop->sql("SELECT bcdelta.unlink('makers', 'M9')");
	$shop->push;
	is($shop->pending->{'articles A-10'}, 'deferred', 'and waits when it is linked to none');
	$shop->sql("UPDATE articles SET maker = 'M1' WHERE sku = 'A-10'; DELETE FROM makers WHERE code = 'M9'");
	$sandbox->remove('brands', $right);
	$sandbox->remove('brands', $_->{id}) foreach grep { $_->{name} eq 'Maker 9' } @{ $sandbox->state('brands') };
	$shop->push;
	clear_all();
};

subtest 'a server that leads to another store pauses its feeds' => sub {
	$shop->sql(lead_to($live) . "UPDATE articles SET price = 77 WHERE sku = 'A-1'");
	is(status('articles')->{state}, 'paused', 'at once, the status says that it is paused');
	like(status('articles')->{$_}, qr{links belong to store .*/stores/sandbox.* now leads to store .*/stores/live.*unlink}, "and why ($_)")
	  foreach qw(paused_reason trouble);
	my $run = $shop->push("'articles'");
	is($run->{state}, 'failed', 'a push of the feed fails');
	like($run->{error}, qr/"articles" is paused: its links belong to store/, 'with the reason');
	is($shop->link("'articles'")->{state}, 'failed', 'so does link');
	is($shop->verify("'articles'")->{state}, 'failed', 'and verify');
	$run = $shop->push;
	is("$run->{state} $run->{api_calls}", 'failed 0', 'a push of the server fails too') or diag($run->{error});
	like(($shop->try('CALL bcdelta.sweep()'))[2], qr/run \d+ failed: every feed .* is paused: "makers": its links.*"articles": its links/s, 'and a sweep');
	foreach my $sql (q(SELECT * FROM bcdelta.preview('articles')), q(SELECT bcdelta.link('articles', 'A-2', 5)))
	{
		like(($shop->try($sql))[2], qr/"articles" is paused: its links belong to store/, "not possible: $sql");
	}
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.resume('articles')");
	like($err, qr/links of feed "articles" belong to another store/, 'resume refuses');
	like($err, qr/HINT:.*bcdelta.unlink\('articles'\)/, 'and says what to do');
	hears_nothing('all this');
	is($shop->sql("SELECT state FROM bcdelta.feed WHERE feed = 'articles'"), 'paused', 'the table says so by now');
	is($shop->pending->{'articles A-1'}, 'ready', 'the change is pending');
};

subtest 'a mistyped hash that is corrected changes nothing' => sub {
	$shop->sql(lead_to($sandbox));
	is($shop->push->{updated}, 1, 'the push continues');
	is(status('articles')->{state}, 'active', 'as if nothing had been');
	is($shop->sql("SELECT count(*) FROM bcdelta.feed WHERE state = 'paused'"), 0, 'in the table too');
};

subtest 'a store is identified by hash and host, ignoring case' => sub {
	clear_all();
	my $url = $sandbox->url;
	foreach my $options ([ "store_hash 'SandBox'", 0 ], [ "store_hash 'sandbox2'", 1 ], [ "api_url '$url/'", 0 ],
		[ "api_url 'http://localhost:1'", 1 ], [ "api_url '$url/proxy'", 1 ], [ "api_url 'https://127.0.0.1'", 1 ])
	{
		$shop->sql("ALTER SERVER shop OPTIONS (SET $options->[0])");
		is(status('articles')->{state}, $options->[1] ? 'paused' : 'active', $options->[0]);
		$shop->sql(lead_to($sandbox));
	}
	$shop->sql("SELECT bcdelta.pause('articles'); ALTER SERVER shop OPTIONS (SET store_hash 'other')");
	$shop->wait_for("SELECT state = 'paused' FROM bcdelta.feed WHERE feed = 'makers'");
	$shop->sql(lead_to($sandbox));
	is($shop->push->{state}, 'succeeded', 'put back');
	like(status('articles')->{paused_reason}, qr/^paused by/, 'a feed paused by a user stays paused');
	$shop->sql("SELECT bcdelta.resume('articles')");
	hears_nothing('looking');
};

subtest 'with a token of another store, nothing is sent there' => sub {
	clear_all();
	my ($mine, $theirs) = map { "ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '" . $_->token . "')" } $sandbox, $live;
	$shop->sql("$theirs; UPDATE articles SET price = 90 WHERE sku = 'A-1'");
	my $run = $shop->push("'articles'");
	is($run->{state}, 'failed', 'is not valid for the store that the URL names');
	like(status('articles')->{paused_reason}, qr/token/, 'which pauses the feed');
	is(scalar($live->journal), 0, 'its own store hears nothing');
	$shop->sql($mine);
	$shop->sql("SELECT bcdelta.resume(server => 'shop')");
	is($shop->push->{updated}, 1, 'corrected and resumed, it continues');
};

subtest 'the same store under another address counts as another one until a user decides otherwise' => sub {
	(my $url = $sandbox->url) =~ s/127\.0\.0\.1/localhost/;
	$shop->sql("ALTER SERVER shop OPTIONS (SET api_url '$url'); UPDATE articles SET price = 78 WHERE sku = 'A-1'");
	is($shop->push->{state}, 'failed', 'is not known to be the same');
	$shop->sql("SELECT bcdelta.resume(server => 'shop', same_store => true)");
	is($shop->push->{updated}, 1, 'until somebody says so');
	$shop->sql(lead_to($sandbox) . 'SELECT bcdelta.resume(same_store => true)');
	is(status('articles')->{state}, 'active', 'and back');
};

subtest 'a server that is dropped and created again for another store sends nothing there' => sub {
	my $server = sub { return 'DROP SERVER shop CASCADE;' . create_server_sql($_[0]); };
	clear_all();
	$shop->sql($server->($live) . "UPDATE articles SET price = 79 WHERE sku = 'A-1'");
	is($shop->push->{state}, 'failed', 'for another store');
	hears_nothing('the push');
	$shop->sql($server->($sandbox));
	is($shop->push->{updated}, 1, 'for the same store');

	# during a run
	$sandbox->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE articles SET price = 80 WHERE sku = 'A-1'");
	my $first = $shop->push('wait => false');
	$shop->wait_held(1);
	$shop->sql($server->($live));
	my $second = $shop->push('wait => false');
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.run WHERE run_id = $second->{run_id} AND state = 'requested'");
	$sandbox->release;
	$shop->wait_for("SELECT count(*) = 2 FROM bcdelta.run WHERE run_id IN ($first->{run_id}, $second->{run_id}) AND state = 'failed'");
	like($shop->run($first->{run_id})->{error}, qr/server "shop" was dropped or renamed/, 'the first run is stopped');
	like($shop->run($second->{run_id})->{error}, qr/links belong to store/, 'the second one comes after it, and sends nothing');
	is(scalar($live->journal), 0, 'the live store hears nothing');
	$shop->sql($server->($sandbox));
	is($shop->push->{state}, 'succeeded', 'back');
	is_deeply($shop->pending, {}, 'nothing is left');
};

subtest 'a running push sends nothing to another store' => sub {
	clear_all();
	$sandbox->hold({ match => { method => 'PUT' } });
	$shop->sql('UPDATE articles SET price = price + 100');
	my $run = $shop->push('wait => false');
	$shop->wait_held(1);
	$shop->sql(lead_to($live));
	$sandbox->release;
	$shop->wait_for("SELECT state = 'failed' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is(scalar($live->journal), 0, 'the live store hears nothing');
	$shop->sql(lead_to($sandbox));
	is($shop->push->{state}, 'succeeded', 'put back, it continues');
	is($shop->records('products', 'sku')->{"A-$_"}{price}, $_ == 1 ? 180 : $_ + 100, "A-$_ is right") foreach 1, 2, 10;
};

subtest 'requests that are under way while links are forgotten link nothing' => sub {
	clear_all();
	$sandbox->hold({ match => { method => 'POST' } });
	$shop->sql("INSERT INTO makers VALUES ('M4', 'Maker 4')");
	my $run = $shop->push('wait => false');
	$shop->wait_held(1);
	my $session = BCDelta::Session->open($node, 'shop');
	like($shop->sql(q(SELECT bcdelta.unlink('makers'))), qr/^3$/, 'unlinked in the meantime');
	$sandbox->release;
	$shop->wait_for("SELECT state = 'failed' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'makers'"), 0, 'no link comes of it');
	is($shop->pending->{'makers M4'}, 'ready', 'the row is pending');
	is($shop->link("'makers'")->{linked}, 4, 'and all are found');
	$shop->push;
	is(scalar(@{ $sandbox->state('brands') }), 4, 'none was created twice');
	$session->close;
};

subtest 'a transaction that forgets links and stays open holds up its own feed only' => sub {
	my $session = BCDelta::Session->open($node, 'shop');
	$session->sql("BEGIN; SELECT bcdelta.unlink('makers')");
	$shop->sql("UPDATE makers SET name = 'Maker 1, renamed' WHERE code = 'M1'; UPDATE groups SET name = 'Renamed' WHERE id = 1");
	my $run = $shop->push('wait => false');
	poll_until(sub { $shop->records('categories', 'name')->{Renamed} }, 'the feed of categories, which is not held up');
	$session->sql('ROLLBACK');
	$shop->wait_for("SELECT state FROM bcdelta.run WHERE run_id = $run->{run_id}", 'succeeded');
	is_deeply($shop->pending, {}, 'rolled back, its own continues');
	is($shop->records('brands', 'id')->{ $shop->id('makers', 'M1') }{name}, 'Maker 1, renamed', 'with the links it had');
	$shop->sql("UPDATE makers SET name = 'Maker 1' WHERE code = 'M1'; UPDATE groups SET name = 'Group' WHERE id = 1");
	$shop->push;
	$session->close;
};

subtest 'a transaction that links a row by hand and stays open prevents its record from being created twice' => sub {
	my $session = BCDelta::Session->open($node, 'shop');
	my $id = $shop->id('makers', 'M4');
	$sandbox->hold({ match => { method => 'PUT' } });
	$shop->sql("UPDATE makers SET name = 'Maker 2, renamed' WHERE code = 'M2'");
	my $before = $shop->push('wait => false');
	$shop->wait_held(1);
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'makers' AND key = 'M4'");
	$session->sql("BEGIN; SELECT bcdelta.link('makers', 'M4', $id)");
	$sandbox->release;
	$shop->wait_for("SELECT payload ->> 'name' FROM bcdelta.link WHERE feed = 'makers' AND key = 'M2'", 'Maker 2, renamed');
	pass('what is under way is recorded');
	$shop->sql("UPDATE makers SET name = 'Maker 4, renamed' WHERE code = 'M4'; UPDATE groups SET name = 'Renamed' WHERE id = 1");
	my $run = $shop->push('wait => false');
	poll_until(sub { $shop->records('categories', 'name')->{Renamed} }, 'the feed of categories, which is not held up');
	$session->sql('COMMIT');
	$shop->wait_for("SELECT state FROM bcdelta.run WHERE run_id = $_->{run_id}", 'succeeded') foreach $before, $run;
	is($shop->id('makers', 'M4'), $id, 'the row has the record that it was given');
	is(scalar(@{ $sandbox->state('brands') }), 4, 'and none was made for it');
	$shop->sql("UPDATE makers SET name = 'Maker ' || substr(code, 2) WHERE code IN ('M2', 'M4'); UPDATE groups SET name = 'Group' WHERE id = 1");
	$shop->push;
	$session->close;
};

subtest 'unlink, resume and link move the feeds to the live store, and nothing from the sandbox goes there' => sub {
	$shop->sql("UPDATE articles SET price = -1 WHERE sku = 'A-9'; UPDATE articles SET price = 5 WHERE sku = 'A-5'");
	$shop->push;
	is($shop->pending->{'articles A-9'}, 'failed', 'a row that failed in the sandbox');
	$shop->sql(lead_to($live));
	clear_all();
	my (undef, $out, $err) = $shop->try(q(SELECT bcdelta.unlink('articles')));
	is($out, 10, 'links are forgotten');
	like($err, qr/NOTICE:.*HINT:.*bcdelta.mark_all\('articles'\)/s, 'changes pushed to the sandbox are not pending for the live store');
	is(status('articles')->{state}, 'paused', 'a feed stays paused');
	like(status('articles')->{paused_reason}, qr/were forgotten; bcdelta.resume\('articles'\)/, 'and says what to do');
	is($shop->push->{api_calls}, 0, 'a push does nothing');
	is($shop->pending->{'articles A-9'}, 'ready', 'what failed there may be well here');
	$shop->sql(q(UPDATE articles SET price = 9 WHERE sku = 'A-9'; SELECT bcdelta.resume('articles')));
	hears_nothing('all this');
	$shop->push;
	is($shop->pending->{'articles A-9'}, 'deferred', 'a row that refers to a link of the sandbox waits');
	hears_nothing('it');
	(undef, undef, $err) = $shop->try(q(SELECT bcdelta.resume(server => 'shop')));
	like($err, qr/ERROR:.*links of feed "makers" belong to another store/, 'the others are not taken there unasked');
	is($shop->sql(q(SELECT bcdelta.unlink(feed) FROM bcdelta.feed WHERE feed <> 'articles' ORDER BY feed)), "1\n4", 'until theirs are forgotten too');
	$shop->sql(q(SELECT bcdelta.resume(server => 'shop')));
	is($shop->link("'makers'")->{linked}, 3, 'brands are found');
	is($shop->link("'articles'")->{linked}, 10, 'products are found');
	is($shop->sql("SELECT quota FROM bcdelta.status WHERE feed = 'articles'"), 50000, 'the quota is that of the live store');
	is($shop->id('articles', 'A-2'), 998, 'by their ids there');
	is(scalar(grep { $_->{method} ne 'GET' } $live->journal), 0, 'and nothing is written');
	$shop->sql(q(SELECT bcdelta.mark_all(feed) FROM bcdelta.feed));
	my $run = $shop->push;
	is("$run->{created} $run->{updated}", '2 10', 'what is not there, or differs, is pushed') or diag(explain($run));
	my %prices = map { $_->{sku} => $_->{price} } @{ $live->state('products') };
	is($prices{'A-5'}, 5, 'what was pushed to the sandbox too');
	is(scalar($sandbox->journal), 0, 'the sandbox hears nothing');
	is($shop->verify->{conflicts}, 0, 'all agree') or diag(explain($shop->discrepancies));
};

is($sandbox->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
