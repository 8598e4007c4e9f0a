"""A form knows on what it is based: what somebody else changed since is said, kept, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from routing.dataplane.live.live_table import live_table
from routing.models import Hostname, Mapping, Membership, Registry, Role, Tenant
from routing.services.base.unit_of_work import unit_of_work
from routing.services.hostnames.hostnames import add_hostname, suspend_hostnames, update_hostname
from routing.services.mappings.mappings import repoint, switch_mappings
from routing.services.people.members import change_role
from routing.services.people.tenants import add_tenant, suspend_tenants, update_tenant
from routing.services.registries.registries import add_registry, update_registry
from tests.admin.conftest import SET_UP, AdminClient, add, errors_of, messages_of, text_of
from tests.concurrency import at_once


def shown(admin: AdminClient, view: str, pk: int) -> dict[str, Any]:
    """What a browser would send of a form that is opened now."""
    form = admin.get(view, pk).context["adminform"].form
    return sent_of(form)


def sent_of(form: Any) -> dict[str, Any]:
    values = {field.html_name: field.value() for field in form}
    return {name: value for name, value in values.items() if value not in (None, False)}


def send(admin: AdminClient, view: str, pk: int, form: dict[str, Any], **typed: Any) -> Any:
    return admin.client.post(admin.url(view, pk), form | typed)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return add_tenant(SET_UP, "", slug="acme", name="Acme")


def meets(answer: Any, *labels: str) -> None:
    """Asserts that the form came back, and says what somebody else changed."""
    (said,) = errors_of(answer)["__all__"]
    assert said.startswith("Somebody else changed this ")
    assert f"meanwhile ({SET_UP.label}): {', '.join(labels)}." in said


def test_a_tenant_that_was_suspended_meanwhile_stays_so(admin: AdminClient, tenant: Tenant) -> None:
    form = shown(admin, "tenant_change", tenant.pk)
    suspend_tenants(SET_UP, "abuse", tenant_ids=[tenant.pk], suspended=True, message="report 7")

    first = send(admin, "tenant_change", tenant.pk, form, name="Acme Inc", reason="new name")

    # The form has no such field; so it has nothing to ask, and undoes nothing.
    assert messages_of(first) == "Changed tenant Acme Inc."
    now = Tenant.objects.get(pk=tenant.pk)
    assert (now.name, now.suspended, now.suspension_message) == ("Acme Inc", True, "report 7")


def test_what_both_changed_comes_back_as_it_was_typed(admin: AdminClient, tenant: Tenant) -> None:
    form = shown(admin, "tenant_change", tenant.pk)
    update_tenant(SET_UP, "", tenant_id=tenant.pk, name="Acme Ltd", max_mappings=7)

    first = send(admin, "tenant_change", tenant.pk, form, name="Acme Inc")

    meets(first, "name", "mappings at most")
    again = first.context["adminform"].form
    assert (again["name"].value(), again["max_mappings"].value()) == ("Acme Inc", "7")
    send(admin, "tenant_change", tenant.pk, sent_of(again))
    now = Tenant.objects.get(pk=tenant.pk)
    assert (now.name, now.max_mappings) == ("Acme Inc", 7)


def test_a_hostname_that_was_suspended_meanwhile_stays_so(admin: AdminClient, tenant: Tenant) -> None:
    hostname = add_hostname(SET_UP, "", tenant_id=tenant.pk, name="docker.acme.com")
    form = shown(admin, "hostname_change", hostname.pk)
    suspend_hostnames(SET_UP, "abuse", hostname_ids=[hostname.pk], suspended=True)
    del form["enabled"]

    send(admin, "hostname_change", hostname.pk, form, reason="unpaid")

    now = Hostname.objects.get(pk=hostname.pk)
    assert (now.enabled, now.suspended) == (False, True)


def test_a_tenants_own_form_of_a_hostname_lifts_no_suspension(
    tenant: Tenant, member: Callable[[Tenant, str], AdminClient]
) -> None:
    """Theirs has no such field; so what happened to it isn't theirs to look at."""
    hostname = add_hostname(SET_UP, "", tenant_id=tenant.pk, name="docker.acme.com")
    owner = member(tenant, Role.OWNER)
    form = shown(owner, "hostname_change", hostname.pk)
    suspend_hostnames(SET_UP, "abuse", hostname_ids=[hostname.pk], suspended=True)
    del form["enabled"]

    answer = send(owner, "hostname_change", hostname.pk, form, reason="moved")

    assert messages_of(answer) == "Changed hostname docker.acme.com."
    now = Hostname.objects.get(pk=hostname.pk)
    assert (now.enabled, now.suspended) == (False, True)


