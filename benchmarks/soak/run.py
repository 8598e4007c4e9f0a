"""make soak: attack the server for twenty minutes, while an innocent tenant's traffic goes on; say if the marks hold.

Exit status: 0 where all of them hold, 1 where one doesn't.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.servers import ROOT
from benchmarks.soak.children import Child
from benchmarks.soak.cores import Cores
from benchmarks.soak.report import Findings, judge, told
from benchmarks.soak.stage import WORKERS, Stage
from benchmarks.soak.workers import Watch, settle

PAGE = ROOT / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
# What attacks gets little of the cores where the server and the innocent want them.
_NICE = 10
# Each worker loads its admin pages at the first sign-in, and redirects wait for that.
_WARM_SECONDS = 30.0


def main() -> None:
    """Run it on each database, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200.0, help="how long the attacks last (default 1200)")
    parser.add_argument("--quiet-seconds", type=float, default=60.0, help="the quiet run before (default 60)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one (default: both)")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):
        # Explicitly: a shell's background job is started with SIGINT ignored.
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    holds, texts = True, []
    for database in [options.database] if options.database else ["sqlite", "postgresql"]:
        print(f"=== {database}: {options.quiet_seconds:g} s quiet, {options.seconds:g} s under attack", flush=True)
        found = soak(database, options.quiet_seconds, options.seconds)
        verdicts = judge(found)
        holds = holds and all(verdict.holds for verdict in verdicts)
        texts.append(told(found, verdicts))
        print(texts[-1], flush=True)
        print(f"The server's log: {log_of(database)}", flush=True)
    if options.write:
        write("\n\n".join(texts))
    print("\nAll marks hold." if holds else "\nNot all marks hold.")
    sys.exit(0 if holds else 1)


def soak(database: str, quiet_seconds: float, seconds: float) -> Findings:
    """One run. All that it starts has ended when this returns, or raises."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="soak-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        registry = stack.enter_context(Child("registry", {}, directory))
        hostile = stack.enter_context(Child("hostile", {}, directory, nice=_NICE))
        stage = stack.enter_context(Stage(_database_url(database), registry.ready, hostile.ready))
        watch = Watch(stage)
        task = {"port": stage.port, "people": stage.people["innocent"]}
        innocent = stack.enter_context(Child("innocent", task, directory))
        settle(_WARM_SECONDS)
        innocent.say("quiet")
        settle(quiet_seconds)
        task = {"port": stage.port, "people": stage.people["hostile"]}
        attackers = stack.enter_context(Child("attackers", task, directory, nice=_NICE))
        innocent.say("attacked")
        sides = {"who attacks": (attackers, hostile), "the innocent and their registry": (innocent, registry)}
        cores = Cores(lambda: _kinds(watch, sides))
        with watch.watching():
            _wait(seconds, innocent, attackers, hostile, registry)
            shares = cores.shares()
            seen = innocent.finish()
        shutil.copy(stage.directory / "log", log_of(database))
        return Findings(
            database, seconds, seen["quiet"], seen["attacked"], attackers.finish(), watch, stage.tracebacks(), shares
        )


def _kinds(watch: Watch, sides: Mapping[str, Sequence[Child]]) -> dict[str, list[int]]:
    """The processes of the soak by what they do."""
    others = {kind: [child.pid for child in children] for kind, children in sides.items()}
    return {"workers": watch.first, "control worker and regular work": watch.beside(), **others}


def log_of(database: str) -> Path:
    """Where the server's log of a run stays, until the next."""
    return Path(tempfile.gettempdir()) / f"soak-{database}.log"


def _wait(seconds: float, *children: Child) -> None:
    """Wait, as long as all of them go on."""
    left = seconds
    while left > 0:
        settle(min(left, 5.0))
        left -= 5.0
        if not all(child.running for child in children):
            raise SystemExit("a part of the soak has ended by itself")


def _database_url(database: str) -> str:
    if database == "sqlite":
        return ""
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url:
        raise SystemExit("no PostgreSQL: run this by scripts/soak, which starts one")
    return url


def write(text: str) -> None:
    """Put the figures into the page, between its marks."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no {BEGIN} … {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{_introduction()}\n\n{text}\n{END}{after}")
    print(f"Written to {PAGE.relative_to(ROOT)}")


def _introduction() -> str:
    facts: Any = (os.cpu_count(), WORKERS)
    return "On a machine with {} cores, all processes of both sides on it; {} workers.".format(*facts)


if __name__ == "__main__":
    main()
