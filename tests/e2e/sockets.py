"""Who holds which connection, by the kernel's tables: so that a test can tell what a killed worker takes with it."""

from __future__ import annotations

import re
import select
import socket
from functools import partial
from pathlib import Path

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import LabError, wait_until

_ESTABLISHED = "01"


def client_ports(pid: int, port: int) -> set[int]:
    """The clients' ports of the connections to `port` on 127.0.0.1 that a process holds."""
    inodes = set()
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return set()  # It has ended.
    for entry in entries:
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if found := re.fullmatch(r"socket:\[(\d+)\]", target):
            inodes.add(found[1])
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        local, remote, state, inode = columns[1], columns[2], columns[3], columns[9]
        if inode in inodes and state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            ports.add(int(remote.rpartition(":")[2], 16))
    return ports


def unread_bytes(server_port: int, client_port: int) -> int:
    """How much of what was sent on a connection over 127.0.0.1 the server has not read yet; -1: no such connection."""
    ends = [f"0100007F:{port:04X}" for port in (server_port, client_port)]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1:3] == ends:
            return int(columns[4].rpartition(":")[2], 16)
    return -1


def connection_to(pid: int, facade: Facade) -> socket.socket:
    """A new connection that is this very worker's. Raises LabError where it takes none."""
    for _ in range(1000):
        connection = socket.create_connection((ADDRESS, facade.port), timeout=30)
        wait_until(partial(_is_accepted, facade, connection), "the connection is accepted")
        if connection.getsockname()[1] in client_ports(pid, facade.port):
            return connection
        connection.close()
    raise LabError(f"worker {pid} accepts no connection")


def _is_accepted(facade: Facade, connection: socket.socket) -> bool:
    port = connection.getsockname()[1]
    if any(port in client_ports(worker, facade.port) for worker in facade.worker_pids()):
        return True
    # Whoever accepted it may have been killed since: then there is an end to be read.
    return bool(select.select([connection], [], [], 0)[0])
