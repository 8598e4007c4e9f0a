"""What a `User-Agent` says that its client can, and the setting that says otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.decide import Request, decide
from routing.core.grammar.user_agents import (
    PROFILES,
    Ability,
    ClientProfile,
    Clients,
    InvalidClientList,
    Needed,
    parse_clients,
)
from tests.core.contract import BUILDKIT, CONTAINERD, CRANE, DOCKER, DOCKERD, PODMAN, REGCTL, build_table
from tests.core.contract_rows import FOLLOWING, NOT_FOLLOWING

CLIENTS = Clients()
WORDS = st.sampled_from([*FOLLOWING, *NOT_FOLLOWING, "(", ")", "\\", " ", "docker/1", "containerd/2 ", "a/b "])


def own(*entries: str) -> Clients:
    return Clients(parse_clients(entries))


@pytest.mark.parametrize(
    ("agent", "ability"),
    [
        (DOCKER, Ability.DOCKER_PING),
        (DOCKERD, Ability.ANONYMOUS),
        (CONTAINERD, Ability.CREDENTIALS),
        (BUILDKIT, Ability.ANONYMOUS),
        (CRANE, Ability.ANONYMOUS),
        (REGCTL, Ability.ANONYMOUS),
        (PODMAN, Ability.NOTHING),
        ("Docker-Client/28.4.0 (linux)", Ability.NOTHING),
        ("", Ability.NOTHING),
    ],
)
def test_what_a_client_can_is_told_by_any_product(agent: str, ability: Ability) -> None:
    assert CLIENTS.of(agent).ability is ability


def test_every_profile_is_that_of_its_own_sample() -> None:
    assert [CLIENTS.of(profile.sample) for profile in PROFILES] == list(PROFILES)


def test_only_those_who_can_anything_push() -> None:
    assert not [profile for profile in PROFILES if profile.pushes and profile.ability is Ability.NOTHING]


@given(st.lists(WORDS, max_size=8).map("".join) | st.text(max_size=300))
def test_no_agent_is_too_odd(agent: str) -> None:
    assert CLIENTS.of(agent) is Clients().of(agent)


@given(
    st.lists(WORDS, max_size=3).map("".join),
    st.lists(WORDS, max_size=3).map("".join),
    st.sampled_from(
        ["acme/web", "tools/x", "secret/x", "basic/x", "new/x", "push/x", "push-open/x", "plain/x", "nil/x"]
    ),
    st.sampled_from(["GET", "HEAD", "PUT"]),
    st.booleans(),
)
def test_a_decision_depends_on_nothing_else_of_an_agent(
    one: str, other: str, name: str, method: str, token: bool
) -> None:
    """The fast lane remembers by the profile."""
    table = build_table()
    if CLIENTS.of(one) != CLIENTS.of(other):
        other = CLIENTS.of(one).sample
    for path in ("/v2/", f"/v2/{name}/manifests/1", f"/v2/{name}/blobs/sha256:{'a' * 64}", f"/v2/{name}/tags/list"):
        answers = {decide(table, Request(method, "docker.acme.com", path, "", agent, token)) for agent in (one, other)}
        assert len(answers) == 1


def test_what_is_remembered_of_agents_is_bounded() -> None:
    clients = Clients()
    for number in range(10_000):
        clients.of(f"docker/{number} " + "x" * 3000)

    assert len(clients._known) <= 4096
    assert max(map(len, clients._known)) <= 1024


@pytest.mark.parametrize("needed", Needed)
def test_who_is_named_as_able_is(needed: Needed) -> None:
    *others, last = dict.fromkeys(profile.shown for profile in PROFILES if profile.follows(needed))

    assert CLIENTS.able(needed) == (f"{', '.join(others)} and {last}" if others else last)
    assert "docker (classic image store)" in CLIENTS.able(needed, ping_ends_there=True)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        *(("containerd/2.1", True), ("containerd/2.1.99", True), ("containerd/2", True), ("containerd/v1.7.30", True)),
        *(("containerd/1.7", True), ("containerd/1.6.99", False), ("containerd/1", False), ("containerd/2.2", False)),
        *(("containerd/10", False), ("containerd", False), ("containerd/x", False), ("containerd/2.1.0-rc.1", True)),
        *(("containerd/1.7.0-rc.1", False), ("containerd/1.7.0+unknown", True), ("containerd/1.7.0~ds1", True)),
        *(("Docker/99", True), ("buildkit/1", True), ("podman/5", False)),
    ],
)
def test_bounds_count_in_as_many_parts_as_they_have(agent: str, expected: bool) -> None:
    clients = own(" Containerd >= 1.7 <= v2.1 : credentials ", "docker:docker-ping")

    assert (clients.of(agent).ability is not Ability.NOTHING) == expected


def test_an_entry_replaces_all_that_is_built_in_about_its_product_and_nothing_else() -> None:
    clients = own("go-containerregistry>=0.30:credentials+push", "buildkit:nothing")

    assert clients.of(CRANE).ability is Ability.NOTHING
    newer = clients.of("crane/0.31 go-containerregistry/0.31")
    assert (newer.ability, newer.pushes, newer.shown) == (Ability.CREDENTIALS, True, "go-containerregistry from 0.30")
    assert clients.of(newer.sample) is newer
    assert clients.of(BUILDKIT).ability is Ability.NOTHING
    assert clients.of(CONTAINERD) == CLIENTS.of(CONTAINERD)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        *((entry, "is not a client") for entry in ("", "docker", "containerd<=2.1", ":anonymous", "two words:nothing")),
        *((entry, "is not a client") for entry in ("docker/2:nothing", "<=2:nothing", "docker<=:nothing", "docker:")),
        ("docker:everything", "it can be nothing, anonymous, credentials, docker-ping"),
        ("docker<=2.:nothing", "“2.” is not a version"),
        ("docker>=1.2.3.4.5:nothing", "“1.2.3.4.5” is not a version"),
        ("docker>=2.2<=2.1:anonymous", "no version is at least 2.2 and at most 2.1"),
        ("docker:nothing+push", "can't push"),
    ],
)
def test_an_entry_that_is_none_is_named(entry: str, says: str) -> None:
    with pytest.raises(InvalidClientList) as refused:
        parse_clients(["docker:docker-ping", entry])

    assert says in str(refused.value)
    assert f"“{entry}”" in str(refused.value)


BRINGS = {
    Ability.NOTHING: "nothing",
    Ability.ANONYMOUS: "*anonymous* tokens",
    Ability.CREDENTIALS: "its *credentials*",
    Ability.DOCKER_PING: "what its *docker ping* got",
}


def test_the_page_has_the_table_as_it_is() -> None:
    """clients.md shows the lines below; after a change of PROFILES, paste those that this test expects."""
    expected = [
        f"| {f'`{profile.product}`' if profile.product else 'none of these'}{_bounds(profile)} | {profile.shown} "
        f"| {BRINGS[profile.ability]} | {'yes' if profile.pushes else 'no'} |"
        for profile in PROFILES
    ]

    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md").read_text()
    (found,) = re.findall(r"^\| product \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)

    assert found.splitlines() == expected


def _bounds(profile: ClientProfile) -> str:
    low = f" from {'.'.join(map(str, profile.lowest))}" if profile.lowest else ""
    return f"{low} to {'.'.join(map(str, profile.highest))}" if profile.highest else low
