"""The verbs of a registry's account: the operator's own, with which the facade fetches what is public there.

It is written and never told: neither these verbs nor anything else gives the password back.
"""

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from routing.models import Registry
from routing.models.pull_account import NO_ACCOUNT
from routing.registries.auth.accounts import (
    MAX_PASSWORD_LENGTH,
    InvalidAccount,
    PullAccount,
    check_account,
    seal_account,
)
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission
from routing.services.base.unit_of_work import unit_of_work

#: More than any password that is taken, and its line's end.
MOST_TYPED = MAX_PASSWORD_LENGTH + 3


def set_account(
    actor: Actor,
    reason: str,
    *,
    registry_id: int,
    user: str,
    password: str,
    if_match: Collection[int] | None = None,
) -> Registry:
    """Have the facade's own fetches of what is public at a registry count for this account, in place of any former.

    A caller's own pull never uses it, and what only the account may read is fetched for nobody. It goes with the
    registry's address. Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        unit.update(registry, **account_values(registry.origin, user, password))
        unit.event("registry.account_set", registry_id=registry.pk, tenant_id=registry.tenant_id)
    return registry


def remove_account(
    actor: Actor, reason: str, *, registry_id: int, if_match: Collection[int] | None = None
) -> Outcome[Registry]:
    """Have the facade fetch as nobody again, at once. Raises NotFound, PermissionDenied, Outdated, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        registry = unit.get(Registry, registry_id, Permission.CHANGE_REGISTRIES, if_match)
        changed = unit.update(registry, **NO_ACCOUNT)
        if changed:
            unit.event("registry.account_removed", registry_id=registry.pk, tenant_id=registry.tenant_id)
    return Outcome(registry, bool(changed))


def account_values(origin: str, user: str, password: str) -> dict[str, Any]:
    """What a row has of an account that is set now, for this address alone. Raises ServiceError."""
    account = PullAccount(user.strip(), password)
    try:
        check_account(account)
    except InvalidAccount as error:
        raise ServiceError.for_field("user" if "user name" in str(error) else "password", str(error)) from None
    return {
        "account_user": account.user,
        "account_set_at": timezone.now(),
        "account_sealed": seal_account(account, origin),
    }
