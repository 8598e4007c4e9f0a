"""The grammar of names, tags, digests and targets, against the specification's own expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.core.grammar.names import (
    EndpointKind,
    InvalidRequestTarget,
    has_unsafe_characters,
    is_digest,
    is_name,
    is_tag,
    parse_endpoint,
    parse_pull,
    query_has_unsafe_characters,
)

# OCI distribution spec v1.1, "Pulling manifests"; image spec v1.1, "Digests".
SPEC_NAME = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
SPEC_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
SPEC_DIGEST = r"[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"

HEX = "0123456789abcdef"
ALNUM = "abz019"
CHUNKS = st.text(ALNUM, min_size=1, max_size=4)
# Composed by hand: from_regex takes a hundred times as long.
NAMES = st.builds(
    lambda first, rest: first + "".join(separator + chunk for separator, chunk in rest),
    CHUNKS,
    st.lists(st.tuples(st.sampled_from(["/", "/", ".", "_", "__", "-", "----"]), CHUNKS), max_size=6),
)
TAGS = st.builds("{}{}".format, st.sampled_from(f"{ALNUM}_AZ"), st.text(f"{ALNUM}AZ_.-", max_size=10))
REGISTERED_DIGESTS = st.builds(
    lambda algorithm, text: f"{algorithm[0]}:{(text * 128)[: algorithm[1]]}",
    st.sampled_from([("sha256", 64), ("sha512", 128)]),
    st.text(HEX, min_size=1, max_size=8),
)
OTHER_DIGESTS = st.builds(
    "{}:{}".format,
    st.sampled_from(["blake3", "multihash+base58", "a.b_c-d+e", "sha384"]),
    st.text(f"{ALNUM}AZ=_-", min_size=1, max_size=12),
)
DIGESTS = REGISTERED_DIGESTS | OTHER_DIGESTS
UPLOADS = st.text(f"{ALNUM}AZ._=~-", min_size=1, max_size=12)
TAILS = st.one_of(
    TAGS.map("manifests/{}".format),
    DIGESTS.map("manifests/{}".format),
    DIGESTS.map("blobs/{}".format),
    DIGESTS.map("referrers/{}".format),
    st.sampled_from(["tags/list", "blobs/uploads/"]),
    UPLOADS.map("blobs/uploads/{}".format),
)
SPOILERS: list[str] = ["", *"aZ09._-/:@+~\n \x00é%\\"]


@st.composite
def nearly(draw: st.DrawFn, good: st.SearchStrategy[str]) -> str:
    """A good text with a character put in, left out or replaced."""
    text = draw(good)
    position = draw(st.integers(0, len(text)))
    new: str = draw(st.sampled_from(SPOILERS))
    left_out: int = draw(st.integers(0, 1))
    return f"{text[:position]}{new}{text[position + left_out :]}"


@given(NAMES)
def test_names_of_the_grammar_are_names(name: str) -> None:
    assert is_name(name)
    assert not has_unsafe_characters(f"/v2/{name}/tags/list")


@given(nearly(NAMES))
def test_names_that_are_nearly_so_are_judged_as_the_specification_does(text: str) -> None:
    expected = re.fullmatch(SPEC_NAME, text) is not None and len(text) <= 255

    assert is_name(text) == expected


@given(st.text("ab09._-/", max_size=12))
def test_short_texts_are_judged_as_the_specification_does(text: str) -> None:
    assert is_name(text) == (re.fullmatch(SPEC_NAME, text) is not None)


def test_a_name_has_255_characters_at_most() -> None:
    assert is_name("a" * 255)
    assert not is_name("a" * 256)


@given(st.integers(1, 130))
def test_a_tag_has_128_characters_at_most(length: int) -> None:
    assert is_tag("v" * length) == (length <= 128)


@given(TAGS | nearly(TAGS))
def test_tags_are_judged_as_the_specification_does(text: str) -> None:
    assert is_tag(text) == (re.fullmatch(SPEC_TAG, text) is not None)


@given(DIGESTS)
def test_digests_of_the_grammar_are_digests(digest: str) -> None:
    assert is_digest(digest)


@given(nearly(DIGESTS))
def test_digests_that_are_nearly_so(text: str) -> None:
    algorithm, _, encoded = text.partition(":")
    length = {"sha256": 64, "sha512": 128}.get(algorithm)
    expected = re.fullmatch(SPEC_DIGEST, text) is not None and (
        length is None or (len(encoded) == length and set(encoded) <= set(HEX))
    )

    assert is_digest(text) == expected


@given(NAMES, TAILS)
def test_a_target_is_taken_apart_into_its_name_and_the_rest(name: str, tail: str) -> None:
    endpoint = parse_endpoint(f"/v2/{name}/{tail}")

    assert (endpoint.name, endpoint.tail) == (name, tail)


@given(NAMES, st.sampled_from(["manifests", "blobs", "tags", "uploads", "referrers", "v2", "list"]), TAILS)
def test_the_last_endpoint_in_a_target_is_the_one_that_counts(name: str, word: str, tail: str) -> None:
    name = f"{name}/{word}/{word}"
    assume(len(name) <= 255)

    assert parse_endpoint(f"/v2/{name}/{tail}").name == name


@given(nearly(st.builds("/v2/{}/{}".format, NAMES, TAILS)))
def test_what_is_taken_apart_is_put_together_again(path: str) -> None:
    assume(path.startswith("/v2/"))
    assume(not has_unsafe_characters(path))

    try:
        endpoint = parse_endpoint(path)
    except InvalidRequestTarget:
        return
    assert is_name(endpoint.name)
    rebuilt = f"/v2/{endpoint.name}/{endpoint.tail}"
    # Clients leave this slash out.
    assert rebuilt in (path, f"{path}/")
    assert rebuilt == path or endpoint.tail == "blobs/uploads/"


@given(st.builds("/v2/{}/{}".format, NAMES | nearly(NAMES), TAILS | nearly(TAILS)))
def test_the_short_way_says_what_the_long_way_says(path: str) -> None:
    endpoint = parse_pull(path)

    if endpoint is not None:
        assert not has_unsafe_characters(path)
        assert endpoint == parse_endpoint(path)


@given(NAMES, TAGS.map("manifests/{}".format) | st.sampled_from([f"blobs/sha256:{'a' * 64}"]))
def test_the_short_way_knows_every_pull(name: str, tail: str) -> None:
    assert parse_pull(f"/v2/{name}/{tail}") == parse_endpoint(f"/v2/{name}/{tail}")


@given(st.text(st.characters(max_codepoint=0x17F), max_size=20))
def test_a_path_is_hostile_for_what_it_holds(text: str) -> None:
    path = f"/v2/{text}"
    segments = path.split("/")[1:]
    expected = (
        any(not "!" <= character <= "~" or character in "%\\" for character in path)
        or "" in segments[:-1]
        or any(segment in (".", "..") for segment in segments)
    )

    assert has_unsafe_characters(path) == expected


@given(st.text(st.characters(max_codepoint=0x17F), max_size=12))
def test_a_query_is_hostile_for_what_it_holds(query: str) -> None:
    assert query_has_unsafe_characters(query) == any(not "!" <= character <= "~" for character in query)


@pytest.mark.parametrize(
    ("path", "kind", "name", "reference"),
    [
        ("/v2/a/manifests/latest", EndpointKind.MANIFEST, "a", "latest"),
        ("/v2/a/blobs/manifests/manifests/latest", EndpointKind.MANIFEST, "a/blobs/manifests", "latest"),
        ("/v2/a/tags/list", EndpointKind.TAGS, "a", ""),
        ("/v2/tags/list/tags/list", EndpointKind.TAGS, "tags/list", ""),
        ("/v2/a/blobs/uploads", EndpointKind.UPLOAD, "a", ""),
        ("/v2/a/blobs/uploads/", EndpointKind.UPLOAD, "a", ""),
        ("/v2/a/blobs/uploads/x-1", EndpointKind.UPLOAD, "a", "x-1"),
        ("/v2/a/blobs/uploads/blobs/uploads/", EndpointKind.UPLOAD, "a/blobs/uploads", ""),
    ],
)
def test_endpoints(path: str, kind: EndpointKind, name: str, reference: str) -> None:
    endpoint = parse_endpoint(path)

    assert (endpoint.kind, endpoint.name, endpoint.reference) == (kind, name, reference)
