"""Saved filters at the lists: made from what is shown, used like any other, seen by whom they are for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from routing.models import Hostname, Mapping, Registry, SavedFilter, Tenant
from routing.services.lists.saved_filters import save_filter
from routing.services.mappings.mappings import switch_mappings
from tests.admin.conftest import SET_UP, AdminClient, add, text_of

Member = Callable[[Tenant, str], AdminClient]
NONE_OF_ALL = "can't be used"


@pytest.fixture
def rows(db: None) -> None:
    add("docker.acme.com", "one", "ghcr.io/acme/one", tenant="acme")
    add("docker.acme.com", "two", "quay.io/acme/two", tenant="acme")
    add("docker.globex.com", "two", "ghcr.io/globex", tenant="globex")
    # One after the other, so that they differ in when they were changed.
    for row in Mapping.objects.filter(prefix="two"):
        switch_mappings(SET_UP, "r", mapping_ids=[row.pk], enabled=False)


def tenant(slug: str) -> Tenant:
    return Tenant.objects.get(slug=slug)


def found(admin: AdminClient, noun: str = "mapping", **query: object) -> list[str]:
    rows = admin.get(f"{noun}_changelist", **query).context["cl"].result_list
    return [getattr(row, "source", str(row)) for row in rows]


def save(admin: AdminClient, shown: str, noun: str = "mapping", **sent: Any) -> Any:
    given = {"deed": "save", "name": "mine", "shown": shown, **sent}
    return admin.client.post(admin.url(f"{noun}_filters"), given, follow=True)


def test_what_is_shown_is_saved_and_shown_again(admin: AdminClient, rows: None) -> None:
    acme, host = tenant("acme"), Hostname.objects.get(name="docker.acme.com")
    ghcr = Registry.objects.get(origin="https://ghcr.io")
    for shown, terms in {
        "state=off": {"state": "off"},
        f"hostname__tenant__id__exact={acme.pk}&q=acme": {"tenant": "acme", "search": "acme"},
        f"hostname__id__exact={host.pk}&o=-2": {"hostname": "docker.acme.com", "sort": "-hostname"},
        f"registry__id__exact={ghcr.pk}&o=6&p=1": {"registry_id": str(ghcr.pk), "sort": "-changed_at"},
        "o=-6": {"sort": "changed_at"},
    }.items():
        SavedFilter.objects.all().delete()
        query = dict(part.split("=") for part in shown.split("&") if not part.startswith("p="))
        expected = found(admin, **query)

        answer = save(admin, shown)

        row = SavedFilter.objects.get()
        assert row.terms == terms
        assert answer.redirect_chain[0][0] == f"{admin.url('mapping_changelist')}?filter={row.pk}"
        again = found(admin, filter=row.pk)
        assert [source.partition("/")[0] for source in again] == [source.partition("/")[0] for source in expected]
        assert sorted(again) == sorted(expected) != []


def test_who_has_no_boxes_to_tick_saves_the_order_of_the_right_column(member: Member, rows: None) -> None:
    viewer = member(tenant("acme"), "viewer")
    place = list(viewer.get("mapping_changelist").context["cl"].list_display).index("changed")

    save(viewer, f"o={place}")

    assert SavedFilter.objects.get().terms == {"sort": "-changed_at"}


@pytest.mark.parametrize(
    ("noun", "shown", "terms"),
    [
        ("hostname", "enabled__exact=1&proof=vouched", {"enabled": "true", "proof": "vouched"}),
        ("hostname", "suspended__exact=0&q=acme", {"suspended": "false", "search": "acme"}),
        ("registry", "auth__exact=bearer&o=2", {"auth": "bearer", "sort": "origin"}),
    ],
)
def test_other_lists_have_them_too(
    admin: AdminClient, rows: None, noun: str, shown: str, terms: dict[str, str]
) -> None:
    expected = found(admin, noun, **dict(part.split("=") for part in shown.split("&")))

    save(admin, shown, noun)

    row = SavedFilter.objects.get()
    assert (row.noun, row.terms) == (noun, terms)
    assert found(admin, noun, filter=row.pk) == expected
    assert expected


def test_a_filter_in_use_is_narrowed_and_saved_with_the_rest(admin: AdminClient, rows: None) -> None:
    save(admin, "state=off")
    first = SavedFilter.objects.get()

    assert found(admin, filter=first.pk, q="globex") == ["docker.globex.com/two"]
    save(admin, f"filter={first.pk}&q=globex", name="theirs")

    assert SavedFilter.objects.get(name="theirs").terms == {"state": "off", "search": "globex"}
    assert "says another state" in text_of(save(admin, f"filter={first.pk}&state=on", name="both"))


def test_one_that_is_shared_narrows_what_each_may_see(admin: AdminClient, member: Member, rows: None) -> None:
    operator, viewer = member(tenant("acme"), "operator"), member(tenant("acme"), "viewer")
    stranger = member(tenant("globex"), "owner")

    save(operator, "state=off", tenant="acme")

    row = SavedFilter.objects.get()
    assert (row.tenant, row.user) == (tenant("acme"), None)
    assert found(viewer, filter=row.pk) == ["docker.acme.com/two"]
    assert found(admin, filter=row.pk) == ["docker.acme.com/two", "docker.globex.com/two"]
    assert f"mine ({row.tenant})" in text_of(viewer.get("mapping_changelist"))
    page = stranger.get("mapping_changelist", filter=row.pk)
    assert "This saved filter is gone." in text_of(page)
    assert list(page.context["cl"].result_list) == []
    assert "mine" not in stranger.get("mapping_changelist").content.decode()


def test_a_private_one_is_nobody_elses(admin: AdminClient, member: Member, rows: None) -> None:
    first, colleague = member(tenant("acme"), "viewer"), member(tenant("acme"), "owner")

    save(first, "state=off")

    row = SavedFilter.objects.get()
    for other in (colleague, admin):
        assert found(other, filter=row.pk) == []
        other.client.post(
            other.url("mapping_filters"), {"deed": "remove", "id": row.pk, "version": row.version, "shown": ""}
        )
    assert SavedFilter.objects.exists()


def test_who_may_only_look_shares_nothing(member: Member, rows: None) -> None:
    viewer = member(tenant("acme"), "viewer")

    assert "does not allow you to change mappings" in text_of(save(viewer, "state=off", tenant="acme"))
    assert "There is no tenant globex, or it isn't yours." in text_of(save(viewer, "state=off", tenant="globex"))
    assert not SavedFilter.objects.exists()
    assert "everybody in" not in viewer.get("mapping_changelist", state="off").content.decode()


def test_it_is_renamed_and_removed_where_it_is_used(admin: AdminClient, rows: None) -> None:
    save(admin, "state=off")
    row = SavedFilter.objects.get()
    page = admin.get("mapping_changelist", filter=row.pk).content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    sent = {"id": row.pk, "version": version[1], "shown": f"filter={row.pk}"}

    admin.client.post(admin.url("mapping_filters"), {"deed": "rename", "name": "off", **sent})
    assert SavedFilter.objects.get().name == "off"
    late = admin.client.post(admin.url("mapping_filters"), {"deed": "remove", **sent}, follow=True)
    assert "changed" in text_of(late)
    assert SavedFilter.objects.exists()

    sent["version"] = str(SavedFilter.objects.get().version)
    done = admin.client.post(admin.url("mapping_filters"), {"deed": "remove", **sent}, follow=True)

    assert "Removed the filter “off”." in text_of(done)
    assert done.redirect_chain[0][0] == admin.url("mapping_changelist")
    assert not SavedFilter.objects.exists()


def test_one_that_this_release_does_not_know_shows_nothing_and_says_why(admin: AdminClient, rows: None) -> None:
    row = SavedFilter.objects.create(noun="mapping", name="new", terms={"shard": "7"}, user=admin.user)

    page = admin.get("mapping_changelist", filter=row.pk)

    assert list(page.context["cl"].result_list) == []
    assert "this release knows no filter “shard” here" in text_of(page)
    answer = admin.client.get(admin.url("mapping_export"), {"filter": row.pk}, follow=True)
    assert "this release knows no filter “shard” here" in text_of(answer)


@pytest.mark.parametrize("key", ["0", "x", "9" * 30, "\u0661"])
def test_no_address_makes_it_all_rows(admin: AdminClient, rows: None, key: str) -> None:
    assert found(admin, filter=key) == []


def test_one_of_another_list_is_none_here(admin: AdminClient, rows: None) -> None:
    row = save_filter(SET_UP, noun="hostname", name="x", terms={"enabled": "true"}, tenant_id=tenant("acme").pk)

    assert found(admin, filter=row.pk) == []


def test_what_no_other_door_knows_is_not_saved(admin: AdminClient, rows: None) -> None:
    save(admin, "nonsense=1")
    for order in ("0", "99", "x", "-"):
        assert "this order is none of the list's" in text_of(save(admin, f"o={order}")).lower()
    admin.client.post(admin.url("mapping_columns"), {"columns": ["registry"]})
    assert "the order by this column can't be saved" in text_of(save(admin, "o=3")).lower()
    assert "There is nothing to save" in text_of(save(admin, "p=2"))
    assert not SavedFilter.objects.exists()


def test_an_export_has_what_the_filter_shows(admin: AdminClient, rows: None) -> None:
    save(admin, "state=off&q=acme")
    row = SavedFilter.objects.get()

    lines = b"".join(admin.get("mapping_export", filter=row.pk).streaming_content).decode().splitlines()

    assert [line.split(",")[:2] for line in lines[1:]] == [["docker.acme.com", "two"]]
