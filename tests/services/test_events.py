"""Every verb that changes something makes one structured log record, once that is committed: what, who, which."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from facade_site.log_formats import JsonFormatter, LineFormatter
from routing.request_id import RequestIdFilter, request_id
from routing.services.people import api_tokens, members
from routing.services.people.tenants import update_tenant
from tests.permissions import verbs
from tests.permissions.world import World, made_once

Capture = Callable[..., Any]

#: The verbs of the table of who may what → the event that each makes.
EVENTS = {
    "api_tokens.create_api_token": "api_token.created",
    "api_tokens.revoke_api_token": "api_token.revoked",
    "api_tokens.revoke_every_api_token": "api_token.revoked",
    "applying.apply": "change_set.applied",
    "applying.roll_back": "mapping.rolled_back",
    "applying.undo": "change_set.undone",
    "approval.approve": "change_set.approved",
    "approval.require_approval": "tenant.policy_changed",
    "policy.change_policy": "tenant.policy_changed",
    "policy.confirm_policy": "tenant.policy_changed",
    "policy.withdraw_policy_request": "tenant.policy_loosening_withdrawn",
    "drafts.discard": "change_set.discarded",
    "drafts.draft": "change_set.drafted",
    "drafts.redraft": "change_set.redrafted",
    "apply.apply_document": "tenant.added",
    "columns.choose_columns": "list.columns_chosen",
    "saved_filters.save_filter": "filter.saved",
    "saved_filters.update_filter": "filter.updated",
    "saved_filters.remove_filter": "filter.removed",
    "claims.claim_hostname": "claim.added",
    "claims.remove_claim": "claim.removed",
    "claims.check_claim": "claim.checked",
    "claims.vouch_hostname": "hostname.vouched",
    "confirmation.confirm_generation": "table.confirmed",
    "self_tests.share_self_test": "self_test.shared",
    "self_tests.unshare_self_test": "self_test.unshared",
    "hostnames.add_hostname": "hostname.added",
    "hostnames.update_hostname": "hostname.updated",
    "hostnames.suspend_hostnames": "hostname.suspended",
    "hostnames.remove_hostname": "hostname.removed",
    "mappings.add_mapping": "mapping.added",
    "mappings.repoint": "mapping.repointed",
    "mappings.update_mapping": "mapping.repointed",
    "mappings.switch_mappings": "mapping.switched_off",
    "labels.change_labels": "labels.changed",
    "notes.add_note": "note.added",
    "notes.remove_note": "note.removed",
    "mappings.remove_mapping": "mapping.removed",
    "mappings.remove_mappings": "mapping.removed",
    "members.invite": "invitation.added",
    "members.withdraw_invitation": "invitation.withdrawn",
    "members.add_member": "member.added",
    "members.change_role": "member.role_changed",
    "members.remove_member": "member.removed",
    "probes.probe": "registry.probed",
    "probes.probe_mapping": "mapping.probed",
    "accounts.set_account": "registry.account_set",
    "accounts.remove_account": "registry.account_removed",
    "publication.publish_mapping": "mapping.published",
    "publication.unpublish_mapping": "mapping.unpublished",
    "registries.add_registry": "registry.added",
    "registries.update_registry": "registry.updated",
    "registries.remove_registry": "registry.removed",
    "schedule.schedule": "change_set.scheduled",
    "steps.apply_in_steps": "change_set.begun",
    "steps.go_on": "change_set.stepped",
    "steps.stop_and_return": "change_set.returned",
    "standbys.name_standby": "mapping.standby_named",
    "standbys.remove_standby": "mapping.standby_removed",
    "standbys.fail_back": "mapping.failed_back",
    "subscriptions.add_subscription": "subscription.added",
    "subscriptions.update_subscription": "subscription.updated",
    "subscriptions.renew_secret": "subscription.secret_renewed",
    "subscriptions.try_subscription": "subscription.tried",
    "subscriptions.send_again": "delivery.sent_again",
    "subscriptions.remove_subscription": "subscription.removed",
    "tenants.add_tenant": "tenant.added",
    "tenants.update_tenant": "tenant.updated",
    "tenants.suspend_tenants": "tenant.suspended",
    "tenant_removal.remove_tenant": "tenant.removed",
    "hand_over.hand_over_hostname": "hostname.handed_over",
    "person_removal.remove_person": "person.removed",
    "reports.verify_set": "verification.started",
    "verifications.start_verification": "verification.started",
    "verifications.stop_verification": "verification.stopped",
    "restoration.confirm_restore": "restore.confirmed",
}
# What the world of the table has no good input for: another's token, leaving, and a proof that is missing.
ELSEWHERE = {
    ("api_tokens.create_api_token", "for another"),
    ("members.remove_member", "oneself"),
    ("saved_filters.remove_filter", "another's filter"),
    ("saved_filters.update_filter", "another's filter"),
    ("person_removal.remove_person", "oneself"),
}
# What it asks for tells of itself once it is done, in jobs of their own.
ASKS = "probe_jobs.request_probes"


@pytest.fixture(scope="module")
def made_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with made_once(django_db_blocker) as made:
        yield made


@pytest.fixture
def world(db: None, made_world: World) -> World:
    return made_world.fresh()


@contextmanager
def events(caplog: pytest.LogCaptureFixture, capture: Capture) -> Iterator[list[Any]]:
    """The records that what is done within makes, once it is committed."""
    found: list[Any] = []
    caplog.clear()
    with caplog.at_level(logging.INFO, "routing.events"), capture(execute=True):
        yield found
    found += [record for record in caplog.records if record.name == "routing.events"]


def deeds() -> list[tuple[str, str]]:
    return [key for key in verbs.DEEDS if not verbs.reads(key[0]) and key[0] != ASKS and key not in ELSEWHERE]


@pytest.mark.parametrize("deed", deeds(), ids=": ".join)
def test_each_verb_makes_one_event(
    world: World,
    deed: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    actor = world.actor("platform")

    with events(caplog, django_capture_on_commit_callbacks) as made, request_id("call-1"):
        verbs.DEEDS[deed](actor, world)

    if deed[0] == "proof_checks.check_hostname":
        assert [record.event for record in made] == ["hostname.proof_missing", "hostname.checked"]
        return
    (record,) = made
    assert (record.event, record.getMessage()) == (EVENTS[deed[0]], EVENTS[deed[0]])
    assert (record.actor, record.request_id) == ("petra", "call-1")
    assert any(name.endswith(("_id", "_ids")) for name in vars(record) if name != "request_id")


def test_every_verb_of_the_table_is_among_them() -> None:
    assert {verb for verb, _ in deeds()} == set(EVENTS) | {"proof_checks.check_hostname"}


def test_ids_say_what_was_changed(
    world: World, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Capture
) -> None:
    mapping = world["mapping"]

    with events(caplog, django_capture_on_commit_callbacks) as made:
        verbs.DEEDS["mappings.repoint", "a part of a registry"](world.actor("platform"), world)

    mapping.refresh_from_db()
    assert (made[0].mapping_id, made[0].registry_id) == (mapping.pk, mapping.registry_id)
    assert (made[0].hostname_id, made[0].tenant_id) == (mapping.hostname_id, world["tenant"].pk)


def test_of_what_changes_nothing_nothing_is_told(
    world: World, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Capture
) -> None:
    with events(caplog, django_capture_on_commit_callbacks) as made:
        update_tenant(world.actor("platform"), "", tenant_id=world["tenant"].pk, name="Sesame")

    assert made == []


def test_of_what_is_rolled_back_nothing_is_told(
    world: World, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Capture
) -> None:
    with events(caplog, django_capture_on_commit_callbacks) as made, transaction.atomic():
        update_tenant(world.actor("platform"), "", tenant_id=world["tenant"].pk, name="Open")
        transaction.set_rollback(True)

    assert made == []


def test_no_event_holds_a_secret(
    world: World, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Capture
) -> None:
    actor = world.actor("platform")
    with events(caplog, django_capture_on_commit_callbacks) as made:
        token = api_tokens.create_api_token(actor, user=actor.user, name="new").secret
        link = members.invite(actor, tenant_id=world["tenant"].pk, email="a@example.com", role="viewer").token

    lines = [JsonFormatter().format(record) for record in made]
    assert len(lines) == 2
    assert not any(token in line or link in line for line in lines)


def record_of(**extra: Any) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "routing.events", "levelname": "INFO", "msg": "mapping.added", **extra})
    RequestIdFilter().filter(record)
    return record


def test_a_line_ends_with_what_was_given_beside_its_message() -> None:
    line = LineFormatter().format(record_of(event="mapping.added", actor="Olga K.", mapping_ids=[1, 2], nothing=None))

    assert line.endswith('INFO routing.events: mapping.added actor="Olga K." mapping_ids=1,2')


def test_nobody_makes_a_line_of_their_own() -> None:
    line = LineFormatter().format(record_of(actor="evil\n2026-01-01 ERROR forged"))

    assert "\n" not in line


def test_json_is_one_object_a_line_with_the_same_in_it() -> None:
    with request_id("call-2"):
        record = record_of(event="mapping.added", actor="Olga\nK.", mapping_ids=[1, 2], request_object=object())
    said = json.loads(JsonFormatter().format(record))

    assert said.pop("time").startswith("20")
    assert said == {
        "level": "INFO",
        "logger": "routing.events",
        "message": "mapping.added",
        "event": "mapping.added",
        "actor": "Olga K.",
        "mapping_ids": [1, 2],
        "request_id": "call-2",
    }


def test_json_has_the_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = record_of(exc_info=(ValueError, error, error.__traceback__))

    text = JsonFormatter().format(record)

    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]
