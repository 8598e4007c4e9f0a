"""Two who change one row at the same time over the API: what either changed stays, in every one of 60 races a noun.

Each race is a change of one field by PATCH while somebody else changes another, by the route or the program that does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.utils import timezone

from routing.models import Hostname, Mapping, Membership, Registry, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.unit_of_work import unit_of_work
from routing.services.mappings.mappings import add_mapping
from routing.services.people.members import change_role
from routing.services.registries.registries import add_registry
from tests.api.conftest import ApiClient, api_client_for
from tests.concurrency import at_once
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)
RACES = 60


class Race(NamedTuple):
    """One noun's: who meets whom. `mine` and `theirs` take the number of the race; `kept` says whether both hold."""

    mine: Callable[[int], Any]
    theirs: Callable[[int], Any]
    kept: Callable[[int], bool]


@pytest.fixture
def operator(owner: Person) -> ApiClient:
    """Alice's, who operates the platform as well."""
    owner.user.is_superuser = True
    owner.user.save()
    return api_client_for(Person(owner.user, Actor.person(owner.user), owner.tenant, owner.hostname))


def done(what: Callable[[int], Any], number: int) -> None:
    """Do it. Raises AssertionError where an answer isn't a good one."""
    answer = what(number)
    assert answer is None or answer.status_code == 200, answer.content


def lost(race: Race) -> list[int]:
    """The numbers of the races in which a change was lost; the answers are all to be good ones."""
    found = []
    for number in range(RACES):
        assert at_once([partial(done, race.mine, number), partial(done, race.theirs, number)]) == []
        if not race.kept(number):
            found.append(number)
    return found


def test_a_tenant_is_suspended_while_it_is_renamed(operator: ApiClient, owner: Person) -> None:
    pk = owner.tenant.pk

    def kept(number: int) -> bool:
        now = Tenant.objects.get(pk=pk)
        return (now.name, now.suspended) == (f"Acme {number}", number % 2 == 0)

    race = Race(
        lambda number: operator.send("patch", f"tenants/{pk}", name=f"Acme {number}"),
        lambda number: operator.send("put" if number % 2 == 0 else "delete", f"tenants/{pk}/suspension"),
        kept,
    )

    assert lost(race) == []


def test_a_hostname_is_suspended_while_it_is_switched(operator: ApiClient, owner: Person) -> None:
    pk = owner.hostname.pk

    def kept(number: int) -> bool:
        now = Hostname.objects.get(pk=pk)
        return (now.enabled, now.suspended) == (number % 3 == 0, number % 2 == 0)

    race = Race(
        lambda number: operator.send("patch", f"hostnames/{pk}", enabled=number % 3 == 0),
        lambda number: operator.send("put" if number % 2 == 0 else "delete", f"hostnames/{pk}/suspension"),
        kept,
    )

    assert lost(race) == []


def test_a_hostnames_proof_is_judged_while_it_is_switched(operator: ApiClient, owner: Person) -> None:
    pk = owner.hostname.pk

    def found_missing(number: int) -> None:
        with unit_of_work(Actor.program("tests"), "") as unit:
            unit.save_without_history(
                Hostname.objects.get(pk=pk), proof_finding=f"finding {number}", proof_missing_since=timezone.now()
            )

    def kept(number: int) -> bool:
        now = Hostname.objects.get(pk=pk)
        return (now.enabled, now.proof_finding) == (number % 2 == 0, f"finding {number}")

    race = Race(lambda number: operator.send("patch", f"hostnames/{pk}", enabled=number % 2 == 0), found_missing, kept)

    assert lost(race) == []


def test_a_mapping_is_switched_while_its_options_change(api: ApiClient, owner: Person) -> None:
    pk = add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="r.acme.com/app").mapping.pk

    def kept(number: int) -> bool:
        now = Mapping.objects.get(pk=pk)
        return (now.private, now.enabled) == (number % 3 == 0, number % 2 == 0)

    race = Race(
        lambda number: api.send("patch", f"mappings/{pk}", private=number % 3 == 0),
        lambda number: api.send("patch", "mappings", ids=[pk], enabled=number % 2 == 0),
        kept,
    )

    assert lost(race) == []


