--
-- What preview shows of a mapping: values, references, what changed, what is gone
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
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


-- :f maps what a product needs
\set f '{"name": "title", "type": "''physical''", "weight": "kg", "price": "net"}'
SELECT bcdelta.track('makers', 'shop', 'brand');
SELECT bcdelta.track('items', 'shop', 'product', (:'f')::jsonb ||
	'{"sku": "sku", "brand_id": "bcdelta.ref(''makers'', maker)", "related_products": "array_remove(ARRAY[bcdelta.ref(''items'', ids[1])], NULL)",
	"cost_price": "doc -> ''cost''", "description": "doc ->> ''html''", "meta_keywords": "tags", "is_visible": "vis",
	"preorder_release_date": "doc -> ''release''", "search_keywords": "lower(sku)"}');

-- rows: exact numbers, odd texts, nulls left out, JSON nulls sent
INSERT INTO items (id, sku, title, net, kg, vis, tags, doc) VALUES
	(1, 'A', 'Grün <b>"5" & more</b>', 12.5000, 0.1, true, '{x,"y z"}', NULL),
	(2, 'B', 'exact', 12345678.1234, 1e-3, NULL, '{}', '{"cost": 1234567.00010, "html": "<p>é\n</p>"}'),
	(3, 'C', 'explicit null', 0, 1, false, NULL, '{"release": null}');
SELECT key, action, body, error FROM bcdelta.preview('items');

-- what the caller has in its search_path is not looked at
CREATE SCHEMA mine;
CREATE FUNCTION mine.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'hijacked' $$;
CREATE FUNCTION mine.not_equal(int, int) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR mine.= (LEFTARG = int, RIGHTARG = int, FUNCTION = mine.not_equal);
SET search_path = mine, public, pg_catalog;
-- nor what it has set
SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -10; SET bytea_output = 'escape';
SELECT key, action, body, error FROM bcdelta.preview('items');
RESET search_path; RESET DateStyle; RESET TimeZone; RESET extra_float_digits; RESET bytea_output;

-- rows that are refused, or have to wait
DELETE FROM items;
INSERT INTO items (id, sku, title, net, kg, maker, ids, doc) VALUES
	(10, '10', repeat('x', 251), 1, 1, NULL, NULL, NULL),
	(11, '11', '', 1, 1, NULL, NULL, NULL),
	(12, '12', NULL, 1, 1, NULL, NULL, NULL),
	(13, '13', 'not a number', 'NaN', 1, NULL, NULL, NULL),
	(14, '14', 'infinite', 1, 'Infinity', NULL, NULL, NULL),
	(15, '15', 'no price', NULL, 1, NULL, NULL, NULL),
	(16, '16', 'waits', 1, 1, 'acme', NULL, NULL),
	(17, '17', 'waits for itself', 1, 1, NULL, '{17}', NULL),
	(18, '18', 'wrong json', 1, 1, NULL, NULL, '{"cost": "5"}'),
	(19, '19', 'null not allowed', 1, 1, NULL, NULL, '{"cost": null}');
SELECT key, action, error FROM bcdelta.preview('items', 20) WHERE key > '1';
INSERT INTO makers VALUES ('acme', 'Acme');
SELECT bcdelta.link('makers', 'acme', 77);
DELETE FROM makers;
SELECT key, action, body -> 'brand_id' AS brand_id, error FROM bcdelta.preview('items', 20) WHERE key = '16';

-- an expression that raises an error for one row, or writes
CREATE TABLE log (t text);
CREATE FUNCTION noted(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (t); RETURN t; END $$;
CREATE FUNCTION changed_role() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN 'x'; END $$;
CREATE FUNCTION picky(t text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN IF t = 'b' THEN RAISE 'not % again', t USING DETAIL = 'One is enough.'; END IF; RETURN t; END $$;
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "public.noted(name)"}', feed => 'writing');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "public.changed_role()"}', feed => 'leaping');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "public.picky(name)"}', feed => 'picky');
INSERT INTO makers VALUES ('1', 'a'), ('2', 'b'), ('3', 'c');
SELECT key, action, body, error FROM bcdelta.preview('writing', 1);
SELECT key, action, body, error FROM bcdelta.preview('leaping', 1);
SELECT key, action, body, error FROM bcdelta.preview('picky');
SELECT count(*) FROM log;

