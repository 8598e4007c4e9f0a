"""What a change set depends on, its checksum, and what differs from that by now.

By contents and not by versions: probes count versions too, and what was changed and changed back is what was reviewed.
"""

import hashlib
import json
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any

from routing.models import ChangeSet, Hostname, Registry, Tenant
from routing.models import Mapping as MappingRow
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict

#: What people decide of a mapping. As JSON: `{"registry": 3, "upstream_prefix": "acme", …}`.
COLUMNS: Mapping[str, str] = {
    "registry": "registry_id",
    "upstream_prefix": "upstream_prefix",
    "enabled": "enabled",
    "private": "private",
    "allow_push": "allow_push",
    "delivery": "delivery",
}
#: What stands beside it in the rows of a set that changes it, and in no other one: it decides nothing.
BESIDE: Mapping[str, str] = {"labels": "labels"}
#: What a new mapping is where nobody says otherwise.
DEFAULTS: Mapping[str, Any] = {"enabled": True, "private": False, "allow_push": False, "delivery": "auto"}
_TOLD = 20
#: What a row may say that its mapping loses, in words.
LOSSES = {"loses_standby": "standby", "loses_account": "account"}

Settings = dict[str, Any]
Basis = dict[str, dict[str, dict[str, Any]]]


class Stale(Conflict):
    """Something that the change set depends on is another now. `differences`: what, a sentence each."""

    default_code = Code.CHANGED_SINCE

    def __init__(self, differences: list[str]) -> None:
        rest = f"; and {len(differences) - _TOLD} more" if len(differences) > _TOLD else ""
        said = "; ".join(differences[:_TOLD])
        super().__init__(f"nothing was changed, for this is not what was reviewed: {said}{rest}", {"": differences})
        self.differences = differences


def settings_of(row: Any, like: Container[str] = ()) -> Settings:
    """What people decided of a mapping, or of a past one; with what stands beside that where it does in `like`."""
    beside = {name: getattr(row, column) for name, column in BESIDE.items() if name in like}
    return {name: getattr(row, column) for name, column in COLUMNS.items()} | beside


def columns_of(settings: Settings) -> dict[str, Any]:
    """The same by a mapping's columns."""
    return {{**COLUMNS, **BESIDE}[name]: value for name, value in settings.items()}


def lost_by_a_move(mapping: MappingRow, after: Settings) -> dict[str, str]:
    """What else becomes of a mapping that is repointed, for its row: both were for where it led.

    `loses_standby` is the standby's target, `loses_account` the user with whose account it is published; each only
    where there is one.
    """
    if (mapping.registry_id, mapping.upstream_prefix) == (after["registry"], after["upstream_prefix"]):
        return {}
    lost = {"loses_standby": mapping.standby_target, "loses_account": mapping.account_user}
    return {name: value for name, value in lost.items() if value}


def basis_of(hostname_ids: Collection[int], registry_ids: Collection[int]) -> Basis:
    """What mappings of these hostnames, that lead to these registries, depend on; keys are texts, as in JSON."""
    hostnames = Hostname.objects.select_related("tenant").filter(pk__in=hostname_ids)
    registries = Registry.objects.select_related("tenant").filter(pk__in=registry_ids)
    return {
        "hostnames": {str(row.pk): _hostname(row) for row in hostnames},
        "registries": {str(row.pk): _registry(row) for row in registries},
    }


def _hostname(row: Hostname) -> dict[str, Any]:
    return {
        "name": row.name,
        "tenant": row.tenant.slug,
        "enabled": row.enabled,
        "suspended": row.suspended or row.tenant.suspended,
        "withdrawn": row.withdrawn_at is not None,
    }


def _registry(row: Registry) -> dict[str, Any]:
    return {
        "name": row.authority,
        "address": row.origin,
        "tenant": row.tenant.slug if row.tenant else None,
        "implicit namespace": row.implicit_namespace,
        "streams layers": row.stream_blobs,
    }


