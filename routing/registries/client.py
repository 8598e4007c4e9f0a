"""The facade's one way to talk to backing registries and their token realms.

It follows no redirect, keeps no cookie, reads no proxy or netrc from the environment, undoes no content coding and
reads no body that it was not asked for. That is why it stands on httpx2's connection pool (httpcore2) and not on its
`AsyncClient`: one client serves many callers, and nothing that one of them sent or got may reach another.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpcore2
from httpx2 import Headers

from routing.registries.exception_mapping import told_as_registry_errors
from routing.registries.exceptions import RegistryError, RegistryTimeout, ResponseTooLarge
from routing.registries.guard import GuardedBackend, GuardPolicy, Resolver, check_url, system_resolver
from routing.registries.origin_limiter import OriginLimiter
from routing.registries.url import RegistryUrl

# At DEBUG, httpcore2 logs the headers of answers, and a signed `Location` is a credential.
logging.getLogger("httpcore2").setLevel(logging.INFO)

HeaderItems = Sequence[tuple[str, str]]

# An answer that only points elsewhere has a short body, if any. Reading one of at most this size keeps its connection
# (and a TLS handshake) for the next request; it gets this long to come.
_SHORT_BODY_BYTES = 8 * 1024
_SHORT_BODY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Deadlines in seconds, sizes in bytes, connections by number.

    `total_seconds` covers everything from the look-up of the name to the last byte of the body. A streamed body has
    `idle_seconds` for each next part instead. `max_connections_per_origin` keeps one slow registry from taking all.
    """

    connect_seconds: float = 3.0
    total_seconds: float = 15.0
    idle_seconds: float = 30.0
    max_body_bytes: int = 4 * 1024 * 1024
    max_connections: int = 128
    max_connections_per_origin: int = 32
    max_idle_connections: int = 32
    keep_idle_seconds: float = 30.0
    user_agent: str = "registry-facade"


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    """A complete answer. `url` is the one that was asked; `body` is empty where it was not asked for.

    Its `repr` tells the status alone: the rest may hold tokens and signed locations, and a `repr` ends up in logs.
    """

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)


