"""What stands in the fast lane says what the usual way says, to the byte, and no longer than that would say it.

Held against uvicorn's own protocol before Django, which asks the memory for each request by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Change, RegistryEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.pulls import answered
from routing.dataplane.serving import access_log, fast_lane, standing_answers
from routing.dataplane.serving.access_log import AccessLog
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.credentials import bind
from routing.manifest_store.store import ManifestStore, Repository
from tests.dataplane.facade_client import PODMAN, set_mappings
from tests.dataplane.remembered.conftest import Clock, Counted, entry_of
from tests.dataplane.remembered.public_registry import IMAGE, INDEX, TOKEN_SECONDS, PublicRegistry, manifest
from tests.examples import examples
from tests.fast_lane.lanes import Lane, Lanes, facade
from tests.registries.small_registry import digest_of

PROXY = "198.51.100.7"
APP = manifest("app")
DIGEST = digest_of(APP)
REPOSITORY = "acme/app"


@pytest.fixture
def lanes(trusting: Settings, server: PublicRegistry) -> Iterator[Lanes]:
    trusting.FACADE_TRUSTED_PROXIES = [PROXY]
    # What a tag is stays so for a test's time.
    trusting.FACADE_TAG_SECONDS = 120
    server.repository().put(APP, "1.0")
    set_mappings({"team": (entry_of(server), "acme", 0)})
    both = Lanes()
    yield both
    both.run(client_pool.close())
    both.close()


def request(
    reference: str = DIGEST,
    *fields: str,
    token: str = "nobodys",
    method: str = "GET",
    version: str = "1.1",
    host: str = "docker.acme.com",
) -> bytes:
    target = reference if reference.startswith("/") else f"/v2/team/app/manifests/{reference}"
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", f"User-Agent: {PODMAN}"]
    authorization = [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, *authorization, *fields, "", ""]).encode("latin-1")


def asked(lanes: Lanes, *raws: bytes, peer: str = "192.0.2.1") -> list[bytes]:
    """What a worker answers."""
    found: list[bytes] = []

    async def send() -> None:
        for raw in raws:
            found.append((await lanes.fast.answer([raw], peer)).sent)

    lanes.run(send())
    return found


def remember(lanes: Lanes) -> None:
    """Have the manifest in memory, by its digest and by its tag, and have that stand."""
    for reference in (DIGEST, "1.0"):
        assert all(sent.endswith(APP) for sent in asked(lanes, *[request(reference)] * 2))
    assert standing()


def standing() -> dict[Any, Any]:
    return fast_lane._batch._cache.standing


@pytest.fixture
def undecided(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> Lanes:
    """What stands, and no request that has to be decided on would be answered."""
    remember(lanes)

    def never(*_: object) -> None:
        raise AssertionError("decided anew")

    monkeypatch.setattr(fast_lane, "decide", never)
    return lanes


def test_it_is_worked_out_once_for_all_tokens(undecided: Lanes, server: PublicRegistry, counted: Counted) -> None:
    before = server.gets, server.heads
    for reference, by in ((DIGEST, "digest"), ("1.0", "tag")):
        sent = asked(undecided, *[request(reference, token=f"somebody/{number}" * 9) for number in range(3)])
        assert [each.endswith(APP) for each in sent] == [True] * 3
        assert counted.answers(by) == {"hit": 3}
    assert (server.gets, server.heads) == before
    assert counted["answers", "relay", "2xx"] == 6
    assert counted["remembered_bytes",] == 6 * len(APP)
    assert counted["fast_lane_batches",] == 6
    assert counted["answers", "redirect", "3xx"] == 0


FIELDS = {
    "accept": ["", f"Accept: {INDEX}, {IMAGE}", f"Accept: {IMAGE};q=0", f"Accept: {INDEX}", "accept: */*", "Accept:"],
    "known": [
        "",
        f'If-None-Match: "{DIGEST}"',
        f'if-none-match: W/"{DIGEST}", "x"',
        'If-None-Match: "x"',
        "If-None-Match: *",
    ],
    "more": [
        *("", "Range: bytes=0-1", "DNT: 1", "Connection: close", "Connection: keep-alive", "Cookie: a=b"),
        *("X-Forwarded-Host: docker.acme.com", "X-Forwarded-Host: nobody.acme.com", "X-Forwarded-Proto: https"),
        *("Forwarded: host=docker.acme.com", "X-Request-ID: a", "Authorization: Bearer b"),
    ],
}
TOKENS = [
    "nobodys",
    "",
    "rfo1.no-token-needed",
    "rfs1.forged",
    "rfb1.AAAAAAAAAAAAAAAA.x",
    "a b",
    "\xe9",
    "rfb1.",
    "a,b",
]


@given(
    reference=st.sampled_from(
        [DIGEST, "1.0", f"{DIGEST}?ns=x", f"{DIGEST}?a=b", f"{DIGEST}?", DIGEST.replace(":", "%3A")]
    ),
    method=st.sampled_from(["GET", "HEAD"]),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    token=st.sampled_from(TOKENS),
    fields=st.tuples(*[st.sampled_from(each) for each in FIELDS.values()]),
    peer=st.sampled_from(["192.0.2.1", PROXY]),
    order=st.booleans(),
)
@hypothesis_settings(max_examples=examples(40), deadline=None)
def _same(
    lanes: Lanes,
    counted: type[Counted],
    reference: str,
    method: str,
    version: str,
    token: str,
    fields: tuple[str, ...],
    peer: str,
    order: bool,
) -> None:
    given_fields = [each for each in (fields[::-1] if order else fields) if each]
    raw = request(reference, *given_fields, token=token, method=method, version=version)
    before = counted()
    lanes.compare([raw], peer)
    # Once by the usual way, twice by the fast lane: each counts the same.
    for by in ("digest", "tag"):
        assert all(number % 3 == 0 for number in before.answers(by).values()), raw
    for status in ("2xx", "3xx", "4xx"):
        assert before["answers", "relay", status] % 3 == 0, raw
    assert before["remembered_bytes",] % 3 == 0
    # And to a caller whose token is another's, of as many kinds.
    for other in TOKENS:
        lanes.compare([request(reference, *given_fields, token=other, method=method, version=version)], peer)


def test_all_that_is_said_and_counted_is_as_by_the_usual_way(lanes: Lanes, settings: Settings) -> None:
    # Whoever is not let through is refused by the registry.
    remember(lanes)
    _same(lanes, Counted)
    assert len(standing()) > 5


def test_a_token_of_another_registry_is_let_through_by_none(lanes: Lanes, server: PublicRegistry) -> None:
    own, other = bind("x", entry_of(server)), bind("x", RegistryEntry("https://other.example", "other", auth="bearer"))
    remember(lanes)

    for reference in (DIGEST, "1.0"):
        assert lanes.compare([request(reference, token=own)]).sent.endswith(APP)
        assert lanes.compare([request(reference, token=other)]).sent.startswith(b"HTTP/1.1 401 ")
        assert lanes.compare([request(reference, token=own)]).sent.endswith(APP)


def test_a_basic_registry_is_asked_for_each_token(lanes: Lanes, server: PublicRegistry) -> None:
    """A sealed token ends after minutes, wherever the answer stands."""
    set_mappings({"team": (entry_of(server)._replace(auth="basic"), "acme", 0)})
    assert lanes.compare([request(token="rfs1.forged")]).sent.startswith(b"HTTP/1.1 401 ")
    assert not standing()


def test_whatever_changes_in_the_table_holds_for_the_very_next_request(lanes: Lanes, server: PublicRegistry) -> None:
    remember(lanes)
    table = live_table.table
    assert table is not None
    key = table.match_repository("docker.acme.com", "team/app").registry_key  # type: ignore[union-attr]
    entry = {"registry": key, "upstream_prefix": "acme", "flags": int(Flag.ENABLED)}
    changes = {
        "a repoint": (Change(2, "mapping", "docker.acme.com/team", entry | {"upstream_prefix": "else"}), b"401"),
        "switched off": (Change(2, "mapping", "docker.acme.com/team", entry | {"flags": 0}), b"403"),
        "private": (
            Change(2, "mapping", "docker.acme.com/team", entry | {"flags": int(Flag.ENABLED | Flag.PRIVATE)}),
            b"401",
        ),
        "suspended": (Change(2, "tenant", "1", {"name": "Acme", "refusal": "suspended"}), b"403"),
        "withdrawn": (Change(2, "mapping", "docker.acme.com/team", None), b"404"),
    }
    for name, (change, status) in changes.items():
        live_table.table = table.apply([change])
        for reference in (DIGEST, "1.0"):
            assert lanes.compare([request(reference)]).sent[9:12] == status, name
        # The other tenant's mapping of the same name is its own.
        assert lanes.compare([request(host="docker.globex.com")]).sent.endswith(APP)
        live_table.table = table
        assert lanes.compare([request()]).sent.endswith(APP)


def test_what_stands_for_one_hostname_stands_for_no_other(lanes: Lanes, server: PublicRegistry) -> None:
    table = live_table.table
    assert table is not None
    key = table.match_repository("docker.acme.com", "team/app").registry_key  # type: ignore[union-attr]
    flags = int(Flag.ENABLED | Flag.PRIVATE)
    private = Change(
        2, "mapping", "docker.globex.com/team", {"registry": key, "upstream_prefix": "acme", "flags": flags}
    )
    live_table.table = table.apply([private])
    remember(lanes)

    assert lanes.compare([request(host="docker.globex.com")]).sent.startswith(b"HTTP/1.1 401 ")
    forwarded = request(DIGEST, "X-Forwarded-Host: docker.globex.com")
    assert lanes.compare([forwarded]).sent.endswith(APP)
    assert lanes.compare([forwarded], PROXY).sent.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("reference", [DIGEST, "1.0"])
def test_another_workers_refusal_holds_for_the_very_next_request(
    undecided: Lanes, server: PublicRegistry, clock: Clock, store: ManifestStore, reference: str
) -> None:
    assert asked(undecided, request(reference))[0].endswith(APP)

    another = ManifestStore(store._folder, 16 * 1024**2)
    another.refuse(Repository(server.url, REPOSITORY), clock(), forget=False)

    # It has to be looked at, which nothing here can do.
    assert asked(undecided, request(reference)) == [b""]


def test_a_repository_that_refuses_is_closed_at_once(lanes: Lanes, server: PublicRegistry, clock: Clock) -> None:
    remember(lanes)
    server.repository().public = False
    clock.skip(TOKEN_SECONDS + 1)
    # Another manifest of the repository is asked for as nobody, which is refused.
    assert lanes.compare([request(digest_of(b"another"))]).sent.startswith(b"HTTP/1.1 401 ")

    for reference in (DIGEST, "1.0"):
        assert lanes.compare([request(reference)]).sent.startswith(b"HTTP/1.1 401 ")


def test_what_is_known_to_be_public_ends(
    lanes: Lanes, server: PublicRegistry, settings: Settings, clock: Clock
) -> None:
    remember(lanes)
    server.repository().public = False

    clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.74)
    assert lanes.compare([request()]).sent.endswith(APP)
    clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.3)
    assert lanes.compare([request()]).sent.startswith(b"HTTP/1.1 401 ")


def test_what_a_tag_is_ends_sooner(lanes: Lanes, server: PublicRegistry, settings: Settings, clock: Clock) -> None:
    remember(lanes)
    other = manifest("other")
    server.repository().put(other, "1.0")

    clock.skip(settings.FACADE_TAG_SECONDS - 1.5)
    assert lanes.compare([request("1.0")]).sent.endswith(APP)
    clock.skip(2)
    assert lanes.compare([request("1.0")]).sent.endswith(other)
    assert lanes.compare([request(DIGEST)]).sent.endswith(APP)


def test_its_age_grows(lanes: Lanes, clock: Clock) -> None:
    remember(lanes)
    ages = []
    for seconds in (0, 1, 1, 7):
        clock.skip(seconds)
        sent = lanes.compare([request()]).sent
        ages.append(sent.partition(b"\r\nage: ")[2].partition(b"\r\n")[0])
    assert ages == [b"", b"1", b"2", b"9"]


def test_without_a_store_nothing_stands(lanes: Lanes, settings: Settings, store: ManifestStore) -> None:
    remember(lanes)
    store.switch_off(OSError(28, "no room"))
    assert lanes.compare([request()]).sent.startswith(b"HTTP/1.1 401 ")
    settings.FACADE_MANIFEST_STORE_BYTES = 0
    assert lanes.compare([request()]).sent.startswith(b"HTTP/1.1 401 ")


def test_bytes_that_are_not_in_memory_are_not_held_here(lanes: Lanes, store: ManifestStore) -> None:
    remember(lanes)
    assert all(each._body == b"" for each in standing().values())

    store.bodies._hot.clear()
    store.bodies._hot_bytes = 0
    assert lanes.compare([request()]).sent.endswith(APP)


def test_no_token_is_kept(lanes: Lanes) -> None:
    asked(
        lanes, *[request(token="a-secret-token")] * 3, *[request(DIGEST, "Authorization: Basic c2VjcmV0", token="")] * 3
    )

    assert standing()
    kept = repr([(key, each._request, each._decision, each.asked, each._head) for key, each in standing().items()])
    assert "a-secret-token" not in kept
    assert "c2VjcmV0" not in kept


@pytest.mark.parametrize("bound", [0, 6_000, 60_000])
def test_one_bound_holds_for_what_stands(lanes: Lanes, settings: Settings, bound: int) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = bound
    fast_lane._batch._cache.clear()
    asked(lanes, request())
    for number in range(60):
        assert asked(lanes, request(DIGEST, f"Cookie: {number}{'x' * 500}"))[0].endswith(APP)
        assert len(standing()) * 4096 <= bound


def test_it_is_counted_as_the_usual_way_counts_it(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[Any] = []

    class Counting:
        is_on = True

        def add(self, _: object, asked: Any) -> None:
            counts.extend([each.asked for each in asked] if isinstance(asked, list) else [asked])

    remember(lanes)
    fast_lane.count_given()
    monkeypatch.setattr(answered, "pull_counting", Counting())
    monkeypatch.setattr(fast_lane, "pull_counting", Counting())
    peers = [("192.0.2.1", ()), ("192.0.2.1", ("DNT: 1",)), (PROXY, ("X-Forwarded-Host: docker.globex.com",))]
    for reference, method, (peer, fields) in product((DIGEST, "1.0"), ("GET", "HEAD"), peers):
        counts.clear()
        lanes.compare([request(reference, *fields, method=method)], peer)
        fast_lane.count_given()
        assert len(counts) == 3
        assert len(set(counts)) == 1, counts


def test_many_of_one_turn_are_each_answered_and_counted(undecided: Lanes, counted: Counted) -> None:
    async def send() -> None:
        pairs = [undecided.fast.connect() for _ in range(5)]
        for connection, _ in pairs:
            connection.data_received(request())
        for connection, wire in pairs:
            await undecided.fast.rest(connection, wire)
            assert wire.sent.endswith(APP)
            connection.connection_lost(None)

    undecided.run(send())
    assert counted.answers("digest") == {"hit": 5}
    assert counted["fast_lane_batches",] == 1


def test_a_long_one_is_written_beside_its_head(lanes: Lanes, server: PublicRegistry) -> None:
    long = manifest("x" * 40_000)
    digest = server.repository().put(long)
    asked(lanes, request(digest))
    for fields in ((), ("Connection: close",)):
        outcome = lanes.compare([request(digest, *fields)])
        assert outcome.sent.endswith(long)
        assert outcome.closed is bool(fields)


def test_a_worker_that_ends_closes_the_connection(undecided: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_lane._batch, "draining", True)
    (sent,) = asked(undecided, request())
    assert b"\r\nconnection: close\r\n\r\n" in sent
    assert sent.endswith(APP)


def test_a_request_that_is_logged_goes_on_to_the_application(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(lanes)
    monkeypatch.setattr(access_log.logger, "handlers", [logging.NullHandler()])
    lane = Lane(fast_lane.FastLaneProtocol, AccessLog(facade()))

    async def steps() -> None:
        assert (await lane.answer([request()])).sent.endswith(APP)

    lanes.run(steps())
    assert lane.application.requests == 1


def test_what_nobody_foresaw_leaves_the_usual_way(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(lanes)

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(standing_answers, "recalled_at_once", fails)
    assert lanes.compare([request()]).sent.endswith(APP)
