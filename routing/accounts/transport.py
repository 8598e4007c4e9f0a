"""How the browser reached Django: scheme and host as trusted proxies tell them, and nothing in the clear.

Django's own SECURE_PROXY_SSL_HEADER and USE_X_FORWARDED_HOST believe whoever sends the header; here only
FACADE_TRUSTED_PROXIES are believed, by the same rules as in the data plane.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase

from routing.accounts.error_pages import refusal
from routing.accounts.host_cookies import put_prefix_on, take_prefix_off
from routing.accounts.links import https_origin
from routing.core.grammar.hosts import is_loopback, parse_authority
from routing.dataplane.request.client_request import fields_of
from routing.dataplane.request.forwarded import effective_host, forwarded_client, forwarded_scheme, is_trusted, share_of

Inner = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

# Prometheus and probes of containers come by plain HTTP, and nothing in the answers is worth hiding.
_ALWAYS_ANSWERED = frozenset({"/livez", "/readyz", "/metrics"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class TransportMiddleware:
    """Sets the request's scheme and host, sends plain HTTP on to HTTPS, and keeps cookies to where they belong.

    Plain HTTP is answered on loopback names, where nothing leaves the machine (`make run`), and everywhere with
    FACADE_TLS=false. There cookies go without `Secure`: Safari drops Secure cookies on http://localhost. By TLS they
    are `__Host-` cookies.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Inner) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        believe_trusted_proxy(request)
        if request.is_secure():
            take_prefix_off(request)
        refused = to_https(request)
        if self.is_async:
            return self._answer(request, refused)
        if refused is not None:
            return refused
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)
        return fit_cookies(request, response)

    async def _answer(self, request: HttpRequest, refused: HttpResponseBase | None) -> HttpResponseBase:
        if refused is not None:
            return refused
        response = self.get_response(request)
        assert not isinstance(response, HttpResponseBase)
        return fit_cookies(request, await response)


def believe_trusted_proxy(request: HttpRequest) -> None:
    """Give the request the scheme and the Host that a trusted proxy received; leave everybody else's as it is."""
    meta = request.META
    peer_address = meta.get("REMOTE_ADDR", "")
    if not is_trusted(peer_address):
        return
    fields = fields_of(meta)
    scheme = forwarded_scheme(fields, peer_address)
    if scheme:
        meta["wsgi.url_scheme"] = scheme
        if hasattr(request, "scope"):
            # A copy: the scope belongs to the server.
            request.scope = {**request.scope, "scheme": scheme}
    host = effective_host(fields, peer_address)
    if host:
        meta["HTTP_HOST"] = host


def to_https(request: HttpRequest) -> HttpResponse | None:
    """What a request in the clear gets instead of a page; None where the page may be answered."""
    if request.path in _ALWAYS_ANSWERED or request.is_secure() or not needs_https(request):
        return None
    fields = fields_of(request.META)
    if "https" in fields.get("x-forwarded-proto", "").lower() or "proto=https" in fields.get("forwarded", "").lower():
        # Redirecting would loop for ever: the browser is on https:// already.
        peer = request.META.get("REMOTE_ADDR", "")
        text = f"This came by a proxy at {peer}, which is not trusted. Add its address to FACADE_TRUSTED_PROXIES."
        # No other page can be reached this way either.
        return refusal(request, HTTPStatus.FORBIDDEN, "This proxy is not trusted", text, {"is_dead_end": True})
    # Not the request's port: where plain HTTP is spoken, HTTPS isn't.
    name, _ = parse_authority(request.get_host())
    there = f"{https_origin(name)}{request.get_full_path()}"
    if request.method not in _SAFE_METHODS:
        text = "Forms and requests that change something are taken by https:// only."
        return refusal(request, HTTPStatus.FORBIDDEN, "Only by https://", text, {"only_way": there})
    return HttpResponsePermanentRedirect(there)


def needs_https(request: HttpRequest) -> bool:
    """Whether this host is answered by HTTPS only. One that isn't ours is left to Django, which refuses it."""
    if not settings.FACADE_TLS:
        return False
    try:
        return not is_loopback(request.get_host())
    except DisallowedHost:
        return False


def fit_cookies(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Keep cookies to this host; in the clear, where that may be answered at all, take `Secure` off them instead."""
    if request.is_secure():
        put_prefix_on(response)
    else:
        for morsel in response.cookies.values():
            morsel["secure"] = ""
    return response


def client_address(request: HttpRequest) -> str:
    """The address of whoever asks, as far as trusted proxies tell it."""
    peer_address = str(request.META.get("REMOTE_ADDR", ""))
    return forwarded_client(fields_of(request.META), peer_address)


def client_share(request: HttpRequest) -> str:
    """By what requests from there are counted: the address, of IPv6 its /64, whose addresses one subscriber has all."""
    return share_of(client_address(request))
