"""A unit of work: rows, history and change log in one transaction, or none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps

from routing.conf import policy
from routing.core.table.routing_table import Change as TableChange
from routing.core.table.routing_table import State, Table
from routing.models import Change, Generation, Hostname, Mapping, Tenant
from routing.services.base import unit_of_work as work_module
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import unit_of_work
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
from routing.services.people.tenants import add_tenant
from routing.table import change_log
from routing.table.load import load_table
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def generation() -> int:
    found = Generation.objects.filter(pk=1).first()
    return found.value if found else 0


def test_every_change_is_a_row_with_the_entry_as_it_is_from_then_on(platform: Actor) -> None:
    before = generation()

    mapping = add_mapping(platform, "", hostname=HOST, prefix="acme", target="r.acme.com/x").mapping

    rows = list(Change.objects.filter(generation__gt=before))
    assert (
        [row.generation for row in rows]
        == [before + 1, before + 2, before + 3, before + 4]
        == list(range(before + 1, generation() + 1))
    )
    assert [(row.kind, row.key) for row in rows] == [
        ("tenant", str(mapping.hostname.tenant_id)),
        ("hostname", HOST),
        ("registry", str(mapping.registry_id)),
        ("mapping", f"{HOST}/acme"),
    ]
    assert rows[-1].entry == {"registry": str(mapping.registry_id), "upstream_prefix": "x", "flags": 1}

    remove_mapping(platform, "", hostname=HOST, prefix="acme")
    last = Change.objects.latest("generation")
    assert (last.generation, last.key, last.entry) == (before + 5, f"{HOST}/acme", None)


def test_a_reason_is_one_line_of_so_many_characters(platform: Actor) -> None:
    add_tenant(platform, "\x1b[31mbecause\x00\n\u202eof it \u200b", slug="acme", name="Acme")

    assert Tenant.history.get().history_change_reason == "because of it"
    with pytest.raises(ServiceError, match="1100 characters"):
        add_tenant(platform, "x" * 1101, slug="globex", name="Globex")
    assert Tenant.objects.count() == 1


def test_a_verb_that_fails_half_way_leaves_nothing(platform: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme")
    before = (generation(), Change.objects.count(), Mapping.history.count(), Tenant.history.count())

    def half_way() -> None:
        with unit_of_work(platform, "") as unit:
            unit.add(Tenant(slug="good", name="Good"))
            unit.add(Tenant(slug="not good", name="Bad"))

    with pytest.raises(ServiceError, match="valid “slug”"):
        half_way()

    def broken(self: Any) -> None:
        raise RuntimeError("the database has gone")

    monkeypatch.setattr(work_module.UnitOfWork, "finish", broken)
    with pytest.raises(RuntimeError):
        repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")

    assert (generation(), Change.objects.count(), Mapping.history.count(), Tenant.history.count()) == before
    assert not Tenant.objects.filter(slug="good").exists()
    assert Mapping.objects.get().target == "ghcr.io/acme"


def test_history_tells_who_when_why_and_what_was_before(owner: Person) -> None:
    mapping = add_mapping(owner.actor, "first", hostname=HOST, prefix="acme", target="ghcr.io/acme").mapping

    repoint(owner.actor, " moved ", hostname=HOST, prefix="acme", target="quay.io/acme")

    after, before = mapping.history.all()
    assert (before.history_type, before.actor, before.history_user, before.history_change_reason) == (
        *("+", "alice", owner.user, "first"),
    )
    assert (after.history_type, after.actor, after.history_change_reason) == ("~", "alice", "moved")
    assert (before.registry.origin, after.registry.origin) == ("https://ghcr.io", "https://quay.io")
    assert before.history_date <= after.history_date


def test_an_actor_without_an_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    add_tenant(Actor.command_line(), "", slug="a", name="A")
    add_tenant(Actor.program("maintenance"), "", slug="b", name="B")

    assert [row.actor for row in Tenant.history.order_by("history_id")] == [
        "command line: root",
        "program: maintenance",
    ]


def test_a_name_that_the_machine_does_not_know_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)

    assert Actor.command_line().label == "command line: unnamed"


def test_findings_are_published_only_where_requests_depend_on_them_and_are_no_history(platform: Actor) -> None:
    registry = add_mapping(platform, "", hostname=HOST, prefix="acme", target="r.acme.com/x").mapping.registry
    before, histories = generation(), registry.history.count()

    with unit_of_work(platform, "") as unit:
        unit.save_without_history(registry, probe_error="timed out")
    assert generation() == before
    with unit_of_work(platform, "") as unit:
        unit.save_without_history(registry, auth="none")

    assert generation() == before + 1
    assert registry.history.count() == histories


def test_old_change_rows_are_pruned(platform: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "KEPT_CHANGES", 3)
    monkeypatch.setattr(work_module, "_PRUNE_EVERY", 1)

    for number in range(6):
        add_tenant(platform, "", slug=f"t{number}", name="T")

    newest = generation()
    assert list(Change.objects.values_list("generation", flat=True)) == [newest - 2, newest - 1, newest]


@pytest.mark.parametrize("start", [0, 1, 6])
@pytest.mark.parametrize("changes", [1, 2, 3, 25])
def test_the_log_is_pruned_whatever_the_generations_are(
    platform: Actor, monkeypatch: pytest.MonkeyPatch, start: int, changes: int
) -> None:
    """Several changes a transaction step over the generations at which a single one would prune."""
    monkeypatch.setattr(work_module, "KEPT_CHANGES", 3)
    monkeypatch.setattr(work_module, "_PRUNE_EVERY", 10)
    with unit_of_work(platform, "") as unit:
        for number in range(start):
            unit.add(Tenant(slug=f"s{number}", name="T"))

    for round_ in range(12):
        with unit_of_work(platform, "") as unit:
            for number in range(changes):
                unit.add(Tenant(slug=f"t{round_}-{number}", name="T"))

    # What is kept, what followers may be at, what gathers until the next pruning, and the last transaction's own.
    assert Change.objects.count() <= 3 + 10 + 10 + changes


def test_a_burst_leaves_followers_the_change_that_they_are_at(platform: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for their turn to load then: without it, all would take the log for another history's, at once."""
    monkeypatch.setattr(work_module, "KEPT_CHANGES", 3)
    monkeypatch.setattr(work_module, "_PRUNE_EVERY", 2)
    monkeypatch.setattr(change_log, "MAX_CHANGES", 5)
    for number in range(3):
        add_tenant(platform, "", slug=f"t{number}", name="T")
    known, late = Change.objects.order_by("-generation")[:2]

    with unit_of_work(platform, "") as unit:
        for number in range(20):
            unit.add(Tenant(slug=f"burst-{number}", name="T"))

    for at in (late, known):
        with pytest.raises(change_log.DoesNotFit) as misfit:
            change_log.changes_since(State(at.generation, at.nonce))
        assert misfit.value.reason is change_log.LoadReason.MANY_CHANGES


