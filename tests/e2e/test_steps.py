"""Two real registries: a set goes in steps, its new registry loses what it had, and everything is led back in time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.core.table.step import parse_step
from routing.management.maintenance import TASKS, do
from routing.models import ChangeSet, Mapping, PullCount, ReferenceCount
from routing.services.base.actor import Actor
from routing.services.changes.drafts import draft
from routing.services.changes.plan import plan_of
from routing.services.changes.steps import apply_in_steps
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.targets import parse_target
from tests.e2e.lab import images
from tests.e2e.lab.registry import Registry
from tests.jobs_done import do_jobs
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]
HOST, PREFIX = "docker.acme.com", "team"
NAMES = [f"{PREFIX}/app{number}" for number in range(8)]
WITHIN_SECONDS = 10


@pytest.fixture
def registries() -> Iterator[tuple[Registry, Registry]]:
    old, new = Registry("127.0.0.1"), Registry("127.0.0.1")
    yield old, new
    old.stop()
    new.stop()


def work() -> ChangeSet:
    """A round of the regular work's."""
    assert do(next(task for task in TASKS if task.name == "steps"))
    do_jobs()
    return ChangeSet.objects.with_names().get()


def pulled(name: str) -> None:
    """Clients pulled its tag 1.0 today, as workers count it."""
    place = {"grain": Grain.DAY, "at": start_of(Grain.DAY, timezone.now()), "key": name, "hostname": HOST}
    PullCount.objects.create(**place, mapping=PREFIX, repository=name, tags=3)
    ReferenceCount.objects.create(**place, repository=name, reference="1.0", requests=3)


def share() -> int:
    step = parse_step(Mapping.objects.get().step)
    return 0 if step is None else step.share


def test_where_the_new_registry_loses_its_images_all_is_led_back_in_time(
    platform: Actor, settings: Settings, registries: tuple[Registry, Registry]
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    settings.FACADE_PROBE_ON_SAVE, settings.FACADE_STEP_LOOK_SECONDS = False, 1
    old, new = registries
    for name in NAMES:
        for registry in registries:
            registry.push(images.build(name), name, "1.0")
    mapping = add_mapping(platform, "", hostname=HOST, prefix=PREFIX, target=f"{old.url}/{PREFIX}").mapping
    for name in NAMES:
        pulled(name)
    change_set = draft(platform, "m", wishes=[Wish(mapping.pk, parse_target(f"{new.url}/{PREFIX}"))])
    apply_in_steps(platform, change_set_id=change_set.pk, checksum=change_set.checksum, plan=plan_of([40, 90, 100]))
    until(lambda: work().step == 1, "the first step is not made", WITHIN_SECONDS)
    ChangeSet.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    until(lambda: work().step == 2, "the second step is not made", WITHIN_SECONDS)
    assert share() == 9_000

    shutil.rmtree(new.directory / "storage/docker/registry/v2/repositories")

    until(lambda: work().state == ChangeSet.State.DRAFT, "it is not led back", WITHIN_SECONDS)
    assert share() == 0
    assert Mapping.objects.get().target == f"{old.url}/{PREFIX}"
    assert "can't be had there" in ChangeSet.objects.get().refusal
    assert Mapping.history.filter(actor="program: steps", step="").exists()
