-- : the first push
-- => category Hemden {"parent": "Kleidung", "description": "Aus Leinen"}
-- => product HEMD {"name": "Leinenhemd", "price": 59.9, "weight": 0.25, "brand": "Halm", "in": ["Hemden"], "attributes": ["Material: Leinen"], "pictures": 2, "inventory_tracking": "variant"}
-- => product BEUTEL-1 {"price": 12.5, "gtin": "4000000000318", "weight": 0, "brand": null, "in": ["Kleidung", "Taschen"], "inventory_tracking": "product"}
-- => product ALT null
-- => variant HEMD-S-W {"price": 59.9, "gtin": "4000000000011", "options": ["Farbe: Weiß", "Größe: S"], "product": "HEMD"}
-- => variant HEMD-M-B {"price": 64.9, "options": ["Farbe: Blau", "Größe: M"]}
-- => variant HOSE-L {"price": 89, "options": ["Größe: L"]}
-- => variant ALT-S null
-- => price HEMD-M-B {"chf": 69.9}
-- => price BEUTEL-1 {"chf": 17.5}
-- => price ALT-S null
-- => stock HEMD-S-W {"1": 10, "2": 2}
-- => stock HOSE-L {"1": 0, "2": 0}
-- => stock BEUTEL-1 {"1": 100, "2": 20}
-- => customer mia@example.org {"phone": "+49 40"}
-- => customer jon@example.org {"company": "Ek AB"}
-- => address Elbchaussee 1 {"customer": "mia@example.org", "city": "Hamburg", "postal_code": "22765"}
-- => address Storgata 2 {"customer": "jon@example.org", "state_or_province": ""}

-- : prices of a variant, of a product without options, of another currency
-- => variant HEMD-M-W {"price": 49.9}
-- => product HEMD {"price": 49.9}
-- => product BEUTEL-1 {"price": 13.25}
-- => price BEUTEL-1 {"chf": 99}
-- => price HEMD-M-W null
DELETE FROM price WHERE variant_id = 12 AND currency = 'CHF';
UPDATE price SET amount = 49.9 WHERE variant_id = 12 AND currency = 'EUR';
UPDATE price SET amount = 13.25 WHERE variant_id = 31 AND currency = 'EUR';
UPDATE price SET amount = 99 WHERE currency = 'CHF';

-- : what is of no account
-- => nothing
UPDATE product SET changed_at = now(), slug = 'x' || id;
UPDATE stock SET counted_at = now(), quantity = quantity - 1 WHERE variant_id = 22;
UPDATE customer SET last_seen = now();
INSERT INTO product_text VALUES (2, 'en', 'Dungarees', NULL);

-- : translations
-- => product HEMD {"name": "Leinenhemd, weit", "description": ""}
-- => category Blusen {"parent": "Kleidung", "description": "Aus Leinen"}
UPDATE product_text SET name = 'Leinenhemd, weit', description = NULL WHERE product_id = 1 AND language = 'de';
UPDATE category_text SET name = 'Blusen' WHERE category_id = 2 AND language = 'de';

-- : stock: sold, reserved, counted for the first time, and no longer kept
-- => stock HEMD-S-W {"1": 8, "2": 0}
-- => stock HEMD-M-W {"1": 5, "2": 4}
-- => stock BEUTEL-1 {"1": 95, "2": 20}
UPDATE stock SET quantity = 8 WHERE variant_id = 11 AND warehouse_id = 1;
UPDATE stock SET reserved = 5 WHERE variant_id = 31 AND warehouse_id = 1;
INSERT INTO stock VALUES (12, 2, 4);
DELETE FROM stock WHERE variant_id = 11 AND warehouse_id = 2;

-- : categories that move, brands that come and go
-- => category Hosen {"parent": "Taschen"}
-- => product HOSE {"brand": null, "in": ["Kleidung"]}
-- => product BEUTEL-1 {"brand": "Neu"}
-- => brand Wolkenwerk null
UPDATE category SET parent_id = 4 WHERE id = 3;
UPDATE product_category SET category_id = 1 WHERE product_id = 2;
INSERT INTO brand VALUES (3, 'Neu');
UPDATE product SET brand_id = CASE id WHEN 3 THEN 3 END WHERE id IN (2, 3);
DELETE FROM brand WHERE id = 2;

