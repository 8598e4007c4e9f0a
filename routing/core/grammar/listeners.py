"""Where a server of the facade's listens, as settings write it."""

from typing import NamedTuple

_UNIX = "unix:"
# sockaddr_un(7): 108 bytes with the one that ends it.
_MAX_PATH_BYTES = 107
_MAX_PORT = 65535


class Listener(NamedTuple):
    """A TCP port of an address or host name, or the path of a Unix socket. Port 0 is any free one."""

    host: str
    port: int
    path: str = ""


def parse_listener(text: str) -> Listener:
    """`127.0.0.1:8001`, `[::1]:8001`, `localhost:8001` or `unix:/run/gate.sock`. Raises ValueError for any other."""
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path.startswith("/") or len(path.encode()) > _MAX_PATH_BYTES:
            raise ValueError(f"{text!r} names no Unix socket")
        return Listener("", 0, path)
    host, _, digits = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    name = host[1:-1] if is_bracketed else host
    port = int(digits) if digits.isascii() and digits.isdigit() else _MAX_PORT + 1
    if not name or port > _MAX_PORT or is_bracketed != (":" in name):
        raise ValueError(f"{text!r} is no host and port")
    return Listener(name, port)
