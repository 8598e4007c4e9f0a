"""The cells of the matrix: every client, every kind of registry, every way to name an image. And what each must show.

All cells pull, but for two kinds that no facade can help without passing layers through:

- A registry that asks for credentials and serves layers itself. Only a client that takes a token to wherever it is
  redirected gets there: containerd, and docker's classic store where even its ping may be redirected (which means:
  Bearer, public, the same name on both sides). The others are told so.
- Nobody reads a Basic registry without credentials: there, a public image is one without a login, and is refused.
"""

import itertools
import re
from typing import NamedTuple

from tests.e2e.doors import Door, Plan, Way
from tests.e2e.lab.accounts import ALICE, Account
from tests.e2e.lab.images import Image
from tests.e2e.lab.laboratory import (
    ARTIFACT,
    AUTHS,
    CLIENTS,
    DELIVERIES,
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
    Delivery,
)
from tests.e2e.lab.registry import Auth

ALL_CLIENTS = (*CLIENTS, "oras")
NAMINGS = ("same", "renamed", "one component")
ACCESSES = ("public", "private")
#: What each client says of a layer that is refused to it. docker's SDK and oras keep the facade's words to themselves.
_OF_REFUSED_LAYERS = {
    "docker": r"denied: .*serves layers itself.*pull from (?P<netloc>\S+?)/(?P<name>\S+), or ask the operator",
    "docker-py": r"No such image",
    "podman": r"invalid status code from registry 403 \(Forbidden\)",
    "buildah": r"invalid status code from registry 403 \(Forbidden\)",
    "skopeo": r"invalid status code from registry 403 \(Forbidden\)",
    "oras": r"Cannot respond to request for authentication",
}
_ASKED_TO_LOG_IN = r"unauthorized: .* needs a user name and password: docker login"
_OF_REFUSED_TOKENS = dict.fromkeys(ALL_CLIENTS, _ASKED_TO_LOG_IN) | {
    "containerd": r"failed to fetch anonymous token: unexpected status: 401 Unauthorized",
    "oras": r"401|Cannot respond to request for authentication",
}


class Kind(NamedTuple):
    """A row of the matrix: the registry, what the image is called there, and who may pull it."""

    auth: Auth
    delivery: Delivery
    naming: str
    access: str

    def plan(self, backing: Backing) -> Plan:
        """The door through which this row's pulls go."""
        private = self.access == "private"
        if self.naming == "one component":
            return Plan([Way("", backing.url, "", private=private)], library=LIBRARY)
        return Plan([Way("acme" if self.naming == "same" else "team", backing.url, "acme", private=private)])

    def upstream_name(self, client: str) -> str:
        """The image's name at the registry."""
        one, private, artifact = self.naming == "one component", self.access == "private", client == "oras"
        return {
            (False, False, False): PUBLIC,
            (False, False, True): ARTIFACT,
            (False, True, False): PRIVATE,
            (False, True, True): PRIVATE_ARTIFACT,
            (True, False, False): ONE_COMPONENT,
            (True, False, True): ONE_COMPONENT_ARTIFACT,
            (True, True, False): PRIVATE_ONE_COMPONENT,
            (True, True, True): PRIVATE_ONE_COMPONENT_ARTIFACT,
        }[one, private, artifact]

    def reference(self, client: str, door: Door) -> str:
        """What is typed behind `pull`."""
        name = self.upstream_name(client)
        if self.naming == "one component":
            name = name.removeprefix(f"{LIBRARY}/")
        elif self.naming == "renamed":
            name = name.replace("acme/", "team/")
        return f"{door.netloc}/{name}:{TAG}"

    @property
    def account(self) -> Account | None:
        return ALICE if self.access == "private" else None

    def refusal(self, client: str) -> re.Pattern[str] | None:
        """What the user sees where a pull is impossible; None where it works."""
        if self.auth == "basic" and self.account is None:
            return re.compile(_OF_REFUSED_TOKENS[client])
        if self.auth == "none" or self.delivery == "redirected" or client == "containerd":
            return None
        if client.startswith("docker") and (self.auth, self.naming, self.access) == ("bearer", "same", "public"):
            return None
        return re.compile(_OF_REFUSED_LAYERS[client], re.DOTALL)

    def is_redirected_throughout(self, client: str) -> bool:
        """Whether not even a manifest has to be relayed."""
        if self.auth == "none":
            return True
        split = (self.auth, self.naming, self.access) == ("bearer", "same", "public")
        return split and client in ("docker", "docker-py", "containerd")


KINDS = [Kind(*kind) for kind in itertools.product(AUTHS, DELIVERIES, NAMINGS, ACCESSES)]


def most_relayed_bytes(image: Image) -> float:
    """What a pull may have the facade hand on: the manifests, and a tenth."""
    return image.manifest_bytes * 1.1
