"""What people find who open a hostname in a browser: how it is kept, and what may not be written."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from routing.core.grammar.front_door import InvalidFrontDoor, parse_front_door, unified_lines
from routing.models import Hostname
from routing.models.front_door import BADGE_COLUMNS, FRONT_COLUMNS
from routing.services.base.errors import ServiceError

#: What a hostname has that nobody wrote anything for: whoever takes one over begins with it.
EMPTY_FRONT_DOOR: dict[str, Any] = {column: getattr(Hostname(), column) for column in (*FRONT_COLUMNS, *BADGE_COLUMNS)}
_TEXTS = frozenset(FRONT_COLUMNS) - {"front_leads_on"}


def as_kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, with texts in the one form in which they are kept: forms send other line ends than programs."""
    kept = {name: unified_lines(value.strip()) for name, value in values.items() if name in _TEXTS}
    if "front_colour" in kept:
        kept["front_colour"] = kept["front_colour"].lower()
    return {**values, **kept}


def check_front_door(hostname: Hostname) -> None:
    """Refuse what can't be shown, and what would send visitors round in a circle. Raises ServiceError."""
    try:
        front = parse_front_door(*(getattr(hostname, column) for column in FRONT_COLUMNS))
    except InvalidFrontDoor as error:
        raise ServiceError.for_field(f"front_{error.field}", str(error)) from error
    if not front.leads_on:
        return
    if _is_at(front.link, hostname.name):
        raise ServiceError.for_field("front_link", f"{hostname.name} would send visitors to itself: give another site.")
    if any(_is_at(each.link, hostname.name) for each in front.repositories):
        said = f"{hostname.name} would send visitors to itself: give links to another site."
        raise ServiceError.for_field("front_repositories", said)


def _is_at(link: str, name: str) -> bool:
    host = urlsplit(link).hostname or ""
    return host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:])
