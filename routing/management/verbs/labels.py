"""The verbs that put labels on rows and take them off."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, ClassVar

from routing.management.verbs.hostnames import hostname_facts
from routing.management.verbs.mapping_lists import mapping_facts
from routing.management.verbs.mappings import add_address
from routing.management.verbs.named import HOSTNAME_HELP, hostname_of, registry_of
from routing.management.verbs.output import Facts, Output
from routing.management.verbs.registries import add_which, registry_facts
from routing.management.verbs.verb import Options, Verb
from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.labels import change_labels
from routing.services.mappings.mappings import get_mapping


class _Label(Verb):
    changes = True
    model: ClassVar[Any]
    facts: ClassVar[Callable[[Any], Facts]]

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which row, and which labels."""
        cls.add_row(parser)
        parser.add_argument(
            "labels", metavar="LABEL", nargs="*", help="a word, or a key with its value, such as team=web"
        )
        parser.add_argument(
            "--remove",
            metavar="LABEL",
            action="append",
            default=[],
            help="take this label off; a key alone: whatever its value. Can be given several times",
        )

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """The arguments by which a row is named."""
        raise NotImplementedError

    def row(self, options: Options) -> Any:
        """The row. Raises NotFound, ServiceError."""
        raise NotImplementedError

    def run(self, options: Options, output: Output) -> None:
        """Put them on, take them off."""
        done = change_labels(
            Actor.command_line(),
            options["reason"],
            model=self.model,
            ids=[self.row(options).pk],
            add=options["labels"],
            remove=options["remove"],
        )
        (row,) = done.rows
        noun, now = str(self.model._meta.verbose_name), ", ".join(row.label_list) or "none"
        facts = {noun: type(self).facts(row)}
        if done.changed:
            output.done(f"changed the labels of {noun} {row}: it has {now}", **facts)
        else:
            output.unchanged(f"Nothing to change: the labels of {noun} {row} are {now}", **facts)


class LabelMapping(_Label):
    """Clients never meet them."""

    name = "label"
    help = "Put labels on a mapping, or take some off: words by which lists are filtered. Clients never meet them."
    model = Mapping
    facts = mapping_facts

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_address(parser)

    def row(self, options: Options) -> Mapping:
        """The mapping."""
        return get_mapping(Actor.command_line(), options["hostname"], options["prefix"])


class LabelHostname(_Label):
    """Clients never meet them."""

    name = "label"
    help = "Put labels on a hostname, or take some off: words by which lists are filtered. Clients never meet them."
    model = Hostname
    facts = hostname_facts

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its name."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)

    def row(self, options: Options) -> Hostname:
        """The hostname."""
        return hostname_of(options["hostname"])


class LabelRegistry(_Label):
    """Those of a shared one are the platform's."""

    name = "label"
    help = "Put labels on a registry, or take some off: words by which lists are filtered. Clients never meet them."
    model = Registry
    facts = registry_facts

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_which(parser)

    def row(self, options: Options) -> Registry:
        """The registry."""
        return registry_of(options["registry"], options["tenant"])
