"""What this process is called in PostgreSQL: `pg_stat_activity.application_name` says server, worker and role.

libpq takes the name from the environment (PGAPPNAME). An operator's own name, there or in DATABASE_URL, goes before.
"""

import os
import platform
from contextlib import suppress
from pathlib import Path

#: What a control worker is called by the system, which shows 15 letters.
CONTROL_NAME = "facade-control"

_PRODUCT = "registry-facade"
_VARIABLE = "PGAPPNAME"
#: PostgreSQL cuts longer names (NAMEDATALEN).
_MAX_BYTES = 63
#: What a process puts behind its name where it follows changes.
_LONGEST_SUFFIX = len(" listen")


def name_connections(role: str) -> None:
    """Call this process's connections that are made from now on `registry-facade HOST ROLE`."""
    if os.environ.get(_VARIABLE, _PRODUCT).startswith(_PRODUCT):
        os.environ[_VARIABLE] = application_name(platform.node(), role)


def name_process(name: str) -> None:
    """Let `top` and `ps -o comm` show this process by that name, where there is Linux's /proc."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


def application_name(host: str, role: str) -> str:
    """The name, in which a long host is cut, not the role. PostgreSQL shows ASCII alone, and so many bytes."""
    role = _ascii(role)[: _MAX_BYTES - _LONGEST_SUFFIX - len(_PRODUCT) - 2]
    room = _MAX_BYTES - _LONGEST_SUFFIX - len(f"{_PRODUCT}  {role}")
    return " ".join(filter(None, [_PRODUCT, _ascii(host)[:room], role]))


def _ascii(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
