"""Verbs of many rows work in statements, and leave what the verb of one row leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import ApiToken, Change, Hostname, Invitation, Mapping, Membership, Registry, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, Outdated
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.mappings.mappings import remove_mappings, switch_mappings, update_mapping
from routing.services.people.api_tokens import revoke_every_api_token
from routing.services.people.members import remove_member
from routing.services.people.tenants import suspend_tenants
from routing.services.registries.registries import update_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db
FEW, MANY = 10, 300
# SQLite takes some 40 rows of the history in one statement.
ROWS_A_STATEMENT = 20


def mappings_of(hostname: Hostname, count: int, name: str = "m") -> list[int]:
    registry = Registry.objects.filter(tenant=None)[0]
    rows = [
        Mapping(hostname=hostname, registry=registry, prefix=f"{name}{n}", upstream_prefix="x") for n in range(count)
    ]
    return ids(Mapping.objects.bulk_create(rows))


def ids(rows: Collection[Any]) -> list[int]:
    return [row.pk for row in rows]


def hostnames_of(tenant: Tenant, count: int) -> list[int]:
    name = f"h{Hostname.objects.count()}-"
    return ids(Hostname.objects.bulk_create(Hostname(tenant=tenant, name=f"{name}{n}.example") for n in range(count)))


def tenants(count: int) -> list[int]:
    name = f"t{Tenant.objects.count()}-"
    return ids(Tenant.objects.bulk_create(Tenant(slug=f"{name}{n}", name=f"{name}{n}") for n in range(count)))


def people(count: int) -> list[Any]:
    user = get_user_model()
    name = f"u{user.objects.count()}-"
    return list(user.objects.bulk_create(user(username=f"{name}{n}") for n in range(count)))


def switch(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    chosen = mappings_of(owner.hostname, count, f"s{count}-")
    return lambda: switch_mappings(owner.actor, "why", mapping_ids=chosen, enabled=False)


def remove(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    chosen = mappings_of(owner.hostname, count, f"r{count}-")
    return lambda: remove_mappings(owner.actor, "why", mapping_ids=chosen)


def suspend_many_tenants(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    chosen = tenants(count)
    return lambda: suspend_tenants(platform, "why", tenant_ids=chosen, suspended=True)


def suspend_many_hostnames(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    chosen = hostnames_of(owner.tenant, count)
    return lambda: suspend_hostnames(platform, "why", hostname_ids=chosen, suspended=True)


def move_registry(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    registry = Registry.objects.create(tenant=owner.tenant, name=f"own{count}", origin=f"https://r{count}.example")
    Mapping.objects.filter(pk__in=mappings_of(owner.hostname, count, f"g{count}-")).update(
        registry=registry, public="yes"
    )
    return lambda: update_registry(owner.actor, "why", registry_id=registry.pk, origin=f"https://n{count}.example")


def remove_tenant_with_members(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    (tenant,) = tenants(1)
    Membership.objects.bulk_create(Membership(tenant_id=tenant, user=user, role=Role.VIEWER) for user in people(count))
    return lambda: remove_tenant(platform, "why", tenant_id=tenant)


def remove_member_with_invitations(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    (user,) = people(1)
    membership = Membership.objects.create(tenant=owner.tenant, user=user, role=Role.OWNER)
    Invitation.objects.bulk_create(
        Invitation(
            tenant=owner.tenant,
            email=f"{n}@{count}.example",
            inviter=user,
            token_hash=f"{count}-{n}",
            expires_at="2999-01-01T00:00Z",
        )
        for n in range(count)
    )
    return lambda: remove_member(owner.actor, "why", membership_id=membership.pk)


def revoke_tokens(owner: Person, platform: Actor, count: int) -> Callable[[], object]:
    (user,) = people(1)
    ApiToken.objects.bulk_create(ApiToken(user=user, name=f"n{n}", token_hash=f"{user.pk}-{n}") for n in range(count))
    return lambda: revoke_every_api_token(platform, "why", user=user)


@pytest.mark.parametrize(
    "verb",
    [
        switch,
        remove,
        suspend_many_tenants,
        suspend_many_hostnames,
        move_registry,
        remove_tenant_with_members,
        remove_member_with_invitations,
        revoke_tokens,
    ],
)
def test_the_number_of_statements_does_not_grow_with_each_row(
    verb: Callable[[Person, Actor, int], Callable[[], object]], owner: Person, platform: Actor
) -> None:
    counted = []
    for count in (FEW, MANY):
        do = verb(owner, platform, count)
        with CaptureQueriesContext(connection) as queries:
            do()
        counted.append(len(queries))

    assert counted[1] <= counted[0] + (MANY - FEW) / ROWS_A_STATEMENT


PAST = ("history_type", "actor", "history_change_reason", "history_user_id", "of_tenant", "enabled")


def test_a_switch_of_many_leaves_what_a_switch_of_one_does(owner: Person) -> None:
    one, *rest = mappings_of(owner.hostname, 4)

    update_mapping(owner.actor, "why", mapping_id=one, enabled=False)
    switch_mappings(owner.actor, "why", mapping_ids=rest, enabled=False)

    history = Mapping.history.filter(id__in=[one, *rest]).order_by("history_id")
    pasts = list(history.values_list(*PAST))
    assert len(pasts) == 4
    assert len(set(pasts)) == 1
    changes = list(Change.objects.order_by("-generation")[:4])
    assert [change.generation for change in changes] == list(
        range(changes[0].generation, changes[0].generation - 4, -1)
    )
    assert len({(change.kind, str(change.entry)) for change in changes}) == 1
    assert len({change.nonce for change in changes}) == 4
    assert set(Mapping.objects.filter(pk__in=[one, *rest]).values_list("enabled", "version")) == {(False, 2)}


def test_one_row_that_is_not_theirs_keeps_all_as_they_are(owner: Person, outsider: Person) -> None:
    own, others = mappings_of(owner.hostname, 3), mappings_of(outsider.hostname, 1)

    with pytest.raises(NotFound):
        switch_mappings(owner.actor, "why", mapping_ids=[*own, *others], enabled=False)

    assert not Mapping.objects.filter(enabled=False).exists()


def test_a_role_that_does_not_reach_is_asked_for_each_tenant(owner: Person, outsider: Person) -> None:
    Membership.objects.create(tenant=outsider.tenant, user=owner.user, role=Role.VIEWER)
    chosen = [*mappings_of(owner.hostname, 3), *mappings_of(outsider.hostname, 1)]

    with pytest.raises(PermissionDenied):
        switch_mappings(owner.actor, "why", mapping_ids=chosen, enabled=False)

    assert not Mapping.objects.filter(enabled=False).exists()


def test_one_outdated_row_keeps_all_as_they_are(owner: Person) -> None:
    chosen = mappings_of(owner.hostname, 3)
    switch_mappings(owner.actor, "why", mapping_ids=chosen[:1], enabled=False)

    with pytest.raises(Outdated):
        remove_mappings(owner.actor, "why", mapping_ids=chosen, if_match=[1])

    assert Mapping.objects.filter(pk__in=chosen).count() == 3
