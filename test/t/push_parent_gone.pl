# Records that go, or are gone: what refers to them, and what is below them.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

my $shop = BCDelta::Shop->open('gone', store => { args => [ '--quota', 100000 ] });
my $store = $shop->store;

# Whatever the feed is called, and whoever calls ref()
$shop->sql(<<'EOC');
CREATE TABLE makers (code text PRIMARY KEY, name text);
CREATE TABLE articles (sku text PRIMARY KEY, price numeric, maker text, other text);
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name"}', on_delete => 'delete', feed => $$o'neil "x" \$$);
CREATE FUNCTION brand_of(code text) RETURNS bigint LANGUAGE sql STABLE AS $$SELECT bcdelta.ref('o''neil "x" \', code)$$;
SELECT bcdelta.track('articles', 'shop', 'product', '{"sku": "sku", "name": "sku", "price": "price", "weight": "1", "type": "''physical''",
	"brand_id": "public.brand_of(maker)", "search_keywords": "other"}', on_delete => 'delete');
INSERT INTO makers SELECT i::text, 'Maker ' || i FROM generate_series(1, 4) AS i;
INSERT INTO articles SELECT 'A-' || i, i, i % 4 + 1 FROM generate_series(1, 40) AS i;
EOC
is($shop->push->{created}, 44, 'makers and articles');

sub brands
{
	my %names = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	return [ map { "$_->{sku} " . ($names{ $_->{brand_id} } // '-') } sort { $a->{sku} cmp $b->{sku} } @{ $store->state('products') } ];
}

my $source;
subtest 'brands that are gone are created again, and their products updated, whatever the feed is called' => sub {
	$source = q(SELECT sku || ' ' || name FROM articles JOIN makers ON code = maker ORDER BY sku COLLATE "C");
	$store->remove('brand', $_) foreach map { $_->{id} } grep { $_->{name} ne 'Maker 4' } @{ $store->state('brands') };
	$shop->sql("UPDATE makers SET name = 'New ' || code");
	$shop->clear;
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created updated)} ], [ 'succeeded', 3, 31 ], 'brands that are gone are created again');
	is_deeply(brands(), $shop->list($source), 'and their products updated');
};

subtest 'a row that is deleted and inserted again gets another record, and references to it are updated' => sub {
	$shop->sql("DELETE FROM makers WHERE code IN ('1', '2')");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state deleted deferred)} ], [ 'succeeded', 2, 20 ], 'what still refers to a row that was deleted waits for it');
	my $index = $shop->sql("SELECT pg_get_indexdef('bcdelta.pending_deferred'::regclass)");
	$shop->sql("DROP INDEX bcdelta.pending_deferred");
	$shop->sql("INSERT INTO makers VALUES ('1', 'Back 1'), ('2', 'Back 2')");
	$run = $shop->push;
	is_deeply([ @$run{qw(state created updated)} ], [ 'succeeded', 2, 20 ], 'which comes back, even if the index for that is missing');
	$shop->sql($index);
	is_deeply(brands(), $shop->list($source), 'and has its products again');
	is_deeply($shop->pending, {}, 'nothing is pending');
	$shop->clear;
	$shop->sql("UPDATE articles SET maker = 3; DELETE FROM makers WHERE code <> '3'");
	$run = $shop->push;
	is_deeply([ @$run{qw(deleted updated deferred)} ], [ 3, 30, 0 ], 'what refers to another row does not wait');
	is(scalar $shop->writes, 6, 'which costs no further call');
};

sub tree
{
	$shop->sql("DELETE FROM groups");
	$shop->push;
	$shop->sql("INSERT INTO groups VALUES (1, NULL, 'Top'), (2, 1, 'Middle'), (3, 2, 'Leaf'), (4, 2, 'Other leaf')");
	$shop->push;
	my $leaf = $shop->id('groups', 3);
	$store->edit('category', $leaf, { description => 'By hand' });
	return $leaf;
}

