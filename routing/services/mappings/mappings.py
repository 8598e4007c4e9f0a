"""The verbs of mappings: add, repoint, update, switch, remove."""

from collections.abc import Collection, Sequence
from typing import Any, TypedDict, Unpack

from routing.core.grammar.hosts import InvalidHost, normalise_served_name
from routing.core.grammar.names import is_name
from routing.models import Mapping, Watch
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, Gathered, NotFound, ServiceError
from routing.services.base.labels import packed_labels, with_packed_labels
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.quotas import check_quota
from routing.services.base.rules import require_reason
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.hostnames.hostnames import ensure_hostname, find_hostname
from routing.services.mappings.former import values_of_a_move
from routing.services.mappings.rules import refuse_in_steps, refuse_whole_shared
from routing.services.registries.registries import ensure_registry
from routing.services.registries.targets import Target, check_target, find_registry, parse_target, shared_at


class MappingOutcome(Outcome[Mapping]):
    """What a verb did to a mapping; `notes` has a line for each thing done."""

    @property
    def mapping(self) -> Mapping:
        """The mapping as it is now."""
        return self.row


class MappingChanges(TypedDict, total=False):
    """What can be changed of a mapping; its hostname and prefix are what it is."""

    target: str
    allow_push: bool
    private: bool
    delivery: str
    notice: str
    enabled: bool
    labels: str | Sequence[str]


def add_mapping(
    actor: Actor,
    reason: str,
    *,
    hostname: str,
    prefix: str,
    target: str,
    tenant: str | None = None,
    allow_push: bool = False,
    private: bool = False,
    delivery: str = Mapping.Delivery.AUTO,
    labels: str | Sequence[str] = "",
    create_hostname: bool = True,
    whole_registry: bool = True,
) -> MappingOutcome:
    """Map a prefix of a hostname to a target, creating the tenant, hostname and registry that are missing.

    `tenant` is a slug; None means the hostname's own, or `default`. Saying the same again changes nothing.
    `create_hostname`: whether operators of the platform make a hostname that is missing; `whole_registry`: whether the
    target may have no path. Doors say no where nobody asked for that in so many words. What is wrong with several
    inputs is told at once.

    Raises ServiceError; Conflict where the mapping exists with another target, NotFound for an unknown hostname.
    """
    gathered = Gathered()
    with gathered:
        prefix = parse_prefix(prefix)
    with gathered:
        wanted = parse_target(target)
    with gathered:
        packed = packed_labels(labels)
    host = None
    with gathered:
        host = find_hostname(actor, hostname, tenant, create=create_hostname)
    if "target" not in gathered.fields:
        with gathered:
            check_target(host.tenant if host else None, wanted)
            _check_whole(actor, wanted, whole_registry)
    gathered.raise_any()
    with unit_of_work(actor, reason) as unit:
        host, done = ensure_hostname(unit, hostname, tenant, create=create_hostname)
        check_permission(actor, Permission.CHANGE_MAPPINGS, host.tenant)
        existing = Mapping.objects.with_names().filter(hostname=host, prefix=prefix).first()
        if existing is not None:
            registry = find_registry(host.tenant, wanted)
            same = registry == existing.registry and wanted.upstream_prefix == existing.upstream_prefix
            _refuse_difference(existing, same, target, allow_push, private, delivery)
            if packed not in ("", existing.labels):
                raise _other_options(existing)
            return MappingOutcome(existing, changed=False)
        registry, made = ensure_registry(unit, host.tenant, wanted)
        check_quota(actor, host.tenant, "mappings")
        mapping = Mapping(
            hostname=host,
            prefix=prefix,
            registry=registry,
            upstream_prefix=wanted.upstream_prefix,
            allow_push=allow_push,
            private=private,
            delivery=delivery,
            labels=packed,
        )
        unit.add(mapping)
        unit.event("mapping.added", **_ids(mapping))
        return MappingOutcome(mapping, True, [*done, *made, f"added mapping {mapping}"], asks_anew=True)


