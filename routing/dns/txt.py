"""Look up TXT records, and tell "it isn't there" from "nobody could say".

Sources: RFC 1035 §3.3.14 (TXT), RFC 2308 (NXDOMAIN and NODATA), RFC 1464 and RFC 7208 §3.3 (the strings of one record
are read as one), RFC 7766 (TCP after a truncated answer).
"""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from routing.dns.name_servers import NameServer

# RFC 1034 §3.6.2 sets no limit to aliases that lead to aliases; resolvers stop at 8 to 16.
_MAX_ALIASES = 8
_SECONDS_A_TRY = 2.0
# Fits into every path's packets (DNS flag day 2020); what is longer comes by TCP.
_UDP_BYTES = 1232
_MAX_VALUE_LENGTH = 1000


class Outcome(StrEnum):
    """What came of a look-up. Only the first three say anything about the name."""

    FOUND = "found"
    NO_NAME = "no such name"
    NO_RECORD = "no record"
    FAILED = "server failure"
    TIMEOUT = "timeout"


class TxtAnswer(NamedTuple):
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


def look_up_txt(name: str, servers: Sequence[NameServer], seconds: float) -> TxtAnswer:
    """The TXT records of a name, in A-label form, asked of `servers` (none: the system's), in `seconds` at most.

    Never raises for what the DNS says or doesn't.
    """
    deadline = time.monotonic() + seconds
    try:
        resolver = _resolver(servers)
        asked = dns.name.from_text(name)
        for _ in range(_MAX_ALIASES + 1):
            left = max(deadline - time.monotonic(), 0.001)
            answer = resolver.resolve(asked, "TXT", raise_on_no_answer=False, search=False, lifetime=left)
            if answer.rrset is not None:
                return TxtAnswer(Outcome.FOUND, _values(answer))
            if answer.canonical_name == asked:
                return _nothing(answer)
            # An alias whose target the server didn't add.
            asked = answer.canonical_name
    except dns.resolver.NXDOMAIN:
        return TxtAnswer(Outcome.NO_NAME)
    except dns.exception.Timeout:
        return TxtAnswer(Outcome.TIMEOUT)
    except dns.resolver.NoNameservers as error:
        return TxtAnswer(Outcome.FAILED, detail=_what_servers_said(error))
    except (dns.exception.DNSException, OSError) as error:
        return TxtAnswer(Outcome.FAILED, detail=_one_line(str(error) or type(error).__name__))
    return TxtAnswer(Outcome.FAILED, detail="the aliases (CNAME) lead on and on")


def _resolver(servers: Sequence[NameServer]) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(server.address, server.port) for server in servers]
    resolver.timeout = _SECONDS_A_TRY
    resolver.use_edns(0, 0, _UDP_BYTES)
    return resolver


def _nothing(answer: dns.resolver.Answer) -> TxtAnswer:
    # A server that is neither the name's own nor asks others knows nothing, which is no proof that nothing is there.
    if answer.response.flags & (dns.flags.AA | dns.flags.RA):
        return TxtAnswer(Outcome.NO_RECORD)
    return TxtAnswer(Outcome.FAILED, detail="the name server refers to others instead of asking them")


def _values(answer: dns.resolver.Answer) -> tuple[str, ...]:
    return tuple(_one_line(b"".join(record.strings).decode("utf-8", "replace")) for record in answer)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[:_MAX_VALUE_LENGTH]


def _what_servers_said(error: dns.resolver.NoNameservers) -> str:
    # (server, by TCP, port, what happened, response) each; the last try says most.
    tries = error.kwargs.get("errors") or []
    return _one_line(str(tries[-1][3])) if tries else "no name server answered"
