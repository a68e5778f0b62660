# Natural keys that move among the rows of several feeds of one resource: which
# feed a row belongs to makes no difference to the store.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('between', server => { max_attempts => 4 });
my ($node, $store) = ($shop->node, $shop->store);
my @feeds = qw(x y z u v);
my $rows = 12;
$store->settings({ other_tokens => [ 'token-u', 'token-v' ] });
foreach my $feed (@feeds)
{
	$shop->sql(<<"EOC") if $feed =~ /[uv]/;
CREATE ROLE $feed;
GRANT USAGE ON FOREIGN SERVER shop TO $feed;
GRANT USAGE ON SCHEMA bcdelta TO $feed;
GRANT CREATE ON SCHEMA public TO $feed;
CREATE USER MAPPING FOR $feed SERVER shop OPTIONS (access_token 'token-$feed');
EOC
	$shop->sql(($feed =~ /[uv]/ ? "SET ROLE $feed;" : '') . <<"EOC");
CREATE TABLE $feed (id int PRIMARY KEY, sku text, name text, price numeric NOT NULL);
SELECT bcdelta.track('$feed', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "price": "price", "type": "''physical''", "weight": "1"}');
INSERT INTO $feed SELECT g, '$feed' || g, 'Item $feed' || g, g FROM generate_series(1, $rows) AS g;
EOC
}
is($shop->push->{created}, @feeds * $rows, 'the store is loaded');
my @kinds = ([qw(sku)], [qw(name)], [qw(sku name)]);

