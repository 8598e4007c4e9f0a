"""What every test of the account pages needs: a worker that has its table, without which nothing is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.core.table.routing_table import Table
from tests.accounts.signing_in import Browser


@pytest.fixture(autouse=True)
def _has_a_table(db: None, table: Callable[[], Table]) -> None:
    table()


@pytest.fixture
def client() -> Browser:
    """A browser that is nobody's yet."""
    return Browser()
