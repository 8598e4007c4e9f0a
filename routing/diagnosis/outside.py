"""From the name to the facade behind it: where the DNS leads, the port, the certificate, the proxy."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

from routing.core.grammar.hosts import is_ip_address, is_loopback
from routing.dataplane.itself.echo import NotThisFacade, Seen, ask_echo
from routing.diagnosis.asking import DoctorsPolicy, Place, client_at, doctors_policy
from routing.diagnosis.echo import (
    judge_client,
    judge_clock,
    judge_host,
    judge_scheme,
    take_long_headers,
)
from routing.diagnosis.report import Mark, Report, Step, Taking
from routing.models import AddressState
from routing.registries.client import RegistryClient
from routing.registries.exceptions import ForbiddenAddress, RegistryError
from routing.registries.first_contact import NoContact, Presented, presented_certificate, try_connection
from routing.services.hostnames.address import AddressFinding, look_for_address, needs_address, own_addresses

_TLS_SECONDS = 10.0
_OPERATORS = "Tell the platform's operators: it is about their proxy."
# Renewed at a third of its time by most clients of authorities, so less is a sign that nobody does.
_SHARE_LEFT = 0.15
_HOUR, _DAY = 3600, 86_400
# OpenSSL's X509_V_ERR_… (x509_vfy.h).
_EXPIRED, _NOT_YET, _WRONG_NAME = 10, 9, 62
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: Of a name's addresses so many are asked.
MAX_ADDRESSES = 4


class Reached(NamedTuple):
    """An address at which this facade answered, and whether clients take its certificate."""

    address: str
    is_trusted: bool


async def take_outside_steps(report: Report, place: Place, *, for_operators: bool = True) -> Reached | None:
    """All steps up to the facade, at each address. Gives one at which a client gets through; None where none does.

    Whether the name leads here is told by who answers there, not by its addresses: a proxy may have others. Only
    operators of the platform are told which addresses its proxies have, and can do something about them.
    """
    own = await asyncio.to_thread(own_addresses) | (_LOOPBACK if is_loopback(place.host) else frozenset())
    finding = await _take_dns(report, place)
    policy = doctors_policy(place, own)
    reached = [
        await _take_address(report, place, address, policy, for_operators)
        for address in finding.addresses[:MAX_ADDRESSES]
    ]
    found = next((one for one in reached if one is not None), None)
    if found is not None and all(one is not None for one in reached):
        _forgive_other_addresses(report, finding)
    return found


async def _take_dns(report: Report, place: Place) -> AddressFinding:
    host = place.host
    if is_ip_address(host) or not needs_address(host):
        # Loopback ones lead to this machine by themselves (RFC 6761 §6.3).
        report.add(Step("DNS", Mark.GOOD, f"A and AAAA of {host}", "leads to this machine by itself"))
        return AddressFinding(AddressState.HERE, "", (host.strip("[]") if is_ip_address(host) else "127.0.0.1",))
    with report.step("DNS", f"A and AAAA of {host}") as taking:
        finding = await asyncio.to_thread(look_for_address, host)
        _judge_dns(taking, finding)
    return finding


def _judge_dns(taking: Taking, finding: AddressFinding) -> None:
    match finding.state:
        case AddressState.HERE:
            taking.good(finding.text)
        case AddressState.PARTLY:
            taking.bad(finding.text, "Set the records that the hostname's page shows, and no other.")
        case AddressState.MISSING:
            taking.bad(finding.text, "Set the address records that the hostname's page shows.")
        case AddressState.ELSEWHERE:
            taking.bad(finding.text, "Change the address records to those that the hostname's page shows.")
        case _ if finding.addresses:
            taking.warning(finding.text, "Set FACADE_ADDRESSES to the addresses at which clients reach this facade.")
        case _:
            taking.bad(finding.text, "Try again; if it stays so, ask whoever runs the name servers of that domain.")


def _forgive_other_addresses(report: Report, finding: AddressFinding) -> None:
    """Addresses that aren't the facade's own are as good where it answers at each: a proxy's, or a network's."""
    if finding.state not in (AddressState.ELSEWHERE, AddressState.UNKNOWN):
        return
    for position, step in enumerate(report.steps):
        if step.name == "DNS" and step.mark in (Mark.BAD, Mark.WARNING):
            came = f"{', '.join(finding.addresses)}: not in FACADE_ADDRESSES, but this facade answers there"
            advice = "Add these addresses to FACADE_ADDRESSES, if they stay."
            report.steps[position] = step._replace(mark=Mark.WARNING, came=came, advice=advice)


async def _take_address(
    report: Report, place: Place, address: str, policy: DoctorsPolicy, for_operators: bool
) -> Reached | None:
    """The steps at one address. None where clients don't get through to this facade there."""
    shown = f"[{address}]" if ":" in address else address
    with report.step(f"port {place.port}", f"a connection to {shown}:{place.port}") as taking:
        await _connect(taking, place, address, policy)
    if taking.is_bad:
        return None
    is_trusted = True
    if place.scheme == "https":
        with report.step("certificate", f"TLS with {shown} for {place.host}") as taking:
            is_trusted = await _certificate(taking, place, address, policy)
        if taking.is_bad and not taking.came.startswith("its certificate"):
            return None
    # Past a wrong certificate it is asked all the same, without anything secret: there may be more to mend.
    async with client_at(place, [address], policy, verifies=is_trusted) as client:
        seen = await _take_echo(report, client, place, shown)
        if seen is None:
            return None
        first = len(report.steps)
        await _take_proxy(report, client, place, seen)
        if not for_operators:
            report.steps[first:] = [_for_tenants(step, seen) for step in report.steps[first:]]
    return Reached(address, is_trusted)


