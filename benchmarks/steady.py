"""Pulls of one manifest at a steady rate, beside what is measured."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator

from benchmarks.servers import HOST, PATH, Facade

_ACCEPT = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json"


@contextlib.contextmanager
def steady_pulls(facade: Facade, digest: str, each_second: int) -> Iterator[list[int]]:
    """So many requests a second for a manifest by its digest, one after the other. Gives the statuses, as they come.

    Those that are late are not made up for.
    """
    path = f"{PATH.rpartition('/')[0]}/{digest}"
    headers = {"Host": HOST, "User-Agent": "crane/v0.21", "Authorization": "Bearer x", "Accept": _ACCEPT}
    stop, statuses = threading.Event(), list[int]()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", facade.port, timeout=30)
        with contextlib.closing(connection):
            while not stop.is_set():
                began = time.monotonic()
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
                stop.wait(max(began + 1 / each_second - time.monotonic(), 0))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()
