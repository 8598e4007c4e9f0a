"""The verbs that write a tenant, or what is known of a person, as a JSON document."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from routing.management.verbs.named import TENANT_HELP, USERNAME_HELP, anybody_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Status, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.leaving.exports import export_person, export_tenant


class _Export(Verb):
    """To a file, or to standard output, where it is the one JSON document whether that is asked for or not."""

    name = "export"
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose, and where to."""
        cls.add_whose(parser)
        parser.add_argument(
            "--output",
            default="-",
            metavar="FILE",
            help="the file to write, which must not be there; default: print it",
        )

    @classmethod
    def add_whose(cls, parser: ArgumentParser) -> None:
        """Whose."""
        raise NotImplementedError

    def pieces(self, options: Options) -> Iterator[str]:
        """The document. Raises ServiceError before the first piece."""
        raise NotImplementedError

    def run(self, options: Options, output: Output) -> None:
        """Write it. Raises ServiceError for a file that can't be written."""
        pieces = self.pieces(options)
        if options["output"] == "-":
            output.document(pieces)
            return
        path = Path(options["output"])
        _write(path, pieces)
        output.aside(f"Wrote {path}")
        output.facts(written=str(path))


class ExportTenant(_Export):
    """With all that is its own."""

    help = "Write a tenant, with all that is its own, as a JSON document. It holds no secret."

    @classmethod
    def add_whose(cls, parser: ArgumentParser) -> None:
        """Which tenant."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)

    def pieces(self, options: Options) -> Iterator[str]:
        """The tenant's."""
        return export_tenant(Actor.command_line(), tenant_id=tenant_of(options["tenant"]).pk)


class ExportPerson(_Export):
    """All that is known of them."""

    help = "Write what the facade knows of a person as a JSON document. It holds no secret."

    @classmethod
    def add_whose(cls, parser: ArgumentParser) -> None:
        """Which person."""
        parser.add_argument("name", metavar="USERNAME", help=USERNAME_HELP)

    def pieces(self, options: Options) -> Iterator[str]:
        """The person's."""
        return export_person(Actor.command_line(), user_id=anybody_of(options["name"]).pk)


def _write(path: Path, pieces: Iterator[str]) -> None:
    try:
        # Of people, and of who may do what: for whoever runs this alone.
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise ServiceError(f"{path} can't be written: {error.strerror}") from error
    try:
        with path.open("w") as file:
            file.writelines(pieces)
    except BaseException as error:
        # Half of a document looks like one.
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ServiceError(f"{path} can't be written: {error.strerror}") from error
        raise
