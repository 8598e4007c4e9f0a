"""What a mapping does to those who pull, in an operator's words."""

from typing import Any, NamedTuple

from routing.core.client_support import ClientSupport, Verdict
from routing.models import Hostname, Mapping
from routing.services.mappings.explain import explain_mapping
from routing.services.mappings.pull_command import pull_command


class State(NamedTuple):
    """Whether clients are served. `kind` is on, off or blocked."""

    kind: str
    text: str


class Clients(NamedTuple):
    """Kinds of clients that fare alike."""

    names: list[str]
    verdict: Verdict
    manifest: str
    layers: str
    through: str

    @property
    def badge(self) -> str:
        """The kind of badge that shows the verdict."""
        return _BADGES[self.verdict][0]

    @property
    def text(self) -> str:
        """The verdict in words."""
        return _BADGES[self.verdict][1]


_BADGES = {
    Verdict.WORKS: ("on", "works"),
    Verdict.FAILS: ("blocked", "fails"),
    Verdict.UNKNOWN: ("off", "not known yet"),
}


_OUTCOMES = {
    "redirected": "straight from the registry",
    "resolved": "straight from the registry",
    "relayed": "through the facade",
    "streamed": "through the facade",
    "fails": "fail: no token",
}


def state_of(mapping: Mapping) -> State:
    """Whether a mapping's clients are served, and what keeps them from it."""
    if not mapping.enabled:
        return State("off", "off")
    hostname = state_of_hostname(mapping.hostname)
    if hostname.kind == "on" or mapping.hostname.tenant.suspended:
        return hostname
    return State("blocked", f"hostname {hostname.text}")


def state_of_hostname(hostname: Hostname) -> State:
    """Whether a hostname is served, and what keeps it from being."""
    if hostname.tenant.suspended:
        return State("blocked", "tenant suspended")
    if hostname.suspended:
        return State("blocked", "suspended")
    if hostname.withdrawn_at is not None:
        return State("blocked", "withdrawn")
    return State("on", "on") if hostname.enabled else State("off", "off")


def effect_of(mapping: Mapping) -> dict[str, Any]:
    """What a mapping's page shows above its form."""
    state = state_of(mapping)
    served = explain_mapping(mapping) if state.kind == "on" else None
    return {
        "state": state,
        "pull": pull_command(mapping),
        "clients": _grouped(served.client_support) if served else [],
        "advice": served.advice if served else [],
    }


def _grouped(outlooks: list[ClientSupport]) -> list[Clients]:
    groups: dict[tuple[Verdict, str, str, str], list[str]] = {}
    for outlook in outlooks:
        outcomes = {step.endpoint: _OUTCOMES.get(step.outcome, step.outcome) for step in outlook.steps}
        fate = (outlook.verdict, outcomes["manifest"], outcomes["blob"], outlook.bytes_through_facade)
        groups.setdefault(fate, []).append(outlook.client.shown)
    return [Clients(names, *fate) for fate, names in groups.items()]
