"""What `explain` foretells is what clients meet: it is held against the table that real clients are held against."""

from __future__ import annotations

import pytest

from routing.core.client_support import ClientSupport, Findings, Verdict, client_support
from routing.core.grammar.user_agents import PROFILES, Ability
from routing.core.table.former_target import FormerTarget
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from tests.pull_matrix import DENIED, LOGIN, REDIRECTED, ROWS, Access, Auth, Layers, MatrixRow, Naming

HOST = "docker.acme.com"
# A client of the table, and the kind of client under which `explain` lists it.
KIND_OF = {
    "docker": "docker (classic image store)",
    "containerd": "containerd (ctr and Kubernetes)",
    "podman": "podman",
    "oras": "anything else",
}
# Whether somebody has a login is not in the routing table, so `explain` does not foretell it.
WITH_LOGIN = [row for row in ROWS if LOGIN not in row.outcomes]
PREFIXES = {"same": ("acme", "acme"), "renamed": ("team", "acme"), "one component": ("", "")}


def row_of(auth: Auth, layers: Layers, naming: Naming, access: Access) -> MatrixRow:
    """A row that the table of pulls need not have."""
    return MatrixRow(auth, layers, naming, access, ())


def outlook_of(
    row: MatrixRow, client: str, *, streams: bool = False, second: bool = False, findings: Findings | None = None
) -> ClientSupport:
    prefix, upstream = PREFIXES[row.naming]
    library = "library" if row.naming == "one component" else ""
    flags = Flag.ENABLED | (Flag.PRIVATE if row.is_marked_private else 0)
    registries = [
        ("1", RegistryEntry("https://one.example", "one", library, auth=row.auth, stream_blobs=streams)),
        ("2", RegistryEntry("https://two.example", "two", auth="bearer")),
    ]
    mappings = [(f"{HOST}/{prefix}", MappingEntry("1", upstream, flags))]
    if second:
        mappings.append((f"{HOST}/second", MappingEntry("2", "second", Flag.ENABLED)))
    hosts = [(HOST, HostEntry("1"))]
    table = Table.build(Policy(), 1, [("1", TenantEntry("Acme"))], registries, hosts, mappings)
    name = "solo" if row.naming == "one component" else f"{prefix}/app"
    found = client_support(table, HOST, name, "1.0", findings or Findings(inline_blobs=row.layers == "inline"))
    return next(outlook for outlook in found if outlook.client.shown == KIND_OF.get(client, client))


@pytest.mark.parametrize("client", KIND_OF)
@pytest.mark.parametrize("row", WITH_LOGIN, ids=str)
def test_it_works_where_the_matrix_says_so(row: MatrixRow, client: str) -> None:
    outlook = outlook_of(row, client)
    assert outlook.works is (row.outcome(client) != DENIED)
    if outlook.works:
        through = "none" if row.outcome(client) == REDIRECTED else "manifests (some KB)"
        assert outlook.bytes_through_facade == through


@pytest.mark.parametrize("client", KIND_OF)
@pytest.mark.parametrize("row", WITH_LOGIN, ids=str)
def test_everything_works_where_layers_may_pass(row: MatrixRow, client: str) -> None:
    outlook = outlook_of(row, client, streams=True)
    assert outlook.works
    passes = row.outcome(client) == DENIED
    assert (outlook.bytes_through_facade == "manifests and layers") is passes


def test_docker_brings_its_token_where_its_ping_was_challenged() -> None:
    row = next(row for row in ROWS if row[:4] == ("bearer", "inline", "same", "public"))
    assert outlook_of(row, "docker").works
    # A second registry under the same hostname: the ping can't be sent to both.
    beside_another = outlook_of(row, "docker", second=True)
    assert not beside_another.works
    assert outlook_of(row, "containerd", second=True).works


def test_a_redirect_alone_leads_to_a_registry_to_which_some_take_no_token() -> None:
    registries = [("1", RegistryEntry("https://one.example", "one", auth="bearer"))]
    mappings = [(f"{HOST}/acme", MappingEntry("1", "acme", Flag.ENABLED | Flag.REDIRECT_ONLY))]
    table = Table.build(Policy(), 1, [("1", TenantEntry("Acme"))], registries, [(HOST, HostEntry("1"))], mappings)
    found = {outlook.client.shown: outlook for outlook in client_support(table, HOST, "acme/app", "1.0", Findings())}

    assert found[KIND_OF["containerd"]].works
    fails = found[KIND_OF["podman"]]
    assert not fails.works
    # Its ping asks for nothing, so being led on does no harm.
    assert {step.detail for step in fails.steps if step.endpoint != "ping"} == {
        "redirected to a registry to which this client takes no token"
    }


