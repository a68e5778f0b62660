-- Odoo: product_template and product_product.
--
-- Odoo runs on PostgreSQL, so the triggers can be in its own database.  A
-- template is what the shop shows; a product is what is on the shelf, with an
-- article number and stock.  Since version 16, translatable text is jsonb, with
-- one member for each language.

-- The template with its product, which is the only one unless it has variants.
CREATE VIEW public.bc_product AS
SELECT DISTINCT ON (p.product_tmpl_id) p.product_tmpl_id, p.id AS product_id, p.default_code, p.barcode, p.weight,
    (SELECT sum(q.quantity - q.reserved_quantity) FROM public.stock_quant AS q
     JOIN public.stock_location AS l ON l.id = q.location_id
     WHERE q.product_id = p.id AND l.usage = 'internal') AS stock
FROM public.product_product AS p
WHERE p.active
ORDER BY p.product_tmpl_id, p.id;

-- The shop's own categories (product_public_category), not those used for
-- accounting (product_category).
SELECT bcdelta.track('public.product_public_category', 'shop', 'category', $$ {
    "name":       "coalesce(name->>'de_DE', name->>'en_US')",
    "sort_order": "coalesce(sequence, 0)",
    "parent_id":  "coalesce(bcdelta.ref('categories', parent_id), 0)"
} $$, feed => 'categories', on_delete => 'delete');

SELECT bcdelta.track('public.product_template', 'shop', 'product', $$ {
    "name":        "coalesce(name->>'de_DE', name->>'en_US')",
    "description": "coalesce(description_ecommerce->>'de_DE', description_ecommerce->>'en_US', '')",
    "type":        "CASE type WHEN 'service' THEN 'digital' ELSE 'physical' END",
    "price":       "coalesce(list_price, 0)",
    "is_visible":  "coalesce(is_published, false)",
    "sku":         "(SELECT p.default_code FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id)",
    "gtin":        "coalesce((SELECT p.barcode FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id), '')",
    "weight":      "coalesce((SELECT p.weight FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id), 0)",
    "inventory_tracking": "CASE WHEN type = 'service' OR allow_out_of_stock_order THEN 'none' ELSE 'product' END",
    "inventory_level":    "CASE WHEN type = 'service' OR allow_out_of_stock_order THEN NULL ELSE coalesce((SELECT greatest(floor(p.stock), 0) FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id), 0) END",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', c.product_public_category_id)) FROM public.product_public_category_product_template_rel AS c WHERE c.product_template_id = product_template.id), '[]')"
} $$, feed => 'products', filter => 'active AND sale_ok', on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.product_product', '{product_tmpl_id}');
SELECT bcdelta.depends('products', 'public.product_public_category_product_template_rel', '{product_template_id}');
SELECT bcdelta.depends('products', 'public.stock_quant', '{product_id}',
    lookup => 'SELECT product_tmpl_id FROM public.product_product WHERE id = $1');

-- Partners can be customers, suppliers, contacts or addresses.  Those with an
-- account in the shop are customers: they have a user.
SELECT bcdelta.track('public.res_partner', 'shop', 'customer', $$ {
    "email":      "trim(email)",
    "first_name": "split_part(name, ' ', 1)",
    "last_name":  "coalesce(nullif(substr(name, strpos(name || ' ', ' ') + 1), ''), '-')",
    "phone":      "coalesce(phone, '')",
    "company":    "coalesce(company_name, (SELECT c.name FROM public.res_partner AS c WHERE c.id = res_partner.parent_id AND c.is_company), '')"
} $$, feed => 'customers',
    filter => $$ active AND email LIKE '%@%' AND EXISTS (SELECT FROM public.res_users AS u WHERE u.partner_id = res_partner.id AND u.share) $$);

SELECT bcdelta.depends('customers', 'public.res_users', '{partner_id}');
-- The name of a company is in the row of another partner: a feed may depend on
-- its own table.
SELECT bcdelta.depends('customers', 'public.res_partner', '{id}',
    lookup => 'SELECT id FROM public.res_partner WHERE parent_id = $1');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'products', 'customers']) AS feed;
