"""Numbers of bytes as people write and read them: 100 GiB, 512 MiB, or plain bytes."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(?P<number>[0-9]{1,18})(?:[.,](?P<part>[0-9]{1,6}))? ?(?P<unit>[A-Za-z]{0,5})", re.ASCII)
_NAMES = {"": "bytes", "b": "bytes", "byte": "bytes", **{unit.lower(): unit for unit in _UNITS}}
# What people type who mean the same: kb is read as KiB.
_NAMES |= {f"{unit[0].lower()}b": unit for unit in _UNITS if unit != "bytes"}
_NAMES |= {unit[0].lower(): unit for unit in _UNITS if unit != "bytes"}
_MAX = 2**63 - 1


def in_words(size: int) -> str:
    """A number of bytes in the largest unit that leaves a whole number, or with one decimal: 100 GiB, 5.5 MiB."""
    unit = next((unit for unit in reversed(_UNITS) if size >= _UNITS[unit]), "bytes")
    number = size / _UNITS[unit]
    return f"{number:,.0f} {unit}" if number == int(number) else f"{number:,.1f} {unit}"


def exactly(size: int) -> str:
    """The same without rounding, as a form shows it."""
    unit = next((unit for unit in reversed(_UNITS) if size and size % _UNITS[unit] == 0), "bytes")
    return str(size) if unit == "bytes" else f"{size // _UNITS[unit]} {unit}"


def parse_size(text: str) -> int:
    """The number of bytes. Raises ValidationError."""
    match = _SIZE.fullmatch(text.strip())
    unit = _NAMES.get(match["unit"].lower()) if match else None
    if match is None or unit is None:
        raise ValidationError("Write a number and a unit, such as 100 GiB or 512 MiB.")
    size = int(match["number"]) * _UNITS[unit] + int(float(f"0.{match['part'] or 0}") * _UNITS[unit])
    if size > _MAX:
        raise ValidationError("This is more than can be counted.")
    return size


class SizeField(forms.Field):
    """A number of bytes, with its unit."""

    def prepare_value(self, value: Any) -> Any:
        """The number as it is shown."""
        return exactly(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """The number of bytes; None for nothing."""
        text = "" if value is None else str(value).strip()
        return parse_size(text) if text else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another number is meant, however it is written."""
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True
