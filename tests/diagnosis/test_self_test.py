"""Self-tests: when they are due, what is kept of them, who is told, and what a shared report leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.diagnosis import hostname as diagnosis
from routing.diagnosis import self_test
from routing.diagnosis.report import Mark, Report, Step
from routing.diagnosis.self_test import count_failing, queue_due_self_tests, run_self_test
from routing.diagnosis.shared_report import shared_steps, without_internal_addresses
from routing.models import Delivery, Hostname, Job, SelfTest
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames import self_tests
from routing.services.hostnames.hostnames import add_hostname, update_hostname
from routing.services.hostnames.self_tests import (
    KEPT,
    get_self_tests,
    share_path,
    share_self_test,
    shared_self_test,
    unshare_self_test,
)
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.telling.subscriptions import add_subscription
from tests.api.conftest import api_client_for
from tests.conftest import Person
from tests.jobs_done import do_jobs

pytestmark = pytest.mark.django_db
GOOD = Step("DNS", Mark.GOOD, "A and AAAA of docker.acme.com", "points to this facade", "", 3)
BAD = Step("port 443", Mark.BAD, "a connection to 10.0.0.5:443", "refused by 10.0.0.5", "Open 10.0.0.5.", 5)

Finds = Callable[..., None]


@pytest.fixture(autouse=True)
def finds(monkeypatch: pytest.MonkeyPatch) -> Finds:
    """What the doctor finds from now on; a good step at first."""

    def set_steps(*steps: Step) -> None:
        def look_at(subject: object, *, for_operators: bool) -> Report:
            assert not for_operators
            report = Report()
            for step in steps:
                report.add(step)
            return report

        monkeypatch.setattr(diagnosis, "look_at", look_at)
        monkeypatch.setattr(self_test, "look_at", look_at)

    set_steps(GOOD)
    return set_steps


def schedule(person: Person, often: str) -> None:
    update_hostname(person.actor, "", hostname_id=person.hostname.pk, self_test_schedule=often)


def work() -> None:
    queue_due_self_tests()
    do_jobs()


def passes(**time: int) -> None:
    """So much time passes for the reports that there are."""
    SelfTest.objects.update(at=timezone.now() - timedelta(**time))


def told() -> list[dict[str, Any]]:
    return [json.loads(body)["data"] for body in Delivery.objects.order_by("pk").values_list("body", flat=True)]


# ---------------------------------------------------------------- the schedule
def test_what_is_off_is_not_tested(owner: Person) -> None:
    work()

    assert not SelfTest.objects.exists()


@pytest.mark.parametrize(("often", "soon", "late"), [("hourly", 59, 61), ("daily", 60 * 23, 60 * 25)])
def test_a_hostname_is_tested_as_often_as_its_schedule_says_and_no_sooner(
    owner: Person, often: str, soon: int, late: int
) -> None:
    schedule(owner, often)
    work()
    passes(minutes=soon)
    work()
    assert SelfTest.objects.count() == 1

    passes(minutes=late)
    work()

    assert [row.is_scheduled for row in SelfTest.objects.all()] == [True, True]


def test_a_hostname_that_is_switched_off_is_left_alone(owner: Person) -> None:
    schedule(owner, "hourly")
    update_hostname(owner.actor, "away", hostname_id=owner.hostname.pk, enabled=False)

    work()

    assert not Job.objects.exists()
    assert not SelfTest.objects.exists()


def test_who_ends_the_schedule_ends_the_job_that_waits(owner: Person) -> None:
    schedule(owner, "hourly")
    queue_due_self_tests()
    schedule(owner, "off")

    do_jobs()

    assert not SelfTest.objects.exists()


def test_a_tenants_tests_a_day_are_bounded(owner: Person, platform: Actor, settings: Settings) -> None:
    settings.FACADE_MAX_SELF_TESTS_PER_DAY = 25
    more = [add_hostname(platform, "", tenant_id=owner.tenant.pk, name=f"{name}.acme.com") for name in ("one", "two")]
    schedule(owner, "hourly")
    update_hostname(owner.actor, "", hostname_id=more[0].pk, self_test_schedule="daily")

    with pytest.raises(ServiceError, match="may be tested 25 times a day by themselves, and are 25 times") as refused:
        update_hostname(owner.actor, "", hostname_id=more[1].pk, self_test_schedule="daily")

    assert refused.value.code == "quota_exceeded"
    assert update_hostname(platform, "", hostname_id=more[1].pk, self_test_schedule="daily").changed


def test_an_unknown_schedule_is_refused(owner: Person) -> None:
    with pytest.raises(ServiceError):
        schedule(owner, "yearly")


# ---------------------------------------------------------------- what is kept, and told
def test_the_newest_reports_are_kept_and_those_that_are_shared(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_tests, "KEPT", 2)
    first = run_self_test(owner.actor, hostname_id=owner.hostname.pk)
    share_self_test(owner.actor, "", self_test_id=first.pk)

    later = [run_self_test(owner.actor, hostname_id=owner.hostname.pk).pk for _ in range(4)]

    assert KEPT == 30
    assert set(SelfTest.objects.values_list("pk", flat=True)) == {first.pk, *later[-2:]}


def test_no_more_reports_are_shared_than_may_be(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_tests, "MAX_SHARED", 1)
    rows = [run_self_test(owner.actor, hostname_id=owner.hostname.pk) for _ in range(2)]
    share_self_test(owner.actor, "", self_test_id=rows[0].pk)

    with pytest.raises(ServiceError, match="shared already"):
        share_self_test(owner.actor, "", self_test_id=rows[1].pk)


def test_a_change_of_the_verdict_is_told_once_each_way(owner: Person, finds: Finds) -> None:
    address = "https://hooks.acme.com/facade"
    add_subscription(owner.actor, "", tenant_id=owner.tenant.pk, address=address, kinds=["self_test"])
    for steps in ([GOOD], [GOOD], [GOOD, BAD], [GOOD, BAD], [BAD], [GOOD], [GOOD]):
        finds(*steps)
        run_self_test(owner.actor, hostname_id=owner.hostname.pk)

    assert [(each["event"], each.get("step")) for each in told()] == [
        ("hostname.self_test_failed", "port 443"),
        ("hostname.self_test_passed", None),
    ]


def test_what_fails_on_a_schedule_is_counted(owner: Person, outsider: Person, finds: Finds) -> None:
    finds(BAD)
    for person in (owner, outsider):
        run_self_test(person.actor, hostname_id=person.hostname.pk)
    assert count_failing() == {"self_tests_failing": 0}

    schedule(owner, "daily")
    assert count_failing() == {"self_tests_failing": 1}

    finds(GOOD)
    run_self_test(owner.actor, hostname_id=owner.hostname.pk)
    assert count_failing() == {"self_tests_failing": 0}


def test_whoever_gets_the_hostname_gets_neither_reports_nor_the_schedule(
    owner: Person, outsider: Person, platform: Actor
) -> None:
    schedule(owner, "daily")
    row = run_self_test(owner.actor, hostname_id=owner.hostname.pk)
    share_self_test(owner.actor, "", self_test_id=row.pk)

    hand_over_hostname(platform, "sold", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk)

    assert not SelfTest.objects.exists()
    assert Hostname.objects.get(pk=owner.hostname.pk).self_test_schedule == "off"


# ---------------------------------------------------------------- who may
def test_a_teammate_reads_and_only_an_owner_tests_and_shares(owner: Person, teammate: Person) -> None:
    row = run_self_test(owner.actor, hostname_id=owner.hostname.pk)

    assert [each.pk for each in get_self_tests(teammate.actor, owner.hostname.pk)] == [row.pk]
    with pytest.raises(PermissionDenied):
        run_self_test(teammate.actor, hostname_id=owner.hostname.pk)
    for verb in (share_self_test, unshare_self_test):
        with pytest.raises(PermissionDenied):
            verb(teammate.actor, "", self_test_id=row.pk)


def test_a_link_is_of_one_report_and_ends_for_ever(owner: Person) -> None:
    rows = [run_self_test(owner.actor, hostname_id=owner.hostname.pk) for _ in range(2)]
    shared = [share_self_test(owner.actor, "", self_test_id=row.pk) for row in rows]
    tokens = [share_path(row).rpartition("/")[2] for row in shared]
    assert shared_self_test(rows[0].pk, tokens[0]) == rows[0]
    assert shared_self_test(rows[0].pk, tokens[1]) is None
    assert share_path(share_self_test(owner.actor, "", self_test_id=rows[0].pk)) == share_path(shared[0])

    unshare_self_test(owner.actor, "", self_test_id=rows[0].pk)
    assert shared_self_test(rows[0].pk, tokens[0]) is None

    share_self_test(owner.actor, "", self_test_id=rows[0].pk)
    assert shared_self_test(rows[0].pk, tokens[0]) is None


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 44, "é" * 43])
def test_no_other_text_is_a_token(owner: Person, token: str) -> None:
    row = share_self_test(owner.actor, "", self_test_id=run_self_test(owner.actor, hostname_id=owner.hostname.pk).pk)

    assert shared_self_test(row.pk, token) is None


# ---------------------------------------------------------------- what a shared report tells
def test_a_shared_report_leaves_out_registries_images_and_internal_addresses(owner: Person, finds: Finds) -> None:
    finds(
        Step("hostname", Mark.GOOD, "docker.acme.com in the table", "a secret word"),
        Step("DNS", Mark.BAD, "A", "points to 10.0.0.5, fd00::1 and 8.8.8.8", "Remove 192.168.1.1."),
        Step("port 443", Mark.GOOD, "a connection to 10.0.0.5:443", "open"),
        Step("certificate", Mark.GOOD, "TLS", "for docker.globex.com, by A Secret CA, 60 days left"),
        Step("facade", Mark.BAD, "a question", "another server answers: secret-proxy"),
        Step("client", Mark.WARNING, "the address", "it is 10.1.2.3", "secret advice"),
        Step("ping (docker)", Mark.GOOD, "GET", "status 307, to https://secret.example/v2/"),
        Step("pull (docker)", Mark.BAD, "docker.acme.com/secret/app", "secret.example refuses secret/app", "secret"),
        Step("something new", Mark.GOOD, "secret", "secret"),
    )
    row = run_self_test(owner.actor, hostname_id=owner.hostname.pk)

    steps = shared_steps(row)

    assert [step.name for step in steps] == [
        *("hostname", "DNS", "port 443", "certificate", "facade", "client", "ping (docker)", "pull (docker)")
    ]
    text = json.dumps(steps).lower()
    for word in ("secret", "10.", "fd00", "192.168", "globex", "307"):
        assert word not in text, word
    dns, port, certificate = steps[1:4]
    assert dns.came == "points to an address within a network, an address within a network and 8.8.8.8"
    assert (port.came, certificate.came) == ("open", "60 days left")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("8.8.8.8.", "8.8.8.8."),
        ("a 127.0.0.1:443 b", "a an address within a network:443 b"),
        ("100.64.0.1", "an address within a network"),
        ("[2001:4860:4860::8888]:443", "[2001:4860:4860::8888]:443"),
        ("[fe80::1]:443", "[an address within a network]:443"),
        ("::1", "an address within a network"),
        ("::ffff:10.0.0.1", "an address within a network"),
        ("docker.acme.com: refused", "docker.acme.com: refused"),
    ],
)
def test_addresses_within_networks_are_replaced(text: str, told: str) -> None:
    assert without_internal_addresses(text) == told


# ---------------------------------------------------------------- the API
def test_a_program_tests_lists_and_shares(owner: Person, teammate: Person, finds: Finds) -> None:
    api, path = api_client_for(owner), f"hostnames/{owner.hostname.pk}/self-tests"
    finds(GOOD, BAD)
    made = api.send("post", path)
    assert (made.status_code, made.json()["passed"], made.json()["steps"][1]["mark"]) == (201, False, "bad")
    one = f"self-tests/{made.json()['id']}"

    link = api.send("put", f"{one}/link").json()["link"]
    assert link.endswith(share_path(SelfTest.objects.get()))
    read_only = api_client_for(teammate, read_only=True)
    (listed,) = read_only.get(path).json()["items"]
    assert (listed["is_shared"], "link" in listed) == (True, False)
    assert read_only.get(one).status_code == 200
    assert read_only.send("put", f"{one}/link").status_code == 403

    assert api.send("delete", f"{one}/link").json()["is_shared"] is False


def test_another_tenants_report_is_none(owner: Person, outsider: Person) -> None:
    row = run_self_test(outsider.actor, hostname_id=outsider.hostname.pk)

    api = api_client_for(owner)
    assert api.get(f"self-tests/{row.pk}").status_code == 404
    assert api.send("put", f"self-tests/{row.pk}/link").status_code == 404
