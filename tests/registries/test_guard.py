from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from routing.dns.addresses import NoAddress
from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.exceptions import ForbiddenAddress, RegistryTimeout, RegistryUnreachable
from routing.registries.guard import GuardedDialer, GuardPolicy, check_url
from routing.registries.url import parse_registry_url
from tests.registries.certificates import Authority
from tests.registries.conftest import ANYTHING, PATIENT
from tests.registries.faulty_server import FaultyServer

StartServer = Callable[..., FaultyServer]

STRICT = GuardPolicy()
HTTP_TO_PUBLIC = GuardPolicy(allow_insecure=True)


class Names:
    """A name service that gives one prepared answer after the other, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str, share: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def test_a_name_that_changes_its_answer_after_the_check_does_not_get_through(server: FaultyServer) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    async with RegistryClient(HTTP_TO_PUBLIC, PATIENT, resolver=names) as client:
        url = f"http://rebinding.example:{server.port}/v2/"
        await client.check_reachable_address(url)
        with pytest.raises(ForbiddenAddress, match=r"rebinding\.example is at a loopback address"):
            await client.request("GET", url)
    assert server.connections == 0


async def test_what_is_dialled_is_what_was_judged(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    ask_the_system: Callable[..., object] = socket.getaddrinfo

    def record(host: str, *arguments: object, **options: object) -> object:
        looked_up.append(host)
        return ask_the_system(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", record)
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with RegistryClient(ANYTHING, PATIENT, resolver=names) as client:
        await client.request("GET", f"http://registry.test:{server.port}/")
    assert names.asked == ["registry.test"]
    assert "registry.test" not in looked_up
    assert server.requests[0].headers["Host"] == f"registry.test:{server.port}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "240.0.0.1",
        "100.64.0.1",
        "fe80::1%lo",
    ],
)
async def test_no_name_leads_to_an_inside_address(address: str) -> None:
    async with RegistryClient(HTTP_TO_PUBLIC, PATIENT, resolver=Names([address])) as client:
        for ask in (client.request, client.request_headers_only):
            with pytest.raises(ForbiddenAddress, match=r"inside\.example is at"):
                await ask("GET", "http://inside.example/")
        with pytest.raises(ForbiddenAddress, match=r"inside\.example is at"):
            await client.check_reachable_address("http://inside.example/")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::", "224.0.0.1"]
)
async def test_allowing_private_addresses_allows_neither_metadata_nor_the_like(address: str) -> None:
    async with RegistryClient(ANYTHING, PATIENT, resolver=Names([address])) as client:
        with pytest.raises(ForbiddenAddress, match="never allowed"):
            await client.request("GET", "http://inside.example/")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.1.2.3", "0.0.0.0"])
async def test_literal_addresses_are_judged_too(host: str) -> None:
    async with RegistryClient(STRICT, PATIENT) as client:
        with pytest.raises(ForbiddenAddress):
            await client.request("GET", f"https://{host}/")
    with pytest.raises(ForbiddenAddress):
        check_url(f"https://{host}/", STRICT)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "017700000001", "0xa9fea9fe"])
async def test_other_spellings_of_addresses_are_refused(host: str) -> None:
    async with RegistryClient(ANYTHING, PATIENT) as client:
        with pytest.raises(ForbiddenAddress, match="malformed IP address"):
            await client.request("GET", f"http://{host}/")


async def test_the_names_of_this_machine_are_judged_as_its_addresses() -> None:
    for host in ("localhost", "LOCALHOST", "registry.localhost"):
        async with RegistryClient(STRICT, PATIENT) as client:
            with pytest.raises(ForbiddenAddress, match="a loopback address"):
                await client.request("GET", f"https://{host}/")


async def test_http_is_refused_unless_allowed(server: FaultyServer) -> None:
    async with RegistryClient(GuardPolicy(allow_private=True), PATIENT) as client:
        with pytest.raises(ForbiddenAddress, match="not https"):
            await client.request("GET", server.url + "/")
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["https://user:s3cret@registry.test/", "ftp://registry.test/s3cret", "https://h\r\n/s3cret"]
)
async def test_urls_of_another_kind_are_refused_without_repeating_them(url: str) -> None:
    async with RegistryClient(ANYTHING, PATIENT) as client:
        with pytest.raises(ForbiddenAddress, match="refused") as caught:
            await client.request("GET", url)
    assert "s3cret" not in str(caught.value)


async def allowed_of(policy: GuardPolicy, *addresses: str) -> Sequence[str]:
    """Which of a name's addresses would be dialled, in order."""
    dialer = GuardedDialer(policy, Names(addresses), connect_seconds=20)
    return await dialer.allowed_addresses(parse_registry_url("https://many.example/"), "", deadline=math.inf)


