# People edit records in the store: what they change, and the source does not,
# stays, even if a reply was lost or the worker was killed.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('edits', store => { args => [ '--quota', 100000 ] },
	node => { conf => "wal_writer_delay = 10s\n" });    # so that a crash loses what was not flushed
my $store = $shop->store;

$shop->sql(<<'EOC');
CREATE TABLE item (id int PRIMARY KEY, price numeric NOT NULL, title text NOT NULL, body text, stock int NOT NULL DEFAULT 5, sku text);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "coalesce(sku, ''S'' || id)", "name": "title", "price": "price", "description": "body",
	"inventory_level": "stock", "inventory_tracking": "''product''", "type": "''physical''", "weight": "1"}');
INSERT INTO item SELECT g, 10, 'Item ' || g, repeat('text ', 100) || g FROM generate_series(1, 16) AS g;
EOC
is($shop->push->{created}, 16, 'pushed');

sub record
{
	my ($key) = @_;
	my $id = $shop->id('item', $key);
	my ($record) = grep { $_->{id} == $id } @{ $store->state('products') };
	return { map { $_ => $record->{$_} } qw(name price description) };
}

# Kills the worker while a request is under way, edits a record, and pushes.
sub crash_and_push
{
	my ($process, $sql, $key, $edit, $more) = @_;
	$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' }, process => $process });
	$shop->sql($sql);
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->edit('product', $shop->id('item', $key), $edit);
	$shop->sql($more) if $more;
	$store->release;
	$shop->clear;
	$shop->push;
	is_deeply($shop->pending, {}, "request done $process: nothing is pending");
	return;
}

subtest 'an edit of a field that the row has not changed survives a crash' => sub {
	foreach my $process (qw(never now))
	{
		my $key = $process eq 'never' ? 1 : 2;
		crash_and_push($process, "UPDATE item SET price = 20 WHERE id = $key", $key, { name => "Better name $key", description => 'By the agency' });
		is_deeply(record($key), { name => "Better name $key", price => 20, description => 'By the agency' }, "request done $process: it stays");
	}
};

subtest 'a field that the row has changed is written nevertheless' => sub {
	foreach my $process (qw(never now))
	{
		my $key = $process eq 'never' ? 3 : 4;
		crash_and_push($process, "UPDATE item SET price = 20 WHERE id = $key", $key, { price => 15 });
		is(record($key)->{price}, 20, "request done $process: the source wins");
	}
};

subtest 'a row that was changed back after a crash has its value, and an edit of that field stays' => sub {
	foreach my $process (qw(never now))
	{
		my $key = $process eq 'never' ? 5 : 6;
		crash_and_push($process, "UPDATE item SET price = 20, body = body || ' more' WHERE id = $key", $key, { name => "Edited $key" },
			"UPDATE item SET price = 10, body = replace(body, ' more', '') WHERE id = $key");
		is(record($key)->{price}, 10, "request done $process: what we wrote is undone");
		unlike(record($key)->{description}, qr/more/, 'long values, too');
		$key += 2;
		crash_and_push($process, "UPDATE item SET price = 20 WHERE id = $key", $key, { price => 17 }, "UPDATE item SET price = 10 WHERE id = $key");
		is(record($key)->{price}, 17, "request done $process: the edit stays");
	}
};

subtest 'an edit of a long text is not taken for what we sent' => sub {
	foreach my $process (qw(never now))
	{
		my $key = $process eq 'never' ? 13 : 14;
		crash_and_push($process, "UPDATE item SET body = body || ' more' WHERE id = $key", $key, { description => 'By the agency' },
			"UPDATE item SET body = replace(body, ' more', '') WHERE id = $key");
		is(record($key)->{description}, 'By the agency', "request done $process: the row was changed back, the edit stays");
	}
	$shop->sql("SELECT bcdelta.set_conflict('item', 'description', 'store')");
	crash_and_push('never', "UPDATE item SET body = body || ' more' WHERE id = 15", 15, { description => 'By the agency' });
	is(record(15)->{description}, 'By the agency', 'it stays if the policy says so');
	crash_and_push('now', "UPDATE item SET body = body || ' more' WHERE id = 16", 16, { description => join("\n ", ('text') x 100, '16', 'more') },
		"UPDATE item SET body = 'Newest' WHERE id = 16");
	is(record(16)->{description}, 'Newest', 'what we sent is known again even if the store has formatted it');
	$shop->sql("SELECT bcdelta.set_conflict('item', 'description')");
};

