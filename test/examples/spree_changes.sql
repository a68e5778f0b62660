-- : the first push
-- => category Shirts {"parent": "Clothing"}
-- => category Mugs {"parent": null}
-- => category Categories null
-- => brand Rubin {}
-- => product TOTE {"price": 15.99, "weight": 0.3, "height": 40, "inventory_tracking": "product", "brand": "Rubin", "in": ["Clothing"], "is_visible": true}
-- => product MUG {"inventory_tracking": "none", "brand": null, "in": ["Mugs"]}
-- => product JERSEY {"price": 19.99, "weight": 0, "is_visible": false}
-- => product SHIRT {"price": 20, "inventory_tracking": "variant"}
-- => variant SHIRT-S {"price": 19.5, "weight": 0.2, "options": ["Color: Red", "Size: S"], "product": "SHIRT"}
-- => variant SHIRT-M {"price": null, "weight": null, "options": ["Color: Red", "Size: M"]}
-- => variant SHIRT-X null
-- => stock TOTE {"1": 10, "2": 5}
-- => stock JERSEY {"1": 0, "2": 4}
-- => stock SHIRT-S {"1": 6, "2": 1}
-- => stock SHIRT-M {"1": 8, "2": 0}
-- => price TOTE {"eur": 14}
-- => price SHIRT-S {"eur": 17}
-- => price SHIRT-M {"eur": 18}
-- => price SHIRT null
-- => product MUG-OLD null
-- => customer ada@example.org {"first_name": "Ada", "last_name": "Maria Lind", "phone": "555"}
-- => customer bo@example.org {"first_name": "Bo", "last_name": "-"}
-- => customer cy@example.org {"first_name": "cy"}

-- : prices: one changed, one replaced, one of another currency
-- => product TOTE {"price": 16.5}
-- => product MUG {"price": 12}
-- => price TOTE {"eur": 20}
-- => price SHIRT-S {"eur": 21}
-- => variant SHIRT-M {"price": 22}
UPDATE spree_prices SET amount = 16.5 WHERE variant_id = 1 AND currency = 'USD';
UPDATE spree_prices SET deleted_at = now() WHERE variant_id = 2;
INSERT INTO spree_prices (variant_id, amount, currency) VALUES (2, 12, 'USD');
UPDATE spree_prices SET amount = 20 WHERE currency = 'EUR' AND deleted_at IS NULL;
UPDATE spree_prices SET deleted_at = now() WHERE variant_id = 51 AND currency = 'EUR' AND deleted_at IS NULL;
INSERT INTO spree_prices (variant_id, amount, currency) VALUES (51, 21, 'EUR'), (52, 22, 'USD');

-- : what is of no account
-- => nothing
UPDATE spree_taxons SET lft = lft + 2, rgt = rgt + 2, updated_at = now();
UPDATE spree_products SET updated_at = now();
UPDATE spree_stock_items SET updated_at = now(), count_on_hand = count_on_hand + CASE stock_location_id WHEN 3 THEN 1 ELSE 0 END;
UPDATE spree_prices SET amount = 25 WHERE variant_id = 5 AND currency = 'EUR';
UPDATE spree_addresses SET city = 'Oslo';

-- : stock
-- => stock TOTE {"1": 10, "2": 2}
-- => stock JERSEY {"1": 5, "2": 4}
UPDATE spree_stock_items SET count_on_hand = 2 WHERE stock_location_id = 2 AND variant_id = 1;
UPDATE spree_stock_items SET count_on_hand = 5 WHERE stock_location_id = 1 AND variant_id = 3;

-- : a location that closes
-- => stock TOTE {"1": 0, "2": 2}
-- => stock JERSEY {"1": 0, "2": 4}
-- => stock SHIRT-S {"1": 0, "2": 1}
UPDATE spree_stock_locations SET active = false WHERE id = 1;

