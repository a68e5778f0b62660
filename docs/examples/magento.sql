-- Magento 2: entities whose values are in separate tables (EAV).
--
-- Magento runs on MySQL.  These tables are as created by pgloader.  See
-- side-car.md for how the tables follow the shop while it trades.
--
-- An entity is a row with a number; its name, price and so on are rows of five
-- tables, by type, attribute and store view.  Store view 0 has the defaults;
-- view 1 is migrated here, and values that it lacks are taken from view 0.

-- The attributes by name.  Products are entities of type 4, categories of 3.
CREATE VIEW public.bc_text AS
SELECT DISTINCT ON (v.entity_id, a.attribute_code) v.entity_id, a.attribute_code AS code, v.value
FROM (SELECT entity_id, attribute_id, store_id, value FROM public.catalog_product_entity_varchar
      UNION ALL SELECT entity_id, attribute_id, store_id, value FROM public.catalog_product_entity_text) AS v
JOIN public.eav_attribute AS a USING (attribute_id)
WHERE v.store_id IN (0, 1) AND v.value IS NOT NULL
ORDER BY v.entity_id, a.attribute_code, v.store_id DESC;

CREATE VIEW public.bc_number AS
SELECT DISTINCT ON (v.entity_id, a.attribute_code) v.entity_id, a.attribute_code AS code, v.value
FROM (SELECT entity_id, attribute_id, store_id, value FROM public.catalog_product_entity_decimal
      UNION ALL SELECT entity_id, attribute_id, store_id, value::numeric FROM public.catalog_product_entity_int) AS v
JOIN public.eav_attribute AS a USING (attribute_id)
WHERE v.store_id IN (0, 1) AND v.value IS NOT NULL
ORDER BY v.entity_id, a.attribute_code, v.store_id DESC;

-- Products, with one column for each value that the store has a field for.
CREATE VIEW public.bc_product AS
SELECT e.entity_id,
    (SELECT value FROM public.bc_text AS t WHERE t.entity_id = e.entity_id AND code = 'name')              AS name,
    (SELECT value FROM public.bc_text AS t WHERE t.entity_id = e.entity_id AND code = 'description')       AS description,
    (SELECT value FROM public.bc_text AS t WHERE t.entity_id = e.entity_id AND code = 'url_key')           AS url_key,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'price')           AS price,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'special_price')   AS special_price,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'weight')          AS weight,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'status')          AS status,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'visibility')      AS visibility,
    (SELECT value FROM public.bc_number AS n WHERE n.entity_id = e.entity_id AND code = 'manufacturer')::bigint AS manufacturer
FROM public.catalog_product_entity AS e;

-- Options of attributes, such as manufacturers and colors, by name.
CREATE VIEW public.bc_option AS
SELECT DISTINCT ON (option_id) option_id, value
FROM public.eav_attribute_option_value
WHERE store_id IN (0, 1)
ORDER BY option_id, store_id DESC;

-- A configurable product has simple products as variants, which differ in some
-- attributes.  A simple product that belongs to several is a variant of the
-- first one.
CREATE VIEW public.bc_variant AS
SELECT l.entity_id, l.parent_id, (
    SELECT jsonb_agg(jsonb_build_object('option_display_name', a.frontend_label, 'label', o.value) ORDER BY s.position)
    FROM public.catalog_product_super_attribute AS s
    JOIN public.eav_attribute AS a USING (attribute_id)
    JOIN public.bc_number AS n ON n.entity_id = l.entity_id AND n.code = a.attribute_code
    JOIN public.bc_option AS o ON o.option_id = n.value
    WHERE s.product_id = l.parent_id) AS option_values
FROM (SELECT product_id AS entity_id, min(parent_id) AS parent_id FROM public.catalog_product_super_link GROUP BY product_id) AS l;

CREATE VIEW public.bc_category AS
SELECT e.entity_id,
    (SELECT v.value FROM public.catalog_category_entity_varchar AS v JOIN public.eav_attribute AS a USING (attribute_id)
     WHERE v.entity_id = e.entity_id AND a.attribute_code = 'name' AND a.entity_type_id = 3 AND v.store_id IN (0, 1) AND v.value IS NOT NULL
     ORDER BY v.store_id DESC LIMIT 1) AS name,
    (SELECT v.value FROM public.catalog_category_entity_int AS v JOIN public.eav_attribute AS a USING (attribute_id)
     WHERE v.entity_id = e.entity_id AND a.attribute_code = 'is_active' AND a.entity_type_id = 3 AND v.store_id IN (0, 1) AND v.value IS NOT NULL
     ORDER BY v.store_id DESC LIMIT 1) AS is_active