subtest 'a name that each update has to repeat is that of the store' => sub {
	$shop->sql(<<'EOS');
CREATE TABLE maker (id int PRIMARY KEY, name text NOT NULL, keywords text NOT NULL DEFAULT 'old');
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name", "search_keywords": "keywords"}');
INSERT INTO maker VALUES (1, 'Acme'), (2, 'Bolt');
EOS
	$shop->push;
	$store->edit('brand', $shop->id('maker', 1), { name => 'Acme & Sons' });
	$store->edit('brand', $shop->id('maker', 2), { name => 'Bolts' });
	$shop->clear;
	$shop->sql("UPDATE maker SET keywords = 'new' WHERE id = 1; UPDATE maker SET keywords = 'new', name = 'Bolt Inc' WHERE id = 2");
	$shop->push;
	my %brands = map { $_->{id} => $_ } @{ $store->state('brands') };
	is_deeply([ map { my $b = $brands{ $shop->id('maker', $_) }; "$b->{name} $b->{search_keywords}" } 1, 2 ], [ 'Acme & Sons new', 'Bolt Inc new' ], 'unless the row changes it');
	is(scalar(grep { $_->{method} eq 'GET' && $_->{path} =~ /brands/ } $store->journal), 1, 'one page is read');
};

subtest 'the same after a reply that was lost' => sub {
	foreach my $lost (qw(before after))
	{
		my $key = $lost eq 'before' ? 9 : 10;
		$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT' } });
		$shop->sql("UPDATE item SET price = 30 WHERE id = $key");
		my $pushing = $shop->start;
		$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.pending WHERE key = '$key'");
		$store->edit('product', $shop->id('item', $key), { name => "Renamed $key" });
		$pushing->finish;
		$store->unfault;
		$shop->push;
		is_deeply([ @{ record($key) }{qw(name price)} ], [ "Renamed $key", 30 ], "lost $lost: the edit stays, the change arrives");
	}
};

subtest 'a record keeps a new SKU after a crash, but not that of another row' => sub {
	$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' }, process => 'never' });
	$shop->sql('UPDATE item SET price = 50 WHERE id IN (7, 8, 9)');
	my $push = $shop->start;
	$shop->wait_held(1);
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	my %ids = map { $_ => $shop->id('item', $_) } 7 .. 9;
	$store->edit('product', $ids{7}, { sku => 'New-7' });
	$store->remove('product', $ids{9});
	$store->edit('product', $ids{8}, { sku => 'S9' });
	$store->release;
	is($shop->push->{failed}, 0, 'all are pushed');
	my %skus = map { $_->{id} => "$_->{sku} " . (0 + $_->{price}) } @{ $store->state('products') };
	is($skus{ $ids{7} }, 'New-7 50', 'a new one is kept');
	is($skus{ $ids{8} }, 'S8 50', 'that of another row is not');
	is($skus{ $shop->id('item', 9) }, 'S9 50', 'so that the other row can be created again');
};

# An update whose reply is lost, before or after the store has carried it out;
# the run goes on, and the row waits to be tried again.
sub lose
{
	my ($lost, $sql, $keys) = @_;
	my $known = $shop->sql("SELECT count(*) FROM bcdelta.result WHERE outcome = 'retry'");
	$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT', path => '^/catalog/products' } });
	$shop->sql($sql);
	$shop->start;
	$shop->wait_for("SELECT count(*) >= $known + $keys FROM bcdelta.result WHERE outcome = 'retry'");
	return;
}

sub differences
{
	$shop->verify;
	return @{ $shop->discrepancies };
}

subtest 'of several updates without a known outcome, any may have been carried out' => sub {
	$shop->sql("INSERT INTO item SELECT g, 10, 'Item ' || g, 'text' FROM generate_series(17, 24) AS g");
	$shop->push;
	lose('after', 'UPDATE item SET price = 20 WHERE id = 17', 1);
	lose('before', 'UPDATE item SET price = 30 WHERE id = 17', 1);
	$shop->sql('UPDATE item SET price = 10 WHERE id = 17');
	$shop->push;
	is(record(17)->{price}, 10, 'the first was, and the row is changed back: it has its value');

	lose('after', 'UPDATE item SET price = 20 WHERE id = 18', 1);
	lose('before', 'UPDATE item SET price = 30 WHERE id = 18', 1);
	$store->edit('product', $shop->id('item', 18), { price => 25 });
	$shop->sql('UPDATE item SET price = 20 WHERE id = 18');
	$shop->push;
	is(record(18)->{price}, 25, 'an edit after the first stays, if the row has its value again');
};

