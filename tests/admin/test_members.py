"""Members and invitations: who may invite, change roles, remove and leave, and what becomes of an invitation's link."""

from __future__ import annotations

import re
from collections.abc import Callable
from smtplib import SMTPException
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import Settings

from routing.models import Invitation, Membership, ProviderGrant, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.people.members import accept, invite
from routing.services.people.provider_grants import ProviderRole, follow_provider
from tests.admin.conftest import SET_UP, AdminClient, errors_of, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
LINK = re.compile(r"http://testserver/accounts/invitation/[\w-]{43}/")


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def globex(db: None) -> Tenant:
    return Tenant.objects.create(slug="globex", name="Globex")


@pytest.fixture
def owner(acme: Tenant, member: Member) -> AdminClient:
    return member(acme, "owner")


def membership(admin: AdminClient) -> Membership:
    return Membership.objects.get(user=admin.user)


def roles(tenant: Tenant) -> dict[str, str]:
    return dict(tenant.memberships.values_list("user__username", "role"))


def links_in(response: Any) -> list[str]:
    return LINK.findall(response.content.decode())


# ---------------------------------------------------------------- inviting
def test_with_mail_the_invited_get_the_link_and_nobody_else_sees_it(owner: AdminClient, acme: Tenant) -> None:
    answer = owner.fill("invitation_add", tenant=acme.pk, email=" Dora@Example.com", role="operator")

    assert answer["Location"] == owner.url("invitation_changelist")
    assert messages_of(answer) == "Invited dora@example.com to Acme as operator. The link is in the e-mail."
    assert mail.outbox[0].to == ["dora@example.com"]
    (link,) = LINK.findall(str(mail.outbox[0].body))
    pages = [owner.get("invitation_changelist"), owner.get("invitation_change", Invitation.objects.get().pk)]
    assert all(link.rsplit("/", 2)[1] not in page.content.decode() for page in pages)
    assert "dora@example.com Acme operator open" in text_of(pages[0])


