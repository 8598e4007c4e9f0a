"""What is to come: scheduled sets and the next steps, in the order of their times, by every door."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.models import ChangeSet
from routing.services.changes.calendar import coming
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person
from tests.services.changes.conftest import Drafting

pytestmark = pytest.mark.django_db
NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=2)


@pytest.fixture
def plans(drafted: Drafting, mappings: object) -> list[ChangeSet]:
    """Two that are scheduled, one in steps between them, and two of which nothing is to come."""
    late, soon, stepping, draft, applied = (drafted() for _ in range(5))
    facts = {
        late.pk: {"state": "scheduled", "apply_at": NOON + timedelta(days=1), "message": "the late one"},
        soon.pk: {"state": "scheduled", "apply_at": NOON, "message": "the early one", "skip_verification": "known"},
        stepping.pk: {
            "state": "in steps",
            "next_at": NOON + timedelta(hours=1),
            "apply_at": NOON - timedelta(days=9),
            "steps": [500, 10_000],
            "step": 1,
            "message": "the stepping one",
        },
        applied.pk: {"state": "applied", "apply_at": NOON, "message": "the applied one"},
    }
    for pk, values in facts.items():
        ChangeSet.objects.filter(pk=pk).update(**values)
    assert draft.state == "draft"
    return [soon, stepping, late]


def test_the_next_comes_first(plans: list[ChangeSet]) -> None:
    found = list(coming(ChangeSet.objects.all()))

    assert [row.pk for row in found] == [plan.pk for plan in plans]
    assert [row.due_at for row in found] == [NOON, NOON + timedelta(hours=1), NOON + timedelta(days=1)]
    assert {row.due_at for row in ChangeSet.objects.exclude(pk__in=[plan.pk for plan in plans])} == {None}


def test_the_page_and_the_overview_tell_it_by_day(owner: Person, outsider: Person, plans: list[ChangeSet]) -> None:
    page = text_of(AdminClient(owner.user).client.get("/admin/calendar/"))

    day, next_day = (f"{NOON + timedelta(days=days):%A, {(NOON + timedelta(days=days)).day} %B %Y}" for days in (0, 1))
    told = [
        f"{day} 12:00 UTC the early one change set {plans[0].pk} of",
        "3 mappings, at once, not verified",
        "13:00 UTC the stepping one",
        "step 2 of 2, 100 %",
        f"{next_day} 12:00 UTC the late one",
    ]
    assert [words for words in told if words not in page] == []
    assert [page.index(words) for words in told] == sorted(page.index(words) for words in told)
    assert "the applied one" not in page
    assert "the early one" in text_of(AdminClient(owner.user).client.get("/admin/"))
    elsewhere = AdminClient(outsider.user).client
    assert "Nothing is to come." in text_of(elsewhere.get("/admin/calendar/"))
    assert "To come" not in text_of(elsewhere.get("/admin/"))


def test_programs_and_commands_have_it_too(owner: Person, plans: list[ChangeSet]) -> None:
    wanted = [plan.pk for plan in plans]

    listed = api_client_for(owner).get("changes?coming=true").json()
    assert [each["id"] for each in listed["items"]] == wanted
    assert listed["items"][1]["due_at"].startswith(f"{NOON:%Y-%m-%dT13:00}")
    printed = facade("changes", "list", "--coming", "--json")
    assert [each["id"] for each in printed.json] == wanted
