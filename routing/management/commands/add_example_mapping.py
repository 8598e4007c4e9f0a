"""`manage.py add_example_mapping`: gives a new facade something to answer."""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import ServiceCommand
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping

HOSTNAME = "localhost"
PREFIX = "library"
TARGET = "docker.io/library"


class Command(ServiceCommand):
    """Maps localhost/library to Docker Hub's official images where there is no mapping at all; says how to try it."""

    help = "Add an example mapping when there is none, and print a line to try it with."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port that the line to try should name."""
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, **options: Any) -> None:
        """Add the mapping if there is none."""
        if Mapping.objects.exists():
            return
        with self.refusals():
            outcome = add_mapping(
                Actor.program("make run"),
                "an example to begin with",
                hostname=HOSTNAME,
                prefix=PREFIX,
                target=TARGET,
                # curl is to see the redirect itself, where most clients are first asked for a token.
                delivery=Mapping.Delivery.REDIRECT_ONLY,
            )
        self.stdout.write(
            f"An example to begin with: {outcome.mapping}. Try it in another shell:\n\n"
            f"  curl -i {HOSTNAME}:{options['port']}/v2/{PREFIX}/alpine/manifests/latest\n\n"
        )
