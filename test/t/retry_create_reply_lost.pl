# The reply to a create is lost, and before the record has been looked up, the
# row gets another natural key or another key, or is deleted.  The record, if it
# was created, still belongs to the row: it is found by the key it was created
# with.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('lost', store => { args => [ '--quota', 100000 ] });
my ($node, $store) = ($shop->node, $shop->store);
$shop->sql(<<'EOC');
CREATE TABLE things (id int PRIMARY KEY, sku text, price numeric);
SELECT bcdelta.track('things', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "''Thing '' || sku", "price": "price", "weight": "1", "type": "''physical''"}');
CREATE TABLE shy (id int PRIMARY KEY, sku text);
SELECT bcdelta.track('shy', 'shop', 'product', on_delete => 'hide',
	fields => '{"sku": "sku", "name": "''Shy '' || sku", "price": "1", "weight": "1", "type": "''physical''"}');
EOC
$shop->tables(map { $_ => { on_delete => "'delete'" } } qw(makers groups));

# Rows are inserted, and the replies to their creates, done or not, are lost;
# then the rows change, and a push corrects everything.
sub lose
{
	my ($how, $insert, $change) = @_;
	$shop->sql($insert);
	if ($how eq 'crash')
	{
		$store->hold({ match => { method => 'POST' }, process => 'now' });
		my $push = $shop->start;
		$shop->wait_held(1);
		kill_worker($node, 'shop', 'KILL');
		$push->finish;
		$store->release;
	}
	else
	{
		$store->fault({ match => { method => 'POST' }, do => { lose => $how } });
		my $run = $shop->push('wait => false');
		$shop->wait_for("SELECT count(*) > 0 AND bool_and(state = 'waiting') FROM bcdelta.pending");
		$shop->sql("SELECT bcdelta.cancel($run->{run_id})");
		$store->unfault;
	}
	$shop->clear;
	$shop->sql("$change; BEGIN; LOCK TABLE bcdelta.pending IN SHARE ROW EXCLUSIVE MODE; UPDATE bcdelta.pending SET next_attempt_at = clock_timestamp() WHERE state = 'waiting'; COMMIT");
	return $shop->push;
}

# The feed's rows are the store's records, with these ids, and nothing waits.
sub check_things
{
	my ($what) = @_;
	is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
	is_deeply([ sort map { "$_->{sku} " . (0 + $_->{price}) } @{ $store->state('products') } ],
		[ sort @{ $shop->list("SELECT sku || ' ' || price FROM things UNION ALL SELECT sku || ' 1' FROM shy") } ],
		'source equals store');
	return;
}

sub posts { return scalar $store->journal(method => 'POST'); }

