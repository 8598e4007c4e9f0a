"""Names that look like one that is there: what somebody meant who mistyped a hostname."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import add_hostname
from routing.services.hostnames.near import _edits, _pieces, did_you_mean, near_hostnames
from tests.conftest import Person

LETTERS = st.text("abc.", min_size=3, max_size=12)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dockr.acme.com", ["docker.acme.com"]),
        ("dokcer.acme.com", ["docker.acme.com"]),
        ("docker-acme.com", ["docker.acme.com"]),
        ("docker.acme.co", ["docker.acme.com"]),
        ("docker.acme", ["docker.acme.com"]),
        ("docker.acme.com.acme.com", ["docker.acme.com"]),
        ("docker.acme.com", []),
        ("registry.acme.com", []),
        ("new.docker.acme.com", []),
        ("docker.acme.example", []),
    ],
)
def test_a_mistyped_name_is_near_the_one_that_was_meant(owner: Person, typed: str, meant: list[str]) -> None:
    assert near_hostnames(owner.actor, typed) == meant


def test_nobody_is_told_of_names_that_they_may_not_see(owner: Person, outsider: Person, platform: Actor) -> None:
    assert near_hostnames(outsider.actor, "dockr.acme.com") == []
    assert near_hostnames(platform, "dockr.acme.com") == ["docker.acme.com"]


def test_the_nearest_is_named_first(owner: Person, platform: Actor) -> None:
    for name in ("dockers.acme.com", "rocker.acme.com"):
        add_hostname(platform, "", tenant_id=owner.tenant.pk, name=name)

    found = near_hostnames(platform, "dockerz.acme.com")

    assert found == ["docker.acme.com", "dockers.acme.com", "rocker.acme.com"]
    assert did_you_mean(found) == ". Did you mean docker.acme.com or dockers.acme.com or rocker.acme.com?"
    assert did_you_mean([]) == ""


def test_what_differs_in_digits_alone_is_another_name(owner: Person, platform: Actor) -> None:
    add_hostname(platform, "", tenant_id=owner.tenant.pk, name="r1.acme.com")

    assert near_hostnames(platform, "r2.acme.com") == []
    assert near_hostnames(platform, "docker2.acme.com") == []


@given(LETTERS, st.lists(st.tuples(st.sampled_from("xid"), st.integers(0, 11), st.sampled_from("abc.")), max_size=2))
def test_what_differs_in_two_places_has_a_piece_in_common(name: str, edits: list[tuple[str, int, str]]) -> None:
    other = name
    for kind, place, letter in edits:
        at = min(place, len(other))
        other = other[:at] + (letter if kind != "d" else "") + other[at + (kind != "i") :]

    assert _edits(name, other, 2) <= len(edits)
    assert _edits(other, name, 2) == _edits(name, other, 2)
    assert any(piece in other for piece in _pieces(name, 3))
