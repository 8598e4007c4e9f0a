"""Change sets in steps: a share of the repositories after the other, and back where that fails. The clock is what these
tests say, the registries answer over sockets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.core.table.step import parse_step, place_of
from routing.management.maintenance import TASKS, tell_workers
from routing.models import ChangeSet, Hostname, Job, Mapping, PullCount, ReferenceCount, Registry, Server, Verification
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.changes import steps
from routing.services.changes.applying import apply, undo
from routing.services.changes.drafts import discard, draft, redraft
from routing.services.changes.plan import Plan, plan_of
from routing.services.changes.policy import change_policy
from routing.services.changes.reading import count_steps
from routing.services.changes.schedule import schedule
from routing.services.changes.steps import apply_in_steps, go_on, stop_and_return
from routing.services.changes.wishes import Place, Wish
from routing.services.configuration.apply import apply_document
from routing.services.configuration.current import current_document
from routing.services.hostnames.hostnames import suspend_hostnames, update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint, switch_mappings, update_mapping
from routing.services.people.tenants import suspend_tenants
from routing.services.registries.registries import remove_registry, update_registry
from routing.services.registries.targets import parse_target
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.services.changes.test_schedule import its_time_comes
from tests.verification.moves import HOST, Move, a_move

pytestmark = pytest.mark.django_db
PREFIX = "team"
PLAN = plan_of([5, 50, 100], 600)


def name_within(least: int, below: int) -> str:
    """A repository of the mapping that stands there among all."""
    return next(name for name in (f"{PREFIX}/app{number}" for number in range(100_000)) if _is(name, least, below))


def _is(name: str, least: int, below: int) -> bool:
    return least <= place_of(name) < below


#: Which the first step moves, the second, and the last.
FIRST, SECOND, LAST = name_within(0, 500), name_within(500, 5_000), name_within(5_000, 10_000)


@pytest.fixture
def move(owner: Person, settings: Settings) -> Iterator[Move]:
    """Two registries that have the same."""
    settings.FACADE_PROBE_ON_SAVE = settings.FACADE_VERIFY_ON_REPOINT = False
    with a_move(settings, owner.actor) as made:
        for name in (FIRST, SECOND, LAST):
            made.old.put_image(name, "1.0")
        made.old.copy_to(made.new)
        yield made


@pytest.fixture
def mapping(move: Move) -> Mapping:
    return move.mapping(PREFIX)


def drafted(move: Move, mapping: Mapping, **options: Any) -> ChangeSet:
    wish = Wish(mapping.pk, parse_target(f"{move.new.url}/{PREFIX}"), options)
    return draft(move.actor, "CHG-2: to the new one", wishes=[wish])


def begin(move: Move, change_set: ChangeSet, plan: Plan = PLAN) -> ChangeSet:
    return apply_in_steps(move.actor, change_set_id=change_set.pk, checksum=change_set.checksum, plan=plan)


@pytest.fixture
def begun(move: Move, mapping: Mapping) -> ChangeSet:
    return begin(move, drafted(move, mapping))


def now_of(change_set: ChangeSet) -> ChangeSet:
    return ChangeSet.objects.with_names().get(pk=change_set.pk)


def look(change_set: ChangeSet) -> ChangeSet:
    """The gate's next look, now."""
    Job.objects.filter(kind="look at steps").update(run_at=timezone.now() - timedelta(seconds=1))
    do_jobs()
    return now_of(change_set)


