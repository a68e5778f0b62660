-- : the first push
-- => product 24-MB01 {"name": "Reisetasche", "price": 34, "sale_price": 29.9, "weight": 1.2, "brand": "Bergfalk", "in": ["Bags"], "inventory_tracking": "product", "is_visible": true}
-- => product 24-MB02 {"name": "Backpack", "weight": 0, "brand": "Ljung"}
-- => product 240-LV04 {"type": "digital", "brand": null, "in": ["Ausrüstung"]}
-- => product WH01-S null
-- => product WH01 {"name": "Hoodie", "type": "physical", "inventory_tracking": "variant"}
-- => variant WH01-S {"price": 50, "sale_price": null, "weight": 0.6, "options": ["Farbe: Rot", "Größe: S"], "product": "WH01"}
-- => variant WH01-M {"price": 52, "sale_price": 49, "weight": null, "options": ["Farbe: Rot", "Größe: M"]}
-- => stock 24-MB01 {"1": 100, "2": 0}
-- => stock 24-MB02 {"1": 0}
-- => stock WH01-S {"1": 7, "2": 2}
-- => stock WH01-M {"1": 3}
-- => category Bags {"parent": "Ausrüstung"}
-- => category Sale {"parent": null, "is_visible": false}
-- => category Default Category null
-- => brand Red null
-- => customer roni@example.org {"first_name": "Roni", "group": "General"}
-- => address 6146 Honey Bluff Parkway {"customer": "roni@example.org", "address2": "Suite 4", "state_or_province": "Michigan"}
-- => address Nowhere 1 null
-- => customer gone@example.org null

-- : prices, of the default and of the store view
-- => product 24-MB01 {"price": 36, "sale_price": 0}
-- => product 24-MB02 {"price": 47.25}
-- => variant WH01-S {"price": 55}
UPDATE catalog_product_entity_decimal SET value = 36 WHERE entity_id = 1 AND attribute_id = 77;
UPDATE catalog_product_entity_decimal SET value = 55 WHERE entity_id = 5 AND attribute_id = 77;
DELETE FROM catalog_product_entity_decimal WHERE entity_id = 1 AND attribute_id = 78;
INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) VALUES (77, 1, 2, 47.25);

-- : what is of no account: another store view, and time stamps
-- => nothing
INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (73, 2, 1, 'Sac de voyage');
UPDATE catalog_product_entity SET updated_at = now();
UPDATE catalog_category_entity SET children_count = 1, updated_at = now();
UPDATE inventory_source_item SET quantity = 9, status = 0 WHERE sku = 'WH01';

-- : translations
-- => product 24-MB02 {"name": "Rucksack"}
-- => product 24-MB01 {"name": "Duffle Bag", "description": "<p>Fasst eine Woche.</p>"}
-- => category Gear {}
UPDATE catalog_product_entity_varchar SET value = 'Rucksack' WHERE entity_id = 2 AND store_id = 1;
DELETE FROM catalog_product_entity_varchar WHERE entity_id = 1 AND store_id = 1;
INSERT INTO catalog_product_entity_text (attribute_id, store_id, entity_id, value) VALUES (75, 1, 1, '<p>Fasst eine Woche.</p>');
DELETE FROM catalog_category_entity_varchar WHERE entity_id = 3 AND store_id = 1;

-- : stock
-- => stock 24-MB01 {"1": 97, "2": 5}
-- => stock 24-MB02 {"1": 12}
-- => stock WH01-S {"1": 7, "2": 0}
UPDATE inventory_source_item SET quantity = CASE sku WHEN '24-MB01' THEN 97 ELSE 12 END WHERE sku LIKE '24-MB0_' AND source_code = 'default';
UPDATE inventory_source_item SET status = 1 WHERE sku = '24-MB01';
DELETE FROM inventory_source_item WHERE sku = 'WH01-S' AND source_code = 'east';

-- : a category that moves with its products, and products that move
-- => category Bags {"parent": "Sale"}
-- => category Sale {"is_visible": true}
-- => product 24-MB02 {"in": ["Sale"]}
-- => product 240-LV04 {"in": []}
UPDATE catalog_category_entity SET parent_id = 5, path = '1/2/5/4' WHERE entity_id = 4;
UPDATE catalog_category_entity_int SET value = 1 WHERE entity_id = 5;
UPDATE catalog_category_product SET category_id = 5 WHERE product_id = 2;
UPDATE catalog_category_product SET category_id = 2 WHERE product_id = 3;

-- : a manufacturer with another name, a new one, and none
-- => brand Bergfalk AG {}
-- => product 24-MB02 {"brand": "Neuland"}
UPDATE eav_attribute_option_value SET value = 'Bergfalk AG' WHERE option_id = 4;
INSERT INTO eav_attribute_option VALUES (7, 83);
INSERT INTO eav_attribute_option_value (option_id, value) VALUES (7, 'Neuland');
UPDATE catalog_product_entity_int SET value = 7 WHERE entity_id = 2 AND attribute_id = 83;

-- : products and variants that are switched off, and one that is deleted
-- => product 24-MB01 {"is_visible": false}
-- => variant WH01-M {"purchasing_disabled": true}
-- => product WH01-X {"is_visible": false}
UPDATE catalog_product_entity_int SET value = 2 WHERE entity_id IN (1, 7) AND attribute_id = 97;
DELETE FROM catalog_product_entity WHERE entity_id = 8;

-- : a new variant
-- => variant WH01-L {"price": 54, "options": ["Farbe: Blue", "Größe: M"], "product": "WH01"}
-- => stock WH01-L {"1": 4}
INSERT INTO catalog_product_entity (entity_id, sku) VALUES (9, 'WH01-L');
INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (73, 9, 'Hoodie L');
INSERT INTO catalog_product_entity_decimal (attribute_id, entity_id, value) VALUES (77, 9, 54);
INSERT INTO catalog_product_entity_int (attribute_id, entity_id, value) VALUES (97, 9, 1), (99, 9, 1), (93, 9, 8), (144, 9, 10);
INSERT INTO catalog_product_super_link VALUES (3, 9, 4);
INSERT INTO inventory_source_item VALUES (10, 'default', 'WH01-L', 4);

-- : rows that are deleted with all their values, and one that is new
-- => product 24-MB02 {"is_visible": false}
-- => category Bags null
-- => product 24-WG01 {"name": "Mat", "price": 19.0001, "in": ["Sale"]}
DELETE FROM catalog_product_entity WHERE entity_id = 2;
DELETE FROM catalog_category_entity WHERE entity_id = 4;
INSERT INTO catalog_product_entity (entity_id, sku) VALUES (6, '24-WG01');
INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (73, 6, 'Mat');
INSERT INTO catalog_product_entity_decimal (attribute_id, entity_id, value) VALUES (77, 6, 19.000100);
INSERT INTO catalog_product_entity_int (attribute_id, entity_id, value) VALUES (97, 6, 1), (99, 6, 4);
INSERT INTO catalog_category_product (category_id, product_id) VALUES (5, 6);

-- : customers
-- => customer roni@example.org {"group": "Wholesale"}
-- => address 6146 Honey Bluff Parkway null
-- => address 1 Main Street {"customer": "roni@example.org", "address2": ""}
-- => address Nowhere 1 {"customer": "gone@example.org"}
UPDATE customer_entity SET group_id = 2 WHERE entity_id = 1;
UPDATE customer_address_entity SET street = '1 Main Street' WHERE entity_id = 1;
UPDATE customer_entity SET is_active = 1 WHERE entity_id = 2;
