"""The files by which clients do without the facade: real containerd and podman, before and after it stops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab import images
from tests.e2e.lab.containerd import Containerd
from tests.e2e.lab.containers_image import Podman
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory
from tests.e2e.lab.process import Completed

#: As podman is asked for it where its prefix has another name at the registry.
RENAMED = PUBLIC.replace("acme/", "team/")


class Machine:
    """One with containerd and podman, and the facade's files for both."""

    def __init__(self, facade: Facade, stack: ExitStack) -> None:
        self._facade = facade
        self._podman, self._containerd = Podman("podman-files"), Containerd("containerd-files")
        for client in (self._podman, self._containerd):
            stack.callback(client.stop)
        self._hosts = self._containerd.home / "certs.d"

    def take_files(self, address: Address) -> None:
        """Put them where the clients look."""
        port = {"FACADE_LOOPBACK_PORT": address.netloc.rpartition(":")[2]}
        words = ["facade", "hostname", "fallback", address.hostname, "--for"]
        folder = self._hosts / address.netloc
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(self._facade.manage(*words, "containerd", extra=port))
        with (self._podman.home / "registries.conf").open("a") as file:
            file.write(self._facade.manage(*words, "podman", extra=port))

    def by_containerd(self, reference: str) -> Completed:
        # No --plain-http: the file says where there is no TLS.
        options = ["--hosts-dir", str(self._hosts), "--snapshotter", "native"]
        done = self._containerd.command("files", "images", "pull", *options, reference)
        # So that the next pull fetches everything again.
        self._containerd.command("files", "images", "remove", "--sync", reference)
        return done

    def by_podman(self, reference: str) -> Completed:
        # No --tls-verify=false: the same.
        storage = self._podman.storage(self._podman.fresh())
        return self._podman.run([*storage, "pull", reference])


@pytest.fixture(scope="module")
def stopped(lab: Laboratory) -> Iterator[tuple[Machine, Address, Address]]:
    """A machine that has pulled through a facade, which is gone since: of a hostname with one mapping, and with two."""
    url = lab.backing("none").url
    with ExitStack() as stack:
        facade = stack.enter_context(Facade(FACADE_PROBE_ON_SAVE="false"))
        book = stack.enter_context(AddressBook(facade))
        machine = Machine(facade, stack)
        one, two = book.open(
            [
                AddressSpec((MappingSpec("acme", url, "acme"),)),
                AddressSpec((MappingSpec("acme", url, "acme"), MappingSpec("team", url, "acme"))),
            ]
        )
        for address in (one, two):
            machine.take_files(address)
            for pull in (machine.by_containerd, machine.by_podman):
                address.forget()
                pull(f"{address.netloc}/{PUBLIC}:{TAG}").checked()
                asked = [exchange.target for exchange in address.passed()]
                assert any(f"/{PUBLIC}/manifests/" in target for target in asked), "it is asked first"
        facade.kill()
        book.stop()
        yield machine, one, two


def test_containerd_pulls_a_tag_while_the_facade_is_stopped(stopped: tuple[Machine, Address, Address]) -> None:
    machine, one, _ = stopped

    machine.by_containerd(f"{one.netloc}/{PUBLIC}:{TAG}").checked()


def test_podman_pulls_what_has_another_name_at_the_registry(stopped: tuple[Machine, Address, Address]) -> None:
    machine, _, two = stopped

    machine.by_podman(f"{two.netloc}/{PUBLIC}:{TAG}").checked()
    machine.by_podman(f"{two.netloc}/{RENAMED}:{TAG}").checked()
    assert not machine.by_podman(f"{two.netloc}/elsewhere/app:{TAG}").ok


def test_where_mappings_differ_containerd_pulls_by_digest_alone(
    lab: Laboratory, stopped: tuple[Machine, Address, Address]
) -> None:
    machine, _, two = stopped
    image: images.Image = lab.backing("none").images[PUBLIC]

    machine.by_containerd(f"{two.netloc}/{PUBLIC}@{image.digest}").checked()
    assert not machine.by_containerd(f"{two.netloc}/{PUBLIC}:{TAG}").ok
