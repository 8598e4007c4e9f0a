"""facade pulls."""

from __future__ import annotations

import pytest

from tests.commands.facade import facade
from tests.conftest import Person
from tests.services.pulls.counts import ago, asked, asked_in_vain, counted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _some(owner: Person) -> None:
    host = owner.hostname.name
    counted(owner.tenant, host, "acme/app", 1234, refused=2)
    counted(owner.tenant, host, "tools/cli", 4, at=ago(days=3), mapping="tools")
    asked(owner.tenant, host, "acme/app", "1.0", 9)
    asked_in_vain(None, "dockr.acme.com", "", 3)


def test_for_people() -> None:
    first, *lines = facade("pulls").out.splitlines()

    assert first.startswith("1,238 pulls since ")
    assert first.endswith("(1,238 redirected, 2 refused)")
    assert [line.split() for line in lines] == [["REPOSITORY", "PULLS"], ["acme/app", "1,234"], ["tools/cli", "4"]]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("tag", "docker.acme.com  acme/app:1.0  9"),
        ("orphan", "dockr.acme.com  -  3"),
        ("client", "docker  1,238"),
        ("mapping", "tools    4"),
    ],
)
def test_told_by(by: str, expected: str) -> None:
    assert expected.split() in [line.split() for line in facade("pulls", "--by", by).out.splitlines()]


def test_for_programs() -> None:
    told = facade("pulls", "docker.acme.com", "--since", "24h", "--by", "time", "--json").json

    assert (told["pulls"], told["by"], len(told["rows"])) == (1234, "time", 25)
    assert facade("pulls", "--mapping", "tools", "--json").json["rows"] == [{"repository": "tools/cli", "pulls": 4}]


@pytest.mark.parametrize("text", ["yesterday", "0d", "-3d", "99999d", "3y"])
def test_a_time_that_cannot_be_read_is_refused(text: str) -> None:
    done = facade("pulls", f"--since={text}")

    assert done.status == 2
    assert "write it like 24h" in done.err


def test_nothing_was_counted() -> None:
    assert facade("pulls", "nowhere.acme.com").out.splitlines()[1] == "Nothing was counted."
