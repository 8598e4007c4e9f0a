"""Which of a server's sockets ends TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.dataplane.serving.tls_certificates import CertificateFolder
from routing.dataplane.serving.tls_handshake import Tls


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


def test_it_is_known_by_its_port_whoever_opened_it(sockets: list[socket.socket], tmp_path: Path) -> None:
    for each in sockets:
        tls = Tls(CertificateFolder(tmp_path), each.getsockname()[1])

        assert tls.listening_among(sockets) is each


def test_where_nobody_opened_it_none_is_taken_for_it(sockets: list[socket.socket], tmp_path: Path) -> None:
    unopened = sockets.pop()

    assert Tls(CertificateFolder(tmp_path), unopened.getsockname()[1]).listening_among(sockets) is None


def test_of_any_free_port_it_is_the_last(sockets: list[socket.socket], tmp_path: Path) -> None:
    assert Tls(CertificateFolder(tmp_path), 0).listening_among(sockets) is sockets[-1]
