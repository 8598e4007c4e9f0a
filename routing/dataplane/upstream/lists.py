"""Lists on their way through: tags and referrers, under the facade's names, with no page lost.

A list goes on where `Link` says so (OCI distribution spec, "Listing Tags", "Listing Referrers"; RFC 8288). Clients
follow it at the facade, so its path has to be the facade's: crane refuses a foreign one, others would lose their
token or start over. What a registry, or a proxy before it, writes there is one of three:

1. The list's own endpoint, under whatever prefix, repository or host the writer knows it: the query says where to go
   on, and is good under the facade's path.
2. A path that only the writer knows, at the registry: read from here to its end, and answered as one list.
3. Anything else: an error. A list that just ends would be taken for the whole.
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

from routing.core.decisions import Relay
from routing.core.grammar.names import Endpoint, EndpointKind
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response
from routing.dataplane.upstream.links import UnreadableLink, next_target
from routing.dataplane.upstream.refusals import no_referrers
from routing.dataplane.upstream.rewrite import MAX_READ_BYTES, facade_headers, plain_length, rewrite_tag_list
from routing.registries.client import RegistryClient
from routing.registries.content_coding import read_plain
from routing.registries.documents import dump_json, parse_json
from routing.registries.exceptions import BadResponse, RegistryTimeout, ResponseTooLarge
from routing.registries.http.request import HeaderItems
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.redirects import open_following, same_server
from routing.registries.url import parse_registry_url

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# What entries take as objects, for each byte of their JSON: `{},` becomes an empty dictionary and a place in a list.
_OBJECT_FACTOR = 24
# Each page is a request to the registry; lists that need more are longer than what is relayed.
_MAX_PAGES = 100
# All that RFC 3986 §2.2 has, and the escapes that are there already.
_URL_SAFE = "%/?:@!$&'()*+,;=-._~[]"
_ENTRIES = {EndpointKind.TAGS: "tags", EndpointKind.REFERRERS: "manifests"}


class _Next(NamedTuple):
    """Where a list goes on: with this query at the list's own endpoint, or at this URL (absolute).

    `repeats`: there, the page that was just answered would come again, for ever.
    """

    query: str = ""
    url: str = ""
    repeats: bool = False


async def list_answer(
    client: RegistryClient, decision: Relay, caller: ClientRequest, answer: OpenRegistryResponse, headers: HeaderItems
) -> Response:
    """The answer to a request for tags or referrers, of the registry's with status 200. Raises `RegistryError`.

    `headers` are those with which the registry was asked.
    """
    endpoint = decision.endpoint
    assert endpoint is not None
    if endpoint.kind is EndpointKind.REFERRERS and not is_index(answer):
        return no_referrers(decision)
    if caller.method == "HEAD":
        following = _next_page(answer, endpoint)
        return Response(200, [*facade_headers(answer, plain_length(answer)), *_link(following, endpoint)])
    body = await read_plain(answer, client.limits.max_body_bytes)
    following = _next_page(answer, endpoint)
    if following.url or following.repeats or len(body) <= MAX_READ_BYTES:
        document = _document(answer, body, endpoint.kind)
        following = _checked(following, answer, document.get(_ENTRIES[endpoint.kind]))
        if following.url:
            document = await _read_on(client, decision, document, headers, following.url, len(body))
            following = _Next()
            body = _written(answer, document)
    if endpoint.kind is EndpointKind.TAGS:
        body = rewrite_tag_list(body, endpoint.name)
    # A digest would be that of the registry's bytes, which these may not be; nobody asks for a list by digest.
    sent = facade_headers(answer, len(body), without=("docker-content-digest",))
    return Response(200, [*sent, *_link(following, endpoint)], body)


def is_index(answer: OpenRegistryResponse) -> bool:
    """Whether it is an image index, as every list of referrers is."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == INDEX_TYPE


def _link(following: _Next, endpoint: Endpoint) -> list[tuple[str, str]]:
    if not following.query:
        return []
    return [("Link", f'</v2/{endpoint.name}/{endpoint.tail}?{following.query}>; rel="next"')]


