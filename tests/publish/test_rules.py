"""Whatever an engine answers by itself, by the rules of an export, `decide()` answers too."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.decide import Request, decide
from routing.core.grammar.user_agents import Ability, Clients
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Auth, HostEntry, RegistryEntry, Table, TenantEntry
from routing.publish.patterns import client_classes
from routing.publish.remarks import Why, remark_lines
from routing.publish.rules import DOCKER, STAYS, UNCERTAIN, Letter, Rules, rules_of
from tests.core.contract import DIGEST, PODMAN, agrees, build_table, outcome_of
from tests.core.contract import DOCKER as DOCKER_AGENT
from tests.core.contract_rows import FOLLOWING, NOT_FOLLOWING, ROWS
from tests.publish.reference import answer, client_class

PARTS = st.sampled_from(["a", "b", "a-b", "manifests", "blobs", "v2", "0"])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PREFIXES = st.one_of(st.just(""), NAMES)
REGISTRIES = st.builds(
    RegistryEntry,
    origin=st.sampled_from(["https://ghcr.io", "http://r.example:5000"]),
    name=st.just("r"),
    implicit_namespace=st.sampled_from(["", "library"]),
    auth=st.sampled_from([auth.value for auth in Auth]),
)
MAPPINGS = st.builds(
    MappingEntry,
    registry=st.sampled_from(["1", "2", "gone"]),
    upstream_prefix=PREFIXES,
    flags=st.integers(0, 31),
    challenge=st.sampled_from(["", "basic"]),
)
HOSTS = st.sampled_from(["x.example", "y.x.example", "*.x.example", "*.y.x.example", "[::1]", "control.example"])
ENTRIES = st.builds(
    HostEntry,
    tenant=st.sampled_from(["acme", "left", "nobody"]),
    enabled=st.sampled_from([True, True, True, False]),
    login_registry=st.sampled_from(["", "1", "2"]),
    refusal=st.sampled_from(["", "", "", 'it has "lapsed" {$host}; }\n']),
)
TABLES = st.builds(
    lambda hosts, mappings, registries, clients: Table.build(
        Policy(frozenset({"control.example", "z.x.example"}), Clients(clients)) if clients else Policy(),
        7,
        {"acme": TenantEntry("Acme"), "left": TenantEntry("Left", "they left")}.items(),
        registries.items(),
        hosts.items(),
        {f"{host}/{prefix}": entry for (host, prefix), entry in mappings.items()}.items(),
    ),
    st.dictionaries(HOSTS, ENTRIES, max_size=4),
    st.dictionaries(st.tuples(HOSTS, PREFIXES), MAPPINGS, max_size=8),
    st.fixed_dictionaries({"1": REGISTRIES, "2": REGISTRIES}),
    st.sampled_from([(), Clients().profiles, Clients().profiles[2:]]),
)
TAILS = st.sampled_from(
    ["manifests/1.0", f"manifests/{DIGEST}", f"blobs/{DIGEST}", "tags/list", f"referrers/{DIGEST}", "blobs/uploads/"]
)
PATHS = st.one_of(
    st.sampled_from(["/v2/", "/v2", "/token", "/", "/v2/_catalog"]), st.builds("/v2/{}/{}".format, NAMES, TAILS)
)
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "GET", "HEAD", "POST", "BREW"]),
    host=st.sampled_from(
        ["x.example", "X.example:5000", "y.x.example", "z.x.example", "w.y.x.example", "a_b.x.example", "[::1]:1"]
    ),
    path=PATHS,
    query=st.sampled_from(["", "", "ns=docker.io", "a b", "\xe9"]),
    user_agent=st.sampled_from(
        ["", DOCKER_AGENT, PODMAN, "containerd/2.1", "crane/0.21.8 go-containerregistry/0.21.8"]
    ),
    authorized=st.booleans(),
)


def checked(table: Table, rules: Rules, request: Request) -> str:
    """The outcome's kind, once it is what `decide()` says."""
    seen = answer(rules, request)
    if seen is None:
        return "app"
    expected = outcome_of(decide(table, request))
    assert agrees(expected, seen), f"{request}: the engine says {seen}, the app {expected}"
    return type(seen).__name__


