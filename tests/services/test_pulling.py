"""What people are told to type: it works as it stands, so it names the port wherever one is needed."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.core.table.policy import Policy
from routing.core.table.routing_table import Table
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.mappings import explain as explain_module
from routing.services.mappings.explain import explain
from routing.services.mappings.mappings import add_mapping
from routing.services.mappings.pull_command import authority_of, pull_command
from routing.table.load import load_table


@pytest.mark.parametrize(
    ("host", "port", "authority"),
    [
        ("docker.acme.com", 443, "docker.acme.com"),
        ("docker.acme.com", 8443, "docker.acme.com:8443"),
        # docker would take `registry/acme/app` for an image of Docker Hub.
        ("registry", 443, "registry:443"),
        ("10.0.0.7", 443, "10.0.0.7"),
        ("[2001:db8::1]", 443, "[2001:db8::1]"),
        ("localhost", 443, "localhost:8000"),
        ("docker.localhost", 8443, "docker.localhost:8000"),
        ("127.0.0.1", 443, "127.0.0.1:8000"),
        ("[::1]", 443, "[::1]:8000"),
    ],
)
def test_a_port_stands_where_one_is_needed(settings: Settings, host: str, port: int, authority: str) -> None:
    settings.FACADE_PUBLIC_PORT, settings.FACADE_LOOPBACK_PORT = port, 8000

    assert authority_of(host) == authority


def test_a_loopback_name_may_have_tls_in_front(settings: Settings) -> None:
    settings.FACADE_LOOPBACK_PORT = 443

    assert (authority_of("localhost"), authority_of("a.localhost")) == ("localhost", "a.localhost")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("", "docker pull localhost:8000/IMAGE"),
        ("acme", "docker pull localhost:8000/acme/IMAGE"),
        ("acme/app", "docker pull localhost:8000/acme/app"),
    ],
)
def test_the_command_of_a_mapping(platform: Actor, settings: Settings, prefix: str, command: str) -> None:
    settings.FACADE_LOOPBACK_PORT = 8000
    mapping = add_mapping(platform, "", hostname="localhost", prefix=prefix, target="ghcr.io/acme").mapping

    assert pull_command(mapping) == command


@pytest.mark.django_db
def test_the_command_of_an_image(platform: Actor, settings: Settings) -> None:
    settings.FACADE_LOOPBACK_PORT = 8000
    add_mapping(platform, "", hostname="localhost", prefix="acme", target="ghcr.io/acme")
    digest = "sha256:" + "0" * 64

    for typed, command in (
        ("localhost/acme/app", "docker pull localhost:8000/acme/app:latest"),
        ("localhost:8000/acme/app:1.0", "docker pull localhost:8000/acme/app:1.0"),
        (f"localhost:99/acme/app:1.0@{digest}", f"docker pull localhost:8000/acme/app@{digest}"),
    ):
        assert explain(platform, typed).image.pull_command == command


@pytest.mark.django_db
def test_a_mapping_that_goes_while_it_is_explained_is_told_as_gone(
    platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_mapping(platform, "", hostname="localhost", prefix="acme", target="ghcr.io/acme")

    def loaded(policy: Policy, hostname: str) -> Table:
        table = load_table(policy, hostname)
        Mapping.objects.all().delete()
        return table

    monkeypatch.setattr(explain_module, "load_table", loaded)

    with pytest.raises(NotFound, match="localhost/acme/app was removed, or changed, at this very moment"):
        explain(platform, "localhost/acme/app:1.0")