sub check_leaf
{
	my ($leaf, $what) = @_;
	is_deeply([ map { "$_->{category_id} $_->{name} $_->{description}" } @{ $store->state('categories') } ], [ "$leaf Leaf By hand" ], $what);
	is_deeply($shop->pending, {}, 'nothing is pending');
	return;
}

subtest 'a category that has moved elsewhere is pushed before its old parent is removed' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE groups (id int PRIMARY KEY, parent int, name text);
SELECT bcdelta.track('groups', 'shop', 'category', on_delete => 'delete',
	fields => '{"name": "name", "parent_id": "coalesce(bcdelta.ref(''groups'', parent), 0)"}');
ALTER SERVER shop OPTIONS (ADD max_attempts '3');
EOC

	my $change = 'UPDATE groups SET parent = NULL WHERE id = 3; DELETE FROM groups WHERE id <> 3';
	my $leaf = tree();
	$shop->clear;
	$shop->sql($change);
	is($shop->push->{deleted}, 3, 'categories are removed');
	check_leaf($leaf, 'one has moved away');
	is(scalar $shop->writes, 2, 'in two requests');

	foreach my $status (500, 429)
	{
		$leaf = tree();
		$store->fault({ match => { method => 'PUT' }, times => 1, do => { status => $status, rate_headers => JSON::PP::false } });
		$shop->sql($change);
		is($shop->push->{deleted}, 3, "the move is answered with $status at first");
		check_leaf($leaf, 'the removal waits for it');
	}

	$leaf = tree();
	$store->fault({ match => { method => 'PUT' }, do => { status => 422, body => { status => 422, title => 'No' } } });
	$shop->sql($change);
	is_deeply([ @{ $shop->push }{qw(deleted failed)} ], [ 1, 3 ], 'a move that is refused');
	is_deeply($shop->pending, { map { ("groups $_" => 'failed') } 1 .. 3 }, 'keeps what is above it');
	like($shop->errors->{'groups 1'}, qr/waiting for row 3 of feed "groups"/, 'which says why');
	$store->unfault;
	$shop->sql('SELECT bcdelta.retry()');
	is($shop->push->{deleted}, 2, 'until it is done');
	check_leaf($leaf, 'and nothing is lost');
};

subtest 'a category that an update without a known outcome may have moved is removed itself, as well as its old parent' => sub {
	foreach my $lost (qw(before after))
	{
		$shop->sql("INSERT INTO groups (id, name) VALUES (901, 'Old $lost'); INSERT INTO groups (id, parent, name) VALUES (902, 901, 'Moved $lost')");
		$shop->push;
		my %ids = map { $_ => $shop->id('groups', $_) } 901, 902;
		$store->fault({ times => 1, do => { lose => $lost }, match => { method => 'PUT', path => 'categories' } });
		$shop->sql('UPDATE groups SET parent = NULL WHERE id = 902');
		$shop->start;
		$shop->wait_for("SELECT state = 'waiting' FROM bcdelta.pending WHERE feed = 'groups' AND key = '902'");
		# the parent goes first
		$store->fault({ times => 3, do => { status => 500 }, match => { method => 'GET', query => $ids{902} } });
		$shop->sql('DELETE FROM groups WHERE id IN (901, 902)');
		$shop->push;
		is_deeply([ grep { $_->{category_id} == $ids{901} || $_->{category_id} == $ids{902} } @{ $store->state('categories') } ], [], "lost $lost: both are gone");
		is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
	}
};

subtest 'if a store refuses to remove a category with children, the removal is tried again' => sub {
	my $leaf = tree();
	$store->settings({ category_delete => 'refuse' });
	$shop->sql('DELETE FROM groups WHERE id <> 3; UPDATE groups SET parent = NULL');
	is_deeply([ @{ $shop->push }{qw(deleted failed)} ], [ 3, 0 ], 'what the store does not remove at first');
	check_leaf($leaf, 'is removed later');
	$store->settings({ category_delete => 'cascade' });
};

