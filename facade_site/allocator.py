"""How the C library hands out memory, so that a server gives back what large answers took.

See docs/decisions/0105-large-answers-leave-the-heap-alone.md.
"""

import ctypes
import os

# mallopt(3) of glibc: what a parameter is called there.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# More than the 256 KiB that asyncio reads at a time: those come from the heap, without asking the kernel for each.
_MAPPED_BYTES = 1 << 20
# So much may lie free at the heap's end: twice as much, as glibc itself has it.
_TRIM_BYTES = 2 * _MAPPED_BYTES
# Where the operator has chosen, it stays so.
_CHOSEN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_large_blocks_apart() -> bool:
    """Let blocks of a MiB and more have pages of their own, which go back to the kernel when they are freed.

    False, and all stays as it is, where the C library isn't glibc, or the environment says how it is to be. Holds for
    this process and for those that it forks.
    """
    if any(os.environ.get(name) for name in _CHOSEN):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES) and libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
