-- WooCommerce: posts, postmeta, terms and users.
--
-- WordPress runs on MySQL.  These tables are as created by pgloader, with
-- names in lower case: wp_posts.id instead of wp_posts.ID.  See side-car.md
-- for how the tables follow the shop while it trades.

-- Views whose columns have the store's names keep the mappings below short.
--
-- One row for each product and variation, with one column for each required key
-- of wp_postmeta.  Values are text, and an empty one means none.
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

-- The options of variations, such as "attribute_pa_color" with the value "red".
-- Those that begin with "pa_" are shared by products: then the value is the slug
-- of a term, and the name is in a table of its own.
CREATE VIEW public.bc_option_values AS
SELECT m.post_id, jsonb_agg(jsonb_build_object(
    'option_display_name', coalesce(a.attribute_label, initcap(replace(substr(m.meta_key, 11), '-', ' '))),
    'label', coalesce(replace(t.name, '&amp;', '&'), m.meta_value)) ORDER BY m.meta_key) AS option_values
FROM public.wp_postmeta AS m
LEFT JOIN public.wp_woocommerce_attribute_taxonomies AS a ON 'attribute_pa_' || a.attribute_name = m.meta_key
LEFT JOIN (public.wp_terms AS t JOIN public.wp_term_taxonomy AS x USING (term_id))
    ON t.slug = m.meta_value AND 'attribute_' || x.taxonomy = m.meta_key
WHERE m.meta_key LIKE 'attribute\_%'
GROUP BY m.post_id;