-- links: only what changed is sent, and what is gone is hidden or deleted
SELECT bcdelta.track('items', 'shop', 'product', :'f', feed => 'hiding', on_delete => 'hide');
SELECT bcdelta.track('items', 'shop', 'product', :'f', feed => 'deleting', on_delete => 'delete');
TRUNCATE items;
INSERT INTO items (id, title, net, kg) VALUES (1, 'same', 1, 1), (2, 'other', 2.50, 1), (3, 'linked', 3, 3), (4, 'gone', 1, 1);
INSERT INTO bcdelta.link (feed, key, store_id, address, payload)
SELECT feed, k, k::int + 100, k::int + 100, CASE k
	WHEN '1' THEN '{"name": "same", "type": "physical", "price": 1.0, "weight": 1}'
	WHEN '2' THEN '{"name": "other", "type": "physical", "price": 2, "weight": 1}'
	WHEN '4' THEN '{"name": "gone", "type": "physical", "price": 1, "weight": 1}' END::jsonb
FROM unnest('{items,hiding,deleting}'::text[]) AS feed, unnest('{1,2,3,4}'::text[]) AS k;
DELETE FROM items WHERE id = 4;
SELECT key, action, body FROM bcdelta.preview('items', 100) WHERE key IN ('1', '2', '3', '4');
SELECT * FROM bcdelta.preview('hiding') WHERE key IN ('1', '2', '3', '4');
SELECT * FROM bcdelta.preview('deleting') WHERE key IN ('1', '2', '3', '4');
-- a changed key takes its link along
UPDATE items SET id = 20, net = 5 WHERE id = 2;
SELECT * FROM bcdelta.preview('deleting', 100) WHERE key IN ('2', '20');

-- one row of a composite key, that of another feed
SELECT bcdelta.track('stock', 'shop', 'category', '{"name": "place", "parent_id": "bcdelta.ref(''stock'', item - 1, place)"}',
	on_delete => 'hide', options => '{"tree_id": 3}');
INSERT INTO stock VALUES (1, 'top', 1), (2, 'top', 1);
SELECT * FROM bcdelta.preview('stock');
SELECT bcdelta.link('stock', '["1", "top"]', 5);
INSERT INTO stock VALUES (0, 'top', 1);
SELECT bcdelta.link('stock', '["0", "top"]', 6);
SELECT * FROM bcdelta.preview('stock');
SELECT bcdelta.link('stock', '1', 5);
SELECT bcdelta.link('stock', '["1"]', 5);
SELECT bcdelta.link('stock', '["one", "top"]', 5);
SELECT bcdelta.link('stock', format('["1", "%s"]', repeat('top', 800)), 5);
SELECT bcdelta.ref('stock', 1, repeat('top', 800));

-- customers: created with what the row has, a mail of welcome is asked for by a create alone, channels are some or all
CREATE TABLE people (id int PRIMARY KEY, mail text, name text, doc jsonb);
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "mail", "first_name": "split_part(name, '' '', 1)", "last_name": "split_part(name, '' '', 2)",
	"channel_ids": "doc -> ''channels''", "customer_group_id": "doc -> ''group''", "trigger_account_created_notification": "doc -> ''greet''"}', on_delete => 'delete');
INSERT INTO people VALUES
	(1, 'ann@example.org', 'Ann Bell', '{"channels": [2, 1], "group": 3}'),
	(2, 'ANN@example.org', 'Ann Bell', '{"channels": null, "greet": true}'),
	(3, 'ann.example.org', 'Ann Bell', NULL),
	(4, ' ann@example.org', 'Ann Bell', NULL),
	(5, '@example.org', 'Ann Bell', NULL),
	(6, 'ann@', 'Ann Bell', NULL),
	(7, 'ann@example.org', 'Ann', NULL),
	(8, 'ann@example.org', repeat('x', 101) || ' Bell', NULL),
	(9, 'ann@example.org', 'Ann Bell', '{"channels": []}'),
	(10, 'ann@example.org', 'Ann Bell', '{"group": -1}'),
	(11, 'bob@example.org', 'Bob Hill', '{"greet": true}'),
	(12, 'cyd@example.org', 'Cyd Hill', '{"greet": true}'),
	(13, 'eve@example.org', 'Eve Hill', '{"greet": true}'),
	(14, 'dan@example.org', 'Dan Hill', NULL);
