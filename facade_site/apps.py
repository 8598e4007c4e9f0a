"""Which admin site the project serves."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class FacadeAdminConfig(SimpleAdminConfig):
    """Django's admin, with the facade's own site as the default one.

    Its pages are imported with the addresses (`facade_site.urls`), or to be checked: a command shows none, and to
    import them takes as long as many a command.
    """

    default_site = "routing.admin.site.FacadeAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(app_configs)
