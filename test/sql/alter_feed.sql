--
-- alter_feed, filters, and what is said of mappings
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE TABLE item (id int PRIMARY KEY, sku text, title text, net numeric, active boolean, valid daterange, seen_at timestamptz, until date);
CREATE TABLE price (item int, net numeric, gross numeric);
-- the columns that the triggers for UPDATE look at
CREATE FUNCTION columns(root regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT t.tgrelid::regclass || ' ' || substring(pg_get_triggerdef(t.oid), $r$\('\d+ \d+ \d+[^']*', (.*)\)$r$)
	FROM pg_trigger AS t WHERE t.tgname ~ '_(update|row)$' AND t.tgenabled = 'A'
	AND t.tgrelid IN (SELECT relid FROM pg_partition_tree(root) UNION SELECT root) ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname
$$;
\set f '{"sku": "sku", "name": "title", "type": "''physical''", "weight": "1", "price": "net"}'

-- a filter
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'active AND');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'activ');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'id');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => '''true''');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'active) OR (true');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'active; DROP TABLE item');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'count(*) > 1');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'bcdelta.ref(''item'', id) IS NULL');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'EXISTS (SELECT FROM price WHERE price.item = item.id)');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => 'active -- only these');
SELECT filter FROM bcdelta.feed;
SELECT columns('item');
SELECT bcdelta.untrack('item');
SELECT bcdelta.track('item', 'shop', 'product', :'f', filter => ' ');
SELECT filter IS NULL AS no_filter FROM bcdelta.feed;
SELECT columns('item');

-- alter_feed
SELECT bcdelta.alter_feed(NULL);
SELECT bcdelta.alter_feed('none');
SELECT bcdelta.alter_feed('item', '[]');
SELECT bcdelta.alter_feed('item', '{}');
SELECT bcdelta.alter_feed('item', '{"sku": "nope"}');
SELECT bcdelta.alter_feed('item', '{"colour": "sku"}');
SELECT bcdelta.alter_feed('item', '{"price": "net"}');
SELECT bcdelta.alter_feed('item', filter => 'net');
SELECT bcdelta.alter_feed('item', on_delete => 'remove');
SELECT bcdelta.alter_feed('item', on_conflict => 'latest');
SELECT bcdelta.alter_feed('item', options => '{"tree_id": 1}');
SELECT bcdelta.alter_feed('item', options => '[]');
SELECT fields, filter, on_delete, on_conflict, options, version FROM bcdelta.feed;
BEGIN;
SELECT bcdelta.alter_feed('item');
SELECT bcdelta.alter_feed('item', :'f');
SELECT bcdelta.alter_feed('item', on_delete => 'hide', on_conflict => 'source', options => '{"max_changes": 5}', filter => '');
SELECT count(*) AS changes FROM bcdelta.change;
INSERT INTO item (id, sku) VALUES (1, 'S-1'), (2, 'S-2');
DELETE FROM bcdelta.change;
SELECT bcdelta.alter_feed('item', filter => 'active');
SELECT op, key FROM bcdelta.change ORDER BY key;
SELECT fields = :'f' AS same, filter, on_delete, on_conflict, options, version FROM bcdelta.feed;
SELECT columns('item');
DELETE FROM bcdelta.change;
UPDATE item SET seen_at = now();
UPDATE item SET active = true WHERE id = 2;
SELECT op, key FROM bcdelta.change;
ROLLBACK;
SELECT filter, on_delete, version FROM bcdelta.feed;

-- with tables that it depends on, and capture by row, of partitions
CREATE TABLE part (id int PRIMARY KEY, name text, title text, active boolean) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE note (part int, body text, kind text);
SELECT bcdelta.track('part', 'shop', 'brand', '{"name": "name"}', capture => 'row');
SELECT bcdelta.track('part', 'shop', 'brand', '{"name": "name"}', feed => 'by statement');
SELECT bcdelta.depends('part', 'note', '{part}');
SELECT columns('part');
SELECT columns('note');
SELECT bcdelta.alter_feed('part', '{"name": "title", "page_title": "(SELECT max(body) FROM public.note WHERE note.part = part.id)"}');
SELECT bcdelta.alter_feed('by statement', filter => 'active');
SELECT columns('part');
SELECT columns('note');
SELECT bcdelta.alter_feed('part', filter => 'EXISTS (SELECT FROM public.note WHERE note.part = part.id AND kind = ''x'')');
SELECT columns('note');
SELECT bcdelta.feed_trouble('part'), bcdelta.feed_trouble('by statement');
BEGIN;
INSERT INTO part VALUES (1, 'n', 't', true);
DELETE FROM bcdelta.change;
UPDATE part SET name = 'm';
UPDATE part1 SET title = 'u';
SELECT feed, op, c.key FROM bcdelta.change AS c JOIN bcdelta.feed USING (feed_id);
ROLLBACK;

