"""The pages of accounts, for operators of the platform: who may sign in, and who of them runs the platform.

Django's pages would delete the row past the verb, and with it what keeps a tenant without its last owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.forms import Field
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from routing.accounts.downloads import download
from routing.admin.base.filters import BoundedList
from routing.core.grammar.numbers import parse_number
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.leaving.exports import export_person
from routing.services.leaving.person_removal import get_person_removal, remove_person

if TYPE_CHECKING:
    from django.contrib.auth.admin import UserAdmin
    from django.contrib.auth.models import User

    _Base = UserAdmin[User]
else:
    _Base = object


class AccountPages(BoundedList, _Base):
    """Goes before Django's UserAdmin, which makes the site: it can't be named here.

    Who may do what is told by memberships: groups, permissions of single users and the staff status have no effect, and
    are not shown.
    """

    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_superuser", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "Name or e-mail address."
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Field | None:
        """Django's field, by the name that the documents have for it."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "is_superuser":
            field.label = "Platform operator"
            field.help_text = "Runs the platform: may do everything, for every tenant."
        return field

    def get_urls(self) -> list[URLPattern]:
        """Beside Django's pages, the export."""
        view = self.admin_site.admin_view(self.export_view)
        return [path("<int:user_id>/export/", view, name="auth_user_export"), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's own, which would delete past the verb."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The account. Where a form is about to save it, locked: one that is removed meanwhile must stay removed."""
        if request.method == "POST" and connection.in_atomic_block:
            pk = parse_number(object_id) or 0
            self.get_queryset(request).select_for_update(of=("self",)).filter(pk=pk).first()
        return super().get_object(request, object_id, from_field)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Django's page, which saves the whole row."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under the name that it has in the menu."""
        return super().changelist_view(request, {"title": "Users", **(extra_context or {})})

    def export_view(self, request: HttpRequest, user_id: int) -> HttpResponseBase:
        """What the facade knows of a person, as a JSON document."""
        user = self.get_queryset(request).filter(pk=user_id).first()
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        pieces = export_person(Actor.person(request.user), user_id=user_id)
        return download(request, pieces, f"person-{user_id}.json")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Tell in numbers what goes and what stays, and remove."""
        user = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, user):
            raise PermissionDenied
        if user is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        actor, name, user_id = Actor.person(request.user), user.get_username(), user.pk
        erase = "erase" in request.POST
        if request.method == "POST":
            try:
                remove_person(actor, request.POST.get("reason", ""), user_id=user_id, erase=erase)
            except ServiceError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
            else:
                self.message_user(request, f"Removed the account {name}.", messages.SUCCESS)
                return HttpResponseRedirect(reverse(f"{self.admin_site.name}:auth_user_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Remove account",
            "subtitle": name,
            "opts": self.opts,
            "original": user,
            "removal": get_person_removal(actor, user_id=user_id),
            "export_url": reverse(f"{self.admin_site.name}:auth_user_export", args=[user_id]),
            "given": request.POST,
            "erase": erase,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/auth/user/remove.html", context)


def with_account_pages(admin_class: type[admin.ModelAdmin[Any]]) -> type[admin.ModelAdmin[Any]]:
    """Django's pages of accounts, with these before them."""
    return type("AccountAdmin", (AccountPages, admin_class), {})
