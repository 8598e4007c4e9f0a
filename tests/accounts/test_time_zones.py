"""Pages tell times in the zone of whoever looks; the API stays in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from routing.accounts.time_zones import zone_of
from routing.models import Preferences, Registry
from routing.services.people.preferences import time_zones
from tests.admin.conftest import AdminClient, add, admin, operator, text_of

pytestmark = pytest.mark.django_db
__all__ = ["admin", "operator"]
PAGE = "/accounts/preferences/"


def choose(client: Client, zone: str, **more: str) -> int:
    return client.post(PAGE, {"time_zone": zone, "first_steps": "on", **more}).status_code


@pytest.fixture
def probed(db: None) -> Registry:
    """At ten in the morning, UTC, in winter."""
    mapping = add("docker.acme.com", "acme", "ghcr.io/acme")
    Registry.objects.filter(pk=mapping.registry_id).update(probed_at=datetime(2026, 11, 20, 22, 30, tzinfo=UTC))
    return mapping.registry


def probed_at(admin: AdminClient, registry: Registry) -> str:
    page = text_of(admin.get("registry_change", registry.pk))
    return page.partition("State answers asked ")[2].partition(" Address")[0]


def test_without_a_choice_it_is_the_browsers_and_else_utc(admin: AdminClient, probed: Registry) -> None:
    assert probed_at(admin, probed) == "20 November 2026, 22:30 UTC"

    admin.client.cookies["zone"] = "Europe/Berlin"
    assert probed_at(admin, probed) == "20 November 2026, 23:30 CET"

    for strange in ("Mars/Olympus", "../../etc/passwd", "", "localtime"):
        admin.client.cookies["zone"] = strange
        assert probed_at(admin, probed) == "20 November 2026, 22:30 UTC"


def test_what_is_chosen_goes_before_and_comes_along_at_the_next_sign_in(admin: AdminClient, probed: Registry) -> None:
    admin.client.cookies["zone"] = "Europe/Berlin"
    assert choose(admin.client, "Asia/Tokyo") == 302
    assert probed_at(admin, probed) == "21 November 2026, 07:30 JST"
    assert "Times are in Asia/Tokyo" in text_of(admin.client.get("/admin/"))

    assert probed_at(AdminClient(admin.user), probed) == "21 November 2026, 07:30 JST"

    choose(admin.client, "")
    assert probed_at(admin, probed) == "20 November 2026, 23:30 CET"


def test_an_unknown_zone_is_refused_and_says_how_to_write_one(admin: AdminClient) -> None:
    answer = admin.client.post(PAGE, {"time_zone": "Berlin"})

    assert answer.status_code == 422
    assert "“Berlin” is no time zone that is known here: write it like Europe/Berlin" in text_of(answer)
    assert 'value="Berlin"' in answer.content.decode()
    assert not Preferences.objects.exists()
    assert "Europe/Berlin" in time_zones()


def test_the_first_steps_can_be_shown_again(admin: AdminClient) -> None:
    admin.client.post("/admin/first-steps/hide/")
    assert admin.client.get("/admin/").context["first_steps"] is None

    choose(admin.client, "")

    assert admin.client.get("/admin/").context["first_steps"] is not None


def test_no_page_takes_a_query_for_it(admin: AdminClient, django_assert_num_queries: object) -> None:
    choose(admin.client, "Asia/Tokyo")
    request = admin.client.get("/admin/").wsgi_request
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert str(zone_of(request)) == "Asia/Tokyo"


def test_other_pages_and_what_comes_after_are_in_utc(admin: AdminClient) -> None:
    choose(admin.client, "Asia/Tokyo")
    admin.client.get("/admin/")

    assert str(timezone.get_current_timezone()) == "UTC"


def test_the_page_is_for_who_is_signed_in(client: Client) -> None:
    assert client.get(reverse("account_preferences"), headers={"host": "localhost"}).status_code == 302
