"""How much a tenant may have. Operators of the platform may exceed it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from routing.models import Hostname, HostnameClaim, Invitation, Membership, Registry, Tenant
from routing.models import Mapping as MappingRow
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError


class Quota(NamedTuple):
    """What one tenant may have; `streamed_bytes` in a calendar month."""

    hostnames: int
    mappings: int
    registries: int
    members: int
    streamed_bytes: int


#: What a tenant holds of each, as it counts; in words: “hostnames”, “members”.
HELD: Mapping[str, Callable[[Tenant], int]] = {
    "hostnames": lambda tenant: _count(Hostname, tenant) + _count(HostnameClaim, tenant),
    "mappings": lambda tenant: MappingRow.objects.filter(hostname__tenant=tenant).count(),
    "registries": lambda tenant: _count(Registry, tenant),
    "members": lambda tenant: _count(Membership, tenant) + _open_invitations(tenant),
}

#: What bounds the rows of each table: a quota of the tenant's by its name, or in a sentence something else.
BOUNDS: Mapping[str, str] = {
    "routing.Hostname": "hostnames",
    "routing.HostnameClaim": "hostnames",
    "routing.Mapping": "mappings",
    "routing.Registry": "registries",
    "routing.Membership": "members",
    "routing.Invitation": "members",
    "routing.ApiToken": "So many a person: MAX_TOKENS_A_PERSON.",
    "routing.Tenant": "Operators of the platform alone make them.",
    "routing.ProviderGrant": "One a membership that the identity provider gave.",
    "routing.ProviderWord": "One an account: what its identity provider said last.",
    "routing.StreamedBytes": "One a tenant and month.",
    "routing.ChangeSet": "MAX_OPEN_SETS and MAX_CLOSED_SETS of a tenant, each of MAX_SET_ROWS mappings.",
    "routing.Subscription": "MAX_SUBSCRIPTIONS_A_TENANT.",
    "routing.Note": "MAX_NOTES of a row, each of MAX_NOTE_LENGTH characters.",
    "routing.PullCount": "FACADE_STATISTICS_ROWS of a hostname and time, ten times as many of a tenant.",
    "routing.ReferenceCount": "FACADE_STATISTICS_ROWS of a hostname and time, ten times as many of a tenant.",
    "routing.OrphanCount": "FACADE_STATISTICS_ROWS of a hostname and time, ten times as many of a tenant.",
    "routing.Delivery": "So many of each subscription, for some weeks; swept.",
    "routing.Change": "The newest KEPT_CHANGES are kept.",
    "routing.Confirmation": "One row.",
    "routing.ContactSighting": "MOST of a hostname, those seen last.",
    "routing.Generation": "One row.",
    "routing.Job": "One for one thing, and MAX_WAITING_PER_SHARE for one tenant.",
    "routing.Lease": "One for each name that the code has.",
    "routing.Rate": "One a person and limit; swept after days.",
    "routing.Restoration": "One for each restore, which goes into an empty database alone.",
    "routing.Round": "One a task of the regular work.",
    "routing.SelfTest": "KEPT of a hostname, and MAX_SHARED more that are shared.",
    "routing.ListColumns": "One a person and list.",
    "routing.SavedFilter": "MAX_FILTERS_A_PERSON of a person, MAX_FILTERS_A_TENANT of a tenant.",
    "routing.Server": "One a machine; gone after an hour without a word.",
    "routing.TableCheck": "One row.",
    "routing.Verification": "MAX_UNFINISHED and MAX_KEPT of a tenant, and one for each set of its that is scheduled.",
    "routing.VerificationDifference": "MAX_ROWS a report.",
    "routing.RegistryHealth": "One a registry.",
    "routing.Preferences": "One a person.",
    "routing.AnswerCount": "One a registry and hour for a week, and one a day for FACADE_STATISTICS_DAYS.",
    "routing.RegistryLimit": "One a registry.",
    "routing.Watch": "Two a mapping: its former target, its standby.",
    "routing.HistoricalHostname": "The newest FACADE_MAX_HISTORY_PER_TENANT of a tenant.",
    "routing.HistoricalMapping": "The newest FACADE_MAX_HISTORY_PER_TENANT of a tenant.",
    "routing.HistoricalMembership": "The newest FACADE_MAX_HISTORY_PER_TENANT of a tenant.",
    "routing.HistoricalRegistry": "The newest FACADE_MAX_HISTORY_PER_TENANT of a tenant.",
    "routing.HistoricalTenant": "The newest FACADE_MAX_HISTORY_PER_TENANT of a tenant.",
    "routing.HistoryLink": "One an entry of the histories, and one for all between two of these that were thrown away.",
    "auth.User": "By invitation, by the identity provider, or by operators of the platform.",
    "auth.Group": "Nobody makes any.",
    "auth.Permission": "The code's.",
    "contenttypes.ContentType": "The code's.",
    "sessions.Session": "Swept when they are over; strangers' after an hour, and SESSIONS a minute of an address.",
    "account.EmailAddress": "ACCOUNT_MAX_EMAIL_ADDRESSES a person.",
    "account.EmailConfirmation": "Confirmations are signed, not stored.",
    "mfa.Authenticator": "MAX_SECURITY_KEYS_A_PERSON, and one of each other kind.",
    "socialaccount.SocialAccount": "One a person and identity provider.",
    "socialaccount.SocialApp": "From the settings.",
    "socialaccount.SocialToken": "Not stored.",
    "admin.LogEntry": "Operators of the platform alone write them, about accounts.",
}


def quota_for(tenant: Tenant) -> Quota:
    """The tenant's own limits, and the platform's where it has none."""
    return Quota(
        _own_or(tenant.max_hostnames, settings.FACADE_MAX_HOSTNAMES_PER_TENANT),
        _own_or(tenant.max_mappings, settings.FACADE_MAX_MAPPINGS_PER_TENANT),
        _own_or(tenant.max_registries, settings.FACADE_MAX_REGISTRIES_PER_TENANT),
        _own_or(tenant.max_members, settings.FACADE_MAX_MEMBERS_PER_TENANT),
        _own_or(tenant.max_streamed_bytes, settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT),
    )


def check_quota(actor: Actor, tenant: Tenant, what: str, more: int = 1) -> None:
    """Refuse so many more over the limit; `what` is a key of HELD. Raises ServiceError."""
    limit = getattr(quota_for(tenant), what)
    if not actor.is_operator and HELD[what](tenant) + more > limit:
        raise ServiceError(
            f"{tenant} may have {limit} {what}; ask the platform's operators for more", code=Code.QUOTA_EXCEEDED
        )


def _count(model: type[Hostname | HostnameClaim | Registry | Membership], tenant: Tenant) -> int:
    return model.objects.filter(tenant=tenant).count()


def _open_invitations(tenant: Tenant) -> int:
    now = timezone.now()
    return Invitation.objects.filter(tenant=tenant, accepted_at=None, expires_at__gt=now).count()


def _own_or(own: int | None, platforms: int) -> int:
    return platforms if own is None else own
