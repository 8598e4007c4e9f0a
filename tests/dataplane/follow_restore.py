"""Follows a database of PostgreSQL's that is restored table by table, and prints what came of it after each step.

    DATABASE_URL=postgres://… python -m tests.dataplane.follow_restore

A process of its own, so that the tests' database may be any.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from routing.dataplane.live.live_table import LiveTable  # noqa: E402
from routing.dataplane.live.table_checker import TableChecker  # noqa: E402
from routing.services.base.actor import Actor  # noqa: E402
from routing.services.mappings.mappings import add_mapping, repoint  # noqa: E402
from routing.table.row_check import check_rows, is_due  # noqa: E402
from tests.dataplane.test_live import HOST, leads_to  # noqa: E402
from tests.e2e.postgresql import program  # noqa: E402

OLGA = Actor("olga", is_operator=True)
URL = os.environ["DATABASE_URL"]


def restore(dumped: Path, *arguments: str) -> None:
    argv = [str(program("pg_restore")), "--no-owner", "--exit-on-error", f"--dbname={URL}", *arguments, str(dumped)]
    subprocess.run(argv, check=True)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connections.close_all()


def entries(dumped: Path) -> list[tuple[str, str]]:
    """What fills tables and sets sequences, as pg_restore goes through it: a line of its list, and what that is of."""
    argv = [str(program("pg_restore")), "--list", "--section=data", str(dumped)]
    listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    return [(line, line.split()[6]) for line in listed if line and not line.startswith(";")]


def fill(dumped: Path, *arguments: str) -> Iterator[None]:
    """Each table is committed by itself, as without --single-transaction."""
    for line, _ in entries(dumped):
        only = dumped.with_name("entry")
        only.write_text(f"{line}\n")
        restore(dumped, f"--use-list={only}", *arguments)
        if " TABLE DATA " in line:
            yield


def whole(dumped: Path) -> Iterator[None]:
    """An empty database that is filled."""
    execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield
    restore(dumped, "--section=pre-data")
    yield
    yield from fill(dumped)
    restore(dumped, "--section=post-data")
    yield


def rows_alone(dumped: Path) -> Iterator[None]:
    """The tables stay, and are filled anew one by one: nothing tells that there will be more."""
    execute(f"TRUNCATE {', '.join(name for line, name in entries(dumped) if ' TABLE DATA ' in line)}")
    yield
    yield from fill(dumped, "--data-only", "--disable-triggers")


def main() -> None:
    call_command("migrate", verbosity=0)
    add_mapping(OLGA, "", hostname=HOST, prefix="acme", target="ghcr.io/acme")
    check_rows()
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        dumped = Path(folder) / "dump"
        argv = [str(program("pg_dump")), "--no-owner", "--format=custom", f"--file={dumped}", URL]
        subprocess.run(argv, check=True)
        for put_back in (whole, rows_alone):
            repoint(OLGA, "lost", hostname=HOST, prefix="acme", target="quay.io/acme")
            live, checker = LiveTable(), TableChecker()
            live.refresh()
            checker.check_if_due()
            connections.close_all()
            steps = []
            for _ in put_back(dumped):
                live.refresh_or_keep()
                connections.close_all()
                steps.append((leads_to(live), live.database))
            due = is_due(300.0)
            checked = checker.check_if_due()
            live.compare()
            connections.close_all()
            found[put_back.__name__] = {
                "steps": steps,
                "was_due": due,
                "checked": checked,
                "end": (leads_to(live), live.database),
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
