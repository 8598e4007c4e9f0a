"""The verbs of subscriptions: who is told of what. Owners of a tenant decide; everybody in it may look."""

import base64
import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model

from routing.conf import guard_policy
from routing.core.grammar.hosts import InvalidHost, normalise_served_name
from routing.crypto import WEBHOOKS, keys_for
from routing.models import Delivery, Hostname, Membership, Subscription, Tenant
from routing.registries.exceptions import RegistryError
from routing.registries.guard import check_url
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.telling.deliveries import SECRET_PREFIX, send_soon
from routing.services.telling.kinds import KINDS, TEST
from routing.services.telling.outbox import deliver

MAX_SUBSCRIPTIONS_A_TENANT = 20
_SECRET_BYTES = 24
_WEBHOOK, _EMAIL = Subscription.Channel.WEBHOOK, Subscription.Channel.EMAIL


class MadeSubscription(NamedTuple):
    """A subscription, and what a webhook's messages are signed with, which is told only now; "" for mails."""

    subscription: Subscription
    secret: str


def add_subscription(
    actor: Actor,
    reason: str = "",
    *,
    tenant_id: int,
    address: str,
    kinds: Sequence[str],
    hostname: str = "",
) -> MadeSubscription:
    """Have an address told of some kinds of events: an https URL, or the mail address of a member of the tenant.

    `hostname`: only of this one. Raises ServiceError, NotFound, PermissionDenied.
    """
    address = address.strip()
    is_url = "://" in address
    with unit_of_work(actor, reason) as unit:
        tenant = get_row(Tenant.objects.viewable_by(actor), tenant_id)
        check_permission(actor, Permission.CHANGE_MEMBERS, tenant)
        if Subscription.objects.filter(tenant=tenant).count() >= MAX_SUBSCRIPTIONS_A_TENANT:
            said = f"{tenant} may have {MAX_SUBSCRIPTIONS_A_TENANT} subscriptions: remove one first"
            raise ServiceError(said, code=Code.QUOTA_EXCEEDED)
        _check_url(address) if is_url else _check_member(tenant, address)
        secret = _new_secret() if is_url else ""
        row = Subscription(
            tenant=tenant,
            channel=_WEBHOOK if is_url else _EMAIL,
            address=address,
            kinds=_known(kinds),
            hostname=_own_hostname(tenant, hostname),
            sealed=_sealed(secret),
        )
        unit.add(row)
        unit.event("subscription.added", subscription_id=row.pk, tenant_id=tenant.pk)
    return MadeSubscription(row, secret)


def update_subscription(
    actor: Actor,
    reason: str = "",
    *,
    subscription_id: int,
    if_match: Collection[int] | None = None,
    kinds: Sequence[str] | None = None,
    hostname: str | None = None,
    enabled: bool | None = None,
) -> Subscription:
    """Change what is given. Raises ServiceError, NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Subscription, subscription_id, Permission.CHANGE_MEMBERS, if_match)
        values = {
            **({} if kinds is None else {"kinds": _known(kinds)}),
            **({} if hostname is None else {"hostname": _own_hostname(row.tenant, hostname)}),
            **({} if enabled is None else {"enabled": enabled}),
        }
        if unit.update(row, **values):
            unit.event("subscription.updated", subscription_id=row.pk, tenant_id=row.tenant_id)
    return row


def renew_secret(
    actor: Actor, reason: str = "", *, subscription_id: int, if_match: Collection[int] | None = None
) -> MadeSubscription:
    """Sign a webhook's messages with another secret from now on. Raises ServiceError, NotFound, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Subscription, subscription_id, Permission.CHANGE_MEMBERS, if_match)
        if row.channel != _WEBHOOK:
            raise ServiceError("mails are signed with nothing: only a webhook has a secret")
        secret = _new_secret()
        unit.update(row, sealed=_sealed(secret))
        unit.event("subscription.secret_renewed", subscription_id=row.pk, tenant_id=row.tenant_id)
    return MadeSubscription(row, secret)


