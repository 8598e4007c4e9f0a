"""From a document to rows: a plan, and the plan carried out, in one transaction that no other change interleaves with.

The plan is made while the generation's lock is held, of the rows as they are then; so what is carried out is what was
compared, and of two that are applied at once one waits and finds what the other has made.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.models.mapping import Destination
from routing.models.tenant import POLICY
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.labels import packed_labels
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.quotas import check_quota
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.configuration.current import SHARED, current_document, plain_values
from routing.services.configuration.document import (
    Document,
    HostnameItem,
    Item,
    MappingItem,
    RegistryItem,
    TenantItem,
    members,
)
from routing.services.configuration.standbys import (
    check_can_be_named,
    name_standby_of,
    take_standby_away,
    with_standby_spelt_out,
)
from routing.services.hostnames.hostnames import add_hostname, remove_hostname, update_hostname
from routing.services.mappings.former import values_of_a_move
from routing.services.mappings.mappings import remove_mappings
from routing.services.people.tenants import add_tenant, update_tenant
from routing.services.registries.registries import add_registry, notes_of_a_move, remove_registry, update_registry

# What the history says where nobody said why.
_UNSAID = "applied from a document"


@dataclass(frozen=True)
class Step:
    """One row that is added, changed or removed: `+`, `~` or `-`, what it is, and what of it is to be what.

    `changes` has, for each value, what it was (None for a new row) and what it will be. `line` is the entry's in the
    document; 0 for what is removed.
    """

    sign: str
    what: str
    changes: tuple[tuple[str, Any, Any], ...] = ()
    line: int = 0

    def lines(self) -> Iterator[str]:
        """As a diff shows it."""
        yield f"{self.sign} {self.what}"
        for name, before, after in self.changes:
            shown = f"{after!r}" if self.sign == "+" else f"{before!r} → {after!r}"
            yield f"    {name}: {shown}"


@dataclass(frozen=True)
class Plan:
    """All steps, in the order in which they are done."""

    steps: tuple[Step, ...]

    def lines(self) -> list[str]:
        """The plan as a diff."""
        return [line for step in self.steps for line in step.lines()]

    @property
    def checksum(self) -> str:
        """Names this very plan: another document gives another one, and so do other rows."""
        return sha256("\n".join(self.lines()).encode()).hexdigest()[:32]


def apply_document(actor: Actor, reason: str, document: Document, *, prune: bool = False, checksum: str = "") -> Plan:
    """Make the rows what the document says, all or nothing; gives what was done. For operators of the platform.

    Without a reason the history says that they were applied from a document.
    `prune`: also remove what tenants of the document have beside it, and shared registries where it lists any.
    `checksum`: of the plan that somebody has agreed to; with another one nothing is done.
    Raises ServiceError, whose message names the line; Conflict for another checksum; PermissionDenied.
    """
    reason = reason or _UNSAID
    # For its lock: each step has a unit of its own within it, and this one writes nothing.
    with unit_of_work(actor, reason):
        check_permission(actor, Permission.ADMINISTER, None)
        planned = [*_Work(actor, reason, document).planned(prune)]
        plan = Plan(tuple(step for step, _ in planned))
        if checksum and checksum != plan.checksum:
            raise Conflict(
                "the plan is another one now, for the document or the rows have changed: nothing was done. Its "
                f"checksum is {plan.checksum}: look at it first, as a dry run",
                at_command_line=" (--dry-run)",
            )
        for step, carry_out in planned:
            with _told_of(step.line, step.what):
                carry_out()
        if planned:
            # The plan is what people look at before, however many hostnames it moves. By a unit that knows all steps.
            with unit_of_work(actor, reason) as vouching:
                vouching.confirm()
    return plan


# The policy of a new tenant of which nothing is said.
_OPEN: dict[str, Any] = {"allowed_registries": "", "needs_clean_reports": False, "needs_approval": False}
_OPTIONS = ("allow_push", "private", "delivery", "enabled", "labels")
Planned = tuple[Step, Callable[[], object]]


class _Work:
    """The rows as they are, the document, and what leads from the one to the other."""

    def __init__(self, actor: Actor, reason: str, document: Document) -> None:
        self._actor, self._reason, self._wanted = actor, reason, document
        now = current_document(actor)
        self._shared = {entry.origin: entry for entry in now.registries or ()}
        self._tenants = {entry.slug: _explicit(entry, _origins(entry)) for entry in now.tenants}
        self._owners = {host.name: entry.slug for entry in now.tenants for host in entry.hostnames}

    def planned(self, prune: bool) -> Iterator[Planned]:
        # By the registries that a tenant will have, and not by those that it has now.
        tenants = []
        for tenant in self._wanted.tenants:
            kept = set[str]() if prune else _origins(self._now(tenant))
            tenants.append(_explicit(tenant, _origins(tenant) | kept))
        self._wanted = wanted = replace(self._wanted, tenants=tuple(tenants))
        if prune:
            yield from self._mappings_too_many()
        for tenant in wanted.tenants:
            yield from self._tenant(tenant)
        yield from self._registries("", wanted.registries or (), self._shared)
        for tenant in wanted.tenants:
            own = {entry.origin: entry for entry in self._now(tenant).registries}
            yield from self._registries(tenant.slug, tenant.registries, own)
        for tenant in wanted.tenants:
            yield from self._hostnames(tenant)
        if prune:
            yield from self._hostnames_and_registries_too_many()

    def _now(self, tenant: TenantItem) -> TenantItem:
        return self._tenants.get(tenant.slug) or TenantItem(tenant.slug, "")

    def _tenant(self, wanted: TenantItem) -> Iterator[Planned]:
        def add() -> None:
            add_tenant(self._actor, self._reason, **_values(wanted))

        def change() -> None:
            pk = Tenant.objects.get(slug=wanted.slug).pk
            update_tenant(self._actor, self._reason, tenant_id=pk, **_values(wanted))

        now = self._tenants.get(wanted.slug)
        # A document from before there were policies, or of somebody who doesn't set them, loosens none.
        stays = {name: getattr(now, name) if now else _OPEN[name] for name in POLICY if getattr(wanted, name) is None}
        wanted = replace(wanted, **stays)
        yield from _step(f"tenant {wanted.slug}", now, wanted, add, change)

    def _registries(
        self, slug: str, wanted: tuple[RegistryItem, ...], now: dict[str, RegistryItem]
    ) -> Iterator[Planned]:
        for said in wanted:
            there = now.get(said.origin)
            with _told_of(said.line, _registry_words(said, slug)):
                entry = _with_labels_spelt_out(said, there)

            def add(entry: RegistryItem = entry) -> None:
                add_registry(self._actor, self._reason, tenant_id=_tenant_id(slug), **_values(entry))

            def change(entry: RegistryItem = entry) -> None:
                pk = Registry.objects.get(origin=entry.origin, tenant=_tenant_id(slug)).pk
                update_registry(self._actor, self._reason, registry_id=pk, **_values(entry))

            words = _registry_words(entry, slug) + _ended_standbys(entry, there, slug)
            yield from _step(words, there, entry, add, change)

    def _hostnames(self, tenant: TenantItem) -> Iterator[Planned]:
        now = {entry.name: entry for entry in self._now(tenant).hostnames}
        for said in tenant.hostnames:
            before = now.get(said.name)
            with _told_of(said.line, f"hostname {said.name}"):
                entry = _with_labels_spelt_out(said, before)
            owner = self._owners.get(entry.name, tenant.slug)
            if owner != tenant.slug:
                raise Conflict(
                    f"line {entry.line}: hostname {entry.name} belongs to tenant {owner}, and not to {tenant.slug}: "
                    "hand it over first (facade hostname hand-over)"
                )

            def add(entry: HostnameItem = entry) -> None:
                values = {**_values(entry), **self._login(tenant, entry)}
                add_hostname(self._actor, self._reason, tenant_id=_pk(tenant.slug), **values)

            def change(entry: HostnameItem = entry) -> None:
                values = {**_values(entry), **self._login(tenant, entry)}
                del values["name"]
                pk = Hostname.objects.get(name=entry.name).pk
                update_hostname(self._actor, self._reason, hostname_id=pk, **values)

            yield from _step(f"hostname {entry.name}", before, entry, add, change)
            yield from self._mappings(tenant, entry, before)

    def _login(self, tenant: TenantItem, entry: HostnameItem) -> dict[str, Any]:
        name = entry.login_registry
        return {"login_registry_id": _registry_row(tenant.slug, name).pk if name else None}

    def _mappings(self, tenant: TenantItem, host: HostnameItem, before: HostnameItem | None) -> Iterator[Planned]:
        now = {entry.prefix: entry for entry in before.mappings} if before else {}
        for said in host.mappings:
            there, what = now.get(said.prefix), f"mapping {host.name}/{said.prefix}"
            with _told_of(said.line, what):
                entry = _with_labels_spelt_out(with_standby_spelt_out(said, there), there)
                check_can_be_named(entry, there)

            def add(entry: MappingItem = entry) -> None:
                hostname = Hostname.objects.select_related("tenant").get(name=host.name)
                check_quota(self._actor, hostname.tenant, "mappings")
                registry = _registry_row(tenant.slug, entry.registry)
                mapping = Mapping(hostname=hostname, **{**_mapping_values(entry), "registry": registry})
                with unit_of_work(self._actor, self._reason) as unit:
                    unit.add(mapping)
                    _tell(unit, "mapping.added", mapping)

            def change(entry: MappingItem = entry, there: MappingItem | None = there) -> None:
                self._change_mapping(tenant.slug, host.name, entry, there)

            yield from _step(what, there, entry, add, change)

    def _change_mapping(self, slug: str, hostname: str, entry: MappingItem, there: MappingItem | None) -> None:
        rows = Mapping.objects.with_names().select_related("standby_registry")
        mapping = rows.get(hostname__name=hostname, prefix=entry.prefix)
        home = Destination(_registry_row(slug, entry.registry), entry.upstream_prefix)
        standby = None
        if entry.standby_registry:
            standby = Destination(_registry_row(slug, entry.standby_registry), entry.standby_prefix)
        if take_standby_away(self._actor, self._reason, mapping, entry, home):
            mapping = rows.get(pk=mapping.pk)
        values = _mapping_values(entry)
        # One that has failed over leads elsewhere, and stays there.
        del values["upstream_prefix"]
        moved = mapping.home != home
        if moved:
            values |= home._asdict() | values_of_a_move(mapping)
        with unit_of_work(self._actor, self._reason) as unit:
            changed = unit.update(mapping, **values)
            options = [name for name in changed if name in _OPTIONS]
            if moved or options:
                _tell(unit, "mapping.repointed" if moved else "mapping.updated", mapping, changed=options)
            name_standby_of(unit, mapping, entry, there, standby)

    def _mappings_too_many(self) -> Iterator[Planned]:
        for tenant in self._wanted.tenants:
            kept = {(host.name, entry.prefix) for host in tenant.hostnames for entry in host.mappings}
            for host in self._now(tenant).hostnames:
                for entry in host.mappings:
                    if (host.name, entry.prefix) not in kept:
                        yield Step("-", f"mapping {host.name}/{entry.prefix}"), self._remove_mapping(host, entry)

    def _remove_mapping(self, host: HostnameItem, entry: MappingItem) -> Callable[[], object]:
        def remove() -> None:
            found = Mapping.objects.get(hostname__name=host.name, prefix=entry.prefix)
            remove_mappings(self._actor, self._reason, mapping_ids=[found.pk])

        return remove

    def _hostnames_and_registries_too_many(self) -> Iterator[Planned]:
        for tenant in self._wanted.tenants:
            kept = {host.name for host in tenant.hostnames}
            for host in self._now(tenant).hostnames:
                if host.name not in kept:
                    yield Step("-", f"hostname {host.name}"), self._remove_hostname(host.name)
        for tenant in self._wanted.tenants:
            kept = {entry.origin for entry in tenant.registries}
            yield from self._remove_registries(tenant.slug, self._now(tenant).registries, kept)
        if self._wanted.registries is not None:
            kept = {entry.origin for entry in self._wanted.registries}
            yield from self._remove_registries("", tuple(self._shared.values()), kept)

    def _remove_hostname(self, name: str) -> Callable[[], object]:
        def remove() -> None:
            remove_hostname(self._actor, self._reason, hostname_id=Hostname.objects.get(name=name).pk)

        return remove

    def _remove_registries(self, slug: str, now: tuple[RegistryItem, ...], kept: set[str]) -> Iterator[Planned]:
        for entry in now:
            if entry.origin in kept:
                continue

            def remove(entry: RegistryItem = entry) -> None:
                pk = Registry.objects.get(origin=entry.origin, tenant=_tenant_id(slug)).pk
                remove_registry(self._actor, self._reason, registry_id=pk)

            yield Step("-", _registry_words(entry, slug)), remove


@contextmanager
def _told_of(line: int, what: str) -> Iterator[None]:
    """Say of a refusal which entry it is about, and where it stands."""
    try:
        yield
    except ServiceError as error:
        place = f"line {line}: " if line else ""
        raise type(error)(f"{place}{what}: {error.message}", error.fields, code=error.code) from error


def _step(
    what: str, now: Item | None, wanted: Item, add: Callable[[], object], change: Callable[[], object]
) -> Iterator[Planned]:
    """The step, where there is one."""
    plain = [member for member in members(type(wanted)) if member.entries is None]
    after = {member.name: getattr(wanted, member.name) for member in plain}
    if now is None:
        said = [
            (member.name, None, after[member.name])
            for member in plain
            if after[member.name] not in (member.default, _OPEN.get(member.name, member.default))
        ]
        yield Step("+", what, tuple(said), wanted.line), add
        return
    changes = [(name, getattr(now, name), value) for name, value in after.items() if getattr(now, name) != value]
    if changes:
        yield Step("~", what, tuple(changes), wanted.line), change


def _tell(unit: UnitOfWork, event: str, mapping: Mapping, **facts: Any) -> None:
    ids = {"mapping_id": mapping.pk, "hostname_id": mapping.hostname_id, "registry_id": mapping.registry_id}
    unit.event(event, **ids, tenant_id=mapping.hostname.tenant_id, **facts)


def _mapping_values(entry: MappingItem) -> dict[str, Any]:
    return {name: value for name, value in _values(entry).items() if not name.startswith("standby_")}


def _values(entry: Item) -> dict[str, Any]:
    values = plain_values(entry, type(entry))
    return {**values, "labels": values["labels"] or ""} if "labels" in values else values


Labelled = TypeVar("Labelled", RegistryItem, HostnameItem, MappingItem)


def _with_labels_spelt_out(wanted: Labelled, now: Labelled | None) -> Labelled:
    """The entry with what it leaves out: its labels stay. Afterwards None stands for none. Raises ServiceError."""
    if wanted.labels is None:
        return replace(wanted, labels=now.labels if now else None)
    return replace(wanted, labels=packed_labels(wanted.labels) or None)


def _registry_words(entry: RegistryItem, slug: str) -> str:
    return f"registry {entry.origin} of tenant {slug}" if slug else f"shared registry {entry.origin}"


def _ended_standbys(entry: RegistryItem, now: RegistryItem | None, slug: str) -> str:
    """Which standbys its change would end, to be put behind its words; "" for none."""
    if now is None or now.implicit_namespace == entry.implicit_namespace:
        return ""
    notes = notes_of_a_move(Registry.objects.get(origin=entry.origin, tenant=_tenant_id(slug)))
    return f" ({'; '.join(notes)})" if notes else ""


def _pk(slug: str) -> int:
    return Tenant.objects.get(slug=slug).pk


def _tenant_id(slug: str) -> int | None:
    return _pk(slug) if slug else None


def _origins(tenant: TenantItem) -> set[str]:
    return {entry.origin for entry in tenant.registries}


def _explicit(tenant: TenantItem, own: set[str]) -> TenantItem:
    """The same, with “shared:” before every registry that isn't among the tenant's own."""

    def named(name: str) -> str:
        return name if not name or name in own or name.startswith(SHARED) else f"{SHARED}{name}"

    hostnames = tuple(
        replace(
            host,
            login_registry=named(host.login_registry),
            mappings=tuple(
                replace(
                    entry,
                    registry=named(entry.registry),
                    standby_registry=entry.standby_registry and named(entry.standby_registry),
                )
                for entry in host.mappings
            ),
        )
        for host in tenant.hostnames
    )
    return replace(tenant, hostnames=hostnames)


def _registry_row(slug: str, name: str) -> Registry:
    """The registry that an entry of a tenant names. Raises ServiceError."""
    origin = name.removeprefix(SHARED)
    rows = Registry.objects.filter(origin=origin)
    found = (rows.filter(tenant=None) if name.startswith(SHARED) else rows.filter(tenant__slug=slug)).first()
    if found is None:
        raise ServiceError.for_field(
            "registry", f"there is no registry {origin}: list it among the tenant's registries, or the shared ones"
        )
    return found
