"""`WWW-Authenticate`: what a registry asks for, and what the facade asks for itself (RFC 9110 §11.3 to §11.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]++=*+(?=[ \t]*+(?:,|\Z))")
_PARAMETER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+=[ \t]*+")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_SEPARATORS = re.compile(r"[ \t,]*")
_SPACES = re.compile(r"[ \t]*")
_END_OF_ITEM = re.compile(r"[ \t]*+(?:,|\Z)")
# Longer than any registry's. A line that is longer is disregarded.
_MAX_LINE_LENGTH = 8192
# What a quoted-string can carry in ASCII. Clients disagree about the rest, and control characters split headers.
_QUOTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge. `scheme` as sent; parameter names in lower case, the first of equal ones; else a `token68`."""

    scheme: str
    params: Mapping[str, str] = field(default_factory=dict)
    token68: str | None = None

    @property
    def kind(self) -> str:
        """The scheme in lower case, for comparing: `bearer`, `basic`."""
        return self.scheme.lower()

    def __str__(self) -> str:
        """The header's value. Raises `ValueError` where a part cannot be sent."""
        if not _TOKEN.fullmatch(self.scheme):
            raise ValueError("the scheme of a challenge must be a token")
        if self.token68 is not None:
            if not _TOKEN68.fullmatch(self.token68):
                raise ValueError("a challenge's token68 holds characters that it may not hold")
            return f"{self.scheme} {self.token68}"
        params = ",".join(f"{_name(name)}={_quote(value)}" for name, value in self.params.items())
        return f"{self.scheme} {params}" if params else self.scheme


def parse_challenges(values: str | Iterable[str]) -> tuple[Challenge, ...]:
    """Read the challenges of one or several `WWW-Authenticate` lines, in order.

    Registries send what they send: reading stops quietly where a line ceases to make sense, and what was whole before
    that is kept. Never raises.
    """
    lines = (values,) if isinstance(values, str) else values
    return tuple(challenge for line in lines if len(line) <= _MAX_LINE_LENGTH for challenge in _parse_line(line))


def find_challenge(values: str | Iterable[str], *kinds: str) -> Challenge | None:
    """The challenge to answer: of the first of `kinds` (lower-case schemes) that was offered."""
    challenges = parse_challenges(values)
    return next((found for kind in kinds for found in challenges if found.kind == kind), None)


def format_bearer(realm: str, service: str, scope: str | None = None, error: str | None = None) -> str:
    """A Bearer challenge in the order of the Docker token specification: realm, service, scope, error (RFC 6750 §3).

    Raises `ValueError` where a value holds control or non-ASCII characters.
    """
    params = {"realm": realm, "service": service, "scope": scope, "error": error}
    return str(Challenge("Bearer", {name: value for name, value in params.items() if value is not None}))


def _parse_line(line: str) -> Iterator[Challenge]:
    position = _after(_SEPARATORS, line, 0)
    while scheme := _TOKEN.match(line, position):
        token68 = _TOKEN68.match(line, _after(_SPACES, line, scheme.end()))
        if token68:
            yield Challenge(scheme[0], token68=token68[0])
            position = _after(_SEPARATORS, line, token68.end())
            continue
        position = _after(_SEPARATORS, line, scheme.end())
        params: dict[str, str] = {}
        while name := _PARAMETER.match(line, position):
            value = _QUOTED.match(line, name.end()) or _TOKEN.match(line, name.end())
            if value is None or not _END_OF_ITEM.match(line, value.end()):
                yield Challenge(scheme[0], params)
                return
            params.setdefault(name[1].lower(), _unquote(value))
            position = _after(_SEPARATORS, line, value.end())
        yield Challenge(scheme[0], params)


def _after(pattern: re.Pattern[str], line: str, position: int) -> int:
    match = pattern.match(line, position)
    return match.end() if match else position


def _unquote(value: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", value[1], flags=re.DOTALL) if value.re is _QUOTED else value[0]


def _name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("the name of a challenge's parameter must be a token")
    return name


def _quote(value: str) -> str:
    if not _QUOTABLE.fullmatch(value):
        raise ValueError("a challenge's parameter may hold printable ASCII only")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
