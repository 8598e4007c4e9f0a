"""At a terminal a command asks back: manage.py as a process, with a person before it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from routing.models import Mapping, Registry
from tests.management.test_log_of_commands import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ("facade", "mapping", "add", "docker.acme.com", "", "docker.io")


@contextmanager
def at_a_terminal(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process, and its terminal."""
    terminal, theirs = pty.openpty()
    argv = [sys.executable, str(ROOT / "manage.py"), *words]
    process = subprocess.Popen(argv, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield process, terminal
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, text: str) -> str:
    """What is shown, up to a text; or all, where the process ends."""
    shown = b""
    # Linux: the other end is closed.
    with suppress(OSError):
        while text.encode() not in shown and (more := os.read(terminal, 4096)):
            shown += more
    return shown.decode()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("yes", 0), ("n", 1), ("", 1)])
def test_all_of_a_shared_registry(answer: str, status: int) -> None:
    hub = {"name": "Docker Hub", "alias": "docker.io", "implicit_namespace": "library"}
    Registry.objects.get_or_create(tenant=None, origin="https://registry-1.docker.io", defaults=hub)
    with at_a_terminal(*WORDS) as (process, terminal):
        assert "docker.io without a path is all of Docker Hub" in read_until(terminal, "Is that meant? [y/N] ")
        os.write(terminal, f"{answer}\n".encode())
        read_until(terminal, "there is no such text")
        assert process.wait(timeout=60) == status

    assert Mapping.objects.exists() is (status == 0)
