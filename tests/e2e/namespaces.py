"""Two machines with a cable between them, as network namespaces of Linux: what one sends can be dropped on its way.

    with Cable() as cable, cable.far_side():
        ...  # Sockets and programs that are made here are on the far machine.

Whoever made the cable is on the near machine until it is gone. Neither machine has a route to anywhere else, so that no
packet leaves them. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

_CLONE_NEWNET = 0x40000000
# Addresses for documentation (RFC 5737): they are nobody's.
NEAR_ADDRESS = "192.0.2.1"
FAR_ADDRESS = "192.0.2.2"
_libc = ctypes.CDLL(None, use_errno=True)


class Cable:
    """Two namespaces that know each other as NEAR_ADDRESS and FAR_ADDRESS. The making thread enters the near one."""

    def __init__(self) -> None:
        name = f"facade-{secrets.token_hex(4)}"
        self._near, self._far = f"{name}-a", f"{name}-b"
        self._stack = ExitStack()
        try:
            for namespace in (self._near, self._far):
                _ip("netns", "add", namespace)
                self._stack.callback(_ip, "netns", "delete", namespace)
                _ip("-netns", namespace, "link", "set", "lo", "up")
            ends = ["cable", "type", "veth", "peer", "name", "cable", "netns", self._far]
            _ip("-netns", self._near, "link", "add", *ends)
            for namespace, address in ((self._near, NEAR_ADDRESS), (self._far, FAR_ADDRESS)):
                _ip("-netns", namespace, "address", "add", f"{address}/24", "dev", "cable")
                _ip("-netns", namespace, "link", "set", "cable", "up")
            self._stack.enter_context(_entered(self._near))
        except BaseException:
            self._stack.close()
            raise

    @contextmanager
    def far_side(self) -> Iterator[None]:
        """This thread is on the far machine meanwhile."""
        with _entered(self._far):
            yield

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Every packet between them is dropped, both ways. Connections stay, and nobody is told."""
        self._drop("--append")
        try:
            yield
        finally:
            self._drop("--delete")

    def _drop(self, action: str) -> None:
        for chain in ("INPUT --in-interface", "OUTPUT --out-interface"):
            rule = ["iptables", "--wait", action, *chain.split(), "cable", "--jump", "DROP"]
            _run("ip", "netns", "exec", self._far, *rule)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@contextmanager
def _entered(namespace: str) -> Iterator[None]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(Path("/run/netns") / namespace)
        yield
    finally:
        _check(_libc.setns(before, _CLONE_NEWNET))
        os.close(before)


def _enter(path: Path) -> None:
    wanted = os.open(path, os.O_RDONLY)
    try:
        _check(_libc.setns(wanted, _CLONE_NEWNET))
    finally:
        os.close(wanted)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=60)
