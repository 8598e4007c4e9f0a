"""A report of a self-test as everybody may read it who has the link: each field judged.

What is told is about the way to the hostname alone, which everybody can walk: its records in the DNS, its port, until
when its certificate is valid, and whether each further step went well, in words of our own. Left out is what registries
answered and which these are, names of images, other names on a certificate, and every address that is not one of the
public Internet: a mapping can be private, and a proxy stands within a network.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple

from routing.diagnosis.report import Mark
from routing.models import SelfTest

_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:]")
_LEFT = re.compile(r"(\d{1,6} (?:days|hours)) left\Z")
_UNTOLD = "an address within a network"
_WORDS = {Mark.GOOD: "passed", Mark.WARNING: "see to it", Mark.BAD: "failed", Mark.SKIPPED: "not tried"}
#: What a step looks at, by its name, or by how that begins. One that is not here is not told at all.
_LOOKS_AT = {
    "hostname": "whether this facade serves the name",
    "DNS": "the address records of the name",
    "port": "whether a connection is accepted",
    "certificate": "whether clients trust the certificate",
    "facade": "whether this facade answers there",
    "host": "whether the proxy passes the host on",
    "scheme": "whether the proxy passes the scheme on",
    "client": "whether the proxy passes the client's address on",
    "clock": "whether the server's clock is right",
    "long token": "whether a long token comes through",
    "long address": "whether an answer with a long address comes through",
    "ping": "the first question of every client",
    "challenge": "where clients are asked to get a token",
    "token": "whether clients get a token",
    "pull": "a pull as this client does it",
    "time": "whether it ended in time",
}


class SharedStep(NamedTuple):
    """One step, in plain text. `came` and `advice` may be empty."""

    name: str
    looks_at: str
    mark: Mark
    came: str
    advice: str
    milliseconds: int

    @property
    def word(self) -> str:
        """What came of it, in a word."""
        return _WORDS[self.mark]


def shared_steps(row: SelfTest) -> list[SharedStep]:
    """The steps of a report, as everybody may read them."""
    return list(_shared(row.steps))


def _shared(steps: Iterable[dict[str, Any]]) -> Iterable[SharedStep]:
    for step in steps:
        name, mark = str(step["name"]), Mark(step["mark"])
        kind = _kind_of(name)
        if kind is None:
            continue
        came = advice = ""
        if kind in ("DNS", "port"):
            came, advice = without_internal_addresses(step["came"]), without_internal_addresses(step["advice"])
        elif kind == "certificate" and (left := _LEFT.search(step["came"])):
            came = f"{left[1]} left"
        yield SharedStep(name, _LOOKS_AT[kind], mark, came, advice, int(step["milliseconds"]))


def _kind_of(name: str) -> str | None:
    if name in _LOOKS_AT:
        return name
    first = name.partition(" ")[0]
    return first if first in ("port", "ping", "pull") else None


def without_internal_addresses(text: str) -> str:
    """A text in which every IP address that is none of the public Internet's is replaced by words."""
    for pattern in (_IPV6, _IPV4):
        text = pattern.sub(lambda found: found[0] if _is_told(found[0]) else _UNTOLD, text)
    return text


def _is_told(text: str) -> bool:
    try:
        address = ip_address(text.rstrip(":") if text.count(":") == 1 else text)
    except ValueError:
        # No address, such as 999.1.1.1 or “10:30:12”; whatever looks so and isn't one has no place here either.
        return False
    return address.is_global
