"""manage.py check_table: does every worker of this machine, and the snapshot, hold the table that the rows make?"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.conf import database_identity, reports_folder, snapshot_path
from routing.dataplane.live.comparison import Outcome, Report, reports
from routing.management.service_command import CHECKS
from routing.table import snapshot
from routing.table.row_check import RowCheck, check_rows, last_check

_POLL_SECONDS = 0.2
_SAID = {
    Outcome.SAME: "same as the rows",
    Outcome.DIFFERS: "DIFFERED from the rows; it has loaded the table anew",
    Outcome.UNKNOWN: "not compared: it has been loaded since; check once more",
}


class Command(BaseCommand):
    help = (
        "Compare the routing table of each worker of this machine, and of the snapshot, with the rows of the database. "
        "What differs is loaded anew by itself. Ends with status 1 where something differed or didn't answer."
    )
    requires_system_checks = CHECKS

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="for the workers (30)")

    def handle(self, **options: Any) -> None:
        check = check_rows()
        self.stdout.write(f"rows: generation {check.state.generation}, digest {check.digest:016x}")
        checks = {check.at.isoformat()}
        found = self._wait(checks, options["wait"])
        for report in found:
            said = _SAID[report.outcome] if report.check in checks else "no answer"
            self.stdout.write(f"{report.role} {report.pid}: {said}")
        if not found:
            self.stdout.write("no worker of this machine has reported yet")
        snapshot_is_right = self._snapshot(check)
        right = all(report.check in checks and report.outcome != Outcome.DIFFERS for report in found)
        if not (right and snapshot_is_right):
            raise CommandError("Not all tables are those of the rows. Type the command once more to see what is left.")

    @staticmethod
    def _wait(checks: set[str], seconds: float) -> list[Report]:
        """The reports, once all are of one of these checks or the time is over. Later checks are added to them.

        Those of `maintain` answer as well: nobody reads one that has been replaced. No clock says which is later:
        those of several servers differ, and each may be set back.
        """
        deadline = time.monotonic() + seconds
        while True:
            if (last := last_check()) is not None:
                checks.add(last.at.isoformat())
            found = list(reports(reports_folder()))
            if all(report.check in checks for report in found) or time.monotonic() > deadline:
                return found
            time.sleep(_POLL_SECONDS)

    def _snapshot(self, check: RowCheck) -> bool:
        try:
            header = snapshot.read_header(snapshot_path(), database_identity())
        except FileNotFoundError:
            self.stdout.write("snapshot: there is none")
            return True
        except (snapshot.InvalidSnapshot, OSError) as error:
            self.stdout.write(f"snapshot: can't be used: {error}")
            return False
        if header.state != check.state or header.digest is None:
            self.stdout.write(f"snapshot: of generation {header.state.generation}, not compared")
            return True
        same = header.digest == check.digest
        self.stdout.write(f"snapshot: {'same as the rows' if same else 'DIFFERS from the rows'}")
        return same