async def _connect(taking: Taking, place: Place, address: str, policy: DoctorsPolicy) -> None:
    try:
        await try_connection(policy, address, place.port, _TLS_SECONDS)
    except ForbiddenAddress as refusal:
        taking.bad(
            f"not asked: {refusal}",
            "If it is this facade's own, add it to FACADE_ADDRESSES; else change the address record.",
        )
    except NoContact as reason:
        taking.bad(
            str(reason),
            f"Let the proxy listen on port {place.port} and the firewall let clients through; FACADE_PUBLIC_PORT says "
            "to which port clients come.",
        )
    else:
        taking.good("open")


async def _certificate(taking: Taking, place: Place, address: str, policy: DoctorsPolicy) -> bool:
    try:
        found = await presented_certificate(policy, address, place.port, place.host, _TLS_SECONDS)
    except (NoContact, ForbiddenAddress) as error:
        taking.bad(
            str(error), f"Look at the proxy's log: has it a certificate for {place.host}, and does it speak TLS there?"
        )
        return False
    judge_certificate(taking, found, place.host, datetime.now(UTC))
    return not found.problem


def judge_certificate(taking: Taking, found: Presented, host: str, now: datetime) -> None:
    """Whether clients take a certificate, and for how long."""
    names, left = ", ".join(found.names[:5]) or "no name", found.seconds_left(now)
    if found.problem:
        if left < 0 or found.verify_code == _EXPIRED:
            came = f"its certificate expired on {found.not_after:%-d %B %Y}"
            advice = "Renew it; the log of what renews it says why that wasn't done."
        elif found.verify_code == _WRONG_NAME:
            came = f"its certificate is for {names}, not for {host}"
            advice = f"Let the proxy have a certificate for {host}."
        elif found.verify_code == _NOT_YET:
            came = f"its certificate is valid from {found.not_before:%-d %B %Y, %H:%M} UTC on"
            advice = "Set the clock of the machine that made it, or this one's."
        else:
            came = f"its certificate is not trusted here: {found.problem} (issued by {found.issuer})"
            advice = (
                "Send the whole chain, from an authority that clients know. If it is your own authority, every client "
                "needs its certificate, and this facade too: SSL_CERT_FILE."
            )
        taking.bad(came, advice)
        return
    came = f"for {names}, by {found.issuer}, {_span(left)} left"
    if left < _SHARE_LEFT * (found.not_after - found.not_before).total_seconds():
        taking.warning(came, "It should have been renewed by now: look at the log of what renews it.")
    else:
        taking.good(came)


def _span(seconds: float) -> str:
    return f"{seconds / _DAY:.0f} days" if seconds > 2 * _DAY else f"{seconds / _HOUR:.0f} hours"


async def _take_echo(report: Report, client: RegistryClient, place: Place, shown: str) -> Seen | None:
    seen: Seen | None = None
    with report.step("facade", f"a question that only this facade can answer, at {shown}") as taking:
        try:
            seen = await ask_echo(client, place.url)
        except NotThisFacade as other:
            taking.bad(str(other), other.advice)
        except RegistryError as error:
            taking.bad(str(error), "Look at the proxy's log.")
        else:
            taking.good("this facade answers")
    return seen


async def _take_proxy(report: Report, client: RegistryClient, place: Place, seen: Seen) -> None:
    with report.step("host", "the host that the facade sees") as taking:
        judge_host(taking, seen, place)
    with report.step("scheme", "the scheme that the facade sees") as taking:
        judge_scheme(taking, seen, place)
    with report.step("client", "the address of the client that the facade sees") as taking:
        judge_client(taking, seen)
    with report.step("clock", "the server's clock") as taking:
        judge_clock(taking, seen)
    await take_long_headers(report, client, place)


def _for_tenants(step: Step, seen: Seen) -> Step:
    """A step about the platform's proxy, for those who neither know it nor can change it."""
    came = step.came
    for address in (seen.peer, seen.client):
        came = came.replace(address, "an address") if address else came
    return step._replace(came=came, advice=_OPERATORS if step.advice else "")
