"""The bytes of manifests in files that are named by their digests, and in memory those that were asked for last.

Whatever comes from the disk is held against its digest first. A file's time of change says when it was last used.
"""

import contextlib
import hashlib
import os
import threading
import time
from collections import OrderedDict

from routing.core.grammar.names import is_digest
from routing.manifest_store.notes import write_whole

_ALGORITHMS = ("sha256", "sha512")
# How exactly it is known when something was last used.
_USED_SECONDS = 300.0


class Damaged(Exception):
    """A file has other bytes than its name says. It is gone now."""


def is_kept(digest: str) -> bool:
    """Whether it is a digest that bytes can be held against here."""
    return digest.partition(":")[0] in _ALGORITHMS and is_digest(digest)


def digest_of(algorithm: str, body: bytes) -> str:
    """The digest of bytes; `algorithm` is one of hashlib's."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


class Bodies:
    """In one folder; `most_bytes` is what may be in memory. Safe for threads."""

    def __init__(self, folder: str, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._hot: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._hot_bytes = 0

    def path(self, digest: str) -> str:
        """Where the bytes of a digest are."""
        algorithm, _, encoded = digest.partition(":")
        return f"{self._folder}/{encoded[:2]}/{algorithm}-{encoded}"

    def in_memory(self, digest: str) -> bytes | None:
        """The bytes, where they are in memory."""
        with self._lock:
            hot = self._hot.get(digest)
            if hot is None:
                return None
            self._hot.move_to_end(digest)
            body, used_at = hot
            if time.monotonic() - used_at < _USED_SECONDS:
                return body
            self._hot[digest] = body, time.monotonic()
        self._touch(digest)
        return body

    def read(self, digest: str) -> bytes | None:
        """The bytes, from memory or from the disk; None where they are nowhere. Raises Damaged, once."""
        body = self.in_memory(digest)
        if body is not None:
            return body
        try:
            with open(self.path(digest), "rb") as file:
                body = file.read()
        except OSError:
            return None
        if digest_of(digest.partition(":")[0], body) != digest:
            with contextlib.suppress(OSError):
                os.unlink(self.path(digest))
            raise Damaged
        self._touch(digest)
        self._keep_in_memory(digest, body)
        return body

    def write(self, digest: str, body: bytes) -> None:
        """Keep bytes that have this digest. Raises OSError."""
        write_whole(self.path(digest), body)
        self._keep_in_memory(digest, body)

    def _keep_in_memory(self, digest: str, body: bytes) -> None:
        if len(body) > self._most_bytes:
            return
        with self._lock:
            if digest in self._hot:
                return
            self._hot[digest] = body, time.monotonic()
            self._hot_bytes += len(body)
            while self._hot_bytes > self._most_bytes:
                _, (leaving, _) = self._hot.popitem(last=False)
                self._hot_bytes -= len(leaving)

    def _touch(self, digest: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(self.path(digest))