FROM public.catalog_category_entity AS e;

-- The categories of products, except those above the root of the shop.
CREATE VIEW public.bc_product_category AS
SELECT p.product_id, p.category_id
FROM public.catalog_category_product AS p JOIN public.catalog_category_entity AS c ON c.entity_id = p.category_id
WHERE c.level >= 2;

-- Level 0 is Magento's own root, level 1 the root of a shop; a store has no
-- records for these.
SELECT bcdelta.track('public.catalog_category_entity', 'shop', 'category', $$ {
    "name":       "(SELECT c.name FROM public.bc_category AS c WHERE c.entity_id = catalog_category_entity.entity_id)",
    "is_visible": "coalesce((SELECT c.is_active FROM public.bc_category AS c WHERE c.entity_id = catalog_category_entity.entity_id), 1) = 1",
    "sort_order": "position",
    "parent_id":  "CASE WHEN level = 2 THEN 0 ELSE bcdelta.ref('categories', parent_id) END"
} $$, feed => 'categories', filter => 'level >= 2', on_delete => 'delete');

SELECT bcdelta.depends('categories', 'public.catalog_category_entity_varchar', '{entity_id}');
SELECT bcdelta.depends('categories', 'public.catalog_category_entity_int', '{entity_id}');

-- Manufacturers are the options of an attribute.
SELECT bcdelta.track('public.eav_attribute_option', 'shop', 'brand', $$ {
    "name": "(SELECT o.value FROM public.bc_option AS o WHERE o.option_id = eav_attribute_option.option_id)"
} $$, feed => 'brands',
    filter => $$ attribute_id = (SELECT a.attribute_id FROM public.eav_attribute AS a WHERE a.attribute_code = 'manufacturer' AND a.entity_type_id = 4) $$);

SELECT bcdelta.depends('brands', 'public.eav_attribute_option_value', '{option_id}');

-- Simple and configurable products, except those that are variants.
SELECT bcdelta.track('public.catalog_product_entity', 'shop', 'product', $$ {
    "sku":         "sku",
    "type":        "CASE type_id WHEN 'virtual' THEN 'digital' ELSE 'physical' END",
    "name":        "(SELECT p.name FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id)",
    "description": "coalesce((SELECT p.description FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), '')",
    "custom_url":  "(SELECT jsonb_build_object('url', '/' || p.url_key || '.html', 'is_customized', true) FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id AND p.url_key <> '')",
    "price":       "coalesce((SELECT p.price FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 0)",
    "sale_price":  "coalesce((SELECT p.special_price FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 0)",
    "weight":      "coalesce((SELECT p.weight FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 0)",
    "is_visible":  "coalesce((SELECT p.status = 1 AND p.visibility > 1 FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), false)",
    "brand_id":    "coalesce(bcdelta.ref('brands', (SELECT p.manufacturer FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id)), 0)",
    "categories":  "coalesce((SELECT jsonb_agg(bcdelta.ref('categories', c.category_id)) FROM public.bc_product_category AS c WHERE c.product_id = entity_id), '[]')",
    "inventory_tracking": "CASE type_id WHEN 'configurable' THEN 'variant' ELSE 'product' END"
} $$, feed => 'products', on_delete => 'hide',
    filter => $$ type_id IN ('simple', 'virtual', 'configurable') AND NOT EXISTS (SELECT FROM public.bc_variant AS v WHERE v.entity_id = catalog_product_entity.entity_id) $$);

-- Variants.  Options and their values are created as needed.  JSON null: the
-- variant has the price or the weight of its product.
SELECT bcdelta.track('public.catalog_product_entity', 'shop', 'variant', $$ {
    "product_id":    "bcdelta.ref('products', (SELECT v.parent_id FROM public.bc_variant AS v WHERE v.entity_id = catalog_product_entity.entity_id))",
    "sku":           "sku",
    "option_values": "(SELECT v.option_values FROM public.bc_variant AS v WHERE v.entity_id = catalog_product_entity.entity_id)",
    "price":         "coalesce((SELECT to_jsonb(p.price) FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 'null')",
    "sale_price":    "coalesce((SELECT to_jsonb(p.special_price) FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 'null')",
    "weight":        "coalesce((SELECT to_jsonb(p.weight) FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), 'null')",
    "purchasing_disabled": "coalesce((SELECT p.status <> 1 FROM public.bc_product AS p WHERE p.entity_id = catalog_product_entity.entity_id), true)"
} $$, feed => 'variants', on_delete => 'delete',
    filter => $$ EXISTS (SELECT FROM public.bc_variant AS v WHERE v.entity_id = catalog_product_entity.entity_id) $$);

