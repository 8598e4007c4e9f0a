"""A program that prepares and reads the database of a facade under test, for what no operator's command does.

    python -m tests.e2e.seed addresses < addresses.json
    python -m tests.e2e.seed limit-streams TENANT BYTES
    python -m tests.e2e.seed streamed-bytes TENANT
    python -m tests.e2e.seed timed COMMAND …
    python -m tests.e2e.seed dump

It runs beside the server, in a process of its own, with the server's environment. It writes through the services that
operators' commands call; one process prepares many addresses, since each process takes a second to start.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

REASON = "set-up of the tests"


@dataclass(frozen=True)
class MappingSpec:
    """One mapping to make: `prefix` of the hostname leads to `upstream` at the registry `origin`.

    `repository`: the facade has looked at this repository beforehand, as `manage.py probe` can be told to.
    """

    prefix: str
    origin: str
    upstream: str
    private: bool = False
    redirect_only: bool = False
    allow_push: bool = False
    repository: str = ""


@dataclass(frozen=True)
class AddressSpec:
    """The mappings of one hostname, and what the facade knows of their registries.

    `probed`: the facade has found out what each registry asks for. `library`: the prefix under which the registries
    keep one-component names. `streams`: blobs may pass through the facade. `login`: the origin of the login registry.
    """

    mappings: tuple[MappingSpec, ...]
    probed: bool = True
    library: str = ""
    streams: bool = False
    login: str = ""


def tenant_of(hostname: str) -> str:
    """The slug of the tenant that owns the hostname. Each hostname has a tenant, so registries are never shared."""
    return f"tests-{hostname.replace('.', '-')}"


def to_json(specs: dict[str, AddressSpec], last: str) -> str:
    """The input of `addresses`: a specification for each hostname, and a hostname to make after all of them."""
    return json.dumps({"addresses": {name: asdict(spec) for name, spec in specs.items()}, "last": last})


def from_json(text: str) -> tuple[dict[str, AddressSpec], str]:
    """What `to_json` was given."""
    document = json.loads(text)
    return {name: _address(fields) for name, fields in document["addresses"].items()}, document["last"]


def _address(fields: dict[str, Any]) -> AddressSpec:
    return AddressSpec(**{**fields, "mappings": tuple(MappingSpec(**mapping) for mapping in fields["mappings"])})


def seed_addresses(specs: dict[str, AddressSpec], last: str) -> None:
    """Make each hostname with its mappings. Changes arrive in order: a worker that serves `last` serves them all."""
    from routing.models import Tenant
    from routing.services.hostnames.hostnames import add_hostname
    from routing.services.registries.probes import probe_mapping

    for hostname, spec in specs.items():
        ids = [_add_mapping(hostname, mapping) for mapping in spec.mappings]
        _complete_registries(tenant_of(hostname), spec)
        for mapping_id, mapping in zip(ids, spec.mappings, strict=True):
            if mapping.repository:
                probe_mapping(_actor(), mapping_id=mapping_id, repository=mapping.repository)
        if spec.login:
            _set_login_registry(hostname, spec.login)
    add_hostname(_actor(), REASON, tenant_id=Tenant.objects.order_by("pk")[0].pk, name=last)


def _add_mapping(hostname: str, spec: MappingSpec) -> int:
    """Make the mapping; gives its key."""
    from routing.models import Mapping
    from routing.services.mappings.mappings import add_mapping

    outcome = add_mapping(
        _actor(),
        REASON,
        hostname=hostname,
        prefix=spec.prefix,
        target=f"{spec.origin}/{spec.upstream}",
        tenant=tenant_of(hostname),
        private=spec.private,
        allow_push=spec.allow_push,
        delivery=Mapping.Delivery.REDIRECT_ONLY if spec.redirect_only else Mapping.Delivery.AUTO,
    )
    key: int = outcome.mapping.pk
    return key


def _complete_registries(tenant: str, spec: AddressSpec) -> None:
    from routing.models import Registry
    from routing.services.registries.probes import probe
    from routing.services.registries.registries import update_registry

    for registry in Registry.objects.filter(tenant__slug=tenant):
        update_registry(
            _actor(),
            REASON,
            registry_id=registry.pk,
            implicit_namespace=spec.library,
            stream_blobs=spec.streams,
        )
        if spec.probed:
            probe(_actor(), registry_id=registry.pk)


def _set_login_registry(name: str, origin: str) -> None:
    from routing.models import Hostname, Registry
    from routing.services.hostnames.hostnames import update_hostname

    hostname = Hostname.objects.get(name=name)
    login = Registry.objects.get(tenant__slug=tenant_of(name), origin=origin)
    update_hostname(_actor(), REASON, hostname_id=hostname.pk, login_registry_id=login.pk)


def limit_streams(slug: str, limit_bytes: int) -> None:
    """Set how much may be streamed for a tenant in a month."""
    from routing.models import Tenant
    from routing.services.people.tenants import update_tenant

    tenant = Tenant.objects.get(slug=slug)
    update_tenant(_actor(), REASON, tenant_id=tenant.pk, max_streamed_bytes=limit_bytes)


def streamed_bytes(slug: str) -> int:
    """What has been counted for a tenant so far."""
    from routing.models import StreamedBytes

    return sum(StreamedBytes.objects.filter(tenant__slug=slug).values_list("streamed_bytes", flat=True))


def timed(command: list[str]) -> float:
    """Run an operator's command; gives when it was through, in seconds since the epoch."""
    from django.core.management import call_command

    call_command(*command)
    return time.time()


