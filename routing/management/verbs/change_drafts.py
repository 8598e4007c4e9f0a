"""The verbs that write change sets down: from a registry that mappings lead to, or from a table."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from routing.management.verbs.changes import change_set_facts, tell_set
from routing.management.verbs.named import ONLY_TENANT_HELP, TARGET_HELP, add_set, hostname_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.changes.drafts import draft, redraft
from routing.services.changes.wishes import Wish, wishes_of_csv, wishes_to_repoint

_MAX_BYTES = 4 * 1024 * 1024


class Draft(Verb):
    """Nothing is changed by it."""

    name = "draft"
    help = (
        "Draft a change set: repoint all mappings of one registry to another, or what a table says. "
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
            help="a table with the headings hostname, prefix and target, enabled, private, allow_push or delivery; "
            "- reads standard input",
        )
        parser.add_argument("--to", metavar="TARGET", help=f"where they will point to: {TARGET_HELP}")
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--hostname", metavar="HOSTNAME", help="only this hostname's")

    def run(self, options: Options, output: Output) -> None:
        """Draft it, and show it."""
        change_set = draft(Actor.command_line(), options["reason"], wishes=_wishes(options))
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
    actor = Actor.command_line()
    if options["csv"] is not None:
        if given := [name for name in ("to", "tenant", "hostname") if options[name]]:
            raise ServiceError(f"--{given[0]} goes with --all-from: a table names each mapping itself")
        return wishes_of_csv(actor, _text_of(options["csv"]))
    if options["to"] is None:
        raise ServiceError("say --to TARGET: where these mappings will point to")
    return wishes_to_repoint(
        actor,
        source=options["all_from"],
        target=options["to"],
        tenant=options["tenant"] and tenant_of(options["tenant"]).slug,
        hostname=options["hostname"] and hostname_of(options["hostname"]).name,
    )


def _text_of(name: str) -> str:
    try:
        content = sys.stdin.buffer.read(_MAX_BYTES + 1) if name == "-" else Path(name).read_bytes()
        if len(content) > _MAX_BYTES:
            raise ServiceError(f"{name} has more than {_MAX_BYTES // 1024 // 1024} MiB")
        return content.decode()
    except OSError as error:
        raise ServiceError(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ServiceError(f"{name} is not UTF-8") from error
