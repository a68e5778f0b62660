-- Spree and Solidus: products, variants, prices, stock items and taxons.
--
-- Both run on PostgreSQL, so the triggers can be in the shop itself.  A product
-- has a master variant, which has the article number, the weight and the
-- price; rows are not deleted but get a time in deleted_at.

-- A product of the store is a product with its master variant.
CREATE VIEW public.bc_product AS
SELECT p.id, m.id AS master_id, m.sku, m.weight, m.height, m.width, m.depth, m.track_inventory,
    (SELECT x.amount FROM public.spree_prices AS x
     WHERE x.variant_id = m.id AND x.currency = 'USD' AND x.deleted_at IS NULL
     ORDER BY x.id DESC LIMIT 1) AS price,
    (SELECT sum(greatest(s.count_on_hand, 0)) FROM public.spree_stock_items AS s
     JOIN public.spree_stock_locations AS l ON l.id = s.stock_location_id
     WHERE s.variant_id = m.id AND s.deleted_at IS NULL AND l.active) AS stock
FROM public.spree_products AS p
JOIN public.spree_variants AS m ON m.product_id = p.id AND m.is_master AND m.deleted_at IS NULL;

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
    "inventory_tracking": "CASE WHEN (SELECT p.track_inventory FROM public.bc_product AS p WHERE p.id = spree_products.id) THEN 'product' ELSE 'none' END",
    "inventory_level":    "(SELECT coalesce(p.stock, 0) FROM public.bc_product AS p WHERE p.id = spree_products.id AND p.track_inventory)",
    "brand_id":    "coalesce(bcdelta.ref('brands', (SELECT t.taxon_id FROM public.bc_product_taxon AS t WHERE t.product_id = spree_products.id AND t.taxonomy = 'Brands' ORDER BY t.position LIMIT 1)), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', t.taxon_id)) FROM public.bc_product_taxon AS t WHERE t.product_id = spree_products.id AND t.taxonomy = 'Categories'), '[]')"
} $$, feed => 'products', filter => 'deleted_at IS NULL', on_delete => 'hide');

-- Prices and stock belong to a variant, which belongs to a product: two steps.
SELECT bcdelta.depends('products', 'public.spree_variants', '{product_id}');
SELECT bcdelta.depends('products', 'public.spree_products_taxons', '{product_id}');
SELECT bcdelta.depends('products', child, '{variant_id}',
    lookup => 'SELECT product_id FROM public.spree_variants WHERE id = $1')
FROM unnest(ARRAY['public.spree_prices', 'public.spree_stock_items']::regclass[]) AS child;

-- Closing a stock location changes the stock of everything in it.
SELECT bcdelta.depends('products', 'public.spree_stock_locations', '{id}',
    lookup => 'SELECT v.product_id FROM public.spree_stock_items AS s JOIN public.spree_variants AS v ON v.id = s.variant_id WHERE s.stock_location_id = $1');

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
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'customers']) AS feed;
