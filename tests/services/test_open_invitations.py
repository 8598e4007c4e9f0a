"""An open invitation is worth what its inviter may do: whoever may invite no more lets nobody in by an old one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from routing.models import Invitation, Membership, Role
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.people.members import accept, change_role, invitation_of, invite, remove_member
from routing.services.people.provider_grants import ProviderRole, follow_provider
from tests.conftest import Person

SET_UP = Actor.program("test set-up")


@pytest.fixture
def second(owner: Person) -> User:
    """Another owner of the owner's tenant."""
    user = User.objects.create_user("second")
    Membership.objects.create(tenant=owner.tenant, user=user, role=Role.OWNER)
    return user


def invited_by(user: User, owner: Person) -> str:
    return invite(Actor.person(user), tenant_id=owner.tenant.pk, email="dora@example.com", role=Role.OWNER).token


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


def removed(user: User, owner: Person) -> None:
    remove_member(owner.actor, membership_id=membership(user).pk)


def gone_by_themselves(user: User, owner: Person) -> None:
    remove_member(Actor.person(user), membership_id=membership(user).pk)


def made_operator(user: User, owner: Person) -> None:
    change_role(owner.actor, membership_id=membership(user).pk, role=Role.OPERATOR)


@pytest.mark.parametrize("lose", [removed, gone_by_themselves, made_operator])
def test_they_end_with_the_membership_or_its_role(
    owner: Person, second: User, lose: Callable[[User, Person], None]
) -> None:
    token = invited_by(second, owner)
    others = invite(owner.actor, tenant_id=owner.tenant.pk, email="eve@example.com", role=Role.VIEWER).token

    lose(second, owner)

    assert list(Invitation.objects.values_list("email", flat=True)) == ["eve@example.com"]
    with pytest.raises(NotFound):
        accept(second, token)
    assert not Membership.objects.filter(user=second, role=Role.OWNER).exists()
    assert invitation_of(others).email == "eve@example.com"


@pytest.mark.parametrize("now", [[], [ProviderRole("acme", "operator")]])
def test_with_what_the_provider_takes_back(owner: Person, now: list[ProviderRole]) -> None:
    dora = User.objects.create_user("dora")
    follow_provider(dora, [ProviderRole("acme", "owner")])
    token = invited_by(dora, owner)

    follow_provider(dora, now)

    assert not Invitation.objects.exists()
    with pytest.raises(NotFound):
        invitation_of(token)


def test_those_of_an_account_that_is_closed_are_good_no_more(owner: Person, second: User) -> None:
    token = invited_by(second, owner)

    User.objects.filter(pk=second.pk).update(is_active=False)

    with pytest.raises(NotFound):
        invitation_of(token)


def test_nor_those_of_an_operator_of_the_platform_who_is_none_any_more(owner: Person) -> None:
    olga = User.objects.create_superuser("olga")
    token = invited_by(olga, owner)
    assert invitation_of(token).inviter == olga

    User.objects.filter(pk=olga.pk).update(is_superuser=False)

    with pytest.raises(NotFound):
        accept(olga, token)


def test_those_of_the_command_line_stay(owner: Person) -> None:
    token = invite(Actor.command_line(), tenant_id=owner.tenant.pk, email="dora@example.com", role="owner").token

    assert accept(User.objects.create_user("dora"), token).role == Role.OWNER
