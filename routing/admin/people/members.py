"""The pages of members: who has which role in a tenant. People are invited; see the pages of invitations."""

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from routing.admin.base import permissions
from routing.admin.base.badges import ago, badge
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input, tenant_choice
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.model_admin import DeleteConfirmation, ServiceModelAdmin
from routing.models import Membership, ProviderGrant, Role
from routing.services.base.permissions import Permission
from routing.services.people import members as verbs

_BADGES = {Role.OWNER: "on", Role.OPERATOR: "added"}


class MemberForm(ServiceForm):
    """A member's role."""

    class Meta:
        widgets: dict[str, Any] = {"role": forms.RadioSelect}


class NewMemberForm(MemberForm):
    """Somebody who has an account already, made a member by operators of the platform."""

    account = forms.CharField(
        max_length=254,
        help_text="The user name of an account that is there, or its e-mail address where that is verified.",
        widget=name_input(placeholder="alice"),
    )
    # What breaks a rule of the table is that they are a member already.
    field_names = {"": "account"}


class MemberAdmin(HistoryPages, ServiceModelAdmin):
    """Who may do what for a tenant."""

    form = MemberForm
    action = Permission.CHANGE_MEMBERS
    # Owners invite, so that nobody finds out who has an account here.
    action_to_add = Permission.ADMINISTER
    list_display = ("person", "email", "tenant", "role_held", "since")
    list_select_related = ("user", "tenant")
    list_filter = ("role", ("tenant", RelatedFilter))
    search_fields = ("user__username", "user__email", "tenant__name", "tenant__slug")
    search_help_text = "Name, e-mail address or tenant."
    empty_list_text = "Invite the first owner of a tenant by e-mail, or add someone who has an account."

    # ---------------------------------------------------------------- permission
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners remove members; everybody may leave."""
        return super().has_delete_permission(request, obj) or (obj is not None and _is_self(request, obj))

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Membership]":
        """Members with what their names are made of."""
        return super().get_queryset(request).select_related("user", "tenant")

    def object_tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Owners invite from here."""
        invitations = reverse("admin:routing_invitation_changelist")
        invite = [("Invite a member", reverse("admin:routing_invitation_add"))]
        return [
            *(invite if permissions.may(request, Permission.CHANGE_MEMBERS, None) else []),
            ("Invitations", invitations),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; whom operators of the platform add has an account, all others are invited."""
        context = {"add_words": "Add someone who has an account", **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view_context(self, request: HttpRequest, row: Membership) -> dict[str, Any]:
        """The page also says whose a role is to give, and lets a member leave."""
        granted = ProviderGrant.objects.filter(user=row.user_id, tenant=row.tenant_id).exists()
        return {
            **super().change_view_context(request, row),
            "is_self": _is_self(request, row),
            "may_remove": self.has_delete_permission(request, row),
            "by_provider": granted,
            "show_delete": False,
        }

    def get_fieldsets(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Whom, where, and the role."""
        fields = ["tenant", "account", "role"] if obj is None else ["person", "email", "tenant", "since", "role"]
        if obj is None or self.has_change_permission(request, obj):
            fields.append("reason")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        """Who it is, and where."""
        return () if obj is None else ("person", "email", "tenant", "since")

    def get_form(self, request: HttpRequest, obj: Membership | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form for a new member, or for a role."""
        return super().get_form(request, obj, change, **({"form": NewMemberForm} if obj is None else {}), **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A choice among the tenants whose members the asker manages."""
        return tenant_choice(permissions.tenants(request, Permission.CHANGE_MEMBERS))

    # ---------------------------------------------------------------- the list
    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Mark the asker's own rows."""
        for row in rows:
            row.is_self = _is_self(request, row)

    @admin.display(description="member", ordering="user__username")
    def person(self, member: Membership) -> str:
        """The name, and whether that is the asker."""
        return f"{member.user} (you)" if getattr(member, "is_self", False) else str(member.user)

    @admin.display(description="e-mail address", ordering="user__email")
    def email(self, member: Membership) -> str:
        """Where mail for them goes."""
        return member.user.email or "none"

    @admin.display(description="role", ordering="role")
    def role_held(self, member: Membership) -> str:
        """The role, in a word."""
        return badge(_BADGES.get(Role(member.role), "off"), member.role, member.get_role_display())

    @admin.display(ordering="-created_at")
    def since(self, member: Membership) -> str:
        """Since when."""
        return ago(member.created_at)

    # ---------------------------------------------------------------- writing
    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Membership, list[str]]:
        """Give a role."""
        actor, given = permissions.actor(request), form.cleaned_data
        if not change:
            account = verbs.account_of(actor, given["account"])
            made = verbs.add_member(
                actor, given["reason"], tenant_id=given["tenant"].pk, user=account, role=given["role"]
            )
            return made, [f"Added {made.user} to {made.tenant} as {made.role}"]
        outcome = verbs.change_role(
            actor, given["reason"], membership_id=form.instance.pk, role=given["role"], if_match=form.if_match
        )
        member = outcome.row
        return member, [f"Made {member.user} {member.role} of {member.tenant}"] if outcome.changed else []

    def delete_via_service(self, request: HttpRequest, row: Membership, reason: str, if_match: Collection[int]) -> None:
        """Remove, or leave."""
        verbs.remove_member(permissions.actor(request), reason, membership_id=row.pk, if_match=if_match)

    def delete_confirmation(self, request: HttpRequest, row: Membership) -> DeleteConfirmation:
        """The words for removing somebody, or for leaving."""
        user, tenant = row.user, row.tenant
        if _is_self(request, row):
            gone = f"You lose access to {tenant} until an owner invites you again."
            return DeleteConfirmation(f"Leave {tenant}", gone, "Leave", f"You have left {tenant}.", needs_reason=False)
        gone = f"{user} loses access to {tenant} at once. The account stays."
        return DeleteConfirmation(f"Remove {user} from {tenant}", gone, "Remove", f"Removed {user} from {tenant}.")

    def get_url_after_delete(self, request: HttpRequest) -> str:
        """To the list; who has left their last tenant to their account, for the admin is closed to them."""
        return self.url("changelist") if permissions.may_see(request, None) else reverse("mfa_index")


def _is_self(request: HttpRequest, member: Membership) -> bool:
    return member.user_id == request.user.pk
