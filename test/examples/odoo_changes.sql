-- : the first push
-- => category Möbel {"parent": null, "sort_order": 10}
-- => category Desks {"parent": "Möbel"}
-- => product E-COM06 {"name": "Eckschreibtisch", "price": 450, "gtin": "4012345678901", "weight": 32.5, "inventory_tracking": "product", "in": ["Desks"]}
-- => product LAMP-1 {"name": "Desk lamp", "price": 39.999, "in": ["Lampen", "Möbel"]}
-- => product SERV {"type": "digital", "inventory_tracking": "none", "is_visible": false, "in": []}
-- => product OLD null
-- => variant CHAIR-B {"price": 70, "weight": 4, "options": ["Beine: Stahl", "Farbe: Schwarz"]}
-- => variant CHAIR-W {"price": 75.5, "gtin": "4012345678918", "options": ["Beine: Stahl", "Farbe: Weiß"]}
-- => variant CHAIR-R null
-- => stock E-COM06 {"1": 4, "2": 0}
-- => stock LAMP-1 {"1": 10, "2": 0}
-- => stock CHAIR-B {"1": 18, "2": 3}
-- => stock CHAIR-W {"1": 6, "2": 0}
-- => price E-COM06 {"chf": 480}
-- => price CHAIR-B {"chf": 75}
-- => price CHAIR-W {"chf": 80}
-- => customer lea@example.org {"first_name": "Lea", "last_name": "Brandt", "phone": "+49 30", "company": "Azur Interior"}
-- => customer info@example.org null
-- => customer kim@example.org null

-- : prices
-- => product E-COM06 {"price": 475.5}
-- => product LAMP-1 {"price": 0}
-- => variant CHAIR-B {"price": 72}
-- => variant CHAIR-W {"price": 79}
-- => price CHAIR-B {"chf": 77}
-- => price CHAIR-W null
UPDATE product_template SET list_price = CASE id WHEN 1 THEN 475.50 WHEN 5 THEN 72 END WHERE id IN (1, 2, 5);
UPDATE product_template_attribute_value SET price_extra = 7 WHERE id = 33;
UPDATE product_pricelist_item SET fixed_price = fixed_price + 2 WHERE product_id = 15;
DELETE FROM product_pricelist_item WHERE product_id = 16;

-- : translations
-- => product LAMP-1 {"name": "Schreibtischlampe", "description": "<p>Hell.</p>"}
-- => category Schreibtische {"parent": "Möbel"}
UPDATE product_template SET name = name || '{"de_DE": "Schreibtischlampe"}', description_ecommerce = '{"en_US": "<p>Bright.</p>", "de_DE": "<p>Hell.</p>"}' WHERE id = 2;
UPDATE product_public_category SET name = name || '{"de_DE": "Schreibtische"}' WHERE id = 2;

-- : what is of no account
-- => nothing
UPDATE product_template SET name = name || '{"fr_FR": "Bureau"}', write_date = now() WHERE id = 1;
UPDATE product_public_category SET parent_path = '1/', write_date = now();
UPDATE product_product SET combination_indices = '', write_date = now();
UPDATE stock_quant SET in_date = now();
INSERT INTO stock_quant (product_id, location_id, quantity) VALUES (11, 4, -1);
UPDATE res_partner SET street = 'Elsewhere', write_date = now();

-- : stock: a reservation, a delivery, the last one
-- => stock E-COM06 {"1": 2}
-- => stock LAMP-1 {"1": 0}
UPDATE stock_quant SET reserved_quantity = reserved_quantity + 2 WHERE product_id = 11 AND location_id = 8;
DELETE FROM stock_quant WHERE product_id = 12;

-- : stock: the first quant of several goes, and one moves to another warehouse
-- => stock CHAIR-W {"1": 1, "2": 0}
-- => stock CHAIR-B {"1": 0, "2": 21}
DELETE FROM stock_quant WHERE product_id = 16 AND location_id = 9;
UPDATE stock_quant SET location_id = 10 WHERE product_id = 15 AND location_id = 8;

-- : variants: one archived, one back from the archive
-- => variant CHAIR-W null
-- => variant CHAIR-R {"price": 78, "options": ["Beine: Stahl", "Farbe: Rot"]}
-- => stock CHAIR-R {"1": 9}
UPDATE product_product SET active = false WHERE id = 16;
UPDATE product_product SET active = true WHERE id = 17;

-- : categories that move, and products in them
-- => category Lampen {"parent": "Möbel", "sort_order": 5}
-- => product LAMP-1 {"in": ["Lampen"]}
-- => product SERV {"in": ["Schreibtische"]}
UPDATE product_public_category SET parent_id = 1, sequence = 5 WHERE id = 3;
DELETE FROM product_public_category_product_template_rel WHERE product_template_id = 2 AND product_public_category_id = 1;
INSERT INTO product_public_category_product_template_rel VALUES (3, 2);

-- : products archived, published, and back from the archive
-- => product LAMP-1 {"is_visible": false}
-- => product SERV {"is_visible": true}
-- => stock LAMP-1 {"1": 0}
-- => product OLD {"price": 100, "weight": 1}
UPDATE product_template SET active = false WHERE id = 2;
UPDATE product_product SET active = false WHERE product_tmpl_id = 2;
UPDATE product_template SET is_published = true WHERE id = 3;
UPDATE product_template SET active = true WHERE id = 4;
UPDATE product_product SET active = true WHERE product_tmpl_id = 4;

-- : a product that gets an option: what was the product is its first variant
-- => product E-COM06 null
-- => variant E-COM06 {"options": ["Farbe: Weiß"], "price": 477.5, "weight": 32.5}
-- => variant E-COM07 {"options": ["Farbe: Schwarz"], "price": 475.5}
-- => stock E-COM06 {"1": 2}
-- => stock E-COM07 {"2": 4}
-- => price E-COM06 {"chf": 480}
INSERT INTO product_template_attribute_value (id, product_attribute_value_id, attribute_id, product_tmpl_id, price_extra) VALUES (41, 3, 2, 1, 2), (42, 2, 2, 1, NULL);
INSERT INTO product_product (id, product_tmpl_id, default_code) VALUES (18, 1, 'E-COM07');
INSERT INTO product_variant_combination VALUES (11, 41), (18, 42);
INSERT INTO stock_quant (product_id, location_id, quantity) VALUES (18, 10, 4);

-- : a company with a new name, a partner who becomes a customer, one with a new address
-- => customer lea.brandt@example.org {"company": "Azur GmbH"}
-- => customer lea@example.org null
-- => customer kim@example.org {"first_name": "Kim", "last_name": "-"}
UPDATE res_partner SET name = 'Azur GmbH' WHERE id = 20;
UPDATE res_partner SET email = 'lea.brandt@example.org' WHERE id = 21;
INSERT INTO res_users (login, partner_id, share) VALUES ('kim@example.org', 22, true);

-- : a category that is deleted with what is in it, and a product
-- => category Schreibtische null
-- => variant E-COM06 null
-- => product SERV {"in": []}
DELETE FROM product_public_category WHERE id = 2;
DELETE FROM product_template WHERE id = 1;
