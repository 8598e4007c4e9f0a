"""Removals at the same moment as what they take away: nothing comes back, and nobody gets a row of what is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model

from routing.models import Hostname, Mapping, Membership, Registry, Role, StreamedBytes, Tenant
from routing.models.streamed import add_streamed, this_month
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.claims import claim_hostname
from routing.services.leaving import tenant_removal
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.leaving.person_removal import remove_person
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.mappings.mappings import add_mapping
from routing.services.people.members import invite
from tests.concurrency import at_once
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)
USER = get_user_model()


def mappings(hostname: Hostname, count: int) -> None:
    # Another test's end may have removed those that come with the migrations.
    registry, _ = Registry.objects.get_or_create(tenant=None, origin="https://ghcr.io")
    Mapping.objects.bulk_create(
        Mapping(hostname=hostname, registry=registry, prefix=f"m{n}", upstream_prefix="x") for n in range(count)
    )


def until_gone(task: Callable[[int], object]) -> Callable[[], None]:
    """Do something again and again until it is refused, which is all that may come of it."""

    def run() -> None:
        for turn in range(1_000):
            try:
                task(turn)
            except ServiceError:
                return

    return run


def test_a_tenant_that_goes_while_everybody_adds_to_it(
    owner: Person, platform: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_removal, "PIECE", 20)
    mappings(owner.hostname, 100)
    tenant_id, name = owner.tenant.pk, owner.hostname.name

    raised = at_once(
        [
            lambda: remove_tenant(platform, "", tenant_id=tenant_id, everything=True),
            until_gone(lambda n: add_mapping(owner.actor, "", hostname=name, prefix=f"t{n}", target="ghcr.io/t")),
            until_gone(lambda n: claim_hostname(owner.actor, tenant_id=tenant_id, name=f"c{n}.acme.com")),
            until_gone(lambda n: invite(platform, tenant_id=tenant_id, email=f"e{n}@x.example", role=Role.VIEWER)),
        ]
    )

    assert raised == []
    assert not Tenant.objects.filter(pk=tenant_id).exists()
    for model in (Hostname, Mapping, Membership):
        assert not model.objects.exists()


def test_bytes_are_streamed_while_their_tenant_goes(owner: Person, platform: Actor) -> None:
    key, month = str(owner.tenant.pk), this_month()

    def stream() -> None:
        # Each worker has a batch a second, and takes what was refused along with the next.
        for _ in range(50):
            add_streamed(month, {key: 1})

    def remove() -> None:
        remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    raised = at_once([stream, remove, stream])

    # A batch that meets the removal is refused as a whole, and counted with the next one.
    assert {type(error).__name__ for error in raised} <= {"IntegrityError", "DoesNotExist"}
    assert not StreamedBytes.objects.exists()
    assert not Tenant.objects.filter(pk=owner.tenant.pk).exists()


def test_of_two_doors_one_removes_the_tenant_and_the_other_finds_it_gone(owner: Person, platform: Actor) -> None:
    raised = at_once([lambda: remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)] * 3)

    assert [type(error) for error in raised] == [NotFound, NotFound]
    assert Hostname.history.filter(history_type="-").count() == 1


def test_of_two_operators_who_remove_each_other_one_stays(db: None) -> None:
    first, second = (USER.objects.create_superuser(username=name) for name in ("first", "second"))

    raised = at_once(
        [
            lambda: remove_person(Actor.person(first), "", user_id=second.pk),
            lambda: remove_person(Actor.person(second), "", user_id=first.pk),
        ]
    )

    assert len(raised) == 1
    assert isinstance(raised[0], PermissionDenied | ServiceError)
    assert USER.objects.filter(is_superuser=True).count() == 1


def test_of_two_owners_who_leave_at_once_one_stays(owner: Person) -> None:
    other = USER.objects.create_user(username="other")
    Membership.objects.create(tenant=owner.tenant, user=other, role=Role.OWNER)

    raised = at_once(
        [
            lambda: remove_person(owner.actor, "", user_id=owner.user.pk),
            lambda: remove_person(Actor.person(other), "", user_id=other.pk),
        ]
    )

    assert [type(error) for error in raised] == [ServiceError]
    assert Membership.objects.filter(tenant=owner.tenant, role=Role.OWNER).count() == 1


def test_a_person_who_goes_while_they_work(owner: Person, platform: Actor) -> None:
    petra = USER.objects.create_superuser(username="petra")
    USER.objects.create_superuser(username="other")
    name = owner.hostname.name
    mappings(owner.hostname, 1)

    raised = at_once(
        [
            lambda: remove_person(platform, "", user_id=petra.pk, erase=True),
            until_gone(
                lambda n: add_mapping(Actor.person(petra), "", hostname=name, prefix=f"t{n}", target="ghcr.io/t")
            ),
        ]
    )

    assert raised == []
    assert not USER.objects.filter(username="petra").exists()
    assert not Mapping.history.filter(actor="petra").exists()


def test_a_hostname_that_is_handed_over_while_both_tenants_change_it(
    owner: Person, outsider: Person, platform: Actor
) -> None:
    mappings(owner.hostname, 5)
    name = owner.hostname.name

    def hand_over() -> None:
        hand_over_hostname(platform, "", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk)

    raised = at_once(
        [
            hand_over,
            until_gone(lambda n: add_mapping(owner.actor, "", hostname=name, prefix=f"o{n}", target="ghcr.io/t")),
        ]
    )

    assert raised == []
    assert Hostname.objects.get(name=name).tenant == outsider.tenant
    assert Mapping.history.filter(of_tenant=outsider.tenant.pk).count() == 0
