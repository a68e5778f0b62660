-- : the first push
-- => product 24-MB01 {"name": "Reisetasche", "price": 34, "sale_price": 29.9, "weight": 1.2, "brand": "Bergfalk", "in": ["Bags"], "inventory_level": 100, "is_visible": true}
-- => product 24-MB02 {"name": "Backpack", "inventory_level": 0, "weight": 0, "brand": "Ljung"}
-- => product 240-LV04 {"type": "digital", "brand": null, "in": ["Ausrüstung"]}
-- => product WH01-S null
-- => category Bags {"parent": "Ausrüstung"}
-- => category Sale {"parent": null, "is_visible": false}
-- => category Default Category null
-- => brand Red null
-- => customer roni@example.org {"first_name": "Roni"}
-- => customer gone@example.org null

-- : prices, of the default and of the store view
-- => product 24-MB01 {"price": 36, "sale_price": 0}
-- => product 24-MB02 {"price": 47.25}
UPDATE catalog_product_entity_decimal SET value = 36 WHERE entity_id = 1 AND attribute_id = 77;
DELETE FROM catalog_product_entity_decimal WHERE entity_id = 1 AND attribute_id = 78;
INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) VALUES (77, 1, 2, 47.25);

-- : what is of no account: another store view, and time stamps
-- => nothing
INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (73, 2, 1, 'Sac de voyage');
UPDATE catalog_product_entity SET updated_at = now();
UPDATE catalog_category_entity SET children_count = 1, updated_at = now();
UPDATE cataloginventory_stock_item SET is_in_stock = 0 WHERE product_id = 2;

-- : translations
-- => product 24-MB02 {"name": "Rucksack"}
-- => product 24-MB01 {"name": "Duffle Bag", "description": "<p>Fasst eine Woche.</p>"}
-- => category Gear {}
UPDATE catalog_product_entity_varchar SET value = 'Rucksack' WHERE entity_id = 2 AND store_id = 1;
DELETE FROM catalog_product_entity_varchar WHERE entity_id = 1 AND store_id = 1;
INSERT INTO catalog_product_entity_text (attribute_id, store_id, entity_id, value) VALUES (75, 1, 1, '<p>Fasst eine Woche.</p>');
DELETE FROM catalog_category_entity_varchar WHERE entity_id = 3 AND store_id = 1;

-- : stock
-- => product 24-MB01 {"inventory_level": 97}
-- => product 24-MB02 {"inventory_level": 12}
UPDATE cataloginventory_stock_item SET qty = CASE product_id WHEN 1 THEN 97 ELSE 12 END WHERE product_id IN (1, 2);

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

-- : a product that is switched off, and a variant that becomes a product
-- => product 24-MB01 {"is_visible": false}
-- => product WH01-S {"price": 50, "inventory_level": 7}
UPDATE catalog_product_entity_int SET value = 2 WHERE entity_id = 1 AND attribute_id = 97;
DELETE FROM catalog_product_super_link WHERE product_id = 5;

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
