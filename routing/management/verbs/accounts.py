"""The verbs of accounts at registries: for the facade's own fetches, and for mappings that are published.

A password is read from standard input or typed: never an argument, which other people on the machine can see.
"""

import getpass
import sys
from argparse import ArgumentParser

from routing.management.verbs.mapping_lists import mapping_facts
from routing.management.verbs.mappings import add_address
from routing.management.verbs.named import REGISTRY_HELP, TENANT_HELP, registry_of
from routing.management.verbs.output import Output
from routing.management.verbs.registries import registry_facts
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import get_mapping
from routing.services.mappings.publication import publish_mapping, unpublish_mapping
from routing.services.registries.accounts import MOST_TYPED, remove_account, set_account

_OWN_HELP = f"{TENANT_HELP}, where it is the tenant's own"


def add_account(parser: ArgumentParser) -> None:
    """Declare who, and where the password comes from."""
    parser.add_argument("--user", required=True, metavar="NAME", help="the account's user name at the registry")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password or token from standard input; default: it is asked for at a terminal",
    )


def given_password(options: Options, output: Output) -> str:
    """The password. Raises ServiceError."""
    if options["password_stdin"]:
        # A file, or echo, ends the line.
        text = sys.stdin.read(MOST_TYPED).rstrip("\r\n")
        if not text:
            raise ServiceError("there is no password on standard input")
        return text
    if not output.has_person:
        raise ServiceError("nobody is there to type the password: pipe it in, and say --password-stdin")
    try:
        return getpass.getpass("Password or token: ")
    except (EOFError, KeyboardInterrupt):
        raise ServiceError("no password was typed: nothing was done") from None


class SetRegistryAccount(Verb):
    """For the facade's own fetches."""

    name = "set-account"
    help = (
        "Give the facade an account at a registry, in place of any former one. It fetches what is public there with "
        "it, so that rate limits count for the account. No client's pull uses it."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Where, and who."""
        parser.add_argument("registry", metavar="REGISTRY", help=REGISTRY_HELP)
        parser.add_argument("--tenant", metavar="SLUG", help=_OWN_HELP)
        add_account(parser)

    def run(self, options: Options, output: Output) -> None:
        """Set it."""
        registry = registry_of(options["registry"], options["tenant"])
        row = set_account(
            Actor.command_line(),
            options["reason"],
            registry_id=registry.pk,
            user=options["user"],
            password=given_password(options, output),
        )
        output.done(f"set the account of registry {row}: {row.account_user}", registry=registry_facts(row))


class RemoveRegistryAccount(Verb):
    """It asks as nobody again."""

    name = "remove-account"
    help = "Take the facade's account at a registry away: it fetches as nobody again, within a second."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Where."""
        parser.add_argument("registry", metavar="REGISTRY", help=REGISTRY_HELP)
        parser.add_argument("--tenant", metavar="SLUG", help=_OWN_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        registry = registry_of(options["registry"], options["tenant"])
        outcome = remove_account(Actor.command_line(), options["reason"], registry_id=registry.pk)
        facts = registry_facts(outcome.row)
        if outcome.changed:
            output.done(f"removed the account of registry {outcome.row}", registry=facts)
        else:
            output.unchanged(f"Nothing to remove: registry {outcome.row} has no account.", registry=facts)


class PublishMapping(Verb):
    """What is private becomes everybody's."""

    name = "publish"
    help = (
        "Let everybody pull, without credentials, what an account may read where a mapping points to, private images "
        "too. The account is this mapping's alone. A repoint ends it."
    )
    changes = True
    needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and who."""
        add_address(parser)
        add_account(parser)

    def run(self, options: Options, output: Output) -> None:
        """Publish it."""
        actor = Actor.command_line()
        found = get_mapping(actor, options["hostname"], options["prefix"])
        row = publish_mapping(
            actor,
            options["reason"],
            mapping_id=found.pk,
            user=options["user"],
            password=given_password(options, output),
        )
        output.done(f"published mapping {row} with the account {row.account_user}", mapping=mapping_facts(row))


class UnpublishMapping(Verb):
    """Clients need credentials of their own again."""

    name = "unpublish"
    help = "End the publication of a mapping: clients need credentials of their own again, within a second."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_address(parser)

    def run(self, options: Options, output: Output) -> None:
        """End it."""
        actor = Actor.command_line()
        found = get_mapping(actor, options["hostname"], options["prefix"])
        outcome = unpublish_mapping(actor, options["reason"], mapping_id=found.pk)
        facts = mapping_facts(outcome.row)
        if outcome.changed:
            output.done(f"ended the publication of mapping {outcome.row}", mapping=facts)
        else:
            output.unchanged(f"Nothing to end: {outcome.row} is not published.", mapping=facts)
