"""A load whose every answer is judged: keep-alive connections that ask without a pause, as impatient clients do.

    with Load(port, [Wanted(request, 307, location)]) as load:
        load.wait_for_answers(1000)
    assert load.wrong == []

A request whose connection ends before its answer is whole is asked again on a new connection, as every client does; the
end is written down in `broken`, by the client's port. Where the server says `Connection: close`, nothing is broken.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from tests.e2e.lab.process import wait_until

ADDRESS = "127.0.0.1"
ANSWER_SECONDS = 30.0
#: Enough to see what is wrong.
MAX_WRONG = 20


@dataclass(frozen=True)
class Wanted:
    """A request, whole, and what is right for an answer to it. `contains` is in the head or the body."""

    request: bytes
    status: int
    location: str = ""
    contains: bytes = b""

    def judge(self, head: bytes, body: bytes) -> str:
        """What is wrong with an answer; "" where nothing is."""
        status = int(head[9:12])
        location = field(head, b"location").decode()
        if (status, location) != (self.status, self.location) or self.contains not in head + body:
            return f"{self.request[:60]!r} was answered with {status} {location} {body[:200]!r}"
        return ""


def field(head: bytes, name: bytes) -> bytes:
    """The value of a header field, b"" where there is none."""
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


class Load:
    """`connections` that ask for what is wanted in turn, each beginning elsewhere, from `with` to its end.

    `pause_seconds` may be set meanwhile: how long a connection waits after an answer, to leave others the cores.
    """

    def __init__(self, port: int, wanted: Sequence[Wanted], connections: int = 16) -> None:
        self._port, self._wanted, self.connections = port, wanted, connections
        self.pause_seconds = 0.0
        self.answers = 0
        self.opened = 0
        self.wrong: list[str] = []
        self.broken: list[int] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(2 * ANSWER_SECONDS)
        assert not self._thread.is_alive()

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many more answers have come, or one was wrong."""
        seen = self.answers
        wait_until(lambda: self.answers >= seen + count or bool(self.wrong), f"{count} answers more")

    def go_on(self, seconds: float) -> None:
        """Let it run for so long, or until an answer is wrong."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.wrong:
            time.sleep(0.05)

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self.connections)))

    async def _client(self, number: int) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        for wanted in itertools.islice(itertools.cycle(self._wanted), number, None):
            answered = False
            while not answered and not self._stopping and len(self.wrong) < MAX_WRONG:
                try:
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection(ADDRESS, self._port)
                        self.opened += 1
                        port: int = writer.get_extra_info("sockname")[1]
                    writer.write(wanted.request)
                    head, body = await asyncio.wait_for(_answer(reader, wanted.request), ANSWER_SECONDS)
                except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
                    self.broken.append(port)
                    reader = writer = None
                    continue
                except (OSError, TimeoutError) as error:
                    self.wrong.append(f"{wanted.request[:60]!r}: {error!r}")
                    reader = writer = None
                    continue
                answered = True
                self.answers += 1
                problem = wanted.judge(head, body)
                if problem:
                    self.wrong.append(problem)
                await asyncio.sleep(self.pause_seconds)
                if field(head, b"connection").lower() == b"close":
                    writer.close()
                    reader = writer = None
            if not answered:
                break
        if writer is not None:
            writer.close()


def ask(connection: socket.socket, wanted: Wanted) -> str:
    """Ask once on a connection that is open; what is wrong with the answer, "" where nothing is."""
    connection.sendall(wanted.request)
    with connection.makefile("rb") as lines:
        head = b"".join(takewhile(lambda line: line not in (b"\r\n", b""), lines))
        body = b"" if wanted.request.startswith(b"HEAD") else lines.read(int(field(head, b"content-length") or 0))
    return wanted.judge(head, body)


async def _answer(reader: asyncio.StreamReader, request: bytes) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(field(head, b"content-length") or 0)
    return head, b"" if request.startswith(b"HEAD") else await reader.readexactly(length)
