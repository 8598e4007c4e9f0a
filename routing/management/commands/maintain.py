"""manage.py maintain: the work that nobody asks for, done regularly. The server starts it beside its workers."""

import logging
import os
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from routing.dataplane.live.snapshot_writer import SnapshotWriter
from routing.request_id import request_id
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.proof_checks import recheck_due
from routing.services.registries.probes import probe, stale_registries

logger = logging.getLogger("routing.maintain")

_ROUND_SECONDS = 30.0


class Command(BaseCommand):
    help = (
        "Keep the snapshot of the routing table, check the proofs of hostnames, and probe the registries in use. "
        "Runs until it is stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--snapshot-only", action="store_true", help="nothing but the snapshot of this machine")
        parser.add_argument("--with-parent", action="store_true", help="end when the process that started this ends")

    def handle(self, **options: Any) -> None:
        writer = SnapshotWriter()
        if options["once"]:
            writer.write_if_changed()
            self._round(options["snapshot_only"])
            return
        parent = os.getppid()
        stop = threading.Event()
        # Of its own: a registry that doesn't answer must not keep the snapshot from being written.
        threading.Thread(target=writer.run, args=(stop,), name="snapshot", daemon=True).start()
        rounds = 0
        while not (options["with_parent"] and os.getppid() != parent):
            if rounds % int(_ROUND_SECONDS) == 0:
                self._round(options["snapshot_only"])
            rounds += 1
            stop.wait(1)

    @staticmethod
    def _round(snapshot_only: bool) -> None:
        if snapshot_only:
            return
        try:
            with request_id():
                _look_after()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("maintenance waits for the database: %s", type(error).__name__)
            connections.close_all()


def _look_after() -> None:
    for hostname in recheck_due(_ROUND_SECONDS):
        if hostname.proof_finding:
            logger.warning("%s: %s", hostname, hostname.proof_finding)
    for registry in stale_registries(settings.FACADE_PROBE_SECONDS):
        try:
            probe(Actor.program("maintenance"), registry_id=registry.pk)
        except ServiceError as error:
            logger.info("%s: %s", registry, error)
