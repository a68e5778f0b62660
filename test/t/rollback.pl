# What a push has done is undone: only where the store still has what was written.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('rollback', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id text PRIMARY KEY, title text NOT NULL, price numeric NOT NULL DEFAULT 10, body text DEFAULT '<p>Old text</p>',
	weight int NOT NULL DEFAULT 1);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "id", "name": "title", "price": "price", "description": "body",
	"type": "''physical''", "weight": "weight"}', on_delete => 'hide');
EOC

sub record
{
	my ($key) = @_;
	my ($record) = grep { $_->{sku} eq $key } @{ $store->state('products') };
	return $record;
}

# The custom fields of a product
sub elements
{
	my $id = record($_[0])->{id};
	return map { @{ $_->{custom_fields} } } grep { $_->{product_id} == $id } @{ $store->control('state/elements') };
}

sub prices { return join ' ', map { record($_)->{price} + 0 } @_; }

# Calls a function that returns a run; returns the run.
sub undo { return $shop->value("SELECT * FROM bcdelta.$_[0]"); }

sub verdicts
{
	my ($run) = @_;
	return $shop->list("SELECT concat_ws(' ', key, field, verdict) FROM bcdelta.rollback_field WHERE run_id = $run->{run_id} ORDER BY key, field");
}

subtest 'a careless change of all prices is undone; what others have changed since is kept' => sub {
	$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{a,b,c,d}'::text[]) AS k");
	is($shop->push->{created}, 4, 'pushed');
	$shop->sql("UPDATE item SET price = 20");
	my $run = $shop->push;
	is(prices(qw(a b c d)), '20 20 20 20', 'the change');
	$store->edit('product', $shop->id('item', 'c'), { price => 15 });
	$shop->clear;
	is_deeply($shop->list("SELECT concat_ws(' ', key, field, now, becomes, verdict, reason) FROM bcdelta.rollback_preview($run->{run_id}) WHERE feed IS NOT NULL"),
		[ 'a price 20 10 undone', 'b price 20 10 undone', 'c price 15 edited somebody else has changed it since', 'd price 20 10 undone' ], 'preview');
	is_deeply([ $shop->writes ], [], 'which writes nothing');
	my $back = undo("rollback($run->{run_id})");
	is($back->{state}, 'succeeded', 'rolled back') or diag explain $back;
	is("$back->{kind} $back->{updated} $back->{conflicts}", 'rollback 3 1', 'totals');
	is(prices(qw(a b c d)), '10 10 15 10', 'prices are as before, but for the one that was edited');
	is_deeply(verdicts($back), [ 'a price undone', 'b price undone', 'c price edited', 'd price undone' ], 'what was found');
	is($shop->sql("SELECT state || ': ' || paused_reason FROM bcdelta.feed"), "paused: run $run->{run_id} is undone by run $back->{run_id}", 'the feed is paused');
	$shop->clear;
	my $again = undo("rollback($run->{run_id})");
	is_deeply([ $shop->writes ], [], 'a second time, nothing is written');
	my $redo = undo("rollback($back->{run_id})");
	is(prices(qw(a b c d)), '20 20 15 20', 'the rollback is rolled back');
	undo("rollback($run->{run_id}, force => true)");
	is(prices(qw(a b c d)), '10 10 10 10', 'with force, also what was edited');
	$shop->sql("SELECT bcdelta.resume('item')");
	$shop->push;
	is(prices(qw(a b c d)), '10 10 10 10', 'the next push writes nothing of unchanged rows');
};

subtest 'created records are hidden, deleted or kept' => sub {
	$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{e,f}'::text[]) AS k");
	my $run = $shop->push;
	is(record('e')->{is_visible}, 1, 'shown');
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{hidden}", 'succeeded 2', 'hidden') or diag explain $back;
	is(record('e')->{is_visible} + record('f')->{is_visible}, 0, 'in the store');
	undo("rollback($back->{run_id}, after => 'none')");
	is(record('e')->{is_visible} + record('f')->{is_visible}, 2, 'and shown again');
	undo("rollback($run->{run_id}, created => 'delete', after => 'none')");
	is(record('e'), undef, 'deleted');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE key IN ('e', 'f')"), 0, 'without a link');
};

