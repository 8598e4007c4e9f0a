"""`manage.py add_plain_mapping`: makes a mapping of REGISTRY_HOST and REGISTRY_ORG."""

from typing import Any

from django.conf import settings

from routing.conf import CATCH_ALL
from routing.management.service_command import ServiceCommand
from routing.services.mappings.plain import Named, take_over


class Command(ServiceCommand):
    """Maps what REGISTRY_HOST, REGISTRY_ORG and FACADE_HOSTNAME name, where they have changed since the last time.

    Safe to call at every start. Without REGISTRY_HOST it does nothing.
    """

    help = "Map what REGISTRY_HOST and REGISTRY_ORG name; does nothing where they haven't changed."

    def handle(self, **options: Any) -> None:
        """Make the mapping, or repoint it."""
        with self.refusals():
            notes = take_over_variables()
        self.print_lines(notes)


def take_over_variables() -> list[str]:
    """What was done to have the mapping that the variables name, a line each.

    Raises ServiceError, and django.db.Error where the database isn't there.
    """
    if not settings.REGISTRY_HOST:
        return []
    named = Named(settings.REGISTRY_HOST, settings.REGISTRY_ORG, settings.FACADE_HOSTNAME or CATCH_ALL)
    outcome = take_over(named)
    return [] if outcome is None else outcome.notes
