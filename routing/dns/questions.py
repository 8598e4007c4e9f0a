"""Ask name servers one question, and tell "it isn't there" from "nobody could say".

Sources: RFC 2308 (NXDOMAIN and NODATA), RFC 1034 §3.6.2 (aliases), RFC 7766 (TCP after a truncated answer).
"""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.resolver

from routing.dns.name_servers import NameServer

# RFC 1034 §3.6.2 sets no limit to aliases that lead to aliases; resolvers stop at 8 to 16.
MAX_ALIASES = 8
_SECONDS_A_TRY = 2.0
# Fits into every path's packets (DNS flag day 2020); what is longer comes by TCP.
_UDP_BYTES = 1232
_MAX_VALUE_LENGTH = 1000
# More than any name has; a message of 64 KB holds some thousands.
_MAX_VALUES = 1000


R = TypeVar("R", bound=dns.resolver.BaseResolver)


class Outcome(StrEnum):
    """What came of a look-up. Only the first three say anything about the name."""

    FOUND = "found"
    NO_NAME = "no such name"
    NO_RECORD = "no record"
    FAILED = "server failure"
    TIMEOUT = "timeout"


class Answer(NamedTuple):
    """The outcome, the records' values (with FOUND only), and a word on what went wrong (with FAILED only).

    Values are text without control characters: what isn't UTF-8, or would upset a page or a log, is replaced.
    """

    outcome: Outcome
    values: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_conclusive(self) -> bool:
        """Whether the DNS said what is there; else a record that isn't found may well be there."""
        return self.outcome in (Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_RECORD)


def ask(
    name: str, kind: str, servers: Sequence[NameServer], seconds: float, *, value_of: Callable[[Any], str]
) -> Answer:
    """The records of one kind (`TXT`, `A`) at a name in A-label form, asked of `servers` (none: the system's).

    Takes `seconds` at most. Never raises for what the DNS says or doesn't.
    """
    deadline = time.monotonic() + seconds
    try:
        resolver = new_resolver(dns.resolver.Resolver, servers)
        asked = dns.name.from_text(name)
        for _ in range(MAX_ALIASES + 1):
            left = max(deadline - time.monotonic(), 0.001)
            answer = resolver.resolve(asked, kind, raise_on_no_answer=False, search=False, lifetime=left)
            if answer.rrset is not None:
                return Answer(Outcome.FOUND, tuple(one_line(value_of(item)) for item in islice(answer, _MAX_VALUES)))
            if answer.canonical_name == asked:
                return _nothing(answer)
            # An alias whose target the server didn't add.
            asked = answer.canonical_name
    except dns.resolver.NXDOMAIN:
        return Answer(Outcome.NO_NAME)
    except dns.exception.Timeout:
        return Answer(Outcome.TIMEOUT)
    except dns.resolver.NoNameservers as error:
        return Answer(Outcome.FAILED, detail=_what_servers_said(error))
    except (dns.exception.DNSException, OSError) as error:
        return Answer(Outcome.FAILED, detail=one_line(str(error) or type(error).__name__))
    return Answer(Outcome.FAILED, detail="the aliases (CNAME) lead on and on")


def one_line(text: str) -> str:
    """The same in one line that upsets nobody, and no longer than a thousand characters."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[:_MAX_VALUE_LENGTH]


def new_resolver(kind: type[R], servers: Sequence[NameServer]) -> R:
    """A resolver, synchronous or not, that asks `servers`; none: the system's. Raises DNSException or OSError."""
    resolver = kind(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(server.address, server.port) for server in servers]
    resolver.timeout = _SECONDS_A_TRY
    resolver.use_edns(0, 0, _UDP_BYTES)
    return resolver


def knows(answer: dns.resolver.Answer) -> bool:
    """Whether who answered can say that nothing is there: it is the name's own server, or one that asks others."""
    return bool(answer.response.flags & (dns.flags.AA | dns.flags.RA))


def _nothing(answer: dns.resolver.Answer) -> Answer:
    if knows(answer):
        return Answer(Outcome.NO_RECORD)
    return Answer(Outcome.FAILED, detail="the name server refers to others instead of asking them")


def _what_servers_said(error: dns.resolver.NoNameservers) -> str:
    # (server, by TCP, port, what happened, response) each; the last try says most.
    tries = error.kwargs.get("errors") or []
    return one_line(str(tries[-1][3])) if tries else "no name server answered"
