"""Every cell of tests/pull_matrix.py, with real clients and registries; and never does a layer pass the facade.

`make test` pulls the cells of representative rows, and `make test-clients` all others.
"""

import json
import re
from collections.abc import Callable

import pytest

from tests.e2e import wire
from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import (
    ARTIFACT,
    LIBRARY,
    ONE_COMPONENT,
    ONE_COMPONENT_ARTIFACT,
    PRIVATE,
    PRIVATE_ARTIFACT,
    PRIVATE_ONE_COMPONENT,
    PRIVATE_ONE_COMPONENT_ARTIFACT,
    PUBLIC,
    TAG,
    Backing,
    Laboratory,
)
from tests.e2e.matrix_report import PROPERTY
from tests.pull_matrix import CLIENTS, DENIED, LOGIN, MANIFESTS, REDIRECTED, ROWS, MatrixRow, representatives

#: What the registry calls the image: for clients of images, and for those that pull artifacts only.
UPSTREAM_NAMES = {
    ("same", "public"): (PUBLIC, ARTIFACT),
    ("same", "private"): (PRIVATE, PRIVATE_ARTIFACT),
    ("renamed", "public"): (PUBLIC, ARTIFACT),
    ("renamed", "private"): (PRIVATE, PRIVATE_ARTIFACT),
    ("one component", "public"): (ONE_COMPONENT, ONE_COMPONENT_ARTIFACT),
    ("one component", "private"): (PRIVATE_ONE_COMPONENT, PRIVATE_ONE_COMPONENT_ARTIFACT),
}
#: The mapping of each naming: the prefix at the facade, the prefix at the registry.
PREFIXES = {"same": ("acme", "acme"), "renamed": ("team", "acme"), "one component": ("", LIBRARY)}
#: What each client prints where the facade refuses. docker's SDK and oras keep the facade's message to themselves.
_FORBIDDEN = r"invalid status code from registry 403 \(Forbidden\)"
_ASKED_TO_LOG_IN = r"unauthorized: .* needs a user name and password: docker login"
PRINTED = {
    DENIED: {
        "docker": r"denied: .*serves layers itself.*pull from \S+?/\S+, or ask the operator",
        "docker-py": r"No such image",
        "podman": _FORBIDDEN,
        "buildah": _FORBIDDEN,
        "skopeo": _FORBIDDEN,
        "oras": r"Cannot respond to request for authentication",
    },
    LOGIN: {
        "docker": _ASKED_TO_LOG_IN,
        "docker-py": _ASKED_TO_LOG_IN,
        "containerd": r"failed to fetch anonymous token: unexpected status: 401 Unauthorized",
        "podman": _ASKED_TO_LOG_IN,
        "buildah": _ASKED_TO_LOG_IN,
        "skopeo": _ASKED_TO_LOG_IN,
        "oras": r"401|Cannot respond to request for authentication",
    },
}
# A pull may have the facade relay the manifests and a tenth more.
MOST_RELAYED = 1.1


def cells() -> list[object]:
    """Each cell with its group: one worker runs dockerd, by far the slowest, and another the other clients."""
    groups = {client: "docker" if client.startswith("docker") else "other clients" for client in CLIENTS}
    in_make_test = representatives(ROWS)
    return [
        pytest.param(
            client,
            row,
            id=f"{client}-{row}",
            marks=[
                pytest.mark.xdist_group(groups[client]),
                *([] if row in in_make_test else [pytest.mark.left_to_clients]),
            ],
        )
        for client in CLIENTS
        for row in ROWS
    ]


def spec_of(row: MatrixRow, backing: Backing) -> AddressSpec:
    prefix, upstream = PREFIXES[row.naming]
    private = row.is_marked_private
    if upstream == LIBRARY:
        return AddressSpec((MappingSpec(prefix, backing.url, "", private=private),), library=LIBRARY)
    return AddressSpec((MappingSpec(prefix, backing.url, upstream, private=private),))


@pytest.fixture(scope="module")
def addresses(lab: Laboratory, address_book: AddressBook) -> dict[MatrixRow, Address]:
    """An address for each row; the facade has probed each registry."""
    opened = address_book.open([spec_of(row, lab.backing(row.auth, row.layers)) for row in ROWS])
    return dict(zip(ROWS, opened, strict=True))


@pytest.mark.long
@pytest.mark.parametrize(("client", "row"), cells())
def test_cell(
    lab: Laboratory,
    addresses: dict[MatrixRow, Address],
    record_property: Callable[[str, object], None],
    client: str,
    row: MatrixRow,
) -> None:
    backing, address, outcome = lab.backing(row.auth, row.layers), addresses[row], row.outcome(client)
    name = UPSTREAM_NAMES[row.naming, row.access][client == "oras"]
    prefix, upstream = PREFIXES[row.naming]
    typed = f"{prefix}/{name.removeprefix(f'{upstream}/')}".lstrip("/")
    image = backing.images[name]

    address.forget()
    pull = lab.client(client).pull(f"{address.netloc}/{typed}:{TAG}", ALICE if row.access == "private" else None)
    relayed = address.relayed_bytes()
    record_property(PROPERTY, [*row[:4], client, "refused" if outcome in PRINTED else relayed])

    if outcome in PRINTED:
        assert not pull.ok
        assert re.search(PRINTED[outcome][client], pull.output, re.DOTALL), f"{pull.output}\n{address.story()}"
    else:
        pull.verified(image)
    EXPECTED_EXCHANGES[outcome](address, f"{backing.netloc}/{name}")
    assert address.blob_bytes() == 0
    assert address.layers_seen(image) == 0
    assert relayed <= MOST_RELAYED * image.manifest_bytes, address.story()


def no_manifest_was_relayed(address: Address, upstream: str) -> None:
    assert 200 not in _statuses_of_manifests(address), address.story()


def manifests_were_relayed(address: Address, upstream: str) -> None:
    # docker may ask for the HEAD alone: it keeps a manifest that it has pulled under another name.
    assert 200 in _statuses_of_manifests(address), address.story()


def blobs_were_denied(address: Address, upstream: str) -> None:
    refusal = next(exchange for exchange in address.passed() if exchange.is_blob)
    assert _error(refusal)[:2] == (403, "DENIED"), address.story()
    assert f"pull from {upstream}" in _error(refusal)[2]


def a_login_was_demanded(address: Address, upstream: str) -> None:
    (refusal,) = [exchange for exchange in address.passed() if exchange.path == "/token"][-1:]
    assert _error(refusal)[:2] == (401, "UNAUTHORIZED"), address.story()
    assert f"docker login {address.netloc}" in _error(refusal)[2]


#: What the meter must have seen, for each outcome of the table.
EXPECTED_EXCHANGES = {
    REDIRECTED: no_manifest_was_relayed,
    MANIFESTS: manifests_were_relayed,
    DENIED: blobs_were_denied,
    LOGIN: a_login_was_demanded,
}


def _statuses_of_manifests(address: Address) -> set[int]:
    return {exchange.status for exchange in address.passed() if "/manifests/" in exchange.path}


def _error(exchange: wire.Passed) -> tuple[int, str, str]:
    (error,) = json.loads(exchange.body)["errors"]
    return exchange.status, error["code"], error["message"]
