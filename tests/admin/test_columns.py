"""The columns of the lists: who looks chooses them, for themselves alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.admin.base.columns import ChosenColumns
from routing.admin.site import _NOUNS
from routing.core.pull_counts import Grain, start_of
from routing.models import ListColumns, Mapping, PullCount, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.lists.columns import COLUMNS, choose_columns
from tests.admin.conftest import AdminClient, add, text_of

Member = Callable[[Tenant, str], AdminClient]
NOUNS = ["mapping", "hostname", "registry", "tenant"]


def headings(admin: AdminClient, noun: str = "mapping", **query: object) -> list[str]:
    page = admin.get(f"{noun}_changelist", **query).content.decode()
    return re.findall(r'<th scope="col" class="[^"]*column-(?!.*action-checkbox)([a-z_]+)', page)


def choose(admin: AdminClient, noun: str = "mapping", **sent: Any) -> Any:
    return admin.client.post(admin.url(f"{noun}_columns"), sent)


def test_each_list_with_columns_to_choose_has_them() -> None:
    admins = {
        str(model._meta.model_name): (model, pages)
        for model, pages in _NOUNS.items()
        if issubclass(pages, ChosenColumns)
    }

    assert set(admins) == set(COLUMNS)
    for noun, (model, pages) in admins.items():
        for name in (*COLUMNS[noun].always, *COLUMNS[noun].choices):
            assert hasattr(model, name) or hasattr(pages, name), (noun, name)


def test_at_first_the_list_has_what_everybody_sees(admin: AdminClient, mapping: Mapping) -> None:
    assert headings(admin) == ["state", "route", "tenant", "label_badges", "delivered", "changed"]


def test_what_was_chosen_is_shown_in_the_order_of_the_list(admin: AdminClient, mapping: Mapping) -> None:
    answer = choose(admin, columns=["number", "registry", "changed"], shown="q=acme&o=3")

    assert (answer.status_code, answer["Location"]) == (302, f"{admin.url('mapping_changelist')}?q=acme")
    assert headings(admin) == ["state", "route", "changed", "registry", "number"]
    page = admin.get("mapping_changelist").content.decode()
    assert re.search(r'value="number" checked', page)
    assert not re.search(r'value="tenant" checked', page)


def test_state_and_route_stay_and_reset_brings_back_the_rest(admin: AdminClient, mapping: Mapping) -> None:
    choose(admin)
    assert headings(admin) == ["state", "route"]

    choose(admin, reset="yes")

    assert headings(admin) == ["state", "route", "tenant", "label_badges", "delivered", "changed"]
    assert not ListColumns.objects.exists()


def test_a_choice_is_its_persons_alone(admin: AdminClient, member: Member, mapping: Mapping) -> None:
    tenant = mapping.hostname.tenant
    first, second = member(tenant, "viewer"), member(tenant, "owner")

    choose(first, columns=["number"])

    assert headings(first) == ["state", "route", "number"]
    assert headings(second) == ["state", "route", "label_badges", "delivered", "changed"]
    assert headings(admin) == ["state", "route", "tenant", "label_badges", "delivered", "changed"]


def test_a_choice_is_of_one_list(admin: AdminClient, mapping: Mapping) -> None:
    choose(admin, columns=["number"])

    assert headings(admin, "hostname") == ["state", "name", "tenant", "label_badges", "mapping_count", "login_registry"]


def test_who_is_not_offered_a_column_does_not_get_it(member: Member, mapping: Mapping) -> None:
    viewer = member(mapping.hostname.tenant, "viewer")

    choose(viewer, columns=["tenant", "number"])

    assert headings(viewer) == ["state", "route", "number"]
    assert 'value="tenant"' not in viewer.get("mapping_changelist").content.decode()


def test_a_column_that_is_known_no_more_is_passed_over(admin: AdminClient, mapping: Mapping) -> None:
    ListColumns.objects.create(user=admin.user, noun="mapping", columns=["of old", "number", 7])

    assert headings(admin) == ["state", "route", "number"]


def test_a_column_that_there_is_not_cannot_be_chosen(admin: AdminClient, mapping: Mapping) -> None:
    answer = admin.client.post(admin.url("mapping_columns"), {"columns": ["number", "password"]}, follow=True)

    assert "There is no column password; there are: tenant," in text_of(answer)
    assert not ListColumns.objects.exists()
    with pytest.raises(ServiceError, match="no list of rate"):
        choose_columns(Actor.person(admin.user), noun="rate", columns=[])


def test_who_is_no_person_chooses_nothing(admin: AdminClient) -> None:
    for actor in (Actor.command_line(), Actor.token(admin.user, "t", None, True)):
        with pytest.raises(ServiceError):
            choose_columns(actor, noun="mapping", columns=["number"])


def test_pulls_lately_are_those_of_the_mapping(admin: AdminClient) -> None:
    add("docker.acme.com", "acme", "ghcr.io/acme")
    add("docker.acme.com", "other", "ghcr.io/other")
    tenant = Tenant.objects.get()
    for days, tags in ((1, 1200), (30, 50)):
        at = start_of(Grain.DAY, timezone.now() - timedelta(days=days))
        names = {"tenant": tenant, "hostname": "docker.acme.com", "mapping": "acme", "repository": "acme/app"}
        PullCount.objects.create(grain=Grain.DAY, at=at, key=str(days), tags=tags, redirected=tags, **names)
    choose(admin, columns=["pulls"])
    choose(admin, "hostname", columns=["pulls"])

    rows = re.findall(r'field-pulls">([^<]*)<', admin.get("mapping_changelist").content.decode())

    assert rows == ["1,200", "0"]
    assert 'field-pulls">1,200<' in admin.get("hostname_changelist").content.decode()


def test_more_rows_take_no_more_queries_with_every_column(admin: AdminClient) -> None:
    for noun in NOUNS:
        choose(admin, noun, columns=list(COLUMNS[noun].choices))

    def asked(noun: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(f"{noun}_changelist").status_code == 200
        return len(queries)

    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            add(f"docker-{number}.acme.com", "acme", f"registry-{number}.acme.com/a", tenant=f"tenant-{number}")

    grow(0, 2)
    [asked(noun) for noun in NOUNS]
    few = [asked(noun) for noun in NOUNS]
    grow(2, 6)

    assert [asked(noun) for noun in NOUNS] == few
    assert max(few) <= 17
