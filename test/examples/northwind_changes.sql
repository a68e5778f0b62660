-- : the first push
-- => product NW-0002 {"name": "Smoky Leaf", "price": 21.35, "inventory_level": 17, "brand": "Harbour Tea Company", "in": ["Tea"], "is_visible": true}
-- => product NW-0006 {"brand": null, "in": [], "is_visible": false}
-- => category Tea {"description": "Leaves & bags", "parent": null}
-- => brand Åkerström & Söner {"page_title": "Åkerström & Söner, Malmö, Sweden"}

-- : prices
-- => product NW-0001 {"price": 4.57}
-- => product NW-0005 {"price": 3.9}
UPDATE products SET unit_price = round((unit_price * 1.05)::numeric, 2) WHERE product_id = 1;
UPDATE products SET unit_price = 3.9 WHERE product_id = 5;

-- : a price that is removed
-- => product NW-0004 {"price": 0}
UPDATE products SET unit_price = NULL WHERE product_id = 4;

-- : stock
-- => product NW-0003 {"inventory_level": 60}
UPDATE products SET units_in_stock = units_in_stock - 1, units_on_order = 1 WHERE product_id = 3;

-- : columns that nobody maps
-- => nothing
UPDATE products SET reorder_level = 30;
UPDATE suppliers SET homepage = 'elsewhere';

-- : a product that is discontinued
-- => product NW-0002 {"is_visible": false}
UPDATE products SET discontinued = 1 WHERE product_id = 2;

-- : products that move to other categories, and to none
-- => product NW-0004 {"in": ["Bread"]}
-- => product NW-0005 {"in": []}
UPDATE products SET category_id = 2 WHERE product_id = 4;
UPDATE products SET category_id = NULL WHERE product_id = 5;

-- : another supplier, and none
-- => product NW-0004 {"brand": "Harbour Tea Company"}
-- => product NW-0003 {"brand": null}
UPDATE products SET supplier_id = CASE product_id WHEN 4 THEN 1 END WHERE product_id IN (3, 4);

-- : new names
-- => category Teas {"description": ""}
-- => brand Harbour Tea {"page_title": "Harbour Tea, Bremen, Germany"}
-- => product NW-0001 {"brand": "Harbour Tea", "in": ["Teas"], "name": "Morning Leaf, first flush"}
UPDATE categories SET category_name = 'Teas', description = NULL WHERE category_id = 1;
UPDATE suppliers SET company_name = 'Harbour Tea' WHERE supplier_id = 1;
UPDATE products SET product_name = 'Morning Leaf, first flush' WHERE product_id = 1;

-- : a new category with a new product, and rows that are deleted
-- => category Honey {}
-- => category Pickles null
-- => product NW-0007 {"in": ["Honey"], "price": 5.49}
-- => product NW-0006 {"is_visible": false}
INSERT INTO categories VALUES (4, 'Honey');
INSERT INTO products VALUES (7, 'Lime Honey', NULL, 4, '500 g', 5.49, 12, 0, 0, 0);
DELETE FROM products WHERE product_id = 6;
DELETE FROM categories WHERE category_id = 3;
