--
-- The life of a feed: track, untrack, pause, resume
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE SERVER other FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
CREATE FOREIGN DATA WRAPPER regress_bcdelta_dummy;
CREATE SERVER no_store FOREIGN DATA WRAPPER regress_bcdelta_dummy;
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (access_token 'secret');

CREATE TABLE makers (code text PRIMARY KEY, name text NOT NULL, phone text);
CREATE TABLE "Odd ""Table" (id int PRIMARY KEY, "the name" text);
CREATE TABLE shelves (hall int, shelf text, name text, seen int, PRIMARY KEY (shelf, hall));
CREATE TABLE loose (id int, name text, code text NOT NULL, UNIQUE (id));

-- the shortest form: name, key and mapping come from the table
SELECT bcdelta.track('makers', 'shop', 'brand');
SELECT feed, source, server, resource, key, fields, capture, on_delete, on_conflict, options,
	owner = CURRENT_USER::regrole AS mine, state, paused_reason, home = bcdelta.home() AS at_home
FROM bcdelta.feed;
SELECT replace(tgname, feed_id::text, 'N') AS trigger, tgenabled
FROM pg_trigger, bcdelta.feed WHERE tgrelid = 'makers'::regclass AND NOT tgisinternal ORDER BY 1;
SELECT count(*) AS changes FROM bcdelta.change;

-- a name is taken once, on whatever server
SELECT bcdelta.track('makers', 'shop', 'brand');
SELECT bcdelta.track('makers', 'other', 'brand');
SELECT bcdelta.track('makers', 'other', 'brand', feed => 'makers of other');

-- names that need quotes, composite keys, the order of which is the key's
SELECT bcdelta.track('"Odd ""Table"', 'shop', 'brand', '{"name": "\"the name\""}');
SELECT bcdelta.track('shelves', 'shop', 'brand');
SELECT bcdelta.track('shelves', 'shop', 'brand', feed => 'shelves2', key => '{hall,shelf}', capture => 'none');
SELECT feed, key, fields FROM bcdelta.feed WHERE resource = 'brand' ORDER BY feed COLLATE "C";
INSERT INTO shelves VALUES (1, 'a "b"', 'North', 1), (2, 'ü', 'South', 2);
UPDATE shelves SET seen = 3;
UPDATE shelves SET name = 'East' WHERE hall = 2;
SELECT DISTINCT p.key, action, body FROM bcdelta.preview('shelves') AS p ORDER BY 1;

-- keys
SELECT bcdelta.track('loose', 'shop', 'brand');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{id}');
ALTER TABLE loose ALTER COLUMN id SET NOT NULL;
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{id,code}');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{code}');
CREATE INDEX loose_code ON loose (code);
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{code}');
CREATE UNIQUE INDEX loose_code_part ON loose (code) WHERE id > 0;
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{code}');
ALTER TABLE loose ADD CONSTRAINT loose_code_later UNIQUE (code) DEFERRABLE;
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{code}');
CREATE UNIQUE INDEX loose_expr ON loose (lower(code));
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{nope}');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{id,id}');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{}');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{NULL}');
SELECT bcdelta.track('loose', 'shop', 'brand', key => '{id}');
CREATE TABLE later (id int PRIMARY KEY DEFERRABLE, name text);
SELECT bcdelta.track('later', 'shop', 'brand');

-- what cannot be a source
CREATE TEMP TABLE passing (id int PRIMARY KEY, name text);
CREATE UNLOGGED TABLE careless (id int PRIMARY KEY, name text);
CREATE VIEW looking AS SELECT * FROM makers;
CREATE MATERIALIZED VIEW remembered AS SELECT * FROM makers;
CREATE FOREIGN TABLE far (id int, name text) SERVER no_store;
CREATE SEQUENCE counting;
SELECT bcdelta.track('passing', 'shop', 'brand');
SELECT bcdelta.track('passing', 'shop', 'brand', capture => 'none');
SELECT bcdelta.track('careless', 'shop', 'brand');
SELECT bcdelta.track('careless', 'shop', 'brand', capture => 'none');
SELECT bcdelta.track('looking', 'shop', 'brand');
SELECT bcdelta.track('remembered', 'shop', 'brand');
SELECT bcdelta.track('far', 'shop', 'brand');
SELECT bcdelta.track('far', 'shop', 'brand', capture => 'none');
SELECT bcdelta.track('far', 'shop', 'brand', capture => 'none', key => '{id}');
SELECT bcdelta.track('counting', 'shop', 'brand');
SELECT bcdelta.track('makers_pkey', 'shop', 'brand');
SELECT bcdelta.track('pg_class', 'shop', 'brand');
SELECT bcdelta.track('information_schema.sql_features', 'shop', 'brand');
SELECT bcdelta.track('bcdelta.link', 'shop', 'brand');
SELECT bcdelta.track(999999999, 'shop', 'brand');
SELECT bcdelta.track('nope', 'shop', 'brand');

