"""Channels: read only, as the setting has them."""

import exactjson
import listing
import query

_PARAMS = dict(listing.PAGING, available=query.BOOLEAN)


def name_of(key):
    return "Storefront" if key == 1 else "Channel %d" % key


class _Rows:
    def __init__(self, keys):
        self.rows = {key: {"id": key, "name": name_of(key)} for key in keys}
        self.ids = list(self.rows)


def list_all(call):
    """All that are set can be used."""
    values = call.params(_PARAMS)
    there = values.get("available", True)
    table = _Rows(call.store.settings["channels"] if there else ())
    return listing.paged(call, table, table.ids, values, lambda r: (
        exactjson.text(dict(r, type="storefront", platform="bigcommerce",
                            status="active", is_enabled=True))))
