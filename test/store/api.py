"""From a request to its reply: routes, credentials, limits, faults."""

import re

import addresses
import assignments
import attributes
import brands
import categoriesapi
import channels
import customergroups
import customers
import elements
import inventory
import locations
import metafields
import modifiers
import pricelistassignments
import pricelists
import pricerecords
import productsapi
import redirects
import replies
import variantsapi
from call import Call
from replies import Refused, error, html, method_not_allowed, plain, v2_error

CATALOG = "store_v2_products"
INFORMATION = "store_v2_information"
INVENTORY = "store_inventory"
LOCATIONS = "store_locations"
CUSTOMERS = "store_v2_customers"
CONTENT = "store_v2_content"
CHANNELS = "store_channel_settings"


class Endpoint:
    """One path pattern with its methods.

    tree: has families E and F.  problem: errors are problem+json.  bare:
    errors are those of V2.
    bodies: methods that take one.
    writes: the kind of its writes, where the neighbours matter.
    """

    def __init__(self, pattern, scope, tree=False, problem=False,
                 writes=None, bare=False, bodies=("POST", "PUT"), **methods):
        self.bodies = bodies
        self.pattern = pattern
        self.scope = scope
        self.tree = tree
        self.problem = problem
        self.bare = bare
        self.writes = writes or ("catalog" if scope == CATALOG else None)
        self.methods = methods


_FIXED = {endpoint.pattern: endpoint for endpoint in (
    Endpoint("/catalog/brands", CATALOG, GET=brands.list_all,
             POST=brands.post, DELETE=brands.delete_many),
    Endpoint("/catalog/trees", CATALOG, tree=True, GET=categoriesapi.trees),
    Endpoint("/catalog/trees/categories", CATALOG, tree=True,
             GET=categoriesapi.list_all, POST=categoriesapi.post,
             PUT=categoriesapi.put, DELETE=categoriesapi.delete),
    Endpoint("/catalog/products", CATALOG, GET=productsapi.list_all,
             POST=productsapi.post, PUT=productsapi.put_batch,
             DELETE=productsapi.delete_many),
    Endpoint("/catalog/variants", CATALOG, GET=variantsapi.list_all,
             PUT=variantsapi.put_batch),
    Endpoint("/catalog/products/channel-assignments", CATALOG,
             **assignments.CHANNELS),
    Endpoint("/catalog/products/category-assignments", CATALOG,
             **assignments.CATEGORIES),
    Endpoint("/catalog/summary", CATALOG, GET=productsapi.summary),
    Endpoint("/customers", CUSTOMERS, GET=customers.list_all,
             POST=customers.post, PUT=customers.put,
             DELETE=customers.delete),
    Endpoint("/customers/addresses", CUSTOMERS, GET=addresses.list_all,
             POST=addresses.post, PUT=addresses.put,
             DELETE=addresses.delete),
    Endpoint("/customers/attributes", CUSTOMERS, GET=attributes.list_all,
             POST=attributes.post, PUT=attributes.put,
             DELETE=attributes.delete),
    Endpoint("/customers/attribute-values", CUSTOMERS,
             GET=attributes.list_values, PUT=attributes.put_values,
             DELETE=attributes.delete_values),
    Endpoint("/pricelists", CATALOG, writes="prices",
             GET=pricelists.list_all, POST=pricelists.post,
             DELETE=pricelists.delete_many),
    Endpoint("/pricelists/assignments", CATALOG, writes="prices",
             GET=pricelistassignments.list_all, POST=pricelistassignments.post,
             DELETE=pricelistassignments.delete),
    Endpoint("/storefront/redirects", CONTENT, GET=redirects.list_all,
             PUT=redirects.put, DELETE=redirects.delete),
    Endpoint("/inventory/adjustments/absolute", INVENTORY, problem=True,
             writes="adjustment", PUT=inventory.absolute),
    Endpoint("/inventory/adjustments/relative", INVENTORY, problem=True,
             writes="adjustment", POST=inventory.relative),
    Endpoint("/inventory/items", INVENTORY, problem=True,
             GET=inventory.items),
    Endpoint("/inventory/locations", LOCATIONS, problem=True,
             GET=locations.list_all, POST=locations.post, PUT=locations.put,
             DELETE=locations.delete),
    Endpoint("/channels", CHANNELS, GET=channels.list_all),
)}

