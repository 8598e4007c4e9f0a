"""Exports: whole, readable, and without a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import Hostname, Mapping, Registry, Role
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.claims import claim_hostname
from routing.services.leaving import documents
from routing.services.leaving.exports import export_person, export_tenant
from routing.services.mappings.mappings import add_mapping, remove_mapping
from routing.services.people.api_tokens import create_api_token, token_digest
from routing.services.people.members import invite
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def read(pieces: Iterator[str]) -> Any:
    return json.loads("".join(pieces))


@pytest.fixture
def secrets(owner: Person, outsider: Person) -> list[str]:
    """What must not be in an export of the owner's tenant, nor of the owner; with something in each part of it."""
    Hostname.objects.filter(pk=owner.hostname.pk).update(proof_token="proof-of-the-hostname")
    claim = claim_hostname(owner.actor, tenant_id=owner.tenant.pk, name="more.acme.com")
    invited = invite(owner.actor, tenant_id=owner.tenant.pk, email="new@example.com", role=Role.VIEWER)
    made = create_api_token(owner.actor, user=owner.user, name="narrow", tenant_id=owner.tenant.pk)
    owner.user.set_password("a long password of alice")
    owner.user.save()
    Authenticator.objects.create(user=owner.user, type="totp", data={"secret": "secret-of-the-app"})
    for person, prefix in ((owner, "app"), (owner, "gone"), (outsider, "other")):
        add_mapping(person.actor, f"by {person.user}", hostname=person.hostname.name, prefix=prefix, target="ghcr.io/x")
    remove_mapping(owner.actor, "no more", hostname=owner.hostname.name, prefix="gone")
    return [
        *("proof-of-the-hostname", claim.token, invited.token, invited.invitation.token_hash),
        *(made.secret, token_digest(made.secret), owner.user.password, "secret-of-the-app", "globex", "charles"),
    ]


def test_a_tenant_is_exported_with_all_that_is_its_own(owner: Person, secrets: list[str]) -> None:
    text = "".join(export_tenant(owner.actor, tenant_id=owner.tenant.pk))
    export = json.loads(text)

    assert (export["format"], export["version"]) == ("registry-facade-tenant", 1)
    assert export["tenant"]["slug"] == "acme"
    assert [hostname["name"] for hostname in export["hostnames"]] == ["docker.acme.com"]
    assert [(m["hostname"], m["prefix"], m["target"]) for m in export["mappings"]] == [
        ("docker.acme.com", "app", "ghcr.io/x")
    ]
    assert [claim["name"] for claim in export["claims"]] == ["more.acme.com"]
    assert [(member["username"], member["role"]) for member in export["members"]] == [("alice", "owner")]
    assert [invited["email"] for invited in export["invitations"]] == ["new@example.com"]
    assert [token["name"] for token in export["api_tokens"]] == ["narrow"]
    removed = [entry for entry in export["history"] if (entry["noun"], entry["what"]) == ("mapping", "removed")]
    assert [(entry["actor"], entry["reason"], entry["row"]["prefix"]) for entry in removed] == [
        ("alice", "no more", "gone")
    ]
    assert [secret for secret in secrets if secret in text] == []


def test_a_person_is_exported_with_what_is_known_of_them(owner: Person, secrets: list[str]) -> None:
    text = "".join(export_person(owner.actor, user_id=owner.user.pk))
    export = json.loads(text)

    assert (export["format"], export["version"]) == ("registry-facade-person", 1)
    assert export["account"]["username"] == "alice"
    assert export["account"]["email"] == "alice@docker.acme.com"
    assert [(membership["tenant"], membership["role"]) for membership in export["memberships"]] == [("acme", "owner")]
    assert [token["name"] for token in export["api_tokens"]] == ["narrow"]
    assert [factor["type"] for factor in export["second_factors"]] == ["totp"]
    assert [invited["email"] for invited in export["invitations_made"]] == ["new@example.com"]
    assert {change["reason"] for change in export["changes_made"]} >= {"by alice", "no more"}
    assert [secret for secret in secrets if secret in text] == []


def test_a_big_tenant_is_read_in_pages(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry.objects.filter(tenant=None)[0]
    Mapping.objects.bulk_create(
        Mapping(hostname=owner.hostname, registry=registry, prefix=f"m{n:04}", upstream_prefix="x")
        for n in range(2_500)
    )
    Mapping.history.bulk_history_create(list(Mapping.objects.all()), default_user=owner.user)
    Mapping.history.update(of_tenant=owner.tenant.pk)
    monkeypatch.setattr(documents, "_ROWS_AT_A_TIME", 100)

    pieces = export_tenant(owner.actor, tenant_id=owner.tenant.pk)
    with CaptureQueriesContext(connection) as queries:
        first = next(pieces)
    export = read(iter([first, *pieces]))

    # Nothing was read before it was asked for.
    assert len(queries) == 0
    assert [mapping["prefix"] for mapping in export["mappings"]] == [f"m{n:04}" for n in range(2_500)]
    assert len(export["history"]) >= 2_500


def test_who_may_not_is_refused_before_the_first_piece(
    owner: Person, teammate: Person, outsider: Person, platform: Actor
) -> None:
    with pytest.raises(PermissionDenied):
        export_tenant(teammate.actor, tenant_id=owner.tenant.pk)
    with pytest.raises(NotFound):
        export_tenant(outsider.actor, tenant_id=owner.tenant.pk)
    with pytest.raises(PermissionDenied):
        export_person(owner.actor, user_id=teammate.user.pk)
    assert read(export_person(platform, user_id=teammate.user.pk))["account"]["username"] == "bob"
