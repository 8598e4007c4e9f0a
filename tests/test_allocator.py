"""What large answers took goes back to the kernel when they are done."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from facade_site.environment import BASE_DIR

pytestmark = pytest.mark.programs

_PROGRAM = """
import ctypes
from facade_site.allocator import keep_large_blocks_apart
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def take(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block
def heap():
    with open("/proc/self/smaps") as file:
        lines = iter(file)
        return sum(int(_rss(lines)) for line in lines if line.endswith("[heap]\\n"))
def _rss(lines):
    return next(line for line in lines if line.startswith("Rss:")).split()[1]
print(keep_large_blocks_apart())
before = heap()
libc.free(take(8 << 20))
body = take(4 << 20)
entry = take(100)
libc.free(body)
print(heap() - before)
"""


def _run(**environ: str) -> tuple[str, int]:
    """What was said of the allocator, and by how many KiB the heap is larger after a body of 4 MiB came and went."""
    said = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=BASE_DIR,
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return said[0], int(said[1])


def test_a_large_body_that_is_done_leaves_the_heap_as_it_was() -> None:
    done, grown = _run()

    assert done == "True"
    assert grown < 1024


@pytest.mark.parametrize(
    "environ",
    [
        {"MALLOC_MMAP_THRESHOLD_": f"{32 << 20}", "MALLOC_TRIM_THRESHOLD_": f"{64 << 20}"},
        {"GLIBC_TUNABLES": f"glibc.malloc.mmap_threshold={32 << 20}:glibc.malloc.trim_threshold={64 << 20}"},
    ],
    ids=["variables", "tunables"],
)
def test_what_the_operator_has_chosen_stays(environ: dict[str, str]) -> None:
    """Here: large bodies in the heap, which keeps them."""
    done, grown = _run(**environ)

    assert done == "False"
    assert grown >= 4096
