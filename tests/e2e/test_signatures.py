"""The lines for signatures: real podman verifies, through the facade, what was signed under the registry's name.

Debian's podman and Skopeo are built without sigstore's signatures, so these are GPG's: the same `signedIdentity` is
compared for both kinds. Of sigstore's it shows where podman looks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab import images
from tests.e2e.lab.containers_image import Podman
from tests.e2e.lab.laboratory import TAG, Laboratory
from tests.e2e.lab.process import Completed

SIGNED, OWN, UNSIGNED = "signed/app", "signed/own", "signed/none"
_SIGNER = "signer@acme.example"


class Machine:
    """One with podman, the facade's files, a key, and a folder of signatures by the facade's names."""

    def __init__(self, facade: Facade, address: Address) -> None:
        self.address = address
        self._podman = Podman("podman-signatures")
        home = self._podman.home
        self._signatures, self._keyring, gpg = home / "signatures", home / "key.gpg", home / "gpg"
        gpg.mkdir(mode=0o700)
        self._podman.env["GNUPGHOME"] = str(gpg)
        self._gpg("--quick-generate-key", _SIGNER, "default", "sign", "never")
        self._gpg("--output", str(self._keyring), "--export", _SIGNER)
        self._settings = home / ".config/containers"
        (self._settings / "registries.d").mkdir()
        port = {"FACADE_LOOPBACK_PORT": address.netloc.rpartition(":")[2]}
        words = ["facade", "hostname", "signatures", address.hostname, "--for"]
        self._policy = facade.manage(*words, "policy", extra=port)
        self._attachments = facade.manage(*words, "attachments", extra=port)

    def stop(self) -> None:
        self._podman.run(["gpgconf", "--kill", "all"])
        self._podman.stop()

    def sign(self, manifest: images.Manifest, identity: str, name: str) -> None:
        """Put the signature where podman looks for one of `name` at the facade."""
        source = self._podman.fresh() / "manifest.json"
        source.write_bytes(manifest.content)
        target = self._signatures / f"{name}@{manifest.digest.replace(':', '=')}/signature-1"
        target.parent.mkdir(parents=True)
        self._podman.run(["skopeo", "standalone-sign", str(source), identity, _SIGNER, f"--output={target}"]).checked()

    def pull(self, name: str, *, remap: bool = True, attachments: bool = True) -> Completed:
        """With the facade's files, or with a line of them missing."""
        policy = json.loads(self._policy)
        for (requirement,) in policy["transports"]["docker"].values():
            requirement |= {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(self._keyring)}
            if not remap:
                del requirement["signedIdentity"]
        (self._settings / "policy.json").write_text(json.dumps(policy))
        lines = [line for line in self._attachments.splitlines() if attachments or "use-sigstore" not in line]
        lines.append(f"    lookaside: file://{self._signatures}")
        (self._settings / "registries.d/facade.yaml").write_text("\n".join(lines) + "\n")
        storage = self._podman.storage(self._podman.fresh())
        self.address.forget()
        return self._podman.run([*storage, "pull", "--tls-verify=false", f"{self.address.netloc}/{name}:{TAG}"])

    def asked_for_signatures(self) -> bool:
        return any(exchange.target.endswith(".sig") for exchange in self.address.passed())

    def _gpg(self, *words: str) -> None:
        self._podman.run(["gpg", "--batch", "--pinentry-mode=loopback", "--passphrase=", *words]).checked()


@pytest.fixture(scope="module")
def machine(lab: Laboratory) -> Iterator[Machine]:
    """Pulls what is `signed/...` at a registry as `mine/...`."""
    backing = lab.another_backing("none")
    with ExitStack() as stack:
        facade = stack.enter_context(Facade(FACADE_PROBE_ON_SAVE="false"))
        book = stack.enter_context(AddressBook(facade))
        (address,) = book.open([AddressSpec((MappingSpec("mine", backing.url, "signed"),))])
        machine = Machine(facade, address)
        stack.callback(machine.stop)
        identities = {SIGNED: f"{backing.netloc}/{SIGNED}:{TAG}", OWN: f"{address.netloc}/mine/own:{TAG}"}
        for name in (SIGNED, OWN, UNSIGNED):
            image = images.build(name)
            backing.push(image, name)
            # podman looks for one of its platform's image; newer ones for one of the index too.
            for manifest in (image.host, image.index) if name in identities else ():
                machine.sign(manifest, identities[name], name.replace("signed/", "mine/"))
        yield machine


def test_what_was_signed_under_the_registrys_name_is_accepted(machine: Machine) -> None:
    machine.pull("mine/app").checked()


def test_without_the_remap_line_it_is_not(machine: Machine) -> None:
    pulled = machine.pull("mine/app", remap=False)

    assert not pulled.ok
    assert "is not accepted" in pulled.output


def test_what_was_signed_under_the_facades_name_needs_none(machine: Machine) -> None:
    machine.pull("mine/own", remap=False).checked()
    assert not machine.pull("mine/own").ok


def test_what_is_not_signed_is_refused(machine: Machine) -> None:
    pulled = machine.pull("mine/none")

    assert not pulled.ok
    assert "no signature exists" in pulled.output


def test_with_the_line_for_attachments_podman_asks_the_facade_for_sigstores(machine: Machine) -> None:
    machine.pull("mine/app", attachments=False).checked()
    assert not machine.asked_for_signatures()
    machine.pull("mine/app").checked()
    assert machine.asked_for_signatures()
