"""The attacks: what each does, how many of it go on at once, and how often. All of them go on together.

Names are those of docs/explanation/threat-model.md, which says what bounds each.
"""

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from benchmarks.servers import HOST
from benchmarks.soak.hostile import BEHAVIOURS, HANGING
from benchmarks.soak.innocent import CONTROL
from benchmarks.soak.seed import HOSTILE_HOST, SILENT_NAMES
from benchmarks.soak.wire import Connection, Failed, ask, head

# Where attacks come from: nobody of them from where the innocent do.
TENANT, STRANGER, IDLER, GUESSER, THIEF = (f"127.0.0.{number}" for number in range(66, 71))
_PATIENCE_SECONDS = 20.0
_RELAYED = {"User-Agent": "crane/v0.21", "Authorization": "Bearer t", "Connection": "close"}
# Answered by the registry in one piece; what hangs or floods has attacks of its own.
_ODD = sorted(set(BEHAVIOURS) - {"hang", "drip", "big", "bytes", "continues", "blanks"})


class Target(NamedTuple):
    """The server's port, and what the hostile tenant has there."""

    port: int
    hostile: dict[str, Any]


# Does one thing, and gives a word for what came of it. Raises `Failed`.
Once = Callable[[], Awaitable[str]]


class Attack(NamedTuple):
    """`at_once` loops do `once`, each every `seconds` and no sooner than its last one is over."""

    numbers: str
    what: str
    at_once: int
    seconds: float
    once: Once

    @property
    def rate(self) -> str:
        """How much of it there is at most."""
        return f"{self.at_once} at once, {self.at_once / self.seconds:.3g}/s"


def attacks(target: Target) -> Sequence[Attack]:
    """All of them."""
    tenant, stranger = Tenant(target), Stranger(target)
    return [
        Attack("1", "relays to names whose name server is silent", 12, 1.0, tenant.silent_names),
        Attack("1, 4", "relays to registries that take the connection and say nothing", 24, 1.0, tenant.hanging),
        Attack("2", "“check now” of claims whose name server is silent", 8, 1.0, tenant.check_claims),
        Attack("2", "probes of registries that hang", 8, 1.0, tenant.probe),
        Attack("3", "changes of a mapping, each of which may be probed", 2, 0.5, tenant.change),
        Attack("5", "4 MiB answers that nobody reads", 20, 2.0, tenant.unread),
        Attack("6", "pipelined requests whose answers nobody reads", 4, 1.0, stranger.pipelined),
        Attack("7", "idle connections from one address", 2500, 25.0, stranger.idle),
        Attack("8", "registry that answers in one-byte chunks", 2, 1.0, tenant.asks("bytes")),
        Attack("8", "registry that answers 100 Continue for ever", 2, 1.0, tenant.asks("continues")),
        Attack("8", "registry that drips its answer", 8, 1.0, tenant.asks("drip")),
        Attack("9", "manifests of a registry that all share", 2, 0.1, tenant.shared),
        Attack("10", "User-Agents of 31 KB, each another, for unknown hosts", 1, 0.05, stranger.user_agents),
        Attack("10", "mapped names, each another", 1, 0.025, stranger.distinct_paths),
        Attack("11", "registries, invitations and reasons without end", 2, 1.0, tenant.rows),
        Attack("12", "Link of 90,000 blanks", 1, 1.0, tenant.asks("blanks", "tags/list")),
        Attack("13–15", "odd answers: HTML, SVG, deep JSON, NaN, bad Link, UTF-8, ANSI", 2, 0.2, tenant.odd()),
        Attack("19", "wrong API tokens", 2, 0.1, stranger.wrong_tokens),
        Attack("23", "HEAD, PUT and POST of invitation links", 1, 0.5, stranger.links),
        Attack("24", "password resets while the mail server hangs", 2, 2.0, stranger.resets),
        Attack("25", "wrong passwords for somebody of the innocent", 1, 2.0, stranger.passwords),
    ]


