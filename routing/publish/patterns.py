"""What engines match requests with: regular expressions that PCRE2 and RE2 read alike, and what follows from them.

An expression fits fewer requests than `decide()` would take, never others; what it doesn't fit is the app's. The
grammar is that of `routing.core.grammar`, for which tests hold the two against each other.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from routing.publish.rules import DOCKER, FOLLOWS, MAX_NAME_LENGTH, STAYS, UNCERTAIN, ClientRule

_COMPONENT = r"[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*"
_NAME = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_SHA256 = r"sha256:[a-f0-9]{64}"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
#: A query is carried over as it is; one of other characters is refused by the app.
_QUERY = r"(?:[?][!-~]+)?"
CONTENT_TAIL = rf"(?:manifests/(?:{_SHA256}|{_TAG})|blobs/{_SHA256}){_QUERY}"
LIST_TAIL = rf"(?:tags/list|referrers/{_SHA256}){_QUERY}"
#: Whole targets. Groups: the name, the tail.
CONTENT = rf"^/v2/({_NAME})/({CONTENT_TAIL})$"
LIST = rf"^/v2/({_NAME})/({LIST_TAIL})$"
PING = r"^/v2/?$"
#: Beside CONTENT and LIST: RE2 has no way to say both at once.
SHORT = rf"^/v2/[a-z0-9._/-]{{1,{MAX_NAME_LENGTH}}}/(?:manifests|blobs|tags|referrers)/[^/?]+(?:[?]|$)"

_PORT = r":(?:[1-9][0-9]{0,3}|[1-5][0-9]{4})"
#: The Host field. Groups: the host, the port with its colon.
AUTHORITY = rf"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])((?:{_PORT})?)$"
#: What is below a wildcard: one label. Group: the parent. A host of more than 253 characters is none.
BELOW = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.([a-z0-9.-]{1,189})$"

# User-Agents whose comments don't nest; others are the app's. A word is what stands between blanks and comments.
_PLAIN = r"[ -\x27*-\x5b\x5d-~]"
_COMMENT = rf"\((?:{_PLAIN}|\\[ -~])*\)"
_ANY = rf"(?:{_PLAIN}|{_COMMENT})*"


def client_classes(clients: Sequence[ClientRule]) -> list[tuple[str, str]]:
    """Expressions for User-Agents, and the class of each; the first that fits counts, in any case.

    Where none fits, it is UNCERTAIN.
    """
    products = [
        (rf"^(?:{_ANY}(?: |{_COMMENT}))?{re.escape(rule.product)}(?:$|(?:[ /]|{_COMMENT}){_ANY}$)", rule.letter)
        for rule in clients
    ]
    return [("^.{1000}", UNCERTAIN), *products, (rf"^{_ANY}$", STAYS)]


class What(StrEnum):
    """What a request is about, where an engine may answer it."""

    CONTENT = "content"
    LIST = "list"
    PING = "ping"


class Verdict(StrEnum):
    """What an engine does."""

    REDIRECT = "redirect"
    LEAD = "lead"
    FINE = "fine"
    CHALLENGE = "challenge"
    CHALLENGE_PING = "challenge-ping"
    SWITCHED_OFF = "switched-off"
    NOT_MAPPED = "not-mapped"
    REFUSED = "refused"
    NOT_SERVED = "not-served"


class Ruling(NamedTuple):
    """An expression for `<what> <letter> <class of client> <y or n: has Authorization>`, and what is done then."""

    pattern: str
    verdict: Verdict


_READ = f"(?:{What.CONTENT}|{What.LIST})"
#: The first that fits counts; where none does, the app is asked. The letters are those of `rules.Letter`.
RULINGS: tuple[Ruling, ...] = (
    Ruling("^[a-z]+ F ", Verdict.REFUSED),
    Ruling("^[a-z]+ N ", Verdict.NOT_SERVED),
    Ruling(f"^{_READ} r ", Verdict.REDIRECT),
    Ruling(f"^{What.CONTENT} o ", Verdict.REDIRECT),
    Ruling(f"^{_READ} s [{DOCKER}{FOLLOWS}] n$", Verdict.REDIRECT),
    Ruling(f"^{_READ} s {STAYS} n$", Verdict.CHALLENGE),
    Ruling(f"^{_READ} b . n$", Verdict.CHALLENGE),
    Ruling(f"^{_READ} x ", Verdict.SWITCHED_OFF),
    Ruling(f"^{_READ} n ", Verdict.NOT_MAPPED),
    Ruling(f"^{What.PING} k ", Verdict.FINE),
    Ruling(f"^{What.PING} l ", Verdict.LEAD),
    Ruling(f"^{What.PING} d {DOCKER} ", Verdict.LEAD),
    Ruling(f"^{What.PING} d [{FOLLOWS}{STAYS}] n$", Verdict.CHALLENGE_PING),
    Ruling(f"^{What.PING} c . n$", Verdict.CHALLENGE_PING),
)


def fits_least(least: int) -> str:
    """An expression for the rest of a name behind a prefix, that has so many components at least: 0, 1 or 2."""
    return ("^", "^/", "^/[^/]+/")[least]
