"""Puts a backup into an empty database, after all of it was looked at. Either every row is there then, or none.

A backup of an older release goes into tables as that release had them, which are then migrated like any database: so
what a migration does to rows is done to these, too.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.dateparse import parse_datetime

from routing.conf import NOTIFY_CHANNEL
from routing.database.clock import database_now
from routing.moving.backup_file import Frame, Header, InvalidBackup, check_whole, frames, read_header
from routing.moving.schema import (
    FILLED_BY_MIGRATIONS,
    Node,
    Schema,
    applied,
    newest,
    one_by_one,
    schema_at,
    up_to,
)
from routing.moving.sealed_values import PLACES
from routing.moving.sequences import go_on_after
from routing.services.base.errors import ServiceError

#: The kind of the change that a restore writes: the first of a history of its own.
RESTORED = "restored"
# Whoever follows the table from its beginning meets a gap, and loads it whole.
_GENERATIONS = 2
_TELL_SECONDS = 2.0
_PLACES = {place.model._meta.db_table: place for place in PLACES}

#: Told now and then of how many rows are done, and of how many there are.
Progress = Callable[[int, int], None]


@dataclass
class Contents:
    """What a file holds, all of which was read once.

    `keys`: those that came along. `rows`: by table. `unreadable`: by place, how many rows no key opens, neither one of
    this server's nor one of these.
    """

    header: Header
    schema: Schema
    keys: list[str] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    numbers: Mapping[str, int] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)

    @property
    def is_older(self) -> bool:
        """Whether its rows have to be migrated once they are there."""
        return dict(self.header.migrations) != newest()


def examine(file: BinaryIO, passphrase: str | None) -> Contents:
    """Read a whole file. Raises InvalidBackup for one that can't be restored by this release, and OSError."""
    check_whole(file)
    header, _ = read_header(file)
    try:
        up_to(header.migrations)
    except KeyError as unknown:
        said = f"the backup was made by a newer release, {header.release}, whose migration {unknown} is not known here"
        raise InvalidBackup(f"{said}: restore it with that release") from None
    contents = Contents(header, schema_at(tuple(header.migrations.items())))
    for frame in frames(file, passphrase):
        _look_at(frame, contents)
    return contents


def _look_at(frame: Frame, contents: Contents) -> None:
    try:
        if "keys" in frame:
            contents.keys = [str(key) for key in frame["keys"]]
        elif "end" in frame:
            contents.numbers = frame["end"]["numbers"]
            if frame["end"]["rows"] != {table: contents.rows[table] for table in contents.schema.models}:
                raise InvalidBackup("the backup doesn't hold as many rows as it says")
        else:
            fields = contents.schema.models[frame["table"]]._meta.concrete_fields
            if set(frame["columns"]) != {each.attname for each in fields}:
                raise InvalidBackup(f"the backup has other columns of {frame['table']} than its release had")
            contents.rows[frame["table"]] += len(frame["rows"])
            _look_for_keys(frame, contents)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InvalidBackup(f"the backup holds what this release knows nothing of: {error}") from None


def _look_for_keys(frame: Frame, contents: Contents) -> None:
    if (place := _PLACES.get(frame["table"])) is None:
        return
    for row in frame["rows"]:
        named = dict(zip(frame["columns"], row, strict=True))
        if place.holds(named) and place.key_of(named[place.column], contents.keys) == "":
            contents.unreadable[place.name] += 1


def check_target(contents: Contents) -> None:
    """Pass where the database can take these rows: it has no tables, or has them as the backup does, and no rows.

    Raises ServiceError, which says what to do, and django.db.Error.
    """
    found = applied()
    if found and found != up_to(contents.header.migrations):
        raise ServiceError(
            f"the database's tables are not those of the backup, which release {contents.header.release} made. Restore "
            "into a database without tables: this command makes them, and migrates the rows"
        )
    if found and (rows := rows_in(contents.schema)):
        told = ", ".join(f"{count:,} in {table}" for table, count in rows.items())
        raise ServiceError(
            f"the database is not empty ({told}): nothing was changed. Restore into a new one. Its first "
            "administrator is a row, too: restore before the server is started"
        )