class OpenRegistryResponse:
    """An answer whose headers have come and whose body has not been read."""

    def __init__(self, response: httpcore2.Response, target: RegistryUrl, url: str, method: str, clock: _Clock) -> None:
        self.status = response.status
        self.headers = Headers(response.headers)
        self.url = url
        self._response = response
        self._target = target
        self._clock = clock
        self._has_body = method != "HEAD" and response.status not in (204, 304)

    @property
    def content_length(self) -> int | None:
        """The length that the answer declares, in bytes; None where it declares none."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isascii() and declared.isdigit() else None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, read no faster than the caller takes it. Raises `RegistryError` where it breaks off."""
        async with aclosing(self._response.aiter_stream()) as parts:
            while True:
                with told_as_registry_errors(self._target, self._clock.describe(), in_body=True):
                    async with asyncio.timeout_at(self._clock.next_deadline()):
                        part = await anext(parts, None)
                if part is None:
                    return
                if part:
                    yield part

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises `ResponseTooLarge` (before reading, where the length is declared) or as `chunks`."""
        too_large = ResponseTooLarge(
            self._target.authority, f"{self._target.authority} answered with more than {max_bytes} bytes"
        )
        if self._has_body and (self.content_length or 0) > max_bytes:
            raise too_large
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
        return bytes(body)

    async def finish_short(self) -> None:
        """Read a body that is declared short, so that the connection can serve again; else do nothing.

        Nobody needs this body, so it does not matter whether it comes.
        """
        if self._has_body and (self.content_length is None or self.content_length > _SHORT_BODY_BYTES):
            return
        with suppress(TimeoutError, RegistryError):
            async with asyncio.timeout(_SHORT_BODY_SECONDS):
                await self.read(_SHORT_BODY_BYTES)


class _Clock:
    """When the current step of an exchange has to be over, in the event loop's time."""

    def __init__(self, limits: ClientLimits, total_seconds: float | None, streaming: bool) -> None:
        self._total_seconds = limits.total_seconds if total_seconds is None else total_seconds
        self._idle_seconds = limits.idle_seconds if streaming else None
        self.deadline = asyncio.get_running_loop().time() + self._total_seconds

    def next_deadline(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._idle_seconds is not None:
            return now + self._idle_seconds
        # A body that always has another part ready would never give the timeout a turn.
        if now >= self.deadline:
            raise TimeoutError
        return self.deadline

    def describe(self) -> str:
        return f"{self._total_seconds if self._idle_seconds is None else self._idle_seconds:g} s"


class RegistryClient:
    """Asks backing registries, under the guard and within limits. One for each event loop; close it with `aclose`.

    Every method raises `RegistryError` (see its subclasses) and nothing else for whatever the other side does.
    """

    def __init__(
        self,
        policy: GuardPolicy,
        limits: ClientLimits | None = None,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self.limits = limits or ClientLimits()
        self._backend = GuardedBackend(policy, resolver)
        self._limiter = OriginLimiter(self.limits.max_connections_per_origin)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpcore2.default_ssl_context(),
            max_connections=self.limits.max_connections,
            max_keepalive_connections=self.limits.max_idle_connections,
            keepalive_expiry=self.limits.keep_idle_seconds,
            network_backend=self._backend,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderItems = (),
        content: bytes | None = None,
        max_body_bytes: int | None = None,
    ) -> RegistryResponse:
        """Ask and read the whole answer, of at most `max_body_bytes` (default: the client's limit)."""
        limit = self.limits.max_body_bytes if max_body_bytes is None else max_body_bytes
        async with self.open(method, url, headers=headers, content=content) as answer:
            return RegistryResponse(answer.status, answer.headers, await answer.read(limit), url)

    async def request_headers_only(self, method: str, url: str, *, headers: HeaderItems = ()) -> RegistryResponse:
        """Ask, and close the answer with its body unread. A short body of an answer other than 2xx is let finish."""
        async with self.open(method, url, headers=headers) as answer:
            if method == "HEAD" or answer.status >= 300:
                await answer.finish_short()
            return RegistryResponse(answer.status, answer.headers, b"", url)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderItems = (),
        content: bytes | None = None,
        total_seconds: float | None = None,
        streaming: bool = False,
    ) -> AsyncIterator[OpenRegistryResponse]:
        """Ask, and give the answer with its body still to come; leaving the block closes it, read or not.

        `streaming`: the body has no total deadline, only `idle_seconds` for each part. For passing layers through.
        """
        target = check_url(url, self.policy)
        clock = _Clock(self.limits, total_seconds, streaming)
        async with self._limiter.slot(target, self.limits.connect_seconds):
            with told_as_registry_errors(target, f"{self.limits.total_seconds:g} s"):
                async with asyncio.timeout_at(clock.deadline):
                    response = await self._send(self._message(method, target, headers, content))
            try:
                yield OpenRegistryResponse(response, target, url, method, clock)
            finally:
                with suppress(OSError, httpcore2.NetworkError):
                    await response.aclose()

    async def check_reachable_address(self, url: str) -> None:
        """Look a URL's host up and judge it, without connecting: for a clear word beforehand, not for protection.

        Raises `ForbiddenAddress`, `RegistryUnreachable`, `RegistryTimeout`.
        """
        target = check_url(url, self.policy)
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                await self._backend.allowed_addresses(target.host, target.port)
        except TimeoutError:
            message = f"the name {target.host} could not be looked up in time"
            raise RegistryTimeout(target.authority, message) from None

    async def aclose(self) -> None:
        """Close every connection. Answers that are still open break off."""
        await self._pool.aclose()
        self._backend.close()

    async def __aenter__(self) -> RegistryClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def _send(self, message: httpcore2.Request) -> httpcore2.Response:
        try:
            return await self._pool.handle_async_request(message)
        except (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError):
            # A registry may close an idle connection in the instant in which it is used again. RFC 9110 §9.2.2 lets
            # a client repeat what is safe; within the same deadline, once.
            if message.method not in (b"GET", b"HEAD"):
                raise
            return await self._pool.handle_async_request(message)

    def _message(
        self, method: str, target: RegistryUrl, headers: HeaderItems, content: bytes | None
    ) -> httpcore2.Request:
        defaults: Mapping[str, str] = {
            "Host": target.authority,
            "User-Agent": self.limits.user_agent,
            "Accept": "*/*",
            # Digests and lengths are those of the plain bytes, and what is relayed is relayed as it came.
            "Accept-Encoding": "identity",
        }
        given = {name.lower() for name, _ in headers}
        items = [(name, value) for name, value in defaults.items() if name.lower() not in given] + list(headers)
        if content is not None:
            items.append(("Content-Length", str(len(content))))
        with told_as_registry_errors(target, ""):
            raw_items = [(name.encode("ascii"), value.encode("latin-1")) for name, value in items]
        return httpcore2.Request(
            method=method,
            url=httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=raw_items,
            content=content,
            extensions={"timeout": {"connect": self.limits.connect_seconds, "pool": self.limits.connect_seconds}},
        )
