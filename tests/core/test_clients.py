"""Which client a `User-Agent` names, and the table of those that re-authorise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.user_agents import InvalidClientList, parse_clients, parse_user_agent, reauthorises


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("docker/20.10.24+dfsg1 go/go1.19.8", ("docker", (20, 10, 24))),
        ("containerd/v2.0.1+unknown", ("containerd", (2, 0, 1))),
        ("containerd/1.6.20~ds1", ("containerd", (1, 6, 20))),
        ("BuildKit/v0.12", ("buildkit", (0, 12))),
        ("regclient/regctl (v0.7.1)", ("regclient", ())),
        ("docker/1.2.3.4.5.6", ("docker", (1, 2, 3, 4))),
        ("docker", ("docker", ())),
        ("docker/", ("docker", ())),
        ("", ("", ())),
        ("(nothing)", ("", ())),
    ],
)
def test_the_product_is_the_first_token(agent: str, expected: tuple[str, tuple[int, ...]]) -> None:
    assert parse_user_agent(agent)[:2] == expected


@given(st.text(max_size=300))
def test_no_agent_is_too_odd(agent: str) -> None:
    assert reauthorises(agent) in (True, False)
    assert reauthorises(f"docker/{agent}")


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("containerd/2.1", True),
        ("containerd/2.1.99", True),
        ("containerd/2", True),
        ("containerd/2.2", False),
        ("containerd/10", False),
        ("containerd", False),
        ("Docker/99", True),
        ("buildkit/1", False),
    ],
)
def test_a_highest_version_counts_in_as_many_parts_as_it_has(agent: str, expected: bool) -> None:
    assert reauthorises(agent, parse_clients(["containerd<=2.1", " Docker "])) == expected


@pytest.mark.parametrize(
    "entry", ["", "docker>=2", "docker<=", "docker<=x", "docker/2", "two words", "docker<=2.", "<=2"]
)
def test_an_entry_that_is_none_is_named(entry: str) -> None:
    with pytest.raises(InvalidClientList, match="is not a client"):
        parse_clients(["docker", entry])
