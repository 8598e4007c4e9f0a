"""What a small registry holds: manifests by digest, tags, and blobs as files that a `Cdn` can serve as well."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.lab import process
from tests.e2e.lab.images import Image, Manifest, digest_of

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Repository:
    """Manifests by digest; digests by tag."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> Manifest | None:
        """The manifest with this tag or digest."""
        return self.manifests.get(self.tags.get(reference, reference))

    def put(self, manifest: Manifest, reference: str) -> None:
        self.manifests[manifest.digest] = manifest
        if ":" not in reference:
            self.tags[reference] = manifest.digest

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose ``subject`` is ``digest`` (OCI distribution spec, "Listing Referrers")."""
        found = []
        for manifest in self.manifests.values():
            document = json.loads(manifest.content)
            if document.get("subject", {}).get("digest") != digest:
                continue
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
            annotations = document.get("annotations")
            found.append(
                manifest.descriptor() | {"artifactType": kind} | ({"annotations": annotations} if annotations else {})
            )
        return found


class Content:
    """Repositories by name. Blobs lie in a directory of their own, which `stop` deletes, whoever they belong to."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self._directory = process.short_directory("content")

    def blob_path(self, digest: str) -> Path:
        """Where the bytes of a blob lie (they need not)."""
        return self._directory / digest.replace(":", "-")

    def put_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        self.blob_path(digest).write_bytes(content)
        return digest

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def push(self, image: Image, name: str, *tags: str) -> None:
        """Put ``image`` at ``name``."""
        for content in image.blobs.values():
            self.put_blob(content)
        for manifest in image.manifests.values():
            self.repository(name).put(manifest, manifest.digest)
        for tag in tags:
            self.repository(name).put(image.index, tag)

    def stop(self) -> None:
        process.remove(self._directory)
