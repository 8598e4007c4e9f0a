"""What add_mapping, explain and a mapping's page say of whether a pull works: no more than a probe has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from routing.core.client_support import Verdict
from routing.models import Hostname, Mapping
from routing.services.mappings.explain import explain_mapping
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "docker.acme.com"
STORAGE = "https://cdn.example/x"


@pytest.fixture
def server(settings: Settings) -> Iterator[FaultyServer]:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    settings.FACADE_PROBE_ON_SAVE = True
    running = FaultyServer()
    yield running
    running.stop()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def page() -> dict[str, tuple[Verdict, str]]:
    """What the mapping's page says: the verdict of each client, and the reason."""
    outlooks = explain_mapping(Mapping.objects.select_related("hostname__tenant", "registry").get()).client_support
    return {outlook.client.shown: (outlook.verdict, outlook.reason) for outlook in outlooks}


@pytest.mark.parametrize("auth", ["none", "bearer"])
def test_what_a_probe_has_seen_works(server: FaultyServer, auth: str) -> None:
    SmallRegistry(server, auth=auth).redirect_blobs(STORAGE)

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")

    assert f"Pull with: docker pull {HOST}/acme/app\n" in said
    assert "can pull the one that the last probe saw" in said
    # Nobody has looked at either.
    assert "? DNS: not looked at" in said
    assert "? Certificate: not looked at" in said
    assert set(page().values()) == {(Verdict.WORKS, "")}
    explained = run("explain", f"{HOST}/acme/app")
    assert "not known" not in explained
    assert "FAILS" not in explained


def web_page(server: FaultyServer) -> None:
    server.answers("/v2/", 200, {"Content-Type": "text/html"}, b"<html>")


def elsewhere(server: FaultyServer) -> None:
    server.answers("/v2/", 302, {"Location": "https://login.example/"})


def nothing(server: FaultyServer) -> None:
    server.stop()


def out_of_order(server: FaultyServer) -> None:
    server.answers("/v2/", 500)


def no_challenge(server: FaultyServer) -> None:
    server.answers("/v2/", 401)


@pytest.mark.parametrize("sick", [web_page, elsewhere, nothing, out_of_order, no_challenge])
def test_what_is_no_registry_is_not_said_to_work(server: FaultyServer, sick: Callable[[FaultyServer], None]) -> None:
    sick(server)

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")

    assert "works:" not in said
    assert f"Pull with: docker pull {HOST}/acme/app\n" in said
    assert "✗ Registry: the last probe of" in said
    assert "? Images: the last probe of" in said
    assert f"facade probe {server.url}" in said
    assert {verdict for verdict, _ in page().values()} == {Verdict.UNKNOWN}
    explained = run("explain", f"{HOST}/acme/app")
    assert "  works" not in explained
    assert explained.count("not known yet  ") == len(page())


def test_a_repository_that_is_not_there_is_not_said_to_work(server: FaultyServer) -> None:
    SmallRegistry(server, tags=()).redirect_blobs(STORAGE)

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")

    assert "can pull" not in said
    assert "the last probe of it failed: acme/app at 127.0.0.1" in said
    assert "has no tags to try" in said
    assert f"facade probe {HOST}/acme/app" in said


def test_another_repository_than_the_probed_one_is_not_said_to_work(server: FaultyServer) -> None:
    SmallRegistry(server).redirect_blobs(STORAGE)
    said = run("add_mapping", HOST, "acme", f"{server.url}/acme")
    assert f"facade probe {HOST}/acme/IMAGE" in said

    run("probe", f"{HOST}/acme/app")

    assert "not known yet" not in run("explain", f"{HOST}/acme/app")
    assert {verdict for verdict, _ in page().values()} == {Verdict.WORKS}
    other = run("explain", f"{HOST}/acme/other")
    assert "  works" not in other
    assert "no probe has looked for it yet" in other
    assert f"facade probe {HOST}/acme/other" in other


def test_where_the_registry_serves_layers_itself_it_is_said_who_fails_and_why(server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")

    said = run("add_mapping", HOST, "team/app", f"{server.url}/acme/app")

    assert f"Pull with: docker pull {HOST}/team/app\n" in said
    assert "✗ Images: docker (classic image store) can't pull: " in said
    assert "serves layers itself" in said
    verdicts = {client: verdict for client, (verdict, _) in page().items()}
    assert verdicts["docker (containerd image store)"] is verdicts["crane from 0.21.8 on"] is Verdict.WORKS
    assert verdicts["docker (classic image store)"] is verdicts["skopeo"] is Verdict.FAILS
    explained = run("explain", f"{HOST}/team/app")
    assert "Why: " in explained
    assert "serves layers itself" in explained


@pytest.mark.parametrize("option", ["--private", ""])
def test_what_nobody_can_read_without_credentials(server: FaultyServer, option: str) -> None:
    SmallRegistry(server, auth="bearer").public = False

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app", *([option] if option else []))

    assert "can pull" not in said
    assert "? Images: " in said
    verdicts = {client: verdict for client, (verdict, _) in page().items()}
    if option:
        # containerd brings its credentials to wherever the layers are; of the others it depends on where that is.
        assert verdicts.pop("containerd (ctr and Kubernetes)") is Verdict.WORKS
        assert f"docker login {HOST}" in run("explain", f"{HOST}/acme/app")
    else:
        assert "set the mapping's option “private”" in said
    assert set(verdicts.values()) == {Verdict.UNKNOWN}


def test_at_a_hostname_that_is_switched_off_nothing_is_said_to_work(server: FaultyServer) -> None:
    SmallRegistry(server).redirect_blobs(STORAGE)
    run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")
    Hostname.objects.update(enabled=False)

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")

    assert "✗ Mapping: clients are refused: hostname disabled" in said
    assert {verdict for verdict, _ in page().values()} == {Verdict.FAILS}


def test_without_probes_nothing_is_said_to_work(server: FaultyServer, settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = False
    SmallRegistry(server).redirect_blobs(STORAGE)

    said = run("add_mapping", HOST, "acme/app", f"{server.url}/acme/app")

    assert "can pull" not in said
    assert f"Pull with: docker pull {HOST}/acme/app\n" in said
