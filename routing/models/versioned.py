"""What every row that people change has in common: a version, and a tenant by which it is decided who may see it."""

from collections.abc import Collection
from typing import Any, ClassVar, Protocol, Self, TypeVar

from django.db import models
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


class Viewer(Protocol):
    """Whoever looks. `platform`: at everything; otherwise at what belongs to one of the tenants."""

    @property
    def is_operator(self) -> bool: ...
    def tenant_ids(self) -> Collection[int]: ...


def viewable(rows: QuerySet[Row], viewer: Viewer) -> QuerySet[Row]:
    """Those of `rows`, current or past ones, that the viewer may look at."""
    if viewer.is_operator:
        return rows
    model: Any = getattr(rows.model, "instance_type", rows.model)
    ids = list(viewer.tenant_ids())
    seen = Q(**{f"{model.tenant_lookup}__in": ids})
    if model.shared_without_tenant:
        seen |= Q(**{model.tenant_lookup: None})
    if model is not rows.model:
        # Whose it was then: it may be another's by now. Older past rows don't say.
        seen = Q(of_tenant__in=ids) | Q(of_tenant=None) & seen
    return rows.filter(seen)


class VersionedQuerySet(QuerySet[Row]):
    """Rows that belong to tenants."""

    def viewable_by(self, viewer: Viewer) -> Self:
        """Those that the viewer may look at."""
        return viewable(self, viewer)  # type: ignore[return-value]

    def with_names(self) -> Self:
        """Read with each row what its name and its tenant are made of."""
        return self.select_related(*self.model.names_from)  # type: ignore[attr-defined]


class VersionedModel(models.Model):
    """A row that people change.

    `version` grows by one with every write, so that two of the same version are the same row. The unit of work counts.
    """

    #: From a row, or a past row, to its tenant.
    tenant_lookup: ClassVar[str] = "tenant"
    #: Whether a row without a tenant is everybody's to look at, rather than the platform's alone.
    shared_without_tenant: ClassVar[bool] = False
    #: The related rows from which its name and its tenant come.
    names_from: ClassVar[tuple[str, ...]] = ("tenant",)

    # With the database's default too: the previous release goes on adding rows while this one is rolled out.
    version = models.PositiveBigIntegerField(default=1, db_default=1, editable=False)

    class Meta:
        abstract = True

    @property
    def owning_tenant_id(self) -> int | None:
        """That tenant's key, without reading it."""
        return self.tenant_id  # type: ignore[attr-defined,no-any-return]

    @property
    def owning_tenant(self) -> Any:
        """The tenant whose members may change it; None: only the platform's operators may."""
        return self.tenant  # type: ignore[attr-defined]
