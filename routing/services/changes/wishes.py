"""What people want of several mappings at once: by a registry that they lead to, or row by row."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.registries.targets import Target, parse_target

#: So many mappings can be changed in one set: meanwhile every other writer waits.
MAX_SET_ROWS = 2_000


class Place(NamedTuple):
    """Where a mapping is to be that isn't there yet."""

    hostname_id: int
    prefix: str


class Wish(NamedTuple):
    """What one mapping shall be. `target` None: it leads where it does; `options` are those that change.

    One that is to be added has a `place` and no key.
    """

    mapping_id: int | None
    target: Target | None = None
    options: dict[str, Any] = {}
    place: Place | None = None


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
