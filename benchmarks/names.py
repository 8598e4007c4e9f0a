"""Ten million requests for names that nobody has asked for before: what they leave in the database and in memory."""

import argparse
import contextlib
import sqlite3

from benchmarks import load
from benchmarks.scenarios import started
from benchmarks.servers import Facade

_SECONDS = 30
_TABLES = ("routing_pullcount", "routing_referencecount", "routing_orphancount")


def names(options: argparse.Namespace) -> list[str]:
    """Ask, and say how many rows and bytes there are then."""
    with contextlib.ExitStack() as stack:
        facade = started(stack, Facade())
        # Until it has what it keeps for whatever is asked.
        load.random_names(facade, _SECONDS)
        before, asked = facade.memory_bytes(), 0
        while asked < options.names:
            asked += round(load.random_names(facade, _SECONDS).rate * _SECONDS)
            print(f"{asked:,} names: {facade.memory_bytes() / 1e6:.0f} MB", flush=True)
        grown = facade.memory_bytes() - before
        rows = _rows(facade)
    return [
        "## Names that nobody has asked for before",
        "",
        f"- {asked:,} requests, each for a repository of its own, half of them below no mapping: {rows:,} rows of "
        f"numbers are kept of them, and the largest process has {before / 1e6:.0f} MB and then {grown / 1e6:+.0f} MB.",
    ]


def _rows(facade: Facade) -> int:
    with contextlib.closing(sqlite3.connect(facade.directory / "facade.sqlite3")) as database:
        return sum(database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in _TABLES)
