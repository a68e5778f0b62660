--
-- Mappings: what track() checks
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE SERVER other FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN amount AS numeric(12,4);
CREATE TYPE url_part AS (url text, is_customized boolean);
CREATE TABLE makers (code text PRIMARY KEY, name text);
CREATE TABLE stock (item int, place text, n int, PRIMARY KEY (item, place));
CREATE TABLE items (
	id int PRIMARY KEY, sku varchar(20), title text, net amount, kg float8, maker text,
	tags text[], ids int[], pic bytea, made date, seen timestamptz, vis boolean, hue colour,
	url url_part, doc jsonb, uid uuid, owed money);

-- :f maps what a product needs; each check adds a field or replaces one
\set f '{"name": "title", "type": "''physical''", "weight": "kg", "price": "net"}'
PREPARE t (jsonb) AS SELECT bcdelta.track('items', 'shop', 'product', (:'f')::jsonb || $1, feed => 'tried');

-- the mapping as a whole
SELECT bcdelta.track('items', 'shop', 'product', '[]');
SELECT bcdelta.track('items', 'shop', 'product', '{}');
SET client_min_messages = notice;
SELECT bcdelta.track('items', 'shop', 'product', '{"name": "title"}');
SELECT bcdelta.untrack('items');
SET client_min_messages = warning;
SELECT bcdelta.track('items', 'shop', 'product', (:'f')::jsonb - 'name');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"page_title": "name"}');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name", "colour": "code"}');
SELECT bcdelta.track('stock', 'shop', 'brand');
EXECUTE t ('{"price": 5}');
EXECUTE t ('{"price": null}');

-- expressions that are none
EXECUTE t ('{"price": ""}');
EXECUTE t ('{"price": " \n"}');
EXECUTE t ('{"price": "net +"}');
EXECUTE t ('{"price": "net net net"}');
EXECUTE t ('{"price": "net), (kg"}');
EXECUTE t ('{"price": "net; DROP TABLE items"}');
EXECUTE t ('{"price": "net) FROM items; --"}');
EXECUTE t ('{"price": "SELECT 1, 2"}');
EXECUTE t ('{"price": "net /* "}');

-- things that are not there, or are found in pg_catalog only
EXECUTE t ('{"price": "moonlight"}');
EXECUTE t ('{"price": "my_price(net)"}');
EXECUTE t ('{"price": "round(kg, 2)"}');
EXECUTE t ('{"price": "(SELECT max(n) FROM stock)"}');
EXECUTE t ('{"price": "net::nothing"}');
EXECUTE t ('{"price": "nowhere.f(net)"}');
EXECUTE t ('{"price": "net + $1"}');

-- more than one value for a row
EXECUTE t ('{"price": "sum(net)"}');
EXECUTE t ('{"price": "rank() OVER ()"}');
EXECUTE t ('{"price": "generate_series(1, 3)"}');

-- writes
EXECUTE t ('{"price": "(WITH d AS (DELETE FROM public.stock RETURNING n) SELECT n FROM d)"}');

-- a constant expression that fails
EXECUTE t ('{"price": "1 / 0"}');

-- types that never fit
EXECUTE t ('{"price": "title"}');
EXECUTE t ('{"price": "vis"}');
EXECUTE t ('{"price": "owed"}');
EXECUTE t ('{"price": "made"}');
EXECUTE t ('{"name": "id"}');
EXECUTE t ('{"name": "vis"}');
EXECUTE t ('{"name": "pic"}');
EXECUTE t ('{"name": "tags"}');
EXECUTE t ('{"inventory_level": "title"}');
EXECUTE t ('{"is_visible": "id"}');
EXECUTE t ('{"is_visible": "''yes''"}');
EXECUTE t ('{"preorder_release_date": "id"}');
EXECUTE t ('{"preorder_release_date": "uid"}');
EXECUTE t ('{"categories": "tags"}');
EXECUTE t ('{"categories": "id"}');
EXECUTE t ('{"meta_keywords": "ids"}');
EXECUTE t ('{"meta_keywords": "title"}');
EXECUTE t ('{"custom_url": "title"}');
EXECUTE t ('{"custom_url": "tags"}');

-- types that fit
BEGIN;
EXECUTE t ('{"name": "sku", "sku": "uid", "mpn": "hue", "upc": "made", "price": "net", "weight": "kg",
	"cost_price": "id", "inventory_level": "net", "is_visible": "vis", "categories": "ids", "meta_keywords": "tags",
	"custom_url": "url", "preorder_release_date": "seen"}');
ROLLBACK;
BEGIN;
EXECUTE t ('{"name": "doc", "price": "doc -> ''price''", "is_visible": "doc", "categories": "doc", "meta_keywords": "doc",
	"custom_url": "doc", "preorder_release_date": "title", "date_last_imported": "made", "description": "NULL"}');
ROLLBACK;

-- references
EXECUTE t ('{"brand_id": "bcdelta.ref(''makers'', maker)"}');
SELECT bcdelta.track('makers', 'other', 'brand', feed => 'others');
SELECT bcdelta.track('makers', 'shop', 'brand');
EXECUTE t ('{"brand_id": "bcdelta.ref(''others'', maker)"}');
EXECUTE t ('{"brand_id": "bcdelta.ref(''makers'', maker, id)"}');
EXECUTE t ('{"categories": "ARRAY[bcdelta.ref(''nobody'', maker)]"}');
EXECUTE t ('{"brand_id": "(SELECT max(bcdelta.ref(''nobody'', s.place)) FROM public.stock AS s WHERE s.item = id)"}');
SELECT bcdelta.track('items', 'shop', 'product', (:'f')::jsonb ||
	'{"sku": "sku", "brand_id": "bcdelta.ref(''makers'', maker)", "related_products": "array_remove(ARRAY[bcdelta.ref(''items'', ids[1])], NULL)",
	"cost_price": "doc -> ''cost''", "description": "doc ->> ''html''", "meta_keywords": "tags", "is_visible": "vis",
	"preorder_release_date": "doc -> ''release''", "search_keywords": "lower(sku)"}');

DROP EXTENSION bcdelta CASCADE;
DROP TABLE makers, stock, items;
DROP TYPE colour, url_part;
DROP DOMAIN amount;
