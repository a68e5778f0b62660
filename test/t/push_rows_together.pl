# Rows that are read by one query have the same outcomes as if each were read
# alone.

use strict;
use warnings;

use BCDelta::Shop;
use BCDelta::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = BCDelta::Shop->open('rows_together', store => { args => [ '--quota', 100000 ] },
	node => { conf => "bcdelta.naptime = 1\nbcdelta.mapping_timeout = 2s" });
my ($node, $store) = ($shop->node, $shop->store);

# Pushes everything, and returns how many rows had which outcome.
sub outcomes
{
	my ($feed) = @_;
	$shop->push;
	my %count;
	my $outcomes = $shop->outcomes;
	$count{ $outcomes->{$_} }++ foreach grep { /^\Q$feed\E / } keys %$outcomes;
	return join ', ', map { "$_ $count{$_}" } sort keys %count;
}

subtest 'rows that are read by one query do not see what others have left behind' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE article (id int PRIMARY KEY, at timestamptz DEFAULT '2026-01-15 12:00+00', does text);
CREATE FUNCTION article_name(article) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows CURSOR FOR SELECT 1;
	held int;
BEGIN
	IF $1.does = 'sets' THEN
		PERFORM set_config('timezone', 'Asia/Tokyo', false), set_config('search_path', 'pg_catalog', true);
	ELSIF $1.does = 'opens' THEN
		OPEN rows;
	ELSIF $1.does = 'locks' THEN
		PERFORM pg_advisory_lock(4711), pg_advisory_xact_lock(4712);
	ELSIF $1.does = 'fails' THEN
		RAISE EXCEPTION 'row % fails', $1.id;
	ELSIF $1.does = 'waits' THEN
		PERFORM pg_sleep(60);
	END IF;
	RETURN 'Article ' || $1.id || ' of ' || $1.at;
END $$;
SELECT bcdelta.track('article', 'shop', 'brand', '{"name": "public.article_name(article)"}');
INSERT INTO article (id, does) SELECT i, CASE i WHEN 3 THEN 'sets' WHEN 5 THEN 'opens' WHEN 6 THEN 'opens' WHEN 8 THEN 'fails' WHEN 9 THEN 'fails'
	WHEN 11 THEN 'locks' WHEN 12 THEN 'locks' WHEN 20 THEN 'waits' WHEN 40 THEN 'fails' WHEN 41 THEN 'opens' END FROM generate_series(1, 70) AS i;
EOC
	is(outcomes('article'), 'created 66, invalid 4', 'each row has its own outcome');
	is($shop->sql('SELECT key, last_error FROM bcdelta.pending ORDER BY key::int'), <<'EOC' =~ s/\n\z//r, 'those that fail have their own errors');
8|row 8 fails
9|row 9 fails
20|the mapping took longer than bcdelta.mapping_timeout, which is 2000 ms
40|row 40 fails
EOC
	my @names = map { $_->{name} } @{ $store->state('brands') };
	is(scalar(grep { !/^Article \d+ of 2026-01-15 12:00:00\+00$/ } @names), 1, 'only the row that changes a setting is read with it');
	is((grep { !/12:00/ } @names)[0], 'Article 3 of 2026-01-15 21:00:00+09', 'as it wants');
	is($shop->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'no lock remains');
};

subtest 'rows that are missing, deferred or filtered do not shift the others' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE maker (id int PRIMARY KEY, name text);
CREATE TABLE item (a int, b text, maker int, name text, active boolean DEFAULT true, PRIMARY KEY (a, b));
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "''I-'' || a || b", "name": "name", "type": "''physical''", "weight": "1", "price": "a",
	"brand_id": "bcdelta.ref(''maker'', maker)"}', filter => 'active', on_delete => 'delete');
INSERT INTO maker SELECT i, 'Maker ' || i FROM generate_series(1, 9) AS i;
INSERT INTO item SELECT i, chr(97 + i % 3), CASE WHEN i % 5 = 0 THEN 99 ELSE 1 + i % 9 END, 'Item ' || i, i % 4 <> 0 FROM generate_series(1, 100) AS i;
EOC
	$shop->sql("SELECT bcdelta.mark('item', '[\"200\", \"a\"]'), bcdelta.mark('item', '[\"50\", \"b\"]')");
	is(outcomes('item'), 'created 60, deferred 15, unchanged 27', 'each row has its own outcome');
	my %brand = map { $_->{id} => $_->{name} } @{ $store->state('brands') };
	is(join(' ', map { "$_->{sku}:$_->{name}:$brand{ $_->{brand_id} }" } sort { $a->{price} <=> $b->{price} } @{ $store->state('products') }),
		join(' ', map { 'I-' . $_ . chr(97 + $_ % 3) . ":Item $_:Maker " . (1 + $_ % 9) } grep { $_ % 5 && $_ % 4 } 1 .. 100), 'and its own values');
	$shop->sql('DELETE FROM item WHERE a % 7 = 0; UPDATE item SET active = false WHERE a % 11 = 0; ALTER TABLE item DISABLE TRIGGER ALL; DELETE FROM item WHERE a = 1; ALTER TABLE item ENABLE TRIGGER ALL');
	outcomes('item');
	$shop->verify;
	is(join(' ', grep { !/missing_in_store/ } @{ $shop->discrepancies }), 'item|["1", "b"]|missing_in_source', 'a verify finds the one that is gone');
};

