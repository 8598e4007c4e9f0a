"""Cookies that no other host can set: by TLS they carry the prefix `__Host-` (RFC 6265bis §4.1.3.2).

A cookie has no word on who set it. Any host below the same domain, such as a tenant's hostname, can set one of ours for
all of that domain ("cookie tossing") and so sign a browser in as somebody else. Browsers take a `__Host-` cookie from
its own host alone, by TLS, for all paths. Django and its apps go on under their own names: the prefix is put on and
taken off where requests come in. On loopback names without TLS browsers would drop such cookies, so they go without.
"""

from http.cookies import Morsel

from django.http import HttpRequest, parse_cookie
from django.http.response import HttpResponseBase

PREFIX = "__Host-"


def take_prefix_off(request: HttpRequest) -> None:
    """Give the request of a browser by TLS the cookies that this host set, and no others."""
    # Judged by the header itself, for Python strips what browsers take for a part of the name: one that begins with
    # U+0085 is no `__Host-` cookie to them.
    pairs = (pair.lstrip(" \t") for pair in request.META.get("HTTP_COOKIE", "").split(";"))
    own = parse_cookie(";".join(pair for pair in pairs if pair.startswith(PREFIX)))
    request.COOKIES = {name.removeprefix(PREFIX): value for name, value in own.items()}


def put_prefix_on(response: HttpResponseBase) -> None:
    """Make the cookies of an answer that goes out by TLS this host's own."""
    for name in list(response.cookies):
        cookie: Morsel[str] = response.cookies.pop(name)
        response.cookies[PREFIX + name] = cookie.value
        for attribute, value in {**cookie, "secure": True, "path": "/", "domain": ""}.items():
            response.cookies[PREFIX + name][attribute] = value
