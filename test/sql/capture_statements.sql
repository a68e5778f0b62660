--
-- Capture: every way in which a row can change
--
-- What is captured is looked at in the transaction that changed the rows: as
-- soon as it is committed, the worker may take it away.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');

-- what has been captured since the last look, in the order of capture
CREATE FUNCTION captured() RETURNS TABLE (feed text, op "char", key text, moved_from text, statement bigint)
LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM bcdelta.change AS c RETURNING c.ctid AS at, c.*)
	SELECT f.feed, g.op, g.key, g.moved_from,
		CASE WHEN g.move_id IS NOT NULL THEN dense_rank() OVER (ORDER BY g.move_id) END
	FROM gone AS g JOIN bcdelta.feed AS f USING (feed_id) ORDER BY g.changed_at, g.at
$$;
CREATE FUNCTION since(version int, new text, old text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('server_version_num')::int / 10000 >= version THEN EXECUTE new; ELSE EXECUTE old; END IF;
END
$$;

CREATE TABLE item (id int PRIMARY KEY, sku text UNIQUE, title text, net numeric(12,2), seen_at timestamptz, photo text);
ALTER TABLE item ALTER COLUMN photo SET STORAGE EXTERNAL;
INSERT INTO item SELECT g, 's' || g, 'T', g, NULL, repeat('x', 10000) FROM generate_series(1, 5) AS g;
SELECT bcdelta.track('item', 'shop', 'product', '{"name": "title", "price": "round(net * 1.2, 2)", "sku": "sku",
	"description": "left(photo, 10)", "type": "''physical''", "weight": "1"}');

--
-- Inserts
--
BEGIN;
INSERT INTO item VALUES (11, 'a', 'A', 1);
INSERT INTO item SELECT g, 's' || g, 'T', g FROM generate_series(12, 14) AS g;
INSERT INTO item SELECT 0, 'none' WHERE false;
SELECT * FROM captured();
COPY item (id, sku) FROM stdin;
15	s15
16	s16
\.
SELECT * FROM captured();
-- an upsert inserts some rows and updates others
INSERT INTO item (id, sku, title) VALUES (11, 'a', 'B'), (17, 's17', 'T')
	ON CONFLICT (id) DO UPDATE SET title = excluded.title;
SELECT * FROM captured();
INSERT INTO item (id, sku) VALUES (11, 'x'), (18, 's18') ON CONFLICT DO NOTHING;
SELECT * FROM captured();
-- several kinds in one statement
WITH a AS (INSERT INTO item (id, sku) VALUES (19, 's19') RETURNING id),
	b AS (UPDATE item SET title = 'by CTE' WHERE id = 12 RETURNING id),
	c AS (DELETE FROM item WHERE id = 13 RETURNING id)
SELECT count(*) FROM a, b, c;
SELECT op, key FROM captured() ORDER BY key;
SELECT since(15, $$MERGE INTO item USING (VALUES (11), (12), (20)) AS v (id) ON item.id = v.id
	WHEN MATCHED AND v.id = 11 THEN UPDATE SET title = 'merged'
	WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT (id, sku) VALUES (v.id, 'merged')$$,
	$$WITH a AS (UPDATE item SET title = 'merged' WHERE id = 11),
		b AS (DELETE FROM item WHERE id = 12)
	INSERT INTO item (id, sku) VALUES (20, 'merged')$$);
SELECT op, key FROM captured() ORDER BY key;
ROLLBACK;

--
-- Updates
--
BEGIN;
-- of columns that the mapping does not use, and to the same values
UPDATE item SET seen_at = now();
UPDATE item SET title = title, net = net, photo = photo || '';
SELECT count(*) FROM captured();
-- of some rows to the same values
UPDATE item SET title = CASE WHEN id % 2 = 0 THEN 'even' ELSE 'T' END;
SELECT * FROM captured();
-- equal is not the same
UPDATE item SET net = 3.10, seen_at = NULL WHERE id = 3;
UPDATE item SET title = NULL WHERE id = 4;
UPDATE item SET title = NULL, seen_at = now() WHERE id = 4;
UPDATE item SET title = '' WHERE id = 4;
SELECT * FROM captured();
-- long values: the same length, another length, compressed
UPDATE item SET photo = repeat('x', 9999) || 'y' WHERE id = 1;
UPDATE item SET photo = repeat('x', 9999) WHERE id = 2;
ALTER TABLE item ALTER COLUMN photo SET STORAGE EXTENDED;
UPDATE item SET photo = repeat('x', 10000) WHERE id = 3;
UPDATE item SET photo = repeat('z', 10000) WHERE id = 4;
SELECT * FROM captured();
-- columns added since the rows were written
ALTER TABLE item ADD COLUMN late int DEFAULT 7;
UPDATE item SET late = 7 WHERE id = 1;
UPDATE item SET title = 'late', late = 8 WHERE id = 2;
SELECT * FROM captured();
ROLLBACK;

-- through a cursor, a view, a function of somebody else
BEGIN;
CREATE VIEW cheap AS SELECT id, title FROM item WHERE net < 3;
CREATE FUNCTION rename() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = '' AS
	$$ UPDATE public.item SET title = 'renamed' WHERE id = 5 $$;
DECLARE c CURSOR FOR SELECT * FROM item WHERE id > 2 FOR UPDATE;
MOVE 2 FROM c;
UPDATE item SET title = 'fetched' WHERE CURRENT OF c;
UPDATE cheap SET title = 'viewed';
SELECT rename();
SELECT * FROM captured();
ROLLBACK;

--
-- Keys
--
BEGIN;
UPDATE item SET id = 10 WHERE id = 1;
UPDATE item SET id = id + 100, title = 'moved' WHERE id IN (2, 3);
UPDATE item SET id = id WHERE id = 4;
SELECT * FROM captured();
-- all at once, and through one another
ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id) DEFERRABLE;
TRUNCATE item;
INSERT INTO item (id, sku) VALUES (1, 'a'), (2, 'b'), (3, 'c');
SELECT count(*) FROM captured();
UPDATE item SET id = id % 3 + 1;
SELECT * FROM captured();
ROLLBACK;

