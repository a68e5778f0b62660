-- How many rows are linked, and pending in which state: what bcdelta.status shows is counted as they come and go.

SET client_min_messages = warning;
CREATE EXTENSION bcdelta;

CREATE FUNCTION counted() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(what || ' ' || n, ', ' ORDER BY what) FROM (
		SELECT what, sum(n) AS n FROM bcdelta.tally WHERE feed LIKE 'regress%' GROUP BY what HAVING sum(n) <> 0) AS t
$$;
CREATE FUNCTION true_numbers() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(what || ' ' || n, ', ' ORDER BY what) FROM (
		SELECT state AS what, count(*) AS n FROM bcdelta.pending WHERE feed LIKE 'regress%' GROUP BY state
		UNION ALL SELECT 'linked', count(*) FROM bcdelta.link WHERE feed LIKE 'regress%' HAVING count(*) > 0) AS t
$$;
CREATE VIEW agree AS SELECT counted(), counted() IS NOT DISTINCT FROM true_numbers() AS agree;

INSERT INTO bcdelta.feed (feed, source, server, resource, key, fields, capture, on_delete, on_conflict, owner, home)
SELECT feed, 'pg_class', 'none', 'brand', '{oid}', '{}', 'none', 'ignore', 'source', CURRENT_USER::regrole, 'none'
FROM unnest('{regress,regress 2}'::text[]) AS feed;
INSERT INTO bcdelta.link (feed, key, store_id, address) SELECT 'regress', i, i, i FROM generate_series(1, 10) AS i;
INSERT INTO bcdelta.pending (feed, key, changed_at) SELECT 'regress', i, now() FROM generate_series(1, 10) AS i;
SELECT * FROM agree;
UPDATE bcdelta.pending SET state = 'failed' WHERE feed = 'regress' AND key::int <= 3;
UPDATE bcdelta.pending SET attempts = 7 WHERE feed = 'regress';
UPDATE bcdelta.link SET payload = '{}' WHERE feed = 'regress';
SELECT * FROM agree;
INSERT INTO bcdelta.pending AS p (feed, key, changed_at) SELECT 'regress', i, now() FROM generate_series(3, 12) AS i
ON CONFLICT (feed, key) DO UPDATE SET state = 'ready';
SELECT * FROM agree;

-- several feeds, and a row that goes from one to the other
UPDATE bcdelta.link SET feed = 'regress 2' WHERE feed = 'regress' AND key::int > 8;
UPDATE bcdelta.pending SET feed = 'regress 2', state = 'review' WHERE feed = 'regress' AND key::int > 8;
SELECT feed, what, sum(n) FROM bcdelta.tally WHERE feed LIKE 'regress%' GROUP BY feed, what HAVING sum(n) <> 0 ORDER BY 1, 2;

-- one row for each number and transaction, written at its end; a status has what is not written yet
BEGIN;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '1';
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '2';
SELECT counted();
SELECT linked FROM bcdelta.status WHERE feed = 'regress';
COMMIT;
SELECT * FROM agree;
SELECT linked FROM bcdelta.status WHERE feed = 'regress';

-- what is rolled back, as a whole or in part, does not count
BEGIN;
DELETE FROM bcdelta.link WHERE feed LIKE 'regress%';
ROLLBACK;
SELECT * FROM agree;
BEGIN;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '3';
SAVEPOINT a;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '4';
SAVEPOINT b;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '5';
RELEASE b;
ROLLBACK TO a;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '6';
SAVEPOINT c;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key = '7';
RELEASE c;
COMMIT;
SELECT * FROM agree;
SELECT count(*) AS before FROM bcdelta.tally \gset
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN
			INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('regress', 'n' || i, 1000 + i, 1000 + i);
			IF i % 2 = 0 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END
$$;
SELECT * FROM agree;
SELECT count(*) - :before AS more FROM bcdelta.tally;

-- whoever writes there
SET session_replication_role = replica;
DELETE FROM bcdelta.link WHERE feed = 'regress' AND key ~ '^n';
RESET session_replication_role;
SELECT * FROM agree;
BEGIN;
INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('regress', 'gone again', 2000, 2000);
SELECT count(*) >= 0 AS truncated FROM bcdelta.link;
TRUNCATE bcdelta.link, bcdelta.pending;
INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('regress', 'one', 1, 1);
COMMIT;
SELECT * FROM agree;
SELECT count(*) FROM bcdelta.link;
BEGIN;
INSERT INTO bcdelta.link (feed, key, store_id, address) VALUES ('regress', 'stays', 2000, 2000);
SAVEPOINT a;
TRUNCATE bcdelta.link;
ROLLBACK TO a;
COMMIT;
SELECT * FROM agree;
DELETE FROM bcdelta.link WHERE key = 'stays';

-- a status reads neither of the two tables from end to end
INSERT INTO bcdelta.link (feed, key, store_id, address) SELECT 'regress', i, i, i FROM generate_series(2, 1000) AS i;
INSERT INTO bcdelta.pending (feed, key, changed_at) SELECT 'regress', i, now() FROM generate_series(1, 1000) AS i;
BEGIN;
CREATE TEMP VIEW reads AS SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) AS n FROM pg_stat_xact_user_tables
WHERE relid IN ('bcdelta.link'::regclass, 'bcdelta.pending'::regclass);
SELECT n AS before FROM reads \gset
SELECT linked, ready FROM bcdelta.status WHERE feed = 'regress';
SELECT n - :before < 10 AS few FROM reads;
ROLLBACK;
DELETE FROM bcdelta.feed WHERE feed LIKE 'regress%';
DELETE FROM bcdelta.link WHERE feed LIKE 'regress%';
DELETE FROM bcdelta.pending WHERE feed LIKE 'regress%';
SELECT * FROM agree;
DROP VIEW agree;
DROP FUNCTION counted, true_numbers;
DROP EXTENSION bcdelta CASCADE;
