# A key that can be written in several ways, or sorts before everything, is one
# row and has one record.

use strict;
use warnings;
use utf8;

use BCDelta::Shop;
use BCDelta::Test;
use Test::More;

# Locale C, that of the other tests, knows no letters but those of ASCII.
my ($locale) = grep { /^C\.utf-?8$/i } split /\n/, `locale -a`;
my $shop = BCDelta::Shop->open('keys', node => { $locale ? (create => "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE '$locale'") : () });
my $store = $shop->store;
my $has_citext = $shop->sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'");
$shop->sql('CREATE EXTENSION citext') if $has_citext;

sub brands { return [ sort map { $_->{name} } @{ $store->state('brands') } ]; }

subtest 'keys that sort before everything, look like JSON, or are long work like others' => sub {
	my @keys = ('', ' ', '  a', 'a', 'a ', 'A', '[]', '["a"]', 'null', '"', "'", '\\', 'é', "e\x{301}", 'ß', '𝄞', 'x' x 2400);
	my $list = join(',', map { "(\$k\$$_\$k\$)" } @keys);
	$shop->sql("CREATE TABLE odd (key text PRIMARY KEY, name text)");
	$shop->sql("SELECT bcdelta.track('odd', 'shop', 'brand', on_delete => 'delete', fields => '{\"name\": \"name\"}')");
	$shop->sql("INSERT INTO odd SELECT k, 'Brand ' || row_number() OVER () FROM (VALUES $list) AS v (k)");
	my $run = $shop->push;
	is_deeply([ @$run{qw(state created failed)} ], [ 'succeeded', scalar @keys, 0 ], 'all are created');
	is_deeply($shop->pending, {}, 'none is left');
	$shop->sql("UPDATE odd SET name = name || '!' WHERE key < 'a'");
	cmp_ok($shop->push('max_rows => 1')->{updated}, '==', 1, 'the first alone');
	is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE key = ''"), 0, 'is the empty one');
	$shop->push;
	is_deeply($shop->pending, {}, 'then the others');

	# verify reads the links in portions, link the rows
	is($shop->verify("feed => 'odd'")->{unchanged}, scalar @keys, 'all agree');
	$shop->sql("BEGIN; DELETE FROM odd WHERE key = ''; DELETE FROM bcdelta.change; COMMIT");
	$run = $shop->verify("feed => 'odd'");
	is_deeply($shop->discrepancies, ['odd||missing_in_source'], 'a link of the empty key without a row is found');
	$shop->sql("SELECT bcdelta.mark('odd', '')");
	is($shop->push->{deleted}, 1, 'and its record deleted');
	$shop->sql("DELETE FROM bcdelta.link WHERE feed = 'odd'");
	is($shop->link("'odd'")->{linked}, @keys - 1, 'link finds all');
	$shop->sql("SELECT bcdelta.mark_all('odd'); DELETE FROM odd");
	is($shop->push->{deleted}, @keys - 1, 'all are deleted');
	is_deeply(brands(), [], 'and gone');
};

