"""The query string: split, decoded and typed, nothing let through unread."""

import re
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote_to_bytes

import fields
from fields import Bad

_ESCAPES = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*\Z")
_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,10})?\Z")


class BadQuery(ValueError):
    """The query string cannot be decoded at all (status 400)."""


def decode(piece):
    if not _ESCAPES.match(piece):
        raise BadQuery("a percent sign is not followed by two hex digits")
    try:
        return unquote_to_bytes(piece.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise BadQuery("the query is not valid UTF-8") from None


def split(text):
    """name -> raw value; also the names that were given twice."""
    found, twice = {}, []
    if not text:
        return found, twice
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        name = decode(name)
        if not equals:
            raise BadQuery("parameter %s has no value" % name)
        if name in found:
            twice.append(name)
        found[name] = value
    return found, twice


class Param:
    """How one parameter is read: parse gets the decoded text (or texts)."""

    __slots__ = ("parse", "many")

    def __init__(self, parse, many=False):
        self.parse = parse
        self.many = many

    def read(self, raw, keep_escaped_commas):
        if not self.many:
            return self.parse(decode(raw))
        # Decoding first makes an escaped comma a separator as well: no way
        # to write a comma inside a value is documented.
        if keep_escaped_commas:
            pieces = [decode(piece) for piece in raw.split(",")]
        else:
            pieces = decode(raw).split(",")
        return [self.parse(piece) for piece in pieces]


def text(value):
    if value == "" or "\0" in value:
        raise Bad("must not be empty")
    return value


def integer(value):
    if not _INTEGER.match(value):
        raise Bad("must be an integer")
    return int(value)


def number(value):
    if not _NUMBER.match(value):
        raise Bad("must be a number")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise Bad("must be a number") from None


def boolean(value):
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise Bad("must be true or false")


def bit(value):
    if value not in ("0", "1"):
        raise Bad("must be 1 or 0")
    return value == "1"


def choice(*allowed):
    def parse(value):
        if value not in allowed:
            raise Bad("must be one of " + ", ".join(allowed))
        return value
    return parse


def date(value):
    fields.parse_moment(value)
    return value


TEXT = Param(text)
TEXTS = Param(text, many=True)
INTEGER = Param(integer)
INTEGERS = Param(integer, many=True)
NUMBER = Param(number)
BOOLEAN = Param(boolean)
BIT = Param(bit)
DATE = Param(date)


def one_of(*allowed):
    return Param(choice(*allowed))


def some_of(*allowed):
    return Param(choice(*allowed), many=True)


def read(raw, params, errors, keep_escaped_commas=False):
    """name -> typed value for the parameters that an endpoint knows."""
    values = {}
    for name, piece in raw.items():
        param = params.get(name)
        if param is None:
            errors[name] = "%s is not a parameter of this resource" % name
            continue
        try:
            values[name] = param.read(piece, keep_escaped_commas)
        except Bad as problem:
            errors[name] = "%s %s" % (name, problem)
    return values
