"""What `explain` foretells is what clients meet: the outlook is held against the expectations of the e2e matrix."""

from __future__ import annotations

import pytest

from routing.core.client_support import ClientSupport, client_support
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from tests.e2e.cells import KINDS, Kind

HOST = "docker.acme.com"
# A client of the matrix, and the kind of the outlook that it is of.
KIND_OF = {
    "docker": "docker (classic image store)",
    "containerd": "containerd (Kubernetes, nerdctl)",
    "podman": "podman, buildah, skopeo, CRI-O",
    "oras": "anything else",
}
WITH_LOGIN = [kind for kind in KINDS if kind.auth != "basic" or kind.account is not None]
PREFIXES = {"same": ("acme", "acme"), "renamed": ("team", "acme"), "one component": ("", "")}


def outlook_of(kind: Kind, client: str, *, streams: bool = False, second: bool = False) -> ClientSupport:
    prefix, upstream = PREFIXES[kind.naming]
    library = "library" if kind.naming == "one component" else ""
    flags = Flag.ENABLED | (Flag.PRIVATE if kind.access == "private" else 0)
    registries = [
        ("1", RegistryEntry("https://one.example", "one", library, auth=kind.auth, stream_blobs=streams)),
        ("2", RegistryEntry("https://two.example", "two", auth="bearer")),
    ]
    mappings = [(f"{HOST}/{prefix}", MappingEntry("1", upstream, flags))]
    if second:
        mappings.append((f"{HOST}/second", MappingEntry("2", "second", Flag.ENABLED)))
    hosts = [(HOST, HostEntry("1"))]
    table = Table.build(Policy(), 1, [("1", TenantEntry("Acme"))], registries, hosts, mappings)
    name = "solo" if kind.naming == "one component" else f"{prefix}/app"
    found = client_support(table, HOST, name, "1.0", inline_blobs=kind.delivery == "inline")
    return next(outlook for outlook in found if outlook.client.name == KIND_OF[client])


@pytest.mark.parametrize("client", KIND_OF)
@pytest.mark.parametrize("kind", WITH_LOGIN, ids="-".join)
def test_it_works_where_the_matrix_says_so(kind: Kind, client: str) -> None:
    outlook = outlook_of(kind, client)
    assert outlook.works is (kind.refusal(client) is None)
    if outlook.works:
        through = "none" if kind.is_redirected_throughout(client) else "manifests (some KB)"
        assert outlook.bytes_through_facade == through


@pytest.mark.parametrize("client", KIND_OF)
@pytest.mark.parametrize("kind", WITH_LOGIN, ids="-".join)
def test_everything_works_where_layers_may_pass(kind: Kind, client: str) -> None:
    outlook = outlook_of(kind, client, streams=True)
    assert outlook.works
    passes = kind.refusal(client) is not None
    assert (outlook.bytes_through_facade == "manifests and layers") is passes


def test_docker_brings_its_token_where_its_ping_was_challenged() -> None:
    kind = Kind("bearer", "inline", "same", "public")
    assert outlook_of(kind, "docker").works
    # A second registry under the same hostname: the ping can't be sent to both.
    beside_another = outlook_of(kind, "docker", second=True)
    assert not beside_another.works
    assert outlook_of(kind, "containerd", second=True).works


def test_both_image_stores_of_docker_are_told_apart() -> None:
    names = [outlook.client.name for outlook in client_support(Table(Policy()), HOST, "a/b", "1")]
    assert [name for name in names if name.startswith("docker (")] == [
        "docker (classic image store)",
        "docker (containerd image store)",
    ]
