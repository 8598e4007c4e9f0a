"""Where a mapping might lead: what is looked at before it does."""

from __future__ import annotations

from typing import Any, NamedTuple

from routing.core.table.routing_table import RegistryEntry
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.mappings.candidate_table import NEW
from routing.services.mappings.rules import check_may_lead
from routing.services.registries.targets import check_origin, check_target, find_registry, parse_target
from routing.verification.work import Side, Switch


class Candidate(NamedTuple):
    """A mapping, and where it would lead: a `target` as people write it, or a registry's row with a prefix there.

    `private` and `delivery` are what these options would be; None: as they are.
    """

    mapping_id: int
    target: str = ""
    registry_id: int | None = None
    upstream_prefix: str = ""
    private: bool | None = None
    delivery: str | None = None


def resolve(candidate: Candidate, actor: Actor) -> tuple[Mapping, dict[str, Any]]:
    """The mapping, and what a report keeps of the switch. Judged as a repoint would be.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    mapping = get_row(Mapping.objects.viewable_by(actor).with_names(), candidate.mapping_id)
    check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
    registry, entry, prefix = _new_side(candidate, mapping, actor)
    check_may_lead(actor, mapping.hostname.tenant, registry, entry, prefix)
    old = mapping.registry.table_entry()
    return mapping, {
        "mapping_id": mapping.pk,
        "hostname": mapping.hostname.name,
        "host": mapping.hostname.sample_name,
        "prefix": mapping.prefix,
        "source": mapping.source,
        "rests": known_rests(mapping),
        "is_repository": mapping.is_repository,
        "old": {"target": mapping.target, "prefix": mapping.upstream_prefix, "registry": old._asdict()},
        "new": {
            "target": f"{entry.name}/{prefix}" if prefix else entry.name,
            "prefix": prefix,
            "key": NEW if registry is None else registry.table_key,
            "registry": entry._asdict(),
        },
        "private": candidate.private,
        "delivery": candidate.delivery,
    }


def switch_of(facts: dict[str, Any]) -> Switch:
    """The same for the comparison."""
    return Switch(
        facts["source"], _side(facts["old"]), _side(facts["new"]), tuple(facts["rests"]), facts["is_repository"]
    )


def _new_side(candidate: Candidate, mapping: Mapping, actor: Actor) -> tuple[Registry | None, RegistryEntry, str]:
    tenant = mapping.hostname.tenant
    if candidate.registry_id is not None:
        registry = get_row(Registry.objects.viewable_by(actor).with_names(), candidate.registry_id)
        if registry.tenant_id not in (None, tenant.pk):
            raise ServiceError.for_field("target", f"the registry {registry} belongs to another tenant")
        check_origin(registry.origin)
        return registry, registry.table_entry(), candidate.upstream_prefix
    wanted = parse_target(candidate.target)
    check_target(tenant, wanted)
    found = find_registry(tenant, wanted)
    if found is not None:
        check_origin(found.origin)
        return found, found.table_entry(), wanted.upstream_prefix
    return None, RegistryEntry(wanted.origin, wanted.authority), wanted.upstream_prefix


def _side(facts: dict[str, Any]) -> Side:
    registry = facts["registry"]
    return Side(registry["origin"], facts["prefix"], registry["implicit_namespace"])


def known_rests(mapping: Mapping) -> list[str]:
    """What is known of repositories below a mapping's prefix: the probed one, and the prefix where it is itself one."""
    found, upstream = [], mapping.upstream_prefix
    probed, start = mapping.probed_repository, f"{mapping.upstream_prefix}/" if mapping.upstream_prefix else ""
    if probed and probed.startswith(start):
        found.append(probed[len(start) :])
    if mapping.is_repository or probed == upstream != "":
        found.append("")
    return list(dict.fromkeys(found))