-- partitioned tables can, and so can a partition
CREATE TABLE parts (id int, name text, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
SELECT bcdelta.track('parts', 'shop', 'brand', on_delete => 'delete');
SELECT bcdelta.track('parts_eu', 'shop', 'brand');

-- arguments
SELECT bcdelta.track(NULL, 'shop', 'brand');
SELECT bcdelta.track('makers', NULL, 'brand');
SELECT bcdelta.track('makers', 'shop', NULL);
SELECT bcdelta.track('makers', 'nope', 'brand', feed => 'x');
SELECT bcdelta.track('makers', 'no_store', 'brand', feed => 'x');
SELECT bcdelta.track('makers', 'shop', 'brands', feed => 'x');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => '');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => repeat('x', 256));
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', capture => 'rows');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', on_delete => 'remove');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', on_delete => 'hide');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', on_conflict => 'newest');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', on_conflict => 'nobody');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', options => '{"tree_id": 1}');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', options => '[]');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'x', options => NULL);
SELECT bcdelta.track('makers', 'shop', 'category', feed => 'x', options => '{"tree": 1}');
SELECT bcdelta.track('makers', 'shop', 'category', feed => 'x', options => '{"tree_id": 0}');
SELECT bcdelta.track('makers', 'shop', 'category', feed => 'x', options => '{"tree_id": 1.5}');
SELECT bcdelta.track('makers', 'shop', 'category', feed => 'x', options => '{"tree_id": "1"}');
SELECT bcdelta.track('makers', 'shop', 'category', feed => 'x', options => '{"tree_id": 1}', on_delete => 'hide');

SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'y', options => '{"max_changes": -1}');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'y', options => '{"max_changes": "many"}');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'y', options => '{"stale_link": "forget"}');
SELECT bcdelta.track('makers', 'shop', 'brand', feed => 'y', options => '{"max_changes": 1000, "stale_link": "fail"}');
SELECT feed, options FROM bcdelta.feed WHERE options <> '{}' ORDER BY 1;