def test_docker_is_asked_for_a_token_that_its_ping_did_not_tell_of() -> None:
    """`alpine` is `library/alpine` at the registry, which the ping, that knows no name, can't take into account."""
    registries = [("1", RegistryEntry("https://hub.example", "hub", "library", auth="bearer"))]
    mappings = [(f"{HOST}/alpine", MappingEntry("1", "alpine", Flag.ENABLED))]
    table = Table.build(Policy(), 1, [("1", TenantEntry("Acme"))], registries, [(HOST, HostEntry("1"))], mappings)
    found = {support.client.shown: support for support in client_support(table, HOST, "alpine", "1", Findings())}
    classic = found[KIND_OF["docker"]]

    assert classic.verdict is Verdict.FAILS
    assert classic.reason == "asked for a token here, when its ping was answered by the registry"
    assert classic.steps[0].outcome == "redirected"
    assert found[KIND_OF["containerd"]].works


@pytest.mark.parametrize(("flags", "is_told"), [(Flag.ENABLED, True), (Flag.ENABLED | Flag.PRIVATE, False)])
def test_of_public_manifests_alone_it_is_told_that_they_come_from_memory(flags: Flag, is_told: bool) -> None:
    registries = [("1", RegistryEntry("https://one.example", "one", auth="bearer"))]
    mappings = [(f"{HOST}/team", MappingEntry("1", "acme", flags))]
    table = Table.build(Policy(), 1, [("1", TenantEntry("Acme"))], registries, [(HOST, HostEntry("1"))], mappings)
    support = client_support(table, HOST, "team/app", "1.0", Findings(remembered=True))
    steps = next(each for each in support if each.client.shown == KIND_OF["podman"]).steps

    told = {step.endpoint for step in steps if step.detail.endswith(", from the facade's memory")}
    assert told == ({"manifest"} if is_told else set())


def test_for_some_time_after_a_repoint_it_is_told_as_at_any_other() -> None:
    registries = [("1", RegistryEntry("https://one.example", "one", auth="none"))]
    table = [
        Table.build(
            Policy(),
            1,
            [("1", TenantEntry("Acme"))],
            registries,
            [(HOST, HostEntry("1"))],
            [(f"{HOST}/team", MappingEntry("1", "acme", Flag.ENABLED, "", former))],
        )
        for former in ("", FormerTarget(2_000_000_000, "1", "old").packed())
    ]

    before, after = (client_support(each, HOST, "team/app", "1.0", Findings()) for each in table)

    assert after == before


def test_both_image_stores_of_docker_are_told_apart() -> None:
    names = [outlook.client.shown for outlook in client_support(Table(Policy()), HOST, "a/b", "1", Findings())]
    assert [name for name in names if name.startswith("docker (")] == [
        "docker (containerd image store)",
        "docker (classic image store)",
    ]


ANONYMOUS = [profile.shown for profile in PROFILES if profile.ability is Ability.ANONYMOUS]


@pytest.mark.parametrize("client", ANONYMOUS)
@pytest.mark.parametrize("naming", PREFIXES)
def test_who_brings_anonymous_tokens_gets_what_is_public_wherever_its_layers_are(client: str, naming: Naming) -> None:
    assert outlook_of(row_of("bearer", "inline", naming, "public"), client).works


@pytest.mark.parametrize("client", ANONYMOUS)
@pytest.mark.parametrize(("auth", "access"), [("bearer", "private"), ("basic", "public"), ("basic", "private")])
def test_who_brings_anonymous_tokens_is_sent_to_no_layer_that_needs_more(
    client: str, auth: Auth, access: Access
) -> None:
    inline = outlook_of(row_of(auth, "inline", "same", access), client)

    assert inline.verdict is Verdict.FAILS
    assert ". containerd (ctr and Kubernetes) can; with this client pull from one.example" in inline.reason
    assert outlook_of(row_of(auth, "inline", "same", access), client, streams=True).works
    assert outlook_of(row_of(auth, "redirected", "same", access), client).works


@pytest.mark.parametrize("client", KIND_OF)
@pytest.mark.parametrize("row", WITH_LOGIN, ids=str)
def test_nothing_is_said_to_work_that_nobody_has_seen(row: MatrixRow, client: str) -> None:
    doubt = outlook_of(row, client, findings=Findings("nobody has looked", inline_blobs=row.layers == "inline"))

    fails = row.outcome(client) == DENIED
    assert doubt.verdict is (Verdict.FAILS if fails else Verdict.UNKNOWN)
    assert fails or doubt.reason == "nobody has looked"


@pytest.mark.parametrize("client", [*KIND_OF, *ANONYMOUS])
@pytest.mark.parametrize("row", [row for row in WITH_LOGIN if row.layers == "inline"], ids=str)
def test_where_nobody_knows_who_serves_layers_only_those_work_who_need_not_know(row: MatrixRow, client: str) -> None:
    """Sent to the registry either way, or not: then a registry that serves layers itself would be the end."""
    known = outlook_of(row, client)
    unknown = outlook_of(row, client, findings=Findings())

    assert unknown.verdict is (Verdict.WORKS if known.works else Verdict.UNKNOWN)
    assert known.works or "serves layers itself" in unknown.reason
    assert outlook_of(row, client, findings=Findings(), streams=True).works
