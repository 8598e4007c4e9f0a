"""The way into the admin: by the one sign-in page, for whoever has a role."""

from typing import TYPE_CHECKING, Any

from allauth.account import views as account
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse

from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, has_permission_anywhere

if TYPE_CHECKING:
    _AdminSite = AdminSite
else:
    _AdminSite = object

# django-allauth's tables: accounts are managed by their owners, and by commands.
_NOT_SHOWN = frozenset({"account", "mfa", "socialaccount"})


class AdminLogin(_AdminSite):
    """What of an admin site has to do with who comes in."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Show a model, but for django-allauth's."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        super().register([model for model in models if model._meta.app_label not in _NOT_SHOWN], admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may enter: operators of the platform, and members of any tenant."""
        user = request.user
        return user.is_authenticated and user.is_active and has_permission_anywhere(Actor.person(user), Permission.VIEW)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the sign-in page. Who is signed in and has no role would only come back from there."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse(f"{self.name}:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse(f"{self.name}:index"), resolve_url("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out, as everywhere."""
        return account.logout(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """To the account's own page."""
        return HttpResponseRedirect(reverse("account_change_password"))
