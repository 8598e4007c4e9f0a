"""What every export is made of: what the operator says of the engine, and the files that come out."""

from typing import NamedTuple

from routing.core.grammar.hosts import MAX_PORT, InvalidHost, parse_authority
from routing.core.grammar.numbers import parse_number


class Unquotable(ValueError):
    """A text that can't be written for an engine. The message names it, and says why."""


class Surroundings(NamedTuple):
    """Where the engine listens, and what is around it.

    `app` is the app's host and port; empty where it is the origin anyway, or there is none. `scheme` is what clients
    come by. `certificate` and `key` are files, empty where something else ends TLS. `max_age_seconds`: how long a
    redirect may be kept; 0: not at all. `folder` is where the engine finds the export's files; empty where it needs no
    telling.
    """

    listen: str
    app: str
    scheme: str
    certificate: str = ""
    key: str = ""
    max_age_seconds: int = 0
    folder: str = ""

    def checked(self) -> "Surroundings":
        """Itself. Raises Unquotable for what is no address, scheme or file's name."""
        host, colon, port = self.listen.rpartition(":")
        if not colon or not 0 < (parse_number(port) or 0) <= MAX_PORT or not _is_host(host or "localhost"):
            raise Unquotable(f"“{self.listen}” is nowhere to listen: give a port, such as :443 or 127.0.0.1:8080")
        if self.app and not _is_authority(self.app):
            raise Unquotable(f"“{self.app}” is no address of the app: give host and port, such as 127.0.0.1:8000")
        if self.scheme not in ("http", "https"):
            raise Unquotable(f"“{self.scheme}” is no scheme: it is http or https")
        for path in (self.certificate, self.key, self.folder):
            if path and (not path.startswith("/") or not _is_plain_path(path)):
                raise Unquotable(f"“{path}”: give a whole path, of letters, digits and . _ - /")
        return self


class File(NamedTuple):
    """One file of an export. Its name is without a folder."""

    name: str
    text: str


class Export(NamedTuple):
    """The files, in the order in which they are written: the one that names the others comes last.

    `judged`: what the engine's program is asked to judge, where that is another file than the last one.
    """

    files: tuple[File, ...]
    judged: File | None = None


def _is_host(text: str) -> bool:
    try:
        return parse_authority(text)[1] == ""
    except InvalidHost:
        return False


def _is_authority(text: str) -> bool:
    try:
        return parse_authority(text)[1] != ""
    except InvalidHost:
        return False


def _is_plain_path(text: str) -> bool:
    return text.isascii() and all(char.isalnum() or char in "._-/" for char in text)