-- row-level security may hide rows, which is no deletion
CREATE ROLE regress_bcdelta_rls;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_rls;
CREATE TABLE guarded (id int PRIMARY KEY, name text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
GRANT SELECT, TRIGGER ON guarded TO regress_bcdelta_rls;
SET ROLE regress_bcdelta_rls;
SELECT bcdelta.track('guarded', 'shop', 'brand', on_delete => 'delete');
SELECT bcdelta.track('guarded', 'shop', 'brand');
RESET ROLE;

-- a failed or undone track leaves nothing
BEGIN;
SELECT bcdelta.track('loose', 'shop', 'brand', feed => 'undone', key => '{id}');
SAVEPOINT s;
SELECT bcdelta.track('loose', 'shop', 'brand', '{"name": "moonlight"}', feed => 'failed', key => '{id}');
ROLLBACK TO s;
SELECT feed FROM bcdelta.feed WHERE source = 'loose'::regclass ORDER BY 1;
ROLLBACK;
SELECT feed FROM bcdelta.feed WHERE source = 'loose'::regclass ORDER BY 1;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'loose'::regclass AND NOT tgisinternal;

-- pause and resume
SELECT bcdelta.pause('makers');
SELECT state, paused_reason = 'paused by ' || CURRENT_USER AS by_me FROM bcdelta.feed WHERE feed = 'makers';
INSERT INTO makers VALUES ('acme', 'Acme');
SELECT key, action FROM bcdelta.preview('makers');
SELECT bcdelta.resume('makers');
SELECT state, paused_reason FROM bcdelta.feed WHERE feed = 'makers';
SELECT bcdelta.pause('nope');
SELECT bcdelta.resume('nope');
SELECT bcdelta.untrack('nope');

-- triggers that went away are made again
SELECT bcdelta.feed_trouble('makers');
DO $$ BEGIN
	EXECUTE (SELECT format('DROP TRIGGER bcdelta_%s_update ON makers', feed_id) FROM bcdelta.feed WHERE feed = 'makers');
END $$;
SELECT regexp_replace(bcdelta.feed_trouble('makers'), 'bcdelta_\d+', 'bcdelta_N');
SELECT bcdelta.resume('makers');
SELECT bcdelta.feed_trouble('makers');

-- a renamed table is the same table; a renamed column breaks the mapping
ALTER TABLE makers RENAME TO producers;
SELECT bcdelta.resume('makers');
SELECT key, action, body FROM bcdelta.preview('makers');
ALTER TABLE producers RENAME COLUMN name TO moonlight;
SELECT bcdelta.resume('makers');
SELECT key, action, error FROM bcdelta.preview('makers');
ALTER TABLE producers RENAME COLUMN moonlight TO name;
ALTER TABLE producers RENAME COLUMN code TO id;
SELECT bcdelta.feed_trouble('makers');
SELECT bcdelta.resume('makers');
ALTER TABLE producers RENAME COLUMN id TO code;
SELECT bcdelta.resume('makers');

-- a copy of the database does not push until it is told to
UPDATE bcdelta.feed SET home = 'elsewhere/1' WHERE feed = 'makers';
SELECT bcdelta.schedule('nightly', feed => 'makers', every => '1 day') IS NOT NULL AS scheduled;
UPDATE bcdelta.schedule SET home = 'elsewhere/1';
SELECT feed, trouble FROM bcdelta.status WHERE feed = 'makers';
SELECT bcdelta.resume('makers');
SELECT home = bcdelta.home() AS at_home, state FROM bcdelta.feed WHERE feed = 'makers';
SELECT home = bcdelta.home() AS at_home FROM bcdelta.schedule;

-- untrack removes what belongs to the feed, and nothing else
SELECT bcdelta.link('makers', 'acme', 7);
SELECT bcdelta.link('makers of other', 'acme', 7);
SELECT bcdelta.untrack('makers');
SELECT count(*) FROM bcdelta.feed WHERE feed = 'makers';
SELECT feed, key, store_id FROM bcdelta.link;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'producers'::regclass AND NOT tgisinternal;
INSERT INTO producers VALUES ('zeta', 'Zeta');

-- even when nothing is left of it
CREATE ROLE regress_bcdelta_gone;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_gone;
CREATE TABLE short_lived (id int PRIMARY KEY, name text);
GRANT ALL ON short_lived TO regress_bcdelta_gone;
SET ROLE regress_bcdelta_gone;
SELECT bcdelta.track('short_lived', 'shop', 'brand');
RESET ROLE;
SELECT bcdelta.feed_trouble('short_lived');
DROP OWNED BY regress_bcdelta_gone;
DROP ROLE regress_bcdelta_gone;
-- the worker may have noticed that by now, and paused the feed
SELECT bcdelta.feed_trouble('short_lived') ~ '^its owner no longer exists' AS told;
SELECT bcdelta.resume('short_lived');
DROP TABLE short_lived;
SELECT bcdelta.feed_trouble('short_lived') ~ '^its owner no longer exists.*; its source table no longer exists' AS told;
SELECT bcdelta.resume('short_lived');
SELECT bcdelta.untrack('short_lived');
DROP SERVER other CASCADE;
SELECT bcdelta.feed_trouble('makers of other');
SELECT bcdelta.resume('makers of other');
SELECT bcdelta.untrack('makers of other');
SELECT bcdelta.feed_trouble('no such feed');

DROP EXTENSION bcdelta CASCADE;
DROP OWNED BY regress_bcdelta_rls;
DROP ROLE regress_bcdelta_rls;
DROP FOREIGN DATA WRAPPER regress_bcdelta_dummy CASCADE;
DROP TABLE "Odd ""Table", shelves, loose, later, careless, parts, producers, guarded CASCADE;
DROP SEQUENCE counting;
