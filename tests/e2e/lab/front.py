"""What large registries put before their storage: a front that sends blob requests to a second origin, and that."""

import hashlib
import hmac
import http.client
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

from tests.e2e.lab import addresses
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.registry import Registry

_BLOB = re.compile(r"^/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})$")
_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}
_PIECE_BYTES = 64 * 1024
_UPSTREAM_SECONDS = 30

HeadPolicy = Literal["proxied", "redirected"]


class BlobStore(Protocol):
    """What keeps each blob as a file."""

    def blob_path(self, digest: str) -> Path: ...


class Cdn(Origin):
    """Serves blobs by signed URL, as S3 does: the signature is in the query, Range is honoured, and a request that
    carries ``Authorization`` beside the signature is refused with 400."""

    def __init__(self, store: BlobStore, address: str = addresses.CDN) -> None:
        self._store = store
        self._secret = secrets.token_bytes(16)
        super().__init__(address)

    def target(self, digest: str) -> str:
        """The signed path and query for a blob."""
        path = f"/store/{digest.replace(':', '/')}"
        # A space, a plus and a slash, encoded: whoever decodes and encodes the query again breaks it, as with S3.
        return f"{path}?X-Date=20240101T000000Z&X-Credential=lab%2Fs3%2Bx%20y&X-Signature={self._sign(path)}"

    def signed_url(self, digest: str) -> str:
        return self.url + self.target(digest)

    def answer(self, request: Request) -> Answer:
        if request.header("Authorization") is not None:
            return _text(400, "only one auth mechanism allowed")
        parts = urlsplit(request.target)
        digest = parts.path.removeprefix("/store/").replace("/", ":", 1)
        signed = hmac.compare_digest(parse_qs(parts.query).get("X-Signature", [""])[0], self._sign(parts.path))
        if not signed or request.target != self.target(digest):
            return _text(403, "SignatureDoesNotMatch")
        return serve_blob(self._store.blob_path(digest), request)

    def _sign(self, path: str) -> str:
        return hmac.new(self._secret, path.encode(), hashlib.sha256).hexdigest()


class Front(Origin):
    """A reverse proxy before a registry. With a `Cdn`, a blob GET that the registry would serve is answered 307 to it.

    ``heads`` says what becomes of a blob HEAD. ``relative`` answers with a relative ``Location`` and serves the blob
    itself there. ``ranges_inline`` serves a blob request that carries ``Range`` itself, as some registries do. Without
    a ``cdn`` it is a plain proxy, with a log.
    """

    def __init__(
        self,
        registry: Registry,
        address: str,
        cdn: Cdn | None = None,
        *,
        heads: HeadPolicy = "proxied",
        relative: bool = False,
        ranges_inline: bool = False,
    ) -> None:
        self._registry = registry
        self.cdn, self.heads, self.relative, self.ranges_inline = cdn, heads, relative, ranges_inline
        super().__init__(address)

    def answer(self, request: Request) -> Answer:
        blob = _BLOB.match(request.path)
        if self.cdn is not None and self.relative and request.path.startswith("/store/"):
            return self.cdn.answer(Request(request.method, request.target, _without_authorization(request), b""))
        if self.cdn is None or blob is None or not self._redirects(request):
            return self.proxied(request)
        # The registry is the one that says whether this caller may have the blob.
        permitted = self.proxied(Request("HEAD", request.target, request.header_lines, b""))
        if permitted.status != 200:
            return self.proxied(request)
        digest = blob["digest"]
        location = self.cdn.target(digest) if self.relative else self.cdn.signed_url(digest)
        return Answer(307, [("Location", location), ("Docker-Content-Digest", digest)])

    def _redirects(self, request: Request) -> bool:
        if self.ranges_inline and request.header("Range") is not None:
            return False
        return request.method == "GET" or (request.method == "HEAD" and self.heads == "redirected")

    def proxied(self, request: Request) -> Answer:
        """The registry's own answer to ``request``."""
        connection = http.client.HTTPConnection(self._registry.address, self._registry.port, timeout=_UPSTREAM_SECONDS)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.header_lines:
                if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                    connection.putheader(name, value)
            if request.body or request.method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            upstream = connection.getresponse()
        except OSError as fault:
            connection.close()
            return _text(502, f"registry: {fault}")
        headers = [(n, v) for n, v in upstream.getheaders() if n.lower() not in _HOP_BY_HOP | {"date"}]
        if request.method == "HEAD":
            connection.close()
            return Answer(upstream.status, headers)
        return Answer(upstream.status, headers, _pieces(upstream, connection), upstream.length)


def serve_blob(path: Path, request: Request) -> Answer:
    """The file at ``path``, whole or the one range that the request asks for (RFC 9110 §14)."""
    if request.method not in ("GET", "HEAD"):
        return _text(405, "MethodNotAllowed")
    if not path.is_file():
        return _text(404, "NoSuchKey")
    size = path.stat().st_size
    headers = [("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes")]
    wanted = _RANGE.match(request.header("Range") or "")
    if request.method == "HEAD":
        return Answer(200, [*headers, ("Content-Length", str(size))])
    if wanted is None:
        return Answer(200, headers, _slice(path.open("rb"), 0, size), size)
    first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
    if first > last:
        return Answer(416, [*headers, ("Content-Range", f"bytes */{size}")])
    headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    return Answer(206, headers, _slice(path.open("rb"), first, last - first + 1), last - first + 1)


def _slice(source: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with source:
        source.seek(start)
        while length > 0 and (piece := source.read(min(length, _PIECE_BYTES))):
            length -= len(piece)
            yield piece


def _pieces(upstream: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[bytes]:
    try:
        while piece := upstream.read1(_PIECE_BYTES):
            yield piece
    finally:
        connection.close()


def _without_authorization(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.header_lines if name.lower() != "authorization"]


def _text(status: int, text: str) -> Answer:
    return Answer(status, [("Content-Type", "text/plain")], f"{text}\n".encode())
