"""Reads the numbers of pulls, as far as whoever asks may see their tenants.

What is asked for is one scope (a tenant, a hostname, a mapping, a repository, or all of it) over one span of time, told
by hour or by day. Each answer is one query, whatever the scope.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from routing.core.pull_counts import Grain, start_of
from routing.models import OrphanCount, PullCount, ReferenceCount
from routing.models.pull_count import sum_of_pulls
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, tenants_with

#: Up to so much is told by hour, which makes as many points as a chart has room for.
_HOURLY = timedelta(hours=48)
_MAX_DAYS = 4000

#: What pulls can be told by; each by the column that names it.
BY = {
    "tenant": "tenant__slug",
    "hostname": "hostname",
    "mapping": "mapping",
    "repository": "repository",
    "client": "client",
    "platform": "platform",
    "target": "target",
}
#: How answers came about, in the order in which they are told.
OUTCOMES = ("redirected", "remembered", "relayed", "refused", "failed")


@dataclass(frozen=True)
class Scope:
    """Which pulls: those that fit all that is given. `mapping` is a prefix, and "" the whole of a hostname."""

    tenant: str | None = None
    hostname: str | None = None
    mapping: str | None = None
    repository: str | None = None

    def of(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those of the rows that belong to it, of a model that has not all of these columns too."""
        wanted = Q()
        columns = {field.name for field in rows.model._meta.fields}
        if self.tenant is not None:
            wanted &= Q(tenant__slug=self.tenant)
        for name in ("hostname", "repository"):
            if (value := getattr(self, name)) is not None:
                wanted &= Q(**{name: value})
        if self.mapping is not None:
            wanted &= Q(mapping=self.mapping) if "mapping" in columns else _below(self.mapping)
        return rows.filter(wanted)


class Span(NamedTuple):
    """From when on, told by hour or by day."""

    since: datetime
    grain: Grain

    @classmethod
    def from_(cls, since: datetime | None) -> "Span":
        """From then on, by hours where that is lately; without it the last thirty days. Raises ServiceError."""
        now = timezone.now()
        since = now - timedelta(days=30) if since is None else since
        if since > now:
            raise ServiceError(
                "this is in the future: pulls are counted when they happen", {"since": ["In the future."]}
            )
        since = max(since, now - timedelta(days=_MAX_DAYS))
        grain = Grain.HOUR if now - since <= _HOURLY else Grain.DAY
        return cls(start_of(grain, since), grain)

    @property
    def step(self) -> timedelta:
        """How far two points are apart."""
        return timedelta(hours=1) if self.grain is Grain.HOUR else timedelta(days=1)


class Totals(NamedTuple):
    """How many pulls, and how requests for manifests (GET) were answered."""

    pulls: int
    redirected: int
    remembered: int
    relayed: int
    refused: int
    failed: int


_NOTHING = Totals(0, 0, 0, 0, 0, 0)


class Point(NamedTuple):
    """An hour or a day. `missed` are requests that were refused, or failed."""

    at: datetime
    pulls: int
    missed: int


class Timeline(NamedTuple):
    """Each hour or day, and all of them together."""

    points: list[Point]
    totals: Totals


class Share(NamedTuple):
    """What something has of the pulls. An empty name stands for others, or for what isn't told."""

    name: str
    pulls: int


class Asked(NamedTuple):
    """What was asked for, how often; an empty name stands for others."""

    hostname: str
    name: str
    requests: int


def totals(actor: Actor, scope: Scope, span: Span) -> Totals:
    """All numbers together."""
    sums = {name: Sum(name, default=0) for name in OUTCOMES}
    return Totals(**_pulls(actor, scope, span).aggregate(pulls=sum_of_pulls(), **sums))


def count_pulls(actor: Actor, span: Span, **wanted: Any) -> int:
    """How many pulls there were of rows that fit, such as `hostname__in`."""
    rows = _visible(actor, PullCount.objects.filter(grain=span.grain, at__gte=span.since, **wanted))
    return int(rows.aggregate(pulls=sum_of_pulls())["pulls"])


def pulls_by_mapping(actor: Actor, span: Span, hostnames: Collection[str]) -> dict[tuple[str, str], int]:
    """How many pulls there were through each mapping of these hostnames, by hostname and prefix."""
    rows = _visible(actor, PullCount.objects.filter(grain=span.grain, at__gte=span.since, hostname__in=hostnames))
    told = rows.order_by().values_list("hostname", "mapping").annotate(pulls=sum_of_pulls())
    return {(hostname, prefix): pulls for hostname, prefix, pulls in told}


def over_time(actor: Actor, scope: Scope, span: Span) -> list[Point]:
    """The pulls of each hour or day until now, also of those in which there were none."""
    return timeline(actor, scope, span).points


