"""From a backing registry's answer to the facade's: which headers pass, and whose names they hold.

`Link` becomes facade-relative: crane refuses a foreign one, other clients would lose their token or start over.
"""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urljoin, urlsplit

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
_LINK = re.compile(r"\s*<([^<>\x00-\x20]*)>\s*((?:;[^,]*)?)")


def forwarded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer that the caller gets as they are; of one that comes twice, the last."""
    passed = {
        name.lower(): (name, value)
        for name, value in headers
        if name.lower() in _PASSED or name.lower().startswith(_PASSED_PREFIXES)
    }
    return list(passed.values())


def rewrite_link(value: str, asked_url: str, upstream_name: str, name: str) -> str:
    """A `Link` header in the facade's terms; "" where it leads anywhere but to the same repository.

    Relative and absolute targets are both in use (OCI distribution spec, "Listing tags"; RFC 8288).
    """
    links = []
    asked = urlsplit(asked_url)
    for target, parameters in _LINK.findall(value):
        url = urlsplit(urljoin(asked_url, target))
        start = f"/v2/{upstream_name}/"
        if (url.scheme, url.netloc) != (asked.scheme, asked.netloc) or not url.path.startswith(start):
            continue
        query = f"?{url.query}" if url.query else ""
        links.append(f"</v2/{name}/{url.path[len(start) :]}{query}>{parameters}")
    return ", ".join(links)


def rewrite_tag_list(body: bytes, name: str) -> bytes:
    """A tags list with the facade's name for the repository; anything else as it is."""
    try:
        tags = json.loads(body)
    except ValueError:
        return body
    if not isinstance(tags, dict) or tags.get("name") == name:
        return body
    return json.dumps({**tags, "name": name}).encode()


def oci_error(body: bytes, headers: Mapping[str, str]) -> tuple[str, str, object] | None:
    """Code, message and detail of the first error in a registry's own words; None where it isn't in the OCI format."""
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        first = json.loads(body)["errors"][0]
        return str(first["code"])[:100], str(first.get("message") or "")[:1000], first.get("detail")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
