"""Records below a product: custom fields, bulk pricing rules, videos, images.

They are kept in the product's record, as lists that are never changed in
place, and have endpoints of their own.
"""

import re

import exactjson
import fields
import modifiers
import query
from replies import Refused, Reply, error, nothing, one

_INT32 = 2 ** 31 - 1
_COUNT = fields.integer(0, 10 ** 9)
_ORDER = fields.integer(-_INT32 - 1, _INT32)
_WEB = re.compile(r"https?://[^\s/]+/\S*\Z", re.IGNORECASE)


class Sort:
    """What one kind of them is like.

    alone: they cannot be in the body of a product.
    put: checks of an update, which may lack fields of a create.  complete:
    an update needs what a create needs.  clash: a function (others, element)
    that returns (status, title) or None.  fill: adds what the store fills in.
    """

    def __init__(self, name, path, most, checks, required, put=None,
                 complete=False, clash=None, fill=None, alone=False):
        self.alone = alone
        self.name, self.path, self.most = name, path, most
        self.checks, self.required = checks, required
        self.put = checks if put is None else put
        self.complete = complete
        self.clash = clash or (lambda others, element: None)
        self.fill = fill or (lambda store, others, element: element)


# -- custom fields -----------------------------------------------------------

def _same_pair(others, element):
    pair = element["name"], element["value"]
    if any((o["name"], o["value"]) == pair for o in others):
        return 422, "The custom field %s: %s exists already." % pair
    return None


_CUSTOM = {"name": fields.string(1, 250), "value": fields.string(1, 250)}


# -- bulk pricing rules ------------------------------------------------------

def _amount(value):
    if type(value) is str:
        try:
            value = exactjson.loads(value.encode())
        except exactjson.JsonError:
            raise fields.Bad("must be a number") from None
    return fields.number(0)(value)


def _overlap(others, element):
    low, high = element["quantity_min"], element["quantity_max"]
    if high and high <= low:
        return 422, "quantity_max must be more than quantity_min, or 0."
    for other in others:
        if ((not high or other["quantity_min"] <= high) and
                (not other["quantity_max"] or other["quantity_max"] >= low)):
            return 409, "The rule overlaps with rule %d." % other["id"]
    return None


_RULE = {"quantity_min": _COUNT, "quantity_max": _COUNT,
         "type": fields.choice("price", "percent", "fixed"),
         "amount": _amount}


# -- videos ------------------------------------------------------------------

_VIDEO = {"title": fields.string(0, 255), "description": fields.string(),
          "sort_order": _ORDER, "type": fields.choice("youtube")}


def _next_order(others):
    return max((o["sort_order"] for o in others), default=-1) + 1


def _fill_video(store, others, element):
    filled = {"title": "", "description": "", "type": "youtube",
              "sort_order": _next_order(others), "length": "3:14", **element}
    for name in ("title", "description"):
        filled[name] = filled[name] or "%s of %s" % (
            name.capitalize(), filled["video_id"])
    return filled


# -- images ------------------------------------------------------------------

_IMAGE = {"image_url": fields.string(1, 255, _WEB),
          "description": fields.string(), "sort_order": _ORDER,
          "is_thumbnail": fields.boolean}


def _fill_image(store, others, element):
    """The store keeps a copy under a name of its own, and not the URL."""
    filled = {"description": "", "sort_order": _next_order(others),
              "is_thumbnail": not others, **element}
    url = filled.pop("image_url", None)
    if url is not None:
        stem, _, ending = re.split(r"[?#]", url)[0].rpartition("/")[2].rpartition(".")
        if not store.settings["image_names"]:
            stem = "upload"
        filled["image_file"] = "i/%03d/%s__%05d.%s" % (
            filled["id"] % 1000, stem, filled["id"], ending)
        filled["url_standard"] = "https://cdn.example.com/" + filled[
            "image_file"]
    return filled


SORTS = {sort.name: sort for sort in (
    Sort("modifiers", "modifiers", 10 ** 6, modifiers.CHECKS,
         ("type", "required", "display_name"), complete=True,
         clash=modifiers.clash, fill=modifiers.fill, alone=True),
    Sort("custom_fields", "custom-fields", 200, _CUSTOM, ("name", "value"),
         clash=_same_pair),
    Sort("bulk_pricing_rules", "bulk-pricing-rules", 10 ** 6, _RULE,
         tuple(_RULE), complete=True, clash=_overlap),
    Sort("videos", "videos", 10 ** 6,
         dict(_VIDEO, video_id=fields.string(1, 25)), ("video_id",),
         put=_VIDEO, fill=_fill_video),
    Sort("images", "images", 1000, _IMAGE, ("image_url",), fill=_fill_image),
)}


NESTED = frozenset(name for name, sort in SORTS.items() if not sort.alone)


def of(record, name):
    return record.get(name, [])


def shown(name, element):
    """An element as a reply has it."""
    return dict(element)


def show_all(record, names):
    return {name: [shown(name, e) for e in of(record, name)]
            for name in names if name in SORTS}


# -- changes -----------------------------------------------------------------

def _checked(sort, element, create):
    errors = {}
    if not isinstance(element, dict):
        raise Refused(error(422, "Every one of %s must be an object."
                            % sort.name))
    required = sort.required if create or sort.complete else ()
    clean = fields.validate(element, sort.checks if create else sort.put,
                            errors, ("id",), required)
    if errors:
        raise Refused(error(422, "The request is not valid: %s" % "; ".join(
            errors.values()), errors))
    return clean


