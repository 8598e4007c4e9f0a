"""manage.py probe [REGISTRY]"""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Q

from routing.management.verbs import VerbCommand
from routing.models import Registry
from routing.services.actor import Actor
from routing.services.errors import NotFound
from routing.services.probing import probe


class Command(VerbCommand):
    help = "Ask registries what they want of their clients, and write it down for the routing table."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("registry", nargs="?", help="address or alias, such as ghcr.io; default: all in use")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            registries = self._chosen(options["registry"])
            if not registries:
                self.stdout.write("No registry is in use yet.")
            for registry in registries:
                found = probe(Actor.command_line(), registry_id=registry.pk)
                error = f" — {found.probe_error}" if found.probe_error else ""
                self.stdout.write(f"{found.authority}: asks for {found.auth}{error}")

    @staticmethod
    def _chosen(text: str | None) -> list[Registry]:
        if text is None:
            return list(Registry.objects.filter(mappings__isnull=False).distinct())
        chosen = list(
            Registry.objects.filter(
                Q(alias=text) | Q(origin=text) | Q(origin=f"https://{text}") | Q(origin=f"http://{text}")
            )
        )
        if not chosen:
            raise NotFound(f"there is no registry {text}")
        return chosen
