"""A registry's redirects that stay at the registry: followed with the caller's credentials, within bounds.

Registries redirect what is not a blob, too. Harbor's proxy cache answers a Docker Hub image without its `library/`
with 301 to the name with it, on its own host (src/server/middleware/repoproxy, `defaultManifestURL`, `defaultBlobURL`;
tags: goharbor/harbor#23368). registry.k8s.io answers with 307 to another registry, and GHCR answers referrers with 303
to a web page (artifacthub/hub#4785): those leave the registry, and are the caller's to judge.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit

from routing.registries.client import Exchange, RegistryClient, RegistryResponse
from routing.registries.exceptions import BadResponse
from routing.registries.http.request import HeaderItems
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.url import RegistryUrl, parse_registry_url, resolve_location

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 3
_DEFAULT_PORT = {"http": 80, "https": 443}


def anywhere(_path: str) -> bool:
    """Follow to every path of the registry."""
    return True


def api_only(path: str) -> bool:
    """Follow to the registry's API alone: any other place of a blob is storage, and the client's to go to."""
    return path.startswith("/v2/")


def location_of(answer: RegistryResponse | OpenRegistryResponse) -> str:
    """Where a redirect leads, as an absolute URL. Raises `BadResponse` where it does not say so, or not usably."""
    host = parse_registry_url(answer.url).authority
    given = answer.headers.get("location", "")
    if not given:
        raise BadResponse(host, f"{host} redirects without saying where to")
    try:
        return resolve_location(answer.url, given)
    except ValueError as problem:
        raise BadResponse(host, f"{host} redirects to a malformed address that cannot be used: {problem}") from None


def same_server(asked_url: str, location: str) -> str | None:
    """The URL to ask next where `location` is at the server of `asked_url`, else None. Both are absolute.

    A server behind a proxy that ends TLS often takes itself for `http://`, so the scheme plays no part where the host
    is the same and so is the port, or both have their scheme's own. Of two schemes the safe one is asked: credentials
    that went encrypted never go on in the clear.
    """
    asked, wanted = parse_registry_url(asked_url), parse_registry_url(location)
    if asked.host != wanted.host or not (asked.port == wanted.port or (_has_own_port(asked) and _has_own_port(wanted))):
        return None
    if wanted.scheme == "http" and asked.scheme == "https":
        return f"{asked.origin}{wanted.path}"
    return location


def same_host(asked_url: str, location: str) -> str | None:
    """As `same_server`, on whatever port, but never from https to http.

    For token realms. Clients bring their credentials there as well: Go's net/http keeps `Authorization` on a redirect
    to the same host name (`shouldCopyHeaderOnRedirect`).
    """
    asked, wanted = parse_registry_url(asked_url), parse_registry_url(location)
    safe = location if wanted.scheme == "https" or asked.scheme == "http" else None
    return same_server(asked_url, location) or (safe if asked.host == wanted.host else None)


class _Following:
    """A request and those that follow from it, as an asynchronous context manager: one exchange at a time is open."""

    __slots__ = ("_client", "_content", "_exchange", "_follows", "_headers", "_method", "_streaming", "_url", "_within")

    def __init__(
        self,
        client: RegistryClient,
        method: str,
        url: str,
        headers: HeaderItems,
        follows: Callable[[str], bool],
        within: Callable[[str, str], str | None],
        content: bytes | None,
        streaming: bool,
    ) -> None:
        self._client = client
        self._method = method
        self._url = url
        self._headers = headers
        self._follows = follows
        self._within = within
        self._content = content
        self._streaming = streaming
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> OpenRegistryResponse:
        ends_at = time.monotonic() + self._client.limits.total_seconds
        left_seconds: float | None = None
        for _ in range(MAX_REDIRECTS + 1):
            exchange = self._client.open(
                self._method,
                self._url,
                headers=self._headers,
                content=self._content,
                total_seconds=left_seconds,
                streaming=self._streaming,
            )
            answer = await exchange.__aenter__()
            self._exchange = exchange
            if answer.status not in REDIRECTS:
                return answer
            try:
                next_url = self._next_url(answer)
                if next_url is None:
                    return answer
                self._go_on(answer.status, next_url)
                await answer.finish_short()
            except BaseException:
                exchange.close()
                raise
            exchange.close()
            left_seconds = max(round(ends_at - time.monotonic(), 1), 0.1)
        host = parse_registry_url(self._url).authority
        raise BadResponse(host, f"{host} redirects round and round")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exchange is not None:
            self._exchange.close()

    def _next_url(self, answer: OpenRegistryResponse) -> str | None:
        """Where to ask next; None where the redirect is to be given. Raises `BadResponse`."""
        url = self._within(self._url, location_of(answer))
        return url if url is not None and self._follows(urlsplit(url).path) else None

    def _go_on(self, status: int, url: str) -> None:
        self._url = url
        if status == 303 and self._method == "POST":
            self._method, self._content = "GET", None
            self._headers = [item for item in self._headers if item[0].lower() != "content-type"]


def open_following(
    client: RegistryClient,
    method: str,
    url: str,
    *,
    headers: HeaderItems = (),
    follows: Callable[[str], bool] = anywhere,
    within: Callable[[str, str], str | None] = same_server,
    content: bytes | None = None,
    streaming: bool = False,
) -> _Following:
    """As `RegistryClient.open`, past redirects within the server, of which there may be `MAX_REDIRECTS`.

    `follows` says of a path whether it is asked, or the redirect given. All requests share the client's total deadline.
    A redirect out of `within` is given as it is. With 303 the form is left out and GET asked, as RFC 9110 §15.4.4
    has it; with every other status the request is repeated. Raises `RegistryError`.
    """
    return _Following(client, method, url, headers, follows, within, content, streaming)


async def request_following(
    client: RegistryClient,
    method: str,
    url: str,
    *,
    headers: HeaderItems = (),
    content: bytes | None = None,
    within: Callable[[str, str], str | None] = same_server,
    max_body_bytes: int | None = None,
) -> RegistryResponse:
    """As `open_following`, with the whole body, of at most `max_body_bytes` (default: the client's limit)."""
    limit = client.limits.max_body_bytes if max_body_bytes is None else max_body_bytes
    opened = open_following(client, method, url, headers=headers, content=content, within=within)
    async with opened as answer:
        return RegistryResponse(answer.status, answer.headers, await answer.read(limit), answer.url)


async def peek_following(
    client: RegistryClient,
    method: str,
    url: str,
    *,
    headers: HeaderItems = (),
    follows: Callable[[str], bool] = anywhere,
) -> RegistryResponse:
    """As `open_following`, with the body unread."""
    async with open_following(client, method, url, headers=headers, follows=follows) as answer:
        if method == "HEAD" or answer.status >= 300:
            await answer.finish_short()
        return RegistryResponse(answer.status, answer.headers, b"", answer.url)


def _has_own_port(target: RegistryUrl) -> bool:
    return target.port == _DEFAULT_PORT[target.scheme]
