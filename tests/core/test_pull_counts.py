"""What numbers of pulls are kept for: hours and days, and a bounded number of rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routing.core.pull_counts import ORPHAN_SHAPE, PULL_SHAPE, Grain, Names, start_of

MOMENT = datetime(2026, 3, 1, 13, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(("grain", "hour"), [(Grain.HOUR, 13), (Grain.DAY, 0)])
def test_an_hour_and_a_day_begin_sharp(grain: Grain, hour: int) -> None:
    assert start_of(grain, MOMENT) == datetime(2026, 3, 1, hour, tzinfo=UTC)


def test_a_shape_has_a_bound_of_its_own_and_never_more_than_a_hostname_may() -> None:
    assert ORPHAN_SHAPE.bound(1000) == 50
    assert ORPHAN_SHAPE.bound(20) == 20
    assert PULL_SHAPE.bound(1000) == 1000


@pytest.mark.parametrize(("tenant", "hostname"), [("t", "docker.acme.com"), ("", "")])
def test_what_has_no_row_goes_to_that_of_everything_else(tenant: str, hostname: str) -> None:
    """Of a host that nobody has even the name goes: whoever asks chooses it."""
    names = Names(tenant, "docker.acme.com", ("acme/app",))

    assert ORPHAN_SHAPE.everything_else(names) == Names(tenant, hostname, ("",))
