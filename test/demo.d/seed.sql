-- What the first load's tool sent to the store: one JSON document per kind,
-- in the form that the simulated store is filled with.
SELECT jsonb_build_object('kind', 'brands', 'quiet', true, 'records', jsonb_agg(
    jsonb_build_object(
        'id', maker_id + 100,
        'name', maker_name,
        'page_title', maker_name || coalesce(' (' || country || ')', ''))
    ORDER BY maker_id))
FROM makers;

-- parents first
SELECT jsonb_build_object('kind', 'categories', 'quiet', true, 'records', jsonb_agg(
    jsonb_strip_nulls(jsonb_build_object(
        'category_id', sort_pos / 10 + 200,
        'parent_id', coalesce((SELECT p.sort_pos / 10 + 200 FROM art_groups AS p WHERE p.group_no = g.parent_no), 0),
        'name', title,
        'description', text_html,
        'sort_order', sort_pos,
        'is_visible', active = 'Y'))
    ORDER BY sort_pos))
FROM art_groups AS g;

SELECT jsonb_build_object('kind', 'products', 'quiet', true, 'records', jsonb_agg(
    jsonb_strip_nulls(jsonb_build_object(
        'id', n + 1000,
        'name', title,
        'sku', art_no,
        'type', 'physical',
        'price', net_price,
        'retail_price', list_price,
        'weight', coalesce(weight_g, 0) / 1000.0,
        'description', descr_html,
        'upc', ean,
        'brand_id', maker_id + 100,
        'categories', jsonb_build_array((SELECT g.sort_pos / 10 + 200 FROM art_groups AS g WHERE g.group_no = a.group_no)),
        'is_visible', status = 'A'))
    ORDER BY n))
FROM (SELECT *, row_number() OVER (ORDER BY art_no) AS n FROM articles) AS a;
