"""The verbs by which a mapping is published: everybody can pull what an account of its tenant's may read.

That is asked for in so many words, with a reason, by an owner. The account is the mapping's own: no other mapping uses
it, and it is written and never told.
"""

from collections.abc import Collection

from routing.models import Mapping
from routing.models.pull_account import NO_ACCOUNT
from routing.services.base.actor import Actor
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission
from routing.services.base.rules import require_reason
from routing.services.base.unit_of_work import unit_of_work
from routing.services.registries.accounts import account_values


def publish_mapping(
    actor: Actor,
    reason: str,
    *,
    mapping_id: int,
    user: str,
    password: str,
    if_match: Collection[int] | None = None,
) -> Mapping:
    """Let everybody pull through a mapping what this account may read at its registry, in place of any former account.

    It ends when the mapping points to something else, its registry's address changes, or its hostname is handed over.
    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    require_reason(reason)
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.PUBLISH, if_match)
        # Nobody was asked for a token of where it led before.
        unit.update(mapping, **account_values(mapping.registry.origin, user, password), former="")
        unit.event("mapping.published", mapping_id=mapping.pk, tenant_id=mapping.hostname.tenant_id)
    return mapping


def unpublish_mapping(
    actor: Actor, reason: str, *, mapping_id: int, if_match: Collection[int] | None = None
) -> Outcome[Mapping]:
    """Have clients bring credentials of their own again, at once. Raises NotFound, PermissionDenied, Outdated.

    Whoever may change mappings may do that.
    """
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        changed = unit.update(mapping, **NO_ACCOUNT)
        if changed:
            unit.event("mapping.unpublished", mapping_id=mapping.pk, tenant_id=mapping.hostname.tenant_id)
    return Outcome(mapping, bool(changed))
