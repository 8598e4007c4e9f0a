"""What has to be said before a change set is applied: how much it touches, and whose credentials move."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Count

from routing.core.table.routing_table import Auth
from routing.models import ChangeSet, Hostname, Mapping, Registry, Tenant
from routing.models.mapping import is_private
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.changes.basis import tenants_of

#: A set that touches so many of a tenant's mappings, and more than a third of them, is told apart by its number.
FEWEST_GUARDED = 10
_PART = 3
_NAMED = 10
_APPROVAL = "{} wants change sets approved by a second person"


class Words(NamedTuple):
    """What a person said: how many mappings these are, and that credentials go to another registry from then on."""

    confirm: int | None = None
    credentials_move: bool = False


NO_WORDS = Words()


class Guards(NamedTuple):
    """What has to be said of a set. `number`: why its number; `credentials`: mappings whose credentials move.

    `approval`: why a second person.
    """

    number: str
    credentials: list[str]
    approval: str

    @property
    def credentials_in_words(self) -> str:
        """What becomes of credentials; "" where none move."""
        if not self.credentials:
            return ""
        names = ", ".join(self.credentials[:_NAMED])
        more = f" and {len(self.credentials) - _NAMED} more" if len(self.credentials) > _NAMED else ""
        return (
            f"credentials for {names}{more} go to another registry from then on, and no more to the former one: "
            "clients have to log in anew"
        )


def guards_of(change_set: ChangeSet, mappings: Sequence[Mapping]) -> Guards:
    """What has to be said of a set with these mappings. Of one that takes another back, no number, and no approval
    unless that one had led back itself.

    What that one changed was confirmed, and a way back has to be short. What is added takes nothing from anybody, so it
    counts for no part of what a tenant has.
    """
    credentials = _credentials_that_move(change_set, mappings)
    if change_set.undoes is not None:
        return Guards("", credentials, wants_approval(change_set))
    touched, changed = _touched(change_set)
    tenants = Tenant.objects.filter(pk__in=touched).annotate(total=Count("hostnames__mappings")).order_by("name")
    number, approval = "", ""
    if len(touched) > 1:
        number = f"it changes mappings of {len(touched)} tenants"
    for tenant in tenants:
        count, total = changed[tenant.pk], tenant.total
        if count >= FEWEST_GUARDED and count * _PART > total and not number:
            number = f"it changes {count} of the {total} mappings of {tenant}"
        if tenant.needs_approval and not approval:
            approval = _APPROVAL.format(tenant)
    return Guards(number, credentials, approval)


def wants_approval(change_set: ChangeSet) -> str:
    """Why a set waits for a second person's approval; "" where it takes none.

    An undo takes none. The undo of an undo puts in force what takes one.
    """
    if change_set.undoes is not None and change_set.leads_back:
        return ""
    wanting = next((tenant for tenant in tenants_of(change_set) if tenant.needs_approval), None)
    return _APPROVAL.format(wanting) if wanting is not None else ""


def check_words(change_set: ChangeSet, guards: Guards, words: Words) -> None:
    """Refuse a set of which not all was said that has to be. Raises ServiceError."""
    if guards.number and not change_set.approved_at and words.confirm != change_set.size:
        said = f"{guards.number}: say how many mappings it changes in all ({change_set.size}), so that it is meant"
        raise ServiceError(
            said,
            {"confirm": [said]},
            code=Code.CONFIRMATION_REQUIRED,
            at_command_line=f" (--confirm {change_set.size})",
        )
    if guards.credentials and not words.credentials_move:
        said = f"{guards.credentials_in_words}. Say that this is meant"
        raise ServiceError(
            said,
            {"credentials_move": [said]},
            code=Code.CONFIRMATION_REQUIRED,
            at_command_line=" (--credentials-move)",
        )


def _touched(change_set: ChangeSet) -> tuple[Counter[int], Counter[int]]:
    """By tenant, how many mappings it is about, and how many of these are there already."""
    places = Hostname.objects.filter(pk__in={row["hostname"] for row in change_set.rows})
    tenants = dict(places.values_list("pk", "tenant_id"))
    known = [row for row in change_set.rows if row["hostname"] in tenants]
    changed = (tenants[row["hostname"]] for row in known if row["before"] is not None)
    return Counter(tenants[row["hostname"]] for row in known), Counter(changed)


def _credentials_that_move(change_set: ChangeSet, mappings: Sequence[Mapping]) -> list[str]:
    registries = change_set.basis["registries"]
    rows = {row["mapping"]: row for row in change_set.rows}
    moved = []
    for mapping in mappings:
        row = rows[mapping.pk]
        if row["before"] is None or row["after"] is None:
            continue
        before, after = (registries[str(row[when]["registry"])]["address"] for when in ("before", "after"))
        if before != after and takes_credentials(mapping, mapping.registry):
            moved.append(mapping.source)
    return moved


def takes_credentials(mapping: Mapping, registry: Registry) -> bool:
    """Whether clients have to bring credentials for a mapping, or are told to log in there."""
    return (
        is_private(mapping.private, mapping.public, mapping.challenge)
        or mapping.allow_push
        or registry.auth == Auth.BASIC
        or mapping.hostname.login_registry_id == registry.pk
    )