# The rows named ("x1", "y1", ...) take what the next one has, the last one what the first has
sub rotate
{
	my ($columns, @rows) = @_;
	my @now = map { my ($feed, $id) = /^(.)(.*)/; $shop->value("SELECT * FROM $feed WHERE id = $id") } @rows;
	my $sql = '';
	foreach my $i (0 .. $#rows)
	{
		my ($feed, $id) = $rows[$i] =~ /^(.)(.*)/;
		my $next = $now[ ($i + 1) % @rows ];
		$sql .= "UPDATE $feed SET price = price + 0.01, " . join(', ', map { "$_ = '$next->{$_}'" } @$columns) . " WHERE id = $id;";
	}
	$shop->sql("BEGIN; $sql COMMIT");
	return;
}

my $union = join(' UNION ALL ', map { "SELECT '$_' AS feed, * FROM $_" } @feeds);

# Records that differ from their rows, except these rows
sub differing
{
	my %but = map { $_ => 1 } @_;
	my %have = map { $_->{id} => join('|', @$_{qw(name sku)}, $_->{price} + 0) } @{ $store->state('products') };
	my $links = $shop->value("SELECT jsonb_object_agg(feed || id, ARRAY[store_id::text, concat_ws('|', name, sku, trim_scale(price))]) AS o
		FROM ($union) AS u LEFT JOIN bcdelta.link AS l USING (feed) WHERE l.key = u.id::text")->{o};
	my @differ = map { "$_: " . ($have{ $links->{$_}[0] } // 'none') . " for $links->{$_}[1]" }
	  grep { !$but{$_} and ($have{ $links->{$_}[0] } // '') ne $links->{$_}[1] } sort keys %$links;
	push @differ, 'records: ' . keys %have if keys %have != keys %$links;
	return \@differ;
}

sub agree
{
	my ($what) = @_;
	is_deeply(differing(), [], "$what: every row has its record, and there is no other");
	is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: nothing has to be put back");
	return;
}

# No product lacks a number, or has a name that no row has had
sub whole
{
	my ($what) = @_;
	is_deeply([ map { "$_->{id} $_->{name} $_->{sku}" } grep { $_->{sku} eq '' || $_->{name} =~ /\(\d+\)$/ } @{ $store->state('products') } ],
		[], "$what: no product is without what identifies it");
	return;
}

subtest 'circles of keys among rows of several feeds: every row gets its record, with three additional calls' => sub {
	my %circles = (
		'two rows of two feeds' => [qw(x1 y1)],
		'three rows of three feeds' => [qw(x1 y1 z1)],
		'three rows the other way' => [qw(z2 y2 x2)],
		'a long circle' => [ map { ("x$_", "y$_") } 1 .. $rows ],
		'a long circle of parts' => [ (map { "x$_" } 1 .. $rows), (map { "z$_" } 1 .. $rows), (map { "y$_" } 1 .. $rows) ]);
	foreach my $columns (@kinds)
	{
		foreach my $name (sort keys %circles)
		{
			my $what = "@$columns: $name";
			my @rows = @{ $circles{$name} };
			rotate($columns, @rows);
			$shop->clear;
			my $run = $shop->push;
			is("$run->{state} $run->{created} $run->{deleted} $run->{failed}", 'succeeded 0 0 0', "$what: the run succeeds");
			my $most = int((@rows + 9) / 10) + 3;
			cmp_ok(scalar @{ $shop->calls }, '<=', $most, "$what: at most $most calls") or diag(explain([ $shop->writes ]));
			agree($what);
		}
	}
};

subtest 'circles of keys among feeds with several tokens: every row gets its record, and each is written with its own token' => sub {
	my %circles = (
		'two rows' => [qw(x1 u1)],
		'two rows the other way' => [qw(u1 x1)],
		'three tokens' => [qw(x1 u1 v1)],
		'three tokens the other way' => [qw(v2 u2 x2)],
		'two of each' => [qw(x1 x2 u1 u2 v1 v2)],
		'a circle with rows of a feed that shares the token' => [qw(x1 u1 y1 v1 z1)],
		'a long circle' => [ map { ("x$_", "u$_") } 1 .. $rows ],
		'a long circle of parts' => [ (map { "v$_" } 1 .. $rows), (map { "x$_" } 1 .. $rows), (map { "u$_" } 1 .. $rows) ]);
	foreach my $name (sort keys %circles)
	{
		foreach my $columns ($name =~ /^two rows$/ ? @kinds : $kinds[2])
		{
			my $what = "@$columns: $name";
			rotate($columns, @{ $circles{$name} });
			$shop->clear;
			my $run = $shop->push;
			is("$run->{state} $run->{created} $run->{deleted} $run->{failed}", 'succeeded 0 0 0', "$what: the run succeeds");
			agree($what);
			whole($what);
		}
	}
};

subtest 'a circle of several tokens that is pushed feed by feed, or has a row that cannot be sent, is reported, and resolved later' => sub {
	rotate([qw(sku)], qw(x1 u1 v1));
	foreach my $feed (qw(x u v))
	{
		$shop->push("feed => '$feed'");
		like(error_of("$feed 1"), qr/push both feeds together/, "$feed alone: the error says what to do");
		whole("$feed alone");
	}
	$shop->push;
	agree('all together');
	foreach my $bad (qw(x1 u1 v1))
	{
		rotate([qw(sku name)], qw(x1 u1 v1));
		my ($feed, $id) = $bad =~ /^(.)(.*)/;
		$shop->sql("UPDATE $feed SET price = -1 WHERE id = $id");
		$shop->push;
		whole("$bad is bad");
		is(scalar(grep { $_ eq 'failed' } values %{ $shop->pending }), 3, "$bad is bad: what waits for it fails with it");
		$shop->sql("UPDATE $feed SET price = 1 WHERE id = $id");
		$shop->push;
		agree("$bad is mended");
	}
	# some wait for each other in part, but all of them for the bad one in the end
	rotate([qw(sku)], qw(y4 v1 z3 z1 u4 y5 y10 y3 z9 v5 x1 v8 x8 v11 x12));
	$shop->sql('UPDATE u SET price = -1 WHERE id = 4');
	$shop->push;
	whole('one of many is bad');
	$shop->sql('UPDATE u SET price = 1 WHERE id = 4');
	$shop->push;
	agree('one of many is mended');
};

subtest 'after the worker was killed, every row of a circle of several tokens has its record' => sub {
	foreach my $kill ([ 1, 'never' ], [ 1, 'now' ], [ 2, 'now' ], [ 4, 'now' ])
	{
		my ($n, $process) = @$kill;
		my $what = "killed at write $n ($process)";
		rotate([qw(sku name)], map { ("x$_", "u$_", "v$_") } 1 .. 3);
		$store->hold({ match => { method => 'PUT' }, process => $process });
		my $push = $shop->start;
		foreach (2 .. $n)
		{
			$shop->wait_held(1);
			$store->release({ most => 1, stay => JSON::PP::true });
		}
		$shop->wait_held(1);
		kill_worker($node, 'shop', 'KILL');
		$push->finish;
		$store->release;
		is($shop->push->{failed}, 0, "$what: the next push");
		agree($what);
	}
};

# Every row gets back what it had first
sub reset_rows
{
	$shop->sql(join(' ', 'BEGIN;', (map { "UPDATE $_ SET sku = '$_' || id, name = 'Item $_' || id;" } @feeds), 'COMMIT'));
	$shop->push;
	agree('a new beginning');
	return;
}

sub error_of { return $shop->errors->{ $_[0] } // ''; }

subtest 'if feeds are pushed one by one, nothing is taken from the other feed, and the error names it' => sub {
	foreach my $columns (@kinds)
	{
		foreach my $order ([qw(x)], [qw(y)], [qw(x y)], [qw(y x y)])
		{
			my $what = "@$columns: " . join(', ', @$order) . ' alone';
			rotate($columns, qw(x1 y1 x2 y2));
			foreach my $feed (@$order)
			{
				my $run = $shop->push("feed => '$feed'");
				is($run->{created}, 0, "$what: nothing is created");
				whole($what);
				my $other = $feed eq 'x' ? 'y' : 'x';
				like(error_of("$feed 1"), qr/still belongs to row [12] of feed "$other" in the store, which has a change that was not pushed with this row; push both feeds together/,
					"$what: the error says what to do");
			}
			$shop->push;
			agree($what);
		}
	}
};

subtest 'a new row does not take the record of another feed\'s row that is about to change its key' => sub {
	reset_rows();
	$shop->sql(q(UPDATE y SET sku = 'gone' WHERE id = 5; INSERT INTO x VALUES (50, 'y5', 'Item x50', 50)));
	is($shop->push("feed => 'x'")->{failed}, 1, 'its feed alone: the new row fails');
	like(error_of('x 50'), qr/still belongs to row 5 of feed "y" in the store, which has a change that was not pushed with this row/, 'and says why');
	is($shop->sql(q(SELECT count(*) FROM bcdelta.link WHERE feed = 'x' AND key = '50')), 0, 'it is linked to nothing');
	$shop->push("feed => 'y'");
	$shop->push("feed => 'x'");
	agree('feed by feed');
	$shop->sql(q(UPDATE y SET sku = 'free', price = price + 1 WHERE id = 5; INSERT INTO x VALUES (51, 'gone', 'Item x51', 51)));
	$shop->push;
	agree('both together');
	$shop->sql('DELETE FROM x WHERE id > 49');
	$shop->push;
	reset_rows();
};

subtest 'a chain of two feeds is resolved by the other feed\'s push' => sub {
	rotate([qw(sku)], qw(x3 y3 x4));
	$shop->sql(q(UPDATE x SET sku = 'free' WHERE id = 4));
	$shop->push("feed => 'x'");
	like(error_of('x 3'), qr/row 3 of feed "y"/, 'a chain: a row waits for one of another feed');
	$shop->push("feed => 'y'");
	$shop->push("feed => 'x'");
	agree('a chain, feed by feed');
	reset_rows();
};

subtest 'a row that waits for a row of a paused feed fails, and names it' => sub {
	rotate([qw(sku)], qw(x1 y1));
	$shop->sql(q(SELECT bcdelta.pause('y')));
	is($shop->push->{failed}, 1, 'a feed is paused: a row that waits for one of its rows fails');
	whole('a feed is paused');
	like(error_of('x 1'), qr/row 1 of feed "y" in the store, which is paused; resume "y", and push both feeds together/, 'and says why');
	$shop->sql(q(SELECT bcdelta.resume('y')));
	$shop->push;
	agree('a feed that was paused');
	reset_rows();
};

subtest 'a row takes the key of another feed\'s row that is deleted, or gives it up' => sub {
	foreach my $pair ([qw(x y)], [qw(y x)])
	{
		my ($taker, $giver) = @$pair;
		foreach my $columns (@kinds)
		{
			my $what = "@$columns of a deleted row of $giver for one of $taker";
			my $set = join(', ', map { "$_ = (SELECT $_ FROM $giver WHERE id = 5)" } @$columns);
			$shop->sql("BEGIN; CREATE TEMPORARY TABLE kept AS SELECT * FROM $giver WHERE id = 5;
				UPDATE $taker SET $set WHERE id = 5; DELETE FROM $giver WHERE id = 5; COMMIT");
			my $run = $shop->push;
			is("$run->{created} $run->{deleted} $run->{failed}", '0 1 0', "$what: the record goes");
			agree($what);
			$shop->sql("UPDATE $taker SET sku = '$taker' || 5, name = 'Item $taker' || 5 WHERE id = 5;
				INSERT INTO $giver VALUES (5, '${giver}5', 'Item ${giver}5', 5)");
			is($shop->push->{failed}, 0, "$what: and back");
			agree("$what, and back");

			# a new row takes the key that the other one gives up
			$set = join(', ', map { "$_ = 'Fresh $what'" } @$columns);
			my %new = (sku => "New $what", name => "New $what");
			my $now = $shop->value("SELECT * FROM $giver WHERE id = 6");
			$new{$_} = $now->{$_} foreach @$columns;
			$shop->sql("BEGIN; UPDATE $giver SET $set WHERE id = 6; INSERT INTO $taker VALUES (100, '$new{sku}', '$new{name}', 1); COMMIT");
			$run = $shop->push;
			is("$run->{created} $run->{failed}", '1 0', "$what: a new row");
			agree("$what, a new row");
			$shop->sql("DELETE FROM $taker WHERE id = 100; UPDATE $giver SET sku = '${giver}6', name = 'Item ${giver}6' WHERE id = 6");
			$shop->push;
		}
	}
};

subtest 'after the worker was killed, every row of every feed has its record' => sub {
	foreach my $columns (@kinds)
	{
		foreach my $process (qw(now never))
		{
			my $what = "@$columns, a kill ($process)";
			rotate($columns, map { ("x$_", "y$_") } 1 .. 6);
			$store->hold({ match => { method => 'PUT' }, process => $process });
			my $push = $shop->start;
			$shop->wait_held(1);
			kill_worker($node, 'shop', 'KILL');
			$push->finish;
			$store->release;
			is($shop->push->{failed}, 0, "$what: the next push");
			agree($what);
		}
	}
};

subtest 'a row that cannot be sent keeps its key, and rows of other feeds that wait for it say so' => sub {
	my %bad = (price => '-1', name => q(repeat('x', 300)), sku => q(repeat('x', 300)));
	foreach my $rows ([qw(x1 y1 x2 y2)], [ map { "x$_" } 1 .. 4 ])
	{
		foreach my $column (sort keys %bad)
		{
			foreach my $columns ([qw(name)], [qw(sku)])
			{
				my $what = "@$columns of @$rows, $rows->[2] has a bad $column";
				rotate($columns, @$rows);
				my ($feed, $id) = $rows->[2] =~ /^(.)(.*)/;
				my $now = $shop->value("SELECT * FROM $feed WHERE id = $id");
				$shop->sql("UPDATE $feed SET $column = $bad{$column} WHERE id = $id");
				$shop->push;
				whole($what);
				my @key = map { /^(.)(.*)/; "$1 $2" } @$rows;
				like(error_of($key[1]), qr/still belongs to row $id( of feed "$feed")? in the store, which could not be pushed; see its own error/,
					"$what: the row before says whose it is");
				like(error_of($key[0]), qr/, which waits for row $id of feed "$feed", which could not be pushed/, "$what: the one before that too");
				$shop->sql("UPDATE $feed SET $column = '$now->{$column}' WHERE id = $id");
				$shop->push;
				agree($what);
			}
		}
	}
};

done_testing();
