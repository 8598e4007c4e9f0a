"""What clients asked for, in numbers: no row tells of an address, a person or a token.

Every worker adds what it has counted since its last batch. A hostname has only so many rows of a kind in one hour or
day, and a tenant ten times as many: what is new beyond that is added to the hostname's row of everything else, whose
names are empty.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, cast

from django.db import connection, models, transaction
from django.db.models import Case, Count, F, Q, Sum, When

from routing.core.pull_counts import (
    HOSTNAMES_WORTH,
    ORPHAN_SHAPE,
    PULL_SHAPE,
    REFERENCE_SHAPE,
    Batch,
    Grain,
    Names,
    Shape,
    start_of,
)
from routing.models.tenant import Tenant

_PIECE = 400
_LOCK = int.from_bytes(b"facadepl")


class Counted(models.Model):
    """Numbers of one hour or day. `key` stands for all names of a row."""

    grain = models.CharField(max_length=4, choices=[(grain.value, grain.name.capitalize()) for grain in Grain])
    at = models.DateTimeField()
    key = models.CharField(max_length=32)
    tenant = models.ForeignKey("routing.Tenant", on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    hostname = models.CharField(max_length=255)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.hostname}, {self.at:%Y-%m-%d %H:%M}"


class PullCount(Counted):
    """Requests for manifests that were answered, of one client by one mapping.

    `tags` and `digests` are GETs by either, `looks` HEADs. Of the GETs, `redirected`, `remembered` and `relayed` say
    how they were answered. `refused` and `failed` are among none of them.
    """

    mapping = models.CharField(max_length=255, blank=True)
    repository = models.CharField(max_length=255, blank=True)
    client = models.CharField(max_length=40, blank=True)
    major = models.CharField(max_length=4, blank=True)
    platform = models.CharField(max_length=40, blank=True)
    target = models.CharField(max_length=300, blank=True)
    tags = models.PositiveBigIntegerField(default=0)
    digests = models.PositiveBigIntegerField(default=0)
    looks = models.PositiveBigIntegerField(default=0)
    redirected = models.PositiveBigIntegerField(default=0)
    remembered = models.PositiveBigIntegerField(default=0)
    relayed = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grain", "at", "key"], name="pull_count_unique")]
        indexes = [
            models.Index(fields=["grain", "hostname", "at"], name="pull_count_hostname"),
            models.Index(fields=["grain", "tenant", "at"], name="pull_count_tenant"),
            # What the pages tell is of days. By the moment alone, PostgreSQL sees that rows of a time lie together.
            models.Index(fields=["at"], name="pull_count_day", condition=Q(grain=Grain.DAY.value)),
            # Few have failed; they are looked for every few seconds.
            models.Index(fields=["grain", "at"], name="pull_count_failed", condition=Q(failed__gt=0)),
        ]


class ReferenceCount(Counted):
    """How often a tag or a digest was asked for in a day, with GET or HEAD: some name the tag in a HEAD alone."""

    repository = models.CharField(max_length=255, blank=True)
    reference = models.CharField(max_length=255, blank=True)
    requests = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grain", "at", "key"], name="reference_count_unique")]
        indexes = [
            models.Index(fields=["grain", "hostname", "at"], name="reference_count_hostname"),
            models.Index(fields=["grain", "tenant", "at"], name="reference_count_tenant"),
        ]


class OrphanCount(Counted):
    """How often clients asked in a day for what leads nowhere: a name without a mapping, or a host that isn't served.

    Without a tenant: the host is nobody's.
    """

    repository = models.CharField(max_length=255, blank=True)
    requests = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grain", "at", "key"], name="orphan_count_unique")]
        indexes = [models.Index(fields=["grain", "hostname", "at"], name="orphan_count_hostname")]


#: Once for an index and what it leads to: a client that asks by tag gets the index so, and the rest by digest. One that
#: looks before (HEAD) gets both by digest. Who does neither pulls by digest, and each counts.
PULLS = Case(
    When(digests__lte=F("tags"), then=F("tags")),
    When(looks=0, then=F("digests")),
    When(digests__lte=F("tags") + F("looks"), then=F("digests")),
    default=F("tags") + F("looks"),
    output_field=models.PositiveBigIntegerField(),
)


def sum_of_pulls() -> Sum:
    """For `annotate` and `aggregate`: how many pulls rows come to."""
    return Sum(PULLS, default=0)


_MODELS: dict[Shape, type[Counted]] = {
    PULL_SHAPE: PullCount,
    REFERENCE_SHAPE: ReferenceCount,
    ORPHAN_SHAPE: OrphanCount,
}


@transaction.atomic
def add_counts(batches: Iterable[tuple[Shape, str, datetime, Batch]], rows_per_hostname: int) -> None:
    """Add numbers to rows, all or nothing. Those of tenants that are gone go too.

    One batch at a time, of all processes, so that bounds hold and none waits for another's row.
    Raises django.db.DatabaseError.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for shape, grain, moment, batch in batches:
        there = _tenants_of(batch)
        kept = {names: numbers for names, numbers in batch.items() if not names.tenant or names.tenant in there}
        if kept:
            _add(shape, grain, start_of(grain, moment), kept, rows_per_hostname)


