"""What the verbs of who leaves have in common: numbers, a last question, and a refusal that is told to programs too."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import ServiceError


class Removal(Verb):
    """Takes something away for good, with all that is its own. At a terminal its name is typed once more."""

    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What leaves the question out."""
        parser.add_argument("--yes", action="store_true", help="don't ask, at a terminal")

    @staticmethod
    def confirm(options: Options, output: Output, name: str, goes: Mapping[str, int]) -> None:
        """Have the name typed by a person at a terminal. Raises ServiceError where it isn't."""
        if options["yes"] or is_dry_run() or not output.has_person:
            return
        question = f"{name} has {numbers(goes)}. This can't be undone. Type {name} to go on: "
        if output.asked(question) != name:
            raise ServiceError(f"nothing was changed: what was typed is not {name}")


def refuse_for(obstacles: Sequence[str], facts: Mapping[str, Any], output: Output) -> None:
    """Raises ServiceError where there are any. Programs are told the facts all the same, obstacles among them."""
    if not obstacles:
        return
    output.facts(changed=False, dry_run=is_dry_run(), done=[], **facts)
    output.close()
    raise ServiceError("; ".join(obstacles))


def numbers(counts: Mapping[str, int]) -> str:
    """Counts in words, without what there is none of."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing"