subtest 'what was hidden or deleted comes back' => sub {
	$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{g,h}'::text[]) AS k");
	$shop->push;
	my $old = $shop->id('item', 'h');
	$shop->sql("DELETE FROM item WHERE id = 'g'");
	my $run = $shop->push;
	is(record('g')->{is_visible}, 0, 'hidden');
	undo("rollback($run->{run_id}, after => 'none')");
	is(record('g')->{is_visible}, 1, 'shown again');
	$store->edit('product', $old, { search_keywords => 'by hand' });
	$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => 'delete')");
	$shop->sql("DELETE FROM item WHERE id = 'h'");
	my $before = record('h');
	$run = $shop->push;
	is(record('h'), undef, 'deleted') or diag explain $run;
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is("$back->{state} $back->{created}", 'succeeded 1', 'made again') or diag explain $back;
	my $after = record('h');
	my $new = $after->{id};
	delete @$_{qw(id base_variant_id date_modified date_created)} foreach $before, $after;
	is_deeply($after, $before, 'with everything, also what the feed does not map');
	is($shop->sql('SELECT concat_ws(\' \', feed, key, old_id, new_id) FROM bcdelta.id_change'), "item h $old $new", 'the new id is told');
};

subtest 'a run is rolled back again after its rollback was rolled back' => sub {
	$shop->sql("INSERT INTO item (id, title) VALUES ('z', 'Item z')");
	my $made = $shop->push;
	my $first = $shop->id('item', 'z');
	$shop->sql("DELETE FROM item WHERE id = 'z'");
	my $deleted = $shop->push;
	my @ids = ($first);
	foreach my $created (qw(delete hide))
	{
		my $back = undo("rollback($deleted->{run_id}, after => 'none')");
		is("$back->{state} $back->{conflicts}", 'succeeded 0', "the record is back") or diag explain verdicts($back);
		is(record('z')->{is_visible}, 1, 'and shown');
		push @ids, $shop->id('item', 'z') if $ids[-1] != $shop->id('item', 'z');
		undo("rollback($back->{run_id}, created => '$created', after => 'none')");
		is(record('z') ? record('z')->{is_visible} : 'none', { delete => 'none', hide => 0 }->{$created}, "and undone with created => '$created'");
	}
	is_deeply($shop->list("SELECT old_id || ' ' || new_id FROM bcdelta.id_change WHERE key = 'z' ORDER BY at"), [ "$ids[0] $ids[1]", "$ids[1] $ids[2]" ], 'all ids are told');
	my $back = undo("rollback($made->{run_id}, created => 'delete', after => 'none')");
	is(record('z'), undef, 'the run that has created the first of them can be rolled back, too') or diag explain verdicts($back);
};

