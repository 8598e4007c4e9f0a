"""The verb that makes a hostname another tenant's."""

from argparse import ArgumentParser

from routing.management.verbs.named import HOSTNAME_HELP, hostname_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.removals import refuse_for
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.leaving.hand_over import get_hand_over, hand_over_hostname


class HandOver(Verb):
    """With its mappings."""

    name = "hand-over"
    help = "Make a hostname another tenant's, with its mappings; workers follow within a second, in one step."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and to whom."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        parser.add_argument("--to", required=True, metavar="SLUG", help="slug of the tenant that gets it")
        parser.add_argument(
            "--copy-registries",
            action="store_true",
            help="give that tenant the same registries, where the mappings point to the old tenant's own",
        )

    def run(self, options: Options, output: Output) -> None:
        """Hand it over."""
        actor, tenant, hostname = Actor.command_line(), tenant_of(options["to"]), hostname_of(options["hostname"])
        given = {
            "hostname_id": hostname.pk,
            "tenant_id": tenant.pk,
            "copy_registries": options["copy_registries"],
        }
        plan = get_hand_over(actor, **given)
        facts = {
            "hostname": hostname.name,
            "from": hostname.tenant.slug,
            "to": tenant.slug,
            "mappings": plan.mappings,
            "registries": [registry.origin for registry in plan.takes],
            "beside": [each.name for each in plan.beside],
            "obstacles": list(plan.obstacles),
        }
        refuse_for(plan.obstacles, {**facts, "handed_over": False}, output)
        outcome = hand_over_hostname(actor, options["reason"], **given)
        facts["handed_over"] = outcome.changed and not is_dry_run()
        if outcome.changed:
            output.done(*outcome.notes, **facts)
        else:
            output.unchanged(f"Nothing to change: {hostname} is a hostname of {tenant.slug} already.", **facts)
