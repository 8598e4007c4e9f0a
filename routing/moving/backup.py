"""Writes all rows of the database, as they are at one moment, into a file."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from django.db import connection

from routing import __version__
from routing.crypto import key_id, secret_keys
from routing.database.clock import database_now
from routing.moving.backup_file import BackupWriter, Header, new_scrypt
from routing.moving.schema import ACCOUNTS, applied, last_of, schema_at
from routing.moving.sequences import last_numbers
from routing.services.base.errors import ServiceError
from routing.table.load import consistent_read, state_of_whole

_FRAME_ROWS = 500
_TELL_SECONDS = 2.0

#: Told now and then of a table, of how many of its rows are done, and of how many there are.
Progress = Callable[[str, int, int], None]


def write_backup(
    file: BinaryIO, *, passphrase: str | None, with_keys: bool, with_accounts: bool = False, progress: Progress
) -> tuple[Header, dict[str, int]]:
    """Write a backup; its header, and the number of rows by table. Writers of the database don't wait meanwhile.

    It holds the rows as they are, of whichever migrations the database has: what is encrypted under a key of SECRET_KEY
    stays so. `with_keys`: the keys go along, which takes a passphrase. `with_accounts`: so do accounts at registries,
    which are left out otherwise, with their user names alone. Raises ServiceError, OSError, django.db.Error.
    """
    assert passphrase is not None or not with_keys
    if not (nodes := applied()):
        raise ServiceError("the database has no tables: there is nothing to back up")
    migrations = last_of(nodes)
    schema, keys = schema_at(tuple(migrations.items())), secret_keys()
    with consistent_read():
        header = Header(
            release=__version__,
            made_at=database_now().isoformat(),
            database=connection.vendor,
            generation=state_of_whole().generation,
            migrations=migrations,
            key_ids=[key_id(key) for key in keys],
            with_keys=with_keys,
            scrypt=None if passphrase is None else new_scrypt(),
        )
        writer = BackupWriter(file, header, passphrase)
        if with_keys:
            writer.write({"keys": keys})
        counts = dict.fromkeys(schema.models, 0)
        for table, columns, rows in _pieces(schema.models, {} if with_accounts else ACCOUNTS, progress):
            writer.write({"table": table, "columns": columns, "rows": rows})
            counts[table] += len(rows)
        writer.finish({"end": {"rows": counts, "numbers": last_numbers(schema.models.values())}})
    return header, counts


def _pieces(
    models: Mapping[str, Any], empty: Mapping[str, Collection[str]], progress: Progress
) -> Iterator[tuple[str, list[str], list[Any]]]:
    """All rows, some hundred at a time, with their table and columns; of those in `empty` nothing is told."""
    told = time.monotonic()
    for table, model in models.items():
        columns = [field.attname for field in model._meta.concrete_fields]
        total, seen = model._base_manager.count(), 0
        left_out = {columns.index(name) for name in empty.get(model._meta.label_lower, ()) if name in columns}
        rows = model._base_manager.order_by("pk").values_list(*columns).iterator(_FRAME_ROWS)
        while piece := list(islice(rows, _FRAME_ROWS)):
            if left_out:
                piece = [["" if number in left_out else value for number, value in enumerate(row)] for row in piece]
            yield table, columns, piece
            seen += len(piece)
            if time.monotonic() - told >= _TELL_SECONDS:
                progress(table, seen, total)
                told = time.monotonic()
