"""What one request gets.

A decision names no more than the answer needs; the data plane carries it out. Every `location` and `url` starts with
the origin of a registry in the table; that of a page is what the hostname's tenant wrote there.
"""

from enum import StrEnum
from typing import NamedTuple

from routing.core.grammar.badges import Badge
from routing.core.grammar.front_door import FrontDoor, ListedRepository
from routing.core.grammar.names import Endpoint
from routing.core.grammar.user_agents import ClientProfile, Needed
from routing.core.table.front_door import NO_FRONT_DOOR
from routing.core.table.routing_table import RegistryEntry, Strategy


class Redirect(NamedTuple):
    """307 to `location` (absolute)."""

    location: str


class Refuse(NamedTuple):
    """An error in the OCI format. `allow` is the Allow header that a 405 has to carry (RFC 9110 §15.5.6)."""

    status: int
    code: str
    message: str
    allow: str = ""
    retry_after_seconds: int = 0


class PingOk(NamedTuple):
    """200: this is a registry, and nothing is asked for."""


class Challenge(NamedTuple):
    """401 with the facade's own Bearer challenge. `scope` is empty for a ping."""

    host: str
    scope: str = ""


class Relay(NamedTuple):
    """Ask the registry, with the caller's token, and hand on its answer: manifests, tags, referrers, a ping.

    `is_private`: the mapping says that its images are not for everybody. `notice` is its word to those who pull.
    `publishes`: the key of a mapping that is published; its registry is asked with its account, and no caller's token.
    """

    host: str
    registry_key: str
    registry: RegistryEntry
    url: str
    endpoint: Endpoint | None
    upstream_name: str
    strategy: Strategy
    is_private: bool = False
    notice: str = ""
    former: "Former | None" = None
    publishes: str = ""


class LocateBlob(NamedTuple):
    """Ask the registry for a blob without following, and hand on the Location that it answers.

    Should the registry serve the blob itself, the client can be sent there if it brings what is `needed`. `able` are
    the clients that certainly do, for a sentence. `is_private`: the mapping says that its images are not for everybody.
    `publishes` is as in `Relay`.
    """

    host: str
    registry_key: str
    registry: RegistryEntry
    url: str
    endpoint: Endpoint
    upstream_name: str
    strategy: Strategy
    client: ClientProfile
    needed: Needed
    able: str
    is_private: bool = False
    former: "Former | None" = None
    publishes: str = ""

    @property
    def reauthorises(self) -> bool:
        """Whether the client can be sent to the registry. To what is published nobody brings anything."""
        return not self.publishes and self.client.follows(self.needed)


class RedirectToHolder(NamedTuple):
    """307 to whichever of two registries has the content: the mapping's, or, where that says it has not, the former.

    Only for content that is named by its digest, and only until `former.until`; then it is a redirect to `location`.
    """

    host: str
    location: str
    registry: RegistryEntry
    endpoint: Endpoint
    upstream_name: str
    former: "Former"


class Former(NamedTuple):
    """What the same request would get where its mapping led before; counts until `until`, in seconds since 1970.

    `decision` is made by the same rules. A Redirect holds for clients that the former registry can be sent to.
    """

    until: int
    registry: RegistryEntry
    upstream_name: str
    decision: Redirect | Relay | LocateBlob


class Token(NamedTuple):
    """A request to the facade's `/token`, brokered to the registry that its scope maps to."""

    host: str


class Health(NamedTuple):
    """A health check: whether the process answers at all, or, with `is_readiness`, whether it has a table."""

    is_readiness: bool


class PageKind(StrEnum):
    """What browsers find at a hostname, beside what registry clients ask for."""

    FRONT = "front"
    REPOSITORY = "repository"
    LEADS_ON = "leads_on"
    ABUSE = "abuse"
    NOT_FOUND = "not_found"
    NOT_SERVED = "not_served"
    ICON = "icon"
    ROBOTS = "robots"
    BADGE = "badge"


class Page(NamedTuple):
    """A page for people.

    `tenant` is the name of whose the hostname is, `words` say why it isn't served; both may be empty. `front` is what
    the tenant wrote for people, `listed` the repository that a page is about, `location` where a visitor is sent.
    `badge` is the badge that it is, of the hostname that the table calls `served_name`.
    """

    kind: PageKind
    status: int
    tenant: str = ""
    words: str = ""
    front: FrontDoor = NO_FRONT_DOOR
    listed: ListedRepository | None = None
    location: str = ""
    badge: Badge | None = None
    served_name: str = ""


class Echo(NamedTuple):
    """What the facade's own doctor asks, to find out how its question came."""


class Control(NamedTuple):
    """Not a registry client's request: Django answers (admin, API, health)."""


Decision = (
    Redirect
    | Refuse
    | PingOk
    | Challenge
    | Relay
    | LocateBlob
    | RedirectToHolder
    | Token
    | Health
    | Page
    | Echo
    | Control
)


def inline_refusal(decision: LocateBlob, *, quota_exhausted: bool = False) -> Refuse:
    """What a client is told of a blob that the registry serves itself, at which it can't arrive.

    `quota_exhausted`: what may be streamed in a month has been.
    """
    registry = decision.registry
    if decision.publishes:
        return _published_refusal(decision, quota_exhausted=quota_exhausted)
    pull_from = f"{registry.origin.partition('://')[2]}/{decision.upstream_name}"
    if quota_exhausted:
        why = "what may pass through this facade for this address in a month is used up until the next one begins (UTC)"
        otherwise = "or ask the operators of this facade for more"
    else:
        why = "this client takes no token there when it is redirected"
        otherwise = "or ask the operator of this address to switch on streaming for this registry"
    can = "still can" if quota_exhausted else "can"
    return Refuse(
        403,
        "DENIED",
        f"{registry.name} serves layers itself, and {why}. {decision.able} {can}; "
        f"with this client pull from {pull_from}, {otherwise}",
    )


def _published_refusal(decision: LocateBlob, *, quota_exhausted: bool) -> Refuse:
    """The registry's own layers can be had by the account alone: they pass through here, or nobody gets them."""
    name, host = decision.registry.name, decision.host
    if quota_exhausted:
        why = "what may pass through this facade for this address in a month is used up until the next one begins (UTC)"
        return Refuse(403, "DENIED", f"{name} serves layers itself, and {why}; ask the owner of {host}")
    message = f"{host} publishes this from {name}, which gives layers to accounts alone; ask the owner of {host}"
    return Refuse(403, "DENIED", f"{message} to have streaming enabled for this registry")
