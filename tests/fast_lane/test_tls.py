"""The workers end TLS: real connections to a real server, with certificates of an authority of the tests' own."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.facade import ADDRESS, CONTROL_HOST, Facade
from tests.e2e.lab.process import wait_until
from tests.registries.certificates import Authority

pytestmark = pytest.mark.e2e

HOST, SUSPENDED, WITHOUT = "docker.acme.test", "old.acme.test", "new.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
LOCATION = "https://ghcr.io" + PATH
PATIENCE_SECONDS = 60
MOST_OF_ONE_ADDRESS = 20
# A proxy that passes bytes on, and a client of which it tells.
PROXY, CLIENT = "127.0.0.3", "192.0.2.60"


class Site:
    """A facade that ends TLS, and whoever signs its certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority(folder)
        for name in (HOST, SUSPENDED, CONTROL_HOST):
            self.keep(name)
        self.facade = Facade(
            sqlite=True,
            FACADE_TLS_CERTIFICATES=str(folder),
            FACADE_TLS_PORT="0",
            FACADE_PROBE_ON_SAVE="false",
            FACADE_MAX_CONNECTIONS_PER_ADDRESS=str(MOST_OF_ONE_ADDRESS),
            FACADE_TRUSTED_PROXIES=PROXY,
            FACADE_ACCESS_LOG="true",
            FACADE_LOG_FORMAT="json",
        )
        self.port = int(re.findall(r"http://[^ :]+:(\d+)", self.facade.log())[1])
        for name in (HOST, SUSPENDED, WITHOUT):
            self.facade.manage("add_mapping", name, "acme", "ghcr.io/acme")
            self.facade.wait_for("/v2/acme/app/blobs/uploads/", 405, host=name)
        self.facade.manage("suspend", "--hostname", SUSPENDED, "--message", "unpaid")
        self.facade.wait_for(PATH, 403, host=SUSPENDED)

    def keep(self, name: str) -> None:
        """Have a certificate for a name, a new one where there is one."""
        for suffix, content in zip(("crt", "key"), self.authority.issue(name), strict=True):
            fresh = self.folder / f"fresh.{suffix}"
            fresh.write_bytes(content)
            fresh.rename(self.folder / f"{name}.{suffix}")

    def connect(self, name: str | None = HOST, source: str = ADDRESS, first: bytes = b"") -> socket.socket:
        """A connection by TLS, before whose handshake the first bytes are sent."""
        connection = socket.create_connection((ADDRESS, self.port), PATIENCE_SECONDS, source_address=(source, 0))
        connection.sendall(first)
        context = self.authority.client_context()
        if name is None:
            context.check_hostname = False
        return context.wrap_socket(connection, server_hostname=name)

    def ask(self, path: str = PATH, name: str = HOST, host: str | None = None, *fields: str) -> bytes:
        """The whole answer to one request, on a connection of its own."""
        with closing(self.connect(name)) as connection:
            lines = [f"GET {path} HTTP/1.1", f"Host: {host or name}", "Connection: close", *fields]
            connection.sendall("\r\n".join([*lines, "\r\n"]).encode())
            return everything(connection)

    def clients_of(self, target: str) -> list[str]:
        """Who asked for a target, by the access log."""
        lines = [json.loads(line) for line in self.facade.log().splitlines() if line.startswith("{")]
        return [line["client"] for line in lines if line["logger"] == "routing.access" and line["target"] == target]


def everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("certificates"))
    yield site
    site.facade.stop()


def test_a_redirect_and_a_challenge_by_tls(site: Site) -> None:
    redirect = site.ask(PATH, HOST, None, "User-Agent: containerd/2.1.0")
    challenge = site.ask(PATH, HOST, None, "User-Agent: skopeo/1.18")

    assert redirect.startswith(b"HTTP/1.1 307 ")
    assert f"\r\nlocation: {LOCATION}\r\n".encode() in redirect
    assert challenge.startswith(b"HTTP/1.1 401 ")
    assert f'realm="https://{HOST}/token"'.encode() in challenge


def test_a_connection_carries_many_requests(site: Site) -> None:
    with closing(site.connect()) as connection:
        reader = connection.makefile("rb")
        for _ in range(5):
            connection.sendall(f"HEAD {PATH} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: containerd/2.1.0\r\n\r\n".encode())
            assert reader.readline().startswith(b"HTTP/1.1 307 ")
            while reader.readline() != b"\r\n":
                pass


