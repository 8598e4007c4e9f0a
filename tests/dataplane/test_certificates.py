"""Which certificate is shown for a name, and when a folder's changes are taken up."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.dataplane.serving import tls_certificates as certificates
from routing.dataplane.serving.tls_certificates import CertificateFolder
from tests.registries.certificates import Authority

NAME = "docker.acme.test"
LAYOUTS = {
    "lego": (f"{NAME}.crt", f"{NAME}.key"),
    "lego, a wildcard": ("_.acme.test.crt", "_.acme.test.key"),
    "caddy": (f"{NAME}/{NAME}.crt", f"{NAME}/{NAME}.key"),
    "caddy, a wildcard": ("wildcard_.acme.test/wildcard_.acme.test.crt", "wildcard_.acme.test/wildcard_.acme.test.key"),
    "certbot": (f"{NAME}/fullchain.pem", f"{NAME}/privkey.pem"),
    "certbot, a wildcard": ("acme.test/fullchain.pem", "acme.test/privkey.pem"),
    "cert-manager": (f"{NAME}/tls.crt", f"{NAME}/tls.key"),
}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Folder:
    """A folder as an ACME client keeps it, and what the facade makes of it."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, Clock()
        self.authority = Authority(path)
        self.certificates = CertificateFolder(path, self.clock)

    def keep(self, *names: str, files: tuple[str, str] = LAYOUTS["lego"]) -> str:
        """Put a certificate for these names there, as the time after says. Its serial number."""
        issued = self.authority.issue(*names)
        for file, content in zip(files, issued, strict=True):
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            # By another file in its place, as careful programs do, so that it is another one even within one tick.
            fresh = path.with_name("fresh")
            fresh.write_bytes(content)
            fresh.rename(path)
        return serial_of(issued[0])

    def shown(self, name: str = NAME) -> str | None:
        """The serial number of what is shown for a name."""
        context = self.certificates.context_for(name)
        return None if context is None else shown_by(context, name)

    def pass_by(self) -> None:
        """So much time that files are looked at again."""
        self.clock.now += certificates._LOOK_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def serial_of(pem: bytes) -> str:
    decoded = ssl.PEM_cert_to_DER_cert(pem.decode())
    return decoded.hex()


def shown_by(context: ssl.SSLContext, name: str) -> str:
    """What a client of that context gets to see, by a handshake in memory."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    sides: list[Callable[[], None]] = [client.do_handshake, server.do_handshake]
    for _ in range(10):
        for side in list(sides):
            try:
                side()
                sides.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not sides
    der = client.getpeercert(binary_form=True)
    assert der is not None
    return der.hex()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_acme_clients_are_known(folder: Folder, layout: str) -> None:
    kept = folder.keep("*.acme.test" if "wildcard" in layout else NAME, files=LAYOUTS[layout])

    assert folder.shown() == kept


def test_a_names_own_certificate_goes_before_that_of_the_wildcard(folder: Folder) -> None:
    folder.keep("*.acme.test", files=LAYOUTS["lego, a wildcard"])
    own = folder.keep(NAME)

    assert folder.shown() == own


@pytest.mark.parametrize("names", [("other.acme.test",), ("*.docker.acme.test",), ("*.test",), ("acme.test",)])
def test_a_certificate_for_other_names_is_not_shown(folder: Folder, names: tuple[str, ...]) -> None:
    folder.keep(*names)

    assert folder.shown() is None


def test_a_renewed_certificate_is_taken_up_and_until_then_no_file_is_looked_at(folder: Folder) -> None:
    first = folder.keep(NAME)
    assert folder.shown() == first
    second = folder.keep(NAME)
    assert folder.shown() == first

    folder.pass_by()

    assert folder.shown() == second


def test_a_certificate_that_comes_later_is_found(folder: Folder) -> None:
    assert folder.shown() is None
    kept = folder.keep(NAME)
    assert folder.shown() is None

    folder.pass_by()

    assert folder.shown() == kept


@pytest.mark.parametrize("damage", ["cut", "junk", "other key", "locked key"])
def test_what_cannot_be_read_leaves_the_one_before_in_use(
    folder: Folder, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = folder.keep(NAME)
    assert folder.shown() == kept
    certificate, key = (folder.path / file for file in LAYOUTS["lego"])
    match damage:
        case "cut":
            certificate.write_bytes(certificate.read_bytes()[:200])
        case "junk":
            key.write_bytes(b"\xff" * 300)
        case "other key":
            key.write_bytes(folder.authority.issue(NAME)[1])
        case "locked key":
            key.write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    folder.pass_by()

    assert folder.shown() == kept
    assert f"isn't used for {NAME}" in caplog.text


def test_what_cannot_be_read_is_told_once_until_it_is_another(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    def told() -> int:
        return caplog.text.count(f"isn't used for {NAME}")

    kept = folder.keep(NAME)
    good = [folder.path / file for file in LAYOUTS["lego"]]
    damaged = folder.path / "fresh"
    assert folder.shown() == kept
    for times in (1, 2):
        damaged.write_bytes(b"junk" * times)
        damaged.rename(good[0])
        for _ in range(3):
            folder.pass_by()
            assert folder.shown() == kept
        assert told() == times

    mended = folder.keep(NAME)
    folder.pass_by()
    assert folder.shown() == mended
    assert told() == 2


def test_one_that_never_could_be_read_is_told_once(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.keep("other.acme.test")
    for _ in range(3):
        assert folder.shown() is None
        folder.pass_by()

    assert caplog.text.count("it is for other names") == 1


def test_a_certificate_that_is_gone_is_shown_no_more(folder: Folder) -> None:
    folder.keep(NAME)
    assert folder.shown() is not None
    (folder.path / LAYOUTS["lego"][0]).unlink()

    folder.pass_by()

    assert folder.shown() is None


def test_only_so_many_names_are_kept_ready(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_MOST_NAMES", 3)
    folder.keep("*.acme.test", files=LAYOUTS["lego, a wildcard"])

    for number in range(10):
        assert folder.shown(f"name{number}.acme.test") is not None

    assert list(folder.certificates._kept) == [f"name{number}.acme.test" for number in (7, 8, 9)]


def test_no_name_leads_out_of_the_folder(folder: Folder) -> None:
    inside = folder.path / "inside"
    inside.mkdir()
    folder.keep(NAME)

    assert CertificateFolder(inside).context_for(f"../{NAME}") is None