def _document(answer: OpenRegistryResponse, body: bytes, kind: EndpointKind) -> dict[str, Any]:
    host = parse_registry_url(answer.url).authority
    try:
        document = parse_json(body)
    except ValueError:
        raise BadResponse(host, f"{host} did not answer in JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get(_ENTRIES[kind]) or [], list):
        raise BadResponse(host, f"{host} did not answer with a list of {kind.value}")
    return document


def _written(answer: OpenRegistryResponse, document: dict[str, Any]) -> bytes:
    try:
        return dump_json(document)
    except ValueError:
        host = parse_registry_url(answer.url).authority
        raise BadResponse(host, f"{host} answered with numbers that JSON cannot hold") from None


def _next_page(answer: OpenRegistryResponse, endpoint: Endpoint) -> _Next:
    """Where the list goes on. Raises `BadResponse` where it does, and nobody could follow."""
    try:
        target = next_target(answer.headers.get_list("link"))
    except UnreadableLink:
        raise _unfinished(answer, "its Link header can't be read") from None
    if target is None:
        return _Next()
    try:
        absolute = quote(urljoin(answer.url, _text(target)).partition("#")[0], safe=_URL_SAFE)
        url = urlsplit(absolute)
        if url.query and unquote(url.path).endswith(f"/{endpoint.tail}"):
            asked = set(_fields(urlsplit(answer.url).query))
            return _Next(query=url.query, repeats=all(field in asked for field in _fields(url.query)))
        here = same_server(answer.url, absolute)
    except ValueError:
        here = None
    if here is None:
        raise _unfinished(answer, "what follows is at an address of no use here")
    return _Next(url=here, repeats=here == answer.url)


def _text(value: str) -> str:
    """A header's value as text. It comes as latin-1, which has every byte; most who write beyond ASCII mean UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _checked(following: _Next, answer: OpenRegistryResponse, entries: object) -> _Next:
    """Where the list goes on, or nowhere: after an empty page that names itself. Raises `BadResponse`."""
    if not following.repeats:
        return following
    if entries:
        raise _unfinished(answer, "it names the page itself as the one that follows")
    return _Next()


def _fields(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


async def _read_on(
    client: RegistryClient, decision: Relay, first: Mapping[str, Any], headers: HeaderItems, url: str, read_bytes: int
) -> dict[str, Any]:
    """The whole list: the first page with the entries of those that follow, read at the registry itself."""
    endpoint = decision.endpoint
    assert endpoint is not None
    key, host, limits = _ENTRIES[endpoint.kind], parse_registry_url(url).authority, client.limits
    client.hold(read_bytes * _OBJECT_FACTOR)
    whole = {**first, key: [*(first.get(key) or [])]}
    ends_at = time.monotonic() + limits.total_seconds
    seen: set[str] = set()
    while url:
        if url in seen or len(seen) >= _MAX_PAGES:
            raise BadResponse(host, f"{host} has a list of {endpoint.kind.value} that does not end")
        if time.monotonic() > ends_at:
            raise RegistryTimeout(host, f"{host} did not send its whole list within {limits.total_seconds:g} s")
        seen.add(url)
        async with open_following(client, "GET", url, headers=headers) as answer:
            if answer.status != 200:
                raise _unfinished(answer, f"what follows is answered with status {answer.status}")
            body = await read_plain(answer, limits.max_body_bytes)
            read_bytes += len(body)
            client.hold(len(body) * _OBJECT_FACTOR)
            if read_bytes > limits.max_body_bytes:
                raise ResponseTooLarge(host, f"{host} answered with more than {limits.max_body_bytes} bytes")
            entries = _document(answer, body, endpoint.kind).get(key) or []
            whole[key] += entries
            following = _checked(_next_page(answer, endpoint), answer, entries)
            own_url = f"{decision.url.partition('?')[0]}?{following.query}"
            url = own_url if following.query else following.url
    return whole


def _unfinished(answer: OpenRegistryResponse, why: str) -> BadResponse:
    host = parse_registry_url(answer.url).authority
    return BadResponse(host, f"the list of {host} goes on, but {why}")
