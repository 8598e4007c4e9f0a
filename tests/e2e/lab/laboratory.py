"""Everything the laboratory can start, started when first asked for and ended together."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.lab import addresses, images
from tests.e2e.lab.accounts import ALICE, Account
from tests.e2e.lab.clients import Client
from tests.e2e.lab.containerd import Containerd
from tests.e2e.lab.containers_image import Buildah, Podman, Skopeo
from tests.e2e.lab.docker_engine import Docker, DockerSdk
from tests.e2e.lab.front import Cdn, Front
from tests.e2e.lab.images import Image
from tests.e2e.lab.oras_client import Oras
from tests.e2e.lab.origin import ExchangeLog
from tests.e2e.lab.registry import Auth, Registry
from tests.e2e.lab.started import Started
from tests.e2e.lab.token_server import TokenServer

Delivery = Literal["inline", "redirected"]

AUTHS: tuple[Auth, ...] = ("none", "bearer", "basic")
DELIVERIES: tuple[Delivery, ...] = ("inline", "redirected")

TAG = "1.0"
#: What every standing registry holds under `TAG`, by name. A Bearer registry gives the private ones to ALICE only.
PUBLIC, OCI, PRIVATE = "acme/app", "acme/oci", "acme/secret"
#: The same for clients that pull artifacts and no images.
ARTIFACT, PRIVATE_ARTIFACT = "acme/artifact", "acme/secret-artifact"
#: Where a registry like Docker Hub keeps what people write with one component.
LIBRARY = "library"
ONE_COMPONENT, PRIVATE_ONE_COMPONENT = f"{LIBRARY}/solo", f"{LIBRARY}/hidden"
ONE_COMPONENT_ARTIFACT, PRIVATE_ONE_COMPONENT_ARTIFACT = f"{LIBRARY}/solo-artifact", f"{LIBRARY}/hidden-artifact"
_IMAGES = (PUBLIC, PRIVATE, ONE_COMPONENT, PRIVATE_ONE_COMPONENT)
_ARTIFACTS = (ARTIFACT, PRIVATE_ARTIFACT, ONE_COMPONENT_ARTIFACT, PRIVATE_ONE_COMPONENT_ARTIFACT)
_PRIVATE = (PRIVATE, PRIVATE_ARTIFACT, PRIVATE_ONE_COMPONENT, PRIVATE_ONE_COMPONENT_ARTIFACT)


@dataclass
class Backing:
    """A registry as clients see it: a docker-registry, or a front before one with its second origin."""

    auth: Auth
    delivery: Delivery
    registry: Registry
    front: Front | None = None
    cdn: Cdn | None = None
    images: dict[str, Image] = field(default_factory=dict)

    @property
    def netloc(self) -> str:
        """``address:port``, as in an image reference."""
        return self.front.netloc if self.front else self.registry.netloc

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    @property
    def log(self) -> ExchangeLog:
        assert self.front is not None, "an inline registry keeps no log of its own"
        return self.front.log

    @property
    def cdn_log(self) -> ExchangeLog:
        assert self.cdn is not None, "an inline registry has no second origin"
        return self.cdn.log

    def push(self, image: Image, name: str, *tags: str) -> None:
        """Put ``image`` at ``name`` and remember it in ``images``."""
        self.registry.push(image, name, *(tags or (TAG,)))
        self.images[name] = image

    def account_for(self, name: str) -> Account | None:
        """Who has to log in to pull ``name`` here, or None when nobody has to."""
        needed = self.auth == "basic" or (self.auth == "bearer" and name in _PRIVATE)
        return ALICE if needed else None


class Laboratory(Started[Client]):
    """The lab's components, each started at its first use. `stop` ends them all, last started first."""

    def __init__(self) -> None:
        super().__init__(_CLIENTS)
        self._spare = itertools.cycle(addresses.SPARE)
        self._tokens: TokenServer | None = None
        self._registries: dict[Auth, Registry] = {}
        self._backings: dict[tuple[Auth, Delivery], Backing] = {}

    def tokens(self) -> TokenServer:
        """The token server of every Bearer registry."""
        if self._tokens is None:
            self._tokens = self._stack.enter_context(TokenServer(private={name: [ALICE.name] for name in _PRIVATE}))
        return self._tokens

    def backing(self, auth: Auth, delivery: Delivery = "inline") -> Backing:
        """The standing registry of this kind, with the standing images; inline and redirected share the content."""
        if (auth, delivery) not in self._backings:
            registry = self._registries.get(auth)
            standing = registry is None
            if registry is None:
                registry = self._registry(addresses.REGISTRIES[auth, "inline"], auth)
                self._registries[auth] = registry
            backing = self._backing(registry, delivery, addresses.REGISTRIES[auth, "redirected"])
            backing.images = standing_images(auth)
            if standing:
                for name, image in backing.images.items():
                    registry.push(image, name, TAG)
            self._backings[auth, delivery] = backing
        return self._backings[auth, delivery]

    def another_backing(self, auth: Auth, delivery: Delivery = "inline") -> Backing:
        """A new, empty registry at an address of its own: one to repoint to, or to take down."""
        registry = self._registry(next(self._spare), auth)
        return self._backing(registry, delivery, next(self._spare))

    def client(self, name: str) -> Client:
        """The client of this name (see `CLIENTS`)."""
        return self.start(name)

    def docker(self) -> Docker:
        return self.start_as(Docker, "docker")

    def skopeo(self) -> Skopeo:
        return self.start_as(Skopeo, "skopeo")

    def _registry(self, address: str, auth: Auth) -> Registry:
        tokens = self.tokens() if auth == "bearer" else None
        return self._stack.enter_context(Registry(address, auth, tokens=tokens))

    def _backing(self, registry: Registry, delivery: Delivery, front_address: str) -> Backing:
        if delivery == "inline":
            return Backing(registry.auth, delivery, registry)
        cdn = self._stack.enter_context(Cdn(registry))
        front = self._stack.enter_context(Front(registry, front_address, cdn))
        return Backing(registry.auth, delivery, registry, front, cdn)


def standing_images(auth: Auth) -> dict[str, Image]:
    """The images of the standing registries with this authentication; each name has content of its own."""
    return {
        OCI: images.build(f"{auth} {OCI}", flavour="oci"),
        **{name: images.build(f"{auth} {name}") for name in _IMAGES},
        **{name: images.build_artifact(f"{auth} {name}") for name in _ARTIFACTS},
    }


_CLIENTS: dict[str, Callable[[Laboratory], Client]] = {
    "docker": lambda _: Docker(),
    "docker-py": lambda lab: DockerSdk(lab.docker()),
    "containerd": lambda _: Containerd(),
    "podman": lambda _: Podman(),
    "buildah": lambda _: Buildah(),
    "skopeo": lambda _: Skopeo(),
    "oras": lambda _: Oras(),
}
#: The names of the clients that pull images; "oras" pulls artifacts only.
CLIENTS: Sequence[str] = tuple(name for name in _CLIENTS if name != "oras")
