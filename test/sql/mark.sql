--
-- Marking rows by hand
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE FUNCTION marked() RETURNS TABLE (feed text, op "char", key text) LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM bcdelta.change AS c RETURNING c.ctid AS at, c.*)
	SELECT f.feed, g.op, g.key FROM gone AS g JOIN bcdelta.feed AS f USING (feed_id) ORDER BY g.changed_at, g.at
$$;

CREATE TABLE item (id int PRIMARY KEY, title text, changed timestamptz, day date, local timestamp, flag boolean);
INSERT INTO item SELECT g, 'T', '2026-01-01 00:00:00+00'::timestamptz + g * interval '1 day', date '2026-01-01' + g,
	timestamp '2026-01-01' + g * interval '1 day', g = 3 FROM generate_series(1, 5) AS g;
INSERT INTO item VALUES (6, 'no time');
CREATE TABLE shelf (hall int, shelf text, at date, name text, PRIMARY KEY (hall, shelf, at));
INSERT INTO shelf VALUES (1, 'a "b"', '2026-02-01', 'x'), (2, 'c', '2026-03-01', 'y');
SELECT bcdelta.track('item', 'shop', 'brand', '{"name": "title"}');
SELECT bcdelta.track('shelf', 'shop', 'brand', '{"name": "name"}');

-- by key: as the key's type prints it, whether there is such a row or not
BEGIN;
SELECT bcdelta.mark('item', '1', '007', ' 8 ', '-9');
SELECT bcdelta.mark('item', VARIADIC '{1,1}');
SELECT bcdelta.mark('item', VARIADIC '{}');
SELECT bcdelta.mark('shelf', '["01", "a \"b\"", "2026-02-01"]', '["2","c","20260301"]');
SET LOCAL datestyle = 'German';
SELECT bcdelta.mark('shelf', '["3", "d", "2.3.2026"]');
SELECT * FROM marked();
ROLLBACK;
SELECT bcdelta.mark('item', 'one');
SELECT bcdelta.mark('item', '1', NULL);
SELECT bcdelta.mark('item', '12345678901234567890');
SELECT bcdelta.mark('shelf', 'c');
SELECT bcdelta.mark('shelf', '["2", "c"]');
SELECT bcdelta.mark('shelf', '["2", "c", 3]');
SELECT bcdelta.mark('shelf', '["2", "c", "yesterday or so"]');
SELECT bcdelta.mark('nope', '1');

-- numbers that are equal but print differently are the row's own
CREATE TABLE num (no numeric PRIMARY KEY, name text);
INSERT INTO num VALUES (1.50, 'x');
SELECT bcdelta.track('num', 'shop', 'brand');
BEGIN;
SELECT bcdelta.mark('num', '1.5', '2.0', '01.500');
SELECT bcdelta.mark_all('num');
SELECT * FROM marked();
ROLLBACK;

-- by time
BEGIN;
SELECT bcdelta.mark_since('item', 'changed', '2026-01-04 00:00:00+00');
SELECT * FROM marked();
SET LOCAL timezone = 'America/New_York';
SELECT bcdelta.mark_since('item', 'local', '2026-01-05 00:00:00-05');
SELECT bcdelta.mark_since('item', 'day', '2026-01-06 00:00:00-05');
SELECT bcdelta.mark_since('item', 'changed', 'infinity');
SELECT bcdelta.mark_since('item', 'changed', '-infinity');
SELECT * FROM marked();
ROLLBACK;
SELECT bcdelta.mark_since('item', 'title', now());
SELECT bcdelta.mark_since('item', 'nope', now());
SELECT bcdelta.mark_since('item', 'changed', NULL);

-- by condition
BEGIN;
SELECT bcdelta.mark_where('item', 'flag');
SELECT bcdelta.mark_where('item', 'item.id IN (SELECT max(id) FROM item) -- and a comment');
SELECT bcdelta.mark_where('item', 'false');
SELECT bcdelta.mark_where('item', 'NULL');
SELECT bcdelta.mark_where('shelf', $$at > '1/15/2026' AND name ~ 'x'$$);
SELECT * FROM marked();
ROLLBACK;
SELECT bcdelta.mark_where('item', 'nope = 1');
SELECT bcdelta.mark_where('item', 'id');
SELECT bcdelta.mark_where('item', 'true; DROP TABLE item');
SELECT bcdelta.mark_where('item', 'true LIMIT 1');
SELECT bcdelta.mark_where('item', 'id >');
SELECT bcdelta.mark_where('item', '');
SELECT bcdelta.mark_where('item', 'count(*) > 0');
SELECT bcdelta.mark_where('item', '1 / (id - 3) > 0');
SELECT bcdelta.mark_where('item', '$1');