subtest 'a preview tells the calls and seconds, and what cannot be undone' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE buyer (id int PRIMARY KEY, mail boolean);
SELECT bcdelta.track('buyer', 'shop', 'customer', '{"email": "''b'' || id || ''@example.com''", "first_name": "''B''", "last_name": "''B''", "trigger_account_created_notification": "mail"}', on_delete => 'delete');
INSERT INTO buyer VALUES (1, true), (2, false);
INSERT INTO item (id, title) SELECT 'n' || i, 'Item n' || i FROM generate_series(1, 25) AS i;
EOC
	$shop->push;
	$shop->sql("UPDATE item SET price = 99 WHERE id LIKE 'n%'");
	my $run = $shop->push;
	my $rows = "SELECT concat_ws(' ', feed, key, field, verdict, becomes, reason) FROM bcdelta.rollback_preview";
	is_deeply($shop->list("$rows($run->{run_id}, max_rows => 2)"),
		[ 'total {"calls": 4, "seconds": 1} the rollback takes about 4 calls and 1 second',
		'impossible mails and webhooks that others have received; orders that were placed since then keep their prices and quantities' ], 'of 25 products');
	$shop->clear;
	undo("rollback($run->{run_id}, after => 'none')");
	is(scalar(@{ $shop->calls }), 4, 'which is what it takes');
	my $since = $shop->sql("SELECT started_at FROM bcdelta.run WHERE run_id = $run->{run_id} - 1");
	is_deeply($shop->list("$rows(since => '$since', feed => 'buyer', created => 'delete') WHERE feed IS NOT NULL"),
		[ 'buyer 1 undone the record was created, and is deleted',
		'buyer 1 trigger_account_created_notification impossible the store has done this when the record was created, such as sending a mail',
		'buyer 2 undone the record was created, and is deleted' ], 'a welcome mail');
	$shop->sql("DELETE FROM item WHERE id LIKE 'n%'; SELECT bcdelta.untrack('buyer')");
	$shop->push;
};

subtest 'a time is the same in the worker, however the session writes times' => sub {
	foreach my $style ('SQL, DMY', 'German')
	{
		my $since = $shop->sql('SELECT clock_timestamp()');
		my $before = prices('a');
		$shop->sql("UPDATE item SET price = price + 1 WHERE id = 'a'");
		$shop->push;
		is($shop->sql("SET DateStyle = '$style'; SET TimeZone = 'Asia/Kolkata'; SELECT state FROM bcdelta.rollback_since('$since', after => 'none')"),
			'succeeded', "rolled back with DateStyle $style");
		is(prices('a'), $before, 'what was written since then is undone');
	}
};

subtest 'what cannot be rolled back is an error, and changes nothing' => sub {
	my $verify = $shop->verify("'item', mode => 'count'");
	my $push = $shop->push;
	my %error = (
		'rollback(4711)' => 'run 4711 does not exist',
		"rollback($verify->{run_id})" => "run $verify->{run_id} is a verify, which writes nothing that could be rolled back",
		"rollback($push->{run_id}, created => 'burn')" => 'invalid value for argument "created": "burn"',
		"rollback($push->{run_id}, after => 'stop')" => 'invalid value for argument "after": "stop"',
		"rollback_since('infinity')" => 'argument "since" must be a time in the past',
		'rollback_preview()' => 'either argument "run_id" or argument "since" is needed',
		"rollback_preview($push->{run_id}, now())" => 'either argument "run_id" or argument "since" is needed',
		"rollback_preview($push->{run_id}, max_rows => 0)" => 'argument "max_rows" must be greater than zero');
	foreach my $call (sort keys %error)
	{
		my (undef, undef, $err) = $shop->try("SELECT * FROM bcdelta.$call");
		like($err, qr/ERROR:  \Q$error{$call}/, $call);
		like($err, qr/HINT:  bcdelta.undoable lists/, "$call: what can be rolled back") if $call =~ /4711|rollback\($verify->{run_id}\)/;
	}
	my ($rc, $out, $err) = $shop->try("SELECT state FROM bcdelta.rollback($push->{run_id})");
	like($err, qr/NOTICE:  run $push->{run_id} has written nothing/, 'a run that has written nothing');
	$shop->sql("UPDATE item SET price = 77 WHERE id = 'a'");
	my $run = $shop->push;
	$shop->sql(q(CREATE ROLE stranger; GRANT USAGE ON FOREIGN SERVER shop TO stranger));
	(undef, undef, $err) = $shop->try("SET ROLE stranger; SELECT bcdelta.rollback($run->{run_id})");
	like($err, qr/ERROR:  must be owner of feed "item"|permission denied/, 'of another owner');
	$shop->sql('DELETE FROM bcdelta.undo WHERE run_id = ' . $run->{run_id});
	(undef, undef, $err) = $shop->try("SELECT bcdelta.rollback($run->{run_id})");
	like($err, qr/it is no longer known what the records held before.*HINT:  bcdelta.undoable lists/s, 'of a run whose images were purged');
	is(prices('a'), '77', 'nothing was written');
	is($shop->sql("SELECT string_agg(DISTINCT detail->>'by_run', ',') <> '' FROM bcdelta.journal WHERE what = 'rollback'"), 't', 'those that were carried out are in the journal');
};

