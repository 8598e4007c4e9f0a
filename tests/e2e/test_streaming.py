"""The opt-in: where a registry's operator switched streaming on, layers pass the facade, as they come."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab import addresses
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.images import Image
from tests.e2e.lab.laboratory import ARTIFACT, CLIENTS, PUBLIC, TAG, Laboratory
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.process import wait_until
from tests.e2e.lab.registry import Auth

AUTHS: tuple[Auth, ...] = ("bearer", "basic")
MIB = 1024 * 1024
BIG_MIB = 200
# What two pairs of socket buffers, the server's and the client library's hold, and as much again.
MOST_UNDER_WAY_MIB = 48


@pytest.fixture(scope="module")
def streaming(lab: Laboratory, address_book: AddressBook) -> dict[Auth, Address]:
    """Addresses of registries that serve layers themselves, under another name."""
    specs = [AddressSpec((MappingSpec("team", lab.backing(auth).url, "acme"),), streams=True) for auth in AUTHS]
    return dict(zip(AUTHS, address_book.open(specs), strict=True))


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", [*CLIENTS, "oras"])
def test_every_client_pulls_where_layers_may_pass(
    lab: Laboratory, streaming: dict[Auth, Address], client: str, auth: Auth
) -> None:
    backing, address = lab.backing(auth), streaming[auth]
    name = ARTIFACT if client == "oras" else PUBLIC
    image = backing.images[name]
    address.forget()
    reference = f"{address.netloc}/{name.replace('acme/', 'team/')}:{TAG}"
    lab.client(client).pull(reference, backing.account_for(name)).verified(image)
    if client == "containerd":
        # It takes its token to the registry, so nothing has to pass.
        assert address.blob_bytes() == 0
        assert address.layers_seen(image) == 0
    else:
        assert address.blob_bytes() >= image.layer_bytes
        assert address.layers_seen(image) == len(image.host.layer_digests)


@pytest.mark.parametrize("auth", AUTHS)
def test_a_range_is_honoured_and_head_has_the_length(
    lab: Laboratory, address_book: AddressBook, streaming: dict[Auth, Address], auth: Auth
) -> None:
    address, image = streaming[auth], lab.backing(auth).images[PUBLIC]
    target, layer = _layer(image)
    headers = {"Authorization": f"Bearer {_token(address_book.facade, address)}"}
    facade = address_book.facade

    part = facade.request("GET", target, host=address.netloc, headers=headers | {"Range": "bytes=100-1099"})
    assert (part.status, part.body) == (206, layer[100:1100])
    assert part.headers["content-range"] == f"bytes 100-1099/{len(layer)}"
    beyond = facade.request("GET", target, host=address.netloc, headers=headers | {"Range": f"bytes={len(layer)}-"})
    assert beyond.status == 416
    whole = facade.request("GET", target, host=address.netloc, headers=headers)
    assert (whole.status, whole.body) == (200, layer)
    head = facade.request("HEAD", target, host=address.netloc, headers=headers)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(layer)), b"")


def _token(facade: Facade, address: Address) -> str:
    scope = "repository:team/app:pull"
    answer = facade.request("GET", f"/token?scope={scope}", host=address.netloc, headers={"Authorization": ALICE.basic})
    assert answer.status == 200, answer.body
    return str(answer.json()["token"])


def _layer(image: Image) -> tuple[str, bytes]:
    digest = image.host.layer_digests[0]
    return f"/v2/team/app/blobs/{digest}", image.blobs[digest]


class BigBlob(Origin):
    """A registry with one blob of BIG_MIB, which it serves itself to whoever has a password."""

    piece = bytes(range(256)) * 256

    def __init__(self, address: str) -> None:
        self.pieces = BIG_MIB * MIB // len(self.piece)
        self.digest = f"sha256:{'b' * 64}"
        super().__init__(address)

    def answer(self, request: Request) -> Answer:
        if request.header("Authorization") is None:
            return Answer(401, [("WWW-Authenticate", 'Basic realm="big"')])
        if request.path == "/v2/":
            return Answer(200, [], b"{}")
        return Answer(200, [], (self.piece for _ in range(self.pieces)), self.pieces * len(self.piece))

    @property
    def sent_bytes(self) -> int:
        return sum(exchange.body_bytes for exchange in self.log.matching("GET", "/blobs/"))


@pytest.fixture
def big() -> Iterator[BigBlob]:
    with BigBlob(addresses.SPARE[-1]) as origin:
        yield origin


def test_a_big_blob_is_never_held_whole(address_book: AddressBook, big: BigBlob) -> None:
    facade = address_book.facade
    (address,) = address_book.open([AddressSpec((MappingSpec("team", big.url, "acme"),), streams=True)])
    token, pids = _token(facade, address), facade.worker_pids()
    before = {pid: _peak_memory_mib(pid) for pid in pids}

    with socket.create_connection(("127.0.0.1", facade.port), 60) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        request = f"GET /v2/team/app/blobs/{big.digest} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        client.sendall(f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
        head, _, read = _until(client, b"\r\n\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert f"content-length: {BIG_MIB * MIB}".encode() in head.lower()

        _wait_until_still(big)
        assert 0 < big.sent_bytes < MOST_UNDER_WAY_MIB * MIB
        count, digest = len(read), hashlib.sha256(read)
        while piece := client.recv(256 * 1024):
            count += len(piece)
            digest.update(piece)

    assert count == BIG_MIB * MIB
    assert digest.hexdigest() == hashlib.sha256(BigBlob.piece * big.pieces).hexdigest()
    grown = {pid: _peak_memory_mib(pid) - before[pid] for pid in pids}
    assert max(grown.values()) < MOST_UNDER_WAY_MIB, grown


def test_a_caller_that_goes_away_ends_the_stream(address_book: AddressBook, big: BigBlob) -> None:
    facade = address_book.facade
    (address,) = address_book.open([AddressSpec((MappingSpec("team", big.url, "acme"),), streams=True)])
    token = _token(facade, address)
    with socket.create_connection(("127.0.0.1", facade.port), 60) as client:
        request = f"GET /v2/team/app/blobs/{big.digest} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        client.sendall(f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
        _until(client, b"\r\n\r\n")
    _wait_until_still(big)
    assert big.sent_bytes < BIG_MIB * MIB
    # The connection to the registry was closed, not left waiting: nothing is connected to its port any more.
    wait_until(lambda: not _connected_to(big.address, big.port), "the facade hung up on the registry")


def _until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = client.recv(1024)
        assert piece, data
        data += piece
    return data


def _wait_until_still(big: BigBlob) -> None:
    """Until the registry has sent nothing for many looks in a row: everything on the way is full."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(big.sent_bytes)
        return len(seen) > 30 and seen[-1] > 0 and len(set(seen[-30:])) == 1

    wait_until(still, "the registry has stopped sending")


def _peak_memory_mib(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _connected_to(address: str, port: int) -> bool:
    wanted = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
    established = "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2] == wanted and row[3] == established for row in rows)
