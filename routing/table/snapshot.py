"""The routing table in a file, for a worker that starts while the database is gone.

One line of JSON that says what follows (format, database, state, digest, when the database said so, length, SHA-256),
then the table in columns, as JSON: any release of the interpreter reads both, and nothing in them is ever executed. The
file is written beside its name, synced and renamed, so that a crash leaves the old one or the new one.
"""

import contextlib
import fcntl
import gc
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from routing.core.table.mapping_entry import intern_all
from routing.core.table.policy import Policy
from routing.core.table.routing_table import (
    DIGEST_LAYOUT,
    HostEntry,
    RegistryEntry,
    State,
    Table,
    TenantEntry,
    compile_registry,
    digest_of,
)
from routing.core.table.sharded_map import ShardedMap

FORMAT = 3
_MAX_HEADER_BYTES = 4096
# So many entries are turned into text at once; and more bytes than any table has.
_PIECE = 10_000
_LONGEST = 10**15


class InvalidSnapshot(Exception):
    """The file is no snapshot that this release and this database can use; the message says why."""


class Header(NamedTuple):
    """What the file's first line says. `time`: when the database confirmed the table, in seconds since 1970.

    `digest` is the table's; None where another release wrote it, whose digests are others.
    """

    state: State
    digest: int | None
    time: float
    length: int
    sha256: str


def write(path: Path, table: Table, database: str) -> None:
    """Write the table, which the database has just confirmed, to the file. `database` names that. Raises OSError."""
    facts = {
        "format": FORMAT,
        "database": database,
        "generation": table.generation,
        "nonce": table.nonce,
        "layout": DIGEST_LAYOUT,
        "digest": f"{table.digest:016x}",
        "time": time.time(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # mkstemp's file is its owner's alone: the table names tenants' registries.
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Held as long as somebody writes it; a killed writer's is let go by the kernel.
            fcntl.flock(file, fcntl.LOCK_EX)
            _write(file, facts, table)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _write(file: BinaryIO, facts: dict[str, Any], table: Table) -> None:
    # A table of a million mappings is never there as one text: its length and hash are known when it is written, and
    # are put into the line that was left for them.
    room = len(_line(facts, _LONGEST, "0" * 64))
    file.seek(room)
    length, digest = 0, hashlib.sha256()
    for piece in _pieces(table):
        body = piece.encode()
        file.write(body)
        digest.update(body)
        length += len(body)
    file.seek(0)
    file.write(_line(facts, length, digest.hexdigest()).rstrip(b"\n").ljust(room - 1) + b"\n")


def _line(facts: dict[str, Any], length: int, sha256: str) -> bytes:
    return json.dumps(facts | {"length": length, "sha256": sha256}).encode() + b"\n"


def _sweep(path: Path) -> None:
    """Remove what killed writers have left, and nothing that another one is writing."""
    for left in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def read(path: Path, policy: Policy, database: str) -> tuple[Header, Table]:
    """The file's header and its table. Raises InvalidSnapshot, and FileNotFoundError or another OSError."""
    try:
        return _read(path, policy, database)
    except MemoryError as error:
        raise InvalidSnapshot("there is not enough memory to read it") from error


def _read(path: Path, policy: Policy, database: str) -> tuple[Header, Table]:
    with path.open("rb") as file:
        header = _header(file.readline(_MAX_HEADER_BYTES), database)
        body = file.read()
    if len(body) != header.length or hashlib.sha256(body).hexdigest() != header.sha256:
        raise InvalidSnapshot("it is damaged")
    try:
        with _no_collection():
            return header, _table(policy, header, json.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InvalidSnapshot("it doesn't hold a table") from error


def read_header(path: Path, database: str) -> Header:
    """The file's header alone. Raises as `read` does."""
    with path.open("rb") as file:
        return _header(file.readline(_MAX_HEADER_BYTES), database)


def _header(line: bytes, database: str) -> Header:
    kinds = {"format": int, "database": str, "generation": int, "length": int, "sha256": str}
    try:
        header = dict(json.loads(line))
        known = all(isinstance(header[name], kind) for name, kind in kinds.items())
    except (ValueError, LookupError, TypeError, RecursionError):
        known = False
    if not known:
        raise InvalidSnapshot("it is no snapshot of a routing table")
    if header["format"] != FORMAT:
        raise InvalidSnapshot(f"it is of format {header['format']}, this release reads {FORMAT}")
    if header["database"] != database:
        raise InvalidSnapshot("it is of another database")
    nonce, written = header.get("nonce"), header.get("time")
    try:
        digest = int(header["digest"], 16) if header["layout"] == DIGEST_LAYOUT else None
    except (ValueError, LookupError, TypeError):
        written = None
    if not isinstance(nonce, int | None) or not isinstance(written, float):
        raise InvalidSnapshot("it doesn't say which state of the database it is of")
    return Header(State(header["generation"], nonce), digest, written, header["length"], header["sha256"])


def _pieces(table: Table) -> Iterator[str]:
    """The table as JSON, piece by piece."""
    hosts = {entry: number for number, entry in enumerate(dict.fromkeys(entry for _, entry in table.hosts.items()))}
    host_registries = {
        usage: number for number, usage in enumerate(dict.fromkeys(usage for _, usage in table.host_registries.items()))
    }
    yield '{"tenants":' + _json([[key, *entry] for key, entry in table.tenants.items()])
    yield ',"registries":' + _json([[key, *compiled.entry] for key, compiled in table.registries.items()])
    # Hostnames look alike: each way to be one is written once.
    yield ',"host_entries":' + _json(list(hosts))
    yield from _object("hosts", ((name, hosts[entry]) for name, entry in table.hosts.items()))
    yield ',"usage_entries":' + _json(list(host_registries))
    yield from _object("usages", ((name, host_registries[usage]) for name, usage in table.host_registries.items()))
    yield from _object("mappings", table.mappings.items())
    yield "}"


def _object(name: str, items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    yield f',"{name}":{{'
    items, comma = iter(items), ""
    while piece := dict(islice(items, _PIECE)):
        yield comma + _json(piece)[1:-1]
        comma = ","
    yield "}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _table(policy: Policy, header: Header, columns: dict[str, Any]) -> Table:
    hosts = [HostEntry(*entry) for entry in columns["host_entries"]]
    host_registries = [tuple((kind, count) for kind, count in usage) for usage in columns["usage_entries"]]
    mappings = columns["mappings"]
    table = Table(
        policy,
        header.state.generation,
        ShardedMap((key, TenantEntry(*entry)) for key, *entry in columns["tenants"]),
        ShardedMap((key, compile_registry(RegistryEntry(*entry))) for key, *entry in columns["registries"]),
        ShardedMap(((name, hosts[number]) for name, number in columns["hosts"].items()), len(columns["hosts"])),
        ShardedMap(intern_all(mappings.items()), len(mappings)),
        ShardedMap(
            ((name, host_registries[number]) for name, number in columns["usages"].items()), len(columns["usages"])
        ),
        header.state.nonce,
        header.digest or 0,
    )
    return table if header.digest is not None else replace(table, digest=digest_of(table))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of new objects, none of them garbage: the collector would look them all over, again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
