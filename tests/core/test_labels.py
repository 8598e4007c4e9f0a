"""What is a label, and how labels of a row are kept."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.labels import (
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    MAX_PACKED_LENGTH,
    InvalidLabel,
    key_of,
    pack_labels,
    parse_label,
    relabelled,
    unpack_labels,
)

_ENDS = string.ascii_lowercase + string.digits
PARTS = st.builds(
    lambda first, middle, last: first + (middle + last if last else ""),
    st.sampled_from(_ENDS),
    st.text(f"{_ENDS}._-", max_size=20),
    st.sampled_from(["", *_ENDS]),
)
LABELS = st.one_of(PARTS, st.builds("{}={}".format, PARTS, PARTS))


@pytest.mark.parametrize("text", ["legacy", "team=web", "wave-1", "1.2", "a", "a=b", "cost_centre=4711", " legacy "])
def test_a_word_or_a_key_with_its_value_is_a_label(text: str) -> None:
    assert parse_label(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "=", "team=", "=web", "a=b=c", "Team", "team web", "-a", "a-", "a.", "ä", "a/b", "<b>", "a,b", "a\0", "a\n b"],
)
def test_all_else_is_none_and_is_told_what_would_be(text: str) -> None:
    with pytest.raises(InvalidLabel, match="team=web"):
        parse_label(text)


def test_a_label_that_is_too_long_is_told_how_long_it_may_be() -> None:
    assert parse_label("a" * MAX_LABEL_LENGTH)
    with pytest.raises(InvalidLabel, match=r"63 characters at most: “a{80}” has 1000"):
        parse_label("a" * 1000)


def test_labels_are_kept_in_order_and_once() -> None:
    assert pack_labels("  team=web,legacy legacy\n a ") == "a legacy team=web"
    assert pack_labels([]) == pack_labels(" , ") == ""


def test_a_key_has_one_value() -> None:
    with pytest.raises(InvalidLabel, match="team stands here twice, as team=api and as team=web"):
        pack_labels("team=api team=web")
    with pytest.raises(InvalidLabel, match="twice"):
        pack_labels("team team=web")


def test_a_row_has_so_many_at_most() -> None:
    most = [f"a{number}" for number in range(MAX_LABELS)]
    assert len(unpack_labels(pack_labels(most))) == MAX_LABELS
    with pytest.raises(InvalidLabel, match="20 labels at most"):
        pack_labels([*most, "one-more"])


def test_an_added_label_takes_the_place_of_what_its_key_had() -> None:
    assert relabelled("a team=api", ["team=web"], []) == "a team=web"
    assert relabelled("a team=api", ["team"], []) == "a team"


def test_a_key_alone_removes_any_value_and_a_label_that_one() -> None:
    assert relabelled("a team=api", [], ["team"]) == "a"
    assert relabelled("a team=api", [], ["team=web"]) == "a team=api"
    assert relabelled("a team=api", ["b"], ["a"]) == "b team=api"


@given(LABELS)
def test_every_label_is_kept_as_it_is(label: str) -> None:
    assert parse_label(label) == label
    assert unpack_labels(pack_labels(label)) == [label]


@given(st.lists(LABELS, max_size=MAX_LABELS, unique_by=key_of))
def test_what_is_kept_is_read_back_and_fits(labels: list[str]) -> None:
    packed = pack_labels(labels)

    assert unpack_labels(packed) == sorted(labels)
    assert pack_labels(packed) == packed
    assert len(packed) <= MAX_PACKED_LENGTH


@given(st.text(max_size=100))
def test_any_text_is_labels_or_is_refused(text: str) -> None:
    try:
        packed = pack_labels(text)
    except InvalidLabel:
        return
    assert set(packed) <= set(f"{_ENDS}._-= ")


@given(st.lists(LABELS, max_size=10, unique_by=key_of), LABELS)
def test_what_is_added_can_be_taken_off_again(labels: list[str], label: str) -> None:
    packed = pack_labels([each for each in labels if key_of(each) != key_of(label)])

    assert relabelled(relabelled(packed, [label], []), [], [label]) == packed
