"""`manage.py migrate`: Django's own, of which only one at a time works on a database."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from routing.database.migration_lock import migration_lock
from routing.database.sqlite_connection import allow_new_file


class Command(migrate.Command):
    """Migrates as Django does; a second one that runs at once waits for the first, and says so."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Make the database's file where it is SQLite's and missing. What is checked before connects already."""
        allow_new_file()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, or tell what would be done, which needs no lock."""
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with migration_lock(connections[options["database"]], self._say):
            super().handle(*args, **options)

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()
