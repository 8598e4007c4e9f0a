"""Multi-arch, multi-layer images made byte by byte, without a build tool, and pushed over HTTP.

The same arguments give the same bytes, so a test knows every digest beforehand; another marker gives another image, so
a test can tell which registry a pull was answered from.
"""

import gzip
import hashlib
import http.client
import io
import json
import platform
import random
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

Flavour = Literal["docker", "oci"]

MARKER_FILE = "marker"
MARKER_LABEL = "lab.marker"
_MEDIA_TYPES: dict[Flavour, dict[str, str]] = {
    "docker": {
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    },
    "oci": {
        "index": "application/vnd.oci.image.index.v1+json",
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
    },
}
_GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}
HOST_ARCHITECTURE = _GOARCH[platform.machine()]


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def marker_in(layer: bytes) -> str | None:
    """The content of the marker file in a layer as transferred, or None when the layer holds none."""
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as archive:
        if MARKER_FILE not in archive.getnames():
            return None
        member = archive.extractfile(MARKER_FILE)
        return None if member is None else member.read().decode()


@dataclass(frozen=True)
class Manifest:
    """A manifest as it goes over the wire; for an image manifest, also what it refers to."""

    content: bytes
    media_type: str
    config_digest: str = ""
    layer_digests: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


@dataclass(frozen=True)
class Image:
    """A multi-arch image: its index, one manifest for each architecture, and every blob by digest."""

    marker: str
    flavour: Flavour
    index: Manifest
    manifests: Mapping[str, Manifest]
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The digest of the index: what a pull by tag reports, and what a pull by digest names."""
        return self.index.digest

    @property
    def host(self) -> Manifest:
        """The manifest that a client on this machine picks."""
        return self.manifests[HOST_ARCHITECTURE]

    @property
    def layer_bytes(self) -> int:
        """Bytes, as transferred, of the layers that a client on this machine fetches."""
        return sum(len(self.blobs[digest]) for digest in self.host.layer_digests)

    @property
    def manifest_bytes(self) -> int:
        """Bytes of the index and of the manifest that a client on this machine fetches."""
        return sum(len(content) for content in {self.index.content, self.host.content})

    @property
    def expected_marker(self) -> str:
        """The content of the marker file in the image for this machine."""
        return f"{self.marker}/{HOST_ARCHITECTURE}\n"


def build(marker: str, *, flavour: Flavour = "docker", layers: int = 3, layer_kib: int = 48) -> Image:
    """An image for amd64, arm64 and this machine, each with layers of ``layer_kib`` KiB that don't compress."""
    types = _MEDIA_TYPES[flavour]
    blobs: dict[str, bytes] = {}
    manifests: dict[str, Manifest] = {}
    for architecture in sorted({"amd64", "arm64", HOST_ARCHITECTURE}):
        manifests[architecture] = _build_one(marker, architecture, types, layers, layer_kib, blobs)
    index = {
        "schemaVersion": 2,
        "mediaType": types["index"],
        "manifests": [
            manifest.descriptor() | {"platform": {"architecture": architecture, "os": "linux"}}
            for architecture, manifest in manifests.items()
        ],
    }
    return Image(marker, flavour, Manifest(_json(index), types["index"]), manifests, blobs)


def build_artifact(marker: str, *, layers: int = 3, layer_kib: int = 48) -> Image:
    """An OCI artifact: one manifest for every architecture, its layers plain files with titles, as ORAS has it."""
    blobs: dict[str, bytes] = {}
    contents = {f"data-{n}": random.Random(f"{marker}/{n}").randbytes(layer_kib * 1024) for n in range(layers - 1)}
    contents[MARKER_FILE] = f"{marker}/{HOST_ARCHITECTURE}\n".encode()
    descriptors = [
        _store(blobs, content, "application/octet-stream") | {"annotations": {"org.opencontainers.image.title": title}}
        for title, content in contents.items()
    ]
    config = _store(blobs, b"{}", "application/vnd.oci.empty.v1+json")
    media_type = _MEDIA_TYPES["oci"]["manifest"]
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "artifactType": "application/vnd.lab",
        "config": config,
        "layers": descriptors,
    }
    layer_digests = tuple(str(descriptor["digest"]) for descriptor in descriptors)
    manifest = Manifest(_json(document), media_type, str(config["digest"]), layer_digests)
    return Image(marker, "oci", manifest, {HOST_ARCHITECTURE: manifest}, blobs)