def registries_of(rows: Iterable[dict[str, Any]]) -> set[int]:
    """The registries to which these rows led, or lead."""
    return {row[when]["registry"] for row in rows for when in ("before", "after") if row[when] is not None}


def tenants_of(change_set: ChangeSet) -> list[Tenant]:
    """Those whose mappings it changes, adds or removes, by name."""
    hostnames = {row["hostname"] for row in change_set.rows}
    return list(Tenant.objects.filter(hostnames__in=hostnames).distinct().order_by("name"))


def taken_places(rows: Iterable[dict[str, Any]]) -> set[tuple[int, str]]:
    """The places of these rows, by hostname and prefix, at which there is a mapping now."""
    wanted = {(row["hostname"], row["prefix"]) for row in rows}
    there = MappingRow.objects.filter(
        hostname__in={hostname for hostname, _ in wanted}, prefix__in={prefix for _, prefix in wanted}
    )
    return wanted & set(there.values_list("hostname_id", "prefix"))


def checksum_of(message: str, rows: list[dict[str, Any]], basis: Basis) -> str:
    """Over everything that is reviewed: the message, the rows, and what they depend on."""
    reviewed = {"message": message, "rows": rows, "basis": basis}
    text = json.dumps(reviewed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(change_set: ChangeSet, present: Iterable[MappingRow]) -> list[str]:
    """What is not as it was reviewed, in a sentence each. `present`: those of its mappings that are there."""
    return [*_of_rows(change_set, present), *_of_basis(change_set)]


def _of_rows(change_set: ChangeSet, present: Iterable[MappingRow]) -> Iterator[str]:
    rows = {row.pk: row for row in present}
    names = {str(row.registry_id): row.registry.authority for row in rows.values()}
    names |= {pk: entry["name"] for pk, entry in change_set.basis["registries"].items()}
    taken = taken_places(row for row in change_set.rows if row["before"] is None)
    for row in change_set.rows:
        if row["before"] is None:
            if (row["hostname"], row["prefix"]) in taken:
                yield f"the mapping {row['source']} is there by now"
            continue
        mapping = rows.get(row["mapping"])
        if mapping is None:
            yield f"the mapping {row['source']} is gone"
        elif (settings := settings_of(mapping, row["before"])) != row["before"]:
            yield f"the mapping {row['source']} was changed: {_changed(row['before'], settings, names)}"
        elif row["after"] is not None:
            yield from _of_losses(row, lost_by_a_move(mapping, row["after"]))


def _of_losses(row: dict[str, Any], lost: dict[str, str]) -> Iterator[str]:
    for name, words in LOSSES.items():
        then, now = row.get(name, ""), lost.get(name, "")
        if then != now:
            yield f"the mapping {row['source']} was changed: its {words} from {in_words(then)} to {in_words(now)}"


def _of_basis(change_set: ChangeSet) -> Iterator[str]:
    then: Basis = change_set.basis
    now = basis_of([int(pk) for pk in then["hostnames"]], [int(pk) for pk in then["registries"]])
    for noun, kind in (("hostname", "hostnames"), ("registry", "registries")):
        for pk, facts in then[kind].items():
            found = now[kind].get(pk)
            if found is None:
                yield f"the {noun} {facts['name']} is gone"
            elif found.get("tenant") != facts.get("tenant"):
                # Whose it is by now is for them to tell.
                yield f"the {noun} {facts['name']} belongs to another tenant by now"
            elif found != facts:
                yield f"the {noun} {facts['name']} was changed: {_changed(facts, found, {})}"


def _changed(before: Settings, after: Settings, registries: Mapping[str, str]) -> str:
    def said(name: str, value: Any) -> str:
        return registries.get(str(value), f"#{value}") if name == "registry" else in_words(value)

    return ", ".join(
        f"{name.replace('_', ' ')} from {said(name, before.get(name))} to {said(name, value)}"
        for name, value in after.items()
        if before.get(name) != value
    )


def in_words(value: Any) -> str:
    """A value of a row, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
