"""The verbs of standbys: where a mapping leads while its registry does not answer."""

from argparse import ArgumentParser

from routing.management.verbs.mapping_lists import mapping_facts
from routing.management.verbs.mappings import add_address
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.management.verbs.waiting import add_wait, wait_for_workers
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import get_mapping
from routing.services.standbys.standbys import fail_back, name_standby, remove_standby


class SetStandby(Verb):
    """Off by default: nobody is led elsewhere by a program that was not told so."""

    name = "standby"
    help = (
        "Name the target to which a mapping is led once its registry does not answer, within a day of a clean report "
        "(facade verify --to TARGET); or take it away."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address, and the standby."""
        add_address(parser)
        parser.add_argument("target", metavar="TARGET", nargs="?", help="where it leads then, such as quay.io/acme")
        parser.add_argument("--none", action="store_true", help="it has no standby any more")
        parser.add_argument(
            "--return-after",
            metavar="SECONDS",
            type=int,
            default=0,
            help="lead it back once its registry has answered for so long, 300 at least (default: by fail-back alone)",
        )

    def run(self, options: Options, output: Output) -> None:
        """Name it, or take it away."""
        if bool(options["target"]) == options["none"]:
            raise ServiceError("give a TARGET, or --none")
        actor, reason = Actor.command_line(), options["reason"]
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        if options["none"]:
            outcome = remove_standby(actor, reason, mapping_id=mapping.pk)
            otherwise = f"Nothing to change: {mapping.source} has no standby"
        else:
            standby = {"target": options["target"], "return_seconds": options["return_after"]}
            outcome = name_standby(actor, reason, mapping_id=mapping.pk, **standby)
            otherwise = f"Nothing to change: that is the standby of {mapping.source} already"
        facts = mapping_facts(outcome.row)
        if outcome.changed:
            output.done(*outcome.notes, mapping=facts)
        else:
            output.unchanged(otherwise, mapping=facts)


class FailBack(Verb):
    """Somebody has looked at what became of the registry meanwhile."""

    name = "fail-back"
    help = "Lead a mapping that has failed over back to where it led before; its standby stays its standby."
    changes = needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_address(parser)
        add_wait(parser)

    def run(self, options: Options, output: Output) -> None:
        """Lead it back."""
        actor = Actor.command_line()
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        outcome = fail_back(actor, options["reason"], mapping_id=mapping.pk)
        output.done(*outcome.notes, mapping=mapping_facts(outcome.row))
        wait_for_workers(options, output)
