-- Odoo: product_template and product_product.
--
-- Odoo runs on PostgreSQL, so the triggers can be in its own database.  A
-- template is what the shop shows; a product is what is on the shelf, with an
-- article number and stock.  Since version 16, translatable text is jsonb, with
-- one member for each language.

-- Products with their options, such as size and colour.  A product without any
-- is the only one of its template.
CREATE VIEW public.bc_product AS
SELECT p.id, p.product_tmpl_id, p.default_code, p.barcode, p.weight, o.option_values, o.option_values IS NULL AS is_plain,
    t.list_price + coalesce(o.extra, 0) AS price,
    t.type <> 'service' AND NOT t.allow_out_of_stock_order AS keeps_stock
FROM public.product_product AS p JOIN public.product_template AS t ON t.id = p.product_tmpl_id,
LATERAL (
    SELECT sum(v.price_extra) AS extra, jsonb_agg(jsonb_build_object(
        'option_display_name', coalesce(a.name->>'de_DE', a.name->>'en_US'),
        'label', coalesce(l.name->>'de_DE', l.name->>'en_US')) ORDER BY a.sequence) AS option_values
    FROM public.product_variant_combination AS c
    JOIN public.product_template_attribute_value AS v ON v.id = c.product_template_attribute_value_id
    JOIN public.product_attribute_value AS l ON l.id = v.product_attribute_value_id
    JOIN public.product_attribute AS a ON a.id = v.attribute_id
    WHERE c.product_product_id = p.id) AS o
WHERE p.active AND t.active AND t.sale_ok;

-- The stock of each product and warehouse is spread over quants: shelves, lots,
-- owners.  The first one stands for all of them.
CREATE VIEW public.bc_stock AS
SELECT min(q.id) AS quant_id, q.product_id, w.code AS warehouse, sum(q.quantity - q.reserved_quantity) AS quantity
FROM public.stock_quant AS q
JOIN public.stock_location AS l ON l.id = q.location_id AND l.usage = 'internal'
JOIN public.stock_warehouse AS w ON w.id = l.warehouse_id
GROUP BY q.product_id, w.code;

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
    "sku":         "coalesce((SELECT p.default_code FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id AND p.is_plain), '')",
    "gtin":        "coalesce((SELECT p.barcode FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id AND p.is_plain), '')",
    "weight":      "coalesce((SELECT max(p.weight) FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id), 0)",
    "inventory_tracking": "(SELECT CASE WHEN NOT bool_or(p.keeps_stock) THEN 'none' WHEN bool_or(p.is_plain) THEN 'product' ELSE 'variant' END FROM public.bc_product AS p WHERE p.product_tmpl_id = product_template.id)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', c.product_public_category_id)) FROM public.product_public_category_product_template_rel AS c WHERE c.product_template_id = product_template.id), '[]')"
} $$, feed => 'products', filter => 'active AND sale_ok', on_delete => 'hide');

SELECT bcdelta.depends('products', 'public.product_product', '{product_tmpl_id}');
SELECT bcdelta.depends('products', 'public.product_public_category_product_template_rel', '{product_template_id}');
SELECT bcdelta.depends('products', 'public.product_variant_combination', '{product_product_id}',
    lookup => 'SELECT product_tmpl_id FROM public.product_product WHERE id = $1');

-- Variants: the products of templates with options, which are created as needed.
SELECT bcdelta.track('public.product_product', 'shop', 'variant', $$ {
    "product_id":    "bcdelta.ref('products', product_tmpl_id)",
    "sku":           "default_code",
    "gtin":          "coalesce(barcode, '')",
    "weight":        "coalesce(weight, 0)",
    "price":         "(SELECT p.price FROM public.bc_product AS p WHERE p.id = product_product.id)",
    "option_values": "(SELECT p.option_values FROM public.bc_product AS p WHERE p.id = product_product.id)"
} $$, feed => 'variants', on_delete => 'delete', filter => $$ (SELECT NOT p.is_plain FROM public.bc_product AS p WHERE p.id = product_product.id) $$);

SELECT bcdelta.depends('variants', 'public.product_variant_combination', '{product_product_id}');
SELECT bcdelta.depends('variants', 'public.product_template', '{id}', lookup => 'SELECT id FROM public.product_product WHERE product_tmpl_id = $1');
SELECT bcdelta.depends('variants', 'public.product_template_attribute_value', '{product_tmpl_id}',
    lookup => 'SELECT id FROM public.product_product WHERE product_tmpl_id = $1');

