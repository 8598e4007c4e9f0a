"""The lines for signatures under one's own name: what they say, for which mappings, and who gets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.mappings import signatures
from routing.services.mappings.mappings import add_mapping
from routing.services.mappings.signatures import LinesFor, SignatureLines, get_signature_lines
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def mapped(prefix: str, target: str, **facts: Any) -> Mapping:
    # Whole shared registries are for operators of the platform.
    actor = Actor.command_line()
    mapping = add_mapping(actor, "", hostname="docker.acme.com", prefix=prefix, target=target).mapping
    Mapping.objects.filter(pk=mapping.pk).update(**facts)
    return mapping


def made(owner: Person, purpose: LinesFor) -> SignatureLines:
    return get_signature_lines(owner.actor, owner.hostname.pk, purpose)


def remapped(owner: Person) -> dict[str, str]:
    """As which name an image is taken to be signed, by prefix."""
    policy = json.loads(made(owner, LinesFor.POLICY).text)
    found = {}
    for scope, (requirement,) in policy["transports"]["docker"].items():
        assert requirement["type"] == "sigstoreSigned"
        identity = requirement["signedIdentity"]
        assert (identity["type"], identity["prefix"]) == ("remapIdentity", scope)
        found[scope] = identity["signedPrefix"]
    return found


@pytest.mark.parametrize(
    ("prefix", "target", "here", "there"),
    [
        ("acme", "ghcr.io/acme", "docker.acme.com/acme", "ghcr.io/acme"),
        ("app", "ghcr.io/acme/app", "docker.acme.com/app", "ghcr.io/acme/app"),
        ("", "ghcr.io", "docker.acme.com", "ghcr.io"),
        ("acme", "docker.io/acme", "docker.acme.com/acme", "docker.io/acme"),
    ],
)
def test_each_mapping_has_its_two_names(owner: Person, prefix: str, target: str, here: str, there: str) -> None:
    mapped(prefix, target)

    cosign = made(owner, LinesFor.COSIGN).text
    assert remapped(owner) == {here: there}
    identity = f'--sign-container-identity "{here}${{REST}}:${{TAG}}"'
    assert f'cosign sign --key cosign.key {identity} "{there}${{REST}}@${{DIGEST}}"' in cosign
    assert f'--arg name "{here}${{REST}}"' in cosign
    assert f'--arg name "{there}${{REST}}"' in cosign


def test_a_repository_of_one_component_has_its_name_at_docker_hub(owner: Person) -> None:
    mapped("nginx", "docker.io/nginx", probed_repository="library/nginx")

    assert remapped(owner) == {"docker.acme.com/nginx": "docker.io/library/nginx"}


def test_ports_are_part_of_the_names(owner: Person, settings: Settings) -> None:
    settings.FACADE_PUBLIC_PORT = 8443
    mapping = mapped("acme", "ghcr.io/acme")
    Registry.objects.filter(pk=mapping.registry_id).update(origin="http://registry.acme.com:5000", alias="")

    assert remapped(owner) == {"docker.acme.com:8443/acme": "registry.acme.com:5000/acme"}
    file = made(owner, LinesFor.ATTACHMENTS)
    assert file.path == "/etc/containers/registries.d/docker.acme.com.yaml"
    assert file.text == 'docker:\n  "docker.acme.com:8443":\n    use-sigstore-attachments: true\n'


@pytest.mark.parametrize("purpose", LinesFor)
def test_where_there_is_nothing_to_say_it_is_refused(
    owner: Person, purpose: LinesFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServiceError, match=r"no mapping of docker\.acme\.com is on"):
        made(owner, purpose)
    mapped("acme", "ghcr.io/acme", enabled=False)
    with pytest.raises(ServiceError, match=r"no mapping of docker\.acme\.com is on"):
        made(owner, purpose)
    monkeypatch.setattr(signatures, "MOST", 0)
    with pytest.raises(ServiceError, match="too many"):
        made(owner, purpose)
    Hostname.objects.filter(pk=owner.hostname.pk).update(name="*.pull.acme.com")
    with pytest.raises(ServiceError, match="stands for many names"):
        made(owner, purpose)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "a$(b)", "a`b`", "a'b", "a b", "aëb"])
def test_what_would_be_more_than_a_name_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="can't stand in a file"):
        signatures._safe(text)


def test_nobody_else_sees_them(owner: Person, outsider: Person) -> None:
    with pytest.raises(NotFound):
        get_signature_lines(outsider.actor, owner.hostname.pk, LinesFor.POLICY)


def test_every_door_gives_the_lines(owner: Person) -> None:
    mapped("acme", "ghcr.io/acme")
    mapped("old", "ghcr.io/old", enabled=False)
    policy = made(owner, LinesFor.POLICY)

    api = api_client_for(owner)
    told = api.get(f"hostnames/{owner.hostname.pk}/signatures?purpose=policy").json()
    words = ["hostname", "signatures", "docker.acme.com", "--for", "policy"]
    shown = text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))

    assert (told["text"], told["path"]) == (policy.text, "/etc/containers/policy.json")
    assert told["left_out"] == [{"mapping": "docker.acme.com/old", "why": "it is off"}]
    assert facade(*words).out == policy.text
    assert facade(*words, "--json").json["text"] == policy.text
    assert "Signatures under this name" in shown
    assert "--sign-container-identity" in shown
    assert "/etc/containers/registries.d/docker.acme.com.yaml" in shown
    assert "Not docker.acme.com/old: it is off." in shown
    assert api.get(f"hostnames/{owner.hostname.pk}/signatures?purpose=notary").status_code == 422


def test_a_page_of_many_mappings_has_no_lines(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped("acme", "ghcr.io/acme")
    monkeypatch.setattr("routing.admin.hostnames.admin._SHOWN_IN_FILES", 0)

    assert "policy.json" not in text_of(AdminClient(owner.user).get("hostname_change", owner.hostname.pk))
