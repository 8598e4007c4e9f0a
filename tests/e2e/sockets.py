"""Who holds which connection, by the kernel's tables: so that a test can tell what a killed worker takes with it."""

from __future__ import annotations

import re
from pathlib import Path

_ESTABLISHED = "01"


def client_ports(pid: int, port: int) -> set[int]:
    """The clients' ports of the connections to `port` on 127.0.0.1 that a process holds."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
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
