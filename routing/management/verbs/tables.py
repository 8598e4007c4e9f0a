"""Does every worker of this machine, and the snapshot, hold the table that the rows make?"""

import time
from argparse import ArgumentParser

from routing.conf import database_identity, reports_folder, snapshot_path
from routing.dataplane.live.comparison import Outcome, Report, reports
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.table import snapshot
from routing.table.row_check import RowCheck, check_rows, last_check

_POLL_SECONDS = 0.2
_SAID = {
    Outcome.SAME: "same as the rows",
    Outcome.DIFFERS: "DIFFERED from the rows; it has loaded the table anew",
    Outcome.UNKNOWN: "not compared: it has been loaded since; check once more",
}
_NO_ANSWER = "no answer"


class CheckTable(Verb):
    """At once, where the regular check does it every few minutes."""

    name = "check-table"
    help = (
        "Compare the routing table of each worker of this machine, and of the snapshot, with the rows of the database. "
        "What differs is loaded anew by itself. Exit status 3 where something differed or didn't answer."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """How long to wait."""
        parser.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="for the workers (30)")

    def run(self, options: Options, output: Output) -> None:
        """Have the rows checked, and wait for what the workers say."""
        check = check_rows()
        output.line(f"rows: generation {check.state.generation}, digest {check.digest:016x}")
        checks = {check.at.isoformat()}
        found = _wait(checks, options["wait"])
        said = [_SAID[report.outcome] if report.check in checks else _NO_ANSWER for report in found]
        for report, words in zip(found, said, strict=True):
            output.line(f"{report.role} {report.pid}: {words}")
        if not found:
            output.line("no worker of this machine has reported yet")
        snapshot_is_right, words = _snapshot(check)
        output.line(f"snapshot: {words}")
        output.facts(
            generation=check.state.generation,
            digest=f"{check.digest:016x}",
            workers=[
                {"role": report.role, "pid": report.pid, "found": words}
                for report, words in zip(found, said, strict=True)
            ],
            snapshot=words,
        )
        right = all(report.check in checks and report.outcome != Outcome.DIFFERS for report in found)
        if not (right and snapshot_is_right):
            raise NotSo("Not all tables are those of the rows. Type the command once more to see what is left.")


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


def _snapshot(check: RowCheck) -> tuple[bool, str]:
    """Whether it may be used, and what there is to say of it."""
    try:
        header = snapshot.read_header(snapshot_path(), database_identity())
    except FileNotFoundError:
        return True, "there is none"
    except (snapshot.InvalidSnapshot, OSError) as error:
        return False, f"can't be used: {error}"
    if header.state != check.state or header.digest is None:
        return True, f"of generation {header.state.generation}, not compared"
    same = header.digest == check.digest
    return same, "same as the rows" if same else "DIFFERS from the rows"
