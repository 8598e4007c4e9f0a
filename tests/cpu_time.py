"""Bounds on what something costs, in CPU time of the thread that does it: a busy machine makes no difference."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail where what happens within takes more.

    Meanwhile no garbage is collected. After thousands of tests a process holds so much that a single look through all
    of it takes more than a second, wherever that happens to begin.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    began = time.thread_time()
    try:
        yield
        taken = time.thread_time() - began
    finally:
        if was_enabled:
            gc.enable()
    assert taken < seconds, f"{taken:.2f} s of CPU, and {seconds} s are the bound"
