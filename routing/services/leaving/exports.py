"""The verbs that export a tenant, or a person: JSON, with no secret in it.

What is in them is read while they are written, by several queries: whoever wants one state of a tenant that is still in
use suspends it first. docs/how-to/leaving.md tells what each part is.
"""

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.db.models import Q

from routing.models import (
    ApiToken,
    ChangeSet,
    Hostname,
    HostnameClaim,
    Invitation,
    ListColumns,
    Mapping,
    Membership,
    Note,
    ProviderGrant,
    Registry,
    SavedFilter,
    StreamedBytes,
    Subscription,
    Tenant,
    Verification,
)
from routing.services.base.actor import Actor
from routing.services.base.events import announce
from routing.services.base.history_bound import past_models
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.leaving.documents import document, rows_of
from routing.services.leaving.person_removal import get_person
from routing.services.leaving.tenant_rows import OTHERS
from routing.services.mappings.listing import mappings_in_order

_HISTORY = ("history_id", "history_date", "history_type", "history_change_reason", "actor", "request_id")
_TYPES = {"+": "added", "~": "changed", "-": "removed"}
#: Of past rows: by these a claim was proved.
_NOT_TOLD = frozenset({"proof_token", *_HISTORY, "history_user", "of_tenant"})


def export_tenant(actor: Actor, *, tenant_id: int) -> Iterator[str]:
    """A tenant with all that is its own, as pieces of JSON. For its owners and operators of the platform.

    Raises NotFound, PermissionDenied, both before the first piece.
    """
    tenant = get_row(Tenant.objects.viewable_by(actor), tenant_id)
    check_permission(actor, Permission.EXPORT, tenant)
    announce(actor, "tenant.exported", tenant_id=tenant_id)
    own = {"tenant": tenant}
    return document(
        "tenant",
        {
            "tenant": next(rows_of(Tenant.objects.filter(pk=tenant.pk), *_columns(Tenant))),
            "hostnames": rows_of(
                Hostname.objects.filter(**own), *_columns(Hostname, "tenant"), login_registry="login_registry__origin"
            ),
            "mappings": _mappings(tenant),
            "registries": rows_of(Registry.objects.filter(**own), *_columns(Registry, "tenant")),
            "claims": rows_of(HostnameClaim.objects.filter(**own), "id", "name", "created_at", "checked_at", "finding"),
            "members": rows_of(
                Membership.objects.filter(**own),
                *("id", "role", "created_at"),
                username="user__username",
                email="user__email",
            ),
            "invitations": rows_of(Invitation.objects.filter(**own), *_columns(Invitation, "tenant", "inviter")),
            "api_tokens": rows_of(ApiToken.objects.filter(**own), *_TOKEN, username="user__username"),
            "change_sets": rows_of(
                ChangeSet.objects.filter(**own),
                *_columns(ChangeSet, "tenant", "drafter_id", "approver_id", "scheduler_id"),
            ),
            "verifications": rows_of(Verification.objects.filter(**own), *_REPORT),
            "saved_filters": rows_of(SavedFilter.objects.filter(**own), "noun", "name", "terms", "created_at"),
            "subscriptions": rows_of(
                Subscription.objects.filter(**own),
                *("id", "channel", "address", "hostname", "kinds", "enabled", "created_at"),
            ),
            "notes": _notes(tenant),
            "streamed_bytes": rows_of(StreamedBytes.objects.filter(**own), "month", "streamed_bytes"),
            "history": _history(Q(of_tenant=tenant.pk)),
        },
    )


