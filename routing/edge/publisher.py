"""Asks the facade's API for what it publishes."""

import http.client
import ipaddress
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from routing.edge.document import Refused

_MAX_BYTES = 512 << 20
_PIECE = 1 << 20


class Answer(NamedTuple):
    """A document and its tag; without a document nothing has changed."""

    received: bytes | None
    etag: str


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for this address alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Publisher:
    """The facade, by the whole address of what it publishes.

    `seconds` is how long an answer may take. `certificate`: a file with what shows this edge to a proxy that asks.
    Raises ValueError for an address that a token may not go to.
    """

    def __init__(self, address: str, token: str, *, seconds: float, ca: str = "", certificate: str = "") -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ValueError(f"{address[:200]}: name the facade by https; http is for 127.0.0.1 and localhost alone")
        self.address, self._token, self._seconds = address, token, seconds
        context = ssl.create_default_context(cafile=ca or None)
        if certificate:
            context.load_cert_chain(certificate)
        self._opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))

    def ask(self, etag: str) -> Answer:
        """What is published now. Raises Refused where there is no whole answer in time."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if etag:
            headers["If-None-Match"] = etag
        until = time.monotonic() + self._seconds
        try:
            request = urllib.request.Request(self.address, headers=headers)  # noqa: S310 judged above
            with self._opener.open(request, timeout=min(self._seconds, 30)) as response:
                if response.status != 200:
                    raise Refused(f"the facade answered {response.status}")
                return Answer(_read(response, until), response.headers.get("ETag", ""))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 304 and etag:
                    return Answer(None, etag)
            raise Refused(f"the facade answered {error.code}{_hint(error.code)}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise Refused(f"the facade can't be asked: {reason}") from error


def _read(response: http.client.HTTPResponse, until: float) -> bytes:
    pieces, size = [], 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BYTES:
            raise Refused(f"the answer is longer than {_MAX_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise Refused("the answer took too long")
    if response.length:
        raise Refused("the answer was cut")
    return b"".join(pieces)


def _hint(status: int) -> str:
    if status in (401, 403):
        return ": give it a token of an operator of the platform, which may be read-only"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
