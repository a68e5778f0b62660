"""The fields of a product: defaults, checks, and what is computed."""

import re

import fields
from exactjson import ZERO, text
from tables import Kind, Table

SKU_CHARSET = re.compile(r"[A-Za-z0-9 \-_]*\Z")
# What makes a URL unusable (status 207), as opposed to too long (422).
URL_USABLE = re.compile(r"/[A-Za-z0-9\-_./%]*\Z")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")

_INT32 = 2 ** 31 - 1
_BILLION = 10 ** 9
_SIZE = fields.number(0, 9999999999)
_MONEY = fields.number(0)
_COUNT = fields.integer(0, _BILLION)
_TEXT = fields.string()
_IDS = fields.list_of(fields.integer(1, _BILLION))

MONEY = ("price", "cost_price", "retail_price", "sale_price", "map_price",
         "fixed_cost_shipping_price")
NUMBERS = MONEY + ("weight", "width", "depth", "height")

_BLANK = {
    "id": 0, "name": "", "type": "physical", "sku": "", "description": "",
    "weight": ZERO, "width": ZERO, "depth": ZERO, "height": ZERO,
    "price": ZERO, "cost_price": ZERO, "retail_price": ZERO,
    "sale_price": ZERO, "map_price": ZERO, "tax_class_id": 0,
    "product_tax_code": "", "calculated_price": ZERO, "categories": [],
    "brand_id": 0, "option_set_id": None, "option_set_display": "right",
    "inventory_level": 0, "inventory_warning_level": 0,
    "inventory_tracking": "none", "reviews_rating_sum": 0,
    "reviews_count": 0, "total_sold": 0, "fixed_cost_shipping_price": ZERO,
    "is_free_shipping": False, "is_visible": True, "is_featured": False,
    "related_products": [-1], "warranty": "", "bin_picking_number": "",
    "layout_file": "product.html", "upc": "", "mpn": "", "gtin": "",
    "date_last_imported": "", "search_keywords": "",
    "availability": "available", "availability_description": "",
    "gift_wrapping_options_type": "any", "gift_wrapping_options_list": [],
    "sort_order": 0, "condition": "New", "is_condition_shown": True,
    "order_quantity_minimum": 0, "order_quantity_maximum": 0,
    "page_title": "", "meta_keywords": [], "meta_description": "",
    "date_created": "", "date_modified": "", "view_count": 0,
    "preorder_release_date": None, "preorder_message": "",
    "is_preorder_only": False, "is_price_hidden": False,
    "price_hidden_label": "",
    "custom_url": {"url": "", "is_customized": False},
    "base_variant_id": None, "open_graph_type": "product",
    "open_graph_title": "", "open_graph_description": "",
    "open_graph_use_meta_description": True,
    "open_graph_use_product_name": True, "open_graph_use_image": True,
}

