"""A scheduled set that is verified once more just before its time, and who is told where it is not applied.

Registries, mail server and the webhook's receiver are real ones, on sockets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.conf import freeze_path
from routing.management.maintenance import TASKS
from routing.models import ChangeSet, Delivery, Job, Mapping, Membership, Verification
from routing.services.base.actor import Actor
from routing.services.changes.approval import approve, require_approval
from routing.services.changes.drafts import discard, draft, redraft
from routing.services.changes.reports import verify_set
from routing.services.changes.schedule import schedule
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.targets import parse_target
from routing.services.telling.subscriptions import add_subscription
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import make_report, start_verification
from routing.table.freeze import write_freeze
from tests.accounts.mail_server import MailServer
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.registries.faulty_server import FaultyServer
from tests.verification.moves import APP, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(owner: Person, platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


@pytest.fixture
def change_set(move: Move, owner: Person) -> ChangeSet:
    """By the owner, from the old registry to the new one; compared with nothing yet."""
    wish = Wish(move.mapping().pk, parse_target(f"{move.new.url}/{APP}"))
    return draft(move.actor, "CHG-1", wishes=[wish])


@pytest.fixture
def mails(settings: Settings) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "routing.accounts.mail.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def receiver() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.stop()


def verified(actor: Actor, change_set: ChangeSet) -> Verification:
    return make_report(verify_set(actor, change_set_id=change_set.pk).pk)


def planned(actor: Actor, change_set: ChangeSet, **more: Any) -> ChangeSet:
    at = timezone.now() + timedelta(hours=2)
    return schedule(actor, change_set_id=change_set.pk, checksum=change_set.checksum, at=at, **more)


def a_round() -> None:
    Job.objects.filter(kind="apply change set").update(run_at=timezone.now() - timedelta(seconds=1))
    next(task for task in TASKS if task.name == "plans").do()
    do_jobs()


def now_due(change_set: ChangeSet, late: timedelta = timedelta()) -> ChangeSet:
    """Its time comes, and the regular work looks a few times: the steps of the second verification lie between."""
    ChangeSet.objects.filter(pk=change_set.pk).update(apply_at=timezone.now() - late)
    for _ in range(5):
        a_round()
    return ChangeSet.objects.get(pk=change_set.pk)


def due_again() -> None:
    Job.objects.filter(kind__startswith="tell").update(run_at=timezone.now() - timedelta(seconds=1))
    do_jobs()


def addressed(person: Person, address: str) -> None:
    person.user.email = address
    person.user.save()


def receivers(server: MailServer) -> list[str]:
    return sorted(line[4:] for mail in server.mails for line in mail.splitlines() if line.startswith("To: "))


class TestVerifiedOnceMore:
    def test_where_all_is_as_it_was_it_is_applied(self, move: Move, change_set: ChangeSet) -> None:
        seen = verified(move.actor, change_set)

        after = now_due(planned(move.actor, change_set))

        assert (after.state, after.refusal) == ("applied", "")
        assert after.reviewed_report == seen.pk
        assert Verification.objects.get(pk=after.recheck_report or 0).is_clean

    def test_it_begins_before_the_time(self, move: Move, change_set: ChangeSet) -> None:
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        a_round()
        assert Verification.objects.count() == 1
        ChangeSet.objects.update(apply_at=timezone.now() + timedelta(seconds=50))

        a_round()

        after = ChangeSet.objects.get()
        assert (after.state, Verification.objects.count()) == ("scheduled", 2)
        assert after.recheck_report == Verification.objects.latest("pk").pk

    def test_nothing_is_applied_while_it_is_not_over(
        self, move: Move, change_set: ChangeSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        monkeypatch.setattr("routing.services.verifications.steps.settle_step", lambda pk, found: None)

        assert now_due(change_set).state == "scheduled"
        after = now_due(change_set, late=timedelta(hours=2))

        assert after.state == "draft"
        assert after.refusal.startswith("its verification was not over at its time")

    def test_what_people_had_seen_keeps_nothing_back(self, move: Move, change_set: ChangeSet) -> None:
        move.new.remove_manifest(APP, "2.0")
        assert verified(move.actor, change_set).difference_count == 1

        assert now_due(planned(move.actor, change_set)).state == "applied"

    def test_what_is_new_does(self, move: Move, change_set: ChangeSet) -> None:
        move.new.remove_manifest(APP, "2.0")
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        move.new.remove_manifest(APP, "1.0")

        after = now_due(change_set)

        assert after.state == "draft"
        assert "missing-tag docker.acme.com/acme/app:1.0 (verification" in after.refusal

    def test_one_that_nobody_verified_is_verified_too(self, move: Move, change_set: ChangeSet) -> None:
        after = now_due(planned(move.actor, change_set))

        assert (after.state, after.reviewed_report) == ("applied", None)
        assert Verification.objects.get(pk=after.recheck_report or 0).is_clean

    def test_of_one_that_nobody_verified_nothing_is_known(self, move: Move, change_set: ChangeSet) -> None:
        move.new.remove_manifest(APP, "2.0")

        after = now_due(planned(move.actor, change_set))

        assert (after.state, Mapping.objects.get().registry.origin) == ("draft", move.old.url)
        assert "what it would point to differs: missing-tag docker.acme.com/acme/app:2.0 (verification" in after.refusal
        # Whoever looks at that, and schedules the set all the same, accepts it.
        assert now_due(planned(move.actor, after)).state == "applied"

    def test_a_report_that_people_saw_is_kept_until_then(
        self, move: Move, change_set: ChangeSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        move.new.remove_manifest(APP, "2.0")
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        monkeypatch.setattr("routing.services.verifications.verifications.MAX_KEPT", 1)
        for _ in range(2):
            target = f"{move.new.url}/{APP}"
            make_report(start_verification(move.actor, candidates=[Candidate(move.mapping().pk, target)]).pk)

        after = now_due(change_set)

        assert after.state == "applied"
        # The one that people saw, the one of just before, and none of those between.
        assert Verification.objects.count() == 2

    def test_a_report_that_is_gone_is_as_none(self, move: Move, change_set: ChangeSet) -> None:
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        Verification.objects.all().delete()
        move.new.remove_manifest(APP, "2.0")

        assert "missing-tag" in now_due(change_set).refusal

    def test_without_verification_it_is_applied_all_the_same(self, move: Move, change_set: ChangeSet) -> None:
        verified(move.actor, change_set)
        planned(move.actor, change_set, skip_verification="the copy runs until then")
        move.new.remove_manifest(APP, "2.0")

        after = now_due(change_set)

        assert (after.state, Verification.objects.count()) == ("applied", 1)

    def test_a_target_that_does_not_answer_holds_nothing(self, move: Move, change_set: ChangeSet) -> None:
        verified(move.actor, change_set)
        planned(move.actor, change_set)
        move.new.server.stop()

        after = now_due(change_set)

        assert after.state == "draft"
        assert "could-not-ask" in after.refusal

    def test_a_frozen_server_applies_nothing(self, move: Move, change_set: ChangeSet) -> None:
        planned(move.actor, change_set)
        write_freeze(freeze_path(), None)
        try:
            after = now_due(change_set)
        finally:
            freeze_path().unlink()

        assert after.state == "draft"
        assert "facade thaw" in after.refusal


class TestTold:
    @pytest.mark.parametrize("seen", [True, False], ids=["that had a report", "that nobody verified"])
    def test_a_lost_tag_its_people_and_subscribers_are_told(
        self,
        seen: bool,
        move: Move,
        owner: Person,
        teammate: Person,
        outsider: Person,
        mails: MailServer,
        receiver: FaultyServer,
    ) -> None:
        for person, address in ((owner, "alice@acme.com"), (teammate, "bob@acme.com"), (outsider, "eve@globex.com")):
            addressed(person, address)
        require_approval(owner.actor, "r", tenant_id=owner.tenant.pk, needed=True)
        statuses = iter([500, 500, 204])
        receiver.on("/hook", lambda exchange: exchange.answer(next(statuses)))
        told = add_subscription(
            owner.actor, tenant_id=owner.tenant.pk, address=f"{receiver.url}/hook", kinds=["refused"]
        ).subscription
        wish = Wish(move.mapping().pk, parse_target(f"{move.new.url}/{APP}"))
        change_set = draft(owner.actor, "CHG-1: to the new one", wishes=[wish])
        if seen:
            verified(owner.actor, change_set)
        approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
        planned(owner.actor, change_set)
        move.new.remove_manifest(APP, "2.0")

        after = now_due(change_set)
        due_again()
        due_again()

        assert after.state == "approved"
        assert Verification.objects.count() == 1 + seen
        assert Mapping.objects.get().registry.origin == move.old.url
        assert receivers(mails) == ["alice@acme.com", "bob@acme.com"]
        assert f"Subject: Change set {change_set.pk} was not applied" in mails.mails[0]
        assert "missing-tag docker.acme.com/acme/app:2.0" in mails.mails[0].replace("=\n", "")
        assert len(receiver.requests) == 3
        assert len({request.headers["Webhook-Id"] for request in receiver.requests}) == 1
        body = json.loads(receiver.requests[-1].body)
        assert (body["type"], body["data"]["event"]) == ("refused", "change_set.refused")
        assert "missing-tag docker.acme.com/acme/app:2.0" in body["data"]["refusal"]
        assert body["data"]["reason"] == "CHG-1: to the new one"
        delivery = told.deliveries.get()
        assert (delivery.state, delivery.attempts) == ("delivered", 3)

    def test_who_left_the_tenant_is_not(self, move: Move, owner: Person, teammate: Person, mails: MailServer) -> None:
        addressed(owner, "alice@acme.com")
        addressed(teammate, "bob@acme.com")
        wish = Wish(move.mapping().pk, parse_target(f"{move.new.url}/{APP}"))
        change_set = draft(teammate.actor, "CHG-1", wishes=[wish])
        planned(owner.actor, change_set)
        Membership.objects.filter(user=teammate.user).delete()

        now_due(change_set, late=timedelta(hours=2))

        assert receivers(mails) == ["alice@acme.com"]

    def test_those_who_follow_another_hostname_are_not(
        self, move: Move, owner: Person, receiver: FaultyServer, change_set: ChangeSet, platform: Actor
    ) -> None:
        add_mapping(platform, "", hostname="second.acme.com", prefix="x", target="docker.io/x", tenant="acme")
        for hostname in ("docker.acme.com", "second.acme.com"):
            add_subscription(
                owner.actor,
                tenant_id=owner.tenant.pk,
                address=f"{receiver.url}/{hostname}",
                kinds=["refused"],
                hostname=hostname,
            )
        planned(move.actor, change_set)

        now_due(change_set, late=timedelta(hours=2))

        assert list(Delivery.objects.values_list("subscription__hostname", flat=True)) == ["docker.acme.com"]

    def test_all_kinds_of_a_set(self, move: Move, owner: Person, teammate: Person, receiver: FaultyServer) -> None:
        require_approval(owner.actor, "r", tenant_id=owner.tenant.pk, needed=True)
        subscription = add_subscription(
            owner.actor,
            tenant_id=owner.tenant.pk,
            address=f"{receiver.url}/hook",
            kinds=["applied", "scheduled", "refused", "approval"],
        ).subscription
        wish = Wish(move.mapping().pk, parse_target(f"{move.new.url}/{APP}"))

        def told() -> list[tuple[str, str]]:
            rows = list(subscription.deliveries.order_by("pk").values_list("kind", "event"))
            subscription.deliveries.all().delete()
            return rows

        change_set = draft(owner.actor, "CHG-1", wishes=[wish])
        assert told() == [("approval", "change_set.drafted")]
        approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
        assert told() == [("approval", "change_set.approved")]
        planned(owner.actor, change_set)
        assert told() == [("scheduled", "change_set.scheduled")]
        redraft(owner.actor, change_set_id=change_set.pk)
        assert told() == [("scheduled", "change_set.redrafted")]
        redraft(owner.actor, change_set_id=change_set.pk)
        assert told() == [("approval", "change_set.redrafted")]
        change_set.refresh_from_db()
        approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
        now_due(planned(owner.actor, change_set))
        assert told() == [
            ("approval", "change_set.approved"),
            ("scheduled", "change_set.scheduled"),
            ("applied", "change_set.applied"),
        ]
        back = draft(owner.actor, "CHG-2", wishes=[Wish(change_set.mapping_ids[0], None, {"enabled": False})])
        discard(owner.actor, change_set_id=back.pk)
        assert told() == [("approval", "change_set.drafted")]
