"""Pulls in the admin: a chart with its table, tops that lead on, files, and no more queries for more rows."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.admin.base.chart import HEIGHT, chart_of
from routing.core.pull_counts import Grain
from routing.models import Mapping
from routing.services.mappings.mappings import add_mapping
from routing.services.pulls.reading import Point
from tests.admin.conftest import SET_UP, AdminClient, text_of
from tests.conftest import Person
from tests.services.pulls.counts import ago, asked, asked_in_vain, counted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _some(owner: Person, outsider: Person) -> None:
    host = owner.hostname.name
    add_mapping(SET_UP, "", hostname=host, prefix="acme", target="ghcr.io/acme")
    counted(owner.tenant, host, "acme/app", 1234, refused=17)
    counted(outsider.tenant, outsider.hostname.name, "secret/app", 99)
    asked(owner.tenant, host, "acme/app", "1.0", 9)
    asked_in_vain(owner.tenant, host, "acne/app", 3)


def pulls_page(person: Person, **query: str) -> Any:
    return AdminClient(person.user).client.get("/admin/pulls/", query)


def rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode())))


def test_the_page_tells_of_ones_own(owner: Person) -> None:
    page = text_of(pulls_page(owner))

    for told in ("1,234 pulls", "17 refused or failed", "acme/app", "docker 28", "linux/amd64", "acne/app", "ghcr.io"):
        assert told in page, told
    assert "secret/app" not in page


def test_a_scope_narrows_it_and_keeps_its_time(owner: Person) -> None:
    found = pulls_page(owner, hostname=owner.hostname.name, since="7d").content.decode()

    assert f"?hostname={owner.hostname.name}&amp;repository=acme%2Fapp&amp;since=7d" in found
    assert "The last 7 days" in found
    assert "1,234 pulls" not in text_of(pulls_page(owner, repository="acme/other"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("repository", ["acme/app", "1234"]),
        ("client", ["docker 28", "1234"]),
        ("tag", ["acme/app:1.0", "9"]),
        ("orphan", ["docker.acme.com", "acne/app", "3"]),
    ],
)
def test_each_table_is_a_file_too(owner: Person, name: str, expected: list[str]) -> None:
    answer = pulls_page(owner, csv=name)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="pulls-{name}.csv"'
    assert rows(answer)[1:] == [expected]


def test_the_chart_is_a_file_too(owner: Person) -> None:
    heading, *points = rows(pulls_page(owner, csv="time"))

    assert heading == ["From", "Pulls", "Refused or failed"]
    assert (len(points), points[-1][1:]) == (31, ["1234", "17"])


def test_no_cell_is_taken_for_a_formula(owner: Person) -> None:
    counted(owner.tenant, owner.hostname.name, "x", 1, target="=cmd()")

    assert ["'=cmd()", "1"] in rows(pulls_page(owner, csv="target"))


def test_what_cannot_be_read_is_as_if_it_were_not_there(owner: Person) -> None:
    assert "The last 30 days" in text_of(pulls_page(owner, since="ever", csv="all"))


@pytest.mark.parametrize("noun", ["hostname", "mapping", "tenant"])
def test_the_page_of_each_noun_shows_its_pulls(owner: Person, noun: str) -> None:
    mapping = Mapping.objects.get(hostname=owner.hostname)
    row = {"hostname": owner.hostname, "tenant": owner.tenant, "mapping": mapping}[noun]
    page = AdminClient(owner.user).get(f"{noun}_change", row.pk)

    assert "1,234 pulls" in text_of(page)
    assert page.context["pulls"].url in page.content.decode().replace("&amp;", "&")


def test_the_overview_begins_with_them(owner: Person) -> None:
    page = text_of(AdminClient(owner.user).client.get("/admin/"))

    assert "1,234 pulls" in page
    assert "acne/app" in page
    assert "secret/app" not in page


def test_nothing_of_the_drawing_is_styled_or_scripted_by_itself(owner: Person) -> None:
    content = pulls_page(owner).content.decode()
    (drawing,) = re.findall(r"<svg role=.*?</svg>", content, re.DOTALL)

    assert "style" not in drawing
    assert "script" not in drawing


def test_more_rows_take_no_more_queries(owner: Person) -> None:
    client = AdminClient(owner.user).client

    def queries(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get(address).status_code == 200
        return len(found)

    pages = ("/admin/pulls/", "/admin/", "/admin/pulls/?since=365d")
    few = [queries(page) for page in pages]
    for number in range(30):
        counted(owner.tenant, owner.hostname.name, f"acme/x{number}", 1, client=(f"c{number}", "1", ""), at=ago(days=3))

    assert [queries(page) for page in pages] == few


class TestChart:
    def test_bars_fill_the_height_and_stand_on_each_other(self) -> None:
        chart = chart_of([Point(ago(days=1), 0, 0), Point(ago(days=0), 40, 10)], Grain.DAY)
        empty, full = chart.bars

        assert chart.most == 50
        assert (empty.height, empty.missed_height) == (0, 0)
        assert full.y == pytest.approx(HEIGHT - full.height, abs=0.1)
        assert full.missed_y == pytest.approx(full.y - full.missed_height, abs=0.1)
        assert 0 <= full.missed_y <= 2

    def test_the_least_is_seen_beside_the_greatest(self) -> None:
        least, _ = chart_of([Point(ago(days=1), 1, 0), Point(ago(days=0), 10**9, 0)], Grain.DAY).bars

        assert least.height >= 1

    @pytest.mark.parametrize(("number", "most"), [(0, 1), (1, 1), (3, 5), (11, 20), (51, 100), (100, 100)])
    def test_the_scale_ends_in_a_round_number(self, number: int, most: int) -> None:
        assert chart_of([Point(ago(days=0), number, 0)], Grain.DAY).most == most
