"""The one shape in which a registry client's request is known here, whichever server or framework it came by."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from routing.core.decide import Request
from routing.dataplane.request.forwarded import X_FORWARDED, effective_host, public_origin
from routing.dataplane.request.responses import PublicOrigin

# The header fields that matter. Others are not looked at: X_Forwarded_Host is among them, which no proxy takes out and
# which must not pass for X-Forwarded-Host, as it does in WSGI-style variables.
_FIELDS = (
    *("host", "user-agent", "authorization", "accept", "if-none-match", "range", "expect"),
    *("content-length", "transfer-encoding", "forwarded", *X_FORWARDED),
    *("dnt", "sec-gpc"),
)
_NAMES = frozenset(_FIELDS)
_ASGI_FIELDS = {name.encode(): name for name in _FIELDS}
_META_FIELDS = {
    "CONTENT_LENGTH" if name == "content-length" else f"HTTP_{name.upper().replace('-', '_')}": name for name in _FIELDS
}
_FORWARDED = (("Accept", "accept"), ("If-None-Match", "if-none-match"), ("User-Agent", "user-agent"))


class ClientRequest(NamedTuple):
    """A registry client's request.

    `path` is raw: not decoded, without the query. `scheme` and `peer_address` are the connection's own, so a proxy's
    where there is one. `fields` are by their names in lower case. Several lines of one are joined by commas (RFC 9110
    §5.3): docker and containers/image send several Accept lines, and a registry that sees only one of them answers with
    another type. `form` is the body of a token request, once it has been read.
    """

    method: str
    path: str
    query: str
    http_version: str
    scheme: str
    peer_address: str
    fields: Mapping[str, str]
    form: bytes = b""

    @property
    def authorization(self) -> str:
        """The Authorization field, or ""."""
        return self.fields.get("authorization", "")

    @property
    def user_agent(self) -> str:
        """The User-Agent field, or ""."""
        return self.fields.get("user-agent", "")

    @property
    def unnoted(self) -> bool:
        """Whether whoever sends it asks that nothing is noted of it (Tracking Preference Expression §5.2, GPC §2)."""
        return any(self.fields.get(name, "").strip(" \t") == "1" for name in ("dnt", "sec-gpc"))

    @property
    def range(self) -> str:
        """The Range field, or ""."""
        return self.fields.get("range", "")

    @property
    def public_origin(self) -> PublicOrigin:
        """The scheme and authority under which the client reached this server."""
        return public_origin(self.fields, self.peer_address, self.scheme)

    def for_decision(self) -> Request:
        """What `decide()` looks at of it."""
        fields = self.fields
        return Request(
            self.method,
            effective_host(fields, self.peer_address),
            self.path,
            self.query,
            fields.get("user-agent", ""),
            "authorization" in fields,
            self.http_version == "1.0",
        )

    def forwarded_headers(self) -> list[tuple[str, str]]:
        """The request headers that the backing registry gets, but for the credentials."""
        fields = self.fields
        return [(name, fields[key]) for name, key in _FORWARDED if fields.get(key)]

    def body_exceeds(self, limit_bytes: int) -> bool:
        """Whether its body is longer than the limit, or of a length that isn't told."""
        length = self.fields.get("content-length") or "0"
        if "transfer-encoding" in self.fields or not length.isdecimal():
            return True
        return len(length) > len(str(limit_bytes)) or int(length) > limit_bytes


def from_asgi(scope: Mapping[str, Any]) -> ClientRequest | None:
    """The request of an ASGI scope. None where there is no raw path, or a query that isn't UTF-8."""
    raw_path = scope.get("raw_path")
    if raw_path is None:
        return None
    try:
        query = scope["query_string"].decode()
    except UnicodeDecodeError:
        return None
    fields: dict[str, str] = {}
    for name, value in scope["headers"]:
        known = _ASGI_FIELDS.get(name)
        if known is not None:
            text = value.decode("latin-1")
            fields[known] = f"{fields[known]},{text}" if known in fields else text
    client = scope.get("client")
    return ClientRequest(
        scope["method"].upper(),
        raw_path.decode("latin-1").partition("?")[0],
        query,
        scope.get("http_version", "1.1"),
        scope.get("scheme", "http"),
        client[0] if client else "",
        fields,
    )


def from_plain(data: bytes, request: Request, scheme: str, peer_address: str) -> ClientRequest:
    """The request of a read that holds one plain request (serving/raw_request.py), as `decide()` has seen it."""
    fields: dict[str, str] = {}
    for line in data.decode("latin-1").split("\r\n")[1:-2]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in _NAMES:
            value = value.lstrip(" \t")
            fields[name] = f"{fields[name]},{value}" if name in fields else value
    return ClientRequest(request.method, request.path, request.query, "1.1", scheme, peer_address, fields)


def from_meta(method: str, path: str, meta: Mapping[str, Any], scheme: str, http_version: str) -> ClientRequest:
    """The request of WSGI-style variables (PEP 3333), as Django has them in META. `path` is raw."""
    query, peer_address = meta.get("QUERY_STRING", ""), meta.get("REMOTE_ADDR", "")
    return ClientRequest(method, path, query, http_version, scheme, peer_address, fields_of(meta))


def fields_of(meta: Mapping[str, Any]) -> dict[str, str]:
    """The header fields that matter, by their names in lower case, from WSGI-style variables."""
    return {name: meta[variable] for variable, name in _META_FIELDS.items() if variable in meta}
