"""Where a mapping pointed before, by the API: told while it counts, and abandoned on request."""

from __future__ import annotations

from routing.models import Mapping
from tests.api.conftest import ApiClient

NEW = {"hostname": "docker.acme.com", "prefix": "app", "target": "quay.io/acme"}


def test_it_is_told_and_can_be_abandoned(api: ApiClient) -> None:
    path = f"mappings/{api.send('post', 'mappings', **NEW).json()['mapping']['id']}"
    first = api.send("patch", path, target="ghcr.io/acme", reason="moved").json()["mapping"]
    assert first["former_target"] == "quay.io/acme"
    assert first["former_until"] > first["changed_at"]

    abandoned = api.send("patch", path, abandon_old=True).json()
    assert abandoned["done"] == ["what is missing at ghcr.io/acme is asked for nowhere else from now on"]
    assert (abandoned["mapping"]["former_target"], abandoned["mapping"]["former_until"]) == ("", None)
    again = api.send("patch", path, target="quay.io/acme", reason="back", abandon_old=True).json()["mapping"]
    assert again["former_target"] == ""
    assert Mapping.objects.get().former == ""


def test_a_notice_is_set_and_taken_away(api: ApiClient) -> None:
    path = f"mappings/{api.send('post', 'mappings', **NEW).json()['mapping']['id']}"

    assert api.send("patch", path, notice="moves soon").json()["mapping"]["notice"] == "moves soon"
    assert api.send("patch", path, notice="caf\u00e9").status_code == 422
    assert api.send("patch", path, notice="").json()["mapping"]["notice"] == ""