def _tenants_of(batch: Batch) -> set[str]:
    keys = {int(names.tenant) for names in batch if names.tenant}
    return {str(pk) for pk in Tenant.objects.filter(pk__in=keys).order_by().values_list("pk", flat=True)}


def _add(shape: Shape, grain: str, at: datetime, batch: Batch, rows_per_hostname: int) -> None:
    rows = _rows(shape).filter(grain=grain, at=at)
    keys = {_key(names): names for names in batch}
    known = _known(rows, list(keys))
    bound = _Bound(rows, {names for key, names in keys.items() if key not in known}, shape.bound(rows_per_hostname))
    summed: dict[Names, list[int]] = {}
    for key, names in keys.items():
        where = names if key in known or bound.has_room(names) else shape.everything_else(names)
        had = summed.setdefault(where, [0] * len(shape.numbers))
        summed[where] = [one + other for one, other in zip(had, batch[names], strict=True)]
    _upsert(shape, grain, at, summed)


def _rows(shape: Shape) -> Any:
    return cast(Any, _MODELS[shape])._default_manager


def _known(rows: Any, keys: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), _PIECE):
        found.update(rows.filter(key__in=keys[start : start + _PIECE]).values_list("key", flat=True))
    return found


class _Bound:
    """How many rows hostnames and tenants may still have; asked of the database only where something is new."""

    def __init__(self, rows: Any, new: set[Names], per_hostname: int) -> None:
        self._per_hostname, self._per_tenant = per_hostname, per_hostname * HOSTNAMES_WORTH
        hostnames = sorted({names.hostname for names in new})
        tenants = sorted({int(names.tenant) for names in new if names.tenant})
        self._of_hostname: Counter[str] = self._count(rows, "hostname", hostnames)
        self._of_tenant: Counter[str] = self._count(rows, "tenant", tenants)
        if any(not names.tenant for names in new):
            self._of_tenant[""] = rows.filter(tenant=None).count()

    def has_room(self, names: Names) -> bool:
        """Whether one more row may be there, which then is."""
        hostname, tenant = names.hostname, names.tenant
        if not any(names.others) and names.tenant:
            return True
        # Of hosts that nobody has, all together have one hostname's worth.
        most = self._per_tenant if tenant else self._per_hostname
        if self._of_hostname[hostname] >= self._per_hostname or self._of_tenant[tenant] >= most:
            return False
        self._of_hostname[hostname] += 1
        self._of_tenant[tenant] += 1
        return True

    @staticmethod
    def _count(rows: Any, field: str, values: Sequence[Any]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for start in range(0, len(values), _PIECE):
            piece = rows.filter(**{f"{field}__in": values[start : start + _PIECE]}).order_by()
            counts.update({str(value): number for value, number in piece.values_list(field).annotate(Count("pk"))})
        return counts


def _key(names: Names) -> str:
    text = "\n".join((names.tenant, names.hostname, *names.others))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _upsert(shape: Shape, grain: str, at: datetime, summed: Mapping[Names, Sequence[int]]) -> None:
    """Both databases know this form. Django's own can put values in place of others, and not add to them."""
    quote = connection.ops.quote_name
    table = quote(_MODELS[shape]._meta.db_table)
    columns = ("grain", "at", "key", "tenant_id", "hostname", *shape.names, *shape.numbers)
    added = ", ".join(f"{quote(name)} = {table}.{quote(name)} + excluded.{quote(name)}" for name in shape.numbers)
    statement = (
        f"INSERT INTO {table} ({', '.join(map(quote, columns))}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({quote('grain')}, {quote('at')}, {quote('key')}) DO UPDATE SET {added}"
    )
    moment = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (
                    grain,
                    moment,
                    _key(names),
                    int(names.tenant) if names.tenant else None,
                    names.hostname,
                    *names.others,
                    *numbers,
                )
                for names, numbers in summed.items()
            ],
        )


def forget_before(grain: str, moment: datetime) -> int:
    """Remove rows of hours or days that began before; how many there were. Raises django.db.DatabaseError."""
    removed = 0
    for shape in _MODELS:
        old = _rows(shape).filter(grain=grain, at__lt=moment).order_by("pk")
        # In pieces, so that no writer waits for long.
        while pks := list(old.values_list("pk", flat=True)[:_PIECE]):
            removed += _rows(shape).filter(pk__in=pks).delete()[0]
    return removed
