"""The doctor by the API: the same as on the hostname's page, for the same people, at the same rate."""

from __future__ import annotations

from typing import get_args

import pytest
from pytest_django import Settings

from routing.api.routers.doctor import DoctorStepOut
from routing.diagnosis import hostname as diagnosis
from routing.diagnosis.asking import Place
from routing.diagnosis.report import Mark
from routing.models import Job
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person
from tests.dns.name_server import NameServer, at
from tests.registries.faulty_server import FaultyServer

pytestmark = pytest.mark.django_db


def test_a_program_of_an_owner_learns_what_keeps_clients_out(
    owner: Person, api: ApiClient, name_server: NameServer
) -> None:
    answer = api.send("post", f"hostnames/{owner.hostname.pk}/doctor")

    found = answer.json()
    assert (answer.status_code, found["ok"]) == (200, False)
    steps = {step["name"]: step for step in found["steps"]}
    assert steps["hostname"]["mark"] == "good"
    assert steps["DNS"]["mark"] == "bad"
    assert steps["DNS"]["came"].startswith(f"There is no address record at {owner.hostname.name}")
    assert steps["DNS"]["advice"] == "Set the address records that the hostname's page shows."
    assert steps["pull"]["mark"] == "skipped"
    assert not Job.objects.exists()


def test_who_answers_there_in_place_of_the_facade(
    owner: Person,
    api: ApiClient,
    name_server: NameServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FACADE_ADDRESSES = ["127.0.0.1"]
    server = FaultyServer()
    monkeypatch.setattr(diagnosis, "place_of", lambda host: Place("http", host, server.port))
    name_server.answers(owner.hostname.name, at("127.0.0.1"))
    try:
        found = api.send("post", f"hostnames/{owner.hostname.pk}/doctor").json()
    finally:
        server.stop()

    (step,) = [step for step in found["steps"] if step["name"] == "facade"]
    assert (step["mark"], step["came"]) == ("bad", "another server answers, with status 404")
    assert step["advice"]


def test_anothers_hostname_is_none(owner: Person, outsider: Person, api: ApiClient, name_server: NameServer) -> None:
    assert api.send("post", f"hostnames/{outsider.hostname.pk}/doctor").status_code == 404
    assert name_server.queries == []


def test_a_teammate_and_a_token_for_reading_may_not(owner: Person, teammate: Person, name_server: NameServer) -> None:
    for program in (api_client_for(teammate), api_client_for(owner, read_only=True)):
        assert program.send("post", f"hostnames/{owner.hostname.pk}/doctor").status_code == 403
    assert name_server.queries == []


def test_over_the_rate_nobody_is_asked(
    owner: Person, api: ApiClient, name_server: NameServer, settings: Settings
) -> None:
    settings.FACADE_MAX_CHECKS_PER_MINUTE = 0

    answer = api.send("post", f"hostnames/{owner.hostname.pk}/doctor")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert name_server.queries == []


def test_the_document_knows_every_mark() -> None:
    assert set(get_args(DoctorStepOut.model_fields["mark"].annotation)) == {mark.value for mark in Mark}
