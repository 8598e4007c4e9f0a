"""The facade's one way to talk to backing registries and their token realms.

It follows no redirect, keeps no cookie, reads no proxy or netrc from the environment, undoes no content coding and
reads no body that it was not asked for: one client serves many callers, and nothing that one of them sent or got may
reach another. How it works stands in `http/__init__.py`.
"""

from __future__ import annotations

import asyncio
import copy
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType

from routing.dns.addresses import AddressResolver
from routing.registries.exception_mapping import FAILURES, as_registry_error
from routing.registries.exceptions import UnsendableRequest
from routing.registries.guard import GuardedDialer, GuardPolicy, Resolver, check_url
from routing.registries.http.connection import Connection, ConnectionLost
from routing.registries.http.headers import Headers
from routing.registries.http.pool import ConnectionPool
from routing.registries.http.reader import FramingError, ResponseReader
from routing.registries.http.request import HeaderItems, encode_request
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.url import RegistryUrl

_REPEATABLE = ("GET", "HEAD")


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
    max_idle_connections: int = 64
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


class RegistryClient:
    """Asks backing registries, under the guard and within limits. One for each event loop; close it with `aclose`.

    Every method raises `RegistryError` (see its subclasses) and nothing else for whatever the other side does.
    """

    def __init__(
        self,
        policy: GuardPolicy,
        limits: ClientLimits | None = None,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self.limits = limits or ClientLimits()
        self._share = ""
        self.hold: Callable[[int], None] = _unbounded
        self._own_resolver = AddressResolver(self.limits.connect_seconds) if resolver is None else None
        looks_up = resolver or self._own_resolver
        assert looks_up is not None
        self._dialer = GuardedDialer(policy, looks_up, self.limits.connect_seconds, tls)
        self._pool = ConnectionPool(
            max_connections=self.limits.max_connections,
            max_per_origin=self.limits.max_connections_per_origin,
            max_idle=self.limits.max_idle_connections,
            keep_idle_seconds=self.limits.keep_idle_seconds,
        )

    def shared_by(self, share: str, hold: Callable[[int], None] | None = None) -> RegistryClient:
        """This client, for one of those who share it, such as a tenant: what it uses counts towards that share.

        `hold` is told how many more bytes of answers are in memory; what it raises ends the reading.
        """
        view = copy.copy(self)
        view._share = share
        view.hold = hold or _unbounded
        return view

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

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderItems = (),
        content: bytes | None = None,
        total_seconds: float | None = None,
        streaming: bool = False,
    ) -> Exchange:
        """Ask, and give the answer with its body still to come; leaving the `async with` block closes it, read or not.

        `streaming`: the body has no total deadline, only `idle_seconds` for each part. For passing layers through.
        """
        seconds = self.limits.total_seconds if total_seconds is None else total_seconds
        return Exchange(self, method, url, headers, content, seconds, self.limits.idle_seconds if streaming else None)

    async def check_reachable_address(self, url: str) -> None:
        """Look a URL's host up and judge it, without connecting: for a clear word beforehand, not for protection.

        Raises `ForbiddenAddress`, `RegistryUnreachable`, `RegistryTimeout`.
        """
        deadline = asyncio.get_running_loop().time() + self.limits.connect_seconds
        await self._dialer.allowed_addresses(check_url(url, self.policy), self._share, deadline)

    async def aclose(self) -> None:
        """Close every connection. Answers that are still open break off."""
        await self._pool.aclose()
        if self._own_resolver is not None:
            await self._own_resolver.aclose()

    async def __aenter__(self) -> RegistryClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def _acquire(self, target: RegistryUrl, deadline: float, *, fresh: bool) -> Connection:
        until = min(deadline, asyncio.get_running_loop().time() + self.limits.connect_seconds)

        def dial(make: Callable[[], Connection]) -> Awaitable[Connection]:
            return self._dialer.dial(target, make, self._share, deadline)

        return await self._pool.acquire(target.origin, dial, until, fresh=fresh)

    def _release(self, connection: Connection) -> None:
        is_new = not connection.has_served
        reusable = connection.finish()
        if is_new and reusable and (session := connection.tls_object()) is not None:
            self._dialer.remember_session(session)
        self._pool.release(connection, reusable=reusable)

    def _message(self, method: str, target: RegistryUrl, headers: HeaderItems, content: bytes | None) -> bytes:
        given = [name.lower() for name, _ in headers]
        # Digests and lengths are those of the plain bytes, and what is relayed is relayed as it came.
        fields = [("Host", target.authority), ("Accept-Encoding", "identity"), *headers]
        if "user-agent" not in given:
            fields.append(("User-Agent", self.limits.user_agent))
        if "accept" not in given:
            fields.append(("Accept", "*/*"))
        try:
            return encode_request(method, target.path, fields, content)
        except ValueError:
            host = target.authority
            message = f"the request to {host} is not valid HTTP and was not sent"
            raise UnsendableRequest(host, message) from None


def _unbounded(_more_bytes: int) -> None:
    """For those who read answers one at a time."""


class Exchange:
    """One request and its answer, as an asynchronous context manager."""

    __slots__ = ("_client", "_connection", "_content", "_headers", "_idle_seconds", "_method", "_seconds", "_url")

    def __init__(
        self,
        client: RegistryClient,
        method: str,
        url: str,
        headers: HeaderItems,
        content: bytes | None,
        seconds: float,
        idle_seconds: float | None,
    ) -> None:
        self._client = client
        self._method = method
        self._url = url
        self._headers = headers
        self._content = content
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._connection: Connection | None = None

    async def __aenter__(self) -> OpenRegistryResponse:
        client, seconds = self._client, self._seconds
        target = check_url(self._url, client.policy)
        message = client._message(self._method, target, self._headers, self._content)
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            reader = await self._ask(target, message, deadline)
        except FAILURES as error:
            # `from None`: what lies below may quote what was sent or received.
            raise as_registry_error(error, target, seconds, in_body=False) from None
        assert self._connection is not None
        return OpenRegistryResponse(
            self._connection, reader, target, self._url, seconds, self._idle_seconds, client.hold
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _ask(self, target: RegistryUrl, message: bytes, deadline: float) -> ResponseReader:
        """Send the request and wait for the head, a second time where an idle connection turns out to be closed."""
        fresh = False
        while True:
            connection = await self._client._acquire(target, deadline, fresh=fresh)
            self._connection = connection
            reader = ResponseReader(self._method)
            try:
                connection.begin(reader, message, deadline)
                await connection.head()
                return reader
            except (FramingError, ConnectionLost):
                fresh = connection.has_served and reader.untouched and self._method in _REPEATABLE
                self.close()
                if not fresh:
                    raise
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the connection back: to be used again where the answer is whole, else closed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._client._release(connection)
