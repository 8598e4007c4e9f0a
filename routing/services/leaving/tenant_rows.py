"""What belongs to a tenant, table by table: what a removal takes along, what it tells, and what it leaves."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet

from routing.models import (
    AnswerCount,
    ApiToken,
    ChangeSet,
    ContactSighting,
    Delivery,
    Hostname,
    HostnameClaim,
    Invitation,
    Job,
    Membership,
    Note,
    OrphanCount,
    ProviderGrant,
    PullCount,
    Rate,
    ReferenceCount,
    Registry,
    RegistryHealth,
    RegistryLimit,
    SavedFilter,
    SelfTest,
    StreamedBytes,
    Subscription,
    Tenant,
    Verification,
    VerificationDifference,
    Watch,
)
from routing.models import Mapping as MappingRow
from routing.services.base.history_bound import past_models

Rows = Callable[[Tenant], "QuerySet[Any]"]

#: Those of which there may be very many, in the order in which they go: what refers to others goes before them.
ROUTED: Mapping[str, Rows] = {
    "mappings": lambda tenant: MappingRow.objects.select_related("hostname").filter(
        hostname__in=Hostname.objects.filter(tenant=tenant)
    ),
    "hostnames": lambda tenant: Hostname.objects.filter(tenant=tenant),
    "registries": lambda tenant: Registry.objects.filter(tenant=tenant),
}

#: What goes with the tenant itself, in words that follow a number.
OTHERS: Mapping[str, Rows] = {
    "notes": lambda tenant: Note.objects.filter(
        Q(tenant=tenant) | Q(hostname__tenant=tenant) | Q(mapping__hostname__tenant=tenant) | Q(registry__tenant=tenant)
    ),
    "claims": lambda tenant: HostnameClaim.objects.filter(tenant=tenant),
    "invitations": lambda tenant: Invitation.objects.filter(tenant=tenant),
    "API tokens for this tenant alone": lambda tenant: ApiToken.objects.filter(tenant=tenant),
    "roles by the identity provider": lambda tenant: ProviderGrant.objects.filter(tenant=tenant),
    "members": lambda tenant: Membership.objects.filter(tenant=tenant),
    "change sets": lambda tenant: ChangeSet.objects.filter(tenant=tenant),
    "contacts seen": lambda tenant: ContactSighting.objects.filter(hostname__tenant=tenant),
    "reports of self-tests": lambda tenant: SelfTest.objects.filter(hostname__tenant=tenant),
    "comparisons of former targets and standbys": lambda tenant: Watch.objects.filter(mapping__hostname__tenant=tenant),
    "answers of registries": lambda tenant: RegistryHealth.objects.filter(registry__tenant=tenant),
    "answers of registries by hour and day": lambda tenant: AnswerCount.objects.filter(registry__tenant=tenant),
    "limits of registries": lambda tenant: RegistryLimit.objects.filter(registry__tenant=tenant),
    "differences found": lambda tenant: VerificationDifference.objects.filter(verification__tenant=tenant),
    "verification reports": lambda tenant: Verification.objects.filter(tenant=tenant),
    "months of streamed bytes": lambda tenant: StreamedBytes.objects.filter(tenant=tenant),
    "counts of pulls": lambda tenant: PullCount.objects.filter(tenant=tenant),
    "counts of tags and digests": lambda tenant: ReferenceCount.objects.filter(tenant=tenant),
    "counts of names without a mapping": lambda tenant: OrphanCount.objects.filter(tenant=tenant),
    "messages to subscribers": lambda tenant: Delivery.objects.filter(subscription__tenant=tenant),
    "subscriptions": lambda tenant: Subscription.objects.filter(tenant=tenant),
    "saved filters": lambda tenant: SavedFilter.objects.filter(tenant=tenant),
    "waiting jobs": lambda tenant: Job.objects.filter(share=str(tenant.pk)),
    "counts of requests": lambda tenant: Rate.objects.filter(
        Q(name=f"checks of tenant {tenant.pk}") | Q(name__startswith=f"invitations of tenant {tenant.pk} to ")
    ),
}

#: What a person need not be told of.
_QUIET = frozenset(
    {
        "contacts seen",
        "reports of self-tests",
        "messages to subscribers",
        "waiting jobs",
        "counts of requests",
        "differences found",
        "comparisons of former targets and standbys",
        "answers of registries",
        "answers of registries by hour and day",
        "limits of registries",
    }
)


def what_goes(tenant: Tenant) -> dict[str, int]:
    """How many of each a removal takes, without what nobody has a use for."""
    rows = {**ROUTED, **OTHERS}
    return {what: rows[what](tenant).count() for what in rows if what not in _QUIET}


def what_stays(tenant: Tenant) -> dict[str, int]:
    """How many of each a removal leaves."""
    members = get_user_model()._default_manager.filter(memberships__tenant=tenant)
    elsewhere = Membership.objects.filter(user=OuterRef("pk")).exclude(tenant=tenant)
    return {
        "entries of its history": sum(past.objects.filter(of_tenant=tenant.pk).count() for past in past_models()),
        "accounts of its members": members.count(),
        "of these without any other tenant": members.filter(~Exists(elsewhere), is_superuser=False).count(),
    }
