SELECT bcdelta.track('makers', 'shop', 'brand', $$ {
    "name":         "maker_name",
    "page_title":   "maker_name || coalesce(' (' || country || ')', '')"
} $$);

SELECT bcdelta.track('art_groups', 'shop', 'category', $$ {
    "name":         "title",
    "parent_id":    "coalesce(bcdelta.ref('art_groups', parent_no), 0)",
    "description":  "coalesce(text_html, '')",
    "sort_order":   "sort_pos",
    "is_visible":   "active = 'Y'"
} $$);

SELECT bcdelta.track('articles', 'shop', 'product', $$ {
    "name":         "title",
    "sku":          "art_no",
    "type":         "'physical'",
    "price":        "net_price",
    "retail_price": "coalesce(list_price, 0)",
    "weight":       "coalesce(weight_g, 0) / 1000.0",
    "description":  "coalesce(descr_html, '')",
    "upc":          "coalesce(ean, '')",
    "brand_id":     "coalesce(bcdelta.ref('makers', maker_id), 0)",
    "categories":   "jsonb_build_array(bcdelta.ref('art_groups', group_no))",
    "is_visible":   "status = 'A'"
} $$, on_delete => 'delete');
