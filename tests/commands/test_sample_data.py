"""`manage.py add_sample_data`: believable rows for working on the facade, and never where others can reach it."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from routing.management.sample_data import HOSTNAMES, MAPPINGS, MEMBERS, PASSWORD, PLATFORM, REPOINTED, TENANTS
from routing.models import Hostname, HostnameClaim, Mapping, Membership, Tenant


@pytest.mark.django_db
def test_without_debug_nothing_is_added(settings: Settings) -> None:
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG=true"):
        call_command("add_sample_data")

    assert not Tenant.objects.filter(slug__in=TENANTS).exists()


@pytest.mark.django_db
def test_tenants_with_people_and_mappings_are_added_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEBUG = True

    call_command("add_sample_data")
    first = capsys.readouterr().out
    call_command("add_sample_data")

    assert first.startswith("Added sample data.")
    assert capsys.readouterr().out.startswith("The sample data is there already.")
    assert set(Hostname.objects.filter(tenant__slug__in=TENANTS).values_list("name", flat=True)) == HOSTNAMES.keys()
    assert Mapping.objects.filter(hostname__name__in=HOSTNAMES).count() == len(MAPPINGS)
    assert HostnameClaim.objects.count() == 1
    roles = Membership.objects.values_list("user__username", "tenant__slug", "role")
    assert set(roles) == set(MEMBERS)
    for name in (PLATFORM, *(name for name, _, _ in MEMBERS)):
        assert name in first
    hostname, prefix, target, _ = REPOINTED
    moved = Mapping.objects.get(hostname__name=hostname, prefix=prefix)
    assert f"{moved.registry.name}/{moved.upstream_prefix}".casefold().endswith(target.partition("/")[2])
    assert Hostname.objects.get(name="old.globex.com").suspended


@pytest.mark.django_db
def test_everybody_can_sign_in(settings: Settings) -> None:
    settings.DEBUG = True

    call_command("add_sample_data")

    users = get_user_model()._default_manager
    assert all(users.get(username=name).check_password(PASSWORD) for name in (PLATFORM, "alice", "vera"))
