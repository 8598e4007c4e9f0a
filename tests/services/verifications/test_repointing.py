"""A look before a mapping is repointed: brief, and in nobody's way who is in a hurry."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from routing.models import Tenant, Verification
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import ServiceError
from routing.services.verifications import repointing, verifications
from routing.services.verifications.repointing import look_before, reason_of
from tests.verification.moves import APP, Move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _verifies(settings: Settings) -> None:
    settings.FACADE_VERIFY_ON_REPOINT = True


def target(move: Move) -> str:
    return f"{move.new.url}/{APP}"


def test_nothing_that_differs_is_said_in_a_sentence(move: Move) -> None:
    look = look_before(move.actor, filled(move).mapping(), target(move))

    assert (look.differs, look.said) == (False, f"verified: nothing differs in 3 references, report {report()}")


def report() -> int:
    return Verification.objects.get().pk


def test_what_differs_is_counted_by_kind(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "1.0")

    look = look_before(move.actor, move.mapping(), target(move))

    assert look.differs
    assert look.said == f"1 differences at {target(move)} (missing-tag 1), report {report()}"


def test_where_nothing_can_be_listed_nothing_is_known_to_differ_and_it_is_said(move: Move) -> None:
    move.old.server.answers("/v2/_catalog", 404)

    look = look_before(move.actor, move.mapping("team", "acme"), f"{move.new.url}/acme")

    assert (look.differs, look.report is None) == (False, False)
    assert look.said.startswith("not verified: no repository below it is known")


def test_of_many_tags_a_sample_is_compared(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repointing, "BRIEF_REFERENCES", 2)

    look = look_before(move.actor, filled(move).mapping(), target(move))

    assert look.said == f"verified: nothing differs in 2 of more references, report {report()}"


def test_registries_that_are_silent_hold_nobody_up_for_long(
    move: Move, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.FACADE_RELAY_SECONDS = 30
    monkeypatch.setattr(repointing, "BRIEF_SECONDS", 1)
    filled(move).old.server.on(f"/v2/{APP}/tags/list", lambda exchange: exchange.hang())
    began = time.monotonic()

    look = look_before(move.actor, move.mapping(), target(move))

    assert look.said.startswith("not verified: ")
    assert time.monotonic() - began < 15


def test_who_has_too_many_reports_under_way_repoints_all_the_same(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifications, "MAX_UNFINISHED", 0)

    look = look_before(move.actor, filled(move).mapping(), target(move))

    assert (look.differs, look.report) == (False, None)
    assert look.said.startswith("not verified: 0 verifications are under way")


def test_neither_a_dry_run_nor_a_deployment_that_wants_none_looks(move: Move, settings: Settings) -> None:
    mapping = filled(move).mapping()

    with dry_run():
        assert look_before(move.actor, mapping, target(move)).said == ""
    settings.FACADE_VERIFY_ON_REPOINT = False
    assert look_before(move.actor, mapping, target(move)).said == ""
    assert not Verification.objects.exists()


def test_the_history_keeps_that_nobody_looked_and_why() -> None:
    assert reason_of("GHCR is down", tenant=Tenant(), skipped=True) == "not verified: GHCR is down"
    assert reason_of("CHG-1", tenant=Tenant(), skipped=False) == "CHG-1"
    with pytest.raises(ServiceError, match="say why"):
        reason_of(" ", tenant=Tenant(), skipped=True)
