"""From an event to messages that wait: in the event's own transaction, so that neither comes without the other."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from routing.models import ChangeSet, Delivery, Hostname, Mapping, Subscription
from routing.services.telling.deliveries import send_soon
from routing.services.telling.kinds import Facts, kinds_of


def hear(event: str, facts: Facts) -> None:
    """Write a message for each address that is subscribed to this event, and have it sent. One query for most."""
    kinds = kinds_of(event, facts)
    tenant_ids = _tenant_ids(facts) if kinds else []
    if not tenant_ids:
        return
    names: set[str] | None = None
    for row in Subscription.objects.filter(tenant__in=tenant_ids, enabled=True).select_related("tenant"):
        chosen = [kind for kind in kinds if kind in row.kinds]
        if not chosen:
            continue
        if row.hostname:
            names = _hostnames(facts) if names is None else names
            if row.hostname not in names:
                continue
        deliver(row, chosen[0], event, facts)


def deliver(row: Subscription, kind: str, event: str, facts: Facts) -> Delivery:
    """One message to one address, sent soon after the present transaction."""
    message = {
        "type": kind,
        "timestamp": timezone.now().isoformat(),
        "data": {"event": event, "tenant": row.tenant.slug, **_plain(facts)},
    }
    delivery = Delivery.objects.create(
        subscription=row,
        message_id=f"msg_{secrets.token_hex(16)}",
        kind=kind,
        event=event,
        body=json.dumps(message, separators=(",", ":"), default=str),
    )
    send_soon(delivery, row.tenant_id)
    return delivery


def _plain(facts: Facts) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != "event" and value is not None}


def _ids(facts: Facts, noun: str) -> list[int]:
    one = facts.get(f"{noun}_id")
    return [*([one] if one is not None else []), *facts.get(f"{noun}_ids", ())]


def _tenant_ids(facts: Facts) -> Iterable[int]:
    if ids := _ids(facts, "tenant"):
        return ids
    if ids := _ids(facts, "hostname"):
        return Hostname.objects.filter(pk__in=ids).values_list("tenant_id", flat=True).distinct()
    if ids := _ids(facts, "mapping"):
        return Mapping.objects.filter(pk__in=ids).values_list("hostname__tenant_id", flat=True).distinct()
    if names := _of_a_set(facts):
        return Hostname.objects.filter(name__in=names).values_list("tenant_id", flat=True).distinct()
    return []


def _of_a_set(facts: Facts) -> set[str]:
    """The hostnames of a change set."""
    found = ChangeSet.objects.filter(pk=facts.get("change_set_id") or 0).values_list("basis", flat=True).first()
    return {row["name"] for row in (found or {}).get("hostnames", {}).values()}


def _hostnames(facts: Facts) -> set[str]:
    found = set(facts.get("hostnames", ())) | _of_a_set(facts)
    if ids := _ids(facts, "hostname"):
        found |= set(Hostname.objects.filter(pk__in=ids).values_list("name", flat=True))
    if ids := _ids(facts, "mapping"):
        found |= set(Mapping.objects.filter(pk__in=ids).values_list("hostname__name", flat=True))
    return found
