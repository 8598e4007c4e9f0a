"""Requests to a facade in this process, whose one tenant's hostname leads to a registry that the test controls."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from django.http import StreamingHttpResponse
from django.test import AsyncClient

from routing.conf import policy
from routing.core.table.mapping_entry import Flag, MappingEntry, mapping_key
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving.body_guard import Application
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from tests.fast_lane.lanes import Lane
from tests.registries.faulty_server import FaultyServer, ReceivedRequest

HOST = "docker.acme.com"
PODMAN = "containers/5.23.1 (github.com/containers/image)"
DOCKER = "docker/20.10.24 go/go1.19 os/linux arch/amd64"
CONTAINERD = "containerd/1.6.20"
BUILDKIT = "buildkit/v0.23"
DOCKERD = "docker/29.2.1 go/go1.25.6 os/linux arch/amd64 containerd-client/2.2.1+unknown storage-driver/overlayfs"
CRANE = "crane/0.21.8 go-containerregistry/0.21.8"
DIGEST = "sha256:" + "ab" * 32
MANIFEST = "/v2/team/app/manifests/1.0"
BLOB = f"/v2/team/app/blobs/{DIGEST}"
TAGS = "/v2/team/app/tags/list"
REFERRERS = f"/v2/team/app/referrers/{DIGEST}"
#: The same at the registry.
UPSTREAM = {path: path.replace("/team/", "/acme/") for path in (MANIFEST, BLOB, TAGS, REFERRERS)}
TOKEN = ("authorization", "Bearer a.good-token")
BASIC = base64.b64encode(b"alice:s3cret").decode()

Lines = Sequence[tuple[str, str]]
SERVER = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}


class Response(NamedTuple):
    """An answer of the facade's. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, code and message, of an answer that is an error in the OCI format."""
        assert self.headers["content-type"] == "application/json"
        (only,) = self.json()["errors"]
        assert only.keys() == {"code", "message", "detail"}
        return self.status, only["code"], only["message"]


#: prefix → (registry, upstream prefix, flags)
Mappings = dict[str, tuple[RegistryEntry, str, int]]


def set_mappings(mappings: Mappings, *, login: str = "", challenge: str = "") -> None:
    """Give this process a table in which HOST, and a hostname of another tenant, have these mappings."""
    keys = {registry: str(number) for number, (registry, _, _) in enumerate(mappings.values())}
    live_table.table = Table.build(
        policy(),
        1,
        tenants=[("1", TenantEntry("Acme")), ("2", TenantEntry("Globex"))],
        registries=[(key, registry) for registry, key in keys.items()],
        hosts=[(HOST, HostEntry("1", login_registry=login)), ("docker.globex.com", HostEntry("2"))],
        mappings=[
            (mapping_key(host, prefix), MappingEntry(keys[registry], upstream, Flag.ENABLED | flags, challenge))
            for host in (HOST, "docker.globex.com")
            for prefix, (registry, upstream, flags) in mappings.items()
        ],
    )


