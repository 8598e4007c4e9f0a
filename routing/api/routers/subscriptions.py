"""Subscriptions: who is told of what happens, and what became of each message."""

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import DeleteParams, Id, Reason, ReasonIn, StrictSchema, Text, Version, given_reason
from routing.models import Delivery, Subscription
from routing.services.telling import subscriptions as verbs

router = Router(tags=["subscriptions"])

_COLUMNS = {"tenant": "tenant__slug", "address": "address", "created_at": "created_at"}
Kinds = Annotated[
    list[Text], Field(min_length=1, max_length=30, description="What it is told of.", examples=[["repointed", "proof"]])
]
OnlyHostname = Annotated[
    Text, Field(description="Only what happens to this hostname; empty: to all of the tenant's.", examples=[""])
]


class SubscriptionOut(Schema):
    """An address, and what it is told of. The secret of a webhook is told when it is made, and never again."""

    id: int = Field(examples=[3])
    version: Version
    tenant: str = Field(alias="tenant.slug", examples=["acme"])
    channel: str = Field(description="email or webhook.", examples=["webhook"])
    address: str = Field(examples=["https://hooks.acme.com/facade"])
    hostname: OnlyHostname
    kinds: Kinds
    enabled: bool = Field(examples=[True])
    created_at: datetime


class MadeSubscriptionOut(Schema):
    """A subscription, and the secret with which its messages are signed: empty for mails."""

    subscription: SubscriptionOut
    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class DeliveryOut(Schema):
    """One message to the address."""

    id: int = Field(examples=[81])
    message_id: str = Field(examples=["msg_1f0c"])
    kind: str = Field(examples=["repointed"])
    event: str = Field(examples=["mapping.repointed"])
    state: str = Field(description="waiting, delivered or failed.", examples=["delivered"])
    attempts: int = Field(examples=[1])
    outcome: str = Field(description="How the last attempt went.", examples=["status 200"])
    created_at: datetime
    tried_at: datetime | None


class SubscriptionIn(StrictSchema):
    """Whom to tell of what."""

    tenant: Annotated[Text, Field(description="Slug.", examples=["acme"])]
    address: Annotated[
        Text,
        Field(
            description="An https URL, or the mail address of a member.",
            max_length=500,
            examples=["https://hooks.acme.com/facade"],
        ),
    ]
    kinds: Kinds
    hostname: OnlyHostname = ""
    reason: Reason = ""


class SubscriptionPatch(StrictSchema):
    """What is to change; what isn't given, or null, stays."""

    kinds: Kinds | None = None
    hostname: OnlyHostname | None = None
    enabled: bool | None = None
    reason: Reason = ""


class SubscriptionQuery(ListQuery):
    """Which subscriptions."""

    columns = _COLUMNS
    tenant: OneTenant = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


@router.get("", response={200: list[SubscriptionOut], **PROBLEMS}, operation_id="list_subscriptions")
@paginate(Paging)
def list_subscriptions(request: HttpRequest, params: Query[SubscriptionQuery]) -> "QuerySet[Subscription]":
    """List subscriptions, by tenant and address."""
    rows = Subscription.objects.viewable_by(actor_of(request)).with_names()
    if params.tenant is not None:
        rows = rows.filter(tenant__slug=params.tenant)
    return params.in_order(rows, "tenant__slug", "address")


@router.post("", response={201: MadeSubscriptionOut, **ADDING_PROBLEMS}, operation_id="add_subscription")
def add_subscription(
    request: HttpRequest, response: HttpResponse, data: SubscriptionIn
) -> Status[verbs.MadeSubscription]:
    """Have an address told of what happens."""
    actor = actor_of(request)
    made = verbs.add_subscription(
        actor,
        data.reason,
        tenant_id=tenant_by_slug(actor, data.tenant).pk,
        **data.model_dump(include={"address", "kinds", "hostname"}),
    )
    tagged(response, made.subscription)
    return Status(201, made)


@router.get("/{subscription_id}", response={200: SubscriptionOut, **ROW_PROBLEMS}, operation_id="get_subscription")
def get_subscription(
    request: HttpRequest, response: HttpResponse, subscription_id: Id, if_match: str | None = IF_MATCH
) -> Subscription:
    """Get a subscription."""
    return looked_at(response, verbs.get_subscription(actor_of(request), subscription_id), if_match)


@router.patch("/{subscription_id}", response={200: SubscriptionOut, **ROW_PROBLEMS}, operation_id="update_subscription")
def update_subscription(
    request: HttpRequest,
    response: HttpResponse,
    subscription_id: Id,
    data: SubscriptionPatch,
    if_match: str | None = IF_MATCH,
) -> Subscription:
    """Change what an address is told of, or switch it off and on."""
    row = verbs.update_subscription(
        actor_of(request),
        data.reason,
        subscription_id=subscription_id,
        if_match=versions(if_match),
        **data.model_dump(exclude={"reason"}, exclude_none=True),
    )
    return tagged(response, row)


@router.delete("/{subscription_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_subscription")
def delete_subscription(
    request: HttpRequest, subscription_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Tell the address nothing any more."""
    verbs.remove_subscription(
        actor_of(request), params.reason, subscription_id=subscription_id, if_match=versions(if_match)
    )
    return Status(204, None)


@router.post(
    "/{subscription_id}/secret", response={200: MadeSubscriptionOut, **ROW_PROBLEMS}, operation_id="renew_secret"
)
def renew_secret(
    request: HttpRequest,
    response: HttpResponse,
    subscription_id: Id,
    data: ReasonIn | None = None,
    if_match: str | None = IF_MATCH,
) -> Status[verbs.MadeSubscription]:
    """Sign a webhook's messages with another secret from now on."""
    made = verbs.renew_secret(
        actor_of(request), given_reason(data), subscription_id=subscription_id, if_match=versions(if_match)
    )
    tagged(response, made.subscription)
    # A tuple by itself would be taken for a status and an answer.
    return Status(200, made)


@router.post("/{subscription_id}/try", response={200: DeliveryOut, **ROW_PROBLEMS}, operation_id="try_subscription")
def try_subscription(request: HttpRequest, subscription_id: Id, data: ReasonIn | None = None) -> Delivery:
    """Send the address a message that says nothing."""
    return verbs.try_subscription(actor_of(request), given_reason(data), subscription_id=subscription_id)


@router.get(
    "/{subscription_id}/deliveries", response={200: list[DeliveryOut], **ROW_PROBLEMS}, operation_id="list_deliveries"
)
@paginate(Paging)
def list_deliveries(request: HttpRequest, subscription_id: Id) -> "QuerySet[Delivery]":
    """List what was sent, the latest first."""
    return verbs.get_subscription(actor_of(request), subscription_id).deliveries.order_by("-pk")


@router.post(
    "/deliveries/{delivery_id}/send", response={200: DeliveryOut, **ROW_PROBLEMS}, operation_id="send_delivery_again"
)
def send_delivery_again(request: HttpRequest, delivery_id: Id, data: ReasonIn | None = None) -> Delivery:
    """Send a message once more, under the same id."""
    return verbs.send_again(actor_of(request), given_reason(data), delivery_id=delivery_id)
