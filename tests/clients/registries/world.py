"""The registries of `expected.md` by name, each started at its first use and filled with the same repositories."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal, Self

from tests.clients.registries import referrers
from tests.clients.registries.content import Content
from tests.clients.registries.known import Ecr, Ghcr, HarborProxyCache, KubernetesRegistry, MixedRegistry, WebPage
from tests.clients.registries.registry import SmallRegistry
from tests.e2e.address_book import AddressSpec, MappingSpec
from tests.e2e.lab import images
from tests.e2e.lab.accounts import ALICE, Account
from tests.e2e.lab.front import Cdn
from tests.e2e.lab.images import Image
from tests.e2e.lab.laboratory import LIBRARY, ONE_COMPONENT, PRIVATE, PUBLIC, Delivery, Laboratory
from tests.e2e.lab.registry import Auth

_STREAMING = ", streaming on"
_NAMES = (PUBLIC, PRIVATE, ONE_COMPONENT, f"{HarborProxyCache.LIBRARY}/solo")


@dataclass(frozen=True)
class Source:
    """A registry to pull from.

    It takes ``account``'s credentials: for ``private``, and for everything where it ``always`` wants some. ``public``
    is an image for everybody. ``says_private``: a mapping to the private one says that it is; otherwise the facade
    looks at that repository beforehand. ``signs_at`` is where signatures are put, ``streams`` the operator's switch.
    """

    url: str
    images: dict[str, Image]
    account: Account = ALICE
    always: bool = False
    public: str = PUBLIC
    private: str = PRIVATE
    says_private: bool = True
    signs_at: str = ""
    streams: bool = False

    def name(self, naming: str) -> str:
        """What the image is called at the registry."""
        return {"one component": ONE_COMPONENT, "private": self.private}.get(naming, self.public)

    def image(self, naming: str) -> Image:
        return self.images[self.name(naming)]

    def account_for(self, naming: str) -> Account | None:
        """Who has to log in."""
        return self.account if naming == "private" or (self.always and naming != "nobody") else None

    def spec(self, naming: str, *, allow_push: bool = False) -> AddressSpec:
        """The address through which it is pulled."""
        if naming == "one component":
            return AddressSpec((MappingSpec("", self.url, ""),), library=LIBRARY)
        prefix = self.name(naming).partition("/")[0]
        private = naming == "private"
        way = MappingSpec(
            "team" if naming == "renamed" else prefix,
            self.url,
            prefix,
            private=private and self.says_private,
            repository=self.private if private and not self.says_private else "",
            allow_push=allow_push,
        )
        return AddressSpec((way,), streams=self.streams)

    def typed(self, naming: str) -> str:
        """The image's name at the facade."""
        name = self.name(naming)
        if naming == "one component":
            return name.removeprefix(f"{LIBRARY}/")
        return f"team/{name.partition('/')[2]}" if naming == "renamed" else name


class World:
    """Makes each source once. `stop` ends what it started."""

    def __init__(self, lab: Laboratory) -> None:
        self.lab = lab
        self._stack = ExitStack()
        self._free = iter([f"127.0.6.{number}" for number in range(1, 255)])
        self._sources: dict[str, Source] = {}
        self._content: Content | None = None

    def source(self, registry: str) -> Source:
        """The registry of this name."""
        if registry not in self._sources:
            plain = registry.removesuffix(_STREAMING)
            made = replace(self.source(plain), streams=True) if plain != registry else _SOURCES[plain](self)
            self._sources[registry] = made
        return self._sources[registry]

    @property
    def content(self) -> Content:
        """What every small registry holds."""
        if self._content is None:
            self._content = Content()
            self._stack.callback(self._content.stop)
            for name, image in _SMALL_IMAGES.items():
                referrers.put(self._content, image, name)
        return self._content

    def standing(self, auth: Auth, delivery: Delivery) -> Source:
        """docker-registry, without authentication, with Bearer tokens or with Basic."""
        backing = self.lab.backing(auth, delivery)
        for name in (PUBLIC, PRIVATE):
            authorization = backing.registry.push_authorization(name)
            referrers.push(backing.registry.url, backing.images[name], name, authorization)
        return Source(backing.url, backing.images, always=auth == "basic", says_private=auth != "none")

    def small(self, registry: SmallRegistry) -> Source:
        """One of our own, with all that the small ones hold."""
        return Source(self._stack.enter_context(registry).url, _SMALL_IMAGES)

    def address(self) -> str:
        return next(self._free)

    def storage(self) -> Cdn:
        return self._stack.enter_context(Cdn(self.content, self.address()))

    def mixed(self, scheme: Literal["basic", "bearer"], *, stores: bool, says_private: bool) -> Source:
        storage = self.storage() if stores else None
        registry = MixedRegistry(self.address(), self.content, {PRIVATE: scheme}, self.lab.tokens(), storage)
        return replace(self.small(registry), says_private=says_private)

    def harbor(self) -> Source:
        source = self.small(HarborProxyCache(self.address(), self.content, self.lab.tokens()))
        public = f"{HarborProxyCache.PROJECT}/solo"
        kept = source.images[f"{HarborProxyCache.LIBRARY}/solo"]
        return replace(source, public=public, images=source.images | {public: kept})

    def ghcr(self) -> Source:
        page = self._stack.enter_context(WebPage(self.address()))
        return self.small(Ghcr(self.address(), self.content, self.lab.tokens(), self.storage(), page))

    def ecr(self) -> Source:
        source = self.small(Ecr(self.address(), self.content, self.storage()))
        return replace(source, account=Ecr.ACCOUNT, always=True)

    def kubernetes(self) -> Source:
        upstream = SmallRegistry(self.address(), self.content)
        source = self.small(upstream)
        front = self._stack.enter_context(KubernetesRegistry(self.address(), upstream, self.storage()))
        return replace(source, url=front.url, signs_at=upstream.url)

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


_SMALL_IMAGES = {name: images.build(f"small {name}") for name in _NAMES}
_SOURCES: dict[str, Callable[[World], Source]] = {
    "open, inline": lambda world: world.standing("none", "inline"),
    "open, storage": lambda world: world.standing("none", "redirected"),
    "Bearer, inline": lambda world: world.standing("bearer", "inline"),
    "Bearer, storage": lambda world: world.standing("bearer", "redirected"),
    "Basic, inline": lambda world: world.standing("basic", "inline"),
    "Basic, storage": lambda world: world.standing("basic", "redirected"),
    "mixed with Basic, inline": lambda world: world.mixed("basic", stores=False, says_private=True),
    "mixed with Basic, storage": lambda world: world.mixed("basic", stores=True, says_private=True),
    "mixed with Bearer, storage": lambda world: world.mixed("bearer", stores=True, says_private=False),
    "Harbor's proxy cache": World.harbor,
    "GHCR": World.ghcr,
    "ECR": World.ecr,
    "registry.k8s.io": World.kubernetes,
}