def _build_one(
    marker: str, architecture: str, types: dict[str, str], layers: int, layer_kib: int, blobs: dict[str, bytes]
) -> Manifest:
    diff_ids, descriptors = [], []
    for number in range(layers):
        files = {f"layer-{number}/data": random.Random(f"{marker}/{architecture}/{number}").randbytes(layer_kib * 1024)}
        if number == layers - 1:
            files[MARKER_FILE] = f"{marker}/{architecture}\n".encode()
        tar = _tar(files)
        layer = gzip.compress(tar, compresslevel=1, mtime=0)
        diff_ids.append(digest_of(tar))
        descriptors.append(_store(blobs, layer, types["layer"]))
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["/none"], "Labels": {MARKER_LABEL: marker}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(layers)],
    }
    config_descriptor = _store(blobs, _json(config), types["config"])
    manifest = {
        "schemaVersion": 2,
        "mediaType": types["manifest"],
        "config": config_descriptor,
        "layers": descriptors,
    }
    layer_digests = tuple(str(descriptor["digest"]) for descriptor in descriptors)
    return Manifest(_json(manifest), types["manifest"], str(config_descriptor["digest"]), layer_digests)


def _store(blobs: dict[str, bytes], content: bytes, media_type: str) -> dict[str, Any]:
    blobs[digest_of(content)] = content
    return {"mediaType": media_type, "size": len(content), "digest": digest_of(content)}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for directory in sorted({name.rpartition("/")[0] for name in files} - {""}):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def push(image: Image, origin: str, name: str, *tags: str, authorization: str | None = None) -> None:
    """Push every blob and manifest of ``image`` to ``origin`` (``http://address:port``) as ``name``, under ``tags``.

    Follows the OCI distribution spec's monolithic upload (POST, then PUT). Raises AssertionError with the registry's
    answer when it refuses.
    """
    session = _Upload(origin, name, authorization)
    try:
        for digest, content in image.blobs.items():
            session.blob(digest, content)
        for manifest in image.manifests.values():
            session.manifest(manifest, manifest.digest)
        for reference in tags or ("latest",):
            session.manifest(image.index, reference)
    finally:
        session.close()


class _Upload:
    def __init__(self, origin: str, name: str, authorization: str | None) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=30)
        self._name = name
        self._headers = {"Authorization": authorization} if authorization else {}

    def close(self) -> None:
        self._connection.close()

    def blob(self, digest: str, content: bytes) -> None:
        location = self._request("POST", f"/v2/{self._name}/blobs/uploads/", b"", {}, 202)
        parts = urlsplit(location)
        query = f"{parts.query}&digest={digest}" if parts.query else f"digest={digest}"
        self._request("PUT", f"{parts.path}?{query}", content, {"Content-Type": "application/octet-stream"}, 201)

    def manifest(self, manifest: Manifest, reference: str) -> None:
        headers = {"Content-Type": manifest.media_type}
        self._request("PUT", f"/v2/{self._name}/manifests/{reference}", manifest.content, headers, 201)

    def _request(self, method: str, target: str, body: bytes, headers: dict[str, str], expected: int) -> str:
        self._connection.request(method, target, body, headers | self._headers)
        answer = self._connection.getresponse()
        text = answer.read().decode(errors="replace")
        assert answer.status == expected, f"{method} {target} → {answer.status} {text}"
        return answer.headers.get("Location", "")
