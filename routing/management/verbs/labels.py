"""The verbs that put labels on rows and take them off."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, ClassVar

from routing.management.verbs.hostnames import hostname_facts
from routing.management.verbs.mapping_lists import mapping_facts
from routing.management.verbs.output import Facts, Output
from routing.management.verbs.registries import registry_facts
from routing.management.verbs.rows import AboutHostname, AboutMapping, AboutRegistry, AboutRow
from routing.management.verbs.verb import Options
from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.labels import change_labels


class _Label(AboutRow):
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


class LabelMapping(AboutMapping, _Label):
    """Clients never meet them."""

    name = "label"
    help = "Put labels on a mapping, or take some off: words by which lists are filtered. Clients never meet them."
    model = Mapping
    facts = mapping_facts


class LabelHostname(AboutHostname, _Label):
    """Clients never meet them."""

    name = "label"
    help = "Put labels on a hostname, or take some off: words by which lists are filtered. Clients never meet them."
    model = Hostname
    facts = hostname_facts


class LabelRegistry(AboutRegistry, _Label):
    """Those of a shared one are the platform's."""

    name = "label"
    help = "Put labels on a registry, or take some off: words by which lists are filtered. Clients never meet them."
    model = Registry
    facts = registry_facts
