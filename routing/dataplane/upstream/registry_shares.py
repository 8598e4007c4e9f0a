"""A share for each tenant of what registries allow the facade's address: relayed manifests that no account pays for.

A manifest that is relayed without an account's token counts against the facade's own address, which all tenants share:
Docker Hub allows an address 100 in six hours and says so (`RateLimit-Limit: 100;w=21600`; `Docker-RateLimit-Source` is
the address, or the account). One tenant gets a part of what a registry says; where it says nothing, of a fixed number.

The counts are in memory that is shared by all workers that were forked from one process (gunicorn, preload_app): what
counts for a registry is the server's address, and a share for each worker would be used up in one of them while the
others have theirs left. Servers with other addresses have other limits, so nothing is shared beyond.
"""

import base64
import ipaddress
import mmap
import os
import re
import struct
import time
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from django.conf import settings

from routing.dataplane.upstream.credentials import bare, is_sealed, split_authorization
from routing.manifest_store.sightings import sightings
from routing.registries.documents import parse_json

_HOUR_SECONDS = 3600.0
_MAX_WINDOW_SECONDS = 86_400.0
_MAX_TOLD = 1024
_SOURCE, _NUMBER, _LEFT = "docker-ratelimit-source", "ratelimit-limit", "ratelimit-remaining"
_LENGTHS_OF_NAMES = (len(_SOURCE), len(_NUMBER), len(_LEFT))
_LIMIT = re.compile(r"(\d{1,9})[ \t]*+;[ \t]*+w=(\d{1,7})")
_NUMBER_LEFT = re.compile(r"(\d{1,9})(?:[ \t]*+;.*)?", re.DOTALL)
# Key, begin of the window (monotonic clock, which all processes of a machine share), count.
_SLOT = struct.Struct("=QdQ")
_SLOTS = 4096
_TRIED_SLOTS = 8
# The same in all processes that were forked from this one, as the memory is.
_SECRET = os.urandom(16)


class Window(NamedTuple):
    """So many in so many seconds."""

    number: int
    seconds: float


class RegistryShares:
    """Counts by tenant and registry, in memory of a fixed size. Processes may lose one of each other's counts."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOTS * _SLOT.size)
        self._told: dict[str, Window] = {}

    def take(self, tenant: str, origin: str) -> float:
        """Count one more manifest. Gives 0, or how many seconds it is until the tenant may have another."""
        share = self._share(origin)
        position, key, began, count = self._slot(tenant, origin, share.seconds)
        if count >= share.number:
            return max(began + share.seconds - time.monotonic(), 1.0)
        _SLOT.pack_into(self._memory, position, key, began, count + 1)
        return 0.0

    def give_back(self, tenant: str, origin: str) -> None:
        """The last one didn't count."""
        position, key, began, count = self._slot(tenant, origin, self._share(origin).seconds)
        if count:
            _SLOT.pack_into(self._memory, position, key, began, count - 1)

    def learn(self, origin: str, headers: Iterable[tuple[str, str]]) -> bool:
        """Take in what a registry says with its answer; says whether its limits are those of the facade's address."""
        told = {name.lower(): value for name, value in headers if len(name) in _LENGTHS_OF_NAMES}
        if not _is_address(told.get(_SOURCE, "")):
            return False
        limit = _LIMIT.fullmatch(told[_NUMBER]) if _NUMBER in told else None
        if limit is not None:
            if len(self._told) >= _MAX_TOLD:
                self._told.clear()
            self._told[origin] = Window(int(limit[1]), min(float(limit[2]), _MAX_WINDOW_SECONDS))
        left = _NUMBER_LEFT.fullmatch(told.get(_LEFT, ""))
        if left is not None:
            window = self._told.get(origin, Window(0, 0))
            sightings.see_limit(origin, int(left[1]), window.number, window.seconds)
        return True

    def _share(self, origin: str) -> Window:
        told = self._told.get(origin)
        if told is None:
            return Window(settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR, _HOUR_SECONDS)
        return Window(max(told.number * settings.FACADE_RATE_LIMIT_SHARE_PERCENT // 100, 1), told.seconds)

    def _slot(self, tenant: str, origin: str, seconds: float) -> tuple[int, int, float, int]:
        """Where a tenant's count for a registry is, and what it is; one that is over begins anew."""
        key = _key(tenant, origin)
        now = time.monotonic()
        best = (0, 0, now, 0)
        for number in range(_TRIED_SLOTS):
            position = (key + number) % _SLOTS * _SLOT.size
            found, began, count = _SLOT.unpack_from(self._memory, position)
            if found == key:
                return (position, key, began, count) if now - began < seconds else (position, key, now, 0)
            # Free ones have begun at 0. Of others, the oldest gives way.
            if number == 0 or began < best[2]:
                best = (position, key, began, 0)
        return best[0], key, now, 0


@lru_cache(maxsize=1024)
def _key(tenant: str, origin: str) -> int:
    """What names a tenant's count for a registry; never 0, which is a free slot's.

    Nobody can work it out: a tenant that knew where its count is could push it out with registries of its own.
    """
    digest = blake2b(f"{tenant}\0{origin}".encode(), digest_size=8, key=_SECRET).digest()
    return int.from_bytes(digest) | 1


def has_account(authorization: str) -> bool:
    """Whether a token is an account's, as far as it tells: then the registry counts for the account.

    Docker Hub's and Quay's tokens are JWTs (RFC 7519), whose `sub` is an account, or empty, or `(anonymous)`. Whoever
    makes one up gets a 401 for it, which counts for nothing. Of a token that says nothing, nobody's is assumed.
    """
    scheme, token = split_authorization(authorization)
    if scheme == "bearer" and is_sealed(token):
        return True
    parts = bare(token).split(".")
    if scheme != "bearer" or len(parts) != 3:
        return False
    try:
        claims = parse_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return isinstance(subject, str) and subject not in ("", "(anonymous)")


def _is_address(source: str) -> bool:
    """Whether what a limit is counted by is an address; an account's is an id. Most registries don't say."""
    if not source:
        return True
    try:
        ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return True


registry_shares = RegistryShares()
