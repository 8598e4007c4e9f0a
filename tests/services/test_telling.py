"""Subscriptions: who is told of what, by real mail and real HTTP, and what becomes of a message that nobody took."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from routing.crypto import WEBHOOKS, key_id_of
from routing.models import Delivery, Hostname, Job, Mapping, Subscription
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
from routing.services.telling import deliveries
from routing.services.telling.subscriptions import (
    MAX_SUBSCRIPTIONS_A_TENANT,
    MadeSubscription,
    add_subscription,
    remove_subscription,
    renew_secret,
    send_again,
    try_subscription,
    update_subscription,
)
from tests.accounts.mail_server import MailServer
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.registries.faulty_server import FaultyServer

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[FaultyServer]:
    """A web server on loopback, where this deployment allows such."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = True
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    server = FaultyServer()
    server.answers("/hook", 204)
    yield server
    server.stop()


@pytest.fixture
def alice(owner: Person) -> Actor:
    return Actor.person(owner.user)


@pytest.fixture
def mapping(platform: Actor, owner: Person) -> Mapping:
    return add_mapping(platform, "", hostname=HOST, prefix="acme", target="docker.io/acme").mapping


def subscribe(actor: Actor, owner: Person, address: str, *kinds: str, hostname: str = "") -> MadeSubscription:
    return add_subscription(actor, tenant_id=owner.tenant.pk, address=address, kinds=kinds, hostname=hostname)


def moved(actor: Actor, target: str = "ghcr.io/acme") -> None:
    repoint(actor, "moved", hostname=HOST, prefix="acme", target=target)


def due() -> None:
    """What waits for another try is tried now."""
    Job.objects.filter(kind__startswith="tell").update(run_at=timezone.now() - timedelta(seconds=1))


