"""The world in which the table is tried: two tenants that don't know each other, and everything that one of them has.

What belongs to the tenant under test is called “sesame” in all its names: that word must never be in an answer to
anybody who has nothing to do with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from routing.models import (
    ApiToken,
    ChangeSet,
    Delivery,
    Hostname,
    Job,
    Mapping,
    Membership,
    Rate,
    Registry,
    Restoration,
    Role,
    SelfTest,
    Tenant,
    Verification,
    Watch,
)
from routing.services.base.actor import Actor
from routing.services.changes.applying import apply
from routing.services.changes.drafts import draft
from routing.services.changes.plan import plan_of
from routing.services.changes.steps import apply_in_steps
from routing.services.changes.wishes import Wish
from routing.services.hostnames.claims import claim_hostname
from routing.services.hostnames.hostnames import add_hostname, suspend_hostnames
from routing.services.hostnames.self_tests import share_self_test
from routing.services.lists.saved_filters import save_filter
from routing.services.mappings.mappings import add_mapping
from routing.services.mappings.publication import publish_mapping
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import invite
from routing.services.people.notes import add_note
from routing.services.people.tenants import add_tenant
from routing.services.registries.accounts import set_account
from routing.services.registries.registries import add_registry
from routing.services.registries.targets import parse_target
from routing.services.telling.subscriptions import add_subscription, try_subscription
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import start_verification
from tests.dns.name_server import NameServer

SECRET = "sesame"
SET_UP = Actor.program("set-up")
# Whatever begins otherwise may write.
_READS = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE|ROLLBACK)\b", re.IGNORECASE)
# Nobody listens there: a probe finds that out at once.
NOWHERE = "https://127.0.0.1:9"

#: The columns of the table, in order.
ROLES = (
    "nobody",
    "outsider",
    "viewer elsewhere",
    "operator elsewhere",
    "owner elsewhere",
    "viewer",
    "operator",
    "owner",
    "platform",
)
#: Those to whom nothing of the tenant under test may be told.
STRANGERS = frozenset(ROLES[:5])


@dataclass
class World:
    """Everybody, and the rows of the tenant under test by the name under which the table speaks of them."""

    people: dict[str, User | AnonymousUser]
    cookies: dict[str, SimpleCookie]
    #: The secret of an API token of theirs; nobody has none.
    secrets: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, Any] = field(default_factory=dict)

    def actor(self, role: str) -> Actor:
        """The person of that role, as the verbs know them."""
        return Actor.person(self.people[role])

    def client(self, role: str) -> Client:
        """A browser of theirs: signed in a moment ago, unless they are nobody."""
        client = Client(headers={"host": "localhost"})
        client.cookies.update(self.cookies[role])
        return client

    def fresh(self) -> World:
        """The same, for one test of several: what it makes of the rows that it holds is not seen by the next."""
        return deepcopy(self)

    def __getitem__(self, subject: str) -> Any:
        return self.subjects[subject]


@contextmanager
def made_once(blocker: DjangoDbBlocker, make: Callable[[], World] | None = None) -> Iterator[World]:
    """A world for all tests of a module, since making one takes longer than most of them; each test is rolled back.

    No name server knows any name, and no registry listens.
    """
    with (
        closing(NameServer()) as server,
        override_settings(FACADE_ALLOW_PRIVATE_REGISTRIES=True, FACADE_DNS_SERVERS=[server.at]),
        blocker.unblock(),
        transaction.atomic(),
    ):
        yield (make or make_world)()
        transaction.set_rollback(True)


def make_world() -> World:
    """Fill the database. What the set-up does, it does by the verbs."""
    sesame = add_tenant(SET_UP, "", slug=SECRET, name="Sesame")
    idle = add_tenant(SET_UP, "", slug=f"{SECRET}-idle", name="Idle Sesame")
    suspended = add_tenant(SET_UP, "", slug=f"{SECRET}-suspended", name="Suspended Sesame", suspended=True)
    globex = add_tenant(SET_UP, "", slug="globex", name="Globex")
    people = _people([sesame, idle, suspended], globex)
    world = World(people, {role: _signed_in(person) for role, person in people.items()})
    _add_routing(world, sesame)
    _add_people(world, sesame)
    for role, person in people.items():
        if isinstance(person, User):
            world.secrets[role] = create_api_token(Actor.person(person), user=person, name=role).secret
    _add_notes(world, sesame)
    _wait_for_another_owner(sesame, people["owner"])
    # Or else the first use of the day would write.
    ApiToken.objects.update(last_used_on=timezone.now().date())
    # It has been restored, and nobody has confirmed that.
    Restoration.objects.create(pk=1, restored_at=timezone.now())
    world.subjects |= {"tenant": sesame, "idle tenant": idle, "suspended tenant": suspended, "elsewhere": globex}
    return world


def _wait_for_another_owner(tenant: Tenant, asker: Any) -> None:
    """Somebody has asked for another policy, which is not confirmed yet."""
    asked = {"allowed_registries": "", "needs_clean_reports": True, "needs_approval": False}
    facts = {"policy_request": asked, "policy_asker_id": asker.pk, "policy_asked_at": timezone.now()}
    Tenant.objects.filter(pk=tenant.pk).update(**facts)
    tenant.refresh_from_db()


def _people(own: list[Tenant], globex: Tenant) -> dict[str, User | AnonymousUser]:
    users = get_user_model().objects
    people: dict[str, User | AnonymousUser] = {
        "nobody": AnonymousUser(),
        # Somebody who was made “staff”, as Django's admin calls it: that alone must open nothing.
        "outsider": users.create_user(username="oscar", is_staff=True),
        "platform": users.create_superuser(username="petra"),
    }
    for role in Role:
        stranger = users.create_user(username=f"stranger-{role}", is_staff=True)
        member = users.create_user(username=f"{SECRET}-{role}", is_staff=True)
        Membership.objects.create(tenant=globex, user=stranger, role=role)
        for tenant in own:
            Membership.objects.create(tenant=tenant, user=member, role=role)
        people |= {f"{role} elsewhere": stranger, str(role): member}
    return people


def _signed_in(person: User | AnonymousUser) -> SimpleCookie:
    client = Client()
    if isinstance(person, User):
        client.force_login(person)
        session = client.session
        # Some of the account's own pages ask for the password again after a while.
        session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
        session.save()
    return client.cookies


def _add_routing(world: World, sesame: Tenant) -> None:
    def hostname(name: str) -> Hostname:
        return add_hostname(SET_UP, "", tenant_id=sesame.pk, name=f"{name}.{SECRET}.example")

    def registry(name: str, origin: str, owner: Tenant | None) -> Registry:
        return add_registry(SET_UP, "", tenant_id=None if owner is None else owner.pk, name=name, origin=origin)

    def with_account(row: Registry) -> Registry:
        set_account(SET_UP, "", registry_id=row.pk, user=f"robot-of-{SECRET}", password="secret")
        Registry.objects.filter(pk=row.pk).update(version=1)
        return Registry.objects.get(pk=row.pk)

    pulled, proved = hostname("docker"), hostname("proved")
    Hostname.objects.filter(pk=proved.pk).update(proof_token="0" * 32)
    held_back = hostname("suspended")
    suspend_hostnames(SET_UP, "", hostname_ids=[held_back.pk], suspended=True)
    own = with_account(registry("Own registry of Sesame", NOWHERE, sesame))
    mapping = add_mapping(
        SET_UP, "the reason of Sesame", hostname=pulled.name, prefix="app", target=f"127.0.0.1:9/{SECRET}"
    ).mapping
    shown = add_mapping(SET_UP, "", hostname=pulled.name, prefix="shown", target=f"127.0.0.1:9/{SECRET}").mapping
    publish_mapping(SET_UP, "r", mapping_id=shown.pk, user=f"robot-of-{SECRET}", password="secret")
    Mapping.objects.filter(pk=shown.pk).update(version=1)
    add_mapping(SET_UP, "", hostname="docker.globex.example", prefix="", target="quay.io/globex", tenant="globex")
    world.subjects |= _change_sets(mapping, proved)
    told = add_subscription(
        SET_UP, tenant_id=sesame.pk, address=f"https://hooks.{SECRET}.example/", kinds=["proof"]
    ).subscription
    delivery = try_subscription(SET_UP, subscription_id=told.pk)
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.FAILED)
    Job.objects.filter(kind="tell").delete()
    world.subjects |= {
        "subscription": told,
        "shared filter": save_filter(
            SET_UP, noun="mapping", name=f"filter of {SECRET}", terms={"search": SECRET}, tenant_id=sesame.pk
        ),
        "delivery": delivery,
        "hostname": pulled,
        "idle hostname": hostname("idle"),
        "proved hostname": proved,
        "suspended hostname": held_back,
        "registry": own,
        "idle registry": registry("Idle registry of Sesame", "https://127.0.0.1:10", sesame),
        "shared registry": with_account(registry("Shared", "https://127.0.0.1:11", None)),
        "mapping": mapping,
        "published mapping": Mapping.objects.get(pk=shown.pk),
        "verification": start_verification(SET_UP, candidates=[Candidate(mapping.pk, "quay.io/new")]),
        "watch": Watch.objects.create(
            mapping=mapping,
            registry=own,
            upstream_prefix=f"former/{SECRET}",
            until=timezone.now() + timedelta(days=7),
            next_at=timezone.now() + timedelta(days=1),
        ),
        "self-test": _self_test(pulled),
        "shared self-test": share_self_test(SET_UP, "", self_test_id=_self_test(pulled).pk),
        "standing mapping": _failed_over(pulled, registry("Standby of Sesame", "https://127.0.0.1:12", sesame)),
        "claim": claim_hostname(SET_UP, tenant_id=sesame.pk, name=f"claimed.{SECRET}.example"),
    }
    _clean_report(world["verification"])


def _self_test(hostname: Hostname) -> SelfTest:
    return SelfTest.objects.create(hostname=hostname, at=timezone.now(), passed=True, is_scheduled=True)


def _add_notes(world: World, sesame: Tenant) -> None:
    """One about each noun."""
    for noun, subject in {"mapping": "mapping", "hostname": "hostname", "registry": "registry"}.items():
        world.subjects["note"] = add_note(SET_UP, noun=noun, pk=world[subject].pk, text=f"noted of {SECRET}")
    add_note(SET_UP, noun="tenant", pk=sesame.pk, text=f"noted of {SECRET}")
    of_platform = add_note(SET_UP, noun="registry", pk=world["shared registry"].pk, text=f"of {SECRET}")
    by_operator = add_note(world.actor("operator"), noun="mapping", pk=world["mapping"].pk, text=f"of {SECRET}")
    world.subjects |= {"note of the platform": of_platform, "note by an operator": by_operator}


def _failed_over(hostname: Hostname, standby: Registry) -> Mapping:
    """One that was led to its standby."""
    row = add_mapping(SET_UP, "", hostname=hostname.name, prefix="standing", target=f"127.0.0.1:9/{SECRET}").mapping
    away = {"standby_registry": standby, "standby_prefix": SECRET, "failed_over_at": timezone.now()}
    Mapping.objects.filter(pk=row.pk).update(**away)
    return Mapping.objects.get(pk=row.pk)


def _clean_report(begun: Verification) -> None:
    """Says that where it would lead has all that is where it leads."""
    facts = {"state": Verification.State.DONE, "compared": 1, "finished_at": timezone.now()}
    Verification.objects.create(tenant=begun.tenant, switches=begun.switches, **facts)


def _change_sets(mapping: Mapping, hostname: Hostname) -> dict[str, Any]:
    """One that could be applied, and one that was."""
    moved = add_mapping(SET_UP, "", hostname=hostname.name, prefix="moved", target=f"127.0.0.1:9/{SECRET}").mapping
    waits = draft(SET_UP, f"the message of {SECRET}", wishes=[Wish(mapping.pk, None, {"enabled": False})])
    moves = draft(SET_UP, "m", wishes=[Wish(mapping.pk, parse_target("quay.io/new"))])
    done = draft(SET_UP, "m", wishes=[Wish(moved.pk, None, {"enabled": False})])
    apply(SET_UP, change_set_id=done.pk, checksum=done.checksum)
    ChangeSet.objects.filter(pk=done.pk).update(version=1)
    Mapping.objects.filter(pk=moved.pk).update(version=1)
    return {
        "change set": waits,
        "moving change set": moves,
        "applied change set": done,
        "moved mapping": moved,
        "change set in steps": _in_steps(hostname),
    }


def _in_steps(hostname: Hostname) -> ChangeSet:
    """One at its beginning, at which the health gate has looked. Its registries are none of the others'."""
    row = add_mapping(SET_UP, "", hostname=hostname.name, prefix="stepping", target=f"ghcr.io/{SECRET}").mapping
    begun = draft(SET_UP, "m", wishes=[Wish(row.pk, parse_target("registry.gitlab.com/new"))])
    apply_in_steps(SET_UP, change_set_id=begun.pk, checksum=begun.checksum, plan=plan_of([5, 100]))
    ChangeSet.objects.filter(pk=begun.pk).update(version=1, looked_at=timezone.now() + timedelta(days=1))
    Mapping.objects.filter(pk=row.pk).update(version=1)
    return ChangeSet.objects.get(pk=begun.pk)