subtest 'a worker that is killed in a rollback leaves nothing undone, once it is called again' => sub {
	foreach my $process (qw(now never))
	{
		$shop->sql("UPDATE item SET price = 30 WHERE id IN ('a', 'b')");
		$shop->push;
		$shop->sql("UPDATE item SET price = 40 WHERE id IN ('a', 'b')");
		my $run = $shop->push;
		$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' }, process => $process });
		my $undo = $shop->start("SELECT state FROM bcdelta.rollback($run->{run_id}, after => 'none')");
		$shop->wait_held(1);
		kill_worker($shop->node, 'shop', 'KILL');
		$undo->finish;
		$store->release;
		wait_for_worker($shop->node, 'shop');
		my $back = undo("rollback($run->{run_id}, after => 'none')");
		is(prices(qw(a b)), '30 30', "request done $process: undone") or diag explain $back;
		is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE key IN ('a', 'b') AND (payload->>'price')::numeric = 30"), 2, 'and the links know it');
		$shop->push;
		is(prices(qw(a b)), '30 30', 'the next push does not write it again');
	}
};

subtest 'elements of collections are undone one by one' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE thing (id text PRIMARY KEY, fields jsonb);
SELECT bcdelta.track('thing', 'shop', 'product', '{"sku": "id", "name": "''Thing '' || id", "type": "''physical''", "weight": "1", "price": "1", "custom_fields": "fields"}');
INSERT INTO thing VALUES ('t', '[{"name": "a", "value": "1"}, {"name": "b", "value": "1"}, {"name": "c", "value": "1"}]');
EOC
	$shop->push;
	my $fields = sub { return join ' ', sort map { "$_->{name}$_->{value}" } elements('t') };
	$shop->sql(q(UPDATE thing SET fields = '[{"name": "a", "value": "2"}, {"name": "c", "value": "2"}, {"name": "d", "value": "2"}]'));
	my $run = $shop->push;
	is($fields->(), 'a2 c2 d2', 'changed, removed and added');
	my ($c) = grep { $_->{name} eq 'c' } elements('t');
	$store->api(PUT => "/catalog/products/" . record('t')->{id} . "/custom-fields/$c->{id}", { name => 'c', value => 'by hand' });
	$store->api(POST => "/catalog/products/" . record('t')->{id} . "/custom-fields", { name => 'z', value => '9' });
	my $back = undo("rollback($run->{run_id}, after => 'none')");
	is($fields->(), 'a1 b1 cby hand z9', 'as before, but for what somebody else has changed') or diag explain $back;
	is_deeply(verdicts($back), [ 't custom_fields edited' ], 'which is told');
	undo("rollback($run->{run_id}, after => 'none', force => true)");
	is($fields->(), 'a1 b1 c1 z9', 'with force, that, too; what others have added is theirs');
};

