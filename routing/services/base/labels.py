"""The verb that puts labels on rows and takes them off, and what other verbs and doors need of labels."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, TypeVar

from routing.core.grammar.labels import InvalidLabel, is_found_by, pack_labels, parse_label, relabelled
from routing.models import Hostname, Mapping, Registry
from routing.models.versioned import VersionedModel
from routing.services.base.actor import Actor
from routing.services.base.errors import Gathered, ServiceError
from routing.services.base.permissions import Permission
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work

Row = TypeVar("Row", Hostname, Mapping, Registry)
#: What putting a label on a row takes: what changing it takes.
PERMISSIONS: dict[type[VersionedModel], Permission] = {
    Mapping: Permission.CHANGE_MAPPINGS,
    Hostname: Permission.CHANGE_HOSTNAMES,
    Registry: Permission.CHANGE_REGISTRIES,
}


class Labelling(NamedTuple):
    """`rows`: all that were named, as they are now; `changed`: those whose labels are others than before."""

    rows: list[Any]
    changed: list[Any]


def packed_labels(given: str | Iterable[str]) -> str:
    """Labels as a row keeps them. Raises ServiceError for the field `labels`."""
    try:
        return pack_labels(given)
    except InvalidLabel as error:
        raise ServiceError.for_field("labels", str(error)) from error


def readable_label(text: str) -> str:
    """One label as it is kept. Raises ServiceError for the field `label`."""
    try:
        return parse_label(text)
    except InvalidLabel as error:
        raise ServiceError.for_field("label", str(error)) from error


def with_packed_labels(values: dict[str, Any]) -> dict[str, Any]:
    """What a verb is to change, with its labels as they are kept, where it has some. Raises ServiceError."""
    return {**values, "labels": packed_labels(values["labels"])} if "labels" in values else values


def change_labels(
    actor: Actor,
    reason: str,
    *,
    model: type[Row],
    ids: Collection[int],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    if_match: Collection[int] | None = None,
) -> Labelling:
    """Put labels on rows of one kind and take others off, all or none. The routing table stays as it is.

    A label that is added takes the place of what its key had; to remove a key alone removes it whatever its value.
    Raises NotFound, PermissionDenied, Outdated, ServiceError where a row would have too many.
    """
    gathered = Gathered()
    new, gone = list[str](), list[str]()
    for texts, found in ((add, new), (remove, gone)):
        for text in texts:
            with gathered:
                found.append(readable_label(text))
    gathered.raise_any()
    new = packed_labels(new).split()
    if not new and not gone:
        raise ServiceError.for_field("label", "say which label")
    if both := [label for label in new if any(is_found_by(label, each) for each in gone)]:
        raise ServiceError.for_field("label", f"{both[0]} is to be added and removed at once")
    with unit_of_work(actor, reason) as unit:
        rows: list[Row] = unit.get_all(model, ids, PERMISSIONS[model], if_match)
        changed = _relabel(unit, rows, new, gone)
        if changed:
            ids_of_noun = {f"{model._meta.model_name}_ids": [row.pk for row in changed]}
            unit.event("labels.changed", **ids_of_noun)
    return Labelling(rows, changed)


def _relabel(unit: UnitOfWork, rows: Collection[Row], add: Collection[str], remove: Collection[str]) -> list[Row]:
    """The rows that get the same labels together: each such group takes a few statements."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        try:
            groups[relabelled(row.labels, add, remove)].append(row)
        except InvalidLabel as error:
            raise ServiceError.for_field("label", f"{row}: {error}") from error
    changed = []
    for labels, those in groups.items():
        changed += unit.update_all(those, labels=labels)
    return changed
