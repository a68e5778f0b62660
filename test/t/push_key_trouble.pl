# What can go wrong while rows wait for each other's natural keys: no row is
# left without its number, and none harms another permanently.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('turns', server => { max_attempts => 4 });
my ($node, $store) = ($shop->node, $shop->store);
my $rows = 24;
$shop->sql(<<'EOC');
CREATE TABLE maker (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE grp (id int PRIMARY KEY, parent int, name text NOT NULL);
CREATE TABLE item (id int PRIMARY KEY, sku text, name text, price numeric NOT NULL, brand text);
SELECT bcdelta.track('maker', 'shop', 'brand', on_delete => 'delete');
SELECT bcdelta.track('grp', 'shop', 'category', on_delete => 'delete',
	fields => '{"name": "name", "parent_id": "bcdelta.ref(''grp'', parent)"}');
SELECT bcdelta.track('item', 'shop', 'product', on_delete => 'delete',
	fields => '{"sku": "sku", "name": "name", "price": "price", "type": "''physical''", "weight": "1",
		"brand_id": "bcdelta.ref(''maker'', brand)", "categories": "ARRAY[bcdelta.ref(''grp'', id % 3 + 1)]"}');
INSERT INTO maker SELECT c, 'Maker ' || c FROM unnest('{a,b,c,d,e}'::text[]) AS c;
INSERT INTO grp SELECT g, CASE WHEN g > 3 THEN 1 END, 'Group ' || g FROM generate_series(1, 6) AS g;
EOC
$store->seed('products', [ map { { id => 1000 + $_, sku => "S$_", name => "Item $_", price => $_, type => 'physical', weight => 1 } } 1 .. $rows ]);
$shop->sql("INSERT INTO item SELECT g, 'S' || g, 'Item ' || g, g, chr(97 + g % 5) FROM generate_series(1, $rows) AS g");
$shop->push;

my @kinds = ([qw(sku)], [qw(name)], [qw(sku name)]);

sub rotate
{
	my ($columns, $from, $n) = @_;
	$from //= 1;
	$n //= $rows;
	$shop->sql('UPDATE item SET price = item.price + 0.01, ' . join(', ', map { "$_ = n.$_" } @$columns)
		  . " FROM item AS n WHERE n.id = $from + (item.id - $from + 1) % $n AND item.id BETWEEN $from AND $from + $n - 1");
	return;
}

# Rows whose records differ, except these
sub differing
{
	my (@but) = @_;
	my %have = map { $_->{id} => join('|', @$_{qw(name sku)}, $_->{price} + 0) } @{ $store->state('products') };
	my $but = join(',', @but);
	my $want = $shop->value("SELECT jsonb_object_agg(store_id, concat_ws('|', name, sku, trim_scale(price))) AS o
		FROM item LEFT JOIN bcdelta.link ON feed = 'item' AND key = id::text WHERE id <> ALL ('{$but}')")->{o};
	my @differ = grep { !@but || $want->{$_} } sort keys %{ { %have, %$want } };
	return [ map { ($have{$_} // 'none') . ' for ' . ($want->{$_} // 'none') }
		  grep { ($have{$_} // '') ne ($want->{$_} // '') } @differ ];
}

sub agree
{
	my ($what) = @_;
	is_deeply(differing(), [], "$what: every row has its record, and there is no other");
	is_deeply($shop->pending, {}, "$what: nothing is pending") or diag(explain($shop->errors));
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: nothing has to be put back");
	return;
}

# Every product has an article number, and one of the names that rows have had
sub whole
{
	my ($what) = @_;
	is_deeply([ map { "$_->{id} $_->{name} $_->{sku}" } grep { $_->{sku} eq '' || $_->{name} =~ /\(\d+\)$/ } @{ $store->state('products') } ],
		[], "$what: no product is without what identifies it");
	is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 0, "$what: nothing has to be put back");
	return;
}

subtest 'a killed worker, lost replies and changes under way leave no row without its number' => sub {
	foreach my $columns (@kinds)
	{
		my $what = join(' and ', @$columns);

		# The worker is killed, with requests that are done or not
		foreach my $process (qw(now never))
		{
			rotate($columns);
			$store->hold({ match => { method => 'PUT' }, process => $process });
			my $push = $shop->start;
			$shop->wait_held(1);
			kill_worker($node, 'shop', 'KILL');
			$push->finish;
			$store->release;
			is($shop->push->{failed}, 0, "$what: after a kill ($process)");
			agree("$what, a kill ($process)");
		}

		# Replies are lost
		foreach my $lose (qw(after before))
		{
			rotate($columns);
			$store->fault({ match => { method => 'PUT' }, times => 2, do => { lose => $lose } });
			is($shop->push->{failed}, 0, "$what: replies lost $lose the work");
			$store->unfault;
			agree("$what, replies lost $lose the work");
		}

		# Rows change again while requests are under way
		rotate($columns);
		$store->hold({ match => { method => 'PUT' } });
		my $push = $shop->start;
		$shop->wait_held(1);
		rotate($columns);
		rotate($columns, 5, 9);
		$store->release;
		$push->finish;
		$shop->push;
		agree("$what, changed while under way");
	}
};

subtest 'a row that is invalid, refused, deferred or failing holds up no other permanently' => sub {
	my %bad = (
		invalid => [ 'price = -1', undef ],
		refused => [ 'price = 777', { match => { method => 'PUT', body => '777' }, do => { status => 422, body => { status => 422, title => 'No' } } } ],
		deferred => [ q(brand = 'x'), undef ],
		failing => [ 'price = 777', { match => { method => 'PUT', body => '777' }, times => 1, do => { status => 500 } } ]);
	foreach my $columns (@kinds)
	{
		foreach my $how (sort keys %bad)
		{
			my $what = join(' and ', @$columns) . ", one row is $how";
			$shop->sql('UPDATE item SET price = id');
			$shop->push;
			rotate($columns, 3, 11);
			$shop->sql("UPDATE item SET $bad{$how}[0] WHERE id = 7");
			$store->fault($bad{$how}[1]) if $bad{$how}[1];
			$shop->push;
			whole($what);
			is_deeply(differing(7), [], "$what: the others are pushed")
			  if $how ne 'failing' and "@$columns" eq 'sku name';
			$store->unfault;
			# that one row is corrected in the source; rows that failed only because of it follow
			$shop->sql(q(UPDATE item SET price = 7, brand = 'a' WHERE id = 7));
			$shop->push;
			agree($what);
		}
	}
};

subtest 'a run that is cancelled restores what was given up' => sub {
	foreach my $columns (@kinds[ 0, 1 ])
	{
		rotate($columns, 1, 2);
		$store->hold({ match => { method => 'PUT' }, times => 1 });
		my $run = $shop->push('wait => false');
		$shop->wait_held(1);
		is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE aside IS NOT NULL'), 1, 'what is given up is noted before');
		$store->hold({ match => { method => 'PUT' }, process => 'never', times => 1 });
		$store->release({ most => 1, stay => JSON::PP::true });
		$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE aside IS NOT NULL AND (payload ->> 'sku' = '' OR payload ->> 'name' LIKE '%(%')");
		$shop->wait_held(1);
		$shop->sql("SELECT bcdelta.cancel($run->{run_id})");
		$store->release;
		$shop->wait_for("SELECT state = 'cancelled' FROM bcdelta.run WHERE run_id = $run->{run_id}");
		whole("@$columns: a cancelled run");
		$shop->push;
		agree("@$columns: after a cancelled run");
	}
};

subtest 'what a cancelled run cannot restore because the source is locked, the next push restores' => sub {
	rotate(['sku'], 1, 2);
	$store->hold({ match => { method => 'PUT' }, times => 1 });
	my $locked = $shop->push('wait => false');
	$shop->wait_held(1);
	$store->hold({ match => { method => 'PUT' }, process => 'never', times => 1 });
	$store->release({ most => 1, stay => JSON::PP::true });
	$shop->wait_for("SELECT count(*) = 1 FROM bcdelta.link WHERE aside IS NOT NULL AND payload ->> 'sku' = ''");
	$shop->wait_held(1);
	my $locker = psql_open($node, 'shop');
	$locker->query('BEGIN; LOCK TABLE item');
	$shop->sql("SELECT bcdelta.cancel($locked->{run_id})");
	$store->release;
	is($shop->sql("SELECT state FROM bcdelta.run WHERE run_id = $locked->{run_id}"), 'cancelled', 'a run that is cancelled while the source is locked');
	$locker->query('COMMIT');
	$locker->finish;
	$shop->push;
	agree('the next push');
};

subtest 'brands and categories in circles keep their records, so nothing that refers to them is written' => sub {
	$shop->clear;
	$shop->sql(q(UPDATE maker SET name = n.name FROM maker AS n WHERE n.code = translate(maker.code, 'abcde', 'bcdea')));
	$shop->sql(q(UPDATE grp SET name = n.name FROM grp AS n WHERE n.id = (CASE grp.id WHEN 3 THEN 1 WHEN 6 THEN 4 ELSE grp.id + 1 END)));
	my $run = $shop->push;
	is("$run->{created} $run->{updated} $run->{failed}", '0 11 0', 'brands and categories change names in circles');
	is(scalar(grep { $_->{path} =~ /products/ } $shop->writes), 0, 'no product is written');
	cmp_ok(scalar($shop->writes), '<=', 5 + 1 + 2 + 1, 'one more for every circle') or diag(explain([ map { [ @$_{qw(path status body)} ] } $shop->writes ]));
	is_deeply([ sort map { $_->{name} } @{ $store->state('brands') } ], [ sort @{ $shop->list('SELECT name FROM maker') } ], 'the brands');
	my $brands = { map { $_->{id} => $_->{name} } @{ $store->state('brands') } };
	is_deeply([ map { $brands->{ $shop->id('maker', $_) } } qw(a b c d e) ], $shop->list('SELECT name FROM maker ORDER BY code'), 'each of its row');
	my $groups = { map { $_->{category_id} => $_->{name} } @{ $store->state('categories') } };
	is_deeply([ map { $groups->{ $shop->id('grp', $_) } } 1 .. 6 ], $shop->list('SELECT name FROM grp ORDER BY id'), 'and each category');
	is($shop->verify->{conflicts}, 0, 'verify finds no difference');
	agree('products');
};

subtest 'every row gets its number even if a store processes batches in another order, or in part' => sub {
	foreach my $mode ({ batch_in_order => JSON::PP::false }, { batch_mode => 'prefix' }, { batch_mode => 'partial' })
	{
		my ($name) = map { "$_ $mode->{$_}" } keys %$mode;
		$store->settings($mode);
		foreach my $columns (@kinds)
		{
			rotate($columns);
			is($shop->push->{failed}, 0, "@$columns: $name");
			agree("@$columns, $name");
		}
		$store->settings({ batch_in_order => JSON::PP::true, batch_mode => 'atomic' });
	}
};

done_testing();
