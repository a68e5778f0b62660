# Natural keys that rotate among rows: every row gets the record that has its
# keys, or waits for its turn, with few calls, and nothing is left over.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('rotation');
my $store = $shop->store;
my $rows = 1200;
$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, sku text, name text, price numeric NOT NULL, brand text);
CREATE TABLE maker (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE grp (id int PRIMARY KEY, parent int, name text NOT NULL);
SELECT bcdelta.track('maker', 'shop', 'brand', on_delete => 'delete');
SELECT bcdelta.track('grp', 'shop', 'category', on_delete => 'delete',
	fields => '{"name": "name", "parent_id": "bcdelta.ref(''grp'', parent)"}');
SELECT bcdelta.track('item', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "price": "price", "type": "''physical''", "weight": "1",
		"brand_id": "bcdelta.ref(''maker'', brand)"}');
EOC
# The initial load has been done
$store->seed('products', [ map { { id => 1000 + $_, sku => "S$_", name => "Item $_", price => $_, type => 'physical', weight => 1 } } 1 .. $rows ]);
$shop->sql("INSERT INTO item SELECT g, 'S' || g, 'Item ' || g, g FROM generate_series(1, $rows) AS g");
$shop->link("'item'");
$shop->push;
$shop->clear;

# The store agrees with the source, and has nothing else
sub agree
{
	my ($what) = @_;
	my %have = map { $_->{id} => join('|', @$_{qw(name sku)}, $_->{price} + 0) } @{ $store->state('products') };
	my $want = $shop->value(q(SELECT jsonb_object_agg(store_id, name || '|' || coalesce(sku, '') || '|' || price) AS o
		FROM item LEFT JOIN bcdelta.link ON feed = 'item' AND key = id::text))->{o};
	my @differ = grep { ($have{$_} // '') ne ($want->{$_} // '') } sort keys %{ { %have, %$want } };
	is_deeply([ map { ($have{$_} // 'none') . ' for ' . ($want->{$_} // 'none') } @differ ], [],
		"$what: every row has its record, and there is no other");
	is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: nothing has to be put back");
	return;
}

# A push, with a limit of calls
sub pushed
{
	my ($what, $most, %expected) = @_;
	$shop->clear;
	my $run = $shop->push;
	is("$run->{state} $run->{created} $run->{deleted} $run->{failed}",
		join(' ', 'succeeded', $expected{created} // 0, $expected{deleted} // 0, 0), "$what: the run succeeds");
	my $calls = $shop->calls;
	cmp_ok(scalar @$calls, '<=', $most, "$what: at most $most calls") or diag(explain($calls));
	agree($what);
	is($shop->sql("SELECT count(*) FROM bcdelta.result WHERE run_id = $run->{run_id} AND outcome = 'retry'
		AND error !~ '^the record has given up its key, which another row needs, and gets that of its own row next'"), 0, "$what: an interim key is told in words");
	return $run;
}

# Everyone of n rows takes what the next one has; the last one what the first has
sub rotate
{
	my ($columns, $from, $n) = @_;
	$shop->sql('UPDATE item SET ' . join(', ', map { "$_ = n.$_" } @$columns)
		  . " FROM item AS n WHERE n.id = $from + (item.id - $from + 1) % $n AND item.id BETWEEN $from AND $from + $n - 1");
	return;
}

sub batches { return int(($_[0] + 9) / 10); }

subtest 'circles of 2 to 1200 rows: every row gets its record, in few more calls than batches' => sub {
	foreach my $n (2, 3, 10, 100, $rows)
	{
		rotate([qw(sku)], 1, $n);
		pushed("$n numbers", batches($n) + 3);
		rotate([qw(sku name)], 1, $n);
		pushed("$n numbers and names", batches($n));
		rotate([qw(sku name price)], 1, $n);
		pushed("$n whole articles", 0);
		rotate([qw(name)], 1, $n);
		pushed("$n names", batches($n) + 3);
	}
};

subtest 'circles of every kind, and pairs, can be pushed at once' => sub {
	rotate([qw(sku)], 1, 7);
	rotate([qw(name)], 10, 13);
	rotate([qw(sku name)], 30, 20);
	rotate([qw(sku)], 60, 2);
	rotate([qw(name)], 70, 2);
	rotate([qw(name)], 63, 4);
	rotate([qw(sku)], 64, 3);
	pushed('circles of every kind', batches(7 + 13 + 20 + 2 + 2 + 4) + 6);
	$shop->sql(q(UPDATE item SET name = n.name FROM item AS n WHERE n.id = item.id + (CASE item.id % 2 WHEN 0 THEN 1 ELSE -1 END) AND item.id BETWEEN 100 AND 199));
	pushed('50 pairs of names', 17);
};

subtest 'chains end in a new key, or in that of a deleted row' => sub {
	foreach my $columns ([qw(sku)], [qw(name)], [qw(sku name)])
	{
		my $what = join(' and ', @$columns);
		my @next = map { "$_ = n.$_" } @$columns;
		my $shift = 'UPDATE item SET ' . join(', ', @next) . ' FROM item AS n WHERE n.id = item.id + 1 AND item.id BETWEEN 1 AND 29';
		$shop->sql("$shift; UPDATE item SET " . join(', ', map { "$_ = 'New $what'" } @$columns) . ' WHERE id = 30');
		pushed("$what: a chain", 5);
		$shop->sql("$shift; DELETE FROM item WHERE id = 30");
		pushed("$what: a chain that ends at a deleted row", 8, deleted => 1);
		$shop->sql("INSERT INTO item VALUES (30, 'T $what', 'Tail $what', 1)");
		pushed("$what: a row", 2, created => 1);
		# a new row takes the key that the first one gives up
		$shop->sql("CREATE TEMPORARY TABLE first AS SELECT * FROM item WHERE id = 1; $shift;
			UPDATE item SET " . join(', ', map { "$_ = 'Other $what'" } @$columns) . " WHERE id = 30;
			INSERT INTO item SELECT 3000, " . join(', ', map { my $c = $_; (grep { $_ eq $c } @$columns) ? $c : "'Head $what'" } qw(sku name)) . ', 3000 FROM first');
		pushed("$what: a chain that begins at a new row", 8, created => 1);
		$shop->sql('DELETE FROM item WHERE id = 3000');
		$shop->push;
	}
};

subtest 'the record of a row that is gone gives up a key that another row has' => sub {
	foreach my $on_delete (qw(hide ignore))
	{
		foreach my $column (qw(sku name))
		{
			foreach my $at_once (1, 0)
			{
				my $what = "$on_delete: $column of a row that is gone" . ($at_once ? '' : ' since long');
				$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => 'delete'); DELETE FROM item WHERE id > 4000; SELECT bcdelta.mark('item', '4003')");
				$shop->push;
				$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => '$on_delete');
					INSERT INTO item SELECT g, 'T' || g, 'Thing ' || g, g FROM generate_series(4001, 4004) AS g");
				$shop->push;
				my $links = $shop->value(q(SELECT jsonb_object_agg(key, store_id) AS o FROM bcdelta.link WHERE feed = 'item' AND key > '4'))->{o};
				my %now = map { $_->{id} => $_ } @{ $store->state('products') };
				my $had = $now{ $links->{4003} }{$column};
				$shop->sql('DELETE FROM item WHERE id = 4003');
				$shop->push unless $at_once;
				# 4001 takes that of 4002, 4002 that of the row that is gone
				$shop->sql("UPDATE item SET $column = (SELECT $column FROM item WHERE id = 4002) WHERE id = 4001;
					UPDATE item SET $column = '$had' WHERE id = 4002");
				$shop->clear;
				my $run = $shop->push;
				is("$run->{state} $run->{failed}", 'succeeded 0', "$what: the run succeeds");
				cmp_ok(scalar @{ $shop->calls }, '<=', 4, "$what: few calls");
				is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
				%now = map { $_->{id} => $_ } @{ $store->state('products') };
				is($now{ $links->{4002} }{$column}, $had, "$what: it is the record's of the row that has it");
				is(join('|', @{ $now{ $links->{4001} } }{qw(price is_visible)}), '4001|1', "$what: rows keep their records");
				is($now{ $links->{4003} }{is_visible} ? 1 : 0, $on_delete eq 'hide' ? 0 : 1, "$what: what becomes of the record that stays");
				is($now{ $links->{4003} }{$column}, $column eq 'sku' ? '' : "$had ($links->{4003})", "$what: it has let go");
				my $check = $shop->verify("feed => 'item'");
				is($check->{conflicts}, $on_delete eq 'hide' ? 0 : 1, "$what: verify agrees, but for a row that is gone");
			}
		}
	}
};

subtest 'the key is given up even if the store refuses, the reply is lost or the record is gone' => sub {
	my %faults = (
		'the store refuses it' => { status => 422, body => { status => 422, title => 'No' } },
		'the reply is lost' => { lose => 'after' },
		'the record is gone' => undef);
	foreach my $what (sort keys %faults)
	{
		$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => 'delete'); DELETE FROM item WHERE id > 4000; SELECT bcdelta.mark('item', '4003')");
		$shop->push;
		$shop->sql("SELECT bcdelta.alter_feed('item', on_delete => 'hide');
			INSERT INTO item SELECT g, 'T' || g, 'Thing ' || g, g FROM generate_series(4001, 4003) AS g");
		$shop->push;
		my $gone = $shop->sql("SELECT store_id FROM bcdelta.link WHERE feed = 'item' AND key = '4003'");
		$shop->sql('DELETE FROM item WHERE id = 4003');
		$shop->push;
		$shop->sql("UPDATE item SET sku = 'T4003' WHERE id = 4002");
		if ($faults{$what}) { $store->fault({ match => { method => 'PUT', body => '"sku": *""' }, times => 1, do => $faults{$what} }); }
		else { $store->remove('products', $gone); }
		$shop->clear;
		is($shop->push->{updated}, 1, "$what: the row is pushed");
		cmp_ok(scalar @{ $shop->calls }, '<=', 4, "$what: few calls");
		is_deeply($shop->pending, {}, "$what: nothing is pending");
		is($shop->verify("feed => 'item'")->{conflicts}, 0, "$what: verify agrees");
	}
};

subtest 'the row that has a key is found by an index, even by a plan made when nothing was linked' => sub {
	my $linked = 400;
	$shop->sql(<<"EOC");
SELECT bcdelta.untrack('item');
TRUNCATE item, bcdelta.link;
VACUUM ANALYZE bcdelta.link;
SELECT bcdelta.track('item', 'shop', 'product', fields => '{"sku": "sku", "name": "name", "price": "price", "type": "''physical''", "weight": "1"}');
INSERT INTO item VALUES (1, 'First', 'First', 1);
EOC
	is($shop->push->{created}, 1, 'a first row is created');
	my $stats = q(SELECT sum(idx_tup_read) FILTER (WHERE indexrelname <> 'link_unique_keys') AS others,
		sum(idx_scan) FILTER (WHERE indexrelname = 'link_unique_keys') AS keys
		FROM pg_stat_user_indexes WHERE schemaname = 'bcdelta' AND relname = 'link');
	$shop->leave;
	my $before = $shop->value($stats);
	$shop->sql("INSERT INTO item SELECT g, 'U' || g, 'Unique ' || g, g FROM generate_series(2, $linked) AS g");
	is($shop->push->{created}, $linked - 1, 'many rows are created');
	my $after;
	poll_until(sub { $after = $shop->value($stats); return $after->{keys} > $before->{keys}; }, 'the statistics of the search');
	cmp_ok($after->{others} - $before->{others}, '<=', 10 * $linked, 'no row has all the others read');
};

done_testing();