def _check_fetch(store, sort, element):
    """What the store cannot fetch, it refuses."""
    url = element.get("image_url")
    if url is not None and re.search(store.settings["unfetchable"] or "(?!)",
                                     url):
        raise Refused(error(400, "The image could not be fetched from %s"
                            % url))


def _joined(store, sort, others, element):
    """The list with one more element, or the refusal."""
    _check_fetch(store, sort, element)
    found = sort.clash(others, element)
    if found:
        raise Refused(error(*found))
    element = sort.fill(store, others, element)
    if element.get("is_thumbnail"):
        others = [dict(o, is_thumbnail=False) for o in others]
    return others + [element]


def create(store, sort, others, clean):
    if len(others) >= sort.most:
        raise Refused(error(422, "A product can have at most %d %s."
                            % (sort.most, sort.name)))
    return _joined(store, sort, others,
                   dict(clean, id=store.take_element_id()))


def nested(store, item):
    """The lists of a new product; what is below it leaves the item."""
    made = {}
    for name in [name for name in item if name in NESTED]:
        value = item.pop(name)
        if type(value) is not list:
            raise Refused(error(422, "%s must be an array" % name))
        made[name] = []
        for element in value:
            made[name] = create(store, SORTS[name], made[name],
                                _checked(SORTS[name], element, True))
    return made


def _update_in_product(store, sort, others, element, mode):
    """The list after one element of an update: (list, id)."""
    key = element.get("id") if mode != "renew" else None
    known = next((o for o in others if o["id"] == key), None)
    if key is not None and known is None:
        raise Refused(error(422, "%s: there is no element %s below the product."
                            % (sort.name, key)))
    clean = _checked(sort, {name: value for name, value in element.items()
                            if name != "id"}, known is None)
    if known is None:
        made = create(store, sort, others, clean)
        return made, made[-1]["id"]
    rest = [o for o in others if o is not known]
    changed = {o["id"]: o for o in _joined(store, sort, rest,
                                           dict(known, **clean))}
    return [changed[o["id"]] for o in others], key


def nested_update(store, record, item):
    """The lists of a product after an update that has some of them.

    The vendor does not say what becomes of elements that it does not have.
    Setting nested_put: keep; replace: they are removed; renew: the same, and
    the others get new ids; ignore: the update does not write elements.
    """
    made, mode = {}, store.settings["nested_put"]
    for name in [name for name in item if name in NESTED]:
        value = item.pop(name)
        if mode == "refuse":
            raise Refused(error(422, "%s cannot be updated." % name))
        if type(value) is not list or not all(
                isinstance(e, dict) for e in value):
            raise Refused(error(422, "%s must be an array of objects" % name))
        sort, kept = SORTS[name], []
        has = [] if mode == "renew" else of(record, name)
        if mode == "replace":
            named = {e.get("id") for e in value}
            has = [o for o in has if o["id"] in named]
        for element in value:
            has, key = _update_in_product(store, sort, has, element, mode)
            kept.append(key)
        if mode != "ignore":
            made[name] = has
    return made


# -- the API -----------------------------------------------------------------

def _record(call):
    record = call.store.products.rows.get(call.ids[0])
    if record is None:
        raise Refused(error(404, "The product %d was not found."
                            % call.ids[0]))
    return record


def _element(call, sort, record):
    for element in of(record, sort.name):
        if element["id"] == call.ids[1]:
            return element
    raise Refused(error(404, "There is no such record below product %d."
                        % record["id"]))


def _put(call, sort, record, elements):
    call.store.products.put(record["id"], {sort.name: elements}, touch=False)


def _reply(sort, element):
    return one(exactjson.text(shown(sort.name, element)))


def endpoints(sort):
    """The functions of the two paths of a kind: ({method: f}, {method: f})"""

    def list_all(call):
        values = call.params({"page": query.INTEGER, "limit": query.INTEGER})
        found = of(_record(call), sort.name)
        if not found and sort.name == "images":
            return nothing()
        limit = values.get("limit", 50)
        first = (values.get("page", 1) - 1) * limit
        return Reply(200, items=[exactjson.text(shown(sort.name, e))
                                 for e in found[first:first + limit]])

    def post(call):
        call.params({})
        clean = _checked(sort, call.json_object(), True)
        record = _record(call)
        elements = create(call.store, sort, of(record, sort.name), clean)
        _put(call, sort, record, elements)
        call.created(sort.name, elements[-1]["id"])
        return _reply(sort, elements[-1])

    def get_one(call):
        call.params({})
        return _reply(sort, _element(call, sort, _record(call)))

    def put(call):
        call.params({})
        clean = _checked(sort, call.json_object(), False)
        record = _record(call)
        element = _element(call, sort, record)
        others = [e for e in of(record, sort.name) if e is not element]
        elements = _joined(call.store, sort, others, dict(element, **clean))
        # its place in the list stays
        changed = {e["id"]: e for e in elements}
        _put(call, sort, record, [changed[e["id"]] for e
                                  in of(record, sort.name)])
        call.changed(sort.name, element["id"])
        return _reply(sort, changed[element["id"]])

    def delete(call):
        call.params({})
        record = _record(call)
        element = _element(call, sort, record)
        _put(call, sort, record, [e for e in of(record, sort.name)
                                  if e is not element])
        call.deleted(sort.name, element["id"])
        return nothing()

    return ({"GET": list_all, "POST": post},
            {"GET": get_one, "PUT": put, "DELETE": delete})
