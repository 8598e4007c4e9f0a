"""A TCP proxy that counts bytes both ways: put before the facade, it shows what passed the facade and what did not."""

import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

_PIECE_BYTES = 64 * 1024
_CONNECT_SECONDS = 10.0
_STALL_SECONDS = 60.0
_TICK_SECONDS = 0.2


@dataclass
class Count:
    """Bytes of one connection or of several. ``request`` is what clients sent, ``answer`` what came back."""

    connections: int = 0
    request: int = 0
    answer: int = 0


@dataclass
class _Recording:
    request: bytearray = field(default_factory=bytearray)
    answer: bytearray = field(default_factory=bytearray)
    open: bool = True


class Meter:
    """Listens on ``address`` and passes every connection on to ``upstream`` (host, port).

    It keeps each connection's bytes, so that a test can also look for layer content, or for a secret, in what passed.
    Bytes are counted before they are passed on: whoever has received them finds them counted.
    """

    def __init__(self, address: str, upstream: tuple[str, int], *, port: int = 0) -> None:
        self.address, self.upstream = address, upstream
        self._lock = threading.Lock()
        self._recordings: list[_Recording] = []
        self._stopping = threading.Event()
        self._listener = socket.create_server((address, port), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def netloc(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def count(self) -> Count:
        """The bytes since the start, or since `clear`."""
        with self._lock:
            return Count(
                len(self._recordings),
                sum(len(recording.request) for recording in self._recordings),
                sum(len(recording.answer) for recording in self._recordings),
            )

    def requests(self) -> list[bytes]:
        """What each connection sent, in the order in which the connections were opened."""
        with self._lock:
            return [bytes(recording.request) for recording in self._recordings]

    def answers(self) -> list[bytes]:
        """What each connection received, in the same order."""
        with self._lock:
            return [bytes(recording.answer) for recording in self._recordings]

    def request_lines(self) -> list[str]:
        """The HTTP/1 request lines seen, connection by connection (bodies must not hold lines that look like one)."""
        lines = (line for sent in self.requests() for line in sent.decode("latin-1").split("\r\n"))
        return [line for line in lines if line.endswith((" HTTP/1.1", " HTTP/1.0"))]

    def clear(self) -> None:
        """Forget what was counted; connections that are open (clients keep them for reuse) count on, from nothing."""
        with self._lock:
            self._recordings = [recording for recording in self._recordings if recording.open]
            for recording in self._recordings:
                recording.request.clear()
                recording.answer.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._stopping.is_set():
                if selector.select(_TICK_SECONDS):
                    client, _ = self._listener.accept()
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        recording = _Recording()
        with self._lock:
            self._recordings.append(recording)
        try:
            with client, socket.create_connection(self.upstream, _CONNECT_SECONDS) as upstream:
                for end in (client, upstream):
                    end.settimeout(_STALL_SECONDS)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pump(client, upstream, recording)
        except OSError:
            # Either side hung up: closing both tells the other, which is all that a wire would do.
            return
        finally:
            with self._lock:
                recording.open = False

    def _pump(self, client: socket.socket, upstream: socket.socket, recording: _Recording) -> None:
        routes = {client: (upstream, recording.request), upstream: (client, recording.answer)}
        with selectors.DefaultSelector() as selector:
            for end in routes:
                selector.register(end, selectors.EVENT_READ)
            while selector.get_map() and not self._stopping.is_set():
                for key, _ in selector.select(_TICK_SECONDS):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    sink, counted = routes[source]
                    piece = source.recv(_PIECE_BYTES)
                    with self._lock:
                        counted += piece
                    if piece:
                        sink.sendall(piece)
                    else:
                        selector.unregister(source)
                        sink.shutdown(socket.SHUT_WR)