my @types = ([ 'numeric', '1.0', '1.00' ], [ 'char(8)', 'tent', 'tent   ' ], [ 'bpchar', 'tent', 'tent  ' ], [ 'float8', '0', '-0' ]);
push @types, [ 'citext', 'tent', 'Tent' ], [ 'citext', 'müller', 'MÜLLER' ] if $has_citext;
foreach my $case (@types)
{
	my ($type, $one, $other) = @$case;
	subtest "a key of type $type that is spelled anew is the same row" => sub {
		plan skip_all => 'the locale knows no umlauts' if $shop->sql("SELECT '$one'::$type = '$other'::$type") ne 't';
		$store->clear;
		$shop->sql("CREATE TABLE thing (key $type PRIMARY KEY, name text)");
		$shop->sql("SELECT bcdelta.track('thing', 'shop', 'brand', on_delete => 'delete', fields => '{\"name\": \"name\"}')");
		$shop->sql("INSERT INTO thing VALUES ('$one', 'Thing')");
		is($shop->push->{created}, 1, 'created');
		$shop->sql("BEGIN; DELETE FROM thing; INSERT INTO thing VALUES ('$other', 'Thing'); COMMIT");
		is($shop->push->{unchanged}, 1, 'deleted and entered again');
		$shop->sql("UPDATE thing SET key = '$one', name = 'Thing 2'");
		is($shop->push->{updated}, 1, 'the same row');
		is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'thing'"), 1, 'one link');
		$shop->sql("SELECT bcdelta.mark('thing', '$other'), bcdelta.mark('thing', '$one')");
		is($shop->push->{unchanged}, 1, 'marked in either spelling');
		is_deeply([ @{ $shop->verify("feed => 'thing'") }{qw(unchanged conflicts)} ], [ 1, 0 ], 'verified');
		$shop->sql('DELETE FROM thing');
		is($shop->push->{deleted}, 1, 'deleted');
		is_deeply(brands(), [], 'the record is gone');
		is_deeply($shop->pending, {}, 'nothing is left');

		# An id list that writes the keys in another way.
		my $id = $store->seed('brands', [ { name => 'Loaded' } ])->{first};
		$shop->sql("INSERT INTO thing VALUES ('$one', 'Loaded 2'); SELECT bcdelta.link('thing', '$other', $id)");
		my $run = $shop->push;
		is_deeply([ @$run{qw(created updated)} ], [ 0, 1 ], 'no second record is made');
		is_deeply(brands(), ['Loaded 2'], 'it is the one of the list');
		$shop->sql("DELETE FROM thing");
		$shop->push;
		$shop->sql("SELECT bcdelta.untrack('thing'); DROP TABLE thing");
	};
}

subtest 'references of a type other than the key\'s find their row' => sub {
	my @cases = (
		[ 'char(5)', 'varchar(5)', 'acme', 'acme' ], [ 'varchar(5)', 'char(5)', 'acme', 'acme' ], [ 'int', 'numeric', '7', '7.0' ],
		[ 'numeric', 'int', '7.0', '7' ], [ 'numeric(10,2)', 'numeric', '7', '7.000' ], [ 'bigint', 'text', '7', '007' ],
		[ 'uuid', 'text', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}' ],
		[ 'bytea', 'text', 'A', '\x41' ], [ 'date', 'text', '2026-11-02', '20261102' ]);
	push @cases, [ 'citext', 'citext', 'Acme', 'ACME' ], [ 'citext', 'text', 'acme', 'Acme' ], [ 'text', 'citext', 'Acme', 'Acme' ] if $has_citext;
	foreach my $case (@cases)
	{
		my ($key, $type, $has, $value) = @$case;
		$shop->sql("CREATE TABLE maker (key $key PRIMARY KEY, name text); CREATE TABLE thing (id int PRIMARY KEY, sku text, maker $type)");
		$shop->sql("SELECT bcdelta.track('maker', 'shop', 'brand', '{\"name\": \"name\"}', on_delete => 'delete')");
		$shop->sql("SELECT bcdelta.track('thing', 'shop', 'product', '{\"sku\": \"sku\", \"name\": \"sku\", \"type\": \"''physical''\",
			\"weight\": \"1\", \"price\": \"1\", \"brand_id\": \"bcdelta.ref(''maker'', maker)\"}', on_delete => 'delete')");
		$shop->sql("INSERT INTO thing VALUES (1, 'S', '$value')");
		is($shop->push->{deferred}, 1, "$type for $key: deferred while its row is not there");
		$shop->sql("INSERT INTO maker VALUES ('$has', 'Acme')");
		my $run = $shop->push;
		is_deeply([ @$run{qw(created deferred failed)} ], [ 2, 0, 0 ], 'and found when it is');
		is($store->state('products')->[0]{brand_id}, $shop->sql("SELECT store_id FROM bcdelta.link WHERE feed = 'maker'"), 'its brand');
		$shop->sql('DELETE FROM thing; DELETE FROM maker');
		$shop->push;
		$shop->sql("SELECT bcdelta.untrack('thing'), bcdelta.untrack('maker'); DROP TABLE thing, maker");
	}
};

