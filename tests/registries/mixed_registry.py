"""A registry whose ping asks for nothing while some of its repositories ask for credentials, on a sick server.

zot with an anonymous policy for some repositories answers 200 at `/v2/` and 401 with a Basic challenge at the others
(project-zot/zot#2928, #3538); so do Nexus and Artifactory with anonymous access, the latter with a Bearer challenge
whose realm is the repository's own (`/artifactory/api/docker/<key>/v2/token`). Wrong credentials are refused anywhere.
"""

from __future__ import annotations

import hashlib
import json

from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.small_registry import BASIC

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = b'{"schemaVersion":2,"manifests":[]}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
GOOD_TOKEN = "its.own-token"


class MixedRegistry:
    """`public/…` is for everybody; `basic/…` asks for Basic credentials, `bearer/…` and `key/…` for Bearer tokens."""

    def __init__(self, server: FaultyServer) -> None:
        self.server = server
        server.on("/v2/", self._ping)
        for area in ("public", "basic", "bearer", "key"):
            start = f"/v2/{area}/app"
            server.on(f"{start}/manifests/latest", self._guarded(area, INDEX, MANIFEST))
            server.on(f"{start}/manifests/1.0", self._guarded(area, INDEX, MANIFEST))
            tags = json.dumps({"name": f"{area}/app", "tags": ["1.0"]}).encode()
            server.on(f"{start}/tags/list", self._guarded(area, "application/json", tags))
            server.on(f"/token/{area}", self._token)

    def _ping(self, exchange: Exchange) -> None:
        given = exchange.request.headers.get("Authorization")
        if given in (None, BASIC):
            exchange.answer(200, {"Content-Type": "application/json"}, b"{}")
        else:
            self._refuse(exchange, "basic")

    def _guarded(self, area: str, content_type: str, body: bytes):  # type: ignore[no-untyped-def]
        wanted = {"public": None, "basic": BASIC}.get(area, f"Bearer {GOOD_TOKEN}")

        def behave(exchange: Exchange) -> None:
            if exchange.request.headers.get("Authorization") == wanted:
                exchange.answer(200, {"Content-Type": content_type}, body)
            else:
                self._refuse(exchange, area)

        return behave

    def _refuse(self, exchange: Exchange, area: str) -> None:
        challenge = f'Bearer realm="{self.server.url}/token/{area}",service="the {area} area"'
        if area in ("basic", "public"):
            challenge = 'Basic realm="zot"'
        exchange.answer(401, {"WWW-Authenticate": challenge, "Content-Type": "application/json"}, b"{}")

    def _token(self, exchange: Exchange) -> None:
        if exchange.request.headers.get("Authorization") == BASIC:
            exchange.answer(200, {"Content-Type": "application/json"}, json.dumps({"token": GOOD_TOKEN}).encode())
        else:
            exchange.answer(401, {"WWW-Authenticate": 'Basic realm="tokens"'}, b"{}")
