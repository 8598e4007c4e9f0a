"""Grammar of badges: the paths under which they are, and what they say.

`/-/badges/pulls/acme/app.svg`, `/-/badges/self-test.json`. No repository's name begins with “-” (OCI distribution spec,
“Pulling manifests”), so that no page of a repository is here.
"""

from enum import StrEnum
from typing import NamedTuple

BADGE_PATH = "/-/badges/"
#: How a hostname's entry in the table says which badges it has: those of its listed repositories, and its self-test's.
OF_REPOSITORIES, OF_SELF_TEST = "r", "t"


class BadgeKind(StrEnum):
    """What a badge tells."""

    PULLS = "pulls"
    PULLS_30_DAYS = "pulls-30d"
    VERSION = "version"
    SELF_TEST = "self-test"


class Badge(NamedTuple):
    """A badge that somebody asks for. `repository` is empty for the self-test's. `as_json`: for shields' endpoint."""

    kind: BadgeKind
    repository: str = ""
    as_json: bool = False

    @property
    def path(self) -> str:
        """Where it is."""
        what = f"{self.kind}/{self.repository}" if self.repository else self.kind
        return f"{BADGE_PATH}{what}.{'json' if self.as_json else 'svg'}"


def parse_badge_path(path: str) -> Badge | None:
    """The badge that a path names; None for one that names none. The repository's name is as it was typed."""
    rest, dot, form = path.removeprefix(BADGE_PATH).rpartition(".")
    if not path.startswith(BADGE_PATH) or not dot or form not in ("svg", "json"):
        return None
    name, _, repository = rest.partition("/")
    if name not in _KINDS or bool(repository) == (name == BadgeKind.SELF_TEST) or rest.endswith("/"):
        return None
    return Badge(BadgeKind(name), repository, form == "json")


_KINDS = frozenset(kind.value for kind in BadgeKind)


def short_number(number: int) -> str:
    """A number as a badge has room for it: 999, 1.2k, 12k, 3.4M. Rounded down, so that it is never more than it was."""
    for unit, sign in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            whole, rest = divmod(number, unit)
            tenth = rest * 10 // unit
            return f"{whole}.{tenth}{sign}" if whole < 10 and tenth else f"{whole}{sign}"
    return str(number)


def told_pulls(number: int, least: int) -> str:
    """How many pulls, where that is not fewer than may be told."""
    return short_number(number) if number >= least else f"fewer than {short_number(least)}"
