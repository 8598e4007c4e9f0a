"""Every noun that a tenant's people can make has a bound, and the table of bounds knows every table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from routing.accounts.webauthn import MAX_SECURITY_KEYS_A_PERSON, AddForm
from routing.management.maintenance import TASKS, do
from routing.models import Invitation, Mapping, Membership, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError, TooManyRequests
from routing.services.base.history_bound import past_models, trim_history
from routing.services.base.quotas import BOUNDS, HELD, Quota
from routing.services.hostnames.claims import claim_hostname
from routing.services.mappings.mappings import add_mapping, remove_mappings, update_mapping
from routing.services.people.members import (
    INVITATIONS_A_PERSON,
    INVITATIONS_AN_ADDRESS,
    invite,
    withdraw_invitation,
)
from routing.services.registries.registries import add_registry, update_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def _claim(actor: Actor, person: Person, number: int) -> Any:
    return claim_hostname(actor, tenant_id=person.tenant.pk, name=f"more{number}.acme.com")


def _map(actor: Actor, person: Person, number: int) -> Any:
    # To a shared registry.
    target = f"ghcr.io/acme{number}"
    return add_mapping(actor, "", hostname=person.hostname.name, prefix=f"p{number}", target=target)


def _register(actor: Actor, person: Person, number: int) -> Any:
    origin = f"https://r{number}.example.com"
    return add_registry(actor, "", tenant_id=person.tenant.pk, name="r", origin=origin)


def _map_to_new_registry(actor: Actor, person: Person, number: int) -> Any:
    target = f"r{number}.example.com/acme"
    return add_mapping(actor, "", hostname=person.hostname.name, prefix=f"p{number}", target=target)


def _invite(actor: Actor, person: Person, number: int) -> Any:
    return invite(actor, tenant_id=person.tenant.pk, email=f"p{number}@example.com", role=Role.VIEWER)


#: By quota, each way in which a tenant's people come to have one more.
MAKERS: dict[str, list[Callable[[Actor, Person, int], Any]]] = {
    "hostnames": [_claim],
    "mappings": [_map],
    "registries": [_register, _map_to_new_registry],
    "members": [_invite],
}


def test_the_table_of_bounds_knows_every_table_and_no_other() -> None:
    assert set(BOUNDS) == {model._meta.label for model in apps.get_models()}


def test_each_bound_is_a_quota_or_a_sentence() -> None:
    quotas = {bound for bound in BOUNDS.values() if not bound.endswith(".")}

    assert quotas == set(HELD) == set(MAKERS)
    assert quotas <= set(Quota._fields)


@pytest.mark.parametrize(
    ("what", "make"),
    [(what, make) for what, makers in MAKERS.items() for make in makers],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_tenant_has_as_much_as_it_may_and_operators_give_it_more(
    owner: Person, platform: Actor, what: str, make: Callable[[Actor, Person, int], Any]
) -> None:
    make(owner.actor, owner, 1)
    Tenant.objects.filter(pk=owner.tenant.pk).update(**{f"max_{what}": HELD[what](owner.tenant) + 1})

    make(owner.actor, owner, 2)
    held = HELD[what](owner.tenant)
    with pytest.raises(ServiceError, match=f"may have {held} {what}"):
        make(owner.actor, owner, 3)

    assert HELD[what](owner.tenant) == held
    make(platform, owner, 3)


def test_the_platforms_limit_is_for_whoever_has_none_of_its_own(
    owner: Person, outsider: Person, settings: Settings
) -> None:
    settings.FACADE_MAX_REGISTRIES_PER_TENANT = 0
    Tenant.objects.filter(pk=owner.tenant.pk).update(max_registries=1)

    _register(owner.actor, owner, 1)
    with pytest.raises(ServiceError, match="may have 0 registries"):
        _register(outsider.actor, outsider, 2)


def test_a_registry_that_changes_hands_counts_for_who_gets_it(owner: Person, outsider: Person) -> None:
    Membership.objects.create(tenant=outsider.tenant, user=owner.user, role=Role.OWNER)
    Tenant.objects.filter(pk=outsider.tenant.pk).update(max_registries=0)
    registry = _register(owner.actor, owner, 1)

    with pytest.raises(ServiceError, match="may have 0 registries"):
        update_registry(owner.actor, "", registry_id=registry.pk, tenant_id=outsider.tenant.pk)


class TestInvitations:
    def test_one_person_sends_so_many_an_hour_whether_they_are_withdrawn_or_not(self, owner: Person) -> None:
        for number in range(INVITATIONS_A_PERSON.most):
            invited = _invite(owner.actor, owner, number)
            withdraw_invitation(owner.actor, invitation_id=invited.invitation.pk)

        with pytest.raises(TooManyRequests, match="too many invitations"):
            _invite(owner.actor, owner, 99)

    def test_one_address_gets_so_many_a_day_of_a_tenant_and_keeps_its_others(
        self, owner: Person, outsider: Person
    ) -> None:
        for _ in range(INVITATIONS_AN_ADDRESS.most):
            invited = invite(owner.actor, tenant_id=owner.tenant.pk, email=" Victim@example.com", role=Role.VIEWER)
            withdraw_invitation(owner.actor, invitation_id=invited.invitation.pk)

        with pytest.raises(TooManyRequests, match="to this address"):
            invite(owner.actor, tenant_id=owner.tenant.pk, email="victim@example.com", role=Role.VIEWER)
        invite(outsider.actor, tenant_id=outsider.tenant.pk, email="victim@example.com", role=Role.VIEWER)

    def test_those_that_are_over_go_with_the_next_one(self, owner: Person) -> None:
        long_ago = timezone.now() - timedelta(days=100)
        for number, facts in enumerate(({"expires_at": long_ago}, {"accepted_at": long_ago})):
            pk = _invite(owner.actor, owner, number).invitation.pk
            Invitation.objects.filter(pk=pk).update(**facts)

        _invite(owner.actor, owner, 9)

        assert [invitation.email for invitation in Invitation.objects.all()] == ["p9@example.com"]


class TestHistory:
    def test_a_tenant_keeps_its_newest_entries_and_takes_nobody_elses(
        self, owner: Person, outsider: Person, settings: Settings
    ) -> None:
        mapping, gone = _map(owner.actor, owner, 1).mapping, _map(owner.actor, owner, 2).mapping
        remove_mappings(owner.actor, "", mapping_ids=[gone.pk])
        _map(outsider.actor, outsider, 3)
        for number in range(6):
            update_mapping(owner.actor, f"change {number}", mapping_id=mapping.pk, private=number % 2 == 0)
        settings.FACADE_MAX_HISTORY_PER_TENANT = 4

        trim_history()

        kept = Mapping.history.filter(of_tenant=owner.tenant.pk).order_by("history_id")
        assert [past.history_change_reason for past in kept] == [f"change {number}" for number in range(2, 6)]
        assert Mapping.history.filter(of_tenant=outsider.tenant.pk).count() == 1

    def test_each_entry_knows_whose_it_is(self, owner: Person, platform: Actor) -> None:
        add_registry(platform, "", tenant_id=None, name="shared", origin="https://shared.example.com")
        _map_to_new_registry(owner.actor, owner, 1)
        (mapping,) = Mapping.objects.all()
        remove_mappings(owner.actor, "", mapping_ids=[mapping.pk])

        entries = [past for model in past_models() for past in model.objects.all()]

        assert len(entries) >= 5
        assert {past.of_tenant for past in entries} == {owner.tenant.pk, None}
        # Shared registries belong to no tenant.
        assert {type(past).__name__ for past in entries if past.of_tenant is None} == {"HistoricalRegistry"}


def test_sessions_that_are_over_are_swept() -> None:
    for seconds in (-1, 3600):
        session = SessionStore()
        session["x"] = 1
        session.set_expiry(seconds)
        session.save()
    Session.objects.filter(pk=Session.objects.order_by("expire_date")[0].pk).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )

    for task in TASKS:
        if task.name == "sessions":
            do(task)

    assert Session.objects.count() == 1


def test_a_person_has_so_many_security_keys(owner: Person) -> None:
    for number in range(MAX_SECURITY_KEYS_A_PERSON):
        Authenticator.objects.create(user=owner.user, type=Authenticator.Type.WEBAUTHN, data={"number": number})

    form = AddForm(user=owner.user, data={"name": "one more", "credential": "{}"})

    assert not form.is_valid()
    assert f"at most {MAX_SECURITY_KEYS_A_PERSON} security keys" in str(form.errors)


def test_a_person_has_so_many_addresses(owner: Person, settings: Settings) -> None:
    for number in range(settings.ACCOUNT_MAX_EMAIL_ADDRESSES):
        EmailAddress.objects.create(user=owner.user, email=f"a{number}@example.com")
    client = Client(headers={"host": "localhost"})
    client.force_login(owner.user)

    client.post("/accounts/email/", {"action_add": "", "email": "more@example.com"})

    assert not EmailAddress.objects.filter(email="more@example.com").exists()
