"""Checks of body fields: a value goes in, the value to keep comes out.

A check raises Bad with the words of the error body.  Types are compared
exactly: to Python True is an integer, to the API it is not.
"""

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import exactjson

# DECIMAL(20,4): larger numbers would not fit the store's own columns, and an
# exponent of a million would turn a small body into a huge number.
LARGEST = Decimal(10) ** 16

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?)?\Z")

_WHOLE_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z")


class Bad(ValueError):
    """A value that its field does not take."""


def string(low=0, high=None, pattern=None):
    def check(value):
        if type(value) is not str:
            raise Bad("must be a string")
        _check_characters(value)
        if len(value) < low or high is not None and len(value) > high:
            raise Bad("must have %d to %s characters, has %d"
                      % (low, high, len(value)))
        if pattern is not None and not pattern.match(value):
            raise Bad("has a form that is not allowed")
        return value
    return check


def _check_characters(value):
    if value.isascii():
        if "\0" in value:
            raise Bad("must not contain a null character")
        return
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Bad("must not contain half of a surrogate pair") from None
    if "\0" in value:
        raise Bad("must not contain a null character")


def number(low=None, high=None, places=4):
    def check(value):
        if type(value) is not int and type(value) is not Decimal:
            raise Bad("must be a number")
        if not -LARGEST < value < LARGEST:
            raise Bad("is out of range")
        result = exactjson.rounded(value, places)
        if low is not None and value < low:
            raise Bad("must not be less than %s" % low)
        if high is not None and result > high:
            raise Bad("must not be more than %s" % high)
        return result
    return check


def integer(low, high):
    def check(value):
        if type(value) is not int:
            raise Bad("must be an integer")
        if not low <= value <= high:
            raise Bad("must be from %d to %d" % (low, high))
        return value
    return check


def clamped(low, high):
    """Stock: above the limit it is cut, not refused."""
    inner = integer(low, 2 ** 63)

    def check(value):
        return min(inner(value), high)
    return check


def boolean(value):
    if type(value) is not bool:
        raise Bad("must be true or false")
    return value


def choice(*allowed):
    def check(value):
        if type(value) is not str or value not in allowed:
            raise Bad("must be one of " + ", ".join(allowed))
        return value
    return check


def list_of(inner, most=None):
    def check(value):
        if type(value) is not list:
            raise Bad("must be an array")
        if most is not None and len(value) > most:
            raise Bad("must have at most %d items, has %d"
                      % (most, len(value)))
        return [inner(item) for item in value]
    return check


def distinct(inner):
    """Ids: named twice they count once, as in a set, order kept."""
    def check(value):
        return list(dict.fromkeys(inner(value)))
    return check


def obj(checks, required=()):
    def check(value):
        if type(value) is not dict:
            raise Bad("must be an object")
        for name in required:
            if name not in value:
                raise Bad("lacks %s" % name)
        for name in value:
            if name not in checks:
                raise Bad("has no field %s" % name)
        return {name: checks[name](item) for name, item in value.items()}
    return check


def moment(nullable=False):
    def check(value):
        if value is None and nullable:
            return None
        if type(value) is not str:
            raise Bad("must be a date and time")
        if not _WHOLE_MOMENT.match(value):
            raise Bad("must be a date and time with an offset (RFC 3339)")
        return iso(parse_moment(value))
    return check


def parse_moment(value, time_of_day=None):
    """The UTC datetime of an ISO text; a bare date gets the given time.

    A text without an offset is taken as UTC: the documentation is silent.
    """
    match = _MOMENT.match(value)
    if match is None:
        raise Bad("must be a date and time in ISO 8601")
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        if hour is None:
            clock = time_of_day or (0, 0, 0)
        else:
            clock = (int(hour), int(minute), int(second))
        result = datetime(int(year), int(month), int(day), *clock,
                          tzinfo=timezone.utc)
        return result - _offset(zone)
    except (ValueError, OverflowError):
        raise Bad("must be a real date and time") from None


def _offset(zone):
    if zone in (None, "Z"):
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError("offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def iso(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def validate(item, checks, errors, read_only=(), required=(), prefix=""):
    """Check every field of an object; problems go to errors, by name."""
    clean = {}
    for name, value in item.items():
        check = checks.get(name)
        if check is None:
            what = "is read-only" if name in read_only else "is not a field"
            errors[prefix + name] = "%s %s" % (name, what)
            continue
        try:
            clean[name] = check(value)
        except Bad as problem:
            errors[prefix + name] = "%s %s" % (name, problem)
    for name in required:
        if name not in item:
            errors[prefix + name] = "%s is required" % name
    return clean
