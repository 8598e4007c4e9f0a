"""At a terminal a command asks back: manage.py as a process, with a person before it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from routing.models import Hostname, Mapping, Registry, Tenant
from tests.management.test_log_of_commands import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ("facade", "mapping", "add", "docker.acme.com", "", "docker.io")


@contextmanager
def at_a_terminal(*words: str, stdout: int | None = None) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process, and its terminal. `stdout`: where its output goes instead."""
    terminal, theirs = pty.openpty()
    argv = [sys.executable, str(ROOT / "manage.py"), *words]
    process = subprocess.Popen(argv, env=environment(), stdin=theirs, stdout=stdout or theirs, stderr=theirs)
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


@pytest.mark.parametrize(("typed", "status"), [("acme\n", 0), ("y\n", 1), ("\x04", 1)], ids=["name", "y", "end"])
def test_a_removal_wants_the_name_though_its_output_goes_elsewhere(typed: str, status: int) -> None:
    """As in `facade tenant remove acme --everything | tee log`; Ctrl-D is no name."""
    Hostname.objects.create(tenant=Tenant.objects.create(slug="acme", name="Acme"), name="docker.acme.com")
    words = ("facade", "tenant", "remove", "acme", "--everything")
    with at_a_terminal(*words, stdout=subprocess.DEVNULL) as (process, terminal):
        assert "acme has 1 hostnames. This can't be undone." in read_until(terminal, "Type acme to go on: ")
        os.write(terminal, typed.encode())
        said = read_until(terminal, "there is no such text")
        assert process.wait(timeout=60) == status

    assert Tenant.objects.filter(slug="acme").exists() is (status == 1)
    assert ("nothing was changed" in said) is (status == 1)


def test_nobody_is_asked_with_yes() -> None:
    Hostname.objects.create(tenant=Tenant.objects.create(slug="acme", name="Acme"), name="docker.acme.com")
    with at_a_terminal("facade", "tenant", "remove", "acme", "--everything", "--yes") as (process, terminal):
        assert "Type" not in read_until(terminal, "there is no such text")
        assert process.wait(timeout=60) == 0

    assert not Tenant.objects.filter(slug="acme").exists()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (WORDS, "Is that meant? [y/N] "),
        (("facade", "tenant", "remove", "acme", "--everything"), "Type acme to go on: "),
    ],
    ids=["yes or no", "a name"],
)
def test_who_leaves_by_ctrl_d_has_changed_nothing(words: tuple[str, ...], asked: str) -> None:
    hub = {"name": "Docker Hub", "alias": "docker.io", "implicit_namespace": "library"}
    Registry.objects.get_or_create(tenant=None, origin="https://registry-1.docker.io", defaults=hub)
    Tenant.objects.create(slug="acme", name="Acme")
    with at_a_terminal(*words) as (process, terminal):
        read_until(terminal, asked)
        os.write(terminal, b"\x04")
        said = read_until(terminal, "there is no such text")
        assert process.wait(timeout=60) == 1

    assert "Traceback" not in said
    assert Tenant.objects.filter(slug="acme").exists()
    assert not Mapping.objects.exists()
