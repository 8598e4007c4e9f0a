"""The kinds of events that people subscribe to: each stands for some events of `services.base.events`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Facts = Mapping[str, Any]
_SCHEDULED = "scheduled"


class EventKind(NamedTuple):
    """What it is about, in words; its events; and which of those count."""

    about: str
    events: frozenset[str]
    counts: Callable[[Facts], bool] = lambda facts: True


#: By the name that people choose. Another part of the program adds its own by `add_kind`.
KINDS: dict[str, EventKind] = {
    "repointed": EventKind("a mapping points to something else", frozenset({"mapping.repointed"})),
    "changed": EventKind(
        "a mapping, hostname or registry was added, changed or removed",
        frozenset(
            f"{noun}.{what}"
            for noun in ("mapping", "hostname", "registry")
            for what in (
                "added",
                "updated",
                "removed",
                "switched_on",
                "switched_off",
                "handed_over",
                "published",
                "unpublished",
            )
        ),
    ),
    "applied": EventKind(
        "a change set was applied or undone, or a mapping rolled back",
        frozenset({"change_set.applied", "change_set.undone", "mapping.rolled_back"}),
    ),
    _SCHEDULED: EventKind(
        "a change set is to be applied at a time, or no longer is, as somebody drafted it once more or discarded it",
        frozenset({"change_set.scheduled", "change_set.redrafted", "change_set.discarded"}),
        lambda facts: facts["event"] == "change_set.scheduled" or facts.get("was") == _SCHEDULED,
    ),
    "refused": EventKind(
        "a scheduled change set was not applied at its time",
        frozenset({"change_set.refused"}),
    ),
    "approval": EventKind(
        "a change set waits for a second person's approval, or has got it",
        frozenset({"change_set.drafted", "change_set.redrafted", "change_set.approved"}),
        lambda facts: facts["event"] == "change_set.approved" or bool(facts.get("approval")),
    ),
    "suspended": EventKind(
        "a hostname or the tenant was suspended or resumed",
        frozenset(f"{noun}.{what}" for noun in ("hostname", "tenant") for what in ("suspended", "resumed")),
    ),
    "policy": EventKind(
        "the tenant's policy was changed, or a looser one waits for another owner's word",
        frozenset({"tenant.policy_changed", "tenant.policy_loosening_asked"}),
    ),
    "proof": EventKind(
        "the DNS record that verifies a hostname is missing, was found again, or the hostname was withdrawn",
        frozenset({"hostname.proof_missing", "hostname.proof_found", "hostname.withdrawn"}),
    ),
    "failed_over": EventKind(
        "a mapping has failed over to its standby, as its registry does not answer, or back",
        frozenset({"mapping.failed_over", "mapping.failed_back"}),
    ),
    "in_steps": EventKind(
        "a change set that is applied in steps has begun, went on, or was led back, by itself or by somebody",
        frozenset({"change_set.begun", "change_set.stepped", "change_set.returned"}),
    ),
    "drift": EventKind(
        "where a mapping led before has something else than where it leads now, its standby does not have what it has, "
        "or that is over",
        frozenset({"mapping.drifted", "mapping.drift_ended"}),
    ),
    "self_test": EventKind(
        "a hostname no longer passes its self-test, or does again",
        frozenset({"hostname.self_test_failed", "hostname.self_test_passed"}),
    ),
    "contacts": EventKind(
        "those who pull from a hostname contact a host that no probe had seen before",
        frozenset({"hostname.contact_appeared"}),
    ),
    "registry": EventKind(
        "a probe of one of the tenant's registries failed",
        frozenset({"registry.probed"}),
        lambda facts: bool(facts.get("failed")),
    ),
}
#: What a trial is; everybody who asks for one gets it.
TEST = "test"


def add_kind(name: str, about: str, *events: str) -> None:
    """Have people choose one more."""
    KINDS[name] = EventKind(about, frozenset(events))


def kinds_of(event: str, facts: Facts) -> list[str]:
    """Those that an event is of."""
    return [name for name, kind in KINDS.items() if event in kind.events and kind.counts(facts)]
