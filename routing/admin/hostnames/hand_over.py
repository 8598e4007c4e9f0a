"""The page on which operators of the platform hand a hostname to another tenant: to whom, what that does, and why."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.models import Hostname, Tenant
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.leaving.hand_over import get_hand_over, hand_over_hostname

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class HandOverForm(forms.Form):
    """To whom it goes."""

    tenant = forms.ModelChoiceField(Tenant.objects.all(), label="New tenant")
    copy_registries = forms.BooleanField(
        required=False,
        label="Give it the same registries",
        help_text="For mappings that point to registries of the present tenant's own.",
    )


class HandingOver(_Base):
    """The page. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one."""
        view = self.admin_site.admin_view(self.hand_over_view)
        return [path("<int:row_id>/hand-over/", view, name="routing_hostname_hand_over"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Hostname) -> dict[str, Any]:
        """The hostname's page leads here."""
        may = permissions.may(request, Permission.ADMINISTER, None)
        return {
            **super().change_view_context(request, row),
            "hand_over_url": self.url("hand_over", row.pk) if may else "",
        }

    def hand_over_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Ask to whom; then tell what it does and ask why; then do it."""
        row: Any = self.row_for(request, row_id, Permission.ADMINISTER)
        form = HandOverForm(request.POST or request.GET or None)
        form.fields["tenant"].queryset = Tenant.objects.exclude(pk=row.tenant_id)  # type: ignore[attr-defined]
        given = {"hostname_id": row.pk, **_given(form)} if form.is_valid() else None
        if request.method == "POST" and given and self.is_as_shown(request, row):
            try:
                outcome = hand_over_hostname(
                    permissions.actor(request),
                    request.POST.get("reason", ""),
                    if_match=frozenset((row.version,)),
                    **given,
                )
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                self.message_lines(request, outcome.notes, messages.SUCCESS)
                return HttpResponseRedirect(self.url("change", row_id))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Hand {row} over",
            "opts": self.opts,
            "original": row,
            "form": form,
            "plan": get_hand_over(permissions.actor(request), **given) if given else None,
            "given": request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/hostname/hand_over.html", context)


def _given(form: HandOverForm) -> dict[str, Any]:
    return {"tenant_id": form.cleaned_data["tenant"].pk, "copy_registries": form.cleaned_data["copy_registries"]}
