"""A person goes with every way in, and the last owner and the last operator of the platform don't."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import ForeignKey
from django.test import Client
from django.utils import timezone

from routing.models import ApiToken, Invitation, Job, Mapping, Membership, ProviderGrant, ProviderWord, Rate, Role
from routing.services.base.actor import Actor
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.leaving.person_removal import get_person_removal, remove_person
from routing.services.leaving.person_rows import OF_A_PERSON
from routing.services.lists.columns import choose_columns
from routing.services.lists.saved_filters import save_filter
from routing.services.mappings.mappings import add_mapping, remove_mapping, update_mapping
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import accept, invite
from routing.services.people.notices import tell_owners
from routing.services.people.preferences import hide_first_steps
from routing.services.people.provider_grants import PLATFORM, ProviderRole, follow_provider
from tests.conftest import Person

pytestmark = pytest.mark.django_db
USER = get_user_model()


@pytest.fixture
def leaver(owner: Person) -> Person:
    """Zelda Quux-Fairfax, an operator and former owner of the tenant acme, who has one of everything."""
    user = USER.objects.create_user(
        username="zelda.quux", email="zelda@quux.example", first_name="Zelda", last_name="Quux-Fairfax"
    )
    Membership.objects.create(tenant=owner.tenant, user=user, role=Role.OWNER)
    person = Person(user, Actor.person(user), owner.tenant, owner.hostname)
    EmailAddress.objects.create(user=user, email="zelda@quux.example", verified=True, primary=True)
    EmailAddress.objects.create(user=user, email="z.quux@home.example")
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "s"})
    SocialAccount.objects.create(
        user=user, provider="sso", uid="zelda.quux", extra_data={"email": "zelda@quux.example"}
    )
    ProviderGrant.objects.create(user=user, tenant=owner.tenant)
    ProviderWord.objects.create(user=user, spoken_at=timezone.now())
    hide_first_steps(user)
    create_api_token(person.actor, user=user, name="zelda.quux's laptop")
    save_filter(person.actor, noun="mapping", name="mine", terms={"state": "off"})
    choose_columns(person.actor, noun="mapping", columns=["pulls"])
    Rate.objects.get_or_create(name=f"checks of user {user.pk}", defaults={"began_at": timezone.now()})
    client = Client()
    client.force_login(user)
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(USER),
        object_id="1",
        object_repr="x",
        action_flag=CHANGE,
    )
    invited = invite(person.actor, tenant_id=owner.tenant.pk, email="friend@example.com", role=Role.VIEWER)
    friend = USER.objects.create_user(username="friend")
    accept(friend, invited.token)
    invite(person.actor, tenant_id=owner.tenant.pk, email="other@example.com", role=Role.VIEWER)
    tell_owners(owner.tenant, "a word", "for all owners")
    name = owner.hostname.name
    made = add_mapping(
        person.actor, "because Zelda Quux-Fairfax wants it", hostname=name, prefix="app", target="ghcr.io/acme"
    )
    update_mapping(owner.actor, "as ZELDA@quux.example asked", mapping_id=made.mapping.pk, private=True)
    token = Actor.token(user, "zelda.quux's laptop", None, False)
    update_mapping(token, "", mapping_id=made.mapping.pk, private=False)
    remove_mapping(owner.actor, "zelda.quux: done; ask z.quux@home.example", hostname=name, prefix="app")
    return person


def rows_of(user_id: int) -> dict[str, int]:
    """The rows of every table that refer to the account; but for histories, in which it is no more."""
    found: dict[str, int] = {}
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is USER:
                if model.__name__ == "HistoricalMembership" and field.name == "user":
                    # Whose role it was, by a number.
                    continue
                name = f"{model.__name__}.{field.name}"
                found[name] = model._default_manager.filter(**{field.attname: user_id}).count()
    found["Rate"] = Rate.objects.filter(name__regex=rf" user {user_id}$").count()
    found["Session"] = sum(
        1 for session in Session.objects.all() if session.get_decoded().get("_auth_user_id") == str(user_id)
    )
    return found


def texts() -> Iterator[tuple[str, str]]:
    """Every text of every column of every table of the database, whoever's table it is, with where it stands."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, str | bytes | memoryview | dict | list):
                        text = bytes(value).decode(errors="replace") if isinstance(value, memoryview) else str(value)
                        yield f"{table}.{name}", text
                        # The cache, and sessions, keep things so.
                        for part in text.split(":"):
                            try:
                                yield f"{table}.{name}", base64.b64decode(part, validate=True).decode(errors="replace")
                            except ValueError:
                                continue


def mentions(*names: str) -> set[str]:
    return {where for where, text in texts() for name in names if name.lower() in text.lower()}


NAMES = ("zelda", "quux")


