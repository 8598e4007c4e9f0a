"""The admin site: its name, the order of its parts, and the overview that it opens with."""

import re
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from routing import __revision__, __version__
from routing.accounts.admin_login import AdminLogin
from routing.admin.changes.admin import ChangeSetAdmin
from routing.admin.changes.calendar import calendar_view
from routing.admin.first_steps import hide_first_steps_view
from routing.admin.history import history_view
from routing.admin.history_chain import history_chain_view
from routing.admin.hostnames.admin import HostnameAdmin
from routing.admin.hostnames.claims import ClaimAdmin
from routing.admin.mappings.admin import MappingAdmin
from routing.admin.overview import overview
from routing.admin.people.accounts import with_account_pages
from routing.admin.people.invitations import InvitationAdmin
from routing.admin.people.members import MemberAdmin
from routing.admin.people.subscriptions import SubscriptionAdmin
from routing.admin.people.tenants import TenantAdmin
from routing.admin.pulls import pulls_view
from routing.admin.registries.admin import RegistryAdmin
from routing.admin.restoration import hold_to_tell, restoration_to_confirm, restoration_view
from routing.admin.search import search_view, suggestions_view
from routing.models import (
    ChangeSet,
    Hostname,
    HostnameClaim,
    Invitation,
    Mapping,
    Membership,
    Registry,
    Subscription,
    Tenant,
)

# In the order in which an operator needs them. The change log and the generation are the program's own.
_NOUNS = {
    Mapping: MappingAdmin,
    ChangeSet: ChangeSetAdmin,
    Hostname: HostnameAdmin,
    HostnameClaim: ClaimAdmin,
    Registry: RegistryAdmin,
    Tenant: TenantAdmin,
    Membership: MemberAdmin,
    Invitation: InvitationAdmin,
    Subscription: SubscriptionAdmin,
}
_ORDER = [noun.__name__ for noun in _NOUNS]

# What stands otherwise in the name of an address.
_NAME = re.compile(r"[/-]")
# By the names of their addresses.
_PAGES = {"calendar": "Calendar", "pulls": "Pulls", "history": "History"}


def _page(name: str, words: str) -> dict[str, Any]:
    """A page as Django's lists of nouns take one."""
    address = reverse(f"admin:{name}")
    return {"name": words, "object_name": words, "admin_url": address, "add_url": None, "view_only": True, "perms": {}}


class FacadeAdminSite(AdminLogin, AdminSite):
    """Django's admin, opening with what the facade does now and what was changed last."""

    site_header = "Registry Facade"
    site_title = "Registry Facade"
    index_title = "Overview"
    index_template = "admin/routing/overview.html"
    # The navigation is the project's own.
    enable_nav_sidebar = False
    # The site's root leads to the admin itself.
    site_url = None

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Not by decorators, as usual: Django makes this site before it imports anything that could register itself.
        for noun, pages in _NOUNS.items():
            self.register(noun, pages)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Show a model. Of Django's own: accounts by this project's pages, and no groups, which nothing asks for."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        for model in models:
            if model is not Group:
                super().register(model, with_account_pages(admin_class) if model is User else admin_class, **options)

    def get_urls(self) -> list[Any]:
        """Beside Django's pages, those that are about no noun."""
        reading = {
            "calendar": calendar_view,
            "pulls": pulls_view,
            "history": history_view,
            "search": search_view,
            "search/suggestions": suggestions_view,
        }
        # These ask first who it is.
        asking = {"restored": restoration_view, "history/chain": history_chain_view}
        doing = {"first-steps/hide": hide_first_steps_view}
        views = {place: require_safe(partial(view, self)) for place, view in reading.items()}
        views |= {place: partial(view, self) for place, view in asking.items()}
        views |= {place: require_POST(partial(view, self)) for place, view in doing.items()}
        own = [path(f"{place}/", self.admin_view(view), name=_NAME.sub("_", place)) for place, view in views.items()]
        return [*own, *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page may ask: with the version, and the restore that is to be confirmed."""
        facts = {"version": __version__, "revision": __revision__[:12]}
        told = {"restoration": restoration_to_confirm(request), "hold": hold_to_tell(request)}
        return {**super().each_context(request), **facts, **told}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The overview."""
        return super().index(request, {**overview(request), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The apps, this one first, with its nouns in an operator's order, and behind them pages about no noun."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            if app["app_label"] == "routing":
                app["models"].sort(key=lambda model: _ORDER.index(model["object_name"]))
                app["models"] += [_page(name, words) for name, words in _PAGES.items()]
        return sorted(apps, key=lambda app: app["app_label"] != "routing")