async def test_of_several_addresses_only_the_allowed_are_dialled() -> None:
    mixed = ["10.0.0.1", "8.8.8.8", "127.0.0.1", "1.1.1.1"]
    assert await allowed_of(HTTP_TO_PUBLIC, *mixed) == ["8.8.8.8", "1.1.1.1"]


async def test_families_take_turns_and_few_are_tried() -> None:
    six = [f"2606:4700::{number}" for number in range(1, 6)]
    assert await allowed_of(STRICT, *six, "1.1.1.1", "1.0.0.1") == [six[0], "1.1.1.1", six[1], "1.0.0.1"]


async def test_an_address_that_refuses_gives_way_to_the_next(server: FaultyServer) -> None:
    async with RegistryClient(ANYTHING, PATIENT, resolver=Names(["127.0.0.9", "127.0.0.1"])) as client:
        assert (await client.request("GET", f"http://two.test:{server.port}/")).status == 404


async def test_an_address_that_does_not_answer_gives_way_within_the_deadline(server: FaultyServer) -> None:
    limits = replace(PATIENT, connect_seconds=3.0)
    with address_that_accepts_nothing("127.0.0.9", server.port):
        async with RegistryClient(ANYTHING, limits, resolver=Names(["127.0.0.9", "127.0.0.1"])) as client:
            assert (await client.request("GET", f"http://two.test:{server.port}/")).status == 404


async def test_connecting_has_a_deadline_of_its_own(start_server: StartServer) -> None:
    port = start_server().port
    limits = replace(PATIENT, connect_seconds=0.3)
    with address_that_accepts_nothing("127.0.0.9", port):
        async with RegistryClient(ANYTHING, limits) as client:
            started = time.monotonic()
            with pytest.raises(RegistryTimeout, match="did not accept a connection"):
                await client.request("GET", f"http://127.0.0.9:{port}/")
            assert time.monotonic() - started < 10


async def test_a_look_up_that_hangs_ends_at_the_deadline() -> None:
    async def hang(host: str, share: str) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    limits = ClientLimits(connect_seconds=0.3, total_seconds=20)
    async with RegistryClient(ANYTHING, limits, resolver=hang) as client:
        for ask in (client.check_reachable_address, lambda url: client.request("GET", url)):
            started = time.monotonic()
            with pytest.raises(RegistryTimeout, match="could not be looked up in time"):
                await ask("http://slow.example/")
            assert time.monotonic() - started < 10


async def test_a_name_without_address_is_unreachable() -> None:
    async def unknown(host: str, share: str) -> Sequence[str]:
        raise NoAddress("there is no such name, or it has no address")

    for resolver in (unknown, Names([])):
        async with RegistryClient(ANYTHING, PATIENT, resolver=resolver) as client:
            with pytest.raises(RegistryUnreachable, match=r"name nowhere\.example"):
                await client.request("GET", "http://nowhere.example/")


async def test_a_look_up_is_made_for_the_share_that_asks() -> None:
    shares: list[str] = []

    async def record(host: str, share: str) -> Sequence[str]:
        shares.append(share)
        raise NoAddress("there is no such name, or it has no address")

    async with RegistryClient(ANYTHING, PATIENT, resolver=record) as client:
        for user in (client, client.shared_by("tenant 7")):
            with pytest.raises(RegistryUnreachable):
                await user.request("GET", "http://nowhere.example/")
    assert shares == ["", "tenant 7"]


async def test_tls_is_verified_against_the_name_and_not_the_address(start_server: StartServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = start_server(tls=authority.server_context("registry.test"))
    server.answers("/v2/", 200)
    policy = GuardPolicy(allow_private=True)
    tls = authority.client_context()
    async with RegistryClient(policy, PATIENT, resolver=Names(["127.0.0.1"]), tls=tls) as client:
        assert (await client.request("GET", f"https://registry.test:{server.port}/v2/")).status == 200
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(RegistryUnreachable, match="certificate is not trusted"):
                await client.request("GET", f"https://{host}:{server.port}/v2/")
    async with RegistryClient(policy, PATIENT, resolver=Names(["127.0.0.1"])) as stranger:
        with pytest.raises(RegistryUnreachable, match="certificate is not trusted"):
            await stranger.request("GET", f"https://registry.test:{server.port}/v2/")
    assert len(server.requests) == 1


async def test_a_server_without_tls_is_said_to_have_none(start_server: StartServer) -> None:
    server = start_server(greeting=b"220 mail.test ESMTP\r\n")
    async with RegistryClient(ANYTHING, PATIENT) as client:
        with pytest.raises(RegistryUnreachable, match="does not speak TLS"):
            await client.request("GET", f"https://127.0.0.1:{server.port}/")


@contextmanager
def address_that_accepts_nothing(address: str, port: int) -> Iterator[None]:
    """A listener whose queue is full: Linux then lets further connections hang."""
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(2):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield
