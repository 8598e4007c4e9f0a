"""The table: strategies, look-ups, and that a table which followed the changes is the one built from the end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.table.host_registries import NAME_DIFFERS
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import (
    Auth,
    Change,
    HostEntry,
    InvalidChange,
    RegistryEntry,
    Strategy,
    Table,
    TenantEntry,
    strategy_of,
)
from tests.examples import examples

HOSTS = ["a.example", "b.example", "*.c.example"]
REGISTRIES = ["1", "2", "3"]
PREFIXES = ["", "acme", "acme/app", "library", "x"]
Entry = dict[str, Any]

TENANT: st.SearchStrategy[Entry] = st.fixed_dictionaries({"name": st.just("t"), "refusal": st.sampled_from(["", "no"])})
REGISTRY: st.SearchStrategy[Entry] = st.fixed_dictionaries(
    {
        "origin": st.sampled_from(["https://one.example", "https://two.example"]),
        "name": st.just("r"),
        "implicit_namespace": st.sampled_from(["", "library"]),
        "auth": st.sampled_from([auth.value for auth in Auth]),
    }
)
HOST: st.SearchStrategy[Entry] = st.fixed_dictionaries({"tenant": st.just("1"), "enabled": st.booleans()})
MAPPING: st.SearchStrategy[Entry] = st.fixed_dictionaries(
    {
        "registry": st.sampled_from(REGISTRIES),
        "upstream_prefix": st.sampled_from(PREFIXES),
        "flags": st.integers(0, 31),
    }
)
MAPPING_KEYS = st.builds("{}/{}".format, st.sampled_from(HOSTS), st.sampled_from(PREFIXES))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mapping"), MAPPING_KEYS, st.none() | MAPPING),
        st.tuples(st.just("registry"), st.sampled_from(REGISTRIES), st.none() | REGISTRY),
        st.tuples(st.just("hostname"), st.sampled_from(HOSTS), st.none() | HOST),
        st.tuples(st.just("tenant"), st.just("1"), st.none() | TENANT),
    ),
    max_size=25,
)
State = dict[str, dict[str, Entry]]


def built(state: State, generation: int) -> Table:
    return Table.build(
        Policy(),
        generation,
        [(key, TenantEntry(**entry)) for key, entry in state["tenant"].items()],
        [(key, RegistryEntry(**entry)) for key, entry in state["registry"].items()],
        [(key, HostEntry(**entry)) for key, entry in state["hostname"].items()],
        [(key, MappingEntry(**entry)) for key, entry in state["mapping"].items()],
    )


def facts(table: Table) -> dict[str, Any]:
    """Everything that a table says, so that two of them can be compared."""
    return {
        "generation": table.generation,
        "digest": table.digest,
        "tenants": dict(table.tenants.items()),
        "registries": dict(table.registries.items()),
        "hosts": dict(table.hosts.items()),
        "mappings": dict(table.mappings.items()),
        "usages": dict(table.host_registries.items()),
        "used": {host: table.used_registries(host) for host in HOSTS},
        "found": {
            (host, name): table.match_repository(host, name)
            for host in HOSTS
            for name in ("acme/app/x", "acme", "library/a", "one")
        },
    }


@settings(max_examples=examples(300), deadline=None)
@given(STEPS, st.integers(1, 6))
def test_following_changes_leads_to_the_table_built_from_the_end(
    steps: list[tuple[str, str, Entry | None]], at_once: int
) -> None:
    state: State = {"tenant": {}, "registry": {}, "hostname": {}, "mapping": {}}
    table = built(state, 0)
    past: list[tuple[Table, dict[str, Any]]] = []
    changes = [Change(number, *step) for number, step in enumerate(steps, start=1)]
    for start in range(0, len(changes), at_once):
        batch = changes[start : start + at_once]
        past.append((table, facts(table)))
        table = table.apply(copy.deepcopy(batch))
        for change in batch:
            if change.entry is None:
                state[change.kind].pop(change.key, None)
            else:
                state[change.kind][change.key] = change.entry

        assert facts(table) == facts(built(state, batch[-1].generation))
    # Whoever still answers from an older table is not disturbed.
    for older, then in past:
        assert facts(older) == then


def test_a_batch_of_every_kind_of_change_leads_to_the_table_built_from_its_end() -> None:
    """Changes that a random list seldom has together: of one hostname, in one batch, of one mapping twice."""
    registry = {"origin": "https://one.example", "name": "one", "auth": "bearer"}
    same, renamed = {"registry": "1", "upstream_prefix": "acme/app", "flags": 1}, {"registry": "1", "flags": 1}
    start: State = {
        "tenant": {"1": {"name": "t", "refusal": ""}},
        "registry": {"1": registry},
        "hostname": {"a.example": {"tenant": "1"}},
        "mapping": {"a.example/acme/app": same, "a.example/x": {"registry": "1", "upstream_prefix": "y", "flags": 1}},
    }
    table = built(start, 1)
    batch: list[tuple[str, str, Entry | None]] = [
        ("mapping", "a.example/acme/app", {**renamed, "upstream_prefix": "other"}),
        ("mapping", "a.example/acme/app", {**renamed, "upstream_prefix": "library"}),
        ("mapping", "a.example/x", None),
        ("mapping", "b.example/acme/app", same),
        ("mapping", "b.example/acme", same),
        ("hostname", "b.example", {"tenant": "2"}),
        ("hostname", "a.example", None),
        ("tenant", "2", {"name": "u", "refusal": "no"}),
        ("registry", "2", {**registry, "auth": "none"}),
    ]
    end = copy.deepcopy(start)
    for kind, key, entry in batch:
        if entry is None:
            del end[kind][key]
        else:
            end[kind][key] = entry
    after = table.apply([Change(number, *step) for number, step in enumerate(batch, start=2)])

    assert facts(after) == facts(built(end, 10))
    assert after.policy is table.policy
    assert facts(table) == facts(built(start, 1))


def test_no_changes_make_no_difference() -> None:
    table = built({"tenant": {}, "registry": {}, "hostname": {}, "mapping": {}}, 7)

    assert facts(table.apply([])) == facts(table)


@pytest.mark.parametrize(
    ("kind", "entry"),
    [("planet", {}), ("mapping", {"registry": "1"}), ("hostname", {"tenant": "1", "moons": 2}), ("registry", [])],
)
def test_a_change_that_it_does_not_know_is_refused(kind: str, entry: Any) -> None:
    table = built({"tenant": {}, "registry": {}, "hostname": {}, "mapping": {}}, 1)

    with pytest.raises(InvalidChange, match="generation 2"):
        table.apply([Change(2, kind, "key", entry)])


@pytest.mark.parametrize(
    ("auth", "flags", "strategy"),
    [
        (Auth.NONE, 0, Strategy.OPEN),
        (Auth.NONE, Flag.PRIVATE, Strategy.BROKER),
        (Auth.NONE, NAME_DIFFERS, Strategy.OPEN),
        (Auth.BEARER, 0, Strategy.SPLIT),
        (Auth.BEARER, Flag.PRIVATE, Strategy.BROKER),
        (Auth.BEARER, NAME_DIFFERS, Strategy.BROKER),
        (Auth.UNKNOWN, 0, Strategy.SPLIT),
        (Auth.UNKNOWN, NAME_DIFFERS, Strategy.BROKER),
        (Auth.BASIC, 0, Strategy.BROKER),
        *((auth, Flag.REDIRECT_ONLY | Flag.PRIVATE | NAME_DIFFERS, Strategy.REDIRECT_ONLY) for auth in Auth),
    ],
)
def test_the_strategy_follows_from_registry_and_mapping(auth: Auth, flags: int, strategy: Strategy) -> None:
    private, renamed, shell = (bool(flags & flag) for flag in (Flag.PRIVATE, NAME_DIFFERS, Flag.REDIRECT_ONLY))

    assert strategy_of(auth, private=private, name_differs=renamed, redirect_only=shell) is strategy


def one_mapping(prefix: str, upstream: str, *, library: str = "", auth: str = Auth.BEARER) -> Table:
    return Table.build(
        Policy(),
        1,
        [("1", TenantEntry("t"))],
        [("1", RegistryEntry("https://one.example", "one.example", library, auth))],
        [("a.example", HostEntry("1"))],
        [(f"a.example/{prefix}", MappingEntry("1", upstream, Flag.ENABLED))],
    )


@pytest.mark.parametrize(
    ("prefix", "upstream", "library", "name", "expected"),
    [
        ("acme", "acme", "", "acme/app", ("acme/app", Strategy.SPLIT)),
        ("acme", "acme", "", "acme", ("acme", Strategy.SPLIT)),
        ("acme", "other", "", "acme/app", ("other/app", Strategy.BROKER)),
        ("", "", "", "acme/app", ("acme/app", Strategy.SPLIT)),
        ("", "team", "", "acme/app", ("team/acme/app", Strategy.BROKER)),
        ("team", "", "", "team/app", ("app", Strategy.BROKER)),
        ("team", "", "", "team", ("", Strategy.BROKER)),
        ("", "", "library", "alpine", ("library/alpine", Strategy.BROKER)),
        ("", "", "library", "library/alpine", ("library/alpine", Strategy.SPLIT)),
        ("team", "", "library", "team/alpine", ("library/alpine", Strategy.BROKER)),
        ("team", "", "library", "team", ("", Strategy.BROKER)),
        ("library", "library", "library", "library/alpine", ("library/alpine", Strategy.SPLIT)),
    ],
)
def test_the_name_at_the_registry(
    prefix: str, upstream: str, library: str, name: str, expected: tuple[str, Strategy]
) -> None:
    match = one_mapping(prefix, upstream, library=library).match_repository("a.example", name)

    assert match is not None
    assert (match.prefix, (match.upstream_name, match.strategy)) == (prefix, expected)


def test_a_mapping_onto_a_registry_that_is_gone_leads_nowhere() -> None:
    table = one_mapping("acme", "acme").apply([Change(2, "registry", "1", None)])

    assert table.match_repository("a.example", "acme/app") is None
    assert table.used_registries("a.example") == {}


def test_a_hostname_mapped_whole_onto_docker_hub_renames() -> None:
    """For a ping, which knows no name: one-component names have another name there."""
    assert one_mapping("", "", library="library").used_registries("a.example") == {"1": {Strategy.BROKER}}
    assert one_mapping("", "").used_registries("a.example") == {"1": {Strategy.SPLIT}}
    assert one_mapping("acme", "acme", library="library").used_registries("a.example") == {"1": {Strategy.SPLIT}}


def test_so_does_a_mapping_whose_prefix_was_found_to_be_kept_elsewhere() -> None:
    table = one_mapping("alpine", "alpine", library="library")
    entry = {"registry": "1", "upstream_prefix": "alpine", "flags": Flag.ENABLED | Flag.NAME_DIFFERS}
    table = table.apply([Change(2, "mapping", "a.example/alpine", entry)])

    assert table.used_registries("a.example") == {"1": {Strategy.BROKER}}
    match = table.match_repository("a.example", "alpine")
    assert match is not None
    assert (match.upstream_name, match.strategy) == ("library/alpine", Strategy.BROKER)


def test_a_login_is_tried_with_what_some_mapping_of_that_registry_asks_for() -> None:
    challenge = "https://one.example/token one.example"
    table = Table.build(
        Policy(),
        1,
        [("1", TenantEntry("t"))],
        [(key, RegistryEntry(f"https://{key}.example", key, auth=Auth.NONE)) for key in ("1", "2")],
        [("a.example", HostEntry("1"))],
        [
            ("a.example/open", MappingEntry("1", "open", Flag.ENABLED)),
            ("a.example/secret", MappingEntry("1", "secret", Flag.ENABLED | Flag.PRIVATE, challenge)),
            ("a.example/other", MappingEntry("2", "other", Flag.ENABLED)),
        ],
    )

    assert table.login_challenge("a.example", "1") == challenge
    assert table.login_challenge("a.example", "2") == ""
    assert table.login_challenge("b.example", "1") == ""
