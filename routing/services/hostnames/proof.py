"""Proof of hostnames: the record that a tenant has to set, and what the DNS says of it.

Everybody who wants a name is told another value, for the same record: the one who can set it controls the name.
"""

import secrets
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings

from routing.conf import name_servers
from routing.dns.questions import Answer, Outcome
from routing.dns.txt import look_up_txt
from routing.models import Hostname, HostnameClaim

_LABEL = "_registry-facade"
_VALUE_START = "registry-facade-proof="
_SHOWN_VALUES = 3
_SHOWN_LENGTH = 60
MAX_FINDING_LENGTH = 500


class ProofRecord(NamedTuple):
    """The DNS record to set: its full name, its type, its value."""

    name: str
    type: str
    value: str


class Verdict(StrEnum):
    """What a look-up says of one proof."""

    THERE = "there"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Evidence(NamedTuple):
    """What the DNS answered for a hostname's proof; the same answer serves all who want that name."""

    record_name: str
    answer: Answer

    def verdict(self, token: str) -> Verdict:
        """Whether the record with this token is there."""
        if token and f"{_VALUE_START}{token}" in map(_unquoted, self.answer.values):
            return Verdict.THERE
        return Verdict.MISSING if self.answer.is_conclusive else Verdict.UNKNOWN

    def finding(self, token: str) -> str:
        """The same, in words for the tenant's page."""
        name, answer = self.record_name, self.answer
        if self.verdict(token) is Verdict.THERE:
            return f"The record is there: TXT at {name}."
        match answer.outcome:
            case Outcome.FOUND:
                text = f"There is a TXT record at {name}, but none with this value. Found: {_shown(answer.values)}."
            case Outcome.NO_NAME:
                text = (
                    f"There is no record at {name}: the name does not exist. A new record can take minutes to appear; "
                    "and some DNS consoles add the domain to the name by themselves."
                )
            case Outcome.NO_RECORD:
                text = f"There is no TXT record at {name}, though the name exists."
            case Outcome.TIMEOUT:
                text = f"The name servers did not answer in time for {name}: nothing is known. Try again later."
            case Outcome.FAILED:
                text = f"The name servers could not say what is at {name}: nothing is known. Try again later."
                text += f" ({answer.detail})" if answer.detail else ""
        return text[:MAX_FINDING_LENGTH]


def new_token() -> str:
    """128 bits that nobody can guess, in characters that no DNS console changes."""
    return secrets.token_hex(16)


def proof_name(hostname: str) -> str:
    """Where the proof of a stored name lies; a wildcard's at its parent."""
    return f"{_LABEL}.{hostname.removeprefix('*.')}"


def proof_record(of: HostnameClaim | Hostname) -> ProofRecord | None:
    """The record that proves a claim, or a hostname; None for a hostname that operators of the platform vouched for."""
    token = of.token if isinstance(of, HostnameClaim) else of.proof_token
    return ProofRecord(proof_name(of.name), "TXT", f"{_VALUE_START}{token}") if token else None


def look_for_proof(hostname: str) -> Evidence:
    """Ask the DNS, now. Takes FACADE_DNS_SECONDS at most: not to be called within a transaction. Never raises."""
    name = proof_name(hostname)
    return Evidence(name, look_up_txt(name, name_servers(), settings.FACADE_DNS_SECONDS))


def _shown(values: tuple[str, ...]) -> str:
    """Values that were meant as a proof. What else stands there is somebody else's affair, and is only counted."""
    meant = [value for value in values if _unquoted(value).startswith(_VALUE_START)]
    words = [f"“{value if len(value) <= _SHOWN_LENGTH else value[:_SHOWN_LENGTH] + '…'}”" for value in meant]
    others = len(values) - len(words[:_SHOWN_VALUES])
    counted = f"{others} other value{'s' if others > 1 else ''}"
    return " and ".join([*([", ".join(words[:_SHOWN_VALUES])] if words else []), *([counted] if others else [])])


def _unquoted(value: str) -> str:
    # Some consoles keep the quotes that people copy along.
    return value.strip().strip('"').strip()
