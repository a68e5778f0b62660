-- Foreign tables of a store: their import, their columns and their options
\set VERBOSITY default
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE SERVER "other shop" FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
CREATE SCHEMA shop;
CREATE SCHEMA "some brands";

-- one table for each resource that has a list
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO shop;
SELECT relname, srvname, relnatts, ftoptions
FROM pg_class c JOIN pg_foreign_table t ON ftrelid = c.oid JOIN pg_foreign_server s ON s.oid = ftserver
WHERE relnamespace = 'shop'::regnamespace ORDER BY relname COLLATE "C";
\d+ shop.brand
\d+ shop.product
SELECT obj_description('shop.product'::regclass, 'pg_class');
-- every table and every column whose name does not say all has a comment
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY attnum) AS without_comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0
WHERE relnamespace = 'shop'::regnamespace AND col_description(c.oid, attnum) IS NULL
	AND relname IN ('brand', 'category', 'customer', 'redirect')
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS tables_without_comment FROM pg_class
WHERE relnamespace = 'shop'::regnamespace AND obj_description(oid, 'pg_class') IS NULL;

-- some of them; names that need quotes; types of the user's own change nothing
CREATE DOMAIN "some brands".int8 AS text;
CREATE DOMAIN "some brands".text AS int;
SET search_path = "some brands", pg_catalog;
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (brand) FROM SERVER "other shop" INTO "some brands";
RESET search_path;
\d "some brands".brand
-- there is one already: nothing is made
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER "other shop" INTO "some brands";
IMPORT FOREIGN SCHEMA bigcommerce EXCEPT (brand, product, variant, category, inventory) FROM SERVER "other shop" INTO "some brands";
SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class WHERE relnamespace = '"some brands"'::regnamespace;
SELECT obj_description('"some brands".customer'::regclass, 'pg_class') IS NOT NULL AS has_comment;

-- what cannot be imported
DROP SCHEMA "some brands" CASCADE;
CREATE SCHEMA "some brands";
IMPORT FOREIGN SCHEMA public FROM SERVER shop INTO "some brands";
IMPORT FOREIGN SCHEMA "BigCommerce" FROM SERVER "other shop" INTO "some brands";
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (brand, article) FROM SERVER shop INTO "some brands";
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO ("Brand") FROM SERVER shop INTO "some brands";
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (price_record) FROM SERVER shop INTO "some brands";
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO "some brands" OPTIONS (columns 'all');
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO nowhere;
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER nobody INTO shop;
CREATE ROLE regress_bcdelta_user;
GRANT CREATE ON SCHEMA "some brands" TO regress_bcdelta_user;
SET ROLE regress_bcdelta_user;
IMPORT FOREIGN SCHEMA bigcommerce FROM SERVER shop INTO "some brands";
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_user;
SET ROLE regress_bcdelta_user;
IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (brand, category) FROM SERVER shop INTO "some brands";
SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class WHERE relnamespace = '"some brands"'::regnamespace;
RESET ROLE;

-- options of tables and columns
CREATE FOREIGN TABLE ft (id bigint) SERVER shop;
CREATE FOREIGN TABLE ft (id bigint) SERVER shop OPTIONS (resource 'article');
CREATE FOREIGN TABLE ft (id bigint) SERVER shop OPTIONS (resource 'inventory');
CREATE FOREIGN TABLE ft (id bigint) SERVER shop OPTIONS (resource 'product', sheet '1');
CREATE FOREIGN TABLE ft (id bigint OPTIONS (field '')) SERVER shop OPTIONS (resource 'product');
CREATE FOREIGN TABLE ft (id bigint OPTIONS (name 'id')) SERVER shop OPTIONS (resource 'product');
CREATE FOREIGN TABLE ft (id bigint, cost numeric OPTIONS (field 'cost_price')) SERVER shop OPTIONS (resource 'product', page '250', max_calls '3');
ALTER FOREIGN TABLE ft OPTIONS (SET page '0');
ALTER FOREIGN TABLE ft OPTIONS (SET page '251');
ALTER FOREIGN TABLE ft OPTIONS (SET page 'half');
ALTER FOREIGN TABLE ft OPTIONS (SET max_calls '0');
ALTER FOREIGN TABLE ft OPTIONS (SET max_calls '1.5');
ALTER FOREIGN TABLE ft OPTIONS (DROP resource);
ALTER FOREIGN TABLE ft OPTIONS (SET page '10', DROP max_calls);
ALTER FOREIGN TABLE ft ALTER cost OPTIONS (SET field 'retail_price');
\d ft
-- a column that the API does not know, or never shows, is an error of the query
ALTER FOREIGN TABLE ft ADD colour text;
SELECT id FROM ft;
ALTER FOREIGN TABLE ft ALTER colour OPTIONS (field 'brand_name');
SELECT id FROM ft;
ALTER FOREIGN TABLE ft ALTER colour OPTIONS (SET field 'metafields');
SELECT id FROM ft;
ALTER SERVER shop OPTIONS (read_share '0');
ALTER SERVER shop OPTIONS (read_share '1.01');
ALTER SERVER shop OPTIONS (read_share '0.5');
ALTER SERVER shop OPTIONS (resource 'product');

DROP SCHEMA "some brands", shop CASCADE;
DROP EXTENSION bcdelta CASCADE;
DROP ROLE regress_bcdelta_user;
