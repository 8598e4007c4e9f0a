"""Compares one reference: what is there now, with what would be there.

Bytes come from the side whose registry doesn't count them, for equal digests name equal bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field

from routing.registries.exceptions import RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.probes.repository import Delivery
from routing.verification.belongings import Place, kind_of_tag, missing_belongings, missing_of_fallback
from routing.verification.contents import Blobs, Contents, descriptors, platform_of
from routing.verification.differences import Difference, Kind
from routing.verification.reader import Head, Manifest, NotReadable
from routing.verification.work import BELONGING_TAG


@dataclass
class Facts:
    """What is found out about a repository beside differences: for what clients will meet. None: not known."""

    old_public: bool | None = None
    new_public: bool | None = None
    old_delivery: Delivery = Delivery.UNKNOWN
    new_delivery: Delivery = Delivery.UNKNOWN

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing more to find out."""
        return Delivery.UNKNOWN not in (self.old_delivery, self.new_delivery)


@dataclass
class Pair:
    """A repository at both registries; `tags` are all that the old one lists, None where it doesn't."""

    old: Place
    new: Place
    blobs: Blobs
    tags: Collection[str] | None = None
    facts: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        self._at_new = Contents(self.new.reader, self.new.repository, self.blobs, self._manifest)
        self._is_finding = False

    async def compare(self, reference: str) -> list[Difference]:
        """What would be another for this reference. Raises RateLimited, RegistryUnreachable, RegistryTimeout."""
        try:
            return await self._compare(reference)
        except (RegistryUnreachable, RegistryTimeout):
            raise
        except RegistryError as error:
            return [Difference(Kind.COULD_NOT_ASK, reference, str(error))]

    async def _compare(self, reference: str) -> list[Difference]:
        match = BELONGING_TAG.fullmatch(reference)
        if match and not match[2]:
            return await self._readably(reference, missing_of_fallback(self.old, self.new, reference))
        try:
            there = await self.old.reader.head(self.old.repository, reference)
        except NotReadable as error:
            self.facts.old_public = False
            return [Difference(Kind.COULD_NOT_ASK, reference, str(error))]
        self.facts.old_public = True
        if there is None:
            # One that was listed is gone by now, and that is no difference.
            is_gone = self.tags is not None and reference in self.tags
            return [] if is_gone else [Difference(Kind.NO_SUCH_TAG, reference)]
        return await self._readably(reference, self._against(there, reference))

    async def _readably(self, reference: str, asking: Awaitable[list[Difference]]) -> list[Difference]:
        """What that finds, or that nobody may read it."""
        try:
            return await asking
        except NotReadable as error:
            if error.host == self.old.reader.host:
                return [Difference(Kind.COULD_NOT_ASK, reference, str(error))]
            self.facts.new_public = False
            return [Difference(Kind.NOT_PUBLIC, reference, str(error))]

    async def _against(self, there: Head, reference: str) -> list[Difference]:
        here = await self.new.reader.head(self.new.repository, reference)
        if here is None:
            missing = [Difference(kind_of_tag(reference), reference, "", there.digest)]
            return missing + await self._belongings(there, reference)
        self.facts.new_public = True
        if here.digest != there.digest:
            found = [Difference(Kind.OTHER_DIGEST, reference, "", there.digest, here.digest)]
            return found + await self._lost_platforms(there, here, reference)
        manifest = await self._manifest(there.digest)
        found = [] if manifest is None else await self._at_new.missing_in(manifest, reference)
        found += await self._belongings(there, reference)
        if manifest is not None and not found:
            await self._find_delivery(manifest)
        return found

    async def _belongings(self, there: Head, reference: str) -> list[Difference]:
        if BELONGING_TAG.fullmatch(reference):
            return []
        return await missing_belongings(self.old, self.new, there.digest, reference, self.tags)

    async def _manifest(self, digest: str) -> Manifest | None:
        """A manifest that both have."""
        if self.new.reader.is_counting and not self.old.reader.is_counting:
            return await self.old.reader.manifest(self.old.repository, digest)
        return await self.new.reader.manifest(self.new.repository, digest)

    async def _lost_platforms(self, there: Head, here: Head, reference: str) -> list[Difference]:
        if "index" not in there.media_type and "list" not in there.media_type:
            return []
        old = await self.old.reader.manifest(self.old.repository, there.digest)
        new = await self.new.reader.manifest(self.new.repository, here.digest)
        if old is None or new is None:
            return []
        has = {platform_of(each) for each in descriptors(new.document.get("manifests"))}
        lost = [platform_of(each) for each in descriptors(old.document.get("manifests"))]
        return [
            Difference(Kind.MISSING_PLATFORM, reference, platform, there.digest)
            for platform in lost
            if platform not in has and not platform.startswith("manifest ")
        ]

    async def _find_delivery(self, manifest: Manifest) -> None:
        """Once for a repository: are layers redirected, or inline?"""
        if self._is_finding or self.facts.is_complete:
            return
        self._is_finding = True
        try:
            blob = await self._at_new.some_blob(manifest)
            if blob:
                self.facts.old_delivery = await self.old.reader.delivery(self.old.repository, blob)
                self.facts.new_delivery = await self.new.reader.delivery(self.new.repository, blob)
        finally:
            self._is_finding = False
