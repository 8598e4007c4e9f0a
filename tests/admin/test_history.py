"""The history pages, and the overview's latest changes: who, when, why, before → after; only to be looked at."""

import pytest

from routing.admin.base import history_views
from routing.models import Change, Mapping
from routing.services.hostnames.hostnames import suspend_hostnames, update_hostname
from routing.services.mappings.mappings import remove_mappings, repoint, switch_mappings, update_mapping
from routing.services.people.tenants import suspend_tenants, update_tenant
from routing.services.registries.registries import update_registry
from tests.admin.conftest import SET_UP, AdminClient, add, text_of


def test_a_mapping_tells_its_whole_story(admin: AdminClient, mapping: Mapping) -> None:
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    update_mapping(
        SET_UP,
        "now secret",
        mapping_id=mapping.pk,
        allow_push=True,
        private=True,
        delivery="redirect-only",
        enabled=False,
    )

    page = text_of(admin.get("mapping_history", mapping.pk))

    assert (
        "disabled program: test set-up, just now “now secret” state enabled → disabled pushes none → redirected "
        "images none → private delivery none → redirect only "
        "repointed program: test set-up, just now “cheaper” target ghcr.io/acme → quay.io/acme "
        "Roll back to this : repointed just now "
        "added program: test set-up, just now “moved in” target ghcr.io/acme state enabled"
    ) in page


def test_the_history_stays_when_the_mapping_and_its_registry_are_gone(admin: AdminClient) -> None:
    mapping = add("docker.acme.com", "acme", "registry.acme.com/team")
    pk, registry = mapping.pk, mapping.registry
    remove_mappings(SET_UP, "moved away", mapping_ids=[pk])
    admin.client.post(admin.url("registry_delete", registry.pk), {"reason": "tidy"})

    page = text_of(admin.get("mapping_history", pk))

    assert "docker.acme.com/acme" in page
    assert "This mapping was removed. Its history stays." in page
    assert "removed program: test set-up, just now “moved away”" in page
    assert "target registry.acme.com/team" in page


def test_what_never_was_has_no_history(admin: AdminClient) -> None:
    assert admin.get("mapping_history", 4711).status_code == 404
    assert admin.get("mapping_history", "nonsense").status_code == 404


def test_a_row_that_came_with_the_facade_says_so(admin: AdminClient, mapping: Mapping) -> None:
    assert "it came with the facade" in text_of(admin.get("registry_history", mapping.registry_id))


def test_a_long_history_has_pages(admin: AdminClient, mapping: Mapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_views, "HISTORY_PER_PAGE", 2)
    for number in range(3):
        repoint(SET_UP, "again", hostname="docker.acme.com", prefix="acme", target=f"quay.io/acme-{number}")

    first, second = (text_of(admin.get("mapping_history", mapping.pk, p=page)) for page in (1, 2))

    assert "Page 1 of 2 Older" in first
    # The step from the first page's last entry reaches over to the second page.
    assert "target quay.io/acme-0 → quay.io/acme-1" in first
    assert "target ghcr.io/acme → quay.io/acme-0" in second


@pytest.mark.parametrize("view", ["mapping", "hostname", "registry", "tenant"])
def test_an_old_row_can_not_be_written_back(admin: AdminClient, mapping: Mapping, view: str) -> None:
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    oldest = mapping.history.earliest()
    changes = Change.objects.count()
    url = admin.url(f"{view}_history", mapping.pk)

    for address in (url, f"{url}{oldest.history_id}/"):
        admin.client.post(address, {"prefix": "acme", "reason": "back", "_save": "Revert"})

    mapping.refresh_from_db()
    assert mapping.target == "quay.io/acme"
    assert Change.objects.count() == changes
    assert "Revert" not in text_of(admin.get(f"{view}_history", mapping.pk))


def test_the_overview_counts_and_tells_what_was_done_last(admin: AdminClient, mapping: Mapping) -> None:
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    admin.act("switch_off", [mapping], confirmed="yes", reason="unpaid")

    page = text_of(admin.client.get("/admin/"))

    assert "1 mapping 1 disabled 1 hostname 1 registry in use of 10 1 tenant" in page
    assert "disabled docker.acme.com/acme mapping olga, just now “unpaid” state enabled → disabled" in page
    assert "“cheaper” target ghcr.io/acme → quay.io/acme" in page
    assert "added docker.acme.com hostname" in page
    assert "added default tenant" in page


def test_the_overview_tells_whether_this_worker_is_up_to_date(admin: AdminClient) -> None:
    assert "Generation 0 is the newest. up to date" in text_of(admin.client.get("/admin/"))

    mapping = add("docker.acme.com", "acme", "ghcr.io/acme")

    page = text_of(admin.client.get("/admin/"))
    assert "Generation 3 is the newest. behind This worker uses generation 0" in page
    # What is there still is linked to its page; what is gone, to its history.
    assert f'href="{admin.url("mapping_change", mapping.pk)}"' in admin.client.get("/admin/").content.decode()


def test_an_empty_facade_shows_the_first_steps(admin: AdminClient) -> None:
    page = text_of(admin.client.get("/admin/"))

    assert "First steps 0 of 6 happened." in page
    assert "No changes yet." in page


def test_each_kind_of_change_has_a_word_of_its_own(admin: AdminClient, mapping: Mapping) -> None:
    hostname, tenant = mapping.hostname, mapping.hostname.tenant
    update_mapping(SET_UP, "", mapping_id=mapping.pk, private=True)
    switch_mappings(SET_UP, "", mapping_ids=[mapping.pk], enabled=False)
    switch_mappings(SET_UP, "", mapping_ids=[mapping.pk], enabled=True)
    update_hostname(SET_UP, "", hostname_id=hostname.pk, enabled=False)
    suspend_hostnames(SET_UP, "", hostname_ids=[hostname.pk], suspended=True, message="abuse")
    suspend_hostnames(SET_UP, "", hostname_ids=[hostname.pk], suspended=False)
    suspend_tenants(SET_UP, "", tenant_ids=[tenant.pk], suspended=True)
    suspend_tenants(SET_UP, "", tenant_ids=[tenant.pk], suspended=False)
    update_tenant(SET_UP, "", tenant_id=tenant.pk, name="Acme Inc")
    update_tenant(SET_UP, "", tenant_id=tenant.pk, max_mappings=7)
    update_registry(SET_UP, "", registry_id=mapping.registry_id, stream_blobs=True)
    update_registry(SET_UP, "moved", registry_id=mapping.registry_id, origin="https://ghcr.example.com")

    def verbs(noun: str, pk: int) -> list[str]:
        return [entry.verb for entry in admin.get(f"{noun}_history", pk).context["entries"]]

    assert verbs("mapping", mapping.pk)[-4:] == ["enabled", "disabled", "options", "added"]
    assert verbs("hostname", hostname.pk) == ["resumed", "suspended", "disabled", "added"]
    assert verbs("tenant", tenant.pk) == ["options", "renamed", "resumed", "suspended", "added"]
    # Nothing is known of what it was before its first change: a migration made it.
    assert verbs("registry", mapping.registry_id) == ["moved", "changed"]
