"""Labels on mappings, hostnames and registries: who puts them there. Nothing that is served depends on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.core.grammar.labels import MAX_LABELS
from routing.core.table.routing_table import Table
from routing.models import Change, Generation, Hostname, Mapping, Membership, Registry, Role
from routing.models.labelled import labelled
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, Outdated, ServiceError
from routing.services.base.labels import change_labels
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.mappings import add_mapping, update_mapping
from routing.services.registries.registries import add_registry, update_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def mapped(actor: Actor, prefix: str, *labels: str) -> Mapping:
    return add_mapping(actor, "", hostname=HOST, prefix=prefix, target="ghcr.io/acme", labels=labels).mapping


def label(actor: Actor, *rows: Any, **given: Any) -> list[Any]:
    done = change_labels(actor, "why", model=type(rows[0]), ids=[row.pk for row in rows], **given)
    return done.changed


def of(row: Any) -> str:
    return type(row).objects.get(pk=row.pk).labels  # type: ignore[no-any-return]


def test_labels_are_put_on_rows_of_each_kind_and_taken_off(owner: Person) -> None:
    mapping = mapped(owner.actor, "acme")
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.com")
    for row in (mapping, Hostname.objects.get(name=HOST), registry):
        assert label(owner.actor, row, add=["team=web", "legacy"]) == [row]
        assert of(row) == "legacy team=web"
        assert label(owner.actor, row, add=["team=api"], remove=["legacy"]) == [row]
        assert of(row) == "team=api"
        assert label(owner.actor, row, add=["team=api"], remove=["legacy"]) == []


def test_the_verbs_of_the_rows_take_them_too_and_put_them_in_order(owner: Person) -> None:
    mapping = mapped(owner.actor, "acme", "b", "a")
    registry = add_registry(
        owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.com", labels="b a"
    )
    hostname = Hostname.objects.get(name=HOST)
    update_hostname(owner.actor, "", hostname_id=hostname.pk, labels=["b", "a"])

    assert [of(mapping), of(registry), of(hostname)] == ["a b"] * 3
    assert not update_mapping(owner.actor, "", mapping_id=mapping.pk, labels="b,a").changed
    assert update_registry(owner.actor, "", registry_id=registry.pk, labels="").changed
    assert of(registry) == ""


def test_to_add_a_mapping_again_with_other_labels_is_a_conflict(owner: Person) -> None:
    mapped(owner.actor, "acme", "a")

    mapped(owner.actor, "acme")
    mapped(owner.actor, "acme", "a")
    with pytest.raises(Conflict, match="with other options"):
        mapped(owner.actor, "acme", "b")


@pytest.mark.parametrize("wrong", ["Team", "a/b", "<script>", "x" * 64])
def test_what_is_no_label_is_refused_by_every_verb(owner: Person, wrong: str) -> None:
    mapping = mapped(owner.actor, "acme")
    with pytest.raises(ServiceError) as by_bulk:
        label(owner.actor, mapping, add=[wrong])
    with pytest.raises(ServiceError) as by_update:
        update_mapping(owner.actor, "", mapping_id=mapping.pk, labels=[wrong])

    assert list(by_bulk.value.fields) == ["label"]
    assert list(by_update.value.fields) == ["labels"]


def test_nothing_of_what_is_asked_for_is_done_where_one_row_would_have_too_many(owner: Person) -> None:
    full = mapped(owner.actor, "full", *(f"a{number}" for number in range(MAX_LABELS)))
    other = mapped(owner.actor, "other")

    with pytest.raises(ServiceError, match=r"docker.acme.com/full.*20 labels at most"):
        label(owner.actor, full, other, add=["one-more"])

    assert of(other) == ""


@pytest.mark.parametrize("given", [{}, {"add": ["a"], "remove": ["a"]}, {"add": ["team=web"], "remove": ["team"]}])
def test_what_says_nothing_or_contradicts_itself_is_refused(owner: Person, given: Any) -> None:
    with pytest.raises(ServiceError):
        label(owner.actor, mapped(owner.actor, "acme"), **given)


def test_a_label_makes_no_generation_and_history_tells_of_it(owner: Person, table: Callable[[], Table]) -> None:
    mapping = mapped(owner.actor, "acme")
    hostname = Hostname.objects.get(name=HOST)
    before, changes = table(), Change.objects.count()

    label(owner.actor, mapping, add=["team=web"])
    update_hostname(owner.actor, "theirs", hostname_id=hostname.pk, labels="legacy")
    update_mapping(owner.actor, "", mapping_id=mapping.pk, labels="team=api")

    assert Generation.objects.get().value == before.generation
    assert Change.objects.count() == changes
    past = Mapping.history.filter(id=mapping.pk).order_by("-history_id")
    assert [row.labels for row in past[:2]] == ["team=api", "team=web"]
    assert past[1].history_change_reason == "why"
    assert hostname.history.latest().history_change_reason == "theirs"
    # What does decide still makes one.
    update_mapping(owner.actor, "", mapping_id=mapping.pk, labels="", private=True)
    assert Generation.objects.get().value == before.generation + 1


def test_who_may_not_change_a_row_may_not_label_it(owner: Person, teammate: Person, outsider: Person) -> None:
    Membership.objects.filter(user=teammate.user).update(role=Role.VIEWER)
    mapping = mapped(owner.actor, "acme")
    shared = Registry.objects.filter(tenant=None)[0]

    with pytest.raises(PermissionDenied):
        label(teammate.actor, mapping, add=["a"])
    with pytest.raises(NotFound):
        label(outsider.actor, mapping, add=["a"])
    with pytest.raises(PermissionDenied):
        label(owner.actor, shared, add=["a"])
    with pytest.raises(NotFound):
        label(outsider.actor, mapped(owner.actor, "other"), remove=["a"])
    assert of(mapping) == of(shared) == ""


def test_shared_registries_are_the_platforms_to_label(platform: Actor) -> None:
    shared = Registry.objects.filter(tenant=None)[0]

    assert label(platform, shared, add=["paid"]) == [shared]


def test_a_row_that_was_changed_meanwhile_is_not_labelled(owner: Person) -> None:
    mapping = mapped(owner.actor, "acme")
    seen = mapping.version
    update_mapping(owner.actor, "", mapping_id=mapping.pk, private=True)

    with pytest.raises(Outdated):
        label(owner.actor, mapping, add=["a"], if_match=[seen])
    assert of(mapping) == ""


def test_rows_are_found_by_a_label_and_by_a_key(owner: Person) -> None:
    for prefix, labels in {
        "a": ["team=web"],
        "b": ["legacy", "team=api", "x"],
        "c": ["teams", "my-team"],
        "d": ["team"],
        "e": ["te_m=web"],
        "f": [],
    }.items():
        mapped(owner.actor, prefix, *labels)

    def found(wanted: str) -> str:
        return "".join(Mapping.objects.filter(labelled(wanted)).order_by("prefix").values_list("prefix", flat=True))

    assert found("team=web") == "a"
    assert found("team") == "abd"
    assert found("legacy") == "b"
    assert found("x") == "b"
    assert found("te_m") == "e"
    assert found("web") == ""


def test_hundreds_of_rows_take_as_many_queries_as_a_few(owner: Person) -> None:
    rows = [mapped(owner.actor, f"acme-{number}", "legacy") for number in range(12)]

    def asked(some: list[Mapping], label_: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(label(owner.actor, *some, add=[label_])) == len(some)
        return len(queries)

    assert asked(rows[:2], "a") == asked(rows[2:], "a")


def test_whoever_gets_a_hostname_gets_none_of_its_labels(owner: Person, outsider: Person, platform: Actor) -> None:
    mapping = mapped(owner.actor, "acme", "secret-project")
    hostname = Hostname.objects.get(name=HOST)
    update_hostname(owner.actor, "", hostname_id=hostname.pk, labels="secret-project")

    hand_over_hostname(platform, "", hostname_id=hostname.pk, tenant_id=outsider.tenant.pk, copy_registries=True)

    assert of(mapping) == of(hostname) == ""
    assert not Mapping.history.filter(of_tenant=outsider.tenant.pk).exclude(labels="").exists()
    assert not Hostname.history.filter(of_tenant=outsider.tenant.pk).exclude(labels="").exists()
