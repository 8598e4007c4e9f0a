"""The verbs of notes: what people write down about hostnames, mappings, registries and tenants.

Whoever may change a row may write about it, and whoever may look at its tenant may read. The author of a note removes
it, or an owner of the tenant. Nobody changes one: it says what somebody wrote then.
"""

from typing import Any, NamedTuple

from django.db.models import QuerySet

from routing.core.grammar.front_door import unified_lines
from routing.core.grammar.printable import printable
from routing.models import Hostname, Mapping, Note, Registry, Tenant
from routing.models.note import MAX_NOTE_LENGTH
from routing.models.versioned import VersionedModel
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, PermissionDenied, check_permission, has_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work

#: So many notes may be about one row.
MAX_NOTES = 200
#: Said wherever somebody is about to write one.
NO_SECRETS = "Plain text. Whoever may see this reads it: it is no place for passwords or tokens."
_LENGTH_WITH_LINE_ENDS = 2 * MAX_NOTE_LENGTH


class Subject(NamedTuple):
    """What notes may be about: its rows, and what writing about one takes."""

    model: type[VersionedModel]
    writes: Permission


#: By the column of a note.
SUBJECTS: dict[str, Subject] = {
    "hostname": Subject(Hostname, Permission.CHANGE_HOSTNAMES),
    "mapping": Subject(Mapping, Permission.CHANGE_MAPPINGS),
    "registry": Subject(Registry, Permission.CHANGE_REGISTRIES),
    "tenant": Subject(Tenant, Permission.CHANGE_MEMBERS),
}


def get_notes(actor: Actor, *, noun: str, pk: int) -> "QuerySet[Note]":
    """The notes about a row, newest first. Those about a shared registry are the platform's to read.

    Raises NotFound, PermissionDenied.
    """
    model: Any = SUBJECTS[noun].model
    row = get_row(model.objects.viewable_by(actor).with_names(), pk)
    check_permission(actor, Permission.VIEW, row.owning_tenant)
    return Note.objects.filter(**{noun: row})


def may_read_notes(actor: Actor, row: Any) -> bool:
    """Whether the actor, who may see the row, may read what was written about it."""
    return has_permission(actor, Permission.VIEW, row.owning_tenant)


def may_remove_note(actor: Actor, note: Note, tenant: Tenant | None) -> bool:
    """Whether the actor may remove a note about a row of that tenant, which they may see."""
    if actor.read_only:
        return False
    is_author = actor.user is not None and note.author_id == actor.user.pk
    return is_author or has_permission(actor, Permission.CHANGE_MEMBERS, tenant)


def add_note(actor: Actor, *, noun: str, pk: int, text: str) -> Note:
    """Write something down about a row. Raises NotFound, PermissionDenied, ServiceError."""
    written = _readable(text)
    subject = SUBJECTS[noun]
    with unit_of_work(actor, "") as unit:
        row: Any = unit.get(subject.model, pk, subject.writes)
        if Note.objects.filter(**{noun: row}).count() >= MAX_NOTES:
            said = f"there are {MAX_NOTES} notes about {row} already: remove some first"
            raise ServiceError(said, code=Code.QUOTA_EXCEEDED)
        author = None if actor.user is None else actor.user.pk
        note = Note(**{noun: row}, text=written, author_id=author, written_by=actor.label)
        unit.add(note)
        _tell(unit, "note.added", note, noun, row)
    return note


def remove_note(actor: Actor, *, note_id: int) -> None:
    """Remove a note. Raises NotFound, PermissionDenied."""
    if actor.read_only:
        raise PermissionDenied("this API token is read-only", code=Code.READ_ONLY_TOKEN)
    with unit_of_work(actor, "") as unit:
        note, noun, row = _find(unit, note_id)
        if not may_remove_note(actor, note, row.owning_tenant):
            raise PermissionDenied("only its author, or an owner of the tenant, may remove a note")
        unit.delete(note)
        note.pk = note_id
        _tell(unit, "note.removed", note, noun, row)


def _find(unit: UnitOfWork, note_id: int) -> tuple[Note, str, Any]:
    """A note that the actor may read, and what it is about. Raises NotFound, in the same words for all others."""
    note = Note.objects.filter(pk=note_id).first()
    try:
        if note is not None:
            noun = next(name for name in SUBJECTS if getattr(note, f"{name}_id") is not None)
            return note, noun, unit.get(SUBJECTS[noun].model, getattr(note, f"{noun}_id"), Permission.VIEW)
    except (NotFound, PermissionDenied):
        pass
    raise NotFound("there is no such note, or it isn't yours")


def _readable(text: str) -> str:
    """The text as it is kept: lines of plain text, without control characters. Raises ServiceError."""
    if len(text) <= _LENGTH_WITH_LINE_ENDS:
        text = unified_lines("\n".join(map(printable, text.splitlines()))).strip()
    if len(text) > MAX_NOTE_LENGTH:
        raise ServiceError.for_field("text", f"A note has {MAX_NOTE_LENGTH:,} characters at most.")
    if not text:
        raise ServiceError.for_field("text", "Write something.", Code.REQUIRED)
    return text


def _tell(unit: UnitOfWork, event: str, note: Note, noun: str, row: Any) -> None:
    """What it says is nobody's but the readers'."""
    unit.event(event, note_id=note.pk, tenant_id=row.owning_tenant_id, **{f"{noun}_ids": [row.pk]})
