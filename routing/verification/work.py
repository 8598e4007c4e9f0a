"""What is to be compared: repositories under two names, and in each the references that matter."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

from routing.core.grammar.names import is_digest, is_name, is_tag
from routing.registries.auth.scopes import Scope, repository_scope
from routing.registries.exceptions import RegistryError
from routing.verification.differences import Difference, Kind
from routing.verification.reader import NotReadable, RegistryReader

_Answer = TypeVar("_Answer")

_MAX_PAGES = 30
_AT_ONCE = 16
#: A tag that belongs to a manifest: cosign's (sigstore/cosign, "SIGNATURE_SPEC"), and the fallback of the OCI
#: distribution spec, "Referrers Tag Schema", which has no suffix.
BELONGING_TAG = re.compile(r"sha256-([0-9a-f]{64})(?:\.(sig|att|sbom))?")


class Side(NamedTuple):
    """One side of a switch: a registry, the prefix there, and where that registry keeps one-component names."""

    origin: str
    prefix: str
    implicit_namespace: str = ""

    def repository(self, rest: str) -> str:
        """The name there of what stands below the mapping's prefix under `rest`; "" stands for the prefix itself."""
        name = "/".join(part for part in (self.prefix, rest) if part)
        return f"{self.implicit_namespace}/{name}" if self.implicit_namespace and name and "/" not in name else name


class Switch(NamedTuple):
    """A mapping that may lead elsewhere. `rests` are what is known of repositories below it."""

    source: str
    old: Side
    new: Side
    rests: tuple[str, ...] = ()
    is_repository: bool = False


class Wish(NamedTuple):
    """A reference that somebody adds: in one repository below the prefix, or where `rest` is None in all of them."""

    rest: str | None
    reference: str


@dataclass
class Piece:
    """One repository, and what of it is to be compared.

    `is_listed`: the old registry lists its tags; `unlisted` are those references that it does not list.
    """

    source: str
    old: str
    new: str
    switch: int
    references: list[str] = field(default_factory=list)
    is_listed: bool = False
    unlisted: list[str] = field(default_factory=list)

    @property
    def listed(self) -> frozenset[str] | None:
        """The tags that the old registry lists; None where it lists none to anybody."""
        return frozenset(self.references) - frozenset(self.unlisted) if self.is_listed else None

    def as_json(self) -> list[Any]:
        """For keeping it between two steps."""
        return [self.source, self.old, self.new, self.switch, self.references, self.is_listed, self.unlisted]