-- everything; and in portions
BEGIN;
SELECT bcdelta.mark_all('shelf');
SELECT * FROM marked();
INSERT INTO item SELECT g FROM generate_series(1001, 4500) AS g;
SELECT count(*) FROM marked();
SELECT bcdelta.mark_all('item');
SELECT count(*), count(DISTINCT key) FROM marked();
ROLLBACK;

-- seen by the marking transaction, gone with it
BEGIN;
INSERT INTO item VALUES (7);
SELECT count(*) FROM marked();
SELECT bcdelta.mark_where('item', 'id = 7');
SELECT * FROM marked();
SAVEPOINT s;
SELECT bcdelta.mark('item', '1');
ROLLBACK TO s;
SELECT * FROM marked();
ROLLBACK;
BEGIN READ ONLY;
SELECT bcdelta.mark('item', '1');
ROLLBACK;
BEGIN READ ONLY;
SELECT bcdelta.mark_all('item');
ROLLBACK;

-- from a cursor loop that marks as it goes
BEGIN;
DO $$
DECLARE
	k text;
BEGIN
	FOR k IN SELECT id::text FROM item WHERE id < 4 ORDER BY id LOOP
		PERFORM bcdelta.mark('item', k);
	END LOOP;
END
$$;
SELECT * FROM marked();
ROLLBACK;

-- rights: the feed's owner, and as the caller
CREATE ROLE regress_bcdelta_owner;
CREATE ROLE regress_bcdelta_clerk;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_owner;
CREATE USER MAPPING FOR regress_bcdelta_owner SERVER shop OPTIONS (access_token 'secret');
CREATE TABLE theirs (id int PRIMARY KEY, name text);
INSERT INTO theirs SELECT g, 'n' FROM generate_series(1, 4) AS g;
ALTER TABLE theirs OWNER TO regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.track('theirs', 'shop', 'brand');
BEGIN;
SELECT bcdelta.mark('theirs', '1'), bcdelta.mark_all('theirs'), bcdelta.mark_where('theirs', 'id > 2');
RESET ROLE;
SELECT count(*) FROM marked();
ROLLBACK;
SET ROLE regress_bcdelta_clerk;
SELECT bcdelta.mark('theirs', '1');
SELECT bcdelta.mark_all('theirs');
SELECT bcdelta.mark_where('theirs', 'true');
SELECT bcdelta.mark_since('theirs', 'name', now());
RESET ROLE;
REVOKE SELECT ON theirs FROM regress_bcdelta_owner;
SET ROLE regress_bcdelta_owner;
SELECT bcdelta.mark_all('theirs');
SELECT bcdelta.mark_where('theirs', 'EXISTS (SELECT FROM item)');
RESET ROLE;
GRANT SELECT ON theirs TO regress_bcdelta_owner;
ALTER TABLE theirs ENABLE ROW LEVEL SECURITY;
ALTER TABLE theirs FORCE ROW LEVEL SECURITY;
CREATE POLICY odd ON theirs USING (id % 2 = 1);
SET ROLE regress_bcdelta_owner;
BEGIN;
SELECT bcdelta.mark_all('theirs');
RESET ROLE;
SELECT key FROM marked();
ROLLBACK;
RESET ROLE;

-- a source that is not what it was
ALTER TABLE item RENAME COLUMN id TO no;
SELECT bcdelta.mark_all('item');
SELECT bcdelta.mark('item', '1');
DROP TABLE item;
SELECT bcdelta.mark_all('item');

DROP EXTENSION bcdelta CASCADE;
DROP OWNED BY regress_bcdelta_owner, regress_bcdelta_clerk;
DROP ROLE regress_bcdelta_owner, regress_bcdelta_clerk;
DROP TABLE shelf, num;
DROP FUNCTION marked;
