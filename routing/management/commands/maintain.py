"""manage.py maintain: the work that nobody asks for, done regularly. The server starts it beside its workers."""

import logging
import os
import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from routing.database.postgresql import is_standby
from routing.dataplane.gate.thread import keep_gate
from routing.dataplane.live.comparison import SNAPSHOT_WRITER
from routing.dataplane.live.live_table import LiveTable
from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.dataplane.live.table_checker import TableChecker
from routing.jobs.runner import Runner
from routing.management.maintenance import (
    KINDS,
    Schedule,
    do_all,
    keep_telling,
    steadily,
    waits_for_confirmation,
    work,
)
from routing.management.service_command import CHECKS
from routing.priority import come_second

logger = logging.getLogger("routing.maintain")

# The longest that `--once` waits for registries and name servers.
_ONCE_SECONDS = 120.0
# The longest that whatever is under way is waited for, once the parent is gone.
_END_SECONDS = 5.0
# A process whose parent has ended is given to the first of all, which nothing outlives: nobody need look for its end.
_PARENT = os.getppid() if os.getppid() != 1 else -1


class Command(BaseCommand):
    help = (
        "Keep the snapshot of the routing table, compare tables with rows, check the DNS records of hostnames, "
        "probe registries, and send notices; answer the edge where FACADE_GATE_BIND says so. Runs until it is stopped."
    )
    requires_system_checks = CHECKS

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--snapshot-only", action="store_true", help="nothing but the snapshot of this machine")
        parser.add_argument(
            "--with-parent",
            type=int,
            nargs="?",
            const=_PARENT,
            metavar="PID",
            help="end when the process that started this ends; with its id also where that was before this looked",
        )

    def handle(self, **options: Any) -> None:
        live = LiveTable(role=SNAPSHOT_WRITER)
        writer = SnapshotWriter(live)
        if options["once"]:
            writer.write_if_changed()
            if not options["snapshot_only"] and not is_standby():
                TableChecker().check_if_due()
                self._once()
            return
        if not settings.FACADE_GATE_BIND:
            # Where the gate is, clients' handshakes wait for this process.
            come_second()
        stop = threading.Event()
        _end_at_sigterm(stop)
        # Each of its own: none of them waits for another.
        parts = [threading.Thread(target=writer.run, args=(stop,), name="snapshot", daemon=True)]
        parts.append(threading.Thread(target=keep_telling, args=(stop,), name="telling", daemon=True))
        if settings.FACADE_GATE_BIND:
            # The gate answers by the newest table, and not by one of a few seconds ago.
            live.follow()
            parts.append(threading.Thread(target=keep_gate, args=(live, stop), name="gate", daemon=True))
        if not options["snapshot_only"]:
            parts.append(threading.Thread(target=TableChecker().run, args=(stop,), name="table-check", daemon=True))
            for name, work_of in (("schedule", Schedule().run), ("jobs", work)):
                parts.append(threading.Thread(target=steadily, args=(work_of, stop), name=name, daemon=True))
        for part in parts:
            part.start()
        while not (stop.is_set() or _is_gone(options["with_parent"])):
            stop.wait(1)
        stop.set()
        # So that the lease of the regular work is free for whoever does it next.
        until = time.monotonic() + _END_SECONDS
        for part in parts:
            part.join(max(0.0, until - time.monotonic()))

    @staticmethod
    def _once() -> None:
        runner = Runner(KINDS)
        try:
            if waits_for_confirmation():
                return
            do_all()
            if not runner.run_until_idle(_ONCE_SECONDS):
                logger.warning("maintenance ends before all is done: what is left is done by the next round")
        except (DatabaseError, InterfaceError) as error:
            logger.warning("maintenance waits for the database: %s", type(error).__name__)
            connections.close_all()
        finally:
            runner.close()


def _end_at_sigterm(stop: threading.Event) -> None:
    if os.getpid() == 1:
        # A container's first process, which no signal without a handler ends.
        signal.signal(signal.SIGTERM, lambda *_: stop.set())


def _is_gone(parent: int | None) -> bool:
    """Whether that process is this one's parent no more. None: it doesn't matter."""
    return parent is not None and os.getppid() != parent
