"""What a mapping does to those who pull, in an operator's words."""

from typing import Any, NamedTuple

from routing.core.client_support import ClientSupport, Verdict
from routing.models import Mapping
from routing.services.mappings.explain import explain_mapping
from routing.services.mappings.pull_command import pull_command
from routing.services.mappings.state import state_of


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


def effect_of(mapping: Mapping) -> dict[str, Any]:
    """What a mapping's page shows above its form."""
    state = state_of(mapping)
    served = explain_mapping(mapping) if state.kind == "on" else None
    return {
        "state": state,
        "pull": pull_command(mapping),
        "clients": grouped(served.client_support) if served else [],
        "advice": served.advice if served else [],
    }


def grouped(outlooks: list[ClientSupport]) -> list[Clients]:
    """What each kind of client meets, those together that fare alike."""
    groups: dict[tuple[Verdict, str, str, str], list[str]] = {}
    for outlook in outlooks:
        outcomes = {step.endpoint: _OUTCOMES.get(step.outcome, step.outcome) for step in outlook.steps}
        fate = (outlook.verdict, outcomes["manifest"], outcomes["blob"], outlook.bytes_through_facade)
        groups.setdefault(fate, []).append(outlook.client.shown)
    return [Clients(names, *fate) for fate, names in groups.items()]
