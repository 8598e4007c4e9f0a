"""The page of the whole history: found by reason, person, tenant, noun and day; and only one's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
from tests.admin.conftest import AdminClient, text_of
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _some(owner: Person, outsider: Person) -> None:
    add_mapping(owner.actor, "moving in", hostname=HOST, prefix="acme", target="ghcr.io/acme")
    repoint(owner.actor, "CHG-4211: to Quay", hostname=HOST, prefix="acme", target="quay.io/acme")
    remove_mapping(owner.actor, "moved out", hostname=HOST, prefix="acme")
    add_mapping(outsider.actor, "not yours", hostname=outsider.hostname.name, prefix="g", target="ghcr.io/g")


def history(person: Person, **query: Any) -> str:
    return text_of(AdminClient(person.user).client.get("/admin/history/", query))


def test_all_of_ones_own_is_there_also_of_what_was_removed(owner: Person) -> None:
    page = history(owner)

    for told in ("moving in", "CHG-4211: to Quay", "moved out", "ghcr.io/acme", "quay.io/acme", "repointed"):
        assert told in page, told
    assert "not yours" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"words": "chg-4211"}, {"CHG-4211: to Quay"}),
        ({"actor": "alice"}, {"moving in", "CHG-4211: to Quay", "moved out"}),
        ({"actor": "bob"}, set()),
        ({"noun": "mapping", "words": "moved"}, {"moved out"}),
        ({"noun": "registry"}, set()),
        ({"tenant": "globex"}, set()),
        ({"since": "2020-01-01"}, {"moving in", "CHG-4211: to Quay", "moved out"}),
        ({"until": "2020-01-01"}, set()),
        ({"since": "tomorrow", "page": "x", "noun": "person"}, {"moving in", "CHG-4211: to Quay", "moved out"}),
        ({"until": "9999-12-31"}, {"moving in", "CHG-4211: to Quay", "moved out"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_it_is_searched(owner: Person, query: dict[str, str], found: set[str]) -> None:
    page = history(owner, **query)

    assert {each for each in ("moving in", "CHG-4211: to Quay", "moved out") if f"“{each}”" in page} == found


def test_the_last_day_is_among_them(owner: Person) -> None:
    today = datetime.now(UTC).date()

    assert "moved out" in history(owner, since=str(today - timedelta(days=1)), until=str(today))


def test_it_comes_in_parts_that_keep_what_is_searched_for(owner: Person) -> None:
    for number in range(55):
        add_mapping(owner.actor, "many", hostname=HOST, prefix=f"m{number}", target="ghcr.io/acme")
    client = AdminClient(owner.user).client
    first = client.get("/admin/history/", {"words": "many"})
    second = client.get(first.context["older"])

    assert (len(first.context["entries"]), len(second.context["entries"])) == (50, 5)
    assert "words=many" in first.context["older"]
    assert second.context["newer"] == "/admin/history/?words=many"
    assert second.context["older"] == ""


def test_more_entries_take_no_more_queries(owner: Person) -> None:
    client = AdminClient(owner.user).client

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get("/admin/history/").status_code == 200
        return len(found)

    queries()
    few = queries()
    for number in range(20):
        add_mapping(owner.actor, "more", hostname=HOST, prefix=f"m{number}", target="ghcr.io/acme")

    assert queries() == few
