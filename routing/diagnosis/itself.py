"""The deployment itself: what `facade doctor` without a hostname looks at."""

import asyncio

from django.conf import settings

from routing.core.grammar.hosts import is_ip_address, is_loopback, parse_authority
from routing.dataplane.itself.echo import NotThisFacade, ask_echo
from routing.diagnosis.asking import Place, client_at, doctors_policy
from routing.diagnosis.deployment import take_deployment_steps
from routing.diagnosis.hostname import DIAGNOSIS_SECONDS
from routing.diagnosis.outside import take_outside_steps
from routing.diagnosis.report import Mark, Report, Step
from routing.registries.exceptions import RegistryError

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 (nothing is bound)


def diagnose_deployment() -> Report:
    """Look at the deployment, and at its control hosts as browsers do. It tells of the machine: for its operators."""
    report = Report()
    take_deployment_steps(report)
    asyncio.run(_take_server(report))
    for host in _public_control_hosts():
        report.add(Step("control host", Mark.GOOD, "FACADE_CONTROL_HOSTS", host))
        asyncio.run(_take_control_host(report, Place("https", host, settings.FACADE_PUBLIC_PORT)))
    return report


async def _take_server(report: Report) -> None:
    """Ask the server on this machine, past every proxy: does it run, and with the same key as this command?"""
    host = _ANYWHERE.get(settings.BIND, settings.BIND)
    place = Place("http", host, settings.PORT)
    address = host.strip("[]")
    with report.step("server", f"a question that only this facade can answer, at {place.url}") as taking:
        async with client_at(place, [address], doctors_policy(place, frozenset({address})), verifies=True) as client:
            try:
                await ask_echo(client, place.url)
            except NotThisFacade as other:
                taking.bad(str(other), other.advice)
            except RegistryError as error:
                taking.bad(str(error), "Start it; or run this command where it runs, with its BIND and PORT.")
            else:
                taking.good("answers")


async def _take_control_host(report: Report, place: Place) -> None:
    try:
        async with asyncio.timeout(DIAGNOSIS_SECONDS):
            await take_outside_steps(report, place)
    except TimeoutError:
        report.add(Step("time", Mark.BAD, place.url, "it took too long", "Mend what is slow, then look again."))


def _public_control_hosts() -> list[str]:
    hosts = [parse_authority(name)[0] for name in settings.FACADE_CONTROL_HOSTS]
    return [host for host in hosts if not is_loopback(host) and not is_ip_address(host)]
