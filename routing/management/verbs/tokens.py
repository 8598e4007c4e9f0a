"""The verbs of API tokens."""

from argparse import ArgumentParser
from typing import Any

from routing.accounts.second_factor import lacks_second_factor
from routing.management.verbs.named import anybody_of, tenant_of, user_of
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.verb import Options, Verb
from routing.models import ApiToken
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.in_order import rows_in_order
from routing.services.people.api_tokens import create_api_token, revoke_api_token


def token_facts(token: ApiToken) -> dict[str, Any]:
    """A token, for programs: without its secret."""
    return {
        "username": token.user.get_username(),
        "name": token.name,
        "tenant": token.tenant.slug if token.tenant else None,
        "read_only": token.read_only,
        "expires_at": token.expires_at,
        "last_used_on": token.last_used_on,
    }


class ListTokens(Verb):
    """Never their secrets."""

    name = "list"
    help = "List API tokens: whose they are, what they are for, and when they were used."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("--user", metavar="USERNAME", help="only this person's")

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        tokens = ApiToken.objects.select_related("user", "tenant")
        if options["user"]:
            tokens = tokens.filter(user=anybody_of(options["user"]))
        columns = [
            Column("USER", lambda row: row["username"]),
            Column("NAME", lambda row: row["name"]),
            Column("TENANT", lambda row: row["tenant"] or "(all of theirs)"),
            Column("MAY", lambda row: "read" if row["read_only"] else "change"),
            Column("EXPIRES", lambda row: moment(row["expires_at"]) or "never"),
            Column("LAST USED", lambda row: str(row["last_used_on"] or "never")),
        ]
        output.table(as_facts(rows_in_order(tokens, "user__username"), token_facts), columns, "No API tokens.")


class CreateToken(Verb):
    """The secret is told once."""

    name = "create"
    help = "Create an API token that acts as a person: prints it, once."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose, and what it may."""
        parser.add_argument("username", metavar="USERNAME", help="as whom it acts")
        parser.add_argument("name", metavar="NAME", help="what it is for, such as “deploy pipeline”")
        parser.add_argument("--tenant", metavar="SLUG", help="the only tenant for which it is good, by slug")
        parser.add_argument("--read-only", action="store_true", help="it may read, and change nothing")
        parser.add_argument("--days", type=int, metavar="NUMBER", help="after so many days it expires; default: never")

    def run(self, options: Options, output: Output) -> None:
        """Make it."""
        user = user_of(options["username"])
        if lacks_second_factor(user):
            raise ServiceError(f"{user} needs two-factor authentication first (FACADE_MFA_REQUIRED_FOR)")
        made = create_api_token(
            Actor.command_line(),
            options["reason"],
            user=user,
            name=options["name"],
            tenant_id=tenant_of(options["tenant"]).pk if options["tenant"] else None,
            read_only=options["read_only"],
            days=options["days"],
        )
        if is_dry_run():
            output.done(f"created token {made.token} of {user}", token=token_facts(made.token))
            return
        # Nothing but the secret, so that a script can take it.
        output.facts(changed=True, dry_run=False, token=token_facts(made.token), secret=made.secret)
        output.line(made.secret)


class RevokeToken(Verb):
    """It is worth nothing from then on."""

    name = "revoke"
    help = "Revoke an API token: it is worth nothing from now on."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("username", metavar="USERNAME", help="whose it is")
        parser.add_argument("name", metavar="NAME", help="its name, as “facade token list” shows it")

    def run(self, options: Options, output: Output) -> None:
        """Revoke it."""
        user = anybody_of(options["username"])
        token = ApiToken.objects.filter(user=user, name=options["name"].strip()).first()
        if token is None:
            raise NotFound(f"{user} has no token {options['name']}")
        revoke_api_token(Actor.command_line(), options["reason"], token_id=token.pk)
        output.done(f"revoked token {token} of {user}")
