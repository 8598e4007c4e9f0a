"""Environment variables, each declared once: by that it is read, refused where it can't be, and written down.

`variables.py` holds the declarations. From them `variable_pages.py` writes `.env.example`, the compose file's part and
`docs/reference/settings.md`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from routing.core.grammar.listeners import parse_listener

T = TypeVar("T")

#: The values of a switch, as django-environ and most shells write them.
_TRUE = ("true", "yes", "on", "1", "y", "ok")
_FALSE = ("false", "no", "off", "0", "n")
_MAX_SHOWN = 80
#: What the facade's own scripts read, and no setting is: tests' seeds and the like.
_OF_SCRIPTS = "FACADE_TEST_"
#: How Kubernetes names what it tells each container of a Service: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_A_SERVICE = re.compile(
    r"(?P<service>.+?)_(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.+)?)"
)


@dataclass(frozen=True)
class Variable:
    """What is known of one variable, whatever its value.

    `default` is text as it would be written in `.env`. `compose` is what the compose file hands on: the variable as
    `.env` has it (`given`), a value of its own, or None, nothing. `by_file`: NAME_FILE may name a file with the value.
    """

    name: str
    about: str
    group: str
    expected: str
    default: str
    secret: bool
    compose: str | None
    by_file: bool


class _WrongName(ValueError):
    """A text is wrong; the message says how."""


class More(TypedDict, total=False):
    """What few declarations say: fields of Variable, and the default as pages show it where it isn't the value."""

    secret: bool
    compose: str | None
    by_file: bool
    shown: str


