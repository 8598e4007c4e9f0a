"""Two real registries, one of which is killed: pulls go on at the standby within the threshold, and back when told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.management.maintenance import TASKS, do
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.mappings.explain import explain
from routing.services.mappings.mappings import add_mapping
from routing.services.standbys.standbys import name_standby
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import make_report, start_verification
from tests.e2e.lab import images
from tests.e2e.lab.registry import Registry
from tests.jobs_done import do_jobs
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]
APP, HOST = "acme/app", "docker.acme.com"
#: One second between questions, three failures, and five seconds for the longest question of each.
WITHIN_SECONDS = 3 * (1 + 5)


@pytest.fixture
def registries() -> Iterator[tuple[Registry, Registry]]:
    old, new = Registry("127.0.0.1"), Registry("127.0.0.1")
    yield old, new
    old.stop()
    new.stop()


def work() -> Mapping:
    """A round of the regular work's."""
    assert do(next(task for task in TASKS if task.name == "standbys"))
    do_jobs()
    return Mapping.objects.with_names().get()


def test_a_registry_that_is_killed_is_left_within_its_threshold(
    platform: Actor, settings: Settings, registries: tuple[Registry, Registry]
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    settings.FACADE_PROBE_ON_SAVE, settings.FACADE_STANDBY_PROBE_SECONDS = False, 1
    old, new = registries
    for registry in registries:
        registry.push(images.build("first"), APP, "1.0")
    mapping = add_mapping(platform, "", hostname=HOST, prefix=APP, target=f"{old.url}/{APP}").mapping
    report = start_verification(platform, candidates=[Candidate(mapping.pk, f"{new.url}/{APP}")])
    assert make_report(report.pk).is_clean
    name_standby(platform, "", mapping_id=mapping.pk, target=f"{new.url}/{APP}")
    assert work().target == f"{old.url}/{APP}"

    old.stop()

    until(lambda: work().failed_over_at is not None, "nobody is led to the standby", WITHIN_SECONDS)
    assert Mapping.objects.get().target == f"{new.url}/{APP}"
    assert new.url in str(explain(platform, f"{HOST}/{APP}:1.0"))
    (switch,) = Mapping.history.filter(actor="program: standby")
    assert switch.history_change_reason.startswith("failed over: ")