def rows_in(schema: Schema) -> dict[str, int]:
    """By table, how many rows there are that no migration wrote. Raises django.db.Error."""
    counts = {
        table: model._base_manager.count()
        for table, model in schema.models.items()
        if model._meta.label_lower not in FILLED_BY_MIGRATIONS
    }
    generation = schema.model("Generation").objects.filter(value__gt=0).count()
    return {table: count for table, count in {**counts, "routing_generation": generation}.items() if count}


def restore(
    file: BinaryIO,
    passphrase: str | None,
    contents: Contents,
    *,
    lock: Callable[[], AbstractContextManager[None]],
    progress: Progress,
) -> None:
    """Make the tables where there are none, put the rows into them, and migrate these. `lock` keeps migrations apart.

    Raises ServiceError, OSError, django.db.Error; then no row was added.
    """
    check_target(contents)
    if not applied():
        if contents.is_older:
            with lock():
                _migrate_to(list(contents.header.migrations.items()))
        else:
            call_command("migrate", verbosity=0, interactive=False)
    try:
        with transaction.atomic():
            _fill(file, passphrase, contents, progress)
    except (IntegrityError, DataError) as error:
        said = str(error).strip().partition("\n")[0]
        raise InvalidBackup(f"the backup's rows don't fit into the database; no row was added: {said}") from error
    if contents.is_older:
        call_command("migrate", verbosity=0, interactive=False)


def _migrate_to(migrations: list[Node]) -> None:
    executor = MigrationExecutor(connection)
    # One that stands for many leads past the older release's last.
    executor.loader = one_by_one(connection)
    executor.migrate(migrations)


def _fill(file: BinaryIO, passphrase: str | None, contents: Contents, progress: Progress) -> None:
    check_target(contents)
    schema = contents.schema
    for table in schema.models:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608  (a table of a model)
    done, total, told = 0, contents.rows.total(), time.monotonic()
    for frame in frames(file, passphrase):
        if "table" not in frame:
            continue
        _insert(schema, frame, contents.keys)
        done += len(frame["rows"])
        if time.monotonic() - told >= _TELL_SECONDS:
            progress(done, total)
            told = time.monotonic()
    if done != total:
        raise InvalidBackup("the file was changed while it was read")
    go_on_after(schema.models.values(), contents.numbers)
    _begin_history(schema, contents.header)


def _insert(schema: Schema, frame: Frame, keys: list[str]) -> None:
    model, columns = schema.models[frame["table"]], frame["columns"]
    fields = {each.attname: each for each in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(fields[name].column)) for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608
    try:
        rows = [_adapted(dict(zip(columns, row, strict=True)), frame["table"], keys) for row in frame["rows"]]
        values = [
            [fields[name].get_db_prep_save(fields[name].to_python(row[name]), connection) for name in columns]
            for row in rows
        ]
    except (ValidationError, ValueError, TypeError) as error:
        raise InvalidBackup(f"a row of {frame['table']} can't be read; no row was added: {error}") from None
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


def _adapted(row: dict[str, Any], table: str, keys: list[str]) -> dict[str, Any]:
    """The row as it is to be here: encrypted under this server's key, and held by no process of the former ones."""
    if table == "routing_job":
        row |= {"lease": "", "lease_until": None}
    place = _PLACES.get(table)
    if place is not None and place.holds(row):
        # Of what no key opens, whoever restores it was told before.
        with suppress(InvalidToken):
            row[place.column] = place.resealed(row[place.column], keys)
    return row


def _begin_history(schema: Schema, header: Header) -> None:
    """A state that no worker has met, whichever table it has, and the word that a person has to confirm it."""
    now, generation = database_now(), header.generation + _GENERATIONS
    schema.model("Generation").objects.update_or_create(pk=1, defaults={"value": generation})
    first = {"generation": generation, "nonce": secrets.randbits(63), "kind": RESTORED, "key": "", "entry": None}
    schema.model("Change").objects.create(**first)
    if (restorations := schema.model("Restoration")) is not None:
        facts = {"restored_at": now, "made_at": parse_datetime(header.made_at), "release": header.release[:40]}
        restorations.objects.update_or_create(pk=1, defaults={**facts, "confirmed_at": None})
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Delivered once this is committed.
            cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")
