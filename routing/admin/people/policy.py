"""The page of a tenant's policy: what is allowed, what stands outside it, and what waits for another owner's word."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.models import Tenant
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.base.policy import checksum_of_request, mappings_outside, name_of, names_of
from routing.services.changes.policy import change_policy, confirm_policy, withdraw_policy_request

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

_SHOWN = 100


class PolicyForm(forms.Form):
    """What is allowed."""

    registries = forms.CharField(
        required=False,
        max_length=30_000,
        label="Registries",
        help_text="Its mappings may point to these alone, one a line, such as ghcr.io. Empty: to any.",
        widget=forms.Textarea(attrs={"rows": 4, "cols": 40, "autocapitalize": "none", "spellcheck": "false"}),
    )
    needs_clean_reports = forms.BooleanField(
        required=False,
        label="Reports must be clean",
        help_text="A mapping is repointed once a report of the last 24 hours says that nothing would be another.",
    )
    needs_approval = forms.BooleanField(
        required=False,
        label="Approval needed",
        help_text="A second person approves change sets, and another owner confirms a looser policy.",
    )
    reason = forms.CharField(required=False, max_length=1000, label="Reason", help_text="Shown in the history.")
    version = forms.IntegerField(widget=forms.HiddenInput)


class PolicyPages(_Base):
    """The page. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one."""
        view = self.admin_site.admin_view(self.policy_view)
        return [path("<int:tenant_id>/policy/", view, name="routing_tenant_policy"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        """The tenant's page leads here."""
        return {**super().change_view_context(request, row), "policy_url": self.url("policy", row.pk)}

    def policy_view(self, request: HttpRequest, tenant_id: int) -> HttpResponse:
        """Show it to its members; its owners change it."""
        needed = Permission.CHANGE_MEMBERS if request.method == "POST" else Permission.VIEW
        tenant: Tenant = self.row_for(request, tenant_id, needed)
        form = PolicyForm(request.POST if request.POST.get("deed") == "change" else None, initial=_shown(tenant))
        if request.method == "POST" and self._did(request, tenant, form):
            return HttpResponseRedirect(self.url("policy", tenant.pk))
        outside = mappings_outside(tenant)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Policy of {tenant}",
            "opts": self.opts,
            "original": tenant,
            "form": form,
            "may_change": permissions.may(request, Permission.CHANGE_MEMBERS, tenant),
            "registries": names_of(tenant.allowed_origins),
            "request_of": _request_of(request, tenant),
            "outside": outside[:_SHOWN],
            "more": max(outside.count() - _SHOWN, 0),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/tenant/policy.html", context)

    def _did(self, request: HttpRequest, tenant: Tenant, form: PolicyForm) -> bool:
        actor, said, deed = permissions.actor(request), request.POST.get("reason", ""), request.POST.get("deed")
        try:
            if deed == "confirm":
                confirm_policy(actor, said, tenant_id=tenant.pk, checksum=request.POST.get("checksum", ""))
                note = "Confirmed: the policy is looser now"
            elif deed == "withdraw":
                withdraw_policy_request(actor, said, tenant_id=tenant.pk)
                note = "Withdrawn: the policy stays what it is"
            elif not form.is_valid():
                return False
            else:
                given = form.cleaned_data
                outcome = change_policy(
                    actor,
                    given["reason"],
                    tenant_id=tenant.pk,
                    if_match=[given["version"]],
                    registries=given["registries"].split(),
                    needs_clean_reports=given["needs_clean_reports"],
                    needs_approval=given["needs_approval"],
                )
                note = "Changed the policy" if outcome.changed else "Nothing to change"
                if outcome.waits:
                    note = "This is looser: it waits until another owner confirms it"
        except ServiceError as refusal:
            if deed == "change":
                form.add_error("registries" if "registries" in refusal.fields else None, refusal.message)
            self.message_lines(request, [refusal.message], messages.ERROR)
            return False
        self.message_lines(request, [note], messages.SUCCESS)
        return True


def _shown(tenant: Tenant) -> dict[str, Any]:
    return {
        "registries": "\n".join(map(name_of, tenant.allowed_origins)),
        "needs_clean_reports": tenant.needs_clean_reports,
        "needs_approval": tenant.needs_approval,
        "version": tenant.version,
    }


def _request_of(request: HttpRequest, tenant: Tenant) -> dict[str, Any] | None:
    """What waits, for people."""
    asked = tenant.policy_request
    if asked is None:
        return None
    asker = get_user_model()._default_manager.filter(pk=tenant.policy_asker_id or 0).first()
    actor = permissions.actor(request)
    return {
        "registries": names_of(asked["allowed_registries"].split()) or "any",
        "needs_clean_reports": asked["needs_clean_reports"],
        "needs_approval": asked["needs_approval"],
        "by": asker.get_username() if asker else "somebody whose account is gone",
        "is_own": actor.user is not None and actor.user.pk == tenant.policy_asker_id,
        "checksum": checksum_of_request(tenant),
    }
