"""The Django app."""

from importlib import import_module

from django.apps import AppConfig, apps


class RoutingConfig(AppConfig):
    """Hostnames, mappings and registries of many tenants."""

    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing.accounts import signals  # noqa: F401  (listens to sign-ins)
        from routing.accounts.addresses import refuse_addresses_as_user_names
        from routing.checks import (
            deploy,  # noqa: F401  (register the system checks)
            names,  # noqa: F401  (register the system checks)
        )
        from routing.database import postgresql  # noqa: F401  (listens to new connections)
        from routing.models.loop_triggers import keep_triggers

        # What its pages are about here; Django's name for them is a title.
        apps.get_app_config("auth").verbose_name = "Accounts"
        keep_triggers(self)
        refuse_addresses_as_user_names()
        from routing.services.base import events
        from routing.services.mappings import sightings
        from routing.services.telling import outbox

        events.hearers[:] = [outbox.hear, sightings.hear]
        for room in ("people", "registries", "hostnames", "mappings", "lists"):
            import_module(f"routing.services.{room}.rules")  # Declares the rules of the room's rows.
