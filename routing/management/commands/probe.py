"""manage.py probe [REGISTRY | IMAGE]"""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Exists, OuterRef, Q

from routing.management.service_command import ServiceCommand
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.mappings.explain import explain
from routing.services.registries.pages import DOCKER_HUB, DOCKER_HUB_NAMES
from routing.services.registries.probes import probe, probe_mapping


class Command(ServiceCommand):
    help = "Ask registries what they want of their clients, and write it down for the routing table."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "registry",
            nargs="?",
            help="address or alias, such as ghcr.io (default: all in use); or an image that is pulled here, such as "
            "docker.acme.com/acme/app: then also whether everybody can read it, and how its layers are served",
        )
        parser.add_argument("--reason", default="", help="kept in the log")

    def handle(self, **options: Any) -> None:
        given = options["registry"]
        with self.refusals():
            if given and "/" in given and "://" not in given:
                self._probe_image(given, options["reason"])
                return
            keys = self._chosen(options["registry"])
            if not keys:
                self.stdout.write("No registry is in use yet.")
            for key in keys:
                found = probe(Actor.command_line(), options["reason"], registry_id=key)
                error = f" — {found.probe_error}" if found.probe_error else ""
                self.stdout.write(f"{found.authority}: asks for {found.auth}{error}")

    def _probe_image(self, text: str, reason: str) -> None:
        found = explain(Actor.command_line(), text)
        if found.mapping is None or found.match is None or not found.match.upstream_name:
            raise NotFound(f"{text} leads to no repository; manage.py explain {text}")
        name = found.match.upstream_name
        mapping = probe_mapping(Actor.command_line(), reason, mapping_id=found.mapping.pk, repository=name)
        registry = mapping.registry
        self.stdout.write(f"{registry.authority}: asks for {registry.auth}")
        delivery = mapping.get_blob_delivery_display()
        self.stdout.write(f"{registry.authority}/{name}: {mapping.get_public_display()}; layers served: {delivery}")
        if mapping.challenge:
            asks_for = mapping.challenge.partition(" ")[0]
            self.stdout.write(f"{registry.authority}/{name}: asks for {asks_for} by itself")
        for error in filter(None, (registry.probe_error, mapping.probe_error)):
            self.stdout.write(f"Note: {error}")

    @staticmethod
    def _chosen(text: str | None) -> list[int]:
        """Their keys alone: one registry after the other is read when it is its turn."""
        if text is None:
            in_use = Exists(Mapping.objects.filter(registry=OuterRef("pk")).order_by())
            return list(Registry.objects.filter(in_use).values_list("pk", flat=True))
        text = DOCKER_HUB if text in DOCKER_HUB_NAMES else text
        named = Q(alias=text) | Q(origin=text) | Q(origin=f"https://{text}") | Q(origin=f"http://{text}")
        chosen = list(Registry.objects.filter(named).values_list("pk", flat=True))
        if not chosen:
            raise NotFound(f"there is no registry {text}")
        return chosen