@given(TABLES, st.lists(REQUESTS, min_size=1, max_size=8))
def test_no_table_makes_an_engine_say_what_the_app_does_not(table: Table, requests: list[Request]) -> None:
    rules = rules_of(table)

    for request in requests:
        checked(table, rules, request)


def test_the_contract_is_answered_alike_and_much_of_it_by_the_engine() -> None:
    exports = {id(row.table): rules_of(row.table) for row in ROWS}

    by_kind = Counter(checked(row.table, exports[id(row.table)], row.request) for row in ROWS)

    assert by_kind["RedirectsTo"] > 150
    assert by_kind["Challenged"] > 60
    assert by_kind["PingOk"] > 10
    assert by_kind["Refused"] > 10


@pytest.mark.parametrize("agent", [*FOLLOWING, *NOT_FOLLOWING], ids=lambda agent: agent[:30])
def test_a_client_is_in_the_class_that_its_profile_says_or_in_none(agent: str) -> None:
    table = build_table()
    profile = table.policy.clients.of(agent)

    found = client_class(rules_of(table), agent)

    if found != UNCERTAIN:
        assert (found == STAYS) == (profile.ability is Ability.NOTHING)
        assert (found == DOCKER) == (profile.ability is Ability.DOCKER_PING)


@given(st.text(alphabet="docker/ ()\\1.containerdpodman\t\xe9", max_size=60))
def test_no_user_agent_is_taken_for_another_client(agent: str) -> None:
    table = build_table()
    found = client_class(rules_of(table), agent)

    assert found == UNCERTAIN or (found == STAYS) == (table.policy.clients.of(agent).ability is Ability.NOTHING)


def test_the_clients_that_pull_most_are_told_by_the_engine() -> None:
    rules = rules_of(build_table())

    found = [client_class(rules, agent) for agent in (DOCKER_AGENT, "containerd/2.1.9", PODMAN, "", "curl/8")]

    assert found == ["d", "f", "n", "n", "n"]
    assert len(client_classes(rules.clients)) == len(rules.clients) + 2


def table_of(mappings: dict[str, MappingEntry], hosts: tuple[str, ...] = ("x.example",)) -> Table:
    registries = {"1": RegistryEntry("https://r.example", "r", auth=Auth.BEARER.value)}
    return Table.build(
        Policy(),
        1,
        {"acme": TenantEntry("Acme")}.items(),
        registries.items(),
        {name: HostEntry("acme") for name in hosts}.items(),
        mappings.items(),
    )


def test_what_is_left_to_the_app_is_told_by_name() -> None:
    deep = "x.example/" + "/".join("abcdefghi")
    table = table_of(
        {deep: MappingEntry("1", "a", 1), "y.example/push": MappingEntry("1", "push", 1 | Flag.ALLOW_PUSH)}
    )
    both = table_of(dict(table_items(table)), ("x.example", "y.example"))

    remarks = dict(rules_of(both).remarks)

    assert remarks[Why.TOO_DEEP] == ("x.example",)
    assert remarks[Why.PUSH] == ("y.example/push",)
    assert "crane from 0.21.8 on" in remarks[Why.VERSIONS]


def table_items(table: Table) -> list[tuple[str, MappingEntry]]:
    from routing.core.table.mapping_entry import decode

    return [(key, decode(key.partition("/")[2], packed)) for key, packed in table.mappings.items()]


def test_of_many_names_an_export_tells_some_and_the_report_all() -> None:
    table = table_of({f"x.example/{number}": MappingEntry("1", f"{number}", 1) for number in range(30)})
    remarks = rules_of(table).remarks

    assert "    and 10 more: --report names all" in remark_lines(remarks)
    assert "    x.example/29" in remark_lines(remarks, most=100)


def test_of_some_hostnames_no_wildcard_answers_for_those_that_were_left_out() -> None:
    table = table_of({"*.x.example/a": MappingEntry("1", "a", 1)}, ("*.x.example", "own.x.example", "z.example"))

    hosts = {rule.name: rule.letter for rule in rules_of(table, frozenset({"*.x.example"})).hosts}

    assert hosts == {"*.x.example": Letter.LEADS_DOCKER, "own.x.example": Letter.APP}
