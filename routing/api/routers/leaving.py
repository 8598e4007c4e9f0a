"""Who leaves: what a removal would take, exports, people's accounts, and hostnames that change hands."""

from datetime import datetime
from typing import Annotated

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.accounts.downloads import download
from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, tagged, versions
from routing.api.lookups import TenantKey, tenant_by_key, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.routers.hostnames import ChangedHostnameOut
from routing.api.schemas import DeleteParams, Id, QueryParams, Reason, StrictSchema, Text
from routing.models import Hostname
from routing.services.base.permissions import Permission, check_permission
from routing.services.hostnames.hostnames import get_hostname
from routing.services.leaving import exports, hand_over, person_removal, tenant_removal

router = Router(tags=["leaving"])

_DOCUMENT = {200: dict[str, object], **NAMING_PROBLEMS}
_COLUMNS = {"username": "username", "date_joined": "date_joined", "last_login": "last_login"}
Numbers = dict[str, int]
Erase = Annotated[bool, Field(description="A pseudonym stands for their name and addresses in what stays.")]


class PersonOut(Schema):
    """Somebody with an account."""

    id: int
    username: str
    email: str
    is_active: bool
    is_platform_operator: bool = Field(alias="is_superuser")
    date_joined: datetime
    last_login: datetime | None


class PersonQuery(ListQuery):
    """Which people."""

    columns = _COLUMNS
    username: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class RemovalOut(Schema):
    """What a removal takes and leaves, in numbers. With `obstacles` it is refused; each says what to do."""

    goes: Numbers
    stays: Numbers
    obstacles: list[str]


class PersonRemovalOut(RemovalOut):
    """The same of a person. With `erase`: what stands for their name, and where the name is left to be looked at."""

    pseudonym: str
    mentions: list[str]


class PersonRemovalParams(QueryParams):
    """How they are to be removed."""

    erase: Erase = False


class RemovePersonParams(DeleteParams):
    """How to remove them, and why."""

    erase: Erase = False


class HandOverIn(StrictSchema):
    """To whom a hostname goes: a tenant's short name."""

    tenant: Text
    copy_registries: Annotated[
        bool,
        Field(description="Give that tenant the same registries, where the mappings lead to the old tenant's own."),
    ] = False
    reason: Reason = ""


class HandOverParams(QueryParams):
    """To whom it would go."""

    tenant: Text
    copy_registries: bool = False


class HandOverOut(Schema):
    """What handing a hostname over would do. With `obstacles` it is refused; each says what to do.

    `registries`: those of the old tenant's own that it leads to. `beside`: names that stay whose they are.
    """

    mappings: int
    registries: list[str]
    beside: list[str]
    obstacles: list[str]


@router.get(
    "/tenants/{tenant}/removal", response={200: RemovalOut, **NAMING_PROBLEMS}, operation_id="get_tenant_removal"
)
def get_tenant_removal(request: HttpRequest, tenant: TenantKey) -> RemovalOut:
    """Tell what removing a tenant with everything would take and leave."""
    actor = actor_of(request)
    found = tenant_removal.get_tenant_removal(actor, tenant_id=tenant_by_key(actor, tenant).pk)
    obstacles = [found.obstacle] if found.obstacle else []
    return RemovalOut(goes=dict(found.goes), stays=dict(found.stays), obstacles=obstacles)


@router.get("/tenants/{tenant}/export", response=_DOCUMENT, operation_id="export_tenant")
def export_tenant(request: HttpRequest, tenant: TenantKey) -> HttpResponseBase:
    """Export a tenant, with all that is its own, as a JSON document. For its owners and operators of the platform."""
    actor = actor_of(request)
    pk = tenant_by_key(actor, tenant).pk
    return download(request, exports.export_tenant(actor, tenant_id=pk), f"tenant-{pk}.json")


@router.get("/people", response={200: list[PersonOut], **PROBLEMS}, operation_id="list_people")
@paginate(Paging)
def list_people(request: HttpRequest, params: Query[PersonQuery]) -> "QuerySet[User]":
    """List everybody who has an account, by user name. For operators of the platform."""
    check_permission(actor_of(request), Permission.EXPORT, None)
    rows = get_user_model()._default_manager.all()
    return params.in_order(rows if params.username is None else rows.filter(username=params.username), "username", "pk")


@router.get(
    "/people/{user_id}/removal", response={200: PersonRemovalOut, **NAMING_PROBLEMS}, operation_id="get_person_removal"
)
def get_person_removal(request: HttpRequest, user_id: Id, params: Query[PersonRemovalParams]) -> PersonRemovalOut:
    """Tell what removing a person would take and leave."""
    found = person_removal.get_person_removal(actor_of(request), user_id=user_id, erase=params.erase)
    return PersonRemovalOut(
        goes=dict(found.goes),
        stays=dict(found.stays),
        obstacles=list(found.obstacles),
        pseudonym=found.pseudonym,
        mentions=list(found.mentions),
    )


@router.get("/people/{user_id}/export", response=_DOCUMENT, operation_id="export_person")
def export_person(request: HttpRequest, user_id: Id) -> HttpResponseBase:
    """Export what the facade knows of a person, as a JSON document. Everybody's own is on their account's pages."""
    return download(request, exports.export_person(actor_of(request), user_id=user_id), f"person-{user_id}.json")


@router.delete("/people/{user_id}", response={204: None, **NAMING_PROBLEMS}, operation_id="remove_person")
def remove_person(request: HttpRequest, user_id: Id, params: Query[RemovePersonParams]) -> Status[None]:
    """Remove somebody's account. Nobody's own: that is on their account's pages."""
    person_removal.remove_person(actor_of(request), params.reason, user_id=user_id, erase=params.erase)
    return Status(204, None)


@router.get(
    "/hostnames/{hostname_id}/hand-over", response={200: HandOverOut, **NAMING_PROBLEMS}, operation_id="get_hand_over"
)
def get_hand_over(request: HttpRequest, hostname_id: Id, params: Query[HandOverParams]) -> HandOverOut:
    """Tell what handing a hostname over would do."""
    actor = actor_of(request)
    check_permission(actor, Permission.EXPORT, None)
    found = hand_over.get_hand_over(
        actor,
        hostname_id=hostname_id,
        tenant_id=tenant_by_slug(actor, params.tenant).pk,
        copy_registries=params.copy_registries,
    )
    return HandOverOut(
        mappings=found.mappings,
        registries=[registry.origin for registry in found.takes],
        beside=[each.name for each in found.beside],
        obstacles=list(found.obstacles),
    )


@router.post(
    "/hostnames/{hostname_id}/hand-over",
    response={200: ChangedHostnameOut, **ROW_PROBLEMS},
    operation_id="hand_over_hostname",
)
def hand_over_hostname(
    request: HttpRequest, response: HttpResponse, hostname_id: Id, data: HandOverIn, if_match: str | None = IF_MATCH
) -> Hostname:
    """Make a hostname another tenant's, with its mappings."""
    actor = actor_of(request)
    check_permission(actor, Permission.ADMINISTER, None)
    hand_over.hand_over_hostname(
        actor,
        data.reason,
        hostname_id=hostname_id,
        tenant_id=tenant_by_slug(actor, data.tenant).pk,
        copy_registries=data.copy_registries,
        if_match=versions(if_match),
    )
    return tagged(response, get_hostname(actor, hostname_id))
