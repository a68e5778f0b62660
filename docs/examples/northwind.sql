-- Northwind: categories, suppliers and products.
--
-- The sample database of many textbooks, which has the structure of many small
-- shops: one table for each kind of record, references by number, and one price
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

-- Northwind has no article numbers, so the mapping creates them: a product with
-- an article number is found by it, even if its name changes.
--
-- unit_price is a real.  As text, it has the digits that were entered, 21.35;
-- cast to numeric through double precision, it would be 21.350000381.
--
-- Columns that may become null are mapped to the store's value for "none": a
-- null is not sent, so the store would keep the old value.
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

-- Northwind's customers have no e-mail address, which identifies customers in a
-- store; see shop.sql for customers.

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name or article number, and only differences are written.
SELECT bcdelta.mark_all('categories'), bcdelta.mark_all('suppliers'), bcdelta.mark_all('products');
