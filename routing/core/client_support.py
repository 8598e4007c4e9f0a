"""What each kind of client will meet at one repository, asked of `decide()` itself.

For `explain` and the mapping's page: the same function that answers requests answers here, so that they can't differ.
"""

from enum import StrEnum
from typing import NamedTuple

from routing.core.decide import Request, decide
from routing.core.decisions import (
    Challenge,
    Decision,
    LocateBlob,
    Redirect,
    RedirectToHolder,
    Refuse,
    Relay,
    inline_refusal,
)
from routing.core.grammar.names import EndpointKind
from routing.core.grammar.user_agents import Ability, ClientProfile, Needed
from routing.core.table.routing_table import Auth, Match, Strategy, Table

# Strategies by which clients need nothing at the registry.
_ASK_NOTHING = (Strategy.OPEN, Strategy.PUBLISH)
# Stands for any blob or manifest in the steps' details.
SOME_DIGEST = f"sha256:{'0' * 64}"


class Verdict(StrEnum):
    """Whether a pull works, as far as anybody has found out."""

    WORKS = "works"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Findings(NamedTuple):
    """What probes found where an image leads.

    `doubt` says why it isn't known whether a pull works, in a sentence that says what to do; "" where a probe has seen
    the repository. `inline_blobs`: the registry serves layers itself; None: nobody has found out. `remembered`: the
    facade has the image's manifest in its memory, for everybody.
    """

    doubt: str = ""
    inline_blobs: bool | None = None
    remembered: bool = False


class RequestOutcome(NamedTuple):
    """One request of a pull.

    `outcome` is redirected, relayed, resolved (the Location of a blob is handed on), streamed, answered, refused (by
    the facade), or fails (at the registry, which asks for a token that this client doesn't bring there).
    """

    endpoint: str
    outcome: str
    detail: str
    after_challenge: bool


class ClientSupport(NamedTuple):
    """A pull by one kind of client. `reason` says why it fails, or why nobody knows; "" where it works."""

    client: ClientProfile
    steps: tuple[RequestOutcome, ...]
    verdict: Verdict
    reason: str = ""

    @property
    def works(self) -> bool:
        """Whether the whole pull is known to go through."""
        return self.verdict is Verdict.WORKS

    @property
    def bytes_through_facade(self) -> str:
        """Which bytes of a pull pass through the facade."""
        outcomes = {step.endpoint: step.outcome for step in self.steps}
        if outcomes.get("blob") == "streamed":
            return "manifests and layers"
        return "manifests (some KB)" if outcomes.get("manifest") == "relayed" else "none"


def client_support(table: Table, host: str, name: str, reference: str, findings: Findings) -> list[ClientSupport]:
    """How a pull of one image goes, for each kind of client that the table of clients has."""
    paths = {
        "ping": "/v2/",
        "manifest": f"/v2/{name}/manifests/{reference}",
        "blob": f"/v2/{name}/blobs/{SOME_DIGEST}",
        "tags": f"/v2/{name}/tags/list",
        "referrers": f"/v2/{name}/referrers/{SOME_DIGEST}",
    }
    match = table.match_repository(table.match_host(host)[0], name)
    found = []
    for client in table.policy.clients.profiles:
        walk = _Walk(table, host, client, match, findings)
        steps = tuple(walk.step(endpoint, path) for endpoint, path in paths.items())
        found.append(ClientSupport(client, steps, *_verdict(client, steps, match, findings)))
    return found


def _verdict(
    client: ClientProfile, steps: tuple[RequestOutcome, ...], match: Match | None, findings: Findings
) -> tuple[Verdict, str]:
    for step in steps:
        if step.outcome in ("refused", "fails"):
            return Verdict.FAILS, step.detail
    if findings.doubt:
        return Verdict.UNKNOWN, findings.doubt
    is_resolved = any(step.endpoint == "blob" and step.outcome == "resolved" for step in steps)
    if match and is_resolved and findings.inline_blobs is None:
        registry = match.registry
        follows = match.strategy is not Strategy.PUBLISH and client.follows(match.needed)
        if not registry.stream_blobs and not follows:
            return Verdict.UNKNOWN, (
                f"this client fails where a registry serves layers itself, and whether {registry.name} does, only "
                "who has credentials can find out: pull with it once"
            )
    return Verdict.WORKS, ""


class _Walk:
    """One client's way through a pull."""

    def __init__(self, table: Table, host: str, client: ClientProfile, match: Match | None, findings: Findings) -> None:
        self._table, self._host, self._client, self._findings = table, host, client, findings
        self._needed = _needed(match)
        pings = client.ability is Ability.DOCKER_PING
        # dockerd doesn't say which image store it has when it pings.
        self._ping_agent = "docker" if client.is_docker else client.sample
        ping = decide(table, Request("GET", host, "/v2/", user_agent=self._ping_agent)) if pings else None
        # docker's classic store answers the challenge of its ping from the first request on, and no other's.
        self._brings_token = isinstance(ping, Challenge)
        self._is_deaf = pings and not self._brings_token
        self._ping_led_on = isinstance(ping, Redirect)

    def step(self, endpoint: str, path: str) -> RequestOutcome:
        is_ping = endpoint == "ping"
        authorized = self._brings_token and not is_ping
        agent = self._ping_agent if is_ping else self._client.sample
        request = Request("GET", self._host, path, "", agent, authorized)
        decision = decide(self._table, request)
        challenged = authorized or isinstance(decision, Challenge)
        if isinstance(decision, Challenge):
            if self._is_deaf and not is_ping:
                return RequestOutcome(
                    endpoint, "fails", "asked for a token here, when its ping was answered by the registry", False
                )
            # The client asks /token, and comes back with what it got.
            decision = decide(self._table, request._replace(authorized=True))
        if isinstance(decision, RedirectToHolder):
            # For some time after a repoint; what the registry has, is had there.
            decision = Redirect(decision.location)
        if isinstance(decision, Redirect) and not is_ping and not self._arrives():
            return RequestOutcome(
                endpoint, "fails", "redirected to a registry to which this client takes no token", challenged
            )
        return RequestOutcome(endpoint, *_outcome(decision, self._findings), challenged)

    def _arrives(self) -> bool:
        return self._client.follows(self._needed) or self._ping_led_on


def _needed(match: Match | None) -> Needed:
    """What has to be brought to where a redirect leads, as far as that is certain."""
    if match is None or match.registry.auth == Auth.UNKNOWN or match.strategy in _ASK_NOTHING:
        return Needed.NOTHING
    return match.needed


def _outcome(decision: Decision, findings: Findings) -> tuple[str, str]:
    inline_blobs = findings.inline_blobs
    match decision:
        case Redirect(location):
            return "redirected", location
        case Relay() if findings.remembered and _is_of_a_public_manifest(decision):
            return "relayed", f"{decision.url}, from the facade's memory"
        case Relay():
            return "relayed", decision.url
        case LocateBlob() if inline_blobs and decision.reauthorises:
            return "redirected", decision.url
        case LocateBlob() if inline_blobs and decision.registry.stream_blobs:
            return "streamed", decision.url
        case LocateBlob() if inline_blobs:
            return "refused", inline_refusal(decision).message
        case LocateBlob():
            return "resolved", decision.url
        case Refuse():
            return "refused", decision.message
    return "answered", ""


def _is_of_a_public_manifest(decision: Relay) -> bool:
    endpoint = decision.endpoint
    return endpoint is not None and endpoint.kind is EndpointKind.MANIFEST and not decision.is_private
