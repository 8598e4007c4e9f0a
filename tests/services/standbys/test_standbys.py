"""A mapping with a standby: who may have one, when it is led there, and when it is led back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from routing.management.maintenance import tell_workers
from routing.models import Delivery, Job, Mapping, Registry, RegistryHealth, Verification, Watch
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.changes.applying import apply, undo
from routing.services.changes.diff import diff
from routing.services.changes.drafts import draft
from routing.services.changes.imports import Deed, preview_import
from routing.services.hostnames.hostnames import update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.csv_export import csv_of_mappings
from routing.services.mappings.mappings import repoint, switch_mappings, update_mapping
from routing.services.mappings.publication import publish_mapping
from routing.services.registries.registries import remove_registry, update_registry
from routing.services.standbys.health import ASK, ask_due
from routing.services.standbys.reading import count_failed_over
from routing.services.standbys.standbys import fail_back, name_standby, remove_standby
from routing.services.telling.subscriptions import add_subscription
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.services.standbys.standing_by import answer, ask, later, with_standby
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield made


def old_of(move: Move) -> str:
    return f"{move.old.url}/{APP}"


def new_of(move: Move) -> str:
    return f"{move.new.url}/{APP}"


# ---------------------------------------------------------------- who may have one
def test_a_standby_is_named_after_a_clean_report(move: Move) -> None:
    mapping = with_standby(move)

    assert mapping.standby_target == new_of(move)
    assert mapping.target == old_of(move)
    assert mapping.history.first().standby_prefix == APP
    again = name_standby(move.actor, "", mapping_id=mapping.pk, target=new_of(move))
    assert not again.changed


@pytest.mark.parametrize("flaw", ["none", "differs", "old", "of another target"])
def test_without_a_clean_report_it_is_refused(move: Move, flaw: str) -> None:
    mapping = filled(move).mapping()
    if flaw == "differs":
        move.new.remove_manifest(APP, "1.0")
    if flaw != "none":
        move.report(mapping)
    if flaw == "old":
        Verification.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    target = f"{new_of(move)}-2" if flaw == "of another target" else new_of(move)

    with pytest.raises(ServiceError, match=rf"no clean report .* \(facade verify {HOST} {APP} --to {target}\)"):
        name_standby(move.actor, "", mapping_id=mapping.pk, target=target)

    assert Mapping.objects.get().standby_registry is None


@pytest.mark.parametrize("option", ["private", "allow_push"])
def test_what_takes_credentials_has_none(move: Move, option: str) -> None:
    mapping = filled(move).mapping()
    move.report(mapping)
    update_mapping(move.actor, "", mapping_id=mapping.pk, **{option: True})  # type: ignore[arg-type]

    with pytest.raises(ServiceError, match="takes credentials: ") as refusal:
        name_standby(move.actor, "", mapping_id=mapping.pk, target=new_of(move))

    assert refusal.value.code == Code.TAKES_CREDENTIALS


@pytest.mark.parametrize("option", ["private", "allow_push"])
def test_what_has_one_takes_none_from_then_on(move: Move, option: str) -> None:
    mapping = with_standby(move)

    with pytest.raises(ServiceError, match="takes credentials: "):
        update_mapping(move.actor, "", mapping_id=mapping.pk, **{option: True})  # type: ignore[arg-type]
    with pytest.raises(ServiceError, match="an account of its own"):
        publish_mapping(move.actor, "r", mapping_id=mapping.pk, user="robot", password="secret")
    login = {"login_registry_id": mapping.registry_id}
    with pytest.raises(ServiceError, match="has a standby"):
        update_hostname(move.actor, "", hostname_id=mapping.hostname_id, **login)  # type: ignore[arg-type]


def test_another_name_of_the_same_registry_is_none(move: Move) -> None:
    mapping = filled(move).mapping()

    with pytest.raises(ServiceError, match="name another registry"):
        name_standby(move.actor, "", mapping_id=mapping.pk, target=f"{move.old.url}/elsewhere")


def test_a_quiet_time_of_seconds_is_none(move: Move) -> None:
    mapping = with_standby(move)

    with pytest.raises(ServiceError, match="give 0 for never, or 300 to"):
        name_standby(move.actor, "", mapping_id=mapping.pk, target=new_of(move), return_seconds=10)


def test_whoever_repoints_a_mapping_names_another_one(move: Move) -> None:
    with_standby(move)

    mapping = repoint(move.actor, "moved", hostname=HOST, prefix=APP, target=f"{move.old.url}/acme/other").mapping

    assert (mapping.standby_registry, mapping.standby_prefix) == (None, "")


@pytest.mark.parametrize("side", ["its registry", "its standby"])
@pytest.mark.parametrize("change", [{"origin": "https://elsewhere.example"}, {"implicit_namespace": "acme"}])
def test_a_registry_that_moves_ends_the_standbys_that_were_verified_for_where_it_was(
    move: Move, side: str, change: dict[str, Any]
) -> None:
    mapping = with_standby(move)
    ask()
    assert mapping.standby_registry is not None
    moved = mapping.registry if side == "its registry" else mapping.standby_registry
    was, stays_at = mapping.standby_target, mapping.target

    outcome = update_registry(move.actor, "moved", registry_id=moved.pk, **change)
    ask_due()

    now = Mapping.objects.with_names().get()
    assert (now.standby_registry, now.standby_prefix, now.failed_over_at) == (None, "", None)
    assert now.upstream_prefix == mapping.upstream_prefix
    entry = now.history.first()
    assert (entry.history_change_reason, entry.standby_registry_id, now.version) == ("moved", None, mapping.version + 1)
    assert outcome.notes == [f"{mapping.source} has no standby any more: {was} was verified for {stays_at}"]
    assert not RegistryHealth.objects.exists()
    assert not Watch.objects.filter(kind="standby").exists()


def test_another_name_of_a_registry_leaves_them(move: Move) -> None:
    mapping = with_standby(move)

    outcome = update_registry(move.actor, "", registry_id=mapping.registry_id, name="Old")

    assert outcome.notes == []
    assert Mapping.objects.get().standby_registry is not None


def test_what_has_failed_over_stays_where_it_was_led(move: Move) -> None:
    with_standby(move)
    answer(move, old=False)
    gone = ask(3)
    assert gone.failed_over_at is not None
    assert gone.standby_registry is not None

    update_registry(move.actor, "moved", registry_id=gone.standby_registry.pk, origin="https://elsewhere.example")

    now = Mapping.objects.with_names().get()
    assert (now.target, now.standby_registry, now.failed_over_at) == (new_of(move), None, None)


def test_where_a_standby_is_moves_with_a_reason_and_has_one_owner(move: Move, owner: Person) -> None:
    standby = with_standby(move).standby_registry
    assert standby is not None

    with pytest.raises(ServiceError, match="Say why"):
        update_registry(move.actor, "", registry_id=standby.pk, origin="https://elsewhere.example")
    with pytest.raises(ServiceError, match="owner can't be changed"):
        update_registry(move.actor, "r", registry_id=standby.pk, tenant_id=None)


def test_it_is_taken_away(move: Move) -> None:
    mapping = with_standby(move)
    ask()
    assert RegistryHealth.objects.count() == 2

    outcome = remove_standby(move.actor, "", mapping_id=mapping.pk)
    ask_due()

    assert outcome.changed
    assert not remove_standby(move.actor, "", mapping_id=mapping.pk).changed
    assert not RegistryHealth.objects.exists()


def test_it_goes_where_the_hostname_becomes_another_tenants(move: Move, outsider: Person) -> None:
    hostname = with_standby(move).hostname

    hand_over_hostname(
        move.actor, "bought", hostname_id=hostname.pk, tenant_id=outsider.tenant.pk, copy_registries=True
    )

    assert Mapping.objects.get().standby_registry is None


def test_its_registry_cannot_be_removed(move: Move) -> None:
    with_standby(move)

    with pytest.raises(ServiceError, match="still used by mappings"):
        remove_registry(move.actor, "", registry_id=Registry.objects.get(origin=move.new.url).pk)


# ---------------------------------------------------------------- when it is led there
def test_a_registry_that_does_not_answer_three_times_is_left(move: Move) -> None:
    with_standby(move)
    ask()
    answer(move, old=False)
    assert ask(2).target == old_of(move)

    mapping = ask()

    assert (mapping.target, mapping.standby_target) == (new_of(move), old_of(move))
    assert mapping.failed_over_at is not None
    assert mapping.former == ""
    past = mapping.history.first()
    assert past.actor == "program: standby"
    assert past.history_change_reason == (
        f"failed over: {mapping.standby_registry} did not answer 3 times in a row (status 503)"
    )


def test_a_registry_that_is_gone_does_not_answer(move: Move, settings: Settings) -> None:
    settings.FACADE_STANDBY_FAILURES = 2
    with_standby(move)
    ask()
    move.old.server.stop()

    assert ask(2).target == new_of(move)


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_registry_that_refuses_answers(move: Move, status: int) -> None:
    with_standby(move)
    move.old.server.answers("/v2/", status)

    assert ask(4).target == old_of(move)


def test_what_fails_now_and_then_is_not_left(move: Move) -> None:
    with_standby(move)
    for _ in range(4):
        answer(move, old=False)
        ask(2)
        answer(move, old=True)
        ask()

    assert Mapping.objects.get().failed_over_at is None


def test_nobody_is_led_to_what_does_not_answer_either(move: Move) -> None:
    with_standby(move)
    answer(move, old=False, new=False)
    assert ask(5).target == old_of(move)

    answer(move, new=True)

    assert ask(2).target == new_of(move)


def test_what_was_found_private_meanwhile_is_not_led(move: Move) -> None:
    mapping = with_standby(move)
    Mapping.objects.filter(pk=mapping.pk).update(public="no")
    answer(move, old=False)

    assert ask(4).target == old_of(move)


def test_what_is_off_is_not_led(move: Move) -> None:
    mapping = with_standby(move)
    switch_mappings(move.actor, "", mapping_ids=[mapping.pk], enabled=False)
    answer(move, old=False)

    assert ask(4).target == old_of(move)


def test_an_answer_is_counted_once(move: Move) -> None:
    """However many servers asked: one may have lost its lease meanwhile."""
    with_standby(move)
    answer(move, old=False)
    ask()
    row = RegistryHealth.objects.get(registry__origin=move.old.url)
    job = Job(key=str(row.pk))
    first, second = ASK.begin(job), ASK.begin(job)
    assert first is not None
    assert second is not None

    for asked in (first, second):
        ASK.settle(job, asked())

    row.refresh_from_db()
    assert row.failures == 2


def test_registries_are_asked_as_often_as_the_setting_says(move: Move) -> None:
    with_standby(move)
    ask()
    asked = len(move.old.server.requests)

    ask_due()
    do_jobs()

    assert len(move.old.server.requests) == asked


# ---------------------------------------------------------------- when it is led back
def failed_over(move: Move, return_seconds: int = 0) -> Mapping:
    with_standby(move, return_seconds)
    ask()
    answer(move, old=False)
    mapping = ask(3)
    assert mapping.failed_over_at is not None
    return mapping


def test_it_stays_there_until_somebody_leads_it_back(move: Move) -> None:
    mapping = failed_over(move)
    with pytest.raises(Conflict, match="does not answer yet"):
        fail_back(move.actor, "mended", mapping_id=mapping.pk)
    answer(move, old=True)
    ask()
    later(10_000_000)
    assert ask().target == new_of(move)

    fail_back(move.actor, "mended", mapping_id=mapping.pk)

    mapping = ask(4)
    assert (mapping.target, mapping.standby_target, mapping.failed_over_at) == (old_of(move), new_of(move), None)
    assert mapping.history.first().history_change_reason == "mended"
    with pytest.raises(Conflict, match="has not failed over"):
        fail_back(move.actor, "mended", mapping_id=mapping.pk)


def test_after_its_quiet_time_it_is_led_back(move: Move) -> None:
    failed_over(move, return_seconds=600)
    answer(move, old=True)
    ask()
    later(590)
    assert ask().target == new_of(move)

    later(20)

    mapping = ask()
    assert (mapping.target, mapping.standby_target, mapping.failed_over_at) == (old_of(move), new_of(move), None)
    assert mapping.history.first().history_change_reason == f"led back: {mapping.registry} answers again"


def test_a_registry_that_comes_and_goes_leads_nobody_to_and_fro(move: Move) -> None:
    """For an hour it answers for five minutes, and not for one."""
    failed_over(move, return_seconds=600)
    for _ in range(10):
        answer(move, old=True)
        ask()
        later(300)
        ask()
        answer(move, old=False)
        ask(3)

    mapping = Mapping.objects.with_names().get()
    assert mapping.target == new_of(move)
    reasons = [past.history_change_reason or "" for past in mapping.history.all()]
    assert len([reason for reason in reasons if reason.startswith("failed over")]) == 1
    assert not [reason for reason in reasons if reason.startswith("led back")]


def test_where_the_standby_fails_too_it_stays(move: Move) -> None:
    failed_over(move)
    answer(move, old=True, new=False)

    assert ask(4).target == new_of(move)


# ---------------------------------------------------------------- who is told
def test_subscribers_are_told_of_both(move: Move) -> None:
    mapping = failed_over(move, return_seconds=600)
    add_subscription(
        move.actor,
        tenant_id=mapping.hostname.tenant_id,
        address="https://hooks.acme.com/facade",
        kinds=["failed_over"],
    )
    answer(move, old=True)
    settle()
    later(700)
    settle()
    answer(move, old=False)
    for _ in range(3):
        settle()

    told = [json.loads(each.body)["data"] for each in Delivery.objects.order_by("pk")]

    assert [(each["event"], each["target"], each["former_target"]) for each in told] == [
        ("mapping.failed_back", old_of(move), new_of(move)),
        ("mapping.failed_over", new_of(move), old_of(move)),
    ]


def settle() -> None:
    """Ask both, and send nobody anything."""
    for row in RegistryHealth.objects.order_by("pk"):
        job: Any = Job(key=str(row.pk))
        asking = ASK.begin(job)
        assert asking is not None
        ASK.settle(job, asking())


# ---------------------------------------------------------------- who watches
def test_it_is_counted_with_the_time_of_the_earliest(
    move: Move, settings: Settings, tmp_path: Path, client: Client
) -> None:
    with_standby(move)
    assert count_failed_over() == {"mappings_failed_over": 0, "registries_silent": 0}
    settings.FACADE_STANDBY_FAILURES = 3
    ask()
    answer(move, old=False)
    ask(2)
    assert count_failed_over() == {"mappings_failed_over": 0, "registries_silent": 0}

    moved_at = ask().failed_over_at

    assert moved_at is not None
    since = int(moved_at.timestamp())
    assert count_failed_over() == {"mappings_failed_over": 1, "registries_silent": 1, "failed_over_since": since}
    settings.STATE_DIR = tmp_path
    tell_workers()
    told = client.get("/metrics", headers={"host": "localhost"}).text
    assert "facade_mappings_failed_over 1.0" in told
    assert "facade_registries_silent 1.0" in told
    assert float(re.findall(r"^facade_failed_over_timestamp_seconds (.*)$", told, re.M)[0]) == since


def test_what_was_led_back_is_counted_no_more(move: Move) -> None:
    mapping = failed_over(move)
    answer(move, old=True)
    ask()

    fail_back(move.actor, "back", mapping_id=mapping.pk)

    assert count_failed_over() == {"mappings_failed_over": 0, "registries_silent": 0}


# ---------------------------------------------------------------- in a table
def test_a_table_tells_it_and_says_nothing_new_where_it_is_the_same(move: Move) -> None:
    mapping = with_standby(move)
    table = "".join(csv_of_mappings([mapping]))

    assert table.splitlines()[1].endswith(f",{new_of(move)},")
    found = preview_import(move.actor, table)
    assert (found.total, found.counts[Deed.NOTHING], found.wrong) == (1, 1, [])


@pytest.mark.parametrize("prefix", [APP, "acme/new"])
def test_a_table_names_no_other_one(move: Move, prefix: str) -> None:
    with_standby(move)
    standing = new_of(move) if prefix == APP else "none"
    table = f"hostname,prefix,target,standby\n{HOST},{prefix},{old_of(move)},quay.io/other\n"

    wrong = preview_import(move.actor, table).wrong

    assert len(wrong) == 1
    assert wrong[0].startswith(f"line 2: a table does not change a standby (it is {standing}): ")
    assert "facade mapping standby" in wrong[0]


@pytest.mark.parametrize("carries_it", [True, False])
def test_a_line_that_repoints_says_that_the_standby_goes(move: Move, carries_it: bool) -> None:
    mapping = with_standby(move)
    table = "".join(csv_of_mappings([mapping])).replace(old_of(move), "quay.io/acme")
    if not carries_it:
        table = table.replace(new_of(move), "")

    found = preview_import(move.actor, table)

    assert (found.counts[Deed.REPOINT], found.wrong) == (1, [])
    assert [tuple(step) for step in found.lines[0].steps] == [
        ("target", old_of(move), "quay.io/acme"),
        ("standby", new_of(move), "none"),
    ]
    drafted = draft(move.actor, "moved", wishes=found.wishes)
    assert diff(drafted)[0].steps == found.lines[0].steps
    apply(move.actor, change_set_id=drafted.pk, checksum=drafted.checksum)
    assert Mapping.objects.get().standby_registry is None
    undone = undo(move.actor, "back", change_set_id=drafted.pk)
    assert [step.what for step in diff(undone)[0].steps] == ["target"]


def test_an_empty_field_takes_none_away(move: Move) -> None:
    with_standby(move)

    found = preview_import(move.actor, f"hostname,prefix,target,standby\n{HOST},{APP},,\n")

    assert (found.counts[Deed.NOTHING], found.wrong) == (1, [])