def pause_over(change_set: ChangeSet) -> ChangeSet:
    """The next look, once the pause is over."""
    ChangeSet.objects.filter(pk=change_set.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    return look(change_set)


def share(mapping: Mapping) -> int:
    """How many of ten thousand repositories lead to the new registry already."""
    mapping.refresh_from_db()
    step = parse_step(mapping.step)
    return 0 if step is None else step.share


def count(mapping: Mapping, repository: str, *, good: int = 0, refused: int = 0, hours_ago: int = 0) -> None:
    """What clients got of one repository, as workers count it."""
    moment = timezone.now() - timedelta(hours=hours_ago)
    for grain in (Grain.HOUR, Grain.DAY):
        names = {"hostname": HOST, "mapping": mapping.prefix, "repository": repository}
        place = {"grain": grain, "at": start_of(grain, moment), "key": f"{repository} {hours_ago}"[-32:]}
        row, _ = PullCount.objects.get_or_create(**place, defaults=names)
        row.tags, row.refused = row.tags + good, row.refused + refused
        row.save()


def pulled(mapping: Mapping, repository: str, reference: str = "1.0") -> None:
    """It was pulled today."""
    count(mapping, repository, good=5)
    at = start_of(Grain.DAY, timezone.now())
    names = {"hostname": HOST, "repository": repository, "reference": reference}
    ReferenceCount.objects.create(
        grain=Grain.DAY, at=at, key=f"{repository}:{reference}"[-32:], requests=5, tenant=None, **names
    )


# ------------------------------------------------------------ all steps
def test_to_begin_moves_nothing_and_a_step_follows_once_the_gate_has_looked(begun: ChangeSet, mapping: Mapping) -> None:
    assert (begun.state, begun.step, begun.shares, begun.pause_seconds) == ("in steps", 0, [500, 5_000, 10_000], 600)
    assert share(mapping) == 0
    assert mapping.stepped_by == begun.pk

    after = look(begun)

    assert (after.step, share(mapping)) == (1, 500)
    assert after.next_at is not None
    assert timedelta(seconds=590) < after.next_at - timezone.now() <= timedelta(seconds=600)


def test_each_step_moves_its_share_and_the_last_is_the_repoint(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)
    # Not before its time.
    assert look(begun).step == 1
    assert (pause_over(begun).step, share(mapping)) == (2, 5_000)
    assert mapping.target == f"{move.old.url}/{PREFIX}"

    after = pause_over(begun)

    assert (after.state, after.step, after.next_at) == ("applied", 3, None)
    mapping = Mapping.objects.with_names().get(pk=mapping.pk)
    assert (mapping.step, mapping.stepped_by) == ("", None)
    assert mapping.target == f"{move.new.url}/{PREFIX}"
    assert not Job.objects.filter(kind="look at steps").exists()


def test_a_worker_sends_each_repository_where_its_step_is(
    begun: ChangeSet, move: Move, mapping: Mapping, table: Callable[[], Any]
) -> None:
    look(begun)

    step = parse_step(Mapping.objects.get(pk=mapping.pk).step)

    assert step is not None
    assert [step.takes(name) for name in (FIRST, SECOND, LAST)] == [True, False, False]
    assert table().generation == now_of(begun).generation


def test_it_is_undone_afterwards_as_any_other(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)
    pause_over(begun)
    pause_over(begun)

    undo(move.actor, "back", change_set_id=begun.pk)

    assert now_of(begun).state == "undone"
    assert move.old.url in Mapping.objects.with_names().get(pk=mapping.pk).target


def test_who_made_each_step_stands_in_the_history(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)
    go_on(move.actor, change_set_id=look(begun).pk)
    pause_over(begun)

    rows = list(mapping.history.filter(change_set=begun.pk).order_by("history_id"))

    assert [(row.actor, row.history_change_reason) for row in rows] == [
        ("alice", "CHG-2: to the new one"),
        ("program: steps", "step 1 of 3, 5 %: CHG-2: to the new one"),
        ("alice", "step 2 of 3, 50 %: CHG-2: to the new one"),
        ("program: steps", "step 3 of 3, 100 %: CHG-2: to the new one"),
    ]


# ------------------------------------------------------- by people's word
def test_a_person_goes_on_before_the_pause_is_over(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)
    look(begun)

    after = go_on(move.actor, change_set_id=begun.pk)

    assert (after.step, share(mapping)) == (2, 5_000)


def test_nobody_goes_on_while_the_gate_has_not_looked(begun: ChangeSet, move: Move) -> None:
    look(begun)
    look(begun)
    ChangeSet.objects.filter(pk=begun.pk).update(looked_at=timezone.now() - timedelta(seconds=61))

    with pytest.raises(Conflict, match="the health gate has not looked within a minute"):
        go_on(move.actor, change_set_id=begun.pk)


def test_stopped_it_leads_back_at_once_and_is_a_draft_again(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)

    after = stop_and_return(move.actor, "a colleague called", change_set_id=begun.pk)

    assert (after.state, after.step, after.steps, after.generation) == ("draft", 0, None, None)
    assert after.refusal == "alice stopped it at step 1 of 3 (5 %): a colleague called"
    mapping.refresh_from_db()
    assert (mapping.step, mapping.stepped_by) == ("", None)
    # A pull that began at the new registry can finish.
    assert f" {after.rows[0]['after']['registry']} " in mapping.former
    # And it can be begun once more.
    assert look(begin(move, now_of(begun))).step == 1


@pytest.mark.parametrize("verb", [go_on, stop_and_return])
def test_what_is_not_in_steps_neither_goes_on_nor_returns(
    move: Move, mapping: Mapping, verb: Callable[..., object]
) -> None:
    change_set = drafted(move, mapping)

    with pytest.raises(Conflict, match="and not in steps") as refused:
        verb(move.actor, change_set_id=change_set.pk)

    assert refused.value.code == Code.CHANGE_SET_CLOSED


# ------------------------------------------------------------ the health gate
def test_where_clients_are_refused_it_returns_by_itself_and_says_so_in_numbers(
    begun: ChangeSet, mapping: Mapping
) -> None:
    count(mapping, FIRST, good=100, hours_ago=0)
    look(begun)
    count(mapping, FIRST, good=20, refused=10)

    after = look(begun)

    assert after.state == "draft"
    assert after.refusal == (
        "returned by itself at step 1 of 3 (5 %): 10 of 30 requests were refused or failed since the step (33.3 %), "
        "and 0 of 100 (0.0 %) of the same repositories in the day before it"
    )
    assert share(mapping) == 0
    assert mapping.history.first().actor == "program: steps"


def test_what_failed_as_often_before_is_no_reason(begun: ChangeSet, mapping: Mapping) -> None:
    count(mapping, FIRST, good=60, refused=40)
    look(begun)
    count(mapping, FIRST, good=60, refused=40)

    after = look(begun)

    assert (after.state, after.step) == ("in steps", 1)
    assert after.looked == {
        "requests": 100,
        "bad": 40,
        "requests_before": 100,
        "bad_before": 40,
        "asked": 0,
        "missing": [],
        "waits": "",
    }


def test_a_few_failures_and_those_of_repositories_that_stay_are_no_reason(begun: ChangeSet, mapping: Mapping) -> None:
    look(begun)
    count(mapping, FIRST, refused=9)
    count(mapping, LAST, refused=500)

    assert (look(begun).looked or {})["bad"] == 9


def test_where_images_are_missing_there_it_returns(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    pulled(mapping, FIRST)
    assert look(begun).step == 1
    move.new.remove_manifest(FIRST, "1.0")

    after = look(begun)

    assert after.state == "draft"
    assert "of 1 images that were pulled lately 1 can't be had there" in after.refusal
    assert f"{HOST}/{FIRST} 1.0: " in after.refusal
    assert (share(mapping), move.new.gets_of_manifests()) == (0, 0)


def test_what_the_next_step_would_lack_keeps_it_from_being_made(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    pulled(mapping, SECOND)
    move.new.remove_manifest(SECOND, "1.0")
    # The first step doesn't move it.
    assert (look(begun).step, look(begun).step) == (1, 1)

    after = pause_over(begun)

    assert after.state == "draft"
    assert after.refusal.startswith("returned by itself at step 1 of 3 (5 %)")


def test_what_is_missing_where_it_led_too_is_no_reason(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    pulled(mapping, FIRST, "9.9")

    assert (look(begun).step, look(begun).state) == (1, "in steps")


def test_it_waits_while_the_last_step_is_not_live_everywhere(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    made = look(begun)
    assert made.generation is not None
    process = {"role": "worker", "pid": 7, "generation": made.generation - 1, "held": False}
    server = Server.objects.create(name="a", at=timezone.now(), processes=[process])

    after = pause_over(begun)

    assert (after.step, share(mapping)) == (1, 500)
    assert after.looked is not None
    assert "it is live on 0 of 1 processes" in after.looked["waits"]
    with pytest.raises(Conflict, match="not in force everywhere yet: it is live on 0 of 1 processes"):
        go_on(move.actor, change_set_id=begun.pk)
    server.processes = [{**process, "generation": made.generation}]
    server.save()
    assert look(begun).step == 2


def test_a_registry_that_wants_a_password_meanwhile_ends_it(begun: ChangeSet, mapping: Mapping) -> None:
    look(begun)
    registry = begun.rows[0]["after"]["registry"]
    Registry.objects.filter(pk=registry).update(auth="basic")

    after = look(begun)

    assert "asks everybody for a password" in after.refusal
    assert share(mapping) == 0


def test_a_registry_that_is_gone_meanwhile_ends_it(begun: ChangeSet, mapping: Mapping) -> None:
    look(begun)
    registry = begun.rows[0]["after"]["registry"]
    Registry.objects.filter(pk=registry).delete()

    after = look(begun)

    assert (after.state, share(mapping)) == ("draft", 0)
    assert "a registry of it is gone" in after.refusal
    # Nobody is asked at what is not there.
    assert mapping.former == ""


def test_a_person_who_goes_on_is_told_that_a_registry_is_gone(begun: ChangeSet, move: Move) -> None:
    look(begun)
    look(begun)
    Registry.objects.filter(pk=begun.rows[0]["after"]["registry"]).delete()

    with pytest.raises(ServiceError, match="a registry of it is gone: stop and return"):
        go_on(move.actor, change_set_id=begun.pk)


# ------------------------------------------- what nobody is served, nobody sees
def _disable(platform: Actor, mapping: Mapping, is_on: bool) -> None:
    switch_mappings(platform, "r", mapping_ids=[mapping.pk], enabled=is_on)


def _suspend_hostname(platform: Actor, mapping: Mapping, is_on: bool) -> None:
    suspend_hostnames(platform, "r", hostname_ids=[mapping.hostname_id], suspended=not is_on)


def _suspend_tenant(platform: Actor, mapping: Mapping, is_on: bool) -> None:
    suspend_tenants(platform, "r", tenant_ids=[mapping.hostname.tenant_id], suspended=not is_on)


OFF = [_disable, _suspend_hostname, _suspend_tenant]


@pytest.mark.parametrize("switch", OFF)
def test_while_none_of_its_mappings_is_served_no_step_is_made(
    begun: ChangeSet, move: Move, mapping: Mapping, platform: Actor, switch: Callable[[Actor, Mapping, bool], None]
) -> None:
    pulled(mapping, FIRST)
    look(begun)
    look(begun)
    switch(platform, mapping, False)
    move.new.remove_manifest(FIRST, "1.0")

    after = pause_over(begun)

    assert (after.state, after.step, share(mapping)) == ("in steps", 1, 500)
    assert after.looked is not None
    assert "none of its mappings is served now" in after.looked["waits"]
    with pytest.raises(Conflict, match="the next step waits: none of its mappings is served now"):
        go_on(move.actor, change_set_id=begun.pk)

    switch(platform, mapping, True)

    # What the gate did not see is no ground to go on.
    with pytest.raises(Conflict, match="the health gate has not looked within a minute"):
        go_on(move.actor, change_set_id=begun.pk)
    assert "1 can't be had there" in look(begun).refusal


def test_it_says_so_during_the_pause_already(begun: ChangeSet, mapping: Mapping, platform: Actor) -> None:
    look(begun)
    _disable(platform, mapping, False)

    assert "none of its mappings is served" in (look(begun).looked or {})["waits"]


def test_what_was_served_again_while_it_looked_is_looked_at_once_more(
    begun: ChangeSet, mapping: Mapping, platform: Actor
) -> None:
    look(begun)
    _disable(platform, mapping, False)
    ChangeSet.objects.filter(pk=begun.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    (job,) = Job.objects.filter(kind="look at steps")
    asks = steps.LOOK_STEPS.begin(job)
    assert asks is not None
    _disable(platform, mapping, True)

    steps.LOOK_STEPS.settle(job, asks())

    assert (now_of(begun).step, look(begun).step) == (1, 2)


def test_it_stops_where_its_mappings_were_disabled(begun: ChangeSet, move: Move, mapping: Mapping) -> None:
    look(begun)
    _disable(move.actor, mapping, False)

    after = stop_and_return(move.actor, change_set_id=begun.pk)

    assert (after.state, share(mapping), mapping.stepped_by, mapping.enabled) == ("draft", 0, None, False)


def test_and_is_undone_where_one_of_several_was_disabled_between_two_steps(
    move: Move, mapping: Mapping, owner: Person
) -> None:
    other = add_mapping(owner.actor, "", hostname=HOST, prefix="other", target=f"{move.old.url}/{PREFIX}").mapping
    wishes = [Wish(each.pk, parse_target(f"{move.new.url}/{PREFIX}"), {}) for each in (mapping, other)]
    begun = begin(move, draft(move.actor, "m", wishes=wishes))
    look(begun)
    _disable(move.actor, other, False)
    pause_over(begun)

    after = pause_over(begun)
    assert (after.state, after.refusal) == ("applied", "")
    undo(move.actor, "back", change_set_id=begun.pk)

    rows = Mapping.objects.with_names().filter(pk__in=[mapping.pk, other.pk]).order_by("pk")
    assert [(row.target, row.enabled) for row in rows] == [
        (f"{move.old.url}/{PREFIX}", True),
        (f"{move.old.url}/{PREFIX}", False),
    ]


def test_two_looks_of_one_state_make_one_step(begun: ChangeSet, mapping: Mapping) -> None:
    (job,) = Job.objects.filter(kind="look at steps")
    one, other = steps.LOOK_STEPS.begin(job), steps.LOOK_STEPS.begin(job)
    assert one is not None
    assert other is not None
    first, second = one(), other()

    steps.LOOK_STEPS.settle(job, first)
    ChangeSet.objects.filter(pk=begun.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    steps.LOOK_STEPS.settle(job, second)

    assert (now_of(begun).step, share(mapping)) == (1, 500)


def test_a_lost_job_is_put_in_anew(begun: ChangeSet) -> None:
    Job.objects.all().delete()

    next(task for task in TASKS if task.name == "steps").do()

    assert look(begun).step == 1


# ------------------------------------------------------------ what is refused
@pytest.mark.parametrize("changes", [{"private": True}, {"allow_push": True}])
def test_what_takes_credentials_is_not_moved_in_steps(move: Move, mapping: Mapping, changes: dict[str, Any]) -> None:
    update_mapping(move.actor, "r", mapping_id=mapping.pk, **changes)

    with pytest.raises(ServiceError, match="credentials must not reach another registry by themselves") as refused:
        begin(move, drafted(move, mapping))

    assert refused.value.code == Code.TAKES_CREDENTIALS


def test_nor_what_has_a_standby(move: Move, mapping: Mapping) -> None:
    registry = Registry.objects.create(name="standby", origin="https://standby.example")
    Mapping.objects.filter(pk=mapping.pk).update(standby_registry=registry, standby_prefix=PREFIX)

    with pytest.raises(ServiceError, match="can fail over to a standby meanwhile"):
        begin(move, drafted(move, mapping))


def test_nor_what_changes_something_else_too(move: Move, mapping: Mapping) -> None:
    with pytest.raises(ServiceError, match="only repoints can be applied in steps"):
        begin(move, drafted(move, mapping, enabled=False))


@pytest.mark.parametrize("percents", [[100], [50, 50, 100], [50, 20, 100], [5, 50], [0, 100], [5.001, 100]])
def test_a_plan_grows_up_to_all(percents: list[float]) -> None:
    with pytest.raises(ServiceError):
        plan_of(percents)


@pytest.mark.parametrize("seconds", [9, 86_401])
def test_a_pause_has_bounds(seconds: int) -> None:
    with pytest.raises(ServiceError, match="the pause has 10 to 86400 seconds"):
        plan_of([5, 100], seconds)


def test_nor_where_the_policy_forbids_it_by_now(owner: Person, move: Move, mapping: Mapping) -> None:
    change_set = drafted(move, mapping)
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, registries=[move.old.url])

    with pytest.raises(ServiceError, match="does not allow") as refused:
        begin(move, change_set)

    assert refused.value.code == Code.POLICY_FORBIDS


def test_nor_without_the_clean_report_that_the_policy_wants(owner: Person, move: Move, mapping: Mapping) -> None:
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, needs_clean_reports=True)

    with pytest.raises(ServiceError, match="clean report") as refused:
        begin(move, drafted(move, mapping))
    assert refused.value.code == Code.REPORT_REQUIRED
    assert move.report(mapping).is_clean

    assert look(begin(move, drafted(move, mapping))).step == 1


def test_steps_may_take_longer_than_their_report_counts(owner: Person, move: Move, mapping: Mapping) -> None:
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, needs_clean_reports=True)
    assert move.report(mapping).is_clean
    begun = look(begin(move, drafted(move, mapping)))
    Verification.objects.update(finished_at=timezone.now() - timedelta(days=3))

    pause_over(begun)

    after = pause_over(begun)
    assert (after.state, after.refusal) == ("applied", "")


def test_a_policy_that_forbids_it_meanwhile_leads_back_at_the_next_step(
    owner: Person, begun: ChangeSet, move: Move, mapping: Mapping
) -> None:
    look(begun)
    pause_over(begun)
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, registries=[move.old.url])

    after = pause_over(begun)

    assert "does not allow" in after.refusal
    assert share(mapping) == 0


# ------------------------------------------------- what is refused meanwhile
def _repoint(owner: Person, mapping: Mapping) -> None:
    repoint(owner.actor, "r", hostname=HOST, prefix=mapping.prefix, target="quay.io/acme")


def _switch(owner: Person, mapping: Mapping) -> None:
    update_mapping(owner.actor, "r", mapping_id=mapping.pk, allow_push=True)


def _remove(owner: Person, mapping: Mapping) -> None:
    remove_mapping(owner.actor, "r", hostname=HOST, prefix=mapping.prefix)


def _login(owner: Person, mapping: Mapping) -> None:
    update_hostname(owner.actor, "r", hostname_id=mapping.hostname_id, login_registry_id=mapping.registry_id)


@pytest.mark.parametrize("deed", [_repoint, _switch, _remove, _login])
def test_what_would_cross_it_is_refused_and_the_set_is_named(
    owner: Person, begun: ChangeSet, mapping: Mapping, deed: Callable[[Person, Mapping], None]
) -> None:
    look(begun)

    with pytest.raises(ServiceError, match=f"change set {begun.pk} is being applied in steps to {HOST}/{PREFIX}") as no:
        deed(owner, mapping)

    assert no.value.code == Code.IN_STEPS


def _target_of(begun: ChangeSet) -> int:
    number: int = begun.rows[0]["after"]["registry"]
    return number


def _source_of(begun: ChangeSet) -> int:
    number: int = begun.rows[0]["before"]["registry"]
    return number


def _move_registry(actor: Actor, registry: int) -> None:
    update_registry(actor, "r", registry_id=registry, origin="https://elsewhere.example")


def _name_space(actor: Actor, registry: int) -> None:
    update_registry(actor, "r", registry_id=registry, implicit_namespace="library")


def _remove_registry(actor: Actor, registry: int) -> None:
    remove_registry(actor, "r", registry_id=registry)


def _share_registry(actor: Actor, registry: int) -> None:
    update_registry(actor, "r", registry_id=registry, tenant_id=None)


def _prune(actor: Actor, registry: int) -> None:
    document = current_document(actor)
    tenants = []
    for tenant in document.tenants:
        own = {each.pk for each in Registry.objects.filter(tenant__slug=tenant.slug)}
        gone = Registry.objects.get(pk=registry).origin if registry in own else ""
        kept = tuple(entry for entry in tenant.registries if entry.origin != gone)
        tenants.append(replace(tenant, registries=kept))
    apply_document(actor, "r", replace(document, tenants=tuple(tenants)), prune=True)


@pytest.mark.parametrize("deed", [_move_registry, _name_space, _remove_registry, _share_registry])
@pytest.mark.parametrize("of", [_target_of, _source_of])
def test_nor_do_its_registries_go_or_move(
    platform: Actor,
    begun: ChangeSet,
    mapping: Mapping,
    deed: Callable[[Actor, int], None],
    of: Callable[[ChangeSet], int],
) -> None:
    look(begun)

    said = rf"change set {begun.pk} is being applied in steps, .*\(facade changes stop {begun.pk}\)"
    with pytest.raises(ServiceError, match=said) as refused:
        deed(platform, of(begun))

    assert refused.value.code == Code.IN_STEPS
    assert pause_over(begun).step == 2


def test_nor_is_the_target_pruned(platform: Actor, begun: ChangeSet) -> None:
    with pytest.raises(ServiceError, match=f"change set {begun.pk} is being applied in steps") as refused:
        _prune(platform, _target_of(begun))

    assert refused.value.code == Code.IN_STEPS


def test_they_can_be_named_anew(platform: Actor, begun: ChangeSet) -> None:
    update_registry(platform, "r", registry_id=_target_of(begun), name="New")


def test_and_go_once_it_is_over(platform: Actor, begun: ChangeSet, move: Move) -> None:
    stop_and_return(move.actor, change_set_id=begun.pk)

    _remove_registry(platform, _target_of(begun))


def test_nor_is_its_hostname_handed_over(begun: ChangeSet, outsider: Person, platform: Actor, mapping: Mapping) -> None:
    to: dict[str, Any] = {"hostname_id": mapping.hostname_id, "tenant_id": outsider.tenant.pk, "copy_registries": True}

    with pytest.raises(ServiceError, match=f"change set {begun.pk} is being applied in steps") as refused:
        hand_over_hostname(platform, "r", **to)

    assert refused.value.code == Code.IN_STEPS


def test_nor_is_a_set_undone_that_added_it(move: Move) -> None:
    place = Place(Hostname.objects.get(name=HOST).pk, PREFIX)
    added = draft(move.actor, "m", wishes=[Wish(None, parse_target(f"{move.old.url}/{PREFIX}"), {}, place)])
    apply(move.actor, change_set_id=added.pk, checksum=added.checksum)
    begun = begin(move, drafted(move, Mapping.objects.get()))

    with pytest.raises(ServiceError, match=f"change set {begun.pk} is being applied in steps"):
        undo(move.actor, "back", change_set_id=added.pk)

    assert Mapping.objects.exists()


def test_it_can_be_disabled_all_the_same(owner: Person, begun: ChangeSet, mapping: Mapping) -> None:
    look(begun)

    update_mapping(owner.actor, "r", mapping_id=mapping.pk, enabled=False)

    assert (share(mapping), mapping.enabled) == (500, False)


# --------------------------------------------------------------- scheduled
def test_a_scheduled_set_goes_in_steps_at_its_time(move: Move, mapping: Mapping) -> None:
    change_set = drafted(move, mapping)
    at = timezone.now() + timedelta(hours=2)
    schedule(
        move.actor,
        change_set_id=change_set.pk,
        checksum=change_set.checksum,
        at=at,
        plan=PLAN,
        skip_verification="why not",
    )
    assert share(mapping) == 0

    after = its_time_comes(change_set)

    assert (after.state, after.applied_by, after.shares) == ("in steps", "alice", [500, 5_000, 10_000])
    assert look(change_set).step == 1


# ----------------------------------------------------------------- events
def test_each_step_and_the_way_back_is_told(
    begun: ChangeSet,
    move: Move,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    caplog.clear()
    with caplog.at_level("INFO", "routing.events"), django_capture_on_commit_callbacks(execute=True):
        look(begun)
        stop_and_return(move.actor, change_set_id=begun.pk)

    made: list[Any] = [
        each for each in caplog.records if each.name == "routing.events" and "change_set." in each.getMessage()
    ]
    assert [each.getMessage() for each in made] == ["change_set.stepped", "change_set.returned"]
    assert (made[0].step, made[0].share, made[0].actor) == (1, "5 %", "program: steps")
    assert made[1].reason == "alice stopped it at step 1 of 3 (5 %)"


# ---------------------------------------------------------------- who watches
NOTHING = {"change_sets_in_steps": 0, "change_sets_returned": 0}


def test_sets_in_steps_are_counted_with_when_the_next_step_is_due(
    move: Move, mapping: Mapping, settings: Settings, tmp_path: Path, client: Client
) -> None:
    change_set = drafted(move, mapping)
    assert count_steps() == NOTHING
    begin(move, change_set)

    next_at = look(change_set).next_at

    assert next_at is not None
    due = int(next_at.timestamp())
    assert count_steps() == {"change_sets_in_steps": 1, "change_sets_returned": 0, "step_due": due}
    settings.STATE_DIR = tmp_path
    tell_workers()
    told = client.get("/metrics", headers={"host": "localhost"}).text
    assert "facade_change_sets_in_steps 1.0" in told
    assert "facade_change_sets_returned 0.0" in told
    assert float(re.findall(r"^facade_step_due_timestamp_seconds (.*)$", told, re.M)[0]) == due
    pause_over(change_set)
    pause_over(change_set)
    assert count_steps() == NOTHING


@pytest.fixture
def returned(begun: ChangeSet, move: Move, mapping: Mapping) -> ChangeSet:
    """One that the health gate has led back."""
    pulled(mapping, FIRST)
    look(begun)
    move.new.remove_manifest(FIRST, "1.0")
    after = look(begun)
    assert (after.state, after.returned_at is not None) == ("draft", True)
    return after


def test_one_that_was_led_back_is_counted_as_such(returned: ChangeSet) -> None:
    assert count_steps() == {"change_sets_in_steps": 0, "change_sets_returned": 1}


def _begin_again(move: Move, change_set: ChangeSet) -> None:
    begin(move, change_set)


def _redraft(move: Move, change_set: ChangeSet) -> None:
    redraft(move.actor, change_set_id=change_set.pk)


def _discard(move: Move, change_set: ChangeSet) -> None:
    discard(move.actor, change_set_id=change_set.pk)


def _apply(move: Move, change_set: ChangeSet) -> None:
    apply(move.actor, change_set_id=change_set.pk, checksum=change_set.checksum)


@pytest.mark.parametrize("decide", [_begin_again, _redraft, _discard, _apply])
def test_until_somebody_decides_on_it(
    returned: ChangeSet, move: Move, decide: Callable[[Move, ChangeSet], None]
) -> None:
    decide(move, returned)

    assert count_steps()["change_sets_returned"] == 0


def test_one_that_a_person_stopped_is_not_counted(begun: ChangeSet, move: Move) -> None:
    look(begun)

    stop_and_return(move.actor, change_set_id=begun.pk)

    assert count_steps() == NOTHING
