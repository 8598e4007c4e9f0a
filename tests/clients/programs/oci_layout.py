"""An OCI image layout, the directory into which several clients copy an image.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import json
from pathlib import Path
from typing import Any

from tests.e2e.lab import images


def digest_in(layout: Path) -> str:
    """The digest of the one image there."""
    manifests: list[dict[str, Any]] = json.loads((layout / "index.json").read_text())["manifests"]
    return str(manifests[0]["digest"])


def marker_in(layout: Path) -> str | None:
    """The marker of the image there, read as a runtime would: index, manifest, last layer."""
    document = json.loads(_blob(layout, digest_in(layout)))
    if "manifests" in document:
        host = next(m for m in document["manifests"] if m["platform"]["architecture"] == images.HOST_ARCHITECTURE)
        document = json.loads(_blob(layout, host["digest"]))
    return images.marker_in(_blob(layout, document["layers"][-1]["digest"]))


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()
