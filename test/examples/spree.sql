-- A small shop with the tables of Solidus (Spree has the same, and more).
--
-- The store has
-- settings {"locations": [{"id": 1, "code": "north"}, {"id": 2, "code": "south"}], "currencies": ["usd", "eur"]}
-- seed price_lists [{"id": 3, "name": "Other currencies", "active": true}]

CREATE TABLE spree_taxonomies (id serial PRIMARY KEY, name varchar NOT NULL, position integer DEFAULT 0);
CREATE TABLE spree_taxons (
	id serial PRIMARY KEY,
	parent_id integer,
	position integer DEFAULT 0,
	name varchar NOT NULL,
	permalink varchar,
	taxonomy_id integer REFERENCES spree_taxonomies ON DELETE CASCADE,
	lft integer,
	rgt integer,
	description text,
	updated_at timestamp
);
CREATE TABLE spree_products (
	id serial PRIMARY KEY,
	name varchar NOT NULL DEFAULT '',
	description text,
	available_on timestamp,
	discontinue_on timestamp,
	deleted_at timestamp,
	slug varchar UNIQUE,
	meta_description text,
	updated_at timestamp
);
CREATE TABLE spree_variants (
	id serial PRIMARY KEY,
	sku varchar NOT NULL DEFAULT '',
	weight numeric(8,2) DEFAULT 0,
	height numeric(8,2),
	width numeric(8,2),
	depth numeric(8,2),
	deleted_at timestamp,
	is_master boolean DEFAULT false,
	product_id integer,
	position integer,
	track_inventory boolean DEFAULT true
);
CREATE TABLE spree_option_types (id serial PRIMARY KEY, name varchar, presentation varchar, position integer DEFAULT 0);
CREATE TABLE spree_option_values (id serial PRIMARY KEY, option_type_id integer, name varchar, presentation varchar, position integer);
CREATE TABLE spree_option_values_variants (id serial PRIMARY KEY, option_value_id integer, variant_id integer);
CREATE TABLE spree_prices (
	id serial PRIMARY KEY,
	variant_id integer NOT NULL,
	amount numeric(10,2),
	currency varchar,
	deleted_at timestamp
);
CREATE TABLE spree_stock_locations (id serial PRIMARY KEY, name varchar, code varchar, active boolean DEFAULT true);
CREATE TABLE spree_stock_items (
	id serial PRIMARY KEY,
	stock_location_id integer,
	variant_id integer,
	count_on_hand integer NOT NULL DEFAULT 0,
	backorderable boolean DEFAULT false,
	deleted_at timestamp,
	updated_at timestamp
);
CREATE TABLE spree_products_taxons (id serial PRIMARY KEY, product_id integer, taxon_id integer, position integer DEFAULT 0);
CREATE TABLE spree_addresses (
	id serial PRIMARY KEY,
	name varchar,
	address1 varchar,
	city varchar,
	zipcode varchar,
	phone varchar
);
CREATE TABLE spree_users (
	id serial PRIMARY KEY,
	email varchar,
	encrypted_password varchar,
	bill_address_id integer,
	ship_address_id integer,
	deleted_at timestamp
);

INSERT INTO spree_taxonomies (id, name) VALUES (1, 'Categories'), (2, 'Brands');
INSERT INTO spree_taxons (id, parent_id, name, taxonomy_id, lft, rgt) VALUES (1, NULL, 'Categories', 1, 1, 8), (2, 1, 'Clothing', 1, 2, 5),
	(3, 2, 'Shirts', 1, 3, 4), (4, 1, 'Mugs', 1, 6, 7), (5, NULL, 'Brands', 2, 9, 14), (6, 5, 'Rubin', 2, 10, 11), (7, 5, 'Sinatra', 2, 12, 13);
INSERT INTO spree_products (id, name, slug, available_on, deleted_at) VALUES (1, 'Tote', 'tote', '2020-01-01', NULL),
	(2, 'Mug', 'mug', '2020-01-01', NULL), (3, 'Jersey', 'jersey', NULL, NULL), (4, 'Old mug', 'old-mug', '2019-01-01', '2020-01-01'),
	(5, 'Shirt', 'shirt', '2020-01-01', NULL);
INSERT INTO spree_variants (id, sku, weight, is_master, product_id, track_inventory, height) VALUES (1, 'TOTE', 0.3, true, 1, true, 40),
	(2, 'MUG', 0.5, true, 2, false, NULL), (3, 'JERSEY', NULL, true, 3, true, NULL), (4, 'MUG-OLD', 1, true, 4, true, NULL),
	(5, 'SHIRT', 0.2, true, 5, true, NULL), (51, 'SHIRT-S', 0.2, false, 5, true, NULL), (52, 'SHIRT-M', NULL, false, 5, true, NULL), (53, 'SHIRT-X', 0.2, false, 5, true, NULL);
UPDATE spree_variants SET deleted_at = '2020-01-01' WHERE id = 53;
INSERT INTO spree_option_types (id, name, presentation, position) VALUES (1, 'tshirt-size', 'Size', 1), (2, 'tshirt-color', 'Color', 2);
INSERT INTO spree_option_values (id, option_type_id, name, presentation) VALUES (1, 1, 'Small', 'S'), (2, 1, 'Medium', 'M'), (3, 2, 'Red', 'Red'), (4, 1, 'Large', 'L');
INSERT INTO spree_option_values_variants (variant_id, option_value_id) VALUES (51, 1), (51, 3), (52, 2), (52, 3), (53, 1), (53, 3);
INSERT INTO spree_prices (variant_id, amount, currency, deleted_at) VALUES (1, 15.99, 'USD', NULL), (1, 14, 'EUR', NULL), (2, 13.99, 'USD', NULL),
	(3, 1, 'USD', '2020-01-01'), (3, 19.99, 'USD', NULL), (4, 9, 'USD', NULL),
	(5, 20, 'USD', NULL), (51, 19.5, 'USD', NULL), (51, 17, 'EUR', NULL), (51, 16, 'EUR', '2020-01-01'), (52, 18, 'EUR', NULL), (5, 17.5, 'EUR', NULL);
INSERT INTO spree_stock_locations VALUES (1, 'North', 'north', true), (2, 'South', 'south', true), (3, 'Closed', 'closed', false);
INSERT INTO spree_stock_items (stock_location_id, variant_id, count_on_hand) VALUES (1, 1, 10), (2, 1, 5), (3, 1, 100), (1, 3, -4), (2, 3, 4), (1, 2, 3),
	(1, 5, 0), (1, 51, 6), (2, 51, 1), (1, 52, 8), (3, 52, 9), (1, 53, 2);
INSERT INTO spree_products_taxons (product_id, taxon_id) VALUES (1, 2), (1, 6), (2, 4), (2, 1), (3, 3), (3, 7);
INSERT INTO spree_addresses (id, name, phone) VALUES (1, 'Ada Maria Lind', '555'), (2, 'Bo', NULL);
INSERT INTO spree_users (id, email, bill_address_id) VALUES (1, 'ada@example.org', 1), (2, 'bo@example.org', 2), (3, 'cy@example.org', NULL);
