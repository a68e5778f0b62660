"""Lists: filters, order, pages and the choice of fields.

Every filter offers a test; some also offer the ids that can match at all, or
a range of ids.  The smallest set of ids is walked and the other filters are
tested, so that a look-up costs its hits and not the size of the store.
"""

import operator
import time

import fields
import query
from replies import Reply, Refused, error, tree_error
from exactjson import text



class Filter:
    __slots__ = ("ids", "test", "low", "high")

    def __init__(self, test=None, ids=None, low=None, high=None):
        self.test = test
        self.ids = ids
        self.low = low
        self.high = high


# -- builders: function(store, table, value) -> Filter -----------------------

def id_is(store, table, value):
    return Filter(lambda r: r[table.kind.id_field] == value, ids=(value,))


def id_in(store, table, values):
    wanted = set(values)
    return Filter(lambda r: r[table.kind.id_field] in wanted, ids=wanted)


def id_not_in(store, table, values):
    refused = set(values)
    return Filter(lambda r: r[table.kind.id_field] not in refused)


def id_min(store, table, value):
    return Filter(lambda r: r[table.kind.id_field] >= value, low=value)


def id_max(store, table, value):
    return Filter(lambda r: r[table.kind.id_field] <= value, high=value)


def id_greater(store, table, value):
    return id_min(store, table, value + 1)


def id_less(store, table, value):
    return id_max(store, table, value - 1)


BY_ID = {
    "id": (query.INTEGER, id_is),
    "id:in": (query.INTEGERS, id_in),
    "id:not_in": (query.INTEGERS, id_not_in),
    "id:min": (query.INTEGER, id_min),
    "id:max": (query.INTEGER, id_max),
    "id:greater": (query.INTEGER, id_greater),
    "id:less": (query.INTEGER, id_less),
}


def equals(field):
    def build(store, table, value):
        get = table.kind.value
        return Filter(lambda r: get(r, field) == value)
    return build


def compares(field, operator):
    def build(store, table, value):
        get = table.kind.value
        return Filter(lambda r: operator(get(r, field), value))
    return build


def one_of(field):
    def build(store, table, values):
        get, wanted = table.kind.value, set(values)
        return Filter(lambda r: get(r, field) in wanted)
    return build


def none_of(field):
    def build(store, table, values):
        get, refused = table.kind.value, set(values)
        return Filter(lambda r: get(r, field) not in refused)
    return build


def like(field):
    def build(store, table, value):
        get, part = table.kind.value, value.casefold()
        return Filter(lambda r: part in get(r, field).casefold())
    return build


def moment(store, value):
    """A bound in the form of the stored dates.

    A date without a time gets the time of day of the request, as documented.
    """
    now = time.gmtime(store.now())
    clock = (now.tm_hour, now.tm_min, now.tm_sec)
    return fields.iso(fields.parse_moment(value, clock))


def compares_date(field, compare, strictly=None):
    """What has no date is on neither side of a bound.

    It is not documented whether a range includes its bounds.
    """
    def build(store, table, value):
        get, bound = table.kind.value, moment(store, value)
        inside = (strictly if strictly is not None
                  and store.settings["date_bounds"] == "excluded" else compare)
        return Filter(
            lambda r: bool(get(r, field)) and inside(get(r, field), bound))
    return build


def date_range(field):
    return {field + ":min": (query.DATE, compares_date(
                field, operator.ge, operator.gt)),
            field + ":max": (query.DATE, compares_date(
                field, operator.le, operator.lt))}


def unique(index, key):
    """A filter that a unique index answers; key(store, value)."""
    def build(store, table, value):
        found = table.find(index, key(store, value))
        ids = () if found is None else (found,)
        return Filter(lambda r: r[table.kind.id_field] in ids, ids=ids)
    return build


def unique_in(index, key):
    def build(store, table, values):
        holders = table.unique[index]
        found = {holders.get(key(store, value)) for value in values}
        found.discard(None)
        return Filter(lambda r: r[table.kind.id_field] in found, ids=found)
    return build


def group_in(group):
    def build(store, table, values):
        found = set()
        for value in values:
            found.update(table.members(group, value))
        return Filter(lambda r: r[table.kind.id_field] in found, ids=found)
    return build


def group_not_in(group):
    def build(store, table, values):
        found = set()
        for value in values:
            found.update(table.members(group, value))
        return Filter(lambda r: r[table.kind.id_field] not in found)
    return build


def group_is(group):
    def build(store, table, value):
        found = table.members(group, value)
        return Filter(lambda r: r[table.kind.id_field] in found, ids=found)
    return build


# -- selection ---------------------------------------------------------------

