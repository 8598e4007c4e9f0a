"""A mapping in one string: nothing is lost on the way, and what is alike is shared."""

from __future__ import annotations

from sys import intern

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.table.mapping_entry import Flag, MappingEntry, decode, encode, intern_all, mapping_key

PREFIX = st.sampled_from(["", "acme", "acme/app", "a/b/c", "library"])
CHALLENGE = st.sampled_from(
    ["", "basic", "bearer https://r.example/v2/token", "bearer https://r.example/t?a=/b its service"]
)
ENTRY = st.builds(MappingEntry, st.integers(1, 10**9).map(str), PREFIX, st.integers(0, 15), CHALLENGE)


@given(PREFIX, ENTRY)
def test_what_is_packed_comes_out_again(prefix: str, entry: MappingEntry) -> None:
    packed = encode(prefix, entry)

    assert decode(prefix, packed) == entry
    assert packed.isascii()
    assert packed.isprintable()


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
