"""The verbs of subscriptions: who is told of what happens."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.named import ONLY_TENANT_HELP, tenant_of
from routing.management.verbs.output import Column, Output, as_facts, moment, yes
from routing.management.verbs.verb import Options, Verb
from routing.models import Delivery, Subscription
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.in_order import rows_in_order
from routing.services.telling.kinds import KINDS
from routing.services.telling.subscriptions import (
    add_subscription,
    get_subscription,
    remove_subscription,
    renew_secret,
    send_again,
    try_subscription,
    update_subscription,
)

_KINDS_HELP = f"what it is told of, separated by commas: {', '.join(KINDS)}"
_ID_HELP = "the subscription's number, as “facade subscription list” shows it"
_SHOWN = 20


def subscription_facts(row: Subscription) -> dict[str, Any]:
    """A subscription, for programs: without its secret."""
    return {
        "id": row.pk,
        "tenant": row.tenant.slug,
        "channel": row.channel,
        "address": row.address,
        "hostname": row.hostname,
        "kinds": row.kinds,
        "enabled": row.enabled,
    }


def _delivery_facts(row: Delivery) -> dict[str, Any]:
    names = ("message_id", "kind", "event", "state", "attempts", "outcome", "created_at", "tried_at")
    return {"id": row.pk, **{name: getattr(row, name) for name in names}}


class ListSubscriptions(Verb):
    """Never their secrets."""

    name = "list"
    help = "List subscriptions: which addresses are told of what."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        rows = Subscription.objects.with_names()
        if options["tenant"]:
            rows = rows.filter(tenant=tenant_of(options["tenant"]))
        columns = [
            Column("ID", lambda row: str(row["id"])),
            Column("TENANT", lambda row: row["tenant"]),
            Column("ADDRESS", lambda row: row["address"]),
            Column("OF", lambda row: row["hostname"] or "(all)"),
            Column("KINDS", lambda row: ", ".join(row["kinds"])),
            Column("ON", lambda row: yes(row["enabled"])),
        ]
        output.table(as_facts(rows_in_order(rows, "tenant__slug"), subscription_facts), columns, "No subscriptions.")


class AddSubscription(Verb):
    """The secret is told once."""

    name = "add"
    help = "Have an https URL, or a member's mail address, told of what happens. Prints a webhook's secret, once."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whom, and of what."""
        parser.add_argument("tenant", metavar="TENANT", help="slug of the tenant")
        parser.add_argument("address", metavar="ADDRESS", help="an https URL, or the mail address of a member")
        parser.add_argument("kinds", metavar="KINDS", help=_KINDS_HELP)
        parser.add_argument("--hostname", metavar="HOSTNAME", default="", help="only what happens to this hostname")

    def run(self, options: Options, output: Output) -> None:
        """Add it."""
        made = add_subscription(
            Actor.command_line(),
            options["reason"],
            tenant_id=tenant_of(options["tenant"]).pk,
            address=options["address"],
            kinds=_split(options["kinds"]),
            hostname=options["hostname"],
        )
        _tell_made(made.subscription, made.secret, f"added {made.subscription}", output)


class _OfOne(Verb):
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("id", type=int, metavar="ID", help=_ID_HELP)


class ShowSubscription(_OfOne):
    """With what was sent."""

    name = "show"
    help = "Show a subscription, and what became of the last messages to it."
    changes = False

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        row = get_subscription(Actor.command_line(), options["id"])
        sent = list(row.deliveries.all()[:_SHOWN])
        output.facts(**subscription_facts(row), deliveries=[_delivery_facts(each) for each in sent])
        output.labelled(
            [
                ("address", row.address),
                ("tenant", row.tenant.slug),
                ("of", row.hostname or "all hostnames"),
                ("kinds", ", ".join(row.kinds)),
                ("state", "on" if row.enabled else "off"),
            ]
        )
        for each in sent:
            tried = f", {each.attempts} times, {moment(each.tried_at)}: {each.outcome}" if each.tried_at else ""
            output.line(f"{each.pk}: {each.event}, {moment(each.created_at)}: {each.state}{tried}")


class SetSubscription(_OfOne):
    """What it is told of, and whether."""

    name = "set"
    help = "Change what an address is told of, or switch it off and on."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and what of it."""
        super().add_arguments(parser)
        parser.add_argument("--kinds", metavar="KINDS", help=_KINDS_HELP)
        parser.add_argument("--hostname", metavar="HOSTNAME", help='only what happens to this one; "" is all of them')
        parser.add_argument("--on", dest="enabled", action="store_const", const=True, help="tell it again")
        parser.add_argument("--off", dest="enabled", action="store_const", const=False, help="tell it nothing")

    def run(self, options: Options, output: Output) -> None:
        """Change it."""
        row = update_subscription(
            Actor.command_line(),
            options["reason"],
            subscription_id=options["id"],
            kinds=_split(options["kinds"]) if options["kinds"] else None,
            hostname=options["hostname"],
            enabled=options["enabled"],
        )
        output.done(f"changed {row}", subscription=subscription_facts(row))


class RenewSecret(_OfOne):
    """As when it may have been seen."""

    name = "renew-secret"
    help = "Sign a webhook's messages with another secret from now on: prints it, once."

    def run(self, options: Options, output: Output) -> None:
        """Renew it."""
        made = renew_secret(Actor.command_line(), options["reason"], subscription_id=options["id"])
        _tell_made(made.subscription, made.secret, f"renewed the secret of the {made.subscription}", output)


class TrySubscription(_OfOne):
    """To see whether it arrives."""

    name = "try"
    help = "Send an address a message that says nothing, soon."

    def run(self, options: Options, output: Output) -> None:
        """Send it."""
        delivery = try_subscription(Actor.command_line(), options["reason"], subscription_id=options["id"])
        output.done(
            f"message {delivery.message_id} is on its way; “facade subscription show {options['id']}” says how it went",
            delivery=_delivery_facts(delivery),
        )


class SendAgain(Verb):
    """Under the same id, so that nobody takes it for another."""

    name = "send-again"
    help = "Send a message once more, under the same id."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("id", type=int, metavar="DELIVERY", help="its number, as “facade subscription show” has it")

    def run(self, options: Options, output: Output) -> None:
        """Send it."""
        delivery = send_again(Actor.command_line(), options["reason"], delivery_id=options["id"])
        output.done(f"message {delivery.message_id} is on its way again", delivery=_delivery_facts(delivery))


class RemoveSubscription(_OfOne):
    """With what is known of its messages."""

    name = "remove"
    help = "Remove a subscription, and what is known of the messages to it."

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        was = remove_subscription(Actor.command_line(), options["reason"], subscription_id=options["id"])
        output.done(f"removed {was}")


def _split(text: str) -> list[str]:
    return [kind.strip() for kind in text.split(",") if kind.strip()]


def _tell_made(row: Subscription, secret: str, said: str, output: Output) -> None:
    if is_dry_run() or not secret:
        output.done(said, subscription=subscription_facts(row))
        return
    # Nothing but the secret, so that a script can take it.
    output.facts(changed=True, dry_run=False, subscription=subscription_facts(row), secret=secret)
    output.line(secret)
