"""Brands."""

import re

import fields
import listing
import metafields
import query
from replies import Refused, error, nothing, one
from tables import Kind, Table

_URL = re.compile(r"(/([A-Za-z0-9\-_.]{1,256}))*/?\Z")
_NOT_IN_URL = re.compile(r"[^A-Za-z0-9\-_.]+")

KIND = Kind("brand", "id", {
    "id": 0, "name": "", "page_title": "", "meta_keywords": [],
    "meta_description": "", "image_url": "", "search_keywords": "",
    "custom_url": {"url": "", "is_customized": False}})

CHECKS = {
    "name": fields.string(1, 255),
    "page_title": fields.string(0, 255),
    "meta_keywords": fields.list_of(fields.string()),
    "meta_description": fields.string(0, 65535),
    "search_keywords": fields.string(0, 65535),
    "image_url": fields.string(),
    "custom_url": fields.obj({"url": fields.string(1, 1024, _URL),
                              "is_customized": fields.boolean}),
}
READ_ONLY = ("id",)

_FILTERS = {
    **listing.BY_ID,
    "name": (query.TEXT, listing.unique(
        "name", lambda store, value: store.fold(value))),
    "name:like": (query.TEXT, listing.like("name")),
    "page_title": (query.TEXT, listing.equals("page_title")),
}
_DELETE_BY = ("name", "page_title")

LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
LIST_PARAMS.update(listing.PAGING)
LIST_PARAMS.update(listing.CHOICE)
LIST_PARAMS["sort"] = query.one_of("name")
LIST_PARAMS["direction"] = query.one_of("asc", "desc")
DELETE_PARAMS = {name: _FILTERS[name][0] for name in _DELETE_BY}


def new_table(store):
    return Table(KIND, {
        "name": lambda r: store.fold(r["name"]),
        # brand_name of a product is compared without case.
        "any_case": lambda r: r["name"].casefold()}, {}, first_id=35)


def default_url(name):
    return "/brands/%s.html" % (_NOT_IN_URL.sub("-", name).strip("-") or "b")


# -- changes, also used by the control interface -----------------------------

def conflicts(store, clean, own=None):
    """Which fields clash with another record: field -> text."""
    found = {}
    if "name" in clean:
        holder = store.brands.find("name", store.fold(clean["name"]))
        if holder not in (None, own):
            found["name"] = "The brand name is in use by brand %d" % holder
    url = clean.get("custom_url", {}).get("url")
    if url is not None and store.urls.get(url) not in (
            None, ("brand", own)):
        found["custom_url"] = "The URL %s is in use" % url
    return found


def create(store, clean, key=None):
    record = dict(clean)
    record["id"] = store.brands.take_id() if key is None else key
    url = clean.get("custom_url", {})
    if "url" in url:
        path = url["url"]
    else:
        path = store.take_url(default_url(clean["name"]))
    record["custom_url"] = {
        "url": path, "is_customized": url.get("is_customized", "url" in url)}
    store.urls[path] = ("brand", record["id"])
    store.brands.add(record)
    return record


def update(store, key, clean):
    changes = dict(clean)
    if "custom_url" in clean:
        old = store.brands.rows[key]["custom_url"]
        url = dict(old, is_customized=True)
        url.update(clean["custom_url"])
        store.urls.pop(old["url"], None)
        store.urls[url["url"]] = ("brand", key)
        changes["custom_url"] = url
    return store.brands.put(key, changes)


def remove(store, key):
    """Delete a brand; its products are left without one (brand_id 0)."""
    metafields.remove_parent(store, "brand", key)
    record = store.brands.remove(key)
    store.urls.pop(record["custom_url"]["url"], None)
    for product in list(store.products.members("brand", key)):
        _clear_brand(store, product)


def _clear_brand(store, product):
    table = store.products
    changes = {}
    if store.settings["touch_cleared"]:
        changes["date_modified"] = store.stamp()
    table.put(product, changes, drop=("brand_id",))


def by_name_any_case(store, name):
    """The brand of a product's brand_name, made when there is none."""
    found = store.brands.find("any_case", name.casefold())
    return create(store, {"name": name})["id"] if found is None else found


# -- the API -----------------------------------------------------------------

def _check(call, required=()):
    body = call.json_object()
    errors = {}
    clean = call.validate(body, CHECKS, errors, READ_ONLY, required)
    if errors:
        raise Refused(call.invalid(errors))
    return clean


def _refuse_conflicts(found):
    if found:
        raise Refused(error(
            409, "The brand conflicts with another one.", found))


def _show(store, key):
    return KIND.show(store.brands, store.brands.rows[key])


def _existing(call):
    key = call.ids[0]
    if key not in call.store.brands.rows:
        raise Refused(error(404, "The brand %d was not found." % key))
    return key


def list_all(call):
    values = call.params(LIST_PARAMS)
    table = call.store.brands
    choose = listing.chooser(call, KIND, values)
    filters = [build(call.store, table, values[name])
               for name, (_, build) in _FILTERS.items() if name in values]
    found = listing.order(table, listing.select(table, filters),
                          values.get("sort"), values.get("direction"))
    return listing.paged(call, table, found, values,
                         lambda r: KIND.show(table, r, choose))


def get_one(call):
    choose = listing.chooser(call, KIND, call.params(listing.CHOICE))
    table = call.store.brands
    return one(KIND.show(table, table.rows[_existing(call)], choose))


def post(call):
    call.params({})
    store = call.store
    clean = _check(call, required=("name",))
    _refuse_conflicts(conflicts(store, clean))
    if len(store.brands) >= store.settings["max_brands"]:
        raise Refused(error(store.settings["limit_status"],
                            "The store has the most brands it can have."))
    key = create(store, clean)["id"]
    call.created("brand", key)
    return one(_show(store, key))


def put(call):
    call.params({})
    key = _existing(call)
    clean = _check(call, required=("name",))
    _refuse_conflicts(conflicts(call.store, clean, key))
    update(call.store, key, clean)
    call.changed("brand", key)
    return one(_show(call.store, key))


def delete_one(call):
    call.params({})
    key = _existing(call)
    remove(call.store, key)
    call.deleted("brand", key)
    return nothing()


def delete_many(call):
    values = call.params(DELETE_PARAMS)
    if "name" not in values:
        raise Refused(error(422, "The filter name is required to delete "
                                 "brands; nothing was deleted."))
    table = call.store.brands
    filters = [_FILTERS[name][1](call.store, table, value)
               for name, value in values.items()]
    for key in list(listing.select(table, filters)):
        remove(call.store, key)
        call.deleted("brand", key)
    return nothing()