def test_every_table_that_knows_people_is_known_to_the_removal(leaver: Person) -> None:
    known = {rows(leaver.user).model for rows in OF_A_PERSON.values()}
    referring = {
        model
        for model in apps.get_models()
        if not model.__name__.startswith("Historical")
        and any(isinstance(f, ForeignKey) and f.related_model is USER for f in model._meta.concrete_fields)
    }
    # Which rights a person has beside their role: nobody uses them, and they go with the account.
    assert {model for model in referring if not model._meta.auto_created} <= known
    # So that what is tried below is tried with a row in each.
    empty = [name for name, count in rows_of(leaver.user.pk).items() if not count]
    assert [name for name in empty if not name.startswith(("User_", "Historical"))] == []


@pytest.mark.parametrize("erase", [False, True])
def test_nothing_of_theirs_is_left(leaver: Person, owner: Person, erase: bool) -> None:
    user_id = leaver.user.pk

    gone = remove_person(Actor.command_line(), "left", user_id=user_id, erase=erase)

    assert set(rows_of(user_id).values()) == {0}
    assert not USER.objects.filter(pk=user_id).exists()
    assert gone["memberships"] == gone["API tokens"] == gone["sessions"] == 1
    assert gone["invitations that they made"] == gone["e-mail addresses"] == 2
    assert USER.objects.filter(pk=owner.user.pk).exists()
    assert Membership.objects.filter(user=owner.user).exists()
    assert not Job.objects.filter(arguments__to="zelda@quux.example").exists()


def test_the_history_says_who_removed_them_and_why(leaver: Person, platform: Actor) -> None:
    member = Membership.objects.get(user=leaver.user).pk

    remove_person(platform, "left the company", user_id=leaver.user.pk)

    last = Membership.history.filter(id=member).first()
    assert (last.history_type, last.actor, last.history_change_reason) == ("-", platform.label, "left the company")
    assert Mapping.history.filter(actor="zelda.quux").exists()


def test_the_numbers_told_before_are_those_that_go(leaver: Person, platform: Actor) -> None:
    before = get_person_removal(platform, user_id=leaver.user.pk)

    gone = remove_person(platform, "", user_id=leaver.user.pk)

    assert {what: gone[what] for what in before.goes} == before.goes


def test_after_an_erasure_no_table_holds_the_name_or_an_address(leaver: Person, platform: Actor) -> None:
    before = mentions(*NAMES)
    assert {"routing_historicalmapping.actor", "routing_historicalmapping.history_change_reason"} <= before
    LogEntry.objects.create(
        user=USER.objects.create_superuser(username="petra"),
        content_type=ContentType.objects.get_for_model(USER),
        object_id=str(leaver.user.pk),
        object_repr="zelda.quux",
        action_flag=CHANGE,
        change_message="Changed the address of zelda.quux.",
    )

    remove_person(platform, "asked for by zelda.quux", user_id=leaver.user.pk, erase=True)

    assert mentions(*NAMES) == set()
    pseudonym = f"removed person {leaver.user.pk}"
    assert {*Mapping.history.values_list("actor", flat=True)} == {pseudonym, "alice"}
    assert set(Mapping.history.values_list("history_change_reason", flat=True)) == {
        f"because {pseudonym} wants it",
        f"as {pseudonym} asked",
        "",
        f"{pseudonym}: done; ask {pseudonym}",
    }
    assert LogEntry.objects.get().change_message == f"Changed the address of {pseudonym}."


def test_who_erases_themselves_leaves_no_name_by_doing_so(leaver: Person) -> None:
    remove_person(leaver.actor, "I, zelda.quux, leave", user_id=leaver.user.pk, erase=True)

    assert mentions(*NAMES) == set()


def test_a_dry_run_erases_nothing(leaver: Person, platform: Actor) -> None:
    before, named = rows_of(leaver.user.pk), mentions(*NAMES)

    with dry_run():
        remove_person(platform, "", user_id=leaver.user.pk, erase=True)

    assert (rows_of(leaver.user.pk), mentions(*NAMES)) == (before, named)


def test_a_name_within_another_stays(leaver: Person, owner: Person, platform: Actor) -> None:
    reason = "for zelda.quuxley, not for zelda.quux; see zelda.quux.example and a-zelda@quux.example"
    add_mapping(owner.actor, reason, hostname=owner.hostname.name, prefix="new", target="ghcr.io/acme")

    remove_person(platform, "", user_id=leaver.user.pk, erase=True)

    pseudonym = f"removed person {leaver.user.pk}"
    assert Mapping.history.filter(
        history_change_reason=f"for zelda.quuxley, not for {pseudonym}; see zelda.quux.example and a-zelda@quux.example"
    ).exists()


