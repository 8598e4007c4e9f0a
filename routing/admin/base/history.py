"""The history, told to a person: who did what, when and why, as before → after.

Reads the rows that django-simple-history keeps. Its own admin pages aren't used: they offer to write an old row back,
which would go behind the verbs' back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Max, Model, OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse

from routing.admin.base import permissions
from routing.admin.base.badges import ago
from routing.models import Hostname, Mapping, Membership, Registry, Tenant

_User = get_user_model()
_VERBS = {"+": "added", "~": "changed", "-": "removed"}


class Step(NamedTuple):
    """One thing that changed."""

    label: str
    before: str
    after: str


class Entry(NamedTuple):
    """One thing that was done."""

    at: datetime
    actor: str
    verb: str
    noun: str
    name: str
    url: str
    reason: str
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


def entries_of(request: HttpRequest, model: Any, rows: Iterable[Any]) -> list[Entry]:
    """The entries for past rows of `model`, in the rows' order."""
    current = list(rows)
    before = _rows_before(model, current)
    names = Names([*current, *before.values()])
    alive = set(model.objects.filter(pk__in={row.id for row in current}).values_list("pk", flat=True))
    page = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
    return [
        Entry(
            at=row.history_date,
            actor=row.actor or "unknown",
            verb=_VERBS[row.history_type],
            noun=str(model._meta.verbose_name),
            name=_DESCRIBE[model](row, names)[""],
            url=reverse(page + ("change" if row.id in alive else "history"), args=[row.id]),
            reason=row.history_change_reason or "",
            steps=_steps(model, row, before.get(row.history_id), names),
        )
        for row in current
    ]


def latest_entries(request: HttpRequest, limit: int) -> list[Entry]:
    """The newest entries of all nouns, newest first."""
    found: list[Entry] = []
    for model in _DESCRIBE:
        rows = permissions.viewable(request, model.history.all()).order_by("-history_id")[:limit]  # type: ignore[attr-defined]
        found += entries_of(request, model, rows)
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]


def last_rows(model: Any, ids: Sequence[int]) -> dict[int, Any]:
    """The newest past row of each id."""
    newest = model.history.filter(id__in=ids).order_by().values("id").annotate(newest=Max("history_id"))
    rows = model.history.filter(history_id__in=newest.values("newest"))
    return {row.id: row for row in rows}


def _steps(model: Any, row: Any, before: Any, names: Names) -> list[Step]:
    if row.history_type == "-":
        return []
    now = _DESCRIBE[model](row, names)
    then = _DESCRIBE[model](before, names) if before is not None else {}
    return [
        Step(label, then.get(label, ""), text)
        for label, text in now.items()
        # Of something new, only what says more than “none” or “off”.
        if label and then.get(label, "") != text
    ]


def _rows_before(model: Any, rows: Sequence[Any]) -> dict[int, Any]:
    """For each past row, by its history id, the one before it."""
    earlier = model.history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by("-history_id")
    pairs = dict(
        model.history.filter(history_id__in=[row.history_id for row in rows])
        .annotate(before=Subquery(earlier.values("history_id")[:1]))
        .values_list("history_id", "before")
    )
    found = {row.history_id: row for row in model.history.filter(history_id__in=filter(None, pairs.values()))}
    return {newer: found[older] for newer, older in pairs.items() if older in found}


# ---------------------------------------------------------------- each noun in words; "" is its name


def _mapping(row: Any, names: Names) -> dict[str, str]:
    hostname, registry = names.of(Hostname, row.hostname_id), names.of(Registry, row.registry_id)
    return {
        "": f"{hostname}/{row.prefix}" if row.prefix else hostname,
        "target": f"{registry}/{row.upstream_prefix}" if row.upstream_prefix else registry,
        "state": _switch(row.enabled),
        "pushes": "redirected" if row.allow_push else "",
        "images": "private" if row.private else "",
        "delivery": "" if row.delivery == Mapping.Delivery.AUTO else "redirect only",
    }


def _hostname(row: Any, names: Names) -> dict[str, str]:
    return {
        "": row.name,
        "tenant": names.of(Tenant, row.tenant_id),
        "state": "suspended" if row.suspended else _switch(row.enabled),
        "message": row.suspension_message,
        "login registry": names.of(Registry, row.login_registry_id),
    }


def _registry(row: Any, names: Names) -> dict[str, str]:
    return {
        "": authority_of(row),
        "name": row.name,
        "address": row.origin,
        "known as": row.alias,
        "owner": names.of(Tenant, row.tenant_id) or "shared",
        "implicit namespace": row.implicit_namespace,
        "layers": "passed through the facade" if row.stream_blobs else "",
        "asks for": "" if row.auth == "unknown" else row.auth,
        "token realm": row.realm,
        "token service": row.service,
        "serves layers": "" if row.blob_delivery == "unknown" else row.blob_delivery,
    }


def _tenant(row: Any, names: Names) -> dict[str, str]:
    return {
        "": row.name,
        "name": row.name,
        "short name": row.slug,
        "state": "suspended" if row.suspended else "served",
        "message": row.suspension_message,
        "hostnames at most": "" if row.max_hostnames is None else str(row.max_hostnames),
        "mappings at most": "" if row.max_mappings is None else str(row.max_mappings),
        "streamed bytes a month at most": "" if row.max_streamed_bytes is None else str(row.max_streamed_bytes),
    }


def _membership(row: Any, names: Names) -> dict[str, str]:
    person, tenant = names.of(_User, row.user_id), names.of(Tenant, row.tenant_id)
    return {"": f"{person} in {tenant}", "role": row.role}


def authority_of(registry: Any) -> str:
    """What people call a registry, from its row or from a past one."""
    return str(registry.alias or registry.origin.removeprefix("https://"))


def _switch(enabled: bool) -> str:
    return "on" if enabled else "off"


_DESCRIBE: dict[type[Model], Any] = {
    Mapping: _mapping,
    Hostname: _hostname,
    Registry: _registry,
    Tenant: _tenant,
    Membership: _membership,
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
