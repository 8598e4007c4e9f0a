"""Follows a database of SQLite's that is put back in several ways, and prints what came of each.

    DATABASE_URL=sqlite:////tmp/x/facade.sqlite3 python -m tests.dataplane.follow_sqlite

A process of its own, so that the tests' database may be any.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from routing.dataplane.live.live_table import LiveTable  # noqa: E402
from routing.services.base.actor import Actor  # noqa: E402
from routing.services.mappings.mappings import add_mapping, repoint  # noqa: E402
from tests.dataplane.test_live import HOST, leads_to, table_loads  # noqa: E402
from tests.waiting import until  # noqa: E402

OLGA = Actor("olga", is_operator=True)
FILE = Path(str(settings.DATABASES["default"]["NAME"]))
KEPT = FILE.with_name("kept.sqlite3")
PATIENCE_SECONDS = 120.0


def by_restore() -> None:
    with closing(sqlite3.connect(KEPT)) as source, closing(sqlite3.connect(FILE)) as target:
        source.backup(target)


def remove_log() -> None:
    for suffix in ("-wal", "-shm"):
        FILE.with_name(FILE.name + suffix).unlink(missing_ok=True)


def by_mv() -> None:
    remove_log()
    KEPT.rename(FILE)


def by_rm_and_cp() -> None:
    FILE.unlink()
    remove_log()
    shutil.copyfile(KEPT, FILE)


def by_cp() -> None:
    shutil.copyfile(KEPT, FILE)


def by_cp_over_it() -> None:
    """The file stays the same one. Safe only because nothing is in its log, which would be written over the copy."""
    with closing(sqlite3.connect(FILE)) as emptied:
        emptied.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(KEPT, FILE)


def after_it_was_deleted(live: LiveTable) -> bool:
    """Whether that was told, while the table stayed, and no file was made in its place."""
    FILE.unlink()
    remove_log()
    until(lambda: not live.reachable, "the loss is told", PATIENCE_SECONDS)
    return leads_to(live) == "https://quay.io" and not FILE.exists()


def follow(put_back: Callable[[], None], delete_first: bool = False) -> dict[str, object]:
    """What a follower made of it."""
    repoint(OLGA, "before", hostname=HOST, prefix="acme", target="ghcr.io/acme")
    live = LiveTable()
    live.follow()
    wait(live, "https://ghcr.io")
    with closing(sqlite3.connect(FILE)) as source, closing(sqlite3.connect(KEPT)) as target:
        source.backup(target)
    repoint(OLGA, "lost", hostname=HOST, prefix="acme", target="quay.io/acme")
    wait(live, "https://quay.io")
    # As a request does at its end.
    connection.close()
    loads = {reason: table_loads(reason) for reason in ("another-history", "file-replaced")}
    told = after_it_was_deleted(live) if delete_first else True

    put_back()
    wait(live, "https://ghcr.io")
    repoint(OLGA, "after", hostname=HOST, prefix="acme", target="docker.io/acme")
    wait(live, "https://registry-1.docker.io")
    live.stop()
    return {"told": told, "loads": sum(table_loads(reason) - before for reason, before in loads.items())}


def wait(live: LiveTable, origin: str) -> None:
    until(lambda: leads_to(live) == origin, f"it leads to {origin}", PATIENCE_SECONDS)


def main() -> None:
    call_command("migrate", verbosity=0)
    add_mapping(OLGA, "", hostname=HOST, prefix="acme", target="docker.io/acme")
    found = {each.__name__: follow(each) for each in (by_restore, by_mv, by_rm_and_cp, by_cp_over_it)}
    found["deleted"] = follow(by_cp, delete_first=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
