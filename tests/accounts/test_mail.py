"""Mail that is slow or down: nobody waits for it, nothing fails with it, and nobody learns by it who has an account."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from routing.accounts.mail import LETTER
from routing.jobs.kinds import TryLater
from routing.models import Invitation, Job
from routing.services.base.errors import TooManyRequests
from routing.services.people.members import INVITATIONS_A_PERSON, INVITATIONS_AN_ADDRESS, invite, withdraw_invitation
from tests.accounts.mail_server import MailServer
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in, with_password
from tests.api.conftest import api_client_for
from tests.conftest import Person

pytestmark = pytest.mark.django_db

RESET = "/accounts/password/reset/"
NEW_PASSWORD = "another horse, another staple"
# Django's own deadline for a mail server is 10 s a step.
SOON_SECONDS = 8


@pytest.fixture(params=["silent", "busy", "gone"])
def bad_mail(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    """Mail goes to a server that takes none."""
    with MailServer(request.param) as server:
        use(settings, server)
        if request.param == "gone":
            server.close()
        yield request.param


@pytest.fixture
def good_mail(settings: Settings) -> Iterator[MailServer]:
    with MailServer() as server:
        use(settings, server)
        yield server


def use(settings: Settings, server: MailServer) -> None:
    settings.EMAIL_BACKEND = "routing.accounts.mail.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora", "dora@example.com", PASSWORD)


def send_all() -> None:
    """As the process does that does the jobs."""
    for job in Job.objects.filter(kind="letter"):
        ask = LETTER.begin(job)
        if ask is not None:
            ask()
        job.delete()


def soon(do: Callable[[], object]) -> None:
    begun = time.monotonic()
    do()
    assert time.monotonic() - begun < SOON_SECONDS


def test_what_was_saved_is_not_an_error(bad_mail: str, dora: User, client: Browser) -> None:
    sign_in(client, "dora")
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    soon(lambda: client.post("/accounts/password/change/", form))

    dora.refresh_from_db()
    assert dora.check_password(NEW_PASSWORD)
    assert client.get("/accounts/2fa/").status_code == 200


def test_nobody_waits_for_a_reset(bad_mail: str, dora: User, client: Browser) -> None:
    for email in ("dora@example.com", "nobody@example.com"):
        soon(lambda: client.post(RESET, {"email": email}))  # noqa: B023

    assert client.post(RESET, {"email": "dora@example.com"}).status_code == 302
    with pytest.raises(TryLater):
        send_all()


def test_nor_for_an_invitation(bad_mail: str, owner: Person) -> None:
    api = api_client_for(owner)

    answer = api.send("post", "invitations", tenant="acme", email="dora@example.com", role="viewer")

    assert answer.status_code == 201
    assert answer.json()["link"] is None
    assert Invitation.objects.get().is_open


def test_known_and_unknown_addresses_take_the_same_way(good_mail: MailServer, dora: User) -> None:
    def ask(email: str) -> tuple[int, str, list[str]]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = Browser().post(RESET, {"email": email})
        verbs = [query["sql"].split(" ")[0] for query in queries if "routing_job" in query["sql"]]
        return answer.status_code, answer.headers["Location"], verbs

    # The first one in a queue finds no other there.
    ask("somebody@example.com")
    known, unknown = ask("dora@example.com"), ask("nobody@example.com")

    assert known == unknown
    assert "INSERT" in known[2]
    assert Job.objects.filter(kind="letter").count() == 3
    send_all()
    [mail] = good_mail.mails
    assert "To: dora@example.com" in mail
    assert re.search(r"https?://\S+/accounts/password/reset/key/\S+", mail)


def test_nobody_reads_a_link_in_the_queue(good_mail: MailServer, owner: Person) -> None:
    api = api_client_for(owner)
    api.send("post", "invitations", tenant="acme", email="dora@example.com", role="viewer")

    assert "invitation" not in str(Job.objects.get(kind="letter").arguments)
    send_all()
    assert "/accounts/invitation/" in good_mail.mails[0]


# ---------------------------------------------------------------- how many
def test_an_address_gets_so_many_invitations_of_a_tenant_a_day(owner: Person, outsider: Person) -> None:
    def again(inviter: Person) -> None:
        made = invite(inviter.actor, tenant_id=inviter.tenant.pk, email="Dora@example.com ", role="viewer").invitation
        withdraw_invitation(inviter.actor, invitation_id=made.pk)

    for _ in range(INVITATIONS_AN_ADDRESS.most):
        again(owner)

    with pytest.raises(TooManyRequests):
        again(owner)
    again(outsider)
    invite(owner.actor, tenant_id=owner.tenant.pk, email="eve@example.com", role="viewer")


def test_a_person_sends_so_many_an_hour_and_is_told_when_to_go_on(owner: Person) -> None:
    for number in range(INVITATIONS_A_PERSON.most):
        invite(owner.actor, tenant_id=owner.tenant.pk, email=f"{number}@example.com", role="viewer")

    answer = api_client_for(owner).send("post", "invitations", tenant="acme", email="x@example.com", role="viewer")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= INVITATIONS_A_PERSON.seconds


def test_who_may_not_invite_spends_nothing_of_it(owner: Person, outsider: Person) -> None:
    api = api_client_for(outsider)
    for number in range(INVITATIONS_A_PERSON.most + 1):
        api.send("post", "invitations", tenant="acme", email=f"{number}@example.com", role="viewer")

    invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@example.com", role="viewer")


def test_the_pages_say_so_too(client: Browser, owner: Person) -> None:
    for number in range(INVITATIONS_A_PERSON.most):
        invite(owner.actor, tenant_id=owner.tenant.pk, email=f"{number}@example.com", role="viewer")
    sign_in(client, with_password(owner.user).username)

    form = {"tenant": owner.tenant.pk, "email": "x@example.com", "role": "viewer"}
    answer = client.post("/admin/routing/invitation/add/", form)

    assert answer.status_code < 500
    assert "too many invitations" in page(answer)