subtest 'a category of a paused feed prevents the removal of its parent' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE leaves (id int PRIMARY KEY, parent int, name text);
SELECT bcdelta.track('leaves', 'shop', 'category', fields => '{"name": "name", "parent_id": "coalesce(bcdelta.ref(''groups'', parent), 0)"}');
INSERT INTO groups VALUES (5, NULL, 'Branch');
INSERT INTO leaves VALUES (1, 5, 'Green');
EOC
	$shop->push;
	$shop->sql("UPDATE leaves SET parent = 3; DELETE FROM groups WHERE id = 5; SELECT bcdelta.pause('leaves')");
	is($shop->push->{failed}, 1, 'a category of a paused feed');
	is_deeply($shop->pending, { 'leaves 1' => 'ready', 'groups 5' => 'failed' }, 'keeps what is above it too');
	$shop->sql("SELECT bcdelta.resume('leaves'), bcdelta.retry()");
	is_deeply([ @{ $shop->push }{qw(updated deleted)} ], [ 1, 1 ], 'until it continues');
};

subtest 'categories removed with their parent are created again, and their contents updated' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE wares (id int PRIMARY KEY, grp int, title text);
SELECT bcdelta.track('wares', 'shop', 'product', '{"sku": "''W-'' || id", "name": "title", "price": "1", "weight": "1",
	"type": "''physical''", "categories": "ARRAY[bcdelta.ref(''groups'', grp)]"}');
INSERT INTO groups VALUES (10, NULL, 'Root'), (11, 10, 'Below'), (12, 11, 'Further below'), (13, NULL, 'Elsewhere');
INSERT INTO wares SELECT i, 9 + i, 'Ware ' || i FROM generate_series(1, 4) AS i;
EOC
	$shop->push;

	my $places = sub {
		my %name = map { $_->{category_id} => $_->{name} } @{ $store->state('categories') };
		return [ map { $_->{name} . ' ' . join(',', map { $name{$_} // 'nowhere' } @{ $_->{categories} }) } sort { $a->{name} cmp $b->{name} }
			  grep { $_->{name} =~ /^Ware/ } @{ $store->state('products') } ];
	};
	my $right_now = sub { $shop->list("SELECT title || ' ' || name FROM wares JOIN groups ON groups.id = grp ORDER BY wares.id"); };
	my $right = $right_now->();
	is_deeply($places->(), $right, 'wares in categories');

	foreach my $case (
		[ 'the store is not looked at', sub { } ],
		[ 'verify finds out', sub { $shop->verify } ],
		[ 'it does twice', sub { $shop->verify; $shop->verify } ],
		[ 'its rows are linked by hand again', sub { $shop->verify; $shop->sql("SELECT bcdelta.link('wares', '2', " . $shop->id('wares', 2) . ")") } ],
		[ 'a ware changes otherwise', sub { $shop->verify; $shop->sql("UPDATE wares SET title = 'Ware 2' WHERE id = 2; SELECT bcdelta.mark('groups', '10')") } ],
		[ 'a ware is pushed in vain', sub {
			$shop->verify;
			$store->fault({ match => { method => 'PUT', path => 'products' }, do => { status => 422, body => { status => 422, title => 'No' } } });
			$shop->sql("SELECT bcdelta.mark('wares', '2')");
			$shop->push("'wares'");
			$store->unfault;
		} ])
	{
		my ($what, $do) = @$case;
		$store->remove('category', $shop->id('groups', 10));
		$do->();
		$shop->sql("UPDATE groups SET name = name || '.' WHERE id IN (10, 11, 12)");
		$shop->push;
		$right = $right_now->();
		is_deeply($places->(), $right, "$what: the articles are updated for all that are created again");
		is_deeply($shop->pending, {}, 'nothing is pending') or diag(explain($shop->errors));
		is($shop->sql('SELECT count(*) FROM bcdelta.link WHERE referred IS NOT NULL'), 0, 'and nothing has to be remembered');
	}
	$store->remove('category', $shop->id('groups', 10));
	$shop->verify;
	$shop->sql("SELECT bcdelta.mark('groups', '10')");
	$shop->push;
	is_deeply($places->(), $right, 'one that is marked brings the others with it');
};

done_testing();
