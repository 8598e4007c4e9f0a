"""From a backing registry's answer to the facade's: which headers pass, and what an error says."""

import json
from collections.abc import Iterable, Mapping

from routing.dataplane.request.responses import API_VERSION, Headers
from routing.registries.client import OpenRegistryResponse
from routing.registries.content_coding import codings_of

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


def forwarded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer that the caller gets as they are; of one that comes twice, the last."""
    passed = {
        name.lower(): (name, value)
        for name, value in headers
        if name.lower() in _PASSED or name.lower().startswith(_PASSED_PREFIXES)
    }
    return list(passed.values())


def facade_headers(answer: OpenRegistryResponse, length: int | None, *, without: Iterable[str] = ()) -> Headers:
    """The headers of an answer that is handed on. `length` is that of the body, in bytes; None where it isn't known.

    `without`: names, in lower case, of headers that say what is no longer so.
    """
    left_out = {*without, *(_OF_CODED_BYTES if codings_of(answer.headers) else ())}
    passed = [item for item in forwarded_headers(answer.headers.multi_items()) if item[0].lower() not in left_out]
    headers = [API_VERSION, *passed, ("Cache-Control", "no-store")]
    if length is not None:
        headers.append(("Content-Length", str(length)))
    return headers


def plain_length(answer: OpenRegistryResponse) -> int | None:
    """The length in bytes that the body has without content codings, where the headers tell it."""
    return None if codings_of(answer.headers) else answer.content_length


def oci_error(body: bytes, headers: Mapping[str, str]) -> tuple[str, str, object] | None:
    """Code, message and detail of the first error in a registry's own words; None where it isn't in the OCI format."""
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        first = json.loads(body)["errors"][0]
        return str(first["code"])[:100], str(first.get("message") or "")[:1000], first.get("detail")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
