"""Badges: small pictures with a word and a number, and the same as JSON for shields' endpoint badge.

Source of the fields: <https://shields.io/badges/endpoint-badge>, `schemaVersion` 1. The picture is a template of our
own; nothing in it is loaded or runs.
"""

import hashlib
import json
from typing import NamedTuple

from django.template import loader

from routing.core.grammar.printable import printable
from routing.dataplane.request.responses import INERT, Headers, Response

#: For so long an answer may be kept, by whoever: the numbers are made anew every ten minutes.
MAX_AGE_SECONDS = 300
_MOST_CHARACTERS = 160
_COLOURS = {"blue": "#0a6ebd", "brightgreen": "#197a2f", "red": "#b3261e", "lightgrey": "#5f6368"}
# Widths of Verdana at 11 px, in px, as far as letters differ much from the rest.
_NARROW, _WIDE = frozenset("fijlrtI.,:;'|!()[]/ -"), frozenset("mwMW@%&QOGD")
_PADDING = 6


class BadgeText(NamedTuple):
    """What a badge says: a word, a message, and one of shields' names of colours."""

    label: str
    message: str
    colour: str


def badge_response(text: BadgeText, *, as_json: bool, if_none_match: str = "") -> Response:
    """The answer; 304 where whoever asks has it already (RFC 9110 §13.1.2)."""
    text = BadgeText(*(printable(part)[:_MOST_CHARACTERS] for part in text))
    body = (_json(text) if as_json else _svg(text)).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kept: Headers = [("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}"), ("ETag", etag)]
    if _matches(if_none_match, etag):
        return Response(304, [*INERT, *kept], b"")
    media_type = "application/json" if as_json else "image/svg+xml; charset=utf-8"
    headers = [("Content-Type", media_type), *INERT, *kept, ("Content-Length", str(len(body)))]
    return Response(200, headers, body)


def text_width(text: str) -> int:
    """How wide a text is in Verdana at 11 px, about, in px. The picture stretches the text to it."""
    return round(sum(4.2 if char in _NARROW else 9.6 if char in _WIDE else 7.0 for char in text))


def _json(text: BadgeText) -> str:
    return json.dumps(
        {"schemaVersion": 1, "label": text.label, "message": text.message, "color": text.colour}, separators=(",", ":")
    )


def _svg(text: BadgeText) -> str:
    label, message = text_width(text.label), text_width(text.message)
    left, right = label + 2 * _PADDING, message + 2 * _PADDING
    context = {
        "text": text,
        "title": f"{text.label}: {text.message}",
        "colour": _COLOURS[text.colour],
        "left": left,
        "right": right,
        "width": left + right,
        "label_width": label,
        "message_width": message,
        "label_at": _PADDING,
        "message_at": left + _PADDING,
    }
    return loader.get_template("routing/hostname/badge.svg").render(context)


def _matches(if_none_match: str, etag: str) -> bool:
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in given or given == ["*"]
