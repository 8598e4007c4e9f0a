"""The Django app."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Hostnames, mappings and registries of many tenants."""

    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing import checks, deploy_checks  # noqa: F401  (register the system checks)
        from routing.control import following  # noqa: F401  (listens to sign-ins)
        from routing.models.loops import keep_triggers

        keep_triggers(self)
