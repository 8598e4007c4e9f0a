"""The probe's verbs: find out what a registry asks for, and write it down.

The registry is asked without the database; only the finding is written, in a transaction. A registry that can't be
reached is said to be so, and never keeps anybody from saving.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple

from routing.conf import client_limits, guard_policy
from routing.core.grammar.names import MAX_NAME_LENGTH, is_name
from routing.core.table.routing_table import Auth
from routing.jobs.kinds import REGISTRIES, Kind
from routing.models import Job, Mapping, Registry
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import Auth as ProbedAuth
from routing.registries.probes.registry import RegistryProbe, probe_registry
from routing.registries.probes.repository import Delivery, Readable, RepositoryProbe, probe_repository
from routing.services.base.actor import Actor
from routing.services.base.checking import checking
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.events import announce
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import check_version, unit_of_work
from routing.services.registries.answers import note_answer, note_limit
from routing.services.registries.registries import get_registry

#: The longest that one registry, or one repository, is asked: each of the steps has a deadline too.
PROBE_SECONDS = 45.0
PROGRAM = Actor.program("probe")
_TOO_SLOW = f"it took longer than {PROBE_SECONDS:.0f} s to answer all questions"
_MAX_ORIGINS_LENGTH = 500
_PROBED_AUTHS = (Auth.NONE, Auth.BASIC, Auth.BEARER)


def probe(actor: Actor, reason: str = "", *, registry_id: int, if_match: Collection[int] | None = None) -> Registry:
    """Ask a registry what it wants, and write it down. Takes seconds where it doesn't answer.

    Raises NotFound, PermissionDenied, Outdated, TooManyRequests.
    """
    registry = get_registry(actor, registry_id)
    check_permission(actor, Permission.CHANGE_REGISTRIES, registry.tenant)
    check_version(registry, if_match)
    with checking(actor, PROBE_REGISTRY, registry_id, registry.tenant):
        found = _write_registry(actor, registry, _ask(registry.origin))
    failed, why = bool(found.probe_error), reason.strip()
    announce(actor, "registry.probed", registry_id=found.pk, tenant_id=found.tenant_id, failed=failed, reason=why)
    return found


def probe_mapping(
    actor: Actor,
    reason: str = "",
    *,
    mapping_id: int,
    repository: str | None = None,
    if_match: Collection[int] | None = None,
) -> Mapping:
    """Ask for one repository under a mapping: can everybody pull it, and how are its layers handed out?

    `repository` is an upstream name; without it the one probed before, or the mapping's own. Where there is none to
    ask for, only the registry is probed. Raises NotFound, PermissionDenied, Outdated, TooManyRequests, and ServiceError
    for what is no name of a repository that the mapping leads to.
    """
    mapping = get_row(Mapping.objects.viewable_by(actor).with_names(), mapping_id)
    check_permission(actor, Permission.CHANGE_MAPPINGS, mapping.hostname.tenant)
    check_version(mapping, if_match)
    repository = None if repository is None else parse_repository(mapping, repository)
    # Whoever may map to a shared registry may have it looked at.
    with checking(actor, PROBE_MAPPING, mapping_id, mapping.hostname.tenant):
        question = _question(mapping, repository)
        return _write_mapping(actor, question, *_ask_all(question), reason.strip())


class _Question(NamedTuple):
    """What is asked for a mapping; `repository` "": nothing but the registry. `is_guess`: it may be an organisation."""

    mapping: Mapping
    repository: str
    is_guess: bool


def _question(mapping: Mapping, repository: str | None = None) -> _Question:
    known = repository or mapping.probed_repository or _own_repository(mapping)
    return _Question(mapping, known or _lone_repository(mapping), is_guess=not known)


def _write_registry(actor: Actor, registry: Registry, found: RegistryProbe) -> Registry:
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
        note_answer(current.pk, found.at, found.seconds, found.error or "")
        note_limit(current.pk, found.at, found.limit)
    return current


def _write_mapping(
    actor: Actor,
    question: _Question,
    of_registry: RegistryProbe,
    of_repository: RepositoryProbe | None,
    reason: str = "",
) -> Mapping:
    """Gives the mapping as it is now."""
    written = mapping = question.mapping
    mapping.registry = _write_registry(actor, mapping.registry, of_registry)
    # Where nobody could read what was a guess, the prefix is an organisation, as it looks.
    if of_repository is not None and not (question.is_guess and of_repository.public is not Readable.YES):
        written = _write_repository(actor, mapping, question.repository, of_repository)
    announce(
        actor,
        "mapping.probed",
        mapping_id=mapping.pk,
        registry_id=written.registry_id,
        tenant_id=mapping.hostname.tenant_id,
        reason=reason,
    )
    return written


def _write_repository(actor: Actor, mapping: Mapping, name: str, found: RepositoryProbe) -> Mapping:
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
            **_delivery(found),
        )
        note_limit(current.registry_id, found.at, found.limit)
    return current


def _delivery(found: RepositoryProbe) -> dict[str, str]:
    """How layers are handed out; where that stayed unknown now, what was found before stands."""
    if found.delivery is Delivery.UNKNOWN:
        return {}
    return {"blob_delivery": found.delivery.value, "blob_origins": _joined(found.origins)}


def _joined(origins: Collection[str]) -> str:
    """As many as there is room for, each of them whole."""
    joined = ""
    for origin in origins:
        if len(longer := f"{joined} {origin}".strip()) <= _MAX_ORIGINS_LENGTH:
            joined = longer
    return joined


def parse_repository(mapping: Mapping, text: str) -> str:
    """The upstream name of a repository that a mapping leads to, as a person typed it. Raises ServiceError."""
    name = text.strip()
    if not is_name(name):
        raise ServiceError.for_field(
            "repository",
            f"“{name[:MAX_NAME_LENGTH]}” is not a repository name: lower-case letters, digits and single separators "
            "(. _ __ -), in components joined by /, with no tag or digest",
        )
    registry, prefix = mapping.registry.table_entry(), mapping.upstream_prefix
    upstream = registry.upstream_name(name)
    if not prefix or f"{name}/".startswith(f"{prefix}/") or upstream == registry.upstream_name(prefix):
        return upstream
    raise ServiceError.for_field("repository", f"{mapping.source} points to {mapping.target}, and {name} is not there")


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


def _ask(origin: str) -> RegistryProbe:
    return asyncio.run(_ask_registry(origin))


def _ask_all(question: _Question) -> tuple[RegistryProbe, RepositoryProbe | None]:
    origin, name = question.mapping.registry.origin, question.repository
    return _ask(origin), asyncio.run(_ask_repository(origin, name)) if name else None


async def _ask_registry(origin: str) -> RegistryProbe:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await probe_registry(client, origin)
        except TimeoutError:
            return RegistryProbe(ProbedAuth.UNREACHABLE, error=_TOO_SLOW)


async def _ask_repository(origin: str, name: str) -> RepositoryProbe:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await probe_repository(client, origin, name)
        except TimeoutError:
            return RepositoryProbe(error=_TOO_SLOW)


# ---------------------------------------------------------------- the same as jobs
def _begin_registry(job: Job) -> Callable[[], tuple[Registry, RegistryProbe]] | None:
    registry = Registry.objects.filter(pk=job.key).first()
    return None if registry is None else lambda: (registry, _ask(registry.origin))


def _settle_registry(job: Job, found: tuple[Registry, RegistryProbe]) -> None:
    # What is gone, or leads elsewhere by now, is asked anew by whoever changed it.
    with suppress(NotFound):
        registry = _write_registry(PROGRAM, *found)
        failed = bool(registry.probe_error)
        announce(PROGRAM, "registry.probed", registry_id=registry.pk, tenant_id=registry.tenant_id, failed=failed)


def _begin_mapping(job: Job) -> Callable[[], tuple[_Question, RegistryProbe, RepositoryProbe | None]] | None:
    mapping = Mapping.objects.with_names().filter(pk=job.key).first()
    if mapping is None:
        return None
    question = _question(mapping)
    return lambda: (question, *_ask_all(question))


def _settle_mapping(job: Job, found: tuple[_Question, RegistryProbe, RepositoryProbe | None]) -> None:
    with suppress(NotFound):
        _write_mapping(PROGRAM, *found)


PROBE_REGISTRY = Kind("probe_registry", REGISTRIES, lambda: PROBE_SECONDS, _begin_registry, _settle_registry)
PROBE_MAPPING = Kind("probe_mapping", REGISTRIES, lambda: 2 * PROBE_SECONDS, _begin_mapping, _settle_mapping)
