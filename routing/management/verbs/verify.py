"""Verifying a switch before it is made."""

import time
from argparse import ArgumentParser

from routing.management.verbs.mappings import add_address
from routing.management.verbs.named import TARGET_HELP
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.models import Verification, VerificationDifference
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import get_mapping
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.reports import (
    cost_in_words,
    csv_lines,
    difference_facts,
    plan_of,
    report_facts,
    summary,
)
from routing.services.verifications.verifications import Options as Bounds
from routing.services.verifications.verifications import make_report, start_verification, stop_verification
from routing.verification.contents import Blobs
from routing.verification.copy_plan import Tool

_TELL_SECONDS = 5.0
_SHOWN = 100


class Verify(Verb):
    """Changes no mapping."""

    name = "verify"
    help = (
        "Compare what a mapping points to with where it would point: tags, digests, platforms, layers, signatures, and "
        "what each client would meet. Exit status 3 where something differs."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """The mapping, the candidate, and how much is compared."""
        add_address(parser)
        parser.add_argument("--to", required=True, dest="target", metavar="TARGET", help=TARGET_HELP)
        parser.add_argument(
            "--add",
            action="append",
            default=[],
            metavar="TAG",
            help="a tag or digest beside those that the old registry lists; or REPOSITORY:TAG below the prefix",
        )
        add_bounds(parser)

    def run(self, options: Options, output: Output) -> None:
        """Make the report here, and print it."""
        actor = Actor.command_line()
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        bounds = Bounds(add=tuple(options["add"]), blobs=options["blobs"], cost_only=options["cost"])
        candidate = Candidate(mapping.pk, options["target"])
        finish(start_verification(actor, candidates=[candidate], options=bounds), options, output)


def add_bounds(parser: ArgumentParser) -> None:
    """How much is compared, and as what it is printed."""
    parser.add_argument(
        "--blobs",
        choices=[each.value for each in Blobs],
        default=Blobs.SAMPLE.value,
        help="which layers it is asked for whether they are there (default: a sample)",
    )
    parser.add_argument("--cost", action="store_true", help="say what it would take, and compare nothing")
    parser.add_argument("--csv", action="store_true", help="print the differences as CSV")
    parser.add_argument(
        "--plan",
        choices=[each.value for each in Tool],
        help="print a script (for regsync a file) that copies what is missing, instead of the differences",
    )


def finish(started: Verification, options: Options, output: Output) -> None:
    """Make a report that was begun, here, and print it. Raises NotSo where something differs."""
    progress = Progress(output)
    try:
        row = make_report(started.pk, progress.tell)
    except KeyboardInterrupt:
        stop_verification(Actor.command_line(), verification_id=started.pk)
        raise
    _print(row, options, output)
    if row.difference_count or row.state != Verification.State.DONE:
        raise NotSo


class Progress:
    """Tells on standard error how far it is: the cost before the first comparison, then a line every few seconds."""

    def __init__(self, output: Output) -> None:
        self._output, self._next, self._said_cost = output, time.monotonic() + _TELL_SECONDS, False

    def tell(self, row: Verification) -> None:
        """Say it, where it is time to."""
        if not self._said_cost and (said := cost_in_words(row)):
            self._said_cost = True
            self._output.aside(said)
        if not row.is_over and time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_SECONDS
            self._output.aside(summary(row))


def _print(row: Verification, options: Options, output: Output) -> None:
    found = VerificationDifference.objects.filter(verification=row)
    if options["plan"]:
        output.document([plan_of(row, Tool(options["plan"]))])
        return
    if options["csv"]:
        output.document(csv_lines(found.iterator()))
        return
    if output.as_json:
        output.facts(report=report_facts(row), differences=[difference_facts(each) for each in found.iterator()])
        return
    for each in found[:_SHOWN]:
        joint = "@" if ":" in each.reference else ":"
        where = f"{each.source}{joint}{each.reference}" if each.reference else each.source
        output.line(f"{each.kind:<18} {where}{f'  {each.detail}' if each.detail else ''}")
    if row.difference_count > _SHOWN:
        output.line(f"… and {row.difference_count - _SHOWN} more: --csv or --json shows all of them")
    for note in row.notes:
        output.line(f"Note: {note}")
    said = summary(row)
    output.line(f"{said[:1].upper()}{said[1:]}. Report {row.pk}.")