def _refuse_difference(
    existing: Mapping, same_target: bool, target: str, allow_push: bool, private: bool, delivery: str
) -> None:
    if not same_target:
        prefix = existing.prefix or '""'
        raise Conflict(
            f"{existing.source} points to {existing.target} already",
            {"prefix": [f"{existing.source} points to {existing.target} already: repoint that mapping instead."]},
            code=Code.MAPPING_EXISTS,
            at_command_line=(
                f". To change it: facade mapping repoint {existing.hostname.name} {prefix} {target} --reason TEXT"
            ),
        )
    if (existing.allow_push, existing.private, existing.delivery) != (allow_push, private, delivery):
        raise _other_options(existing)


def _other_options(existing: Mapping) -> Conflict:
    said = f"{existing.source} points to {existing.target} already, with other options: change its options"
    return Conflict(said, {"prefix": [said]}, code=Code.MAPPING_EXISTS)


def repoint(
    actor: Actor, reason: str, *, hostname: str, prefix: str, target: str, abandon_old: bool = False
) -> MappingOutcome:
    """Point a mapping to something else. The reason is kept with the change; `abandon_old` as in `update_mapping`.

    Raises ServiceError, NotFound, PermissionDenied.
    """
    require_reason(reason)
    parse_target(target)
    # Only to find out which it is; the verb reads it again, locked.
    found = get_mapping(actor, hostname, prefix)
    return update_mapping(actor, reason, mapping_id=found.pk, target=target, abandon_old=abandon_old)


def update_mapping(
    actor: Actor,
    reason: str,
    *,
    mapping_id: int,
    if_match: Collection[int] | None = None,
    whole_registry: bool = True,
    abandon_old: bool = False,
    **changes: Unpack[MappingChanges],
) -> MappingOutcome:
    """Change what is given of a mapping, in one step; a changed target needs a reason.

    `whole_registry`: whether the target may have no path, as in `add_mapping`. `abandon_old`: where it led before is
    asked for nothing from now on, and pulls that began there may fail. Raises NotFound, PermissionDenied, Outdated,
    ServiceError.
    """
    target = changes.pop("target", None)
    given = with_packed_labels({**changes})
    wanted = None if target is None else _readable_target(target, reason)
    with unit_of_work(actor, reason) as unit:
        mapping = unit.get(Mapping, mapping_id, Permission.CHANGE_MAPPINGS, if_match)
        before, was_published = mapping.target, mapping.is_published
        values, notes = _lead(unit, mapping, wanted)
        if values and wanted is not None:
            _check_whole(actor, wanted, whole_registry)
        watched = Watch.objects.filter(mapping=mapping, kind=Watch.Kind.FORMER)
        is_abandoned = abandon_old and not values and (bool(mapping.former) or watched.exists())
        former = {"former": ""} if abandon_old else {}
        if abandon_old:
            unit.delete_all(watched)
        changed = unit.update(mapping, **(values | former), **given)
        options = [name for name in changed if name in given]
        if values:
            notes.append(f"repointed {mapping.source} from {before} to {mapping.target}")
            if was_published:
                notes.append(f"{mapping.source} is not published any more: its account was for {before}")
        if options:
            notes.append(f"changed {', '.join(name.replace('_', ' ') for name in options)} of {mapping.source}")
        if is_abandoned:
            notes.append(f"what is missing at {mapping.target} is asked for nowhere else from now on")
            unit.event("mapping.former_target_abandoned", **_ids(mapping))
        if values:
            unit.event("mapping.repointed", **_ids(mapping), changed=options)
        elif options:
            unit.event("mapping.updated", **_ids(mapping), changed=options)
        return MappingOutcome(mapping, bool(notes), notes, asks_anew=bool(values))


def _readable_target(text: str, reason: str) -> Target:
    """The target to which a mapping is to lead. Where it can't be read, a missing reason is told as well."""
    gathered = Gathered()
    with gathered:
        return parse_target(text)
    with gathered:
        require_reason(reason)
    gathered.raise_any()
    raise AssertionError("a target that can't be read was refused")


def _check_whole(actor: Actor, wanted: Target, may_be_whole: bool) -> None:
    if wanted.upstream_prefix or may_be_whole:
        return
    if shared_at(wanted.origin):
        refuse_whole_shared(actor, wanted.authority)
    raise ServiceError.for_field(
        "target",
        f"{wanted.authority} without a path is the whole registry: name your part of it, such as "
        f"{wanted.authority}/your-organisation, or say that you mean all of it",
        Code.WHOLE_REGISTRY,
    )


def _lead(unit: UnitOfWork, mapping: Mapping, wanted: Target | None) -> tuple[dict[str, Any], list[str]]:
    """What of a mapping changes so that it leads to another target, and a line for what was made on the way."""
    if wanted is None:
        return {}, []
    registry, notes = ensure_registry(unit, mapping.hostname.tenant, wanted)
    if (mapping.registry, mapping.upstream_prefix) == (registry, wanted.upstream_prefix):
        return {}, notes
    return {"registry": registry, "upstream_prefix": wanted.upstream_prefix, **values_of_a_move(mapping)}, notes


def switch_mappings(actor: Actor, reason: str, *, mapping_ids: Collection[int], enabled: bool) -> list[Mapping]:
    """Switch mappings on or off, all or none; gives those that changed. Raises NotFound, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        changed = unit.update_all(unit.get_all(Mapping, mapping_ids, Permission.CHANGE_MAPPINGS), enabled=enabled)
        if changed:
            unit.event(
                "mapping.switched_on" if enabled else "mapping.switched_off",
                mapping_ids=[mapping.pk for mapping in changed],
            )
    return changed


def remove_mapping(actor: Actor, reason: str, *, hostname: str, prefix: str) -> str:
    """Remove a mapping; gives what it was, in words. Its history stays. Raises NotFound, PermissionDenied."""
    found = get_mapping(actor, hostname, prefix)
    return remove_mappings(actor, reason, mapping_ids=[found.pk])[0]


def remove_mappings(
    actor: Actor, reason: str, *, mapping_ids: Collection[int], if_match: Collection[int] | None = None
) -> list[str]:
    """Remove mappings, all or none; gives what they were, in words. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        mappings = unit.get_all(Mapping, mapping_ids, Permission.CHANGE_MAPPINGS, if_match)
        for mapping in mappings:
            refuse_in_steps(mapping)
        was = [str(mapping) for mapping in mappings]
        unit.delete_all(Mapping.objects.select_related("hostname").filter(pk__in=mapping_ids))
        # The rows are gone when somebody hears of it.
        unit.event(
            "mapping.removed",
            mapping_ids=[mapping.pk for mapping in mappings],
            tenant_ids=sorted({mapping.hostname.tenant_id for mapping in mappings}),
            hostnames=sorted({mapping.hostname.name for mapping in mappings}),
        )
    return was


def get_mapping(actor: Actor, hostname: str, prefix: str) -> Mapping:
    """The mapping of exactly that prefix, where the actor may see it. Raises NotFound, ServiceError."""
    try:
        name = normalise_served_name(hostname)
    except InvalidHost as error:
        raise ServiceError.for_field("hostname", str(error)) from error
    prefix = parse_prefix(prefix)
    mapping = Mapping.objects.viewable_by(actor).with_names().filter(hostname__name=name, prefix=prefix).first()
    if mapping is None:
        source = f"{name}/{prefix}" if prefix else name
        raise NotFound(
            f"there is no mapping of {source}", at_command_line="; “facade mapping list” shows those that exist"
        )
    return mapping


def parse_prefix(text: str) -> str:
    """A prefix as it is stored. Raises ServiceError."""
    prefix = text.strip().strip("/")
    if prefix and not is_name(prefix):
        raise ServiceError.for_field(
            "prefix",
            f"“{text}” is not a prefix of a repository name: lower-case letters, digits and single separators "
            "(. _ __ -), in components joined by /",
        )
    return prefix


def _ids(mapping: Mapping) -> dict[str, int]:
    return {
        "mapping_id": mapping.pk,
        "hostname_id": mapping.hostname_id,
        "registry_id": mapping.registry_id,
        "tenant_id": mapping.hostname.tenant_id,
    }
