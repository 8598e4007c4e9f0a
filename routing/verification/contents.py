"""Whether the candidate has what a manifest names: the images of an index, and the blobs of an image."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from routing.core.grammar.names import is_digest
from routing.verification.differences import Difference, Kind
from routing.verification.reader import Manifest, RegistryReader

_MAX_DEPTH = 3
_MAX_ENTRIES = 2000


class Blobs(StrEnum):
    """Of which blobs it is asked whether they are there."""

    NONE = "none"
    SAMPLE = "sample"
    ALL = "all"


class Contents:
    """Looks at one repository of the candidate; what it has seen once it does not ask for again.

    `read` gives a manifest that both registries have, from the one that doesn't count it.
    """

    def __init__(
        self,
        reader: RegistryReader,
        repository: str,
        blobs: Blobs,
        read: Callable[[str], Awaitable[Manifest | None]],
    ) -> None:
        self._reader, self._repository, self._blobs, self._read = reader, repository, blobs, read
        self._there: dict[str, bool] = {}

    async def missing_in(self, manifest: Manifest, reference: str, depth: int = 0) -> list[Difference]:
        """What a manifest names and the candidate lacks."""
        children = descriptors(manifest.document.get("manifests"))
        if not children or depth >= _MAX_DEPTH:
            return await self._missing_blobs(manifest, reference)
        missing = [child for child in children if not await self._has_manifest(child["digest"])]
        found = [_missing_platform(reference, child, manifest.digest) for child in missing]
        whole = [child for child in children if child not in missing]
        for child in _looked_into(whole, self._blobs):
            inner = await self._read(child["digest"])
            if inner is not None:
                found += await self.missing_in(inner._replace(digest=manifest.digest), reference, depth + 1)
        return found

    async def some_blob(self, manifest: Manifest) -> str:
        """The digest of a small layer, of the image or of one in it; "" where there is none."""
        children = _looked_into(descriptors(manifest.document.get("manifests")), Blobs.SAMPLE)
        if children:
            inner = await self._read(children[0]["digest"])
            return "" if inner is None or inner.document.get("manifests") else await self.some_blob(inner)
        layers = _own_layers(manifest.document)
        return str(min(layers, key=size_of)["digest"]) if layers else ""

    async def _missing_blobs(self, manifest: Manifest, reference: str) -> list[Difference]:
        if self._blobs is Blobs.NONE:
            return []
        layers = _own_layers(manifest.document)
        if self._blobs is Blobs.SAMPLE and layers:
            layers = [min(layers, key=size_of)]
        found = []
        config = descriptors([manifest.document.get("config")])
        for what, blob in [*(("config", each) for each in config), *(("layer", each) for each in layers)]:
            if not await self._has_blob(blob["digest"]):
                found.append(Difference(Kind.MISSING_BLOB, reference, f"{what} {blob['digest']}", manifest.digest))
        return found

    async def _has_manifest(self, digest: str) -> bool:
        if digest not in self._there:
            self._there[digest] = await self._reader.head(self._repository, digest) is not None
        return self._there[digest]

    async def _has_blob(self, digest: str) -> bool:
        if digest not in self._there:
            self._there[digest] = await self._reader.has_blob(self._repository, digest)
        return self._there[digest]


def descriptors(found: object) -> list[dict[str, Any]]:
    """The well-formed content descriptors in a list (OCI image spec, descriptor.md)."""
    entries = found[:_MAX_ENTRIES] if isinstance(found, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and is_digest(str(entry.get("digest")))]


def platform_of(descriptor: Mapping[str, Any]) -> str:
    """The platform of an entry of an index, as `linux/arm64/v8`; what has none, such as an attestation: its digest."""
    platform = descriptor.get("platform")
    if isinstance(platform, dict) and platform.get("os") not in (None, "unknown"):
        return "/".join(str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key))
    return f"manifest {descriptor.get('digest')}"


def size_of(descriptor: Mapping[str, Any]) -> int:
    """In bytes; 0 where it isn't said."""
    size = descriptor.get("size")
    return size if isinstance(size, int) else 0


def _missing_platform(reference: str, child: Mapping[str, Any], digest: str) -> Difference:
    return Difference(Kind.MISSING_PLATFORM, reference, platform_of(child), digest)


def _own_layers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers that the registry itself has: not those that the manifest finds at other addresses."""
    return [layer for layer in descriptors(document.get("layers")) if not layer.get("urls")]


def _looked_into(children: list[dict[str, Any]], blobs: Blobs) -> list[dict[str, Any]]:
    """The images of an index whose blobs are asked for: of a sample the most common platform's."""
    if blobs is Blobs.ALL or not children:
        return children
    if blobs is Blobs.NONE:
        return []
    return [next((child for child in children if platform_of(child) == "linux/amd64"), children[0])]
