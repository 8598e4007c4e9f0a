"""What clients meet at a hostname, or with an image of it: the doctor's verb.

Nothing of it is written. The rows are read first; then others are asked, without a connection to the database.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings

from routing.conf import policy
from routing.core.grammar.hosts import is_loopback
from routing.core.grammar.user_agents import ClientProfile
from routing.diagnosis.asking import Place, client_at, doctors_policy, registries_client
from routing.diagnosis.outside import Reached, take_outside_steps
from routing.diagnosis.pull import Image, Pull, take_pull
from routing.diagnosis.registry_api import take_registry_steps
from routing.diagnosis.report import Mark, Report, Step
from routing.jobs.kinds import REGISTRIES, Kind
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.checking import checking
from routing.services.base.permissions import Permission, check_permission
from routing.services.hostnames.address import own_addresses
from routing.services.hostnames.certificates import note_certificate
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.state import state_of_hostname

#: The longest that a hostname is looked at in all.
DIAGNOSIS_SECONDS = 60.0
#: Of a hostname's mappings so many are pulled through, unless an image is named.
MAX_IMAGES = 3
#: Whose pulls are tried, by their products in the table of clients, and what these are called here.
CLIENTS = {
    "containerd-client": "docker",
    "docker": "docker, classic store",
    "containerd": "containerd",
    "containers": "podman",
    "helm": "Helm",
}
_NOT_REACHED = "no client gets through to this facade, see above"

# Somebody always waits for it.
_DIAGNOSE = Kind(
    "diagnose_hostname",
    REGISTRIES,
    lambda: DIAGNOSIS_SECONDS,
    begin=lambda job: None,
    settle=lambda job, found: None,
)


class Subject(NamedTuple):
    """What is looked at, as it stands in the rows."""

    place: Place
    state: Step
    images: tuple[Image, ...]
    unknown: tuple[str, ...]


def diagnose_hostname(
    actor: Actor, *, hostname_id: int, host: str = "", image: Image | None = None, for_tenants: bool = False
) -> Report:
    """Look at a hostname as clients do, from the DNS to a layer. Takes seconds, a minute at most.

    `host`: of a wildcard, which of the names that it stands for; without it, any. `image` is pulled; without it, what
    probes have found under its mappings. The addresses of proxies are told to operators of the platform alone, and to
    nobody where the report is `for_tenants`. Raises NotFound, PermissionDenied, TooManyRequests.
    """
    hostname = get_hostname(actor, hostname_id)
    check_permission(actor, Permission.CHANGE_HOSTNAMES, hostname.tenant)
    subject = subject_of(hostname, host or hostname.sample_name, image)
    with checking(actor, _DIAGNOSE, hostname_id, hostname.tenant):
        report = look_at(subject, for_operators=actor.is_operator and not for_tenants)
    good = {step.name for step in report.steps if step.mark is Mark.GOOD}
    if good >= {"certificate", "facade"}:
        note_certificate(hostname_id)
    return report


def look_at(subject: Subject, *, for_operators: bool) -> Report:
    """Take every step. Needs no connection to the database."""
    return asyncio.run(_look(subject, for_operators=for_operators))


def place_of(host: str) -> Place:
    """Where clients go that are given a name: https at FACADE_PUBLIC_PORT; of loopback names the facade itself."""
    if is_loopback(host):
        return Place("http", host, settings.FACADE_LOOPBACK_PORT)
    return Place("https", host, settings.FACADE_PUBLIC_PORT)


def subject_of(hostname: Hostname, host: str, image: Image | None = None) -> Subject:
    """What is to be looked at, as the rows say now."""
    state = state_of_hostname(hostname)
    step = Step("hostname", Mark.GOOD if state.is_on else Mark.BAD, f"{hostname} in the table", state.text)
    if not state.is_on:
        step = step._replace(advice=hostname.suspension_message or "Its page says what keeps clients out.")
    if image is not None:
        return Subject(place_of(host), step, (image,), ())
    mappings = hostname.mappings.filter(enabled=True).select_related("hostname", "registry").order_by("prefix")
    found = [(mapping, _probed_image(mapping)) for mapping in mappings[: 10 * MAX_IMAGES]]
    images = tuple(image for _, image in found if image is not None)[:MAX_IMAGES]
    unknown = tuple(mapping.source for mapping, image in found if image is None)
    return Subject(place_of(host), step, images, unknown)


def _probed_image(mapping: Mapping) -> Image | None:
    """The image under a mapping that a probe has seen, by the name that people type; None where none has."""
    probed, upstream = mapping.probed_repository, mapping.upstream_prefix
    if not probed:
        return None
    if probed == upstream or mapping.registry.table_entry().upstream_name(upstream) == probed:
        return Image(mapping.prefix) if mapping.prefix else Image(probed)
    rest = probed.removeprefix(f"{upstream}/") if upstream else probed
    return Image(f"{mapping.prefix}/{rest}" if mapping.prefix else rest)


async def _look(subject: Subject, *, for_operators: bool) -> Report:
    report = Report()
    report.add(subject.state)
    try:
        async with asyncio.timeout(DIAGNOSIS_SECONDS):
            reached = await take_outside_steps(report, subject.place, for_operators=for_operators)
            await _take_pulls(report, subject, reached)
    except TimeoutError:
        report.add(
            Step("time", Mark.BAD, "", f"it took more than {DIAGNOSIS_SECONDS:.0f} s", "Mend what is slow, look again.")
        )
    return report


async def _take_pulls(report: Report, subject: Subject, reached: Reached | None) -> None:
    place = subject.place
    if reached is None or subject.state.mark is Mark.BAD:
        report.skip("pull", _NOT_REACHED if reached is None else "the hostname is not served")
        return
    guard = doctors_policy(place, await asyncio.to_thread(own_addresses) | {reached.address})
    async with (
        client_at(place, [reached.address], guard, verifies=reached.is_trusted) as here,
        registries_client() as elsewhere,
    ):
        await take_registry_steps(report, here, place, subject.images[0].repository if subject.images else "")
        for image in subject.images:
            for client, name in _clients():
                shown = f"{image.repository}:{image.reference}" if image.reference else image.repository
                with report.step(f"pull ({name})", f"{place.authority}/{shown}") as taking:
                    await take_pull(taking, Pull(here, elsewhere, place, client), image)
    for source in subject.unknown[:MAX_IMAGES]:
        report.skip("pull", f"{source}: no image is known there; name one: facade doctor {source}/IMAGE")
    if not subject.images and not subject.unknown:
        report.skip("pull", "the hostname has no mapping that is switched on")


def _clients() -> Sequence[tuple[ClientProfile, str]]:
    """Of each product the first line of the table."""
    profiles = {profile.product: profile for profile in reversed(policy().clients.profiles)}
    return [(profiles[product], name) for product, name in CLIENTS.items() if product in profiles]
