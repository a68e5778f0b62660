"""Records of one kind with the indexes that look-ups need.

A record is a dict holding only what differs from its kind's defaults: with a
million products that is the difference between one gigabyte and five.  A
stored record is never changed in place from outside; Table.put replaces its
fields and keeps every index in step.
"""

from bisect import bisect_left, insort

import exactjson


class Kind:
    """How records of one kind look from outside.

    blank: field -> default, in the order of the reply.  finish: a function
    (table, record, parts) that adds what is computed when it is shown.
    always: fields that field selection cannot remove.  unlisted: fields
    that include_fields does not know.
    """

    def __init__(self, name, id_field, blank, finish=None, always=(),
                 optional=(), unlisted=()):
        self.name = name
        self.id_field = id_field
        self.default = blank
        self.finish = finish
        self.always = (id_field,) + tuple(always)
        self.fields = frozenset(blank) | frozenset(optional)
        self.listed = self.fields - frozenset(unlisted)
        self._keys = {field: exactjson.quote(field) + ":"
                      for field in list(blank) + list(optional)}
        self._blank = {field: self._keys[field] + exactjson.text(value)
                       for field, value in blank.items()}

    def value(self, record, field):
        return record.get(field, self.default.get(field))

    def part(self, field, value):
        return self._keys[field] + exactjson.text(value)

    def show(self, table, record, choose=None):
        """The JSON text of a record; choose filters the set of its fields."""
        parts = self._blank.copy()
        keys, text = self._keys, exactjson.text
        for field, value in record.items():
            if field in keys:       # the others are the store's own
                parts[field] = keys[field] + text(value)
        if self.finish is not None:
            self.finish(table, record, parts)
        if choose is not None:
            parts = {field: parts[field] for field in choose(parts)}
        return "{%s}" % ",".join(parts.values())


class Table:
    """All records of one kind of one store.

    unique: name -> function(record) giving a key or None (not indexed).
    groups: name -> function(record) giving the keys it belongs to.
    """

    def __init__(self, kind, unique, groups, first_id=1):
        self.kind = kind
        self.rows = {}
        self.ids = []               # sorted
        self.next_id = first_id
        self.recent = {}            # id -> None, oldest change first
        self.recent_sorted = True   # false after a date was set back
        self.version = 0
        self._unique_keys = unique
        self._group_keys = groups
        self.unique = {name: {} for name in unique}
        self.groups = {name: {} for name in groups}

    def __len__(self):
        return len(self.rows)

    def take_id(self):
        taken = self.next_id
        self.next_id += 1
        return taken

    def add(self, record):
        """Store a new record under the id it carries."""
        key = record[self.kind.id_field]
        if not self.ids or key > self.ids[-1]:
            self.ids.append(key)
        else:
            insort(self.ids, key)
        self.next_id = max(self.next_id, key + 1)
        self.rows[key] = record
        self.recent[key] = None
        self.version += 1
        self._index(key, record)

    def put(self, key, changes, drop=(), touch=True):
        """Change fields of a record; returns the record as it was.

        Without touch its date_modified is the old one.
        """
        record = self.rows[key]
        before = dict(record)
        self._unindex(key, record)
        record.update(changes)
        for field in drop:
            record.pop(field, None)
        self._index(key, record)
        self.version += 1
        if touch:
            self.touch(key)
        return before

    def restore(self, key, before):
        """Undo a put(): the record becomes what it was."""
        self._unindex(key, self.rows[key])
        self.rows[key] = before
        self._index(key, before)
        # Its place among the recently changed is lost.
        self.recent_sorted = False

    def touch(self, key):
        self.version += 1
        self.recent.pop(key, None)
        self.recent[key] = None

    def changed_since(self, field, bound):
        """Ids whose date in field is not before the bound, newest first."""
        rows = self.rows
        if not self.recent_sorted:
            self.recent = dict.fromkeys(sorted(
                self.recent, key=lambda key: rows[key][field]))
            self.recent_sorted = True
        found = []
        for key in reversed(self.recent):
            if rows[key][field] < bound:
                break
            found.append(key)
        return found

    def remove(self, key):
        record = self.rows.pop(key)
        self._unindex(key, record)
        del self.ids[bisect_left(self.ids, key)]
        self.recent.pop(key, None)
        self.version += 1
        return record

    def find(self, index, key):
        """The id that holds a unique key, or None."""
        return self.unique[index].get(key)

    def members(self, group, key):
        return self.groups[group].get(key, ())

    def span(self, low, high):
        """Positions in ids of the keys from low to high."""
        first = 0 if low is None else bisect_left(self.ids, low)
        last = len(self.ids) if high is None else bisect_left(
            self.ids, high + 1)
        return first, max(first, last)

    def reindex(self):
        """Build all indexes again, after a rule for keys has changed."""
        for index in list(self.unique.values()) + list(self.groups.values()):
            index.clear()
        for key, record in self.rows.items():
            self._index(key, record)

    def _index(self, key, record):
        for name, function in self._unique_keys.items():
            value = function(record)
            if value is not None:
                self.unique[name][value] = key
        for name, function in self._group_keys.items():
            groups = self.groups[name]
            for value in function(record):
                if value in groups:
                    groups[value].add(key)
                else:
                    groups[value] = {key}

    def _unindex(self, key, record):
        for name, function in self._unique_keys.items():
            value = function(record)
            # Another record may hold the key when seeding was careless.
            if value is not None and self.unique[name].get(value) == key:
                del self.unique[name][value]
        for name, function in self._group_keys.items():
            groups = self.groups[name]
            for value in function(record):
                members = groups.get(value)
                if members is not None:
                    members.discard(key)
                    if not members:
                        del groups[value]
