"""A real Envoy whose files `facade edge` keeps, while the publisher lies, breaks off and goes away."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from routing.core.decide import Request
from routing.edge.command import main
from routing.edge.document import pack, unpack
from routing.edge.envoy import ROUTES
from routing.publish.documents import Surroundings
from tests.core.contract import DOCKER
from tests.e2e.engines import envoy
from tests.e2e.export_engines import ADDRESS, Envoy
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import wait_until
from tests.edge.mutations import KINDS, wrongly_compiled
from tests.edge.publisher import TOKEN, Publisher, document, publishing

ASKED = Request("GET", "h1.example", "/v2/app/web/manifests/1", user_agent=DOCKER)


class EdgeEnvoy(Envoy):
    """One that takes what an edge has put into its folder."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher, self._looks = publisher, 0
        self.folder = process.short_directory("edge")
        self.port = free_port(ADDRESS)
        self.around = Surroundings(f"{ADDRESS}:{self.port}", f"{ADDRESS}:9", "http", folder=str(self.folder))
        self.file = self.folder / "envoy.json"
        assert self.look(document(1, around=self.around)) == 0
        self._start()

    def look(self, body: bytes) -> int:
        """Have the edge look once, now that this is published. Its exit status."""
        self._looks += 1
        self._publisher.body, self._publisher.etag = body, f'"{self._looks}"'
        words = ["--from", self._publisher.origin, "--folder", str(self.folder), "--app", f"{ADDRESS}:9"]
        return main([*words, "--listen", f"{ADDRESS}:{self.port}", "--once", "--check", str(envoy())])

    def leads_to(self) -> str:
        """Where a client is sent."""
        return self.ask(ASKED).headers.get("location", "")

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.folder)


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("EDGE_TOKEN", TOKEN)
    with publishing(b"") as running:
        yield running


def location(generation: int) -> str:
    return f"https://mcr.microsoft.com/v2/app-{generation}/web/manifests/1"


def test_an_envoy_never_loses_its_routes(publisher: Publisher) -> None:
    chance = random.Random(20261127)
    with EdgeEnvoy(publisher) as engine:
        assert engine.leads_to() == location(1)
        good = document(2, around=engine.around)
        kinds = [kind for kind in KINDS if kind is not wrongly_compiled]
        mutated = [kind(good, chance) for kind in kinds for _ in range(8)]
        for body in [*(each for each in mutated if each != good), refused_by_envoy(good)]:
            assert engine.look(body) == 1, body[:200]
            assert engine.leads_to() == location(1)

        assert engine.look(document(3, around=engine.around)) == 0
        wait_until(lambda: engine.leads_to() == location(3), "Envoy takes what is good again")
        publisher.status = 500
        assert engine.look(good) == 1
        publisher.shutdown()
        publisher.server_close()
        engine.restart()
        assert engine.leads_to() == location(3)


def refused_by_envoy(good: bytes) -> bytes:
    """With all checksums right, and a field that Envoy doesn't know."""
    published = unpack(good)
    files = dict(published.files)
    routes = json.loads(files[ROUTES])
    routes["resources"][0]["no_such_field"] = 1
    files[ROUTES] = json.dumps(routes)
    return pack("envoy", published.generation, files.items()).encode()
