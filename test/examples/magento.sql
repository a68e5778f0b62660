-- A small shop with the tables of Magento 2, as pgloader restores them.
--
-- The store has
-- settings {"locations": [{"id": 1, "code": "default"}, {"id": 2, "code": "east"}]}

CREATE TABLE eav_attribute (
	attribute_id integer PRIMARY KEY,
	entity_type_id integer NOT NULL,
	attribute_code varchar(255) NOT NULL,
	backend_type varchar(8) NOT NULL,
	frontend_label varchar(255),
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
CREATE INDEX ON catalog_product_super_link (product_id);
CREATE TABLE catalog_product_super_attribute (
	product_super_attribute_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	product_id bigint NOT NULL,
	attribute_id integer NOT NULL,
	position smallint NOT NULL DEFAULT 0
);
CREATE TABLE inventory_source_item (
	source_item_id bigint PRIMARY KEY,
	source_code varchar(255) NOT NULL,
	sku varchar(64) NOT NULL,
	quantity numeric(12,4) NOT NULL DEFAULT 0,
	status smallint NOT NULL DEFAULT 1,
	UNIQUE (source_code, sku)
);
CREATE TABLE customer_group (customer_group_id integer PRIMARY KEY, customer_group_code varchar(32) NOT NULL, tax_class_id integer NOT NULL DEFAULT 3);
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
CREATE TABLE customer_address_entity (
	entity_id bigint PRIMARY KEY,
	parent_id bigint REFERENCES customer_entity ON DELETE CASCADE,
	is_active smallint NOT NULL DEFAULT 1,
	firstname varchar(255) NOT NULL,
	lastname varchar(255) NOT NULL,
	company varchar(255),
	street text NOT NULL,
	city varchar(255) NOT NULL,
	region varchar(255),
	postcode varchar(255),
	country_id varchar(255) NOT NULL,
	telephone varchar(255) NOT NULL
);
CREATE INDEX ON customer_address_entity (parent_id);

INSERT INTO eav_attribute VALUES (45, 3, 'name', 'varchar', NULL), (46, 3, 'is_active', 'int', NULL), (73, 4, 'name', 'varchar', NULL), (75, 4, 'description', 'text', NULL),
	(77, 4, 'price', 'decimal', NULL), (78, 4, 'special_price', 'decimal', NULL), (82, 4, 'weight', 'decimal', NULL), (83, 4, 'manufacturer', 'int', NULL), (93, 4, 'color', 'int', 'Farbe'),
	(144, 4, 'size', 'int', 'Größe'), (97, 4, 'status', 'int', NULL), (99, 4, 'visibility', 'int', NULL), (121, 4, 'url_key', 'varchar', NULL);
INSERT INTO eav_attribute_option VALUES (4, 83), (5, 83), (6, 93), (8, 93), (9, 144), (10, 144);
INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (4, 0, 'Bergfalk'), (5, 0, 'Ljung'), (6, 0, 'Red'), (6, 1, 'Rot'),
	(8, 0, 'Blue'), (9, 0, 'S'), (10, 0, 'M');

INSERT INTO catalog_category_entity (entity_id, parent_id, path, position, level) VALUES (1, 0, '1', 0, 0), (2, 1, '1/2', 1, 1),
	(3, 2, '1/2/3', 1, 2), (4, 3, '1/2/3/4', 1, 3), (5, 2, '1/2/5', 2, 2);
INSERT INTO catalog_category_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (45, 0, 1, 'Root Catalog'),
	(45, 0, 2, 'Default Category'), (45, 0, 3, 'Gear'), (45, 1, 3, 'Ausrüstung'), (45, 0, 4, 'Bags'), (45, 0, 5, 'Sale');
INSERT INTO catalog_category_entity_int (attribute_id, store_id, entity_id, value) VALUES (46, 0, 3, 1), (46, 0, 4, 1), (46, 0, 5, 0);

INSERT INTO catalog_product_entity (entity_id, sku, type_id) VALUES (1, '24-MB01', 'simple'), (2, '24-MB02', 'simple'),
	(3, '240-LV04', 'virtual'), (4, 'WH01', 'configurable'), (5, 'WH01-S', 'simple'),
	(7, 'WH01-M', 'simple'), (8, 'WH01-X', 'simple');
INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (73, 0, 1, 'Duffle Bag'), (73, 1, 1, 'Reisetasche'),
	(73, 0, 2, 'Backpack'), (73, 1, 2, NULL), (73, 0, 3, 'Yoga course'), (73, 0, 4, 'Hoodie'), (73, 0, 5, 'Hoodie S'), (73, 0, 7, 'Hoodie M'), (73, 0, 8, 'Hoodie X'), (121, 0, 1, 'duffle-bag');
INSERT INTO catalog_product_entity_text (attribute_id, store_id, entity_id, value) VALUES (75, 0, 1, '<p>Holds a week.</p>');
INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) VALUES (77, 0, 1, 34), (78, 0, 1, 29.9), (82, 0, 1, 1.2),
	(77, 0, 2, 45), (77, 0, 3, 14), (77, 0, 5, 50), (82, 0, 5, 0.6),
	(77, 0, 7, 52), (78, 0, 7, 49), (77, 0, 8, 54);
INSERT INTO catalog_product_entity_int (attribute_id, store_id, entity_id, value)
SELECT a, 0, e, CASE WHEN a = 99 THEN 4 ELSE 1 END FROM unnest('{1,2,3,4,5,7,8}'::int[]) AS e, unnest(ARRAY[97, 99]) AS a;
INSERT INTO catalog_product_entity_int (attribute_id, store_id, entity_id, value) VALUES (83, 0, 1, 4), (83, 0, 2, 5), (93, 0, 5, 6),
	(144, 0, 5, 9), (93, 0, 7, 6), (144, 0, 7, 10), (93, 0, 8, 8), (144, 0, 8, 10);
INSERT INTO catalog_product_super_link VALUES (1, 5, 4), (2, 7, 4);
INSERT INTO catalog_product_super_attribute (product_id, attribute_id, position) VALUES (4, 93, 1), (4, 144, 0);
INSERT INTO catalog_category_product (category_id, product_id) VALUES (2, 1), (4, 1), (4, 2), (3, 3);
INSERT INTO inventory_source_item VALUES (1, 'default', '24-MB01', 100, 1), (2, 'default', '24-MB02', -2, 1), (5, 'default', 'WH01-S', 7, 1),
	(6, 'east', 'WH01-S', 2, 1), (7, 'east', '24-MB01', 5, 0), (8, 'default', 'WH01-M', 3.5, 1), (9, 'default', 'WH01', 1, 1);

INSERT INTO customer_group VALUES (0, 'NOT LOGGED IN'), (1, 'General'), (2, 'Wholesale');
INSERT INTO customer_entity (entity_id, email, firstname, lastname, is_active) VALUES
	(1, 'roni@example.org', 'Roni', 'Costa', 1), (2, 'gone@example.org', 'Not', 'Active', 0);
INSERT INTO customer_address_entity (entity_id, parent_id, firstname, lastname, street, city, region, postcode, country_id, telephone) VALUES
	(1, 1, 'Roni', 'Costa', E'6146 Honey Bluff Parkway\nSuite 4', 'Calder', 'Michigan', '49628', 'US', '(555) 229-3326'),
	(2, 2, 'Not', 'Active', 'Nowhere 1', 'Calder', NULL, NULL, 'US', '');
