"""manage.py hand_over_hostname HOSTNAME --to TENANT"""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from routing.management.service_command import ServiceCommand
from routing.management.verbs.named import HOSTNAME_HELP, TENANT_HELP, tenant_of
from routing.models import Hostname
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.hostnames.names import parse_hostname
from routing.services.leaving.hand_over import get_hand_over, hand_over_hostname


class Command(ServiceCommand):
    help = "Make a hostname another tenant's, with its mappings; workers follow within a second, in one step."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hostname", help=HOSTNAME_HELP)
        parser.add_argument("--to", required=True, metavar="TENANT", help=TENANT_HELP)
        parser.add_argument(
            "--copy-registries",
            action="store_true",
            help="give that tenant the same registries, where the mappings point to the old tenant's own",
        )
        parser.add_argument("--reason", default="", help="kept in the history of both tenants")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
        parser.add_argument("--json", action="store_true", help="tell it as JSON, for programs")

    def handle(self, **options: Any) -> None:
        actor = Actor.command_line()
        with self.refusals():
            tenant = tenant_of(options["to"])
            name = parse_hostname(options["hostname"])
            hostname = Hostname.objects.select_related("tenant").filter(name=name).first()
            if hostname is None:
                raise NotFound(f"there is no hostname {name}")
            given = {
                "hostname_id": hostname.pk,
                "tenant_id": tenant.pk,
                "copy_registries": options["copy_registries"],
            }
            plan = get_hand_over(actor, **given)
            facts = {
                "hostname": name,
                "from": hostname.tenant.slug,
                "to": tenant.slug,
                "mappings": plan.mappings,
                "registries": [registry.origin for registry in plan.takes],
                "beside": [each.name for each in plan.beside],
                "obstacles": list(plan.obstacles),
            }
            if options["dry_run"]:
                changed, lines = (
                    False,
                    [
                        f"would hand {name} over from {hostname.tenant.slug} to {tenant.slug}, "
                        f"with {plan.mappings} mappings",
                        *(f"would give {tenant.slug} the registry {registry.origin}" for registry in plan.takes),
                        *(f"{each} would stay with {each.tenant.slug}" for each in plan.beside),
                    ],
                )
            else:
                outcome = hand_over_hostname(actor, options["reason"], **given)
                changed = outcome.changed
                lines = outcome.notes or [f"nothing to change: {name} is a hostname of {tenant.slug} already"]
        if options["json"]:
            self.stdout.write(json.dumps({**facts, "handed_over": changed}, indent=2))
        elif not (options["dry_run"] and plan.obstacles):
            self.print_lines(lines)
        if options["dry_run"] and plan.obstacles:
            raise CommandError("; ".join(plan.obstacles))
