"""manage.py add_mapping HOSTNAME PREFIX TARGET"""

from argparse import SUPPRESS
from typing import Any

from django.core.management.base import CommandParser

from routing.core.grammar.hosts import is_loopback
from routing.management.service_command import HOSTNAME_HELP, PREFIX_HELP, TARGET_HELP, ServiceCommand
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.mappings.explain import docker_prospect
from routing.services.mappings.mappings import add_mapping


class Command(ServiceCommand):
    help = "Map a prefix of a hostname to a backing registry; makes the tenant, hostname and registry that are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hostname", help=HOSTNAME_HELP)
        parser.add_argument("prefix", help=PREFIX_HELP)
        parser.add_argument("target", help=TARGET_HELP)
        parser.add_argument("--tenant", help="slug of the tenant that owns the hostname (default: default)")
        parser.add_argument("--allow-push", action="store_true", help="redirect pushes too")
        parser.add_argument("--private", action="store_true", help="the images need credentials even to be pulled")
        parser.add_argument(
            "--redirect-only", action="store_true", help="answer every client with a redirect; relay nothing"
        )
        # The former name, for one release.
        parser.add_argument("--shell", dest="redirect_only", action="store_true", help=SUPPRESS)
        parser.add_argument("--reason", default="", help="kept with the change")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            outcome = add_mapping(
                Actor.command_line(),
                options["reason"],
                hostname=options["hostname"],
                prefix=options["prefix"],
                target=options["target"],
                tenant=options["tenant"],
                allow_push=options["allow_push"],
                private=options["private"],
                delivery=Mapping.Delivery.REDIRECT_ONLY if options["redirect_only"] else Mapping.Delivery.AUTO,
            )
        self.print_lines(outcome.notes or [f"nothing to change: {outcome.mapping} is there already"])
        if outcome.changed:
            self.print_probe(outcome.mapping)
        mapping, host = outcome.mapping, outcome.mapping.hostname.name
        if not mapping.enabled:
            self.stdout.write("It is switched off: switch it on in the admin")
            return
        self.print_lines(docker_prospect(mapping))
        if outcome.changed and not is_loopback(host) and not mapping.hostname.mappings.exclude(pk=mapping.pk).exists():
            self.stdout.write(f"(where {host} leads to this server, with TLS in front: see docs/how-to/going-live.md)")
