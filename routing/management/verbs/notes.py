"""The verbs of notes: read, write and remove what people wrote down about a row."""

from argparse import ArgumentParser
from typing import Any, ClassVar

from routing.management.verbs.output import Facts, Output, moment
from routing.management.verbs.rows import AboutHostname, AboutMapping, AboutRegistry, AboutRow, AboutTenant
from routing.management.verbs.verb import Options
from routing.models import Note
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.people.notes import add_note, get_notes, remove_note


def note_facts(note: Note) -> Facts:
    """A note, for programs."""
    return {"id": note.pk, "text": note.text, "written_by": note.written_by, "created_at": note.created_at}


class _Note(AboutRow):
    name = "note"
    changes = True
    takes_reason = False
    noun: ClassVar[str]

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which row, and what of its notes."""
        cls.add_row(parser)
        parser.add_argument(
            "text", metavar="TEXT", nargs="?", help="what to write down: no passwords or tokens; without it, list all"
        )
        parser.add_argument("--remove", metavar="ID", type=int, help="remove the note of this number")

    def run(self, options: Options, output: Output) -> None:
        """List, write or remove."""
        actor, row = Actor.command_line(), self.row(options)
        which: Any = {"noun": self.noun, "pk": row.pk}
        if options["text"] is not None and options["remove"] is not None:
            raise ServiceError("give a TEXT, or --remove ID: one at a time")
        if options["remove"] is not None:
            if not get_notes(actor, **which).filter(pk=options["remove"]).exists():
                raise NotFound(f"there is no note {options['remove']} about {row}")
            remove_note(actor, note_id=options["remove"])
            output.done(f"removed note {options['remove']} about {row}")
        elif options["text"] is not None:
            note = add_note(actor, **which, text=options["text"])
            output.done(f"wrote note {note.pk} about {row}", note=note_facts(note))
        else:
            self._list(row, list(get_notes(actor, **which)), output)

    @staticmethod
    def _list(row: Any, notes: list[Note], output: Output) -> None:
        output.facts(notes=[note_facts(note) for note in notes])
        if not notes:
            output.line(f"No notes about {row}.")
        for note in notes:
            output.line(f"{note.pk}  {moment(note.created_at)}  {note.written_by}")
            for line in note.text.splitlines():
                output.line(f"    {line}")


class NoteMapping(AboutMapping, _Note):
    """For those who come after."""

    help = "Write down something about a mapping, list what people wrote, or remove it."
    noun = "mapping"


class NoteHostname(AboutHostname, _Note):
    """For those who come after."""

    help = "Write down something about a hostname, list what people wrote, or remove it."
    noun = "hostname"


class NoteRegistry(AboutRegistry, _Note):
    """Those about a shared one are the platform's."""

    help = "Write down something about a registry, list what people wrote, or remove it."
    noun = "registry"


class NoteTenant(AboutTenant, _Note):
    """For those who come after."""

    help = "Write down something about a tenant, list what people wrote, or remove it."
    noun = "tenant"
