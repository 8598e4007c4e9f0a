"""One request as statistics know it, and what it counts as."""

from enum import IntEnum
from typing import NamedTuple

from routing.core.grammar.client_families import PullClient
from routing.core.grammar.hosts import InvalidHost, is_ip_address, parse_authority
from routing.core.grammar.names import (
    Endpoint,
    EndpointKind,
    InvalidRequestTarget,
    parse_endpoint,
    parse_pull,
    with_plain_colon,
)
from routing.core.pull_counts import Names
from routing.core.table.routing_table import Table

_MAX_TARGET = 300
_MAX_REFERENCE = 255


class Outcome(IntEnum):
    """How a request was answered: the place of its number in a row of `PullCount`."""

    REDIRECTED = 3
    REMEMBERED = 4
    RELAYED = 5
    REFUSED = 6
    FAILED = 7


_TAGS, _DIGESTS, _LOOKS, _NUMBERS = 0, 1, 2, 8


class Asked(NamedTuple):
    """A request of a registry client. `host` is as it was decided on; `path` is raw."""

    method: str
    host: str
    path: str
    client: PullClient
    outcome: Outcome


class Pull(NamedTuple):
    """A request for a manifest of a mapped repository."""

    pull: Names
    reference: Names
    numbers: list[int]

    @property
    def is_answered(self) -> bool:
        """Whether the client got what it asked for, or was led there."""
        return not (self.numbers[Outcome.REFUSED] or self.numbers[Outcome.FAILED])


class Orphan(NamedTuple):
    """A request for what leads nowhere."""

    names: Names


def classify(table: Table, asked: Asked, times: int) -> Pull | Orphan | None:
    """What so many requests count as; None: no statistics are kept of such."""
    if asked.method not in ("GET", "HEAD") or not asked.path.startswith("/v2/"):
        return None
    try:
        host = parse_authority(asked.host)[0]
    except InvalidHost:
        return None
    name, entry = table.match_host(host)
    endpoint = _endpoint(asked.path)
    if entry is None or not entry.enabled:
        is_told = entry is not None or not is_ip_address(host)
        return Orphan(Names("", host, (endpoint.name if endpoint else "",))) if is_told else None
    if endpoint is None or endpoint.kind is not EndpointKind.MANIFEST:
        return None
    match = table.match_repository(name, endpoint.name)
    if match is None:
        return Orphan(Names(entry.tenant, name, (endpoint.name,)))
    target = match.registry.origin.partition("://")[2][:_MAX_TARGET]
    pull = Names(entry.tenant, name, (match.prefix, endpoint.name, *asked.client, target))
    reference = Names(entry.tenant, name, (endpoint.name, endpoint.reference[:_MAX_REFERENCE]))
    return Pull(pull, reference, _numbers(asked, endpoint, times))


def _numbers(asked: Asked, endpoint: Endpoint, times: int) -> list[int]:
    numbers = [0] * _NUMBERS
    if asked.outcome >= Outcome.REFUSED:
        numbers[asked.outcome] = times
    elif asked.method == "HEAD":
        numbers[_LOOKS] = times
    else:
        numbers[asked.outcome] = times
        numbers[_DIGESTS if ":" in endpoint.reference else _TAGS] = times
    return numbers


def _endpoint(raw_path: str) -> Endpoint | None:
    path = with_plain_colon(raw_path) if "%" in raw_path else raw_path
    try:
        return parse_pull(path) or parse_endpoint(path)
    except InvalidRequestTarget:
        return None
