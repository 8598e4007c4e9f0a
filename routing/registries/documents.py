"""JSON that others wrote, read and written strictly (RFC 8259)."""

from __future__ import annotations

import json
from typing import NoReturn


def parse_json(body: bytes) -> object:
    """The document in a body. Raises `ValueError` for what is no JSON, is nested too deep or holds NaN or Infinity."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the document is nested too deep") from None


def dump_json(document: object) -> bytes:
    """A document's bytes. Raises `ValueError` for what JSON cannot hold, and what is nested too deep."""
    try:
        return json.dumps(document, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("the document is nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
