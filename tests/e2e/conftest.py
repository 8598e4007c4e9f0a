"""The laboratory, for every end-to-end test; each worker of a parallel run starts its own, as far as it uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.address_book import AddressBook
from tests.e2e.facade import Facade
from tests.e2e.lab.laboratory import Laboratory
from tests.e2e.postgresql import OutagePostgresql


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def lab() -> Iterator[Laboratory]:
    with Laboratory() as laboratory:
        yield laboratory


@pytest.fixture(scope="session")
def address_book() -> Iterator[AddressBook]:
    """One facade for all tests that need no special one; probes run when a test asks for them."""
    with Facade(FACADE_PROBE_ON_SAVE="false") as facade, AddressBook(facade) as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[OutagePostgresql]:
    """A PostgreSQL of the module's own, which its tests may stop."""
    with OutagePostgresql() as started:
        yield started
