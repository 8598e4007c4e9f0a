"""Subscriptions: listed, added, changed and removed; the secret is shown once, and messages can be sent again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from routing.models import Delivery, Job, Mapping, Subscription, Tenant
from routing.services.telling.subscriptions import (
    MadeSubscription,
    add_subscription,
    try_subscription,
    update_subscription,
)
from tests.admin.conftest import SET_UP, AdminClient, errors_of, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]
URL = "https://hooks.acme.com/facade"
SECRET = re.compile(r"whsec_[\w+/=]+")


@pytest.fixture
def tenant(mapping: Mapping) -> Tenant:
    return mapping.hostname.tenant


@pytest.fixture
def made(tenant: Tenant) -> MadeSubscription:
    return add_subscription(SET_UP, tenant_id=tenant.pk, address=URL, kinds=["proof", "refused"])


def deed(admin: AdminClient, row: Subscription, name: str, **fields: Any) -> Any:
    row.refresh_from_db()
    given = {"deed": name, "version": row.version, **fields}
    return admin.client.post(admin.url("subscription_deeds", row.pk), given)


def test_an_empty_list_says_what_it_is_for(admin: AdminClient, tenant: Tenant) -> None:
    assert "a scheduled change is not applied" in text_of(admin.get("subscription_changelist"))


def test_a_webhooks_secret_is_shown_once(admin: AdminClient, tenant: Tenant) -> None:
    answer = admin.fill(
        "subscription_add", tenant=tenant.pk, address=URL, kinds=["refused", "drift"], hostname="docker.acme.com"
    )

    row = Subscription.objects.get()
    assert (row.address, row.kinds, row.hostname) == (URL, ["drift", "refused"], "docker.acme.com")
    assert answer.status_code == 200
    assert SECRET.search(answer.content.decode())
    for page in (admin.get("subscription_changelist"), admin.get("subscription_change", row.pk)):
        assert not SECRET.search(page.content.decode())


def test_what_is_refused_stands_at_its_field(admin: AdminClient, tenant: Tenant) -> None:
    answer = admin.fill("subscription_add", tenant=tenant.pk, address="stranger@example.com", kinds=["proof"])
    assert "not the mail address of a member" in errors_of(answer)["address"][0]
    answer = admin.fill("subscription_add", tenant=tenant.pk, address=URL, kinds=["proof"], hostname="other.com")
    assert "not a hostname of" in errors_of(answer)["hostname"][0]
    answer = admin.fill("subscription_add", tenant=tenant.pk, address=URL)
    assert "kinds" in errors_of(answer)
    assert Subscription.objects.count() == 0


def test_what_it_is_told_of_is_changed(admin: AdminClient, made: MadeSubscription) -> None:
    pk = made.subscription.pk

    answer = admin.fill("subscription_change", pk, kinds=["drift"], enabled=False, address="https://evil.com/")

    row = Subscription.objects.get()
    assert (row.kinds, row.enabled, row.address) == (["drift"], False, URL)
    assert "Changed kinds, enabled" in messages_of(answer)
    assert "disabled" in text_of(admin.get("subscription_changelist"))


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(admin: AdminClient, made: MadeSubscription) -> None:
    pk = made.subscription.pk
    form = admin.get("subscription_change", pk).context["adminform"].form
    update_subscription(SET_UP, subscription_id=pk, kinds=["registry"])

    given = {"version": form.initial["version"], "kinds": ["proof"], "enabled": "on", "hostname": ""}
    answer = admin.client.post(admin.url("subscription_change", pk), given)

    assert "Somebody else changed this subscription meanwhile" in text_of(answer)
    assert Subscription.objects.get().kinds == ["registry"]


def test_a_stale_page_renews_no_secret(admin: AdminClient, made: MadeSubscription) -> None:
    row = made.subscription
    seen, sealed = row.version, row.sealed
    update_subscription(SET_UP, subscription_id=row.pk, kinds=["registry"])

    answer = admin.client.post(admin.url("subscription_deeds", row.pk), {"deed": "renew", "version": seen})

    assert "Somebody else changed" in messages_of(answer)
    assert Subscription.objects.get().sealed == sealed


def test_a_secret_is_renewed(admin: AdminClient, made: MadeSubscription) -> None:
    answer = deed(admin, made.subscription, "renew")

    found = SECRET.search(answer.content.decode())
    assert found is not None
    assert found[0] != made.secret


def test_a_test_message_and_its_log(admin: AdminClient, made: MadeSubscription) -> None:
    pk = made.subscription.pk
    assert "Nothing was sent yet" in text_of(admin.get("subscription_change", pk))

    answer = deed(admin, made.subscription, "try")

    assert "is sent to https://hooks.acme.com/facade soon" in messages_of(answer)
    page = admin.get("subscription_change", pk)
    assert "subscription.tried waiting 0 not tried yet" in text_of(page)
    assert "Send again" not in text_of(page)


def test_a_message_is_sent_again(admin: AdminClient, made: MadeSubscription) -> None:
    delivery = try_subscription(SET_UP, subscription_id=made.subscription.pk)
    Delivery.objects.update(state=Delivery.State.FAILED, outcome="status 500", attempts=7)
    Job.objects.all().delete()
    assert "failed 7 status 500 Send again" in text_of(admin.get("subscription_change", made.subscription.pk))

    answer = deed(admin, made.subscription, "again", delivery=delivery.pk)

    assert "sent once more" in messages_of(answer)
    assert (Delivery.objects.get().state, Job.objects.filter(kind="tell").count()) == ("waiting", 1)


@pytest.mark.parametrize("delivery", ["", "x", "999", "9" * 30])
def test_a_message_that_is_not_its_own_is_not(admin: AdminClient, made: MadeSubscription, delivery: str) -> None:
    assert "is gone" in messages_of(deed(admin, made.subscription, "again", delivery=delivery))


def test_the_log_has_pages(admin: AdminClient, made: MadeSubscription) -> None:
    for _ in range(30):
        try_subscription(SET_UP, subscription_id=made.subscription.pk)

    assert "Page 1 of 2" in text_of(admin.get("subscription_change", made.subscription.pk))
    assert text_of(admin.get("subscription_change", made.subscription.pk, p=2)).count("subscription.tried") == 5


def test_it_is_removed(admin: AdminClient, made: MadeSubscription) -> None:
    assert "told nothing any more" in text_of(admin.get("subscription_delete", made.subscription.pk))

    admin.client.post(admin.url("subscription_delete", made.subscription.pk))

    assert Subscription.objects.count() == 0


def test_the_list_by_kind(admin: AdminClient, tenant: Tenant, made: MadeSubscription) -> None:
    add_subscription(SET_UP, tenant_id=tenant.pk, address=f"{URL}?2", kinds=["registry"])

    def shown(kind: str) -> list[str]:
        return [row.address for row in admin.get("subscription_changelist", kind=kind).context["cl"].result_list]

    assert shown("refused") == [URL]
    assert shown("registry") == [f"{URL}?2"]
    assert len(shown("none")) == 2


def test_who_may_only_look_sees_the_log_and_no_buttons(member: Member, tenant: Tenant, made: MadeSubscription) -> None:
    try_subscription(SET_UP, subscription_id=made.subscription.pk)

    page = text_of(member(tenant, "viewer").get("subscription_change", made.subscription.pk))

    assert "subscription.tried" in page
    assert "Send a test message" not in page