-- : variants: a new one, one that is not sold for now, one that is deleted
-- => variant HEMD-L-B {"price": 64.9, "options": ["Farbe: Blau", "Größe: L"], "product": "HEMD"}
-- => variant HEMD-M-B {"purchasing_disabled": true}
-- => variant HEMD-S-W null
-- => stock HEMD-L-B {"1": 6}
-- => variant HOSE-XL {"price": 92}
INSERT INTO size VALUES (4, 'XL');
INSERT INTO variant VALUES (14, 1, 'HEMD-L-B', 3, 2), (23, 2, 'HOSE-XL', 4, NULL);
INSERT INTO price VALUES (14, 'EUR', 64.9), (23, 'EUR', 92);
INSERT INTO stock VALUES (14, 1, 6);
UPDATE variant SET active = false WHERE id = 13;
DELETE FROM variant WHERE id = 11;

-- : products deleted softly, switched off, and new
-- => product HOSE {"is_visible": false}
-- => product BEUTEL-1 {"is_visible": false}
-- => product HUT-1 {"price": 30, "in": ["Kleidung"]}
-- => stock HUT-1 {"1": 3}
UPDATE product SET deleted_at = now() WHERE id = 2;
UPDATE product SET active = false WHERE id = 3;
INSERT INTO product (id, number) VALUES (5, 'HUT');
INSERT INTO product_text VALUES (5, 'de', 'Hut');
INSERT INTO product_category VALUES (5, 1);
INSERT INTO variant VALUES (51, 5, 'HUT-1');
INSERT INTO price VALUES (51, 'EUR', 30);
INSERT INTO stock VALUES (51, 1, 3);

-- : products that come back, with all that is theirs
-- => product HOSE {"is_visible": true}
-- => variant HOSE-M {"options": ["Größe: M"], "product": "HOSE"}
-- => stock HOSE-M {"1": 7}
UPDATE product SET deleted_at = NULL WHERE id = 2;

-- : a product that gets sizes: what was the product is its first variant
-- => product HUT {"inventory_tracking": "variant"}
-- => product HUT-1 null
-- => variant HUT-1 {"price": 30, "options": ["Größe: M"], "product": "HUT"}
-- => variant HUT-2 {"price": 31, "options": ["Größe: L"], "product": "HUT"}
-- => stock HUT-1 {"1": 3}
-- => stock HUT-2 {"1": 9}
-- => price HUT-1 {"chf": 35}
INSERT INTO price VALUES (51, 'CHF', 35);
UPDATE variant SET size_id = 2 WHERE id = 51;
INSERT INTO variant VALUES (52, 5, 'HUT-2', 3, NULL);
INSERT INTO price VALUES (52, 'EUR', 31);
INSERT INTO stock VALUES (52, 1, 9);

-- : attributes and pictures
-- => product HEMD {"attributes": ["Bund: weit", "Material: Halbleinen"], "pictures": 1}
-- => product HOSE {"attributes": [], "pictures": 1}
UPDATE product_attribute SET value = 'Halbleinen' WHERE product_id = 1;
INSERT INTO product_attribute VALUES (1, 'Bund', 'weit');
DELETE FROM product_attribute WHERE product_id = 2;
DELETE FROM product_image WHERE product_id = 1 AND position = 2;
INSERT INTO product_image VALUES (2, 1, 'https://cdn.example.org/hose.jpg');

-- : customers
-- => customer vogt@example.org {"first_name": "Mia", "phone": ""}
-- => customer mia@example.org {"first_name": "Mia"}
-- => address Elbchaussee 2 {"customer": "vogt@example.org"}
-- => address Elbchaussee 1 {"customer": "mia@example.org"}
UPDATE customer SET email = 'vogt@example.org', phone = NULL WHERE id = 1;
UPDATE address SET street = 'Elbchaussee 2' WHERE customer_id = 1;
UPDATE customer SET guest = false WHERE id = 3;

-- : addresses: the first of two that were the same changes, one is deleted
-- => address Elbchaussee 2 {"phone": ""}
-- => address Elbchaussee 3 {"phone": "+49 40"}
-- => address Storgata 2 null
UPDATE address SET street = 'Elbchaussee 3', phone = '+49 40' WHERE id = 1;
DELETE FROM address WHERE id = 3;
