"""Look up what address records (A and AAAA) a name has for everybody, past this machine's hosts file and caches.

Sources: RFC 1035 §3.4.1 (A), RFC 3596 (AAAA).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, NamedTuple

from routing.dns.name_servers import NameServer
from routing.dns.questions import Answer, Outcome, ask


class AddressRecords(NamedTuple):
    """What was answered for each family; values are addresses in their one form."""

    ipv4: Answer
    ipv6: Answer

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of both families."""
        return (*self.ipv4.values, *self.ipv6.values)

    @property
    def is_conclusive(self) -> bool:
        """Whether the DNS said of both families what is there."""
        return self.ipv4.is_conclusive and self.ipv6.is_conclusive

    @property
    def outcome(self) -> Outcome:
        """What came of both: found, where one was; else why nothing is known, or that there is nothing."""
        if self.addresses:
            return Outcome.FOUND
        return self.ipv6.outcome if self.ipv4.is_conclusive else self.ipv4.outcome

    @property
    def detail(self) -> str:
        """A word on what went wrong."""
        return self.ipv4.detail or self.ipv6.detail


def look_up_addresses(names: Sequence[str], servers: Sequence[NameServer], seconds: float) -> dict[str, AddressRecords]:
    """The records of each name, asked of `servers` (none: the system's) side by side, in `seconds` at most.

    Never raises for what the DNS says or doesn't.
    """
    if not names:
        return {}
    questions = [(name, kind) for name in names for kind in ("A", "AAAA")]

    def answer(question: tuple[str, str]) -> Answer:
        return ask(*question, servers, seconds, value_of=_address)

    with ThreadPoolExecutor(len(questions), "dns") as pool:
        answers = iter(list(pool.map(answer, questions)))
    return {name: AddressRecords(next(answers), next(answers)) for name in names}


def _address(record: Any) -> str:
    return str(ip_address(record.address))
