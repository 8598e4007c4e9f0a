"""The verb that removes a person: their account, every way in, and their roles.

Histories stay, without their name where that is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction

from routing.models import Membership, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, PermissionDenied, check_permission
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.leaving.erasure import Erasure, pseudonym_of
from routing.services.leaving.person_rows import OF_A_PERSON, sessions_of, what_goes, what_stays


class PersonRemoval(NamedTuple):
    """What a removal takes and leaves, in numbers. `obstacles`: why it can't be done now, each with what to do.

    `mentions`: where an erasure leaves the name, because the row is in force or belongs to somebody else.
    """

    user: Any
    goes: Mapping[str, int]
    stays: Mapping[str, int]
    obstacles: Sequence[str]
    pseudonym: str
    mentions: Sequence[str] = ()


def get_person(actor: Actor, user_id: int, action: Permission = Permission.EXPORT) -> Any:
    """The account, where the actor may do that to it: their own, but not by a token, or as the platform.

    Raises NotFound, PermissionDenied.
    """
    own = actor.user is not None and actor.user.pk is not None and actor.user.pk == user_id
    if own and actor.is_token:
        raise PermissionDenied("nobody's own account by a token of theirs: your account's pages do that")
    if not own:
        check_permission(actor, action, None)
    found = get_user_model()._default_manager.filter(pk=user_id).first()
    if found is None:
        raise NotFound("there is no such person")
    return found


def get_person_removal(actor: Actor, *, user_id: int, erase: bool = False) -> PersonRemoval:
    """What removing a person would do. For themselves and operators of the platform.

    Raises NotFound, PermissionDenied.
    """
    user = get_person(actor, user_id)
    goes, mentions = what_goes(user), []
    if erase:
        erasure = Erasure(user)
        goes["invitations to them"] = erasure.invitations().count()
        mentions = [*erasure.mentions()]
    return PersonRemoval(user, goes, what_stays(user), _obstacles(user), pseudonym_of(user), mentions)


def remove_person(actor: Actor, reason: str = "", *, user_id: int, erase: bool = False) -> dict[str, int]:
    """Remove an account with everything that is its person's; gives how many of each went.

    With `erase` a pseudonym stands for their name and addresses from now on, wherever the product keeps them. By
    themselves, or by operators of the platform. Raises NotFound, PermissionDenied, and ServiceError for a tenant's last
    owner and for the platform's last operator.
    """
    user = get_person(actor, user_id, Permission.ADMINISTER)
    _check(user)
    erasure = Erasure(user) if erase else None
    if erasure is not None:
        reason = erasure.text(reason)
        if actor.user is not None and actor.user.pk == user.pk:
            actor = replace(actor, label=erasure.pseudonym)
    # Of a long history, most of it before others have to wait.
    reached = None if erasure is None or is_dry_run() else erasure.erase()
    with unit_of_work(actor, reason) as unit:
        user = get_person(actor, user_id, Permission.ADMINISTER)
        _check(user)
        gone = _remove(unit, user, erasure)
        if erasure is not None:
            erasure.erase(reached)
            erasure.erase_log()
        unit.delete(user)
        unit.event("person.removed", user_id=user_id, erased=int(erase))
    return {**gone, "sessions": _end_sessions(user, user_id)}


def _remove(unit: UnitOfWork, user: Any, erasure: Erasure | None) -> dict[str, int]:
    unit.lock(user)
    gone = {}
    for what, rows in OF_A_PERSON.items():
        gone[what] = unit.delete_all(rows(user))
    if erasure is not None:
        gone["invitations to them"] = unit.delete_all(erasure.invitations())
    return gone


def _end_sessions(user: Any, user_id: int) -> int:
    """They let nobody in any more, as there is no such account; what is in them goes too."""
    user.pk = user_id
    keys = list(sessions_of(user))
    if is_dry_run():
        return len(keys)
    with transaction.atomic():
        Session.objects.filter(session_key__in=keys).delete()
    return len(keys)


def _check(user: Any) -> None:
    if obstacles := _obstacles(user):
        raise ServiceError("; ".join(obstacles))


def _obstacles(user: Any) -> list[str]:
    """Why they can't go yet."""
    said = []
    if tenants := _last_owner_of(user):
        names = ", ".join(tenant.name for tenant in tenants)
        said.append(
            f"{user} is the last owner of {names}: make somebody else an owner first, or have the tenant removed"
        )
    if _is_last_operator(user):
        said.append(
            f"{user} is the last operator of the platform: make somebody else one first (manage.py createsuperuser)"
        )
    return said


def _last_owner_of(user: Any) -> list[Tenant]:
    own = Membership.objects.filter(user=user, role=Role.OWNER).select_related("tenant").order_by("tenant__name")
    others = Membership.objects.filter(role=Role.OWNER, user__is_active=True).exclude(user=user)
    return [membership.tenant for membership in own if not others.filter(tenant=membership.tenant_id).exists()]


def _is_last_operator(user: Any) -> bool:
    if not Actor.person(user).is_operator:
        return False
    others = get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return not any(Actor.person(other).is_operator for other in others)
