"""The verbs of mappings: add, repoint, edit, switch, remove."""

from collections.abc import Iterable
from typing import NamedTuple

from routing.core.grammar.hosts import InvalidHost, normalise_served_name
from routing.core.grammar.names import is_name
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, viewable
from routing.services.base.quotas import check_mappings
from routing.services.base.unit_of_work import unit_of_work
from routing.services.hostnames.hostnames import ensure_hostname
from routing.services.mappings.targets import find_registry, parse_target
from routing.services.registries.registries import ensure_registry


class Outcome(NamedTuple):
    """What a verb did: the mapping as it is now, and a line for each thing that changed (none: it was so already)."""

    mapping: Mapping
    done: list[str]


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
) -> Outcome:
    """Map a prefix of a hostname to a target, creating the tenant, hostname and registry that are missing.

    `tenant` is a slug; None means the hostname's own, or `default`. Saying the same again changes nothing.
    Raises ServiceError; Conflict where the mapping exists with another target.
    """
    wanted = parse_target(target)
    prefix = parse_prefix(prefix)
    with unit_of_work(actor, reason) as unit:
        host, done = ensure_hostname(unit, hostname, tenant)
        check_permission(actor, Permission.CHANGE_MAPPINGS, host.tenant)
        existing = Mapping.objects.select_related("hostname", "registry").filter(hostname=host, prefix=prefix).first()
        if existing is not None:
            registry = find_registry(host.tenant, wanted)
            same = registry == existing.registry and wanted.upstream_prefix == existing.upstream_prefix
            _refuse_difference(existing, same, target, allow_push, private, delivery)
            return Outcome(existing, [])
        registry, made = ensure_registry(unit, host.tenant, wanted)
        check_not_whole(actor, registry, wanted.upstream_prefix)
        check_mappings(actor, host.tenant)
        mapping = Mapping(
            hostname=host,
            prefix=prefix,
            registry=registry,
            upstream_prefix=wanted.upstream_prefix,
            allow_push=allow_push,
            private=private,
            delivery=delivery,
        )
        unit.save(mapping)
        return Outcome(mapping, [*done, *made, f"added mapping {mapping}"])


def _refuse_difference(
    existing: Mapping, same_target: bool, target: str, allow_push: bool, private: bool, delivery: str
) -> None:
    if not same_target:
        prefix = existing.prefix or '""'
        raise Conflict(
            f"{existing.source} leads to {existing.target} already. To change it: "
            f"manage.py repoint {existing.hostname.name} {prefix} {target} --reason TEXT",
            {"target": [f"{existing.source} leads to {existing.target} already: repoint that mapping instead."]},
        )
    if (existing.allow_push, existing.private, existing.delivery) != (allow_push, private, delivery):
        raise Conflict(
            f"{existing.source} leads to {existing.target} already, with other options. "
            "Change them in the admin, or remove the mapping and add it anew"
        )


def repoint(actor: Actor, reason: str, *, hostname: str, prefix: str, target: str) -> Outcome:
    """Lead a mapping somewhere else. The reason is kept with the change. Raises ServiceError, NotFound."""
    wanted = parse_target(target)
    with unit_of_work(actor, _required(reason)) as unit:
        mapping = get_mapping(actor, hostname, prefix)
        check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
        registry, done = ensure_registry(unit, mapping.hostname.tenant, wanted)
        if (mapping.registry, mapping.upstream_prefix) == (registry, wanted.upstream_prefix):
            return Outcome(mapping, [])
        check_not_whole(actor, registry, wanted.upstream_prefix)
        before = mapping.target
        _lead(mapping, registry, wanted.upstream_prefix)
        unit.save(mapping)
        return Outcome(mapping, [*done, f"repointed {mapping.source} from {before} to {mapping.target}"])


