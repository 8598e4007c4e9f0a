"""Which badges a hostname has, and what they say: made by the regular work, for a file that workers read.

A badge's version is the highest among the tags that this machine remembers as everybody's (`manifest_store`). What
clients asked for says nothing: whoever asks for a tag that isn't there would choose what a badge says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Case, OuterRef, Q, Sum, When
from django.utils import timezone

from routing.core.grammar.badges import Badge, BadgeKind
from routing.core.pull_counts import Grain, start_of
from routing.manifest_store.store import Repository, manifest_store
from routing.models import Hostname, PullCount, SelfTest
from routing.models import Mapping as MappingRow
from routing.models.pull_count import PULLS, sum_of_pulls

#: Of so many hostnames badges say something, those that are here longest. Beyond, they say “unknown”.
MOST_HOSTNAMES = 2_000
_DAYS = 30
# In one query; each has fifty listed repositories at most.
_PIECE = 20
_VERSION = re.compile(r"v?(?P<numbers>[0-9]{1,9}(?:\.[0-9]{1,9}){1,3})")
_OF_A_REPOSITORY = (BadgeKind.PULLS, BadgeKind.PULLS_30_DAYS, BadgeKind.VERSION)

#: Of a repository: pulls in all that is kept, pulls in the last 30 days, its newest tag.
Facts = tuple[int, int, str]


class Said(NamedTuple):
    """What the badges of a hostname say. `passed`: its last self-test; None where there was none."""

    passed: bool | None
    repositories: Mapping[str, Facts]


def badges_of(hostname: Hostname) -> list[Badge]:
    """The badges that everybody can see."""
    badges = [Badge(BadgeKind.SELF_TEST)] if hostname.badge_self_test else []
    if hostname.badge_repositories:
        listed = hostname.front_door.repositories
        badges += [Badge(kind, each.name) for each in listed for kind in _OF_A_REPOSITORY]
    return badges


def said_by_badges() -> dict[str, Said]:
    """What they say by now, by hostname. A few queries for each twenty hostnames that have badges.

    Raises django.db.DatabaseError.
    """
    newest = SelfTest.objects.filter(hostname=OuterRef("pk")).order_by("-at", "-pk").values("passed")[:1]
    public = Hostname.objects.filter(Q(badge_repositories=True) | Q(badge_self_test=True))
    rows = list(public.annotate(last_passed=newest).order_by("pk")[:MOST_HOSTNAMES])
    said: dict[str, Said] = {}
    for start in range(0, len(rows), _PIECE):
        said |= _said(rows[start : start + _PIECE])
    return said


def newest_version(tags: Iterable[str]) -> str:
    """The highest of those that are versions, such as 1.2, v1.10.0; "" where none is. No pre-releases."""
    found = [(match["numbers"], tag) for tag in tags if (match := _VERSION.fullmatch(tag))]
    return max(found, key=lambda each: (_numbers(each[0]), each[1]))[1] if found else ""


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split("."))
    return numbers + (0,) * (4 - len(numbers))


def _said(rows: Sequence[Any]) -> dict[str, Said]:
    listed = {row.pk: [each.name for each in row.front_door.repositories] for row in rows if row.badge_repositories}
    pulls, versions = _pulls(rows, listed), _versions(rows, listed)
    return {
        row.name: Said(
            row.last_passed if row.badge_self_test else None,
            {
                name: (*pulls.get((row.pk, name), (0, 0)), versions.get((row.pk, name), ""))
                for name in listed.get(row.pk, ())
            },
        )
        for row in rows
    }


def _pulls(rows: Sequence[Hostname], listed: Mapping[int, list[str]]) -> dict[tuple[int, str], tuple[int, int]]:
    names = {name for some in listed.values() for name in some}
    if not names:
        return {}
    # Whose hostname it was before is none of its badges' business.
    keys = {(row.name, row.tenant_id): row.pk for row in rows if row.pk in listed}
    since = start_of(Grain.DAY, timezone.now() - timedelta(days=_DAYS))
    counts = PullCount.objects.filter(grain=Grain.DAY, hostname__in={name for name, _ in keys}, repository__in=names)
    grouped = counts.order_by().values("hostname", "tenant", "repository")
    lately = Sum(Case(When(at__gte=since, then=PULLS), default=0), default=0)
    return {
        (keys[row["hostname"], row["tenant"]], row["repository"]): (row["pulls"], row["lately"])
        for row in grouped.annotate(pulls=sum_of_pulls(), lately=lately)
        if (row["hostname"], row["tenant"]) in keys
    }


def _versions(rows: Sequence[Hostname], listed: Mapping[int, list[str]]) -> dict[tuple[int, str], str]:
    store = manifest_store()
    if store is None:
        return {}
    prefixes = {prefix for some in listed.values() for name in some for prefix in _prefixes(name)}
    enabled = MappingRow.objects.filter(hostname__in=[row.pk for row in rows], prefix__in=prefixes, enabled=True)
    mappings = {(row.hostname_id, row.prefix): row for row in enabled.select_related("registry")}
    return {
        (pk, name): newest_version(store.tags(repository))
        for pk, some in listed.items()
        for name in some
        if (repository := _repository(mappings, pk, name)) is not None
    }


def _repository(mappings: Mapping[tuple[int, str], MappingRow], pk: int, name: str) -> Repository | None:
    """Where a name leads; None where that is to nothing that everybody can read."""
    mapping = next((mappings[pk, prefix] for prefix in _prefixes(name) if (pk, prefix) in mappings), None)
    if mapping is None or mapping.private or mapping.account_user:
        return None
    rest = name.removeprefix(mapping.prefix).strip("/")
    upstream = "/".join(part for part in (mapping.upstream_prefix, rest) if part)
    registry = mapping.registry.table_entry()
    return Repository(registry.origin, registry.upstream_name(upstream)) if upstream else None


def _prefixes(name: str) -> list[str]:
    """All that a mapping of it may be at, the longest first."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), -1, -1)]
