"""The list of mappings: what it says of each, how one finds them, and what it says while it is empty."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone

from routing.models import Hostname, Mapping, Tenant
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.mappings import repoint, switch_mappings
from routing.services.mappings.pull_command import pull_command
from routing.services.people.tenants import suspend_tenants
from tests.admin.conftest import SET_UP, AdminClient, add, text_of
from tests.conftest import Person


def found(admin: AdminClient, **query: object) -> list[str]:
    """The mappings that the list shows."""
    return [mapping.source for mapping in admin.get("mapping_changelist", **query).context["cl"].result_list]


def test_a_row_says_where_the_mapping_leads_and_how_it_stands(admin: AdminClient) -> None:
    add("docker.acme.com", "acme", "docker.io/acme", private=True, allow_push=True)

    page = text_of(admin.get("mapping_changelist"))

    assert "docker.acme.com/acme → docker.io/acme" in page
    assert "active docker.acme.com/acme → docker.io/acme Copy default automatic, private, push just now" in page
    assert "program: test set-up" in page


def test_whose_a_mapping_is_the_platform_alone_is_told(
    admin: AdminClient, owner: Person, member: Callable[[Tenant, str], AdminClient]
) -> None:
    add(owner.hostname.name, "acme", "ghcr.io/acme", tenant=owner.tenant.slug)

    assert "field-tenant" in admin.get("mapping_changelist").content.decode()
    assert "field-tenant" not in member(owner.tenant, "viewer").get("mapping_changelist").content.decode()


def test_each_row_has_the_pull_command_on_a_button(admin: AdminClient, mapping: Mapping) -> None:
    page = admin.get("mapping_changelist").content.decode()

    assert f'data-copy="{pull_command(mapping)}"' in page


def test_the_row_tells_who_changed_it_last_and_why(admin: AdminClient, mapping: Mapping) -> None:
    repoint(Actor.person(admin.user), "new contract", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")

    page = admin.get("mapping_changelist").content.decode()

    assert 'title="new contract"' in page
    assert "olga" in page[page.index('title="new contract"') :]


def test_by_the_first_click_the_latest_change_comes_first(admin: AdminClient) -> None:
    add("docker.acme.com", "acme", "ghcr.io/acme")
    add("docker.acme.com", "tools", "ghcr.io/tools")
    assert found(admin) == ["docker.acme.com/acme", "docker.acme.com/tools"]
    page = admin.get("mapping_changelist").content.decode()
    click = re.search(r'<a href="\?o=([\d.-]+)">Changed</a>', page)
    assert click is not None, page

    assert found(admin, o=click[1]) == ["docker.acme.com/tools", "docker.acme.com/acme"]


def test_an_empty_list_offers_the_first_step(admin: AdminClient) -> None:
    page = admin.get("mapping_changelist")

    assert "No mappings yet." in text_of(page)
    assert f'href="{admin.url("mapping_add")}"' in page.content.decode()


def test_a_search_without_result_does_not_pretend_that_there_is_nothing(admin: AdminClient, mapping: Mapping) -> None:
    page = text_of(admin.get("mapping_changelist", q="nonsense"))

    assert "No mapping matches." in page
    assert "No mappings yet" not in page


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("globex", ["images.globex.com"]),
        ("tools", ["docker.acme.com/acme/tools"]),
        ('"Docker Hub"', ["images.globex.com"]),
        ("quay", ["docker.acme.com/acme/tools"]),
        ("acme ghcr", ["docker.acme.com/acme"]),
        ("docker.acme.com/acme/app:1.0", ["docker.acme.com/acme"]),
        (
            "docker pull docker.acme.com/acme/tools/hammer@sha256:00",
            ["docker.acme.com/acme", "docker.acme.com/acme/tools"],
        ),
        ("Images.Globex.com:8000/alpine", ["images.globex.com"]),
        ("ghcr.io/acme", ["docker.acme.com/acme"]),
        ("docker.io/globex/thing", ["images.globex.com"]),
    ],
)
def test_search_takes_words_and_whole_images(
    admin: AdminClient, mapping: Mapping, words: str, expected: list[str]
) -> None:
    add("docker.acme.com", "acme/tools", "quay.io/wrenches")
    add("images.globex.com", "", "docker.io/globex", tenant="globex")

    assert found(admin, q=words) == expected


def test_filters_by_tenant_hostname_and_registry(admin: AdminClient, mapping: Mapping) -> None:
    other = add("images.globex.com", "", "docker.io/globex", tenant="globex")

    assert found(admin, hostname__tenant__id__exact=other.hostname.tenant_id) == ["images.globex.com"]
    assert found(admin, hostname__id__exact=mapping.hostname_id) == ["docker.acme.com/acme"]
    assert found(admin, registry__id__exact=other.registry_id) == ["images.globex.com"]


def test_a_filter_by_more_digits_than_an_id_has_is_none(admin: AdminClient, mapping: Mapping) -> None:
    assert admin.get("mapping_changelist", hostname__id__exact="1" * 5000).status_code in (200, 302)


def test_the_registry_filter_offers_those_in_use(admin: AdminClient, mapping: Mapping) -> None:
    add("docker.acme.com", "other", "quay.io/acme")

    page = text_of(admin.get("mapping_changelist"))

    assert "Registry: All All GitHub Container Registry Quay" in page
    assert "Amazon" not in page


def hostname_filter(admin: AdminClient, **query: object) -> str:
    page: str = admin.get("mapping_changelist", **query).content.decode()
    return page.partition("<summary>Hostname: ")[2].partition("</details>")[0]


def test_long_filters_are_cut_and_say_so(admin: AdminClient) -> None:
    for number in range(20):
        add(f"host-{number:02}.acme.com", "", "ghcr.io/acme")

    page = hostname_filter(admin)
    chosen = Mapping.objects.get(hostname__name="host-19.acme.com").hostname_id

    assert "host-14.acme.com" in page
    assert "host-15.acme.com" not in page
    assert "There are more: search for their name." in page
    # The chosen one is there even when it is beyond the cut.
    assert "host-19.acme.com" in hostname_filter(admin, hostname__id__exact=chosen)


def test_states_and_their_filter(admin: AdminClient) -> None:
    on = add("on.acme.com", "", "ghcr.io/acme")
    off = add("off.acme.com", "", "ghcr.io/acme")
    blocked = add("blocked.acme.com", "", "ghcr.io/acme")
    suspended = add("docker.globex.com", "", "ghcr.io/globex", tenant="globex")
    withdrawn = add("lost.acme.com", "", "ghcr.io/acme")
    Hostname.objects.filter(pk=withdrawn.hostname_id).update(withdrawn_at=timezone.now())
    switch_mappings(SET_UP, "", mapping_ids=[off.pk], enabled=False)
    suspend_hostnames(SET_UP, "", hostname_ids=[blocked.hostname_id], suspended=True)
    suspend_tenants(SET_UP, "", tenant_ids=[suspended.hostname.tenant_id], suspended=True)

    page = text_of(admin.get("mapping_changelist"))

    assert found(admin, state="on") == [on.source]
    assert found(admin, state="off") == [off.source]
    assert found(admin, state="blocked") == [blocked.source, suspended.source, withdrawn.source]
    assert f"hostname suspended {blocked.source} →" in page
    assert f"tenant suspended {suspended.source} →" in page
    assert f"hostname withdrawn {withdrawn.source} →" in page
    hostnames = text_of(admin.get("hostname_changelist"))
    assert "withdrawn lost.acme.com default 1" in hostnames
    assert "tenant suspended docker.globex.com globex 1" in hostnames
