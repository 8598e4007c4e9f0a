"""The Django app."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Hostnames, mappings and registries of many tenants."""

    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from routing import checks  # noqa: F401  (registers the system checks)
