"""What registry clients can: the one table from which decisions, explanations, messages and clients.md follow.

A client that is redirected to a registry that asks for a token needs one there. Measured:

- containers/image (podman, skopeo, buildah, CRI-O), oras-go (ORAS, Helm) and go-containerregistry before 0.21.8 bind
  the token to the first host, and Go's HTTP client drops `Authorization` where a redirect leaves that host.
- containerd's resolver authorises every hop for that hop's host. In ctr and in Kubernetes' CRI it is given credentials
  for any host; in dockerd with the containerd image store, and in buildkit, only for the host that was logged in to.
- regclient and go-containerregistry from 0.21.8 on keep tokens by host, and get anonymous ones for others.
- docker's classic image store authorises every hop below the redirect, but takes challenges from its ping alone.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

Version = tuple[int, ...]


class Ability(StrEnum):
    """What a client brings to where a redirect leads it."""

    # No token: it is good at the host that asked for it, and nowhere else.
    NOTHING = "nothing"
    # A token that the registry gives to anybody.
    ANONYMOUS = "anonymous"
    # A token for the user's own credentials, wherever it is led.
    CREDENTIALS = "credentials"
    # The same, but only to where its ping ended.
    DOCKER_PING = "docker-ping"


class Needed(StrEnum):
    """What a client has to bring to a registry, to read there what a mapping leads to."""

    NOTHING = "nothing"
    ANY_TOKEN = "any token"  # noqa: S105 (a word, no token)
    CREDENTIALS = "credentials"


class ClientProfile(NamedTuple):
    """Clients that behave alike. All that a decision depends on of a `User-Agent` is the profile that it has.

    `product` is a product token in lower case (RFC 9110 §10.1.5), or "" for everybody else; `lowest` and `highest` are
    the versions, inclusive, for which it holds (none: all). `pushes`: an upload survives a redirect. `sample` is a
    User-Agent that one of them sends, and `shown` what people call them.
    """

    product: str
    ability: Ability
    shown: str
    sample: str
    pushes: bool = False
    lowest: Version = ()
    highest: Version = ()

    @property
    def is_docker(self) -> bool:
        """Whether this is what `docker pull` runs, with either of its image stores."""
        return self.product in ("docker", "containerd-client")

    def follows(self, needed: Needed) -> bool:
        """Whether such a client, wherever its ping ended, can be sent to a registry that needs that of it."""
        if needed is Needed.NOTHING or self.ability is Ability.CREDENTIALS:
            return True
        return needed is Needed.ANY_TOKEN and self.ability is Ability.ANONYMOUS


_DOCKER_29 = (
    "docker/29.2.1 go/go1.25.6 git-commit/6bc6209 kernel/6.8.0-101-generic os/linux arch/amd64 "
    r"containerd-client/2.2.1+unknown storage-driver/overlayfs UpstreamClient(Docker-Client/29.2.1 \(linux\))"
)
_DOCKER_28 = (
    "docker/28.4.0 go/go1.24.7 git-commit/249d679 kernel/6.8.0-101-generic os/linux arch/amd64 "
    r"UpstreamClient(Docker-Client/28.4.0 \(linux\))"
)
# The first that fits counts. Where one program names several products, what can less stands before what can more:
# dockerd names the client of its containerd image store beside itself, though neither when it pings nor at a login.
PROFILES: tuple[ClientProfile, ...] = (
    ClientProfile("containerd-client", Ability.ANONYMOUS, "docker (containerd image store)", _DOCKER_29, pushes=True),
    ClientProfile("docker", Ability.DOCKER_PING, "docker (classic image store)", _DOCKER_28, pushes=True),
    ClientProfile("buildkit", Ability.ANONYMOUS, "buildkit (docker build)", "buildkit/v0.23", pushes=True),
    ClientProfile("buildx", Ability.ANONYMOUS, "buildx", "buildx/v0.25", pushes=True),
    # It names the program where others name a version: regclient/regctl.
    ClientProfile("regclient", Ability.ANONYMOUS, "regclient (regctl)", "regclient/regctl (v0.9.0)"),
    ClientProfile(
        "go-containerregistry",
        Ability.ANONYMOUS,
        "crane from 0.21.8 on",
        "crane/0.21.8 go-containerregistry/0.21.8",
        lowest=(0, 21, 8),
    ),
    # `docker buildx imagetools` calls itself so, too.
    ClientProfile(
        "containerd", Ability.CREDENTIALS, "containerd (ctr and Kubernetes)", "containerd/2.1.9", pushes=True
    ),
    ClientProfile("containers", Ability.NOTHING, "podman", "containers/5.34.1 (github.com/containers/image)"),
    ClientProfile("buildah", Ability.NOTHING, "buildah", "Buildah/1.41.4"),
    ClientProfile("cri-o", Ability.NOTHING, "CRI-O", "cri-o/1.34.0 go/go1.24.3 os/linux arch/amd64"),
    ClientProfile("skopeo", Ability.NOTHING, "skopeo", "skopeo/1.20.0"),
    ClientProfile("docker-client", Ability.NOTHING, "docker manifest", "Docker-Client/28.4.0 (linux)"),
    ClientProfile(
        "go-containerregistry",
        Ability.NOTHING,
        "crane before 0.21.8 and cosign",
        "cosign/v2.6.5 (linux; amd64) go-containerregistry/v0.20.7",
    ),
    ClientProfile("helm", Ability.NOTHING, "Helm", "Helm/3.18.6"),
    ClientProfile("oras", Ability.NOTHING, "ORAS", "oras/1.3.0"),
    ClientProfile("", Ability.NOTHING, "anything else", ""),
)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (RFC 9110 §5.6.2)
_PRODUCT = re.compile(rf"({_TOKEN})(?:/v?(?:(\d+(?:\.\d+)*)(-)?)?\S*)?")
_PARENTHESES = re.compile(r"\\.|[()]")
# docker's own, the longest that is known, has some 230 characters.
_MAX_AGENT_LENGTH = 1024
_MAX_PARTS, _MAX_DIGITS = 4, 9
_MAX_KNOWN = 4096


class Product(NamedTuple):
    """One that a `User-Agent` names, in lower case.

    `is_early`: the version has a suffix like `-rc.1`, or is one of Go's for a commit before that release.
    """

    name: str
    version: Version
    is_early: bool


class InvalidClientList(ValueError):
    """A client's profile that can't be read; the message names it."""


class Clients:
    """Finds the profile that a `User-Agent` has. Never changed, but for what it remembers."""

    def __init__(self, profiles: Iterable[ClientProfile] = PROFILES) -> None:
        self.profiles = tuple(profiles)
        self._known: dict[str, ClientProfile] = {}

    def of(self, user_agent: str) -> ClientProfile:
        """The first profile that fits a product in it, wherever that stands outside comments."""
        agent = user_agent[:_MAX_AGENT_LENGTH]
        known = self._known.get(agent)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[agent] = self._find(agent)
        return known

    def able(self, needed: Needed, *, ping_ends_there: bool = False) -> str:
        """The clients that can be sent to a registry that needs that of them, for a sentence."""
        names = [
            profile.shown
            for profile in self.profiles
            if profile.follows(needed) or (ping_ends_there and profile.ability is Ability.DOCKER_PING)
        ]
        *others, last = dict.fromkeys(names or ["no client"])
        return f"{', '.join(others)} and {last}" if others else last

    def _find(self, agent: str) -> ClientProfile:
        named = products(agent)
        return next(profile for profile in self.profiles if _fits(profile, named))


def products(agent: str) -> list[Product]:
    """The products that it names. What stands in comments are others, for which it only works."""
    matches = (_PRODUCT.fullmatch(word) for word in _without_comments(agent).split())
    return [Product(match[1].lower(), _version(match[2]), bool(match[3])) for match in matches if match is not None]


def _without_comments(agent: str) -> str:
    """Comments nest, and a backslash takes the meaning of a parenthesis (RFC 9110 §5.6.5)."""
    depth, start, kept = 0, 0, []
    for match in _PARENTHESES.finditer(agent):
        if match[0] == "(":
            if depth == 0:
                kept.append(agent[start : match.start()])
            depth += 1
        elif match[0] == ")" and depth:
            depth -= 1
            start = match.end()
    if depth == 0:
        kept.append(agent[start:])
    return " ".join(kept)


def _version(text: str | None) -> Version:
    return tuple(int(part[:_MAX_DIGITS]) for part in text.split(".")[:_MAX_PARTS]) if text else ()


def _fits(profile: ClientProfile, products: list[Product]) -> bool:
    if not profile.product:
        return True
    return any(product.name == profile.product and _within(profile, product) for product in products)


def _within(profile: ClientProfile, product: Product) -> bool:
    """Whether the version lies between both. A version that isn't told lies nowhere but where every version does."""
    lowest, highest = profile.lowest, profile.highest
    if not lowest and not highest:
        return True
    if not product.version:
        return False
    length = max(len(lowest), len(product.version))
    version, at_least = _padded(product.version, length), _padded(lowest, length)
    if version < at_least or (version == at_least and product.is_early and lowest):
        return False
    # A highest version of two parts has all of its patches.
    return not highest or _padded(product.version, len(highest))[: len(highest)] <= highest


