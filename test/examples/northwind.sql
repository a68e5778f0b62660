-- A small shop with Northwind's tables.

CREATE TABLE categories (
	category_id smallint PRIMARY KEY,
	category_name varchar(15) NOT NULL,
	description text,
	picture bytea
);

CREATE TABLE suppliers (
	supplier_id smallint PRIMARY KEY,
	company_name varchar(40) NOT NULL,
	contact_name varchar(30),
	city varchar(15),
	country varchar(15),
	homepage text
);

CREATE TABLE products (
	product_id smallint PRIMARY KEY,
	product_name varchar(40) NOT NULL,
	supplier_id smallint REFERENCES suppliers,
	category_id smallint REFERENCES categories,
	quantity_per_unit varchar(20),
	unit_price real,
	units_in_stock smallint,
	units_on_order smallint,
	reorder_level smallint,
	discontinued integer NOT NULL
);

INSERT INTO categories VALUES
	(1, 'Tea', 'Leaves & bags', '\x00'),
	(2, 'Bread', 'Rye, wheat and spelt', NULL),
	(3, 'Pickles', NULL, NULL);

INSERT INTO suppliers VALUES
	(1, 'Harbour Tea Company', 'Ida Holm', 'Bremen', 'Germany', NULL),
	(2, 'Åkerström & Söner', 'Nils Åkerström', 'Malmö', 'Sweden', 'bread#http://example.org#');

INSERT INTO products VALUES
	(1, 'Morning Leaf', 1, 1, '20 bags x 2 g', 4.35, 120, 0, 20, 0),
	(2, 'Smoky Leaf', 1, 1, '100 g tin', 21.35, 17, 40, 25, 0),
	(3, 'Crispbread', 2, 2, '12 packs', 9, 61, 0, 25, 0),
	(4, 'Gherkins', NULL, 3, '6 jars', 7.1, 0, 0, 0, 0),
	(5, 'Sourdough', 2, 2, NULL, NULL, NULL, NULL, NULL, 0),
	(6, 'Mustard Cucumbers', NULL, NULL, '6 jars', 8.95, 4, 0, 0, 1);
