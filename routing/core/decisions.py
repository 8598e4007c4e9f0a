"""What one request gets.

A decision names no more than the answer needs; the data plane carries it out. Every `location` and `url` starts with
the origin of a registry in the table.
"""

from typing import NamedTuple

from routing.core.grammar.names import Endpoint
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
    """Ask the registry, with the caller's token, and hand on its answer: manifests, tags, referrers, a ping."""

    host: str
    registry_key: str
    registry: RegistryEntry
    url: str
    endpoint: Endpoint | None
    upstream_name: str
    strategy: Strategy


class LocateBlob(NamedTuple):
    """Ask the registry for a blob without following, and hand on the Location that it answers.

    `reauthorises`: should the registry serve the blob itself, the client can be sent there.
    """

    host: str
    registry_key: str
    registry: RegistryEntry
    url: str
    endpoint: Endpoint
    upstream_name: str
    strategy: Strategy
    reauthorises: bool


class Token(NamedTuple):
    """A request to the facade's `/token`, brokered to the registry that its scope maps to."""

    host: str


class Control(NamedTuple):
    """Not a registry client's request: Django answers (admin, API, health)."""


Decision = Redirect | Refuse | PingOk | Challenge | Relay | LocateBlob | Token | Control
