-- A small shop with the tables of Odoo 17.
--
-- The store has
-- settings {"locations": [{"id": 1, "code": "WH"}, {"id": 2, "code": "SHOP"}], "currencies": ["eur", "chf"]}

CREATE TABLE product_category (id serial PRIMARY KEY, name varchar NOT NULL, complete_name varchar, parent_id integer);
CREATE TABLE product_public_category (
	id serial PRIMARY KEY,
	name jsonb NOT NULL,
	parent_id integer REFERENCES product_public_category ON DELETE CASCADE,
	parent_path varchar,
	sequence integer,
	write_date timestamp
);
CREATE TABLE product_template (
	id serial PRIMARY KEY,
	name jsonb NOT NULL,
	description_ecommerce jsonb,
	type varchar NOT NULL DEFAULT 'consu',
	list_price numeric,
	categ_id integer REFERENCES product_category,
	active boolean DEFAULT true,
	sale_ok boolean DEFAULT true,
	is_published boolean,
	allow_out_of_stock_order boolean DEFAULT false,
	write_date timestamp
);
CREATE TABLE product_product (
	id serial PRIMARY KEY,
	product_tmpl_id integer NOT NULL REFERENCES product_template ON DELETE CASCADE,
	default_code varchar,
	barcode varchar,
	weight numeric,
	active boolean DEFAULT true,
	combination_indices varchar,
	write_date timestamp
);
CREATE TABLE product_attribute (id serial PRIMARY KEY, name jsonb NOT NULL, sequence integer, create_variant varchar NOT NULL DEFAULT 'always');
CREATE TABLE product_attribute_value (
	id serial PRIMARY KEY,
	attribute_id integer NOT NULL REFERENCES product_attribute,
	name jsonb NOT NULL,
	sequence integer
);
CREATE TABLE product_template_attribute_value (
	id serial PRIMARY KEY,
	product_attribute_value_id integer NOT NULL REFERENCES product_attribute_value,
	attribute_id integer NOT NULL REFERENCES product_attribute,
	product_tmpl_id integer NOT NULL REFERENCES product_template ON DELETE CASCADE,
	price_extra numeric
);
CREATE TABLE product_variant_combination (
	product_product_id integer NOT NULL REFERENCES product_product ON DELETE CASCADE,
	product_template_attribute_value_id integer NOT NULL REFERENCES product_template_attribute_value ON DELETE CASCADE,
	PRIMARY KEY (product_product_id, product_template_attribute_value_id)
);
CREATE TABLE res_currency (id serial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE product_pricelist (id serial PRIMARY KEY, name jsonb NOT NULL, currency_id integer NOT NULL REFERENCES res_currency, active boolean DEFAULT true);
CREATE TABLE product_pricelist_item (
	id serial PRIMARY KEY,
	pricelist_id integer NOT NULL REFERENCES product_pricelist ON DELETE CASCADE,
	applied_on varchar NOT NULL,
	compute_price varchar NOT NULL,
	product_tmpl_id integer REFERENCES product_template ON DELETE CASCADE,
	product_id integer REFERENCES product_product ON DELETE CASCADE,
	min_quantity numeric,
	fixed_price numeric,
	percent_price numeric
);
CREATE TABLE product_public_category_product_template_rel (
	product_template_id integer NOT NULL REFERENCES product_template ON DELETE CASCADE,
	product_public_category_id integer NOT NULL REFERENCES product_public_category ON DELETE CASCADE,
	PRIMARY KEY (product_template_id, product_public_category_id)
);
CREATE TABLE stock_warehouse (id serial PRIMARY KEY, name varchar NOT NULL, code varchar(5) NOT NULL);
CREATE TABLE stock_location (id serial PRIMARY KEY, complete_name varchar, usage varchar NOT NULL, warehouse_id integer REFERENCES stock_warehouse);
CREATE TABLE stock_quant (
	id serial PRIMARY KEY,
	product_id integer NOT NULL,
	location_id integer NOT NULL REFERENCES stock_location,
	quantity numeric,
	reserved_quantity numeric NOT NULL DEFAULT 0,
	in_date timestamp
);
CREATE TABLE res_partner (
	id serial PRIMARY KEY,
	name varchar,
	email varchar,
	phone varchar,
	company_name varchar,
	parent_id integer REFERENCES res_partner,
	is_company boolean DEFAULT false,
	active boolean DEFAULT true,
	street varchar,
	write_date timestamp
);
CREATE TABLE res_users (id serial PRIMARY KEY, login varchar NOT NULL, partner_id integer REFERENCES res_partner, share boolean);

INSERT INTO product_category VALUES (1, 'All', 'All');
INSERT INTO product_public_category (id, name, parent_id, sequence) VALUES (1, '{"en_US": "Furniture", "de_DE": "Möbel"}', NULL, 10),
	(2, '{"en_US": "Desks"}', 1, 20), (3, '{"en_US": "Lamps", "de_DE": "Lampen"}', NULL, NULL);
INSERT INTO product_template (id, name, type, list_price, categ_id, is_published, active, allow_out_of_stock_order) VALUES
	(1, '{"en_US": "Corner desk", "de_DE": "Eckschreibtisch"}', 'product', 450, 1, true, true, false),
	(2, '{"en_US": "Desk lamp"}', 'product', 39.999, 1, true, true, false), (3, '{"en_US": "Assembly"}', 'service', 60, 1, NULL, true, true),
	(4, '{"en_US": "Old desk"}', 'product', 100, 1, true, false, false), (5, '{"en_US": "Chair", "de_DE": "Stuhl"}', 'product', 70, 1, true, true, false);
INSERT INTO product_product (id, product_tmpl_id, default_code, barcode, weight, active) VALUES (11, 1, 'E-COM06', '4012345678901', 32.5, true),
	(12, 2, 'LAMP-1', NULL, NULL, true), (13, 3, 'SERV', NULL, NULL, true), (14, 4, 'OLD', NULL, 1, false),
	(15, 5, 'CHAIR-B', NULL, 4, true), (16, 5, 'CHAIR-W', '4012345678918', 4.5, true), (17, 5, 'CHAIR-R', NULL, 4, false);
INSERT INTO product_attribute (id, name, sequence) VALUES (1, '{"en_US": "Legs", "de_DE": "Beine"}', 2), (2, '{"en_US": "Color", "de_DE": "Farbe"}', 1);
INSERT INTO product_attribute_value (id, attribute_id, name) VALUES (1, 1, '{"en_US": "Steel", "de_DE": "Stahl"}'), (2, 2, '{"en_US": "Black", "de_DE": "Schwarz"}'),
	(3, 2, '{"en_US": "White", "de_DE": "Weiß"}'), (4, 2, '{"en_US": "Red", "de_DE": "Rot"}');
INSERT INTO product_template_attribute_value (id, product_attribute_value_id, attribute_id, product_tmpl_id, price_extra) VALUES (31, 1, 1, 5, NULL),
	(32, 2, 2, 5, 0), (33, 3, 2, 5, 5.5), (34, 4, 2, 5, 6);
INSERT INTO product_variant_combination VALUES (15, 31), (15, 32), (16, 31), (16, 33), (17, 31), (17, 34);
INSERT INTO res_currency VALUES (1, 'EUR'), (2, 'CHF');
INSERT INTO product_pricelist (id, name, currency_id) VALUES (1, '{"en_US": "Public"}', 1), (2, '{"en_US": "Switzerland", "de_DE": "Schweiz"}', 2);
INSERT INTO product_pricelist_item (pricelist_id, applied_on, compute_price, product_id, min_quantity, fixed_price) VALUES (2, '0_product_variant', 'fixed', 11, 0, 480),
	(2, '0_product_variant', 'fixed', 15, 0, 75), (2, '0_product_variant', 'fixed', 16, 0, 80), (2, '0_product_variant', 'fixed', 15, 10, 70), (1, '3_global', 'percentage', NULL, 0, NULL);
INSERT INTO product_public_category_product_template_rel VALUES (1, 2), (2, 3), (2, 1);
INSERT INTO stock_warehouse VALUES (1, 'Main', 'WH'), (2, 'Shop', 'SHOP');
INSERT INTO stock_location VALUES (4, 'Partners/Suppliers', 'supplier', NULL), (8, 'WH/Stock', 'internal', 1), (9, 'WH/Shelf', 'internal', 1), (10, 'SHOP/Stock', 'internal', 2);
INSERT INTO stock_quant (product_id, location_id, quantity, reserved_quantity) VALUES (11, 8, 3, 0), (11, 9, 2, 1), (11, 4, -5, 0), (12, 8, 10.5, 0),
	(15, 8, 20, 2), (15, 10, 3, 0), (16, 9, 5, 0), (16, 8, 1, 0), (17, 8, 9, 0);
INSERT INTO res_partner (id, name, email, phone, parent_id, is_company) VALUES (1, 'My Company', 'info@example.org', NULL, NULL, true),
	(20, 'Azur Interior', 'azur@example.org', NULL, NULL, true), (21, 'Lea Brandt', ' lea@example.org', '+49 30', 20, false),
	(22, 'Kim', 'kim@example.org', NULL, NULL, false);
INSERT INTO res_users (login, partner_id, share) VALUES ('admin', 1, false), ('lea@example.org', 21, true);
