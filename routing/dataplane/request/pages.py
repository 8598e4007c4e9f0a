"""The pages for people at hostnames. They set no cookie, ask no database, and let nothing in from elsewhere."""

import base64
import hashlib
from functools import cache, lru_cache
from pathlib import Path

from django.template import loader

import routing
from routing.core.decisions import Page, PageKind
from routing.core.grammar.front_door import ink_on
from routing.dataplane.request.responses import INERT, Headers, Response

_ICON = Path(routing.__file__).parent / "static" / "routing" / "icon.svg"
_ROBOTS = b"User-agent: *\nDisallow: /\n"
_FILE_SECONDS = 86_400
# A repoint, a suspension, or what a tenant has written, is seen at once.
_NOT_KEPT = ("Cache-Control", "no-store")


def page(decision: Page, authority: str, contact: str) -> Response:
    """The answer. `authority` is the host and port that were asked; `contact` is where abuse is reported, or ""."""
    if decision.kind is PageKind.ICON:
        return _file("image/svg+xml", _icon())
    if decision.kind is PageKind.ROBOTS:
        return _file("text/plain; charset=utf-8", _ROBOTS)
    if decision.kind is PageKind.LEADS_ON:
        return _led_on(decision)
    style = _style(decision.front.colour)
    context = {
        "page": decision,
        "front": decision.front,
        "authority": authority,
        "contact": contact,
        "link": f"mailto:{contact}" if "@" in contact and "://" not in contact else contact,
        "style": style,
    }
    body = loader.get_template(f"routing/hostname/{decision.kind}.html").render(context).encode()
    headers: Headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", _policy(style)),
        ("Referrer-Policy", "no-referrer"),
        _NOT_KEPT,
        ("Content-Length", str(len(body))),
    ]
    return Response(decision.status, headers, body)


def _led_on(decision: Page) -> Response:
    headers = [("Location", decision.location), *INERT, _NOT_KEPT, ("Content-Length", "0")]
    return Response(decision.status, headers, b"")


def _file(media_type: str, body: bytes) -> Response:
    headers = [
        ("Content-Type", media_type),
        *INERT,
        ("Cache-Control", f"max-age={_FILE_SECONDS}"),
        ("Content-Length", str(len(body))),
    ]
    return Response(200, headers, body)


@cache
def _icon() -> bytes:
    return _ICON.read_bytes()


@lru_cache(1024)
def _style(colour: str) -> str:
    """The style, with a tenant's own colour of the bar, `#rrggbb` or ""."""
    context = {"colour": colour, "ink": ink_on(colour) if colour else ""}
    return loader.get_template("routing/hostname/style.css").render(context)


@lru_cache(1024)
def _policy(style: str) -> str:
    """One style, known by its hash (CSP level 3, "hash-source"), the icon, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
