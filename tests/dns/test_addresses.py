"""Addresses are looked up as this machine is set up, each name once at a time, and nobody waits for another's names."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from dnslib import QTYPE, RR, A, DNSRecord

from routing.dns import addresses, memory
from routing.dns.addresses import MAX_LOOK_UPS, MAX_LOOK_UPS_PER_SHARE, AddressResolver, NoAddress
from routing.dns.memory import NameMemory, Remembered
from routing.dns.shares import FairPlaces
from tests.dns.name_server import NO_NAME, SERVER_FAILURE, NameServer, alias, at, silence, silent_for
from tests.garbage import circles

PATIENT = 20.0
Resolving = Callable[..., AddressResolver]


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def resolving(names: NameServer, tmp_path: Path) -> Resolving:
    """Makes a resolver that knows nothing yet, on a machine whose only name server is `names`."""
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n192.0.2.7 Registry.Test other # one\nnonsense x\n::1 both\n")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\nsearch acme.test globex.test\noptions ndots:2\n")

    def make(seconds: float = PATIENT) -> AddressResolver:
        files = {name: str(tmp_path / name) for name in ("hosts", "resolv.conf")}
        return AddressResolver(
            seconds, memory=NameMemory(), hosts=files["hosts"], resolv_conf=files["resolv.conf"], port=names.port
        )

    return make


def questions(names: NameServer) -> list[str]:
    """The names that were asked for, in order, each once."""
    return list(dict.fromkeys(asked.name for asked in names.queries))


async def test_both_families_are_asked_for(names: NameServer, resolving: Resolving) -> None:
    names.answers("r.example.com", at("192.0.2.1", "192.0.2.2", "2001:db8::1"))
    assert set(await resolving()("r.example.com")) == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}


async def test_an_alias_leads_on(names: NameServer, resolving: Resolving) -> None:
    def answer(reply: DNSRecord) -> None:
        alias("store.example.net")(reply)
        if reply.q.qtype == QTYPE.A:
            reply.add_answer(RR("store.example.net", QTYPE.A, rdata=A("192.0.2.3"), ttl=60))

    names.answers("r.example.com", answer)
    assert list(await resolving()("r.example.com")) == ["192.0.2.3"]


async def test_a_long_answer_comes_by_tcp_and_is_cut(names: NameServer, resolving: Resolving) -> None:
    names.answers("r.example.com", at(*(f"192.0.2.{number}" for number in range(200))))
    found = await resolving()("r.example.com")
    assert 1 <= len(found) <= 16
    assert "tcp" in {asked.protocol for asked in names.queries}


async def test_addresses_without_a_route_come_last(
    names: NameServer, resolving: Resolving, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.answers("r.example.com", at("2001:db8::1", "192.0.2.1"))
    monkeypatch.setattr(addresses, "_has_route", lambda address: ":" not in address)
    assert list(await resolving()("r.example.com")) == ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("registry.test", ["192.0.2.7"]),
        ("OTHER.", ["192.0.2.7"]),
        ("both", ["::1"]),
        ("localhost", ["127.0.0.1"]),
        ("deep.localhost", ["127.0.0.1", "::1"]),
    ],
)
async def test_the_hosts_file_goes_before_name_servers(
    names: NameServer, resolving: Resolving, name: str, found: list[str]
) -> None:
    assert list(await resolving()(name)) == found
    assert names.queries == []


async def test_a_changed_hosts_file_counts_at_once(resolving: Resolving, tmp_path: Path) -> None:
    resolver = resolving()
    assert list(await resolver("other")) == ["192.0.2.7"]
    (tmp_path / "hosts").write_text("192.0.2.88 other\n")
    assert list(await resolver("other")) == ["192.0.2.88"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("registry", ["registry.acme.test", "registry.globex.test", "registry"]),
        ("registry.ops", ["registry.ops.acme.test", "registry.ops.globex.test", "registry.ops"]),
        ("a.b.c", ["a.b.c", "a.b.c.acme.test", "a.b.c.globex.test"]),
        ("registry.", ["registry"]),
    ],
)
async def test_the_search_list_counts_as_for_the_system(
    names: NameServer, resolving: Resolving, name: str, asked: list[str]
) -> None:
    with pytest.raises(NoAddress, match="no such name"):
        await resolving()(name)
    assert questions(names) == asked


async def test_the_first_of_the_search_list_that_has_an_address_counts(names: NameServer, resolving: Resolving) -> None:
    names.answers("registry.globex.test", at("192.0.2.5"))
    names.answers("registry", at("192.0.2.6"))
    assert list(await resolving()("registry")) == ["192.0.2.5"]


async def test_a_machine_without_name_servers_says_so(tmp_path: Path) -> None:
    resolver = AddressResolver(PATIENT, memory=NameMemory(), resolv_conf=str(tmp_path / "none"))
    with pytest.raises(NoAddress, match=r"resolv\.conf"):
        await resolver("r.example.com")


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example.com", ".".join(["x" * 60] * 5)])
async def test_what_is_no_name_has_no_address(names: NameServer, resolving: Resolving, name: str) -> None:
    with pytest.raises(NoAddress, match="no DNS name"):
        await resolving()(name)
    assert names.queries == []


async def test_name_servers_that_fail_are_told_from_names_that_are_not_there(
    names: NameServer, resolving: Resolving
) -> None:
    names.answers("broken.example.com", SERVER_FAILURE)
    with pytest.raises(NoAddress, match="answered with an error"):
        await resolving()("broken.example.com")


async def test_one_family_that_is_silent_does_not_keep_the_other_waiting(
    names: NameServer, resolving: Resolving
) -> None:
    names.answers("r.example.com", silent_for(QTYPE.AAAA, at("192.0.2.1")))
    began = time.monotonic()
    assert list(await resolving(PATIENT)("r.example.com")) == ["192.0.2.1"]
    assert time.monotonic() - began < PATIENT / 2


async def test_a_silent_name_ends_at_the_deadline_and_is_remembered(names: NameServer, resolving: Resolving) -> None:
    names.answers("silent.example.com", silence())
    resolver = resolving(0.3)
    with pytest.raises(TimeoutError):
        await resolver("silent.example.com")
    asked = len(names.queries)
    names.answers("silent.example.com", at("192.0.2.1"))
    with pytest.raises(TimeoutError):
        await resolver("silent.example.com")
    assert len(names.queries) == asked


async def test_names_without_an_answer_leave_nothing_to_the_garbage_collector(
    names: NameServer, resolving: Resolving
) -> None:
    """Thousands of frames would be held by what they raised, until everybody waits for a collection."""
    names.answers("silent.example.com", silence())
    names.answers("failing.example.com", SERVER_FAILURE)
    # Long enough for a try that fails and a second one.
    resolver = resolving(1.5)
    with circles() as left:
        for name in ("silent.example.com", "failing.example.com", "missing.example.com"):
            waiting = [asyncio.create_task(resolver(name)) for _ in range(3)]
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(outcome, TimeoutError | NoAddress) for outcome in outcomes)
            waiting.clear()
            outcomes.clear()
        # Sockets are closed in the event loop's next turns.
        await asyncio.sleep(0.05)

    assert left["frame"] == left["traceback"] == 0, left


async def test_no_thread_is_held_by_names_that_are_silent(names: NameServer, resolving: Resolving) -> None:
    before = threading.active_count()
    resolver = resolving()
    names.answers("r.example.com", at("192.0.2.1"))
    names_asked = [f"silent{number}.example.com" for number in range(12)]
    for name in names_asked:
        names.answers(name, silence())
    waiting = [asyncio.create_task(resolver(name, f"tenant {number}")) for number, name in enumerate(names_asked)]
    await until(lambda: len(questions(names)) == 12)
    assert list(await resolver("r.example.com")) == ["192.0.2.1"]
    # dnslib answers in threads, which end with their questions.
    await until(lambda: threading.active_count() <= before)
    await given_up(waiting, resolver)


async def test_a_name_is_looked_up_once_however_many_wait(names: NameServer, resolving: Resolving) -> None:
    names.answers("r.example.com", at("192.0.2.1"))
    resolver = resolving()
    first = asyncio.create_task(resolver("r.example.com", "tenant 0"))
    others = [asyncio.create_task(resolver("R.example.com", f"tenant {number}")) for number in range(20)]
    await asyncio.sleep(0)
    # Neither who began the look-up nor who joined it takes it along.
    first.cancel()
    others.pop().cancel()
    assert [list(found) for found in await asyncio.gather(*others)] == [["192.0.2.1"]] * 19
    assert len(names.queries) == 2


@pytest.mark.parametrize(("ttl", "looked_up_again"), [(60, False), (0, True)])
async def test_an_answer_is_kept_as_long_as_its_record_allows(
    names: NameServer, resolving: Resolving, ttl: int, looked_up_again: bool
) -> None:
    names.answers("r.example.com", at("192.0.2.1", ttl=ttl))
    resolver = resolving()
    await resolver("r.example.com")
    asked = len(names.queries)
    await resolver("r.example.com")
    assert (len(names.queries) > asked) is looked_up_again


def test_an_answer_is_kept_for_some_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, now = NameMemory(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kept.keep("r.example.com", Remembered(("192.0.2.1",), now[0] + 86_400))
    assert kept.get("r.example.com") is not None
    now[0] += memory.MAX_SECONDS
    assert kept.get("r.example.com") is None


def test_what_is_remembered_does_not_grow_for_ever() -> None:
    kept = NameMemory()
    for number in range(20_000):
        kept.keep_silent(f"name{number}.example.com")
    assert kept.get("name19999.example.com") is not None
    assert len(kept._names) <= 4096


async def test_a_share_that_is_used_up_keeps_no_other_waiting(names: NameServer, resolving: Resolving) -> None:
    resolver = resolving()
    silent = [f"silent{number}.example.com" for number in range(MAX_LOOK_UPS)]
    for name in silent:
        names.answers(name, silence())
    names.answers("r.example.com", at("192.0.2.1"))
    waiting = [asyncio.create_task(resolver(name, "mallory")) for name in silent]
    await until(lambda: len(questions(names)) == MAX_LOOK_UPS_PER_SHARE)
    assert list(await resolver("r.example.com", "acme")) == ["192.0.2.1"]
    assert set(questions(names)) == {*silent[:MAX_LOOK_UPS_PER_SHARE], "r.example.com"}
    # Its own names wait for each other.
    late = asyncio.create_task(resolver("r2.example.com", "mallory"))
    await asyncio.sleep(0.05)
    assert "r2.example.com" not in questions(names)
    await given_up([*waiting, late], resolver)


async def test_places_are_handed_out_share_by_share() -> None:
    places, served = FairPlaces(total=2, per_share=2), []

    async def use(share: str) -> None:
        await places.acquire(share)
        served.append(share)
        await asyncio.sleep(0)
        places.release(share)

    await places.acquire("a")
    await places.acquire("a")
    tasks = [asyncio.create_task(use(share)) for share in ("a", "a", "a", "b", "c", "b")]
    await asyncio.sleep(0)
    assert served == []
    places.release("a")
    places.release("a")
    await asyncio.gather(*tasks)
    assert served[:3] == ["a", "b", "c"]
    assert sorted(served) == ["a", "a", "a", "b", "b", "c"]


async def test_a_place_that_nobody_waits_for_any_more_goes_to_the_next() -> None:
    places = FairPlaces(total=1, per_share=1)
    await places.acquire("a")
    gone, next_one = (asyncio.create_task(places.acquire(share)) for share in ("a", "b"))
    await asyncio.sleep(0)
    places.release("a")
    # Its place has been given to it, but it has not run since.
    gone.cancel()
    await asyncio.wait_for(next_one, PATIENT)


async def test_many_shares_of_silent_names_leave_each_other_a_turn(names: NameServer, resolving: Resolving) -> None:
    # Time for an answer on a busy machine; the silent names before it take as long.
    resolver = resolving(PATIENT / 3)
    names.answers("r.example.com", at("192.0.2.1"))
    silent = [(f"silent{n}.example.com", f"mallory {n // 8}") for n in range(2 * MAX_LOOK_UPS)]
    for name, _ in silent:
        names.answers(name, silence())
    waiting = [asyncio.create_task(resolver(*each)) for each in silent]
    await asyncio.sleep(0)
    found = await asyncio.wait_for(resolver("r.example.com", "acme"), 3 * PATIENT)
    assert list(found) == ["192.0.2.1"]
    await given_up(waiting, resolver)


async def test_no_name_is_remembered_as_missing(names: NameServer, resolving: Resolving) -> None:
    names.answers("new.example.com", NO_NAME)
    resolver = resolving()
    with pytest.raises(NoAddress):
        await resolver("new.example.com")
    names.answers("new.example.com", at("192.0.2.1"))
    assert list(await resolver("new.example.com")) == ["192.0.2.1"]


def test_asking_for_a_route_sends_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        assert addresses._has_route("127.0.0.1")
        with pytest.raises(BlockingIOError):
            listening.recv(1)


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        await asyncio.sleep(0.01)


async def given_up(waiting: Sequence[asyncio.Task[Sequence[str]]], resolver: AddressResolver) -> None:
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await resolver.aclose()