def edit_mapping(
    actor: Actor,
    reason: str,
    *,
    mapping_id: int,
    target: str | None,
    allow_push: bool,
    private: bool,
    delivery: str,
    enabled: bool,
) -> Outcome:
    """Set everything of a mapping but its hostname and prefix, in one step; a changed target needs a reason.

    `target` None leaves it where it is, whoever repointed it meanwhile. Raises ServiceError, NotFound.
    """
    wanted = None if target is None else parse_target(target)
    with unit_of_work(actor, reason) as unit:
        mapping = _by_ids(actor, [mapping_id])[0]
        check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
        done: list[str] = []
        if wanted is not None:
            registry, done = ensure_registry(unit, mapping.hostname.tenant, wanted)
            before = mapping.target
            if (mapping.registry, mapping.upstream_prefix) != (registry, wanted.upstream_prefix):
                _required(reason)
                check_not_whole(actor, registry, wanted.upstream_prefix)
                _lead(mapping, registry, wanted.upstream_prefix)
                done.append(f"repointed {mapping.source} from {before} to {mapping.target}")
        options = {"allow_push": allow_push, "private": private, "delivery": delivery, "enabled": enabled}
        changed = [name for name, value in options.items() if getattr(mapping, name) != value]
        for name in changed:
            setattr(mapping, name, options[name])
        if changed:
            done.append(f"changed {', '.join(name.replace('_', ' ') for name in changed)} of {mapping.source}")
        if done:
            unit.save(mapping)
        return Outcome(mapping, done)


def _lead(mapping: Mapping, registry: Registry, upstream_prefix: str) -> None:
    """Set the target; what a probe found at the former one is no longer so."""
    mapping.registry, mapping.upstream_prefix = registry, upstream_prefix
    mapping.probed_repository, mapping.public, mapping.probed_at, mapping.probe_error = "", "unknown", None, ""


def switch_mappings(actor: Actor, reason: str, *, mapping_ids: Iterable[int], enabled: bool) -> list[Mapping]:
    """Switch mappings on or off, all or none; gives those that changed. Raises NotFound."""
    with unit_of_work(actor, reason) as unit:
        mappings = _changeable(actor, mapping_ids)
        changed = [mapping for mapping in mappings if mapping.enabled != enabled]
        for mapping in changed:
            mapping.enabled = enabled
            unit.save(mapping)
    return changed


def remove_mapping(actor: Actor, reason: str, *, hostname: str, prefix: str) -> str:
    """Remove a mapping; gives what it was, in words. Its history stays. Raises NotFound."""
    with unit_of_work(actor, reason) as unit:
        mapping = get_mapping(actor, hostname, prefix)
        check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
        was = str(mapping)
        unit.delete(mapping)
    return was


def remove_mappings(actor: Actor, reason: str, *, mapping_ids: Iterable[int]) -> list[str]:
    """Remove mappings, all or none; gives what they were, in words. Raises NotFound."""
    with unit_of_work(actor, reason) as unit:
        mappings = _changeable(actor, mapping_ids)
        was = [str(mapping) for mapping in mappings]
        for mapping in mappings:
            unit.delete(mapping)
    return was


def get_mapping(actor: Actor, hostname: str, prefix: str) -> Mapping:
    """The mapping of exactly that prefix, where the actor may see it. Raises NotFound, ServiceError."""
    try:
        name = normalise_served_name(hostname)
    except InvalidHost as error:
        raise ServiceError.for_field("hostname", str(error)) from error
    prefix = parse_prefix(prefix)
    mappings = viewable(actor, Mapping.objects.select_related("hostname__tenant", "registry"), "hostname__tenant")
    mapping = mappings.filter(hostname__name=name, prefix=prefix).first()
    if mapping is None:
        source = f"{name}/{prefix}" if prefix else name
        raise NotFound(f"there is no mapping of {source}; manage.py list_mappings shows those that exist")
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


def check_not_whole(actor: Actor, registry: Registry, upstream_prefix: str) -> None:
    """Refuse to lead tenants' users to all of a shared registry: the address would vouch for anybody's images."""
    if not actor.is_operator and registry.tenant_id is None and not upstream_prefix:
        raise ServiceError.for_field(
            "target",
            f"all of {registry} can be mapped by operators of the platform only: "
            f"name your part of it, such as {registry}/your-organisation",
        )


def _changeable(actor: Actor, mapping_ids: Iterable[int]) -> list[Mapping]:
    mappings = _by_ids(actor, mapping_ids)
    for mapping in mappings:
        check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
    return mappings


def _by_ids(actor: Actor, mapping_ids: Iterable[int]) -> list[Mapping]:
    wanted = set(mapping_ids)
    mappings = list(
        viewable(actor, Mapping.objects.select_related("hostname__tenant", "registry"), "hostname__tenant").filter(
            pk__in=wanted
        )
    )
    if len(mappings) != len(wanted):
        raise NotFound("one of these mappings is gone; reload the page")
    return mappings


def _required(reason: str) -> str:
    if not reason.strip():
        raise ServiceError.for_field("reason", "Say why: the reason is kept with the change.")
    return reason
