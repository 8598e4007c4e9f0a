"""An HTTP server that does what it is told to, however rude: the other end of the registry client's tests."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from itertools import takewhile

CHUNK = b"x" * 65_536


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as the server saw it. `connection` numbers the connection it came on, from 1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass
class Exchange:
    """The server's side of one request: what was asked, and a socket to misbehave on."""

    request: ReceivedRequest
    sock: socket.socket
    server: FaultyServer

    def send(self, data: bytes) -> None:
        self.server.sending_since = time.monotonic()
        self.sock.sendall(data)
        self.server.sending_since = None
        self.server.sent_bytes += len(data)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.head(status, {"Content-Length": str(len(body)), **(headers or {})})
        if self.request.method != "HEAD":
            self.send(body)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1"))

    def hang(self) -> None:
        self.server.stopping.wait(30)

    def drip(self, data: bytes, every_seconds: float = 0.05) -> None:
        """Send it byte by byte, then over again, until somebody has had enough."""
        while not self.server.stopping.wait(every_seconds):
            self.send(data[:1])
            data = data[1:] + data[:1]

    def drip_once(self, data: bytes, every_seconds: float) -> None:
        for position in range(len(data)):
            self.server.stopping.wait(every_seconds)
            self.send(data[position : position + 1])

    def flood(self) -> None:
        while not self.server.stopping.is_set():
            self.send(CHUNK)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Not close(): that waits for the file made of the socket.
        os.close(self.sock.detach())

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)


Behaviour = Callable[[Exchange], None]


@dataclass
class FaultyServer:
    """Serves on a loopback address, each connection in a thread; `on` says what a path does, the rest is 404.

    With a `greeting` it speaks first, as HTTP servers don't.
    """

    address: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    greeting: bytes = b""
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    sent_bytes: int = 0
    sending_since: float | None = None
    serving: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self._behaviours: dict[str, Behaviour] = {}
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._listener = socket.create_server((self.address, self.port), family=family)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://{self.address}:{self.port}"

    def on(self, path: str, behaviour: Behaviour) -> None:
        """Do this when the path is asked for; the query is not looked at."""
        self._behaviours[path] = behaviour

    def answers(self, path: str, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.on(path, lambda exchange: exchange.answer(status, headers, body))

    def answers_json(self, path: str, document: object, headers: Mapping[str, str] | None = None) -> None:
        content_type = {"Content-Type": "application/json", **(headers or {})}
        self.answers(path, 200, content_type, json.dumps(document).encode())

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def is_stuck(self) -> bool:
        """Whether the one thing that is being sent finds no taker, for so long that it is not mere slowness."""
        since = self.sending_since
        return since is not None and time.monotonic() - since > 0.3

    def stop(self) -> None:
        if self.stopping.is_set():
            return
        self.stopping.set()
        # Wakes the accept() of the other thread, which close() alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self._threads)

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(sock)
            self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        self.serving.add(number)
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            with sock, sock.makefile("rb") as lines:
                sock.sendall(self.greeting)
                while request_line := lines.readline():
                    method, path, _ = request_line.decode("latin-1").split(" ")
                    raw_headers = b"".join(takewhile(lambda line: line not in (b"\r\n", b""), lines))
                    headers = dict(BytesParser().parsebytes(raw_headers).items())
                    body = lines.read(int(headers.get("Content-Length", 0)))
                    request = ReceivedRequest(method, path, headers, body, number)
                    self.requests.append(request)
                    self._behave(Exchange(request, sock, self))
        except (OSError, ValueError):
            return
        finally:
            self.serving.discard(number)

    def _behave(self, exchange: Exchange) -> None:
        behaviour = self._behaviours.get(exchange.request.path.partition("?")[0])
        if behaviour is None:
            exchange.answer(404, {"Content-Type": "application/json"}, b'{"errors":[]}')
        else:
            behaviour(exchange)
