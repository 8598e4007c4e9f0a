"""What is pulled, in numbers."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from routing.management.verbs.named import HOSTNAME_HELP, ONLY_TENANT_HELP, tenant_of
from routing.management.verbs.output import Column, Output, moment
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.mappings import parse_prefix
from routing.services.pulls.reading import BY, Scope, Span, orphans, over_time, references, shares, totals

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MAX_AGO = 4000


class Pulls(Verb):
    """Of everything, or of a part."""

    name = "pulls"
    help = "Show how much is pulled, by what and from where. Nothing tells who pulled."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of what, since when, and told by what."""
        told = [*BY, "tag", "time", "orphan"]
        parser.add_argument("hostname", nargs="?", metavar="HOSTNAME", help=f"only of {HOSTNAME_HELP}")
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--mapping", metavar="PREFIX", help="only by this mapping of the hostname")
        parser.add_argument("--repository", metavar="NAME", help="only of this repository, as clients name it")
        parser.add_argument(
            "--since", type=_since, metavar="TIME", help="from then on: 24h, 7d, 4w or 2026-11-26 (UTC); 30d by itself"
        )
        parser.add_argument("--by", choices=told, default="repository", help="told by this (repository)")
        parser.add_argument("--limit", type=_number, default=20, metavar="NUMBER", help="how many lines at most (20)")

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        scope = Scope(
            tenant=tenant_of(options["tenant"]).slug if options["tenant"] else None,
            hostname=parse_hostname(options["hostname"]) if options["hostname"] else None,
            mapping=None if options["mapping"] is None else parse_prefix(options["mapping"]),
            repository=options["repository"],
        )
        actor, span = Actor.command_line(), Span.from_(options["since"])
        counted, rows = totals(actor, scope, span), _rows(actor, scope, span, options)
        if output.as_json:
            output.facts(since=span.since, **counted._asdict(), by=options["by"], rows=rows)
            return
        numbers = counted._asdict()
        pulls = numbers.pop("pulls")
        answered = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
        output.line(f"{pulls:,} pulls since {moment(span.since)}{f' ({answered})' if answered else ''}")
        what = "requests" if options["by"] in ("tag", "orphan") else "pulls"
        names = [name for name in (rows[0] if rows else {}) if name not in (what, "missed")]
        columns = [Column(name.upper(), lambda row, name=name: _told(row[name])) for name in names]  # type: ignore[misc]
        columns.append(Column(what.upper(), lambda row: f"{row[what]:,}"))
        output.table(rows, columns, "Nothing was counted.")


def _rows(actor: Actor, scope: Scope, span: Span, options: Options) -> list[dict[str, Any]]:
    by, limit = options["by"], options["limit"]
    if by == "time":
        return [point._asdict() for point in over_time(actor, scope, span)]
    if by == "tag":
        return [found._asdict() for found in references(actor, scope, span, limit)]
    if by == "orphan":
        return [found._asdict() for found in orphans(actor, scope, span, limit)]
    return [{by: share.name, "pulls": share.pulls} for share in shares(actor, scope, span, by, limit)]


def _told(value: Any) -> str:
    return moment(value) if isinstance(value, datetime) else (value or "-")


def _since(text: str) -> datetime:
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isdecimal() and 0 < int(number) <= _MAX_AGO:
        return timezone.now() - int(number) * _UNITS[unit]
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no time: write it like 24h, 7d, 4w or 2026-11-26") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _MAX_AGO:
        raise ArgumentTypeError(f"{text} is no number from 1 to {_MAX_AGO}")
    return int(text)
