-- A small shop with the tables of WooCommerce, as pgloader restores them.

CREATE TABLE wp_posts (
	id bigint PRIMARY KEY,
	post_author bigint NOT NULL DEFAULT 1,
	post_date timestamptz,
	post_content text NOT NULL DEFAULT '',
	post_title text NOT NULL,
	post_excerpt text NOT NULL DEFAULT '',
	post_status varchar(20) NOT NULL DEFAULT 'publish',
	post_name varchar(200) NOT NULL DEFAULT '',
	post_modified timestamptz,
	post_parent bigint NOT NULL DEFAULT 0,
	menu_order integer NOT NULL DEFAULT 0,
	post_type varchar(20) NOT NULL DEFAULT 'product',
	comment_count bigint NOT NULL DEFAULT 0
);

CREATE TABLE wp_postmeta (
	meta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	post_id bigint NOT NULL DEFAULT 0,
	meta_key varchar(255),
	meta_value text
);
CREATE INDEX ON wp_postmeta (post_id);

CREATE TABLE wp_terms (
	term_id bigint PRIMARY KEY,
	name varchar(200) NOT NULL DEFAULT '',
	slug varchar(200) NOT NULL DEFAULT ''
);

CREATE TABLE wp_term_taxonomy (
	term_taxonomy_id bigint PRIMARY KEY,
	term_id bigint NOT NULL DEFAULT 0,
	taxonomy varchar(32) NOT NULL DEFAULT '',
	description text NOT NULL DEFAULT '',
	parent bigint NOT NULL DEFAULT 0,
	count bigint NOT NULL DEFAULT 0,
	UNIQUE (term_id, taxonomy)
);

CREATE TABLE wp_term_relationships (
	object_id bigint NOT NULL DEFAULT 0,
	term_taxonomy_id bigint NOT NULL DEFAULT 0,
	term_order integer NOT NULL DEFAULT 0,
	PRIMARY KEY (object_id, term_taxonomy_id)
);

CREATE TABLE wp_woocommerce_attribute_taxonomies (
	attribute_id bigint PRIMARY KEY,
	attribute_name varchar(200) NOT NULL,
	attribute_label varchar(200),
	attribute_type varchar(20) NOT NULL DEFAULT 'select'
);

CREATE TABLE wp_users (
	id bigint PRIMARY KEY,
	user_login varchar(60) NOT NULL DEFAULT '',
	user_email varchar(100) NOT NULL DEFAULT '',
	display_name varchar(250) NOT NULL DEFAULT ''
);

CREATE TABLE wp_usermeta (
	umeta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id bigint NOT NULL DEFAULT 0,
	meta_key varchar(255),
	meta_value text
);

-- Term 3 is a tag and a category; the numbers of terms and their uses differ.
INSERT INTO wp_terms VALUES (1, 'Uncategorized', 'uncategorized'), (2, 'Headwear', 'headwear'), (3, 'Hats &amp; Caps', 'hats-caps'),
	(4, 'Music', 'music'), (5, 'Nordlys', 'nordlys'), (6, 'Main menu', 'main-menu'), (7, 'Vinyl', 'vinyl'),
	(9, 'Blue &amp; White', 'blue-white'), (10, 'Red', 'red'), (11, 'variable', 'variable');
INSERT INTO wp_term_taxonomy (term_taxonomy_id, term_id, taxonomy, description, parent) VALUES
	(1, 1, 'category', '', 0), (12, 2, 'product_cat', '', 0), (13, 3, 'product_cat', 'For every head', 2),
	(14, 4, 'product_cat', '', 0), (15, 5, 'product_brand', '', 0), (16, 6, 'nav_menu', '', 0), (17, 7, 'product_cat', '', 4),
	(18, 3, 'product_tag', '', 0), (21, 9, 'pa_color', '', 0), (22, 10, 'pa_color', '', 0), (23, 11, 'product_type', '', 0);
