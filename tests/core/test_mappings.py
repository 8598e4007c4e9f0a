"""A mapping in one string: nothing is lost on the way, and what is alike is shared."""

from __future__ import annotations

from sys import intern

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.table.former_target import FormerTarget, parse_former
from routing.core.table.mapping_entry import Flag, MappingEntry, decode, encode, intern_all, mapping_key

PREFIX = st.sampled_from(["", "acme", "acme/app", "a/b/c", "library"])
CHALLENGE = st.sampled_from(
    ["", "basic", "bearer https://r.example/v2/token", "bearer https://r.example/t?a=/b its service"]
)
REGISTRY = st.integers(1, 10**9).map(str)
FORMER_TARGET = st.builds(FormerTarget, st.integers(1, 2**33), REGISTRY, PREFIX, st.booleans(), CHALLENGE)
FORMER = st.one_of(st.just(""), FORMER_TARGET.map(FormerTarget.packed))
NOTICE = st.sampled_from(["", "moves on 1 March", "100% of it, soon/now"])
ENTRY = st.builds(MappingEntry, REGISTRY, PREFIX, st.integers(0, 15), CHALLENGE, FORMER, NOTICE)


@given(PREFIX, ENTRY)
def test_what_is_packed_comes_out_again(prefix: str, entry: MappingEntry) -> None:
    packed = encode(prefix, entry)

    assert decode(prefix, packed) == entry
    assert packed.isascii()
    assert packed.isprintable()


@given(FORMER_TARGET)
def test_a_former_target_that_is_packed_comes_out_again(former: FormerTarget) -> None:
    assert parse_former(former.packed()) == former


@pytest.mark.parametrize("text", ["", "x", "1 2 0 acme", "soon 2 0 acme ", "1 2"])
def test_what_is_no_former_target_is_none(text: str) -> None:
    assert parse_former(text) is None


def test_former_targets_are_in_the_order_of_their_ends() -> None:
    ends = [0, 9, 10, 999_999_999, 1_000_000_000, 2_000_000_000]
    packed = [FormerTarget(end, "7", "acme").packed() for end in ends]

    assert packed == sorted(packed)
    assert all(one < f"{end + 1:010} " for one, end in zip(packed, ends, strict=True))


@given(PREFIX, ENTRY, ENTRY)
def test_different_mappings_of_one_prefix_are_packed_differently(
    prefix: str, one: MappingEntry, other: MappingEntry
) -> None:
    assert (encode(prefix, one) == encode(prefix, other)) == (one == other)


@pytest.mark.parametrize("prefix", ["", "acme", "acme/app"])
def test_mappings_that_keep_their_prefix_are_one_object(prefix: str) -> None:
    packed = encode(prefix, MappingEntry("12", prefix, Flag.ENABLED))
    other = encode("team", MappingEntry("12", "team", Flag.ENABLED))
    read = "".join(list(packed))

    assert packed is other
    assert dict(intern_all([("a.example/x", read)]))["a.example/x"] is packed


def test_the_key_of_a_mapping_tells_hostname_and_prefix_apart() -> None:
    assert mapping_key("docker.acme.com", "acme/app") == "docker.acme.com/acme/app"
    assert mapping_key("docker.acme.com", "") == "docker.acme.com/"


def test_what_has_an_upstream_prefix_of_its_own_is_left_as_it_is() -> None:
    # Python's table of such strings would only grow: hardly any is met twice.
    read = "".join(list(encode("team", MappingEntry("12", "acme", Flag.ENABLED))))
    intern("".join(list(read)))

    assert dict(intern_all([("a.example/team", read)]))["a.example/team"] is read
