"""facade registry health: how a registry answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import Registry
from routing.registries.rate_limits import SeenLimit
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.answers import note_limit
from routing.services.registries.registries import add_registry
from tests.commands.facade import facade
from tests.services.answered import answered

pytestmark = pytest.mark.django_db


@pytest.fixture
def registry(platform: Actor, settings: Settings, tmp_path: Path) -> Registry:
    settings.STATE_DIR, settings.FACADE_PROBE_ON_SAVE = tmp_path, False
    return add_registry(platform, "", name="r", origin="https://registry.example", tenant_id=None)


def test_of_one_that_was_not_asked_it_says_so(registry: Registry) -> None:
    said = facade("registry", "health", "registry.example").out

    assert "It has said nothing of a limit." in said
    assert "No mapping points here." in said
    assert "the registry was not asked" in said


def test_it_prints_what_is_known_the_latest_first(registry: Registry, platform: Actor) -> None:
    add_mapping(platform, "", hostname="docker.acme.com", prefix="acme", target="registry.example/acme")
    answered(registry, 30, seconds=1.25)
    answered(registry, 0, trouble="no answer within 5 s")
    note_limit(
        registry.pk, timezone.now(), SeenLimit(left=7, number=100, seconds=21600, is_refused=True, wait_seconds=9)
    )

    lines = facade("registry", "health", "registry.example").out.splitlines()
    facts = facade("registry", "health", "registry.example", "--by", "day", "--json").json

    assert lines[0] == "registry.example answered each time in 1 of the 2 hours in which it was asked."
    assert "7 of 100 more requests in 21,600 s" in lines[1]
    assert "asked to wait for 9 s" in lines[1]
    assert [line.split("  ")[-1].strip() for line in lines[-2:]] == ["no answer within 5 s", "-"]
    assert "1,250 ms" in lines[-1]
    assert (facts["grain"], len(facts["slots"]), facts["limit"]["left"]) == ("day", 90, 7)
    assert facts["users"][0]["mappings"] == 1