SELECT bcdelta.depends('products', child, '{entity_id}')
FROM unnest(ARRAY['public.catalog_product_entity_varchar', 'public.catalog_product_entity_text',
    'public.catalog_product_entity_decimal', 'public.catalog_product_entity_int']::regclass[]) AS child;
SELECT bcdelta.depends('products', child, '{product_id}')
FROM unnest(ARRAY['public.catalog_category_product', 'public.catalog_product_super_link']::regclass[]) AS child;
SELECT bcdelta.depends('variants', child, '{entity_id}')
FROM unnest(ARRAY['public.catalog_product_entity_decimal', 'public.catalog_product_entity_int']::regclass[]) AS child;
SELECT bcdelta.depends('variants', 'public.catalog_product_super_link', '{product_id}');

-- Stock by source.  The store has locations with the codes of the sources.
-- Orders that are not shipped yet do not count here: they are in
-- inventory_reservation, and belong to no source.
SELECT bcdelta.track('public.inventory_source_item', 'shop', 'inventory', $$ {
    "location_id": "bcdelta.named('location', source_code)",
    "product_id":  "bcdelta.ref('products', (SELECT e.entity_id FROM public.catalog_product_entity AS e WHERE e.sku = inventory_source_item.sku AND NOT EXISTS (SELECT FROM public.bc_variant AS v WHERE v.entity_id = e.entity_id)))",
    "variant_id":  "bcdelta.ref('variants', (SELECT e.entity_id FROM public.catalog_product_entity AS e JOIN public.bc_variant AS v USING (entity_id) WHERE e.sku = inventory_source_item.sku))",
    "quantity":    "CASE status WHEN 1 THEN greatest(floor(quantity), 0) ELSE 0 END"
} $$, feed => 'stock', on_delete => 'delete',
    filter => $$ sku IN (SELECT e.sku FROM public.catalog_product_entity AS e WHERE e.type_id IN ('simple', 'virtual')) $$);

SELECT bcdelta.depends('stock', 'public.catalog_product_entity', '{sku}',
    lookup => 'SELECT source_item_id FROM public.inventory_source_item WHERE sku = $1');
SELECT bcdelta.depends('stock', 'public.catalog_product_super_link', '{product_id}',
    lookup => 'SELECT s.source_item_id FROM public.inventory_source_item AS s JOIN public.catalog_product_entity AS e USING (sku) WHERE e.entity_id = $1');

-- Customer groups.  The first one is for visitors without an account.
SELECT bcdelta.track('public.customer_group', 'shop', 'customer_group', $$ {
    "name": "customer_group_code"
} $$, feed => 'groups', filter => 'customer_group_id > 0', on_delete => 'delete');

-- Everyone with an account.
SELECT bcdelta.track('public.customer_entity', 'shop', 'customer', $$ {
    "email":      "email",
    "first_name": "firstname",
    "last_name":  "lastname",
    "customer_group_id": "coalesce(bcdelta.ref('groups', nullif(group_id, 0)), 0)"
} $$, feed => 'customers', filter => 'is_active = 1');

-- Addresses.  A customer cannot have the same address twice: see shop.sql.
SELECT bcdelta.track('public.customer_address_entity', 'shop', 'customer_address', $$ {
    "customer_id":  "bcdelta.ref('customers', parent_id)",
    "first_name":   "firstname",
    "last_name":    "lastname",
    "company":      "coalesce(company, '')",
    "address1":     "split_part(street, E'\\n', 1)",
    "address2":     "split_part(street, E'\\n', 2)",
    "city":         "city",
    "state_or_province": "coalesce(region, '')",
    "postal_code":  "coalesce(postcode, '')",
    "country_code": "country_id",
    "phone":        "coalesce(telephone, '')"
} $$, feed => 'addresses', on_delete => 'delete',
    filter => $$ is_active = 1 AND (SELECT c.is_active = 1 FROM public.customer_entity AS c WHERE c.entity_id = parent_id) $$);

SELECT bcdelta.depends('addresses', 'public.customer_entity', '{entity_id}',
    lookup => 'SELECT entity_id FROM public.customer_address_entity WHERE parent_id = $1');

-- Mark everything to be pushed.  Records that are already in the store are found
-- by name, article number or e-mail address, and only differences are written.
SELECT feed, bcdelta.mark_all(feed) FROM unnest(ARRAY['categories', 'brands', 'products', 'variants', 'stock', 'groups', 'customers', 'addresses']) AS feed;
