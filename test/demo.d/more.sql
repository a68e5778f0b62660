CREATE TABLE jackets (jacket_no text PRIMARY KEY, title text, price numeric, fabric text);
CREATE TABLE jacket_sizes (sku text PRIMARY KEY, jacket_no text REFERENCES jackets, size text, colour text, price numeric);
CREATE TABLE shelves (warehouse int, sku text REFERENCES jacket_sizes, pieces int, PRIMARY KEY (warehouse, sku));
CREATE TABLE buyers (buyer_no int PRIMARY KEY, email text, first_name text, last_name text);

SELECT bcdelta.track('jackets', 'shop', 'product', $$ {
    "name": "title", "sku": "jacket_no", "type": "'physical'", "price": "price", "weight": "0.4",
    "inventory_tracking": "'variant'",
    "images": "jsonb_build_array(jsonb_build_object('image_url', 'https://pictures.example.org/' || jacket_no || '.jpg'))",
    "custom_fields": "jsonb_build_array(jsonb_build_object('name', 'Fabric', 'value', fabric))"
} $$);
SELECT bcdelta.track('jacket_sizes', 'shop', 'variant', $$ {
    "product_id": "bcdelta.ref('jackets', jacket_no)", "sku": "sku", "price": "price",
    "option_values": "jsonb_build_array(jsonb_build_object('option_display_name', 'Size', 'label', size), jsonb_build_object('option_display_name', 'Colour', 'label', colour))"
} $$);
SELECT bcdelta.track('shelves', 'shop', 'inventory', $$ {
    "location_id": "warehouse", "variant_id": "bcdelta.ref('jacket_sizes', sku)", "quantity": "pieces"
} $$);
SELECT bcdelta.track('buyers', 'shop', 'customer', $$ {
    "email": "email", "first_name": "first_name", "last_name": "last_name"
} $$);

INSERT INTO jackets VALUES ('J-100', 'Rain jacket "Vosges"', 129, 'Nylon'), ('J-200', 'Wind jacket "Jura"', 89, 'Polyester');
INSERT INTO jacket_sizes SELECT j || '-' || s || left(c, 1), j, s, c, CASE s WHEN 'XL' THEN 139 END
FROM unnest('{J-100,J-200}'::text[]) AS j, unnest('{S,M,L,XL}'::text[]) AS s, unnest('{Red,Blue}'::text[]) AS c;
INSERT INTO shelves SELECT w, sku, 3 * w FROM jacket_sizes, generate_series(1, 2) AS w;
INSERT INTO buyers VALUES (1, 'ann@example.org', 'Ann', 'Miller'), (2, 'bo@example.org', 'Bo', 'Larsen');
