"""A registry that is a list of bytes: it answers the first request with the first response, and so on.

    registry.responses = [b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}"]
    …
    assert registry.requests == [b"GET /v2/ HTTP/1.1\\r\\n…"]

It listens on a real socket. The last response also answers every request after it. FaultyServer is the other server for
tests: it misbehaves, by time and by path.
"""

from __future__ import annotations

import socket
import threading
from itertools import takewhile
from typing import Self


class ScriptedRegistry:
    """`responses` is what it sends, a whole response each; `requests` is what it received, a whole request each."""

    def __init__(self) -> None:
        self.responses: list[bytes] = []
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def netloc(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def stop(self) -> None:
        """Close every connection and end every thread."""
        # Wakes the accept() of the other thread, which close() alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as received:
            try:
                while request := b"".join(takewhile(lambda line: line not in (b"\r\n", b""), received)):
                    self.requests.append(request + b"\r\n")
                    connection.sendall(self.responses.pop(0) if len(self.responses) > 1 else self.responses[0])
            except OSError:
                return
