"""The gate on a socket: what is a question, and what is answered to anything else."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from routing.core.grammar.listeners import Listener
from routing.dataplane.gate import server as module
from routing.dataplane.gate.judgement import Answer
from routing.dataplane.gate.server import MAX_HEAD_BYTES, BadRequest, GateServer, listen, question_of

ANSWERS = {"yes.example": Answer.YES, "spent.example": Answer.SPENT, "away.example": Answer.ELSEWHERE}


async def judge(name: str) -> Answer:
    await asyncio.sleep(0)
    return ANSWERS.get(name, Answer.UNKNOWN)


class Asking:
    """A connection of the edge's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, name: str) -> tuple[int, str]:
        """Status and X-Facade-Answer of the question as Go's HTTP client asks it."""
        head = f"GET /?domain={name} HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nUser-Agent: Go-http-client/1.1\r\n"
        return await self.send(f"{head}Accept-Encoding: gzip\r\n\r\n".encode())

    async def send(self, raw: bytes) -> tuple[int, str]:
        self.writer.write(raw)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        assert "\r\nContent-Length: 0\r\n" in head
        return int(head.split()[1]), head.partition("X-Facade-Answer: ")[2].partition("\r\n")[0]

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 20) == b""


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[tuple[GateServer, int]]:
    server = GateServer(judge)
    listening = await server.start(Listener("127.0.0.1", 0))
    async with listening:
        yield server, listening.sockets[0].getsockname()[1]
        listening.close()
        await server.close()


async def connected(port: int) -> Asking:
    return Asking(*await asyncio.open_connection("127.0.0.1", port))


async def test_200_is_yes_and_anything_else_no(gate: tuple[GateServer, int]) -> None:
    server, port = gate
    asking = await connected(port)

    # All on one connection, as the edge keeps it.
    assert await asking.ask("yes.example") == (200, "yes")
    assert await asking.ask("no.example") == (403, "unknown")
    assert await asking.ask("away.example") == (403, "elsewhere")
    assert await asking.ask("spent.example") == (429, "spent")
    assert await asking.ask("yes.example") == (200, "yes")
    assert server.answers == {"yes": 2, "unknown": 1, "elsewhere": 1, "spent": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /?domain= HTTP/1.1\r\n\r\n",
        b"GET /?domain=yes.example&domain=no.example HTTP/1.1\r\n\r\n",
        b"GET /?" + b"&".join(b"a%d=1" % number for number in range(9)) + b"&domain=yes.example HTTP/1.1\r\n\r\n",
        b"POST /?domain=yes.example HTTP/1.1\r\n\r\n",
        b"HEAD /?domain=yes.example HTTP/1.1\r\n\r\n",
        b"GET /?domain=yes.example HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
        b"GET /?domain=yes.example HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /?domain=yes.example HTTP/2.0\r\n\r\n",
        b"GET /?domain=yes.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n",
        b"GET /?domain=" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"a" * (2 * MAX_HEAD_BYTES),
    ],
)
async def test_what_is_no_question_is_refused_and_its_connection_closed(
    gate: tuple[GateServer, int], raw: bytes
) -> None:
    server, port = gate
    asking = await connected(port)

    assert await asking.send(raw) == (400, "malformed")
    assert await asking.is_closed()
    assert server.answers == {"malformed": 1}


async def test_a_name_is_read_as_it_was_escaped(gate: tuple[GateServer, int]) -> None:
    asking = await connected(gate[1])

    assert await asking.send(b"GET /check?x=1&domain=yes%2Eexample HTTP/1.1\r\n\r\n") == (200, "yes")
    assert await asking.ask("%00%ff") == (403, "unknown")


@pytest.mark.parametrize(
    "head",
    [b"GET /?domain=a.example HTTP/1.0\r\n\r\n", b"GET /?domain=a.example HTTP/1.1\r\nConnection: Close\r\n\r\n"],
)
async def test_a_connection_that_is_to_end_ends(gate: tuple[GateServer, int], head: bytes) -> None:
    asking = await connected(gate[1])

    assert await asking.send(head) == (403, "unknown")
    assert await asking.is_closed()


async def test_a_silent_connection_is_closed(gate: tuple[GateServer, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.1)
    asking = await connected(gate[1])
    asking.writer.write(b"GET /?domain=yes.ex")

    assert await asking.is_closed()


async def test_connections_have_a_bound(gate: tuple[GateServer, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    first, second = await connected(gate[1]), await connected(gate[1])
    assert await first.ask("yes.example") == await second.ask("yes.example") == (200, "yes")

    assert await (await connected(gate[1])).is_closed()

    first.writer.close()
    await first.writer.wait_closed()
    assert await second.ask("yes.example") == (200, "yes")


async def test_a_judgement_that_fails_is_no_yes(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(name: str) -> Answer:
        raise RuntimeError("of a fault")

    listening = await GateServer(broken).start(Listener("127.0.0.1", 0))
    async with listening:
        asking = await connected(listening.sockets[0].getsockname()[1])
        asking.writer.write(b"GET /?domain=yes.example HTTP/1.1\r\n\r\n")

        assert await asking.is_closed()
    assert "could not be answered" in caplog.text


async def test_a_unix_socket_is_taken_over_and_its_folder_says_who_may_ask(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    for _ in range(2):
        serving = asyncio.create_task(listen(GateServer(judge), Listener("", 0, str(path)), lambda: False))
        asking = None
        while asking is None:
            try:
                asking = Asking(*await asyncio.open_unix_connection(str(path)))
            except OSError:
                await asyncio.sleep(0.01)

        assert await asking.ask("yes.example") == (200, "yes")
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        # A process that is killed leaves it as it is.
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        asking.writer.close()


async def test_a_port_that_another_one_has_is_waited_for(
    gate: tuple[GateServer, int], caplog: pytest.LogCaptureFixture
) -> None:
    port = gate[1]
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    over = asyncio.Event()
    serving = asyncio.create_task(listen(GateServer(judge), Listener("127.0.0.1", port), over.is_set))
    while not caplog.records:  # noqa: ASYNC110  # a log has no event
        await asyncio.sleep(0.01)
    taken.close()
    await taken.wait_closed()

    answer: tuple[int, str] | None = None
    while answer is None:
        try:
            answer = await (await connected(port)).ask("yes.example")
        except OSError:
            await asyncio.sleep(0.05)

    assert answer == (200, "yes")
    assert [record.getMessage()[:14] for record in caplog.records] == ["the gate waits"]
    over.set()
    await serving


def test_the_name_may_be_long_but_not_the_head() -> None:
    assert question_of(b"GET /?domain=%s HTTP/1.1\r\n\r\n" % (b"a" * 300)) == ("a" * 300, True)
    with pytest.raises(BadRequest):
        question_of(b"GET /?domain=%zz&domain HTTP/1.1\r\n\r\n")
