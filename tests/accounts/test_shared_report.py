"""The page of a shared report: for everybody who has the link, and for nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.core.table.routing_table import Table
from routing.models import SelfTest
from routing.services.hostnames.self_tests import share_path, share_self_test, unshare_self_test
from tests.conftest import Person

pytestmark = pytest.mark.django_db
STRANGER = Client(headers={"host": "localhost"})


@pytest.fixture
def row(owner: Person, table: Callable[[], Table]) -> SelfTest:
    table()
    step = {"name": "DNS", "mark": "bad", "asked": "", "came": "<script>x</script>", "advice": "", "milliseconds": 1}
    made = SelfTest.objects.create(
        hostname=owner.hostname, at=timezone.now(), passed=False, is_scheduled=True, steps=[step]
    )
    return share_self_test(owner.actor, "", self_test_id=made.pk)


def test_everybody_reads_it_without_a_cookie_or_a_script(row: SelfTest) -> None:
    found = STRANGER.get(share_path(row))

    page = found.content.decode()
    assert found.status_code == 200
    assert "Clients don't get through." in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert not re.search(r"<script|<form|\son\w+=|style=", page)
    assert not found.cookies
    assert found["X-Robots-Tag"] == "noindex, nofollow"
    assert found["Referrer-Policy"] == "no-referrer"
    assert "no-store" in found["Cache-Control"]


def test_its_policy_lets_nothing_run(row: SelfTest) -> None:
    policy = dict(part.split(" ", 1) for part in STRANGER.get(share_path(row))["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == policy["script-src"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["connect-src"] == "'none'"
    assert policy["style-src"] == policy["img-src"] == "'self'"


def test_it_says_nothing_of_who_shared_it(owner: Person, row: SelfTest) -> None:
    page = STRANGER.get(share_path(row)).content.decode()

    assert owner.user.username not in page
    assert owner.tenant.name not in page


def test_a_link_that_was_taken_back_is_as_one_that_never_was(owner: Person, row: SelfTest) -> None:
    path = share_path(row)
    unshare_self_test(owner.actor, "", self_test_id=row.pk)
    never = [path.replace(f"/{row.pk}/", f"/{row.pk + 1000}/"), path[:-43] + "A" * 43, f"/self-tests/{'9' * 30}/x"]

    gone = STRANGER.get(path)

    assert gone.status_code == 404
    for other in never:
        answer = STRANGER.get(other)
        assert answer.status_code == 404
        assert _same(answer.content.decode()) == _same(gone.content.decode())
        assert {**answer.headers, "X-Request-ID": ""} == {**gone.headers, "X-Request-ID": ""}


def test_a_stranger_costs_one_query_at_most(row: SelfTest) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        STRANGER.get(f"/self-tests/{row.pk}/{'A' * 43}")
    assert len(asked) == 1

    with CaptureQueriesContext(connection) as asked:
        STRANGER.get(f"/self-tests/{row.pk}/short")
    assert len(asked) == 0


def test_it_is_on_no_tenants_hostname(owner: Person, row: SelfTest) -> None:
    answer = Client(headers={"host": owner.hostname.name}).get(share_path(row))

    assert answer.status_code == 404
    assert b"Self-test of" not in answer.content


def _same(page: str) -> str:
    """Without the request's own number."""
    return re.sub(r"<code[^>]*>[^<]*</code>", "", page)
