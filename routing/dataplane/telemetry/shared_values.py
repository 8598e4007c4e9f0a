"""The values of metrics that the workers of a server tell each other, each in files of its own.

The multiprocess mode of prometheus-client maps such files into memory. Where the file system has no room for a page of
them, the kernel ends the process by SIGBUS, and then the next one. Here values are kept in the process' own memory, and
files are written: no room is an error like another, and the next time may do better. The files are of that library's
format (`prometheus_client/mmap_dict.py`), so that its collector reads them.
"""

import contextlib
import os
import struct
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import mmap_key
from prometheus_client.values import MutexValue

_HEADER = struct.Struct("i4x")
_LENGTH = struct.Struct("i")
_NUMBERS = struct.Struct("dd")
_ALIGNMENT = 8


class SharedValue(MutexValue):
    """One number of a metric, for `prometheus_client.values.ValueClass`. A new process begins at 0."""

    _multiprocess = True

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(typ, metric_name, name, labelnames, labelvalues, help_text, **kwargs)  # type: ignore[no-untyped-call]
        key = mmap_key(metric_name, name, list(labelnames), list(labelvalues), help_text).encode()
        padding = b" " * (_ALIGNMENT - (_LENGTH.size + len(key)) % _ALIGNMENT)
        self._head = _LENGTH.pack(len(key)) + key + padding
        shared_files.add(f"{typ}_{multiprocess_mode}" if multiprocess_mode else typ, self)

    def encoded(self) -> bytes:
        """The number in a file, behind its name."""
        return self._head + _NUMBERS.pack(self._value, 0.0)

    def reset(self) -> None:
        """Begin at 0."""
        self._value = 0.0


class SharedFiles:
    """The files of this process, one for each kind of metric. They are named as the collector wants them."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[SharedValue]] = defaultdict(list)
        self._open: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._begin_anew)

    def add(self, kind: str, value: SharedValue) -> None:
        """From now on this value is told too."""
        self._values[kind].append(value)

    def write(self, folder: Path, *, gauges: bool = True) -> None:
        """Tell what this process has counted, and with `gauges` how it stands. Raises OSError; the files stay whole."""
        with self._lock:
            for kind in tuple(self._values):
                if gauges or not kind.startswith("gauge"):
                    body = b"".join([value.encoded() for value in tuple(self._values[kind])])
                    self._write(folder, kind, _HEADER.pack(_HEADER.size + len(body)) + body)

    def _write(self, folder: Path, kind: str, content: bytes) -> None:
        descriptor, size = self._open.get(kind, (-1, 0))
        if descriptor < 0 or not os.fstat(descriptor).st_nlink:
            self._create(folder, kind, content)
            return
        if len(content) > size:
            os.posix_fallocate(descriptor, 0, len(content))
            self._open[kind] = descriptor, len(content)
        # In its place: this takes no room, also where there is none left.
        os.pwrite(descriptor, content, 0)

    def _create(self, folder: Path, kind: str, content: bytes) -> None:
        self._close(kind)
        path = folder / f"{kind}_{os.getpid()}.db"
        # The collector looks at every .db, and must not find one that is empty.
        fresh = path.with_suffix(".new")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, len(content))
            os.pwrite(descriptor, content, 0)
            fresh.rename(path)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        self._open[kind] = descriptor, len(content)

    def _close(self, kind: str) -> None:
        descriptor, _ = self._open.pop(kind, (-1, 0))
        if descriptor >= 0:
            os.close(descriptor)

    def _begin_anew(self) -> None:
        for kind in tuple(self._open):
            self._close(kind)
        for values in self._values.values():
            for value in values:
                value.reset()


shared_files = SharedFiles()