CHECKS = {
    "name": fields.string(1, 250),
    "type": fields.choice("physical", "digital"),
    "sku": fields.string(0, 255),
    "description": _TEXT,
    "weight": _SIZE, "width": _SIZE, "depth": _SIZE, "height": _SIZE,
    "price": _MONEY, "cost_price": _MONEY, "retail_price": _MONEY,
    "sale_price": _MONEY, "map_price": fields.number(),
    "tax_class_id": fields.integer(0, 255),
    "product_tax_code": fields.string(0, 255),
    "categories": fields.distinct(
        fields.list_of(fields.integer(1, _BILLION), 1000)),
    "brand_id": fields.integer(0, _BILLION),
    "brand_name": fields.string(1, 255),
    "inventory_level": fields.clamped(0, _INT32),
    "inventory_warning_level": fields.clamped(0, _INT32),
    "inventory_tracking": fields.choice("none", "product", "variant"),
    "fixed_cost_shipping_price": _MONEY,
    "is_free_shipping": fields.boolean, "is_visible": fields.boolean,
    "is_featured": fields.boolean,
    "related_products": fields.list_of(fields.integer(-1, _BILLION)),
    "warranty": fields.string(0, 65535),
    "bin_picking_number": fields.string(0, 255),
    "layout_file": fields.string(0, 500),
    "upc": fields.string(0, 14), "gtin": fields.string(0, 14), "mpn": _TEXT,
    "search_keywords": fields.string(0, 65535),
    "availability_description": fields.string(0, 255),
    "availability": fields.choice("available", "disabled", "preorder"),
    "gift_wrapping_options_type": fields.choice("any", "none", "list"),
    "gift_wrapping_options_list": _IDS,
    "sort_order": fields.integer(-_INT32 - 1, _INT32),
    "condition": fields.choice("New", "Used", "Refurbished"),
    "is_condition_shown": fields.boolean,
    "order_quantity_minimum": _COUNT, "order_quantity_maximum": _COUNT,
    "page_title": fields.string(0, 255),
    "meta_keywords": fields.list_of(fields.string(0, 65535)),
    "meta_description": fields.string(0, 65535),
    "view_count": _COUNT,
    "preorder_release_date": fields.moment(nullable=True),
    "preorder_message": fields.string(0, 255),
    "is_preorder_only": fields.boolean, "is_price_hidden": fields.boolean,
    "price_hidden_label": fields.string(0, 200),
    "custom_url": fields.obj({
        "url": fields.string(1, 255), "is_customized": fields.boolean,
        "create_redirect": fields.boolean}),
    "open_graph_type": fields.choice(
        "product", "album", "book", "drink", "food", "game", "movie", "song",
        "tv_show"),
    "open_graph_title": _TEXT, "open_graph_description": _TEXT,
    "open_graph_use_meta_description": fields.boolean,
    "open_graph_use_product_name": fields.boolean,
    "open_graph_use_image": fields.boolean,
    "date_last_imported": fields.moment(),
    "reviews_rating_sum": fields.integer(0, _BILLION),
    "reviews_count": fields.integer(0, _BILLION),
    "total_sold": fields.integer(0, _BILLION),
}

READ_ONLY = ("id", "date_created", "date_modified", "calculated_price",
             "base_variant_id")
REQUIRED = ("name", "type", "weight", "price")

# Shown whatever include_fields says, as the specification has it.
ALWAYS = ("gift_wrapping_options_type", "gift_wrapping_options_list")

# Missing from the specification's list of what include_fields may name.
UNLISTED = ALWAYS + ("sort_order",)


def calculated_price(record):
    sale = record.get("sale_price")
    return sale if sale else record.get("price", ZERO)


def base_variant_id(key):
    """Made from the id, so that it takes no room; never equal to an id of a
    product nearby, so that mixing the two up is noticed."""
    return 2 * key + 1000001


def url_of(record):
    """The URL of a record; one that was generated is kept as bare text."""
    url = record["custom_url"]
    return url if type(url) is str else url["url"]


def shown_url(record):
    url = record["custom_url"]
    if type(url) is str:
        return {"url": url, "is_customized": False}
    return url


def _finish(table, record, parts):
    price = calculated_price(record)
    parts["calculated_price"] = '"calculated_price":' + format(price, "f")
    parts["base_variant_id"] = '"base_variant_id":%s' % (
        "null" if record.get("has_variants") else base_variant_id(
            record["id"]))
    parts["custom_url"] = '"custom_url":' + text(shown_url(record))


KIND = Kind("product", "id", _BLANK, finish=_finish, always=ALWAYS,
            unlisted=UNLISTED)


def _brand_of(record):
    brand = record.get("brand_id")
    return (brand,) if brand else ()


def new_table(store):
    return Table(KIND, {
        "name": lambda r: store.fold(r["name"]),
        "sku": lambda r: r["sku"].casefold() if r.get("sku") else None,
    }, {
        "brand": _brand_of,
        "category": lambda r: r.get("categories", ()),
    }, first_id=77)


def default_url(name):
    return "/%s/" % (_NOT_IN_SLUG.sub("-", name.lower()).strip("-") or "p")
