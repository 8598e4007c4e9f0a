"""The history, told to a person: who did what, when and why, as before → after.

Reads the rows that django-simple-history keeps. Its own admin pages aren't used: they offer to write an old row back,
which would go behind the verbs' back.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from routing.admin.base import permissions
from routing.admin.base.badges import ago
from routing.models import ChangeSet, Hostname, Mapping, Membership, Registry, Tenant
from routing.models.registry import target_at
from routing.services.base.past_rows import change_of, kind_of, last_rows, rows_before

_User = get_user_model()


class Step(NamedTuple):
    """One thing that changed."""

    label: str
    before: str
    after: str


class Entry(NamedTuple):
    """One thing that was done. `kind` is added, changed or removed; `verb` says which change it was."""

    number: int
    at: datetime
    actor: str
    kind: str
    verb: str
    noun: str
    name: str
    url: str
    reason: str
    request_id: str
    change_set: int | None
    steps: list[Step]

    @property
    def ago(self) -> str:
        """How long ago it was, in words."""
        return ago(self.at)


class Names:
    """The names of what past rows refer to, also of what is gone since; a handful of queries for any number of rows."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._names = {
            (model, pk): name
            for model, columns in _REFERENCES.items()
            for pk, name in _names_of(model, _ids(rows, columns)).items()
        }

    def of(self, model: type[Model], pk: int | None) -> str:
        """The name of one row, or nothing for no row."""
        return "" if pk is None else self._names.get((model, pk), f"#{pk}")


def viewable_change_sets(request: HttpRequest, told_of: Iterable[int | None]) -> set[int]:
    """Those of the change sets that have a page for who asks. None, which stands for no set, is never among them."""
    numbers = {number for number in told_of if number is not None}
    if not numbers:
        return set()
    return set(permissions.viewable(request, ChangeSet.objects.filter(pk__in=numbers)).values_list("pk", flat=True))


def entries_of(request: HttpRequest, model: Any, rows: Iterable[Any]) -> list[Entry]:
    """The entries for past rows of `model`, in the rows' order."""
    current = list(rows)
    before = rows_before(model, current)
    names = Names([*current, *before.values()])
    # A row that is another tenant's by now has no page for whose it was.
    still = permissions.viewable(request, model.objects.filter(pk__in={row.id for row in current}))
    alive = set(still.values_list("pk", flat=True))
    change_sets = viewable_change_sets(request, (row.change_set for row in current))
    page = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
    return [
        Entry(
            number=row.history_id,
            at=row.history_date,
            actor=row.actor or "unknown",
            kind=kind_of(row),
            verb=change_of(row, before.get(row.history_id)).word,
            noun=str(model._meta.verbose_name),
            name=_name(model, row, names),
            url=reverse(page + ("change" if row.id in alive else "history"), args=[row.id]),
            reason=row.history_change_reason or "",
            request_id=row.request_id,
            change_set=row.change_set if row.change_set in change_sets else None,
            steps=_steps(model, row, before.get(row.history_id), names),
        )
        for row in current
    ]


def latest_entries(request: HttpRequest, limit: int) -> list[Entry]:
    """The newest entries of all nouns, newest first."""
    found: list[Entry] = []
    for model in _NAMES:
        rows = permissions.viewable(request, model.history.all()).order_by("-history_id")[:limit]  # type: ignore[attr-defined]
        found += entries_of(request, model, rows)
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]


def _steps(model: Any, row: Any, before: Any, names: Names) -> list[Step]:
    if row.history_type == "-":
        return []
    now = _described(model, row, names)
    then = _described(model, before, names) if before is not None else {}
    return [
        Step(label, then.get(label, ""), text)
        for label, text in now.items()
        # Of something new, only what says more than “none” or “off”.
        if then.get(label, "") != text
    ]


# ---------------------------------------------------------------- rows in words


