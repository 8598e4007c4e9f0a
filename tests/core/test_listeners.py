"""Where a server listens, as settings write it."""

from __future__ import annotations

import pytest

from routing.core.grammar.listeners import Listener, parse_listener


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("127.0.0.1:8001", Listener("127.0.0.1", 8001)),
        ("localhost:0", Listener("localhost", 0)),
        ("[::1]:65535", Listener("::1", 65535)),
        ("unix:/run/facade/gate.sock", Listener("", 0, "/run/facade/gate.sock")),
        ("unix:/" + "a" * 106, Listener("", 0, "/" + "a" * 106)),
    ],
)
def test_a_port_or_a_socket(text: str, listener: Listener) -> None:
    assert parse_listener(text) == listener


@pytest.mark.parametrize(
    "text",
    [
        *("", "8001", ":8001", "[]:8001", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:²"),
        *("::1:8001", "[127.0.0.1]:8001", "[::1:8001", "::1]:8001", "http://127.0.0.1:8001"),
        *("unix:", "unix:run/gate.sock", "unix:/" + "a" * 107, "unix:/" + "ä" * 54),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no Unix socket|is no host and port"):
        parse_listener(text)