INSERT INTO bcdelta.link (feed, key, store_id, address, payload) VALUES
	('people', '11', 71, 71, '{"email": "bob@example.org", "first_name": "Bob", "last_name": "Hill"}'),
	('people', '12', 72, 72, '{"email": "cyd@example.org", "first_name": "Syd", "last_name": "Hill"}'),
	('people', '13', 73, 73, NULL), ('people', '14', 74, 74, NULL);
DELETE FROM people WHERE id = 14;
SELECT key, action, body, error FROM bcdelta.preview('people', 20) ORDER BY key::int;
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "mail"}', feed => 'hidden', on_delete => 'hide');
SELECT bcdelta.track('people', 'shop', 'customer', '{"email": "mail", "authentication": "doc"}', feed => 'secrets');

-- locations and groups of customers; names of the store, as the last run has read them
CREATE TABLE places (id int PRIMARY KEY, code text, label text);
SELECT bcdelta.track('places', 'shop', 'location', '{"code": "code", "label": "label", "type_id": "''VIRTUAL''", "time_zone": "''Etc/UTC''", "managed_by_external_source": "true"}', on_delete => 'delete');
SELECT bcdelta.track('places', 'shop', 'customer_group', '{"name": "label", "category_access": "jsonb_build_object(''type'', ''specific'', ''categories'', to_jsonb(array_remove(ARRAY[bcdelta.named(''category'', code)], NULL)))"}', feed => 'groups', on_delete => 'delete');
INSERT INTO places VALUES (1, 'A', 'Axe'), (2, 'B', 'Bow'), (3, 'C', ''), (4, NULL, 'Dot');
INSERT INTO bcdelta.link (feed, key, store_id, address, payload) VALUES ('places', '2', 7, 7, '{"code": "B", "label": "Bat"}'), ('places', '5', 8, 8, '{"code": "E"}'), ('groups', '5', 9, 9, NULL);
INSERT INTO places VALUES (5, 'E', 'Elk');
DELETE FROM places WHERE id = 5;
SELECT * FROM bcdelta.preview('places') ORDER BY key;
SELECT key, action, method, path, error FROM bcdelta.preview('groups') ORDER BY key;
INSERT INTO bcdelta.directory (server, store, resource, name, store_id)
	SELECT 'shop', 'api.bigcommerce.com/stores/abc123', 'category', * FROM (VALUES ('A', 11), ('C', 12), ('C', 13), ('b', 14)) AS v;
SELECT key, action, body, error FROM bcdelta.preview('groups') ORDER BY key;
CREATE TABLE objects (id int PRIMARY KEY, doc jsonb);
SELECT bcdelta.track('objects', 'shop', 'location', '{"code": "id::text", "label": "''L''", "type_id": "''PHYSICAL''", "time_zone": "''Etc/UTC''", "managed_by_external_source": "true",
	"address": "doc -> ''address''", "operating_hours": "doc -> ''hours''"}', feed => 'sites');
SELECT bcdelta.track('objects', 'shop', 'customer_group', '{"name": "id::text", "discount_rules": "doc -> ''rules''", "category_access": "doc -> ''access''"}', feed => 'rules');
INSERT INTO objects SELECT n, jsonb_build_object('address', '{"address1": "1 High St", "city": "Hay", "state": "Powys", "zip": "HR3", "email": "a@b.uk", "country_code": "GB", "geo_coordinates": {"latitude": 52.0744, "longitude": -3.125551}}'::jsonb || address)
FROM (VALUES (1, '{}'::jsonb), (2, '{"zip": null}'), (3, '{"email": "nobody"}'), (4, '{"geo_coordinates": {"latitude": 91, "longitude": 0}}'), (5, '{"geo_coordinates": {"latitude": 9}}'),
	(6, '{"street": "x"}'), (7, '{"country_code": "Wales"}'), (8, '{"city": 7}')) AS v (n, address);
