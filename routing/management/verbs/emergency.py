"""The red button, and the word that lets workers go on: what an operator reaches for when something goes wrong."""

from argparse import ArgumentParser
from datetime import UTC, datetime

from routing.conf import alarm_path, database_identity, freeze_path, snapshot_path
from routing.dataplane.live.hold import read_alarm
from routing.management.verbs.output import Output, moment
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.confirmation import confirm_generation
from routing.services.base.errors import ServiceError
from routing.table import snapshot
from routing.table.freeze import kept_path, kept_snapshots, read_freeze, write_freeze

_HERE = "this machine's workers alone: on several servers, type it on each"


class Freeze(Verb):
    """Without the database and without a sign-in: whoever can write the state folder may."""

    name = "freeze"
    help = (
        "Hold the workers of this machine at the table that they serve, or at an older one. Suspensions, withdrawals "
        "and what is disabled go on being applied; nothing else is, until “facade thaw”. Needs no database."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """At which table."""
        parser.add_argument(
            "--generation",
            type=int,
            metavar="N",
            help="an older one, of the snapshots that are kept; --list shows them",
        )
        parser.add_argument("--list", action="store_true", help="show the snapshots that are kept, and freeze nothing")

    def run(self, options: Options, output: Output) -> None:
        """Freeze. Raises ServiceError."""
        kept = kept_snapshots(snapshot_path())
        known = [{"generation": each.generation, "written_at": datetime.fromtimestamp(each.at, UTC)} for each in kept]
        if options["list"]:
            output.facts(kept=known)
            output.line("Snapshots that are kept:" if kept else "No snapshots are kept yet.")
            for each in known:
                output.line(f"  generation {each['generation']}, written {moment(each['written_at'])}")  # type: ignore[arg-type]
            return
        generation = options["generation"]
        if generation is not None:
            _check_kept(generation, [each.generation for each in kept])
        try:
            write_freeze(freeze_path(), generation)
        except OSError as error:
            raise ServiceError(f"{freeze_path()} can't be written: {error.strerror}") from error
        where = "the generation that they serve" if generation is None else f"generation {generation}"
        output.facts(frozen=True, generation=generation, kept=known)
        output.line(f"Frozen: the workers hold {where} within a second ({_HERE}).")
        output.line("Suspensions, withdrawals and what is disabled are applied all the same. To go on: facade thaw")


class Thaw(Verb):
    """Back to the newest table."""

    name = "thaw"
    help = "Let the workers of this machine serve the newest table again, after “facade freeze”. Needs no database."

    def run(self, options: Options, output: Output) -> None:
        """Thaw. Raises ServiceError."""
        frozen = read_freeze(freeze_path())
        if frozen is None:
            output.unchanged("Nothing is frozen here.")
            return
        try:
            freeze_path().unlink(missing_ok=True)
        except OSError as error:
            raise ServiceError(f"{freeze_path()} can't be removed: {error.strerror}") from error
        output.facts(frozen=False)
        output.line(f"Thawed: the workers serve the newest table within a second ({_HERE}).")


class Confirm(Verb):
    """What is served is what was meant."""

    name = "confirm"
    help = (
        "Confirm the newest generation: workers that hold an older table, because more than FACADE_MAX_CHANGE_SHARE "
        "percent of all hostnames would change at once, take it."
    )
    changes = True

    def run(self, options: Options, output: Output) -> None:
        """Confirm it."""
        alarm = read_alarm(alarm_path())
        if alarm is not None:
            output.line(f"Here workers say: {alarm}.")
        generation = confirm_generation(Actor.command_line(), options["reason"])
        output.done(f"confirmed generation {generation}", generation=generation)


def _check_kept(generation: int, kept: list[int]) -> None:
    """Raises ServiceError where its snapshot is not there, or can't be used."""
    if generation not in kept:
        known = ", ".join(map(str, kept)) or "none"
        raise ServiceError(f"no snapshot of generation {generation} is kept; kept are: {known}")
    try:
        snapshot.read_header(kept_path(snapshot_path(), generation), database_identity())
    except (snapshot.InvalidSnapshot, OSError) as error:
        raise ServiceError(f"the snapshot of generation {generation} can't be used: {error}") from error
