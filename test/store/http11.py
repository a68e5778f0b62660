"""A strict HTTP/1.1 request parser that touches no socket.

Whatever two parsers could read differently is refused: bare line feeds,
folded or repeated framing headers, both length and chunks, chunk extensions,
trailers.  An error always ends the connection, since what follows cannot be
told from a smuggled request.
"""

import re

MAX_HEAD = 64 * 1024
MAX_LINE = 32 * 1024
MAX_FIELDS = 100
MAX_CHUNK_LINE = 16
MAX_BODY = 16 * 1024 * 1024

_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.1\r\n")
_ANY_LINE = re.compile(rb"[^ \r\n]+ [^ \r\n]+ HTTP/(\d+\.\d+)\r\n")
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}\Z")
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,8}\Z")

# A second one of these would be taken by one reader and not by the other.
_ONCE = frozenset((
    "host", "content-length", "content-type", "transfer-encoding", "accept",
    "x-auth-token", "expect", "content-encoding"))


class HttpError(Exception):
    """The bytes are no request this server takes: status and reason."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request:
    """One request, complete with its body."""

    __slots__ = ("method", "target", "headers", "body", "close")

    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.headers = headers
        self.body = b""
        self.close = "close" in headers.get("connection", "").lower()


def _bad_line(head):
    match = _ANY_LINE.match(head)
    if match and match.group(1) != b"1.1":
        return HttpError(505, "only HTTP/1.1 is spoken here")
    return HttpError(400, "the request line is malformed")


def _read_fields(head, position):
    headers = {}
    count = 0
    while position < len(head):
        match = _FIELD.match(head, position)
        if match is None:
            raise HttpError(400, "a header line is malformed")
        count += 1
        if count > MAX_FIELDS:
            raise HttpError(431, "too many header lines")
        name = match.group(1).decode("ascii").lower()
        value = match.group(2).decode("latin-1")
        if name in headers:
            if name in _ONCE:
                raise HttpError(400, "header %s is sent twice" % name)
            value = headers[name] + ", " + value
        headers[name] = value
        position = match.end()
    return headers


def read_head(head):
    """The request of a head that ends with its last header's CRLF."""
    line = _LINE.match(head)
    if line is None:
        raise _bad_line(head)
    if b"#" in line.group(2):
        raise HttpError(400, "a fragment has no place in a request")
    headers = _read_fields(head, line.end())
    if not headers.get("host"):
        raise HttpError(400, "header Host is missing")
    return Request(line.group(1).decode("ascii"),
                   line.group(2).decode("ascii"), headers)


class Parser:
    """Feed it bytes, take requests out of it."""

    def __init__(self, body_limit=lambda target: MAX_BODY):
        self.body_limit = body_limit
        self.buffer = bytearray()
        self._request = None
        self._needed = 0            # bytes of a body with Content-Length
        self._chunks = None         # parts so far of a chunked body
        self._chunk_left = -1       # -1: a size line is next
        self._chunked_bytes = 0

    def feed(self, data):
        self.buffer += data

    def in_body(self):
        """True when a head was read and its body is not there yet."""
        return self._request is not None

    def expects_continue(self):
        return "expect" in self._request.headers

    def next(self):
        """The next complete request, or None when bytes are missing."""
        if self._request is None and not self._start():
            return None
        if self._chunks is not None:
            if not self._read_chunks():
                return None
            self._request.body = b"".join(self._chunks)
        elif self._needed:
            if len(self.buffer) < self._needed:
                return None
            self._request.body = bytes(self.buffer[:self._needed])
            del self.buffer[:self._needed]
        request, self._request = self._request, None
        return request

    def _start(self):
        end = self.buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            self._check_unfinished_head()
            return False
        head = bytes(self.buffer[:end + 2])
        del self.buffer[:end + 4]
        self._request = read_head(head)
        self._frame(self._request.headers)
        return True

    def _check_unfinished_head(self):
        if self.buffer and not 0x41 <= self.buffer[0] <= 0x5a:
            raise HttpError(400, "the request line is malformed")
        if len(self.buffer) >= MAX_HEAD:
            if self.buffer.find(b"\r\n", 0, MAX_LINE) < 0:
                raise HttpError(414, "the request line is too long")
            raise HttpError(431, "the header is too long")

    def _frame(self, headers):
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        self._needed = 0
        self._chunks = None
        expect = headers.get("expect")
        if expect is not None and expect.lower() != "100-continue":
            raise HttpError(417, "only 100-continue can be expected")
        if coding is not None:
            if length is not None:
                raise HttpError(400, "both a length and a transfer encoding")
            if coding.lower() != "chunked":
                raise HttpError(501, "unknown transfer encoding")
            self._chunks = []
            self._chunk_left = -1
            self._chunked_bytes = 0
        elif length is not None:
            if not _LENGTH.match(length):
                raise HttpError(400, "Content-Length is not a number")
            self._needed = int(length)
            self._check_size(self._needed)

    def _check_size(self, size):
        if size > self.body_limit(self._request.target):
            raise HttpError(413, "the body is too large")

    def _read_chunks(self):
        while True:
            if self._chunk_left < 0:
                if not self._read_chunk_size():
                    return False
            if self._chunk_left == 0:
                return self._read_end_of_chunks()
            if len(self.buffer) < self._chunk_left + 2:
                return False
            self._take_chunk()

    def _read_chunk_size(self):
        end = self.buffer.find(b"\r\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            if len(self.buffer) >= MAX_CHUNK_LINE:
                raise HttpError(400, "a chunk size is malformed")
            return False
        line = bytes(self.buffer[:end])
        if not _CHUNK.match(line):
            raise HttpError(400, "a chunk size is malformed")
        del self.buffer[:end + 2]
        self._chunk_left = int(line, 16)
        self._chunked_bytes += self._chunk_left
        self._check_size(self._chunked_bytes)
        return True

    def _take_chunk(self):
        size = self._chunk_left
        if self.buffer[size:size + 2] != b"\r\n":
            raise HttpError(400, "a chunk does not end where it said")
        self._chunks.append(bytes(self.buffer[:size]))
        del self.buffer[:size + 2]
        self._chunk_left = -1

    def _read_end_of_chunks(self):
        if len(self.buffer) < 2:
            return False
        if self.buffer[:2] != b"\r\n":
            raise HttpError(400, "trailers are not accepted")
        del self.buffer[:2]
        return True
