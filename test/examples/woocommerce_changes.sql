-- : the first push
-- => category Hats & Caps {"parent": "Headwear", "description": "For every head"}
-- => category Vinyl {"parent": "Music"}
-- => category Uncategorized null
-- => brand Nordlys {}
-- => product beanie-1 {"name": "Beanie", "price": 18, "sale_price": 0, "weight": 0.2, "brand": "Nordlys", "in": ["Hats & Caps"], "inventory_level": 42}
-- => product set-1 {"name": "Cap & Scarf", "sale_price": 39.9, "in": ["Hats & Caps", "Headwear"], "inventory_tracking": "none"}
-- => product album-1 {"type": "digital", "in": ["Vinyl"]}
-- => customer Ida@example.org {"last_name": "Holm", "phone": "+47 22"}
-- => customer admin@example.org null
-- => address Storgata 1 {"customer": "Ida@example.org", "last_name": "Holm", "city": "Oslo", "state_or_province": ""}
-- => variant hoodie-bw {"price": 45, "sale_price": 42, "weight": null, "inventory_level": 8, "options": ["Color: Blue & White", "Logo: With logo"], "purchasing_disabled": false}
-- => variant hoodie-r {"price": 44, "weight": 1.4, "inventory_level": 0, "options": ["Color: Red", "Logo: Plain"], "purchasing_disabled": true}
-- => customer per@example.org null

-- : an order: the stock, and what the shop notes besides
-- => product beanie-1 {"inventory_level": 41}
-- => variant hoodie-bw {"inventory_level": 7}
UPDATE wp_postmeta SET meta_value = '7' WHERE post_id = 21 AND meta_key = '_stock';
UPDATE wp_postmeta SET meta_value = '41' WHERE post_id = 10 AND meta_key = '_stock';
UPDATE wp_postmeta SET meta_value = '8' WHERE post_id = 10 AND meta_key = 'total_sales';
UPDATE wp_posts SET post_modified = now() WHERE id = 10;

-- : what is of no account
-- => nothing
UPDATE wp_postmeta SET meta_value = '1700000001:1' WHERE meta_key = '_edit_lock';
UPDATE wp_term_taxonomy SET count = count + 1;
INSERT INTO wp_posts (id, post_title, post_status, post_type) VALUES (15, 'Beanie', 'inherit', 'revision');
DELETE FROM wp_term_relationships WHERE term_taxonomy_id = 18;

-- : prices, as the shop saves them: rows of wp_postmeta deleted and made again
-- => product beanie-1 {"price": 19, "sale_price": 17.5}
-- => product set-1 {"sale_price": 0}
-- => variant hoodie-bw {"sale_price": null, "price": 46}
DELETE FROM wp_postmeta WHERE post_id = 21 AND meta_key = '_sale_price';
UPDATE wp_postmeta SET meta_value = '46' WHERE post_id = 21 AND meta_key = '_regular_price';
DELETE FROM wp_postmeta WHERE post_id = 10 AND meta_key IN ('_regular_price', '_sale_price');
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (10, '_regular_price', '19'), (10, '_sale_price', '17.5');
UPDATE wp_postmeta SET meta_value = '' WHERE post_id = 11 AND meta_key = '_sale_price';

-- : a new category, and a product that moves to it
-- => category Winter {"parent": "Headwear"}
-- => product beanie-1 {"in": ["Winter"]}
INSERT INTO wp_terms VALUES (8, 'Winter');
INSERT INTO wp_term_taxonomy VALUES (19, 8, 'product_cat', '', 2);
UPDATE wp_term_relationships SET term_taxonomy_id = 19 WHERE object_id = 10 AND term_taxonomy_id = 13;

-- : a category that moves, and names
-- => category Caps & Hats {"parent": null}
-- => brand Nordlys AS {}
UPDATE wp_term_taxonomy SET parent = 0 WHERE term_taxonomy_id = 13;
UPDATE wp_terms SET name = 'Caps &amp; Hats' WHERE term_id = 3;
UPDATE wp_terms SET name = 'Nordlys AS' WHERE term_id = 5;

-- : one product in the bin, and one published
-- => product album-1 {"is_visible": false}
-- => product set-2 {"price": 12, "is_visible": true}
UPDATE wp_posts SET post_status = 'trash', post_name = 'album__trashed' WHERE id = 12;
UPDATE wp_posts SET post_title = 'Ready', post_status = 'publish', post_name = 'ready' WHERE id = 13;
UPDATE wp_postmeta SET meta_value = CASE meta_key WHEN '_sku' THEN 'set-2' ELSE '12' END WHERE post_id = 13;

-- : a product out of the bin, one deleted, and stock that is kept from now on
-- => product album-1 {"is_visible": true}
-- => product set-2 {"is_visible": false}
-- => product set-1 {"inventory_tracking": "product", "inventory_level": 5}
UPDATE wp_posts SET post_status = 'publish', post_name = 'album' WHERE id = 12;
DELETE FROM wp_postmeta WHERE post_id = 13;
DELETE FROM wp_posts WHERE id = 13;
UPDATE wp_postmeta SET meta_value = CASE meta_key WHEN '_stock' THEN '5' ELSE 'yes' END
WHERE post_id = 11 AND meta_key IN ('_stock', '_manage_stock');

-- : a user who becomes a customer, and another address
-- => customer per@example.org {"first_name": "per", "last_name": "-"}
-- => customer holm@example.org {"last_name": "Holm"}
-- => customer Ida@example.org null
UPDATE wp_usermeta SET meta_value = 'a:1:{s:8:"customer";b:1;}' WHERE user_id = 3 AND meta_key = 'wp_capabilities';
UPDATE wp_users SET user_email = 'holm@example.org' WHERE id = 2;

-- : an address that is moved from, and one that is new
-- => address Storgata 1 null
-- => address Torget 5 {"customer": "holm@example.org"}
-- => address Kaien 2 {"customer": "per@example.org", "first_name": "per"}
UPDATE wp_usermeta SET meta_value = 'Torget 5' WHERE user_id = 2 AND meta_key = 'billing_address_1';
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (3, 'billing_address_1', 'Kaien 2'), (3, 'billing_city', 'Bergen'), (3, 'billing_country', 'NO');

-- : variations: one shown, one new, one deleted
-- => variant hoodie-r {"purchasing_disabled": false}
-- => variant hoodie-x {"options": ["Color: Red", "Logo: With logo"], "inventory_level": 3}
-- => variant hoodie-bw null
UPDATE wp_posts SET post_status = 'publish' WHERE id = 22;
INSERT INTO wp_posts (id, post_title, post_status, post_type, post_parent) VALUES (23, 'Hoodie - Red, With logo', 'publish', 'product_variation', 20);
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (23, '_sku', 'hoodie-x'), (23, '_regular_price', '47'), (23, '_manage_stock', 'yes'), (23, '_stock', '3'),
	(23, 'attribute_pa_color', 'red'), (23, 'attribute_logo', 'With logo');
DELETE FROM wp_postmeta WHERE post_id = 21;
DELETE FROM wp_posts WHERE id = 21;

-- : a category that is deleted
-- => category Music null
-- => category Vinyl {"parent": null}
UPDATE wp_term_taxonomy SET parent = 0 WHERE term_taxonomy_id = 17;
DELETE FROM wp_term_taxonomy WHERE term_taxonomy_id = 14;
DELETE FROM wp_terms WHERE term_id = 4;
