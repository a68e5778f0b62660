-- WooCommerce: posts, postmeta, terms and users.
--
-- WordPress runs on MySQL.  These tables are as created by pgloader, with
-- names in lower case: wp_posts.id instead of wp_posts.ID.  See side-car.md
-- for how the tables follow the shop while it trades.

-- Views whose columns have the store's names keep the mappings below short.
--
-- One row for each product, with one column for each required key of wp_postmeta.
-- Values are text, and an empty one means none.
CREATE VIEW public.bc_product AS
SELECT post_id,
    max(meta_value) FILTER (WHERE meta_key = '_sku')                       AS sku,
    max(nullif(meta_value, '')) FILTER (WHERE meta_key = '_regular_price') AS price,
    max(nullif(meta_value, '')) FILTER (WHERE meta_key = '_sale_price')    AS sale_price,
    max(nullif(meta_value, '')) FILTER (WHERE meta_key = '_weight')        AS weight,
    max(nullif(meta_value, '')) FILTER (WHERE meta_key = '_stock')         AS stock,
    bool_or(meta_key = '_manage_stock' AND meta_value = 'yes')             AS keeps_stock,
    bool_or(meta_key = '_virtual' AND meta_value = 'yes')                  AS is_virtual
FROM public.wp_postmeta
GROUP BY post_id;

CREATE VIEW public.bc_customer AS
SELECT user_id,
    max(meta_value) FILTER (WHERE meta_key = 'first_name')        AS first_name,
    max(meta_value) FILTER (WHERE meta_key = 'last_name')         AS last_name,
    max(meta_value) FILTER (WHERE meta_key = 'billing_company')   AS company,
    max(meta_value) FILTER (WHERE meta_key = 'billing_phone')     AS phone,
    max(meta_value) FILTER (WHERE meta_key = 'wp_capabilities')   AS capabilities
FROM public.wp_usermeta
GROUP BY user_id;

-- WordPress keeps names as HTML: "Hats &amp; Caps".
CREATE VIEW public.bc_term AS
SELECT x.term_taxonomy_id, x.term_id, x.taxonomy, replace(t.name, '&amp;', '&') AS name
FROM public.wp_term_taxonomy AS x JOIN public.wp_terms AS t USING (term_id);

CREATE VIEW public.bc_product_term AS
SELECT r.object_id AS post_id, r.term_taxonomy_id, x.taxonomy
FROM public.wp_term_relationships AS r JOIN public.wp_term_taxonomy AS x USING (term_taxonomy_id);

-- Product categories and brands share a table with tags, menus and much else.
-- A parent is given as a term, not as the row that describes the term; hence
-- the sub-select.
SELECT bcdelta.track('public.wp_term_taxonomy', 'shop', 'category', $$ {
    "name":        "(SELECT t.name FROM public.bc_term AS t WHERE t.term_taxonomy_id = wp_term_taxonomy.term_taxonomy_id)",
    "description": "description",
    "parent_id":   "coalesce(bcdelta.ref('categories', (SELECT t.term_taxonomy_id FROM public.bc_term AS t WHERE t.term_id = parent AND t.taxonomy = 'product_cat')), 0)"
} $$, feed => 'categories', filter => $$ taxonomy = 'product_cat' $$, on_delete => 'delete');

SELECT bcdelta.track('public.wp_term_taxonomy', 'shop', 'brand', $$ {
    "name": "(SELECT t.name FROM public.bc_term AS t WHERE t.term_taxonomy_id = wp_term_taxonomy.term_taxonomy_id)"
} $$, feed => 'brands', filter => $$ taxonomy = 'product_brand' $$, on_delete => 'delete');

-- The name of a term is two steps away from a key of these feeds.
SELECT bcdelta.depends(feed, 'public.wp_terms', '{term_id}',
    lookup => 'SELECT term_taxonomy_id FROM public.wp_term_taxonomy WHERE term_id = $1')
FROM unnest(ARRAY['categories', 'brands']) AS feed;

-- Products are posts of one type.  A product in the trash, or a draft, no longer
-- satisfies the filter, and is hidden in the store until it is published again.
SELECT bcdelta.track('public.wp_posts', 'shop', 'product', $$ {
    "name":        "replace(post_title, '&amp;', '&')",
    "description": "post_content",
    "custom_url":  "jsonb_build_object('url', '/product/' || post_name || '/', 'is_customized', true)",
    "is_visible":  "true",
    "sku":         "(SELECT p.sku FROM public.bc_product AS p WHERE p.post_id = id)",
    "type":        "(SELECT CASE WHEN p.is_virtual THEN 'digital' ELSE 'physical' END FROM public.bc_product AS p WHERE p.post_id = id)",
    "price":       "coalesce((SELECT p.price::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "sale_price":  "coalesce((SELECT p.sale_price::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "weight":      "coalesce((SELECT p.weight::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "inventory_tracking": "(SELECT CASE WHEN p.keeps_stock THEN 'product' ELSE 'none' END FROM public.bc_product AS p WHERE p.post_id = id)",
    "inventory_level":    "(SELECT greatest(p.stock::numeric, 0)::integer FROM public.bc_product AS p WHERE p.post_id = id AND p.keeps_stock)",
    "brand_id":    "coalesce(bcdelta.ref('brands', (SELECT min(t.term_taxonomy_id) FROM public.bc_product_term AS t WHERE t.post_id = id AND t.taxonomy = 'product_brand')), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', t.term_taxonomy_id)) FROM public.bc_product_term AS t WHERE t.post_id = id AND t.taxonomy = 'product_cat'), '[]')"
} $$, feed => 'products', filter => $$ post_type = 'product' AND post_status = 'publish' $$, on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.wp_postmeta', '{post_id}');
SELECT bcdelta.depends('products', 'public.wp_term_relationships', '{object_id}');

-- Customers are users with that role.  The role is not in wp_users, so users who
-- get or lose it are noticed through wp_usermeta.
SELECT bcdelta.track('public.wp_users', 'shop', 'customer', $$ {
    "email":      "trim(user_email)",
    "first_name": "coalesce((SELECT nullif(c.first_name, '') FROM public.bc_customer AS c WHERE c.user_id = id), display_name)",
    "last_name":  "coalesce((SELECT nullif(c.last_name, '') FROM public.bc_customer AS c WHERE c.user_id = id), '-')",
    "company":    "coalesce((SELECT c.company FROM public.bc_customer AS c WHERE c.user_id = id), '')",
    "phone":      "coalesce((SELECT c.phone FROM public.bc_customer AS c WHERE c.user_id = id), '')"
} $$, feed => 'customers',
    filter => $$ (SELECT c.capabilities LIKE '%"customer"%' FROM public.bc_customer AS c WHERE c.user_id = id) $$);

SELECT bcdelta.depends('customers', 'public.wp_usermeta', '{user_id}');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'customers']) AS feed;
