"""The filters of the list of products."""

import operator

import listing
import query


_MODIFIED = listing.date_range("date_modified")


def _modified_min(store, table, value):
    one = _MODIFIED["date_modified:min"][1](store, table, value)
    one.ids = table.changed_since("date_modified",
                                  listing.moment(store, value))
    return one


def _date_is(field):
    def build(store, table, value):
        if len(value) == 10:
            return listing.Filter(
                lambda r: r.get(field, "").startswith(value))
        moment = listing.moment(store, value)
        return listing.Filter(lambda r: r.get(field, "") == moment)
    return build


def _only_category(store, table, value):
    """categories= misses products that are in several categories."""
    return listing.Filter(lambda r: r.get("categories") == [value],
                          ids=table.members("category", value))


def _in_categories(store, table, values):
    if store.settings["categories_in"] == "any":
        return listing.group_in("category")(store, table, values)
    sets = [table.members("category", value) for value in set(values)]
    smallest = min(sets, key=len)
    wanted = set(values)
    return listing.Filter(
        lambda r: wanted.issubset(r.get("categories", ())), ids=smallest)


def _keyword(store, table, value):
    part, brands = value.casefold(), store.brands.rows

    def test(record):
        for field in ("name", "sku", "description"):
            if part in record.get(field, "").casefold():
                return True
        brand = brands.get(record.get("brand_id"))
        return brand is not None and part in brand["name"].casefold()
    return listing.Filter(test)


def _condition(store, table, value):
    return listing.equals("condition")(store, table, value.capitalize())


def _low_stock(store, table, value):
    def is_low(record):
        warning = record.get("inventory_warning_level", 0)
        return (record.get("inventory_tracking", "none") != "none"
                and record.get("inventory_level", 0) <= warning)
    return listing.Filter(lambda r: is_low(r) == value)


def _out_of_stock(store, table, value):
    def is_out(record):
        return (record.get("inventory_tracking", "none") != "none"
                and record.get("inventory_level", 0) == 0)
    return listing.Filter(lambda r: is_out(r) == value)


def _channel(store, table, values):
    found = {product for product, channel in store.product_channels
             if channel in values}
    return listing.Filter(lambda r: r["id"] in found, ids=found)


def _anything(store, table, value):
    return listing.Filter(lambda r: True)


def _range_filters(field, param):
    return {
        field: (param, listing.equals(field)),
        field + ":min": (param, listing.compares(field, operator.ge)),
        field + ":max": (param, listing.compares(field, operator.le)),
        field + ":greater": (param, listing.compares(field, operator.gt)),
        field + ":less": (param, listing.compares(field, operator.lt)),
    }


def _folded_sku(store, value):
    return value.casefold()


FILTERS = {
    **listing.BY_ID,
    "channel_id:in": (query.INTEGERS, _channel),
    "categories": (query.INTEGER, _only_category),
    "categories:in": (query.INTEGERS, _in_categories),
    "name": (query.TEXT, listing.unique(
        "name", lambda store, value: store.fold(value))),
    "mpn": (query.TEXT, listing.equals("mpn")),
    "upc": (query.TEXT, listing.equals("upc")),
    "price": (query.NUMBER, listing.equals("price")),
    "weight": (query.NUMBER, listing.equals("weight")),
    "condition": (query.one_of("new", "used", "refurbished"), _condition),
    "brand_id": (query.INTEGER, listing.group_is("brand")),
    "date_modified": (query.DATE, _date_is("date_modified")),
    **_MODIFIED,
    "date_modified:min": (query.DATE, _modified_min),
    "date_last_imported": (query.DATE, _date_is("date_last_imported")),
    **listing.date_range("date_last_imported"),
    "date_last_imported:not": (query.DATE, listing.compares_date(
        "date_last_imported", operator.ne)),
    "is_visible": (query.BOOLEAN, listing.equals("is_visible")),
    "is_featured": (query.BIT, listing.equals("is_featured")),
    "is_free_shipping": (query.BIT, listing.equals("is_free_shipping")),
    "inventory_level:in": (
        query.INTEGERS, listing.one_of("inventory_level")),
    "inventory_level:not_in": (
        query.INTEGERS, listing.none_of("inventory_level")),
    "inventory_low": (query.BIT, _low_stock),
    "out_of_stock": (query.BIT, _out_of_stock),
    "total_sold": (query.INTEGER, listing.equals("total_sold")),
    "type": (query.one_of("digital", "physical"), listing.equals("type")),
    "keyword": (query.TEXT, _keyword),
    "keyword_context": (query.one_of("shopper", "merchant"), _anything),
    "availability": (query.one_of("available", "disabled", "preorder"),
                     listing.equals("availability")),
    "sku": (query.TEXT, listing.unique("sku", _folded_sku)),
    "sku:in": (query.TEXTS, listing.unique_in("sku", _folded_sku)),
}
FILTERS.update(_range_filters("inventory_level", query.INTEGER))
