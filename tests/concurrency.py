"""Several things at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from django.db import connections


def at_once(tasks: Sequence[Callable[[], object]]) -> list[Exception]:
    """Run the tasks in threads that start together; what they raised."""
    start = threading.Barrier(len(tasks))
    raised: list[Exception] = []

    def run(task: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            task()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return raised
