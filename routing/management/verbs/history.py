"""Who did what, when and why."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from routing.management.verbs.named import HOSTNAME_HELP, ONLY_TENANT_HELP, PREFIX_HELP, tenant_of
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.verb import Options, Status, Verb
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.past import NOUNS, Entry, Wanted, past_entries
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.as_of import get_mappings_at
from routing.services.mappings.mappings import parse_prefix

_PAGE = 200
# What was passed over is read all the same.
_MOST = 10_000


def _add_limit(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=_number, default=50, metavar="NUMBER", help="how many entries at most (50)")


class History(Verb):
    """Of everything."""

    name = "history"
    help = (
        "Show what was done: by whom, when and why, the newest first. "
        "With --at what a hostname, or a tenant's hostnames, pointed to at that time."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which entries."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--noun", choices=list(NOUNS), help="only of these")
        parser.add_argument("--actor", metavar="NAME", help="only by this one, as entries tell it")
        parser.add_argument("--since", type=moment_of, metavar="TIME", help="from then on, such as 2026-11-26 (UTC)")
        parser.add_argument("--until", type=moment_of, metavar="TIME", help="before then")
        parser.add_argument("--request", metavar="ID", help="only what one call did, by its request id")
        parser.add_argument(
            "--at",
            type=moment_of,
            metavar="TIME",
            help="mappings as they were then; goes with --hostname or --tenant",
        )
        parser.add_argument("--hostname", metavar="HOSTNAME", help="this hostname's, with --at")
        _add_limit(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        if options["at"] is not None:
            _print_at(options, output)
            return
        if options["hostname"] is not None:
            raise ServiceError("--hostname goes with --at; what was done to a hostname: facade hostname history")
        wanted = Wanted(
            noun=options["noun"],
            tenant=tenant_of(options["tenant"]).slug if options["tenant"] else None,
            actor=options["actor"],
            since=options["since"],
            until=options["until"],
            request_id=options["request"],
        )
        _print(_entries(wanted, options["limit"]), output)


class MappingHistory(Verb):
    """Also of one that is gone."""

    name = "history"
    help = "Show what was done to a mapping, also to one that was removed."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        parser.add_argument("prefix", metavar="PREFIX", help=PREFIX_HELP)
        _add_limit(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        name, prefix = parse_hostname(options["hostname"]), parse_prefix(options["prefix"])
        hostnames = Hostname.history.filter(name=name).values("id")
        past = Mapping.history.filter(hostname_id__in=hostnames, prefix=prefix)
        _print_of("mapping", past, f"{name}/{prefix}" if prefix else name, options, output)


class HostnameHistory(Verb):
    """Also of one that is gone."""

    name = "history"
    help = "Show what was done to a hostname, also to one that was removed."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        _add_limit(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        name = parse_hostname(options["hostname"])
        _print_of("hostname", Hostname.history.filter(name=name), name, options, output)


def _print_at(options: Options, output: Output) -> None:
    """What things pointed to at a time. Raises ServiceError, NotFound."""
    if not options["hostname"] and not options["tenant"]:
        raise ServiceError("say whose: --hostname HOSTNAME or --tenant SLUG")
    name = options["hostname"] and parse_hostname(options["hostname"])
    stood = get_mappings_at(Actor.command_line(), options["at"], hostname=name, tenant=options["tenant"])
    columns = [
        Column("MAPPING", lambda row: row["mapping"]),
        Column("TARGET", lambda row: row["target"]),
        Column("STATE", lambda row: row["state"]),
        Column("SINCE", lambda row: f"{moment(row['since'])} by {row['actor']} (entry {row['number']})"),
    ]
    rows = ({"mapping": each.source, **each._asdict()} for each in stood)
    output.table(rows, columns, "Nothing was mapped there then, as far as the history goes back.")


def _print_of(noun: str, past: Any, name: str, options: Options, output: Output) -> None:
    """The history of all rows that ever had a name. Raises NotFound where none had it."""
    ids = past.order_by().values_list("id", flat=True).distinct()
    found = [entry for pk in ids for entry in _entries(Wanted(noun=noun, id=pk), options["limit"])]
    if not found:
        raise NotFound(f"there was never a {noun} {name}, as far as the history goes back")
    found.sort(key=lambda entry: entry.at, reverse=True)
    # One can roll a mapping back to an entry.
    _print(iter(found[: options["limit"]]), output, numbered=noun == "mapping")


def _entries(wanted: Wanted, limit: int) -> Iterator[Entry]:
    if limit > _MOST:
        raise ServiceError(f"--limit is {_MOST:,} at most: --until leads further back")
    for start in range(0, limit, _PAGE):
        stop = min(limit, start + _PAGE)
        page = past_entries(Actor.command_line(), wanted, start, stop)
        yield from page
        if len(page) < stop - start:
            return


def _print(entries: Iterator[Entry], output: Output, *, numbered: bool = False) -> None:
    if output.as_json:
        output.json_list(as_facts(entries, _facts))
        return
    any_was = False
    for entry in entries:
        any_was = True
        output.line(f"{moment(entry.at)}  {entry.verb} {entry.noun} {entry.name}")
        for step in entry.changes:
            if step.before or step.after:
                output.line(f"    {step.field.replace('_', ' ')}: {_change(step.before, step.after)}")
        number = f" (entry {entry.number})" if numbered else ""
        output.line(f"    by {entry.actor}{number}{f': {entry.reason}' if entry.reason else ''}")
    if not any_was:
        output.line("Nothing was done, as far as the history goes back.")


def _facts(entry: Entry) -> dict[str, Any]:
    return {**entry._asdict(), "changes": [step._asdict() for step in entry.changes]}


def _change(before: Any, after: Any) -> str:
    return _told(after) if before is None else f"{_told(before)} → {_told(after)}"


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    return "none" if value in (None, "") else str(value)


def moment_of(text: str) -> datetime:
    """A time as people type it, of UTC where they say nothing else. Raises ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no time: write it like 2026-11-26 or 2026-11-26T13:40") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} is no number from 1 on")
    return int(text)
