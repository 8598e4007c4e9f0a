"""Hostnames, registries and tenants: listed, added, changed and removed through the verbs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from routing.core.table.routing_table import Table
from routing.models import Generation, Hostname, Mapping, Registry, StreamedBytes, Tenant
from routing.models.streamed import this_month
from tests.admin.conftest import AdminClient, add, errors_of, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


def last(row: Any) -> tuple[str, str, str]:
    """What the history says was done last."""
    past = row.history.latest()
    return past.history_type, past.actor, past.history_change_reason


# ---------------------------------------------------------------- hostnames


def test_add_a_hostname_however_it_is_written(admin: AdminClient, acme: Tenant, table: Callable[[], Table]) -> None:
    answer = admin.fill("hostname_add", name="Docker.ACME.com.", tenant=acme.pk, reason="for the launch")

    hostname = Hostname.objects.get()
    assert (hostname.name, hostname.tenant) == ("docker.acme.com", acme)
    assert messages_of(answer) == "Added hostname docker.acme.com."
    assert last(hostname) == ("+", "olga", "for the launch")
    assert table().hosts.get("docker.acme.com") is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [("docker acme", "hostname"), ("docker.acme.com", "taken"), ("ghcr.io", "the address of the registry")],
)
def test_a_hostname_that_is_refused(admin: AdminClient, acme: Tenant, mapping: Mapping, name: str, words: str) -> None:
    answer = admin.fill("hostname_add", name=name, tenant=acme.pk)

    assert words in errors_of(answer)["name"][0]
    assert Hostname.objects.count() == 1


def test_a_hostname_is_switched_off_and_never_renamed_or_moved(
    admin: AdminClient, acme: Tenant, mapping: Mapping
) -> None:
    admin.fill("hostname_change", mapping.hostname_id, enabled=False, name="evil.com", tenant=acme.pk, reason="gone")

    hostname = Hostname.objects.get()
    assert (hostname.name, hostname.tenant.slug, hostname.enabled) == ("docker.acme.com", "default", False)
    assert last(hostname) == ("~", "olga", "gone")


def test_the_hostname_page_leads_to_its_mappings(admin: AdminClient, mapping: Mapping) -> None:
    page = text_of(admin.get("hostname_change", mapping.hostname_id))

    assert "docker.acme.com/acme → ghcr.io/acme" in page


def test_the_hostname_list_counts_mappings(admin: AdminClient, mapping: Mapping) -> None:
    add("docker.acme.com", "tools", "ghcr.io/tools")

    page = admin.get("hostname_changelist").content.decode()

    assert f"?hostname__id__exact={mapping.hostname_id}" in page
    assert ">2</a>" in page


# ---------------------------------------------------------------- registries


def test_add_a_registry_however_its_address_is_written(admin: AdminClient, acme: Tenant) -> None:
    answer = admin.fill("registry_add", name="Ours", origin="HTTPS://Registry.ACME.com:443/", tenant=acme.pk)

    registry = Registry.objects.get(tenant=acme)
    assert registry.origin == "https://registry.acme.com"
    assert messages_of(answer) == "Added registry Ours at https://registry.acme.com."


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("ghcr.io", "not the address of a registry"),
        ("https://registry.acme.com/v2/", "ends after host and port"),
        ("https://ghcr.io", "exists already"),
        ("https://docker.acme.com", "round in a circle"),
        ("https://10.0.0.5", "private or loopback"),
    ],
)
def test_a_registry_that_is_refused(
    admin: AdminClient, mapping: Mapping, settings: LazySettings, origin: str, words: str
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
    before = Registry.objects.count()

    answer = admin.fill("registry_add", name="Theirs", origin=origin)

    assert words in text_of(answer)
    assert Registry.objects.count() == before


def test_what_the_probe_found_is_shown_and_can_not_be_typed(admin: AdminClient, mapping: Mapping) -> None:
    registry = mapping.registry
    page = text_of(admin.get("registry_change", registry.pk))
    assert "What the last probe found" in page
    assert "https://ghcr.io/token" in page

    admin.fill("registry_change", registry.pk, name="GitHub", auth="none", realm="https://evil.example/token")

    registry.refresh_from_db()
    assert (registry.name, registry.auth, registry.realm) == ("GitHub", "bearer", "https://ghcr.io/token")


def test_a_changed_address_moves_the_mappings(admin: AdminClient, mapping: Mapping, table: Callable[[], Table]) -> None:
    admin.fill("registry_change", mapping.registry_id, origin="https://ghcr.example.com", reason="renamed")

    match = table().match_repository("docker.acme.com", "acme/app")
    assert match is not None
    assert match.registry.origin == "https://ghcr.example.com"
    assert last(mapping.registry) == ("~", "olga", "renamed")


def test_the_registry_list_says_what_each_asks_for(admin: AdminClient, mapping: Mapping) -> None:
    page = text_of(admin.get("registry_changelist"))

    assert "GitHub Container Registry https://ghcr.io shared token not known yet 1 never" in page
    assert "Docker Hub https://registry-1.docker.io docker.io, shared token not known yet 0 never" in page


# ---------------------------------------------------------------- tenants


def test_add_and_change_a_tenant(admin: AdminClient) -> None:
    admin.fill("tenant_add", name="Acme", slug="acme")
    tenant = Tenant.objects.get()

    answer = admin.fill("tenant_change", tenant.pk, name="Acme Inc", reason="new name")

    assert messages_of(answer) == "Changed tenant Acme Inc."
    assert last(tenant) == ("~", "olga", "new name")


def test_the_tenants_page_shows_how_much_of_its_limits_it_uses(
    admin: AdminClient, mapping: Mapping, member: Member, settings: LazySettings
) -> None:
    settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT = 3 * 1024**3
    tenant = mapping.hostname.tenant
    row = StreamedBytes.objects.create(tenant=tenant, month=this_month(), streamed_bytes=5 * 1024**2)
    # Last year's doesn't count.
    StreamedBytes.objects.create(tenant=tenant, month=this_month().replace(year=2020), streamed_bytes=1024**4)

    viewer = member(tenant, "viewer")
    for asker in (admin, viewer):
        page = text_of(asker.get("tenant_change", tenant.pk))
        assert "Hostnames 1 of 50 Mappings 1 of 10,000 Registries 0 of 200 Members and invitations 1 of 500" in page
        assert "Streamed this month 5 MiB of 3 GiB" in page
        assert "used up" not in page
    admin.fill("tenant_change", tenant.pk, max_streamed_bytes="4 MiB", reason="too much")
    page = text_of(admin.get("tenant_change", tenant.pk))
    assert "5 MiB of 4 MiB" in page
    assert "This month's limit for streamed layers is used up" in page
    assert row.month == this_month()


def test_a_slug_that_is_taken(admin: AdminClient, acme: Tenant) -> None:
    assert "already exists" in errors_of(admin.fill("tenant_add", name="Other", slug="acme"))["slug"][0]


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("view", ["hostname", "registry", "tenant"])
def test_saving_without_a_change_writes_nothing(admin: AdminClient, mapping: Mapping, view: str) -> None:
    pk = {"hostname": mapping.hostname_id, "registry": mapping.registry_id, "tenant": mapping.hostname.tenant_id}[view]
    before = Generation.objects.get().value

    answer = admin.fill(f"{view}_change", pk, reason="just looking")

    assert "Nothing to change" in messages_of(answer)
    assert Generation.objects.get().value == before


def rows_in_use(mapping: Mapping) -> list[tuple[str, Any, str]]:
    return [
        ("hostname", mapping.hostname, "1 mapping: docker.acme.com/acme → ghcr.io/acme"),
        ("registry", mapping.registry, "1 mapping: docker.acme.com/acme → ghcr.io/acme"),
    ]


@pytest.mark.parametrize("index", range(2))
def test_what_is_still_used_is_not_removed_and_its_users_are_named(
    admin: AdminClient, mapping: Mapping, index: int
) -> None:
    view, row, users = rows_in_use(mapping)[index]

    page = admin.get(f"{view}_delete", row.pk)
    answer = admin.client.post(admin.url(f"{view}_delete", row.pk), {"reason": "try"})

    assert f"is still used, so it can't be removed. First remove these, or point them elsewhere: {users}" in text_of(
        page
    )
    assert answer.status_code == 200
    assert "is still used by" in text_of(answer)
    assert type(row).objects.filter(pk=row.pk).exists()


def test_what_is_not_used_is_removed_with_a_reason(admin: AdminClient, acme: Tenant) -> None:
    admin.fill("hostname_add", name="docker.acme.com", tenant=acme.pk)
    admin.fill("registry_add", name="Ours", origin="https://registry.acme.com", tenant=acme.pk)
    rows = [("hostname", Hostname.objects.get()), ("registry", Registry.objects.get(tenant=acme)), ("tenant", acme)]

    for view, row in rows:
        pk, name = row.pk, str(row)
        assert "Its history stays." in text_of(admin.get(f"{view}_delete", pk))
        answer = admin.client.post(admin.url(f"{view}_delete", pk), {"reason": "closing down"})
        assert answer["Location"] == admin.url(f"{view}_changelist")
        assert messages_of(answer) == f"Removed {view} {name}."
        past = type(row).history.filter(id=pk).latest()  # type: ignore[attr-defined]
        assert (past.history_type, past.actor, past.history_change_reason) == ("-", "olga", "closing down")
    assert not Tenant.objects.exists()