--
-- Deletes
--
BEGIN;
DELETE FROM item WHERE id = 1;
DELETE FROM item WHERE id > 3;
DELETE FROM item WHERE id > 1000;
SELECT * FROM captured();
TRUNCATE item;
SELECT * FROM captured();
ROLLBACK;

-- foreign keys do things, too
CREATE TABLE maker (code text PRIMARY KEY, name text);
CREATE TABLE model (id int PRIMARY KEY, maker text REFERENCES maker ON UPDATE CASCADE ON DELETE CASCADE, name text);
CREATE TABLE part (model int REFERENCES model ON DELETE SET NULL, no text PRIMARY KEY);
SELECT bcdelta.track('maker', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.track('model', 'shop', 'brand', '{"name": "name || maker"}');
SELECT bcdelta.track('part', 'shop', 'brand', '{"name": "format(''%s %s'', no, model)"}');
BEGIN;
INSERT INTO maker VALUES ('A', 'Aa'), ('B', 'Bb');
INSERT INTO model VALUES (1, 'A', 'one'), (2, 'A', 'two'), (3, 'B', 'three');
INSERT INTO part VALUES (1, 'p1'), (3, 'p3');
SELECT count(*) FROM captured();
UPDATE maker SET code = 'AA' WHERE code = 'A';
SELECT * FROM captured();
DELETE FROM maker WHERE code = 'AA';
SELECT * FROM captured();
TRUNCATE maker CASCADE;
SELECT feed, op FROM captured() ORDER BY feed;
TRUNCATE part, maker, model;
SELECT feed, op FROM captured() ORDER BY feed;
ROLLBACK;

--
-- Transactions
--
BEGIN;
INSERT INTO item (id) VALUES (11);
SAVEPOINT s;
INSERT INTO item (id) VALUES (12);
UPDATE item SET id = 13 WHERE id = 11;
ROLLBACK TO s;
INSERT INTO item (id) VALUES (14);
DO $$ BEGIN INSERT INTO item (id) VALUES (15); INSERT INTO item (id) VALUES (15); EXCEPTION WHEN unique_violation THEN END $$;
SELECT * FROM captured();
ROLLBACK;

--
-- Triggers of the table itself
--
BEGIN;
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.title = 'ignored' THEN RETURN NULL; END IF;
	IF TG_OP = 'UPDATE' THEN NEW.title := 'meddled'; END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION meddle();
UPDATE item SET seen_at = now() WHERE id = 1;
UPDATE item SET seen_at = now() WHERE id = 1;
UPDATE item SET title = 'ignored' WHERE id = 2;
SELECT * FROM captured();
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE item SET net = net + 1 WHERE id = NEW.id + 1;
	RETURN NULL;
END
$$;
CREATE TRIGGER follow AFTER UPDATE OF net ON item FOR EACH ROW EXECUTE FUNCTION follow();
UPDATE item SET net = net + 1 WHERE id = 2;
SELECT op, key FROM captured() ORDER BY key;
ROLLBACK;

--
-- Roles, settings
--
CREATE ROLE regress_bcdelta_clerk;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON item TO regress_bcdelta_clerk;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON item USING (id % 2 = 1);
BEGIN;
-- not a right on anything of ours is needed, nor a search_path that finds it
SET LOCAL ROLE regress_bcdelta_clerk;
SET LOCAL search_path = '';
UPDATE public.item SET title = 'clerk';
DELETE FROM public.item WHERE id = 1;
TRUNCATE public.item;
SELECT bcdelta.capture();
ROLLBACK;
BEGIN;
SET LOCAL ROLE regress_bcdelta_clerk;
UPDATE public.item SET title = 'clerk';
RESET ROLE;
SELECT * FROM captured();
-- a session that pretends to be a replica
SET LOCAL session_replication_role = replica;
DELETE FROM item WHERE id = 2;
SELECT * FROM captured();
ROLLBACK;
DROP POLICY odd ON item;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;

-- the text of a key does not depend on settings
CREATE TYPE size AS ENUM ('S', 'M');
CREATE DOMAIN day AS date;
CREATE TABLE keys (a int2, b int8, c numeric, d boolean, e char(4), f varchar, g date, h timestamptz, i timestamp,
	j time, k float8, l bytea, m uuid, n size, o day, q "char",
	PRIMARY KEY (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q));
SELECT bcdelta.track('keys', 'shop', 'brand', '{"name": "a::text"}', feed => 'all');
DO $$
DECLARE
	k text;
BEGIN
	FOR k IN SELECT attname FROM pg_attribute WHERE attrelid = 'keys'::regclass AND attnum > 0 ORDER BY attname LOOP
		EXECUTE format('CREATE UNIQUE INDEX ON keys (%I)', k);
		PERFORM bcdelta.track('keys', 'shop', 'brand', '{"name": "a::text"}', k, ARRAY[k]::name[]);
	END LOOP;
END
$$;
BEGIN;
INSERT INTO keys VALUES (-1, 9223372036854775807, 1.50, true, 'x', E'q"u\\o\tt\u00e9', '2026-11-02', '2026-11-02 03:04:05.678+00',
	'2026-11-02 03:04:05', '03:04:05', 0.1::float8 + 0.2::float8, '\x00ff41', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'M', '2026-11-02', 'c');
SELECT feed, key FROM captured() ORDER BY feed COLLATE "C";
SET LOCAL datestyle = 'German';
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL extra_float_digits = -5;
SET LOCAL bytea_output = 'escape';
DELETE FROM keys;
SELECT feed, key FROM captured() ORDER BY feed COLLATE "C";
-- pinned only while a key is printed
SELECT current_setting('datestyle'), current_setting('timezone'), current_setting('intervalstyle'),
	current_setting('extra_float_digits'), current_setting('bytea_output');
ROLLBACK;

-- composite keys are what jsonb prints
CREATE TABLE pair (a text, b text, v int, PRIMARY KEY (b, a));
SELECT bcdelta.track('pair', 'shop', 'brand', '{"name": "a"}', key => '{a,b}');
BEGIN;
INSERT INTO pair VALUES ('', E'\b\f\n\r\t\u0001\u001f\u007f'), ('"[]"', '\ / '' ü 𝄞'), (repeat('long', 100), repeat('key', 100));
UPDATE pair SET b = b || '!' WHERE a = '';
SELECT op, length(key), key = jsonb_build_array(p.a, p.b)::text AS same, left(moved_from, 30) AS moved_from
FROM captured() AS c LEFT JOIN pair AS p ON c.key::jsonb ->> 0 = p.a AND c.key::jsonb ->> 1 = p.b;
ROLLBACK;

-- a key too long for an index: its row cannot be told from others, and nothing fails
CREATE TABLE scan (id bytea PRIMARY KEY, name text);
SELECT bcdelta.track('scan', 'shop', 'brand', '{"name": "name"}');
BEGIN;
INSERT INTO scan SELECT decode(repeat(md5(g::text), n / 16), 'hex'), 'n' FROM (VALUES (1, 16), (2, 1184), (3, 1200)) AS v (g, n);
UPDATE scan SET id = id || id WHERE length(id) = 1184;
UPDATE scan SET id = left(encode(id, 'hex'), 2)::bytea WHERE length(id) > 2000;
SELECT op, length(key) FROM captured();
SELECT bcdelta.mark_all('scan'), bcdelta.mark('scan', '\x01');
SELECT op, length(key) FROM captured();
ROLLBACK;

SELECT bcdelta.mark('scan', '\x' || repeat('00', 1200));

-- a key that became nullable
CREATE TABLE loose (id int NOT NULL UNIQUE, name text);
SELECT bcdelta.track('loose', 'shop', 'brand', '{"name": "name"}', key => '{id}');
ALTER TABLE loose ALTER COLUMN id DROP NOT NULL;
BEGIN;
INSERT INTO loose VALUES (1, 'a'), (NULL, 'b');
UPDATE loose SET name = name || '!';
SELECT * FROM captured();
UPDATE loose SET id = NULL WHERE id = 1;
UPDATE loose SET id = 2 WHERE name = 'b!';
DELETE FROM loose WHERE id IS NULL;
SELECT * FROM captured();
ROLLBACK;

--
-- ALTER TABLE
--
BEGIN;
CREATE SCHEMA elsewhere;
ALTER TABLE item RENAME TO article;
ALTER TABLE article SET SCHEMA elsewhere;
UPDATE elsewhere.article SET title = 'renamed' WHERE id = 1;
ALTER TABLE elsewhere.article ALTER COLUMN id TYPE bigint;
UPDATE elsewhere.article SET title = 'bigint', id = 10000000000 WHERE id = 2;
ALTER TABLE elsewhere.article DROP COLUMN photo;
UPDATE elsewhere.article SET seen_at = '2026-01-01' WHERE id = 3;
SELECT * FROM captured();
-- with a key column gone, all that is known is that something has changed
ALTER TABLE elsewhere.article RENAME COLUMN id TO number;
UPDATE elsewhere.article SET title = 'key gone';
UPDATE elsewhere.article SET title = 'no row' WHERE false;
INSERT INTO elsewhere.article (number) VALUES (77);
SELECT * FROM captured();
ALTER TABLE elsewhere.article RENAME COLUMN number TO id;
UPDATE elsewhere.article SET title = 'key back' WHERE id = 3;
SELECT * FROM captured();
ALTER TABLE elsewhere.article DROP COLUMN id;
DELETE FROM elsewhere.article;
SELECT * FROM captured();
ROLLBACK;

-- several feeds on a table; one of them dropped
BEGIN;
SELECT bcdelta.track('item', 'shop', 'brand', '{"name": "sku"}', feed => 'skus');
UPDATE item SET sku = sku || '!', title = title || '!' WHERE id = 1;
UPDATE item SET sku = sku || '!' WHERE id = 2;
UPDATE item SET title = title || '!' WHERE id = 3;
SELECT * FROM captured();
SELECT bcdelta.untrack('item');
UPDATE item SET sku = sku || '!' WHERE id = 2;
SELECT * FROM captured();
-- and what is captured while paused
SELECT bcdelta.pause('skus');
UPDATE item SET sku = sku || '!' WHERE id = 2;
SELECT * FROM captured();
DROP TABLE item;
SELECT feed, trouble IS NOT NULL AS trouble FROM bcdelta.status WHERE feed = 'skus';
SELECT bcdelta.untrack('skus');
ROLLBACK;

-- generated columns
BEGIN;
SELECT since(18, 'CREATE TABLE gen (id int PRIMARY KEY, a int, b int, s int GENERATED ALWAYS AS (a / 10) STORED, v int GENERATED ALWAYS AS (a + 1) VIRTUAL)',
	'CREATE TABLE gen (id int PRIMARY KEY, a int, b int, s int GENERATED ALWAYS AS (a / 10) STORED, v int GENERATED ALWAYS AS (a + 1) STORED)');
SELECT bcdelta.track('gen', 'shop', 'brand', '{"name": "s::text"}', feed => 'stored');
SELECT bcdelta.track('gen', 'shop', 'brand', '{"name": "v::text"}', feed => 'virtual');
INSERT INTO gen (id, a) VALUES (1, 10);
UPDATE gen SET b = 1;
SELECT * FROM captured();
UPDATE gen SET a = 11;
SELECT * FROM captured();
UPDATE gen SET a = 20;
SELECT feed, op FROM captured() ORDER BY feed;
ROLLBACK;

-- refused: what nobody else sees, what a crash empties
CREATE TEMP TABLE scratch (id int PRIMARY KEY, name text);
CREATE UNLOGGED TABLE crashing (id int PRIMARY KEY, name text);
CREATE VIEW titles AS SELECT id, title AS name FROM item;
SELECT bcdelta.track('scratch', 'shop', 'brand');
SELECT bcdelta.track('crashing', 'shop', 'brand');
SELECT bcdelta.track('titles', 'shop', 'brand', key => '{id}');

DROP EXTENSION bcdelta CASCADE;
DROP OWNED BY regress_bcdelta_clerk;
DROP ROLE regress_bcdelta_clerk;
DROP TABLE item, maker, model, part, keys, pair, scan, loose, crashing CASCADE;
DROP TYPE size, day;
DROP FUNCTION captured, since;
