"""Programs read what is pulled of their own tenants."""

from __future__ import annotations

import pytest

from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person
from tests.services.pulls.counts import asked, asked_in_vain, counted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _some(owner: Person) -> None:
    counted(owner.tenant, owner.hostname.name, "acme/app", 5, refused=2)
    asked(owner.tenant, owner.hostname.name, "acme/app", "1.0", 9)
    asked_in_vain(owner.tenant, owner.hostname.name, "acne/app", 3)


def test_all_together_and_over_time(api: ApiClient, owner: Person) -> None:
    told = api.get("pulls", hostname=owner.hostname.name).json()

    assert (told["grain"], told["pulls"], told["redirected"], told["refused"]) == ("day", 5, 5, 2)
    assert len(told["over_time"]) == 31
    assert told["over_time"][-1]["pulls"] == 5
    assert told["over_time"][-1]["missed"] == 2


def test_what_is_pulled_most_and_asked_for(api: ApiClient, owner: Person) -> None:
    host = owner.hostname.name

    assert api.get("pulls/shares", by="client").json() == [{"name": "docker", "pulls": 5}]
    assert api.get("pulls/references").json() == [{"hostname": host, "name": "acme/app:1.0", "requests": 9}]
    assert api.get("pulls/orphans").json() == [{"hostname": host, "name": "acne/app", "requests": 3}]


def test_others_are_told_of_none(outsider: Person) -> None:
    other = api_client_for(outsider)

    assert other.get("pulls").json()["pulls"] == 0
    assert [other.get(f"pulls/{what}").json() for what in ("shares", "references", "orphans")] == [[], [], []]


@pytest.mark.parametrize(
    "wrong", [{"since": "yesterday"}, {"since": "2100-01-01T00:00:00Z"}, {"hostname": "a b"}, {"until": "x"}], ids=str
)
def test_what_cannot_be_read_is_refused(api: ApiClient, wrong: dict[str, str]) -> None:
    assert api.get("pulls", **wrong).status_code in (400, 422)


def test_an_unknown_name_is_refused(api: ApiClient) -> None:
    assert api.get("pulls/shares", by="address").status_code == 422
