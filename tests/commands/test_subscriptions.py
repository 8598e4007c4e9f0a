"""`facade subscription`: from the first to the last verb, each tried dry as well."""

from __future__ import annotations

import pytest

from routing.models import Delivery, Subscription
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
URL = "https://hooks.acme.com/facade"


def test_a_subscription_from_its_adding_to_its_removal(owner: Person) -> None:
    assert "Added webhook to" in facade("subscription", "add", "acme", URL, "proof", "--dry-run").out
    assert Subscription.objects.count() == 0
    secret = facade("subscription", "add", "acme", URL, "proof,repointed").out.strip()
    assert secret.startswith("whsec_")
    pk = str(Subscription.objects.get().pk)
    assert URL in facade("subscription", "list").out
    assert facade("subscription", "list", "--tenant", "acme", "--json").json[0]["kinds"] == ["proof", "repointed"]

    done = facade("subscription", "try", pk)
    assert "is on its way" in done.out
    assert Delivery.objects.get().message_id in done.out
    assert "subscription.tried" in facade("subscription", "show", pk).out
    assert "is on its way again" in facade("subscription", "send-again", str(Delivery.objects.get().pk)).out
    assert facade("subscription", "renew-secret", pk, "--json").json["secret"] != secret
    assert "secret" not in facade("subscription", "renew-secret", pk, "--json", "--dry-run").json

    assert (
        facade("subscription", "set", pk, "--kinds", "proof", "--off", "--json").json["subscription"]["enabled"]
        is False
    )
    assert "no kind everything" in facade("subscription", "set", pk, "--kinds", "everything").err
    assert facade("subscription", "remove", pk).out.startswith("Removed webhook to")
    assert facade("subscription", "list").out.startswith("No subscriptions")
    assert facade("subscription", "show", pk).status == 1
