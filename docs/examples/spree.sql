-- Spree and Solidus: products, variants, prices, stock items and taxons.
--
-- Both run on PostgreSQL, so the triggers can be in the shop itself.  Rows are
-- not deleted but get a time in deleted_at.  The tables are those of Solidus;
-- in Spree, spree_option_values_variants is called spree_option_value_variants.

-- Prices are replaced rather than changed: the last one counts.
CREATE VIEW public.bc_price AS
SELECT DISTINCT ON (variant_id, currency) id, variant_id, currency, amount
FROM public.spree_prices
WHERE deleted_at IS NULL AND amount IS NOT NULL
ORDER BY variant_id, currency, id DESC;

CREATE VIEW public.bc_option_values AS
SELECT x.variant_id, jsonb_agg(jsonb_build_object('option_display_name', t.presentation, 'label', o.presentation) ORDER BY t.position) AS option_values
FROM public.spree_option_values_variants AS x
JOIN public.spree_option_values AS o ON o.id = x.option_value_id
JOIN public.spree_option_types AS t ON t.id = o.option_type_id
GROUP BY x.variant_id;

-- Every product has a master variant, with its weight and price.  If it is the
-- only one, it is what is sold, and what is sold is the product itself.  If not,
-- only the others are.
CREATE VIEW public.bc_item AS
SELECT v.id, v.product_id, v.is_master, v.sku, v.track_inventory,
    (SELECT x.amount FROM public.bc_price AS x WHERE x.variant_id = v.id AND x.currency = 'USD') AS price
FROM public.spree_variants AS v JOIN public.spree_products AS p ON p.id = v.product_id
WHERE v.deleted_at IS NULL AND p.deleted_at IS NULL AND NOT (v.is_master AND EXISTS (
    SELECT FROM public.spree_variants AS o WHERE o.product_id = v.product_id AND NOT o.is_master AND o.deleted_at IS NULL));

-- A product of the store is a product with its master variant.
CREATE VIEW public.bc_product AS
SELECT p.id, m.sku, m.weight, m.height, m.width, m.depth, m.track_inventory,
    EXISTS (SELECT FROM public.bc_item AS i WHERE i.product_id = p.id AND NOT i.is_master) AS has_variants,
    (SELECT x.amount FROM public.bc_price AS x WHERE x.variant_id = m.id AND x.currency = 'USD') AS price
FROM public.spree_products AS p
JOIN public.spree_variants AS m ON m.product_id = p.id AND m.is_master;

-- The taxons of products, with their taxonomies.
CREATE VIEW public.bc_product_taxon AS
SELECT c.product_id, c.taxon_id, c.position, y.name AS taxonomy
FROM public.spree_products_taxons AS c
JOIN public.spree_taxons AS t ON t.id = c.taxon_id AND t.parent_id IS NOT NULL
JOIN public.spree_taxonomies AS y ON y.id = t.taxonomy_id;

-- The first taxon of a taxonomy is the taxonomy itself: it has no parent, and
-- is left out.  Moving a taxon renumbers lft and rgt of many others; no
-- mapping reads these columns, so this pushes nothing.
SELECT bcdelta.track('public.spree_taxons', 'shop', 'category', $$ {
    "name":        "name",
    "description": "coalesce(description, '')",
    "parent_id":   "CASE WHEN (SELECT p.parent_id IS NULL FROM public.spree_taxons AS p WHERE p.id = spree_taxons.parent_id) THEN 0 ELSE bcdelta.ref('categories', parent_id) END"
} $$, feed => 'categories', on_delete => 'delete',
    filter => $$ parent_id IS NOT NULL AND taxonomy_id = (SELECT y.id FROM public.spree_taxonomies AS y WHERE y.name = 'Categories') $$);

SELECT bcdelta.track('public.spree_taxons', 'shop', 'brand', '{"name": "name"}', feed => 'brands',
    filter => $$ parent_id IS NOT NULL AND taxonomy_id = (SELECT y.id FROM public.spree_taxonomies AS y WHERE y.name = 'Brands') $$);

