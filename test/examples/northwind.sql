-- The Northwind sample shop: categories, suppliers and products.
--
--     test/demo northwind.sql test/examples/northwind.sql
--
-- where northwind.sql creates and fills the tables of that well-known sample
-- database.  :server is the name of the store to feed.

SELECT bcdelta.track('categories', :'server', 'category', $$ {
    "name":               "category_name",
    "description":        "description",
    "sort_order":         "category_id"
} $$);

SELECT bcdelta.track('suppliers', :'server', 'brand', $$ {
    "name":               "company_name",
    "page_title":         "concat_ws(', ', company_name, city, country)"
} $$);

-- Northwind has no article numbers.  unit_price is a real: as text it has the
-- digits that somebody once typed in, 21.35, where a cast to numeric through
-- double precision would have 21.350000381.
SELECT bcdelta.track('products', :'server', 'product', $$ {
    "name":               "product_name",
    "sku":                "'NW-' || lpad(product_id::text, 4, '0')",
    "type":               "'physical'",
    "price":              "unit_price::text::numeric",
    "weight":             "0",
    "description":        "coalesce('<p>' || quantity_per_unit || '</p>', '')",
    "brand_id":           "coalesce(bcdelta.ref('suppliers', supplier_id), 0)",
    "categories":         "CASE WHEN category_id IS NULL THEN '[]' ELSE jsonb_build_array(bcdelta.ref('categories', category_id)) END",
    "inventory_tracking": "'product'",
    "inventory_level":    "units_in_stock",
    "is_visible":         "discontinued = 0"
} $$);

-- Nothing of it is in the store yet, so everything is to be pushed.
SELECT bcdelta.mark_all('categories'), bcdelta.mark_all('suppliers'), bcdelta.mark_all('products');
