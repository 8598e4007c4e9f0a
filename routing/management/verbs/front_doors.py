"""The verb of what people find who open a hostname in a browser."""

import sys
from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from routing.management.verbs.named import HOSTNAME_HELP, hostname_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.models import Hostname
from routing.models.front_door import BADGE_COLUMNS, FRONT_COLUMNS
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.badges import badges_of
from routing.services.hostnames.hostnames import update_hostname
from routing.services.hostnames.names import parse_hostname

_STANDARD_INPUT = "-"
# More than what any of them may hold.
_MAX_FILE_CHARACTERS = 100_000


def front_facts(hostname: Hostname) -> dict[str, Any]:
    """It, for programs."""
    return {
        "hostname": hostname.name,
        **{column: getattr(hostname, column) for column in (*FRONT_COLUMNS, *BADGE_COLUMNS)},
    }


class FrontDoorOf(Verb):
    """Shown where nothing is to change."""

    name = "front-door"
    help = "Show or change what people find who open a hostname in a browser."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What is to be so from now on."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        parser.add_argument("--title", metavar="TEXT", help="the page's heading; “” for the tenant's name")
        parser.add_argument("--text", metavar="FILE", help="plain text below it; - reads standard input")
        parser.add_argument("--link", metavar="URL", help="the tenant's own site; “” for none")
        parser.add_argument("--colour", metavar="#RRGGBB", help="of the bar at the top; “” for the usual one")
        parser.add_argument(
            "--repositories",
            metavar="FILE",
            help="those that everybody may know of, one a line: NAME, perhaps a link, perhaps words; - reads standard "
            "input",
        )
        lead = parser.add_mutually_exclusive_group()
        lead.add_argument("--lead-on", action="store_true", help="send visitors to the link at once")
        lead.add_argument("--show-page", action="store_true", help="show them the page")
        yes_or_no = BooleanOptionalAction
        parser.add_argument("--badges", action=yes_or_no, help="tell everybody pulls and version of what is listed")
        parser.add_argument("--self-test-badge", action=yes_or_no, help="tell everybody how the last self-test went")

    def run(self, options: Options, output: Output) -> None:
        """Change what is given, or print it."""
        hostname = hostname_of(parse_hostname(options["hostname"]))
        changes = _changes(options)
        if not changes:
            _show(hostname, output)
            return
        actor, reason = Actor.command_line(), options["reason"]
        outcome = update_hostname(actor, reason, hostname_id=hostname.pk, **changes)
        if outcome.changed:
            output.done(f"changed what browsers show at {hostname}", front_door=front_facts(outcome.row))
        else:
            output.unchanged(f"{hostname} shows that already", front_door=front_facts(outcome.row))


def _changes(options: Options) -> dict[str, Any]:
    given = {
        "front_title": options["title"],
        "front_text": _read(options["text"]),
        "front_link": options["link"],
        "front_colour": options["colour"],
        "front_repositories": _read(options["repositories"]),
        "front_leads_on": True if options["lead_on"] else False if options["show_page"] else None,
        "badge_repositories": options["badges"],
        "badge_self_test": options["self_test_badge"],
    }
    return {name: value for name, value in given.items() if value is not None}


def _read(name: str | None) -> str | None:
    """The text of a file that was named. Raises ServiceError."""
    if name is None:
        return None
    try:
        if name == _STANDARD_INPUT:
            return sys.stdin.read(_MAX_FILE_CHARACTERS)
        with Path(name).open(encoding="utf-8") as file:
            return file.read(_MAX_FILE_CHARACTERS)
    except OSError as error:
        raise ServiceError(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ServiceError(f"{name} is not UTF-8 text") from error


def _show(hostname: Hostname, output: Output) -> None:
    output.facts(**front_facts(hostname))
    front = hostname.front_door
    sent = "to the link at once" if front.leads_on else "to a page"
    output.labelled(
        [
            ("title", front.title or f"(none: the name of {hostname.tenant})"),
            ("text", front.text.replace("\n", " ")),
            ("link", front.link),
            ("visitors come", sent),
            ("colour", front.colour),
            *(("badge", f"{hostname}{badge.path}") for badge in badges_of(hostname)),
            *(("lists", " ".join(filter(None, each))) for each in front.repositories),
        ]
    )
