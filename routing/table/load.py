"""The whole routing table, or one hostname's part of it, read from the database in one consistent view.

Rows are streamed: a million mappings never stand in memory as model instances.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Q

from routing.core.table.mapping_entry import MappingEntry, mapping_key
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, State, Table, TenantEntry
from routing.database.postgresql import server_side_cursors
from routing.database.restoring import require_whole
from routing.models.change import Change, Generation
from routing.models.hostname import Hostname
from routing.models.mapping import Mapping, is_implicit_namespace, is_private, pack_flags
from routing.models.registry import Registry
from routing.models.tenant import Tenant
from routing.table.change_log import newest_state

_Row = TypeVar("_Row")

# A driver turns so many rows into objects in one go, during which no other thread of the process runs.
_CHUNK_ROWS = 1000
_MAPPING_COLUMNS = (
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
    "former",
    "notice",
    "account_user",
    "account_sealed",
    "step",
)


@contextmanager
def consistent_read() -> Iterator[None]:
    """A transaction in which every SELECT sees the same moment. Within another transaction: that one."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor, server_side_cursors():
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


def state_of_whole() -> State:
    """The state of the rows within a `consistent_read`.

    Raises IncompleteDatabase while they are a part of what is being restored, and another django.db.DatabaseError.
    """
    require_whole([model._meta.db_table for model in (Tenant, Registry, Hostname, Mapping, Generation, Change)])
    return newest_state()


class RowsOfTable:
    """The rows that the routing table is made of, as its entries; with `hostname`, those that its requests can see.

    Each is read when it is asked for: within one `consistent_read` all are of the same moment. `still_there` is called
    whenever some have come.
    """

    def __init__(self, hostname: str | None = None, still_there: Callable[[], None] = lambda: None) -> None:
        self._still_there = still_there
        self.hostnames, self._tenants = Hostname.objects.all(), Tenant.objects.all()
        self.all_mappings, self._registries = Mapping.objects.all(), Registry.objects.all()
        if hostname is not None:
            self.hostnames = self.hostnames.filter(name=hostname)
            self._tenants = self._tenants.filter(hostnames__name=hostname)
            self.all_mappings = self.all_mappings.filter(hostname__name=hostname)
            used = Q(pk__in=self.all_mappings.order_by().values("registry"))
            used |= Q(pk__in=self.hostnames.values("login_registry"))
            self._registries = self._registries.filter(used)

    def tenants(self) -> Iterator[tuple[str, TenantEntry]]:
        """The tenants."""
        return ((tenant.table_key, tenant.table_entry()) for tenant in self._tenants.iterator())

    @cached_property
    def registries(self) -> Sequence[tuple[str, RegistryEntry]]:
        """The registries, which mappings need too."""
        return [(registry.table_key, registry.table_entry()) for registry in self._registries.iterator()]

    def hosts(self) -> Iterator[tuple[str, HostEntry]]:
        """The hostnames."""
        rows = self._telling(self.hostnames.iterator(_CHUNK_ROWS))
        return ((host.table_key, host.table_entry()) for host in rows)

    def mappings(self) -> Iterator[tuple[str, MappingEntry]]:
        """The mappings, without an instance of the model for each."""
        # One string object a registry, shared by all mappings onto it.
        keys = {int(key): key for key, _ in self.registries}
        rows = self.all_mappings.order_by().values_list(*_MAPPING_COLUMNS)
        return (_entry(keys, *row) for row in self._telling(rows.iterator(_CHUNK_ROWS)))

    def _telling(self, rows: Iterable[_Row]) -> Iterator[_Row]:
        for number, row in enumerate(rows):
            if number % _CHUNK_ROWS == 0:
                self._still_there()
            yield row


def load_table(policy: Policy, hostname: str | None = None, *, still_there: Callable[[], None] = lambda: None) -> Table:
    """Read the table; with `hostname`, only what requests to that (normalised) name can see.

    `still_there` is called whenever some rows have come. Raises django.db.DatabaseError.
    """
    rows = RowsOfTable(hostname, still_there)
    with consistent_read():
        generation, nonce = state_of_whole()
        return Table.build(
            policy,
            generation,
            tenants=rows.tenants(),
            registries=rows.registries,
            hosts=rows.hosts(),
            mappings=rows.mappings(),
            expected_mappings=rows.all_mappings.count(),
            expected_hosts=rows.hostnames.count(),
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
    former: str,
    notice: str,
    account_user: str,
    account_sealed: str,
    step: str,
) -> tuple[str, MappingEntry]:
    """A row of the mappings' table, as `Mapping.table_entry` has it."""
    renames = bool(probed) and is_implicit_namespace(upstream, probed)
    flags = pack_flags(enabled, push, is_private(private, public, challenge), delivery, renames, bool(account_user))
    # A registry that was removed behind the database's back is none, as for `Table.match_repository`.
    key = keys.get(registry) or str(registry)
    rare = (challenge, former, notice, account_sealed, step)
    return mapping_key(host, prefix), MappingEntry(key, upstream, flags, *rare)
