"""What belongs to an image and lies beside it: signatures, attestations, SBOMs, by each of the ways that clients know.

The referrers API and its fallback tag (OCI distribution spec, "Listing Referrers"), and cosign's tags.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from routing.verification.contents import descriptors
from routing.verification.differences import Difference, Kind
from routing.verification.reader import RegistryReader
from routing.verification.work import BELONGING_TAG

_SIGNS = ("sign", "notary", "notation", "cosign", "sigstore.bundle")
_SUFFIXES = ("sig", "att", "sbom")


class Place(NamedTuple):
    """One repository at one registry."""

    reader: RegistryReader
    repository: str


async def missing_belongings(
    old: Place, new: Place, digest: str, reference: str, tags: Collection[str] | None
) -> list[Difference]:
    """What belongs to a manifest at the old place, and not at the new one. `tags`: all of the old, where known."""
    # Where tags are listed, those that belong to something are compared by themselves.
    found = await _missing_referrers(old, new, digest, reference, None if tags is None else ())
    if tags is None:
        for suffix in _SUFFIXES:
            found += await _missing_tag(old, new, f"{_stem(digest)}.{suffix}")
    return found


async def missing_of_fallback(old: Place, new: Place, tag: str) -> list[Difference]:
    """What a fallback tag names, which the new place may have by its API instead."""
    digest = tag.replace("-", ":", 1)
    return await _missing_referrers(old, new, digest, tag, {tag})


def kind_of_tag(tag: str) -> Kind:
    """What it is that such a tag is missing."""
    match = BELONGING_TAG.fullmatch(tag)
    if match is None:
        return Kind.MISSING_TAG
    return Kind.MISSING_SIGNATURE if match[2] == "sig" else Kind.MISSING_REFERRER


class _Fallback(NamedTuple):
    """The index that a fallback tag names; "" and nothing where there is none."""

    digest: str
    entries: dict[str, Mapping[str, Any]]


async def _missing_referrers(
    old: Place, new: Place, digest: str, reference: str, tags: Collection[str] | None
) -> list[Difference]:
    by_api, by_tag = await _by_api(old, digest), await _by_tag(old, digest, tags)
    there = {**by_tag.entries, **by_api}
    if not there:
        return []
    here = {**await _by_api(new, digest), **(await _by_tag(new, digest, None)).entries}
    found = []
    for each, descriptor in there.items():
        if each in here:
            continue
        kind = Kind.MISSING_SIGNATURE if _is_signature(descriptor) else Kind.MISSING_REFERRER
        said = f"{str(descriptor.get('artifactType') or 'no type')[:200]} {each} of {digest}"
        if each in by_tag.entries:
            # What has to be copied is the index under the tag, with what it names.
            found.append(Difference(kind, _stem(digest), said, by_tag.digest))
        else:
            found.append(Difference(kind, reference, said, each))
    return found


async def _by_api(place: Place, digest: str) -> dict[str, Mapping[str, Any]]:
    found = descriptors(await place.reader.referrers(place.repository, digest))
    return {descriptor["digest"]: descriptor for descriptor in found}


async def _by_tag(place: Place, digest: str, tags: Collection[str] | None) -> _Fallback:
    tag = _stem(digest)
    if tags is not None and tag not in tags:
        return _Fallback("", {})
    if tags is None and await place.reader.head(place.repository, tag) is None:
        return _Fallback("", {})
    manifest = await place.reader.manifest(place.repository, tag)
    found = descriptors(manifest.document.get("manifests")) if manifest else []
    return _Fallback(manifest.digest if manifest else "", {each["digest"]: each for each in found})


async def _missing_tag(old: Place, new: Place, tag: str) -> list[Difference]:
    there = await old.reader.head(old.repository, tag)
    if there is None:
        return []
    here = await new.reader.head(new.repository, tag)
    if here is not None and here.digest == there.digest:
        return []
    return [Difference(kind_of_tag(tag), tag, f"tag {tag}", there.digest, here.digest if here else "")]


def _is_signature(descriptor: Mapping[str, Any]) -> bool:
    kind = str(descriptor.get("artifactType") or "").lower()
    return any(sign in kind for sign in _SIGNS)


def _stem(digest: str) -> str:
    return digest.replace(":", "-", 1)
