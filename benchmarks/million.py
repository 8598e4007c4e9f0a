"""A million mappings: bytes each in a process, and seconds to read them from a snapshot.

Run in a process of its own.
"""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

from routing.core.mappings import MappingEntry
from routing.core.policy import Policy
from routing.core.table import Change, HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane import snapshot

MAPPINGS, HOSTNAMES, REGISTRIES, TENANTS = 1_000_000, 100_000, 100, 1_000


def build() -> Table:
    """A table of that size, as the loader builds it from rows."""
    return Table.build(
        Policy(),
        1,
        ((str(number), TenantEntry(f"tenant {number}")) for number in range(TENANTS)),
        [(str(number), RegistryEntry(f"https://r{number}.example.com", f"r{number}")) for number in range(REGISTRIES)],
        ((f"docker{number}.example.com", HostEntry(str(number % TENANTS))) for number in range(HOSTNAMES)),
        (
            (
                f"docker{number % HOSTNAMES}.example.com/team{number // HOSTNAMES}",
                MappingEntry(str(number % REGISTRIES), f"organisation{number}", 1),
            )
            for number in range(MAPPINGS)
        ),
        MAPPINGS,
        HOSTNAMES,
    )


def main(path: Path, step: str) -> None:
    """Print what was measured, a line `name value`."""
    if step == "write":
        snapshot.write(path, build(), "bench")
        print("snapshot_bytes", path.stat().st_size)
        return
    gc.collect()
    before = _resident()
    begun = time.process_time()
    table = snapshot.read(path, Policy(), "bench")
    print("seconds", time.process_time() - begun)
    gc.collect()
    print("bytes_each", (_resident() - before) / len(table.mappings))
    change = {"registry": "1", "upstream_prefix": "elsewhere", "flags": 1}
    begun = time.perf_counter()
    for number in range(100):
        table = table.apply([Change(2, "mapping", f"docker{number}.example.com/team3", change)])
    print("apply_seconds", (time.perf_counter() - begun) / 100)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 2 else Path(tempfile.gettempdir()) / "bench.snapshot", sys.argv[-1])
