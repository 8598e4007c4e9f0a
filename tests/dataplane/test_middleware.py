"""The middleware: one table for each request, no query, no table yet (R7.7, R7.8); hostile targets through it all."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from routing.core.decide import Request, decide
from routing.core.table.routing_table import Change, Table
from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving.middleware import FacadeMiddleware, raw_path
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from tests.core.contract import ALONE, DOCKER, PODMAN, REGISTRIES, build_table, outcome_of
from tests.core.test_hostile_targets import Choices
from tests.dataplane.wire import environ_of, send, send_async
from tests.examples import examples

PULL = Request("GET", "docker.acme.com", "/v2/acme/web/manifests/1.0", "", DOCKER)
CONTROL = "localhost"
MANY = 1500
PROPERTY = hypothesis_settings(max_examples=examples(MANY), deadline=None, database=None)


class TestOneTable:
    def test_a_request_is_answered_from_one_table_while_they_change(self) -> None:
        """Both the registry and the name at it change; an answer has both as they were, or both as they are."""
        first = build_table()
        entry = {"registry": "mcr", "upstream_prefix": "moved", "flags": 1}
        second = first.apply([Change(2, "mapping", "docker.acme.com/acme", entry)])
        stop = threading.Event()

        def swap() -> None:
            for table in itertools.cycle((second, first)):
                if stop.is_set():
                    return
                live_table.table = table

        live_table.table = first
        swapping = threading.Thread(target=swap)
        swapping.start()
        client, seen = Client(), []
        try:
            for _ in range(400):
                seen.append(send(client, PULL).headers["location"])
        finally:
            stop.set()
            swapping.join()

        assert set(seen) <= {
            "https://ghcr.io/v2/acme/web/manifests/1.0",
            "https://mcr.microsoft.com/v2/moved/web/manifests/1.0",
        }

    def test_the_table_is_looked_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Table] = []

        def get() -> Table:
            asked.append(build_table())
            return asked[-1]

        monkeypatch.setattr(live_table, "get", get)
        for request in (
            PULL,
            PULL._replace(user_agent=PODMAN),
            PULL._replace(path="/v2/"),
            PULL._replace(method="PUT"),
        ):
            asked.clear()
            send(Client(), request)
            assert len(asked) == 1


@pytest.mark.django_db
class TestQueries:
    REQUESTS = (
        PULL,
        PULL._replace(path="/v2/"),
        PULL._replace(user_agent=PODMAN),
        PULL._replace(method="POST"),
        PULL._replace(host="unknown.example"),
        PULL._replace(path="/v2/../"),
    )

    def test_a_warm_answer_makes_no_query(
        self, platform: Actor, table: Callable[[], Table], django_assert_num_queries: Any
    ) -> None:
        add_mapping(platform, "", hostname=PULL.host, prefix="acme", target="ghcr.io/acme")
        table()
        client = Client()

        with django_assert_num_queries(0):
            answers = [send(client, request) for request in self.REQUESTS]

        assert [answer.status for answer in answers] == [307, 307, 401, 405, 404, 400]

    def test_nor_does_it_under_asgi(
        self, platform: Actor, table: Callable[[], Table], django_assert_num_queries: Any
    ) -> None:
        add_mapping(platform, "", hostname=PULL.host, prefix="acme", target="ghcr.io/acme")
        table()
        client = AsyncClient()

        async def all_at_once() -> list[int]:
            return [wire.status for wire in await asyncio.gather(*(send_async(client, one) for one in self.REQUESTS))]

        with django_assert_num_queries(0):
            assert asyncio.run(all_at_once()) == [307, 307, 401, 405, 404, 400]

    def test_a_repoint_holds_from_the_next_request_on(self, platform: Actor, table: Callable[[], Table]) -> None:
        client = Client()
        add_mapping(platform, "", hostname=PULL.host, prefix="acme", target="ghcr.io/acme")
        table()
        before = send(client, PULL)

        repoint(platform, "moved", hostname=PULL.host, prefix="acme", target="quay.io/acme")
        table()

        assert before.headers["location"] == "https://ghcr.io/v2/acme/web/manifests/1.0"
        assert send(client, PULL).headers["location"] == "https://quay.io/v2/acme/web/manifests/1.0"


class TestBeforeTheFirstTable:
    def test_clients_are_told_to_come_back(self) -> None:
        for path in ("/v2/", PULL.path, "/token", "/admin/"):
            wire = send(Client(), PULL._replace(path=path))

            assert (wire.status, wire.headers["retry-after"]) == (503, "1")
            assert b'"UNAVAILABLE"' in wire.body

    def test_the_health_checks_answer(self, settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        client = Client()

        assert client.get("/livez", headers={"host": CONTROL}).json()["status"] == "ok"
        ready = client.get("/readyz", headers={"host": CONTROL})
        assert (ready.status_code, ready.json()["status"]) == (503, "starting")

    @pytest.mark.parametrize("host", ["10.0.0.7:8000", "[::1]", "docker.acme.com"])
    def test_the_health_checks_answer_by_address(self, host: str) -> None:
        client = Client()

        assert client.get("/livez", headers={"host": host}).json()["status"] == "ok"
        assert client.get("/readyz", headers={"host": host}).status_code == 503
        assert client.get("/admin/", headers={"host": host}).status_code == 503

    @pytest.mark.django_db
    def test_and_say_when_it_is_there(
        self, platform: Actor, table: Callable[[], Table], django_assert_num_queries: Any, settings: Settings
    ) -> None:
        # However slow this machine is, that is no reason to call the table stale.
        settings.FACADE_POLL_SECONDS = 60.0
        add_mapping(platform, "", hostname=PULL.host, prefix="acme", target="ghcr.io/acme")
        loaded = table()

        with django_assert_num_queries(0):
            ready = Client().get("/readyz", headers={"host": CONTROL})

        assert ready.status_code == 200
        facts = ready.json()
        assert (facts["status"], facts["generation"], facts["mappings"]) == ("ok", loaded.generation, 1)
        assert 0 <= facts["confirmed_seconds_ago"] < 60


class TestBothKinds:
    """Sync or async, as the handler after it is; nothing in between."""

    def test_over_a_sync_handler_it_is_sync(self) -> None:
        middleware = FacadeMiddleware(lambda request: HttpResponse("django"))
        live_table.table = build_table()

        assert not iscoroutinefunction(middleware)
        response = middleware(RequestFactory().get("/", headers={"host": "admin.facade.example"}))
        assert isinstance(response, HttpResponse)
        assert response.content == b"django"

    async def test_over_an_async_handler_it_is_async(self) -> None:
        async def handler(request: HttpRequest) -> HttpResponse:
            return HttpResponse("django")

        middleware = FacadeMiddleware(handler)
        live_table.table = build_table()

        assert iscoroutinefunction(middleware)
        for host, status in (("admin.facade.example", 200), ("docker.acme.com", 404)):
            answering: Any = middleware(RequestFactory().get("/nothing", headers={"host": host}))
            assert (await answering).status_code == status

    @pytest.mark.parametrize("path", ["/v2/", "/v2/acme/web/manifests/1.0", "/v2/_catalog"])
    def test_an_answer_to_head_has_no_body_whatever_the_server_does(self, path: str) -> None:
        middleware = FacadeMiddleware(lambda request: HttpResponse("django"))
        live_table.table = build_table()

        response: Any = middleware(RequestFactory().head(path, headers={"host": "docker.acme.com"}))

        assert response.content == b""
        assert response["Docker-Distribution-Api-Version"] == "registry/2.0"


ORIGINS = tuple(f"{registry.origin}/v2/" for registry in REGISTRIES.values())


def test_hostile_targets_through_all_of_django(settings: Settings) -> None:
    """What `decide()` makes of them is what comes out at the other end, and never a 5xx."""
    settings.ALLOWED_HOSTS = ["*"]
    live_table.table = table = build_table()
    client = Client(raise_request_exception=True)
    statuses: list[int] = []

    @PROPERTY
    @given(st.binary(min_size=32, max_size=32))
    def judge_one(data: bytes) -> None:
        choices = Choices(data)
        request = choices.request(
            path=choices.spoiled(choices.path()), query=choices.spoiled("n=5"), host=choices.spoiled("docker.acme.com")
        )
        if "?" in request.path or request.path.lower().startswith(("http://", "https://")):
            return  # On the wire the path would end there, or begin behind the host (RFC 9112 §3.2.2).
        outcome = outcome_of(decide(table, request))
        if not isinstance(outcome, ALONE) or request.method != request.method.upper():
            return
        response = client.request(**environ_of(request))
        statuses.append(response.status_code)
        assert response.status_code < 500
        if "Location" in response and response.headers.get("Docker-Distribution-Api-Version"):
            assert response["Location"].startswith(ORIGINS)
            assert response["Location"] == getattr(outcome, "location", None)

    judge_one()
    # The first examples are simple ones, so of the few that the fast profile tries no counts can be asked.
    if PROPERTY.max_examples == MANY:
        assert statuses.count(307) > 20
        assert statuses.count(400) > 20


@pytest.mark.parametrize("before", ["", "Location: https://evil.example", "x://evil.example", "evil.example"])
def test_what_is_no_absolute_form_is_no_path_either(before: str) -> None:
    request = RequestFactory().get("/", RAW_URI=f"{before}/v2/acme/app/manifests/1.0?n=5")

    assert raw_path(request) == f"{before}/v2/acme/app/manifests/1.0"


@pytest.mark.parametrize("before", ["http://docker.acme.com", "HTTPS://docker.acme.com:443"])
def test_the_path_of_an_absolute_form(before: str) -> None:
    request = RequestFactory().get("/", RAW_URI=f"{before}/v2/acme/app/manifests/1.0?n=5")

    assert raw_path(request) == "/v2/acme/app/manifests/1.0"
