"""The routing table as one engine's files, compiled once a generation and kept in the state folder.

In doubt it is an error: while the table is held, while another process compiles, and where there is nothing to publish.
"""

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from routing import __version__
from routing.conf import alarm_path, freeze_path, policy, snapshot_path
from routing.edge.document import pack
from routing.publish.documents import Surroundings, Unquotable
from routing.publish.envoy import envoy
from routing.publish.rules import rules_of
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError, Unavailable
from routing.services.base.permissions import Permission, check_permission
from routing.table.change_log import newest_state
from routing.table.load import load_table
from routing.table.whole_file import replace_file

#: So many documents are kept: edges that listen elsewhere have others.
MOST_KEPT = 8
_COMPILING_SECONDS, _HELD_SECONDS, _EMPTY_SECONDS = 10, 60, 60


class PublishedRoutes(NamedTuple):
    """What is published now: its tag, and the file that has it."""

    etag: str
    path: Path


def get_published_routes(actor: Actor, around: Surroundings, known: str = "") -> PublishedRoutes:
    """What Envoy is to have now, for operators of the platform.

    Whoever has `known` already is told the tag alone: the file may not be there. Raises PermissionDenied, ServiceError,
    Unavailable.
    """
    check_permission(actor, Permission.EXPORT, None)
    try:
        around.checked()
        if not around.app or not around.folder:
            raise Unquotable("Envoy needs the app's address, and the folder of its files: give app and folder")
    except ValueError as error:
        raise ServiceError(str(error)) from error
    if freeze_path().exists() or alarm_path().exists():
        raise Unavailable("this server holds an older table, so it publishes none: see its log", _HELD_SECONDS)
    state = newest_state()
    # Another release or policy compiles otherwise.
    which = hashlib.sha256(repr((__version__, policy(), around, state)).encode()).hexdigest()[:32]
    etag = f'"{state.generation}-{which}"'
    path = _folder() / f"envoy-{which}.json"
    if known == etag or path.exists():
        return PublishedRoutes(etag, path)
    with _alone():
        _compile(path, around, state.generation)
    return PublishedRoutes(etag, path)


def _folder() -> Path:
    folder = snapshot_path().parent / "published"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Raises Unavailable where another process of this machine compiles."""
    with (_folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("the routes are being compiled", _COMPILING_SECONDS) from None
        yield


def _compile(path: Path, around: Surroundings, generation: int) -> None:
    table = load_table(policy())
    if table.generation != generation:
        raise Unavailable("the table changed while it was read", 1)
    rules = rules_of(table, frozenset())
    if not len(table.hosts):
        raise Unavailable("there is no hostname yet, so nothing is published", _EMPTY_SECONDS)
    try:
        files = envoy(rules, around).files
    except ValueError as error:
        raise ServiceError(str(error)) from error
    replace_file(path, pack("envoy", generation, ((file.name, file.text) for file in files)))
    kept = sorted(_folder().glob("envoy-*.json"), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in kept[MOST_KEPT:]:
        old.unlink(missing_ok=True)
