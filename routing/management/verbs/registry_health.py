"""How a registry has answered, over time."""

from argparse import ArgumentParser
from typing import Any

from routing.core.pull_counts import Grain
from routing.management.verbs.named import REGISTRY_HELP, TENANT_HELP, registry_of
from routing.management.verbs.output import Column, Output, moment
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.registries.health import Answers, Health, Limit, get_health


class RegistryHealth(Verb):
    """By hour, or by day."""

    name = "health"
    help = "Show how a registry has answered the facade, by hour or by day, and what it said of its limits."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and told by what."""
        parser.add_argument("registry", metavar="REGISTRY", help=REGISTRY_HELP)
        parser.add_argument("--tenant", metavar="SLUG", help=f"{TENANT_HELP}, where it is the tenant's own")
        parser.add_argument(
            "--by",
            choices=[grain.value for grain in Grain],
            default=Grain.HOUR.value,
            help="hour: of the last seven days (this is what is meant without it); day: of the last ninety",
        )

    def run(self, options: Options, output: Output) -> None:
        """Print it: for people, without the hours of which nothing is known."""
        registry = registry_of(options["registry"], options["tenant"])
        found = get_health(Actor.command_line(), registry.pk, Grain(options["by"]))
        slots = [{**slot._asdict(), "answers": slot.answers.value} for slot in found.slots]
        if output.as_json:
            output.facts(
                registry=registry.authority,
                grain=found.grain.value,
                limit=found.limit and found.limit._asdict(),
                slots=slots,
                users=[user._asdict() for user in found.users],
            )
            return
        output.line(_summary(found))
        output.line(limit_words(found.limit))
        users = ", ".join(f"{user.slug} ({user.mappings:,})" for user in found.users)
        output.line(f"Used by the mappings of {users}." if users else "No mapping points here.")
        output.line()
        known = [slot for slot in slots if slot["asked"] or slot["failed_pulls"]]
        output.table(known[::-1], _COLUMNS, "Nothing is known of this time: the registry was not asked.")


def _milliseconds(number: Any) -> str:
    return "-" if number is None else f"{number:,} ms"


_COLUMNS = [
    Column("FROM", lambda slot: moment(slot["at"])),
    Column("ANSWERS", lambda slot: slot["answers"]),
    Column("ASKED", lambda slot: f"{slot['asked']:,}"),
    Column("TROUBLED", lambda slot: f"{slot['troubled']:,}"),
    Column("MEAN", lambda slot: _milliseconds(slot["mean_ms"])),
    Column("SLOWEST", lambda slot: _milliseconds(slot["slowest_ms"])),
    Column("FAILED PULLS", lambda slot: f"{slot['failed_pulls']:,}"),
    Column("WHAT WAS WRONG LAST", lambda slot: slot["trouble"] or "-"),
]


def _summary(found: Health) -> str:
    known = [slot for slot in found.slots if slot.asked]
    good = sum(slot.answers is Answers.ALL for slot in known)
    unit = f"{found.grain.value}s"
    return f"{found.registry} answered each time in {good} of the {len(known)} {unit} in which it was asked."


def limit_words(limit: Limit | None) -> str:
    """What it said of its limits, as sentences."""
    if limit is None:
        return "It has said nothing of a limit."
    said = []
    if limit.left is not None:
        allowed = f" of {limit.number:,}" if limit.number else ""
        window = f" in {limit.seconds:,} s" if limit.seconds else ""
        said.append(f"It gives {limit.left:,}{allowed} more requests{window}, as it said at {moment(limit.seen_at)}.")
    if limit.refused_at is not None:
        wait = "" if limit.wait_seconds is None else f", and asked to wait for {limit.wait_seconds:,} s"
        said.append(f"It refused a request for there being too many at {moment(limit.refused_at)}{wait}.")
    return " ".join(said)