class Tenant:
    """Eve of the hostile tenant, and who pulls from her hostname."""

    def __init__(self, target: Target) -> None:
        self._port, self._hostile = target
        self._turns = itertools.count()

    async def silent_names(self) -> str:
        return await self._relay(f"silent{next(self._turns) % SILENT_NAMES}")

    async def hanging(self) -> str:
        return await self._relay(f"hanging{next(self._turns) % len(HANGING)}")

    def asks(self, behaviour: str, endpoint: str = "manifests/1.0") -> Once:
        async def once() -> str:
            return await self._relay(behaviour, endpoint)

        return once

    def odd(self) -> Once:
        turns = itertools.cycle(
            (behaviour, endpoint)
            for behaviour in _ODD
            for endpoint in ("manifests/1.0", "tags/list", f"blobs/sha256:{'a' * 64}")
        )

        async def once() -> str:
            return await self._relay(*next(turns))

        return once

    async def shared(self) -> str:
        return await self._relay("shared")

    async def unread(self) -> str:
        """Ask for 4 MiB, with a window of a few KiB, and read nothing for twenty seconds."""
        request = head("GET", "/v2/big/app/manifests/1.0", HOSTILE_HOST, _RELAYED)
        return await _held(self._port, TENANT, request)

    async def check_claims(self) -> str:
        claims = self._hostile["claims"]
        return await self._api("POST", f"/claims/{claims[next(self._turns) % len(claims)]}/check", {})

    async def probe(self) -> str:
        registries = self._hostile["registries"]
        return await self._api("POST", f"/registries/{registries[next(self._turns) % len(registries)]}/probe", {})

    async def change(self) -> str:
        origins, turn = self._hostile["origins"], next(self._turns)
        patch = {"target": f"{origins[turn % len(origins)]}/hang", "reason": "soak"}
        return await self._api("PATCH", f"/mappings/{self._hostile['mapping']}", patch)

    async def rows(self) -> str:
        """One more of something, in turn."""
        turn = next(self._turns)
        name = secrets.token_hex(6)
        registry = {"tenant": "hostile", "name": name, "origin": f"https://{name}.hostile.example.net"}
        invitation = {"tenant": "hostile", "email": f"{name}@victim.example.org", "role": "viewer"}
        reason = {"allow_push": bool(turn & 4), "reason": "x" * 400}
        return await [
            lambda: self._api("POST", "/registries", registry),
            lambda: self._api("POST", "/invitations", invitation),
            lambda: self._api("PATCH", f"/mappings/{self._hostile['mapping']}", reason),
        ][turn % 3]()

    async def _relay(self, prefix: str, endpoint: str = "manifests/1.0") -> str:
        request = head("GET", f"/v2/{prefix}/app/{endpoint}", HOSTILE_HOST, _RELAYED)
        return str((await ask(self._port, request, source=TENANT, seconds=_PATIENCE_SECONDS)).status)

    async def _api(self, method: str, path: str, body: dict[str, Any]) -> str:
        fields = {"Authorization": f"Bearer {self._hostile['token']}", "Content-Type": "application/json"}
        request = head(method, f"/api/v1{path}", CONTROL, {**fields, "Connection": "close"}, json.dumps(body).encode())
        return str((await ask(self._port, request, source=TENANT, seconds=_PATIENCE_SECONDS)).status)


class Stranger:
    """Somebody without an account."""

    def __init__(self, target: Target) -> None:
        self._port = target.port
        self._turns = itertools.count()
        # One loop each: answers of two would mix.
        self._agents = Connection(self._port, STRANGER)
        self._paths = Connection(self._port, STRANGER)

    async def pipelined(self) -> str:
        """A quarter of a megabyte of small requests, and nothing is read for twenty seconds."""
        request = head("GET", "/v2/acme0/app/manifests/unmapped", "nobody.example.com", {"User-Agent": "docker/28.0.0"})
        return await _held(self._port, STRANGER, request * (243_000 // len(request)))

    async def idle(self) -> str:
        """Connect and say nothing for half a minute, then connect again."""
        connection = Connection(self._port, IDLER)
        await connection.open()
        try:
            return "closed by the server" if await connection.ended(30.0) else "kept"
        finally:
            connection.close()

    async def user_agents(self) -> str:
        agent = secrets.token_hex(8) * 1900
        request = head("GET", "/v2/x/y/manifests/1", f"{secrets.token_hex(4)}.example.com", {"User-Agent": agent})
        return str((await self._agents.ask(request, _PATIENCE_SECONDS)).status)

    async def distinct_paths(self) -> str:
        path = f"/v2/acme0/{secrets.token_hex(90)}/manifests/{secrets.token_hex(40)}"
        request = head("GET", path, HOST, {"User-Agent": f"docker/28.{next(self._turns)}.0"})
        return str((await self._paths.ask(request, _PATIENCE_SECONDS)).status)

    async def wrong_tokens(self) -> str:
        fields = {"Authorization": f"Bearer facade_{secrets.token_urlsafe(32)}", "Connection": "close"}
        request = head("GET", "/api/v1/whoami", CONTROL, fields)
        return str((await ask(self._port, request, source=THIEF, seconds=_PATIENCE_SECONDS)).status)

    async def links(self) -> str:
        method = ("HEAD", "PUT", "POST")[next(self._turns) % 3]
        request = head(method, f"/accounts/invitation/{secrets.token_urlsafe(32)}/", CONTROL, {"Connection": "close"})
        return str((await ask(self._port, request, source=THIEF, seconds=_PATIENCE_SECONDS)).status)

    async def resets(self) -> str:
        return await self._form(
            "/accounts/password/reset/", email=f"anna{next(self._turns) % 3 or ''}@acme.example.org"
        )

    async def passwords(self) -> str:
        return await self._form("/accounts/login/", login="anna", password=secrets.token_hex(8))

    async def _form(self, path: str, **fields: str) -> str:
        """Open a form and send it, as a browser without cookies would."""
        host = f"{CONTROL}:{self._port}"
        page = await ask(self._port, head("GET", path, host, {"Connection": "close"}), source=GUESSER)
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        cookie = re.search(r"csrftoken=([^;]+)", page.headers.get("set-cookie", ""))
        if token is None or cookie is None:
            return f"{page.status}, no form"
        body = urlencode({"csrfmiddlewaretoken": token[1].decode(), **fields}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": cookie[0],
            "Origin": f"http://{host}",
            "Connection": "close",
        }
        answer = await ask(
            self._port, head("POST", path, host, headers, body), source=GUESSER, seconds=_PATIENCE_SECONDS
        )
        return str(answer.status)


async def _held(port: int, source: str, request: bytes) -> str:
    """Send a request on a connection of which nothing is read, and hold it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.setblocking(False)
        held.bind((source, 0))
        loop = asyncio.get_running_loop()
        await loop.sock_connect(held, ("127.0.0.1", port))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await loop.sock_sendall(held, request)
                await asyncio.sleep(_PATIENCE_SECONDS)
        return "held"
    except OSError as error:
        raise Failed("broken off") from error
    finally:
        held.close()
