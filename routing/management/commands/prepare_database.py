"""`manage.py prepare_database`: what a server's database needs before it is served from, whenever that is there."""

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from routing.conf import snapshot_path
from routing.database.postgresql import is_standby
from routing.database.sqlite_connection import allow_new_file
from routing.management.commands.add_plain_mapping import take_over_variables
from routing.services.base.errors import ServiceError, Unavailable
from routing.table.sqlite_file import is_new

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LOST = (
    "the database file {file} is gone, though there is a snapshot of its table. Put a backup back, such as "
    "by “manage.py restore”; or run “manage.py migrate”, which makes an empty one"
)


class Command(BaseCommand):
    """Migrates where there is something to apply, creates the first administrator, and maps what the variables name.

    It waits for a database that isn't there, and for another that prepares the same one. Safe to run at every start.
    """

    help = "Wait for the database, migrate it where it is behind, and create the first administrator."
    # They would ask the database, which may not be there yet.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how long to wait."""
        parser.add_argument("--wait", type=float, metavar="SECONDS", help="give up after so long; otherwise never")

    def handle(self, **options: Any) -> None:
        """Try until it is done."""
        deadline = None if options["wait"] is None else time.monotonic() + options["wait"]
        pause, said = _FIRST_PAUSE_SECONDS, ""
        while True:
            try:
                self._prepare()
                return
            except (DatabaseError, InterfaceError, OSError) as error:
                connections.close_all()
                told = " ".join(str(error).split()) or type(error).__name__
            if deadline is not None and time.monotonic() + pause > deadline:
                raise CommandError(f"the database could not be prepared: {told}")
            if told != said:
                self.stderr.write(f"The database can't be prepared yet; trying again until it can be: {told}")
                self.stderr.flush()
                said = told
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _prepare(self) -> None:
        if is_new():
            if snapshot_path().exists():
                raise FileNotFoundError(_LOST.format(file=connection.settings_dict["NAME"]))
            allow_new_file()
        if is_standby():
            self.stderr.write("The database is a read-only standby: it is prepared at the server that it follows.")
            return
        # A role that may only write rows does where nothing is to be applied.
        if _is_behind():
            call_command("migrate", verbosity=0, interactive=False, stdout=self.stdout, stderr=self.stderr)
        call_command("create_first_admin", stdout=self.stdout, stderr=self.stderr)
        self._map_what_variables_name()

    def _map_what_variables_name(self) -> None:
        try:
            notes = take_over_variables()
        except Unavailable as error:
            # As any other error of the database's: tried again.
            raise OSError(str(error)) from error
        except ServiceError as error:
            notes = [f"what REGISTRY_HOST and REGISTRY_ORG name is not served: {error.command_line_message}"]
        for note in notes:
            self.stderr.write(note[0].upper() + note[1:])


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
