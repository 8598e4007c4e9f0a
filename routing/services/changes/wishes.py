"""What people want of several mappings at once: by a registry that they lead to, or row by row."""

import csv
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.changes.basis import COLUMNS
from routing.services.mappings.mappings import get_mapping
from routing.services.registries.targets import Target, parse_target

#: So many mappings can be changed in one set: meanwhile every other writer waits.
MAX_SET_ROWS = 2_000
_COLUMNS = ("hostname", "prefix", "target", *(name for name in COLUMNS if name not in ("registry", "upstream_prefix")))
_BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_ERRORS_TOLD = 20


class Wish(NamedTuple):
    """What one mapping shall be. `target` None: it leads where it does; `options` are those that change."""

    mapping_id: int
    target: Target | None = None
    options: dict[str, Any] = {}


def wishes_to_repoint(
    actor: Actor,
    *,
    source: str | None,
    target: str,
    tenant: str | None = None,
    hostname: str | None = None,
    mapping_ids: Collection[int] | None = None,
) -> list[Wish]:
    """All mappings that lead to one registry, to another: what follows keeps its place there.

    `source` and `target` are as a mapping's target: `docker.io/acme` to `ghcr.io/acme-inc` makes `ghcr.io/acme-inc/web`
    of `docker.io/acme/web`. `tenant` is a slug. Raises ServiceError, NotFound where no mapping leads there.
    """
    wanted = parse_target(target)
    rows = Mapping.objects.viewable_by(actor).with_names().order_by("hostname__name", "prefix")
    given = {"hostname__tenant__slug": tenant, "hostname__name": hostname and hostname.lower()}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if mapping_ids is not None:
        rows = rows.filter(pk__in=mapping_ids)
    place = ""
    if source is not None:
        former = parse_target(source)
        rows, place = rows.filter(_leads_to(former)), former.upstream_prefix
    found = list(_within_bounds(rows))
    if not found:
        raise NotFound(f"no mapping points to {source}" if source else "there is no such mapping")
    return [Wish(row.pk, wanted._replace(upstream_prefix=_moved(row.upstream_prefix, place, wanted))) for row in found]


def _leads_to(former: Target) -> Q:
    at = Registry.objects.filter(Q(origin=former.origin) | Q(alias=former.authority))
    leads = Q(registry__in=at)
    if former.upstream_prefix:
        below = Q(upstream_prefix__startswith=f"{former.upstream_prefix}/")
        leads &= Q(upstream_prefix=former.upstream_prefix) | below
    return leads


def _within_bounds(rows: "QuerySet[Mapping]") -> Sequence[Mapping]:
    found = list(rows[: MAX_SET_ROWS + 1])
    if len(found) > MAX_SET_ROWS:
        raise ServiceError(f"these are more than {MAX_SET_ROWS} mappings: take one hostname after the other")
    return found


def _moved(upstream_prefix: str, place: str, wanted: Target) -> str:
    rest = upstream_prefix[len(place) :].strip("/")
    return "/".join(part for part in (wanted.upstream_prefix, rest) if part)


def wishes_of_csv(actor: Actor, text: str) -> list[Wish]:
    """What a table wants: a line of headings, among them `hostname`, `prefix`, and what shall change.

    Of the others, `target`, `enabled`, `private`, `allow_push` and `delivery` are known; an empty field changes
    nothing. Raises ServiceError with what is wrong in each line.
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    headings = [name.strip() for name in reader.fieldnames or ()]
    if unknown := [name for name in headings if name not in _COLUMNS]:
        raise ServiceError.for_field("csv", f"there is no column “{unknown[0]}”; known are {', '.join(_COLUMNS)}")
    if missing := [name for name in ("hostname", "prefix") if name not in headings]:
        raise ServiceError.for_field("csv", f"the first line names no column “{missing[0]}”: it holds the headings")
    reader.fieldnames = headings
    wishes: list[Wish] = []
    wrong: list[str] = []
    try:
        for line in reader:
            if len(wishes) > MAX_SET_ROWS:
                raise ServiceError.for_field("csv", f"a change set has at most {MAX_SET_ROWS} mappings")
            try:
                wishes.append(_wish_of(actor, line))
            except ServiceError as refusal:
                wrong.append(f"line {reader.line_num}: {refusal.message}")
    except csv.Error as error:
        raise ServiceError.for_field("csv", f"line {reader.line_num}: {error}") from error
    if wrong:
        raise ServiceError("; ".join(wrong[:_ERRORS_TOLD]), {"csv": wrong})
    return wishes


def _wish_of(actor: Actor, line: dict[str, Any]) -> Wish:
    if None in line or None in line.values():
        raise ServiceError("it has another number of fields than the line of headings")
    fields = {name: value.strip() for name, value in line.items()}
    mapping = get_mapping(actor, fields.pop("hostname"), fields.pop("prefix"))
    target = fields.pop("target", "")
    options = dict(_options(fields))
    return Wish(mapping.pk, parse_target(target) if target else None, options)


def _options(fields: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if not value:
            continue
        if name == "delivery":
            if value not in Mapping.Delivery.values:
                raise ServiceError(f"delivery is one of {', '.join(Mapping.Delivery.values)}, not “{value}”")
            yield name, value
        elif value.lower() not in _BOOLEANS:
            raise ServiceError(f"{name} is yes or no, not “{value}”")
        else:
            yield name, _BOOLEANS[value.lower()]
