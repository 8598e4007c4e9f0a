"""A registry that takes every request and never answers, and callers that wait for it through the facade."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator

from benchmarks.servers import HOST, PATH, Facade

_PATIENCE_SECONDS = 30.0


class HangingRegistry:
    """Accepts connections, reads nothing, says nothing. `connections` is how many are open."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._accepted: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many wait."""
        return len(self._accepted)

    def close(self) -> None:
        """Hang up on all."""
        self._stop.set()
        self._thread.join()
        for connection in (*self._accepted, self._listener):
            connection.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._selector.select(0.1):
                self._accepted.append(self._listener.accept()[0])


@contextlib.contextmanager
def waiting_relays(facade: Facade, registry: HangingRegistry, number: int) -> Iterator[None]:
    """So many callers that ask for a manifest, all of them waiting at the registry."""
    request = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: crane/v0.21\r\nAuthorization: Bearer x\r\n\r\n"
    callers = []
    try:
        for _ in range(number):
            caller = socket.create_connection(("127.0.0.1", facade.port))
            caller.sendall(request.encode())
            callers.append(caller)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while registry.connections < number:
            if time.monotonic() > deadline:
                raise SystemExit(f"{registry.connections} of {number} relays reached the registry")
            time.sleep(0.05)
        yield
    finally:
        for caller in callers:
            caller.close()
