"""Metrics that workers tell each other in files: the library's collector reads them, and no room harms none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from prometheus_client import CollectorRegistry, generate_latest
from routing.dataplane.telemetry import metrics

def told():
    return dict(
        line.rsplit(" ", 1) for line in generate_latest(metrics.of_all_workers()).decode().splitlines()
        if not line.startswith("#")
    )

"""


def run(folder: Path, code: str) -> str:
    """What a program prints that shares metrics in the folder."""
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    argv = [sys.executable, "-c", PROGRAM + code, str(ROOT)]
    done = subprocess.run(argv, env=environ, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_counters_add_up_gauges_are_of_those_that_live_and_each_process_begins_at_0(tmp_path: Path) -> None:
    said = run(
        tmp_path / "made",
        """
metrics.COUNTERS["answers"].labels("redirect", "3xx").inc(5)
metrics.sharing.share(gauges=False)
for number in (1, 2):
    if not os.fork():
        metrics.COUNTERS["answers"].labels("redirect", "3xx").inc(10 * number)
        metrics.COUNTERS["answers"].labels("né\\u00e9 with a long label" * number, "x").inc()
        metrics.ANSWER_SECONDS.labels("relay").observe(0.3)
        metrics.WORKERS.set(1)
        metrics.GENERATION.set(number)
        for _ in range(3):
            metrics.sharing.share()
        os._exit(0)
    os.wait()
values = told()
print(values['facade_answers_total{decision="redirect",status="3xx"}'], values["facade_workers"])
print(values["facade_table_generation"], values['facade_answer_seconds_count{decision="relay"}'])
print(sum("long label" in name for name in values), metrics.sharing.error == "")
""",
    )

    assert said.splitlines() == ["35.0 2.0", "1.0 2.0", "2 True"]
    assert not list((tmp_path / "made").glob("*.new"))


def test_without_room_what_was_told_stays_and_more_is_told_later(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
metrics.WORKERS.set(1)
metrics.COUNTERS["relayed_bytes"].inc(7)
metrics.sharing.share()
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for number in range(200):
    metrics.COUNTERS["answers"].labels("redirect", str(number)).inc()
metrics.sharing.share()
metrics.sharing.share()
print(metrics.sharing.error, told()["facade_relayed_bytes_total"], told()["facade_workers"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
metrics.sharing.share()
print(metrics.sharing.error, len([name for name in told() if "answers_total" in name]))
""",
    )

    lines = said.splitlines()
    assert lines[0] == "File too large 7.0 1.0"
    assert lines[1].strip() == "200"
    assert said.count("serving goes on without metrics") == 1


def test_files_that_somebody_removed_are_made_again(tmp_path: Path) -> None:
    said = run(
        tmp_path / "made",
        """
import shutil
metrics.COUNTERS["relayed_bytes"].inc(7)
metrics.sharing.share()
shutil.rmtree(metrics.FOLDER)
print(told() == {})
metrics.sharing.share()
print(told()["facade_relayed_bytes_total"])
""",
    )

    assert said.splitlines() == ["True", "7.0"]
