"""A small threaded HTTP origin with a log of what it was asked and what it answered: the base of the servers here."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

#: A client that stops in the middle of a request holds one thread for this long, not for ever.
IDLE_SECONDS = 60
_TLS_HANDSHAKE = b"\x16"


@dataclass
class Request:
    """A request as received, its body read in full. ``header_lines`` keeps order, case and repetition."""

    method: str
    target: str
    header_lines: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """The header's lines joined with commas, or None when it wasn't sent."""
        lines = [value for key, value in self.header_lines if key.lower() == name.lower()]
        return ", ".join(lines) if lines else None


@dataclass
class Answer:
    """What to send. ``body`` may be an iterable, streamed as it comes; ``length`` is then its bytes, if known."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""
    length: int | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Exchange(Request):
    """A request and its answer. ``at`` is monotonic seconds. ``body_bytes`` counts the answer's body, and is raised
    before each write: whoever has seen the answer finds it counted."""

    at: float
    client: tuple[str, int]
    status: int
    location: str | None
    body_bytes: int = 0

    def __str__(self) -> str:
        credentials = (self.header("authorization") or "-").partition(" ")[0]
        agent = (self.header("user-agent") or "-").partition(" ")[0]
        return f"{self.method} {self.target} → {self.status} {self.body_bytes} B [{agent}, {credentials}]"


class ExchangeLog:
    """The exchanges of one server, in the order in which their answers began. Safe to read while the server answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def add(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)

    def clear(self) -> None:
        with self._lock:
            self._exchanges.clear()

    def all(self) -> list[Exchange]:
        with self._lock:
            return list(self._exchanges)

    def matching(
        self, method: str | None = None, containing: str = "", where: Callable[[Exchange], bool] = lambda _: True
    ) -> list[Exchange]:
        """The exchanges with this method, whose target contains this text, and for which ``where`` holds."""
        return [e for e in self.all() if method in (None, e.method) and containing in e.target and where(e)]

    def body_bytes(self) -> int:
        """Bytes of answers' bodies sent so far."""
        return sum(exchange.body_bytes for exchange in self.all())

    def __str__(self) -> str:
        return "\n".join(map(str, self.all())) or "(no requests)"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is the client's affair; a fault of ours is answered with 500 by the handler."""


class Origin:
    """An HTTP/1.1 server on a loopback address, on a thread of its own. Subclasses say what `answer` is."""

    def __init__(self, address: str) -> None:
        self.log = ExchangeLog()
        self.address = address
        self._server = _Server((address, 0), _handler(self))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def netloc(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _handler(origin: Origin) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(_Handler):
        def answer(self, request: Request) -> Answer:
            try:
                return origin.answer(request)
            except Exception as fault:
                return Answer(500, [("Content-Type", "text/plain")], f"laboratory: {fault!r}\n".encode())

        def record(self, exchange: Exchange) -> None:
            origin.log.add(exchange)

    return Handler


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def record(self, exchange: Exchange) -> None:
        raise NotImplementedError

    def handle(self) -> None:
        # Clients that may use plain HTTP try TLS first. Its hello need hold no line feed, so reading a line would hang.
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
                self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nplain HTTP only\n")
                return
        except OSError:
            return
        super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the exchange log says it all."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._exchange
        raise AttributeError(name)

    def _exchange(self) -> None:
        lines, body = self.headers.items(), self._body()
        answer = self.answer(Request(self.command, self.path, lines, body))
        client = (str(self.client_address[0]), int(self.client_address[1]))
        location = answer.header("Location")
        exchange = Exchange(self.command, self.path, lines, body, time.monotonic(), client, answer.status, location)
        self.record(exchange)
        try:
            self._send(answer, exchange)
        except OSError:
            self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send(self, answer: Answer, exchange: Exchange) -> None:
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = length is None and not bodiless
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string())
        for name, value in answer.headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif length is not None and answer.header("Content-Length") is None and answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if bodiless:
            return
        for piece in (answer.body,) if isinstance(answer.body, bytes) else answer.body:
            if piece:
                exchange.body_bytes += len(piece)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