def test_a_mapping_that_was_switched_off_meanwhile_stays_off(admin: AdminClient, mapping: Mapping) -> None:
    form = shown(admin, "mapping_change", mapping.pk)
    switch_mappings(SET_UP, "unpaid", mapping_ids=[mapping.pk], enabled=False)

    first = send(admin, "mapping_change", mapping.pk, form, private="on")

    meets(first, "enabled")
    send(admin, "mapping_change", mapping.pk, sent_of(first.context["adminform"].form))
    now = Mapping.objects.get(pk=mapping.pk)
    assert (now.enabled, now.private) == (False, True)


def test_a_mapping_that_was_repointed_meanwhile_leads_where_it_was_repointed(
    admin: AdminClient, mapping: Mapping
) -> None:
    form = shown(admin, "mapping_change", mapping.pk)
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")

    first = send(admin, "mapping_change", mapping.pk, form, private="on")

    meets(first, "points to")
    again = first.context["adminform"].form
    assert again["target"].value() == "quay.io/acme"
    send(admin, "mapping_change", mapping.pk, sent_of(again))
    now = Mapping.objects.get(pk=mapping.pk)
    assert (now.target, now.private) == ("quay.io/acme", True)


def test_a_registry_that_was_probed_meanwhile_keeps_what_was_found_and_nobody_is_bothered(admin: AdminClient) -> None:
    registry = add_registry(SET_UP, "", tenant_id=None, name="Ours", origin="https://registry.acme.com")
    form = shown(admin, "registry_change", registry.pk)
    with unit_of_work(SET_UP, "probe") as unit:
        unit.save_without_history(Registry.objects.get(pk=registry.pk), auth="bearer", probed_at=timezone.now())

    answer = send(admin, "registry_change", registry.pk, form, name="Ours, renamed")

    assert messages_of(answer).startswith("Changed registry Ours, renamed")
    now = Registry.objects.get(pk=registry.pk)
    assert (now.name, now.auth, now.probed_at is not None) == ("Ours, renamed", "bearer", True)


def test_a_registry_that_was_changed_meanwhile_says_so(admin: AdminClient) -> None:
    registry = add_registry(SET_UP, "", tenant_id=None, name="Ours", origin="https://registry.acme.com")
    form = shown(admin, "registry_change", registry.pk)
    update_registry(SET_UP, "", registry_id=registry.pk, stream_blobs=True)

    first = send(admin, "registry_change", registry.pk, form, name="Ours, renamed")

    meets(first, "stream layers")
    send(admin, "registry_change", registry.pk, sent_of(first.context["adminform"].form))
    now = Registry.objects.get(pk=registry.pk)
    assert (now.name, now.stream_blobs) == ("Ours, renamed", True)


def test_a_seeded_registry_that_nobody_changed_before_says_so_too(admin: AdminClient) -> None:
    """It came with a migration, so that its history begins with the colleague's change."""
    registry = Registry.objects.get(origin="https://quay.io")
    form = shown(admin, "registry_change", registry.pk)
    update_registry(SET_UP, "", registry_id=registry.pk, stream_blobs=True)

    first = send(admin, "registry_change", registry.pk, form, name="Red Hat Quay")

    assert "Somebody else changed this registry meanwhile" in text_of(first)
    assert first.context["adminform"].form["name"].value() == "Red Hat Quay"
    assert Registry.objects.get(pk=registry.pk).stream_blobs


def test_a_member_whose_role_was_changed_meanwhile(admin: AdminClient, tenant: Tenant) -> None:
    user = get_user_model().objects.create_user(username="bob")
    member = Membership.objects.create(tenant=tenant, user=user, role=Role.VIEWER)
    form = shown(admin, "membership_change", member.pk)
    change_role(SET_UP, membership_id=member.pk, role=Role.OPERATOR)

    first = send(admin, "membership_change", member.pk, form, role=Role.OWNER, reason="promoted")

    meets(first, "role")
    again = first.context["adminform"].form
    assert (again["role"].value(), again["reason"].value()) == (Role.OWNER, "promoted")
    assert Membership.objects.get(pk=member.pk).role == Role.OPERATOR


