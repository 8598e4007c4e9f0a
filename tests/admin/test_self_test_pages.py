"""The page of a hostname's self-tests, and what the hostname's own page says of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from routing.models import Hostname, SelfTest
from routing.services.hostnames.self_tests import share_path
from tests.admin.conftest import AdminClient, text_of
from tests.conftest import Person
from tests.dns.name_server import NameServer

pytestmark = pytest.mark.django_db


def client_of(person: Person) -> AdminClient:
    person.user.is_staff = True
    person.user.save()
    return AdminClient(person.user)


def post(admin: AdminClient, person: Person, **data: Any) -> Any:
    return admin.client.post(admin.url("hostname_self_tests", person.hostname.pk), data)


def report(person: Person, **facts: Any) -> SelfTest:
    step = {"name": "DNS", "mark": "good", "asked": "", "came": "<b>here</b>", "advice": "", "milliseconds": 3}
    return SelfTest.objects.create(
        hostname=person.hostname, at=timezone.now(), is_scheduled=True, **{"passed": True, "steps": [step], **facts}
    )


def test_before_the_first_test_it_says_what_one_does(owner: Person) -> None:
    admin = client_of(owner)

    assert "It was not tested yet." in text_of(admin.get("hostname_change", owner.hostname.pk))
    page = text_of(admin.get("hostname_self_tests", owner.hostname.pk))
    assert "docker.acme.com was not tested yet. A test takes the way of a client" in page
    assert "Test it now" in page


def test_an_owner_tests_it_now(owner: Person, name_server: NameServer) -> None:
    admin = client_of(owner)

    done = post(admin, owner, deed="run")

    row = SelfTest.objects.get()
    assert done["Location"].endswith(f"?report={row.pk}")
    assert (row.passed, row.is_scheduled) == (False, False)
    page = text_of(admin.client.get(done["Location"]))
    assert "self-test of docker.acme.com failed" in page
    assert "DNS stops here" in page
    assert "failed" in text_of(admin.get("hostname_change", owner.hostname.pk))


def test_an_owner_shares_a_report_and_ends_that(owner: Person) -> None:
    admin, row = client_of(owner), report(owner)
    post(admin, owner, deed="share", report=row.pk)
    path = share_path(SelfTest.objects.get())

    page = admin.get("hostname_self_tests", owner.hostname.pk).content.decode()
    assert path in page
    assert "&lt;b&gt;here&lt;/b&gt;" in page

    post(admin, owner, deed="unshare", report=row.pk)
    assert path not in admin.get("hostname_self_tests", owner.hostname.pk).content.decode()


def test_a_teammate_reads_it_without_the_link(owner: Person, teammate: Person) -> None:
    row = report(owner)
    post(client_of(owner), owner, deed="share", report=row.pk)
    admin = client_of(teammate)

    page = admin.get("hostname_self_tests", owner.hostname.pk).content.decode()
    assert "everybody who has its link can read it" in page
    assert share_path(SelfTest.objects.get()) not in page
    assert "Test it now" not in page
    assert post(admin, owner, deed="run").status_code == 403


def test_the_schedule_is_chosen_on_the_hostnames_page(owner: Person) -> None:
    admin = client_of(owner)
    form = {"enabled": "on", "self_test_schedule": "hourly", "version": owner.hostname.version, "reason": "r"}
    admin.client.post(admin.url("hostname_change", owner.hostname.pk), form)
    assert Hostname.objects.get().self_test_schedule == "hourly"

    # A page of the release before sends none.
    version = Hostname.objects.get().version
    admin.client.post(admin.url("hostname_change", owner.hostname.pk), {"version": version, "reason": "off with it"})
    row = Hostname.objects.get()
    assert (row.enabled, row.self_test_schedule) == (False, "hourly")


@pytest.mark.parametrize("number", ["", "0", "x", "9" * 30])
def test_a_report_that_is_none_is_shared_by_nobody(owner: Person, name_server: NameServer, number: str) -> None:
    admin, row = client_of(owner), report(owner)

    post(admin, owner, deed="share", report=number)

    assert SelfTest.objects.get(pk=row.pk).share_nonce == ""