class Declarations:
    """Reads variables from `environ` and keeps what was declared, in order.

    Each method declares one variable and gives its value, or `default` where it is not set or empty. Each raises
    ImproperlyConfigured, with one line for the operator, for a value that can't be read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.variables: list[Variable] = []
        self._group = ""

    def group(self, name: str) -> None:
        """What is declared from here on belongs to the group `name`."""
        self._group = name

    def text(self, name: str, default: str, about: str, **more: Unpack[More]) -> str:
        """Any text, without blanks around it."""
        return self._declare(name, str, "text", default, about, more)

    def checked(self, name: str, about: str, *, what: str, check: Callable[[str], object], **more: Unpack[More]) -> str:
        """One text, or "". `check` raises ValueError where it is not `what` is expected."""

        def parse(text: str) -> str:
            try:
                check(text)
            except ValueError as error:
                raise _WrongName(str(error)) from None
            return text

        return self._declare(name, parse, what, "", about, more)

    def choice(self, name: str, default: str, about: str, choices: tuple[str, ...], **more: Unpack[More]) -> str:
        """One of a few words, in capitals or not."""
        spelt = {choice.lower(): choice for choice in choices}
        return self._declare(name, lambda text: spelt[text.lower()], _one_of(choices), default, about, more)

    def switch(self, name: str, default: bool, about: str, **more: Unpack[More]) -> bool:
        """Yes or no."""
        return self._declare(name, _parse_switch, "true or false", default, about, more)

    def whole(
        self, name: str, default: int, about: str, *, least: int = 0, most: int | None = None, **more: Unpack[More]
    ) -> int:
        """A whole number in bounds."""
        expected = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"

        def parse(text: str) -> int:
            return _within(int(text), least, math.inf if most is None else most)

        return self._declare(name, parse, expected, default, about, more)

    def seconds(self, name: str, default: float, about: str, **more: Unpack[More]) -> float:
        """A time in seconds: more than none, and not for ever."""

        def parse(text: str) -> float:
            # Not 0, and no infinity: the next floats stand for what lies between.
            return _within(float(text), math.nextafter(0, 1), math.nextafter(math.inf, 0))

        return self._declare(name, parse, "a number of seconds above 0", default, about, more)

    def names(
        self,
        name: str,
        default: list[str],
        about: str,
        *,
        what: str = "texts",
        check: Callable[[str], object] | None = None,
        **more: Unpack[More],
    ) -> list[str]:
        """Several texts, separated by commas. `check` raises ValueError for one that is not `what` is expected."""

        def parse(text: str) -> list[str]:
            names = [name for part in text.split(",") if (name := part.strip())]
            try:
                _ = [check(name) for name in names] if check else []
            except ValueError as error:
                raise _WrongName(str(error)) from None
            return names

        return self._declare(name, parse, f"{what}, separated by commas", default, about, more)

    def url(self, name: str, schemes: tuple[str, ...], about: str, **more: Unpack[More]) -> str:
        """A URL, which may hold a password; "" where there is none."""

        def parse(text: str) -> str:
            parts = urlsplit(text)
            # Reading the port is what finds one that is no number.
            if parts.scheme not in schemes or "://" not in text or parts.port == 0:
                raise ValueError
            return text

        expected = f"a URL that begins with {', '.join(f'{scheme}://' for scheme in schemes)}"
        return self._declare(name, parse, expected, "", about, {**more, "secret": True})

    def listener(self, name: str, about: str, **more: Unpack[More]) -> str:
        """Where to listen; "" where nowhere."""

        def parse(text: str) -> str:
            parse_listener(text)
            return text

        return self._declare(name, parse, "HOST:PORT or unix:/PATH", "", about, more)

    def socket_path(self, name: str, about: str, **more: Unpack[More]) -> str:
        """The path of a Unix socket; "" for none."""

        def parse(text: str) -> str:
            return parse_listener(f"unix:{text}").path

        return self._declare(name, parse, "an absolute path", "", about, more)

    def refuse_unknown(self, prefix: str) -> None:
        """Raise ImproperlyConfigured for a set variable that begins with `prefix` and that no declaration names.

        What Kubernetes sets for a Service with that prefix is no setting. Nor is what only the scripts read.
        """
        known = {variable.name: variable for variable in self.variables}
        names = [*known, *(f"{name}_FILE" for name, variable in known.items() if variable.by_file)]
        foreign = [name for name in self._environ if name.startswith(prefix) and name not in names]
        unknown = [name for name in foreign if not name.startswith(_OF_SCRIPTS) and not self._is_of_a_service(name)]
        if unknown:
            raise ImproperlyConfigured("; ".join(_unknown(name, names) for name in sorted(unknown)))

    def _is_of_a_service(self, name: str) -> bool:
        match = _OF_A_SERVICE.fullmatch(name)
        # Any Service has a host. Without one only the names for a Service "facade" are sure to be no typing errors.
        return match is not None and (
            match["service"] == "FACADE" or f"{match['service']}_SERVICE_HOST" in self._environ
        )

    def _declare(self, name: str, parse: Callable[[str], T], expected: str, default: T, about: str, more: More) -> T:
        variable = Variable(
            name=name,
            about=about,
            group=self._group,
            expected=expected,
            default=more.get("shown", _as_text(default)),
            secret=more.get("secret", False),
            compose=more.get("compose", "given"),
            by_file=more.get("by_file", True),
        )
        self.variables.append(variable)
        text = self._text(variable)
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, KeyError) as error:
            reason = f" ({error})" if isinstance(error, _WrongName) else ""
            raise ImproperlyConfigured(unreadable(variable, text) + reason) from None

    def _text(self, variable: Variable) -> str:
        try:
            return self._environ.get(variable.name, "").strip()
        except (OSError, UnicodeDecodeError) as error:
            text = f"{variable.name}_FILE: the file that it names can't be read ({_reason(error)})"
            raise ImproperlyConfigured(text) from None


def unreadable(variable: Variable, text: str) -> str:
    """The line for a value that is not what is expected. A secret is not repeated."""
    shown = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return f"{variable.name}{'' if variable.secret else f'={shown!r}'} can't be read: expected is {variable.expected}"


def _unknown(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"there is no variable {name}: " + (
        f"do you mean {near[0]}?" if near else "docs/reference/settings.md lists all"
    )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else "it is not UTF-8"


def _one_of(choices: tuple[str, ...]) -> str:
    return f"one of {', '.join(choices)}"


def _parse_switch(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError


_Number = TypeVar("_Number", int, float)


def _within(value: _Number, least: float, most: float) -> _Number:
    if not least <= value <= most:
        raise ValueError
    return value


def _as_text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ",".join(default)
    if isinstance(default, float):
        return f"{default:g}" if default < 1000 else str(int(default))
    return str(default)
