"""make bench: measure, print, and write benchmarks/RESULTS.md. Ratios of one interleaved run are what counts.

The server is pinned to one core, the load to another; peers take turns within each round, so that a machine whose speed
drifts slows them all alike.
"""

import argparse
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import edge, names, pages, scenarios, tls, verification
from benchmarks.load import CONNECTIONS
from benchmarks.servers import ROOT

RESULTS = Path(__file__).parent / "RESULTS.md"
PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "redirects": scenarios.redirects,
    "relays": scenarios.relays,
    "hanging": scenarios.hanging,
    "remembering": scenarios.remembering,
    "tls": tls.tls,
    "edge": edge.edge,
    "verification": verification.verification,
    "scale": scenarios.scale,
    "pages": pages.pages,
    "names": names.names,
}


def main() -> None:
    """Run every part, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], help="default: all of them")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement (default 3)")
    parser.add_argument("--repoints", type=int, default=100, help="repoints to time (default 100)")
    parser.add_argument("--hostnames", type=int, default=100_000, help="hostnames of the large tables")
    parser.add_argument("--names", type=int, default=10_000_000, help="names that nobody has asked for before")
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    lines = _introduction(options)
    for name, part in PARTS.items():
        if not options.parts or name in options.parts:
            print(f"=== {name}", flush=True)
            lines += ["", *part(options)]
    if options.parts:
        print("\n".join(lines))
        return
    RESULTS.write_text("\n".join(lines) + "\n")
    print(f"\nWritten to {RESULTS.relative_to(ROOT)}")


def _introduction(options: argparse.Namespace) -> list[str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    return [
        "# Results of `make bench`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}. The server on one core, the load (wrk, {CONNECTIONS} keep-alive "
        f"connections) on another; medians of {options.rounds} interleaved rounds of {options.seconds:g} s, ratios "
        "within each round. Compare ratios, not figures: they hold for one machine on one day. Where the load itself "
        "is at its limit, CPU time tells servers apart.",
    ]


if __name__ == "__main__":
    main()
