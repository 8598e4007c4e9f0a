"""The pages of hostname claims: claim a name, see which DNS record proves it, look whether it is there, take it back.

The DNS is asked outside any transaction: the look-up is a page of its own, which Django's admin wraps in none.
"""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from routing.admin.base import permissions
from routing.admin.base.badges import ago, badge
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input, tenant_choice
from routing.admin.base.live import go_on, live_answer, wants_live_answer
from routing.admin.base.model_admin import DeleteConfirmation, ServiceModelAdmin
from routing.admin.hostnames.vouch import Vouching
from routing.models import Hostname, HostnameClaim
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.address import address_records
from routing.services.hostnames.claims import Checked, check_claim, claim_hostname, remove_claim
from routing.services.hostnames.proof import proof_name, proof_record
from routing.services.mappings.state import state_of_hostname


class ClaimForm(ServiceForm):
    """The name, and whose it shall be."""

    reason = None  # type: ignore[assignment]  # A claim changes nothing yet; what comes of it has a history.
    field_names = {"hostname": "name", "": "name"}

    class Meta:
        widgets = {"name": name_input(placeholder="docker.acme.com")}
        help_texts = {
            "name": "Such as docker.acme.com; or *.pull.acme.com, for every name one label below pull.acme.com."
        }


class ClaimAdmin(Vouching, ServiceModelAdmin):
    """A claim is made, proved and taken back; nothing of it changes."""

    form = ClaimForm
    action = Permission.CHANGE_HOSTNAMES
    list_display = ("name", "tenant", "found", "checked")
    list_select_related = ("tenant",)
    list_filter = (("tenant", RelatedFilter),)
    search_fields = ("name", "tenant__name", "tenant__slug")
    search_help_text = "Hostname or tenant."
    empty_list_text = "Claim the hostname people will pull from. The next page shows the DNS records to set."

    # ---------------------------------------------------------------- permission
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: take it back and claim anew."""
        return False

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[HostnameClaim]":
        """Claims with whose they are."""
        return super().get_queryset(request).select_related("tenant")

    def get_fieldsets(self, request: HttpRequest, obj: HostnameClaim | None = None) -> Any:
        """The name and the tenant."""
        return [(None, {"fields": ["tenant", "name"] if obj is None else ["tenant", "created_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: HostnameClaim | None = None) -> tuple[str, ...]:
        """All of what is there."""
        return () if obj is None else ("tenant", "created_at")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A choice among the tenants whose hostnames the asker manages."""
        return tenant_choice(permissions.tenants(request, Permission.CHANGE_HOSTNAMES))

    def change_view_context(self, request: HttpRequest, row: HostnameClaim) -> dict[str, Any]:
        """The page says what to do, and what was found."""
        may = permissions.may(request, self.action, row)
        return {
            **super().change_view_context(request, row),
            **_set_up(row),
            "check_url": self.url("check", row.pk) if may else "",
            "vouch_url": self.vouch_url(request, row),
            "may_remove": may,
            "show_delete": False,
        }

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, or the page of a claim."""
        context = {} if object_id else {"title": "Claim a hostname"}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        return super().changelist_view(request, {"add_words": "Claim a hostname", **(extra_context or {})})

    # ---------------------------------------------------------------- the list
    @admin.display(description="last check")
    def found(self, claim: HostnameClaim) -> str:
        """What the last look-up found."""
        if claim.checked_at is None:
            return badge("off", "not checked yet", f"Its record belongs at {proof_name(claim.name)}")
        return badge("blocked", "not verified", claim.finding)

    @admin.display(ordering="-checked_at")
    def checked(self, claim: HostnameClaim) -> str:
        """When that was."""
        return ago(claim.checked_at) if claim.checked_at else "never"

    # ---------------------------------------------------------------- writing
    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the look-up."""
        view = self.admin_site.admin_view(self.check_view)
        return [path("<int:claim_id>/check/", view, name="routing_hostnameclaim_check"), *super().get_urls()]

    def check_view(self, request: HttpRequest, claim_id: int) -> HttpResponse:
        """Look now, for seconds at most; from a proved claim on to the hostname's page.

        The page's script asks for the answer alone.
        """
        claim = self.get_queryset(request).filter(pk=claim_id).first()
        if claim is None:
            # Proved, in another window or by somebody else, or taken back.
            raise Http404
        if not permissions.may(request, self.action, claim):
            raise PermissionDenied
        if request.method == "POST" and wants_live_answer(request):
            return self._live_check(request, claim)
        here = HttpResponseRedirect(self.url("change", claim_id))
        if request.method != "POST" or not self.is_as_shown(request, claim):
            return here
        try:
            checked = self._check(request, claim)
        except NotFound as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return HttpResponseRedirect(self.url("changelist"))
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return here
        if checked.hostname is None:
            self.message_lines(request, [f"Not verified yet: see below what was found for {claim}"], messages.WARNING)
            return here
        return HttpResponseRedirect(self._tell_verified(request, checked.hostname, checked.finding))

    def _live_check(self, request: HttpRequest, claim: HostnameClaim) -> HttpResponse:
        try:
            checked = self._check(request, claim)
        except NotFound:
            return go_on(self.url("change", claim.pk))
        except ServiceError:
            # Refused, such as for too many checks at once: shown is what is known.
            return live_answer(request, "admin/routing/hostnameclaim/set_up.html", _set_up(claim))
        if checked.hostname is not None:
            return go_on(self._tell_verified(request, checked.hostname, checked.finding))
        claim.refresh_from_db()
        return live_answer(request, "admin/routing/hostnameclaim/set_up.html", _set_up(claim))

    @staticmethod
    def _check(request: HttpRequest, claim: HostnameClaim) -> Checked:
        actor, reason = permissions.actor(request), request.POST.get("reason", "")
        return check_claim(actor, reason, claim_id=claim.pk, if_match=frozenset((claim.version,)))

    def _tell_verified(self, request: HttpRequest, hostname: Hostname, finding: str) -> str:
        """Say so on the next page, the address of which this gives."""
        self.message_lines(request, [finding, *_verified(hostname)], messages.SUCCESS)
        return reverse("admin:routing_hostname_change", args=[hostname.pk])

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Where Django leads from the page of a row that is not there: here from an old tab's claim, verified since."""
        words = "This claim is not there any more: it was verified or cancelled. What is verified is under Hostnames"
        self.message_lines(request, [words], messages.WARNING)
        return HttpResponseRedirect(reverse("admin:index"))

    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[HostnameClaim, list[str]]:
        """Claim."""
        given = form.cleaned_data
        claim = claim_hostname(permissions.actor(request), tenant_id=given["tenant"].pk, name=given["name"])
        return claim, [f"claimed {claim} for {claim.tenant}: set the DNS records below"]

    def delete_via_service(
        self, request: HttpRequest, row: HostnameClaim, reason: str, if_match: Collection[int]
    ) -> None:
        """Take it back."""
        remove_claim(permissions.actor(request), reason, claim_id=row.pk, if_match=if_match)

    def delete_confirmation(self, request: HttpRequest, row: HostnameClaim) -> DeleteConfirmation:
        """The words for taking it back."""
        return DeleteConfirmation(
            f"Cancel the claim of {row}",
            "The record's value is worth nothing from then on. To claim the name again, you set another record.",
            "Cancel claim",
            f"Cancelled the claim of {row}.",
        )


def _set_up(claim: HostnameClaim) -> dict[str, Any]:
    """What its owner has to do, with the state of each."""
    return {"original": claim, "record": proof_record(claim), "address_records": address_records(claim)}


def _verified(hostname: Hostname) -> list[str]:
    """What follows from it: also what still keeps clients out."""
    state = state_of_hostname(hostname)
    lines = [f"Verified: {hostname} is a hostname of {hostname.tenant} now"]
    return lines if state.is_on else [*lines, f"Clients are refused all the same: {state.text}"]
