"""A registry of one repository, answered by a FaultyServer without faults."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from tests.registries.faulty_server import Exchange, FaultyServer, ReceivedRequest

LAYER = b"layer" * 1000
BASIC = "Basic " + b64encode(b"user:password").decode()
TOKEN = "Bearer a.good-token"
NOT_ALLOWED = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class SmallRegistry:
    """One repository with the tag `1.0`: an index, in it an image with a config and two layers."""

    def __init__(
        self, server: FaultyServer, *, auth: str = "none", tags: tuple[str, ...] = ("1.0",), name: str = "acme/app"
    ) -> None:
        self.name = name
        self.server = server
        self.auth = auth
        self.public = True
        #: Names for which its realm gives tokens.
        self.public_names = [name]
        self.realm = server.url + "/token"
        self.layers = (LAYER, LAYER * 2)
        image = {
            "schemaVersion": 2,
            "config": _descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer) for layer in self.layers],
        }
        self.image = json.dumps(image).encode()
        index = {
            "schemaVersion": 2,
            "manifests": [
                {**_descriptor("x/y", b"arm"), "platform": {"os": "linux", "architecture": "arm64"}},
                {**_descriptor("x/y", self.image), "platform": {"os": "linux", "architecture": "amd64"}},
            ],
        }
        self.index = json.dumps(index).encode()
        server.on("/v2/", self._guarded(lambda exchange: exchange.answer(200)))
        server.on("/token", self._token)
        self._serve("tags/list", json.dumps({"name": name, "tags": list(tags)}).encode(), "application/json")
        for tag in tags:
            self._serve(f"manifests/{tag}", self.index, "application/vnd.oci.image.index.v1+json")
        self._serve(f"manifests/{digest_of(self.image)}", self.image, "application/vnd.oci.image.manifest.v1+json")
        for layer in self.layers:
            self._serve(f"blobs/{digest_of(layer)}", layer, "application/octet-stream")

    def redirect_blobs(self, location: str) -> None:
        for layer in self.layers:
            answer = self._guarded(lambda exchange: exchange.answer(307, {"Location": location}))
            self.server.on(f"/v2/{self.name}/blobs/{digest_of(layer)}", answer)

    def _serve(self, endpoint: str, body: bytes, content_type: str) -> None:
        answer = self._guarded(lambda exchange: exchange.answer(200, {"Content-Type": content_type}, body))
        self.server.on(f"/v2/{self.name}/{endpoint}", answer)

    def _guarded(self, behaviour: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
        def serve(exchange: Exchange) -> None:
            if self._lets_in(exchange.request):
                behaviour(exchange)
            else:
                exchange.answer(401, {"WWW-Authenticate": self._challenge()}, NOT_ALLOWED)

        return serve

    def _lets_in(self, request: ReceivedRequest) -> bool:
        wanted = {"none": None, "basic": BASIC, "bearer": TOKEN}[self.auth]
        return wanted is None or request.headers.get("Authorization") == wanted

    def _challenge(self) -> str:
        if self.auth == "basic":
            return 'Basic realm="a registry"'
        return f'Bearer realm="{self.realm}",service="the registry",scope="repository:{self.name}:pull"'

    def _token(self, exchange: Exchange) -> None:
        """Gives a good token for the right service and scope, to those who have credentials or need none."""
        request = exchange.request
        fields = parse_qs(request.body.decode() if request.method == "POST" else urlsplit(request.path).query)
        scopes = [[f"repository:{name}:pull"] for name in self.public_names]
        if fields.get("service") != ["the registry"] or fields.get("scope") not in scopes:
            exchange.answer(400, {}, b'{"error":"invalid_scope"}')
        elif not self.public and request.headers.get("Authorization") != BASIC:
            exchange.answer(401, {"WWW-Authenticate": 'Basic realm="tokens"'}, NOT_ALLOWED)
        else:
            token = {"token": TOKEN.removeprefix("Bearer "), "expires_in": 300}
            exchange.answer(200, {"Content-Type": "application/json"}, json.dumps(token).encode())


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
