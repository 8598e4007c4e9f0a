"""The verbs of people: everybody who has an account, whichever tenants they are members of."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model

from routing.management.verbs.named import USERNAME_HELP, anybody_of
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.removals import Removal, numbers, refuse_for
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.in_order import rows_in_order
from routing.services.leaving.person_removal import get_person_removal, remove_person


def person_facts(user: Any) -> dict[str, Any]:
    """An account, for programs."""
    return {
        "username": user.get_username(),
        "email": user.email,
        "is_active": user.is_active,
        "is_platform_operator": user.is_superuser,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
    }


class ListPeople(Verb):
    """All."""

    name = "list"
    help = "List everybody who has an account. “facade member list” says what they are in which tenant."

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        columns = [
            Column("USER", lambda row: row["username"]),
            Column("E-MAIL", lambda row: row["email"] or "none"),
            Column("PLATFORM", lambda row: "operator" if row["is_platform_operator"] else ""),
            Column("STATE", lambda row: "active" if row["is_active"] else "inactive"),
            Column("LAST SIGN-IN", lambda row: moment(row["last_login"]) or "never"),
        ]
        people = rows_in_order(get_user_model()._default_manager.all(), "username")
        output.table(as_facts(people, person_facts), columns, "No people.")


class RemovePerson(Removal):
    """With every way in."""

    name = "remove"
    help = (
        "Remove somebody's account, with sessions, API tokens, second factors, addresses and roles. Histories stay, "
        "with --erase without their name. Export it first."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whom, and whether their name goes too."""
        parser.add_argument("name", metavar="USERNAME", help=USERNAME_HELP)
        parser.add_argument(
            "--erase", action="store_true", help="a pseudonym stands for their name and addresses in all that stays"
        )
        super().add_arguments(parser)

    def run(self, options: Options, output: Output) -> None:
        """Remove them, after it was told what goes."""
        actor, erase = Actor.command_line(), options["erase"]
        user = anybody_of(options["name"])
        plan = get_person_removal(actor, user_id=user.pk, erase=erase)
        facts: dict[str, Any] = {"goes": dict(plan.goes), "stays": dict(plan.stays), "obstacles": list(plan.obstacles)}
        if erase:
            facts |= {"pseudonym": plan.pseudonym, "mentions": list(plan.mentions)}
        refuse_for(plan.obstacles, {**facts, "removed": False}, output)
        name = user.get_username()
        self.confirm(options, output, name, plan.goes)
        if not is_dry_run():
            facts["goes"] = remove_person(actor, options["reason"], user_id=user.pk, erase=erase)
        gone = {what: facts["goes"].get(what, 0) for what in plan.goes}
        output.done(
            f"removed {plan.pseudonym if erase else name}: {numbers(gone)}",
            f"what stays: {numbers(plan.stays)}" + (f", in which they are “{plan.pseudonym}”" if erase else ""),
            *(f"still to be looked at by hand: {mention}" for mention in plan.mentions),
            **facts,
            removed=not is_dry_run(),
        )