_WITH_ID = {
    "/catalog/brands/": Endpoint(
        "/catalog/brands/{id}", CATALOG, GET=brands.get_one, PUT=brands.put,
        DELETE=brands.delete_one),
    "/pricelists/": Endpoint(
        "/pricelists/{id}", CATALOG, writes="prices", GET=pricelists.get_one,
        PUT=pricelists.put, DELETE=pricelists.delete_one),
    "/catalog/products/": Endpoint(
        "/catalog/products/{id}", CATALOG, GET=productsapi.get_one,
        PUT=productsapi.put, DELETE=productsapi.delete_one),
}
_BELOW_ID = (
    (re.compile(r"/catalog/trees/([1-9]\d{0,9})/categories\Z"),
     Endpoint("/catalog/trees/{id}/categories", CATALOG, tree=True,
              GET=categoriesapi.whole_tree)),
    (re.compile(r"/catalog/products/([1-9]\d{0,9})/variants\Z"),
     Endpoint("/catalog/products/{id}/variants", CATALOG,
              GET=variantsapi.list_of, POST=variantsapi.post)),
    (re.compile(r"/catalog/products/([1-9]\d{0,9})/variants/"
                r"([1-9]\d{0,9})\Z"),
     Endpoint("/catalog/products/{id}/variants/{id}", CATALOG,
              GET=variantsapi.get_one, PUT=variantsapi.put,
              DELETE=variantsapi.delete_one)),
    (re.compile(r"/catalog/products/([1-9]\d{0,9})/options\Z"),
     Endpoint("/catalog/products/{id}/options", CATALOG,
              GET=variantsapi.list_options, POST=variantsapi.post_option)),
    (re.compile(r"/catalog/products/([1-9]\d{0,9})/options/"
                r"([1-9]\d{0,9})/values\Z"),
     Endpoint("/catalog/products/{id}/options/{id}/values", CATALOG,
              POST=variantsapi.post_value)),
    (re.compile(r"/inventory/locations/([1-9]\d{0,9})/items\Z"),
     Endpoint("/inventory/locations/{id}/items", INVENTORY, problem=True,
              writes="settings", GET=inventory.location_items,
              PUT=inventory.put_settings)),
    (re.compile(r"/pricelists/([1-9]\d{0,9})/records\Z"),
     Endpoint("/pricelists/{id}/records", CATALOG, writes="prices",
              GET=pricerecords.list_all, PUT=pricerecords.put,
              DELETE=pricerecords.delete)),
    (re.compile(r"/pricelists/([1-9]\d{0,9})/assignments\Z"),
     Endpoint("/pricelists/{id}/assignments", CATALOG, writes="prices",
              PUT=pricelistassignments.put)),
)
_BELOW_ID += tuple(
    (re.compile("/catalog/products/%s/%s%s\\Z" % (
        r"([1-9]\d{0,9})", sort.path, end.replace("{id}", r"([1-9]\d{0,9})"))),
     Endpoint("/catalog/products/{id}/%s%s" % (sort.path, end), CATALOG,
              **methods))
    for sort in elements.SORTS.values()
    for end, methods in zip(("", "/{id}"), elements.endpoints(sort)))
_BELOW_ID += tuple(
    (path, Endpoint(name, CATALOG, **methods))
    for path, name, methods in modifiers.PATHS)
