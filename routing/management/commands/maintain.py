"""manage.py maintain: the work that nobody asks for, done regularly. `make run` and the image start it."""

import logging
import os
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from routing.services.actor import Actor
from routing.services.errors import VerbError
from routing.services.probing import probe, stale_registries
from routing.services.rechecks import recheck_due

logger = logging.getLogger("routing.maintain")

_ROUND_SECONDS = 30.0


class Command(BaseCommand):
    help = "Check the proofs of hostnames, and probe the registries in use, regularly. Runs until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--with-parent", action="store_true", help="end when the process that started this ends")

    def handle(self, **options: Any) -> None:
        parent = os.getppid()
        while True:
            try:
                self._round()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("maintenance waits for the database: %s", type(error).__name__)
                connections.close_all()
            if options["once"]:
                return
            deadline = time.monotonic() + _ROUND_SECONDS
            while time.monotonic() < deadline:
                if options["with_parent"] and os.getppid() != parent:
                    return
                time.sleep(1)

    @staticmethod
    def _round() -> None:
        for hostname in recheck_due(_ROUND_SECONDS):
            if hostname.proof_finding:
                logger.warning("%s: %s", hostname, hostname.proof_finding)
        for registry in stale_registries(settings.FACADE_PROBE_SECONDS):
            try:
                probe(Actor.program("maintenance"), registry_id=registry.pk)
            except VerbError as error:
                logger.info("%s: %s", registry, error)
