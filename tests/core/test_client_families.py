"""What statistics call a client: from lists, and never in words of a stranger's."""

from __future__ import annotations

import pytest

from routing.core.grammar import client_families
from routing.core.grammar.client_families import OTHER, PullClient, pull_client

DOCKER = (
    "docker/29.2.1 go/go1.25.6 git-commit/6bc6209 kernel/6.8.0-101-generic os/linux arch/amd64 "
    r"containerd-client/2.2.1+unknown storage-driver/overlayfs UpstreamClient(Docker-Client/29.2.1 \(linux\))"
)


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        (DOCKER, PullClient("docker", "29", "linux/amd64")),
        ("containerd/2.1.9", PullClient("containerd", "2", "")),
        ("containers/5.34.1 (github.com/containers/image)", PullClient("podman", "5", "")),
        ("cri-o/1.34.0 go/go1.24.3 os/linux arch/arm64", PullClient("CRI-O", "1", "linux/arm64")),
        (
            "cosign/v2.6.5 (linux; amd64) go-containerregistry/v0.20.7",
            PullClient("cosign", "2", "linux/amd64"),
        ),
        ("somebody/7 go-containerregistry/v0.20.7", PullClient("go-containerregistry", "0", "")),
        ("regclient/regctl (v0.9.0)", PullClient("regclient", "", "")),
        ("Helm/3.18.6", PullClient("Helm", "3", "")),
        ("docker/99999 os/linux arch/amd64", PullClient("docker", "", "linux/amd64")),
        ("docker", PullClient("docker", "", "")),
        ("docker/28 os/plan9 arch/amd64", PullClient("docker", "28", "")),
        ("alice@acme.com/1", PullClient(OTHER, "", "")),
        ("", PullClient(OTHER, "", "")),
    ],
)
def test_a_client_is_named_by_what_it_says(agent: str, client: PullClient) -> None:
    assert pull_client(agent) == client


def test_what_strangers_send_makes_no_new_names() -> None:
    found = {pull_client(f"made-up-{number}/{number} os/x{number} arch/y{number}") for number in range(10_000)}

    assert found == {PullClient(OTHER, "", "")}
    assert len(client_families._known) <= client_families._MAX_KNOWN


def test_a_client_is_known_again() -> None:
    """Though it was read once alone: by the same words comes the same answer."""
    agent = "docker/28.5.1 os/linux arch/arm64 seen-twice"

    assert pull_client(agent) is pull_client(agent)


def test_what_is_no_client_is_another_whatever_it_says_of_itself() -> None:
    assert pull_client("").family == pull_client("Mozilla/5.0 (X11) who/1").family == "other"
