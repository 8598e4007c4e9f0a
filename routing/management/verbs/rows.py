"""Verbs about one row of any noun: how each noun's row is named on the command line, and found."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.mappings import add_address
from routing.management.verbs.named import HOSTNAME_HELP, TENANT_HELP, hostname_of, registry_of, tenant_of
from routing.management.verbs.registries import add_which
from routing.management.verbs.verb import Options, Verb
from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import get_mapping


class AboutRow(Verb):
    """A verb about one row. One of the classes below goes before it, and says of which noun."""

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """The arguments by which a row is named."""
        raise NotImplementedError

    def row(self, options: Options) -> Any:
        """The row. Raises NotFound, ServiceError."""
        raise NotImplementedError


class AboutMapping:
    """By hostname and prefix."""

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_address(parser)

    def row(self, options: Options) -> Mapping:
        """The mapping."""
        return get_mapping(Actor.command_line(), options["hostname"], options["prefix"])


class AboutHostname:
    """By its name."""

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its name."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)

    def row(self, options: Options) -> Hostname:
        """The hostname."""
        return hostname_of(options["hostname"])


class AboutRegistry:
    """By its address, and its tenant."""

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_which(parser)

    def row(self, options: Options) -> Registry:
        """The registry."""
        return registry_of(options["registry"], options["tenant"])


class AboutTenant:
    """By its slug."""

    @classmethod
    def add_row(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("tenant", metavar="SLUG", help=TENANT_HELP)

    def row(self, options: Options) -> Tenant:
        """The tenant."""
        return tenant_of(options["tenant"])
