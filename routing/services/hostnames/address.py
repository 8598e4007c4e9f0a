"""Where a hostname leads: the address records that its owner has to set, and what the DNS says of them.

A proof says whose a name is; without an address record that leads to this facade no client ever comes.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from routing.conf import name_servers, public_addresses
from routing.core.grammar.hosts import is_ip_address, is_loopback, is_wildcard
from routing.core.grammar.public_addresses import PublicAddresses
from routing.dns.address_records import AddressRecords, look_up_addresses
from routing.dns.questions import Outcome
from routing.models import AddressState, Hostname, HostnameClaim
from routing.models.address_finding import MAX_ADDRESSES_KEPT
from routing.services.hostnames.public_suffixes import is_registrable

MAX_FINDING_LENGTH = 500
#: The states of a name that clients reach this facade by, if not all of them.
LEADS_HERE = frozenset({AddressState.HERE, AddressState.PARTLY})
_SHOWN = 4
# What a wildcard stands for; any other label would do.
_ANY = "any"
_OPERATORS = "Its operators say so with FACADE_ADDRESSES"


class AddressRecord(NamedTuple):
    """A DNS record to set: its full name, its type, its value; and whether the last look found it, None for unknown.

    Of the type ALIAS there is none in the DNS itself: consoles offer it, under that name or another, for a name that
    can have no CNAME because other records are there.
    """

    name: str
    type: str
    value: str
    found: bool | None = None


class AddressFinding(NamedTuple):
    """What a look found, and the same in words; `addresses` are those to which the name leads."""

    state: AddressState
    text: str = ""
    addresses: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """The columns that hold it."""
        return {
            "address_state": self.state,
            "address_finding": self.text[:MAX_FINDING_LENGTH],
            "addresses_found": ",".join(self.addresses),
            "address_checked_at": timezone.now(),
        }


def needs_address(name: str) -> bool:
    """Whether a stored name is looked up in the DNS at all. Loopback names lead to one's own machine by themselves."""
    return not is_loopback(name) and not is_ip_address(name)


def address_records(row: Hostname | HostnameClaim) -> list[AddressRecord]:
    """The records to set, each with what the last look found of it; none where nobody knows this facade's addresses.

    All of them, unless it is one that names a host.
    """
    if not needs_address(row.name):
        return []
    facade = public_addresses()
    name = next((name for name in facade.names if name != row.name), "")
    if name and not is_registrable(row.name):
        return [AddressRecord(row.name, "CNAME", name, _found(row))]
    addresses = [("A", address) for address in facade.ipv4] + [("AAAA", address) for address in facade.ipv6]
    if addresses:
        there = row.addresses_found.split(",")
        known = row.address_state not in (AddressState.NOT_CHECKED, AddressState.UNKNOWN)
        return [AddressRecord(row.name, kind, value, value in there if known else None) for kind, value in addresses]
    return [AddressRecord(row.name, "ALIAS", name, _found(row))] if name else []


def _found(row: Hostname | HostnameClaim) -> bool | None:
    if row.address_state in (AddressState.NOT_CHECKED, AddressState.UNKNOWN):
        return None
    return row.address_state in LEADS_HERE


def look_for_address(name: str) -> AddressFinding:
    """Ask the DNS where a stored name leads, now. Takes FACADE_DNS_SECONDS at most. Never raises.

    Not to be called within a transaction.
    """
    if not needs_address(name):
        return AddressFinding(AddressState.HERE, f"{name} needs no record: it points to this machine by itself.")
    facade = public_addresses()
    asked = name.replace("*", _ANY, 1) if is_wildcard(name) else name
    names = list(dict.fromkeys([asked, *facade.names]))
    found = look_up_addresses(names, name_servers(), settings.FACADE_DNS_SECONDS)
    own = facade.all.union(*(found[other].addresses for other in facade.names if other != name))
    return judge_address(name, found[asked], own, facade)


def own_addresses() -> frozenset[str]:
    """This facade's own, as far as the settings and the DNS say. Takes FACADE_DNS_SECONDS at most. Never raises."""
    facade = public_addresses()
    found = look_up_addresses(facade.names, name_servers(), settings.FACADE_DNS_SECONDS)
    return facade.all.union(*(records.addresses for records in found.values()))


def begin_to_look(name: str) -> "Future[AddressFinding]":
    """The same beside what the caller does meanwhile: its `result` is waited for."""
    pool = ThreadPoolExecutor(1, "address")
    try:
        return pool.submit(look_for_address, name)
    finally:
        pool.shutdown(wait=False)


def judge_address(name: str, records: AddressRecords, own: frozenset[str], facade: PublicAddresses) -> AddressFinding:
    """What the answer for a name means, where `own` are the addresses of this facade, as far as they are known."""
    found = _bounded(records)
    here = tuple(address for address in found if address in own)
    elsewhere = tuple(address for address in found if address not in own)
    if not found:
        return _nothing(name, records)
    if not own:
        return AddressFinding(AddressState.UNKNOWN, _unknown_facade(name, found, facade), found)
    if not here:
        text = f"{name} points to {_listed(found)}, not to this facade ({_listed(sorted(own))}). Change the record."
        return AddressFinding(AddressState.ELSEWHERE, text, found)
    if elsewhere:
        text = (
            f"{name} points to this facade, and to {_listed(elsewhere)} too, not to this facade: remove that "
            "record, or some pulls fail."
        )
        return AddressFinding(AddressState.PARTLY, text, found)
    missing = _missing_family(records, own)
    if missing:
        return AddressFinding(AddressState.PARTLY, f"{name} points to this facade. {missing}", found)
    return AddressFinding(AddressState.HERE, f"{name} points to this facade: {_listed(found)}.", found)


def _bounded(records: AddressRecords) -> tuple[str, ...]:
    # In one order, whichever the name server has chosen this time.
    families = (sorted(set(answer.values))[:MAX_ADDRESSES_KEPT] for answer in records)
    return tuple(address for family in families for address in family)


def _nothing(name: str, records: AddressRecords) -> AddressFinding:
    match records.outcome:
        case Outcome.NO_NAME:
            text = f"There is no address record at {name}: the name does not exist. A new record can take minutes."
        case Outcome.TIMEOUT:
            return AddressFinding(
                AddressState.UNKNOWN,
                f"The name servers did not answer in time for {name}: nothing is known. Try later.",
            )
        case Outcome.FAILED:
            detail = f" ({records.detail})" if records.detail else ""
            said = f"The name servers could not say where {name} points to: nothing is known. Try later.{detail}"
            return AddressFinding(AddressState.UNKNOWN, said)
        case _:
            text = f"There is no address record at {name}, though the name exists."
    return AddressFinding(AddressState.MISSING, text)


def _unknown_facade(name: str, found: tuple[str, ...], facade: PublicAddresses) -> str:
    if facade.names:
        return f"{name} points to {_listed(found)}. What {facade.names[0]} has for addresses could not be found out."
    return f"{name} points to {_listed(found)}. Whether that is this facade is not known. {_OPERATORS}."


def _missing_family(records: AddressRecords, own: frozenset[str]) -> str:
    """What clients lack who have the other family only; empty where the DNS said nothing of it."""
    for kind, answer, sign, clients in (("A", records.ipv4, ".", "IPv4"), ("AAAA", records.ipv6, ":", "IPv6")):
        wanted = sorted(address for address in own if sign in address)
        if wanted and answer.is_conclusive and not answer.values:
            return f"It has no {kind} record ({_listed(wanted)}), so clients that have {clients} alone can't pull."
    return ""


def _listed(addresses: Any) -> str:
    shown = list(addresses)
    rest = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
