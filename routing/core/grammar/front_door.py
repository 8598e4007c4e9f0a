"""What a tenant may write for the people who open its hostname in a browser: plain text, one link, one colour, names.

No HTML and no markup. Text holds no control characters and no overrides of direction (UAX #9), so that what a page
shows is what was typed; links are https alone, so that none runs anything or leaves TLS (RFC 3986, RFC 9110 §4.2.2).
"""

import re
from typing import NamedTuple

from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.core.grammar.names import is_name

MAX_TITLE_LENGTH = 80
MAX_TEXT_LENGTH = 1000
MAX_LINK_LENGTH = 300
MAX_WORDS_LENGTH = 120
MAX_REPOSITORIES = 50
MAX_REPOSITORIES_LENGTH = 8000
# What a URI may hold, without what ends an attribute or a header, or is read differently by browsers (RFC 3986 §2).
_LINK = re.compile(r"https://(?P<authority>[^/?#@\\]+)(?:[/?#][!#-;=?-\[\]_a-z~]*)?")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class InvalidFrontDoor(ValueError):
    """What can't be shown. `field` says of which part; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ListedRepository(NamedTuple):
    """A repository that people are told of. `link` leads to more, `words` say what it is; both may be empty."""

    name: str
    link: str = ""
    words: str = ""


class FrontDoor(NamedTuple):
    """What people find at a hostname. Each part may be empty; `leads_on`: visitors are sent to `link` at once."""

    title: str = ""
    text: str = ""
    link: str = ""
    leads_on: bool = False
    colour: str = ""
    repositories: tuple[ListedRepository, ...] = ()

    def listed(self, name: str) -> ListedRepository | None:
        """The repository of exactly this name, if people are told of it."""
        return next((each for each in self.repositories if each.name == name), None)

    @property
    def paragraphs(self) -> list[list[str]]:
        """The text's paragraphs, each as its lines: an empty line stands between two."""
        parts = [part.strip() for part in re.split(r"\n\s*\n", self.text)]
        return [part.split("\n") for part in parts if part]


def parse_front_door(title: str, text: str, link: str, leads_on: bool, colour: str, repositories: str) -> FrontDoor:
    """What a tenant wrote, `repositories` with a line for each: NAME, perhaps a link, perhaps words.

    Raises InvalidFrontDoor.
    """
    front = FrontDoor(
        _line("title", title, MAX_TITLE_LENGTH),
        _text(text),
        _link("link", link),
        leads_on,
        _colour(colour),
        _repositories(repositories),
    )
    if leads_on and not front.link:
        raise InvalidFrontDoor("leads_on", "Give the link to which visitors are sent.")
    return front


def unified_lines(text: str) -> str:
    """The text with line feeds alone, no blanks at the ends of lines, and no empty lines around it."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour `#rrggbb`: at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _line(field: str, text: str, longest: int) -> str:
    line = text.strip()
    if len(line) > longest:
        raise InvalidFrontDoor(field, f"This has {longest} characters at most.")
    if not line.isprintable():
        raise InvalidFrontDoor(field, "Write one line, without control characters and invisible ones.")
    return line


def _text(text: str) -> str:
    unified = unified_lines(text)
    if len(unified) > MAX_TEXT_LENGTH:
        raise InvalidFrontDoor("text", f"The text has {MAX_TEXT_LENGTH} characters at most.")
    if not unified.replace("\n", "").isprintable():
        raise InvalidFrontDoor("text", "Write plain text, without control characters and invisible ones.")
    return unified


def _link(field: str, text: str) -> str:
    link = text.strip()
    if not link:
        return ""
    match = _LINK.fullmatch(link)
    if match is None or len(link) > MAX_LINK_LENGTH:
        raise InvalidFrontDoor(
            field, f"Give a whole address that begins with https://, of {MAX_LINK_LENGTH} characters at most."
        )
    try:
        parse_authority(match["authority"])
    except InvalidHost as error:
        raise InvalidFrontDoor(field, f"This is no address: {error}.") from error
    return link


def _colour(text: str) -> str:
    colour = text.strip().lower()
    if colour and not _COLOUR.fullmatch(colour):
        raise InvalidFrontDoor("colour", "Give a colour as #rrggbb, such as #134e4a.")
    return colour


def _repositories(text: str) -> tuple[ListedRepository, ...]:
    lines = [(number, line.split(None, 1)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_REPOSITORIES or len(text) > MAX_REPOSITORIES_LENGTH:
        raise InvalidFrontDoor(
            "repositories",
            f"List {MAX_REPOSITORIES} repositories at most, in {MAX_REPOSITORIES_LENGTH} characters.",
        )
    listed: dict[str, ListedRepository] = {}
    for number, (name, *rest) in lines:
        try:
            found = _repository(name, rest[0] if rest else "")
        except InvalidFrontDoor as error:
            raise InvalidFrontDoor("repositories", f"Line {number}: {error}") from error
        if name in listed:
            raise InvalidFrontDoor("repositories", f"Line {number}: {name} is listed already.")
        listed[name] = found
    return tuple(listed.values())


def _repository(name: str, rest: str) -> ListedRepository:
    if not is_name(name):
        raise InvalidFrontDoor(
            "repositories", "Begin with a repository's name, such as acme/app, without the hostname and a tag."
        )
    first, _, more = rest.partition(" ")
    link, words = (first, more) if "://" in first else ("", rest)
    return ListedRepository(name, _link("repositories", link), _line("repositories", words, MAX_WORDS_LENGTH))
