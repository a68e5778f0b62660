--
-- What runs are asked for, and what is said when they cannot be
--
SET client_min_messages = warning;
CREATE ROLE regress_bcdelta_boss SUPERUSER;
SET ROLE regress_bcdelta_boss;

-- there is nothing without a store
CREATE EXTENSION bcdelta;
SELECT bcdelta.push();
SELECT bcdelta.retry();
CALL bcdelta.sweep();
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE TABLE makers (code text PRIMARY KEY, name text);
SELECT bcdelta.track('makers', 'shop', 'brand');

-- arguments
SELECT bcdelta.push(feed => 'nope');
SELECT bcdelta.push(server => 'nope');
SELECT bcdelta.push(feed => 'makers', server => 'nope');
SELECT bcdelta.push(max_rows => 0);
SELECT bcdelta.push(max_rows => -1);
SELECT bcdelta.push(wait => NULL);
SELECT bcdelta.verify(mode => 'quick');
SELECT bcdelta.verify(mode => NULL);
SELECT bcdelta.verify(mode => 'sample', sample => 0);
SELECT bcdelta.verify(feed => 'nope');
SELECT bcdelta.link('nope');
SELECT bcdelta.link(NULL) IS NULL AS nothing;
SELECT bcdelta.retry('nope');
SELECT bcdelta.cancel(1000000);
SELECT bcdelta.preview(NULL);
SELECT bcdelta.preview('nope');
SELECT bcdelta.preview('makers', 0);
SELECT bcdelta.preview('makers', NULL);
CALL bcdelta.sweep('nope');

-- nothing is asked for in a read-only transaction
BEGIN READ ONLY;
SAVEPOINT s;
SELECT bcdelta.push();
ROLLBACK TO s;
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x');
ROLLBACK TO s;
CALL bcdelta.sweep();
ROLLBACK TO s;
-- but it may be looked
SELECT key FROM bcdelta.preview('makers');
SELECT feed FROM bcdelta.status;
ROLLBACK;

-- without a token: the feed says so, the run does not fail for all
SELECT state, error FROM bcdelta.push('makers');
SELECT state, paused_reason FROM bcdelta.feed;
SELECT trouble FROM bcdelta.status;
SELECT state, error FROM bcdelta.push();
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
SELECT bcdelta.resume('makers');

-- nothing to do is no reason to call the store
SELECT kind, feed, server, state, started_at <= finished_at AS ended, created, updated, deleted, linked, unchanged,
	deferred, conflicts, failed, api_calls, throttled, error, requested_by = CURRENT_USER::regrole AS by_me, waited
FROM bcdelta.push();
SELECT kind, feed, max_rows, state FROM bcdelta.push('makers', max_rows => 5);
CALL bcdelta.sweep();
CALL bcdelta.sweep('shop');

-- the caller sees the end of its run, whatever its snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 AS snapshot_taken;
SELECT state FROM bcdelta.push();
SELECT count(*) FROM bcdelta.run WHERE state = 'succeeded' AND requested_at >= now();
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT state FROM bcdelta.push();
COMMIT;

-- sweep inside a transaction, in a function, in a procedure
BEGIN;
CALL bcdelta.sweep();
COMMIT;
DO $$ BEGIN CALL bcdelta.sweep('shop'); CALL bcdelta.sweep(); END $$;
CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT generate_series(1, 2) LOOP
		CALL bcdelta.sweep();
	END LOOP;
END $$;
CALL twice();
CREATE FUNCTION once() RETURNS text LANGUAGE plpgsql AS $$ BEGIN CALL bcdelta.sweep(); RETURN 'done'; END $$;
SELECT once();

-- rows that are refused before any request, and put back
INSERT INTO makers VALUES ('long', repeat('x', 256)), ('empty', ''), ('null', NULL);
SELECT state, failed, api_calls, error FROM bcdelta.push('makers');
SELECT feed, key, state, attempts, last_error FROM bcdelta.pending ORDER BY key COLLATE "C";
SELECT key, outcome, http_status, error FROM bcdelta.result ORDER BY key COLLATE "C";
SELECT bcdelta.retry('makers');
SELECT bcdelta.retry('makers');
SELECT state, failed FROM bcdelta.push();
SELECT bcdelta.retry();
DELETE FROM makers;
SELECT state, failed, unchanged FROM bcdelta.push();
SELECT count(*) FROM bcdelta.pending;

-- a run that has ended cannot be stopped
SELECT bcdelta.cancel((SELECT max(run_id) FROM bcdelta.run));

-- a mapping that broke pauses its feed, with the reason
CREATE TABLE more (id int PRIMARY KEY, name text);
SELECT bcdelta.track('more', 'shop', 'brand');
INSERT INTO more VALUES (1, 'one');
ALTER TABLE more DROP COLUMN name;
INSERT INTO more VALUES (2);
SELECT state, error FROM bcdelta.push('more');
SELECT state, error FROM bcdelta.push();
SELECT feed, state, paused_reason FROM bcdelta.feed ORDER BY 1;
ALTER TABLE more ADD COLUMN name text;
UPDATE more SET name = '';
SELECT bcdelta.resume('more');
SELECT state, failed, error FROM bcdelta.push('more');
-- ... and so does a table that was dropped
DROP TABLE more;
SELECT state, error FROM bcdelta.push('more');
SELECT feed, state, ready, failed FROM bcdelta.status ORDER BY 1;
SELECT bcdelta.untrack('more');
SELECT count(*) FROM bcdelta.pending WHERE feed = 'more';

-- a feed that cannot even be read does not hide the others
UPDATE bcdelta.feed SET resource = 'planet' WHERE feed = 'makers';
SELECT feed, resource, trouble FROM bcdelta.status;
SELECT bcdelta.resume('makers');
UPDATE bcdelta.feed SET resource = 'brand', fields = '{"colour": "name"}' WHERE feed = 'makers';
SELECT feed, resource, trouble FROM bcdelta.status;
UPDATE bcdelta.feed SET fields = '{"name": "name"}' WHERE feed = 'makers';

-- several stores: one has to be named
CREATE SERVER other FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
SELECT bcdelta.push();
CALL bcdelta.sweep();
SELECT bcdelta.named('brand', 'A');
SELECT state FROM bcdelta.push(server => 'other');

-- the worker, in words
SELECT bcdelta.worker_state();
SELECT count(*) FROM bcdelta.progress;

-- which outcomes a result may have
SELECT word, bcdelta.is_outcome(word) FROM unnest(ARRAY['created', 'updated', 'deleted', 'hidden', 'linked', 'unchanged',
	'failed', 'retry', 'deferred', 'conflict', 'invalid', '', 'Created', 'creat', 'created ', NULL]) AS word;
\set VERBOSITY terse
INSERT INTO bcdelta.result (run_id, feed, key, outcome) VALUES (0, 'makers', '1', 'lost');
\set VERBOSITY default

DROP EXTENSION bcdelta CASCADE;
DROP TABLE makers;
DROP PROCEDURE twice;
DROP FUNCTION once;
RESET ROLE;
DROP ROLE regress_bcdelta_boss;
