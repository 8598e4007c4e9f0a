"""The verbs that write change sets down: from a registry that mappings lead to, or from a table."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from routing.management.verbs.changes import change_set_facts, tell_set
from routing.management.verbs.named import ONLY_TENANT_HELP, TARGET_HELP, add_set, hostname_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.changes.csv_reading import MAX_BYTES
from routing.services.changes.drafts import draft, redraft
from routing.services.changes.imports import Deed, Judgement, Preview, preview_import
from routing.services.changes.wishes import Wish, wishes_to_repoint


class Draft(Verb):
    """Nothing is changed by it."""

    name = "draft"
    help = (
        "Draft a change set: repoint all mappings of one registry to another, or add and change what a table says. "
        "Nothing is changed until it is applied."
    )
    changes = needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What shall change."""
        sources = parser.add_mutually_exclusive_group(required=True)
        sources.add_argument(
            "--all-from", metavar="REGISTRY", help="registry[/upstream-prefix] that mappings point to; goes with --to"
        )
        sources.add_argument(
            "--csv",
            metavar="FILE",
            help="a table with the headings hostname, prefix and target, enabled, private, allow_push or delivery, as "
            "“mapping list --csv” writes it; --dry-run tells what each line would do; - reads standard input",
        )
        parser.add_argument("--to", metavar="TARGET", help=f"where they will point to: {TARGET_HELP}")
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--hostname", metavar="HOSTNAME", help="only this hostname's")

    def run(self, options: Options, output: Output) -> None:
        """Draft it, and show it. Raises ServiceError."""
        wishes = _imported(options, output) if options["csv"] is not None else _wishes(options)
        if not wishes:
            output.unchanged("Nothing to draft: all these mappings are so already")
            return
        change_set = draft(Actor.command_line(), options["reason"], wishes=wishes)
        output.done(f"drafted change set {change_set.pk}", change_set=change_set_facts(change_set))
        tell_set(change_set, output)


class Redraft(Verb):
    """After something that it depends on was changed."""

    name = "redraft"
    help = "Draft a change set once more, on what is there now. Its approval ends."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_set(parser)

    def run(self, options: Options, output: Output) -> None:
        """Draft it, and show it. Its message stays where no other is given."""
        change_set = redraft(
            Actor.command_line(), change_set_id=options["change_set"], message=options["reason"] or None
        )
        output.done(f"redrafted change set {change_set.pk}", change_set=change_set_facts(change_set))
        tell_set(change_set, output)


def _wishes(options: Options) -> list[Wish]:
    if options["to"] is None:
        raise ServiceError("say --to TARGET: where these mappings will point to")
    return wishes_to_repoint(
        Actor.command_line(),
        source=options["all_from"],
        target=options["to"],
        tenant=options["tenant"] and tenant_of(options["tenant"]).slug,
        hostname=options["hostname"] and hostname_of(options["hostname"]).name,
    )


def _imported(options: Options, output: Output) -> list[Wish]:
    """What the table wants, told line by line. Raises ServiceError where something is wrong with it."""
    if given := [name for name in ("to", "tenant", "hostname") if options[name]]:
        raise ServiceError(f"--{given[0]} goes with --all-from: a table names each mapping itself")
    found = preview_import(Actor.command_line(), _content_of(options["csv"]))
    output.facts(lines=[_line_facts(line) for line in found.lines], counts={**found.counts})
    for line in found.lines:
        # What is wrong is told beside a document for programs as well.
        (output.aside if line.deed is Deed.WRONG else output.line)(_in_words(line))
    output.line(_sums(found))
    if found.counts[Deed.WRONG]:
        raise ServiceError(f"nothing was drafted: {found.counts[Deed.WRONG]:,} of {found.total:,} lines are wrong")
    if found.problem:
        raise ServiceError(found.problem)
    return found.wishes if found.changes else []


def _line_facts(line: Judgement) -> dict[str, Any]:
    steps = [step._asdict() for step in line.steps]
    return {"line": line.number, "mapping": line.source, "deed": line.deed, "steps": steps, "error": line.wrong}


def _in_words(line: Judgement) -> str:
    steps = ", ".join(f"{step.what}: {step.before} → {step.after}" for step in line.steps)
    if line.wrong:
        return f"line {line.number}: {f'{line.source}: ' if line.source else ''}{line.wrong}"
    return f"line {line.number}: {line.deed} {line.source}: {steps}"


def _sums(found: Preview) -> str:
    told = [f"{deed} {count:,}" for deed, count in found.counts.items() if count]
    return f"{found.total:,} line{'' if found.total == 1 else 's'}: {', '.join(told) or 'none'}"


def _content_of(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ServiceError(f"{name} can't be read: {error.strerror}") from error
