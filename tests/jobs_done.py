"""Does what waits in the queue, as `manage.py maintain` would, in the test's own thread and transaction."""

from __future__ import annotations

from routing.jobs.runner import Runner
from routing.management.maintenance import KINDS


def do_jobs(seconds: float = 60.0) -> None:
    """Until nothing is left."""
    runner = Runner(KINDS)
    try:
        assert runner.run_until_idle(seconds), "the jobs are not done in time"
    finally:
        runner.close()
