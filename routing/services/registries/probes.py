"""The probe's verbs: find out what a registry asks for, and write it down.

The registry is asked outside any transaction; only the finding is written in one. A registry that can't be reached is
said to be so, and never keeps anybody from saving.
"""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from routing.conf import client_limits, guard_policy
from routing.core.table.routing_table import Auth
from routing.models import Mapping, Registry
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import RegistryProbe, probe_registry
from routing.registries.probes.repository import Delivery, Readable, RepositoryProbe, probe_repository
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.events import announce
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import check_version, unit_of_work
from routing.services.registries.registries import get_registry

logger = logging.getLogger(__name__)

_PROBED_AUTHS = (Auth.NONE, Auth.BASIC, Auth.BEARER)


def probe(actor: Actor, *, registry_id: int, if_match: Collection[int] | None = None) -> Registry:
    """Ask a registry what it wants, and write it down. Takes seconds where it doesn't answer.

    Raises NotFound, PermissionDenied, Outdated.
    """
    registry = get_registry(actor, registry_id)
    check_permission(actor, Permission.CHANGE_REGISTRIES, registry.tenant)
    check_version(registry, if_match)
    found = _probe(actor, registry)
    announce(actor, "registry.probed", registry_id=found.pk, tenant_id=found.tenant_id)
    return found


def _probe(actor: Actor, registry: Registry) -> Registry:
    found = asyncio.run(_ask_registry(registry.origin))
    with unit_of_work(actor, "probe") as unit:
        locked = Registry.objects.with_names().select_for_update(of=("self",), no_key=True)
        current = locked.filter(pk=registry.pk, origin=registry.origin).first()
        if current is None:
            raise NotFound("this registry is gone, or was changed meanwhile")
        facts = {"probed_at": found.at, "probe_error": (found.error or "")[:500]}
        if found.auth.value in _PROBED_AUTHS:
            # One that doesn't answer now asks for what it asked for before.
            facts |= {
                "auth": found.auth.value,
                "realm": (found.realm or "")[:500],
                "service": (found.service or "")[:300],
            }
        unit.save_without_history(current, **facts)
    return current


def probe_mapping(
    actor: Actor, *, mapping_id: int, repository: str | None = None, if_match: Collection[int] | None = None
) -> Mapping:
    """Ask for one repository under a mapping: can everybody pull it, and how are its layers handed out?

    `repository` is an upstream name; without it the one probed before, or the mapping's own. Where there is none to
    ask for, only the registry is probed. Raises NotFound, PermissionDenied, Outdated.
    """
    mapping = get_row(Mapping.objects.viewable_by(actor).with_names(), mapping_id)
    check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
    check_version(mapping, if_match)
    # Whoever may map to a shared registry may have it looked at.
    mapping.registry = _probe(actor, mapping.registry)
    found = _probe_repository(actor, mapping, repository) or mapping
    announce(
        actor,
        "mapping.probed",
        mapping_id=mapping_id,
        registry_id=found.registry_id,
        tenant_id=mapping.hostname.tenant_id,
    )
    return found


def _probe_repository(actor: Actor, mapping: Mapping, repository: str | None) -> Mapping | None:
    """Gives the mapping as it is now; None where there is no repository to ask for."""
    known = repository or mapping.probed_repository or _own_repository(mapping)
    name = known or _lone_repository(mapping)
    if not name:
        return None
    found = asyncio.run(_ask_repository(mapping.registry.origin, name))
    if not known and found.public is not Readable.YES:
        # Then the prefix is an organisation, as it looks.
        return None
    with unit_of_work(actor, "probe") as unit:
        current = Mapping.objects.select_related("registry", "hostname").filter(pk=mapping.pk).first()
        asked = (mapping.registry_id, mapping.upstream_prefix)
        if current is None or (current.registry_id, current.upstream_prefix) != asked:
            raise NotFound("this mapping is gone, or was repointed meanwhile")
        unit.save_without_history(
            current,
            probed_repository=name,
            public=found.public.value,
            # Where the registry's ping asks for something, that holds for all its repositories.
            challenge=found.challenge if current.registry.auth == Auth.NONE and _fits(found.challenge) else "",
            probed_at=found.at,
            probe_error=(found.error or "")[:500],
        )
        if found.delivery is not Delivery.UNKNOWN:
            origins = " ".join(found.origins)[:500]
            unit.save_without_history(current.registry, blob_delivery=found.delivery.value, blob_origins=origins)
    return current


def _fits(challenge: str) -> bool:
    # A longer one is found out anew with each token.
    return len(challenge) <= (Mapping._meta.get_field("challenge").max_length or 0)


def _own_repository(mapping: Mapping) -> str:
    # A prefix of two components or more is most often a repository; one component is an organisation.
    return mapping.upstream_prefix if "/" in mapping.upstream_prefix else ""


def _lone_repository(mapping: Mapping) -> str:
    # Where a registry keeps one-component names elsewhere, such a prefix may be meant as a repository all the same.
    name = mapping.registry.table_entry().upstream_name(mapping.upstream_prefix) if mapping.upstream_prefix else ""
    return name if name != mapping.upstream_prefix else ""


async def _ask_registry(origin: str) -> RegistryProbe:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        return await probe_registry(client, origin)


async def _ask_repository(origin: str, name: str) -> RepositoryProbe:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        return await probe_repository(client, origin, name)


def probe_soon(mapping: Mapping) -> None:
    """Probe a mapping that was saved, and its registry, where the deployment wants that; keeps nobody waiting."""
    if settings.FACADE_PROBE_ON_SAVE:
        _soon(lambda: probe_mapping(Actor.program("probe"), mapping_id=mapping.pk))


def probe_registry_soon(registry: Registry) -> None:
    """As `probe_soon`, for a registry that was saved."""
    if settings.FACADE_PROBE_ON_SAVE:
        probe_registries_soon([registry])


def probe_registries_soon(registries: Iterable[Registry]) -> None:
    """Probe registries, one after the other, once the present transaction is through; keeps nobody waiting."""
    keys = [registry.pk for registry in registries]
    _soon(lambda: [probe(Actor.program("probe"), registry_id=key) for key in keys])


def _soon(asking: Callable[[], object]) -> None:
    # With the context of the call that wants it: the probe is part of that request.
    within = contextvars.copy_context()
    transaction.on_commit(threading.Thread(target=within.run, args=(_quietly, asking), name="probe", daemon=True).start)


def _quietly(asking: Callable[[], object]) -> None:
    try:
        asking()
    except NotFound:
        pass  # Removed again meanwhile.
    except Exception:
        logger.exception("a probe failed")
    finally:
        connections.close_all()


def stale_registries(now_older_than_seconds: float) -> Iterable[Registry]:
    """The registries in use whose last probe is older than so many seconds, the oldest first."""
    limit = timezone.now() - timedelta(seconds=now_older_than_seconds)
    in_use = Registry.objects.filter(mappings__isnull=False).distinct()
    never = in_use.filter(probed_at=None)
    old = in_use.filter(probed_at__lt=limit).order_by("probed_at")
    return [*never, *old]
