--
-- Capture: a table captured by statement that becomes a partition, or a child.
-- Earlier minor releases of PostgreSQL refuse that because of the triggers'
-- transition tables, although these are no row triggers; what they print is in
-- capture_parents_1.out.
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE TABLE lone (id int PRIMARY KEY, name text);
SELECT bcdelta.track('lone', 'shop', 'brand', '{"name": "name"}');
BEGIN;
CREATE TABLE whole (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
ALTER TABLE whole ATTACH PARTITION lone FOR VALUES FROM (0) TO (10);
INSERT INTO whole VALUES (1, 'not captured');
SELECT count(*) FROM bcdelta.change;
SELECT bcdelta.feed_trouble('lone');
ROLLBACK;
BEGIN;
CREATE TABLE above (id int NOT NULL, name text);
ALTER TABLE lone INHERIT above;
SELECT bcdelta.feed_trouble('lone');
ALTER TABLE lone NO INHERIT above;
SELECT bcdelta.feed_trouble('lone');
ROLLBACK;
SELECT bcdelta.untrack('lone');
DROP EXTENSION bcdelta CASCADE;
DROP TABLE lone;