def _add_people(world: World, sesame: Tenant) -> None:
    mate = get_user_model().objects.create_user(username=f"mate-of-{SECRET}")
    invited = invite(SET_UP, tenant_id=sesame.pk, email=f"new@{SECRET}.example", role=Role.VIEWER)
    key = Authenticator.objects.create(user=mate, type=Authenticator.Type.WEBAUTHN, data={"name": f"{SECRET}'s key"})
    world.subjects |= {
        "another's filter": save_filter(
            Actor.person(mate), noun="mapping", name=f"own filter of {SECRET}", terms={"search": SECRET}
        ),
        "member": Membership.objects.create(tenant=sesame, user=mate, role=Role.VIEWER),
        "invitation": invited.invitation,
        "invitation token": invited.token,
        "account": mate,
        "security key": key,
        "API token": create_api_token(Actor.person(mate), user=mate, name=f"{SECRET}'s token").token,
    }


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for sessions and counted tries: what who is denied must leave as it was."""
    left_out = (Session, Rate)
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model not in left_out}
    with connection.cursor() as cursor:
        return {table: _rows(cursor, table) for table in sorted(tables)}


@contextmanager
def watched() -> Iterator[list[str]]:
    """The statements within that may have changed a row of `snapshot`. None: no need to look at every row again."""
    written: list[str] = []

    def look(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if _READS.match(sql) is None and Session._meta.db_table not in sql:
            written.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield written


def _rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
    return sorted(cursor.fetchall(), key=str)
