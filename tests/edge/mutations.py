"""Documents as a publisher sends them that lies, breaks off, or is confused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from routing.edge.document import pack, unpack

_ODD: tuple[Any, ...] = (None, True, 0, -1, 10**30, "", "x", [], {}, [[]], {"": None}, "\ud800", 1.5)


def cut(body: bytes, chance: random.Random) -> bytes:
    """Broken off."""
    return body[: chance.randrange(len(body))]


def flipped(body: bytes, chance: random.Random) -> bytes:
    """With some bits another way."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def misplaced(body: bytes, chance: random.Random) -> bytes:
    """With a piece taken out, or twice."""
    start, end = sorted(chance.choices(range(len(body)), k=2))
    return body[:start] + (body[end:] if chance.random() < 0.5 else body[start:end] + body[start:])


def reshaped(body: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in the document."""
    document = json.loads(body)
    _disturb(document, chance)
    return json.dumps(document).encode()


def wrongly_compiled(body: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in one of the files, and all checksums right."""
    published = unpack(body)
    files = [list(file) for file in published.files]
    chosen = chance.choice(files)
    content = json.loads(chosen[1])
    _disturb(content, chance)
    chosen[1] = json.dumps(content)
    return pack(published.engine, published.generation, ((name, text) for name, text in files)).encode()


def emptied(body: bytes, chance: random.Random) -> bytes:
    """Right by its form, with nothing in it."""
    empty = chance.choice([b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\0" * 10, b'"' + b"x" * 1_000_000 + b'"'])
    return chance.choice([empty, pack("envoy", 10**6, []).encode(), pack("", 0, [("envoy.json", "")]).encode()])


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    cut,
    flipped,
    misplaced,
    reshaped,
    wrongly_compiled,
    emptied,
)


def _disturb(document: Any, chance: random.Random) -> None:
    here = document
    while True:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = chance.choice(keys)
        below = here[key]
        if not isinstance(below, dict | list) or not below or chance.random() < 0.25:
            break
        here = below
    if chance.random() < 0.3:
        del here[key]
    else:
        here[key] = chance.choice(_ODD)
