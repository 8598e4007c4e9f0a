"""Newer clients than this machine's, in root directories of their own. `make test` collects none of this."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.registries.world import World
from tests.clients.report import print_tables, write_document
from tests.clients.roster import Roster
from tests.clients.tables import ROWS, Row
from tests.e2e.address_book import Address, AddressBook
from tests.e2e.facade import Facade
from tests.e2e.lab.laboratory import Laboratory

_HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-clients", action="store_true", help="write what was found into docs/reference/clients.md")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)
            if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "client" in item.callspec.params:
                # Each client starts in one worker of a parallel run.
                item.add_marker(pytest.mark.xdist_group(item.callspec.params["client"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = [report for reports in ("passed", "failed") for report in terminalreporter.stats.get(reports, [])]
    reports = [report for report in found if isinstance(report, pytest.TestReport) and report.when == "call"]
    print_tables(reports, terminalreporter)
    if config.getoption("--write-clients"):
        write_document(reports)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with Laboratory() as lab, World(lab) as made:
        yield made


@pytest.fixture(scope="session")
def roster() -> Iterator[Roster]:
    with Roster() as clients:
        yield clients


@pytest.fixture(scope="session")
def address_book() -> Iterator[AddressBook]:
    """One facade for all; it probes when a test asks for that."""
    with Facade(FACADE_PROBE_ON_SAVE="false") as facade, AddressBook(facade) as opened:
        yield opened


@pytest.fixture(scope="session")
def opened(world: World, address_book: AddressBook) -> dict[Row, Address]:
    """An address of the facade for each row; it has probed each registry."""
    specs = [world.source(row.registry).spec(row.naming) for row in ROWS]
    return dict(zip(ROWS, address_book.open(specs), strict=True))
