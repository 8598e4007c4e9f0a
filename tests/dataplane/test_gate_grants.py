"""The budget of new names: whose it is, how long it lasts, and what a restart makes of it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from routing.core.certificates import CertificateSubject
from routing.dataplane.gate import grants as module
from routing.dataplane.gate.grants import DAY_SECONDS, KEPT_SECONDS, Budget, Grants, registrable_domain

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "certificates"


def subject(name: str, tenant: str = "1", hostname: str = "") -> CertificateSubject:
    return CertificateSubject(name, tenant, hostname or name)


def granted(grants: Grants, *subjects: CertificateSubject) -> list[str]:
    """Those of them that got in, in turn."""
    found = []
    for each in subjects:
        if grants.has_room(each):
            grants.add(each)
            found.append(each.name)
    return found


def test_a_tenant_has_so_many_a_day_and_nobody_elses(path: Path, clock: Clock) -> None:
    grants = Grants(path, Budget(2, 100), clock)

    assert granted(grants, *(subject(f"n{number}.com", "1") for number in range(5))) == ["n0.com", "n1.com"]
    assert granted(grants, *(subject(f"m{number}.com", "2") for number in range(5))) == ["m0.com", "m1.com"]

    clock.now += DAY_SECONDS - 1
    assert granted(grants, subject("n2.com")) == []
    clock.now += 1
    assert granted(grants, subject("n2.com"), subject("n3.com"), subject("n4.com")) == ["n2.com", "n3.com"]


def test_a_registrable_domain_has_so_many_whoevers_they_are(path: Path, clock: Clock) -> None:
    grants = Grants(path, Budget(100, 2), clock)
    names = ("a.acme.co.uk", "b.acme.co.uk", "c.acme.co.uk")

    assert granted(grants, *(subject(name, str(tenant)) for tenant, name in enumerate(names))) == list(names[:2])
    assert granted(grants, subject("a.globex.co.uk")) == ["a.globex.co.uk"]


def test_what_anybody_can_think_of_leaves_half_of_it(path: Path, clock: Clock) -> None:
    grants = Grants(path, Budget(4, 100), clock)
    below = [subject(f"{number}.pull.acme.com", hostname="*.pull.acme.com") for number in range(5)]

    assert len(granted(grants, *below)) == 2
    assert granted(grants, *(subject(f"n{number}.acme.com") for number in range(5))) == ["n0.acme.com", "n1.acme.com"]


@pytest.mark.parametrize(("most", "below_wildcard"), [(0, 0), (1, 1), (3, 1)])
def test_halves_of_small_budgets(path: Path, clock: Clock, most: int, below_wildcard: int) -> None:
    grants = Grants(path, Budget(most, 100), clock)

    assert len(granted(grants, *(subject(f"{number}.acme.com", hostname="*.acme.com") for number in range(5)))) == (
        below_wildcard
    )


def test_a_restart_forgets_neither_the_names_nor_what_is_spent(path: Path, clock: Clock) -> None:
    granted(Grants(path, Budget(2, 2), clock), subject("a.acme.com"), subject("b.acme.com"))

    again = Grants(path, Budget(2, 2), clock)

    assert again.is_known("a.acme.com")
    assert again.is_known("b.acme.com")
    assert not again.is_known("c.acme.com")
    assert granted(again, subject("c.acme.com"), subject("c.globex.com"), subject("c.acme.com", "2")) == []
    assert granted(again, subject("c.globex.com", "2")) == ["c.globex.com"]


def test_a_name_is_known_for_as_long_as_the_edge_may_have_its_certificate(path: Path, clock: Clock) -> None:
    granted(Grants(path, Budget(9, 9), clock), subject("renewed.com"), subject("left.com"))
    clock.now += KEPT_SECONDS - DAY_SECONDS
    assert Grants(path, Budget(9, 9), clock).is_known("renewed.com")

    clock.now += 2 * DAY_SECONDS
    later = Grants(path, Budget(9, 9), clock)

    assert later.is_known("renewed.com")
    assert not later.is_known("left.com")


def test_asking_again_writes_nothing_for_a_while(path: Path, clock: Clock) -> None:
    grants = Grants(path, Budget(9, 9), clock)
    granted(grants, subject("a.com"))
    written = path.read_text()

    clock.now += DAY_SECONDS
    assert all(grants.is_known("a.com") for _ in range(100))

    assert path.read_text() == written


@pytest.mark.parametrize(
    "torn", ["17", "x y z a.com", "1800000000 1800000000 1 torn.com extra", "\0\0\0\0", "nan 1 1", "1800000000 18000"]
)
def test_a_line_that_is_none_takes_no_other_along(path: Path, clock: Clock, torn: str) -> None:
    granted(Grants(path, Budget(9, 9), clock), subject("a.com"))
    path.write_text(f"{path.read_text()}{torn}")

    grants = Grants(path, Budget(9, 9), clock)
    granted(grants, subject("b.com"))

    again = Grants(path, Budget(9, 9), clock)
    assert again.is_known("a.com")
    assert again.is_known("b.com")


def test_a_clock_that_was_ahead_keeps_nobody_out_for_longer_than_a_day(path: Path, clock: Clock) -> None:
    clock.now += 1000 * DAY_SECONDS
    granted(Grants(path, Budget(1, 9), clock), subject("a.com"))
    clock.now = NOW

    grants = Grants(path, Budget(1, 9), clock)
    assert grants.is_known("a.com")
    assert granted(grants, subject("b.com")) == []
    clock.now += DAY_SECONDS
    assert granted(grants, subject("b.com")) == ["b.com"]


def test_what_is_kept_has_a_bound(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 10)
    monkeypatch.setattr(module, "_MOST_OLD_LINES", 5)
    grants = Grants(path, Budget(1000, 1000), clock)

    for number in range(100):
        clock.now += 1
        granted(grants, subject(f"n{number}.com"))

    assert not grants.is_known("n89.com")
    assert all(grants.is_known(f"n{number}.com") for number in range(90, 100))
    assert len(path.read_text().splitlines()) <= 17


def test_a_file_that_cannot_be_written_is_told_once_and_the_budget_holds(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    grants = Grants(tmp_path / "missing" / "certificates", Budget(2, 9), clock)

    assert granted(grants, *(subject(f"n{number}.com") for number in range(5))) == ["n0.com", "n1.com"]

    assert grants.is_known("n0.com")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage()[:26] for record in errors] == ["names that get certificate"]


def test_a_spent_budget_is_told_once_a_day_of_each(path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    grants = Grants(path, Budget(1, 9), clock)

    for number in range(50):
        granted(grants, subject(f"n{number}.com"), subject(f"m{number}.com", "2"))

    assert [record.getMessage()[:12] for record in caplog.records] == ["the tenant 1", "the tenant 2"]
    clock.now += DAY_SECONDS
    granted(grants, subject("x.com"), subject("y.com"))
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("docker.acme.com", "acme.com"),
        ("a.b.acme.co.uk", "acme.co.uk"),
        ("acme.github.io", "acme.github.io"),
        ("co.uk", "co.uk"),
        ("facade", "facade"),
    ],
)
def test_registrable_domains(name: str, domain: str) -> None:
    assert registrable_domain(name) == domain
