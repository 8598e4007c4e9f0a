"""The grammar of a plain request: one whole GET or HEAD in the form in which clients send it, and nothing besides.

The fast lane takes these and no others, so that it never has to know what servers make of the rest. A request is read
in two parts, since each repeats by itself: its *head* is the request line and the Host field, its *fields* are the
others, which are a client's own.
"""

import re
from typing import NamedTuple

from routing.core.decide import READS

# All of the following judge lower-cased text. Fields that bear on neither the answer nor the framing, by their first
# letters; that leaves out Authorization, Connection, Content-*, Expect, Host, Proxy-Connection, Trailer,
# Transfer-Encoding, Upgrade and User-Agent.
_NAME = r"(?:[0-9bdfgi-oqrsv-z]|a(?!u)|c(?!on)|e(?!x)|h(?!o)|p(?!ro)|t(?!ra[in]))[0-9a-z-]*+"
_TEXT = r"[\t\x20-\x7e\x80-\xff]*+\r\n"
_OTHERS = rf"(?:(?:{_NAME}|authorization):{_TEXT}|connection: ?+(?:keep-alive|close)\r\n)*+"
_HOST = r"[0-9a-z.:\[\]-]+"
# User-Agent comes once or not at all, and the last of the fields ends the text. Possessive quantifiers: matching takes
# time in proportion to the length, whatever is sent. (None of them has a group inside: there, Python 3.11 fails.)
_FIELDS = re.compile(rf"{_OTHERS}(?:user-agent:[ \t]*+([!-~][ -~]*)\r\n)?{_OTHERS}\r\n")
_UNNOTED = re.compile(r"\n(?:dnt|sec-gpc):[ \t]*+1[ \t]*+\r")
_HOST_FIELD = re.compile(rf"host:[ \t]*+({_HOST})")
_PLAIN_HOST = re.compile(_HOST)
_AUTHORIZATION = b"Authorization: "
_BEARER = _AUTHORIZATION + b"Bearer "
_TOKEN = re.compile(rb"[!-~]+")
_LINE_FEED = 10
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
# What a NamedTuple's constructor does in the end, in half the time.
_new = tuple.__new__


class RequestTarget(NamedTuple):
    """A request line and its Host. `closes`: HTTP/1.0, whose connections end with the answer."""

    method: str
    host: str
    path: str
    query: str
    closes: bool


class HeaderFields(NamedTuple):
    """What the other fields say that an answer may depend on.

    `forwarded_host` is what X-Forwarded-Host says, or "", or None where it says more than one plain name, or Forwarded
    stands in its place. `unnoted`: whoever sends it asks that nothing is noted of it.
    """

    user_agent: str
    authorized: bool
    closes: bool
    forwarded_host: str | None
    unnoted: bool = False


def split_host(data: bytes) -> tuple[bytes, bytes]:
    """A request's head and the rest. Clients send Host first (RFC 9110 §7.2); some load balancers put theirs before."""
    line_end = data.find(b"\r\n") + 2
    start = data.find(b"\nHost:") + 1 or data.find(b"\nhost:") + 1
    end = data.find(b"\r\n", start) + 2
    if start == line_end:
        return data[:end], data[end:]
    return data[:line_end] + data[start:end], data[line_end:start] + data[end:]


def split_token(rest: bytes) -> tuple[str, bytes]:
    """The Authorization field that brings a Bearer token, as clients send it, and the others; "" where none does."""
    start = rest.find(_BEARER)
    end = rest.find(b"\r\n", start)
    begins_line = start == 0 or (start > 0 and rest[start - 1] == _LINE_FEED)
    if not begins_line or _TOKEN.fullmatch(rest, start + len(_BEARER), end) is None:
        return "", rest
    return rest[start + len(_AUTHORIZATION) : end].decode("ascii"), rest[:start] + rest[end + 2 :]


def parse_request_target(head: bytes) -> RequestTarget | None:
    """The first two lines; None where they are anything but plain."""
    line, _, field = head.decode("latin-1")[:-2].partition("\r\n")
    words = line.split(" ")
    name = _HOST_FIELD.fullmatch(field.lower())
    if name is None or len(words) != 3:
        return None
    method, target, version = words
    path, _, query = target.partition("?")
    # A fragment never gets as far as the middleware.
    if method not in READS or version not in _VERSIONS or "#" in query:
        return None
    return RequestTarget(method, field[slice(*name.span(1))], path, query, version == "HTTP/1.0")


def parse_header_fields(rest: bytes) -> HeaderFields | None:
    """All that follows the Host field; None where it is anything but plain, or more than one request's."""
    text = rest.decode("latin-1")
    # As if after the head, so that every field starts behind a line's end.
    lowered = "\n" + text.lower()
    plain = _FIELDS.fullmatch(lowered, 1)
    if plain is None:
        return None
    start, end = plain.span(1)
    # Without User-Agent both are -1.
    agent = text[start - 1 : end - 1] if start > 0 else ""
    closes = "\nconnection: close\r" in lowered or "\nconnection:close\r" in lowered
    authorized = "\nauthorization:" in lowered
    unnoted = ("\ndnt:" in lowered or "\nsec-gpc:" in lowered) and _UNNOTED.search(lowered) is not None
    return _new(HeaderFields, (agent, authorized, closes, _forwarded_host(lowered), unnoted))


def _forwarded_host(lowered: str) -> str | None:
    _, *found = lowered.split("\nx-forwarded-host:", 2)
    if not found:
        is_told_so = "\nx-forwarded-for:" in lowered or "\nx-forwarded-proto:" in lowered
        return None if "\nforwarded:" in lowered and not is_told_so else ""
    host = found[0].partition("\r")[0].lstrip(" \t")
    return host if len(found) == 1 and _PLAIN_HOST.fullmatch(host) else None
