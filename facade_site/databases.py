"""Databases as their variables name them.

What Django, the pool or libpq would refuse later, each time that it is tried, is refused at the start: in one line that
names the variable and never a value, which may be a password.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from routing.database.sqlite_connection import FileConnection

_POSTGRESQL = "postgres://user:password@host:5432/name (with %3F for ? in a password, %2F for / and %23 for #)"
#: What a URL's query says to Django, and what the pool and the transactions of the facade need it to be.
_OURS = {"CONN_MAX_AGE": 0, "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True}
#: Options of Django's and psycopg's own, which libpq doesn't have.
_NOT_OF_LIBPQ = ("assume_role", "isolation_level", "prepare_threshold", "server_side_binding")
#: What libpq reads as a number only once it has reached a server.
_NUMBERS = (
    *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    *("tcp_user_timeout", "prepare_threshold"),
)
_ISOLATION_LEVELS = range(1, 5)
_MAX_NAME = 63
#: A folder for sockets in which no server listens.
_NOWHERE = "/nowhere/registry-facade"


def database(url: str, state: Path, lock_seconds: float) -> dict[str, Any]:
    """Django's settings for DATABASE_URL, or without one for SQLite in `state`.

    SQLite is in WAL mode, PostgreSQL has a pool.

    Raises ImproperlyConfigured for a URL with which no connection could ever be made, or by which each process would
    have a database of its own.
    """
    if not url:
        return _sqlite(str(state / "facade.sqlite3"), lock_seconds)
    config: dict[str, Any] = environ.Env.db_url_config(url)
    changed = [name for name, value in _OURS.items() if config.get(name, value) != value]
    if changed:
        raise _unusable("DATABASE_URL", f"the facade sets {', '.join(changed)} itself; take it out of the URL's query")
    if config["ENGINE"] == "django.db.backends.sqlite3":
        if not Path(config["NAME"]).is_absolute():
            expected = "an absolute path, after four slashes: sqlite:////var/lib/registry-facade/facade.sqlite3"
            raise _unusable("DATABASE_URL", f"the file of SQLite's database is {expected}")
        return _sqlite(config["NAME"], lock_seconds)
    _check_postgresql(config, urlsplit(url).query)
    return _postgresql(config)


def _sqlite(path: str, lock_seconds: float) -> dict[str, Any]:
    milliseconds = min(round(lock_seconds * 1000), 2**31 - 1)
    options = {
        "factory": FileConnection,
        # WAL: readers (every worker's poll) never wait for a writer, nor a writer for them.
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;PRAGMA busy_timeout={milliseconds};",
        # Take the write lock at BEGIN: a verb that reads, then writes, can't be refused half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": milliseconds / 1000,
    }
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}


def _postgresql(config: dict[str, Any]) -> dict[str, Any]:
    from routing.database.pooled_connection import PooledConnection

    # The pool's own defaults are to wait 30 s for a server that is gone, and then up to minutes between its tries.
    pool: dict[str, Any] = {"min_size": 0, "max_size": 8, "timeout": 5.0, "reconnect_timeout": 1.0}
    pool["connection_class"] = PooledConnection
    # A server that is silent, behind a path that drops packets, is given up after some seconds, as TCP itself would
    # after a quarter of an hour. libpq's names; the URL's own go before.
    silent = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
    silent["tcp_user_timeout"] = 10_000
    options = {**silent, **config.get("OPTIONS", {}), "connect_timeout": 5, "pool": pool}
    # Without CONN_HEALTH_CHECKS whoever comes after a restart of the server would be given a connection that is broken.
    return {**config, "OPTIONS": options, "CONN_HEALTH_CHECKS": True}


def listen_options(url: str) -> dict[str, Any]:
    """How the server itself is reached where a pooler stands before it, as libpq names it; empty where none does.

    Raises ImproperlyConfigured for a FACADE_LISTEN_DATABASE_URL with which no connection could ever be made.
    """
    if not url:
        return {}
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    # Whoever connects looks for no change meanwhile. 2 is the least that libpq takes.
    silent = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "connect_timeout": 2}
    try:
        options = conninfo_to_dict(url)
    except ProgrammingError:
        # Without its words: they repeat what may be a password.
        raise ImproperlyConfigured("FACADE_LISTEN_DATABASE_URL can't be read as the URL of a database") from None
    _check_options("FACADE_LISTEN_DATABASE_URL", options)
    return {**silent, **options}


def _check_postgresql(config: Mapping[str, Any], query: str) -> None:
    options = config.get("OPTIONS", {})
    if not config["NAME"] and not options.get("service"):
        raise _unusable("DATABASE_URL", f"it names no database; expected is {_POSTGRESQL}")
    if len(config["NAME"]) > _MAX_NAME:
        raise _unusable("DATABASE_URL", f"the name of its database is longer than {_MAX_NAME} characters")
    # Django would be told nothing of them.
    empty = [name for name, value in parse_qsl(query, keep_blank_values=True) if not value]
    if empty:
        raise _unusable("DATABASE_URL", f"{_shown(empty[0])} in its query has no value")
    if options.get("isolation_level", 1) not in _ISOLATION_LEVELS:
        raise _unusable("DATABASE_URL", "isolation_level in its query is a number from 1 to 4")
    address = {"host": config["HOST"], "port": config["PORT"]}
    _check_options("DATABASE_URL", {**options, **{name: value for name, value in address.items() if value}})


def _check_options(variable: str, given: Mapping[str, Any]) -> None:
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for name, value in given.items():
        if name not in known and name not in _NOT_OF_LIBPQ:
            raise _unusable(variable, f"{_shown(name)} in its query is no option")
        if name in _NUMBERS and not _is_whole(str(value)):
            raise _unusable(variable, f"{name} in its query is a whole number")
        if name == "port" and not all(_is_port(port) for port in str(value).split(",")):
            raise _unusable(variable, "port is a whole number from 1 to 65535")
    options = {name: value for name, value in given.items() if name in known}
    # What libpq takes from the process' environment is no fault of the URL's.
    if _refuses(options) and not _refuses({}):
        wrong = [name for name, value in options.items() if _refuses({name: value})] or list(options)
        raise _unusable(variable, f"PostgreSQL's client refuses what it says for {', '.join(sorted(wrong))}")


def _refuses(options: Mapping[str, Any]) -> bool:
    """Whether libpq refuses them by themselves. No server is asked, and no name looked up."""
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn

    hosts = ",".join(_NOWHERE for _ in str(options.get("host", "")).split(","))
    # With a password, so that it looks for none in a file, and says nothing of that file.
    elsewhere = {"port": "", **options, "host": hosts, "hostaddr": "", "password": "none"}
    connection = PGconn.connect_start(make_conninfo(**elsewhere).encode(errors="surrogateescape"))
    # What it refuses it refuses before it looks for the socket.
    refused = _NOWHERE not in connection.error_message.decode(errors="replace")
    connection.finish()
    return refused


def _is_whole(text: str) -> bool:
    with suppress(ValueError):
        return "_" not in text and abs(int(text)) < 2**31
    return False


def _is_port(text: str) -> bool:
    return not text or (_is_whole(text) and 1 <= int(text) <= 65535)


def _shown(name: str) -> str:
    """A name in a query, or what stands for one where a password with a ? in it may have been cut."""
    return name if name.isidentifier() else "something"


def _unusable(variable: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{variable} can't be used: {why}")