def _padded(version: Version, length: int) -> Version:
    return version + (0,) * (length - len(version))


_PROFILE = re.compile(
    rf"\s*+({_TOKEN}+)(?:\s*+>=\s*+v?([\d.]++))?(?:\s*+<=\s*+v?([\d.]++))?\s*+:\s*+([a-z-]++)\s*+(\+\s*+push)?\s*+",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,3}")


def parse_clients(entries: Iterable[str]) -> tuple[ClientProfile, ...]:
    """The table with an operator's entries before it, such as `podman>=6:anonymous` or `buildkit:nothing`.

    An entry is a product, optionally its lowest and highest version, and what it can, with `+push` where it can also
    push through a redirect. What the table itself says of that product counts no longer. Raises InvalidClientList.
    """
    own = [_parse(entry) for entry in entries]
    named = {profile.product for profile in own}
    return (*own, *(profile for profile in PROFILES if profile.product not in named))


def _parse(entry: str) -> ClientProfile:
    match = _PROFILE.fullmatch(entry)
    if match is None or not match[1]:
        raise InvalidClientList(
            f"“{entry}” is not a client: write a product of User-Agent and what it can, such as podman:nothing or "
            "crane>=0.21.8<=0.30:anonymous+push"
        )
    product, low, high, word, push = match.groups()
    if word.lower() not in list(Ability):
        raise InvalidClientList(f"“{entry}”: “{word}” is nothing that a client can; it can be {', '.join(Ability)}")
    lowest, highest = _parse_version(entry, low), _parse_version(entry, high)
    if lowest and highest and lowest[: len(highest)] > highest:
        raise InvalidClientList(f"“{entry}”: no version is at least {low} and at most {high}")
    ability = Ability(word.lower())
    if push and ability is Ability.NOTHING:
        raise InvalidClientList(f"“{entry}”: a client that can do nothing can't push through a redirect either")
    bounds = f"{f' from {low}' if low else ''}{f' to {high}' if high else ''}"
    version = low or high
    sample = f"{product}/{version}" if version else product
    return ClientProfile(product.lower(), ability, f"{product}{bounds}", sample, bool(push), lowest, highest)


def _parse_version(entry: str, text: str | None) -> Version:
    if text is None:
        return ()
    if _NUMBERS.fullmatch(text) is None:
        raise InvalidClientList(f"“{entry}”: “{text}” is not a version: write up to four numbers, such as 2.1")
    return tuple(int(part) for part in text.split("."))