def _described(model: Any, row: Any, names: Names) -> dict[str, str]:
    """Everything that a person can change of a row, by label: what several columns say together, then the others."""
    together = _TOGETHER.get(model, {})
    told = {label: words(row, names) for label, (_, words) in together.items()}
    elsewhere = {name for columns, _ in together.values() for name in columns} | set(_IDENTITY.get(model, ()))
    for field in model._meta.concrete_fields:
        if field.editable and not field.primary_key and field.name not in elsewhere:
            told[str(field.verbose_name)] = _value(field, row, names)
    return told


def _value(field: Any, row: Any, names: Names) -> str:
    value = getattr(row, field.attname)
    if field.is_relation:
        return names.of(field.related_model, value)
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)


def _name(model: Any, row: Any, names: Names) -> str:
    return _NAMES[model](row, names)


def _mapping_name(row: Any, names: Names) -> str:
    hostname = names.of(Hostname, row.hostname_id)
    return f"{hostname}/{row.prefix}" if row.prefix else hostname


def _target(row: Any, names: Names) -> str:
    return target_at(names.of(Registry, row.registry_id), row.upstream_prefix)


def authority_of(registry: Any) -> str:
    """What people call a registry, from its row or from a past one."""
    return str(registry.alias or registry.origin.removeprefix("https://"))


def _enabled(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def _hostname_state(row: Any, names: Names) -> str:
    if row.suspended:
        return "suspended"
    return "withdrawn" if row.withdrawn_at is not None else _enabled(row.enabled)


_Words = Callable[[Any, Names], str]
_NAMES: dict[type[Model], _Words] = {
    Mapping: _mapping_name,
    Hostname: lambda row, names: row.name,
    Registry: lambda row, names: authority_of(row),
    Tenant: lambda row, names: row.name,
    Membership: lambda row, names: f"{names.of(_User, row.user_id)} in {names.of(Tenant, row.tenant_id)}",
}
# What never changes of a row, and is in its name.
_IDENTITY: dict[type[Model], tuple[str, ...]] = {
    Mapping: ("hostname", "prefix"),
    Hostname: ("name",),
    Membership: ("user", "tenant"),
}
# Label → the columns that it stands for, and what they say together. All others go by their own verbose names.
_TOGETHER: dict[type[Model], dict[str, tuple[tuple[str, ...], _Words]]] = {
    Mapping: {
        "target": (("registry", "upstream_prefix"), _target),
        "state": (("enabled",), lambda row, names: _enabled(row.enabled)),
        "pushes": (("allow_push",), lambda row, names: "redirected" if row.allow_push else ""),
        "images": (("private",), lambda row, names: "private" if row.private else ""),
        "delivery": (
            ("delivery",),
            lambda row, names: "" if row.delivery == Mapping.Delivery.AUTO else "redirect only",
        ),
    },
    Hostname: {
        "state": (
            ("enabled", "suspended", "withdrawn_at"),
            _hostname_state,
        ),
    },
    Registry: {
        "owner": (("tenant",), lambda row, names: names.of(Tenant, row.tenant_id) or "shared"),
    },
    Tenant: {
        "slug": (("slug",), lambda row, names: row.slug),
        "state": (("suspended",), lambda row, names: "suspended" if row.suspended else "active"),
    },
}
_REFERENCES: dict[type[Model], tuple[str, ...]] = {
    Hostname: ("hostname_id",),
    Registry: ("registry_id", "login_registry_id"),
    Tenant: ("tenant_id",),
    _User: ("user_id",),
}


def _ids(rows: Sequence[Any], columns: tuple[str, ...]) -> set[int]:
    return {pk for row in rows for column in columns if (pk := getattr(row, column, None)) is not None}


def _names_of(model: Any, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    if model is _User:
        # An account that is gone has no history of its own: it stays a number.
        return {row.pk: row.get_username() for row in model.objects.filter(pk__in=ids)}
    named = authority_of if model is Registry else lambda row: str(row.name)
    found = {row.pk: named(row) for row in model.objects.filter(pk__in=ids)}
    if gone := ids - found.keys():
        found |= {pk: named(row) for pk, row in last_rows(model, sorted(gone)).items()}
    return found