subtest 'a row that is deleted, renamed, moved or replaced before its lost create was looked up is created once' => sub {
	foreach my $how (qw(after before crash))
	{
		my $made = $how ne 'before';
		my $new = "INSERT INTO things SELECT i, '$how-' || i, i FROM generate_series(1, 2) AS i";

		my $run = lose($how, $new, 'DELETE FROM things WHERE id = 1');
		check_things("$how: deleted");
		is($run->{deleted}, $made ? 1 : 0, 'a record that was made is removed');
		is(posts(), $made ? 0 : 1, 'and the other is not created twice');
		$shop->sql('DELETE FROM things');
		$shop->push;

		lose($how, $new, "UPDATE things SET sku = 'other-' || id, price = 9 WHERE id = 1");
		check_things("$how: another natural key");
		is(posts(), $made ? 0 : 2, 'records that were made are kept');
		$shop->sql('DELETE FROM things');
		$shop->push;

		lose($how, $new, 'UPDATE things SET id = id + 100');
		check_things("$how: another key");
		is(posts(), $made ? 0 : 2, 'records that were made are kept');
		$shop->sql('DELETE FROM things');
		$shop->push;

		lose($how, $new, "UPDATE things SET sku = 'moved-' || id, id = id + 100");
		check_things("$how: both");
		$shop->sql('DELETE FROM things');
		$shop->push;

		lose($how, $new, 'DELETE FROM things WHERE id = 1; UPDATE things SET id = 1');
		check_things("$how: a row takes the key of one that is gone");
		is(posts(), $made ? 0 : 1, 'a record that was made is kept');
		$shop->sql("DELETE FROM things; INSERT INTO things VALUES (5, 'five', 5)");
		$shop->push;

		lose($how, $new, 'DELETE FROM things WHERE id = 1; UPDATE things SET id = 1 WHERE id = 5');
		check_things("$how: a row with a link takes it");
		is($shop->id('things', 1), $shop->records('products', 'sku')->{five}{id}, 'and keeps its record');
		$shop->sql('DELETE FROM things');
		$shop->push;

		lose($how, $new, "UPDATE things SET sku = 'left-' || id WHERE id = 1; DELETE FROM things WHERE id = 2;
			INSERT INTO things VALUES (11, '$how-1', 11), (12, '$how-2', 12)");
		$shop->push;
		check_things("$how: rows that take the natural keys");
		$shop->sql('DELETE FROM things');
		$shop->push;
		check_things("$how: all gone");
	}
};

subtest 'on_delete hide: the record of a lost create is hidden, and shown again' => sub {
	lose('after', "INSERT INTO shy VALUES (1, 'Shy')", 'DELETE FROM shy');
	is($shop->records('products', 'sku')->{Shy}{is_visible}, JSON::PP::false, 'on_delete hide: it is hidden');
	$shop->sql("INSERT INTO shy VALUES (1, 'Shy')");
	$shop->push;
	is($shop->records('products', 'sku')->{Shy}{is_visible}, JSON::PP::true, 'and shown again');
	is(scalar @{ $store->state('products') }, 1, 'it is the same');
};

subtest 'brands and categories of lost creates are found one by one and in the whole list' => sub {
	foreach my $number (2, 12)
	{
		lose('after', "INSERT INTO makers SELECT i::text, 'Maker ' || i FROM generate_series(1, $number) AS i",
			"DELETE FROM makers WHERE code = '1'; UPDATE makers SET name = 'Other ' || code");
		is_deeply([ sort map { $_->{name} } @{ $store->state('brands') } ],
			[ sort map { "Other $_" } 2 .. $number ], "$number brands");
		is(posts(), 0, 'none is created twice');
		$shop->sql('DELETE FROM makers');
		$shop->push;

		lose('after', "INSERT INTO groups SELECT i, NULL, 'Group ' || i FROM generate_series(1, $number) AS i",
			"DELETE FROM groups WHERE id = 1; UPDATE groups SET name = 'Other ' || id");
		is_deeply([ sort map { $_->{name} } @{ $store->state('categories') } ],
			[ sort map { "Other $_" } 2 .. $number ], "$number categories");
		is(posts(), 0, 'none is created twice');
		$shop->sql('DELETE FROM groups');
		$shop->push;
		is_deeply([ $store->state('brands'), $store->state('categories') ], [ [], [] ], 'all gone');
	}
};

subtest 'after the store has refused a create, a record found with its key belongs to someone else' => sub {
	foreach my $status (422, 401, 403)
	{
		$store->fault({ match => { method => 'POST' }, times => 1, do => { status => $status, body => { status => $status, title => 'No' } } });
		$shop->sql("DELETE FROM things; INSERT INTO things VALUES ($status, 'refused $status', 1)");
		$shop->push;
		$store->seed('products', [ { id => 500 + $status, type => 'physical', weight => 1, price => 5, sku => "refused $status", name => "By hand $status" } ]);
		$shop->sql("UPDATE things SET sku = 'accepted $status'; SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
		is($shop->push->{created}, 1, "a create that was refused with $status, then another key: it is made");
		is(($shop->record('products', 500 + $status) || {})->{name}, "By hand $status", 'the record of the first name is left alone');
	}
};

sub push_until_all_wait
{
	my $run = $shop->push('wait => false');
	$shop->wait_for("SELECT count(*) > 0 AND bool_and(state = 'waiting') FROM bcdelta.pending");
	$shop->sql("SELECT bcdelta.cancel($run->{run_id})");
	$shop->wait_for("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $run->{run_id}");
	$store->unfault;
	$shop->sql('BEGIN; LOCK TABLE bcdelta.pending IN SHARE ROW EXCLUSIVE MODE; UPDATE bcdelta.pending SET next_attempt_at = clock_timestamp(); COMMIT');
	return;
}

subtest 'records that are found but cannot be read are not lost when their rows are renamed' => sub {
	$shop->sql("DELETE FROM things; INSERT INTO makers SELECT i::text, 'Maker ' || i FROM generate_series(1, 12) AS i");
	$shop->push("feed => 'things'");
	$store->fault({ match => { method => 'POST' }, do => { lose => 'after' } });
	push_until_all_wait();
	$store->fault({ match => { method => 'GET', path => 'brands', query => 'id:in|id%3Ain' }, do => { status => 500 } });
	push_until_all_wait();
	$shop->clear;
	$shop->sql("UPDATE makers SET name = 'Other ' || code");
	$shop->push;
	is_deeply([ sort map { $_->{name} } @{ $store->state('brands') } ], [ sort map { "Other $_" } 1 .. 12 ], 'records that are found and not read are not lost');
	is(posts(), 0, 'none is created twice');
	$shop->sql('DELETE FROM makers');
	$shop->push;
};

subtest 'an update whose reply was lost is repeated, even if the row has been changed back' => sub {
	$shop->sql("INSERT INTO things VALUES (21, 'told', 1), (22, 'untold', 1)");
	$shop->push;
	foreach my $status (500, 401)
	{
		$store->fault($_) foreach (
			{ match => { method => 'PUT', path => 'products' }, times => 1, do => { drop_item => 1 } },
			{ match => { method => 'GET', path => 'products' }, do => { status => $status } });
		$shop->sql('UPDATE things SET price = 7 WHERE id > 20');
		my $id = $shop->push('wait => false')->{run_id};
		$shop->wait_for("SELECT EXISTS (SELECT FROM bcdelta.pending WHERE state = 'waiting') OR state = 'failed' FROM bcdelta.run WHERE run_id = $id");
		$shop->try("SELECT bcdelta.cancel($id)");
		$shop->wait_for("SELECT finished_at IS NOT NULL FROM bcdelta.run WHERE run_id = $id");
		$store->unfault;
		$shop->sql("UPDATE things SET price = 1 WHERE id > 20; SELECT bcdelta.resume(feed) FROM bcdelta.feed WHERE state = 'paused'");
		$shop->sql("BEGIN; LOCK TABLE bcdelta.pending IN SHARE ROW EXCLUSIVE MODE; UPDATE bcdelta.pending SET next_attempt_at = clock_timestamp() WHERE state = 'waiting'; COMMIT");
		$shop->push;
		is_deeply([ map { 0 + $shop->records('products', 'sku')->{$_}{price} } qw(told untold) ], [ 1, 1 ],
			"unknown fate of an update, then $status");
	}
};

subtest 'a feed of prices does not own a record that may belong to another row' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE prices (sku text PRIMARY KEY, price numeric);
SELECT bcdelta.track('prices', 'shop', 'product', '{"sku": "sku", "cost_price": "price"}');
INSERT INTO prices VALUES ('first', 5);
EOC
	lose('after', "INSERT INTO things VALUES (41, 'first', 1)", "UPDATE things SET sku = 'second'");
	is(posts(), 0, 'a feed of prices is not the owner of a record that may be ours');
	$shop->sql("DELETE FROM prices; SELECT bcdelta.untrack('prices')");
	$shop->sql("DELETE FROM things WHERE id > 40");
	$shop->push;
};

subtest 'a look-up that always fails does not block key changes, and is repeated' => sub {
	$store->remove('product', 500 + $_) foreach 422, 401, 403;
	$shop->sql("ALTER SERVER shop OPTIONS (ADD max_attempts '2'); DELETE FROM things; INSERT INTO things VALUES (32, 'fine', 1)");
	$shop->push;
	my $fine = $shop->id('things', 32);
	$store->fault({ match => { method => 'POST' }, do => { lose => 'after' } });
	$shop->sql("INSERT INTO things VALUES (31, 'stuck', 1)");
	push_until_all_wait();
	$store->fault({ match => { method => 'GET', query => 'stuck' }, do => { status => 500 } });
	$shop->push;
	is_deeply($shop->pending, { 'things 31' => 'failed' }, 'a look-up that fails for ever');
	$shop->sql('UPDATE things SET id = id + 100; UPDATE things SET price = 2');
	my $moving = $shop->push('wait => false')->{run_id};
	$shop->wait_for("SELECT state = 'failed' FROM bcdelta.pending WHERE key = '131'");
	$shop->try("SELECT bcdelta.cancel($moving)");
	is($shop->id('things', 132), $fine, 'does not keep keys from being changed');
	is($shop->record('products', $fine)->{price} + 0, 2, 'nor rows from being pushed');
	$store->unfault;
	$shop->sql("SELECT bcdelta.retry()");
	$shop->clear;
	$shop->push;
	check_things('found at last');
	is(posts(), 0, 'nothing is created twice');
	$shop->sql('ALTER SERVER shop OPTIONS (DROP max_attempts)');
};

subtest 'a root category of another tree is not ours' => sub {
	$store->seed('trees', [ { id => 2, name => 'Other shop', channels => [5] } ]);
	$store->seed('categories', [ { category_id => 800, name => 'Sale', tree_id => 1 } ]);
	$shop->sql(<<'EOC');
CREATE TABLE branches (id int PRIMARY KEY, name text, tree int);
SELECT bcdelta.track('branches', 'shop', 'category', on_delete => 'delete', fields => '{"name": "name", "tree_id": "tree"}');
EOC
	lose('after', "INSERT INTO branches VALUES (1, 'Sale', 2)", 'DELETE FROM branches');
	is_deeply([ map { $_->{category_id} } @{ $store->state('categories') } ], [800], 'the root of its own tree is removed');
};

subtest 'creates in two trees, in a request that is done in part, do not find a root category of the other tree' => sub {
	$store->seed('categories', [ { category_id => 801, name => 'New', tree_id => 2 } ]);
	$shop->sql("CREATE TABLE $_->[0] (id int PRIMARY KEY, name text);
		SELECT bcdelta.track('$_->[0]', 'shop', 'category', fields => '{\"name\": \"name\"}', options => '{\"tree_id\": $_->[1]}')")
	  foreach ([ 'here', 1 ], [ 'there', 2 ]);
	$shop->sql("INSERT INTO here VALUES (1, 'New'); INSERT INTO there VALUES (1, 'Newer')");
	$store->fault({ match => { method => 'POST' }, times => 1, do => { partial => { fail => [0] } } });
	$shop->clear;
	$shop->push;
	is(posts(), 1, 'both in one request');
	is_deeply($shop->pending, { 'here 1' => 'failed' }, 'that was done in part');
};

subtest 'a record that the store lists only later is neither created twice nor given up' => sub {
	$shop->sql(<<'EOC');
SELECT bcdelta.untrack('here');
CREATE TABLE clubs (id int PRIMARY KEY, name text);
SELECT bcdelta.track('clubs', 'shop', 'customer_group', fields => '{"name": "name"}');
EOC
	my %made = (makers => 'brands', groups => 'categories', things => 'products', clubs => 'customer_groups');
	my %before = map { $_ => scalar @{ $store->state($made{$_}) } } keys %made;
	$store->settings({ list_delay_ms => 3600000 });
	$store->fault({ match => { method => 'POST' }, do => { lose => 'after' } });
	$shop->sql("INSERT INTO makers VALUES ('L', 'Late'); INSERT INTO groups VALUES (90, NULL, 'Late'); INSERT INTO clubs VALUES (1, 'Late');
		INSERT INTO things VALUES (90, 'LATE', 1), (91, 'EARLY', 1)");
	my $run = $shop->push('wait => false');
	$shop->wait_for("SELECT count(*) = 5 FROM bcdelta.pending WHERE state = 'waiting'");
	$store->unfault;
	# the record of this one can be found by its old key only
	$shop->sql("UPDATE things SET sku = 'LATER' WHERE id = 91");
	$shop->wait_for("SELECT count(*) = 5 FROM (SELECT DISTINCT feed, key FROM bcdelta.result
		WHERE run_id = $run->{run_id} AND error ~ 'looked for once more|is asked again') AS r");
	$store->settings({ list_delay_ms => 0 });
	$store->settle;
	$shop->wait_for("SELECT state = 'succeeded' FROM bcdelta.run WHERE run_id = $run->{run_id}");
	is($shop->value("SELECT failed FROM bcdelta.run WHERE run_id = $run->{run_id}")->{failed}, 0, 'no row fails');
	is_deeply([ map { @{ $store->state($made{$_}) } - $before{$_} } sort keys %made ], [ 1, 1, 1, 2 ], 'each record is there once');
	is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE (feed, key) IN (('makers', 'L'), ('groups', '90'), ('clubs', '1'), ('things', '90'), ('things', '91'))"),
		5, 'and linked');
	check_things('listed late');
};

is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE store_id = 801"), 0, 'a row finds no root of another tree');
is($store->counts->{server}{bugs}, 0, 'the store met no bug of its own');
done_testing();