subtest 'parts of a mapping that do not depend on the row are computed for each row' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE stray (id int PRIMARY KEY, name text);
CREATE TABLE lucky (id int PRIMARY KEY);
SELECT bcdelta.track('stray', 'shop', 'product', '{"sku": "''S-'' || id", "name": "name", "type": "''physical''", "weight": "1", "price": "id",
	"brand_id": "(SELECT bcdelta.ref(''maker'', 99))"}');
SELECT bcdelta.track('lucky', 'shop', 'brand', '{"name": "''Lucky '' || id || '' '' || (SELECT random())"}');
INSERT INTO stray SELECT i, 'Stray ' || i FROM generate_series(1, 40) AS i;
INSERT INTO lucky SELECT generate_series(1, 40);
EOC
	is(outcomes('stray'), 'deferred 40', 'all rows wait for the same one');
	my %numbers = map { $_->{name} =~ /^Lucky \d+ (.*)/ ? ($1 => 1) : () } @{ $store->state('brands') };
	is(scalar(keys %numbers), 40, 'and each has a random number of its own');
};

subtest 'a second row of the same key does not matter to the next key' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE ware (id int PRIMARY KEY, maker int DEFAULT 1, name text);
CREATE TABLE old_ware () INHERITS (ware);
SELECT bcdelta.track('ware', 'shop', 'product', '{"sku": "''W-'' || id", "name": "name", "type": "''physical''", "weight": "1", "price": "id",
	"brand_id": "bcdelta.ref(''maker'', maker)"}');
INSERT INTO old_ware SELECT i, 99, 'Old ware ' || i FROM generate_series(2, 40, 3) AS i;
INSERT INTO ware SELECT i, 1, 'Ware ' || i FROM generate_series(1, 40) AS i;
EOC
	is(outcomes('ware'), 'created 40', 'each row has its own outcome');
};

subtest 'one query reads them' => sub {
	$shop->sql(<<'EOC');
CREATE TABLE shelf (id int PRIMARY KEY);
CREATE TABLE thing (id int PRIMARY KEY);
CREATE TABLE thing_shelf (thing int, shelf int, PRIMARY KEY (thing, shelf));
SELECT bcdelta.track('shelf', 'shop', 'category', '{"name": "''Shelf '' || id"}');
SELECT bcdelta.track('thing', 'shop', 'product', $$ {"sku": "'T-' || id", "name": "'Thing ' || id || ' of ' || (SELECT count(*) FROM pg_cursors)", "type": "'physical'",
	"weight": "1", "price": "id", "categories": "(SELECT jsonb_agg(bcdelta.ref('shelf', t.shelf) ORDER BY t.shelf) FROM public.thing_shelf AS t WHERE t.thing = thing.id)"} $$);
INSERT INTO shelf SELECT generate_series(1, 3);
INSERT INTO thing SELECT generate_series(1, 20);
INSERT INTO thing_shelf SELECT i, 1 + (i + j) % 3 FROM generate_series(1, 20) AS i, generate_series(1, 2) AS j;
EOC
	is(outcomes('thing'), 'created 20', 'with references in subqueries');
	is(scalar(grep { $_->{name} =~ /^Thing \d+ of 1$/ } @{ $store->state('products') }), 20, 'through a cursor');
};

subtest 'to cancel the query holds up the row that is being read' => sub {
	$shop->sql("ALTER SYSTEM SET bcdelta.mapping_timeout = '20s'");
	$shop->sql('SELECT pg_reload_conf()');
	$shop->sql("INSERT INTO article (id, does) SELECT i, CASE i WHEN 105 THEN 'waits' END FROM generate_series(101, 120) AS i");
	my $push = $shop->start;
	my $sleeping = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type ~ 'bcdelta'";
	$shop->wait_for("SELECT pg_cancel_backend(pid) $sleeping");
	$shop->wait_for("SELECT count(*) FROM bcdelta.link WHERE feed = 'article' AND key ~ '^1..\$'", 19);
	is($shop->sql("SELECT key, coalesce(last_error, '') ~ 'longer' FROM bcdelta.pending WHERE feed = 'article' AND key ~ '^1..\$'"), '105|f', 'the others are sent before it is read again');
	$shop->sql('UPDATE article SET does = NULL WHERE id = 105');
	$shop->wait_for("SELECT r.state <> 'running' FROM (SELECT state FROM bcdelta.run ORDER BY run_id DESC LIMIT 1) AS r, (SELECT count(pg_cancel_backend(pid)) AS n $sleeping) AS c WHERE c.n >= 0");
	$push->finish;
};

done_testing();
