"""The history of all nouns together, newest first: who did what, when, why, and what changed by it.

Reads the past rows that django-simple-history keeps.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model

from routing.models import Hostname, Mapping, Membership, Registry, Tenant
from routing.models.front_door import BADGE_COLUMNS, FRONT_COLUMNS
from routing.models.registry import target_at
from routing.models.versioned import viewable
from routing.services.base.actor import Actor
from routing.services.base.past_rows import change_of, kind_of, last_rows, rows_before

#: The nouns that have a history, by their names in the API.
NOUNS: dict[str, Any] = {
    "mapping": Mapping,
    "hostname": Hostname,
    "registry": Registry,
    "tenant": Tenant,
    "member": Membership,
}
# What of a row is told where it changed, by its own column. Targets and owners are told by name, below.
_TOLD: dict[str, tuple[str, ...]] = {
    "mapping": ("enabled", "allow_push", "private", "delivery", "notice", "account_user", "account_set_at", "labels"),
    "hostname": (
        *("enabled", "login_registry_id", "suspended", "suspension_message", "withdrawn_at"),
        *(*FRONT_COLUMNS, *BADGE_COLUMNS, "self_test_schedule", "labels"),
    ),
    "registry": ("name", "origin", "alias", "implicit_namespace", "stream_blobs", "account_set_at", "labels"),
    "tenant": (
        *("slug", "name", "suspended", "suspension_message", "needs_approval"),
        *("allowed_registries", "needs_clean_reports", "policy_request"),
        *("max_hostnames", "max_mappings", "max_registries", "max_members", "max_streamed_bytes"),
    ),
    "member": ("role",),
}


class Wanted(NamedTuple):
    """Which entries: those that fit everything that is given. `words` stand in the reason."""

    noun: str | None = None
    id: int | None = None
    tenant: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    request_id: str | None = None
    words: str | None = None


class Step(NamedTuple):
    """One value that changed."""

    field: str
    before: Any
    after: Any


class Entry(NamedTuple):
    """One thing that was done. `number` is the entry's among those of its noun, to which one can roll back.

    `id` is the row's, which may be gone; `tenant` is a slug; `change_set` is the id of the one by which it was done.

    `action` is added, changed or removed; `verb` says which change it was, in words that stand before the row's name.
    """

    number: int
    at: datetime
    action: str
    verb: str
    noun: str
    id: int
    name: str
    tenant: str | None
    actor: str
    reason: str
    request_id: str
    change_set: int | None
    changes: list[Step]


def count_entries(actor: Actor, wanted: Wanted) -> int:
    """How many entries there are that the actor may see."""
    return sum(_rows(actor, noun, wanted).count() for noun in _nouns(wanted))


def past_entries(actor: Actor, wanted: Wanted, start: int, stop: int) -> list[Entry]:
    """A part of the entries that the actor may see, newest first. What comes before it is passed over, so it costs."""
    keys = [_keys(noun, _rows(actor, noun, wanted), stop) for noun in _nouns(wanted)]
    part = list(merge(*keys, key=lambda key: key[0], reverse=True))[start:stop]
    found = {
        (noun, key): entry
        for noun in {noun for _, noun, _ in part}
        for key, entry in _entries(noun, [key for _, other, key in part if other == noun])
    }
    return [found[noun, key] for _, noun, key in part if (noun, key) in found]


def _nouns(wanted: Wanted) -> list[str]:
    return [noun for noun in NOUNS if wanted.noun in (None, noun)]


def _rows(actor: Actor, noun: str, wanted: Wanted) -> Any:
    rows = viewable(NOUNS[noun].history.all(), actor)
    given: dict[str, Any] = {
        "id": wanted.id,
        "actor": wanted.actor,
        "history_date__gte": _in_utc(wanted.since),
        "history_date__lt": _in_utc(wanted.until),
        "request_id": wanted.request_id,
        "history_change_reason__icontains": wanted.words,
    }
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if wanted.tenant is not None:
        rows = rows.filter(of_tenant__in=Tenant.objects.filter(slug=wanted.tenant).values("pk"))
    return rows


def _in_utc(at: datetime | None) -> datetime | None:
    """The same moment as every database can read it; the last or first that there is, where UTC has none.

    PostgreSQL takes no offset from 16 hours on, and at the ends of what Python counts an offset leads beyond.
    """
    if at is None:
        return None
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return (datetime.max if at.year == datetime.max.year else datetime.min).replace(tzinfo=UTC)


def _keys(noun: str, rows: Any, most: int) -> list[tuple[datetime, str, int]]:
    newest = rows.order_by("-history_id").values_list("history_date", "history_id")[:most]
    return [(at, noun, key) for at, key in newest]


def _entries(noun: str, keys: Sequence[int]) -> Iterator[tuple[int, Entry]]:
    model = NOUNS[noun]
    rows = list(model.history.filter(history_id__in=keys))
    before = rows_before(model, rows)
    names = _Names([*rows, *before.values()])
    for row in rows:
        entry = Entry(
            number=row.history_id,
            at=row.history_date,
            action=kind_of(row),
            verb=change_of(row, before.get(row.history_id)).phrase,
            noun=noun,
            id=row.id,
            name=_name(noun, row, names),
            tenant=names.slug(row.of_tenant),
            actor=row.actor or "unknown",
            reason=row.history_change_reason or "",
            request_id=row.request_id,
            change_set=row.change_set,
            changes=_steps(noun, row, before.get(row.history_id), names),
        )
        yield row.history_id, entry


def _steps(noun: str, row: Any, before: Any, names: "_Names") -> list[Step]:
    if row.history_type == "-":
        return []
    now, then = _told(noun, row, names), _told(noun, before, names) if before is not None else {}
    return [Step(name, then.get(name), value) for name, value in now.items() if then.get(name) != value]


def _told(noun: str, row: Any, names: "_Names") -> dict[str, Any]:
    told = {name: getattr(row, name) for name in _TOLD[noun]}
    if noun == "mapping":
        return {"target": names.target(row), **told}
    return {"tenant": names.slug(row.tenant_id), **told} if noun == "registry" else told


def _name(noun: str, row: Any, names: "_Names") -> str:
    match noun:
        case "mapping":
            hostname = names.of(Hostname, row.hostname_id)
            return f"{hostname}/{row.prefix}" if row.prefix else hostname
        case "member":
            return names.of(get_user_model(), row.user_id)
        case "tenant":
            return str(row.slug)
    return str(row.name)


class _Names:
    """What past rows refer to, also where it is gone since; a handful of queries for any number of rows."""

    def __init__(self, rows: Sequence[Any]) -> None:
        def ids(*columns: str) -> set[int]:
            return {pk for row in rows for column in columns if (pk := getattr(row, column, None)) is not None}

        users: Any = get_user_model()
        self._named: dict[Any, dict[int, str]] = {
            Hostname: {pk: row.name for pk, row in _now_or_last(Hostname, ids("hostname_id")).items()},
            Registry: {pk: _authority(row) for pk, row in _now_or_last(Registry, ids("registry_id")).items()},
            Tenant: {pk: row.slug for pk, row in _now_or_last(Tenant, ids("of_tenant", "tenant_id")).items()},
            users: {user.pk: user.get_username() for user in users.objects.filter(pk__in=ids("user_id"))},
        }

    def of(self, model: Any, pk: int) -> str:
        """The name of one row."""
        return self._named[model].get(pk, f"#{pk}")

    def slug(self, pk: int | None) -> str | None:
        """The slug of a tenant, where there is one."""
        return None if pk is None else self.of(Tenant, pk)

    def target(self, row: Any) -> str:
        """Where a past mapping led, as a person writes it."""
        return target_at(self.of(Registry, row.registry_id), row.upstream_prefix)


def _now_or_last(model: Any, ids: set[int]) -> dict[int, Any]:
    found = {row.pk: row for row in model.objects.filter(pk__in=ids)}
    if gone := ids - found.keys():
        found |= last_rows(model, gone)
    return found


def _authority(registry: Any) -> str:
    return str(registry.alias or registry.origin.removeprefix("https://"))
