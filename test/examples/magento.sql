-- A small shop with the tables of Magento 2, as pgloader restores them.

CREATE TABLE eav_attribute (
	attribute_id integer PRIMARY KEY,
	entity_type_id integer NOT NULL,
	attribute_code varchar(255) NOT NULL,
	backend_type varchar(8) NOT NULL,
	UNIQUE (entity_type_id, attribute_code)
);
CREATE TABLE eav_attribute_option (
	option_id bigint PRIMARY KEY,
	attribute_id integer NOT NULL REFERENCES eav_attribute,
	sort_order integer NOT NULL DEFAULT 0
);
CREATE TABLE eav_attribute_option_value (
	value_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	option_id bigint NOT NULL REFERENCES eav_attribute_option ON DELETE CASCADE,
	store_id integer NOT NULL DEFAULT 0,
	value varchar(255)
);

CREATE TABLE catalog_product_entity (
	entity_id bigint PRIMARY KEY,
	attribute_set_id integer NOT NULL DEFAULT 4,
	type_id varchar(32) NOT NULL DEFAULT 'simple',
	sku varchar(64) NOT NULL,
	has_options smallint NOT NULL DEFAULT 0,
	created_at timestamp NOT NULL DEFAULT now(),
	updated_at timestamp NOT NULL DEFAULT now()
);
CREATE TABLE catalog_category_entity (
	entity_id bigint PRIMARY KEY,
	attribute_set_id integer NOT NULL DEFAULT 3,
	parent_id bigint NOT NULL DEFAULT 0,
	path varchar(255) NOT NULL,
	position integer NOT NULL,
	level integer NOT NULL DEFAULT 0,
	children_count integer NOT NULL DEFAULT 0,
	updated_at timestamp NOT NULL DEFAULT now()
);

-- The tables of values are alike but for the type of the value.
CREATE TABLE catalog_product_entity_varchar (
	value_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	attribute_id integer NOT NULL REFERENCES eav_attribute,
	store_id integer NOT NULL DEFAULT 0,
	entity_id bigint NOT NULL REFERENCES catalog_product_entity ON DELETE CASCADE,
	value varchar(255),
	UNIQUE (entity_id, attribute_id, store_id)
);
CREATE TABLE catalog_product_entity_text (LIKE catalog_product_entity_varchar INCLUDING ALL,
	FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE);
ALTER TABLE catalog_product_entity_text ALTER value TYPE text;
CREATE TABLE catalog_product_entity_decimal (LIKE catalog_product_entity_varchar INCLUDING ALL,
	FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE);
ALTER TABLE catalog_product_entity_decimal ALTER value TYPE numeric(20,6) USING value::numeric;
CREATE TABLE catalog_product_entity_int (LIKE catalog_product_entity_varchar INCLUDING ALL,
	FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE);
ALTER TABLE catalog_product_entity_int ALTER value TYPE integer USING value::integer;
CREATE TABLE catalog_category_entity_varchar (LIKE catalog_product_entity_varchar INCLUDING ALL,
	FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE);
CREATE TABLE catalog_category_entity_int (LIKE catalog_product_entity_int INCLUDING ALL,
	FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE);

CREATE TABLE catalog_category_product (
	entity_id integer GENERATED ALWAYS AS IDENTITY,
	category_id bigint NOT NULL REFERENCES catalog_category_entity ON DELETE CASCADE,
	product_id bigint NOT NULL REFERENCES catalog_product_entity ON DELETE CASCADE,
	position integer NOT NULL DEFAULT 0,
	PRIMARY KEY (entity_id, category_id, product_id)
);
CREATE TABLE catalog_product_super_link (
	link_id bigint PRIMARY KEY,
	product_id bigint NOT NULL,
	parent_id bigint NOT NULL
);
CREATE TABLE cataloginventory_stock_item (
	item_id bigint PRIMARY KEY,
	product_id bigint NOT NULL REFERENCES catalog_product_entity ON DELETE CASCADE,
	stock_id smallint NOT NULL DEFAULT 1,
	qty numeric(12,4),
	is_in_stock smallint NOT NULL DEFAULT 1
);
CREATE TABLE customer_entity (
	entity_id bigint PRIMARY KEY,
	website_id smallint,
	email varchar(255),
	group_id smallint NOT NULL DEFAULT 1,
	is_active smallint NOT NULL DEFAULT 1,
	firstname varchar(255),
	lastname varchar(255),
	password_hash varchar(128)
);