def export_person(actor: Actor, *, user_id: int) -> Iterator[str]:
    """What the facade knows of a person, as pieces of JSON: for themselves, and for operators of the platform.

    Raises NotFound, PermissionDenied, both before the first piece.
    """
    user = get_person(actor, user_id)
    announce(actor, "person.exported", user_id=user_id)
    own = {"user": user}
    memberships = Membership.objects.filter(**own)
    return document(
        "person",
        {
            "account": {
                "id": user.pk,
                "username": user.get_username(),
                "first_name": user.first_name,
                "last_name": user.last_name,
                "email": user.email,
                "has_password": user.has_usable_password(),
                "is_active": user.is_active,
                "is_platform_operator": user.is_superuser,
                "date_joined": user.date_joined,
                "last_login": user.last_login,
            },
            "saved_filters": rows_of(SavedFilter.objects.filter(**own), "noun", "name", "terms", "created_at"),
            "list_columns": rows_of(ListColumns.objects.filter(**own), "noun", "columns"),
            "email_addresses": rows_of(EmailAddress.objects.filter(**own), "email", "verified", "primary"),
            "second_factors": _second_factors(user),
            "identity_provider": rows_of(
                SocialAccount.objects.filter(**own), "provider", "uid", "date_joined", "last_login", "extra_data"
            ),
            "api_tokens": rows_of(ApiToken.objects.filter(**own), *_TOKEN, tenant="tenant__slug"),
            "memberships": rows_of(memberships, "id", "role", "created_at", tenant="tenant__slug"),
            "roles_by_the_identity_provider": rows_of(
                ProviderGrant.objects.filter(**own), "created_at", "confirmed_at", tenant="tenant__slug"
            ),
            "invitations_made": rows_of(Invitation.objects.filter(inviter=user), *_INVITATION, tenant="tenant__slug"),
            "notes_written": rows_of(Note.objects.filter(author_id=user.pk), "id", "created_at", "text"),
            "log_of_accounts": rows_of(LogEntry.objects.filter(**own), "action_time", "object_repr", "change_message"),
            "changes_made": _history(Q(history_user=user) | Q(actor=user.get_username())),
            "changes_of_their_roles": _history_of(Membership, Q(user_id=user.pk)),
        },
    )


_REPORT = ("id", "state", "created_at", "finished_at", "total", "compared", "difference_count", "counts")
_TOKEN = ("id", "name", "read_only", "created_at", "expires_at", "last_used_on")
_INVITATION = ("id", "email", "role", "created_at", "expires_at", "accepted_at")


def _columns(model: type[Any], *without: str) -> tuple[str, ...]:
    """The columns that are no secret: neither what proves something nor what lets somebody in."""
    secret = {"proof_token", "token", "token_hash", "account_sealed", *without}
    return tuple(field.name for field in model._meta.concrete_fields if field.name not in secret | {"login_registry"})


def _notes(tenant: Tenant) -> Iterator[dict[str, Any]]:
    about = {"hostname": "hostname__name", "registry": "registry__origin"}
    of_mapping = {"mapping_hostname": "mapping__hostname__name", "mapping_prefix": "mapping__prefix"}
    return rows_of(OTHERS["notes"](tenant), "id", "created_at", "written_by", "text", **about, **of_mapping)


def _mappings(tenant: Tenant) -> Iterator[dict[str, Any]]:
    columns = _columns(Mapping, "hostname", "registry", "standby_registry", "standby_prefix")
    for mapping in mappings_in_order(Hostname.objects.filter(tenant=tenant)):
        yield {
            "hostname": mapping.hostname.name,
            "registry": mapping.registry.origin,
            "target": mapping.target,
            "standby": mapping.standby_target,
            **{name: getattr(mapping, name) for name in columns},
        }


def _second_factors(user: Any) -> Iterator[dict[str, Any]]:
    for factor in Authenticator.objects.filter(user=user).order_by("pk"):
        name = factor.data.get("name", "") if isinstance(factor.data, dict) else ""
        yield {
            "type": factor.type,
            "name": name,
            "created_at": factor.created_at,
            "last_used_at": factor.last_used_at,
        }


def _history(which: Q) -> Iterator[dict[str, Any]]:
    for past in past_models():
        yield from _history_of(past.instance_type, which)


def _history_of(model: Any, which: Q) -> Iterator[dict[str, Any]]:
    past = model.history.model
    told = [field.attname for field in past._meta.concrete_fields if field.name not in _NOT_TOLD]
    for row in rows_of(past.objects.filter(which), *_HISTORY, *told):
        yield {
            "noun": str(model._meta.verbose_name),
            "at": row["history_date"],
            "what": _TYPES[row["history_type"]],
            "reason": row["history_change_reason"] or "",
            "actor": row["actor"],
            "request_id": row["request_id"],
            "row": {name: row[name] for name in told},
        }