def test_every_number_of_a_row_has_64_bits() -> None:
    """A bulk change of a hundred thousand rows takes as many numbers of the history."""
    models = apps.get_app_config("routing").get_models()
    narrow = [model for model in models if model._meta.pk.get_internal_type() in ("AutoField", "IntegerField")]

    assert narrow == []


def test_a_history_beyond_32_bits_goes_on(platform: Actor) -> None:
    tenant = add_tenant(platform, "", slug="acme", name="Acme")
    first = tenant.history.get()
    first.history_id = 2**31 + 5
    first.save(force_insert=True)

    assert tenant.history.filter(history_id=2**31 + 5).exists()


def test_a_unit_of_work_that_saves_nothing_makes_no_generation(platform: Actor) -> None:
    before = generation()

    with unit_of_work(platform, ""):
        pass

    assert generation() == before


def facts(table: Table) -> dict[str, Any]:
    maps = ("tenants", "registries", "hosts", "mappings", "host_registries")
    return {"generation": table.generation, **{name: dict(getattr(table, name).items()) for name in maps}}


def test_what_is_loaded_is_what_following_the_changes_leads_to(
    platform: Actor, owner: Person, outsider: Person, table: Callable[[], Table]
) -> None:
    """The two ways to a table, the rows and the change log, say the same, whatever the verbs did."""
    start = load_table(policy())
    for hostname, prefix, target in (
        (owner.hostname.name, "", "docker.io"),
        (owner.hostname.name, "acme", "ghcr.io/acme"),
        (owner.hostname.name, "acme/app", "r.acme.com:5000/x"),
        (outsider.hostname.name, "acme", "quay.io/globex"),
    ):
        add_mapping(platform, "", hostname=hostname, prefix=prefix, target=target, private=prefix == "acme")
    repoint(platform, "why", hostname=HOST, prefix="acme", target="quay.io/acme")
    remove_mapping(platform, "", hostname=HOST, prefix="acme/app")
    rows = Change.objects.filter(generation__gt=start.generation).values_list("generation", "kind", "key", "entry")

    followed = start.apply([TableChange(*row) for row in rows])

    assert facts(followed) == facts(load_table(policy())) == facts(table())


def test_one_hostnames_part_can_be_loaded_by_itself(platform: Actor, owner: Person, outsider: Person) -> None:
    for hostname in (owner.hostname, outsider.hostname):
        add_mapping(platform, "", hostname=hostname.name, prefix="acme", target="ghcr.io/acme")

    part = load_table(policy(), owner.hostname.name)

    assert [key for key, _ in part.hosts.items()] == [owner.hostname.name]
    assert [key for key, _ in part.mappings.items()] == [f"{owner.hostname.name}/acme"]
    assert part.match_repository(owner.hostname.name, "acme/app") == load_table(policy()).match_repository(
        owner.hostname.name, "acme/app"
    )


def test_loading_streams_with_a_handful_of_queries(
    platform: Actor, owner: Person, django_assert_max_num_queries: Any
) -> None:
    registry = add_mapping(platform, "", hostname=HOST, prefix="acme", target="ghcr.io/acme").mapping.registry
    hostname = Hostname.objects.get(name=HOST)
    Mapping.objects.bulk_create(Mapping(hostname=hostname, prefix=f"p{n}", registry=registry) for n in range(300))

    with django_assert_max_num_queries(8):
        loaded = load_table(policy())

    assert len(loaded.mappings) == 301
