"""The verbs of the configuration as a document."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Status, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.configuration.apply import apply_document
from routing.services.configuration.current import current_document
from routing.services.configuration.foreign import import_rules
from routing.services.configuration.reading import MAX_BYTES, read_document
from routing.services.configuration.writing import write_document
from routing.table.whole_file import replace_file


class Export(Verb):
    """To standard output, or to a file, which it replaces."""

    name = "export"
    help = (
        "Write tenants, registries, hostnames and mappings as a YAML document, which “apply” reads. It holds no "
        "secret, and nothing that probes found."
    )
    has_json = False
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose, and where to."""
        parser.add_argument(
            "--tenant", action="append", default=[], metavar="SLUG", help="this tenant alone; may be repeated"
        )
        parser.add_argument(
            "-o", "--output", default="-", metavar="FILE", help="the file to replace; default: print it"
        )

    def run(self, options: Options, output: Output) -> None:
        """Write it. Raises ServiceError, NotFound."""
        lines = write_document(current_document(Actor.command_line(), options["tenant"]))
        if options["output"] == "-":
            output.document(lines)
            return
        path = Path(options["output"])
        try:
            replace_file(path, "".join(lines))
        except OSError as error:
            raise ServiceError(f"{path} can't be written: {error.strerror}") from error
        output.aside(f"Wrote {path}")


class Apply(Verb):
    """All of it, or nothing."""

    name = "apply"
    help = (
        "Make tenants, registries, hostnames and mappings what a YAML document says, in one step. Rows that it doesn't "
        "name stay, unless --prune says otherwise; tenants that it doesn't name always stay."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which document, and how far it goes."""
        parser.add_argument("file", metavar="FILE", help="the document; - for standard input")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="remove what tenants of the document have beside it, and shared registries where it lists any",
        )
        parser.add_argument("--checksum", default="", metavar="SUM", help="do it only if the plan has this checksum")

    def run(self, options: Options, output: Output) -> None:
        """Apply it, and show the plan as a diff. Raises ServiceError."""
        document = read_document(_read(options["file"]))
        actor, reason = Actor.command_line(), options["reason"]
        plan = apply_document(actor, reason, document, prune=options["prune"], checksum=options["checksum"])
        if not plan.steps:
            output.unchanged("All is as the document says already", steps=[], checksum=plan.checksum)
            return
        steps = [
            {"sign": step.sign, "what": step.what, "changes": [list(each) for each in step.changes], "line": step.line}
            for step in plan.steps
        ]
        output.done(steps=steps, checksum=plan.checksum)
        for line in plan.lines():
            output.line(line)
        output.line(f"{len(plan.steps)} to change; checksum {plan.checksum}")


def _read(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(MAX_BYTES + 1)
        path = Path(name)
        if path.stat().st_size > MAX_BYTES:
            raise ServiceError(f"{name} is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return path.read_text()
    except OSError as error:
        raise ServiceError(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ServiceError(f"{name} is no text in UTF-8") from error


class ImportRules(Verb):
    """Of a file to a document, which one reads before one applies it."""

    name = "import-rules"
    help = (
        "Turn redirects of an nginx configuration, of a Caddyfile, or of the plain container's variables into a "
        "document for “apply”. Lines that aren't understood are told on standard error."
    )
    has_json = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which file, and whose they become."""
        parser.add_argument("file", metavar="FILE", help="the file to read; - for standard input")
        parser.add_argument("--tenant", default="default", metavar="SLUG", help="whose they become (default)")

    def run(self, options: Options, output: Output) -> None:
        """Print it. Raises ServiceError."""
        imported = import_rules(_read(options["file"]), options["tenant"])
        for line in imported.ignored:
            output.aside(f"not understood: {line}")
        output.document(write_document(imported.document))
