"""A real name server on loopback, by UDP and TCP on one port, which answers as a test says."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, TXT, A, DNSError, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer, TCPServer, UDPServer

_ADDRESS = "127.0.0.1"
_ATTEMPTS = 20
_MAX_UDP_BYTES = 1232

Answer = Callable[[DNSRecord], None]


def txt(*values: str | bytes | tuple[str | bytes, ...]) -> Answer:
    """One TXT record a value; a tuple is one record of several strings."""

    def answer(reply: DNSRecord) -> None:
        for value in values:
            strings = value if isinstance(value, tuple) else (value,)
            _add(reply, QTYPE.TXT, TXT([_bytes(string) for string in strings]))

    return answer


def address() -> Answer:
    """The name exists, with an A record: no answer to a question for TXT."""

    def answer(reply: DNSRecord) -> None:
        if reply.q.qtype == QTYPE.A:
            _add(reply, QTYPE.A, A("192.0.2.1"))

    return answer


def at(*found: str, ttl: int = 60) -> Answer:
    """These addresses, to a question for their family."""

    def answer(reply: DNSRecord) -> None:
        for address in found:
            kind, data = (QTYPE.AAAA, AAAA) if ":" in address else (QTYPE.A, A)
            if reply.q.qtype == kind:
                reply.add_answer(RR(reply.q.qname, kind, rdata=data(address), ttl=ttl))

    return answer


def silent_for(kind: int, otherwise: Answer) -> Answer:
    """Nothing comes back to questions of one kind (of QTYPE)."""

    def answer(reply: DNSRecord) -> None:
        (silence() if reply.q.qtype == kind else otherwise)(reply)

    return answer


def alias(target: str, *values: str) -> Answer:
    """A CNAME, and where `values` are given also the target's TXT records, as a resolver that follows it sends them."""

    def answer(reply: DNSRecord) -> None:
        _add(reply, QTYPE.CNAME, CNAME(target))
        for value in values:
            reply.add_answer(RR(target, QTYPE.TXT, rdata=TXT([_bytes(value)]), ttl=1))

    return answer


def refuse(code: int) -> Answer:
    """No answer but this response code."""

    def answer(reply: DNSRecord) -> None:
        reply.header.rcode = code

    return answer


def referral() -> Answer:
    """What a server says that neither has the name nor asks others for it."""

    def answer(reply: DNSRecord) -> None:
        reply.header.aa = reply.header.ra = 0

    return answer


def silence() -> Answer:
    """Nothing comes back."""

    def answer(reply: DNSRecord) -> None:
        raise DNSError("dropped")

    return answer


NO_NAME = refuse(RCODE.NXDOMAIN)
SERVER_FAILURE = refuse(RCODE.SERVFAIL)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _add(reply: DNSRecord, kind: int, data: Any) -> None:
    reply.add_answer(RR(reply.q.qname, kind, rdata=data, ttl=1))


class Query(NamedTuple):
    """One question that came."""

    name: str
    protocol: str


class NameServer(BaseResolver):  # type: ignore[misc]
    """Say what a name answers with `answers`, then look it up at `at` (host:port). Unknown names do not exist."""

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self._answers: dict[str, list[Answer]] = {}
        udp, tcp = _pair(self)
        self.port: int = udp.server.server_address[1]
        self._servers = (udp.server, tcp.server)
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers]
        for thread in self._threads:
            thread.start()

    @property
    def at(self) -> str:
        """The address, as the setting has it."""
        return f"{_ADDRESS}:{self.port}"

    def answers(self, name: str, *turns: Answer) -> None:
        """What the name answers: one answer a question, the last of them ever after."""
        self._answers[name.lower()] = list(turns)

    def forget(self, name: str) -> None:
        """The name does not exist any more."""
        self._answers.pop(name.lower(), None)

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        """Called by dnslib, in a thread for each question."""
        name = str(request.q.qname).rstrip(".").lower()
        self.queries.append(Query(name, handler.protocol))
        reply = request.reply()
        turns = self._answers.get(name, [NO_NAME])
        answer = turns.pop(0) if len(turns) > 1 else turns[0]
        answer(reply)
        if handler.protocol == "udp" and len(reply.pack()) > _MAX_UDP_BYTES:
            # dnslib's own way leaves out the question, which no server on the net does.
            reply.rr, reply.header.tc = [], 1
        return reply

    def close(self) -> None:
        """End its threads and give the port back."""
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def _pair(resolver: NameServer) -> tuple[Any, Any]:
    for attempt in range(_ATTEMPTS):
        udp = _server(resolver, UDPServer, 0)
        try:
            return udp, _server(resolver, TCPServer, udp.server.server_address[1])
        except OSError as error:
            # The port that UDP got may be taken for TCP.
            udp.server.server_close()
            if error.errno != errno.EADDRINUSE or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _server(resolver: NameServer, kind: type, port: int) -> Any:
    quiet = DNSLogger(logf=lambda line: None)
    return DNSServer(resolver, _ADDRESS, port, logger=quiet, server=kind)
