"""Policies of tenants: get, change, confirm that one is loosened, withdraw that."""

from datetime import datetime
from typing import Annotated, Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import CHANGING_PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import TenantKey, tenant_by_key
from routing.api.schemas import DeleteParams, Reason, StrictSchema, TargetText, Text, Version
from routing.models import Mapping, Tenant
from routing.services.base.policy import MAX_ALLOWED, checksum_of_request, mappings_outside
from routing.services.changes import policy as verbs

router = Router(tags=["tenants"])

_SHOWN = 100


class PolicyRequestOut(Schema):
    """A looser policy that waits for another owner's word."""

    registries: list[str] | None = Field(description="null: any.", examples=[["https://ghcr.io"]])
    needs_clean_reports: bool
    needs_approval: bool
    asked_at: datetime
    asked_by: str = Field(description="Their user name; empty for an account that is gone.", examples=["olivia"])
    reason: str
    checksum: str = Field(description="Confirming names it.", examples=["5f3a0c1d2e4b6a79"])


class OutsideOut(Schema):
    """A mapping that points, or would fail over, to a registry that the policy does not name. It stays."""

    mapping_id: int = Field(alias="pk", examples=[17])
    source: str = Field(examples=["docker.acme.com/app"])
    target: str = Field(examples=["docker.io/acme"])
    standby: str = Field(alias="standby_target", examples=[""])


class PolicyOut(Schema):
    """What is allowed of a tenant's mappings. Its version is the tenant's."""

    tenant: str = Field(alias="slug", examples=["acme"])
    version: Version
    registries: list[str] | None = Field(
        description="Addresses of the registries to which its mappings may point; null: any.",
        examples=[["https://ghcr.io"]],
    )
    needs_clean_reports: bool = Field(description="A mapping is repointed with a clean report only.", examples=[False])
    needs_approval: bool = Field(description="Change sets take a second person's approval.", examples=[False])
    request: PolicyRequestOut | None = Field(description="A looser one that waits for another owner's word.")
    outside: list[OutsideOut] = Field(description=f"Mappings that stand outside it, {_SHOWN} at most.")
    outside_count: int = Field(examples=[0])

    @staticmethod
    def resolve_registries(row: Tenant) -> list[str] | None:
        """None where any is allowed."""
        return row.allowed_origins or None

    @staticmethod
    def resolve_request(row: Tenant) -> dict[str, Any] | None:
        """What waits."""
        asked = row.policy_request
        if asked is None:
            return None
        asker = get_user_model()._default_manager.filter(pk=row.policy_asker_id or 0).first()
        return {
            "registries": asked["allowed_registries"].split() or None,
            "needs_clean_reports": asked["needs_clean_reports"],
            "needs_approval": asked["needs_approval"],
            "asked_at": row.policy_asked_at,
            "asked_by": asker.get_username() if asker else "",
            "reason": row.policy_reason,
            "checksum": checksum_of_request(row),
        }

    @staticmethod
    def resolve_outside(row: Tenant) -> list[Mapping]:
        """The first of them."""
        return list(mappings_outside(row)[:_SHOWN])

    @staticmethod
    def resolve_outside_count(row: Tenant) -> int:
        """All of them."""
        return mappings_outside(row).count()


class PolicyPatch(StrictSchema):
    """What is to change; what isn't given stays."""

    registries: Annotated[
        list[TargetText] | None,
        Field(
            description="Registries without a path, such as ghcr.io; null or none: any.",
            max_length=MAX_ALLOWED,
            examples=[["ghcr.io"]],
        ),
    ] = None
    needs_clean_reports: bool | None = None
    needs_approval: bool | None = None
    reason: Reason = ""


class PolicyConfirmIn(StrictSchema):
    """Which looser policy is confirmed."""

    checksum: Annotated[Text, Field(description="As `request` has it.", examples=["5f3a0c1d2e4b6a79"])]
    reason: Reason = ""


@router.get("/{tenant}/policy", response={200: PolicyOut, **ROW_PROBLEMS}, operation_id="get_policy")
def get_policy(
    request: HttpRequest, response: HttpResponse, tenant: TenantKey, if_match: str | None = IF_MATCH
) -> Tenant:
    """Get a tenant's policy, and which mappings stand outside it."""
    return looked_at(response, tenant_by_key(actor_of(request), tenant), if_match)


@router.patch(
    "/{tenant}/policy", response={200: PolicyOut, 202: PolicyOut, **ROW_PROBLEMS}, operation_id="change_policy"
)
def change_policy(
    request: HttpRequest, response: HttpResponse, tenant: TenantKey, data: PolicyPatch, if_match: str | None = IF_MATCH
) -> Status[Tenant]:
    """Change a tenant's policy. For its owners. 202: it is looser, and waits until another owner confirms it."""
    actor = actor_of(request)
    pk = tenant_by_key(actor, tenant).pk
    given = data.model_dump(exclude={"reason"}, exclude_unset=True)
    changes: Any = {name: value for name, value in given.items() if value is not None or name == "registries"}
    if "registries" in changes:
        changes["registries"] = changes["registries"] or []
    outcome = verbs.change_policy(actor, data.reason, tenant_id=pk, if_match=versions(if_match), **changes)
    return Status(202 if outcome.waits else 200, tagged(response, outcome.row))


@router.post("/{tenant}/policy/confirm", response={200: PolicyOut, **CHANGING_PROBLEMS}, operation_id="confirm_policy")
def confirm_policy(
    request: HttpRequest,
    response: HttpResponse,
    tenant: TenantKey,
    data: PolicyConfirmIn,
    if_match: str | None = IF_MATCH,
) -> Tenant:
    """Put the looser policy in force that another owner asked for. For owners."""
    actor = actor_of(request)
    pk = tenant_by_key(actor, tenant).pk
    known = versions(if_match)
    outcome = verbs.confirm_policy(actor, data.reason, tenant_id=pk, checksum=data.checksum, if_match=known)
    return tagged(response, outcome.row)


@router.delete(
    "/{tenant}/policy/request", response={200: PolicyOut, **ROW_PROBLEMS}, operation_id="withdraw_policy_request"
)
def withdraw_policy_request(
    request: HttpRequest,
    response: HttpResponse,
    tenant: TenantKey,
    params: Query[DeleteParams],
    if_match: str | None = IF_MATCH,
) -> Tenant:
    """Drop the looser policy that was asked for. For owners."""
    actor = actor_of(request)
    pk = tenant_by_key(actor, tenant).pk
    outcome = verbs.withdraw_policy_request(actor, params.reason, tenant_id=pk, if_match=versions(if_match))
    return tagged(response, outcome.row)