def test_what_was_changed_meanwhile_is_not_removed_unseen(admin: AdminClient, mapping: Mapping) -> None:
    page = admin.get("mapping_delete", mapping.pk)
    version = page.context["original"].version
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    url = admin.url("mapping_delete", mapping.pk)

    first = admin.client.post(url, {"version": version, "reason": "moved away"})

    assert "Somebody else changed docker.acme.com/acme → quay.io/acme meanwhile" in text_of(first)
    assert 'value="moved away"' in first.content.decode()
    assert Mapping.objects.filter(pk=mapping.pk).exists()
    admin.client.post(url, {"version": first.context["original"].version, "reason": "moved away"})
    assert not Mapping.objects.filter(pk=mapping.pk).exists()


def test_a_bulk_action_says_what_was_changed_meanwhile(admin: AdminClient, mapping: Mapping) -> None:
    asked = admin.act("switch_off", [mapping])
    name = f"version_{mapping.pk}"
    assert f'name="{name}" value="{mapping.version}"' in asked.content.decode()
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")

    confirmed = {"confirmed": "yes", "reason": "unpaid", name: str(mapping.version)}
    first = admin.act("switch_off", [mapping], **confirmed)

    assert "Somebody else changed docker.acme.com/acme → quay.io/acme meanwhile" in text_of(first)
    assert 'value="unpaid"' in first.content.decode()
    assert Mapping.objects.get(pk=mapping.pk).enabled


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "9" * 30])
def test_a_version_that_is_none_is_no_error(admin: AdminClient, tenant: Tenant, version: str) -> None:
    form = shown(admin, "tenant_change", tenant.pk)

    answer = send(admin, "tenant_change", tenant.pk, form, version=version)

    assert answer.status_code in (200, 302)
    assert admin.client.post(admin.url("tenant_delete", tenant.pk), {"version": version}).status_code in (200, 302)


# ---------------------------------------------------------------- at the same moment
RACES = 15


def browser(user: Any) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def saved(client: Client, url: str, typed: Callable[[dict[str, Any]], None]) -> None:
    """Open a form, type, and save it until it is saved."""
    form = client.get(url).context["adminform"].form
    for _ in range(6):
        data = sent_of(form)
        typed(data)
        answer: Any = client.post(url, data)
        if answer.status_code == 302:
            return
        form = answer.context["adminform"].form
    raise AssertionError("never saved")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("noun", ["tenant", "hostname", "mapping", "registry"])
def test_nothing_is_lost_at_the_same_moment(noun: str) -> None:
    """15 races each for four nouns: one types into a form, somebody else changes another field by a verb."""
    live_table.refresh()
    operator = get_user_model().objects.create_superuser(username="olga")
    client = browser(operator)
    tenant = add_tenant(SET_UP, "", slug="acme", name="Acme")
    mapping = add("docker.acme.com", "acme", "registry.acme.com/acme", tenant="acme")
    hostname, registry = mapping.hostname, mapping.registry
    live_table.refresh()
    row: Any = {"tenant": tenant, "hostname": hostname, "mapping": mapping, "registry": registry}[noun]
    ours: dict[str, tuple[str, Callable[[int], str]]] = {
        "tenant": ("max_mappings", lambda number: str(number + 1)),
        "hostname": ("login_registry", lambda number: str(registry.pk) if number % 2 else ""),
        "mapping": ("private", lambda number: "on" if number % 2 else ""),
        "registry": ("name", lambda number: f"Ours {number}"),
    }
    field, values = ours[noun]

    def theirs(number: int) -> None:
        flag = number % 2 == 0
        match noun:
            case "tenant":
                suspend_tenants(SET_UP, "", tenant_ids=[row.pk], suspended=flag)
            case "hostname":
                update_hostname(SET_UP, "", hostname_id=row.pk, enabled=flag)
            case "mapping":
                switch_mappings(SET_UP, "", mapping_ids=[row.pk], enabled=flag)
            case "registry":
                update_registry(SET_UP, "", registry_id=row.pk, stream_blobs=flag)

    their_field = {"tenant": "suspended", "registry": "stream_blobs"}.get(noun, "enabled")
    lost = []
    for number in range(RACES):
        url = f"/admin/routing/{noun}/{row.pk}/change/"
        typed = values(number)

        def type_it(data: dict[str, Any], typed: str = typed) -> None:
            data.pop(field, None)
            if typed:
                data[field] = typed

        assert at_once([partial(saved, client, url, type_it), partial(theirs, number)]) == []
        row.refresh_from_db()
        own = getattr(row, "login_registry_id" if field == "login_registry" else field)
        kept = {"": own in (None, False), "on": own is True}.get(typed, str(own) == typed)
        if not kept or getattr(row, their_field) != (number % 2 == 0):
            lost.append(number)

    assert lost == []