-- constants that no row could be sent with
PREPARE t (jsonb) AS SELECT bcdelta.track('item', 'shop', 'product', (:'f')::jsonb || $1, feed => 'tried');
EXECUTE t ('{"type": "''physcal''"}');
EXECUTE t ('{"type": "lower(''PHYSCAL'')"}');
EXECUTE t ('{"name": "repeat(''x'', 251)"}');
EXECUTE t ('{"name": "''''"}');
EXECUTE t ('{"price": "-1"}');
EXECUTE t ('{"price": "''NaN''::numeric"}');
EXECUTE t ('{"inventory_level": "1.5"}');
EXECUTE t ('{"sale_price": "1 / 0"}');
EXECUTE t ('{"is_visible": "''yes''"}');
EXECUTE t ('{"condition": "CASE WHEN true THEN ''new'' END"}');
EXECUTE t ('{"categories": "''[\"a\"]''::jsonb"}');
EXECUTE t ('{"sale_price": "''null''::jsonb"}');
EXECUTE t ('{"preorder_release_date": "''soon''"}');
SELECT bcdelta.alter_feed('item', replace(:'f', 'physical', 'physcal')::jsonb);
BEGIN;
EXECUTE t ('{"type": "''digital''", "condition": "''New''", "sale_price": "1.23456", "preorder_release_date": "''2030-01-01''"}');
ROLLBACK;

-- what changes while no row does
CREATE FUNCTION qty(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION fixed(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
SET client_min_messages = notice;
BEGIN;
EXECUTE t ('{"inventory_level": "public.qty(id)", "page_title": "now()::text", "is_visible": "until > CURRENT_DATE", "sort_order": "(random() * 10)::int",
	"search_keywords": "(SELECT max(kind) FROM public.note WHERE part = id AND clock_timestamp() > seen_at)", "width": "extract(year FROM age(seen_at))",
	"depth": "pg_relation_size(''public.note'')"}');
SELECT bcdelta.alter_feed('item', filter => 'valid @> localtimestamp::date');
ROLLBACK;
-- and what does not
BEGIN;
EXECUTE t ('{"inventory_level": "public.fixed(id)", "page_title": "concat(to_char(seen_at, ''YYYY''), format(''%s'', title), CURRENT_USER)", "preorder_release_date": "seen_at + interval ''1 day''",
	"search_keywords": "(SELECT max(kind) FROM public.note WHERE part = id)", "custom_url": "jsonb_build_object(''url'', sku)"}');
ROLLBACK;
SET client_min_messages = warning;

-- api_url
CREATE SERVER bad FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc', api_url 'https://api.bigcommerce.com/stores/abc/v3/');
CREATE SERVER bad FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc', api_url 'https://api.bigcommerce.com/stores');
CREATE SERVER bad FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc', api_url 'https://api.bigcommerce.com/v3');
CREATE SERVER good FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc', api_url 'https://proxy.example.com/bigcommerce/storesfront/');

-- who may
CREATE ROLE regress_bcdelta_alter;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_alter;
GRANT SELECT, TRIGGER ON price TO regress_bcdelta_alter;
ALTER TABLE price ADD PRIMARY KEY (item);
SET ROLE regress_bcdelta_alter;
SELECT bcdelta.alter_feed('item', filter => 'active');
SELECT bcdelta.track('price', 'shop', 'product', '{"sku": "item::text", "price": "net"}');
RESET ROLE;
-- with the owner's rights, whoever calls it
SELECT bcdelta.alter_feed('price', filter => 'EXISTS (SELECT FROM public.item AS i WHERE i.id = item)');
REVOKE SELECT ON price FROM regress_bcdelta_alter;
SELECT bcdelta.alter_feed('price', filter => 'net > 0');
GRANT SELECT ON price TO regress_bcdelta_alter;
ALTER TABLE price ENABLE ROW LEVEL SECURITY;
SELECT bcdelta.alter_feed('price', on_delete => 'delete');
ALTER TABLE price DISABLE ROW LEVEL SECURITY;

-- a mapping that broke is mended
ALTER TABLE item RENAME COLUMN title TO caption;
SELECT bcdelta.alter_feed('item', on_delete => 'delete');
SELECT bcdelta.pause('item');
SET client_min_messages = notice;
SELECT bcdelta.alter_feed('item', replace(:'f', 'title', 'caption')::jsonb);
SET client_min_messages = warning;
SELECT columns('item');
SELECT bcdelta.alter_feed('item', filter => 'active');
ALTER TABLE item RENAME COLUMN active TO live;
SELECT bcdelta.resume('item');
SELECT bcdelta.alter_feed('item', filter => 'live');
SELECT bcdelta.resume('item');
DROP TABLE item;
SELECT bcdelta.alter_feed('item', filter => 'live');

DROP EXTENSION bcdelta CASCADE;
DROP TABLE price, part, note;
DROP OWNED BY regress_bcdelta_alter;
DROP ROLE regress_bcdelta_alter;
DROP FUNCTION columns, qty, fixed;