INSERT INTO wp_woocommerce_attribute_taxonomies VALUES (1, 'color', 'Color'), (2, 'size', 'Size');

INSERT INTO wp_posts (id, post_title, post_content, post_status, post_name, post_type) VALUES
	(1, 'Hello world!', 'The first entry of the blog', 'publish', 'hello-world', 'post'),
	(10, 'Beanie', '<p>Knitted.</p>', 'publish', 'beanie', 'product'),
	(11, 'Cap &amp; Scarf', '', 'publish', 'cap-scarf', 'product'),
	(12, 'Album', 'Twelve songs', 'publish', 'album', 'product'),
	(13, 'Not ready yet', '', 'draft', '', 'product'),
	(14, 'Cap &amp; Scarf', '', 'inherit', '11-revision-v1', 'revision'),
	(20, 'Hoodie', '', 'publish', 'hoodie', 'product');
INSERT INTO wp_posts (id, post_title, post_status, post_name, post_type, post_parent) VALUES
	(21, 'Hoodie - Blue &amp; White, With logo', 'publish', 'hoodie-blue', 'product_variation', 20),
	(22, 'Hoodie - Red, Plain', 'private', 'hoodie-red', 'product_variation', 20);
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES
	(10, '_sku', 'beanie-1'), (10, '_regular_price', '18'), (10, '_sale_price', ''), (10, '_price', '18'), (10, '_weight', '.2'),
	(10, '_manage_stock', 'yes'), (10, '_stock', '42'), (10, '_edit_lock', '1700000000:1'), (10, 'total_sales', '7'),
	(11, '_sku', 'set-1'), (11, '_regular_price', '45.50'), (11, '_sale_price', '39.90'), (11, '_price', '39.90'), (11, '_weight', ''),
	(11, '_manage_stock', 'no'), (11, '_stock', NULL),
	(12, '_sku', 'album-1'), (12, '_regular_price', '15'), (12, '_virtual', 'yes'), (12, '_manage_stock', 'no'),
	(13, '_sku', ''), (13, '_regular_price', ''),
	(20, '_sku', ''), (20, '_price', '42'), (20, '_weight', '1.5'), (20, '_manage_stock', 'no'),
	(21, '_sku', 'hoodie-bw'), (21, '_regular_price', '45'), (21, '_sale_price', '42'), (21, '_manage_stock', 'yes'), (21, '_stock', '8'),
	(21, 'attribute_pa_color', 'blue-white'), (21, 'attribute_logo', 'With logo'),
	(22, '_sku', 'hoodie-r'), (22, '_regular_price', '44'), (22, '_weight', '1.4'), (22, '_manage_stock', 'yes'), (22, '_stock', '0'),
	(22, 'attribute_pa_color', 'red'), (22, 'attribute_logo', 'Plain');
INSERT INTO wp_term_relationships VALUES (1, 1), (10, 13), (10, 15), (10, 18), (11, 12), (11, 13), (12, 17), (20, 23), (20, 12);

INSERT INTO wp_users VALUES (1, 'admin', 'admin@example.org', 'The shop'), (2, 'ida', 'Ida@example.org', 'Ida'),
	(3, 'per', 'per@example.org ', 'per');
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES
	(1, 'wp_capabilities', 'a:1:{s:13:"administrator";b:1;}'),
	(2, 'wp_capabilities', 'a:1:{s:8:"customer";b:1;}'), (2, 'first_name', 'Ida'), (2, 'last_name', 'Holm'), (2, 'billing_phone', '+47 22'),
	(2, 'billing_address_1', 'Storgata 1'), (2, 'billing_address_2', ''), (2, 'billing_city', 'Oslo'), (2, 'billing_postcode', '0155'), (2, 'billing_country', 'NO'),
	(3, 'wp_capabilities', 'a:1:{s:10:"subscriber";b:1;}'), (3, 'first_name', '');
