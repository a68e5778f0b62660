"""Price lists assigned to customer groups in channels.

An assignment is a group, a channel, or both; each has one price list.  0 stands
for none.  Which groups exist is a setting.
"""

import fields
import listing
import query
from exactjson import text
from pricerecords import price_list_exists
from replies import Refused, Reply, detail, error, nothing, one, raw_json

_ID = fields.integer(0, 2 ** 31 - 1)
_CHECKS = {"price_list_id": _ID, "customer_group_id": _ID, "channel_id": _ID}
_PAIR = ("customer_group_id", "channel_id")
_FILTERS = ("id", "price_list_id") + _PAIR
_LIST = dict(listing.PAGING, **{name: query.INTEGER for name in _FILTERS})
_LIST.update({name + ":in": query.INTEGERS for name in _FILTERS})
_WHICH = dict({name: query.INTEGER for name in _FILTERS},
              **{"channel_id:in": query.INTEGERS})


def _key(item):
    return tuple(item.get(name, 0) for name in _PAIR)


def _problem(store, item):
    """What is wrong with an assignment, or None."""
    group, channel = _key(item)
    if not group and not channel:
        return "customer_group_id or channel_id is required"
    if group and group not in store.settings["price_groups"]:
        return "there is no customer group %d" % group
    if channel and channel not in store.settings["channels"]:
        return "there is no channel %d" % channel
    if not price_list_exists(store, item["price_list_id"]):
        return "there is no price list %d" % item["price_list_id"]
    return None


def _put(store, key, price_list):
    """The id of the assignment, which may be a new one."""
    found = store.price_list_assignments.get(key)
    if found is None:
        store.last_assignment += 1
        found = store.last_assignment, price_list
    store.price_list_assignments[key] = (found[0], price_list)
    return found[0]


def _shown(store, key):
    id_, price_list = store.price_list_assignments[key]
    return {"id": id_, "price_list_id": price_list,
            "customer_group_id": key[0], "channel_id": key[1]}


# -- the API -----------------------------------------------------------------

def post(call):
    """Success has no body; a refused batch is saved in part."""
    call.params({})
    store, settings = call.store, call.store.settings
    items = call.json_array()
    if len(items) > settings["price_assignment_batch"]:
        raise Refused(error(422, "At most %d assignments at a time."
                            % settings["price_assignment_batch"]))
    good, errors, seen = [], {}, set()
    for position, item in enumerate(items):
        bad = {}
        clean = call.validate(item, _CHECKS, bad, required=("price_list_id",))
        problem = next(iter(bad.values()), None) or _problem(store, clean)
        key = None if problem else _key(clean)
        if key in seen:
            problem = "the assignment is given twice"
        elif key in store.price_list_assignments and (
                settings["price_assignment_twin"] == "refuse"):
            problem = "the assignment exists"
        elif problem is None and call.fails_item(position):
            problem = "could not be saved"
        if problem:
            errors[str(position)] = problem
        else:
            seen.add(key)
            good.append((key, clean["price_list_id"]))
    if errors and settings["price_assignment_mode"] == "atomic":
        good = []
    for key, price_list in good:
        _put(store, key, price_list)
        call.changed("price_list_assignment", list(key))
    if errors:
        raise Refused(raw_json(dict(
            detail(422, "Some assignments are not valid.", errors),
            meta={"saved_records": len(good)}), 422))
    return Reply(200, raw=b"")


def put(call):
    call.params({})
    store, price_list = call.store, call.ids[0]
    errors = {}
    clean = call.validate(call.json_object(), {
        name: _CHECKS[name] for name in _PAIR}, errors, required=_PAIR)
    if errors:
        raise Refused(error(422, "The assignment is not valid.", errors))
    clean["price_list_id"] = price_list
    problem = ("both are required" if 0 in _key(clean)
               else _problem(store, clean))
    if problem:
        raise Refused(error(404, problem))
    _put(store, _key(clean), price_list)
    call.changed("price_list_assignment", list(_key(clean)))
    return one(text(_shown(store, _key(clean))))


def _fitting(store, values):
    def fits(shown):
        return all(shown[name] == values[name] for name in _FILTERS
                   if name in values) and all(
            shown[name] in values[name + ":in"] for name in _FILTERS
            if name + ":in" in values)
    return [key for key in sorted(store.price_list_assignments)
            if fits(_shown(store, key))]


def delete(call):
    """All that fit go; without both a group and channels, that is noted."""
    values, store = call.params(_WHICH), call.store
    if not values:
        call.violates("unfiltered_delete")
        raise Refused(error(422, "A filter is required."))
    if not ("id" in values or (
            "customer_group_id" in values
            and {"channel_id", "channel_id:in"} & set(values))):
        call.violates("broad_delete")
    if 0 in [values.get(name) for name in _PAIR]:
        call.violates("broad_delete")
    for key in _fitting(store, values):
        del store.price_list_assignments[key]
        call.deleted("price_list_assignment", list(key))
    return nothing()


class _Rows:
    def __init__(self, keys):
        self.rows = dict(enumerate(keys))
        self.ids = list(self.rows)


def list_all(call):
    values, store = call.params(_LIST), call.store
    table = _Rows(_fitting(store, values))
    return listing.paged(call, table, table.ids, values,
                         lambda key: text(_shown(store, key)))


def state(store):
    """All assignments, for the control interface."""
    return [_shown(store, key) for key in sorted(store.price_list_assignments)]


def forget_list(store, price_list):
    """What a price list that is removed takes along."""
    store.price_list_assignments = {
        key: found for key, found in store.price_list_assignments.items()
        if found[1] != price_list}
