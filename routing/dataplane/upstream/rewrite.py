"""From a backing registry's answer to the facade's: which headers pass, whose name a list has, and what an error says.

Everything here was written by others. Each function takes time in proportion to what it is given, and raises nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping

from routing.core.grammar.printable import printable, printable_header
from routing.dataplane.request.responses import API_VERSION, INERT, Headers
from routing.dataplane.upstream.media_types import handed_on
from routing.registries.content_coding import codings_of
from routing.registries.documents import dump_json, parse_json
from routing.registries.open_response import OpenRegistryResponse

_PASSED = frozenset(
    {
        "content-type",
        "docker-content-digest",
        "etag",
        "last-modified",
        "retry-after",
        "content-range",
        "accept-ranges",
        "docker-ratelimit-source",
    }
)
_PASSED_PREFIXES = ("oci-", "ratelimit-", "x-ratelimit-", "warning")
# Parts are counted in the bytes that were sent, which aren't those that are handed on.
_OF_CODED_BYTES = frozenset({"content-range", "accept-ranges"})
# No header that is passed on comes near to this.
_MAX_VALUE_LENGTH = 4096
# A list of tags that is longer and has its name in the middle is handed on as it is: reading it would keep the event
# loop from everybody else.
MAX_READ_BYTES = 1024 * 1024
_NAME_FIRST = re.compile(rb'[ \t\r\n]*+\{[ \t\r\n]*+"name"[ \t\r\n]*+:[ \t\r\n]*+("[^"\\]*+")')
_NAME_LAST = re.compile(rb',[ \t\r\n]*+"name"[ \t\r\n]*+:[ \t\r\n]*+("[^"\\]*+")[ \t\r\n]*+\}[ \t\r\n]*+')
# A repository's name has 255 characters at most.
_TAIL_BYTES = 512
_MAX_DETAIL_LENGTH = 4096
_MAX_DETAIL_DEPTH = 16


def forwarded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer that the caller gets as they are; of one that comes twice, the last.

    Names are in lower case.
    """
    passed = {
        name: printable_header(value)
        for name, value in headers
        if (name in _PASSED or name.startswith(_PASSED_PREFIXES)) and len(value) <= _MAX_VALUE_LENGTH
    }
    return list(passed.items())


def facade_headers(answer: OpenRegistryResponse, length: int | None, *, without: Iterable[str] = ()) -> Headers:
    """The headers of an answer that is handed on. `length` is that of the body, in bytes; None where it isn't known.

    `without`: names, in lower case, of headers that say what is no longer so.
    """
    passed = dict(forwarded_headers(answer.headers.multi_items()))
    for name in (*without, *(_OF_CODED_BYTES if codings_of(answer.headers) else ())):
        passed.pop(name, None)
    if answer.status != 304 or "content-type" in passed:
        # A 304 says nothing of the type that the caller was told before.
        passed["content-type"] = handed_on(passed.get("content-type", ""))
    headers = [API_VERSION, *passed.items(), *INERT, ("Cache-Control", "no-store")]
    if length is not None:
        headers.append(("Content-Length", str(length)))
    return headers


def named_headers(headers: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    """The headers of these names (in lower case), as `forwarded_headers`."""
    named = {name: value for name, value in headers if name in names and len(value) <= _MAX_VALUE_LENGTH}
    return [(name, printable_header(value)) for name, value in named.items()]


def plain_length(answer: OpenRegistryResponse) -> int | None:
    """The length in bytes that the body has without content codings, where the headers tell it."""
    return None if codings_of(answer.headers) else answer.content_length


def rewrite_tag_list(body: bytes, name: str) -> bytes:
    """A tags list with the facade's name for the repository; anything else as it is."""
    own = json.dumps(name).encode()
    if first := _NAME_FIRST.match(body):
        return body[: first.start(1)] + own + body[first.end(1) :]
    comma = body.rfind(b",", max(0, len(body) - _TAIL_BYTES))
    if comma >= 0 and (last := _NAME_LAST.fullmatch(body, comma)):
        return body[: last.start(1)] + own + body[last.end(1) :]
    if len(body) > MAX_READ_BYTES:
        return body
    try:
        tags = parse_json(body)
        return dump_json({**tags, "name": name}) if isinstance(tags, dict) else body
    except ValueError:
        return body


def oci_error(body: bytes, headers: Mapping[str, str]) -> tuple[str, str, object] | None:
    """Code, message and detail of the first error in a registry's own words; None where it isn't in the OCI format."""
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        document = parse_json(body)
        first = document["errors"][0]  # type: ignore[index]  # whatever it is, it tells
        code, message = first["code"], first.get("message")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(code, str | int):
        return None
    words = printable(message[:1000]) if isinstance(message, str) else ""
    return printable(str(code)[:100]), words, _detail(first.get("detail"))


def _detail(detail: object) -> object:
    """An error's detail, where it is short and not deep; else nothing."""
    try:
        short = len(dump_json(detail)) <= _MAX_DETAIL_LENGTH
    except ValueError:
        return None
    return _printable_detail(detail) if short and _depth(detail) <= _MAX_DETAIL_DEPTH else None


def _printable_detail(detail: object) -> object:
    """Clients print it as they print the message."""
    if isinstance(detail, str):
        return printable(detail)
    if isinstance(detail, list):
        return [_printable_detail(each) for each in detail]
    if isinstance(detail, dict):
        return {printable(name): _printable_detail(value) for name, value in detail.items()}
    return detail


def _depth(value: object) -> int:
    """How deep lists and objects lie in each other, as far as that matters here."""
    level, depth = [value], 0
    while level and depth <= _MAX_DETAIL_DEPTH:
        depth += 1
        inside = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [each for one in inside for each in one]
    return depth