def test_what_is_sent_along_with_the_end_of_the_handshake_is_answered(site: Site) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = site.authority.client_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    with closing(socket.create_connection((ADDRESS, site.port), PATIENCE_SECONDS)) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        # In one packet: what ends the handshake, and the request.
        client.write(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        connection.sendall(outgoing.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            try:
                answer += client.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(connection.recv(65536))
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("name", ["nobody.acme.test", WITHOUT, None, "127.0.0.1"])
def test_there_is_no_handshake_for_a_name_without_certificate_or_that_nobody_knows(
    site: Site, name: str | None
) -> None:
    with pytest.raises(ssl.SSLError) as refusal:
        site.connect(name)

    assert refusal.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def test_what_is_suspended_says_so(site: Site) -> None:
    answer = site.ask(name=SUSPENDED)

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"unpaid" in answer


def test_the_name_of_the_request_counts_and_not_that_of_the_handshake(site: Site) -> None:
    assert site.ask(name=HOST, host="nobody.acme.test").startswith(b"HTTP/1.1 404 ")


def test_pages_are_answered_by_tls(site: Site) -> None:
    answer = site.ask("/accounts/login/", CONTROL_HOST)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"<form" in answer


def test_a_renewed_certificate_is_taken_up_without_a_restart(site: Site) -> None:
    def shown() -> bytes | None:
        with closing(site.connect()) as connection:
            assert isinstance(connection, ssl.SSLSocket)
            return connection.getpeercert(binary_form=True)

    before = shown()
    site.keep(HOST)

    wait_until(lambda: shown() != before, "the new certificate is shown")


def test_a_session_goes_on_with_every_worker(site: Site) -> None:
    context = site.authority.client_context()

    def connection(session: ssl.SSLSession | None) -> ssl.SSLSocket:
        raw = socket.create_connection((ADDRESS, site.port), PATIENCE_SECONDS)
        wrapped = context.wrap_socket(raw, server_hostname=HOST, session=session)
        wrapped.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        # In TLS 1.3 the tickets come behind the handshake.
        assert everything(wrapped).startswith(b"HTTP/1.1 401 ")
        return wrapped

    with closing(connection(None)) as first:
        session = first.session
        assert not first.session_reused
    workers = set(site.facade.worker_pids())
    reused = []
    for _ in range(40):
        with closing(connection(session)) as again:
            reused.append(again.session_reused)
            session = again.session

    assert all(reused)
    assert len(workers) == 2


def version_1(client: str) -> bytes:
    return f"PROXY TCP4 {client} 203.0.113.1 40000 443\r\n".encode()


def version_2(client: str) -> bytes:
    addresses = socket.inet_aton(client) + socket.inet_aton("203.0.113.1") + struct.pack("!HH", 40000, 443)
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(addresses)) + addresses


def asked_by(site: Site, target: str, header: bytes, source: str = PROXY) -> list[str]:
    """Ask for a target by a connection that begins with a header; who asked, as the facade tells."""
    with closing(site.connect(source=source, first=header)) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        assert everything(connection).startswith(b"HTTP/1.1 401 ")
    wait_until(lambda: bool(site.clients_of(target)), "the request is in the log")
    return site.clients_of(target)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (version_1(CLIENT), CLIENT),
        (version_2(CLIENT), CLIENT),
        (b"PROXY UNKNOWN\r\n", PROXY),
        (b"", PROXY),
    ],
    ids=["version 1", "version 2", "unknown", "none"],
)
def test_a_trusted_proxy_tells_who_the_client_is_before_the_handshake(
    site: Site, header: bytes, client: str, request: pytest.FixtureRequest
) -> None:
    target = f"/v2/acme/{request.node.callspec.id.replace(' ', '')}/manifests/1"

    assert asked_by(site, target, header) == [client]


def test_a_header_counts_as_its_clients_connection(site: Site) -> None:
    with ExitStack() as held:
        refused = 0
        for _ in range(6 * MOST_OF_ONE_ADDRESS):
            try:
                held.enter_context(closing(site.connect(source=PROXY, first=version_2("192.0.2.61"))))
            except OSError:
                refused += 1
        # Of each of two workers one address has its share, and no more.
        assert refused >= 6 * MOST_OF_ONE_ADDRESS - 2 * MOST_OF_ONE_ADDRESS
        # The proxy's other clients have room.
        assert asked_by(site, "/v2/acme/other/manifests/1", version_2("192.0.2.62")) == ["192.0.2.62"]


def test_a_strangers_header_is_no_handshake(site: Site) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # an SSLError, or the end of the connection
        site.connect(first=version_1(CLIENT))


def test_a_malformed_header_closes_the_connection_and_is_counted(site: Site) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # an SSLError, or the end of the connection
        site.connect(source=PROXY, first=b"PROXY TCP4 no.address 203.0.113.1 40000 443\r\n")

    told = "facade_connections_rejected_total{"
    wait_until(
        lambda: any(
            line.startswith(told) and "proxy header" in line
            for line in site.facade.request("GET", "/metrics").body.decode().splitlines()
        ),
        "the metrics tell of it",
    )


def test_connections_that_never_shake_hands_count_in_their_addresss_share(site: Site) -> None:
    address = "127.0.0.9"
    # So many that each worker, whichever the kernel gives them to, has more than the share.
    silent = [
        socket.create_connection((ADDRESS, site.port), PATIENCE_SECONDS, source_address=(address, 0))
        for _ in range(6 * MOST_OF_ONE_ADDRESS)
    ]
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        closed: set[socket.socket] = set()
        while len(closed) < 6 * MOST_OF_ONE_ADDRESS - 2 * MOST_OF_ONE_ADDRESS and time.monotonic() < deadline:
            for connection in silent:
                connection.settimeout(0.01)
                try:
                    if connection.recv(1) == b"":
                        closed.add(connection)
                except TimeoutError:
                    pass
                except ConnectionError:
                    closed.add(connection)
        assert len(closed) >= 6 * MOST_OF_ONE_ADDRESS - 2 * MOST_OF_ONE_ADDRESS
        # Others have room.
        assert site.ask().startswith(b"HTTP/1.1 401 ")
    finally:
        for connection in silent:
            connection.close()


def test_handshakes_that_fail_are_counted_by_cause_and_leave_no_line_in_the_log(site: Site) -> None:
    before = len(site.facade.log())
    for name in ("a.nobody.test", WITHOUT):
        with pytest.raises(OSError):  # noqa: PT011  # an SSLError, or the end of the connection
            site.connect(name)
    with closing(socket.create_connection((ADDRESS, site.port), PATIENCE_SECONDS)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        everything(connection)

    def told() -> bool:
        metrics = site.facade.request("GET", "/metrics").body.decode()
        return all(
            f'facade_tls_handshakes_failed_total{{cause="{c}"}}' in metrics for c in ("name", "certificate", "other")
        )

    wait_until(told, "the metrics tell of the handshakes")
    assert "handshake" not in site.facade.log()[before:].lower()
    assert "Traceback" not in site.facade.log()[before:]