CREATE VIEW public.bc_customer AS
SELECT user_id,
    max(meta_value) FILTER (WHERE meta_key = 'first_name')        AS first_name,
    max(meta_value) FILTER (WHERE meta_key = 'last_name')         AS last_name,
    max(meta_value) FILTER (WHERE meta_key = 'billing_company')   AS company,
    max(meta_value) FILTER (WHERE meta_key = 'billing_phone')     AS phone,
    max(meta_value) FILTER (WHERE meta_key = 'billing_address_1') AS address1,
    max(meta_value) FILTER (WHERE meta_key = 'billing_address_2') AS address2,
    max(meta_value) FILTER (WHERE meta_key = 'billing_city')      AS city,
    max(meta_value) FILTER (WHERE meta_key = 'billing_state')     AS state,
    max(meta_value) FILTER (WHERE meta_key = 'billing_postcode')  AS postcode,
    max(meta_value) FILTER (WHERE meta_key = 'billing_country')   AS country,
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
    "sku":         "(SELECT coalesce(p.sku, '') FROM public.bc_product AS p WHERE p.post_id = id)",
    "type":        "(SELECT CASE WHEN p.is_virtual THEN 'digital' ELSE 'physical' END FROM public.bc_product AS p WHERE p.post_id = id)",
    "price":       "coalesce((SELECT p.price::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "sale_price":  "coalesce((SELECT p.sale_price::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "weight":      "coalesce((SELECT p.weight::numeric FROM public.bc_product AS p WHERE p.post_id = id), 0)",
    "inventory_tracking": "(SELECT CASE WHEN v.any_stock THEN 'variant' WHEN p.keeps_stock AND v.any_stock IS NULL THEN 'product' ELSE 'none' END FROM public.bc_product AS p, LATERAL (SELECT bool_or(o.keeps_stock) AS any_stock FROM public.bc_product AS o JOIN public.wp_posts AS c ON c.id = o.post_id WHERE c.post_parent = p.post_id AND c.post_type = 'product_variation') AS v WHERE p.post_id = id)",
    "inventory_level":    "(SELECT greatest(p.stock::numeric, 0)::integer FROM public.bc_product AS p WHERE p.post_id = id AND p.keeps_stock AND NOT EXISTS (SELECT FROM public.wp_posts AS c WHERE c.post_parent = p.post_id AND c.post_type = 'product_variation'))",
    "brand_id":    "coalesce(bcdelta.ref('brands', (SELECT min(t.term_taxonomy_id) FROM public.bc_product_term AS t WHERE t.post_id = id AND t.taxonomy = 'product_brand')), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', t.term_taxonomy_id)) FROM public.bc_product_term AS t WHERE t.post_id = id AND t.taxonomy = 'product_cat'), '[]')"
} $$, feed => 'products', filter => $$ post_type = 'product' AND post_status = 'publish' $$, on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.wp_postmeta', '{post_id}');
SELECT bcdelta.depends('products', 'public.wp_term_relationships', '{object_id}');
-- Whether stock is kept by product or by variation depends on the variations,
-- which are posts, too.
SELECT bcdelta.depends('products', 'public.wp_posts', '{post_parent}');

-- Variations.  Options and their values are created as needed.  A variation for
-- any value of an option has an empty label, and is refused: the store needs one
-- for each value.  JSON null: the variant has the price or weight of its product.
SELECT bcdelta.track('public.wp_posts', 'shop', 'variant', $$ {
    "product_id":    "bcdelta.ref('products', post_parent)",
    "sku":           "(SELECT p.sku FROM public.bc_product AS p WHERE p.post_id = id)",
    "option_values": "coalesce((SELECT o.option_values FROM public.bc_option_values AS o WHERE o.post_id = id), '[]')",
    "price":         "coalesce((SELECT to_jsonb(p.price::numeric) FROM public.bc_product AS p WHERE p.post_id = id), 'null')",
    "sale_price":    "coalesce((SELECT to_jsonb(p.sale_price::numeric) FROM public.bc_product AS p WHERE p.post_id = id), 'null')",
    "weight":        "coalesce((SELECT to_jsonb(p.weight::numeric) FROM public.bc_product AS p WHERE p.post_id = id), 'null')",
    "inventory_level": "(SELECT greatest(p.stock::numeric, 0)::integer FROM public.bc_product AS p WHERE p.post_id = id AND p.keeps_stock)",
    "purchasing_disabled": "post_status <> 'publish'"
} $$, feed => 'variants', filter => $$ post_type = 'product_variation' AND post_status IN ('publish', 'private')
    AND (SELECT p.post_type = 'product' AND p.post_status = 'publish' FROM public.wp_posts AS p WHERE p.id = wp_posts.post_parent) $$, on_delete => 'delete');

SELECT bcdelta.depends('variants', 'public.wp_postmeta', '{post_id}');
SELECT bcdelta.depends('variants', 'public.wp_posts', '{id}', lookup => 'SELECT id FROM public.wp_posts WHERE post_parent = $1');

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

-- Their addresses for invoices.
SELECT bcdelta.track('public.wp_users', 'shop', 'customer_address', $$ {
    "customer_id":  "bcdelta.ref('customers', id)",
    "first_name":   "coalesce((SELECT nullif(c.first_name, '') FROM public.bc_customer AS c WHERE c.user_id = id), display_name)",
    "last_name":    "coalesce((SELECT nullif(c.last_name, '') FROM public.bc_customer AS c WHERE c.user_id = id), '-')",
    "company":      "coalesce((SELECT c.company FROM public.bc_customer AS c WHERE c.user_id = id), '')",
    "address1":     "(SELECT c.address1 FROM public.bc_customer AS c WHERE c.user_id = id)",
    "address2":     "coalesce((SELECT c.address2 FROM public.bc_customer AS c WHERE c.user_id = id), '')",
    "city":         "(SELECT c.city FROM public.bc_customer AS c WHERE c.user_id = id)",
    "state_or_province": "coalesce((SELECT c.state FROM public.bc_customer AS c WHERE c.user_id = id), '')",
    "postal_code":  "coalesce((SELECT c.postcode FROM public.bc_customer AS c WHERE c.user_id = id), '')",
    "country_code": "(SELECT c.country FROM public.bc_customer AS c WHERE c.user_id = id)",
    "phone":        "coalesce((SELECT c.phone FROM public.bc_customer AS c WHERE c.user_id = id), '')"
} $$, feed => 'addresses', on_delete => 'delete',
    filter => $$ (SELECT c.capabilities LIKE '%"customer"%' AND c.address1 <> '' FROM public.bc_customer AS c WHERE c.user_id = id) $$);

SELECT bcdelta.depends('addresses', 'public.wp_usermeta', '{user_id}');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'variants', 'customers', 'addresses']) AS feed;
