-- A normalised shop: products in variants by size and colour, texts per
-- language, prices per currency, stock per warehouse.
--
-- Every kind of record has a table, and nothing is stored twice.  So the fields
-- of one record in the store come from several tables: each table that a mapping
-- reads in addition to its own is declared with depends().

-- In the language and the currency of the store.
CREATE VIEW public.bc_category AS
SELECT c.id, t.name, t.description
FROM public.category AS c JOIN public.category_text AS t ON t.category_id = c.id AND t.language = 'de';

CREATE VIEW public.bc_variant AS
SELECT v.id, v.product_id, v.sku, v.ean, s.label AS size, c.label AS colour,
    s.label IS NULL AND c.label IS NULL AS is_plain,
    (SELECT p.amount FROM public.price AS p WHERE p.variant_id = v.id AND p.currency = 'EUR') AS price
FROM public.variant AS v
LEFT JOIN public.size AS s ON s.id = v.size_id
LEFT JOIN public.colour AS c ON c.id = v.colour_id;

-- A product without sizes and colors has a single variant.  The store has no
-- variant for it: article number, price and stock belong to the product itself.
CREATE VIEW public.bc_product AS
SELECT p.id, t.name, t.description, plain.id AS plain_id, plain.ean,
    coalesce(plain.sku, p.number) AS sku,
    coalesce(plain.price, (SELECT min(v.price) FROM public.bc_variant AS v WHERE v.product_id = p.id), 0) AS price
FROM public.product AS p
JOIN public.product_text AS t ON t.product_id = p.id AND t.language = 'de'
LEFT JOIN public.bc_variant AS plain ON plain.product_id = p.id AND plain.is_plain;

-- Categories and brands.
SELECT bcdelta.track('public.category', 'shop', 'category', $$ {
    "name":        "(SELECT c.name FROM public.bc_category AS c WHERE c.id = category.id)",
    "description": "coalesce((SELECT c.description FROM public.bc_category AS c WHERE c.id = category.id), '')",
    "sort_order":  "position",
    "parent_id":   "coalesce(bcdelta.ref('categories', parent_id), 0)"
} $$, feed => 'categories', on_delete => 'delete');

SELECT bcdelta.depends('categories', 'public.category_text', '{category_id}');

SELECT bcdelta.track('public.brand', 'shop', 'brand', '{"name": "name"}', feed => 'brands', on_delete => 'delete');