_FIXED.update(
    (path + "/metafields", Endpoint(
        path + "/metafields",
        CUSTOMERS if name == "customer" else CATALOG,
        bodies=("POST", "PUT", "DELETE"), **metafields.all_of(name)))
    for name, (path, _) in metafields.PARENTS.items())
_BELOW_ID += tuple(
    (re.compile("%s/%s/metafields%s\\Z" % (
        path, r"([1-9]\d{0,9})", end.replace("{id}", r"([1-9]\d{0,9})"))),
     Endpoint("%s/{id}/metafields%s" % (path, end),
              CUSTOMERS if name == "customer" else CATALOG, **methods))
    for name, (path, _) in metafields.PARENTS.items() if name != "variant"
    for end, methods in (("", metafields.below(name)),
                         ("/{id}", metafields.single(name))))
_ID = re.compile(r"[1-9]\d{0,9}\Z")
_STORE_PATH = re.compile(r"/stores/([0-9A-Za-z_-]+)/(v2|v3)(/.*)\Z")


def _time(call):
    call.params({})
    return replies.raw_json({"time": int(call.store.now())})


def _information(call):
    call.params({})
    name = call.store.hash
    return replies.raw_json({
        "id": name, "account_uuid": "00000000-0000-4000-8000-000000000000",
        "domain": "%s.example.com" % name,
        "secure_url": "https://%s.example.com" % name, "status": "live",
        "name": "Simulated store %s" % name, "country": "United States",
        "country_code": "US", "timezone": {
            "name": "Etc/UTC", "raw_offset": 0, "dst_offset": 0,
            "dst_correction": False},
        "language": "en", "currency": "USD", "currency_symbol": "$",
        "decimal_separator": ".", "thousands_separator": ",",
        "decimal_places": 2, "weight_units": "KGS",
        "dimension_units": "Centimeters", "plan_name": "Pro",
        "plan_level": "Pro", "plan_is_trial": False,
        "is_price_entered_with_tax": False, "default_channel_id": 1,
        "default_site_id": 1000})


_V2 = {
    "/time": Endpoint("/v2/time", None, GET=_time),
    "/store": Endpoint("/v2/store", INFORMATION, GET=_information),
    "/customer_groups": Endpoint(
        "/v2/customer_groups", CUSTOMERS, bare=True,
        GET=customergroups.list_all, POST=customergroups.post),
    "/customer_groups/count": Endpoint(
        "/v2/customer_groups/count", CUSTOMERS, bare=True,
        GET=customergroups.count),
    "/tax_classes": Endpoint(
        "/v2/tax_classes", INFORMATION, bare=True,
        GET=customergroups.tax_classes),
}
_GROUP = Endpoint("/v2/customer_groups/{id}", CUSTOMERS, bare=True,
                  GET=customergroups.get_one, PUT=customergroups.put,
                  DELETE=customergroups.delete_one)


def find_endpoint(version, path):
    """The endpoint of a path and the ids in it, or (None, ())."""
    if version == "v2":
        stem, _, last = path.rpartition("/")
        if stem == "/customer_groups" and _ID.match(last):
            return _GROUP, (int(last),)
        return _V2.get(path), ()
    endpoint = _FIXED.get(path)
    if endpoint is not None:
        return endpoint, ()
    stem, _, last = path.rpartition("/")
    endpoint = _WITH_ID.get(stem + "/")
    if endpoint is not None:
        return (endpoint, (int(last),)) if _ID.match(last) else (None, ())
    for pattern, endpoint in _BELOW_ID:
        match = pattern.match(path)
        if match:
            return endpoint, tuple(int(one) for one in match.groups())
    return None, ()


# -- before the endpoint -----------------------------------------------------

