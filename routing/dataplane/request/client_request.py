"""The caller: what the relay and the token broker need of a request."""

from collections.abc import Mapping
from typing import NamedTuple

from routing.dataplane.request.forwarded import public_origin
from routing.dataplane.request.responses import PublicOrigin


class ClientRequest(NamedTuple):
    """A registry client's request, as far as it is passed on. Absent headers are empty.

    `accept` holds every Accept line, joined by commas: docker and containers/image send several, and a registry that
    sees only one of them answers with another type (RFC 9110 §5.3 lets us join them).
    """

    method: str
    public_origin: PublicOrigin
    authorization: str = ""
    accept: str = ""
    if_none_match: str = ""
    user_agent: str = ""
    range: str = ""
    query: str = ""
    form: bytes = b""

    def forwarded_headers(self) -> list[tuple[str, str]]:
        """The request headers that the backing registry gets, but for the credentials."""
        pairs = (("Accept", self.accept), ("If-None-Match", self.if_none_match), ("User-Agent", self.user_agent))
        return [(name, value) for name, value in pairs if value]


def client_request_from(method: str, meta: Mapping[str, str], form: bytes = b"") -> ClientRequest:
    """The caller, from WSGI-style variables; Django joins repeated headers by commas there."""
    return ClientRequest(
        method=method,
        public_origin=public_origin(meta),
        authorization=meta.get("HTTP_AUTHORIZATION", ""),
        accept=meta.get("HTTP_ACCEPT", ""),
        if_none_match=meta.get("HTTP_IF_NONE_MATCH", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        range=meta.get("HTTP_RANGE", ""),
        query=meta.get("QUERY_STRING", ""),
        form=form,
    )
