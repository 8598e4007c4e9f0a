"""Reading the table, and finding out what really happens to somebody who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from django.db import transaction
from django.test import Client
from django.urls import reverse

from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from tests.permissions.world import ROLES, SECRET, STRANGERS, World, snapshot, watched

ALLOWED, DENIED, ABSENT, SIGN_IN, REFUSED, LED_ON = "y", "n", "-", "s", "r", "l"
#: What is told, at the overview, of a row that is not there.
_ABSENT_WORDS = ("exist. Perhaps it was deleted", "is not there any more")
_MARKS = (ALLOWED, DENIED, ABSENT, SIGN_IN, REFUSED, LED_ON)


class Line(NamedTuple):
    """One line of the table: a deed, what it is done to, and what comes of it for each role."""

    deed: str
    subject: str
    expected: dict[str, str]

    def __str__(self) -> str:
        return f"{self.deed}: {self.subject}".removesuffix(": .")


def lines_of(text: str) -> list[Line]:
    """The lines of a part of the table. Raises ValueError for one that can't be read."""
    return [_line(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _line(text: str) -> Line:
    deed, subject, *marks = (part.strip() for part in text.split("|"))
    cells = " ".join(marks).split()
    if len(cells) != len(ROLES) or not set(cells) <= set(_MARKS):
        raise ValueError(f"this line has not one mark for each role: {text}")
    return Line(" ".join(deed.split()), subject, dict(zip(ROLES, cells, strict=True)))


class Seen(NamedTuple):
    """What came of a deed: the mark, and what was told ("" where the deed gives no text)."""

    mark: str
    told: str = ""


def call(verb: Callable[[], Any], typed: Iterable[object]) -> Seen:
    """Call a verb; `typed` are the names that the asker has to know to do so."""
    try:
        return Seen(ALLOWED, str(verb()))
    except PermissionDenied as refusal:
        return Seen(DENIED, forget(refusal.message, typed))
    except NotFound as refusal:
        return Seen(ABSENT, forget(refusal.message, typed))
    except ServiceError as refusal:
        return Seen(REFUSED, forget(refusal.message, typed))


def visit(client: Client, method: str, path: str, data: dict[str, Any]) -> Seen:
    """Ask for a page, or send a form, and tell what a browser would end at."""
    response: Any = client.generic(method, path) if method != "POST" else client.post(path, data)
    if response.status_code == 302 and response.url.startswith("/admin/login/"):
        # To the sign-in page, for whom that helps.
        response = client.get(response.url)
    text = response.getvalue().decode(errors="replace") + response.headers.get("Location", "")
    told = forget(text, [path, *data.values()])
    if response.status_code == 302 and response.url.startswith("/accounts/login/"):
        return Seen(SIGN_IN, told)
    if (
        response.status_code == 302
        and response.url == reverse("admin:index")
        and any(words in _said(response) for words in _ABSENT_WORDS)
    ):
        return Seen(ABSENT, told)
    if response.status_code in (301, 302):
        return Seen(ALLOWED if method == "POST" else LED_ON, told)
    by_status = {200: ALLOWED if method == "GET" else REFUSED, 401: SIGN_IN, 403: DENIED, 404: ABSENT, 405: REFUSED}
    return Seen(by_status[response.status_code], told)


def _said(response: Any) -> str:
    return " ".join(str(message) for message in response.wsgi_request._messages._queued_messages)


def complaints(world: World, line: Line, do: Callable[[str], Seen], *, reads: bool) -> list[str]:
    """Do the deed as each role, each in the same world; gives, in words, what isn't as the line says."""
    before = snapshot()
    found = []
    for role, expected in line.expected.items():
        with transaction.atomic():
            with watched() as written:
                seen = do(role)
            changed = [kind for kind, rows in snapshot().items() if rows != before[kind]] if written else []
            transaction.set_rollback(True)
        if not reads and seen.mark == ALLOWED and not changed:
            seen = seen._replace(mark=LED_ON)
        if not reads and seen.mark == REFUSED and changed:
            # A page that shows once what it made.
            seen = seen._replace(mark=ALLOWED)
        if seen.mark != expected:
            found.append(f"{role}: “{expected}” in the table, “{seen.mark}” in truth: {seen.told[:200]}")
        if changed and (reads or seen.mark != ALLOWED):
            found.append(f"{role}: changed {', '.join(changed)}, and must not")
        if role in STRANGERS and SECRET in seen.told.lower() and not line.subject.endswith("link"):
            found.append(f"{role}: was told of another tenant: {_around(seen.told)}")
    return found


def _around(told: str) -> str:
    at = told.lower().index(SECRET)
    return " ".join(told[max(at - 80, 0) : at + 80].split())


def forget(told: str, typed: Iterable[object]) -> str:
    """What was told, but for what the asker had said first."""
    for word in sorted({str(word) for word in typed if SECRET in str(word)}, key=len, reverse=True):
        for form in (word, quote(word, safe=""), escape(word)):
            told = told.replace(form, "")
    return told
