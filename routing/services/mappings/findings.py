"""What is known of a mapping, or a hostname, once it is saved: what was looked at and found, and what nobody looked at.

Nothing is asked here. A mapping that is saved is not a mapping that works: people need its hostname's DNS, a
certificate, and a registry that answers.
"""

from enum import StrEnum
from typing import NamedTuple

from routing.core.client_support import ClientSupport, Verdict
from routing.core.grammar.hosts import is_loopback
from routing.models import AddressState, Hostname, Mapping
from routing.services.mappings.explain import explain_mapping
from routing.services.mappings.pull_command import pull_command
from routing.services.mappings.state import State, state_of, state_of_hostname


class Mark(StrEnum):
    """What was found of one thing."""

    GOOD = "good"
    BAD = "bad"
    NOT_LOOKED_AT = "not_looked_at"

    @property
    def sign(self) -> str:
        """The same as a sign before the line."""
        return {"good": "✓", "bad": "✗"}.get(self, "?")


class Finding(NamedTuple):
    """One line of the list: what it is about, what was found, and in words what that means."""

    subject: str
    mark: Mark
    text: str

    def __str__(self) -> str:
        return f"{self.mark.sign} {self.subject}: {self.text}"


def findings_of(mapping: Mapping) -> list[Finding]:
    """Everything that a pull through this mapping depends on, as far as it is known."""
    return _found_now(mapping)[0]


def findings_of_hostname(hostname: Hostname) -> list[Finding]:
    """Everything that a pull from this hostname depends on whichever mapping it is by, as far as it is known."""
    found = [_is_served("Hostname", state_of_hostname(hostname)), *_outside(hostname)]
    if not hostname.mappings.exists():
        found.append(Finding("Mappings", Mark.BAD, "there are none yet, so there is nothing to pull"))
    return found


def docker_prospect(mapping: Mapping) -> list[str]:
    """What to tell somebody who has made or changed a mapping: how to pull, and what is known of that, a line each."""
    return [f"Pull with: {pull_command(mapping)}", *map(str, findings_of(mapping))]


def to_probe(mapping: Mapping) -> str:
    """What a probe has to look at before more is known: an image, or a registry; "" for nothing."""
    return _found_now(mapping)[1]


def _found_now(mapping: Mapping) -> tuple[list[Finding], str]:
    try:
        return _found(Mapping.objects.select_related("hostname__tenant", "registry").get(pk=mapping.pk))
    except Mapping.DoesNotExist:
        # What was saved a moment ago may be removed by now.
        return [Finding("Mapping", Mark.BAD, "it was removed meanwhile")], ""


def _found(mapping: Mapping) -> tuple[list[Finding], str]:
    state = state_of(mapping)
    around = [_is_served("Mapping", state), *_outside(mapping.hostname), _registry(mapping)]
    if not state.is_on:
        return around, ""
    explained = explain_mapping(mapping)
    return [*around, _images(explained.docker)], explained.to_probe


def _is_served(subject: str, state: State) -> Finding:
    if state.is_on:
        return Finding(subject, Mark.GOOD, state.text)
    return Finding(subject, Mark.BAD, f"clients are refused: {state.text}")


def _outside(hostname: Hostname) -> list[Finding]:
    """What is not this program's and a pull needs: records in the DNS, and a certificate, which nobody looks at."""
    host = hostname.name
    if is_loopback(host):
        return []
    return [
        *_verification(hostname),
        _address(hostname),
        Finding("Certificate", Mark.NOT_LOOKED_AT, f"not looked at; clients want one for {host}"),
    ]


def _address(hostname: Hostname) -> Finding:
    state, text = hostname.address_state, hostname.address_finding
    if state == AddressState.NOT_CHECKED:
        return Finding("DNS", Mark.NOT_LOOKED_AT, f"not looked at; {hostname} has to point to this facade")
    said = text.removesuffix(".")
    if state == AddressState.UNKNOWN:
        return Finding("DNS", Mark.NOT_LOOKED_AT, said)
    return Finding("DNS", Mark.GOOD if state == AddressState.HERE else Mark.BAD, said)


def _verification(hostname: Hostname) -> list[Finding]:
    if not hostname.proof_token or hostname.proof_checked_at is None:
        return []
    if hostname.proof_missing_since is not None:
        since = f"{hostname.proof_missing_since:%-d %B %Y}"
        return [Finding("Verification", Mark.BAD, f"the DNS record that verifies {hostname} is missing since {since}")]
    return [Finding("Verification", Mark.GOOD, f"the DNS record that verifies {hostname} is there")]


def _registry(mapping: Mapping) -> Finding:
    registry = mapping.registry
    if registry.probe_error:
        return Finding("Registry", Mark.BAD, f"the last probe of {registry} failed: {registry.probe_error}")
    if registry.probed_at is None:
        return Finding("Registry", Mark.NOT_LOOKED_AT, f"not looked at; {registry} was never probed")
    return Finding("Registry", Mark.GOOD, f"{registry} answers")


def _images(docker: ClientSupport) -> Finding:
    match docker.verdict:
        case Verdict.WORKS:
            return Finding("Images", Mark.GOOD, f"{docker.client.shown} can pull the one that the last probe saw")
        case Verdict.FAILS:
            return Finding("Images", Mark.BAD, f"{docker.client.shown} can't pull: {docker.reason}")
    return Finding("Images", Mark.NOT_LOOKED_AT, docker.reason)
