# A rollback with after => 'hold': the feeds go on, but what was undone stays undone
# until its source changes.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('hold', store => { args => [ '--quota', 100000 ] }, node => { conf => "bcdelta.naptime = 1\n" });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, title text NOT NULL, price numeric NOT NULL DEFAULT 10, fields jsonb);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id", "name": "title", "price": "price", "custom_fields": "fields",
	"type": "''physical''", "weight": "1"}', on_delete => 'delete');
INSERT INTO item SELECT k, 'Item ' || k FROM unnest('{a,b,c,d}'::text[]) AS k;
EOC
is($shop->push->{created}, 4, 'a shop');

sub record { my ($key) = @_; my ($record) = grep { $_->{sku} eq $key } @{ $store->state('products') }; return $record; }
sub prices { return join ' ', map { record($_) ? record($_)->{price} + 0 : '-' } @_; }
sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }

# Marks every row, and pushes; returns the writes.
sub pushed_all
{
	$shop->sql("SELECT bcdelta.mark_all(feed) FROM bcdelta.feed");
	$shop->clear;
	my $run = $shop->push;
	is($run->{state}, 'succeeded', 'a push of all rows');
	is_deeply($shop->pending, {}, 'leaves nothing pending');
	return [ map { "$_->{method} $_->{path}" } $shop->writes ];
}

sub held
{
	return $shop->list("SELECT concat_ws(' ', key, field, by_run) FROM bcdelta.adjustment WHERE state <> 'ended' ORDER BY key, field");
}

my $back;

subtest 'fields that were set back are held until the source changes them; other fields are pushed' => sub {
	$shop->sql("UPDATE item SET price = 20, fields = '[{\"name\": \"x\", \"value\": \"1\"}]' WHERE id IN ('a', 'b')");
	my $run = $shop->push;
	is(prices(qw(a b)), '20 20', 'a careless change');
	$back = undo("rollback($run->{run_id}, after => 'hold')");
	is("$back->{state} $back->{updated}", 'succeeded 2', 'rolled back') or diag explain $back;
	is($shop->sql('SELECT state FROM bcdelta.feed'), 'active', 'the feed goes on');
	is(prices(qw(a b)), '10 10', 'in the store');
	is_deeply(held(), [ map { ("$_ custom_fields $back->{run_id}", "$_ price $back->{run_id}") } qw(a b) ], 'what is held');
	is_deeply(pushed_all(), [], 'nothing is written');
	is($shop->sql("SELECT concat_ws('|', source_value, store_value, owner, decision, reason) FROM bcdelta.why('item', 'a') WHERE field = 'price'"),
		"20|10|store|hold|held since rollback run $back->{run_id} until its source changes", 'why() says so');
	$shop->sql("UPDATE item SET title = 'New' WHERE id = 'a'");
	$shop->push;
	is(record('a')->{name} . ' ' . prices('a'), 'New 10', 'another field is pushed');
	my $verify = $shop->verify("'item'");
	is_deeply([ @$verify{qw(state conflicts)} ], [ 'succeeded', 0 ], 'verify lists no difference') or diag explain $shop->discrepancies;
	is($shop->sql("SELECT bcdelta.repair($verify->{run_id})"), 0, 'so nothing is repaired');
	$shop->sql("UPDATE item SET price = 11 WHERE id = 'a'");
	$shop->push;
	is(prices(qw(a b)), '11 10', 'a price that the source changes is pushed');
	is_deeply([ grep { /price/ } @{ held() } ], ["b price $back->{run_id}"], 'and no longer held');
};

subtest 'they are held after a restart, and under a new key' => sub {
	$shop->node->restart;
	wait_for_worker($shop->node, 'shop');
	$shop->sql("UPDATE item SET id = 'bb' WHERE id = 'b'");
	$shop->push;
	is_deeply([ grep { /price/ } @{ held() } ], ["bb price $back->{run_id}"], 'the hold has moved');
	is_deeply(pushed_all(), [], 'nothing is written');
	is(prices('bb'), '10', 'in the store');
};

subtest 'release() ends what a rollback holds' => sub {
	my (undef, undef, $err) = $shop->try('SELECT bcdelta.release(4711)');
	like($err, qr/NOTICE:  rollback run 4711 holds no row/, 'a run that holds nothing');
	is($shop->sql("SELECT bcdelta.release($back->{run_id})"), 2, 'rows');
	is_deeply(held(), [], 'nothing is held');
	$shop->push;
	is(prices(qw(a bb)), '11 20', 'the values of the source are written');
	is($shop->sql("SELECT count(*) FROM bcdelta.journal WHERE what = 'release'"), 1, 'which is in the journal');
};

subtest 'what a rollback of the rollback writes is not held any more' => sub {
	$shop->sql("UPDATE item SET price = 30 WHERE id = 'c'");
	my $run = $shop->push;
	my $undone = undo("rollback($run->{run_id}, after => 'hold')");
	is(prices('c'), '10', 'undone');
	my $redo = undo("rollback($undone->{run_id}, after => 'hold')");
	is(prices('c'), '30', 'and done once more') or diag $shop->sql("SELECT * FROM bcdelta.rollback_field WHERE run_id = $redo->{run_id}");
	is_deeply(pushed_all(), [], 'the push agrees');
	is_deeply(held(), [], 'and nothing is held');
};

