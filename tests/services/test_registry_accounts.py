"""A registry's account is written through every door and told by none, and it is good at its own address alone."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from pytest_django import Settings

from routing.crypto import key_id
from routing.models import Change, Registry
from routing.registries.auth.accounts import PullAccount, open_account
from routing.services.base.actor import Actor
from routing.services.base.errors import Outdated, ServiceError
from routing.services.base.past import Wanted, past_entries
from routing.services.leaving.exports import export_tenant
from routing.services.registries.accounts import remove_account, set_account
from routing.services.registries.registries import add_registry, update_registry
from routing.table.load import load_table
from routing.table.row_check import digest_of_rows
from tests.admin.conftest import AdminClient
from tests.api.conftest import api_client_for
from tests.commands.facade import Done, facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
ORIGIN, USER, PASSWORD = "https://registry.acme.com", "acme-robot", "dckr_pat_hunter2 with: odd ünd"
ACCOUNT = PullAccount(USER, PASSWORD)


@pytest.fixture
def registry(owner: Person) -> Registry:
    return add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="ours", origin=ORIGIN)


def sealed_in_table() -> str:
    from routing.conf import policy

    (compiled,) = [each for _, each in load_table(policy()).registries.items() if each.entry.origin == ORIGIN]
    return compiled.entry.account


def newest_entry() -> dict[str, Any]:
    return Change.objects.order_by("-generation")[0].entry or {}


def facade_with_input(monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> Done:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return facade(*words)


def test_it_opens_for_its_address_and_is_in_the_table(owner: Person, registry: Registry) -> None:
    row = set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    assert open_account(sealed_in_table(), ORIGIN) == ACCOUNT
    assert open_account(sealed_in_table(), "https://elsewhere.example") is None
    assert PASSWORD not in row.account_sealed
    assert (row.account_user, row.account_set_at is not None) == (USER, True)


def test_followers_hear_of_it_with_one_change(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    newest = Change.objects.order_by("-generation")[0]
    assert (newest.kind, newest.key) == ("registry", str(registry.pk))
    assert open_account(newest_entry()["account"], ORIGIN) == ACCOUNT
    remove_account(owner.actor, "", registry_id=registry.pk)
    # Workers of the release before know no such field.
    assert "account" not in newest_entry()


def test_a_new_address_leaves_it_behind(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    update_registry(owner.actor, "moved", registry_id=registry.pk, origin="https://evil.example")

    row = Registry.objects.get(pk=registry.pk)
    assert (row.account_user, row.account_sealed, row.account_set_at) == ("", "", None)


def test_another_owner_does_not_get_it(registry: Registry, owner: Person) -> None:
    platform = Actor("olga", is_operator=True)
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    update_registry(platform, "for all", registry_id=registry.pk, tenant_id=None)

    assert Registry.objects.get(pk=registry.pk).account_sealed == ""


def test_another_name_leaves_it_alone(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    update_registry(owner.actor, "", registry_id=registry.pk, name="still ours")

    assert open_account(sealed_in_table(), ORIGIN) == ACCOUNT


@pytest.mark.parametrize(
    ("user", "password", "field"),
    [
        ("", "p", "user"),
        ("a:b", "p", "user"),
        ("u" * 256, "p", "user"),
        ("u", "p\r\nX-Evil: 1", "user"),
        ("u", "p" * 4097, "password"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_repeating_it(
    owner: Person, registry: Registry, user: str, password: str, field: str
) -> None:
    with pytest.raises(ServiceError) as refusal:
        set_account(owner.actor, "", registry_id=registry.pk, user=user, password=password)

    assert field in refusal.value.fields
    assert len(password) < 2 or password not in refusal.value.message
    assert Registry.objects.get(pk=registry.pk).account_sealed == ""


def test_nobody_replaces_what_somebody_else_has_just_set(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    with pytest.raises(Outdated):
        set_account(
            owner.actor, "", registry_id=registry.pk, user="b", password="c", if_match=frozenset((registry.version,))
        )


def test_the_history_says_who_and_when_and_no_secret(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "spares the limit", registry_id=registry.pk, user=USER, password=PASSWORD)

    (newest, *_) = past_entries(owner.actor, Wanted(noun="registry", id=registry.pk), 0, 5)
    assert (newest.reason, [step.field for step in newest.changes]) == ("spares the limit", ["account_set_at"])
    columns = {field.name for field in Registry.history.model._meta.concrete_fields}
    assert "account_sealed" not in columns
    assert {"account_user", "account_set_at"} <= columns


def test_no_door_gives_it_back(
    owner: Person,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Through each door it is set, and whatever each door shows afterwards is looked through."""
    caplog.set_level(logging.DEBUG)
    api, admin = api_client_for(owner), AdminClient(owner.user)
    shown: list[str] = []

    def look(*responses: Any) -> None:
        sealed = Registry.objects.get(pk=registry.pk).account_sealed
        assert open_account(sealed, ORIGIN) == ACCOUNT
        shown.extend([response.content.decode() for response in responses])
        assert not [text for text in [*shown, caplog.text] if PASSWORD in text or sealed in text]

    path = f"registries/{registry.pk}"
    done = api.send("put", f"{path}/account", user=USER, password=PASSWORD)
    assert done.status_code == 200
    assert done.json()["account_set_at"]
    look(done, api.get(path), api.get("registries"), api.get("history"))
    assert api.send("delete", f"{path}/account").json()["account_set_at"] is None

    posted = {"user": USER, "password": PASSWORD, "reason": "r"}
    assert admin.client.post(admin.url("registry_account", registry.pk), posted).status_code == 302
    pages = [admin.get("registry_change", registry.pk), admin.get("registry_account", registry.pk)]
    look(*pages, admin.get("registry_history", registry.pk), admin.get("registry_changelist"))
    again = admin.client.post(admin.url("registry_account", registry.pk), posted | {"user": "a" * 300})
    assert again.status_code == 200
    look(again)

    words = ("registry", "set-account", ORIGIN, "--tenant", owner.tenant.slug, "--user", USER, "--password-stdin")
    said = [facade_with_input(monkeypatch, f"{PASSWORD}\n", *words)]
    assert said[0].status == 0, said[0].err
    for options in (("--json",), ()):
        said.append(facade("registry", "show", ORIGIN, "--tenant", owner.tenant.slug, *options))
        said.append(facade("registry", "list", *options))
        said.append(facade("history", *options))
    said.append(facade("export"))
    shown.extend(f"{each.out}{each.err}" for each in said)
    shown.append("".join(export_tenant(owner.actor, tenant_id=owner.tenant.pk)))
    look()
    assert any(USER in text for text in shown)


