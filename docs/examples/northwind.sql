-- Northwind: categories, suppliers and products.
--
-- The sample database that every textbook knows, and the shape of many small
-- shops: one table for each kind of record, references by number, one price
-- and one stock level in the row of the product.

SELECT bcdelta.track('public.categories', 'shop', 'category', $$ {
    "name":        "category_name",
    "description": "coalesce(description, '')",
    "sort_order":  "category_id"
} $$, on_delete => 'delete');

SELECT bcdelta.track('public.suppliers', 'shop', 'brand', $$ {
    "name":       "company_name",
    "page_title": "concat_ws(', ', company_name, city, country)"
} $$);

-- Northwind has no article numbers, so the mapping makes them: a product that
-- has one is found by it, whatever becomes of its name.
--
-- unit_price is a real.  As text it has the digits that somebody once typed
-- in, 21.35; cast to numeric by way of double precision it would be
-- 21.350000381.
--
-- What may become null is mapped to what the store means by none: a field
-- that is null is not sent, and the store would keep the old value.
SELECT bcdelta.track('public.products', 'shop', 'product', $$ {
    "name":               "product_name",
    "sku":                "'NW-' || lpad(product_id::text, 4, '0')",
    "type":               "'physical'",
    "price":              "coalesce(unit_price::text::numeric, 0)",
    "weight":             "0",
    "description":        "coalesce('<p>' || quantity_per_unit || '</p>', '')",
    "brand_id":           "coalesce(bcdelta.ref('suppliers', supplier_id), 0)",
    "categories":         "CASE WHEN category_id IS NULL THEN '[]' ELSE jsonb_build_array(bcdelta.ref('categories', category_id)) END",
    "inventory_tracking": "'product'",
    "inventory_level":    "coalesce(units_in_stock, 0)",
    "is_visible":         "discontinued = 0"
} $$, on_delete => 'hide');

-- Northwind's customers have no e-mail address, by which a store knows its
-- customers; see shop.sql for customers.

-- Everything is to be pushed.  Rows that the store has already are found by
-- their names and article numbers, and only what differs is written.
SELECT bcdelta.mark_all('categories'), bcdelta.mark_all('suppliers'), bcdelta.mark_all('products');