-- Products.
SELECT bcdelta.track('public.product', 'shop', 'product', $$ {
    "name":        "(SELECT p.name FROM public.bc_product AS p WHERE p.id = product.id)",
    "description": "coalesce((SELECT p.description FROM public.bc_product AS p WHERE p.id = product.id), '')",
    "sku":         "(SELECT p.sku FROM public.bc_product AS p WHERE p.id = product.id)",
    "gtin":        "coalesce((SELECT p.ean FROM public.bc_product AS p WHERE p.id = product.id), '')",
    "price":       "(SELECT p.price FROM public.bc_product AS p WHERE p.id = product.id)",
    "type":        "'physical'",
    "weight":      "coalesce(grams / 1000.0, 0)",
    "brand_id":    "coalesce(bcdelta.ref('brands', brand_id), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', c.category_id)) FROM public.product_category AS c WHERE c.product_id = product.id), '[]')",
    "is_visible":  "active",
    "images":      "coalesce((SELECT jsonb_agg(jsonb_build_object('image_url', i.url, 'sort_order', i.position)) FROM public.product_image AS i WHERE i.product_id = product.id), '[]')",
    "custom_fields": "coalesce((SELECT jsonb_agg(jsonb_build_object('name', a.name, 'value', a.value)) FROM public.product_attribute AS a WHERE a.product_id = product.id), '[]')",
    "inventory_tracking": "CASE WHEN (SELECT p.plain_id FROM public.bc_product AS p WHERE p.id = product.id) IS NULL THEN 'variant' ELSE 'product' END"
} $$, feed => 'products', filter => 'deleted_at IS NULL', on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.product_text', '{product_id}');
SELECT bcdelta.depends('products', 'public.product_category', '{product_id}');
SELECT bcdelta.depends('products', 'public.product_image', '{product_id}');
SELECT bcdelta.depends('products', 'public.product_attribute', '{product_id}');
SELECT bcdelta.depends('products', 'public.variant', '{product_id}');
SELECT bcdelta.depends('products', 'public.price', '{variant_id}',
    lookup => 'SELECT product_id FROM public.variant WHERE id = $1');

-- Variants.  Options and their values are created as needed; a product without
-- sizes, or without colors, does not have this option.
SELECT bcdelta.track('public.variant', 'shop', 'variant', $$ {
    "product_id":    "bcdelta.ref('products', product_id)",
    "sku":           "sku",
    "gtin":          "coalesce(ean, '')",
    "price":         "(SELECT v.price FROM public.bc_variant AS v WHERE v.id = variant.id)",
    "option_values": "(SELECT jsonb_agg(jsonb_build_object('option_display_name', o.name, 'label', o.label)) FROM public.bc_variant AS v, LATERAL (VALUES ('Größe', v.size), ('Farbe', v.colour)) AS o (name, label) WHERE v.id = variant.id AND o.label IS NOT NULL)",
    "purchasing_disabled": "NOT active"
} $$, feed => 'variants', on_delete => 'delete',
    filter => $$ (size_id IS NOT NULL OR colour_id IS NOT NULL) AND (SELECT p.deleted_at IS NULL FROM public.product AS p WHERE p.id = product_id) $$);

SELECT bcdelta.depends('variants', 'public.price', '{variant_id}');
SELECT bcdelta.depends('variants', 'public.product', '{id}', lookup => 'SELECT id FROM public.variant WHERE product_id = $1');

-- Prices in other currencies, in a price list of the store with this name.  A
-- product without options is found by its article number.
SELECT bcdelta.track('public.price', 'shop', 'price_record', $$ {
    "price_list_id": "bcdelta.named('price_list', 'Other currencies')",
    "sku":           "(SELECT v.sku FROM public.bc_variant AS v WHERE v.id = variant_id AND v.is_plain)",
    "variant_id":    "bcdelta.ref('variants', (SELECT v.id FROM public.bc_variant AS v WHERE v.id = variant_id AND NOT v.is_plain))",
    "currency":      "lower(currency)",
    "price":         "amount"
} $$, feed => 'prices', on_delete => 'delete',
    filter => $$ currency <> 'EUR' AND (SELECT p.deleted_at IS NULL FROM public.variant AS v JOIN public.product AS p ON p.id = v.product_id WHERE v.id = variant_id) $$);

-- A feed with a key of two columns: the lookup returns both.
SELECT bcdelta.depends('prices', 'public.variant', '{id}',
    lookup => 'SELECT x.variant_id, x.currency FROM public.price AS x WHERE x.variant_id = $1');
SELECT bcdelta.depends('prices', 'public.product', '{id}',
    lookup => 'SELECT x.variant_id, x.currency FROM public.price AS x JOIN public.variant AS v ON v.id = x.variant_id WHERE v.product_id = $1');

-- Stock: a row for each variant and warehouse.  The item is the variant, or the
-- product if it has no options.
SELECT bcdelta.track('public.stock', 'shop', 'inventory', $$ {
    "location_id": "(SELECT w.location_id FROM public.warehouse AS w WHERE w.id = warehouse_id)",
    "product_id":  "bcdelta.ref('products', (SELECT v.product_id FROM public.bc_variant AS v WHERE v.id = variant_id AND v.is_plain))",
    "variant_id":  "bcdelta.ref('variants', (SELECT v.id FROM public.bc_variant AS v WHERE v.id = variant_id AND NOT v.is_plain))",
    "quantity":    "greatest(quantity - reserved, 0)"
} $$, feed => 'stock', on_delete => 'delete',
    filter => $$ (SELECT p.deleted_at IS NULL FROM public.variant AS v JOIN public.product AS p ON p.id = v.product_id WHERE v.id = variant_id) $$);

SELECT bcdelta.depends('stock', 'public.variant', '{id}',
    lookup => 'SELECT s.variant_id, s.warehouse_id FROM public.stock AS s WHERE s.variant_id = $1');
SELECT bcdelta.depends('stock', 'public.product', '{id}',
    lookup => 'SELECT s.variant_id, s.warehouse_id FROM public.stock AS s JOIN public.variant AS v ON v.id = s.variant_id WHERE v.product_id = $1');

-- Customers.
SELECT bcdelta.track('public.customer', 'shop', 'customer', $$ {
    "email":      "trim(email)",
    "first_name": "first_name",
    "last_name":  "last_name",
    "company":    "coalesce(company, '')",
    "phone":      "coalesce(phone, '')"
} $$, feed => 'customers', filter => 'NOT guest');

-- Addresses, without repetitions: a customer cannot have the same address twice.
SELECT bcdelta.track('public.address', 'shop', 'customer_address', $$ {
    "customer_id":  "bcdelta.ref('customers', customer_id)",
    "first_name":   "first_name",
    "last_name":    "last_name",
    "company":      "coalesce(company, '')",
    "address1":     "street",
    "address2":     "coalesce(extra, '')",
    "city":         "city",
    "state_or_province": "coalesce(state, '')",
    "postal_code":  "coalesce(postal_code, '')",
    "country_code": "country",
    "phone":        "coalesce(phone, '')"
} $$, feed => 'addresses', on_delete => 'delete',
    filter => $$ (SELECT NOT c.guest FROM public.customer AS c WHERE c.id = customer_id) AND NOT EXISTS (
        SELECT FROM public.address AS a WHERE a.id < address.id AND a.customer_id = address.customer_id AND
            (a.first_name, a.last_name, a.company, a.street, a.extra, a.city, a.state, a.postal_code, a.country, a.phone) IS NOT DISTINCT FROM
            (address.first_name, address.last_name, address.company, address.street, address.extra, address.city, address.state, address.postal_code, address.country, address.phone)) $$);

-- The filter reads the customer, and the other addresses of the same customer.
SELECT bcdelta.depends('addresses', 'public.customer', '{id}', lookup => 'SELECT id FROM public.address WHERE customer_id = $1');
SELECT bcdelta.depends('addresses', 'public.address', '{customer_id}', lookup => 'SELECT id FROM public.address WHERE customer_id = $1');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'variants', 'prices', 'stock', 'customers', 'addresses']) AS feed;
