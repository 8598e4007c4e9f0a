"""A million mappings: bytes each in a process, and seconds to load them. Run in a process of its own.

`python -m benchmarks.scale load` reads the database that DATABASE_URL names and writes a snapshot beside it;
`… snapshot` reads that file. Each prints a line `name value` for each thing that it measured.
"""

import gc
import os
import sys
import time
from collections.abc import Callable

import django

from benchmarks import processes
from routing.core.table.routing_table import Change, Table

_APPLIED = 200


def main(step: str) -> None:
    """Load, and print what it took."""
    django.setup()
    from routing.conf import database_identity, policy, snapshot_path
    from routing.table import snapshot
    from routing.table.load import load_table

    if step == "load":
        table = _measured(lambda: load_table(policy()))
        snapshot.write(snapshot_path(), table, database_identity())
        print("snapshot_bytes", snapshot_path().stat().st_size)
    else:
        table = _measured(lambda: snapshot.read(snapshot_path(), policy(), database_identity())[1])
    print("mappings", len(table.mappings))
    print("apply_seconds", _seconds_to_apply(table))


def _measured(load: Callable[[], Table]) -> Table:
    # What a first load brings along by itself: modules, a connection.
    from routing.models import Tenant

    Tenant.objects.count()
    gc.collect()
    before = processes.resident_bytes(os.getpid())
    begun = time.perf_counter()
    table = load()
    print("seconds", time.perf_counter() - begun)
    gc.collect()
    print("bytes_each", (processes.resident_bytes(os.getpid()) - before) / len(table.mappings))
    return table


def _seconds_to_apply(table: Table) -> float:
    registry = next(key for key, _ in table.registries.items())
    entry = {"registry": registry, "upstream_prefix": "elsewhere", "flags": 1}
    begun = time.perf_counter()
    for number in range(_APPLIED):
        table = table.apply([Change(table.generation + 1, "mapping", f"docker{number}.example.com/acme0", entry)])
    return (time.perf_counter() - begun) / _APPLIED


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    main(sys.argv[1])
