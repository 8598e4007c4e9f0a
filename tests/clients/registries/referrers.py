"""What belongs to an image beside it: more tags, and an artifact that refers to it.

The artifact is put where a registry lists it by the referrers API, and under the tag of the schema that clients fall
back to (OCI distribution spec, "Unavailable Referrers API").
"""

import json

from tests.clients.registries.content import INDEX, Content
from tests.e2e.lab import images
from tests.e2e.lab.images import Image, Manifest, digest_of

TAGS = ("1.0", "1.1", "2.0")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SBOM = "application/vnd.lab.sbom"
_EMPTY, _SBOM_CONTENT = b"{}", b'{"sbom": "of the laboratory"}'


def sbom_of(image: Image) -> Manifest:
    """The artifact that refers to the image's index."""
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": _SBOM,
        "config": _descriptor(_EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [_descriptor(_SBOM_CONTENT, "application/json")],
        "subject": image.index.descriptor(),
    }
    return Manifest(json.dumps(document).encode(), _MANIFEST)


def _with_sbom(image: Image) -> tuple[Image, str]:
    """What to push so that the artifact is found under a tag: an index that lists it, and that tag."""
    sbom = sbom_of(image)
    listed = sbom.descriptor() | {"artifactType": _SBOM}
    index = Manifest(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}).encode(), INDEX)
    blobs = {digest_of(content): content for content in (_EMPTY, _SBOM_CONTENT)}
    return Image(image.marker, "oci", index, {images.HOST_ARCHITECTURE: sbom}, blobs), image.digest.replace(":", "-")


def put(content: Content, image: Image, name: str) -> None:
    """Put the image and what belongs to it at ``name``."""
    content.push(image, name, *TAGS)
    pushed, tag = _with_sbom(image)
    content.push(pushed, name, tag)


def push(origin: str, image: Image, name: str, authorization: str | None) -> None:
    """Push what belongs to an image that is at ``name`` already."""
    images.push(image, origin, name, *TAGS, authorization=authorization)
    pushed, tag = _with_sbom(image)
    images.push(pushed, origin, name, tag, authorization=authorization)


def _descriptor(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": digest_of(content)}
