"""The pages of invitations: invite by e-mail, and take an invitation back."""

from collections.abc import Collection
from smtplib import SMTPException
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from routing.accounts.invitations import deliver_invitation
from routing.admin.base import permissions
from routing.admin.base.badges import ago, badge, told
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import tenant_choice
from routing.admin.base.model_admin import DeleteConfirmation, ServiceModelAdmin
from routing.admin.people.members import MemberForm
from routing.models import Invitation
from routing.services.base.permissions import Permission
from routing.services.people.members import INVITATION_DAYS, Invited, invite, withdraw_invitation

# Where a request keeps what it made, until the transaction is through.
_INVITED = "_routing_invited"


class InvitationForm(MemberForm):
    """Whom to invite, and as what."""

    reason = None  # type: ignore[assignment]  # An invitation has no history; who accepts it has.

    class Meta(MemberForm.Meta):
        widgets: dict[str, Any] = {
            **MemberForm.Meta.widgets,
            "email": forms.EmailInput(
                attrs={"class": "vTextField", "autocomplete": "off", "placeholder": "alice@acme.com"}
            ),
        }


class InvitationAdmin(ServiceModelAdmin):
    """An invitation is made and withdrawn; nothing of it changes."""

    form = InvitationForm
    action = Permission.CHANGE_MEMBERS
    list_display = ("email", "tenant", "role_offered", "state", "invited_by", "sent")
    list_select_related = ("tenant",)
    list_filter = ("role", ("tenant", RelatedFilter))
    search_fields = ("email", "tenant__name", "tenant__slug", "invited_by")
    search_help_text = "E-mail address, tenant or inviter."
    empty_list_text = "Invite a colleague by e-mail. The link lets them sign in, or create an account, and join."

    # ---------------------------------------------------------------- permission
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: withdraw it and invite anew."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Owners withdraw what nobody has accepted."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.accepted_at is None)

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Invitation]":
        """Invitations with what their names are made of."""
        return super().get_queryset(request).select_related("tenant")

    def object_tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Back to who is there already."""
        return [("Members", reverse("admin:routing_membership_changelist"))]

    def get_fieldsets(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Whom, where, as what."""
        fields = ["tenant", "email", "role"]
        return [(None, {"fields": fields if obj is None else [*fields, "state", "invited_by", "created_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        """All of what is there."""
        return () if obj is None else ("tenant", "email", "role", "state", "invited_by", "created_at")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A choice among the tenants whose members the asker manages."""
        return tenant_choice(permissions.tenants(request, Permission.CHANGE_MEMBERS))

    def change_view_context(self, request: HttpRequest, row: Invitation) -> dict[str, Any]:
        """The page also lets the invitation be withdrawn."""
        return {
            **super().change_view_context(request, row),
            "may_remove": self.has_delete_permission(request, row),
            "show_delete": False,
        }

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; the first one is invited rather than added."""
        return super().changelist_view(request, {"add_words": "Invite a member", **(extra_context or {})})

    # ---------------------------------------------------------------- the list
    @admin.display(description="role", ordering="role")
    def role_offered(self, invitation: Invitation) -> str:
        """The role, in a word."""
        return invitation.role

    @admin.display(ordering="expires_at")
    def state(self, invitation: Invitation) -> str:
        """Whether it can still be accepted."""
        until = told(invitation.expires_at)
        if invitation.accepted_at is not None:
            return badge("on", "accepted", told(invitation.accepted_at))
        return badge("added", "open", f"until {until}") if invitation.is_open else badge("off", "expired", until)

    @admin.display(ordering="created_at")
    def sent(self, invitation: Invitation) -> str:
        """When it was made."""
        return ago(invitation.created_at)

    # ---------------------------------------------------------------- writing
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form. Once the invitation is there, and no transaction waits for the mail server: its link."""
        context = (
            {}
            if object_id
            else {
                "title": "Invite a member",
                "days": INVITATION_DAYS,
                # The link comes first.
                "show_save_and_add_another": False,
            }
        )
        response = super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})
        invited: Invited | None = getattr(request, _INVITED, None)
        return response if invited is None else self._deliver(request, invited)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Invitation:
        """Call the verb; what to say of it is known once the mail is sent."""
        given = form.cleaned_data
        invited = invite(
            permissions.actor(request), tenant_id=given["tenant"].pk, email=given["email"], role=given["role"]
        )
        setattr(request, _INVITED, invited)
        return invited.invitation

    def _deliver(self, request: HttpRequest, invited: Invited) -> HttpResponse:
        """Mail the link, or show it, once: the answer to the form is the only place that ever holds it."""
        invitation = invited.invitation
        try:
            url = deliver_invitation(invited)
        except (SMTPException, OSError):
            withdraw_invitation(permissions.actor(request), invitation_id=invitation.pk)
            self.message_lines(
                request,
                [f"The e-mail to {invitation.email} could not be sent, so there is no invitation: try again later"],
                messages.ERROR,
            )
            return HttpResponseRedirect(self.url("changelist"))
        if url is None:
            whom, where = invitation.email, invitation.tenant
            self.message_lines(
                request,
                [f"Invited {whom} to {where} as {invitation.role}. The link is in the e-mail"],
                messages.SUCCESS,
            )
            return HttpResponseRedirect(self.url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Pass on this link",
            "opts": self.opts,
            "invitation": invitation,
            "link": url,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/invitation/link.html", context)

    def delete_via_service(self, request: HttpRequest, row: Invitation, reason: str, if_match: Collection[int]) -> None:
        """Withdraw."""
        withdraw_invitation(permissions.actor(request), reason, invitation_id=row.pk, if_match=if_match)

    def delete_confirmation(self, request: HttpRequest, row: Invitation) -> DeleteConfirmation:
        """The words for withdrawing."""
        return DeleteConfirmation(
            f"Withdraw the invitation of {row.email}",
            f"The link that {row.email} has stops working.",
            "Withdraw",
            f"Withdrew the invitation of {row.email} to {row.tenant}.",
        )
