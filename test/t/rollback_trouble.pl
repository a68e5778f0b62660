# Rollbacks when something else goes on: adjustments, conflicts, changed keys, a small
# quota, a store that does not answer, a source that is gone.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('trouble', store => { args => [ '--quota', 40, '--window-ms', 2000 ] }, server => { max_attempts => 2 });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, no int, title text NOT NULL, price numeric NOT NULL DEFAULT 10);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''S'' || no", "name": "title", "price": "price", "type": "''physical''", "weight": "1"}', on_delete => 'delete');
INSERT INTO item SELECT i, i, 'Item ' || i FROM generate_series(1, 200) AS i;
EOC
is($shop->push->{created}, 200, 'a shop');

sub record { my ($n) = @_; my ($record) = grep { $_->{sku} eq "S$n" } @{ $store->state('products') }; return $record; }
sub prices { return join ' ', map { record($_)->{price} + 0 } @_; }
sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }

sub verdicts
{
	my ($run) = @_;
	return $shop->list("SELECT concat_ws(' ', key, field, verdict, reason) FROM bcdelta.rollback_field WHERE run_id = $run->{run_id} ORDER BY key, field");
}

sub careless { my ($where) = @_; $shop->sql("UPDATE item SET price = price * 2 WHERE $where"); return $shop->push; }

subtest 'a small quota: no request is refused' => sub {
	my $run = careless('true');
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{updated}", 'succeeded 200', 'all are set back');
	is_deeply($store->counts->{throttled}, {}, 'no 429');
	is(scalar(grep { $_->{price} != 10 } @{ $store->state('products') }), 0, 'in the store');
	$shop->sql('UPDATE item SET price = 10');
	$shop->push;
};

subtest 'an adjusted field is kept, and its adjustment' => sub {
	my $run = careless("id IN ('1', '2')");
	$shop->sql("SELECT bcdelta.adjust('item', '1', 'price', 'meant')");
	my $back = undo("rollback($run->{run_id}, after => 'hold', force => true)");
	is(prices(1, 2), '20 10', 'kept');
	is_deeply([ map { s/\d{4}-\d\d-\d\d/DATE/r } @{ verdicts($back) } ], [ '1 price edited adjustment by role postgres, DATE: meant', '2 price undone' ], 'with the reason');
	is_deeply($shop->list("SELECT concat_ws(' ', key, by_run <> 0) FROM bcdelta.adjustment WHERE state <> 'ended' ORDER BY 1"), [ '1 f', '2 t' ], 'the other one is held');
	$shop->sql("SELECT bcdelta.unadjust('item', '1', 'price'); SELECT bcdelta.release($back->{run_id}); UPDATE item SET price = 10 WHERE id IN ('1', '2')");
	$shop->push;
	is(prices(1, 2), '10 10', 'and pushed again');
};

subtest 'a row that waits for a decision' => sub {
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'review')");
	my $run = careless("id IN ('3', '4')");
	$store->edit('product', $shop->id('item', 3), { name => 'Edited' });
	$shop->sql("UPDATE item SET title = 'Item 3 of ours' WHERE id = '3'");
	$shop->push;
	is_deeply($shop->pending, { 'item 3' => 'review' }, 'it waits');
	undo("rollback($run->{run_id}, after => 'hold')");
	is(prices(3, 4), '10 10', 'its price is set back');
	is_deeply($shop->pending, { 'item 3' => 'review' }, 'and it waits still');
	$shop->sql("SELECT bcdelta.resolve(conflict_id, 'source') FROM bcdelta.review");
	$shop->push;
	is(record(3)->{name}, 'Item 3 of ours', 'until that is decided');
	is(prices(3), '10', 'the price that was set back stays');
	$shop->sql("SELECT bcdelta.set_conflict('item', policy => 'source'); UPDATE item SET price = 10 WHERE id IN ('3', '4')");
	$shop->push;
};

subtest 'a row whose key has changed' => sub {
	my $run = careless("id IN ('5', '6')");
	$shop->sql("UPDATE item SET id = 'new' WHERE id = '5'");
	my $back = undo("rollback($run->{run_id}, after => 'hold')");
	is(prices(5, 6), '10 10', 'is set back');
	is_deeply($shop->list("SELECT key FROM bcdelta.adjustment WHERE state <> 'ended' AND by_run = $back->{run_id} ORDER BY key"), [ 6, 'new' ], 'and held under its new key');
	$shop->sql("SELECT bcdelta.mark_all('item')");
	$shop->push;
	is(prices(5, 6), '10 10', 'whatever is marked');
	$shop->sql("SELECT bcdelta.release($back->{run_id}); UPDATE item SET price = 10 WHERE id IN ('new', '6')");
	$shop->push;
};