def timeline(actor: Actor, scope: Scope, span: Span) -> Timeline:
    """Both `over_time` and `totals`, for one look at the rows."""
    sums = {f"sum_of_{name}": Sum(name, default=0) for name in OUTCOMES}
    rows = _pulls(actor, scope, span).order_by().values("at").annotate(pulls=sum_of_pulls(), **sums)
    found = {row["at"]: Totals(row["pulls"], *(row[name] for name in sums)) for row in rows}
    points, at, now = [], span.since, timezone.now()
    while at <= now:
        here = found.get(at, _NOTHING)
        points.append(Point(at, here.pulls, here.refused + here.failed))
        at += span.step
    return Timeline(points, Totals(*map(sum, zip(_NOTHING, *found.values(), strict=True))))


def shares(actor: Actor, scope: Scope, span: Span, by: str, limit: int) -> list[Share]:
    """What has most of the pulls, by one of `BY`."""
    column = BY[by]
    return [Share(row[column] or "", row["pulls"]) for row in _top(_pulls(actor, scope, span), limit, column)]


def pulls_of(
    actor: Actor, hostnames: Collection[str], span: Span, *, by_mapping: bool = False
) -> dict[tuple[str, str], int]:
    """The pulls of each of some hostnames, or of each of their mappings: by hostname and prefix ("" without)."""
    names = ("hostname", "mapping") if by_mapping else ("hostname",)
    rows = _pulls(actor, Scope(), span).filter(hostname__in=hostnames).order_by().values(*names)
    counted = rows.annotate(pulls=sum_of_pulls())
    return {(row["hostname"], row.get("mapping") or ""): row["pulls"] for row in counted}


def client_versions(actor: Actor, scope: Scope, span: Span, limit: int) -> list[Share]:
    """Clients with their major versions, such as “docker 28”."""
    top = _top(_pulls(actor, scope, span), limit, "client", "major")
    return [Share(f"{row['client']} {row['major']}".strip(), row["pulls"]) for row in top]


def references(actor: Actor, scope: Scope, span: Span, limit: int) -> list[Asked]:
    """The tags and digests that were asked for most, by day, each as “repository:tag” or “repository@digest”."""
    rows = _asked(actor, ReferenceCount, scope, span).values("hostname", "repository", "reference")
    top = rows.annotate(asked=Sum("requests")).order_by("-asked", "repository", "reference")[:limit]
    return [Asked(row["hostname"], _reference(row["repository"], row["reference"]), row["asked"]) for row in top]


def found_in_pulls(actor: Actor, wanted: str, limit: int) -> list[tuple[str, str]]:
    """Hostnames and repositories that were asked for since yesterday, by a part of the name, or by a whole digest.

    Two days, whatever is kept: each letter that somebody types is a look at all rows of that time.
    """
    since = start_of(Grain.DAY, timezone.now() - timedelta(days=1))
    rows = _visible(actor, ReferenceCount.objects.filter(grain=Grain.DAY, at__gte=since)).exclude(repository="")
    like = Q(reference=wanted) if wanted.startswith("sha256:") else Q(repository__icontains=wanted)
    found = rows.filter(like).order_by("hostname", "repository").values_list("hostname", "repository").distinct()
    return list(found[:limit])


def orphans(actor: Actor, scope: Scope, span: Span, limit: int) -> list[Asked]:
    """What was asked for and leads nowhere, by day. Of hosts that nobody has only operators of the platform hear."""
    rows = _asked(actor, OrphanCount, scope, span).values("hostname", "repository")
    top = rows.annotate(asked=Sum("requests")).order_by("-asked", "hostname", "repository")[:limit]
    return [Asked(row["hostname"], row["repository"], row["asked"]) for row in top]


def _pulls(actor: Actor, scope: Scope, span: Span) -> "QuerySet[Any]":
    rows = PullCount.objects.filter(grain=span.grain, at__gte=span.since)
    return scope.of(_visible(actor, rows))


def _top(rows: "QuerySet[Any]", limit: int, *columns: str) -> list[Any]:
    # What has none comes last. To leave it out here is cheaper than a HAVING, which works the sum out once more.
    top = rows.order_by().values(*columns).annotate(pulls=sum_of_pulls()).order_by("-pulls", *columns)
    return [row for row in top[:limit] if row["pulls"]]


def _asked(actor: Actor, model: Any, scope: Scope, span: Span) -> "QuerySet[Any]":
    rows = model.objects.filter(grain=Grain.DAY, at__gte=start_of(Grain.DAY, span.since)).order_by()
    return scope.of(_visible(actor, rows))


def _visible(actor: Actor, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    if actor.is_operator:
        return rows
    return rows.filter(tenant__in=tenants_with(actor, Permission.VIEW))


def _below(prefix: str) -> Q:
    return Q(repository=prefix) | Q(repository__startswith=f"{prefix}/") if prefix else Q()


def _reference(repository: str, reference: str) -> str:
    if not reference:
        return repository
    return f"{repository}{'@' if ':' in reference else ':'}{reference}"