-- Stock by warehouse.  The store has locations with the codes of the warehouses.
SELECT bcdelta.track('public.stock_quant', 'shop', 'inventory', $$ {
    "location_id": "bcdelta.named('location', (SELECT s.warehouse FROM public.bc_stock AS s WHERE s.product_id = stock_quant.product_id AND s.quant_id = id))",
    "product_id":  "bcdelta.ref('products', (SELECT p.product_tmpl_id FROM public.bc_product AS p WHERE p.id = product_id AND p.is_plain))",
    "variant_id":  "bcdelta.ref('variants', (SELECT p.id FROM public.bc_product AS p WHERE p.id = product_id AND NOT p.is_plain))",
    "quantity":    "(SELECT greatest(floor(s.quantity), 0) FROM public.bc_stock AS s WHERE s.product_id = stock_quant.product_id AND s.quant_id = id)"
} $$, feed => 'stock', on_delete => 'delete',
    filter => $$ (SELECT p.keeps_stock FROM public.bc_product AS p WHERE p.id = product_id)
        AND id IN (SELECT s.quant_id FROM public.bc_stock AS s WHERE s.product_id = stock_quant.product_id) $$);

-- The row of a quant has the stock of others: a feed may depend on its own table.
SELECT bcdelta.depends('stock', 'public.stock_quant', '{product_id}', lookup => 'SELECT id FROM public.stock_quant WHERE product_id = $1');
SELECT bcdelta.depends('stock', 'public.product_product', '{id}', lookup => 'SELECT id FROM public.stock_quant WHERE product_id = $1');
SELECT bcdelta.depends('stock', 'public.product_variant_combination', '{product_product_id}', lookup => 'SELECT id FROM public.stock_quant WHERE product_id = $1');
SELECT bcdelta.depends('stock', 'public.product_template', '{id}',
    lookup => 'SELECT q.id FROM public.stock_quant AS q JOIN public.product_product AS p ON p.id = q.product_id WHERE p.product_tmpl_id = $1');

-- Price lists, of which each has a currency, and their fixed prices.
SELECT bcdelta.track('public.product_pricelist', 'shop', 'price_list', $$ {
    "name": "coalesce(name->>'de_DE', name->>'en_US')", "active": "active"
} $$, feed => 'pricelists', on_delete => 'delete');

SELECT bcdelta.track('public.product_pricelist_item', 'shop', 'price_record', $$ {
    "price_list_id": "bcdelta.ref('pricelists', pricelist_id)",
    "sku":           "(SELECT p.default_code FROM public.bc_product AS p WHERE p.id = product_id AND p.is_plain)",
    "variant_id":    "bcdelta.ref('variants', (SELECT p.id FROM public.bc_product AS p WHERE p.id = product_id AND NOT p.is_plain))",
    "currency":      "(SELECT lower(c.name) FROM public.product_pricelist AS l JOIN public.res_currency AS c ON c.id = l.currency_id WHERE l.id = pricelist_id)",
    "price":         "fixed_price"
} $$, feed => 'prices', on_delete => 'delete',
    filter => $$ compute_price = 'fixed' AND coalesce(min_quantity, 0) <= 1 AND product_id IN (SELECT p.id FROM public.bc_product AS p) $$);

SELECT bcdelta.depends('prices', 'public.product_pricelist', '{id}', lookup => 'SELECT id FROM public.product_pricelist_item WHERE pricelist_id = $1');
SELECT bcdelta.depends('prices', 'public.product_product', '{id}', lookup => 'SELECT id FROM public.product_pricelist_item WHERE product_id = $1');
SELECT bcdelta.depends('prices', 'public.product_variant_combination', '{product_product_id}',
    lookup => 'SELECT id FROM public.product_pricelist_item WHERE product_id = $1');
SELECT bcdelta.depends('prices', 'public.product_template', '{id}',
    lookup => 'SELECT i.id FROM public.product_pricelist_item AS i JOIN public.product_product AS p ON p.id = i.product_id WHERE p.product_tmpl_id = $1');

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
-- The name of a company is in the row of another partner.
SELECT bcdelta.depends('customers', 'public.res_partner', '{id}',
    lookup => 'SELECT id FROM public.res_partner WHERE parent_id = $1');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'products', 'variants', 'stock', 'pricelists', 'prices', 'customers']) AS feed;
