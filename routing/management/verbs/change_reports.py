"""The verb that verifies a change set before it is applied, and what is told of its report."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.named import add_set
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Status, Verb
from routing.management.verbs.verify import add_bounds, finish
from routing.models import ChangeSet
from routing.services.base.actor import Actor
from routing.services.changes.reports import report_of, verify_set
from routing.services.verifications.reports import summary
from routing.services.verifications.verifications import Options as Bounds


class VerifyChangeSet(Verb):
    """Changes no mapping."""

    name = "verify"
    help = (
        "Compare what the mappings of a change set point to with where it would have them point. It and the report "
        "name each other. Exit status 3 where something differs."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and how much is compared."""
        add_set(parser)
        add_bounds(parser)

    def run(self, options: Options, output: Output) -> None:
        """Make the report here, and print it."""
        bounds = Bounds(blobs=options["blobs"], cost_only=options["cost"])
        started = verify_set(Actor.command_line(), change_set_id=options["change_set"], options=bounds)
        finish(started, options, output)


def tell_report(change_set: ChangeSet, output: Output) -> None:
    """Print which report a set has, what it found, and what of it doesn't fit."""
    found = report_of(Actor.command_line(), change_set)
    output.facts(report=_facts(found.report, found.misfits) if found else None)
    if found is None:
        if change_set.is_open:
            output.line(f"Not verified. To do so: facade changes verify {change_set.pk}")
        return
    output.line(f"Report {found.report.pk}: {summary(found.report)}")
    for said in found.misfits:
        output.line(f"Take care with that report: {said}")


def _facts(report: Any, misfits: list[str]) -> dict[str, Any]:
    names = ("state", "is_clean", "total", "compared", "difference_count", "finished_at")
    return {"id": report.pk, **{name: getattr(report, name) for name in names}, "misfits": misfits}