def test_without_mail_the_inviter_sees_the_link_once_and_it_works(
    owner: AdminClient, acme: Tenant, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = NO_MAIL
    assert "the next page shows a link for you to pass on" in text_of(owner.get("invitation_add"))

    with caplog.at_level("DEBUG"):
        answer = owner.fill("invitation_add", tenant=acme.pk, email="dora@example.com", role="operator")

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    link = links_in(answer)[0]
    token = link.rsplit("/", 2)[1]
    assert token not in caplog.text
    # Nor does a session, a message or the invitation hold it.
    with connection.cursor() as cursor:
        for table in ("routing_invitation", "django_session"):
            cursor.execute(f"SELECT * FROM {table}")
            assert token not in str(cursor.fetchall())
    assert token not in str(owner.client.cookies)
    for page in (owner.get("invitation_changelist"), owner.get("invitation_change", Invitation.objects.get().pk)):
        assert token not in page.content.decode()
    dora = Client(headers={"host": "localhost"})
    assert "Invitation to Acme" in text_of(dora.get(link.removeprefix("http://testserver"), follow=True))


def test_sending_the_form_again_shows_no_second_link(owner: AdminClient, acme: Tenant, settings: Settings) -> None:
    settings.EMAIL_BACKEND = NO_MAIL
    owner.fill("invitation_add", tenant=acme.pk, email="dora@example.com", role="operator")

    again = owner.fill("invitation_add", tenant=acme.pk, email="dora@example.com", role="operator")

    assert "is invited already" in text_of(again)
    assert links_in(again) == []
    assert Invitation.objects.count() == 1


def test_a_mail_server_that_takes_no_mail_leaves_no_invitation(owner: AdminClient, acme: Tenant) -> None:
    def refuse(*_: object) -> None:
        # By then the invitation is committed, and no transaction waits for the mail server.
        assert connection.savepoint_ids == outside
        raise SMTPException("no")

    outside = list(connection.savepoint_ids)
    with mock.patch("routing.accounts.invitations.EmailMessage.send", refuse):
        answer = owner.fill("invitation_add", tenant=acme.pk, email="dora@example.com", role="operator")

    assert "there is no invitation" in messages_of(answer)
    assert links_in(answer) == []
    assert Invitation.objects.count() == 0


@pytest.mark.parametrize(("email", "field"), [("dora", "email"), ("", "email")])
def test_an_address_that_is_none(owner: AdminClient, acme: Tenant, email: str, field: str) -> None:
    assert field in errors_of(owner.fill("invitation_add", tenant=acme.pk, email=email, role="viewer"))


def test_the_one_tenant_is_chosen_already(owner: AdminClient, acme: Tenant, globex: Tenant) -> None:
    form = owner.get("invitation_add").context["adminform"].form

    assert form["tenant"].value() == acme.pk
    assert [tenant for _, tenant in form.fields["tenant"].choices] == ["Acme"]


def test_a_tenants_page_leads_to_what_comes_first(admin: AdminClient, acme: Tenant, globex: Tenant) -> None:
    page = admin.get("tenant_change", acme.pk).content.decode()

    for words, noun in (("Invite a member", "invitation"), ("Claim a hostname", "hostnameclaim")):
        assert f'<a href="{admin.url(f"{noun}_add")}?tenant={acme.pk}">{words}</a>' in page
        form = admin.client.get(admin.url(f"{noun}_add"), {"tenant": acme.pk}).context["adminform"].form
        assert int(form["tenant"].value()) == acme.pk


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_who_may_neither_invite_nor_claim_is_led_to_neither(acme: Tenant, member: Member, role: str) -> None:
    page = member(acme, role).get("tenant_change", acme.pk).content.decode()

    assert "invitation/add/?tenant=" not in page
    assert "hostnameclaim/add/?tenant=" not in page
    assert "Invite a member" not in page


def test_the_empty_list_tells_adding_from_inviting(admin: AdminClient, acme: Tenant) -> None:
    page = text_of(admin.get("membership_changelist"))

    assert "Add someone who has an account Invite a member" in page
    assert "Add the first one" not in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_owners_invite(acme: Tenant, member: Member, role: str) -> None:
    admin = member(acme, role)
    given = {"tenant": acme.pk, "email": "dora@example.com", "role": "owner"}

    assert admin.get("invitation_add").status_code == 403
    assert admin.client.post(admin.url("invitation_add"), given).status_code == 403
    assert "Invite a member" not in text_of(admin.get("membership_changelist"))
    assert Invitation.objects.count() == 0


def test_an_owner_invites_to_no_other_tenant(owner: AdminClient, acme: Tenant, globex: Tenant, member: Member) -> None:
    # In globex this person looks, and no more.
    Membership.objects.create(tenant=globex, user=owner.user, role=Role.VIEWER)

    answer = owner.fill("invitation_add", tenant=globex.pk, email="dora@example.com", role="owner")

    assert "tenant" in errors_of(answer)
    assert Invitation.objects.count() == 0


def test_withdraw_an_invitation(owner: AdminClient, acme: Tenant) -> None:
    invited = invite(SET_UP, tenant_id=acme.pk, email="dora@example.com", role="viewer")
    pk = invited.invitation.pk
    assert "withdraw this invitation" in text_of(owner.get("invitation_change", pk))
    assert "stops working" in text_of(owner.get("invitation_delete", pk))

    answer = owner.client.post(owner.url("invitation_delete", pk))

    assert messages_of(answer) == "Withdrew the invitation of dora@example.com to Acme."
    stranger = Client(headers={"host": "localhost"})
    assert stranger.get(f"/accounts/invitation/{invited.token}/").status_code == 404


def test_an_invitation_that_was_accepted_is_not_withdrawn(owner: AdminClient, acme: Tenant) -> None:
    pk = invite(SET_UP, tenant_id=acme.pk, email="dora@example.com", role="viewer").invitation.pk
    Invitation.objects.update(accepted_at=Invitation.objects.get().created_at)

    assert owner.client.post(owner.url("invitation_delete", pk)).status_code == 403
    assert "accepted" in text_of(owner.get("invitation_changelist"))


def test_an_invitation_never_changes(owner: AdminClient, admin: AdminClient, acme: Tenant) -> None:
    pk = invite(SET_UP, tenant_id=acme.pk, email="dora@example.com", role="viewer").invitation.pk

    for asker in (owner, admin):
        answer = asker.client.post(asker.url("invitation_change", pk), {"role": "owner", "email": "eve@example.com"})
        assert answer.status_code == 403
    assert (Invitation.objects.get().role, Invitation.objects.get().email) == ("viewer", "dora@example.com")


# ---------------------------------------------------------------- members
def test_everybody_sees_their_own_tenants_members(acme: Tenant, globex: Tenant, member: Member) -> None:
    desks = [member(acme, role) for role in ("owner", "operator", "viewer")]
    member(globex, "owner")

    for admin in desks:
        page = text_of(admin.get("membership_changelist"))
        assert "owner of acme" in page
        assert f"{admin.user} (you)" in page
        assert "globex" not in page


def test_change_a_role(owner: AdminClient, acme: Tenant, member: Member) -> None:
    bob = membership(member(acme, "viewer"))

    answer = owner.fill("membership_change", bob.pk, role="operator", user=owner.user.pk, tenant=99)

    assert messages_of(answer) == "Made viewer of acme operator of Acme."
    assert roles(acme) == {"owner of acme": "owner", "viewer of acme": "operator"}
    assert "Nothing to change" in messages_of(owner.fill("membership_change", bob.pk))


def test_remove_a_member(owner: AdminClient, acme: Tenant, member: Member) -> None:
    bob = member(acme, "viewer")
    assert "Remove viewer of acme from Acme" in text_of(owner.get("membership_change", membership(bob).pk))

    answer = owner.client.post(owner.url("membership_delete", membership(bob).pk), {"reason": "left"})

    assert messages_of(answer) == "Removed viewer of acme from Acme."
    assert roles(acme) == {"owner of acme": "owner"}
    assert bob.get("mapping_changelist").status_code in (302, 403)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_whoever_is_no_owner_changes_nobody(owner: AdminClient, acme: Tenant, member: Member, role: str) -> None:
    admin = member(acme, role)

    for target in (membership(owner), membership(admin)):
        answer = admin.client.post(admin.url("membership_change", target.pk), {"role": "owner"})
        assert answer.status_code == 403
    assert admin.client.post(admin.url("membership_delete", membership(owner).pk)).status_code == 403
    assert roles(acme) == {"owner of acme": "owner", f"{role} of acme": role}


@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
def test_everybody_may_leave(owner: AdminClient, acme: Tenant, member: Member, role: str) -> None:
    if role == "owner":
        Membership.objects.create(tenant=acme, user=get_user_model().objects.create_user("zoe"), role=Role.OWNER)
    admin = owner if role == "owner" else member(acme, role)
    pk = membership(admin).pk
    assert "Leave Acme" in text_of(admin.get("membership_change", pk))
    assert "You lose access to Acme" in text_of(admin.get("membership_delete", pk))

    answer = admin.client.post(admin.url("membership_delete", pk))

    assert answer["Location"] == "/accounts/2fa/"
    assert "You have left Acme." in text_of(admin.client.get(answer["Location"]))
    assert admin.user.username not in roles(acme)


def test_who_leaves_one_of_two_tenants_stays_in_the_admin(owner: AdminClient, acme: Tenant, globex: Tenant) -> None:
    other = Membership.objects.create(tenant=globex, user=owner.user, role=Role.VIEWER)

    answer = owner.client.post(owner.url("membership_delete", other.pk), {"reason": "left"})

    assert answer["Location"] == owner.url("membership_changelist")


def test_the_last_owner_neither_leaves_nor_steps_down(
    owner: AdminClient, admin: AdminClient, acme: Tenant, member: Member
) -> None:
    member(acme, "operator")
    pk = membership(owner).pk
    says = "is the last owner of Acme: make someone else an owner"

    for asker in (owner, admin):
        assert says in text_of(asker.fill("membership_change", pk, role="viewer"))
        left = asker.client.post(asker.url("membership_delete", pk), {"reason": "left"})
        assert left.status_code == 200
        assert says in text_of(left)
    assert roles(acme)["owner of acme"] == "owner"


def test_an_owner_may_step_down_beside_another(owner: AdminClient, acme: Tenant, admin: AdminClient) -> None:
    Membership.objects.create(tenant=acme, user=admin.user, role=Role.OWNER)

    owner.fill("membership_change", membership(owner).pk, role="viewer")

    assert roles(acme)["owner of acme"] == "viewer"


def test_a_role_that_the_provider_gave_says_so(owner: AdminClient, acme: Tenant, member: Member) -> None:
    bob = membership(member(acme, "viewer"))
    ProviderGrant.objects.create(user=bob.user, tenant=acme)

    assert "sets it again at each sign-in" in text_of(owner.get("membership_change", bob.pk))
    assert "sets it again" not in text_of(owner.get("membership_change", membership(owner).pk))


# ---------------------------------------------------------------- operators of the platform
@pytest.mark.parametrize("account", ["dora", "DORA@example.com", " dora "])
def test_the_platform_adds_an_account_that_is_there(admin: AdminClient, acme: Tenant, account: str) -> None:
    dora = get_user_model().objects.create_user("dora", "dora@example.com")
    EmailAddress.objects.create(user=dora, email="dora@example.com", verified=True)

    answer = admin.fill("membership_add", tenant=acme.pk, account=account, role="owner")

    assert messages_of(answer) == "Added dora to Acme as owner."
    assert roles(acme) == {"dora": "owner"}


def test_an_account_that_can_not_be_added(admin: AdminClient, owner: AdminClient, acme: Tenant) -> None:
    get_user_model().objects.create_user("dora", "dora@example.com")

    def said(account: str) -> str:
        return str(errors_of(admin.fill("membership_add", tenant=acme.pk, account=account, role="owner")))

    assert "invite them by e-mail instead" in said("nobody")
    assert "No account has verified dora@example.com" in said("dora@example.com")
    assert "a member already" in said("owner of acme")


def test_an_owner_learns_of_no_account(owner: AdminClient, acme: Tenant) -> None:
    get_user_model().objects.create_user("dora", "dora@example.com")

    assert owner.get("membership_add").status_code == 403
    given = {"tenant": acme.pk, "account": "dora", "role": "viewer"}
    assert owner.client.post(owner.url("membership_add"), given).status_code == 403
    assert "dora" not in roles(acme)


# ---------------------------------------------------------------- between tenants
def test_members_and_invitations_of_others_can_not_be_reached(
    owner: AdminClient, globex: Tenant, member: Member
) -> None:
    theirs = membership(member(globex, "owner"))
    invited = invite(SET_UP, tenant_id=globex.pk, email="secret@globex.com", role="viewer").invitation

    for noun, pk in (("membership", theirs.pk), ("invitation", invited.pk)):
        assert "globex" not in text_of(owner.get(f"{noun}_changelist")).lower()
        for view in ("change", "delete"):
            for answer in (
                owner.get(f"{noun}_{view}", pk),
                owner.client.post(owner.url(f"{noun}_{view}", pk), {"role": "viewer"}),
            ):
                assert answer.status_code in (302, 403, 404)
                assert b"globex" not in answer.content.lower()
    assert roles(globex) == {"owner of globex": "owner"}
    assert Invitation.objects.filter(pk=invited.pk).exists()
    # Neither do filters and searches tell of them.
    for query in ("?tenant__slug__exact=globex", "?q=globex", f"?tenant__id__exact={globex.pk}"):
        assert "owner of globex" not in text_of(owner.client.get(owner.url("membership_changelist") + query))


def test_a_noun_without_a_history_has_no_page_for_one(admin: AdminClient, acme: Tenant) -> None:
    invitation = invite(SET_UP, tenant_id=acme.pk, email="dora@example.com", role="viewer").invitation
    page = admin.get("invitation_change", invitation.pk)

    assert page.status_code == 200
    assert "historylink" not in page.content.decode()
    assert admin.client.get(f"/admin/routing/invitation/{invitation.pk}/history/").status_code in (302, 404)


# ---------------------------------------------------------------- the history
def test_who_gave_and_took_which_role_is_kept(owner: AdminClient, acme: Tenant, admin: AdminClient) -> None:
    dora = get_user_model().objects.create_user("dora")
    accept(dora, invite(Actor.person(owner.user), tenant_id=acme.pk, email="dora@example.com", role="viewer").token)
    member = Membership.objects.get(user=dora)
    owner.fill("membership_change", member.pk, role="operator")
    follow_provider(dora, [ProviderRole("acme", "owner")])
    pk = member.pk
    assert "changed owner of acme, just now role viewer" in text_of(owner.get("membership_change", pk)).replace(":", "")

    admin.client.post(admin.url("membership_delete", pk), {"reason": "left"})

    told = text_of(owner.get("membership_history", pk))
    for line in (
        "removed olga, just now “left”",
        "changed program: identity provider, just now “what it said at the sign-in” role : operator → owner",
        "changed owner of acme, just now role : viewer → operator",
        "added dora, just now “invited by owner of acme” role : viewer",
    ):
        assert line.replace(" :", "") in told.replace(" :", ""), told
    assert "removed dora in Acme" in text_of(owner.client.get("/admin/"))


def test_the_history_of_others_members_is_not_shown(owner: AdminClient, globex: Tenant, member: Member) -> None:
    theirs = membership(member(globex, "owner"))

    assert owner.get("membership_history", theirs.pk).status_code in (302, 403, 404)
    assert "globex" not in text_of(owner.client.get("/admin/")).lower()


def test_a_tenant_that_is_removed_takes_its_members_along_and_says_who(
    admin: AdminClient, owner: AdminClient, acme: Tenant
) -> None:
    pk = membership(owner).pk

    admin.client.post(admin.url("tenant_delete", acme.pk), {"reason": "closing down"})

    past = Membership.history.filter(id=pk).latest()
    assert (past.history_type, past.actor, past.history_change_reason) == ("-", "olga", "closing down")
    assert "owner of acme in Acme" in text_of(admin.get("membership_history", pk))