def remove_subscription(
    actor: Actor, reason: str = "", *, subscription_id: int, if_match: Collection[int] | None = None
) -> str:
    """Tell that address nothing any more; gives what it was, in words. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Subscription, subscription_id, Permission.CHANGE_MEMBERS, if_match)
        was, tenant_id = str(row), row.tenant_id
        unit.delete(row)
        unit.event("subscription.removed", subscription_id=subscription_id, tenant_id=tenant_id)
    return was


def get_subscription(actor: Actor, subscription_id: int) -> Subscription:
    """The subscription, where the actor may see it. Raises NotFound."""
    return get_row(Subscription.objects.viewable_by(actor).with_names(), subscription_id)


def try_subscription(actor: Actor, reason: str = "", *, subscription_id: int) -> Delivery:
    """Send it a message that says nothing. Raises NotFound, PermissionDenied, ServiceError."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Subscription, subscription_id, Permission.CHANGE_MEMBERS)
        _refuse_switched_off(row)
        unit.event("subscription.tried", subscription_id=row.pk, tenant_id=row.tenant_id)
        return deliver(row, TEST, "subscription.tried", {"actor": actor.label, "reason": reason})


def send_again(actor: Actor, reason: str = "", *, delivery_id: int) -> Delivery:
    """Send a message once more, under the same id. Raises NotFound, PermissionDenied, ServiceError."""
    of = Delivery.objects.filter(pk=delivery_id).values_list("subscription_id", flat=True).first()
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Subscription, of or 0, Permission.CHANGE_MEMBERS)
        _refuse_switched_off(row)
        return _again(unit, row.deliveries.select_related("subscription").get(pk=delivery_id), row)


def _again(unit: UnitOfWork, delivery: Delivery, row: Subscription) -> Delivery:
    delivery.state = Delivery.State.WAITING
    delivery.save(update_fields=["state"])
    send_soon(delivery, row.tenant_id)
    unit.event("delivery.sent_again", delivery_id=delivery.pk, subscription_id=row.pk, tenant_id=row.tenant_id)
    return delivery


def _refuse_switched_off(row: Subscription) -> None:
    if not row.enabled:
        raise ServiceError(f"the {row} is disabled: enable it first")


def _known(kinds: Sequence[str]) -> list[str]:
    unknown = sorted(set(kinds) - KINDS.keys())
    if unknown or not kinds:
        what = f"there is no kind {', '.join(unknown)}" if unknown else "name one kind at least"
        raise ServiceError.for_field("kinds", f"{what}; there are: {', '.join(KINDS)}")
    return sorted(set(kinds))


def _own_hostname(tenant: Tenant, text: str) -> str:
    if not text.strip():
        return ""
    try:
        name = normalise_served_name(text)
    except InvalidHost as error:
        raise ServiceError.for_field("hostname", str(error)) from error
    if not Hostname.objects.filter(tenant=tenant, name=name).exists():
        raise ServiceError.for_field("hostname", f"{name} is not a hostname of {tenant}")
    return name


def _check_url(url: str) -> None:
    """As registries are: https, and no private address, unless the deployment allows such."""
    if not url.startswith("https://") and not settings.FACADE_ALLOW_INSECURE_REGISTRIES:
        raise ServiceError.for_field("address", "a webhook's URL begins with https://")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ServiceError.for_field("address", "put no user name and password into the URL: messages are signed")
    try:
        check_url(url, guard_policy())
    except (RegistryError, ValueError) as error:
        raise ServiceError.for_field("address", f"this URL can't be used: {error}") from error


def _check_member(tenant: Tenant, address: str) -> None:
    """Nobody has strangers mailed: an address is that of a member."""
    members = Membership.objects.in_force().filter(tenant=tenant).values("user")
    if not get_user_model()._default_manager.filter(pk__in=members, email__iexact=address, is_active=True).exists():
        said = f"{address} is not the mail address of a member of {tenant}: invite them first, or give an https URL"
        raise ServiceError.for_field("address", said)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _sealed(secret: str) -> dict[str, str]:
    return {"secret": keys_for(WEBHOOKS).encrypt(secret.encode()).decode()} if secret else {}
