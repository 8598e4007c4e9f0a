"""The files by which clients do without the facade: what they say, and which images they leave to it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pytest_django import Settings

from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.mappings import fallback
from routing.services.mappings.fallback import Client, Fallback, get_fallback
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
FACADE = "https://docker.acme.com"


def mapped(owner: Person, prefix: str, target: str, **facts: Any) -> Mapping:
    # Whole shared registries are for operators of the platform.
    actor = Actor.command_line()
    mapping = add_mapping(actor, "", hostname="docker.acme.com", prefix=prefix, target=target).mapping
    Mapping.objects.filter(pk=mapping.pk).update(**facts)
    return mapping


def made(owner: Person, client: Client) -> Fallback:
    return get_fallback(owner.actor, owner.hostname.pk, client)


def hosts(owner: Person) -> dict[str, list[str]]:
    """Whom containerd asks, in its order, and what for."""
    found = tomllib.loads(made(owner, Client.CONTAINERD).text)
    assert found["server"] == FACADE
    assert {name: host.get("override_path", False) for name, host in found["host"].items()} == {
        name: name != FACADE for name in found["host"]
    }
    return {name: host["capabilities"] for name, host in found["host"].items()}


def led(owner: Person) -> dict[str, list[str]]:
    """Whom podman asks for a prefix, in its order."""
    tables = tomllib.loads(made(owner, Client.PODMAN).text)["registry"]
    return {
        table["prefix"]: [*(each["location"] for each in table.get("mirror", ())), table["location"]]
        for table in tables
    }


@pytest.mark.parametrize(
    ("prefix", "target", "base"),
    [
        ("acme", "ghcr.io/acme", "https://ghcr.io/v2"),
        ("app", "ghcr.io/acme/app", "https://ghcr.io/v2/acme"),
        ("", "ghcr.io/acme", "https://ghcr.io/v2/acme"),
        ("", "ghcr.io", "https://ghcr.io/v2"),
        ("acme", "docker.io/acme", "https://registry-1.docker.io/v2"),
    ],
)
def test_containerd_asks_the_facade_first_and_then_the_registry(
    owner: Person, prefix: str, target: str, base: str
) -> None:
    mapped(owner, prefix, target)

    assert hosts(owner) == {FACADE: ["pull", "resolve"], base: ["pull", "resolve"]}
    assert made(owner, Client.CONTAINERD).path == "/etc/containerd/certs.d/docker.acme.com/hosts.toml"


def test_mappings_that_lead_to_one_place_fall_back_by_tag(owner: Person) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    mapped(owner, "team", "ghcr.io/team")

    assert hosts(owner) == {FACADE: ["pull", "resolve"], "https://ghcr.io/v2": ["pull", "resolve"]}
    assert made(owner, Client.CONTAINERD).tags


def test_mappings_that_do_not_fall_back_by_digest_alone(owner: Person) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    mapped(owner, "team", "quay.io/team")

    assert hosts(owner) == {
        FACADE: ["pull", "resolve"],
        "https://ghcr.io/v2": ["pull"],
        "https://quay.io/v2": ["pull"],
    }
    assert not made(owner, Client.CONTAINERD).tags
    assert "IMAGE@sha256:" in made(owner, Client.CONTAINERD).text


@pytest.mark.parametrize(
    ("prefix", "target", "facts", "why"),
    [
        ("tool", "ghcr.io/acme/other", {}, "its repositories are called differently there"),
        ("tool", "ghcr.io/xtool", {}, "its repositories are called differently there"),
        ("tool", "ghcr.io/tool", {"enabled": False}, "it is off"),
        ("tool", "ghcr.io/tool", {"account_user": "robot"}, "it is published with an account"),
    ],
)
def test_one_that_containerd_can_not_lead_leaves_no_tag_to_chance(
    owner: Person, prefix: str, target: str, facts: dict[str, Any], why: str
) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    mapped(owner, prefix, target, **facts)

    assert hosts(owner)["https://ghcr.io/v2"] == ["pull"]
    ((left, said),) = made(owner, Client.CONTAINERD).left_out
    assert (left, said.startswith(why)) == ("docker.acme.com/tool", True)
    assert f"# Not docker.acme.com/tool: {why}" in made(owner, Client.CONTAINERD).text


def test_podman_is_led_prefix_by_prefix(owner: Person) -> None:
    mapped(owner, "acme", "docker.io/acme")
    mapped(owner, "tool", "ghcr.io/acme/other")
    mapped(owner, "", "quay.io")

    assert led(owner) == {
        "docker.acme.com": ["docker.acme.com", "quay.io"],
        "docker.acme.com/acme": ["docker.acme.com/acme", "docker.io/acme"],
        "docker.acme.com/tool": ["docker.acme.com/tool", "ghcr.io/acme/other"],
    }
    assert made(owner, Client.PODMAN).path == "/etc/containers/registries.conf.d/docker.acme.com.conf"


def test_what_is_off_or_published_stays_with_the_facade_though_a_shorter_prefix_falls_back(owner: Person) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    mapped(owner, "acme/old", "quay.io/old", enabled=False)
    mapped(owner, "acme/own", "quay.io/own", account_user="robot")

    assert led(owner) == {
        "docker.acme.com/acme": ["docker.acme.com/acme", "ghcr.io/acme"],
        "docker.acme.com/acme/old": ["docker.acme.com/acme/old"],
        "docker.acme.com/acme/own": ["docker.acme.com/acme/own"],
    }


def test_a_repository_of_one_component_has_its_name_at_docker_hub(owner: Person) -> None:
    mapped(owner, "nginx", "docker.io/nginx", probed_repository="library/nginx")

    assert led(owner) == {"docker.acme.com/nginx": ["docker.acme.com/nginx", "docker.io/library/nginx"]}
    assert "https://registry-1.docker.io/v2/library" in hosts(owner)


def test_ports_and_plain_http_are_said(owner: Person, settings: Settings) -> None:
    settings.FACADE_PUBLIC_PORT = 8443
    mapping = mapped(owner, "acme", "ghcr.io/acme")
    Registry.objects.filter(pk=mapping.registry_id).update(origin="http://registry.acme.com:5000", alias="")

    (table,) = tomllib.loads(made(owner, Client.PODMAN).text)["registry"]
    found = tomllib.loads(made(owner, Client.CONTAINERD).text)

    assert table == {
        "prefix": "docker.acme.com:8443/acme",
        "location": "registry.acme.com:5000/acme",
        "insecure": True,
        "mirror": [{"location": "docker.acme.com:8443/acme"}],
    }
    assert list(found["host"]) == [f"{FACADE}:8443", "http://registry.acme.com:5000/v2"]
    assert made(owner, Client.CONTAINERD).path == "/etc/containerd/certs.d/docker.acme.com:8443/hosts.toml"


@pytest.mark.parametrize("client", Client)
def test_what_no_file_can_say_is_refused(owner: Person, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServiceError, match=r"no mapping of docker\.acme\.com can fall back"):
        made(owner, client)
    mapped(owner, "acme", "ghcr.io/acme", enabled=False)
    with pytest.raises(ServiceError, match=r"docker\.acme\.com/acme: it is off"):
        made(owner, client)
    monkeypatch.setattr(fallback, "MOST", 0)
    with pytest.raises(ServiceError, match="too many"):
        made(owner, client)
    Hostname.objects.filter(pk=owner.hostname.pk).update(name="*.pull.acme.com")
    with pytest.raises(ServiceError, match="stands for many names"):
        made(owner, client)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb = 1", "a\x7fb", "aëb", "a b"])
def test_what_would_end_a_string_or_a_comment_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="can't stand in a file"):
        fallback._quoted(text)
    with pytest.raises(ServiceError, match="can't stand in a file"):
        fallback._plain(text)


def test_nobody_else_sees_it(owner: Person, outsider: Person) -> None:
    with pytest.raises(NotFound):
        get_fallback(outsider.actor, owner.hostname.pk, Client.PODMAN)


def test_every_door_gives_the_file(owner: Person) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    mapped(owner, "old", "ghcr.io/old", enabled=False)
    file = made(owner, Client.PODMAN)

    api = api_client_for(owner)
    told = api.get(f"hostnames/{owner.hostname.pk}/fallback?client=podman").json()
    line = facade("hostname", "fallback", "docker.acme.com", "--for", "podman")
    shown = text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))

    assert (told["text"], told["path"], told["tags"]) == (file.text, file.path, True)
    assert told["left_out"] == [{"mapping": "docker.acme.com/old", "why": "it is off"}]
    assert line.out == file.text
    assert facade("hostname", "fallback", "docker.acme.com", "--for", "podman", "--json").json["text"] == file.text
    assert "/etc/containers/registries.conf.d/docker.acme.com.conf" in shown
    assert "/etc/containerd/certs.d/docker.acme.com/hosts.toml" in shown
    assert "Not docker.acme.com/old: it is off." in shown
    assert api.get(f"hostnames/{owner.hostname.pk}/fallback?client=docker").status_code == 422


def test_a_page_of_many_mappings_makes_no_file(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped(owner, "acme", "ghcr.io/acme")
    monkeypatch.setattr("routing.admin.hostnames.admin._SHOWN_IN_FILES", 0)

    assert "hosts.toml" not in text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))
