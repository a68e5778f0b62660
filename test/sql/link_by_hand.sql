--
-- Links by hand, and the store that they belong to
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE TABLE makers (id int PRIMARY KEY, name text);
CREATE TABLE items (maker int, code text, title text, PRIMARY KEY (maker, code));
INSERT INTO makers VALUES (1, 'Acme'), (2, 'Best'), (3, 'Cool');
INSERT INTO items VALUES (1, 'a', 'One');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name"}');
SELECT bcdelta.track('items', 'shop', 'brand', '{"name": "title"}');
RESET client_min_messages;

-- a row, by its key however that is spelled
SELECT bcdelta.link('makers', '1', 11);
SELECT bcdelta.link('makers', '02', 12);
SELECT bcdelta.link('makers', '4', 14);
SELECT bcdelta.link('makers', 'four', 14);
SELECT bcdelta.link('makers', '3', 11);
SELECT bcdelta.link('makers', '3', 0);
SELECT bcdelta.link('items', '["1",  "a"]', 21);
SELECT bcdelta.link('items', '["1", "b"]', 22);
-- another record for the same row, of which nothing is known; and the same again
UPDATE bcdelta.link SET payload = '{"name": "Acme"}', remembered = '{"sort_order": 1}', aside = '{"name": "Acme"}' WHERE feed = 'makers' AND key = '1';
SELECT bcdelta.link('makers', '1', 11);
SELECT payload, remembered, aside FROM bcdelta.link WHERE feed = 'makers' AND key = '1';
SELECT bcdelta.link('makers', '1', 13);
SELECT payload, remembered, aside FROM bcdelta.link WHERE feed = 'makers' AND key = '1';
SELECT feed, key, store_id FROM bcdelta.link ORDER BY feed, key;
SELECT feed, store FROM bcdelta.feed ORDER BY feed;

-- and back
SELECT bcdelta.unlink('makers', '0002');
SELECT bcdelta.unlink('makers', '2');
SELECT bcdelta.unlink('makers', 'two');
SELECT bcdelta.unlink('nobody', '2');
SELECT bcdelta.unlink(NULL);
SELECT bcdelta.link('makers', '2', 12);

-- not while a request for the row may be under way; a worker that starts must
-- not see such a row, for it knows better
BEGIN;
INSERT INTO bcdelta.pending (feed, key, state, changed_at) VALUES ('makers', '2', 'in_flight', '2026-01-01');
SAVEPOINT refused;
SELECT bcdelta.link('makers', '2', 15);
ROLLBACK TO refused;
SELECT bcdelta.unlink('makers', '02');
ROLLBACK;
INSERT INTO bcdelta.pending (feed, key, state, changed_at, intent) VALUES ('makers', '2', 'ready', '2026-01-01', '{"": {"name": "Best"}}');
INSERT INTO bcdelta.pending (feed, key, state, attempts, changed_at, last_error, waits_feed, waits_key, next_attempt_at) VALUES
	('makers', '3', 'failed', 10, '2026-01-01', 'no', NULL, NULL, NULL),
	('makers', '4', 'waiting', 2, '2026-01-01', 'later', NULL, NULL, '2026-01-02'),
	('makers', '5', 'deferred', 0, '2026-01-01', 'waits', 'items', 'x', NULL);

-- the server leads to another store
SELECT feed, state, paused_reason FROM bcdelta.status ORDER BY feed;
ALTER SERVER shop OPTIONS (SET store_hash 'ABC123');
SELECT feed, state, paused_reason FROM bcdelta.status ORDER BY feed;
ALTER SERVER shop OPTIONS (SET store_hash 'def456');
SELECT feed, state, paused_reason FROM bcdelta.status ORDER BY feed;
SELECT bcdelta.link('makers', '3', 13);
SELECT bcdelta.unlink('makers', '1');
SELECT bcdelta.link('makers', '3', 13);
SELECT bcdelta.resume('makers');
SELECT bcdelta.resume(server => 'shop');
SELECT * FROM bcdelta.preview('makers');
BEGIN;
SELECT bcdelta.resume('makers', same_store => true);
SELECT feed, store FROM bcdelta.feed ORDER BY feed;
ROLLBACK;
BEGIN;
SELECT bcdelta.pause('makers');
SELECT bcdelta.resume(same_store => true);
SELECT feed, s.state, store FROM bcdelta.feed JOIN bcdelta.status AS s USING (feed) ORDER BY feed;
ROLLBACK;

-- everything is forgotten, what a row came to there, too
BEGIN;
UPDATE bcdelta.pending SET state = 'in_flight' WHERE key = '2';
SELECT bcdelta.unlink('makers');
SELECT key, state, attempts, next_attempt_at, last_error, waits_feed, waits_key, intent FROM bcdelta.pending ORDER BY key;
UPDATE bcdelta.pending SET state = 'ready' WHERE key = '2';
COMMIT;
SELECT feed, state, paused_reason FROM bcdelta.status ORDER BY feed;
SELECT bcdelta.resume('makers');
SELECT feed, s.state, store FROM bcdelta.feed JOIN bcdelta.status AS s USING (feed) ORDER BY feed;
DELETE FROM bcdelta.pending;
SELECT bcdelta.link('makers', '3', 13);
SELECT bcdelta.unlink('makers');
SELECT bcdelta.unlink('makers');
SELECT feed, s.state, store FROM bcdelta.feed JOIN bcdelta.status AS s USING (feed) ORDER BY feed;

