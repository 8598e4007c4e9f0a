"""Change sets that are applied at a time: checked once more then, by the regular work, and told where they are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.management.maintenance import TASKS
from routing.models import ChangeSet, Job, Mapping, Membership, Role, Verification
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.changes.approval import approve, require_approval
from routing.services.changes.drafts import discard, draft, get_change_set, redraft
from routing.services.changes.guards import NO_WORDS, Words
from routing.services.changes.policy import change_policy
from routing.services.changes.rechecking import recheck_in_words
from routing.services.changes.schedule import schedule
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import repoint, update_mapping
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.services.changes.conftest import Drafting

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=2)


def planned(
    actor: Actor, change_set: ChangeSet, words: Words = NO_WORDS, skip: str = "no registries here"
) -> ChangeSet:
    """Of these tests, none has registries that could be asked."""
    at = timezone.now() + SOON
    reviewed: dict[str, Any] = {"change_set_id": change_set.pk, "checksum": change_set.checksum}
    return schedule(actor, **reviewed, at=at, words=words, skip_verification=skip)


def its_time_comes(change_set: ChangeSet, late: timedelta = timedelta()) -> ChangeSet:
    """The regular work, once that is so."""
    ChangeSet.objects.filter(pk=change_set.pk).update(apply_at=timezone.now() - late)
    next(task for task in TASKS if task.name == "plans").do()
    do_jobs()
    return ChangeSet.objects.get(pk=change_set.pk)


def registries() -> set[str]:
    return {mapping.registry.authority for mapping in Mapping.objects.with_names()}


def test_nothing_happens_before_its_time(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = planned(owner.actor, drafted())

    next(task for task in TASKS if task.name == "plans").do()

    assert not Job.objects.filter(kind="apply change set").exists()
    assert (change_set.state, registries()) == ("scheduled", {"docker.io"})


def test_when_its_time_comes_it_is_applied_in_the_name_of_who_scheduled_it(
    owner: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = planned(teammate.actor, drafted())

    after = its_time_comes(change_set)

    assert (after.state, after.applied_by, registries()) == ("applied", "bob", {"ghcr.io"})
    assert mappings[0].history.first().change_set == change_set.pk


def test_the_command_line_can_schedule_too(mappings: list[Mapping], drafted: Drafting) -> None:
    actor = Actor.command_line()

    after = its_time_comes(planned(actor, drafted(actor)))

    assert (after.state, after.applied_by) == ("applied", actor.label)


def test_where_something_was_changed_by_then_it_is_not_applied_and_says_what(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = planned(owner.actor, drafted())
    repoint(owner.actor, "r", hostname="docker.acme.com", prefix="web", target="quay.io/acme")

    after = its_time_comes(change_set)

    assert (after.state, after.apply_at) == ("draft", None)
    assert "the mapping docker.acme.com/web was changed" in after.refusal
    assert registries() == {"docker.io", "quay.io"}


def test_where_who_scheduled_it_has_lost_the_role_it_is_not_applied(
    owner: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = planned(teammate.actor, drafted())
    Membership.objects.filter(user=teammate.user).update(role=Role.VIEWER)

    after = its_time_comes(change_set)

    assert (after.state, registries()) == ("draft", {"docker.io"})
    assert "does not allow you to change mappings" in after.refusal


def test_where_who_scheduled_it_is_gone_it_is_not_applied(
    owner: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = planned(teammate.actor, drafted())
    teammate.user.delete()

    assert its_time_comes(change_set).refusal == "bob, who scheduled it, has no account any more"


def test_a_scheduled_set_that_is_approved_stays_scheduled_and_is_applied(
    owner: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = planned(owner.actor, drafted())
    require_approval(owner.actor, "r", tenant_id=owner.tenant.pk, needed=True)

    after = approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)

    assert (after.state, after.approved_by, after.apply_at) == ("scheduled", "bob", change_set.apply_at)
    assert (its_time_comes(change_set).state, registries()) == ("applied", {"ghcr.io"})


def test_where_the_approver_has_lost_the_role_it_is_not_applied_and_stays_as_it_was(
    owner: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    require_approval(owner.actor, "r", tenant_id=owner.tenant.pk, needed=True)
    change_set = drafted()
    with pytest.raises(ServiceError, match="nobody has approved it"):
        planned(owner.actor, change_set)
    approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
    planned(owner.actor, change_set)
    Membership.objects.filter(user=teammate.user).update(role=Role.VIEWER)

    after = its_time_comes(change_set)

    assert (after.state, registries()) == ("approved", {"docker.io"})
    assert "bob, who approved it" in after.refusal


def test_what_has_to_be_said_is_said_when_it_is_scheduled(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[0].pk, private=True)
    change_set = drafted()

    with pytest.raises(ServiceError, match="credentials"):
        planned(owner.actor, change_set)
    assert its_time_comes(planned(owner.actor, change_set, Words(credentials_move=True))).state == "applied"


def test_hours_late_it_is_not_applied(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    after = its_time_comes(planned(owner.actor, drafted()), late=timedelta(hours=2))

    assert (after.state, registries()) == ("draft", {"docker.io"})
    assert "over an hour ago" in after.refusal


@pytest.mark.parametrize("call_off", [redraft, discard])
def test_what_is_called_off_is_not_applied(
    owner: Person, mappings: list[Mapping], drafted: Drafting, call_off: object
) -> None:
    change_set = planned(owner.actor, drafted())
    call_off(owner.actor, change_set_id=change_set.pk)  # type: ignore[operator]

    its_time_comes(change_set)

    assert registries() == {"docker.io"}
    assert get_change_set(owner.actor, change_set.pk).state in ("draft", "discarded")


@pytest.mark.parametrize("days", [-1, 400])
def test_a_time_is_one_to_come(owner: Person, mappings: list[Mapping], drafted: Drafting, days: int) -> None:
    change_set = drafted()

    with pytest.raises(ServiceError, match="a time to come"):
        schedule(
            owner.actor,
            change_set_id=change_set.pk,
            checksum=change_set.checksum,
            at=timezone.now() + timedelta(days=days),
        )


class TestWithoutVerification:
    def test_why_stands_in_the_set_and_the_history(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting
    ) -> None:
        change_set = planned(owner.actor, drafted(), skip=" the registry is moved that night ")
        assert recheck_in_words(change_set) == "not verified just before: the registry is moved that night"

        after = its_time_comes(change_set)

        assert (after.state, after.skip_verification) == ("applied", "the registry is moved that night")
        assert not Verification.objects.exists()
        reason = mappings[0].history.first().history_change_reason
        assert reason == "not verified: the registry is moved that night; CHG-1: to GitHub"

    def test_a_long_reason_is_no_obstacle(self, owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
        assert its_time_comes(planned(owner.actor, drafted(), skip="x" * 1_000)).state == "applied"
        reason = mappings[0].history.first().history_change_reason
        assert reason.startswith("not verified: xxx")
        assert len(reason) <= 1_100

    def test_it_ends_with_the_time(self, owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
        late = its_time_comes(planned(owner.actor, drafted()), late=timedelta(hours=2))
        assert (late.state, late.skip_verification) == ("draft", "")

        planned(owner.actor, late)
        assert redraft(owner.actor, change_set_id=late.pk).skip_verification == ""

    def test_a_policy_that_wants_reports_takes_no_reason(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting
    ) -> None:
        change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, needs_clean_reports=True)

        with pytest.raises(PermissionDenied, match="none is scheduled without verification"):
            planned(owner.actor, drafted())
        planned(owner.actor, ChangeSet.objects.get(), skip="")

    def test_what_cannot_be_verified_takes_none_and_is_applied(self, owner: Person, mappings: list[Mapping]) -> None:
        change_set = draft(owner.actor, "CHG-2", wishes=[Wish(mappings[0].pk, None, {"enabled": False})])

        with pytest.raises(ServiceError, match="nothing is verified: leave this out"):
            planned(owner.actor, change_set)
        assert recheck_in_words(planned(owner.actor, change_set, skip="")) == ""
        assert its_time_comes(change_set).state == "applied"
        assert not Verification.objects.exists()

    def test_more_than_a_report_is_of_need_one(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("routing.services.changes.reports.MAX_CANDIDATES", 2)
        change_set = drafted()

        with pytest.raises(ServiceError, match=r"of 2 mappings at most.*say why this one is not verified"):
            planned(owner.actor, change_set, skip="")
        assert its_time_comes(planned(owner.actor, change_set)).state == "applied"


def test_while_too_many_verifications_are_under_way_it_waits_an_hour(
    owner: Person, mappings: list[Mapping], drafted: Drafting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.services.verifications.verifications.MAX_UNFINISHED", 0)
    change_set = planned(owner.actor, drafted(), skip="")

    assert its_time_comes(change_set).state == "scheduled"
    after = its_time_comes(change_set, late=timedelta(hours=2))

    assert (after.state, registries()) == ("draft", {"docker.io"})
    assert after.refusal.startswith("it could not be verified, or nothing did the regular work,")
