"""Tells those who decided on a scheduled set that it was not applied. Subscribers hear of it by its event."""

from django.contrib.auth import get_user_model

from routing.models import ChangeSet
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.permissions import Permission, has_permission
from routing.services.changes.basis import tenants_of
from routing.services.people.notices import tell_addresses

_PEOPLE = ("drafter_id", "approver_id", "scheduler_id")
_SHOWN = 10


def tell_refused(change_set: ChangeSet) -> None:
    """Mail who drafted it, who approved it and who scheduled it, as far as they may still see it."""
    ids = {getattr(change_set, name) for name in _PEOPLE} - {None}
    people = get_user_model()._default_manager.filter(pk__in=ids, is_active=True)
    addresses = [person.email for person in people if _may_see(Actor.person(person), change_set)]
    subject = f"Change set {change_set.pk} was not applied"
    tell_addresses(addresses, share_of(change_set.tenant), subject, _text(change_set))


def _may_see(actor: Actor, change_set: ChangeSet) -> bool:
    return ChangeSet.objects.viewable_by(actor).filter(pk=change_set.pk).exists() and all(
        has_permission(actor, Permission.VIEW, tenant) for tenant in tenants_of(change_set)
    )


def _text(change_set: ChangeSet) -> str:
    sources = [row["source"] for row in change_set.rows]
    more = f"\n    and {len(sources) - _SHOWN} more" if len(sources) > _SHOWN else ""
    listed = "\n".join(f"    {source}" for source in sources[:_SHOWN])
    accepted = " That accepts what its newest report found." if change_set.recheck_report is not None else ""
    return (
        f"Change set {change_set.pk} was scheduled, and was not applied at its time. Nothing was changed.\n\n"
        f"Why: {change_set.refusal}.\n\n"
        f"Its message: {change_set.message}\n"
        f"Drafted by: {change_set.drafted_by}\n"
        f"Its mappings:\n{listed}{more}\n\n"
        "It is a draft again. Look at it in the admin, or with:\n\n"
        f"    facade changes show {change_set.pk}\n\n"
        f"Put right what is named, draft it once more if it was changed, and schedule it anew.{accepted}\n"
    )
