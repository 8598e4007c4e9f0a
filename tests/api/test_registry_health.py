"""How a registry answered, by the API."""

from __future__ import annotations

import pytest

from routing.services.base.actor import Actor
from routing.services.registries.registries import add_registry
from tests.api.conftest import ApiClient
from tests.conftest import Person
from tests.services.answered import answered

pytestmark = pytest.mark.django_db


def test_it_is_told_by_hour_and_by_day(api: ApiClient, platform: Actor, owner: Person) -> None:
    registry = add_registry(platform, "", name="own", origin="https://own.example", tenant_id=owner.tenant.pk)
    answered(registry, 0, trouble="no answer")

    hours = api.get(f"registries/{registry.pk}/health").json()
    days = api.get(f"registries/{registry.pk}/health", by="day").json()

    assert (hours["registry_id"], hours["grain"], len(hours["slots"])) == (registry.pk, "hour", 168)
    assert (days["grain"], len(days["slots"])) == ("day", 90)
    for told in (hours, days):
        slot = told["slots"][-1]
        assert (slot["answers"], slot["asked"], slot["troubled"], slot["trouble"]) == ("trouble", 1, 1, "no answer")
        assert slot["at"].endswith("Z")
        assert (told["limit"], told["users"]) == (None, [])
    assert api.get(f"registries/{registry.pk}/health", by="minute").status_code == 422
