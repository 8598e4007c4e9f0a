"""Steps: which repositories of a mapping lead elsewhere already, and that nothing but a name decides it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.decide import Request, decide
from routing.core.decisions import Redirect, RedirectToHolder
from routing.core.table.former_target import FormerTarget
from routing.core.table.holding import affected_hosts
from routing.core.table.host_registries import mapping_classes
from routing.core.table.mapping_entry import Flag, MappingEntry, decode, encode, entry_at_step
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Change, HostEntry, RegistryEntry, Table, TenantEntry, digest_of
from routing.core.table.step import WHOLE, Step, parse_step, place_of
from tests.examples import examples

HOST = "docker.acme.com"
NAMES = st.from_regex(r"[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,3}", fullmatch=True)
SHARES = st.integers(0, WHOLE)
ON = Flag.ENABLED | Flag.REDIRECT_ONLY
STEP = st.builds(
    Step, SHARES, st.integers(0, 2**33), st.integers(1, 10**9).map(str), st.sampled_from(["", "acme", "a/b"])
)
DIGEST = "sha256:" + "0123456789abcdef" * 4


def entry(share: int = 0, until: int = 0, **more: Any) -> MappingEntry:
    step = Step(share, until, "2", "new").packed() if share else ""
    return MappingEntry("1", "old", more.pop("flags", int(ON)), step=step, **more)


def table(mapping: MappingEntry, generation: int = 1) -> Table:
    return Table.build(
        Policy(),
        generation,
        [("1", TenantEntry("Acme"))],
        [("1", RegistryEntry("https://old.example", "old")), ("2", RegistryEntry("https://new.example", "new"))],
        [(HOST, HostEntry("1"))],
        [(f"{HOST}/", mapping)],
    )


def side(at: Table, name: str, **more: Any) -> str:
    request = Request(more.pop("method", "GET"), HOST, f"/v2/{name}/manifests/{more.pop('tag', '1')}", **more)
    decision = decide(at, request)
    assert isinstance(decision, Redirect | RedirectToHolder)
    return decision.location.removeprefix("https://").partition(".")[0]


def test_the_places_of_names_never_change() -> None:
    """Tables of other releases, and people who work it out by themselves, count on these."""
    known = {"acme/web": 3413, "alpine": 8727, "library/alpine": 7688, "a": 3343, "": 9876}

    assert {name: place_of(name) for name in known} == known


def test_another_process_says_the_same() -> None:
    names = [f"acme/app-{number}" for number in range(200)]
    program = f"from routing.core.table.step import place_of; print([place_of(name) for name in {names}])"

    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == str([place_of(name) for name in names])


def test_a_share_is_about_that_part_of_all_names() -> None:
    places = [place_of(f"acme/app-{number}") for number in range(20_000)]

    assert min(places) >= 0
    assert max(places) < WHOLE
    for share in (500, 2_500, 5_000):
        taken = sum(place < share for place in places) / len(places)
        assert abs(taken - share / WHOLE) < 0.02


@given(NAMES, SHARES, SHARES, st.sampled_from(["1", "latest", DIGEST]), st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_a_names_side_is_what_its_place_says_and_a_growing_share_takes_none_away(
    name: str, one: int, other: int, tag: str, method: str, authorized: bool
) -> None:
    less, more = sorted((one, other))
    before, after = (
        side(table(entry(share)), name, tag=tag, method=method, authorized=authorized) for share in (less, more)
    )

    assert before == ("new" if place_of(name) < less else "old")
    assert after == ("new" if place_of(name) < more else "old")
    assert not (before == "new" and after == "old")


@given(st.lists(st.tuples(st.sampled_from(["step", "return", "last", "repeat"]), SHARES), max_size=12), st.sets(NAMES))
def test_whatever_steps_there_were_the_table_is_the_one_of_the_last_of_them(
    course: list[tuple[str, int]], names: set[str]
) -> None:
    """A model: the sides are a function of the last step and of the name, whichever changes led there."""
    now, share, moved = table(entry()), 0, False
    for generation, (what, wanted) in enumerate(course, 2):
        if what == "step":
            share = max(share, wanted)
        elif what == "return":
            share, moved = 0, False
        elif what == "last":
            share, moved = 0, True
        written = MappingEntry("2", "new", int(ON)) if moved else entry(share)
        now = now.apply([Change(generation, "mapping", f"{HOST}/", written._asdict())])
        assert now.digest == digest_of(now) == table(written).digest
        assert now.host_registries.get(HOST) == table(written).host_registries.get(HOST)
        assert {name: side(now, name) for name in names} == {
            name: "new" if moved or place_of(name) < share else "old" for name in names
        }


@pytest.mark.parametrize(("share", "is_taken"), [(0, False), (3_413, False), (3_414, True), (WHOLE, True)])
def test_a_share_takes_what_stands_below_it(share: int, is_taken: bool) -> None:
    assert Step(share, 0, "2", "new").takes("acme/web") is is_taken


@given(STEP)
def test_a_step_that_is_packed_comes_out_again(step: Step) -> None:
    whole = MappingEntry("1", "old", 1, notice="a b", step=step.packed())

    assert parse_step(step.packed()) == step
    assert decode("x", encode("x", whole)) == whole


@pytest.mark.parametrize(
    "text", ["", "1", "1 2", "1 2 3", "x 0 2 new", "1 x 2 new", "-1 0 2 new", "of another release"]
)
def test_what_is_no_step_is_none(text: str) -> None:
    assert parse_step(text) is None


def test_where_the_others_lead_is_the_former_target_of_those_that_a_step_takes() -> None:
    there = entry_at_step(entry(WHOLE, 77, former="x", notice="a word", flags=ON | Flag.NAME_DIFFERS), "acme/web")

    former = FormerTarget(77, "1", "old").packed()
    assert there == MappingEntry("2", "new", int(ON), "", former, "a word")
    assert entry_at_step(entry(WHOLE, former="x"), "acme/web") == MappingEntry("2", "new", int(ON))


def test_the_others_keep_their_own_former_target() -> None:
    match = table(entry(1, 77, former="of before")).match_repository(HOST, "acme/web")

    assert match is not None
    assert (match.registry_key, match.former) == ("1", "of before")


@pytest.mark.parametrize("flag", [Flag.PRIVATE, Flag.PUBLISH, Flag.ALLOW_PUSH])
def test_nobodys_credentials_are_moved_by_a_step(flag: Flag) -> None:
    at = table(entry(WHOLE, flags=ON | flag))
    match = at.match_repository(HOST, "acme/web")

    assert match is not None
    assert match.registry_key == "1"
    assert [each.registry for each in mapping_classes(at.host_registries.get(HOST) or ())] == ["1"]


def test_a_ping_knows_of_both_registries_and_of_one_again_afterwards() -> None:
    at = table(entry())
    for number, (share, registries) in enumerate([(1, {"1", "2"}), (WHOLE, {"1", "2"}), (0, {"1"})], 2):
        at = at.apply([Change(number, "mapping", f"{HOST}/", entry(share)._asdict())])
        assert set(at.used_registries(HOST)) == registries


def test_a_step_is_a_change_of_where_a_hostname_leads_and_the_end_of_its_former_target_is_none() -> None:
    old = table(entry(500, 77))

    assert set(affected_hosts(old, table(entry(2_500, 77)))) == {HOST}
    assert set(affected_hosts(old, table(entry()))) == {HOST}
    assert set(affected_hosts(old, table(entry(500)))) == set()


@given(st.lists(NAMES, min_size=1, max_size=examples(40), unique=True), SHARES)
def test_every_way_to_a_table_gives_the_same_sides(names: list[str], share: int) -> None:
    """Workers load a table whole, or take changes in one by one."""
    loaded = table(entry(share), 2)
    followed = table(entry()).apply([Change(2, "mapping", f"{HOST}/", entry(share)._asdict())])

    assert loaded.digest == followed.digest
    assert [side(loaded, name) for name in names] == [side(followed, name) for name in names]
