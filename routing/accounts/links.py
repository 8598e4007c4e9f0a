"""Links in mails, and those that are handed on: where they lead is configured, whatever a request says.

The first name in FACADE_CONTROL_HOSTS that is not loopback counts, at FACADE_PUBLIC_PORT; where there is none,
localhost at FACADE_LOOPBACK_PORT. Whoever asks for a mail to somebody else could otherwise choose, by `Host`, a port or
another control host to which the secret in the link goes.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sites.requests import RequestSite

from routing.core.grammar.hosts import is_loopback

_DEFAULT_PORTS = {"https": (443,), "http": (80, 443)}


def https_origin(host: str) -> str:
    """Where a public host is reached by HTTPS: at FACADE_PUBLIC_PORT (RFC 6454 §6.2: not told where it is 443)."""
    return _origin("https", host)


def base_url() -> str:
    """Scheme, host and port at which people reach the admin, as far as the settings say."""
    public = next((host for host in settings.FACADE_CONTROL_HOSTS if not is_loopback(host)), None)
    if public is None:
        return f"http://localhost:{settings.FACADE_LOOPBACK_PORT}"
    return _origin("https" if settings.FACADE_TLS else "http", public)


def _origin(scheme: str, host: str) -> str:
    port = settings.FACADE_PUBLIC_PORT
    return f"{scheme}://{host}" if port in _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def link_to(path: str) -> str:
    """A page's address, for whoever reads it elsewhere."""
    return f"{base_url()}{path}"


def configured(url: str) -> str:
    """The same page, where the settings say that people reach it."""
    return link_to(urlsplit(url)._replace(scheme="", netloc="").geturl())


class ConfiguredSite(RequestSite):
    """What mails call this facade; Django's own is called what the request's `Host` says."""

    def __init__(self) -> None:
        self.domain = self.name = base_url().partition("://")[2]
