"""The pages on which somebody leaves: in numbers first, then done, and never past the verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.urls import reverse

from routing.models import Hostname, Mapping, Membership, Role, Tenant
from tests.admin.conftest import AdminClient, add, messages_of, text_of
from tests.conftest import Person


def test_a_tenants_page_of_removal_tells_in_numbers_and_has_the_name_typed(admin: AdminClient, owner: Person) -> None:
    add("docker.acme.com", "app", "ghcr.io/acme")
    page = text_of(admin.get("tenant_delete", owner.tenant.pk))
    assert "What goes, for good: 1 mappings 1 hostnames 1 members" in page
    assert "1 accounts of its members" in page
    url = admin.url("tenant_delete", owner.tenant.pk)

    refused = admin.client.post(url, {"reason": "unpaid", "confirm": "Acme"})

    assert "Type the slug, acme, to confirm" in text_of(refused)
    assert Tenant.objects.filter(slug="acme").exists()

    admin.client.post(url, {"reason": "unpaid", "confirm": "acme"})

    assert not Tenant.objects.filter(slug="acme").exists()
    assert Hostname.history.first().history_change_reason == "unpaid"
    assert "unpaid" in text_of(admin.get("mapping_history", Mapping.history.first().id))


def test_an_export_is_offered_to_owners_and_operators_of_the_platform(
    admin: AdminClient, owner: Person, member: Callable[[Tenant, str], AdminClient]
) -> None:
    url = admin.url("tenant_export", owner.tenant.pk)
    for client in (admin, AdminClient(owner.user)):
        assert url in client.get("tenant_change", owner.tenant.pk).content.decode()
        assert json.loads(client.client.get(url).getvalue())["tenant"]["slug"] == "acme"

    viewer = member(owner.tenant, Role.VIEWER)
    assert url not in viewer.get("tenant_change", owner.tenant.pk).content.decode()
    assert viewer.client.get(url).status_code == 403


def test_a_hostname_is_handed_over_once_it_was_told_what_that_does(
    admin: AdminClient, owner: Person, outsider: Person
) -> None:
    add("docker.acme.com", "app", "ghcr.io/acme")
    assert "hand-over" in admin.get("hostname_change", owner.hostname.pk).content.decode()
    url = admin.url("hostname_hand_over", owner.hostname.pk)
    assert "New tenant" in text_of(admin.client.get(url))
    told = text_of(admin.client.get(url, {"tenant": outsider.tenant.pk}))
    assert "docker.acme.com goes from Acme to Globex, with 1 mapping." in told

    done = admin.client.post(url, {"tenant": outsider.tenant.pk, "reason": "bought"})

    assert "Handed docker.acme.com over from Acme to Globex" in messages_of(done)
    assert Hostname.objects.get(pk=owner.hostname.pk).tenant == outsider.tenant
    # What the old tenant is told, and where its link leads.
    old = AdminClient(owner.user)
    overview = text_of(old.client.get(reverse("admin:index")))
    assert "handed over to another tenant: bought" in overview
    assert "Globex" not in overview
    history = text_of(old.get("hostname_history", owner.hostname.pk))
    assert "handed over to another tenant: bought" in history
    assert "Globex" not in history
    # And the new one, of a mapping that came along.
    new = AdminClient(outsider.user)
    mapping = Mapping.objects.get()
    assert "Nothing was changed since it was handed over" in text_of(new.get("mapping_history", mapping.pk))
    assert "moved in" not in text_of(new.get("mapping_change", mapping.pk))


def test_what_is_in_its_way_is_told_in_place_of_the_button(admin: AdminClient, owner: Person, outsider: Person) -> None:
    add("docker.acme.com", "own", "registry.acme.example/team")
    Mapping.objects.get().registry.__class__.objects.filter(tenant=None, origin="https://registry.acme.example").update(
        tenant=owner.tenant
    )
    url = admin.url("hostname_hand_over", owner.hostname.pk)

    told = admin.client.get(url, {"tenant": outsider.tenant.pk})

    assert "https://registry.acme.example" in text_of(told)
    assert '<form method="post">' not in told.content.decode()
    both: dict[str, int | str] = {"tenant": outsider.tenant.pk, "copy_registries": "on"}
    assert '<form method="post">' in admin.client.get(url, both).content.decode()
    admin.client.post(url, both)
    assert Hostname.objects.get(pk=owner.hostname.pk).tenant == outsider.tenant


@pytest.fixture
def bob(teammate: Person) -> User:
    return teammate.user


def test_an_account_is_removed_by_the_verb(admin: AdminClient, bob: User) -> None:
    url = reverse("admin:auth_user_delete", args=[bob.pk])
    page = text_of(admin.client.get(url))
    assert "What goes, for good: 1 memberships" in page

    done = admin.client.post(url, {"reason": "left", "erase": "on"})

    assert "Removed the account bob." in messages_of(done)
    last = Membership.history.first()
    assert (last.history_type, last.actor, last.history_change_reason) == ("-", "olga", "left")


def test_the_last_owner_stays_whatever_page_is_tried(admin: AdminClient, owner: Person) -> None:
    url = reverse("admin:auth_user_delete", args=[owner.user.pk])
    assert "alice is the last owner of Acme" in text_of(admin.client.get(url))
    assert "alice is the last owner of Acme" in text_of(admin.client.post(url, {"post": "yes"}))
    # Django's action for many is gone.
    chosen = {"action": "delete_selected", "_selected_action": [owner.user.pk], "post": "yes"}
    admin.client.post(reverse("admin:auth_user_changelist"), chosen)

    assert get_user_model().objects.filter(pk=owner.user.pk).exists()


def test_an_account_that_is_removed_while_its_form_is_open_stays_removed(admin: AdminClient, bob: User) -> None:
    url = reverse("admin:auth_user_change", args=[bob.pk])
    form = admin.client.get(url).context["adminform"].form
    shown: dict[str, Any] = {field.html_name: field.value() for field in form}
    admin.client.post(reverse("admin:auth_user_delete", args=[bob.pk]), {})

    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "username": shown["username"]}
    admin.client.post(url, joined)
    password = {"usable_password": "true", "password1": "a long password of bob", "password2": "a long password of bob"}
    admin.client.post(reverse("admin:auth_user_password_change", args=[bob.pk]), password)

    assert not get_user_model().objects.filter(pk=bob.pk).exists()
