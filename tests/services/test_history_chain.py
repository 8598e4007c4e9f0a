"""The chain of the histories: what every verb writes stands in it, and what is done past the verbs is shown."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from routing.management.maintenance import TASKS
from routing.models import HistoryLink, Hostname, Mapping
from routing.models.history_link import link_of
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.history_bound import past_models, trim_history
from routing.services.base.history_chain import close_up, let_go_of_words, note_thrown_away, noun_of, strays_of
from routing.services.base.history_check import HistoryCheck, check_history
from routing.services.base.history_strays import begin_anew, note_chain, take_in_strays
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.leaving.person_removal import remove_person
from routing.services.mappings.mappings import (
    add_mapping,
    remove_mapping,
    remove_mappings,
    repoint,
    switch_mappings,
    update_mapping,
)
from tests.concurrency import at_once
from tests.conftest import Person
from tests.services.known_entries import KNOWN

HOST = "docker.acme.com"


@pytest.fixture
def past(owner: Person, platform: Actor) -> None:
    """Entries by every way in which they are written: one by one, many at once, and removals. All have a place."""
    take_in_strays(late=False)
    for prefix in ("a", "b", "c"):
        add_mapping(owner.actor, "moving in", hostname=HOST, prefix=prefix, target=f"ghcr.io/{prefix}")
    repoint(owner.actor, "CHG-1", hostname=HOST, prefix="a", target="quay.io/a")
    ids = list(Mapping.objects.filter(prefix__in="bc").values_list("pk", flat=True))
    switch_mappings(owner.actor, "quiet", mapping_ids=ids, enabled=False)
    remove_mappings(owner.actor, "gone", mapping_ids=ids)
    suspend_hostnames(platform, "r", hostname_ids=[owner.hostname.pk], suspended=True, message="unpaid")


def whole() -> HistoryCheck:
    return check_history(Actor.command_line())


def said(check: HistoryCheck) -> list[str]:
    return [f"{finding.noun} {finding.entry}: {finding.what}" for finding in check.findings]


@pytest.mark.django_db
@pytest.mark.usefixtures("past")
class TestWhatVerbsWrite:
    def test_all_of_it_has_a_place_and_fits(self) -> None:
        check = whole()

        assert check.is_whole
        assert check.strays == 0
        assert check.entries == sum(model.objects.count() for model in past_models()) >= 10
        assert check.next is None
        last = HistoryLink.objects.latest("place")
        assert check.head == f"{last.place}:{last.link}"

    def test_places_go_on_without_a_gap(self) -> None:
        places = list(HistoryLink.objects.values_list("place", flat=True))

        assert places == list(range(1, len(places) + 1))

    def test_a_change_takes_two_statements_more_however_many_rows_it_writes(self, owner: Person) -> None:
        for number in range(20):
            add_mapping(owner.actor, "", hostname=HOST, prefix=f"p{number}", target="ghcr.io/p")
        ids = list(Mapping.objects.filter(prefix__startswith="p").values_list("pk", flat=True))

        with CaptureQueriesContext(connection) as queries:
            switch_mappings(owner.actor, "", mapping_ids=ids, enabled=False)

        assert sum("routing_historylink" in query["sql"] for query in queries) == 2
        assert whole().is_whole

    def test_what_is_rolled_back_leaves_no_place(self, owner: Person) -> None:
        before = HistoryLink.objects.count()

        with pytest.raises(ServiceError):
            add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="https://")

        assert HistoryLink.objects.count() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("past")
class TestPastTheVerbs:
    def test_an_entry_that_was_changed_is_named(self) -> None:
        entry = Mapping.history.filter(prefix="a").first()
        Mapping.history.filter(history_id=entry.history_id).update(upstream_prefix="elsewhere")

        check = whole()

        assert not check.is_whole
        wrong = "it is not as it was written, or another stood before it"
        assert said(check) == [f"mapping {entry.history_id}: {wrong}"]

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("actor", "somebody else"),
            ("history_change_reason", "another reason"),
            ("history_date", timezone.now() - timedelta(days=3)),
            ("history_type", "-"),
            ("request_id", "0000"),
            ("of_tenant", 99),
            ("change_set", 12),
            ("private", True),
        ],
    )
    def test_whatever_of_it_it_was(self, column: str, value: Any) -> None:
        entry = Mapping.history.filter(prefix="a").first()
        Mapping.history.filter(history_id=entry.history_id).update(**{column: value})

        assert [finding.entry for finding in whole().findings] == [entry.history_id]

    def test_an_entry_that_was_taken_out_is_named(self) -> None:
        entry = Mapping.history.filter(prefix="a").last()
        Mapping.history.filter(history_id=entry.history_id).delete()

        assert said(whole()) == [f"mapping {entry.history_id}: it was taken out"]

    def test_so_is_one_that_was_taken_out_with_its_place(self) -> None:
        entry = Mapping.history.filter(prefix="a").last()
        place = HistoryLink.objects.get(noun="mapping", entry=entry.history_id).place
        Mapping.history.filter(history_id=entry.history_id).delete()
        HistoryLink.objects.filter(place=place).delete()

        assert [finding.what for finding in whole().findings] == [f"what stood before it, at {place}, was taken out"]

    def test_two_that_changed_places_are_seen(self) -> None:
        first, second = HistoryLink.objects.filter(noun="mapping")[:2]
        one, other = first.entry, second.entry
        HistoryLink.objects.filter(pk=first.pk).update(entry=None)
        HistoryLink.objects.filter(pk=second.pk).update(entry=one)
        HistoryLink.objects.filter(pk=first.pk).update(entry=other)

        assert {finding.place for finding in whole().findings} == {first.place, second.place}

    def test_whoever_writes_one_link_anew_is_betrayed_by_the_next(self) -> None:
        first, second = HistoryLink.objects.all()[2:4]
        HistoryLink.objects.filter(pk=first.pk).update(link="0" * 64)

        assert [finding.place for finding in whole().findings] == [first.place, second.place]

    def test_an_end_that_was_cut_off_is_seen_by_a_head_that_was_noted(self) -> None:
        head = whole().head
        last = HistoryLink.objects.latest("place")
        apps.get_model("routing", f"historical{last.noun}").objects.filter(history_id=last.entry).delete()
        last.delete()

        assert whole().is_whole
        assert [finding.what for finding in check_history(Actor.command_line(), head=head).findings] == [
            "the chain went that far once, and ends before it now: its end was cut off"
        ]

    def test_so_is_a_chain_that_was_written_anew(self) -> None:
        head = whole().head
        Mapping.history.filter(prefix="a").update(upstream_prefix="elsewhere")
        begin_anew()

        assert whole().is_whole
        check = check_history(Actor.command_line(), head=head)
        assert [finding.what for finding in check.findings] == [
            "the chain is another than it was when that head was noted"
        ]


@pytest.mark.django_db
@pytest.mark.usefixtures("past")
class TestHeads:
    def test_one_holds_while_the_chain_grows(self, owner: Person) -> None:
        head = whole().head
        repoint(owner.actor, "CHG-2", hostname=HOST, prefix="a", target="ghcr.io/more")

        assert check_history(Actor.command_line(), head=head).is_whole
        assert check_history(Actor.command_line(), head=f" {head[:20].upper()} ").is_whole

    @pytest.mark.parametrize(
        "head", ["12", "x:y", "0:5f3a5f3a5f3a", "3:5f3a", "3:" + "g" * 64, "9" * 30 + ":" + "a" * 64]
    )
    def test_what_is_none_is_refused(self, head: str) -> None:
        with pytest.raises(ServiceError, match="no head of the chain"):
            check_history(Actor.command_line(), head=head)

    def test_parts_make_the_whole(self) -> None:
        entry = Mapping.history.filter(prefix="a").last()
        Mapping.history.filter(history_id=entry.history_id).update(private=True)
        parts, after = [], 0
        while True:
            part = check_history(Actor.command_line(), after=after, most=3)
            parts.append(part)
            if part.next is None:
                break
            after = part.next

        assert len(parts) > 3
        assert all(part.strays is None for part in parts[:-1])
        assert [finding for part in parts for finding in part.findings] == whole().findings
        assert parts[-1].head == whole().head

    def test_there_is_no_part_behind_a_place_that_there_is_not(self) -> None:
        with pytest.raises(NotFound, match="no place 99999"):
            check_history(Actor.command_line(), after=99999)

    def test_it_is_for_operators_of_the_platform(self, owner: Person) -> None:
        with pytest.raises(PermissionDenied):
            check_history(owner.actor)


@pytest.mark.django_db
@pytest.mark.usefixtures("past")
class TestWhatGoes:
    def test_what_is_thrown_away_breaks_nothing(self, owner: Person, outsider: Person, settings: Settings) -> None:
        mapping = Mapping.objects.get(prefix="a")
        for number in range(8):
            update_mapping(owner.actor, f"change {number}", mapping_id=mapping.pk, private=number % 2 == 0)
            add_mapping(outsider.actor, "", hostname=outsider.hostname.name, prefix=f"g{number}", target="ghcr.io/g")
        settings.FACADE_MAX_HISTORY_PER_TENANT = 3
        for turn in range(2):
            trim_history()
            check = whole()

            assert check.is_whole
            assert check.thrown_away > 0
            # Never two such places in a row.
            kept = list(HistoryLink.objects.values_list("entry", flat=True))
            assert all(one is not None or other is not None for one, other in itertools.pairwise(kept))
            repoint(owner.actor, "r", hostname=HOST, prefix="a", target=f"ghcr.io/x{turn}")

        assert Mapping.history.filter(of_tenant=owner.tenant.pk).count() == 4

    def test_places_that_go_later_close_up_with_those_before(self) -> None:
        """Whichever way round they go: no more places than entries are kept."""
        models = {model.instance_type._meta.model_name: model for model in past_models()}
        for link in list(HistoryLink.objects.order_by("-place")[1:]):
            assert link.entry is not None
            note_thrown_away(models[link.noun], [link.entry])
            models[link.noun].objects.filter(history_id=link.entry).delete()
            close_up()

        assert HistoryLink.objects.count() == 2
        check = whole()
        assert check.entries == 1
        # Nobody had so many, and that is seen; else all fits.
        marked = "it is marked as thrown away, but nobody had so many entries behind it"
        assert {finding.what for finding in check.findings} == {marked}

    def test_whoever_marks_an_entry_as_thrown_away_is_seen(self) -> None:
        """As long as nobody has more entries than any bound takes."""
        link = HistoryLink.objects.filter(noun="mapping").earliest("place")
        Mapping.history.filter(history_id=link.entry).delete()
        HistoryLink.objects.filter(pk=link.pk).update(entry=None, salt="")

        assert [finding.place for finding in whole().findings] == [link.place]

    def test_of_many_entries_only_the_oldest_can_have_been(self, owner: Person, settings: Settings) -> None:
        settings.FACADE_MAX_HISTORY_PER_TENANT = 3
        for number in range(4):
            repoint(owner.actor, "r", hostname=HOST, prefix="a", target=f"ghcr.io/x{number}")
        trim_history()
        for number in range(4):
            repoint(owner.actor, "r", hostname=HOST, prefix="a", target=f"ghcr.io/y{number}")
        assert (whole().is_whole, whole().thrown_away > 0) == (True, True)
        link = HistoryLink.objects.filter(noun="mapping").latest("place")
        Mapping.history.filter(history_id=link.entry).delete()
        HistoryLink.objects.filter(pk=link.pk).update(entry=None, salt="")

        assert [finding.place for finding in whole().findings] == [link.place]

    def test_a_name_is_erased_and_the_chain_still_holds(self, owner: Person, teammate: Person) -> None:
        repoint(teammate.actor, f"asked by {teammate.user}", hostname=HOST, prefix="a", target="ghcr.io/t")
        entry = Mapping.history.filter(prefix="a").latest()
        before = whole()

        remove_person(Actor.command_line(), "r", user_id=teammate.user.pk, erase=True)

        entry.refresh_from_db()
        assert teammate.user.username not in f"{entry.actor} {entry.history_change_reason}"
        check = whole()
        assert check.is_whole
        assert check.erased > 0
        assert check_history(Actor.command_line(), head=before.head).is_whole
        link = HistoryLink.objects.get(noun="mapping", entry=entry.history_id)
        assert link.salt == ""
        assert len(link.words) == 64

    def test_what_an_erasure_left_is_still_bound(self, teammate: Person) -> None:
        repoint(teammate.actor, "CHG-7", hostname=HOST, prefix="a", target="ghcr.io/t")
        entry = Mapping.history.filter(prefix="a").latest()
        remove_person(Actor.command_line(), "r", user_id=teammate.user.pk, erase=True)

        Mapping.history.filter(history_id=entry.history_id).update(upstream_prefix="elsewhere")

        assert [finding.entry for finding in whole().findings] == [entry.history_id]

    def test_words_are_not_changed_as_if_a_name_had_been_erased(self) -> None:
        entry = Mapping.history.filter(prefix="a").latest()
        let_go_of_words(type(entry), [entry.history_id])
        Mapping.history.filter(history_id=entry.history_id).update(actor="somebody else")

        wrong = "it is marked as if a name had been erased, and holds no pseudonym"
        assert said(whole()) == [f"mapping {entry.history_id}: {wrong}"]


@pytest.mark.django_db
class TestHashes:
    """What an entry comes to stays the same in every release, or the chain of every database breaks."""

    @pytest.mark.parametrize(("noun", "facts", "link"), KNOWN, ids=[noun for noun, *_ in KNOWN])
    def test_of_an_entry_they_stay_as_they_are(self, noun: str, facts: dict[str, Any], link: str) -> None:
        """A column may be added with a default. For another default, or without one, the chain is written anew."""
        entry = apps.get_model("routing", f"historical{noun}")(**facts)

        assert link_of(7, "ab", noun, entry, "cd", late=False) == link

    def test_every_noun_that_has_a_history_is_one_of_the_chain(self) -> None:
        assert {noun_of(past) for past in past_models()} == set(HistoryLink.Noun.values) == {noun for noun, *_ in KNOWN}


@pytest.mark.django_db
class TestStrays:
    def test_what_the_release_before_wrote_gets_a_place(self, owner: Person) -> None:
        remove_mapping_past_the_verbs(owner)
        told = whole()
        assert told.is_whole
        assert told.strays

        next(task for task in TASKS if task.name == "chain").do()

        check = whole()
        assert check.is_whole
        assert check.strays == 0
        assert check.entries == sum(model.objects.count() for model in past_models())
        assert check.late == told.strays
        assert note_chain() == 0

    def test_whoever_writes_one_by_sql_is_told_of_for_ever(self, owner: Person, past: None) -> None:
        entry = Mapping.history.latest()
        entry.pk, entry.history_change_reason = None, "never happened"
        entry.save(force_insert=True)

        assert whole().strays == 1
        note_chain()
        check = whole()
        assert (check.strays, check.late) == (0, 1)
        HistoryLink.objects.filter(late=True).update(late=False)
        assert [finding.entry for finding in whole().findings] == [entry.pk]

    def test_the_log_has_the_head(self, past: None, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("INFO", "routing.events"), TestCase.captureOnCommitCallbacks(execute=True):
            note_chain()

        (record,) = [record for record in caplog.records if record.getMessage() == "history.noted"]
        assert (record.__dict__["head"], record.__dict__["taken_in"]) == (whole().head, 0)

    def test_the_migration_reads_page_by_page(self, past: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where many entries are of one moment."""
        module = import_module("routing.migrations.0041_history_links")
        monkeypatch.setattr(module, "_BATCH_ROWS", 2)
        moment = timezone.now()
        for model in past_models():
            model.objects.update(history_date=moment)
        HistoryLink.objects.all().delete()

        module.chain(apps, None)

        check = whole()
        assert (check.is_whole, check.strays) == (True, 0)

    def test_the_migration_gives_every_entry_one(self, owner: Person, past: None) -> None:
        HistoryLink.objects.all().delete()

        import_module("routing.migrations.0041_history_links").chain(apps, None)

        check = whole()
        assert check.is_whole
        assert check.strays == 0
        assert not any(strays_of(model).exists() for model in past_models())
        dates = [
            apps.get_model("routing", f"historical{link.noun}").objects.get(history_id=link.entry).history_date
            for link in HistoryLink.objects.all()
        ]
        assert dates == sorted(dates)
        # And what comes after stands behind these.
        repoint(owner.actor, "r", hostname=HOST, prefix="a", target="ghcr.io/after")
        assert whole().is_whole


def remove_mapping_past_the_verbs(owner: Person) -> None:
    """As a release without a chain writes: rows and their history alone."""
    add_mapping(owner.actor, "", hostname=HOST, prefix="a", target="ghcr.io/a")
    Mapping.objects.get(prefix="a").delete()
    Hostname.objects.get(name=HOST).save()


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_take_no_place_twice(platform: Actor, owner: Person) -> None:
    stop = threading.Event()
    found: list[HistoryCheck] = []

    def writer(number: int) -> Callable[[], object]:
        def write() -> None:
            for turn in range(5):
                prefix = f"w{number}-{turn}"
                add_mapping(platform, "", hostname=HOST, prefix=prefix, target="quay.io/w")
                remove_mapping(platform, "", hostname=HOST, prefix=prefix)

        return write

    def verify() -> None:
        while not stop.is_set():
            found.append(whole())

    def write_all() -> None:
        try:
            assert at_once([writer(number) for number in range(4)]) == []
        finally:
            stop.set()

    assert at_once([verify, write_all]) == []

    assert found
    assert all(check.is_whole for check in found)
    check = whole()
    assert check.is_whole
    # What the fixtures made has none: they write past the verbs.
    assert check.entries >= 2 * 4 * 5
