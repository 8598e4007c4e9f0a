"""Tenants and hostnames are suspended, and resumed, in one action alone: from the list or from the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from routing.core.table.routing_table import Table
from routing.models import Generation, Hostname, Mapping, Tenant
from tests.admin.conftest import AdminClient, add, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]
Row = Tenant | Hostname


@pytest.fixture(params=["tenant", "hostname"])
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def row(mapping: Mapping, noun: str) -> Row:
    return mapping.hostname.tenant if noun == "tenant" else mapping.hostname


def choose(admin: AdminClient, noun: str, action: str, *rows: Row, **fields: str) -> Any:
    """Choose rows in the list and go on with an action."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return admin.client.post(admin.url(f"{noun}_changelist"), data)


def refusal(table: Table, mapping: Mapping) -> str:
    """What clients of the mapping are told; "" where they are served."""
    host = table.hosts.get(mapping.hostname.name)
    tenant = table.tenants.get(str(mapping.hostname.tenant_id))
    assert host is not None
    assert tenant is not None
    return host.refusal or tenant.refusal


def test_from_the_list(admin: AdminClient, noun: str, row: Row, mapping: Mapping, table: Callable[[], Table]) -> None:
    asked = text_of(choose(admin, noun, "suspend", row))
    assert f"Suspend {noun} {row}" in asked
    assert "is refused (403), and told why" in asked
    assert refusal(table(), mapping) == ""

    done = choose(admin, noun, "suspend", row, confirmed="yes", message="unpaid since May", reason="invoice 9")

    assert messages_of(done) == f"Suspended {row}."
    assert refusal(table(), mapping) == "unpaid since May"
    past = row.history.latest()
    assert (past.actor, past.history_change_reason) == ("olga", "invoice 9")

    lifted = choose(admin, noun, "unsuspend", row, confirmed="yes", reason="paid")

    assert messages_of(lifted) == f"Resumed {row}."
    assert refusal(table(), mapping) == ""


def test_from_the_page_and_back_to_it(admin: AdminClient, noun: str, row: Row) -> None:
    page = admin.get(f"{noun}_change", row.pk).content.decode()
    for name, value in (("action", "suspend"), ("from_page", "yes"), ("_selected_action", row.pk)):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert 'name="from_page"' in choose(admin, noun, "suspend", row, from_page="yes").content.decode()

    done = choose(admin, noun, "suspend", row, from_page="yes", confirmed="yes", reason="report 7")

    assert done["Location"] == admin.url(f"{noun}_change", row.pk)
    page = text_of(admin.get(f"{noun}_change", row.pk))
    assert "Resume…" in page
    assert "suspended; ask its owner”" in page


def test_several_at_once_or_none(admin: AdminClient, noun: str, row: Row, mapping: Mapping, member: Member) -> None:
    other = add("docker.globex.com", "", "quay.io/globex", tenant="globex").hostname
    rows = [row, other.tenant if noun == "tenant" else other]
    before = Generation.objects.get().value

    too_long = choose(admin, noun, "suspend", *rows, confirmed="yes", message="x" * 301, reason="kept")
    assert "301" in text_of(too_long)
    assert 'value="kept"' in too_long.content.decode()
    assert Generation.objects.get().value == before

    assert messages_of(choose(admin, noun, "suspend", *rows, confirmed="yes", reason="report 7")).startswith(
        "Suspended "
    )
    assert Generation.objects.get().value == before + 2
    again = choose(admin, noun, "suspend", *rows, confirmed="yes", reason="report 7")
    assert messages_of(again) == "Nothing to change: suspended already."


@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
def test_nobody_but_the_platform(noun: str, row: Row, mapping: Mapping, member: Member, role: str) -> None:
    admin = member(mapping.hostname.tenant, role)
    before = Generation.objects.get().value

    assert "Suspend…" not in text_of(admin.get(f"{noun}_change", row.pk))
    assert "Suspend…" not in text_of(admin.get(f"{noun}_changelist"))
    choose(admin, noun, "suspend", row, confirmed="yes", reason="mine")

    assert Generation.objects.get().value == before
    assert not type(row).objects.get(pk=row.pk).suspended


def test_whose_it_is_reads_why_and_can_not_lift_it(
    noun: str, row: Row, mapping: Mapping, member: Member, admin: AdminClient
) -> None:
    choose(admin, noun, "suspend", row, confirmed="yes", message="report 7", reason="abuse")
    owner = member(mapping.hostname.tenant, "owner")

    page = text_of(owner.get(f"{noun}_change", row.pk))
    choose(owner, noun, "unsuspend", row, confirmed="yes")

    assert "Clients are told: “report 7”" in page
    assert "Resume…" not in page
    assert type(row).objects.get(pk=row.pk).suspended


def test_no_form_suspends(
    admin: AdminClient, noun: str, row: Row, mapping: Mapping, table: Callable[[], Table]
) -> None:
    form = admin.get(f"{noun}_change", row.pk).context["adminform"].form
    assert not {"suspended", "suspension_message"} & set(form.fields)

    admin.fill(f"{noun}_change", row.pk, suspended="on", suspension_message="abuse", reason="report 7")

    assert refusal(table(), mapping) == ""


def test_suspending_takes_a_reason_and_looks_it(admin: AdminClient, noun: str, row: Row) -> None:
    assert 'class="button deletelink">Suspend…' in admin.get(f"{noun}_change", row.pk).content.decode()

    refused = choose(admin, noun, "suspend", row, confirmed="yes", message="abuse")

    assert "Say why" in text_of(refused)
    assert not type(row).objects.get(pk=row.pk).suspended
