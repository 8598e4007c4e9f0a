"""What is only looked at: who one is, and what happens to an image."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from routing.api.auth import actor_of, token_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS
from routing.api.routers.mappings import MappingOut
from routing.api.routers.registries import RegistryOut
from routing.api.schemas import QueryParams, Text
from routing.core.client_support import Verdict
from routing.models import Registry, Role, Tenant
from routing.services.mappings import explain as explanations

router = Router(tags=["introspection"])


class RoleOut(Schema):
    """A role in a tenant."""

    tenant: str = Field(examples=["acme"])
    role: Role


class TokenOut(Schema):
    """The token that came with the request."""

    name: str = Field(examples=["deploy pipeline"])
    tenant: str | None = Field(description="The one tenant for which it is good; null: all of its person's.")
    read_only: bool = Field(examples=[False])
    expires_at: datetime | None


class WhoamiOut(Schema):
    """Who asks, and as what."""

    username: str = Field(examples=["alice"])
    is_platform_operator: bool = Field(examples=[False])
    roles: list[RoleOut]
    token: TokenOut


class ExplanationStepOut(Schema):
    """What one request of a client gets."""

    endpoint: str = Field(examples=["manifest"])
    outcome: str = Field(examples=["relayed"])
    detail: str = Field(examples=["ghcr.io"])
    after_challenge: bool = Field(examples=[True])


class ClientSupportOut(Schema):
    """What one client will meet. `works` is true where `verdict` is `works`; `reason` says why it is another."""

    client: str = Field(alias="client.shown", examples=["docker"])
    works: bool = Field(examples=[True])
    verdict: Verdict
    reason: str = Field(examples=[""])
    bytes_through_facade: str = Field(examples=["manifests"])
    steps: list[ExplanationStepOut]


class ExplanationOut(Schema):
    """Which mapping an image falls under, and what each client meets."""

    hostname: str = Field(alias="hostname.name", examples=["docker.acme.com"])
    tenant: str = Field(alias="hostname.tenant.slug", examples=["acme"])
    mapping: MappingOut | None
    registry: RegistryOut | None
    upstream_name: str | None = Field(examples=["acme/web"])
    strategy: str | None = Field(examples=["broker"])
    clients: list[ClientSupportOut] = Field(alias="client_support")
    advice: list[str] = Field(examples=[[]])

    @staticmethod
    def resolve_registry(found: explanations.Explanation) -> Registry | None:
        """The mapping's."""
        return found.mapping.registry if found.mapping else None

    @staticmethod
    def resolve_upstream_name(found: explanations.Explanation) -> str | None:
        """The repository's name at the registry."""
        return found.match.upstream_name if found.match else None

    @staticmethod
    def resolve_strategy(found: explanations.Explanation) -> str | None:
        """How its requests are answered."""
        return str(found.match.strategy) if found.match else None


class ImageQuery(QueryParams):
    """Which image."""

    image: Annotated[Text, Field(examples=["docker.acme.com/app/web:1.0"])]


@router.get("/whoami", response={200: WhoamiOut, **PROBLEMS}, operation_id="whoami")
def whoami(request: HttpRequest) -> WhoamiOut:
    """Tell who asks, and what they may do."""
    actor, token = actor_of(request), token_of(request)
    held = actor.roles()
    slugs = dict(Tenant.objects.filter(pk__in=held).values_list("pk", "slug"))
    return WhoamiOut(
        username=token.user.get_username(),
        is_platform_operator=actor.is_operator,
        roles=[
            RoleOut(tenant=slug, role=Role(held[pk])) for pk, slug in sorted(slugs.items(), key=lambda item: item[1])
        ],
        token=TokenOut(
            name=token.name,
            tenant=token.tenant.slug if token.tenant else None,
            read_only=token.read_only,
            expires_at=token.expires_at,
        ),
    )


@router.get("/explain", response={200: ExplanationOut, **NAMING_PROBLEMS}, operation_id="explain")
def explain(request: HttpRequest, params: Query[ImageQuery]) -> explanations.Explanation:
    """Explain what happens to an image, such as docker.acme.com/acme/app:1.0."""
    return explanations.explain(actor_of(request), params.image, explanations.PLAIN)
