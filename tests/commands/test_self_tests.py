"""`facade hostname self-test`."""

from __future__ import annotations

import pytest

from routing.models import Hostname, SelfTest
from routing.services.hostnames.self_tests import share_path
from tests.commands.facade import facade
from tests.conftest import Person
from tests.dns.name_server import NameServer

pytestmark = pytest.mark.django_db
NAME = "docker.acme.com"


def test_it_is_tested_listed_shared_and_no_longer(owner: Person, name_server: NameServer) -> None:
    assert facade("hostname", "self-test", NAME, "--list").out.startswith(f"{NAME} was not tested yet")
    done = facade("hostname", "self-test", NAME, "--json")
    assert (done.status, done.json["passed"], done.json["steps"][1]["mark"]) == (3, False, "bad")

    row = SelfTest.objects.get()
    shared = facade("hostname", "self-test", NAME, "--share", str(row.pk)).out
    path = share_path(SelfTest.objects.get())
    assert path in shared
    (listed,) = facade("hostname", "self-test", NAME, "--list", "--json").json
    assert listed["link"].endswith(path)

    facade("hostname", "self-test", NAME, "--unshare", str(row.pk))
    assert SelfTest.objects.get().share_nonce == ""


def test_how_often(owner: Person) -> None:
    done = facade("hostname", "self-test", NAME, "--schedule", "daily")
    assert done.out.strip() == f"From now on {NAME} is tested once a day"
    assert Hostname.objects.get().self_test_schedule == "daily"
    assert "already" in facade("hostname", "self-test", NAME, "--schedule", "daily").out


def test_anothers_report_is_none_of_its(owner: Person, outsider: Person, name_server: NameServer) -> None:
    facade("hostname", "self-test", outsider.hostname.name)

    assert facade("hostname", "self-test", NAME, "--share", str(SelfTest.objects.get().pk)).status != 0
    assert SelfTest.objects.get().share_nonce == ""