-- a feed that nothing in the first store is linked to goes along, unless a record may have been made there
SELECT bcdelta.link('makers', '3', 13);
SELECT bcdelta.unlink('makers', '3');
ALTER SERVER shop OPTIONS (SET store_hash 'ghi789');
SELECT s.state, store FROM bcdelta.status AS s JOIN bcdelta.feed USING (feed) WHERE feed = 'makers';
INSERT INTO bcdelta.pending (feed, key, changed_at, intent) VALUES ('makers', '3', '2026-01-01', '{"": {"name": "Cool"}}');
SELECT state, paused_reason FROM bcdelta.status WHERE feed = 'makers';
DELETE FROM bcdelta.pending;
ALTER SERVER shop OPTIONS (SET store_hash 'def456');

-- one store by another spelling of its address, and others
SELECT bcdelta.link('makers', '3', 13);
ALTER SERVER shop OPTIONS (ADD api_url 'HTTPS://API.BigCommerce.com:443/');
SELECT state, paused_reason FROM bcdelta.status WHERE feed = 'makers';
ALTER SERVER shop OPTIONS (SET api_url 'https://api.bigcommerce.com:80');
SELECT state, paused_reason FROM bcdelta.status WHERE feed = 'makers';
ALTER SERVER shop OPTIONS (SET api_url 'https://api.bigcommerce.com/Proxy');
SELECT bcdelta.resume('makers', same_store => true);
ALTER SERVER shop OPTIONS (SET api_url 'https://API.bigcommerce.com/Proxy/');
SELECT state, paused_reason FROM bcdelta.status WHERE feed = 'makers';
ALTER SERVER shop OPTIONS (SET api_url 'https://api.bigcommerce.com/proxy');
SELECT state, paused_reason FROM bcdelta.status WHERE feed = 'makers';
ALTER SERVER shop OPTIONS (DROP api_url);
SELECT bcdelta.unlink('makers');
SELECT bcdelta.resume('makers');

-- a reference to another store's record is none
CREATE SERVER outlet FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'fed987');
CREATE USER MAPPING FOR CURRENT_USER SERVER outlet OPTIONS (access_token 'secret');
SELECT bcdelta.track('items', 'outlet', 'product',
	'{"sku": "code", "name": "title", "type": "''physical''", "weight": "1", "price": "1", "brand_id": "bcdelta.ref(concat(''mak'', ''ers''), maker)"}', feed => 'outlet items');
SELECT bcdelta.link('makers', '1', 11);
SELECT bcdelta.mark('outlet items', '["1", "a"]');
SELECT action, error FROM bcdelta.preview('outlet items');
ALTER SERVER outlet OPTIONS (SET store_hash 'def456');
SELECT action, body -> 'brand_id' AS brand_id, error FROM bcdelta.preview('outlet items');
-- the worker may have folded the mark, which is told then
SET client_min_messages = warning;
SELECT bcdelta.untrack('outlet items');
RESET client_min_messages;
SELECT bcdelta.unlink('makers');

-- preview says which rows a push does not write as if they were alone
SET client_min_messages = warning;
CREATE TABLE wares (id int PRIMARY KEY, sku text, name text);
SELECT bcdelta.track('wares', 'shop', 'product', '{"sku": "sku", "name": "name", "type": "''physical''", "weight": "1", "price": "1"}');
INSERT INTO wares VALUES (1, 'S2', 'One'), (2, 'S1', 'Two'), (3, 'S3', 'FOUR'), (4, 'S4', 'Four'), (5, 'S1', 'Five'), (6, 'S6', 'Six');
INSERT INTO bcdelta.link (feed, key, store_id, address, payload) SELECT 'wares', id, 100 + id, 100 + id, jsonb_build_object('sku', 'S' || id, 'name', name, 'type', 'physical', 'weight', 1, 'price', 1)
FROM (VALUES (1, 'One'), (2, 'Two'), (3, 'Three'), (4, 'Four'), (6, 'Seven')) AS v (id, name);
RESET client_min_messages;
SELECT key, action, body - ARRAY['type', 'weight', 'price'] AS body, error FROM bcdelta.preview('wares');
SET client_min_messages = warning;
SELECT bcdelta.untrack('wares');
DROP TABLE wares;
RESET client_min_messages;

-- rights, and a source that is gone
CREATE ROLE regress_bcdelta_other;
SET ROLE regress_bcdelta_other;
SELECT bcdelta.unlink('items');
RESET ROLE;
SELECT bcdelta.link('makers', '3', 13);
DROP TABLE makers;
SELECT bcdelta.unlink('makers', '3');
SELECT bcdelta.unlink('makers', '1');
SELECT bcdelta.unlink('makers');

-- untrack tells what goes with the feed
INSERT INTO bcdelta.pending (feed, key, changed_at) VALUES ('items', '["1", "a"]', '2026-01-01');
SELECT bcdelta.untrack('items');
SELECT bcdelta.untrack('makers');

SET client_min_messages = warning;
DROP EXTENSION bcdelta CASCADE;
DROP TABLE items;
DROP ROLE regress_bcdelta_other;
