from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.registries.auth.scopes import (
    InvalidScope,
    Scope,
    format_scopes,
    parse_scopes,
    repository_scope,
    rewrite,
    without_mirrored,
)
from tests.cpu_time import at_most

WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
NAMES = st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=30)
ACTIONS = st.lists(
    st.sampled_from(["pull", "push", "delete", "*", "metadata_read"]), min_size=1, max_size=3, unique=True
)
SCOPES = st.builds(Scope, WORDS, NAMES, ACTIONS.map(tuple), st.none() | WORDS)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:acme/app:pull,push", Scope("repository", "acme/app", ("pull", "push"))),
        ("repository(plugin):acme/app:pull", Scope("repository", "acme/app", ("pull",), "plugin")),
        ("registry:catalog:*", Scope("registry", "catalog", ("*",))),
        ("repository:host.example:5000/app:pull", Scope("repository", "host.example:5000/app", ("pull",))),
    ],
)
def test_a_scope_is_read_and_written(text: str, scope: Scope) -> None:
    assert parse_scopes(text) == (scope,)
    assert str(scope) == text


def test_scopes_come_space_separated_or_repeated_and_count_once() -> None:
    one, two, three = repository_scope("a"), repository_scope("b", "pull", "push"), Scope("registry", "catalog", ("*",))
    assert parse_scopes([f"{one}  {two}", str(three), str(one), ""]) == (one, two, three)
    assert format_scopes([one, two]) == "repository:a:pull repository:b:pull,push"


@given(st.lists(SCOPES, unique=True, max_size=5))
def test_what_is_formatted_is_read_back(scopes: list[Scope]) -> None:
    assert parse_scopes(format_scopes(scopes)) == tuple(scopes)


@pytest.mark.parametrize(
    "text",
    [
        "pull",
        "repository:app",
        "repository::pull",
        "repository:app:",
        "Repository:a:pull",
        "repository:a:,",
        "a:ü:pull",
        "a:b\n:pull",
    ],
)
def test_what_is_no_scope_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidScope) as caught:
        parse_scopes(text)
    assert text not in str(caught.value)


def test_renaming_touches_repositories_only_and_can_leave_some_out() -> None:
    scopes = parse_scopes(
        "repository:acme/app:pull repository(plugin):acme/p:push registry:catalog:* repository:x:pull"
    )
    names = {"acme/app": "upstream/app", "acme/p": "upstream/p"}
    assert format_scopes(rewrite(scopes, names.get)) == (
        "repository:upstream/app:pull repository(plugin):upstream/p:push registry:catalog:*"
    )


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join), unique=True, max_size=8))
def test_the_end_of_a_longer_name_is_its_mirrored_one(names: list[str]) -> None:
    meant = [name for name in names if not any(other.endswith(f"/{name}") for other in names)]
    left = without_mirrored([repository_scope(name) for name in names], lambda _name: True)
    assert [scope.name for scope in left] == meant


def test_as_many_scopes_as_a_form_holds_are_compared_in_no_time() -> None:
    scopes = parse_scopes(" ".join(f"repository:a/{number:x}:p" for number in range(3000)))
    with at_most(0.3):
        assert without_mirrored(scopes, lambda _name: True) == scopes
