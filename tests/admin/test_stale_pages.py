"""Pages that call a verb without being a row's form: they know on which version of the row they are based."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from routing.models import Hostname, HostnameClaim, Tenant
from routing.services.base.errors import Outdated
from routing.services.hostnames.claims import check_claim, claim_hostname, vouch_hostname
from routing.services.hostnames.hostnames import add_hostname, update_hostname
from routing.services.hostnames.proof import proof_record
from routing.services.hostnames.proof_checks import check_hostname
from tests.admin.conftest import SET_UP, AdminClient, messages_of, text_of
from tests.dns.name_server import NameServer, txt

TEMPLATES = Path(__file__).parents[2] / "routing" / "templates"
NAME = "docker.acme.com"
MEANWHILE = f"Somebody else changed {NAME} meanwhile: check it again."
#: Those that only lead on to a page that asks, which knows the version, or change no row.
LEAD_ON = {
    "routing/suspension.html",
    "routing/first_steps.html",
    "routing/whoami.html",
    "admin/routing/hostname/doctor.html",
    "admin/routing/hostname/self_tests.html",
    "admin/routing/mapping/verify.html",
    "admin/routing/mapping/report.html",
    "admin/routing/notes.html",
    "routing/notes.html",
}
#: A restore goes into an empty database alone, so there is never another one that could be confirmed in its place.
ONE_ALONE = {"admin/routing/restored.html"}
#: What is sent here carries the checksum of all that was reviewed, which is more than a version.
BY_CHECKSUM = {"admin/routing/changeset/review.html", "admin/routing/tenant/policy.html"}
#: What is drafted here says of each mapping what it was, and is looked at once more.
DRAFTS = {"admin/routing/mapping/import.html"}


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def hostname(acme: Tenant) -> Hostname:
    """One that has a proof to look for."""
    made = add_hostname(SET_UP, "", tenant_id=acme.pk, name=NAME)
    Hostname.objects.filter(pk=made.pk).update(proof_token="token")
    return Hostname.objects.get(pk=made.pk)


def shown_version(page: Any) -> str:
    """The version that a page's form is going to send."""
    found = re.search(r'name="version" value="(\d+)"', page.content.decode())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("version", ["1" * 5000, "9" * 30, "\u0661" * 19, "x"], ids=["5000", "30", "arabic", "x"])
def test_a_version_that_no_row_has_is_none(admin: AdminClient, hostname: Hostname, version: str) -> None:
    answer = admin.client.post(admin.url("hostname_vouch", hostname.pk), {"version": version, "reason": "ours"})

    assert answer.status_code == 302
    assert Hostname.objects.get().proof_token == ""


def test_a_hostname_that_was_changed_meanwhile_is_not_vouched_for_unseen(
    admin: AdminClient, hostname: Hostname
) -> None:
    seen = shown_version(admin.get("hostname_vouch", hostname.pk))
    update_hostname(SET_UP, "", hostname_id=hostname.pk, enabled=False)

    answer = admin.client.post(admin.url("hostname_vouch", hostname.pk), {"version": seen, "reason": "ours"})

    assert MEANWHILE in text_of(answer)
    assert 'value="ours"' in answer.content.decode()
    assert Hostname.objects.get().proof_token == "token"
    again = {"version": shown_version(answer), "reason": "ours"}
    admin.client.post(admin.url("hostname_vouch", hostname.pk), again)
    assert Hostname.objects.get().proof_token == ""


def test_nor_is_its_proof_looked_for(admin: AdminClient, hostname: Hostname, name_server: NameServer) -> None:
    seen = shown_version(admin.get("hostname_change", hostname.pk))
    update_hostname(SET_UP, "", hostname_id=hostname.pk, enabled=False)

    answer = admin.client.post(admin.url("hostname_check", hostname.pk), {"version": seen})

    assert messages_of(answer) == MEANWHILE
    assert Hostname.objects.get().proof_checked_at is None


def test_what_was_found_meanwhile_stops_nobody(
    admin: AdminClient, acme: Tenant, hostname: Hostname, name_server: NameServer
) -> None:
    claim = claim_hostname(SET_UP, tenant_id=acme.pk, name="pull.acme.com")
    seen = (
        shown_version(admin.get("hostname_change", hostname.pk)),
        shown_version(admin.get("hostnameclaim_change", claim.pk)),
    )
    check_hostname(SET_UP, hostname_id=hostname.pk)
    check_claim(SET_UP, claim_id=claim.pk)

    of_hostname = admin.client.post(admin.url("hostname_check", hostname.pk), {"version": seen[0]})
    of_claim = admin.client.post(admin.url("hostnameclaim_check", claim.pk), {"version": seen[1]})

    assert messages_of(of_hostname) == "Not found: see below."
    assert messages_of(of_claim).startswith("Not verified yet")


def test_the_verb_takes_a_version_as_every_other_does(acme: Tenant, hostname: Hostname) -> None:
    claim = claim_hostname(SET_UP, tenant_id=acme.pk, name="pull.acme.com")
    for row in (hostname, claim):
        with pytest.raises(Outdated):
            vouch_hostname(SET_UP, "", tenant_id=acme.pk, name=row.name, if_match={row.version + 1})

        vouch_hostname(SET_UP, "", tenant_id=acme.pk, name=row.name, if_match={row.version})
    assert not HostnameClaim.objects.exists()


def test_a_look_up_says_why(
    acme: Tenant,
    name_server: NameServer,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    claim = claim_hostname(SET_UP, tenant_id=acme.pk, name=NAME)
    with caplog.at_level(logging.INFO, "routing.events"), django_capture_on_commit_callbacks(execute=True):
        check_claim(SET_UP, "they wait", claim_id=claim.pk)
    assert [getattr(record, "reason", None) for record in caplog.records if record.name == "routing.events"] == [
        "they wait"
    ]

    record = proof_record(claim)
    assert record is not None
    name_server.answers(record.name, txt(record.value))
    made = check_claim(SET_UP, "they still wait", claim_id=claim.pk).hostname
    assert made is not None
    assert made.history.latest().history_change_reason == "verified by its DNS record: they still wait"


def test_every_page_that_is_sent_knows_its_version() -> None:
    sent = [
        path.relative_to(TEMPLATES)
        for folder in ("admin", "routing")
        for path in (TEMPLATES / folder).rglob("*.html")
        if 'method="post"' in path.read_text() and "accounts" not in path.parts
    ]

    assert len(sent) >= 4
    assert {
        str(path) for path in sent if "version" not in (TEMPLATES / path).read_text()
    } == LEAD_ON | ONE_ALONE | BY_CHECKSUM | DRAFTS


def test_one_template_says_where_a_page_stands() -> None:
    """One for pages of nouns. Others are in the navigation."""
    pages = [
        path for path in (TEMPLATES / "admin" / "routing").rglob("*.html") if 'class="breadcrumbs"' in path.read_text()
    ]

    assert sorted(path.name for path in pages) == ["page.html"]
