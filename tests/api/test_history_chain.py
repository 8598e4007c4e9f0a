"""GET /history/chain: part by part, and with a head that was noted."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.history_strays import begin_anew
from routing.services.mappings.mappings import add_mapping
from routing.services.people.api_tokens import create_api_token
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _some(owner: Person) -> None:
    add_mapping(owner.actor, "moving in", hostname=owner.hostname.name, prefix="a", target="ghcr.io/a")
    begin_anew()


@pytest.fixture
def api(db: None) -> ApiClient:
    """An operator's of the platform; reading is enough."""
    user = get_user_model().objects.create_superuser("olga")
    return ApiClient(create_api_token(Actor.person(user), user=user, name="tests", read_only=True).secret)


def test_it_tells_what_fits_and_what_does_not(api: ApiClient) -> None:
    before = api.get("history/chain").json()
    assert (before["is_whole"], before["findings"], before["strays"], before["next"]) == (True, [], 0, None)
    entry = Mapping.history.get(prefix="a").pk
    Mapping.history.filter(pk=entry).update(private=True)

    after = api.get("history/chain").json()

    assert not after["is_whole"]
    assert [(each["noun"], each["entry"]) for each in after["findings"]] == [("mapping", entry)]
    place = after["findings"][0]["place"]
    assert api.get("history/chain", after=place).json()["is_whole"]


def test_a_head_is_asked_for(api: ApiClient) -> None:
    head = api.get("history/chain").json()["head"]
    Mapping.history.filter(prefix="a").update(private=True)
    begin_anew()

    assert api.get("history/chain").json()["is_whole"]
    assert not api.get("history/chain", head=head).json()["is_whole"]


def test_what_there_is_not_is_refused(api: ApiClient, owner: Person) -> None:
    assert api.get("history/chain", head="nonsense").status_code == 422
    assert api.get("history/chain", after=99999).status_code == 404
    assert api.get("history/chain", after=-1).status_code == 422
    assert api_client_for(owner).get("history/chain").status_code == 403
