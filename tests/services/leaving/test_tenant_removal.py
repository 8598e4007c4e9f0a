"""A tenant goes with everything that is its own, and nothing of anybody else's; its history stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey
from django.utils import timezone

from routing.core.table.routing_table import Table
from routing.models import (
    ApiToken,
    Change,
    Hostname,
    HostnameClaim,
    Invitation,
    Job,
    Mapping,
    Membership,
    ProviderGrant,
    Rate,
    Registry,
    RegistryHealth,
    Role,
    StreamedBytes,
    Tenant,
    Verification,
    VerificationDifference,
    Watch,
)
from routing.models.streamed import add_streamed, this_month
from routing.services.base.actor import Actor
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import NotFound, Outdated, ServiceError
from routing.services.base.history_bound import past_models
from routing.services.changes.drafts import draft
from routing.services.changes.wishes import Wish
from routing.services.hostnames.claims import claim_hostname
from routing.services.leaving import tenant_removal
from routing.services.leaving.tenant_removal import get_tenant_removal, remove_tenant
from routing.services.leaving.tenant_rows import OTHERS, ROUTED
from routing.services.lists.saved_filters import save_filter
from routing.services.mappings.mappings import add_mapping
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import invite
from routing.services.people.notes import add_note
from routing.services.people.notices import tell_owners
from routing.services.registries.registries import add_registry
from routing.services.telling.subscriptions import add_subscription, try_subscription
from tests.conftest import Person
from tests.services.pulls.counts import asked, asked_in_vain, counted

pytestmark = pytest.mark.django_db
SLEEP = "routing.services.leaving.tenant_removal.time.sleep"


def fill(person: Person, platform: Actor) -> None:
    """One of everything that a tenant can have."""
    tenant = person.tenant
    add_registry(platform, "", tenant_id=tenant.pk, name="own", origin=f"https://r.{tenant.slug}.example")
    add_mapping(platform, "", hostname=person.hostname.name, prefix="own", target=f"r.{tenant.slug}.example/team")
    add_mapping(platform, "", hostname=person.hostname.name, prefix="hub", target=f"docker.io/{tenant.slug}")
    own = Registry.objects.get(tenant=tenant)
    mapping = Mapping.objects.get(hostname=person.hostname, prefix="own")
    draft(platform, "off with it", wishes=[Wish(mapping.pk, None, {"enabled": False})])
    Hostname.objects.filter(pk=person.hostname.pk).update(login_registry=own)
    claim_hostname(platform, tenant_id=tenant.pk, name=f"more.{tenant.slug}.com")
    invite(person.actor, tenant_id=tenant.pk, email="new@example.com", role=Role.VIEWER)
    create_api_token(person.actor, user=person.user, name="narrow", tenant_id=tenant.pk)
    ProviderGrant.objects.create(user=person.user, tenant=tenant)
    StreamedBytes.objects.create(tenant=tenant, month=this_month(), streamed_bytes=5)
    counted(tenant, person.hostname.name, "acme/app", 5)
    asked(tenant, person.hostname.name, "acme/app", "1.0", 5)
    asked_in_vain(tenant, person.hostname.name, "acne/app", 5)
    report = Verification.objects.create(tenant=tenant)
    VerificationDifference.objects.create(verification=report, kind="missing-tag", source=person.hostname.name)
    Watch.objects.create(mapping=mapping, registry=own, until=timezone.now(), next_at=timezone.now())
    RegistryHealth.objects.create(registry=own, next_at=timezone.now())
    tell_owners(tenant, "a word", "to its owners")
    save_filter(platform, noun="mapping", name="off", terms={"state": "off"}, tenant_id=tenant.pk)
    add_note(platform, noun="tenant", pk=tenant.pk, text="leaves soon")
    told = add_subscription(platform, tenant_id=tenant.pk, address=f"https://{tenant.slug}.example/", kinds=["proof"])
    try_subscription(platform, subscription_id=told.subscription.pk)
    Rate.objects.get_or_create(name=f"checks of tenant {tenant.pk}", defaults={"began_at": timezone.now()})


def rows_left(tenant_id: int) -> dict[str, int]:
    """The rows of every table that refer to the tenant, by whatever column; but for its history."""
    left: dict[str, int] = {}
    for model in apps.get_models():
        if model.__name__.startswith("Historical"):
            continue
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is Tenant:
                left[model.__name__] = model._default_manager.filter(**{field.attname: tenant_id}).count()
    left["Job"] = Job.objects.filter(share=str(tenant_id)).count()
    left["Rate"] = Rate.objects.filter(name__regex=rf"tenant {tenant_id}( |$)").count()
    left["Mapping"] = Mapping.objects.filter(hostname__tenant=tenant_id).count()
    left["Watch"] = Watch.objects.filter(mapping__hostname__tenant=tenant_id).count()
    left["RegistryHealth"] = RegistryHealth.objects.filter(registry__tenant=tenant_id).count()
    left["Tenant"] = Tenant.objects.filter(pk=tenant_id).count()
    return left


def test_every_table_that_knows_tenants_is_known_to_the_removal(owner: Person, platform: Actor) -> None:
    fill(owner, platform)
    known = {rows(owner.tenant).model for rows in (*ROUTED.values(), *OTHERS.values())}
    found = {
        model
        for model in apps.get_models()
        if not model.__name__.startswith("Historical")
        and any(isinstance(f, ForeignKey) and f.related_model is Tenant for f in model._meta.concrete_fields)
    }

    assert found <= known
    # So that what is tried below is tried with a row in each.
    assert all(rows_left(owner.tenant.pk).values()), rows_left(owner.tenant.pk)


def test_nothing_of_it_is_left_and_everything_of_the_others(owner: Person, outsider: Person, platform: Actor) -> None:
    fill(owner, platform)
    fill(outsider, platform)
    others = rows_left(outsider.tenant.pk)

    gone = remove_tenant(platform, "unpaid", tenant_id=owner.tenant.pk, everything=True)

    assert set(rows_left(owner.tenant.pk).values()) == {0}
    assert rows_left(outsider.tenant.pk) == others
    assert gone["mappings"] == 2
    assert gone["hostnames"] == gone["registries"] == gone["claims"] == gone["members"] == 1
    assert get_user_model().objects.filter(pk=owner.user.pk).exists()


def test_its_history_stays_and_says_who_and_why(owner: Person, platform: Actor) -> None:
    fill(owner, platform)
    tenant_id = owner.tenant.pk

    remove_tenant(platform, "unpaid", tenant_id=tenant_id, everything=True)

    for past in past_models():
        rows = past.objects.filter(of_tenant=tenant_id, history_type="-")
        assert rows.exists(), past
        assert {(row.actor, row.history_change_reason) for row in rows} == {(platform.label, "unpaid")}


def test_the_numbers_told_before_are_those_that_go(owner: Person, teammate: Person, platform: Actor) -> None:
    fill(owner, platform)
    Membership.objects.create(tenant=Tenant.objects.create(slug="x", name="x"), user=teammate.user, role=Role.VIEWER)
    before = get_tenant_removal(platform, tenant_id=owner.tenant.pk)

    gone = remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert {what: count for what, count in gone.items() if what in before.goes} == before.goes
    assert before.goes["members"] == before.stays["accounts of its members"] == 2
    assert before.stays["of these without any other tenant"] == 1
    assert before.stays["entries of its history"] > 0
    assert not before.is_empty


def test_workers_know_it_no_more(owner: Person, platform: Actor, table: Callable[[], Table]) -> None:
    fill(owner, platform)
    assert table().hosts.get(owner.hostname.name) is not None

    remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    followed = table()
    assert followed.hosts.get(owner.hostname.name) is None
    assert followed.tenants.get(str(owner.tenant.pk)) is None
    assert str(followed).count("acme") == 0


def many_mappings(hostname: Hostname, count: int) -> None:
    registry = Registry.objects.filter(tenant=None)[0]
    Mapping.objects.bulk_create(
        Mapping(hostname=hostname, registry=registry, prefix=f"m{n}", upstream_prefix="x") for n in range(count)
    )


def test_a_big_one_is_suspended_first_and_goes_in_pieces(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 10)
    many_mappings(owner.hostname, 35)
    seen: list[tuple[int, bool]] = []

    def look(_: float) -> None:
        # As another writer between the pieces: it has its turn.
        seen.append((Mapping.objects.count(), Tenant.objects.get(pk=owner.tenant.pk).suspended))
        add_mapping(platform, "", hostname="docker.globex.com", prefix=f"t{len(seen)}", target="ghcr.io/globex")

    monkeypatch.setattr(SLEEP, look)

    gone = remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert gone["mappings"] == 35
    assert [suspended for _, suspended in seen] == [True] * len(seen)
    assert len(seen) >= 3
    assert set(rows_left(owner.tenant.pk).values()) == {0}
    assert Mapping.objects.filter(hostname__name="docker.globex.com").count() == len(seen)
    # One change each, and in the history of each what it was.
    assert Change.objects.filter(kind="mapping", entry__isnull=True).count() == 35
    assert Mapping.history.filter(history_type="-").count() == 35


def test_what_is_added_between_the_pieces_goes_too(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 10)
    many_mappings(owner.hostname, 25)
    monkeypatch.setattr(
        SLEEP,
        lambda _: add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="late", target="ghcr.io/acme"),
    )

    gone = remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert gone["mappings"] == 26
    assert set(rows_left(owner.tenant.pk).values()) == {0}


def test_broken_off_in_the_middle_it_is_asked_for_once_more(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 10)
    many_mappings(owner.hostname, 25)

    def killed(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SLEEP, killed)
        with pytest.raises(KeyboardInterrupt):
            remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)
    assert Tenant.objects.get(pk=owner.tenant.pk).suspended
    monkeypatch.setattr(SLEEP, lambda _: None)

    remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert set(rows_left(owner.tenant.pk).values()) == {0}


def test_of_two_who_remove_it_piece_by_piece_one_finds_it_done(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 10)
    many_mappings(owner.hostname, 25)

    def other(_: float) -> None:
        monkeypatch.setattr(SLEEP, lambda _: None)
        remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    monkeypatch.setattr(SLEEP, other)

    assert remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)["mappings"] == 10
    with pytest.raises(NotFound):
        remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)


def test_another_tenants_way_to_its_registry_is_an_obstacle(owner: Person, outsider: Person, platform: Actor) -> None:
    fill(owner, platform)
    mapping = add_mapping(platform, "", hostname=outsider.hostname.name, prefix="x", target="ghcr.io/x").mapping
    # No verb does that.
    Mapping.objects.filter(pk=mapping.pk).update(registry=Registry.objects.get(tenant=owner.tenant))

    assert "docker.globex.com/x" in get_tenant_removal(platform, tenant_id=owner.tenant.pk).obstacle
    with pytest.raises(ServiceError, match=r"docker\.globex\.com/x"):
        remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)
    assert Hostname.objects.filter(tenant=owner.tenant).exists()


def test_an_older_version_is_refused(owner: Person, platform: Actor) -> None:
    version = Tenant.objects.get(pk=owner.tenant.pk).version
    with pytest.raises(Outdated):
        remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True, if_match=[version + 1])

    remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True, if_match=[version])


def test_bytes_that_were_streamed_meanwhile_count_for_nobody(owner: Person, platform: Actor) -> None:
    key = str(owner.tenant.pk)
    remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    add_streamed(this_month(), {key: 5})

    assert not StreamedBytes.objects.exists()


@pytest.mark.parametrize("model", [HostnameClaim, Invitation, ApiToken, Membership])
def test_nothing_is_added_to_a_tenant_that_is_gone(owner: Person, platform: Actor, model: Any) -> None:
    tenant_id = owner.tenant.pk
    remove_tenant(platform, "", tenant_id=tenant_id, everything=True)

    for add in (
        lambda: claim_hostname(owner.actor, tenant_id=tenant_id, name="more.acme.com"),
        lambda: invite(owner.actor, tenant_id=tenant_id, email="n@example.com", role=Role.VIEWER),
        lambda: create_api_token(owner.actor, user=owner.user, name="t", tenant_id=tenant_id),
        lambda: add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="x", target="ghcr.io/x"),
    ):
        with pytest.raises(ServiceError):
            add()
    assert not model.objects.exists()


def test_a_dry_run_of_a_big_one_tells_and_leaves_all(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 10)
    many_mappings(owner.hostname, 25)
    before = rows_left(owner.tenant.pk)

    with dry_run():
        gone = remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert gone["mappings"] == 25
    assert rows_left(owner.tenant.pk) == before
