"""Looks at all the rows that the routing table is made of, and leaves their digest for the followers.

Followers see changes alone. Rows that were changed behind the verbs' back, and a table that went wrong, are found by
comparing digests; the rows are read once for all.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from routing.core.table.digest import Digest
from routing.core.table.mapping_entry import encode
from routing.core.table.routing_table import DIGEST_LAYOUT, State
from routing.database.clock import database_now
from routing.models.table_check import TableCheck
from routing.table.load import RowsOfTable, consistent_read, state_of_whole


class RowCheck(NamedTuple):
    """The rows' digest at a state of the database, and when they were read, by the database's clock."""

    state: State
    digest: int
    at: datetime


def check_rows() -> RowCheck:
    """Read all rows, and write down their digest. Raises django.db.DatabaseError."""
    with consistent_read():
        check = RowCheck(state_of_whole(), digest_of_rows(), database_now())
    facts = {
        "generation": check.state.generation,
        "nonce": check.state.nonce,
        "layout": DIGEST_LAYOUT,
        "digest": f"{check.digest:016x}",
        "at": check.at,
    }
    TableCheck.objects.update_or_create(pk=1, defaults=facts)
    return check


def last_check() -> RowCheck | None:
    """What was written down last; None where there is nothing that this release can compare."""
    row = TableCheck.objects.filter(pk=1, layout=DIGEST_LAYOUT).first()
    if row is None:
        return None
    return RowCheck(State(row.generation, row.nonce), int(row.digest, 16), row.at)


def is_due(seconds: float) -> bool:
    """Whether nobody, on any server, has looked for so long."""
    last = last_check()
    if last is None:
        return True
    # One of the future was written before the database's clock was set back.
    now = database_now()
    return not now - timedelta(seconds=seconds) < last.at <= now


def digest_of_rows() -> int:
    """The digest of the table that the rows make. No table is built."""
    rows, digest = RowsOfTable(), Digest()
    digest.add("tenant", rows.tenants())
    digest.add("registry", rows.registries)
    digest.add("hostname", rows.hosts())
    digest.add("mapping", ((key, encode(key.partition("/")[2], entry)) for key, entry in rows.mappings()))
    return digest.value
