"""The header fields of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar, overload

T = TypeVar("T")


class Headers(Mapping[str, str]):
    """Header fields by name, whatever its case. Values are latin-1 text, so that every byte survives (RFC 9110 §5.5).

    A name that came several times has its values joined by commas (RFC 9110 §5.3); `get_list` has them apart.
    """

    __slots__ = ("_raw", "_values")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._raw = list(fields)
        self._values: dict[str, list[str]] | None = None

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._by_name()[name.lower()])

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...

    @overload
    def get(self, name: str, default: T, /) -> str | T: ...

    def get(self, name: str, default: object = None, /) -> object:
        """As of any mapping. Most names that are asked for are not there, and an exception for each would cost time."""
        values = self._by_name().get(name.lower())
        return default if values is None else ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name())

    def __len__(self) -> int:
        return len(self._by_name())

    def get_list(self, name: str) -> list[str]:
        """The values of a name, one for each line, in the order in which they came."""
        return list(self._by_name().get(name.lower(), ()))

    def multi_items(self) -> list[tuple[str, str]]:
        """Every line as (name in lower case, value)."""
        return [(name, value) for name, values in self._by_name().items() for value in values]

    def _by_name(self) -> dict[str, list[str]]:
        # Most answers are asked for two or three names, and some for none.
        if self._values is None:
            values: dict[str, list[str]] = {}
            self._values = values
            for raw_name, raw_value in self._raw:
                name = _name(raw_name) if len(raw_name) <= _MAX_KNOWN_NAME else _read_name(raw_name)
                value = raw_value.decode("latin-1")
                if name in values:
                    values[name].append(value)
                else:
                    values[name] = [value]
        return self._values


def _read_name(name: bytes) -> str:
    return name.decode("latin-1").lower()


# Registries' names are the same few hundred again and again.
_MAX_KNOWN_NAME = 40
_name = lru_cache(maxsize=512)(_read_name)