def open_call(server, connection, request):
    """A Call for a request to a store, or the Reply that refuses it."""
    path, _, query_text = request.target.partition("?")
    match = _STORE_PATH.match(path)
    if match is None:
        return html(404)
    store = server.stores.get(match.group(1))
    if store is None:
        return error(403, "There is no such store or it is not yours.")
    version, rest = match.group(2), match.group(3)
    shown = rest if version == "v3" else "/v2" + rest
    call = Call(server, connection, request, store, shown, query_text)
    call.endpoint, call.ids = find_endpoint(version, rest)
    call.entry = store.journal.open(call.method, shown, query_text)
    call.entry.correlation_id = request.headers.get("x-correlation-id")
    store.journal.keep_body(call.entry, call.body)
    if call.endpoint is not None:
        call.entry.endpoint = "%s %s" % (call.method, call.endpoint.pattern)
    return call


def _throttled(call, why):
    """A 429; without its headers it is the platform that is busy."""
    reply = error(429, "Too many requests")
    call.entry.throttled = why
    seconds = call.store.window.retry_after()
    if why == "quota" and seconds is not None:
        reply.headers.append(("X-Retry-After", str(seconds)))
    if why == "concurrency" and not call.store.settings[
            "concurrency_headers"]:
        call.rate = ""
    call.store.throttled[why] += 1
    return reply


def _has_scope(call):
    scope = call.endpoint.scope
    if scope is None:
        return True
    granted = call.store.settings["scopes"]
    return scope in granted or (
        call.method == "GET" and scope + "_read_only" in granted)


def _accepts_json(call):
    accept = call.request.headers.get("accept", "")
    ranges = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    if "application/json" in ranges:
        return True
    return call.store.settings["accept_any"] and (
        "*/*" in ranges or "application/*" in ranges)


def _sends_json(call):
    headers = call.request.headers
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return (kind.strip().lower() == "application/json"
            and charset in ("", "charset=utf-8")
            and headers.get("content-encoding", "identity") == "identity")


def _missing(call):
    if call.path.startswith("/v2/"):
        return v2_error(404, "The requested resource was not found.")
    return error(404, "The resource at this path was not found.")


def _beside_others(call):
    """Count a write beside others that exclude it; the Reply that refuses
    it, or None."""
    if call.method != "GET":
        call.kind = call.endpoint.writes
    refusal = None
    for name, status in call.store.neighbours.violations(call.kind):
        call.violates(name)
        if status == 429:
            refusal = refusal or _throttled(call, "concurrency")
        elif status == 409:
            refusal = refusal or call.error(
                409, "Another write of stock or catalog is in progress.")
    return refusal


def gate(call):
    """The reply that refuses a call before it reaches its endpoint."""
    settings = call.store.settings
    if len(call.query_text) > settings["max_query"]:
        return html(414)
    token = call.request.headers.get("x-auth-token")
    if token != call.store.token and token not in settings["other_tokens"]:
        return plain(401, "Unauthorized")
    admitted = call.store.window.admit()
    call.rate = call.store.window.headers()
    call.entry.quota_left = (
        call.store.window.left() if settings["quota"] else None)
    if not admitted:
        return _throttled(call, "quota")
    if call.endpoint is None:
        return _missing(call)
    if call.method not in call.endpoint.methods:
        return method_not_allowed(call.method, call.endpoint.methods)
    if not _has_scope(call):
        return call.error(403, "The token lacks the scope %s."
                          % call.endpoint.scope)
    if not _accepts_json(call):
        return html(406)
    if call.method in call.endpoint.bodies:
        if not _sends_json(call):
            return html(415)
    elif call.body:
        return call.bad_request("this method takes no body")
    refusal = _beside_others(call)
    if refusal is not None:
        return refusal
    if not call.store.concurrency.enter(
            call.entry.endpoint, call.method, call.path):
        return _throttled(call, "concurrency")
    call.key = call.entry.endpoint
    call.store.neighbours.enter(call.kind)
    return None


def execute(call):
    """Let the endpoint work; the reply it gave or was refused with."""
    call.store.stock.settle()
    try:
        return call.endpoint.methods[call.method](call)
    except Refused as refusal:
        return refusal.reply
