"""Who comes first where there isn't CPU enough for all: who answers pulls.

See docs/decisions/0104-pulls-come-before-pages.md.
"""

import os
from contextlib import suppress

# Of the kernel's shares a thread with this has 1 where one without has 28 (sched(7), "The nice value").
_NICENESS = 15


def come_second() -> None:
    """Let workers go before this thread, and before those that it starts from now on."""
    # A sandbox may forbid either of them, and all else goes on as ever.
    with suppress(OSError):
        os.nice(_NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            # It takes the processor from nobody when it wakes up (sched(7)). Everybody may lower oneself to this.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
