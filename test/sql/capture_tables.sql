--
-- Capture: partitions, inheritance children, row triggers
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE FUNCTION captured() RETURNS TABLE (feed text, op "char", key text, moved_from text, statement bigint)
LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM bcdelta.change AS c RETURNING c.ctid AS at, c.*)
	SELECT f.feed, g.op, g.key, g.moved_from,
		CASE WHEN g.move_id IS NOT NULL THEN dense_rank() OVER (ORDER BY g.move_id) END
	FROM gone AS g JOIN bcdelta.feed AS f USING (feed_id) ORDER BY g.changed_at, g.at
$$;
-- names and not ids of feeds
CREATE FUNCTION trouble(feed text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(bcdelta.feed_trouble(feed), 'bcdelta_\d+_', 'bcdelta_N_') $$;

--
-- Partitions
--
CREATE TABLE stock (place text, id int, qty int, note text, PRIMARY KEY (id, place)) PARTITION BY LIST (place);
CREATE TABLE stock_a PARTITION OF stock FOR VALUES IN ('a');
-- with columns in another order, and one that is not there any more
CREATE TABLE stock_b (gone int, note text, qty int, id int NOT NULL, place text NOT NULL, PRIMARY KEY (id, place));
ALTER TABLE stock_b DROP COLUMN gone;
ALTER TABLE stock ATTACH PARTITION stock_b FOR VALUES IN ('b');
CREATE TABLE stock_c PARTITION OF stock FOR VALUES IN ('c') PARTITION BY RANGE (id);
CREATE TABLE stock_c1 PARTITION OF stock_c FOR VALUES FROM (1) TO (100);
CREATE TABLE stock_c2 PARTITION OF stock_c FOR VALUES FROM (100) TO (200);
SELECT bcdelta.track('stock', 'shop', 'brand', '{"name": "qty::text"}', key => '{id,place}');
SELECT tgrelid::regclass, count(*), bool_and(tgenabled = 'A') AS always FROM pg_trigger
WHERE tgfoid = 'bcdelta.capture'::regproc GROUP BY 1 ORDER BY 1;
SELECT trouble('stock');
BEGIN;
-- each row once, whichever table is named
INSERT INTO stock VALUES ('a', 1, 1), ('b', 2, 2), ('c', 3, 3), ('c', 150, 4);
SELECT * FROM captured();
INSERT INTO stock_b (id, place, qty) VALUES (10, 'b', 1);
INSERT INTO stock_c VALUES ('c', 11, 1);
INSERT INTO stock_c1 VALUES ('c', 12, 1);
COPY stock FROM stdin;
a	20	1	\N
c	120	1	\N
\.
COPY stock_c2 FROM stdin;
c	121	1	\N
\.
SELECT * FROM captured();
UPDATE stock SET qty = qty + 1 WHERE id < 4;
UPDATE stock_b SET qty = qty + 1 WHERE id = 2;
UPDATE stock_c SET qty = qty + 1 WHERE id = 150;
UPDATE stock SET note = 'not mapped';
UPDATE stock_b SET note = 'not mapped';
SELECT * FROM captured();
-- moves to another partition, and within one
UPDATE stock SET place = 'b' WHERE id = 1;
UPDATE stock SET id = id + 100 WHERE id = 12;
UPDATE stock_c SET id = id - 100 WHERE id = 150;
UPDATE stock_a SET id = 30 WHERE id = 20;
SELECT * FROM captured();
-- a partition that throws away what is moved to it: the rows are gone
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.qty = 9 THEN NULL ELSE NEW END; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON stock_a FOR EACH ROW EXECUTE FUNCTION refuse();
UPDATE stock SET qty = 9 WHERE id = 3;
SELECT count(*) FROM captured();
UPDATE stock SET place = 'a' WHERE id IN (2, 3, 10);
SELECT DISTINCT op, key FROM captured() ORDER BY key;
DELETE FROM stock WHERE id = 2;
DELETE FROM stock_c WHERE id < 100;
SELECT op, key FROM captured() ORDER BY key;
TRUNCATE stock_b;
SELECT * FROM captured();
TRUNCATE stock;
SELECT DISTINCT op FROM captured();
ROLLBACK;

-- attached and detached while tracked
CREATE TABLE stock_d PARTITION OF stock FOR VALUES IN ('d');
SELECT trouble('stock');
SELECT bcdelta.resume('stock');
SELECT trouble('stock');
ALTER TABLE stock DETACH PARTITION stock_d;
SELECT trouble('stock');
SELECT bcdelta.resume('stock');
SELECT trouble('stock');
-- what users do to triggers
ALTER TABLE stock_a DISABLE TRIGGER USER;
SELECT trouble('stock');
ALTER TABLE stock_a ENABLE TRIGGER USER;
SELECT trouble('stock');
SELECT bcdelta.resume('stock');
DO $$ BEGIN EXECUTE (SELECT format('DROP TRIGGER %I ON stock_c', tgname) FROM pg_trigger WHERE tgrelid = 'stock_c'::regclass AND tgname ~ 'delete'); END $$;
SELECT trouble('stock');
SELECT bcdelta.resume('stock');
SELECT trouble('stock');
SELECT bcdelta.untrack('stock');
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'bcdelta.capture'::regproc;

--
-- Inheritance
--
CREATE TABLE media (id int PRIMARY KEY, name text);
CREATE TABLE book (pages int, PRIMARY KEY (id)) INHERITS (media);
CREATE TABLE atlas (scale int, PRIMARY KEY (id)) INHERITS (book);
SELECT bcdelta.track('media', 'shop', 'brand', '{"name": "name"}');
BEGIN;
INSERT INTO media VALUES (1, 'm');
INSERT INTO book VALUES (2, 'b', 100);
INSERT INTO atlas VALUES (3, 'a', 100, 1000);
UPDATE media SET name = name || '!';
UPDATE book SET name = name || '!';
UPDATE ONLY media SET name = name || '!';
UPDATE book SET pages = 1;
SELECT * FROM captured();
UPDATE media SET id = id + 10 WHERE id > 1;
DELETE FROM media;
SELECT * FROM captured();
TRUNCATE media;
SELECT DISTINCT op FROM captured();
ROLLBACK;
CREATE TABLE comic () INHERITS (media);
SELECT trouble('media');
SELECT bcdelta.resume('media');
SELECT trouble('media');
CREATE UNLOGGED TABLE flyer () INHERITS (media);
SELECT bcdelta.resume('media');
DROP TABLE flyer;
SELECT bcdelta.untrack('media');

-- a table that becomes a partition after it was tracked; by statement: capture_parents.sql
CREATE TABLE lone (id int PRIMARY KEY, name text);
SELECT bcdelta.track('lone', 'shop', 'brand', '{"name": "name"}', capture => 'row');
BEGIN;
CREATE TABLE whole (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
ALTER TABLE whole ATTACH PARTITION lone FOR VALUES FROM (0) TO (10);
INSERT INTO whole VALUES (1, 'captured');
UPDATE whole SET name = 'Captured';
SELECT * FROM captured();
TRUNCATE whole;
SELECT * FROM captured();
SELECT trouble('lone');
ROLLBACK;
SELECT bcdelta.untrack('lone');

-- a reload that swaps tables by renaming them
CREATE TABLE nightly (id int PRIMARY KEY, name text);
CREATE TABLE nightly_part (nightly_id int, name text);
SELECT bcdelta.track('nightly', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.depends('nightly', 'nightly_part', '{nightly_id}');
ALTER TABLE nightly RENAME TO nightly_old;
CREATE VIEW nightly AS SELECT * FROM nightly_old;
SELECT trouble('nightly');
DROP VIEW nightly;
CREATE TABLE nightly (LIKE nightly_old INCLUDING ALL);
ALTER TABLE nightly_part RENAME TO nightly_part_old;
CREATE TABLE nightly_part (LIKE nightly_part_old);
SELECT trouble('nightly');
SELECT bcdelta.pause('nightly');
SELECT bcdelta.resume('nightly');
SELECT trouble('nightly') <> '' AS resuming_is_not_accepting;
SELECT bcdelta.resume('nightly');
SELECT trouble('nightly');
-- a table that becomes unlogged
ALTER TABLE nightly_old SET UNLOGGED;
SELECT trouble('nightly');
SELECT bcdelta.resume('nightly');
ALTER TABLE nightly_old SET LOGGED;
SELECT trouble('nightly');
SELECT bcdelta.untrack('nightly');
DROP TABLE nightly, nightly_old, nightly_part, nightly_part_old;

--
-- Row triggers
--
CREATE TABLE price (id int PRIMARY KEY, net numeric, note text);
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}', capture => 'row');
SELECT regexp_replace(tgname, '\d+', 'N') AS trigger, tgenabled FROM pg_trigger WHERE tgrelid = 'price'::regclass ORDER BY 1;
BEGIN;
INSERT INTO price VALUES (1, 1), (2, 2), (3, 3);
UPDATE price SET net = net + 1 WHERE id > 1;
UPDATE price SET note = 'not mapped';
UPDATE price SET id = id + 10 WHERE id > 1;
DELETE FROM price WHERE id = 1;
SELECT * FROM captured();
TRUNCATE price;
SELECT * FROM captured();
COPY price FROM stdin;
4	4	\N
5	5	\N
\.
SET LOCAL session_replication_role = replica;
UPDATE price SET net = 0;
SELECT * FROM captured();
ALTER TABLE price RENAME id TO no;
UPDATE price SET net = 1;
SELECT DISTINCT feed, op FROM captured();
ROLLBACK;
SELECT trouble('price');
DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE price ENABLE TRIGGER %I', tgname) FROM pg_trigger WHERE tgrelid = 'price'::regclass AND tgname ~ 'row'); END $$;
SELECT trouble('price');
SELECT bcdelta.resume('price');
SELECT trouble('price');
-- partitions get theirs from PostgreSQL, but for TRUNCATE
SELECT bcdelta.track('stock', 'shop', 'brand', '{"name": "qty::text"}', key => '{id,place}', capture => 'row');
BEGIN;
INSERT INTO stock VALUES ('a', 1, 1), ('c', 3, 3);
INSERT INTO stock_b (id, place, qty) VALUES (10, 'b', 1);
UPDATE stock_c1 SET qty = 4;
UPDATE stock SET note = 'not mapped';
UPDATE stock SET id = 4 WHERE id = 3;
DELETE FROM stock WHERE id = 10;
SELECT * FROM captured();
-- a row that moves is deleted and inserted for row triggers
UPDATE stock SET place = 'b' WHERE id = 1;
SELECT * FROM captured();
TRUNCATE stock_a;
SELECT * FROM captured();
CREATE TABLE stock_e PARTITION OF stock FOR VALUES IN ('e');
INSERT INTO stock_e VALUES ('e', 5, 5);
SELECT * FROM captured();
SELECT trouble('stock') ~ 'truncate.*stock_e' AS truncate_only;
SELECT bcdelta.resume('stock');
SELECT trouble('stock');
ROLLBACK;
SELECT bcdelta.track('media', 'shop', 'brand', '{"name": "name"}', capture => 'row');
BEGIN;
INSERT INTO book VALUES (2, 'b', 100);
INSERT INTO atlas VALUES (3, 'a', 100, 1000);
UPDATE media SET name = name || '!';
DELETE FROM book;
SELECT * FROM captured();
ROLLBACK;

-- no triggers at all
SELECT bcdelta.untrack('price');
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}', capture => 'none');
BEGIN;
INSERT INTO price VALUES (1, 1);
SELECT * FROM captured();
SELECT trouble('price');
ROLLBACK;

-- what may make a statement fail
SELECT bcdelta.untrack('price');
SET temp_file_limit = '1GB';
SET client_min_messages = notice;
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}');
SELECT bcdelta.untrack('price');
SELECT bcdelta.track('price', 'shop', 'brand', '{"name": "net::text"}', capture => 'row');
SET client_min_messages = warning;
RESET temp_file_limit;

DROP EXTENSION bcdelta CASCADE;
DROP TABLE stock, stock_d, media, price CASCADE;
DROP FUNCTION captured, trouble;
