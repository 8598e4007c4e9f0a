"""The verification report of a change set: how one is begun, which one it is, and what of it doesn't fit the draft."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from routing.models import ChangeSet, Verification
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.changes.drafts import get_change_set
from routing.services.changes.rules import refuse_closed
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import MAX_CANDIDATES, Options, start_verification

_LEADS = ("registry", "upstream_prefix")


class SetReport(NamedTuple):
    """The newest report of a change set. `misfits`: why it doesn't tell what this draft would do, in sentences."""

    report: Verification
    misfits: list[str]


def verify_set(actor: Actor, reason: str = "", *, change_set_id: int, options: Options | None = None) -> Verification:
    """Begin the report of a set that is not decided on yet: of all mappings that it has lead elsewhere.

    Raises NotFound, PermissionDenied, Conflict, TooManyRequests, ServiceError.
    """
    change_set = get_change_set(actor, change_set_id)
    if not change_set.is_open:
        refuse_closed(change_set)
    moved = moved_rows(change_set)
    if not moved:
        raise ServiceError("no mapping points elsewhere by this change set: there is nothing to compare")
    check_size(moved)
    candidates = [
        Candidate(
            row["mapping"],
            registry_id=row["after"]["registry"],
            upstream_prefix=row["after"]["upstream_prefix"],
            private=row["after"]["private"],
            delivery=row["after"]["delivery"],
        )
        for row in moved
    ]
    return start_verification(actor, reason, candidates=candidates, options=options, change_set=change_set.pk)


def check_size(moved: Sequence[dict[str, Any]]) -> None:
    """Refuse more mappings than a report is of. Raises ServiceError."""
    if len(moved) > MAX_CANDIDATES:
        most = f"a report is of {MAX_CANDIDATES} mappings at most"
        raise ServiceError(f"{most}, and these are {len(moved)}: draft several sets")


def report_of(actor: Actor, change_set: ChangeSet) -> SetReport | None:
    """A set's newest report that the actor may see, and how it fits; None where there is none, or it went since."""
    rows = Verification.objects.viewable_by(actor).with_names().filter(change_set=change_set.pk)
    report = rows.order_by("-pk").first()
    return None if report is None else SetReport(report, list(_misfits(change_set, report)))


def _misfits(change_set: ChangeSet, report: Verification) -> Iterator[str]:
    if report.created_at < change_set.drafted_at:
        yield "it is older than the draft"
    compared = {switch["mapping_id"]: _sides(switch) for switch in report.switches}
    wanted = {row["mapping"]: _wanted(change_set, row) for row in moved_rows(change_set)}
    if others := sum(compared.get(pk) != sides for pk, sides in wanted.items()):
        yield f"of {others} of {len(wanted)} mappings it compared other targets, or none"
    if report.options.get("cost_only"):
        yield "it says what a comparison takes, and compared nothing"
    elif report.is_over and report.state != Verification.State.DONE:
        yield "it ended before all was compared"


def moved_rows(change_set: ChangeSet) -> list[dict[str, Any]]:
    """The rows of what leads elsewhere, which is what can be verified.

    What is added or removed has no former target to compare with.
    """
    kept = (row for row in change_set.rows if row["before"] is not None and row["after"] is not None)
    return [row for row in kept if any(row["before"][name] != row["after"][name] for name in _LEADS)]


def _sides(switch: dict[str, Any]) -> list[tuple[str, str]]:
    return [(switch[side]["registry"]["origin"], switch[side]["prefix"]) for side in ("old", "new")]


def _wanted(change_set: ChangeSet, row: dict[str, Any]) -> list[tuple[str, str]]:
    registries = change_set.basis["registries"]
    sides = (row["before"], row["after"])
    return [(registries[str(side["registry"])]["address"], side["upstream_prefix"]) for side in sides]