def select(table, filters):
    """The ids that pass all filters, sorted; a range when that is enough."""
    low = high = None
    best = None
    tests = []
    for one in filters:
        if one.ids is not None:
            if best is None or len(one.ids) < len(best.ids):
                best = one
        if one.low is not None or one.high is not None:
            low = one.low if low is None else max(low, one.low or low)
            if one.high is not None:
                high = one.high if high is None else min(high, one.high)
        elif one.ids is None:
            tests.append(one.test)
    first, last = table.span(low, high)
    if best is None and not tests:
        return range(first, last)
    if best is None:
        keys = table.ids[first:last]
    else:
        keys = _from_index(table, best, low, high)
        # The best one too: its ids may be more than those that match.
        tests += [f.test for f in filters if f.ids is not None]
    rows = table.rows
    return [key for key in keys if all(test(rows[key]) for test in tests)]


def _from_index(table, best, low, high):
    return sorted(
        key for key in best.ids if key in table.rows
        and (low is None or key >= low) and (high is None or key <= high))


def order(table, found, sort, direction):
    """Ids in the order asked for; the id decides among equals."""
    kind = table.kind
    if sort is None or sort == kind.id_field:
        return found[::-1] if direction == "desc" else found
    keys = [table.ids[i] for i in found] if isinstance(found, range) else found
    value = sort if callable(sort) else (
        lambda record: kind.value(record, sort))
    return sorted(keys, key=lambda key: _comparable(value(table.rows[key])),
                  reverse=direction == "desc")


def _comparable(value):
    if isinstance(value, str):
        return (1, value.casefold())
    return (0, value if value is not None else 0)


# -- pages -------------------------------------------------------------------

PAGING = {"page": query.INTEGER, "limit": query.INTEGER}


def page_of(call, values, most):
    """The page number and size; refuses what cannot be a page."""
    settings = call.store.settings
    page = values.get("page", 1)
    limit = values.get("limit", settings["default_limit"])
    bad = {}
    if page < 1:
        bad["page"] = "page must be at least 1"
    if limit < 1:
        bad["limit"] = "limit must be at least 1"
    if bad:
        raise Refused(call.invalid(bad))
    if limit > most:
        if settings["over_limit"] == "refuse":
            raise Refused(call.error(
                413, "The limit is too high; at most %d." % most))
        limit = most
    return page, limit


def _links(call, page, limit, pages):
    # The other parameters are repeated, so that a link can be followed.
    rest = [piece for piece in call.query_text.split("&") if piece
            and piece.partition("=")[0] not in ("page", "limit")]

    def link(number):
        return "?" + "&".join(
            rest + ["page=%d" % number, "limit=%d" % limit])
    links = {}
    if 1 < page <= pages + 1:
        links["previous"] = link(page - 1)
    links["current"] = link(page)
    if page < pages:
        links["next"] = link(page + 1)
    return links


def listed(store, table, found):
    """The ids (or positions) found, without records not listed yet."""
    now, kind = time.monotonic(), getattr(table, "kind", None)
    late = {key for (of, key), until in store.unlisted.items()
            if kind and of == kind.name and until > now}
    if not late:
        return found
    keys = [table.ids[i] for i in found] if isinstance(found, range) else found
    return [key for key in keys if key not in late]


def paged(call, table, found, values, show, most=None):
    """The reply with one page of the ids (or positions) found."""
    if call.store.unlisted:
        found = listed(call.store, table, found)
    page, limit = page_of(call, values,
                          most or call.store.settings["max_limit"])
    total = len(found)
    pages = -(-total // limit)
    keys = found[(page - 1) * limit:page * limit]
    if isinstance(found, range):
        keys = [table.ids[position] for position in keys]
    items = [show(table.rows[key]) for key in keys]
    pagination = {
        "total": total, "count": len(items), "per_page": limit,
        "current_page": page, "total_pages": pages,
        "links": _links(call, page, limit, pages)}
    if call.store.settings["pages_told"]:
        pagination["total_pages"] = call.store.settings["pages_told"]
    for name in call.store.settings["left_out"]:
        pagination.pop(name, None)
    return Reply(200, items=items,
                 meta='{"pagination":%s}' % text(pagination))


# -- choice of fields --------------------------------------------------------

CHOICE = {"include_fields": query.TEXTS, "exclude_fields": query.TEXTS}


def chooser(call, kind, values):
    """A function from the fields of a record to those to show, or None."""
    include = values.get("include_fields")
    exclude = values.get("exclude_fields")
    if include is None and exclude is None:
        return None
    bad = {}
    for name, fields, known in (("include_fields", include, kind.listed),
                                ("exclude_fields", exclude, kind.fields)):
        unknown = [f for f in fields or () if f not in known]
        if unknown:
            bad[name] = "unknown field " + ", ".join(unknown)
    if bad:
        raise Refused(call.invalid(bad))
    return _choice(set(include or kind.fields) | set(kind.always),
                   set(exclude or ()) - set(kind.always))


def _choice(wanted, unwanted):
    def choose(parts):
        return [f for f in parts if f in wanted and f not in unwanted]
    return choose


def refuse_unfiltered(call, values, tree=False):
    if values:
        return
    title = "A filter is required to delete; nothing was deleted."
    raise Refused(tree_error(422, title, {}) if tree else error(422, title))
