"""Which clients authorise every hop of a redirect anew, and so can be sent to a registry that asks for a token.

This is the one place; the setting FACADE_REAUTHORISING_CLIENTS replaces it. Measured:

- docker (classic store, 20.10): the authoriser is a transport below the redirect, asked for each hop's host.
- containerd (1.6, 2.x), dockerd with the containerd store, buildkit, buildx: `CheckRedirect` authorises each hop.
- regclient: keeps its tokens by the host of each request.

Everybody else (containers/image in podman, skopeo, buildah and CRI-O; go-containerregistry; oras-go; helm) binds the
token to the first host, and Go's HTTP client then drops `Authorization` where a redirect leaves that host.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

Version = tuple[int, ...]
# Product token → highest version that still does so (None: every version so far).
REAUTHORISING: Mapping[str, Version | None] = {
    "docker": None,
    "containerd": None,
    "buildkit": None,
    "buildx": None,
    "regclient": None,
}

_PRODUCT = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:/v?(\d+(?:\.\d+)*))?")


class InvalidClientList(ValueError):
    """A client table that can't be read; the message names the entry."""


class Client(NamedTuple):
    """All that a decision may depend on of a `User-Agent`: whoever is equal here is answered alike.

    `name` is the first product token in lower case, `version` its leading numbers (RFC 9110 §10.1.5).
    """

    name: str
    version: Version
    has_containerd_store: bool


@lru_cache(maxsize=4096)
def parse_user_agent(user_agent: str) -> Client:
    """The client that says so of itself."""
    # dockerd names the client library of its containerd image store beside itself.
    has_containerd_store = " containerd-client/" in user_agent
    match = _PRODUCT.match(user_agent[:256])
    if match is None:
        return Client("", (), has_containerd_store)
    version = tuple(int(part[:9]) for part in match[2].split(".")[:4]) if match[2] else ()
    return Client(match[1].lower(), version, has_containerd_store)


def answers_challenges_anywhere(user_agent: str, clients: Mapping[str, Version | None] = REAUTHORISING) -> bool:
    """Whether the client takes a registry's challenge wherever a redirect leads it, after it has a token for here.

    docker's classic image store doesn't: it takes challenges from its ping alone, and a token for the facade shows that
    the ping ended here. dockerd with the containerd image store does.
    """
    client = parse_user_agent(user_agent)
    if client.name == "docker" and not client.has_containerd_store:
        return False
    return reauthorises(user_agent, clients)


def reauthorises(user_agent: str, clients: Mapping[str, Version | None] = REAUTHORISING) -> bool:
    """Whether the client that says so authorises every hop of a redirect. Unknown clients do not."""
    name, version, _ = parse_user_agent(user_agent)
    if name not in clients:
        return False
    highest = clients[name]
    return highest is None or (bool(version) and version[: len(highest)] <= highest)


def parse_clients(entries: Iterable[str]) -> dict[str, Version | None]:
    """Read `docker`, `containerd<=2.1`: a name, and optionally the highest version. Raises InvalidClientList."""
    clients: dict[str, Version | None] = {}
    for entry in entries:
        match = re.fullmatch(r"\s*([a-z0-9._-]+)\s*(?:<=\s*(\d{1,9}(?:\.\d{1,9})*))?\s*", entry.lower())
        if match is None:
            raise InvalidClientList(f"“{entry}” is not a client: write a product name, or name<=highest.version")
        clients[match[1]] = tuple(int(part) for part in match[2].split(".")) if match[2] else None
    return clients
