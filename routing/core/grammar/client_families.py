"""What statistics call a client: its family, its major version and its platform, as far as its `User-Agent` tells.

All three are taken from lists, or are a number of few digits: what strangers write there makes no new names.
"""

import re
from typing import NamedTuple

from routing.core.grammar.user_agents import products

#: By product of User-Agent, in lower case. Libraries stand for programs that don't name themselves.
FAMILIES = {
    "docker": "docker",
    "docker-client": "docker",
    "containerd-client": "docker",
    "buildkit": "buildkit",
    "buildx": "buildx",
    "containerd": "containerd",
    "nerdctl": "nerdctl",
    "containers": "podman",
    "podman": "podman",
    "libpod": "podman",
    "buildah": "buildah",
    "skopeo": "skopeo",
    "cri-o": "CRI-O",
    "regclient": "regclient",
    "crane": "crane",
    "cosign": "cosign",
    "go-containerregistry": "go-containerregistry",
    "helm": "Helm",
    "oras": "ORAS",
    "oras-go": "ORAS",
    "trivy": "trivy",
    "syft": "syft",
    "grype": "grype",
    "apptainer": "apptainer",
    "singularity": "singularity",
    "curl": "curl",
}
OTHER = "other"
_SYSTEMS = ("linux", "windows", "darwin", "freebsd")
_PROCESSORS = ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le")
_PLATFORM = re.compile(rf"(?:os/)?\b({'|'.join(_SYSTEMS)})(?: arch/|; |/)({'|'.join(_PROCESSORS)})\b")
_MAX_AGENT_LENGTH = 1024
_MAX_MAJOR = 999
_MAX_KNOWN = 4096


class PullClient(NamedTuple):
    """A client as statistics name it: "docker", "28", "linux/amd64". Empty: it isn't told, or asked not to be noted."""

    family: str = ""
    major: str = ""
    platform: str = ""


UNNOTED = PullClient()
_known: dict[str, PullClient] = {}


def pull_client(user_agent: str) -> PullClient:
    """The client that sends this `User-Agent`."""
    agent = user_agent[:_MAX_AGENT_LENGTH]
    known = _known.get(agent)
    if known is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        known = _known[agent] = _read(agent)
    return known


def _read(agent: str) -> PullClient:
    platform = _PLATFORM.search(agent.lower())
    shown = f"{platform[1]}/{platform[2]}" if platform else ""
    for product in products(agent):
        family = FAMILIES.get(product.name)
        if family is not None:
            major = product.version[0] if product.version else _MAX_MAJOR + 1
            return PullClient(family, str(major) if major <= _MAX_MAJOR else "", shown)
    return PullClient(OTHER, "", shown)