@dataclass
class Work:
    """All of it, and what was found out while listing: differences by the switch's number, and by name."""

    pieces: list[Piece] = field(default_factory=list)
    differences: list[tuple[int, str, Difference]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many references there are."""
        return sum(len(piece.references) for piece in self.pieces)


def parse_wish(text: str) -> Wish:
    """Read `1.0`, `sha256:…`, `app:1.0` or `app@sha256:…`. Raises ValueError."""
    text = text.strip()
    # The grammar of digests takes app:latest for one, of an algorithm “app”.
    if is_tag(text) or (is_digest(text) and text.startswith(("sha256:", "sha512:"))):
        return Wish(None, text)
    name, at, digest = text.partition("@")
    rest, colon, tag = (name, ":", digest) if at else text.rpartition(":")
    if colon and (rest == "" or is_name(rest)) and (is_digest(tag) if at else is_tag(tag)):
        return Wish(rest, tag)
    raise ValueError(f"“{text[:200]}” is no tag, digest, or repository:tag below the mapping's prefix")


async def list_work(
    switches: list[Switch], readers: Mapping[str, RegistryReader], wishes: list[Wish], max_references: int
) -> Work:
    """Find out what there is to compare. Raises RateLimited."""
    work = Work()
    olds = [readers[switch.old.origin] for switch in switches]
    rests = await _all(
        [partial(_rests, switch, number, olds[number], wishes, work) for number, switch in enumerate(switches)]
    )
    pieces = await _all(
        [
            partial(_piece, switch, number, rest, olds[number], wishes, work)
            for number, switch in enumerate(switches)
            for rest in rests[number]
        ]
    )
    for piece in pieces:
        room = max(0, max_references - work.total)
        if len(piece.references) > room:
            work.notes.append(f"{piece.source}: only {room} of {len(piece.references)} references are compared")
            piece.references = sample_of(piece.references, room)
        if piece.references:
            work.pieces.append(piece)
    return work


async def _all(questions: Sequence[Callable[[], Awaitable[_Answer]]]) -> list[_Answer]:
    """The answers in the questions' order, some asked at once. What one raises is raised, and ends the others."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def ask(question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        async with places:
            return await question()

    tasks = [asyncio.create_task(ask(question)) for question in questions]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sample_of(references: list[str], count: int) -> list[str]:
    """So many of them, in their order: `latest`, and others at equal distances."""
    if count >= len(references):
        return references
    preferred = [each for each in references if each == "latest"][:count]
    others = [each for each in references if each not in preferred]
    left = count - len(preferred)
    chosen = {*preferred, *(others[number * len(others) // left] for number in range(left))}
    return [each for each in references if each in chosen]


async def _rests(switch: Switch, number: int, reader: RegistryReader, wishes: list[Wish], work: Work) -> list[str]:
    """The repositories below a mapping's prefix, as far as anybody can tell."""
    known = [*switch.rests, *(wish.rest for wish in wishes if wish.rest is not None)]
    if not switch.is_repository:
        known += await _catalogue(switch.old, reader)
    rests = list(dict.fromkeys(known))
    if not rests:
        said = f"no repository below it is known, and {reader.host} lists none: add some, as in REPOSITORY:TAG"
        work.differences.append((number, switch.source, Difference(Kind.COULD_NOT_ASK, "", said)))
    return rests


async def _catalogue(side: Side, reader: RegistryReader) -> list[str]:
    """What a registry lists below a prefix (distribution's `_catalog`, which many don't have)."""
    found: list[str] = []
    path, start = "/v2/_catalog?n=1000", f"{side.prefix}/" if side.prefix else ""
    try:
        for _ in range(_MAX_PAGES):
            page = await reader.page(Scope("registry", "catalog", ("*",)), path)
            names = page[0].get("repositories") if page else None
            for name in names if isinstance(names, list) else ():
                if isinstance(name, str) and is_name(name) and (name == side.prefix or name.startswith(start)):
                    found.append(name[len(start) :])
            if page is None or not page[1]:
                break
            path = page[1]
    except (NotReadable, RegistryError):
        return found
    return found


async def _piece(
    switch: Switch, number: int, rest: str, reader: RegistryReader, wishes: list[Wish], work: Work
) -> Piece:
    source = "/".join(part for part in (switch.source, rest) if part)
    piece = Piece(source, switch.old.repository(rest), switch.new.repository(rest), number)
    if not piece.old or not piece.new:
        said = "the name alone is a namespace at one of the registries: no repository is there"
        work.differences.append((number, source, Difference(Kind.COULD_NOT_ASK, "", said)))
        return piece
    wanted = [wish.reference for wish in wishes if wish.rest in (None, rest)]
    try:
        listed = await _tags(reader, piece.old)
    except (NotReadable, RegistryError) as error:
        listed = None
        if not wanted or isinstance(error, NotReadable):
            said = f"its tags can't be listed: {error}"
            work.differences.append((number, source, Difference(Kind.COULD_NOT_ASK, "", said)))
    if listed is None and not wanted:
        work.notes.append(f"{source}: {reader.host} lists no tags")
    piece.is_listed = listed is not None
    piece.references = list(dict.fromkeys([*(listed or ()), *wanted]))
    piece.unlisted = [reference for reference in wanted if reference not in (listed or ())]
    return piece


async def _tags(reader: RegistryReader, repository: str) -> list[str] | None:
    """All tags (OCI distribution spec, end-8b); None where the registry has no such list."""
    found: list[str] = []
    path = f"/v2/{repository}/tags/list?n=1000"
    for _ in range(_MAX_PAGES):
        page = await reader.page(repository_scope(repository), path)
        if page is None:
            return found or None
        tags = page[0].get("tags")
        found += [tag for tag in tags if isinstance(tag, str) and is_tag(tag)] if isinstance(tags, list) else []
        if not page[1]:
            break
        path = page[1]
    return found
