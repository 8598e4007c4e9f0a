"""The page on which an account at a registry is set, replaced or removed. What was typed as a password is not shown."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from routing.admin.base import permissions
from routing.registries.auth.accounts import MAX_PASSWORD_LENGTH, MAX_USER_LENGTH
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class AccountForm(forms.Form):
    """Who, and what goes with it. A page that is shown once more has no password."""

    user = forms.CharField(
        label="User name",
        max_length=MAX_USER_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label="Password or token",
        max_length=MAX_PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "new-password"}),
        help_text="Kept encrypted, and never shown again. One that may only read is enough.",
    )


class AccountPage(_Base):
    """The page. Goes before ServiceModelAdmin."""

    #: Who may, and what the page says that it means.
    account_action: ClassVar[Permission]
    account_template: ClassVar[str]

    def set_account_via_service(
        self, request: HttpRequest, row: Any, reason: str, if_match: Collection[int], user: str, password: str
    ) -> str:
        """Call the verb; gives what was done, in words."""
        raise NotImplementedError

    def remove_account_via_service(self, request: HttpRequest, row: Any, reason: str, if_match: Collection[int]) -> str:
        """Call the verb; gives what was done, in words."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one."""
        view, name = self.admin_site.admin_view(self.account_view), f"routing_{self.opts.model_name}_account"
        return [path("<int:row_id>/account/", view, name=name), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The row's page leads here, for those who may."""
        may = permissions.may(request, self.account_action, row)
        return {**super().change_view_context(request, row), "account_url": self.url("account", row.pk) if may else ""}

    @method_decorator(sensitive_post_parameters("password"))
    @sensitive_variables("form", "given")
    def account_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Say what it means, and ask for it; then set it, or remove the one that there is."""
        row: Any = self.row_for(request, row_id, self.account_action)
        removes = request.POST.get("deed") == "remove"
        form = AccountForm(request.POST if request.method == "POST" and not removes else None)
        if request.method == "POST" and (removes or form.is_valid()) and self.is_as_shown(request, row):
            common = (request, row, request.POST.get("reason", ""), frozenset((row.version,)))
            given = {} if removes else form.cleaned_data
            try:
                done = (
                    self.remove_account_via_service(*common)
                    if removes
                    else self.set_account_via_service(*common, given["user"], given["password"])
                )
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                self.message_lines(request, [done], messages.SUCCESS)
                return HttpResponseRedirect(self.url("change", row_id))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Account for {row}",
            "opts": self.opts,
            "original": row,
            "form": form,
            "given": request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, self.account_template, context)
