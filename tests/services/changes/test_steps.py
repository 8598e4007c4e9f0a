"""Change sets that are applied in steps: each one, the health gate between them, going on, and being led back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as conf
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.core.table.policy import Policy
from routing.core.table.step import WHOLE, place_of
from routing.management.maintenance import TASKS
from routing.models import ChangeSet, Job, Mapping, PullCount, ReferenceCount, Registry
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.changes.applying import undo
from routing.services.changes.drafts import discard, draft, redraft
from routing.services.changes.guards import Words
from routing.services.changes.plan import PAUSE, plan_of
from routing.services.changes.policy import change_policy
from routing.services.changes.schedule import schedule
from routing.services.changes.steps import LOOK_STEPS, apply_in_steps, go_on, look_due, stop_and_return
from routing.services.changes.wishes import Wish
from routing.services.hostnames.hostnames import update_hostname
from routing.services.mappings.mappings import add_mapping, repoint, update_mapping
from routing.services.registries.targets import parse_target
from routing.table.load import load_table
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.services.changes.conftest import Drafting
from tests.verification.moves import APP, HOST, a_move

pytestmark = pytest.mark.django_db
SHARES = [5, 50, 100]


def begin(change_set: ChangeSet, actor: Actor, percents: list[float] | None = None, **more: Any) -> ChangeSet:
    plan = plan_of(percents or SHARES, **more)
    return apply_in_steps(actor, change_set_id=change_set.pk, checksum=change_set.checksum, plan=plan)


def looked(change_set: ChangeSet, *, at_its_time: bool = False) -> ChangeSet:
    """What has become of a set once the health gate has looked; `at_its_time`: of the next step."""
    if at_its_time:
        ChangeSet.objects.filter(pk=change_set.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    Job.objects.filter(kind=LOOK_STEPS.name).update(run_at=timezone.now() - timedelta(seconds=1))
    do_jobs()
    return ChangeSet.objects.with_names().get(pk=change_set.pk)


def target_of(name: str, hostname: str = "docker.acme.com") -> str:
    """Where the table of a worker leads a repository."""
    match = load_table(Policy()).match_repository(hostname, name)
    assert match is not None
    return match.registry.origin


def repositories(below: int, at_least: int = 0, prefix: str = "app") -> list[str]:
    """Some that are among a share, in ten-thousandths, and not among a smaller one."""
    names = (f"{prefix}/r{number}" for number in range(3_000))
    return [name for name in names if at_least <= place_of(name) < below][:3]


def counted(repository: str, *, mapping: str = "app", **counts: int) -> None:
    """What clients got of a repository just now."""
    now = timezone.now()
    for grain in (Grain.DAY, Grain.HOUR):
        facts: dict[str, Any] = {"grain": grain, "at": start_of(grain, now), "hostname": "docker.acme.com"}
        key = f"{repository} {PullCount.objects.count()}"
        PullCount.objects.create(**facts, key=key, mapping=mapping, repository=repository, **counts)


@pytest.fixture
def stepping(owner: Person, mappings: list[Mapping], drafted: Drafting) -> ChangeSet:
    """One of three steps, of which the first was made."""
    return looked(begin(drafted(), owner.actor))


class TestSteps:
    def test_a_step_leads_a_share_of_the_repositories_and_no_other(self, stepping: ChangeSet) -> None:
        assert (stepping.state, stepping.step, stepping.share) == ("in steps", 1, 500)
        assert {target_of(name) for name in repositories(500)} == {"https://ghcr.io"}
        assert {target_of(name) for name in repositories(WHOLE, 500)} == {"https://registry-1.docker.io"}
        assert {mapping.registry.authority for mapping in Mapping.objects.with_names()} == {"docker.io"}

    def test_before_its_time_no_step_is_made(self, stepping: ChangeSet) -> None:
        assert looked(stepping).step == 1
        assert stepping.next_at is not None
        assert timedelta(seconds=PAUSE - 60) < stepping.next_at - timezone.now() <= timedelta(seconds=PAUSE)

    def test_each_step_adds_some_and_the_last_one_repoints(self, owner: Person, stepping: ChangeSet) -> None:
        second = looked(stepping, at_its_time=True)
        assert (second.step, second.share) == (2, 5_000)
        assert {target_of(name) for name in repositories(5_000)} == {"https://ghcr.io"}
        assert {target_of(name) for name in repositories(WHOLE, 5_000)} == {"https://registry-1.docker.io"}

        last = looked(second, at_its_time=True)
        assert (last.state, last.step, last.applied_by) == ("applied", 3, "alice")
        rows = Mapping.objects.with_names()
        assert {(row.registry.authority, row.step, row.stepped_by) for row in rows} == {("ghcr.io", "", None)}
        assert {target_of(name) for name in repositories(WHOLE, 5_000)} == {"https://ghcr.io"}

    def test_once_it_is_applied_it_is_undone_as_any_other(self, owner: Person, stepping: ChangeSet) -> None:
        applied = looked(looked(stepping, at_its_time=True), at_its_time=True)

        undo(owner.actor, "back", change_set_id=applied.pk, words=Words())

        assert {mapping.registry.authority for mapping in Mapping.objects.with_names()} == {"docker.io"}

    def test_each_step_is_in_the_history_of_each_mapping(self, stepping: ChangeSet) -> None:
        entry = Mapping.objects.get(prefix="app").history.first()

        assert entry.change_set == stepping.pk
        assert entry.step.startswith("500 ")
        assert "step 1 of 3, 5 %: CHG-1: to GitHub" in (entry.history_change_reason or "")

    def test_two_looks_of_one_state_make_one_step(self, stepping: ChangeSet) -> None:
        ChangeSet.objects.filter(pk=stepping.pk).update(next_at=timezone.now() - timedelta(seconds=1))
        job = Job(kind=LOOK_STEPS.name, key=str(stepping.pk))
        first, second = LOOK_STEPS.begin(job), LOOK_STEPS.begin(job)
        assert first is not None
        assert second is not None
        seen = first(), second()

        for look in seen:
            LOOK_STEPS.settle(job, look)

        assert ChangeSet.objects.get(pk=stepping.pk).step == 2

    def test_a_job_that_was_lost_is_put_in_anew(self, stepping: ChangeSet) -> None:
        Job.objects.all().delete()

        look_due()

        assert looked(stepping, at_its_time=True).step == 2

    def test_it_can_be_scheduled(self, owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
        change_set = drafted()
        at = timezone.now() + timedelta(hours=2)
        plan = plan_of(SHARES, 60)
        schedule(owner.actor, change_set_id=change_set.pk, checksum=change_set.checksum, at=at, plan=plan)
        ChangeSet.objects.filter(pk=change_set.pk).update(apply_at=timezone.now())

        next(task for task in TASKS if task.name == "plans").do()
        do_jobs()
        after = looked(change_set)

        assert (after.state, after.step, after.pause_seconds) == ("in steps", 1, 60)


class TestPeople:
    def test_the_next_step_is_made_when_somebody_says_so(self, teammate: Person, stepping: ChangeSet) -> None:
        looked(stepping)

        after = go_on(teammate.actor, change_set_id=stepping.pk)

        assert after.step == 2
        assert Mapping.objects.get(prefix="app").history.first().history_user == teammate.user

    def test_not_while_nothing_looks(self, owner: Person, stepping: ChangeSet) -> None:
        ChangeSet.objects.filter(pk=stepping.pk).update(looked_at=timezone.now() - timedelta(minutes=5))

        with pytest.raises(Conflict, match="has not looked within a minute"):
            go_on(owner.actor, change_set_id=stepping.pk)

    def test_it_is_stopped_and_all_is_led_back(self, owner: Person, stepping: ChangeSet) -> None:
        after = stop_and_return(owner.actor, "too early", change_set_id=stepping.pk)

        assert (after.state, after.shares, after.step) == ("draft", [], 0)
        assert after.refusal == "alice stopped it at step 1 of 3 (5 %): too early"
        assert {target_of(name) for name in repositories(500)} == {"https://registry-1.docker.io"}
        assert not Mapping.objects.exclude(step="", stepped_by=None).exists()

    def test_a_pull_that_began_where_a_step_led_can_finish(self, owner: Person, stepping: ChangeSet) -> None:
        stop_and_return(owner.actor, change_set_id=stepping.pk)

        former = Mapping.objects.get(prefix="app").former

        assert str(Registry.objects.get(origin="https://ghcr.io").pk) in former.split()

    def test_what_is_not_in_steps_is_not_stopped(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting
    ) -> None:
        change_set = drafted()

        for verb in (go_on, stop_and_return):
            with pytest.raises(Conflict, match="not in steps"):
                verb(owner.actor, change_set_id=change_set.pk)

    def test_meanwhile_nobody_else_leads_its_mappings_anywhere(self, owner: Person, stepping: ChangeSet) -> None:
        name, login = owner.hostname.name, Registry.objects.get(origin="https://ghcr.io").pk
        app = Mapping.objects.get(prefix="app")

        for change in (
            lambda: repoint(owner.actor, "r", hostname=name, prefix="app", target="quay.io/acme"),
            lambda: update_mapping(owner.actor, "r", mapping_id=app.pk, private=True),
            lambda: update_hostname(owner.actor, "r", hostname_id=owner.hostname.pk, login_registry=login),
            lambda: redraft(owner.actor, change_set_id=stepping.pk),
            lambda: discard(owner.actor, change_set_id=stepping.pk),
        ):
            with pytest.raises(ServiceError, match=r"steps"):
                change()

    def test_it_can_be_switched_off_all_the_same(self, owner: Person, stepping: ChangeSet) -> None:
        app = Mapping.objects.get(prefix="app")

        update_mapping(owner.actor, "r", mapping_id=app.pk, enabled=False)

        assert Mapping.objects.get(pk=app.pk).stepped_by == stepping.pk
        assert looked(stepping, at_its_time=True).step == 2


class TestTheGate:
    def test_refusals_lead_back_and_the_numbers_are_told(self, stepping: ChangeSet) -> None:
        counted(repositories(500)[0], tags=10, refused=conf.FACADE_STEP_FAILURES)

        after = looked(stepping)

        assert (after.state, after.shares) == ("draft", [])
        assert "returned by itself at step 1 of 3 (5 %): 10 of 20 requests were refused or failed" in after.refusal
        assert {target_of(name) for name in repositories(500)} == {"https://registry-1.docker.io"}
        assert Mapping.objects.get(prefix="app").history.first().history_user is None

    def test_those_of_repositories_that_no_step_has_moved_do_not_count(self, stepping: ChangeSet) -> None:
        counted(repositories(WHOLE, 500)[0], tags=10, failed=90)

        assert looked(stepping).state == "in steps"

    def test_as_many_as_before_are_no_reason(self, owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
        name = repositories(500)[0]
        counted(name, tags=50, refused=50)
        stepping = looked(begin(drafted(), owner.actor))
        counted(name, tags=50, refused=50)

        after = looked(stepping)

        assert after.state == "in steps"
        assert after.looked is not None
        assert (after.looked["bad"], after.looked["requests"], after.looked["bad_before"]) == (50, 100, 50)

    def test_images_that_are_missing_where_it_leads_lead_back(self, platform: Actor, settings: Settings) -> None:
        with a_move(settings, platform) as move:
            move.old.put_image(APP, "1.0")
            move.old.copy_to(move.new)
            mapping = add_mapping(move.actor, "", hostname=HOST, prefix=APP, target=f"{move.old.url}/{APP}").mapping
            now = timezone.now()
            facts: dict[str, Any] = {"hostname": HOST, "repository": APP}
            day: dict[str, Any] = {"grain": Grain.DAY, "at": start_of(Grain.DAY, now)}
            PullCount.objects.create(**facts, **day, key="k", mapping=APP, tags=1)
            ReferenceCount.objects.create(**facts, **day, key="k", reference="1.0", requests=1)
            wish = Wish(mapping.pk, parse_target(f"{move.new.url}/{APP}"))
            change_set = draft(platform, "m", wishes=[wish])
            share = place_of(APP) // 100 + 1.0
            stepping = looked(begin(change_set, platform, [min(share, 99.0), 100.0] if share < 99 else [99.9, 100.0]))
            assert (stepping.state, stepping.step) == ("in steps", 1)
            assert looked(stepping).looked["asked"] == 1  # type: ignore[index]

            move.new.remove_manifest(APP, "1.0")
            after = looked(stepping)

        assert after.state == "draft"
        assert "of 1 images that were pulled lately 1 can't be had there" in after.refusal


class TestRefused:
    @pytest.mark.parametrize("percents", [[100], [5, 5, 100], [50, 5, 100], [5, 50], [0, 100], [float("nan"), 100]])
    def test_a_plan_that_does_not_grow_to_all(self, percents: list[float]) -> None:
        with pytest.raises(ServiceError):
            plan_of(percents)

    @pytest.mark.parametrize("pause", [0, 9, 86_401])
    def test_a_pause_that_is_none(self, pause: int) -> None:
        with pytest.raises(ServiceError, match="the pause"):
            plan_of(SHARES, pause)

    def test_what_takes_credentials(self, owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
        update_mapping(owner.actor, "r", mapping_id=mappings[0].pk, private=True)

        with pytest.raises(ServiceError, match="credentials must not reach another registry") as refusal:
            begin(drafted(), owner.actor)

        assert refusal.value.code == Code.TAKES_CREDENTIALS
        assert not Mapping.objects.exclude(stepped_by=None).exists()

    def test_other_changes_than_repoints(self, owner: Person, mappings: list[Mapping]) -> None:
        change_set = draft(owner.actor, "m", wishes=[Wish(mappings[0].pk, None, {"enabled": False})])

        with pytest.raises(ServiceError, match="only repoints"):
            begin(change_set, owner.actor)

    def test_where_the_tenants_policy_does_not_allow(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting
    ) -> None:
        change_set = drafted()
        change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, registries=["docker.io", "quay.io"])

        with pytest.raises(ServiceError, match=r"does not allow ghcr\.io"):
            begin(change_set, owner.actor)

    def test_without_the_clean_report_that_the_policy_wants(
        self, owner: Person, mappings: list[Mapping], drafted: Drafting
    ) -> None:
        change_set = drafted()
        change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, needs_clean_reports=True)

        with pytest.raises(ServiceError, match="clean report"):
            begin(change_set, owner.actor)