INSERT INTO objects VALUES (9, '{"address": []}'), (10, '{"hours": {"monday": {"open": true, "opening": "08:00", "closing": "17:00"}}}'), (11, '{"hours": {"someday": {}}}'), (12, '{"hours": {"monday": {"open": "yes"}}}');
SELECT key, action, CASE key WHEN '1' THEN body WHEN '10' THEN body END AS body, error FROM bcdelta.preview('sites', 20) ORDER BY key::int;
TRUNCATE objects;
INSERT INTO objects VALUES (1, '{"rules": [{"type": "price_list", "price_list_id": 3}], "access": {"type": "all"}}'), (2, '{"rules": [{"type": "price_list", "price_list_id": 3, "amount": "5"}]}'),
	(3, '{"rules": [{"type": "all", "method": "percent", "amount": "5"}, {"type": "category", "category_id": 7, "method": "fixed", "amount": "1.50"}]}'),
	(4, '{"rules": [{"type": "category", "method": "fixed", "amount": "1"}]}'), (5, '{"rules": [{"type": "all", "amount": "1"}]}'), (6, '{"rules": [{"type": "product", "product_id": 1, "category_id": 1, "method": "price", "amount": "1"}]}'),
	(7, '{"rules": [{"type": "all", "method": "percent", "amount": 5}]}'), (8, '{"access": {"type": "specific"}}'), (9, '{"access": {"type": "none", "categories": [1]}}'), (10, '{"access": {"type": "specific", "categories": ["a"]}}'),
	(11, '{"access": {"categories": [1]}}'), (12, '{"access": {"type": "specific", "categories": [1, 2]}}');
SELECT key, action, body, error FROM bcdelta.preview('rules', 20) ORDER BY key::int;
SELECT bcdelta.track('objects', 'shop', 'product', '{"sku": "id::text", "name": "''N''", "type": "''physical''", "weight": "1", "price": "1", "inventory_tracking": "''product''",
	"inventory_level": "doc -> ''stock''", "categories": "doc -> ''categories''", "images": "doc -> ''images''"}', feed => 'stuff');
TRUNCATE objects;
INSERT INTO objects VALUES (1, '{"stock": -3}'), (2, '{"stock": 2147483648}'), (3, '{"stock": 1.5}'), (4, '{"stock": 2147483647}'), (5, '{"categories": {"a": 1}}'), (6, '{"images": null}'), (7, '{"images": {"image_url": "https://e.org/a.jpg"}}');
INSERT INTO objects SELECT 8, jsonb_build_object('categories', jsonb_agg(g)) FROM generate_series(1, 1001) AS g;
INSERT INTO objects SELECT 9, jsonb_build_object('images', jsonb_agg(jsonb_build_object('image_url', 'https://e.org/' || g))) FROM generate_series(1, 10000) AS g;
SELECT key, action, error FROM bcdelta.preview('stuff', 20) ORDER BY key::int;
SELECT bcdelta.named('category', 'A'), bcdelta.named('category', NULL);
SELECT bcdelta.named('category', 'C');
SELECT bcdelta.named('location', 'A');
SELECT bcdelta.named('shelf', 'A');

-- redirects: written by site and path; another path is another redirect
CREATE TABLE paths (id int PRIMARY KEY, path text, target text);
SELECT bcdelta.track('paths', 'shop', 'redirect', '{"site_id": "1000", "from_path": "path", "to": "jsonb_build_object(''type'', ''url'', ''url'', target)"}', on_delete => 'delete');
INSERT INTO paths VALUES (1, '/new', '/x'), (2, '/same', '/y'), (3, '/moved', '/y'), (4, '/self', '/Self'), (5, NULL, '/x');
INSERT INTO bcdelta.link (feed, key, store_id, address, payload) SELECT 'paths', k, k, k,
	jsonb_build_object('site_id', 1000, 'from_path', CASE k WHEN 2 THEN '/same' ELSE '/before' END, 'to', '{"type": "url", "url": "/x"}'::jsonb) FROM unnest('{2,3,6}'::int[]) AS k;
INSERT INTO paths VALUES (6, '/gone', '/x');
DELETE FROM paths WHERE id = 6;
SELECT * FROM bcdelta.preview('paths') ORDER BY key, method;

DROP EXTENSION bcdelta CASCADE;
DROP TABLE makers, stock, items, log, people, paths;
DROP FUNCTION noted, changed_role, picky;
DROP SCHEMA mine CASCADE;
DROP TYPE colour, url_part;
DROP DOMAIN amount;