subtest 'a reference that cannot be a key says so' => sub {
	$shop->sql('CREATE TABLE maker (key int PRIMARY KEY, name text); CREATE TABLE thing (id int PRIMARY KEY, sku text, maker text)');
	$shop->sql("SELECT bcdelta.track('maker', 'shop', 'brand', '{\"name\": \"name\"}')");
	$shop->sql("SELECT bcdelta.track('thing', 'shop', 'product', '{\"sku\": \"sku\", \"name\": \"sku\", \"type\": \"''physical''\",
		\"weight\": \"1\", \"price\": \"1\", \"brand_id\": \"bcdelta.ref(''maker'', maker)\"}')");
	$shop->sql("INSERT INTO thing VALUES (1, 'S', 'acme')");
	is($shop->push->{failed}, 1, 'the row fails');
	like($shop->errors->{'thing 1'}, qr/"acme" is not a key of feed "maker" \(key integer\)/, 'with the feed and the key');
	# The links of a broken feed's rows can still be read.
	$shop->sql("INSERT INTO maker VALUES (7, 'Seven'); UPDATE thing SET maker = '7'");
	is($shop->push->{created}, 2, 'put right');
	$shop->sql("DROP TABLE maker; UPDATE thing SET sku = 'T'");
	is($shop->push("feed => 'thing'")->{updated}, 1, 'rows that refer to a feed whose source is gone are pushed');
	$shop->sql("SELECT bcdelta.untrack('thing'), bcdelta.untrack('maker'); DROP TABLE thing");
};

subtest 'a change of a key column\'s type pauses the feed; when it is resumed, rows keep their records' => sub {
	my @cases = ([ 'date', 'timestamptz', '2026-11-02', '2026-11-03', '2026-11-04' ], [ 'int', 'text', 1, 2, 3 ]);
	push @cases, [ 'text', 'citext', 'Tent', 'pole', 'PEG' ] if $has_citext;
	foreach my $case (@cases)
	{
		my ($old_type, $new_type, @given) = @$case;
		$shop->sql("DROP TABLE IF EXISTS kind, part CASCADE; CREATE TABLE kind (key $old_type PRIMARY KEY, name text); CREATE TABLE part (id int PRIMARY KEY, sku text, kind text)");
		$shop->sql("SELECT bcdelta.track('kind', 'shop', 'brand', '{\"name\": \"name\"}', on_delete => 'delete')");
		$shop->sql("SELECT bcdelta.track('part', 'shop', 'product', '{\"sku\": \"sku\", \"name\": \"sku\", \"type\": \"''physical''\",
			\"weight\": \"1\", \"price\": \"1\", \"brand_id\": \"bcdelta.ref(''kind'', kind)\"}')");
		$shop->sql("INSERT INTO kind VALUES ('$given[0]', 'A'), ('$given[1]', repeat('x', 300)); INSERT INTO part VALUES (1, 'P', '$given[2]'), (2, 'Q', '$given[0]')");
		is_deeply([ @{ $shop->push }{qw(created failed deferred)} ], [ 2, 1, 1 ], "$old_type: one in the store, one failed, one waits");
		$shop->sql("ALTER TABLE kind ALTER key TYPE $new_type");
		my $run = $shop->push("feed => 'kind'");
		is($run->{state}, 'failed', "to $new_type: the feed stands still");
		like($shop->sql("SELECT trouble FROM bcdelta.status WHERE feed = 'kind'"), qr/the type of key column "key" was changed to/, 'and says why');
		$shop->sql("SELECT bcdelta.resume('kind')");
		$shop->sql("UPDATE kind SET name = 'B' WHERE name <> 'A'; INSERT INTO kind VALUES ('$given[2]', 'C'); SELECT bcdelta.mark_all('kind')");
		$run = $shop->push;
		is_deeply([ @$run{qw(state created failed deferred)} ], [ 'succeeded', 3, 0, 0 ], 'resumed, each row is the one it was');
		is($shop->sql("SELECT count(*) FROM bcdelta.link WHERE feed = 'kind'"), 3, 'with its link');
		is_deeply($shop->pending, {}, 'nothing is left');
		$shop->sql("DELETE FROM part; DELETE FROM kind");
		is($shop->push("feed => 'kind'")->{deleted}, 3, 'and its record');
		$shop->sql("SELECT bcdelta.untrack('kind'), bcdelta.untrack('part')");
		$store->remove('product', $_->{id}) foreach @{ $store->state('products') };
	}
};

