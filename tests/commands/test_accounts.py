"""invite and reset_second_factor."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from pytest_django import Settings

from routing.models import Invitation
from routing.services.people.members import invitation_of
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_an_invitation_is_a_link_for_one_person(owner: Person, settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["localhost", "facade.acme.test"]
    settings.FACADE_TLS = True

    said = run("invite", "acme", "Dora@example.com", "--role", "operator")

    link = re.search(r"^https://facade\.acme\.test/accounts/invitation/(.+)/$", said, re.MULTILINE)
    assert link is not None
    invitation = invitation_of(link[1])
    assert (invitation.email, invitation.role, invitation.tenant) == ("dora@example.com", "operator", owner.tenant)


def test_on_this_machine_the_link_leads_here(owner: Person, settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

    assert "\nhttp://localhost:8000/accounts/invitation/" in run("invite", "acme", "dora@example.com")
    assert "\nhttp://here:9/accounts" in run("invite", "acme", "eve@example.com", "--base-url", "http://here:9/")


@pytest.mark.parametrize("arguments", [("nowhere", "dora@example.com"), ("acme", "no address")])
def test_what_can_not_be_invited(owner: Person, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run("invite", *arguments)

    assert not Invitation.objects.exists()


def test_lost_second_factors_are_removed_and_nobody_elses(owner: Person, outsider: Person) -> None:
    for person in (owner, outsider):
        Authenticator.objects.create(user=person.user, type=Authenticator.Type.TOTP, data={})

    assert "Removed 1 second factors of alice" in run("reset_second_factor", "alice")

    assert [row.user for row in Authenticator.objects.all()] == [outsider.user]
    with pytest.raises(CommandError, match="nobody of the name mallory"):
        run("reset_second_factor", "mallory")