-- : categories and brands: moved, renamed, added
-- => category Shirts {"parent": null}
-- => category Cups {}
-- => product TOTE {"in": ["Bags", "Clothing"], "brand": "Sinatra"}
-- => product MUG {"in": []}
UPDATE spree_taxons SET parent_id = 1 WHERE id = 3;
UPDATE spree_taxons SET name = 'Cups' WHERE id = 4;
INSERT INTO spree_taxons (id, parent_id, name, taxonomy_id) VALUES (8, 2, 'Bags', 1);
INSERT INTO spree_products_taxons (product_id, taxon_id) VALUES (1, 8);
UPDATE spree_products_taxons SET taxon_id = 7 WHERE product_id = 1 AND taxon_id = 6;
DELETE FROM spree_products_taxons WHERE product_id = 2;

-- : products deleted softly, brought back, discontinued, and shown
-- => product MUG {"is_visible": false}
-- => product MUG-OLD {"price": 9, "is_visible": true}
-- => product TOTE {"availability": "disabled"}
-- => product JERSEY {"is_visible": true, "weight": 0.25}
UPDATE spree_products SET deleted_at = now() WHERE id = 2;
UPDATE spree_variants SET deleted_at = now() WHERE product_id = 2;
UPDATE spree_products SET deleted_at = NULL WHERE id = 4;
UPDATE spree_products SET discontinue_on = now() WHERE id = 1;
UPDATE spree_products SET available_on = now() WHERE id = 3;
UPDATE spree_variants SET weight = 0.25 WHERE id = 3;

-- : variants: a new one, one deleted softly
-- => variant SHIRT-L {"price": null, "options": ["Color: Red", "Size: L"], "product": "SHIRT"}
-- => variant SHIRT-S null
-- => price SHIRT-L {"eur": 19}
-- => price SHIRT-S null
-- => stock SHIRT-L {"2": 7}
INSERT INTO spree_variants (id, sku, weight, is_master, product_id) VALUES (54, 'SHIRT-L', 0.2, false, 5);
INSERT INTO spree_option_values_variants (variant_id, option_value_id) VALUES (54, 4), (54, 3);
INSERT INTO spree_prices (variant_id, amount, currency) VALUES (54, 19, 'EUR');
INSERT INTO spree_stock_items (stock_location_id, variant_id, count_on_hand) VALUES (2, 54, 7);
UPDATE spree_variants SET deleted_at = now() WHERE id = 51;

-- : a product gets its first variant, which is sold in its place from now on
-- => product JERSEY {"inventory_tracking": "variant"}
-- => variant JERSEY-M {"price": null, "options": ["Size: M"], "product": "JERSEY"}
-- => stock JERSEY-M {"2": 6}
-- => price JERSEY null
-- => price JERSEY-M {"eur": 18}
INSERT INTO spree_prices (variant_id, amount, currency) VALUES (3, 17, 'EUR'), (55, 18, 'EUR');
INSERT INTO spree_variants (id, sku, is_master, product_id) VALUES (55, 'JERSEY-M', false, 3);
INSERT INTO spree_option_values_variants (variant_id, option_value_id) VALUES (55, 2);
INSERT INTO spree_stock_items (stock_location_id, variant_id, count_on_hand) VALUES (2, 55, 6);

-- : and loses it again
-- => product JERSEY {"inventory_tracking": "product"}
-- => variant JERSEY-M null
-- => stock JERSEY {"1": 0, "2": 4}
-- => price JERSEY {"eur": 17}
-- => price JERSEY-M null
UPDATE spree_variants SET deleted_at = now() WHERE id = 55;

-- : customers
-- => customer ada@example.org {"last_name": "Lind", "phone": ""}
-- => customer cy@example.org {"first_name": "Cy", "last_name": "Oak"}
UPDATE spree_addresses SET name = 'Ada Lind', phone = '' WHERE id = 1;
INSERT INTO spree_addresses (id, name) VALUES (3, 'Cy Oak');
UPDATE spree_users SET bill_address_id = 3 WHERE id = 3;

-- : a category deleted with its place in the products
-- => category Bags null
-- => product TOTE {"in": ["Clothing"]}
DELETE FROM spree_products_taxons WHERE taxon_id = 8;
DELETE FROM spree_taxons WHERE id = 8;