def test_the_admin_removes_it(owner: Person, registry: Registry) -> None:
    admin = AdminClient(owner.user)
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    admin.client.post(admin.url("registry_account", registry.pk), {"deed": "remove", "reason": "no more"})

    assert sealed_in_table() == ""
    assert Registry.history.filter(id=registry.pk).first().history_change_reason == "no more"


def test_the_command_takes_no_password_as_an_argument(owner: Person, registry: Registry) -> None:
    words = ("registry", "set-account", ORIGIN, "--tenant", owner.tenant.slug, "--user", USER)

    assert facade(*words, "--password", PASSWORD).status == 2
    done = facade(*words)
    assert (done.status, "nobody is there to type the password" in done.err) == (1, True)


def test_the_command_removes_it(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)
    words = ("registry", "remove-account", ORIGIN, "--tenant", owner.tenant.slug)

    assert facade(*words).status == 0
    assert sealed_in_table() == ""
    assert "has no account" in facade(*words).out


FORMER, PRESENT = "the key of last year, which somebody has seen", "the key of this year, which nobody has seen"


def test_a_new_key_takes_it_along_and_workers_hear_of_it(owner: Person, registry: Registry, settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = FORMER, []
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)
    past = Registry.history.filter(id=registry.pk).count()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]
    before = digest_of_rows()

    told = facade("rotate-keys", "--json").json

    assert told["keys"][0] == {
        "key_id": key_id(PRESENT),
        "rows": {
            "second factors": 0,
            "webhooks": 0,
            "registry accounts": 1,
            "mapping accounts": 0,
            "mails that wait": 0,
        },
    }
    settings.SECRET_KEY_FALLBACKS = []
    assert open_account(sealed_in_table(), ORIGIN) == ACCOUNT
    assert newest_entry()["account"] == sealed_in_table()
    assert digest_of_rows() != before
    assert Registry.history.filter(id=registry.pk).count() == past


def test_the_doctor_counts_it_among_what_the_key_opens(owner: Person, registry: Registry, settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = FORMER, []
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]
    assert "1 secrets of second factors and registry accounts are still encrypted under a fallback" in doctor_on_key()
    settings.SECRET_KEY_FALLBACKS = []
    assert "1 secrets of second factors and registry accounts can't be read" in doctor_on_key()


def doctor_on_key() -> str:
    steps = json.loads(facade("doctor", "--json").out)["steps"]
    (said,) = [json.dumps(step, ensure_ascii=False) for step in steps if step["name"] == "key"]
    return said


def test_a_platform_account_is_not_told_to_tenants(owner: Person) -> None:
    shared = Registry.objects.filter(tenant=None).first()
    assert shared is not None
    set_account(Actor("olga", is_operator=True), "", registry_id=shared.pk, user=USER, password=PASSWORD)
    api, admin = api_client_for(owner), AdminClient(owner.user)

    pages = [
        api.get(f"registries/{shared.pk}"),
        api.get("history"),
        admin.get("registry_change", shared.pk),
        admin.get("registry_history", shared.pk),
        admin.get("registry_changelist"),
    ]

    assert [USER in page.content.decode() for page in pages] == [False] * len(pages)
    petra = AdminClient(get_user_model().objects.create_superuser("petra"))
    assert USER in petra.get("registry_account", shared.pk).content.decode()


def test_the_column_is_encrypted(owner: Person, registry: Registry) -> None:
    set_account(owner.actor, "", registry_id=registry.pk, user=USER, password=PASSWORD)

    with connection.cursor() as cursor:
        cursor.execute("SELECT account_sealed FROM routing_registry WHERE id = %s", [registry.pk])
        (stored,) = cursor.fetchone()

    assert stored.startswith("gAAAA")
    assert PASSWORD not in stored
