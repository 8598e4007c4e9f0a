"""The innocent tenant's traffic: pulls, relays, sign-in, admin and API. What it meets is measured.

Pulls are due at fixed times, and their latency counts from when they were due: a server that stalls is not asked less
often, and not found faster, for that. People and their programs wait for an answer before they go on.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from benchmarks.servers import AGENT, HOST, PATH, TARGET
from benchmarks.soak.children import tell
from benchmarks.soak.registry import DIGEST
from benchmarks.soak.seed import PASSWORD
from benchmarks.soak.wire import Answer, Connection, Failed, ask, head

CONTROL = "localhost"
REDIRECT_SECONDS, CONTROL_SECONDS = 10.0, 60.0
# A client reads a few answers and is gone: the next one needs a place among the connections.
_ANSWERS_A_CONNECTION = 20
_TRIES = 3
_RELAYED = {"User-Agent": "crane/v0.21", "Authorization": "Bearer t", "Accept": "*/*"}


@dataclass
class Seen:
    """What one kind of request met: latencies of right answers in seconds, and what was wrong, by its name."""

    latencies: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Any]:
        """For the report."""
        ordered = sorted(self.latencies)
        return {
            "number": len(ordered) + sum(self.wrong.values()),
            "median": ordered[len(ordered) // 2] if ordered else 0.0,
            "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else 0.0,
            "slowest": ordered[-1] if ordered else 0.0,
            "wrong": dict(self.wrong),
        }


class Innocent:
    """Anna of acme, her programs, and who pulls from her hostname."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.port, self.people = task["port"], task["people"]
        self.seen: dict[str, Seen] = {}
        self.cookies: dict[str, str] = {}
        self.moves = 0

    async def every(
        self, seconds: float, kind: str, once: Callable[[], Awaitable[None]], late: float = 0.0, *, waits: bool = True
    ) -> None:
        """Do it every so many seconds, and note how long after its time it was done or what was wrong.

        What took longer than its turn is done again at once: late, or where it `waits`, at a new time.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + late
        while True:
            await asyncio.sleep(due - loop.time())
            seen = self.seen.setdefault(kind, Seen())
            try:
                await once()
            except Failed as error:
                seen.wrong[str(error)] += 1
            else:
                seen.latencies.append(loop.time() - due)
            due = max(due + seconds, loop.time() if waits else 0.0)

    def redirects(self) -> Callable[[], Awaitable[None]]:
        """One puller that is redirected."""
        request = head("GET", PATH, HOST, {"User-Agent": AGENT})
        return self._pulls(request, lambda answer: _is(answer, 307) and answer.headers.get("location") == TARGET + PATH)

    def relays(self, prefix: str) -> Callable[[], Awaitable[None]]:
        """One puller whose manifests are relayed."""
        request = head("GET", f"/v2/{prefix}/app/manifests/1.0", HOST, _RELAYED)
        return self._pulls(
            request, lambda answer: _is(answer, 200) and answer.headers.get("docker-content-digest") == DIGEST
        )

    def blobs(self) -> Callable[[], Awaitable[None]]:
        """One puller whose layers are found for it."""
        request = head("GET", f"/v2/own/app/blobs/sha256:{'a' * 64}", HOST, _RELAYED)
        return self._pulls(
            request, lambda answer: _is(answer, 307) and "/content/" in answer.headers.get("location", "")
        )

    def _pulls(self, request: bytes, right: Callable[[Answer], bool]) -> Callable[[], Awaitable[None]]:
        connection, asked = Connection(self.port), 0

        async def once() -> None:
            nonlocal asked
            answer = await connection.ask(request, REDIRECT_SECONDS)
            asked += 1
            if asked % _ANSWERS_A_CONNECTION == 0:
                connection.close()
            if not right(answer):
                raise Failed("another answer")

        return once

    async def sign_in(self) -> None:
        """Anna signs in by her password, in the browser that she always has."""
        cookies = {name: value for name, value in self.cookies.items() if name != "sessionid"}
        page = await self._browse("GET", "/accounts/login/", cookies)
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        if not _is(page, 200) or found is None:
            raise Failed("no form")
        form = {"csrfmiddlewaretoken": found[1].decode(), "login": "anna", "password": PASSWORD}
        if (await self._browse("POST", "/accounts/login/", cookies, urlencode(form).encode())).status != 302:
            raise Failed("not signed in")
        self.cookies = cookies

    async def look(self) -> None:
        """Anna looks at her mappings, in the admin."""
        for page in ("/admin/routing/mapping/", f"/admin/routing/mapping/{self.people['moved']}/change/"):
            _expect(await self._browse("GET", page, self.cookies), 200)

    async def repoint(self) -> None:
        """Her program moves a mapping."""
        self.moves += 1
        target = f"{TARGET}/{'there' if self.moves % 2 else 'here'}"
        patch = {"target": target, "reason": "soak"}
        _expect(await self._api("PATCH", f"/mappings/{self.people['moved']}", patch), 200)

    async def listed(self) -> None:
        """Her program lists mappings."""
        _expect(await self._api("GET", "/mappings"), 200)

    async def probe(self) -> None:
        """She asks her registry what it wants. It may be asked at that moment: told to come back, she does."""
        for _ in range(_TRIES):
            answer = await self._api("POST", f"/registries/{self.people['registry']}/probe", {})
            if answer.status != 429:
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        _expect(answer, 200)

    async def _api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.people['token']}", "Content-Type": "application/json"}
        request = head(method, f"/api/v1{path}", CONTROL, {**headers, "Connection": "close"}, content)
        return await ask(self.port, request, seconds=CONTROL_SECONDS)

    async def _browse(self, method: str, path: str, cookies: dict[str, str], body: bytes = b"") -> Answer:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://{CONTROL}:{self.port}",
            "Connection": "close",
        }
        request = head(method, path, f"{CONTROL}:{self.port}", headers, body)
        answer = await ask(self.port, request, seconds=CONTROL_SECONDS)
        for line in answer.headers.get("set-cookie", "").split("\n"):
            name, _, value = line.partition(";")[0].partition("=")
            if name:
                cookies[name] = value
        return answer

    def plan(self) -> list[Awaitable[None]]:
        """All that goes on at once, at its rate."""
        redirects = [self.every(0.1, "redirects", self.redirects(), n * 0.0125, waits=False) for n in range(8)]
        # Fewer than one tenant may have relayed of a registry in an hour.
        relays = [self.every(0.5, "relays", self.relays(prefix), 0.1, waits=False) for prefix in ("own", "shared")]
        return [
            *redirects,
            *relays,
            self.every(0.0125, "(waking up)", _nothing, waits=False),
            self.every(0.5, "blobs", self.blobs(), waits=False),
            self.every(10.0, "sign-in", self.sign_in, 1.0),
            self.every(2.0, "admin pages", self.look, 2.5),
            self.every(1.0, "API lists", self.listed),
            self.every(3.0, "API repoints", self.repoint, 0.5),
            self.every(10.0, "API probes", self.probe, 5.0),
        ]


async def _nothing() -> None:
    """Ask nothing: how late the client itself is, for want of a core. No redirect can be found earlier than that."""


def _is(answer: Answer, status: int) -> bool:
    _expect(answer, status)
    return True


def _expect(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise Failed(f"status {answer.status}")


async def main() -> None:
    """Go on until the end of input; each line that comes names the phase that begins."""
    loop = asyncio.get_running_loop()
    innocent = Innocent(json.loads(sys.stdin.readline()))
    phases: dict[str, dict[str, Seen]] = {}
    tasks = [asyncio.ensure_future(each) for each in innocent.plan()]
    tell({"began": time.time()})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        phases[line.strip()] = innocent.seen = {}
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    tell({phase: {kind: seen.told() for kind, seen in kinds.items()} for phase, kinds in phases.items()})


if __name__ == "__main__":
    asyncio.run(main())