subtest 'a run that is running' => sub {
	$store->hold({ match => { method => 'PUT' }, process => 'now' });
	$shop->sql(q(UPDATE item SET price = price + 1 WHERE id = '7'));
	my $pushing = $shop->start;
	$shop->wait_held(1);
	my $running = $shop->sql(q(SELECT max(run_id) FROM bcdelta.run WHERE kind = 'push'));
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.rollback($running)");
	like($err, qr/ERROR:  run $running has not ended yet.*HINT:  /s, 'cannot be rolled back, and the hint says what to do');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.run WHERE kind = 'rollback' AND finished_at IS NULL)), 0, 'and nothing was begun');
	$store->release;
	$pushing->finish;
	$shop->sql(q(UPDATE item SET price = price - 1 WHERE id = '7'));
	$shop->push;
};

subtest 'a store that does not answer' => sub {
	my $run = careless("id IN ('7', '8')");
	$store->fault({ match => { path => '/' }, do => { status => 503, body => { title => 'down' } } });
	my $undo = $shop->start("SELECT state || ' ' || coalesce(error, '') FROM bcdelta.rollback($run->{run_id}, after => 'none')");
	$shop->wait_for("SELECT count(*) > 0 FROM bcdelta.run WHERE kind = 'rollback' AND state = 'running'");
	$shop->sql("SELECT bcdelta.cancel(max(run_id)) FROM bcdelta.run WHERE kind = 'rollback'");
	$undo->finish;
	$store->unfault;
	is(prices(7, 8), '20 20', 'nothing is undone');
	is($shop->sql("SELECT count(*) FROM bcdelta.undo WHERE run_id = $run->{run_id} AND undone_by IS NOT NULL"), 0, 'or counts as such');
	undo("rollback($run->{run_id}, after => 'none')");
	is(prices(7, 8), '10 10', 'it is, once the store answers');
};

subtest 'rows that refer to a record which is made again' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE maker (id text PRIMARY KEY);
CREATE TABLE toy (id int PRIMARY KEY, maker text);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "''Maker '' || id"}', on_delete => 'delete');
SELECT bcdelta.track('toy', 'shop', 'product', '{"sku": "''T'' || id", "name": "''Toy '' || id", "brand_id": "bcdelta.ref(''maker'', maker)", "price": "1", "type": "''physical''", "weight": "1"}');
INSERT INTO maker VALUES ('m'); INSERT INTO toy VALUES (1, 'm'), (2, 'm');
EOC
	$shop->push;
	my $brands = sub { return [ map { $_->{brand_id} } sort { $a->{sku} cmp $b->{sku} } grep { $_->{sku} =~ /^T/ } @{ $store->state('products') } ] };
	my $old = $shop->id('maker', 'm');
	$shop->sql("DELETE FROM maker");
	my $run = $shop->push;
	is_deeply($brands->(), [ 0, 0 ], 'the store has removed the references');
	my $back = undo("rollback($run->{run_id}, after => 'hold')");
	my $new = $shop->id('maker', 'm');
	isnt($new, $old, 'a new id');
	$shop->push;
	is_deeply($brands->(), [ $new, $new ], 'which the next push writes, without a mark');
	is_deeply($shop->list("SELECT key FROM bcdelta.adjustment WHERE by_run = $back->{run_id} AND state <> 'ended'"), ['m'], 'and the record stays');
};

subtest 'a record whose DELETE was sent twice over a broken connection, and is not there the second time' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE label (id int PRIMARY KEY, name text);
SELECT bcdelta.track('label', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete');
INSERT INTO label VALUES (1, 'Twice deleted');
EOC
	$shop->push;
	my $there = sub { return scalar grep { $_->{name} eq 'Twice deleted' } @{ $store->state('brands') } };
	$store->fault({ times => 1, do => { lose => 'after' }, match => { method => 'DELETE' } });
	$shop->sql('DELETE FROM label');
	my $run = $shop->push;
	$store->unfault;
	is_deeply([ $there->(), $shop->pending->{'label 1'} ], [ 0, undef ], 'it is gone');
	my ($first) = @{ $shop->list("SELECT min(run_id) FROM bcdelta.undo WHERE feed = 'label' AND action = 'deleted'") };
	ok($first, 'which is noted');
	undo("rollback($first, after => 'none')") if $first;
	is($there->(), 1, 'so it is made again');
	$shop->sql("SELECT bcdelta.untrack('label')");
};

subtest 'a feed whose source is gone, or that was untracked' => sub {
	my $run = careless("id IN ('9', '10')");
	$shop->sql('CREATE TABLE other (id int PRIMARY KEY); ALTER TABLE item RENAME TO gone; DROP TABLE gone CASCADE');
	my ($rc, $out, $err) = $shop->try("SELECT state, updated, warning FROM bcdelta.rollback($run->{run_id})");
	note("$out $err");
	ok(($rc == 0 && prices(9, 10) eq '10 10') || ($rc != 0 && $err =~ /ERROR/ && prices(9, 10) eq '20 20'), 'it is undone, or there is an error and nothing is');
	$shop->sql("SELECT bcdelta.untrack('item')");
	(undef, undef, $err) = $shop->try("SELECT bcdelta.rollback($run->{run_id})");
	like($err, qr/ERROR:  run $run->{run_id} cannot be rolled back, because its feeds were untracked or unlinked since/, 'after untrack(), that is an error');
};

done_testing();