def test_what_an_erasure_leaves_is_told(leaver: Person, owner: Person, platform: Actor) -> None:
    type(owner.hostname).objects.filter(pk=owner.hostname.pk).update(suspension_message="ask zelda.quux")

    plan = get_person_removal(platform, user_id=leaver.user.pk, erase=True)

    assert list(plan.mentions) == ["hostname, suspension message: 1"]
    assert plan.pseudonym == f"removed person {leaver.user.pk}"


@pytest.mark.parametrize("erase", [False, True])
def test_the_last_owner_of_a_tenant_stays(owner: Person, outsider: Person, platform: Actor, erase: bool) -> None:
    Membership.objects.create(tenant=outsider.tenant, user=owner.user, role=Role.OWNER)

    with pytest.raises(ServiceError, match="alice is the last owner of Acme: make somebody else an owner first"):
        remove_person(platform, "", user_id=owner.user.pk, erase=erase)

    assert (
        get_person_removal(platform, user_id=owner.user.pk).obstacles[0].startswith("alice is the last owner of Acme:")
    )
    Membership.objects.create(
        tenant=owner.tenant, user=USER.objects.create_user("inactive", is_active=False), role=Role.OWNER
    )
    with pytest.raises(ServiceError, match="last owner"):
        remove_person(owner.actor, "", user_id=owner.user.pk)


def test_the_last_operator_of_the_platform_stays(db: None, settings: Any) -> None:
    petra = USER.objects.create_superuser(username="petra")
    with pytest.raises(ServiceError, match="petra is the last operator of the platform: make somebody else one first"):
        remove_person(Actor.command_line(), "", user_id=petra.pk)
    other = USER.objects.create_superuser(username="other", is_active=False)
    with pytest.raises(ServiceError, match="last operator"):
        remove_person(Actor.command_line(), "", user_id=petra.pk)
    # One whose provider has said nothing of it for long is none.
    USER.objects.filter(pk=other.pk).update(is_active=True)
    long_ago = timezone.now() - timedelta(seconds=settings.FACADE_OIDC_ROLE_SECONDS + 1)
    grant = ProviderGrant.objects.create(user=other, tenant=None, confirmed_at=long_ago)
    with pytest.raises(ServiceError, match="last operator"):
        remove_person(Actor.command_line(), "", user_id=petra.pk)

    grant.delete()
    remove_person(Actor.person(petra), "", user_id=petra.pk)
    assert USER.objects.filter(is_superuser=True).count() == 1


def test_a_token_removes_and_exports_nobody_like_its_own_person(db: None) -> None:
    petra, other = USER.objects.create_superuser(username="petra"), USER.objects.create_superuser(username="other")
    token = Actor.token(petra, "t", None, False)

    with pytest.raises(PermissionDenied, match="account's pages"):
        remove_person(token, "", user_id=petra.pk)
    remove_person(token, "", user_id=other.pk)

    assert [user.username for user in USER.objects.all()] == ["petra"]


# ---------------------------------------------------------------- what runs meanwhile
def test_what_a_person_had_begun_is_not_done_in_their_name(owner: Person, leaver: Person, platform: Actor) -> None:
    petra, other = USER.objects.create_superuser(username="petra"), USER.objects.create_superuser(username="other")
    begun = Actor.person(petra)
    remove_person(Actor.person(other), "", user_id=petra.pk)
    changes = Mapping.history.count()

    with pytest.raises(PermissionDenied, match="this account was removed"):
        add_mapping(begun, "", hostname=owner.hostname.name, prefix="late", target="ghcr.io/acme")
    with pytest.raises(ServiceError):
        create_api_token(begun, user=petra, name="late")

    assert Mapping.history.count() == changes
    assert not ApiToken.objects.filter(user_id=petra.pk).exists()


def test_a_sign_in_by_the_provider_brings_back_no_role(owner: Person, leaver: Person, platform: Actor) -> None:
    user = USER.objects.get(pk=leaver.user.pk)
    remove_person(platform, "", user_id=leaver.user.pk)

    follow_provider(user, [ProviderRole("acme", Role.OWNER), ProviderRole("", PLATFORM)])

    assert set(rows_of(user.pk).values()) == {0}
    assert not USER.objects.filter(pk=user.pk).exists()


def test_an_invitation_is_not_accepted_by_who_is_gone(owner: Person, leaver: Person, platform: Actor) -> None:
    invited = invite(owner.actor, tenant_id=owner.tenant.pk, email="back@example.com", role=Role.OWNER)
    user = USER.objects.get(pk=leaver.user.pk)
    remove_person(platform, "", user_id=user.pk)

    with pytest.raises(ServiceError):
        accept(user, invited.token)

    assert Invitation.objects.get(pk=invited.invitation.pk).accepted_at is None
    with pytest.raises(NotFound):
        remove_person(platform, "", user_id=user.pk)
