-- A small normalised shop.
--
-- The store has
-- settings {"locations": [{"id": 1}, {"id": 2}], "currencies": ["eur", "chf"]}
-- seed price_lists [{"id": 3, "name": "Other currencies", "active": true}]

CREATE TABLE category (id integer PRIMARY KEY, parent_id integer REFERENCES category, position integer NOT NULL DEFAULT 0);
CREATE TABLE category_text (
	category_id integer REFERENCES category ON DELETE CASCADE,
	language text,
	name text NOT NULL,
	description text,
	PRIMARY KEY (category_id, language)
);
CREATE TABLE brand (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE product (
	id integer PRIMARY KEY,
	number text NOT NULL UNIQUE,
	brand_id integer REFERENCES brand,
	grams integer,
	active boolean NOT NULL DEFAULT true,
	deleted_at timestamptz,
	slug text,
	changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE product_text (
	product_id integer REFERENCES product ON DELETE CASCADE,
	language text,
	name text NOT NULL,
	description text,
	PRIMARY KEY (product_id, language)
);
CREATE TABLE product_category (
	product_id integer REFERENCES product ON DELETE CASCADE,
	category_id integer REFERENCES category ON DELETE CASCADE,
	PRIMARY KEY (product_id, category_id)
);
CREATE TABLE product_image (
	product_id integer REFERENCES product ON DELETE CASCADE,
	position integer,
	url text NOT NULL,
	PRIMARY KEY (product_id, position)
);
CREATE TABLE product_attribute (
	product_id integer REFERENCES product ON DELETE CASCADE,
	name text,
	value text NOT NULL,
	PRIMARY KEY (product_id, name)
);
CREATE TABLE size (id integer PRIMARY KEY, label text NOT NULL);
CREATE TABLE colour (id integer PRIMARY KEY, label text NOT NULL);
CREATE TABLE variant (
	id integer PRIMARY KEY,
	product_id integer NOT NULL REFERENCES product ON DELETE CASCADE,
	sku text NOT NULL UNIQUE,
	size_id integer REFERENCES size,
	colour_id integer REFERENCES colour,
	ean text,
	active boolean NOT NULL DEFAULT true
);
CREATE INDEX ON variant (product_id);
CREATE TABLE price (
	variant_id integer REFERENCES variant ON DELETE CASCADE,
	currency char(3),
	amount numeric(12,4) NOT NULL,
	PRIMARY KEY (variant_id, currency)
);
CREATE TABLE warehouse (id integer PRIMARY KEY, name text NOT NULL, location_id integer NOT NULL);
CREATE TABLE stock (
	variant_id integer REFERENCES variant ON DELETE CASCADE,
	warehouse_id integer REFERENCES warehouse,
	quantity integer NOT NULL,
	reserved integer NOT NULL DEFAULT 0,
	counted_at timestamptz,
	PRIMARY KEY (variant_id, warehouse_id)
);
CREATE TABLE customer (
	id integer PRIMARY KEY,
	email text NOT NULL,
	first_name text NOT NULL,
	last_name text NOT NULL,
	company text,
	phone text,
	guest boolean NOT NULL DEFAULT false,
	last_seen timestamptz
);
CREATE TABLE address (
	id integer PRIMARY KEY,
	customer_id integer NOT NULL REFERENCES customer ON DELETE CASCADE,
	first_name text NOT NULL,
	last_name text NOT NULL,
	company text,
	street text NOT NULL,
	extra text,
	city text NOT NULL,
	state text,
	postal_code text,
	country char(2) NOT NULL,
	phone text
);
CREATE INDEX ON address (customer_id);

INSERT INTO category VALUES (1, NULL, 1), (2, 1, 1), (3, 1, 2), (4, NULL, 2);
INSERT INTO category_text VALUES (1, 'de', 'Kleidung', NULL), (1, 'en', 'Clothing', NULL), (2, 'de', 'Hemden', 'Aus Leinen'),
	(2, 'en', 'Shirts', NULL), (3, 'de', 'Hosen', NULL), (4, 'de', 'Taschen', NULL);
INSERT INTO brand VALUES (1, 'Halm'), (2, 'Wolkenwerk');
INSERT INTO product (id, number, brand_id, grams, deleted_at) VALUES (1, 'HEMD', 1, 250, NULL), (2, 'HOSE', 2, 600, NULL), (3, 'TASCHE', NULL, NULL, NULL),
	(4, 'ALT', 1, 1, '2020-01-01');
INSERT INTO product_text VALUES (1, 'de', 'Leinenhemd', '<p>Luftig.</p>'), (1, 'en', 'Linen shirt', NULL), (2, 'de', 'Latzhose', NULL),
	(3, 'de', 'Beutel', NULL), (4, 'de', 'Altes', NULL);
INSERT INTO product_category VALUES (1, 2), (2, 3), (3, 4), (3, 1);
INSERT INTO product_image VALUES (1, 1, 'https://cdn.example.org/hemd.jpg'), (1, 2, 'https://cdn.example.org/hemd-back.jpg');
INSERT INTO product_attribute VALUES (1, 'Material', 'Leinen'), (2, 'Material', 'Baumwolle');
INSERT INTO size VALUES (1, 'S'), (2, 'M'), (3, 'L');
INSERT INTO colour VALUES (1, 'Weiß'), (2, 'Blau');
INSERT INTO variant VALUES (11, 1, 'HEMD-S-W', 1, 1, '4000000000011'), (12, 1, 'HEMD-M-W', 2, 1, NULL), (13, 1, 'HEMD-M-B', 2, 2, NULL),
	(21, 2, 'HOSE-M', 2, NULL, NULL), (22, 2, 'HOSE-L', 3, NULL, NULL), (31, 3, 'BEUTEL-1', NULL, NULL, '4000000000318'), (41, 4, 'ALT-S', 1, NULL, NULL);
INSERT INTO price SELECT id, 'EUR', CASE product_id WHEN 1 THEN 59.9 WHEN 2 THEN 89 ELSE 12.5 END + CASE id WHEN 13 THEN 5 ELSE 0 END FROM variant;
INSERT INTO price SELECT variant_id, 'CHF', amount + 5 FROM price;
INSERT INTO warehouse VALUES (1, 'Lager', 1), (2, 'Laden', 2);
INSERT INTO stock (variant_id, warehouse_id, quantity, reserved) VALUES (11, 1, 10, 0), (11, 2, 3, 1), (12, 1, 5, 0), (13, 1, 0, 0), (21, 1, 7, 0),
	(22, 2, 2, 4), (31, 1, 100, 0), (31, 2, 20, 0), (41, 1, 9, 0);
INSERT INTO customer (id, email, first_name, last_name, company, phone, guest) VALUES (1, 'mia@example.org', 'Mia', 'Vogt', NULL, '+49 40', false),
	(2, 'jon@example.org', 'Jon', 'Ek', 'Ek AB', NULL, false), (3, 'mia@example.org', 'Mia', 'Vogt', NULL, NULL, true);
-- the second one of Mia's is for invoices, and the same
INSERT INTO address (id, customer_id, first_name, last_name, street, city, state, postal_code, country) VALUES (1, 1, 'Mia', 'Vogt', 'Elbchaussee 1', 'Hamburg', 'Hamburg', '22765', 'DE'),
	(2, 1, 'Mia', 'Vogt', 'Elbchaussee 1', 'Hamburg', 'Hamburg', '22765', 'DE'), (3, 2, 'Jon', 'Ek', 'Storgata 2', 'Oslo', NULL, NULL, 'NO'),
	(4, 3, 'Mia', 'Vogt', 'Elbchaussee 1', 'Hamburg', 'Hamburg', '22765', 'DE');