subtest 'what was written without a known outcome moves with the key of the row' => sub {
	foreach my $lost (qw(before after))
	{
		lose($lost, 'UPDATE item SET price = 20 WHERE id = 19', 1);
		$store->edit('product', $shop->id('item', 19), { name => "Edited $lost" });
		$shop->sql('UPDATE item SET id = 119, price = 10 WHERE id = 19');
		$shop->push;
		is_deeply([ @{ record(119) }{qw(name price)} ], [ "Edited $lost", 10 ], "lost $lost: the row has its value, and an edit stays");
		$shop->sql("UPDATE item SET id = 19, title = 'Item 19 $lost' WHERE id = 119");
		$shop->push;
	}
	lose('after', 'UPDATE item SET price = 20 WHERE id = 20; UPDATE item SET title = title || id WHERE id = 21', 2);
	$shop->sql('DELETE FROM item WHERE id = 21; UPDATE item SET id = 21, price = 10 WHERE id = 20');
	$shop->push;
	is(record(21)->{price}, 10, 'also to the key of another such row');
	is_deeply([ grep { /^item\|(?:17|21|119)\|/ } differences() ], [], 'source and store agree');
};

subtest 'a reference that was written without a known outcome is ours, even if the store has taken it out, since its record is gone' => sub {
	$shop->sql(<<'EOS');
CREATE TABLE grp (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO maker VALUES (3, 'Crux'), (4, 'Dale');
CREATE TABLE part (id int PRIMARY KEY, maker int, grps int[]);
SELECT bcdelta.track('grp', 'shop', 'category', '{"name": "name"}');
SELECT bcdelta.track('part', 'shop', 'product', '{"sku": "''P'' || id", "name": "''Part '' || id", "price": "1", "type": "''physical''", "weight": "1",
	"brand_id": "bcdelta.ref(''maker'', maker)", "categories": "ARRAY(SELECT bcdelta.ref(''grp'', g) FROM unnest(grps) AS g)"}');
INSERT INTO grp VALUES (1, 'One'), (2, 'Two'), (3, 'Three');
INSERT INTO part VALUES (1, 3, '{1,2}');
EOS
	$shop->push;
	my $part = $shop->id('part', 1);
	my %ids = (brand_id => $shop->id('maker', 3), categories => [ map { $shop->id('grp', $_) } 1, 2 ]);
	lose('after', "UPDATE part SET maker = 4, grps = '{1,3}'", 1);
	$store->remove('brand', $shop->id('maker', 4));
	$store->remove('category', $shop->id('grp', 3));
	my ($left) = grep { $_->{id} == $part } @{ $store->state('products') };
	is_deeply([ @$left{qw(brand_id categories)} ], [ 0, [ $ids{categories}[0] ] ], 'they are gone');
	$shop->sql("UPDATE part SET maker = 3, grps = '{1,2}'; DELETE FROM maker WHERE id = 4; DELETE FROM grp WHERE id = 3");
	$shop->push;
	my ($product) = grep { $_->{id} == $part } @{ $store->state('products') };
	is_deeply({ map { $_ => $product->{$_} } qw(brand_id categories) }, \%ids, 'the row has its values');
};

subtest 'what was written without a known outcome goes with the record when rows exchange their records' => sub {
	lose('after', 'UPDATE item SET price = 20 WHERE id = 22', 1);
	$shop->sql("UPDATE item SET sku = CASE id WHEN 22 THEN 'S23' ELSE 'S22' END, price = 10 WHERE id IN (22, 23)");
	$shop->push;
	is_deeply([ map { 0 + record($_)->{price} } 22, 23 ], [ 10, 10 ], 'both rows have their values');
	is_deeply([ grep { /^item\|(?:22|23)\|/ } differences() ], [], 'source and store agree');
};

subtest 'only what was under way is read again after a crash' => sub {
	$store->hold({ match => { method => 'PUT', path => '^/catalog/products$' }, process => 'never' });
	$shop->sql('UPDATE item SET price = 40 WHERE id IN (11, 12)');
	my $push = $shop->start;
	$shop->wait_held(1);
	is($shop->sql(q(SELECT string_agg(intent::text, ' ' ORDER BY key) FROM bcdelta.pending)),
		'{"fields": {"price": 40}} {"fields": {"price": 40}}', 'what is under way is noted');
	kill_worker($shop->node, 'shop', 'KILL');
	$push->finish;
	$store->release;
	$shop->clear;
	$shop->push;
	is_deeply([ map { "$_->{method} $_->{path}" } $store->journal ], [ 'GET /catalog/products', 'PUT /catalog/products' ], 'one read, one write');
	my ($put) = $shop->writes;
	is_deeply([ map { join ',', sort keys %$_ } @{ $put->{body} } ], [ 'id,price', 'id,price' ], 'of nothing but the price');
};

is_deeply($store->violations, {}, 'no rule of the API was broken');
done_testing();
