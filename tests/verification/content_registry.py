"""A registry of any content, answered by a FaultyServer without faults: manifests, blobs, tags, referrers."""

from __future__ import annotations

import json
from typing import Any

from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.small_registry import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_REFUSED = b'{"errors":[{"code":"UNAUTHORIZED"}]}'


class ContentRegistry:
    """Holds what is put into it. What it answers may be changed while it serves."""

    def __init__(self, server: FaultyServer, *, has_catalogue: bool = True, has_referrers_api: bool = False) -> None:
        self.server = server
        self.url = server.url
        self.is_private = False
        self.redirects_blobs = False
        self.answers_head = True
        #: How many manifests may still be got with GET, as Docker Hub has it; None: any number.
        self.pulls_left: int | None = None
        #: Said in RateLimit-Remaining, as it is.
        self.remaining = ""
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.blobs: dict[str, set[str]] = {}
        self.tags: dict[str, list[str]] = {}
        self.has_referrers_api = has_referrers_api
        self._has_catalogue = has_catalogue
        server.on("/v2/", lambda exchange: exchange.answer(200, {}, b"{}"))
        server.on("/v2/_catalog", self._catalogue)

    # ------------------------------------------------------------ filling it
    def put_image(
        self, repository: str, tag: str = "", content: str = "app", layers: int = 2, platform: str = "linux/amd64"
    ) -> str:
        """An image with a config and some layers; gives its digest."""
        config = json.dumps({"content": content, "platform": platform}).encode()
        bodies = [f"{content} {platform} layer {number}".encode() for number in range(layers)]
        for body in (config, *bodies):
            self.put_blob(repository, digest_of(body))
        image = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": _descriptor(CONFIG, config),
            "layers": [_descriptor(LAYER, body) for body in bodies],
        }
        return self.put_manifest(repository, tag, IMAGE, image)

    def put_index(
        self, repository: str, tag: str, content: str = "app", platforms: tuple[str, ...] = ("amd64",)
    ) -> str:
        entries = []
        for architecture in platforms:
            digest = self.put_image(repository, "", content, platform=f"linux/{architecture}")
            entries.append(
                {
                    "mediaType": IMAGE,
                    "digest": digest,
                    "size": len(self.manifests[repository][digest][1]),
                    "platform": {"os": "linux", "architecture": architecture},
                }
            )
        return self.put_manifest(repository, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def put_referrer(self, repository: str, subject: str, artifact_type: str = SIGNATURE, *, by_tag: bool) -> str:
        """A signature, or another thing that refers to a manifest; with the fallback tag where that is wanted."""
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": artifact_type,
            "config": _descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [],
            "subject": {"mediaType": IMAGE, "digest": subject, "size": 1},
        }
        digest = self.put_manifest(repository, "", IMAGE, document)
        if by_tag:
            entry = {"mediaType": IMAGE, "digest": digest, "size": 1, "artifactType": artifact_type}
            self.put_manifest(
                repository,
                subject.replace(":", "-"),
                INDEX,
                {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]},
            )
        return digest

    def put_manifest(self, repository: str, tag: str, media_type: str, document: dict[str, Any]) -> str:
        body = json.dumps(document).encode()
        digest = digest_of(body)
        self._repository(repository)
        for reference in (digest, tag):
            if reference:
                self.manifests[repository][reference] = (media_type, body)
                self._serve(repository, f"manifests/{reference}", self._manifest)
        if tag and tag not in self.tags[repository]:
            self.tags[repository].append(tag)
        self._serve(repository, f"referrers/{digest}", self._referrers)
        return digest

    def put_blob(self, repository: str, digest: str) -> None:
        self._repository(repository)
        self.blobs[repository].add(digest)
        self._serve(repository, f"blobs/{digest}", self._blob)

    def copy_to(self, other: ContentRegistry, renames: dict[str, str] | None = None) -> None:
        """Everything, into another registry; repositories may have other names there."""
        for repository, manifests in self.manifests.items():
            name = (renames or {}).get(repository, repository)
            for digest in self.blobs[repository]:
                other.put_blob(name, digest)
            for reference, (media_type, body) in manifests.items():
                tag = "" if ":" in reference else reference
                other.put_manifest(name, tag, media_type, json.loads(body))

    def remove_manifest(self, repository: str, reference: str) -> None:
        del self.manifests[repository][reference]
        if reference in self.tags[repository]:
            self.tags[repository].remove(reference)

    # ------------------------------------------------------------ answering
    def gets_of_manifests(self) -> int:
        return sum(request.method == "GET" and "/manifests/" in request.path for request in self.server.requests)

    def _repository(self, name: str) -> None:
        if name not in self.manifests:
            self.manifests[name], self.blobs[name], self.tags[name] = {}, set(), []
            self._serve(name, "tags/list", self._list)

    def _serve(self, repository: str, endpoint: str, answer: Any) -> None:
        last = endpoint.partition("/")[2]

        def behave(exchange: Exchange) -> None:
            if self.is_private:
                exchange.answer(401, {"WWW-Authenticate": 'Basic realm="private"'}, _REFUSED)
            else:
                answer(exchange, repository, last)

        self.server.on(f"/v2/{repository}/{endpoint}", behave)

    def _catalogue(self, exchange: Exchange) -> None:
        if self._has_catalogue:
            self._answer_json(exchange, {"repositories": sorted(self.manifests)})
        else:
            exchange.answer(404)

    def _list(self, exchange: Exchange, repository: str, _: str) -> None:
        self._answer_json(exchange, {"name": repository, "tags": self.tags[repository]})

    def _manifest(self, exchange: Exchange, repository: str, reference: str) -> None:
        found = self.manifests[repository].get(reference)
        if found is None:
            exchange.answer(404)
            return
        if exchange.request.method == "HEAD" and not self.answers_head:
            exchange.answer(405)
            return
        if exchange.request.method == "GET" and self.pulls_left is not None:
            if not self.pulls_left:
                exchange.answer(429, {"Retry-After": "1"})
                return
            self.pulls_left -= 1
        media_type, body = found
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest_of(body)}
        if self.remaining:
            headers["RateLimit-Remaining"] = self.remaining
        exchange.answer(200, headers, body)

    def _blob(self, exchange: Exchange, repository: str, digest: str) -> None:
        if digest not in self.blobs[repository]:
            exchange.answer(404)
        elif self.redirects_blobs:
            exchange.answer(307, {"Location": f"https://cdn.example/{digest}"})
        else:
            exchange.answer(200, {}, b"layer")

    def _referrers(self, exchange: Exchange, repository: str, digest: str) -> None:
        if not self.has_referrers_api:
            exchange.answer(404)
            return
        entries = []
        for reference, (media_type, body) in self.manifests[repository].items():
            document = json.loads(body)
            if ":" in reference and document.get("subject", {}).get("digest") == digest:
                kind = document.get("artifactType")
                entries.append({"mediaType": media_type, "digest": reference, "size": len(body), "artifactType": kind})
        self._answer_json(exchange, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    @staticmethod
    def _answer_json(exchange: Exchange, document: object) -> None:
        exchange.answer(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
