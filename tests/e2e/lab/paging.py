"""A front with what docker-registry 2.8 lacks and large registries have: tag lists in pages, and the referrers API."""

import json
import re
from typing import Any
from urllib.parse import quote

from tests.e2e.lab.front import Cdn, Front
from tests.e2e.lab.images import digest_of
from tests.e2e.lab.origin import Answer, Request
from tests.e2e.lab.registry import Registry

_TAGS = re.compile(r"^/v2/(?P<name>.+)/tags/list$")
_REFERRERS = re.compile(r"^/v2/(?P<name>.+)/referrers/(?P<digest>sha256:[0-9a-f]{64})$")
_INDEX = "application/vnd.oci.image.index.v1+json"


class PagingFront(Front):
    """Answers tags in pages of at most ``page`` (OCI distribution spec, "Listing Tags"), and the referrers that a test
    put there. ``absolute_links`` gives the ``Link`` to the next page with scheme and host, as some registries do."""

    def __init__(
        self, registry: Registry, address: str, cdn: Cdn | None = None, *, page: int = 2, absolute_links: bool = False
    ) -> None:
        self.page, self.absolute_links = page, absolute_links
        self._referrers: dict[tuple[str, str], list[dict[str, Any]]] = {}
        super().__init__(registry, address, cdn)

    def refer(self, name: str, subject: str, artifact_type: str, content: bytes) -> dict[str, Any]:
        """List a manifest of this content as referring to ``subject``, a digest in ``name``; returns its descriptor."""
        descriptor = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest_of(content),
            "size": len(content),
            "artifactType": artifact_type,
        }
        self._referrers.setdefault((name, subject), []).append(descriptor)
        return descriptor

    def answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return super().answer(request)
        if tags := _TAGS.match(request.path):
            return self._tags(request, tags["name"])
        if referrers := _REFERRERS.match(request.path):
            return self._refer(request, referrers["name"], referrers["digest"])
        return super().answer(request)

    def _tags(self, request: Request, name: str) -> Answer:
        whole = self.proxied(Request("GET", request.path, request.header_lines, b""))
        if whole.status != 200:
            return whole
        body = whole.body if isinstance(whole.body, bytes) else b"".join(whole.body)
        tags = sorted(json.loads(body)["tags"] or [])
        size = min(int(request.query.get("n", [str(self.page)])[0]), self.page)
        last = request.query.get("last", [""])[0]
        rest = [tag for tag in tags if tag > last]
        headers = [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")]
        if len(rest) > size:
            origin = self.url if self.absolute_links else ""
            following = f"{origin}{request.path}?last={quote(rest[size - 1])}&n={size}"
            headers.append(("Link", f'<{following}>; rel="next"'))
        return Answer(200, headers, json.dumps({"name": name, "tags": rest[:size]}).encode())

    def _refer(self, request: Request, name: str, digest: str) -> Answer:
        permitted = self.proxied(Request("GET", f"/v2/{name}/tags/list", request.header_lines, b""))
        if permitted.status != 200:
            return permitted
        entries = self._referrers.get((name, digest), [])
        headers = [("Content-Type", _INDEX)]
        wanted = request.query.get("artifactType")
        if wanted:
            entries = [entry for entry in entries if entry["artifactType"] in wanted]
            headers.append(("OCI-Filters-Applied", "artifactType"))
        return Answer(
            200, headers, json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}).encode()
        )
