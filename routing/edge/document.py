"""What the API tells an edge: the files of one engine, of one generation, each with its checksum, and one of the set.

The same module writes it and reads it.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

FORMAT = 1


class Refused(Exception):
    """Not to be put in place: the message says why. What is there stays."""


class Published(NamedTuple):
    """The files of an engine, in the order in which they are put in place."""

    engine: str
    generation: int
    files: tuple[tuple[str, str], ...]


def pack(engine: str, generation: int, files: Iterable[tuple[str, str]]) -> str:
    """The document, as JSON."""
    listed = [{"name": name, "sha256": _sha256(text), "text": text} for name, text in files]
    return json.dumps(
        {
            "format": FORMAT,
            "engine": engine,
            "generation": generation,
            "sha256": _of_the_set(engine, generation, listed),
            "files": listed,
        }
    )


def unpack(received: bytes) -> Published:
    """The document that was received, whole. Raises Refused."""
    try:
        told = json.loads(received)
        engine, generation, listed = told["engine"], told["generation"], told["files"]
        if told["format"] != FORMAT:
            raise Refused(f"it is of format {ascii(told['format'])[:20]}, and this edge reads {FORMAT}: upgrade it")
        if type(generation) is not int or generation < 0 or not isinstance(engine, str):
            raise Refused("it doesn't say which generation it is of")
        files = tuple((_text(each["name"]), _text(each["text"])) for each in listed)
        damaged = [name for each, (name, text) in zip(listed, files, strict=True) if each["sha256"] != _sha256(text)]
        if damaged or told["sha256"] != _of_the_set(engine, generation, listed):
            raise Refused("it is damaged: a checksum is another one")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused("it is no document of routes") from error
    return Published(engine, generation, files)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _of_the_set(engine: str, generation: int, listed: list[dict[str, Any]]) -> str:
    return _sha256(json.dumps([FORMAT, engine, generation, *([each["name"], each["sha256"]] for each in listed)]))
