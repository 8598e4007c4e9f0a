"""Two real registries after a switch: what is still pushed to the old one is found, until the new one has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import Watch
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.watching.watches import watch_due
from tests.e2e.lab import images
from tests.e2e.lab.registry import Registry
from tests.jobs_done import do_jobs

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]
APP, HOST = "acme/app", "docker.acme.com"


@pytest.fixture
def registries() -> Iterator[tuple[Registry, Registry]]:
    old, new = Registry("127.0.0.1"), Registry("127.0.0.1")
    yield old, new
    old.stop()
    new.stop()


def compare() -> Watch:
    Watch.objects.update(next_at=timezone.now() - timedelta(seconds=60))
    watch_due()
    do_jobs()
    return Watch.objects.get()


def test_what_is_pushed_to_the_old_registry_drifts_until_the_new_one_has_it(
    platform: Actor, settings: Settings, registries: tuple[Registry, Registry]
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    old, new = registries
    for registry in registries:
        registry.push(images.build("first"), APP, "1.0")
        registry.push(images.build("second", flavour="oci"), APP, "2.0")
    add_mapping(platform, "", hostname=HOST, prefix="acme", target=f"{old.url}/acme")
    repoint(platform, "moved", hostname=HOST, prefix="acme", target=f"{new.url}/acme")
    row = compare()
    assert (row.state, row.compared, row.trouble) == ("same", 2, "")

    pushed, late = images.build("pushed to the old one"), images.build("late")
    old.push(pushed, APP, "1.0")
    old.push(late, APP, "3.0")
    assert compare().drift == [
        ["appeared", f"{HOST}/{APP}", "3.0", late.digest, ""],
        ["moved", f"{HOST}/{APP}", "1.0", pushed.digest, images.build("first").digest],
    ]

    new.push(pushed, APP, "1.0")
    new.push(late, APP, "3.0")
    assert compare().state == "same"