INSERT INTO eav_attribute VALUES (45, 3, 'name', 'varchar'), (46, 3, 'is_active', 'int'), (73, 4, 'name', 'varchar'),
	(75, 4, 'description', 'text'), (77, 4, 'price', 'decimal'), (78, 4, 'special_price', 'decimal'), (82, 4, 'weight', 'decimal'),
	(83, 4, 'manufacturer', 'int'), (93, 4, 'color', 'int'), (97, 4, 'status', 'int'), (99, 4, 'visibility', 'int'), (121, 4, 'url_key', 'varchar');
INSERT INTO eav_attribute_option VALUES (4, 83), (5, 83), (6, 93);
INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (4, 0, 'Bergfalk'), (5, 0, 'Ljung'), (6, 0, 'Red'), (6, 1, 'Rot');

INSERT INTO catalog_category_entity (entity_id, parent_id, path, position, level) VALUES (1, 0, '1', 0, 0), (2, 1, '1/2', 1, 1),
	(3, 2, '1/2/3', 1, 2), (4, 3, '1/2/3/4', 1, 3), (5, 2, '1/2/5', 2, 2);
INSERT INTO catalog_category_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (45, 0, 1, 'Root Catalog'),
	(45, 0, 2, 'Default Category'), (45, 0, 3, 'Gear'), (45, 1, 3, 'Ausrüstung'), (45, 0, 4, 'Bags'), (45, 0, 5, 'Sale');
INSERT INTO catalog_category_entity_int (attribute_id, store_id, entity_id, value) VALUES (46, 0, 3, 1), (46, 0, 4, 1), (46, 0, 5, 0);

INSERT INTO catalog_product_entity (entity_id, sku, type_id) VALUES (1, '24-MB01', 'simple'), (2, '24-MB02', 'simple'),
	(3, '240-LV04', 'virtual'), (4, 'WH01', 'configurable'), (5, 'WH01-S', 'simple');
INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (73, 0, 1, 'Duffle Bag'), (73, 1, 1, 'Reisetasche'),
	(73, 0, 2, 'Backpack'), (73, 1, 2, NULL), (73, 0, 3, 'Yoga course'), (73, 0, 4, 'Hoodie'), (73, 0, 5, 'Hoodie S'), (121, 0, 1, 'duffle-bag');
INSERT INTO catalog_product_entity_text (attribute_id, store_id, entity_id, value) VALUES (75, 0, 1, '<p>Holds a week.</p>');
INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) VALUES (77, 0, 1, 34), (78, 0, 1, 29.9), (82, 0, 1, 1.2),
	(77, 0, 2, 45), (77, 0, 3, 14), (77, 0, 5, 50);
INSERT INTO catalog_product_entity_int (attribute_id, store_id, entity_id, value)
SELECT a, 0, e, CASE WHEN a = 99 THEN 4 ELSE 1 END FROM generate_series(1, 5) AS e, unnest(ARRAY[97, 99]) AS a;
INSERT INTO catalog_product_entity_int (attribute_id, store_id, entity_id, value) VALUES (83, 0, 1, 4), (83, 0, 2, 5), (93, 0, 5, 6);
INSERT INTO catalog_product_super_link VALUES (1, 5, 4);
INSERT INTO catalog_category_product (category_id, product_id) VALUES (2, 1), (4, 1), (4, 2), (3, 3);
INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 100), (2, 2, 1, -2), (5, 5, 1, 7);

INSERT INTO customer_entity (entity_id, email, firstname, lastname, is_active) VALUES
	(1, 'roni@example.org', 'Roni', 'Costa', 1), (2, 'gone@example.org', 'Not', 'Active', 0);