subtest 'records are hidden before they are deleted' => sub {
	$shop->sql(q(SELECT bcdelta.alter_feed('item', options => '{"delete_after": "14 days"}')));
	$shop->sql("INSERT INTO item (id, title) SELECT k, 'Item ' || k FROM unnest('{x,y}'::text[]) AS k");
	$shop->push;
	$shop->sql("DELETE FROM item WHERE id IN ('x', 'y')");
	my $run = $shop->push;
	is("$run->{state} $run->{hidden} $run->{deleted}", 'succeeded 2 0', 'hidden');
	is_deeply([ map { record($_)->{is_visible} ? 1 : 0 } qw(x y) ], [ 0, 0 ], 'in the store');
	is_deeply($shop->pending, { 'item x' => 'waiting', 'item y' => 'waiting' }, 'they wait');
	$shop->hurry;
	$shop->push;
	is_deeply($shop->pending, { 'item x' => 'waiting', 'item y' => 'waiting' }, 'whatever hurries them');
	undo("rollback($run->{run_id}, after => 'none')");
	is_deeply([ map { record($_)->{is_visible} ? 1 : 0 } qw(x y) ], [ 1, 1 ], 'a rollback shows them');
	$shop->sql("SELECT bcdelta.mark('item', 'x'); INSERT INTO item (id, title) VALUES ('y', 'Item y')");
	$shop->push;
	is_deeply([ map { record($_)->{is_visible} ? 1 : 0 } qw(x y) ], [ 0, 1 ], 'hidden again, but for the row that is back');
	$shop->sql("UPDATE bcdelta.link SET pushed_at = now() - interval '15 days' WHERE key = 'x'");
	$shop->hurry;
	$run = $shop->push;
	is("$run->{state} $run->{deleted}", 'succeeded 1', 'deleted when the time has passed');
	is(record('x'), undef, 'in the store');
	is_deeply($shop->pending, {}, 'nothing waits any more');
	my (undef, undef, $err) = $shop->try(q(SELECT bcdelta.alter_feed('item', options => '{"delete_after": "soon"}')));
	like($err, qr/ERROR:  invalid value for option "delete_after"/, 'what is no interval is refused');
};

subtest 'a feed that is paused by a rollback, whose token is then refused, is paused for both reasons' => sub {
	my $token = $store->token;
	my $trouble = sub { return $shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'item'"); };
	$shop->sql("UPDATE item SET price = 60 WHERE id = 'a'");
	my $run = $shop->push;
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token 'expired')");
	my ($rc, $out) = $shop->try("SELECT error FROM bcdelta.rollback($run->{run_id})");
	my $back = $shop->last_run;
	like($back->{error}, qr/was paused: 401/, 'the run says why it has ended');
	like($shop->sql("SELECT paused_reason FROM bcdelta.feed WHERE feed = 'item'"), qr/^run $run->{run_id} is undone by run $back->{run_id}; and then: 401 .*token/, 'and so does the feed');
	like($trouble->(), qr/is undone by run.*401/, 'and the status');
	is($shop->sql("SELECT count(*) FROM bcdelta.journal WHERE what = 'pause' AND feed = 'item' AND reason ~ '^401'"), 1, 'and the journal, once');
	$shop->try("SELECT error FROM bcdelta.rollback($run->{run_id})");
	is($shop->sql("SELECT (length(paused_reason) - length(replace(paused_reason, '401', ''))) / 3 FROM bcdelta.feed WHERE feed = 'item'"), 1, 'however often it is refused');
	$shop->sql("SELECT bcdelta.resume('item')");
	$shop->sql("UPDATE item SET price = 61 WHERE id = 'a'");
	$shop->push;
	like($trouble->(), qr/401.*token/, 'once it is resumed, the next push tells of the token again');
	unlike($trouble->(), qr/is undone by run/, 'and the rollback is not');
	$shop->sql("ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET access_token '$token'); SELECT bcdelta.resume('item')");
	undo("rollback($run->{run_id}, after => 'none')");
	is($trouble->(), '', 'until it is over');
};

subtest 'nothing is undone in another store' => sub {
	$shop->sql("UPDATE item SET price = 50 WHERE id = 'a'");
	my $run = $shop->push;
	$shop->sql("SELECT bcdelta.unlink('item')");
	my (undef, undef, $err) = $shop->try("SELECT bcdelta.rollback($run->{run_id})");
	like($err, qr/ERROR:  run $run->{run_id} cannot be rolled back, because its feeds were untracked or unlinked since/, 'after the links were forgotten');
};

done_testing();
