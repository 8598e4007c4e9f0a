"""Is the history as it was written?"""

from argparse import ArgumentParser

from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.history_check import Finding, check_history

_SHOWN = 100


class VerifyHistory(Verb):
    """All of it, whatever its length."""

    name = "verify-history"
    help = (
        "Verify the chain in which all entries of the history stand: it shows an entry that was changed, taken out or "
        "put in past the commands, pages and API. Exit status 3 where something doesn't fit."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What is known of it."""
        parser.add_argument(
            "--head",
            metavar="PLACE:HASH",
            help="what an earlier check printed and was noted elsewhere: the chain has to hold it still",
        )

    def run(self, options: Options, output: Output) -> None:
        """Verify, and print what was found."""
        check = check_history(Actor.command_line(), head=options["head"])
        facts = {**check._asdict(), "findings": [finding._asdict() for finding in check.findings]}
        output.facts(is_whole=check.is_whole, **facts)
        output.labelled(
            [
                ("entries", f"{check.entries:,}"),
                ("thrown away", f"{check.thrown_away:,} gaps beyond the bound" if check.thrown_away else ""),
                ("names erased", f"{check.erased:,} entries" if check.erased else ""),
                ("taken in late", f"{check.late:,} entries: no command wrote them so" if check.late else ""),
                ("no place yet", f"{check.strays:,} entries; the regular work gives them one" if check.strays else ""),
                ("head", check.head),
            ]
        )
        for finding in check.findings[:_SHOWN]:
            output.line(f"Place {finding.place:,}: {_told(finding)}")
        if len(check.findings) > _SHOWN:
            output.line(f"And {len(check.findings) - _SHOWN:,} more; --json prints all.")
        if not check.is_whole:
            raise NotSo("The history is not as it was written.")
        output.line("The history is as it was written.")


def _told(finding: Finding) -> str:
    return f"entry {finding.entry} of a {finding.noun}: {finding.what}" if finding.entry else finding.what
