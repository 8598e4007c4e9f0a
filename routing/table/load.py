"""The whole routing table, or one hostname's part of it, read from the database in one consistent view.

Rows are streamed: a million mappings never stand in memory as model instances.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Q

from routing.core.table.mapping_entry import MappingEntry, mapping_key
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Table
from routing.models.hostname import Hostname
from routing.models.mapping import Mapping, is_implicit_namespace, is_private, pack_flags
from routing.models.registry import Registry
from routing.models.tenant import Tenant
from routing.table.change_log import newest_state

_CHUNK_ROWS = 5000


@contextmanager
def consistent_read() -> Iterator[None]:
    """A transaction in which every SELECT sees the same moment. Within another transaction: that one."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        # atomic() would take SQLite's write lock here (transaction_mode IMMEDIATE), and keep the writers waiting.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def load_table(policy: Policy, hostname: str | None = None) -> Table:
    """Read the table; with `hostname`, only what requests to that (normalised) name can see.

    Raises django.db.DatabaseError.
    """
    hostnames, tenants = Hostname.objects.all(), Tenant.objects.all()
    mappings, registry_rows = Mapping.objects.all(), Registry.objects.all()
    if hostname is not None:
        hostnames, tenants = hostnames.filter(name=hostname), tenants.filter(hostnames__name=hostname)
        mappings = mappings.filter(hostname__name=hostname)
        used = Q(pk__in=mappings.order_by().values("registry")) | Q(pk__in=hostnames.values("login_registry"))
        registry_rows = registry_rows.filter(used)
    with consistent_read():
        generation, nonce = newest_state()
        registries = [(registry.table_key, registry.table_entry()) for registry in registry_rows.iterator()]
        # One string object a registry, shared by all mappings onto it.
        keys = {int(key): key for key, _ in registries}
        rows = mappings.order_by().values_list(
            "hostname__name",
            "prefix",
            "registry_id",
            "upstream_prefix",
            "enabled",
            "allow_push",
            "private",
            "public",
            "delivery",
            "probed_repository",
            "challenge",
        )
        return Table.build(
            policy,
            generation,
            tenants=((tenant.table_key, tenant.table_entry()) for tenant in tenants.iterator()),
            registries=registries,
            hosts=((host.table_key, host.table_entry()) for host in hostnames.iterator(_CHUNK_ROWS)),
            mappings=(_entry(keys, *row) for row in rows.iterator(_CHUNK_ROWS)),
            expected_mappings=mappings.count(),
            expected_hosts=hostnames.count(),
            nonce=nonce,
        )


def _entry(
    keys: dict[int, str],
    host: str,
    prefix: str,
    registry: int,
    upstream: str,
    enabled: bool,
    push: bool,
    private: bool,
    public: str,
    delivery: str,
    probed: str,
    challenge: str,
) -> tuple[str, MappingEntry]:
    """A row of the mappings' table, as `Mapping.table_entry` has it."""
    renames = bool(probed) and is_implicit_namespace(upstream, probed)
    flags = pack_flags(enabled, push, is_private(private, public, challenge), delivery, renames)
    return mapping_key(host, prefix), MappingEntry(keys[registry], upstream, flags, challenge)