class FacadeClient:
    """`await facade_client.request(path, …)` sends one request to the facade, as an ASGI server hands it over.

    It goes through all of Django, or to `application` where there is one: `as_bytes` by way of a worker's protocol.
    """

    def __init__(
        self,
        server: FaultyServer,
        registry: RegistryEntry,
        application: Application | None = None,
        *,
        as_bytes: bool = False,
    ) -> None:
        self.server = server
        self._client = AsyncClient()
        self._application = application
        self._as_bytes = as_bytes
        self.map_to(registry)

    def map_to(
        self,
        registry: RegistryEntry,
        *,
        flags: int = 0,
        prefix: str = "team",
        upstream: str = "acme",
        challenge: str = "",
    ) -> None:
        """From now on the hostname has one mapping, to `registry`."""
        self.map({prefix: (registry, upstream, flags)}, challenge=challenge)

    def map(self, mappings: Mappings, *, login: str = "", challenge: str = "") -> None:
        """From now on the hostname has these mappings: prefix → (registry, upstream prefix, flags)."""
        self.registry = next(iter(mappings.values()))[0]
        set_mappings(mappings, login=login, challenge=challenge)

    async def request(
        self,
        target: str,
        *,
        method: str = "GET",
        host: str = HOST,
        agent: str = PODMAN,
        headers: Lines = (TOKEN,),
        body: bytes = b"",
        peer: str = "192.0.2.1",
    ) -> Response:
        if self._application is not None and self._as_bytes:
            lines = [("Host", host), ("User-Agent", agent), *headers]
            # One for each request: it rests when none of its tasks is under way.
            lane = Lane(FastLaneProtocol, self._application)
            return await lane_response(lane, method, target, lines, body, peer)
        if self._application is not None:
            scope = _scope(target, method, [("host", host), ("user-agent", agent), *headers], body, peer)
            return await asgi_response(self._application, {**SERVER, **scope}, body)
        response = await self.open(target, method=method, host=host, agent=agent, headers=headers, body=body, peer=peer)
        parts = [part async for part in _parts(response)]
        return Response(
            response.status_code, {name.lower(): value for name, value in response.items()}, b"".join(parts)
        )

    async def open(
        self,
        target: str,
        *,
        method: str = "GET",
        host: str = HOST,
        agent: str = PODMAN,
        headers: Lines = (TOKEN,),
        body: bytes = b"",
        peer: str = "192.0.2.1",
    ) -> Any:
        """Django's response, of which a stream has not been read."""
        scope = _scope(target, method, [("host", host), ("user-agent", agent), *headers], body, peer)
        if body:
            scope["_body_file"] = _payload(body)
        return await self._client.request(**scope)

    @property
    def upstream_request(self) -> ReceivedRequest:
        """The last request that the registry got."""
        return self.server.requests[-1]

    @property
    def upstream_parameters(self) -> dict[str, list[str]]:
        """The parameters of that request, from its form or else its query."""
        request = self.upstream_request
        text = request.body.decode() if request.method == "POST" else urlsplit(request.path).query
        return parse_qs(text, keep_blank_values=True)


def _scope(target: str, method: str, lines: Lines, body: bytes, peer: str) -> dict[str, Any]:
    split = urlsplit(target)
    if body:
        lines = [*lines, ("content-length", str(len(body))), ("content-type", "application/x-www-form-urlencoded")]
    return {
        "method": method,
        "path": split.path,
        "raw_path": split.path.encode(),
        "query_string": split.query.encode(),
        "client": (peer, 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in lines],
    }


async def asgi_response(application: Application, scope: dict[str, Any], body: bytes = b"") -> Response:
    """What an ASGI application answers to a client that waits for the end of the answer."""
    sent: list[Any] = []
    given = False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    headers: dict[str, str] = {}
    for name, value in start["headers"]:
        assert name.lower().decode() not in headers, name
        headers[name.lower().decode()] = value.decode("latin-1")
    return Response(start["status"], headers, b"".join(part["body"] for part in parts))


async def lane_response(
    lane: Lane, method: str, target: str, lines: Lines, body: bytes, peer: str = "192.0.2.1"
) -> Response:
    """What a worker answers to a client that sends these bytes, without what uvicorn says of itself."""
    if body:
        lines = [*lines, ("Content-Length", str(len(body)))]
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines)
    outcome = await lane.answer([f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + body], peer)
    head, _, rest = outcome.sent.partition(b"\r\n\r\n")
    status_line, *answered = head.decode("latin-1").split("\r\n")
    found = [(name, value) for name, _, value in (line.partition(": ") for line in answered)]
    told = {name: value for name, value in found if name not in ("date", "server", "connection", "transfer-encoding")}
    assert len({name for name, _ in found}) == len(found)
    if ("transfer-encoding", "chunked") in found:
        rest = _dechunked(rest)
    return Response(int(status_line.split(" ")[1]), told, rest)


def _dechunked(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole, data = whole + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return whole


def _payload(body: bytes) -> Any:
    from django.test.client import FakePayload

    return FakePayload(body)


async def _parts(response: Any) -> AsyncIterator[bytes]:
    if isinstance(response, StreamingHttpResponse):
        async for part in response:
            yield bytes(part)
    else:
        yield response.content