def is_signed(request: Any, secret: str) -> bool:
    """As the receiver's side of the Standard Webhooks has it, written down once more."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    made = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return bool(headers["webhook-signature"] == f"v1,{made}")


def test_a_webhook_is_told_what_happened_signed(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")

    moved(alice)
    do_jobs()

    (request,) = receiver.requests
    assert request.method == "POST"
    assert is_signed(request, made.secret)
    told = json.loads(request.body)
    assert (told["type"], told["data"]["event"], told["data"]["actor"]) == ("repointed", "mapping.repointed", "alice")
    assert told["data"]["tenant"] == "acme"
    delivery = made.subscription.deliveries.get()
    assert (delivery.state, delivery.attempts, delivery.outcome) == ("delivered", 1, "status 204")
    assert made.secret not in str(Subscription.objects.values_list())
    assert key_id_of(WEBHOOKS, made.subscription.sealed["secret"])


def test_one_that_fails_twice_first_gets_it_under_the_same_id(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")
    statuses = iter([500, 503, 200])
    receiver.on("/hook", lambda exchange: exchange.answer(next(statuses)))
    moved(alice)

    states = []
    for _ in range(3):
        do_jobs()
        states.append(tuple(made.subscription.deliveries.values_list("state", "attempts", "outcome").get()))
        due()

    assert states == [("waiting", 1, "status 500"), ("waiting", 2, "status 503"), ("delivered", 3, "status 200")]
    ids = {request.headers["Webhook-Id"] for request in receiver.requests}
    assert (len(receiver.requests), len(ids)) == (3, 1)
    do_jobs()
    assert len(receiver.requests) == 3


def test_what_nobody_takes_is_given_up_and_can_be_sent_again(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")
    receiver.answers("/hook", 500)
    moved(alice)
    for _ in range(deliveries.ATTEMPTS):
        do_jobs()
        due()
    failed = made.subscription.deliveries.get()
    assert (failed.state, failed.attempts, Job.objects.count()) == ("failed", deliveries.ATTEMPTS, 0)
    receiver.answers("/hook", 200)

    send_again(alice, "mended", delivery_id=failed.pk)
    do_jobs()

    failed.refresh_from_db()
    assert failed.state == "delivered"
    assert {request.headers["Webhook-Id"] for request in receiver.requests} == {failed.message_id}


def test_who_wants_no_more_is_switched_off(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")
    receiver.answers("/hook", 410)
    moved(alice)
    do_jobs()

    made.subscription.refresh_from_db()
    assert not made.subscription.enabled
    assert made.subscription.deliveries.get().state == "failed"
    moved(alice, "quay.io/acme")
    assert made.subscription.deliveries.count() == 1


def test_a_redirect_is_not_followed(receiver: FaultyServer, alice: Actor, owner: Person) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")
    receiver.answers("/hook", 307, {"Location": f"{receiver.url}/elsewhere"})

    try_subscription(alice, subscription_id=made.subscription.pk)
    do_jobs()

    assert [request.path for request in receiver.requests] == ["/hook"]
    assert made.subscription.deliveries.get().outcome == "status 307"


def test_a_member_is_told_by_mail(settings: Settings, alice: Actor, owner: Person, mapping: Mapping) -> None:
    owner.user.email = "alice@acme.com"
    owner.user.save()
    with MailServer() as server:
        settings.EMAIL_BACKEND = "routing.accounts.mail.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        made = subscribe(alice, owner, "alice@acme.com", "repointed")

        moved(alice)
        do_jobs()

    assert made.secret == ""
    (mail,) = server.mails
    assert "To: alice@acme.com" in mail
    assert "Subject: mapping.repointed: Acme" in mail or "Subject: mapping.repointed: acme" in mail
    assert made.subscription.deliveries.get().state == "delivered"


def test_each_is_told_of_its_own_kinds_tenant_and_hostname(
    receiver: FaultyServer, alice: Actor, owner: Person, outsider: Person, platform: Actor, mapping: Mapping
) -> None:
    url = f"{receiver.url}/hook"
    all_of_acme = subscribe(alice, owner, url, "repointed", "suspended")
    only_docker = subscribe(alice, owner, f"{url}?docker", "suspended", hostname=HOST)
    others = subscribe(Actor.person(outsider.user), outsider, f"{url}?globex", "repointed", "suspended", "changed")
    other = add_mapping(platform, "", hostname="second.acme.com", prefix="x", target="docker.io/x", tenant="acme")

    moved(alice)
    suspend_hostnames(platform, "abuse", hostname_ids=[other.mapping.hostname_id], suspended=True)
    suspend_hostnames(platform, "abuse", hostname_ids=[Hostname.objects.get(name=HOST).pk], suspended=True)

    told = {
        row.pk: list(row.deliveries.order_by("pk").values_list("kind", flat=True)) for row in Subscription.objects.all()
    }
    assert told == {
        all_of_acme.subscription.pk: ["repointed", "suspended", "suspended"],
        only_docker.subscription.pk: ["suspended"],
        others.subscription.pk: [],
    }


def test_of_what_is_removed_it_is_told_too(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "changed", hostname=HOST)

    remove_mapping(alice, "done", hostname=HOST, prefix="acme")

    assert made.subscription.deliveries.get().event == "mapping.removed"


def test_what_is_rolled_back_is_not_told(receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping) -> None:
    subscribe(alice, owner, f"{receiver.url}/hook", "repointed")

    with transaction.atomic():
        moved(alice)
        transaction.set_rollback(True)

    assert (Delivery.objects.count(), Job.objects.filter(kind="tell").count()) == (0, 0)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://hooks.acme.com/", "begins with https"),
        ("https://127.0.0.1/hook", "can't be used"),
        ("https://10.0.0.1/hook", "can't be used"),
        ("https://user:secret@hooks.acme.com/", "no user name"),
        ("ftp://hooks.acme.com/", "begins with https"),
        ("stranger@example.com", "not the mail address of a member"),
        ("nobody", "not the mail address of a member"),
    ],
)
def test_nobody_has_strangers_or_machines_inside_told(alice: Actor, owner: Person, address: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says) as refusal:
        subscribe(alice, owner, address, "repointed")

    assert "address" in refusal.value.fields
    assert "secret" not in refusal.value.message


def test_a_url_that_leads_inside_when_it_is_called_is_not_called(
    receiver: FaultyServer, alice: Actor, owner: Person, settings: Settings
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "repointed")
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False

    try_subscription(alice, subscription_id=made.subscription.pk)
    do_jobs()

    assert receiver.requests == []
    assert made.subscription.deliveries.get().attempts == 1


def test_what_is_asked_for_is_judged(receiver: FaultyServer, alice: Actor, owner: Person) -> None:
    url = f"{receiver.url}/hook"
    for kinds, hostname, field in (
        ((), "", "kinds"),
        (("all",), "", "kinds"),
        (("proof",), "docker.globex.com", "hostname"),
    ):
        with pytest.raises(ServiceError) as refusal:
            subscribe(alice, owner, url, *kinds, hostname=hostname)
        assert field in refusal.value.fields
    for number in range(MAX_SUBSCRIPTIONS_A_TENANT):
        subscribe(alice, owner, f"{url}?{number}", "proof")
    with pytest.raises(ServiceError, match="remove one first"):
        subscribe(alice, owner, f"{url}?more", "proof")


def test_a_secret_is_renewed_and_a_subscription_changed_and_removed(
    receiver: FaultyServer, alice: Actor, owner: Person, mapping: Mapping
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "proof")
    pk = made.subscription.pk
    update_subscription(alice, subscription_id=pk, kinds=["repointed"])
    fresh = renew_secret(alice, subscription_id=pk)
    assert fresh.secret != made.secret
    moved(alice)
    do_jobs()
    assert is_signed(receiver.requests[-1], fresh.secret)
    update_subscription(alice, subscription_id=pk, enabled=False)
    moved(alice, "quay.io/acme")
    assert Delivery.objects.count() == 1
    with pytest.raises(ServiceError, match="is disabled"):
        try_subscription(alice, subscription_id=pk)

    remove_subscription(alice, subscription_id=pk)

    assert (Subscription.objects.count(), Delivery.objects.count()) == (0, 0)


def test_others_neither_see_nor_change_it(
    receiver: FaultyServer, alice: Actor, owner: Person, teammate: Person, outsider: Person
) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "proof")
    delivery = try_subscription(alice, subscription_id=made.subscription.pk)
    for person, problem in ((teammate, PermissionDenied), (outsider, NotFound)):
        actor = Actor.person(person.user)
        with pytest.raises(problem):
            renew_secret(actor, subscription_id=made.subscription.pk)
        with pytest.raises(problem):
            send_again(actor, delivery_id=delivery.pk)


def test_old_messages_are_thrown_away(receiver: FaultyServer, alice: Actor, owner: Person) -> None:
    made = subscribe(alice, owner, f"{receiver.url}/hook", "proof")
    kept = try_subscription(alice, subscription_id=made.subscription.pk)
    old = try_subscription(alice, subscription_id=made.subscription.pk)
    Delivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

    deliveries.sweep()

    assert list(Delivery.objects.all()) == [kept]