def test_a_mapping_is_repointed_while_its_options_change(api: ApiClient, owner: Person) -> None:
    pk = add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="r.acme.com/app").mapping.pk

    def kept(number: int) -> bool:
        now = Mapping.objects.get(pk=pk)
        return (now.allow_push, now.upstream_prefix) == (number % 2 == 0, f"team{number}")

    race = Race(
        lambda number: api.send("patch", f"mappings/{pk}", allow_push=number % 2 == 0),
        lambda number: api.send("patch", f"mappings/{pk}", target=f"r.acme.com/team{number}", reason="r"),
        kept,
    )

    assert lost(race) == []


def test_a_registry_is_probed_while_it_is_renamed(api: ApiClient, owner: Person) -> None:
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://r.acme.com")
    pk = registry.pk

    def probed(number: int) -> None:
        with unit_of_work(Actor.program("tests"), "probe") as unit:
            facts = {"auth": "bearer" if number % 2 else "basic", "realm": f"https://r.acme.com/{number}"}
            unit.save_without_history(Registry.objects.get(pk=pk), probed_at=timezone.now(), **facts)

    def kept(number: int) -> bool:
        now = Registry.objects.get(pk=pk)
        return (now.name, now.auth, now.realm) == (
            f"Own {number}",
            "bearer" if number % 2 else "basic",
            f"https://r.acme.com/{number}",
        )

    race = Race(lambda number: api.send("patch", f"registries/{pk}", name=f"Own {number}"), probed, kept)

    assert lost(race) == []


def test_a_registry_gets_two_options_at_once(api: ApiClient, owner: Person) -> None:
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://r.acme.com")
    pk = registry.pk

    def kept(number: int) -> bool:
        now = Registry.objects.get(pk=pk)
        return (now.stream_blobs, now.alias) == (number % 2 == 0, f"alias{number}.acme.com")

    race = Race(
        lambda number: api.send("patch", f"registries/{pk}", stream_blobs=number % 2 == 0),
        lambda number: api.send("patch", f"registries/{pk}", alias=f"alias{number}.acme.com"),
        kept,
    )

    assert lost(race) == []


def test_of_two_who_go_by_the_same_version_one_wins_and_the_other_is_told(
    operator: ApiClient, owner: Person, teammate: Person
) -> None:
    """With If-Match nobody overwrites anybody, also in one field: every noun, one of two each time."""
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://r.acme.com")
    mapping = add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="r.acme.com/app").mapping
    member = Membership.objects.get(user=teammate.user)
    changes: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (f"tenants/{owner.tenant.pk}", {"name": "one"}, {"name": "two"}),
        (f"hostnames/{owner.hostname.pk}", {"enabled": False}, {"login_registry_id": registry.pk}),
        (f"registries/{registry.pk}", {"name": "one"}, {"name": "two"}),
        (f"mappings/{mapping.pk}", {"private": True}, {"allow_push": True}),
        (f"members/{member.pk}", {"role": Role.VIEWER}, {"role": Role.OWNER}),
    ]
    for path, *bodies in changes:
        tag = operator.get(path).headers["ETag"]
        statuses: list[int] = []

        assert at_once([partial(patch, operator, path, tag, body, statuses) for body in bodies]) == []

        assert sorted(statuses) == [200, 412], path


def patch(api: ApiClient, path: str, tag: str, body: dict[str, Any], statuses: list[int]) -> None:
    statuses.append(api.send("patch", path, headers={"if-match": tag}, **body).status_code)


def test_a_role_is_given_while_a_member_leaves(operator: ApiClient, owner: Person, teammate: Person) -> None:
    """Whoever comes second finds the member gone, or takes them away with their new role; nobody comes back."""
    for _ in range(RACES):
        member, _ = Membership.objects.get_or_create(tenant=owner.tenant, user=teammate.user, role=Role.OPERATOR)
        statuses: list[int] = []

        at_once(
            [
                partial(change_role, owner.actor, membership_id=member.pk, role=Role.OWNER),
                partial(remove, operator, f"members/{member.pk}", statuses),
            ]
        )

        assert statuses == [204]
        assert not Membership.objects.filter(pk=member.pk).exists()


def remove(api: ApiClient, path: str, statuses: list[int]) -> None:
    statuses.append(api.send("delete", path).status_code)