subtest 'a change of a key column\'s type during a run ends the run, and rows keep their records' => sub {
	my $worker = worker_pid($shop->node, 'shop');
	$shop->sql('CREATE TABLE early (key int PRIMARY KEY, name text); CREATE TABLE late (key text PRIMARY KEY, name text)');
	$shop->sql("SELECT bcdelta.track('$_', 'shop', 'brand', '{\"name\": \"name\"}')") foreach qw(early late);
	$shop->sql("INSERT INTO early VALUES (1, 'Early'); INSERT INTO late VALUES ('12345678', 'Late')");
	is($shop->push->{created}, 2, 'two feeds');
	$store->hold({ match => { method => 'GET', path => 'brands' } });
	my $verify = $shop->start("SELECT state, error FROM bcdelta.verify(server => 'shop')");
	$shop->wait_held(1);
	$shop->sql('ALTER TABLE late ALTER key TYPE int USING key::int');
	$store->release;
	like(($verify->finish)[1], qr/^failed\|.*the type of key column "key" was changed/, 'the run ends and says why');
	is(worker_pid($shop->node, 'shop'), $worker, 'the worker is there');
	$shop->sql("SELECT bcdelta.resume('late')");
	is($shop->verify("feed => 'late'")->{unchanged}, 1, 'resumed, the row is the one it was');
	$shop->sql("SELECT bcdelta.mark_all('late')");
	is($shop->push->{unchanged}, 1, 'and found by its key');
};

subtest 'a change of a key column\'s type during a push loses no row, and rows keep their records' => sub {
	$shop->sql("SELECT bcdelta.untrack('late'); DROP TABLE late");
	foreach my $case (
		[ 'the feed stands still', 'text', 'int', '7', 0 ], [ 'resumed meanwhile, it goes on', 'text', 'int', '7', 1 ],
		[ 'a wider type, resumed meanwhile', 'int', 'bigint', '5000000000', 1 ], [ 'a wider type goes on by itself', 'int', 'bigint', '5000000000', 0 ])
	{
		my ($what, $old_type, $new_type, $new_key, $resume) = @$case;
		$shop->sql("CREATE TABLE late (key $old_type PRIMARY KEY, name text); SELECT bcdelta.track('late', 'shop', 'brand', '{\"name\": \"name\"}')");
		$shop->sql("INSERT INTO late VALUES ('1', 'Late 1'), ('2', 'Late 2')");
		is($shop->push->{created}, 2, "$what: two rows");
		$store->hold({ match => { method => 'PUT', path => 'brands' }, times => 1 });
		$shop->sql("UPDATE early SET name = name || '.'; UPDATE late SET name = name || '.'");
		my $push = $shop->start("SELECT state, failed FROM bcdelta.push()");
		$shop->wait_held(1);
		$shop->sql("ALTER TABLE late ALTER key TYPE $new_type USING key::$new_type; INSERT INTO late VALUES ('$new_key', 'Late $new_key')");
		$shop->sql("SELECT bcdelta.resume('late')") if $resume;
		$store->release;
		my $ends = $new_type eq 'int' && !$resume ? 'failed|0' : 'succeeded|0';
		is(($push->finish)[1], $ends, 'the run');
		is($shop->sql("SELECT count(*) FROM bcdelta.pending WHERE state = 'failed'"), 0, 'no row has failed') or diag(explain($shop->errors));
		$shop->sql("SELECT bcdelta.resume('late')");
		$shop->push;
		is_deeply($shop->pending, {}, 'nothing is left');
		is($shop->sql("SELECT string_agg(payload ->> 'name', ', ' ORDER BY key) FROM bcdelta.link WHERE feed = 'late'"), "Late 1., Late 2., Late $new_key", 'each row is the one it was');
		$shop->sql("SELECT bcdelta.untrack('late'); DROP TABLE late");
		$store->remove('brand', $_->{id}) foreach grep { $_->{name} =~ /^Late/ } @{ $store->state('brands') };
	}
};

$shop->node->stop;
done_testing();
