"""Sends messages: mails, and webhooks as the Standard Webhooks have them, signed by HMAC-SHA256.

A message is tried again after a while, with the same id, for some hours. What became of it stays for some weeks.
"""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException
from typing import NamedTuple

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import F
from django.utils import timezone

from routing.conf import client_limits, guard_policy
from routing.crypto import WEBHOOKS, keys_for
from routing.jobs.kinds import MAIL, WEBHOOK, Kind, TryLater
from routing.jobs.queue import enqueue
from routing.models import Delivery, Job, Subscription
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError

#: Pauses of 10 s, 40 s, 3 min, 11 min, 43 min and 3 h lie between.
ATTEMPTS = 7
SECRET_PREFIX = "whsec_"  # noqa: S105 (what each begins with)
_SECONDS = 15.0
_KEPT_DAYS, _KEPT_EACH = 30, 500


class Sent(NamedTuple):
    """How an attempt went, in a few words. `is_gone`: the receiver wants no more, ever."""

    is_delivered: bool
    outcome: str
    is_gone: bool = False


def send_soon(delivery: Delivery, tenant_id: int) -> None:
    """Have it sent soon after the present transaction."""
    kind = TELL if delivery.subscription.channel == Subscription.Channel.WEBHOOK else TELL_BY_MAIL
    if not enqueue(kind, str(delivery.pk), str(tenant_id)):
        Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.FAILED, outcome="too many messages wait")


def signature_of(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """The value of `Webhook-Signature`: over id, time and body (Standard Webhooks 1.0, "Signature scheme")."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    made = hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(made).decode()}"


def sweep() -> None:
    """Throw away what was sent long ago, and what is more than so many of one subscription."""
    Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete()
    for row in Subscription.objects.all():
        last = row.deliveries.values_list("pk", flat=True)[_KEPT_EACH : _KEPT_EACH + 1]
        if last:
            row.deliveries.filter(pk__lte=last[0]).delete()


# ---------------------------------------------------------------- the job
def _begin(job: Job) -> Callable[[], Sent] | None:
    delivery = Delivery.objects.select_related("subscription__tenant").filter(pk=job.key).first()
    if delivery is None or delivery.state == Delivery.State.DELIVERED or not delivery.subscription.enabled:
        return None
    row, message_id, body = delivery.subscription, delivery.message_id, delivery.body
    if row.channel == Subscription.Channel.EMAIL:
        subject, text = _letter(row, delivery)
        return lambda: _mail(row.address, subject, text)
    secret = keys_for(WEBHOOKS).decrypt(row.sealed["secret"].encode()).decode()
    return lambda: asyncio.run(_post(row.address, secret, message_id, body))


def _settle(job: Job, sent: Sent) -> None:
    delivery = Delivery.objects.select_related("subscription").filter(pk=job.key).first()
    if delivery is None:
        return
    is_last = sent.is_gone or job.attempts >= ATTEMPTS
    failed = Delivery.State.FAILED if is_last else Delivery.State.WAITING
    Delivery.objects.filter(pk=delivery.pk).update(
        state=Delivery.State.DELIVERED if sent.is_delivered else failed,
        attempts=F("attempts") + 1,
        outcome=sent.outcome[:200],
        tried_at=timezone.now(),
    )
    if sent.is_gone:
        Subscription.objects.filter(pk=delivery.subscription_id).update(enabled=False)
    if not sent.is_delivered and not sent.is_gone:
        raise TryLater(f"a message was not taken: {sent.outcome}")


def _letter(row: Subscription, delivery: Delivery) -> tuple[str, str]:
    message = json.loads(delivery.body)
    about = row.hostname or row.tenant.name
    facts = "\n".join(f"{name}: {value}" for name, value in message["data"].items())
    return f"{delivery.event}: {about}", f"{facts}\nat: {message['timestamp']}\nmessage: {delivery.message_id}\n"


def _mail(address: str, subject: str, text: str) -> Sent:
    try:
        send_mail(subject, text, None, [address])
    except (SMTPException, OSError) as error:
        return Sent(False, f"the mail server: {type(error).__name__}")
    return Sent(True, "taken by the mail server")


async def _post(url: str, secret: str, message_id: str, body: str) -> Sent:
    timestamp = int(time.time())
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "registry-facade"),
        ("Webhook-Id", message_id),
        ("Webhook-Timestamp", str(timestamp)),
        ("Webhook-Signature", signature_of(secret, message_id, timestamp, body)),
    ]
    async with RegistryClient(guard_policy(), client_limits()) as client:
        try:
            async with asyncio.timeout(_SECONDS):
                # Its status is the answer; whatever else it says is read by nobody.
                async with client.open("POST", url, headers=headers, content=body.encode()) as answer:
                    status = answer.status
        except TimeoutError:
            return Sent(False, f"no answer within {_SECONDS:.0f} s")
        except RegistryError as error:
            return Sent(False, str(error))
    return Sent(200 <= status < 300, f"status {status}", is_gone=status == 410)


TELL = Kind("tell", WEBHOOK, lambda: _SECONDS, _begin, _settle, attempts=ATTEMPTS)
TELL_BY_MAIL = Kind("tell_by_mail", MAIL, lambda: 10.0 * settings.EMAIL_TIMEOUT, _begin, _settle, attempts=ATTEMPTS)
