"""Verbs for the machines of those who pull: what they contact, without the facade, and by which signatures."""

from argparse import ArgumentParser

from routing.management.verbs.named import HOSTNAME_HELP, hostname_of
from routing.management.verbs.output import Column, Output, moment
from routing.management.verbs.verb import Options, Status, Verb
from routing.services.base.actor import Actor
from routing.services.mappings.contacts import get_contacts
from routing.services.mappings.fallback import Client, Fallback, get_fallback
from routing.services.mappings.signatures import LinesFor, SignatureLines, get_signature_lines


class ShowContacts(Verb):
    """For whoever looks after a firewall."""

    name = "contacts"
    help = "Show which hosts the machines of those who pull from a hostname contact, for their firewalls."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of which."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print them."""
        found = get_contacts(Actor.command_line(), hostname_of(options["hostname"]).pk)
        rows = [each._asdict() for each in found.contacts]
        if output.as_json:
            output.facts(
                hostname=found.hostname.name,
                contacts=rows,
                unknown=found.unknown,
                unknown_count=found.unknown_count,
            )
            return
        columns = [
            Column("HOST", lambda row: row["host"]),
            Column("PORT", lambda row: str(row["port"])),
            Column("FOR", lambda row: row["purpose"].words),
            Column("MAPPINGS", lambda row: str(row["mappings"])),
            Column("SINCE", lambda row: moment(row["since"]) or "-"),
            Column("SEEN", lambda row: moment(row["seen_at"]) or "-"),
        ]
        output.table(rows, columns, "No hosts.")
        if found.unknown_count:
            output.line(
                f"Not known: where the layers of {_mappings(found.unknown_count)} lie, such as {found.unknown[0]}. "
                "“facade probe IMAGE” looks."
            )


class MakeFallback(Verb):
    """For whoever looks after those machines."""

    name = "fallback"
    help = (
        "Print the file by which clients go to the registries themselves while a hostname does not answer. Docker has "
        "none: its mirrors are for images of Docker Hub alone."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of which, and whose file."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        names = [client.value for client in Client]
        parser.add_argument("--for", dest="client", required=True, choices=names, help="whose file: %(choices)s")

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        hostname = hostname_of(options["hostname"])
        _print_made(get_fallback(Actor.command_line(), hostname.pk, Client(options["client"])), output)


class ShowSignatures(Verb):
    """For whoever signs, and whoever looks after the machines that verify."""

    name = "signatures"
    help = (
        "Print the lines for signatures under a hostname's own name: cosign's commands, podman's policy for images "
        "that were signed under the registry's name, and where podman finds the signatures."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of which, and what for."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        names = [purpose.value for purpose in LinesFor]
        parser.add_argument("--for", dest="purpose", required=True, choices=names, help="which lines: %(choices)s")

    def run(self, options: Options, output: Output) -> None:
        """Print them."""
        hostname = hostname_of(options["hostname"])
        _print_made(get_signature_lines(Actor.command_line(), hostname.pk, LinesFor(options["purpose"])), output)


def _print_made(made: Fallback | SignatureLines, output: Output) -> None:
    """The text as it is to lie there, or all about it as JSON."""
    if output.as_json:
        left_out = [each._asdict() for each in made.left_out]
        output.facts(**{**made._asdict(), "hostname": made.hostname.name, "left_out": left_out})
        return
    output.line(made.text.rstrip())


def _mappings(count: int) -> str:
    return "1 mapping" if count == 1 else f"{count} mappings"
