"""From a decision that needs nobody else to the bytes of its answer.

Used by the middleware and by the fast lane, so that both say the same. Sources: OCI distribution spec v1.1, "Error
codes"; RFC 9110 §15.4.8 (307), §11.6.1 (WWW-Authenticate); Docker Registry HTTP API V2, "API version check".
"""

import json
from typing import NamedTuple

from routing.core.decisions import Challenge, PingOk, Redirect, Refuse

Headers = list[tuple[str, str]]
API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
_JSON = ("Content-Type", "application/json")
# Browsers run nothing of an answer that has these, whatever they take its bytes for: they may be a registry's
# (CSP level 3, "sandbox"; Fetch standard, "nosniff").
INERT: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
)


class Response(NamedTuple):
    """A whole answer. For HEAD the server leaves the body away; Content-Length stays what GET would have had."""

    status: int
    headers: Headers
    body: bytes = b""


class PublicOrigin(NamedTuple):
    """How the client sees this server: the scheme and authority (host and port) that it used."""

    scheme: str
    authority: str


def response_for(
    decision: Redirect | Refuse | PingOk | Challenge, public_origin: PublicOrigin, max_age_seconds: int = 0
) -> Response:
    """The answer to a decision. `max_age_seconds` is how long a redirect may be kept; 0: not at all."""
    if isinstance(decision, Redirect):
        return redirect(decision.location, max_age_seconds)
    if isinstance(decision, PingOk):
        return Response(200, [API_VERSION, _JSON, *INERT, ("Content-Length", "2")], b"{}")
    if isinstance(decision, Challenge):
        return challenge(decision, public_origin)
    answer = error(decision.status, decision.code, decision.message)
    if decision.allow:
        answer.headers.append(("Allow", decision.allow))
    if decision.retry_after_seconds:
        answer.headers.append(("Retry-After", str(decision.retry_after_seconds)))
    return answer


def redirect(location: str, max_age_seconds: int = 0) -> Response:
    """307 with an empty body."""
    cache = f"max-age={max_age_seconds}" if max_age_seconds else "no-store"
    headers = [API_VERSION, ("Location", location), ("Cache-Control", cache), ("Content-Length", "0")]
    if max_age_seconds:
        # What one client may follow, another may not.
        headers.append(("Vary", "User-Agent, Authorization"))
    return Response(307, headers)


def error(status: int, code: str, message: str, detail: object = None) -> Response:
    """An error in the OCI format. `detail` is any JSON value."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": detail}]}).encode()
    headers = [API_VERSION, _JSON, *INERT, ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))]
    return Response(status, headers, body)


def challenge(decision: Challenge, public_origin: PublicOrigin, error_code: str = "", message: str = "") -> Response:
    """401 with the facade's own Bearer challenge (distribution token spec, "Challenge")."""
    answer = error(401, "UNAUTHORIZED", message or "authentication required")
    parts = [f'realm="{public_origin.scheme}://{public_origin.authority}/token"', f'service="{decision.host}"']
    if decision.scope:
        parts.append(f'scope="{decision.scope}"')
    if error_code:
        parts.append(f'error="{error_code}"')
    answer.headers.append(("WWW-Authenticate", "Bearer " + ",".join(parts)))
    return answer
