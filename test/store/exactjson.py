"""JSON in and out without a binary float anywhere.

Numbers with a point or an exponent become Decimal when read and are printed
digit by digit, so that a price that was rounded by the client shows up as
what it is.  Reading is stricter than the json module: duplicate names, NaN
and text that is not UTF-8 are errors.
"""

import json
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from json.encoder import encode_basestring as quote

# Wide enough for every number a field may hold; half up is what the
# documented examples show (10.99999 -> 11, 10.99994 -> 10.9999).
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
ZERO = Decimal(0)


class JsonError(ValueError):
    """The text is not JSON as this store accepts it."""


def _refuse_constant(name):
    raise JsonError("%s is not JSON" % name)


def _unique_names(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("an object has the same name twice")
    return found


_decoder = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_refuse_constant,
    object_pairs_hook=_unique_names)


def loads(raw):
    """Parse bytes; raises JsonError with a text fit for an error body."""
    try:
        return _decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise JsonError("the body is not valid UTF-8") from None
    except InvalidOperation:
        raise JsonError("a number is out of any range") from None
    except RecursionError:
        raise JsonError("the body is nested too deeply") from None
    except JsonError:
        raise
    except ValueError as problem:
        raise JsonError("the body is not JSON: %s" % problem) from None


def rounded(value, places):
    """An int or Decimal as a Decimal with at most this many places, exactly."""
    result = Decimal(value).quantize(Decimal(1).scaleb(-places), context=EXACT)
    # normalize() drops trailing zeros; a zero would keep its sign.
    return result.normalize(EXACT) if result else ZERO


def text(value):
    """The JSON text of a value built from the usual types and Decimal."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is Decimal:
        return format(value, "f")
    if value is None:
        return "null"
    if kind is dict:
        return "{%s}" % ",".join(
            "%s:%s" % (quote(key), text(item)) for key, item in value.items())
    if kind is float:
        # Only the control interface has floats (times in the journal).
        return repr(value)
    return "[%s]" % ",".join(map(text, value))


def dumps(value):
    """As text(), but bytes; a lone surrogate becomes its escape."""
    return to_bytes(text(value))


def to_bytes(string):
    return string.encode("utf-8", "backslashreplace")
