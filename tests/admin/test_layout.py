"""Pages of a hostname, a mapping, a registry and a tenant: what it is and what to do first, numbers, then the form."""

from __future__ import annotations

import pytest

from routing.models import Mapping
from tests.admin.conftest import AdminClient, text_of

pytestmark = pytest.mark.django_db
PARTS = {
    "mapping": ("State", "Repoint", "Pulls of the last 30 days", "Reason", "The whole history"),
    "hostname": (
        "State",
        "Add a mapping for this hostname",
        "Pulls of the last",
        "What browsers show",
        "The whole history",
    ),
    "tenant": ("State", "Invite a member", "Pulls of the last 30 days", "Limits", "The whole history"),
    "registry": ("State", "Probe now", "Health, 7 days, by hour", "Names and layers", "What the last probe found"),
}
DEEDS = ("Repoint", "Add a mapping for this hostname", "Invite a member", "Probe now", "Suspend…", "Save")


def page_of(admin: AdminClient, noun: str, mapping: Mapping) -> str:
    hostname = mapping.hostname
    keys = {
        "mapping": mapping.pk,
        "hostname": hostname.pk,
        "tenant": hostname.tenant_id,
        "registry": mapping.registry_id,
    }
    # Beside the navigation, and what the page is called.
    return text_of(admin.get(f"{noun}_change", keys[noun])).partition("Skip to main content")[2]


@pytest.mark.parametrize("noun", PARTS)
def test_the_parts_come_in_the_order_in_which_they_are_needed(admin: AdminClient, mapping: Mapping, noun: str) -> None:
    page = page_of(admin, noun, mapping)

    places = [page.find(part) for part in PARTS[noun]]

    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("noun", PARTS)
def test_who_may_only_look_sees_the_same_without_what_can_be_done(mapping: Mapping, member: object, noun: str) -> None:
    viewer = member(mapping.hostname.tenant, "viewer")  # type: ignore[operator]

    page = page_of(viewer, noun, mapping)

    assert PARTS[noun][0] in page
    assert PARTS[noun][2] in page
    assert [deed for deed in DEEDS if deed in page.replace("Save as", "")] == []
