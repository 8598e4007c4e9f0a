"""The rules of registries: where one may be, and what it may be called."""

import unicodedata
from collections.abc import Iterator

from django.db.models import Q

from routing.core.grammar.docker_hub import DOCKER_HUB_NAMES, DOCKER_HUB_ORIGIN
from routing.models import ChangeSet, Hostname, Mapping, Registry, Tenant
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.base.policy import MAX_ALLOWED, check_allowed
from routing.services.base.rules import Write, require_reason, rule
from routing.services.registries.targets import check_origin, parse_alias, parse_origin, place_of, shared_at


@rule(Registry, "origin", "implicit_namespace", "tenant")
def stays_while_mappings_are_repointed_in_steps(write: Write) -> None:
    """Two hands at once on where these mappings lead."""
    if write.before is not None:
        refuse_in_steps(write.before)


@rule(Registry, "origin")
def origin_is_in_its_one_form(write: Write) -> None:
    """Two spellings of one address are one registry."""
    if parse_origin(write.row.origin, "origin") != write.row.origin:
        raise ServiceError.for_field("origin", f"{write.row.origin} is not how this address is written")


@rule(Registry, "origin")
def origin_is_allowed(write: Write) -> None:
    """This deployment's mappings may lead there."""
    check_origin(write.row.origin, "origin")


@rule(Registry, "origin", "tenant")
def is_no_shared_one(write: Write) -> None:
    """A tenant has no registry of its own where a shared one is, unless the platform's operators gave it one."""
    registry = write.row
    if registry.tenant_id is not None and not write.actor.is_operator and shared_at(registry.origin):
        raise ServiceError.for_field("origin", f"{registry.origin} is shared with everybody already: use that one")


@rule(Registry, "origin", "alias")
def alias_is_a_name_of_its_own(write: Write) -> None:
    """An alias is written like a host, and Docker Hub's names are Docker Hub's."""
    registry = write.row
    if parse_alias(registry.alias) != registry.alias:
        raise ServiceError.for_field("alias", f"“{registry.alias}” is not how this name is written")
    if (
        registry.alias
        and place_of(f"https://{registry.alias}") in DOCKER_HUB_NAMES
        and registry.origin != DOCKER_HUB_ORIGIN
    ):
        raise ServiceError.for_field("alias", f"{registry.alias} is a name of Docker Hub")


@rule(Registry, "name", "alias", "origin", "tenant")
def takes_no_other_registrys_name(write: Write) -> None:
    """What people call a registry leads them to no other: a tenant's own go before the shared ones."""
    registry = write.row
    for other in _met_beside(registry):
        if place_of(other.origin) == place_of(registry.origin):
            continue
        shared = (registry.tenant_id is None) != (other.tenant_id is None)
        for field, word in _words(registry, with_name=shared):
            if word in {theirs for _, theirs in _words(other, with_name=shared)}:
                raise ServiceError.for_field(field, _taken(registry, other, getattr(registry, field)))


@rule(Registry, "tenant")
def owner_stays_while_it_is_used(write: Write) -> None:
    """What leads to a registry was judged by whose it is."""
    if write.before is not None and _leads_somebody(write.before):
        raise ServiceError.for_field(
            "tenant", "mappings or logins use this registry: its owner can't be changed any more"
        )


@rule(Registry, "origin", "implicit_namespace")
def moving_takes_a_reason(write: Write) -> None:
    """Every mapping to it leads elsewhere then, as a repointed one does, or has no standby any more."""
    if write.before is not None and _leads_somebody(write.before):
        require_reason(write.reason)


@rule(Registry, "origin", "implicit_namespace")
def moving_holds_to_its_tenants_policy(write: Write) -> None:
    """A registry's new address repoints all that leads to it. Shared ones are the platform's, and none of its business.

    No report tells what a whole registry's new address would change.
    """
    registry, before = write.row, write.before
    if before is None or registry.tenant is None or not _leads_somebody(before):
        return
    if registry.origin != before.origin:
        check_allowed(registry.tenant, registry, "origin")
    if registry.tenant.needs_clean_reports and not write.waives_report:
        raise PermissionDenied.for_field(
            "origin",
            f"the policy of {registry.tenant} wants a clean report of every switch, and mappings point to {registry}: "
            "add the new address as another registry, verify, and repoint them",
            Code.REPORT_REQUIRED,
        )


@rule(Tenant, "allowed_registries")
def allowed_registries_are_in_their_one_form(write: Write) -> None:
    """Two spellings of one address are one registry, and the same policy is written in one way."""
    origins = write.row.allowed_origins
    if len(origins) > MAX_ALLOWED:
        raise ServiceError.for_field("allowed_registries", f"a policy names {MAX_ALLOWED} registries at most")
    for origin in origins:
        if parse_origin(origin, "allowed_registries") != origin:
            raise ServiceError.for_field("allowed_registries", f"{origin} is not how this address is written")
    if " ".join(sorted(set(origins))) != write.row.allowed_registries:
        said = "addresses stand in their order, each once, with one space between"
        raise ServiceError.for_field("allowed_registries", said)


def refuse_in_steps(registry: Registry) -> None:
    """Refuse what would take a registry from under a change set that is under way.

    No mapping points to its target before the last step, so the sets are asked. Raises ServiceError, which names one.
    """
    under_way = ChangeSet.objects.filter(state=ChangeSet.State.IN_STEPS).order_by("pk").only("pk", "rows")
    for change_set in under_way.iterator():
        sides = (side for row in change_set.rows for side in (row["before"], row["after"]) if side is not None)
        if any(side["registry"] == registry.pk for side in sides):
            raise ServiceError(
                f"change set {change_set.pk} is being applied in steps, and leads mappings to {registry} or away from "
                f"it: wait for its end, or have it stop and return (facade changes stop {change_set.pk})",
                code=Code.IN_STEPS,
            )


def _leads_somebody(registry: Registry) -> bool:
    return _is_in_use(registry) or Mapping.objects.filter(standby_registry=registry).exists()


def _is_in_use(registry: Registry) -> bool:
    return registry.mappings.exists() or Hostname.objects.filter(login_registry=registry).exists()


def _met_beside(registry: Registry) -> Iterator[Registry]:
    """Those that a tenant may meet beside it: the shared ones and its own; of a shared one everybody's."""
    beside = Q() if registry.tenant_id is None else Q(tenant=None) | Q(tenant=registry.tenant_id)
    return Registry.objects.filter(beside).exclude(pk=registry.pk).select_related("tenant").iterator()


def _words(registry: Registry, *, with_name: bool) -> Iterator[tuple[str, str]]:
    """What it is called, by field, so that two that look the same are the same."""
    if registry.alias:
        yield "alias", place_of(f"https://{registry.alias}")
    yield "origin", place_of(registry.origin)
    if with_name:
        yield "name", _folded(registry.name)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _taken(registry: Registry, other: Registry, text: str) -> str:
    if other.tenant is None:
        return f"“{text}” is what the shared registry at {other.origin} is called: choose another name"
    if registry.tenant_id is None:
        return f"“{text}” is what a registry of {other.tenant} at {other.origin} is called: change that one first"
    return f"“{text}” is what your registry at {other.origin} is called: choose another name"
