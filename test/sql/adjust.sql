--
-- Adjustments: values of the store that are meant
--
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123', api_url 'http://127.0.0.1:1');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE ROLE regress_bcdelta_other;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_other;
CREATE TABLE articles (id int PRIMARY KEY, sku text, title text, price numeric, image text, stock int);
INSERT INTO articles VALUES (7, 'A-7', 'Seven', 7.5, 'http://example.com/7', 1), (8, 'A-8', 'Eight', 8, NULL, 1), (9, 'A-9', 'Nine', 9, NULL, 1);
SELECT bcdelta.track('articles', 'shop', 'product',
	'{"sku": "sku", "name": "title", "price": "price", "type": "''physical''", "weight": "1", "brand_name": "title", "description": "nullif(title, ''Eight'')"}');
SELECT bcdelta.link('articles', '7', 107), bcdelta.link('articles', '8', 108);

-- always, until the source changes, or until a time
SELECT bcdelta.adjust('articles', '7', 'price', 'sale') > 0 AS made;
SELECT bcdelta.adjust('articles', '007', 'description', 'text by the agency', 'source changes') > 0 AS made;
SELECT bcdelta.adjust('articles', '8', 'description', 'text by the agency', 'source changes') > 0 AS made;
SELECT bcdelta.adjust('articles', '8', 'price', 'sale', until => '2999-01-01 12:00') > 0 AS made;
SELECT key, field, source_value, until, ends_at, reason, by_role = session_user AS mine, state
FROM bcdelta.adjustment ORDER BY adjustment_id;
SELECT version FROM bcdelta.feed;
SELECT what, key, reason, detail - 'adjustment_id' AS detail FROM bcdelta.journal WHERE what = 'adjust' ORDER BY journal_id;

-- bad input
\set VERBOSITY terse
SELECT bcdelta.adjust('articles', '7', 'price', 'again');
SELECT bcdelta.adjust('nope', '7', 'price', 'x');
SELECT bcdelta.adjust('articles', '77', 'price', 'x');
SELECT bcdelta.adjust('articles', 'x', 'price', 'x');
SELECT bcdelta.adjust('articles', '9', 'price', 'x');
SELECT bcdelta.adjust('articles', '7', 'prize', 'x');
SELECT bcdelta.adjust('articles', '7', 'cost_price', 'x');
\set VERBOSITY default
SELECT bcdelta.adjust('articles', '7', 'brand_name', 'x');
SELECT bcdelta.adjust('articles', '7', 'name', 'x', 'sometimes');
SELECT bcdelta.adjust('articles', '7', 'name', 'x', 'infinity');
SELECT bcdelta.adjust('articles', '7', 'name', 'x', '2021-03-10 12:00');
SELECT bcdelta.adjust('articles', '7', 'name', ' ');
SELECT bcdelta.adjust('articles', '7', 'name', NULL);
SELECT bcdelta.adjust('articles', '7', NULL, 'x');
SELECT bcdelta.adjust('articles', '7', 'name', 'x', NULL);
SET ROLE regress_bcdelta_other;
\set VERBOSITY terse
SELECT bcdelta.adjust('articles', '7', 'name', 'x');
SELECT bcdelta.unadjust('articles', '7', 'price');
SELECT count(*) FROM bcdelta.adjustment;
\set VERBOSITY default
RESET ROLE;
SELECT count(*) FROM bcdelta.adjustment;

-- the end of one: what the store holds is not known, so the next push writes the field
UPDATE bcdelta.link SET payload = '{"sku": "A-7", "price": 7.5, "name": "Seven"}' WHERE key = '7';
SELECT bcdelta.unadjust('articles', '7', 'price', 'the sale is over');
SELECT payload FROM bcdelta.link WHERE key = '7';
SELECT key, field, state FROM bcdelta.adjustment WHERE state = 'ended';
SELECT key, reason, detail - 'adjustment_id' AS detail FROM bcdelta.journal WHERE what = 'unadjust';
SELECT bcdelta.unadjust('articles', '7', 'price');
SELECT bcdelta.unadjust('articles', '7', 'nope');
SELECT bcdelta.unadjust('articles', '7', 'description', '');
-- ... or is known to be what was declared
UPDATE bcdelta.adjustment SET value = '"Siebene"' WHERE key = '7' AND field = 'description';
SELECT bcdelta.unadjust('articles', '07', 'description');
SELECT payload FROM bcdelta.link WHERE key = '7';
-- another one may follow
SELECT bcdelta.adjust('articles', '7', 'price', 'next sale') > 0 AS made;

-- what is rolled back was not made
BEGIN;
SELECT bcdelta.adjust('articles', '7', 'name', 'by mistake') > 0 AS made;
ROLLBACK;
-- adjustments belong to the record: they go with the link
SELECT bcdelta.link('articles', '7', 117);
SELECT DISTINCT key FROM bcdelta.adjustment;
SELECT bcdelta.unlink('articles', '8');
SELECT DISTINCT key FROM bcdelta.adjustment;
SELECT bcdelta.link('articles', '8', 108);
SELECT bcdelta.adjust('articles', '8', 'name', 'x') > 0 AS made;
SELECT bcdelta.unlink('articles');
SELECT count(*) FROM bcdelta.adjustment;
SELECT bcdelta.link('articles', '8', 108);
SELECT bcdelta.adjust('articles', '8', 'name', 'x') > 0 AS made;
SELECT bcdelta.untrack('articles');
SELECT count(*) FROM bcdelta.adjustment;

DROP OWNED BY regress_bcdelta_other;
DROP ROLE regress_bcdelta_other;
DROP TABLE articles;
DROP EXTENSION bcdelta CASCADE;
