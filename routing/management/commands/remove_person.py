"""manage.py remove_person NAME [--erase]"""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from routing.management.leaving import RemovalCommand, numbers, person_of
from routing.services.base.actor import Actor
from routing.services.leaving.person_removal import get_person_removal, remove_person


class Command(RemovalCommand):
    help = (
        "Remove somebody's account: their sessions, API tokens, second factors, addresses and roles. Histories stay, "
        "with --erase without their name. Export it first: export_person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their user name")
        parser.add_argument(
            "--erase", action="store_true", help="a pseudonym stands for their name and addresses in all that stays"
        )
        super().add_arguments(parser)

    def handle(self, **options: Any) -> None:
        actor, erase = Actor.command_line(), options["erase"]
        with self.refusals():
            user = person_of(options["name"])
            plan = get_person_removal(actor, user_id=user.pk, erase=erase)
        name = user.get_username()
        facts: dict[str, Any] = {"goes": dict(plan.goes), "stays": dict(plan.stays), "obstacles": list(plan.obstacles)}
        if erase:
            facts |= {"pseudonym": plan.pseudonym, "mentions": list(plan.mentions)}
        kept = f"what stays: {numbers(plan.stays)}" + (f", in which they are “{plan.pseudonym}”" if erase else "")
        if options["dry_run"]:
            left = [f"still to be looked at by hand: {mention}" for mention in plan.mentions]
            self.tell(options, {**facts, "removed": False}, [f"would remove {name}: {numbers(plan.goes)}", kept, *left])
            if plan.obstacles:
                raise CommandError("; ".join(plan.obstacles))
            return
        self.ask(options, name)
        with self.refusals():
            gone = remove_person(actor, options["reason"], user_id=user.pk, erase=erase)
            after = [*facts.get("mentions", ())] if erase else []
        lines = [f"removed {plan.pseudonym if erase else name}: {numbers(gone)}", kept]
        lines += [f"still to be looked at by hand: {mention}" for mention in after]
        self.tell(options, {**facts, "goes": gone, "removed": True}, lines)
