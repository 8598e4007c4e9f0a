"""What every test of the account pages needs: a worker that has its table, without which nothing is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.utils import timezone

from routing.core.table.routing_table import Table
from tests.accounts.authenticator_app import PERIOD
from tests.accounts.signing_in import Browser


@pytest.fixture(autouse=True)
def _has_a_table(db: None, table: Callable[[], Table]) -> None:
    table()


@pytest.fixture(autouse=True)
def _periods_of_codes_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([PERIOD]))


@pytest.fixture
def client() -> Browser:
    """A browser that is nobody's yet."""
    return Browser()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Moves the clock on, as often as it is called: `later(hours=23)`."""
    passed, now = [timedelta()], timezone.now

    def move(**how_far: float) -> None:
        passed[0] += timedelta(**how_far)
        monkeypatch.setattr(timezone, "now", lambda: now() + passed[0])

    return move
