--
-- Changes of child tables mark rows of a feed
--
-- What is captured is looked at in the transaction that changed the rows: as
-- soon as it is committed, the worker may take it away.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE SERVER outlet FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER outlet OPTIONS (access_token 'secret');
CREATE FUNCTION captured() RETURNS TABLE (feed text, op "char", key text, moved_from text)
LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM bcdelta.change AS c RETURNING c.ctid AS at, c.*)
	SELECT f.feed, g.op, g.key, g.moved_from
	FROM gone AS g JOIN bcdelta.feed AS f USING (feed_id) ORDER BY g.changed_at, g.at
$$;
-- names and not ids of feeds
CREATE FUNCTION trouble(feed text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(bcdelta.feed_trouble(feed), 'bcdelta_\d+_\d+_', 'bcdelta_N_N_') $$;
-- the triggers, with their arguments: number of key columns, their names, the columns that matter
CREATE FUNCTION triggers(child regclass) RETURNS TABLE (feed text, triggers text, arguments text) LANGUAGE sql AS $$
	SELECT f.feed, string_agg(substring(tgname, '[a-z]+$'), ' ' ORDER BY tgname),
		min(regexp_replace(pg_get_triggerdef(t.oid), $r$.*capture\('\d+ \d+ (\d+)(.*)\)$r$, $r$'\1\2$r$))
		FILTER (WHERE tgname ~ '_(update|row)$')
	FROM pg_trigger AS t JOIN bcdelta.feed AS f ON tgname ~ format('^bcdelta_%s_\d+_[a-z]+$', f.feed_id)
	WHERE tgrelid = child AND tgenabled = 'A' GROUP BY f.feed ORDER BY f.feed
$$;

CREATE TABLE item (id int PRIMARY KEY, sku text, title text);
CREATE TABLE base (item bigint);
CREATE TABLE price (kind text, net numeric, seen_at timestamptz) INHERITS (base);
CREATE TABLE image (id int PRIMARY KEY, item int REFERENCES item ON UPDATE CASCADE ON DELETE CASCADE, url text, note text);
CREATE TABLE stock (item smallint, qty int);
CREATE TABLE other (a int, b text);
CREATE FUNCTION qty(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT sum(qty)::int FROM public.stock WHERE item = $1';
CREATE VIEW dear AS SELECT * FROM price;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM price;
INSERT INTO item SELECT g, 'S-' || g, 'T' || g FROM generate_series(1, 5) AS g;
SELECT bcdelta.track('item', 'shop', 'product', $${"sku": "sku", "name": "title", "type": "'physical'", "weight": "1",
	"price": "(SELECT max(p.net) FROM public.price AS p WHERE p.item = item.id AND p.kind = 'list')",
	"description": "(SELECT string_agg(i.url, ' ') FROM public.image AS i WHERE i.item = item.id)"}$$);
SELECT bcdelta.track('item', 'shop', 'product', '{"sku": "sku", "name": "title", "type": "''physical''", "weight": "1", "price": "1",
	"inventory_level": "public.qty(id)"}', 'qty');

--
-- Arguments
--
SELECT bcdelta.depends('none', 'price', '{item}');
SELECT bcdelta.depends(NULL, 'price', '{item}');
SELECT bcdelta.depends('item', NULL, '{item}');
SELECT bcdelta.depends('item', 'no_table', '{item}');
SELECT bcdelta.depends('item', 'price', '{}');
SELECT bcdelta.depends('item', 'price', '{item,kind}');
SELECT bcdelta.depends('item', 'price', '{article}');
SELECT bcdelta.depends('item', 'price', '{ctid}');
SELECT bcdelta.depends('item', 'price', ARRAY[NULL]::name[]);
SELECT bcdelta.depends('item', 'price', '{{item}}');
SELECT bcdelta.depends('item', 'price', NULL);
SELECT bcdelta.depends('item', 'dear', '{item}');
SELECT bcdelta.depends('item', 'kept', '{item}');
SELECT bcdelta.depends('item', 'pg_class', '{relnatts}');
SELECT bcdelta.depends('item', 'bcdelta.change', '{feed_id}');
SELECT bcdelta.depends('item', 'item_pkey', '{id}');
CREATE TEMP TABLE short (item int);
SELECT bcdelta.depends('item', 'short', '{item}');
CREATE UNLOGGED TABLE fast (item int);
SELECT bcdelta.depends('item', 'fast', '{item}');
DROP TABLE short, fast;
SELECT count(*) FROM bcdelta.dependency;
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'bcdelta.capture'::regproc AND tgrelid <> 'item'::regclass;

SELECT bcdelta.depends('item', 'price', '{item}');
SELECT bcdelta.depends('item', 'image', '{item}');
SELECT bcdelta.depends('item', 'other', '{a}');
SELECT bcdelta.depends('qty', 'stock', '{item}');
SELECT feed, child, parent_key FROM bcdelta.dependency ORDER BY dependency_id;
-- the mapping reads price and image; what it does with the others is not known
SELECT * FROM triggers('price');
SELECT * FROM triggers('image');
SELECT * FROM triggers('stock');
SELECT * FROM triggers('other');
SELECT trouble('item'), trouble('qty');
-- once more does no harm
SET client_min_messages = notice;
SELECT bcdelta.depends('item', 'price', '{item}');
SET client_min_messages = warning;
SELECT count(*) FROM bcdelta.dependency WHERE child = 'price'::regclass;
SELECT * FROM triggers('price');

--
-- Changes
--
BEGIN;
INSERT INTO price VALUES (1, 'list', 10), (1, 'sale', 9), (2, 'list', 20), (1, 'b2b', 8), (NULL, 'list', 1);
SELECT * FROM captured();
COPY price FROM stdin;
3	list	30	\N
3	sale	29	\N
\N	list	1	\N
\.
SELECT * FROM captured();
UPDATE price SET seen_at = now();
UPDATE price SET net = net;
SELECT * FROM captured();
UPDATE price SET net = net + 1 WHERE item > 1 AND kind = 'list';
SELECT * FROM captured();
-- from one parent to another, to none, from none
UPDATE price SET item = 4 WHERE item = 3;
SELECT * FROM captured();
UPDATE price SET item = NULL WHERE item = 4;
SELECT * FROM captured();
UPDATE price SET item = 5 WHERE item IS NULL AND kind = 'sale';
SELECT * FROM captured();
UPDATE price SET net = 0 WHERE item IS NULL;
DELETE FROM price WHERE item IS NULL;
SELECT * FROM captured();
DELETE FROM price WHERE item = 1;
SELECT * FROM captured();
-- what matters to a function is not known
UPDATE stock SET qty = 0;
INSERT INTO stock VALUES (1, 1), (2, 2);
UPDATE stock SET qty = 7 WHERE item = 2;
INSERT INTO other VALUES (3, 'x');
UPDATE other SET b = 'y';
SELECT * FROM captured();
SAVEPOINT s;
UPDATE stock SET qty = 8;
ROLLBACK TO s;
SELECT * FROM captured();
TRUNCATE price, stock;
SELECT * FROM captured();
-- with keys that cascade from the parent, and to it
INSERT INTO image VALUES (1, 1, 'u1'), (2, 1, 'u2'), (3, 2, 'u3');
UPDATE image SET note = 'not mapped';
UPDATE image SET url = 'U1' WHERE id = 1;
SELECT * FROM captured();
UPDATE item SET id = 10 WHERE id = 1;
SELECT op, key, moved_from FROM captured() WHERE feed = 'item' ORDER BY op, length(key), key;
DELETE FROM item WHERE id = 10;
SELECT DISTINCT op, key FROM captured() WHERE feed = 'item';
TRUNCATE item CASCADE;
SELECT DISTINCT feed, op FROM captured() ORDER BY feed;
SET LOCAL session_replication_role = replica;
INSERT INTO price VALUES (1, 'list', 10);
SELECT * FROM captured();
ROLLBACK;

-- a preview shows what a child has changed
BEGIN;
SELECT bcdelta.link('item', '2', 102);
INSERT INTO price VALUES (2, 'list', 12.5);
SELECT key, action, body FROM bcdelta.preview('item');
DELETE FROM bcdelta.change;
TRUNCATE price;
SELECT key, action, body FROM bcdelta.preview('item');
ROLLBACK;

--
-- Several feeds and stores on one table; a child that is a source; two ways to
-- refer to a parent; the source itself
--
CREATE TABLE related (id int PRIMARY KEY, one int, two int, note text);
SELECT bcdelta.track('related', 'shop', 'brand', '{"name": "note"}');
SELECT bcdelta.depends('item', 'related', '{one}');
SELECT bcdelta.depends('item', 'related', '{two}');
SELECT bcdelta.track('item', 'outlet', 'brand', $${"name": "title || (SELECT count(*) FROM public.related AS r WHERE r.one = item.id)"}$$, 'second');
SELECT bcdelta.depends('second', 'related', '{one}');
SELECT bcdelta.depends('item', 'item', '{id}');
CREATE TABLE groups (id int PRIMARY KEY, parent int, name text, seen int);
SELECT bcdelta.track('groups', 'shop', 'category',
	$${"name": "name || (SELECT count(*) FROM public.groups AS c WHERE c.parent = groups.id)"}$$);
SELECT bcdelta.depends('groups', 'groups', '{parent}');
SELECT * FROM triggers('related');
SELECT * FROM triggers('groups');
BEGIN;
INSERT INTO related VALUES (7, 1, 2, 'n');
SELECT * FROM captured() ORDER BY feed, key;
UPDATE related SET note = 'm';
SELECT * FROM captured() ORDER BY feed, key;
UPDATE related SET two = 3;
SELECT * FROM captured() ORDER BY feed, key;
INSERT INTO groups VALUES (1, NULL, 'root'), (2, 1, 'leaf'), (3, 1, 'leaf');
SELECT * FROM captured() ORDER BY key;
UPDATE groups SET parent = 2 WHERE id = 3;
SELECT key FROM captured() ORDER BY key;
UPDATE groups SET seen = 1;
SELECT key FROM captured() ORDER BY key;
UPDATE groups SET id = 20, parent = 3 WHERE id = 2;
SELECT op, key, moved_from FROM captured() ORDER BY op, key;
ROLLBACK;
-- an end to it: all ways, the other feeds stay
SELECT bcdelta.depends('item', 'related', NULL);
SELECT feed, child, parent_key FROM bcdelta.dependency WHERE child = 'related'::regclass;
SELECT * FROM triggers('related');
SELECT bcdelta.depends('item', 'related', NULL);
SELECT bcdelta.untrack('second');
SELECT * FROM triggers('related');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'related'::regclass;
SELECT count(*) FROM bcdelta.dependency WHERE feed = 'second';
SELECT trouble(feed) FROM bcdelta.feed WHERE feed IN ('item', 'related', 'groups');

--
-- Which columns of the child matter
--
CREATE FUNCTION reads(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	columns text;
BEGIN
	PERFORM bcdelta.track('item', 'shop', 'brand', jsonb_build_object('name', expression), 'f');
	PERFORM bcdelta.depends('f', 'price', '{item}');
	SELECT t.arguments INTO columns FROM triggers('price') AS t WHERE t.feed = 'f';
	PERFORM bcdelta.untrack('f');
	RETURN coalesce(substring(columns, $r$^'1', 'item', (.*)$r$), '(all)');
END
$$;
CREATE TABLE old_price () INHERITS (price);
SELECT expression, reads(expression) FROM (VALUES
	('(SELECT max(p.kind) FROM public.price AS p WHERE p.item = item.id)'),
	('(EXISTS (SELECT FROM public.price WHERE price.item = id))::text'),
	('(SELECT count(*)::text FROM public.price)'),
	('(SELECT max(o.b) FROM public.other AS o JOIN public.price AS p ON p.item = o.a WHERE p.net > 1)'),
	('(SELECT max(kind) FROM public.other AS o LEFT JOIN public.price AS p ON p.item = o.a)'),
	('(SELECT max(net || b) FROM public.price FULL JOIN (SELECT a AS item, b FROM public.other) AS o USING (item))'),
	('(SELECT max(j.d) FROM (public.other JOIN public.price ON a = item) AS j (a, b, c, d))'),
	('(SELECT (SELECT max(j.e || x.b) FROM public.other AS x) FROM (public.other JOIN public.price ON a = item) AS j (a, b, c, d, e) LIMIT 1)'),
	('(SELECT row_to_json(j)::text FROM (public.other JOIN public.price ON a = item) AS j LIMIT 1)'),
	('(WITH w AS (SELECT net AS n, seen_at FROM public.price) SELECT max(n)::text FROM w)'),
	('(SELECT (SELECT max(p.kind) FROM public.price AS p WHERE p.item = o.a) FROM public.other AS o LIMIT 1)'),
	('(SELECT row_to_json(p) ->> ''kind'' FROM public.price AS p LIMIT 1)'),
	('(SELECT max(d.kind) FROM public.dear AS d)'),
	('(SELECT max(p.kind || d.kind) FROM public.price AS p, public.dear AS d)'),
	('(SELECT max(p.kind || o.kind) FROM public.price AS p, public.old_price AS o)'),
	('(SELECT max(p.kind || b.item) FROM public.price AS p, public.base AS b)'),
	('(SELECT max(p.kind) || public.qty(1) FROM public.price AS p)'),
	('title')
) AS v (expression);
ALTER TABLE price NO INHERIT base;
DROP TABLE old_price, base;

--
-- Keys of several columns, and of other types
--
CREATE TABLE place (country char(2), no bigint, name text, PRIMARY KEY (country, no));
CREATE TABLE opening (hours text, "No" int, land char(2));
SELECT bcdelta.track('place', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.depends('place', 'opening', '{No,land}');
SELECT bcdelta.depends('place', 'opening', '{land}');
SELECT bcdelta.depends('place', 'opening', '{land,land}');
SELECT bcdelta.depends('place', 'opening', '{land,No}');
BEGIN;
INSERT INTO opening VALUES ('9-5', 1, 'DE'), ('9-5', NULL, 'DE'), ('9-5', 1, NULL), ('8-4', 2, 'AT');
SELECT op, key FROM captured();
UPDATE opening SET land = 'CH' WHERE "No" = 2;
SELECT op, key FROM captured();
UPDATE opening SET "No" = NULL WHERE "No" = 2;
SELECT op, key FROM captured();
ROLLBACK;

CREATE DOMAIN code AS varchar(10);
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE FUNCTION fits(key_type text, child_type text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE k (k %s PRIMARY KEY, name text); CREATE TABLE c (k %s)', key_type, child_type);
	PERFORM bcdelta.track('k', 'shop', 'brand');
	BEGIN
		PERFORM bcdelta.depends('k', 'c', '{k}');
		RETURN 'yes';
	EXCEPTION WHEN datatype_mismatch THEN
		RETURN 'no';
	END;
END
$$;
CREATE FUNCTION fits_each(pairs text[]) RETURNS TABLE (key text, child text, fits text) LANGUAGE plpgsql AS $$
DECLARE
	i int;
BEGIN
	FOR i IN 1 .. array_length(pairs, 1) LOOP
		key := pairs[i][1];
		child := pairs[i][2];
		fits := fits(key, child);
		PERFORM bcdelta.untrack('k');
		DROP TABLE k, c;
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM fits_each(ARRAY[
	['int', 'bigint'], ['bigint', 'smallint'], ['int', 'numeric(10)'], ['numeric(12,0)', 'bigint'],
	['int', 'numeric(10,2)'], ['int', 'numeric'], ['int', 'text'], ['int', 'float8'],
	['numeric(10,2)', 'numeric(12,2)'], ['numeric(10,2)', 'numeric(10,3)'], ['numeric', 'numeric'],
	['text', 'varchar(20)'], ['varchar', 'text'], ['code', 'text'], ['varchar(10)', 'code'], ['text', 'int'],
	['char(5)', 'char(5)'], ['char(5)', 'char(6)'], ['char(5)', 'text'], ['text', 'char(5)'],
	['uuid', 'uuid'], ['uuid', 'text'], ['colour', 'colour'], ['colour', 'text'], ['boolean', 'boolean'],
	['date', 'date'], ['date', 'timestamp'], ['timestamptz', 'timestamptz(3)'], ['timestamptz', 'timestamp'],
	['inet', 'inet'], ['inet', 'cidr'], ['float8', 'float8'], ['float8', 'float4'], ['text', 'name']]);
CREATE TABLE deed (item text);
SELECT bcdelta.depends('item', 'deed', '{item}');
DROP TABLE deed;
-- it may also come to differ later
SELECT fits('int', 'bigint');
ALTER TABLE c ALTER COLUMN k TYPE text;
SELECT trouble('k');
SELECT bcdelta.resume('k');
ALTER TABLE c ALTER COLUMN k TYPE int USING k::int;
SELECT trouble('k');
SELECT bcdelta.resume('k');
BEGIN;
INSERT INTO c VALUES (1);
SELECT feed, op, key FROM captured();
ROLLBACK;
SELECT bcdelta.untrack('k');
DROP TABLE k, c;

--
-- Row triggers
--
CREATE TABLE replica (id int PRIMARY KEY, name text);
CREATE TABLE text_of (id int, language text, body text, note text);
SELECT bcdelta.track('replica', 'shop', 'brand',
	'{"name": "(SELECT t.body FROM public.text_of AS t WHERE t.id = replica.id AND language = ''de'')"}', capture => 'row');
SELECT bcdelta.depends('replica', 'text_of', '{id}');
SELECT * FROM triggers('text_of');
BEGIN;
INSERT INTO text_of VALUES (1, 'de', 'eins'), (1, 'en', 'one'), (2, 'de', 'zwei'), (NULL, 'de', 'nichts');
UPDATE text_of SET note = 'not mapped';
UPDATE text_of SET body = 'drei', id = 3 WHERE id = 2;
UPDATE text_of SET id = NULL WHERE id = 3;
DELETE FROM text_of WHERE language = 'en';
SET LOCAL session_replication_role = replica;
UPDATE text_of SET body = 'uno' WHERE id = 1;
TRUNCATE text_of;
SELECT op, key FROM captured();
ROLLBACK;
SELECT bcdelta.untrack('replica');
SELECT bcdelta.track('replica', 'shop', 'brand', '{"name": "name"}', capture => 'none');
SELECT bcdelta.depends('replica', 'text_of', '{id}');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'text_of'::regclass;

--
-- Partitions and inheritance children of the child
--
CREATE TABLE offer (item int, shop text, net numeric, note text) PARTITION BY LIST (shop);
CREATE TABLE offer_a PARTITION OF offer FOR VALUES IN ('a');
CREATE TABLE offer_b (note text, net numeric, shop text, item int);
ALTER TABLE offer ATTACH PARTITION offer_b FOR VALUES IN ('b');
CREATE TABLE media (item int, url text);
CREATE TABLE video (length int) INHERITS (media);
SELECT bcdelta.track('item', 'shop', 'brand', $${"name": "title", "page_title": "(SELECT min(net)::text FROM public.offer AS o WHERE o.item = id)",
	"meta_description": "(SELECT min(url) FROM public.video AS v WHERE v.item = id)"}$$, 'tree');
SELECT bcdelta.depends('tree', 'offer', '{item}');
SELECT bcdelta.depends('tree', 'media', '{item}');
SELECT * FROM triggers('offer_b');
-- a column of the children may be one of theirs alone
SELECT * FROM triggers('video');
BEGIN;
INSERT INTO offer VALUES (1, 'a', 1), (2, 'b', 1);
INSERT INTO offer_b (item, shop, net) VALUES (3, 'b', 1);
UPDATE offer SET note = 'not mapped';
UPDATE offer_b SET note = 'not mapped';
UPDATE offer SET net = 2 WHERE item = 2;
UPDATE offer_a SET item = 4;
SELECT op, key FROM captured();
UPDATE offer SET shop = 'a', item = 5 WHERE item = 2;
SELECT op, key FROM captured() ORDER BY key;
TRUNCATE offer_b;
SELECT op, key FROM captured();
INSERT INTO video VALUES (1, 'v');
UPDATE media SET url = 'w';
UPDATE video SET item = 2;
DELETE FROM media;
SELECT op, key FROM captured();
ROLLBACK;
CREATE TABLE offer_c PARTITION OF offer FOR VALUES IN ('c');
SELECT trouble('tree');
SELECT bcdelta.resume('tree');
SELECT trouble('tree');
ALTER TABLE offer DETACH PARTITION offer_c;
SELECT trouble('tree');
SELECT bcdelta.resume('tree');
SELECT trouble('tree');
SELECT * FROM triggers('offer_c');

--
-- Triggers that are dropped or disabled
--
ALTER TABLE price DISABLE TRIGGER USER;
SELECT trouble('item');
SELECT bcdelta.resume('item');
SELECT trouble('item');
DO $$ BEGIN EXECUTE (SELECT format('DROP TRIGGER %I ON price', tgname) FROM pg_trigger WHERE tgrelid = 'price'::regclass AND tgname ~ 'delete'); END $$;
SELECT trouble('item');
SELECT bcdelta.resume('item');
SELECT trouble('item');
SELECT * FROM triggers('price');

--
-- Tables that change
--
ALTER TABLE price RENAME TO prices;
CREATE SCHEMA sales;
ALTER TABLE prices SET SCHEMA sales;
SELECT trouble('item');
ALTER TABLE sales.prices SET SCHEMA public;
ALTER TABLE prices RENAME TO price;
-- a column of the mapping: any may be meant
BEGIN;
ALTER TABLE price RENAME net TO amount;
INSERT INTO price VALUES (1, 'list', 1);
UPDATE price SET seen_at = now();
SELECT op, key FROM captured();
ROLLBACK;
-- the parent's key
BEGIN;
SAVEPOINT s;
ALTER TABLE price RENAME item TO article;
INSERT INTO price VALUES (1, 'list', 1);
DELETE FROM price;
SELECT feed, op, key = (SELECT dependency_id::text FROM bcdelta.dependency WHERE child = 'price'::regclass) AS names_child FROM captured();
SELECT trouble('item');
SELECT bcdelta.resume('item');
ROLLBACK TO s;
ALTER TABLE price DROP COLUMN item CASCADE;
SELECT trouble('item');
ROLLBACK;
-- RLS decides by columns that the mapping does not show
BEGIN;
ALTER TABLE price ENABLE ROW LEVEL SECURITY;
SELECT bcdelta.depends('item', 'price', '{item}');
SELECT * FROM triggers('price');
ROLLBACK;
-- dropped
DROP TABLE other;
SELECT trouble('item');
SET client_min_messages = notice;
SELECT bcdelta.resume('item');
SELECT trouble('item');
-- and made anew
BEGIN;
DROP TABLE stock;
CREATE TABLE stock (item int, qty int);
SELECT trouble('qty');
SELECT bcdelta.depends('qty', 'stock', '{item}');
SET client_min_messages = warning;
SELECT trouble('qty');
SELECT child, parent_key FROM bcdelta.dependency WHERE feed = 'qty' ORDER BY dependency_id;
ROLLBACK;
SET client_min_messages = warning;
BEGIN;
CREATE TABLE gone (item int);
SELECT bcdelta.depends('item', 'gone', '{item}');
SELECT 'gone'::regclass::oid AS gone \gset
DROP TABLE gone;
SELECT bcdelta.depends('item', :gone, NULL);
SELECT trouble('item');
ROLLBACK;
-- a mapping that does not work
BEGIN;
ALTER TABLE image RENAME url TO link;
SELECT bcdelta.depends('item', 'stock', '{item}');
ROLLBACK;

--
-- Rights
--
CREATE ROLE regress_bcdelta_depends;
CREATE ROLE regress_bcdelta_depends_other;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_depends;
CREATE USER MAPPING FOR regress_bcdelta_depends SERVER shop OPTIONS (access_token 'secret');
GRANT SELECT, TRIGGER ON item TO regress_bcdelta_depends;
GRANT ALL ON price TO regress_bcdelta_depends_other;
SET ROLE regress_bcdelta_depends;
SELECT bcdelta.track('item', 'shop', 'brand', '{"name": "title"}', 'theirs');
SELECT bcdelta.depends('theirs', 'price', '{item}');
SELECT bcdelta.depends('item', 'price', '{item}');
SELECT bcdelta.depends('item', 'price', NULL);
RESET ROLE;
GRANT SELECT ON price TO regress_bcdelta_depends;
SET ROLE regress_bcdelta_depends;
SELECT bcdelta.depends('theirs', 'price', '{item}');
-- it is the feed's owner that counts
RESET ROLE;
SELECT bcdelta.depends('theirs', 'price', '{item}');
GRANT TRIGGER ON price TO regress_bcdelta_depends;
SET ROLE regress_bcdelta_depends_other;
SELECT bcdelta.depends('theirs', 'price', '{item}');
SET ROLE regress_bcdelta_depends;
SELECT bcdelta.depends('theirs', 'price', '{item}');
SELECT * FROM bcdelta.dependency;
-- who may write the child needs no right on anything of ours
SET ROLE regress_bcdelta_depends_other;
BEGIN;
INSERT INTO price VALUES (1, 'list', 1);
RESET ROLE;
SELECT feed, op, key FROM captured() ORDER BY feed;
ROLLBACK;
SET ROLE regress_bcdelta_depends;
SELECT bcdelta.depends('theirs', 'price', NULL);
RESET ROLE;
SELECT count(*) FROM bcdelta.dependency WHERE feed = 'theirs';
SELECT bcdelta.untrack('theirs');

--
-- The end
--
SELECT bcdelta.untrack('item');
SELECT bcdelta.untrack('qty');
SELECT bcdelta.untrack('groups');
SELECT bcdelta.untrack('tree');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'bcdelta.capture'::regproc AND tgname ~ '_\d+_\d+_' AND tgrelid <> 'opening'::regclass;
SELECT feed, child, parent_key FROM bcdelta.dependency;
--
-- Two steps: a lookup gives the keys, see also test/t/capture_depends_lookup.pl
--
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE pair (a text, b int, name text, PRIMARY KEY (a, b));
CREATE TABLE between_them (id bigint PRIMARY KEY, parent int REFERENCES parent, kind text);
CREATE TABLE far (between_id bigint REFERENCES between_them, own int REFERENCES parent, other int, code text, note text);
SELECT bcdelta.track('parent', 'shop', 'brand', '{"name": "name", "page_title": "(SELECT max(f.note) FROM public.far AS f JOIN public.between_them AS b ON b.id = f.between_id WHERE b.parent = parent.id)"}');
SELECT bcdelta.track('pair', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => '');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent FROM between_them WHERE id = $1');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent, kind FROM public.between_them WHERE id = $1');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT now()');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent FROM public.between_them WHERE id = $2');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent FROM public.between_them WHERE id = $1; SELECT 1');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT 1) AS q (k1), (SELECT 2');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'DELETE FROM public.between_them RETURNING parent');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'WITH d AS (DELETE FROM public.between_them RETURNING parent) SELECT parent FROM d');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent FROM public.between_them WHERE id = $1 FOR UPDATE');
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent INTO x FROM public.between_them WHERE id = $1');
SELECT bcdelta.depends('parent', 'far', '{nope}', lookup => 'SELECT 1');
SELECT bcdelta.depends('parent', 'far', '{}', lookup => 'SELECT 1');
SELECT bcdelta.depends('parent', 'far', NULL, lookup => 'SELECT 1');
SELECT count(*) FROM bcdelta.dependency WHERE feed = 'parent';
SELECT bcdelta.depends('parent', 'far', '{between_id}', lookup => 'SELECT parent FROM public.between_them WHERE id = $1 -- of the variant');
SELECT bcdelta.depends('pair', 'far', '{code,other}', lookup => 'SELECT $1, $2::bigint');
SELECT feed, lookup FROM bcdelta.dependency WHERE lookup IS NOT NULL ORDER BY feed;
SELECT * FROM triggers('far');
SELECT bcdelta.depends('parent', 'far', '{other}', lookup => 'SELECT f.own FROM public.far AS f WHERE f.other = $1 AND f.code IS NOT NULL');
SELECT * FROM triggers('far');
SELECT trouble('parent'), trouble('pair');
BEGIN;
INSERT INTO between_them VALUES (7);
INSERT INTO far VALUES (7, NULL, 1, E'a "b"\n', 'n'), (NULL, NULL, 1, NULL, 'n');
SELECT feed, op, regexp_replace(key, '^\d+', 'N') AS key FROM captured();
UPDATE far SET code = repeat('x', 3000) WHERE between_id = 7;
SELECT feed, op, regexp_replace(key, '^\d+', 'N') AS key FROM captured();
ROLLBACK;
-- a lookup runs with the rights of the feed's owner
CREATE ROLE regress_bcdelta_steps;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_steps;
GRANT SELECT, TRIGGER ON pair, far TO regress_bcdelta_steps;
SET ROLE regress_bcdelta_steps;
SELECT bcdelta.track('pair', 'shop', 'brand', '{"name": "name"}', feed => 'theirs', capture => 'row');
SELECT bcdelta.depends('theirs', 'far', '{other}', lookup => 'SELECT name, id FROM public.parent WHERE id = $1');
RESET ROLE;
SELECT bcdelta.depends('theirs', 'far', '{other}', lookup => 'SELECT name, id FROM public.parent WHERE id = $1');
SELECT bcdelta.depends('theirs', 'far', '{other}', lookup => 'SELECT code, other FROM public.far WHERE other = $1');
DROP OWNED BY regress_bcdelta_steps;

--
-- Foreign keys that lead elsewhere
--
CREATE TABLE two (id int PRIMARY KEY REFERENCES parent, code int UNIQUE);
CREATE TABLE refers (to_between bigint REFERENCES between_them, to_parent int REFERENCES parent, to_two int REFERENCES two,
	to_code int REFERENCES two (code), a text, b int, none int, FOREIGN KEY (a, b) REFERENCES pair);
SELECT bcdelta.depends('parent', 'refers', '{to_between}');
SELECT bcdelta.depends('parent', 'refers', '{to_parent}');
SELECT bcdelta.depends('parent', 'refers', '{to_two}');
SELECT bcdelta.depends('parent', 'refers', '{to_code}');
SELECT bcdelta.depends('parent', 'refers', '{none}');
SELECT bcdelta.depends('parent', 'refers', '{to_between}', lookup => 'SELECT parent FROM public.between_them WHERE id = $1');
SELECT bcdelta.depends('pair', 'refers', '{a,b}');
CREATE TABLE swapped (a text, b int, PRIMARY KEY (b, a));
SELECT bcdelta.track('swapped', 'shop', 'brand', '{"name": "a"}', key => '{a,b}');
SELECT bcdelta.depends('swapped', 'refers', '{a,b}');
-- to the source, but not to its key; and to a part of it
SELECT bcdelta.track('two', 'shop', 'brand', '{"name": "id::text"}');
SELECT bcdelta.depends('two', 'refers', '{to_code}');
SELECT bcdelta.depends('two', 'refers', '{to_two}');
CREATE TABLE parted (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (100);
CREATE TABLE refers_parted (to_all int REFERENCES parted, to_part int REFERENCES parted_1);
SELECT bcdelta.track('parted', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.depends('parted', 'refers_parted', '{to_all}');
SELECT bcdelta.depends('parted', 'refers_parted', '{to_part}');
SELECT bcdelta.untrack(feed) FROM bcdelta.feed WHERE feed IN ('parent', 'pair', 'theirs', 'swapped', 'two', 'parted');
DROP TABLE refers, refers_parted, two, far, between_them, parent, pair, swapped, parted;
DROP ROLE regress_bcdelta_steps;

DROP EXTENSION bcdelta CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgname ~ '^bcdelta';
DROP TABLE item, price, image, stock, related, groups, place, opening, replica, text_of, offer, offer_c, media CASCADE;
DROP FUNCTION captured, trouble, triggers, qty, reads, fits, fits_each;
DROP DOMAIN code;
DROP TYPE colour;
DROP SCHEMA sales;
DROP ROLE regress_bcdelta_depends, regress_bcdelta_depends_other;