-- A discontinued product is shown but cannot be bought.
SELECT bcdelta.track('public.spree_products', 'shop', 'product', $$ {
    "name":        "name",
    "type":        "'physical'",
    "description": "coalesce(description, '')",
    "custom_url":  "jsonb_build_object('url', '/products/' || slug || '/', 'is_customized', true)",
    "meta_description": "coalesce(meta_description, '')",
    "is_visible":  "available_on IS NOT NULL",
    "availability": "CASE WHEN discontinue_on IS NULL THEN 'available' ELSE 'disabled' END",
    "sku":         "(SELECT p.sku FROM public.bc_product AS p WHERE p.id = spree_products.id)",
    "price":       "coalesce((SELECT p.price FROM public.bc_product AS p WHERE p.id = spree_products.id), 0)",
    "weight":      "coalesce((SELECT p.weight FROM public.bc_product AS p WHERE p.id = spree_products.id), 0)",
    "height":      "coalesce((SELECT p.height FROM public.bc_product AS p WHERE p.id = spree_products.id), 0)",
    "width":       "coalesce((SELECT p.width FROM public.bc_product AS p WHERE p.id = spree_products.id), 0)",
    "depth":       "coalesce((SELECT p.depth FROM public.bc_product AS p WHERE p.id = spree_products.id), 0)",
    "inventory_tracking": "(SELECT CASE WHEN NOT p.track_inventory THEN 'none' WHEN p.has_variants THEN 'variant' ELSE 'product' END FROM public.bc_product AS p WHERE p.id = spree_products.id)",
    "brand_id":    "coalesce(bcdelta.ref('brands', (SELECT t.taxon_id FROM public.bc_product_taxon AS t WHERE t.product_id = spree_products.id AND t.taxonomy = 'Brands' ORDER BY t.position LIMIT 1)), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', t.taxon_id)) FROM public.bc_product_taxon AS t WHERE t.product_id = spree_products.id AND t.taxonomy = 'Categories'), '[]')"
} $$, feed => 'products', filter => 'deleted_at IS NULL', on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.spree_variants', '{product_id}');
SELECT bcdelta.depends('products', 'public.spree_products_taxons', '{product_id}');
-- Prices belong to a variant, which belongs to a product: two steps.
SELECT bcdelta.depends('products', 'public.spree_prices', '{variant_id}',
    lookup => 'SELECT product_id FROM public.spree_variants WHERE id = $1');

-- Variants.  Options and their values are created as needed.  JSON null: the
-- variant has the price or the weight of its product.
SELECT bcdelta.track('public.spree_variants', 'shop', 'variant', $$ {
    "product_id":    "bcdelta.ref('products', product_id)",
    "sku":           "sku",
    "price":         "coalesce((SELECT to_jsonb(i.price) FROM public.bc_item AS i WHERE i.id = spree_variants.id), 'null')",
    "weight":        "coalesce(to_jsonb(weight), 'null')",
    "height":        "coalesce(to_jsonb(height), 'null')",
    "width":         "coalesce(to_jsonb(width), 'null')",
    "depth":         "coalesce(to_jsonb(depth), 'null')",
    "option_values": "coalesce((SELECT o.option_values FROM public.bc_option_values AS o WHERE o.variant_id = spree_variants.id), '[]')"
} $$, feed => 'variants', on_delete => 'delete',
    filter => $$ NOT is_master AND id IN (SELECT i.id FROM public.bc_item AS i WHERE i.product_id = spree_variants.product_id) $$);

SELECT bcdelta.depends('variants', 'public.spree_option_values_variants', '{variant_id}');
SELECT bcdelta.depends('variants', 'public.spree_prices', '{variant_id}');
SELECT bcdelta.depends('variants', 'public.spree_products', '{id}', lookup => 'SELECT id FROM public.spree_variants WHERE product_id = $1');

-- Stock: a row for each variant and location.  The store has locations with the
-- codes of the shop's.  What is in a closed location counts as none.
SELECT bcdelta.track('public.spree_stock_items', 'shop', 'inventory', $$ {
    "location_id": "bcdelta.named('location', (SELECT l.code FROM public.spree_stock_locations AS l WHERE l.id = stock_location_id))",
    "product_id":  "bcdelta.ref('products', (SELECT i.product_id FROM public.bc_item AS i WHERE i.id = variant_id AND i.is_master))",
    "variant_id":  "bcdelta.ref('variants', (SELECT i.id FROM public.bc_item AS i WHERE i.id = variant_id AND NOT i.is_master))",
    "quantity":    "greatest(count_on_hand, 0)"
} $$, feed => 'stock', on_delete => 'delete',
    filter => $$ deleted_at IS NULL AND (SELECT l.active FROM public.spree_stock_locations AS l WHERE l.id = stock_location_id)
        AND (SELECT i.track_inventory FROM public.bc_item AS i WHERE i.id = variant_id) $$);

SELECT bcdelta.depends('stock', 'public.spree_stock_locations', '{id}', lookup => 'SELECT id FROM public.spree_stock_items WHERE stock_location_id = $1');

-- Prices in other currencies, in a price list of the store with this name.
SELECT bcdelta.track('public.spree_prices', 'shop', 'price_record', $$ {
    "price_list_id": "bcdelta.named('price_list', 'Other currencies')",
    "sku":           "(SELECT i.sku FROM public.bc_item AS i WHERE i.id = variant_id AND i.is_master)",
    "variant_id":    "bcdelta.ref('variants', (SELECT i.id FROM public.bc_item AS i WHERE i.id = variant_id AND NOT i.is_master))",
    "currency":      "lower(currency)",
    "price":         "amount"
} $$, feed => 'prices', on_delete => 'delete',
    filter => $$ currency <> 'USD' AND id IN (SELECT x.id FROM public.bc_price AS x WHERE x.variant_id = spree_prices.variant_id)
        AND EXISTS (SELECT FROM public.bc_item AS i WHERE i.id = spree_prices.variant_id) $$);

-- Which price is the last one depends on the others: a feed may depend on its own table.
SELECT bcdelta.depends('prices', 'public.spree_prices', '{variant_id}', lookup => 'SELECT id FROM public.spree_prices WHERE variant_id = $1');

-- A variant that comes, goes or becomes the only one, and a product that is
-- deleted, concern the stock and the prices of all variants of the product.
SELECT bcdelta.depends('stock', 'public.spree_variants', '{product_id}',
    lookup => 'SELECT s.id FROM public.spree_stock_items AS s JOIN public.spree_variants AS v ON v.id = s.variant_id WHERE v.product_id = $1');
SELECT bcdelta.depends('stock', 'public.spree_products', '{id}',
    lookup => 'SELECT s.id FROM public.spree_stock_items AS s JOIN public.spree_variants AS v ON v.id = s.variant_id WHERE v.product_id = $1');
SELECT bcdelta.depends('prices', 'public.spree_variants', '{product_id}',
    lookup => 'SELECT x.id FROM public.spree_prices AS x JOIN public.spree_variants AS v ON v.id = x.variant_id WHERE v.product_id = $1');
SELECT bcdelta.depends('prices', 'public.spree_products', '{id}',
    lookup => 'SELECT x.id FROM public.spree_prices AS x JOIN public.spree_variants AS v ON v.id = x.variant_id WHERE v.product_id = $1');

-- Accounts.  Their names are in their billing addresses.
SELECT bcdelta.track('public.spree_users', 'shop', 'customer', $$ {
    "email":      "email",
    "first_name": "coalesce((SELECT nullif(split_part(a.name, ' ', 1), '') FROM public.spree_addresses AS a WHERE a.id = bill_address_id), split_part(email, '@', 1))",
    "last_name":  "coalesce((SELECT nullif(substr(a.name, strpos(a.name || ' ', ' ') + 1), '') FROM public.spree_addresses AS a WHERE a.id = bill_address_id), '-')",
    "phone":      "coalesce((SELECT a.phone FROM public.spree_addresses AS a WHERE a.id = bill_address_id), '')"
} $$, feed => 'customers', filter => 'deleted_at IS NULL');

SELECT bcdelta.depends('customers', 'public.spree_addresses', '{id}',
    lookup => 'SELECT id FROM public.spree_users WHERE bill_address_id = $1');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'variants', 'stock', 'prices', 'customers']) AS feed;
