"""System checks of what is in the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from pytest_django import Settings

from routing.models import Hostname, Tenant


def told(**how: Any) -> list[str]:
    """What is said of names that are of two kinds."""
    return [message.msg for message in run_checks(**how) if message.id == "routing.W031"]


@pytest.mark.django_db
def test_a_name_that_is_a_control_host_and_a_hostname_is_told(settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["Both.acme.example:443", "facade.acme.example", "localhost"]
    acme = Tenant.objects.create(slug="acme", name="Acme")
    for name in ("docker.acme.example", "localhost", "*.acme.example"):
        Hostname.objects.create(tenant=acme, name=name)
    assert told(include_deployment_checks=True) == []

    Hostname.objects.create(tenant=acme, name="both.acme.example", enabled=False)

    # Before a migration, and in `check --deploy`; in both at once it is told once.
    for how in ({"databases": ["default"]}, {"include_deployment_checks": True}):
        (message,) = told(**how)
        assert message.startswith("both.acme.example is a control host and a hostname")
    assert len(told(databases=["default"], include_deployment_checks=True)) == 1
    assert told() == []


@pytest.mark.django_db
def test_a_database_without_tables_is_no_reason_to_fail(settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS = ["facade.acme.example"]

    def without_tables(execute: Any, sql: str, *arguments: Any) -> Any:
        return execute(sql.replace('"routing_hostname"', '"routing_no_such_table"'), *arguments)

    with connection.execute_wrapper(without_tables):
        assert told(databases=["default"]) == []
