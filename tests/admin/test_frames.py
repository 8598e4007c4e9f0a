"""What the admin's pages have in common: a menu, messages that are heard, dates, and no field that means nothing."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.template import Context, Template
from django.urls import NoReverseMatch, reverse

from routing.models import HostnameClaim, Mapping
from routing.services.hostnames.claims import claim_hostname
from tests.admin.conftest import SET_UP, AdminClient, text_of

MOMENT = datetime(2026, 11, 25, 21, 28, 54, tzinfo=UTC)


def html(response: object) -> str:
    return re.sub(r">\s+<", "><", response.content.decode())  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["/admin/", "/admin/routing/mapping/", "/admin/routing/hostname/add/"])
def test_every_page_has_a_menu_that_needs_no_script(admin: AdminClient, page: str) -> None:
    shown = html(admin.client.get(page))
    menu = shown[shown.index('<details class="menu">') : shown.index("</details>")]

    for noun in (
        "mapping",
        "hostname",
        "hostnameclaim",
        "registry",
        "tenant",
        "membership",
        "invitation",
        "subscription",
    ):
        assert f'href="/admin/routing/{noun}/"' in menu
    for address in ("/admin/", "/admin/auth/user/", "/accounts/2fa/"):
        assert f'href="{address}"' in menu
    assert 'action="/admin/logout/"' in menu


def test_what_was_done_is_told_in_its_turn_and_a_failure_at_once(admin: AdminClient, mapping: Mapping) -> None:
    admin.act("switch_off", [mapping], confirmed="yes", reason="unpaid")
    assert '<div role="status"><ul class="messagelist">' in html(admin.get("mapping_changelist"))

    stale = {"version": mapping.version, "reason": "as it was before that"}
    refused = admin.client.post(admin.url("mapping_delete", mapping.pk), stale)
    assert '<div role="alert"><ul class="messagelist">' in html(refused)


@pytest.mark.parametrize("written", ["{{ moment }}", "{{ moment|date:'DATETIME_FORMAT' }}", "{{ moment|date }}"])
def test_a_moment_is_written_in_one_way(written: str) -> None:
    shown = Template(written).render(Context({"moment": MOMENT}))

    assert "25 November 2026, 21:28 UTC".startswith(shown)
    assert shown.startswith("25 November 2026")


def test_the_page_of_a_claim_has_one_form_of_dates(admin: AdminClient, mapping: Mapping) -> None:
    claim = claim_hostname(SET_UP, tenant_id=mapping.hostname.tenant_id, name="claimed.acme.com")
    HostnameClaim.objects.update(finding="nothing there", checked_at=MOMENT, created_at=MOMENT)

    shown = text_of(admin.get("hostnameclaim_change", claim.pk))

    dates = re.findall(r"2[0-9] [A-Z][a-z]+ 20[0-9][0-9],? ?[^ ]* ?[^ ]*", shown)
    assert dates
    assert [date for date in dates if not re.match(r"25 November 2026, 21:28 UTC", date)] == []


def test_accounts_have_no_field_that_means_nothing_here(admin: AdminClient) -> None:
    zoe = User.objects.create_user("zoe", password="a long password of somebody")

    for page in (reverse("admin:auth_user_change", args=[zoe.pk]), reverse("admin:auth_user_changelist")):
        shown = text_of(admin.client.get(page))
        for words in ("Groups", "User permissions", "Staff status"):
            assert words.lower() not in shown.lower(), page
    assert "Platform operator" in text_of(admin.client.get(reverse("admin:auth_user_change", args=[zoe.pk])))
    # The dates are the program's.
    assert 'name="last_login_0"' not in html(admin.client.get(reverse("admin:auth_user_change", args=[zoe.pk])))


def test_an_account_is_changed_as_before(admin: AdminClient) -> None:
    zoe = User.objects.create_user("zoe", password="a long password of somebody")
    zoe.groups.add(Group.objects.create(name="kept"))

    answer = admin.client.post(
        reverse("admin:auth_user_change", args=[zoe.pk]),
        {"username": "zoe", "email": "zoe@acme.com", "is_active": "on"},
    )

    assert answer.status_code == 302
    zoe.refresh_from_db()
    assert (zoe.email, zoe.is_superuser, zoe.groups.count()) == ("zoe@acme.com", False, 1)
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_group_changelist")