def repoint(hostname: str, prefix: str, target: str) -> None:
    """Repoint a mapping to a registry that the facade has asked what it wants, as after a while."""
    from routing.services.mappings import mappings
    from routing.services.registries.probes import probe

    probed = mappings.add_mapping(_actor(), REASON, hostname=hostname, prefix="not-pulled", target=target).mapping
    probe(_actor(), registry_id=probed.registry_id)
    mappings.remove_mapping(_actor(), REASON, hostname=hostname, prefix="not-pulled")
    mappings.repoint(_actor(), REASON, hostname=hostname, prefix=prefix, target=target)


def add_many(number: int, origin: str) -> None:
    """So many hostnames, each with the same mapping to a registry."""
    from routing.services.mappings.mappings import add_mapping

    for each in range(number):
        hostname, target = f"h{each}.many.test", f"{origin}/acme"
        add_mapping(_actor(), REASON, hostname=hostname, prefix="acme", target=target, delivery="redirect-only")


def move_registry(origin: str, to: str) -> None:
    """Move a registry, and so everything that leads to it."""
    from routing.models import Registry
    from routing.services.registries.registries import update_registry

    (registry,) = [each for each in Registry.objects.filter(origin=origin) if each.mappings.count() > 1]
    update_registry(_actor(), REASON, registry_id=registry.pk, origin=to)


def set_notice(hostname: str, prefix: str, notice: str) -> None:
    """Give a mapping a word for those who pull."""
    from routing.services.mappings.mappings import get_mapping, update_mapping

    update_mapping(_actor(), REASON, mapping_id=get_mapping(_actor(), hostname, prefix).pk, notice=notice)


def dump() -> str:
    """Every row of every table."""
    from django.db import connection

    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            lines += [table, *map(str, cursor.fetchall())]
    return "\n".join(lines)


def _actor() -> Any:
    from routing.services.base.actor import Actor

    return Actor.program("tests")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.seed")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("addresses")
    limit = actions.add_parser("limit-streams")
    limit.add_argument("tenant")
    limit.add_argument("bytes", type=int)
    actions.add_parser("streamed-bytes").add_argument("tenant")
    actions.add_parser("timed").add_argument("command", nargs=argparse.REMAINDER)
    moved = actions.add_parser("repoint")
    for name in ("hostname", "prefix", "target"):
        moved.add_argument(name)
    many = actions.add_parser("many")
    many.add_argument("number", type=int)
    many.add_argument("origin")
    move = actions.add_parser("move-many")
    move.add_argument("origin")
    move.add_argument("to")
    noticed = actions.add_parser("notice")
    for name in ("hostname", "prefix", "notice"):
        noticed.add_argument(name)
    actions.add_parser("dump")
    return parser


def main() -> None:
    import django

    options = _parser().parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    django.setup()
    match options.action:
        case "addresses":
            seed_addresses(*from_json(sys.stdin.read()))
        case "limit-streams":
            limit_streams(options.tenant, options.bytes)
        case "streamed-bytes":
            print(streamed_bytes(options.tenant))
        case "timed":
            print(timed(options.command))
        case "repoint":
            repoint(options.hostname, options.prefix, options.target)
        case "many":
            add_many(options.number, options.origin)
        case "move-many":
            move_registry(options.origin, options.to)
        case "notice":
            set_notice(options.hostname, options.prefix, options.notice)
        case "dump":
            print(dump())


if __name__ == "__main__":
    main()
