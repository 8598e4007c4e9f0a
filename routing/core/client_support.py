"""What each kind of client will meet at one repository, asked of `decide()` itself.

For `explain` and the mapping's page: the same function that answers requests answers here, so that they can't differ.
"""

from typing import NamedTuple

from routing.core.decide import Request, decide
from routing.core.decisions import Challenge, Decision, LocateBlob, Redirect, Refuse, Relay
from routing.core.grammar.user_agents import answers_challenges_anywhere, reauthorises
from routing.core.table.routing_table import Auth, Table

# Stands for any blob or manifest in the steps' details.
SOME_DIGEST = f"sha256:{'0' * 64}"


class ClientKind(NamedTuple):
    """Clients that behave alike, and the User-Agent that one of them sends."""

    name: str
    user_agent: str


CLIENT_KINDS = (
    ClientKind("docker (classic image store)", "docker/28.0.0"),
    ClientKind("docker (containerd image store)", "docker/29.0.0 containerd-client/2.2.0"),
    ClientKind("containerd (Kubernetes, nerdctl)", "containerd/2.1.0"),
    ClientKind("buildkit, docker buildx", "buildkit/v0.20"),
    ClientKind("regclient", "regclient/regctl (v0.8.0)"),
    ClientKind("podman, buildah, skopeo, CRI-O", "containers/5.34 (github.com/containers/image)"),
    ClientKind("crane", "crane/v0.21 go-containerregistry/v0.21"),
    ClientKind("Helm", "Helm/3.18.0"),
    ClientKind("ORAS", "oras/1.3.0"),
    ClientKind("anything else", ""),
)


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
    """A pull by one kind of client."""

    client: ClientKind
    steps: tuple[RequestOutcome, ...]

    @property
    def works(self) -> bool:
        """Whether the whole pull goes through."""
        return all(step.outcome not in ("refused", "fails") for step in self.steps)

    @property
    def bytes_through_facade(self) -> str:
        """Which bytes of a pull pass through the facade."""
        outcomes = {step.endpoint: step.outcome for step in self.steps}
        if outcomes.get("blob") == "streamed":
            return "manifests and layers"
        return "manifests (some KB)" if outcomes.get("manifest") == "relayed" else "none"


def client_support(
    table: Table, host: str, name: str, reference: str, *, inline_blobs: bool = False
) -> list[ClientSupport]:
    """How a pull of one image goes, for each kind of client. `inline_blobs`: the registry serves layers itself."""
    paths = {
        "ping": "/v2/",
        "manifest": f"/v2/{name}/manifests/{reference}",
        "blob": f"/v2/{name}/blobs/{SOME_DIGEST}",
        "tags": f"/v2/{name}/tags/list",
        "referrers": f"/v2/{name}/referrers/{SOME_DIGEST}",
    }
    match = table.match_repository(table.match_host(host)[0], name)
    asks_token = match is not None and match.registry.auth in (Auth.BEARER, Auth.BASIC)
    found = []
    for kind in CLIENT_KINDS:
        clients = table.policy.reauthorising_clients
        stranded = asks_token and not reauthorises(kind.user_agent, clients)
        brings_token = _brings_token(table, host, kind)
        steps = tuple(
            _request_outcome(
                table,
                Request("GET", host, path, "", kind.user_agent, authorized=brings_token and endpoint != "ping"),
                endpoint,
                inline_blobs,
                stranded,
            )
            for endpoint, path in paths.items()
        )
        found.append(ClientSupport(kind, steps))
    return found


def _brings_token(table: Table, host: str, kind: ClientKind) -> bool:
    """Whether the client was given a challenge by its ping, and answers it from the first request on.

    Every client that pings does so, but of the clients that follow redirects only docker's classic store pings.
    """
    clients = table.policy.reauthorising_clients
    if not reauthorises(kind.user_agent, clients) or answers_challenges_anywhere(kind.user_agent, clients):
        return False
    return isinstance(decide(table, Request("GET", host, "/v2/", user_agent=kind.user_agent)), Challenge)


def _request_outcome(
    table: Table, request: Request, endpoint: str, inline_blobs: bool, stranded: bool
) -> RequestOutcome:
    decision = decide(table, request)
    challenged = request.authorized or isinstance(decision, Challenge)
    if isinstance(decision, Challenge):
        # The client asks /token, and comes back with what it got.
        decision = decide(table, request._replace(authorized=True))
    if stranded and isinstance(decision, Redirect):
        return RequestOutcome(
            endpoint, "fails", "redirected to a registry to which this client takes no token", challenged
        )
    return RequestOutcome(endpoint, *_outcome(decision, inline_blobs), challenged)


def _outcome(decision: Decision, inline_blobs: bool) -> tuple[str, str]:
    match decision:
        case Redirect(location):
            return "redirected", location
        case Relay():
            return "relayed", decision.url
        case LocateBlob() if inline_blobs and decision.reauthorises:
            return "redirected", decision.url
        case LocateBlob() if inline_blobs and decision.registry.stream_blobs:
            return "streamed", decision.url
        case LocateBlob() if inline_blobs:
            return "refused", f"{decision.registry.name} serves layers itself, and this client can't be sent there"
        case LocateBlob():
            return "resolved", decision.url
        case Refuse():
            return "refused", decision.message
    return "answered", ""