subtest 'what was not undone is not held' => sub {
	$shop->sql("UPDATE item SET price = 40 WHERE id IN ('c', 'd')");
	my $run = $shop->push;
	$store->edit('product', $shop->id('item', 'd'), { price => 41 });
	my $undone = undo("rollback($run->{run_id}, after => 'hold')");
	is(prices(qw(c d)), '30 41', 'one was edited');
	is_deeply(held(), ["c price $undone->{run_id}"], 'the other one is held');
	$shop->sql("UPDATE item SET price = 30 WHERE id = 'c'");
	is_deeply(pushed_all(), [], 'the source is corrected, so nothing is sent');
	is_deeply(held(), [], 'or held');
	$store->edit('product', $shop->id('item', 'd'), { price => 40 });
};

subtest 'records that were created stay hidden or deleted until their rows change' => sub {
	$shop->push;
	foreach my $created (qw(hide delete))
	{
		my ($p, $q) = ("p$created", "q$created");
		$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{$p,$q}'::text[]) AS k");
		my $run = $shop->push;
		my $undone = undo("rollback($run->{run_id}, created => '$created', after => 'hold')");
		is_deeply(held(), [ map { "$_  $undone->{run_id}" } $p, $q ], "created => '$created': both are held as a whole") or diag explain $undone;
		is_deeply(pushed_all(), [], 'nothing is written');
		is(record($p) ? record($p)->{is_visible} : 'none', $created eq 'hide' ? 0 : 'none', 'in the store');
		is($shop->sql("SELECT DISTINCT concat_ws(' ', decision, reason) FROM bcdelta.why('item', '$p')"),
			"hold held since rollback run $undone->{run_id} until its source changes", 'why() says so');
		my $verify = $shop->verify("'item', mode => 'full'");
		is("$verify->{state} $verify->{conflicts} $verify->{deferred}", 'succeeded 0 2', 'verify tells them apart') or diag explain $shop->discrepancies;
		is_deeply($shop->list("SELECT key || ': ' || error FROM bcdelta.result WHERE run_id = $verify->{run_id} AND outcome = 'deferred' ORDER BY key"),
			[ map { "$_: not compared: held since rollback run $undone->{run_id} until its source changes" } $p, $q ], 'and why');
		$shop->sql("UPDATE item SET price = 12 WHERE id = '$p'");
		is_deeply($shop->list("SELECT concat_ws(' ', key, action) FROM bcdelta.preview('item')"), [ "$p " . ($created eq 'hide' ? 'update' : 'create') ], 'preview');
		$shop->push;
		is(record($p)->{is_visible} . ' ' . prices($p), '1 12', 'a row that changes is in the store again');
		is_deeply(held(), ["$q  $undone->{run_id}"], 'the other one is not');
		is($shop->sql("SELECT bcdelta.unadjust('item', '$q', '')"), '', 'unadjust() releases one row');
		$shop->push;
		is(record($q)->{is_visible}, 1, 'which is pushed then');
	}
};

subtest 'a record that was deleted and made again stays, though its row is gone' => sub {
	$shop->sql("DELETE FROM item WHERE id IN ('phide', 'qhide')");
	my $run = $shop->push;
	is($run->{deleted}, 2, 'deleted');
	my $undone = undo("rollback($run->{run_id}, after => 'hold')");
	is($undone->{created}, 2, 'made again');
	is_deeply(pushed_all(), [], 'nothing is deleted');
	my $verify = $shop->verify("'item', mode => 'full'");
	is("$verify->{state} $verify->{conflicts}", 'succeeded 0', 'verify does not ask for it') or diag explain $shop->discrepancies;
	$shop->sql("INSERT INTO item (id, title, price) VALUES ('phide', 'Back', 5)");
	$shop->push;
	is(record('phide')->{name}, 'Back', 'the row is back');
	$shop->sql("DELETE FROM item WHERE id = 'phide'");
	is($shop->push->{deleted}, 1, 'and is followed again');
	ok(record('qhide'), 'the other one is held');
	is($shop->sql("SELECT bcdelta.release($undone->{run_id})"), 1, 'until it is released');
	is($shop->push->{deleted}, 1, 'then it is deleted');
};

subtest 'a rollback that was killed holds what it has undone, once it is called again' => sub {
	$shop->sql("UPDATE item SET price = 50 WHERE id IN ('a', 'c')");
	my $run = $shop->push;
	my $was = prices(qw(a c));
	$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' }, process => 'now' });
	my $undo = $shop->start("SELECT state FROM bcdelta.rollback($run->{run_id}, after => 'hold')");
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$undo->finish;
	$store->release;
	wait_for_worker($shop->node, 'shop');
	my $again = undo("rollback($run->{run_id}, after => 'hold')");
	is(prices(qw(a c)), '11 30', 'undone');
	is(scalar(@{ held() }), 2, 'and held') or diag explain held();
	is_deeply(pushed_all(), [], 'the next push writes nothing');
};

done_testing();
