"""The soak: its marks are judged as they say, and nothing of it remains, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.cores import Share
from benchmarks.soak.report import Findings, Verdict, judge, told
from benchmarks.soak.workers import Held
from tests.e2e.lab.process import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 300.0
MIB = 2**20


class Watched:
    """What a watch of one worker found."""

    def __init__(self, memory: list[int], threads: int = 20, files: int = 300, replaced: int = 0) -> None:
        samples = len(memory)
        self.first = [1]
        self.held = {1: Held([each * MIB for each in memory], [threads] * samples, [files] * samples)}
        self.replaced = replaced
        self.cpu = 0.25


def kind(p99: float = 0.002, slowest: float = 0.01, wrong: dict[str, int] | None = None) -> dict[str, Any]:
    return {"number": 100, "median": p99 / 2, "p99": p99, "slowest": slowest, "wrong": wrong or {}}


def seen(**changed: dict[str, Any]) -> dict[str, Any]:
    return {"redirects": kind(), "relays": kind(), "blobs": kind(), "sign-in": kind(), **changed}


FLAT = [100] * 40


def findings(
    attacked: dict[str, Any] | None = None,
    watch: Watched | None = None,
    broken: list[str] | None = None,
    quiet: dict[str, Any] | None = None,
) -> Findings:
    attack = {"numbers": "1", "what": "something", "rate": "1/s", "outcomes": {"504": 3}}
    attackers = {"attacks": [attack], "broken": broken or []}
    watched: Any = watch or Watched(FLAT)
    shares = [Share("workers", 0.25, 0.5, 0.001)]
    return Findings("sqlite", 60.0, quiet or seen(), attacked or seen(), attackers, watched, 0, shares)


def failing(verdicts: list[Verdict]) -> list[str]:
    return [verdict.what for verdict in verdicts if not verdict.holds]


def test_what_stays_as_in_the_quiet_run_holds_every_mark() -> None:
    assert failing(judge(findings())) == []


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        (findings(quiet=seen(redirects=kind(p99=0.11))), "p99 of redirects in the quiet run"),
        (findings(seen(redirects=kind(p99=0.0061))), "p99 of redirects"),
        (findings(seen(relays=kind(slowest=2.1))), "slowest relay"),
        (findings(seen(blobs=kind(slowest=2.1))), "slowest relay"),
        (findings(seen(redirects=kind(wrong={"status 503": 1}))), "wrong answers to the innocent"),
        (findings(seen(**{"sign-in": kind(wrong={"not signed in": 1})})), "wrong answers to the innocent"),
        (findings(watch=Watched([100] * 30 + [110] * 10)), "memory of a worker in the second half"),
        (findings(watch=Watched(FLAT, threads=447)), "threads of a worker"),
        (findings(watch=Watched(FLAT, files=4000)), "descriptors of a worker"),
        (findings(watch=Watched(FLAT, replaced=1)), "workers that were replaced"),
        (findings(broken=["TypeError()"]), "attacks that broke off"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_mark_can_be_missed(found: Findings, mark: str) -> None:
    assert failing(judge(found)) == [mark]


def test_what_grows_in_the_first_half_alone_is_flat() -> None:
    assert failing(judge(findings(watch=Watched([50] * 10 + [90] * 10 + [100] * 20)))) == []


def test_the_page_has_a_row_for_each_mark_kind_and_attack() -> None:
    found = findings(seen(redirects=kind(wrong={"status 503": 1})))

    text = told(found, judge(found))

    assert "| wrong answers to the innocent none | redirects: status 503 \N{MULTIPLICATION SIGN} 1 | **no** |" in text
    assert "The busiest worker used 25% of a core." in text
    assert "| workers | 0.25 | 50.0% of the time | 1.00 ms |" in text
    assert "| sign-in | 100 | 1.0 ms | 2.0 ms | 10.0 ms | 2.0 ms |" in text
    assert "| 1: something | 1/s | 504 \N{MULTIPLICATION SIGN} 3 |" in text


def processes_with(mark: str) -> list[str]:
    """Every process that has inherited the mark in its environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:  # It has ended meanwhile.
            continue
    return found


def start_soak(mark: str, log: Path) -> subprocess.Popen[bytes]:
    """Start one that would last for minutes."""
    command = [sys.executable, "-m", "benchmarks.soak.run", "--database", "sqlite", "--seconds", "600"]
    # Not the settings of the tests, which this process has.
    ours = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment = ours | {"SOAK_TEST": mark}
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--quiet-seconds", "0"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )


@pytest.mark.e2e
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name)
def test_nothing_of_it_remains(ending: signal.Signals, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    soak = start_soak(mark, tmp_path / "log")
    try:
        wait_until(
            lambda: soak.poll() is not None or any("soak.innocent" in each for each in processes_with(mark)),
            "the innocent's traffic has begun",
            START_SECONDS,
        )
        assert soak.poll() is None, (tmp_path / "log").read_text()
        soak.send_signal(ending)
        assert soak.wait(60) != 0
        wait_until(lambda: processes_with(mark) == [], "its processes are gone", 60)
    finally:
        soak.kill()
        soak.wait()
