"""What is only looked at: who one is, and what happens to an image."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Router, Schema

from routing.api.auth import actor_of, token_of
from routing.api.errors import PROBLEMS
from routing.api.routers.mappings import MappingTold
from routing.api.routers.registries import RegistryTold
from routing.api.schemas import Asked, Text
from routing.core.client_support import ClientSupport
from routing.models import Role, Tenant
from routing.services.base.permissions import roles
from routing.services.mappings.explain import explain as explain_image

router = Router(tags=["looking"])


class RoleTold(Schema):
    """A role in a tenant."""

    tenant: str
    role: Role


class TokenTold(Schema):
    """The token that came with the request."""

    name: str
    tenant: str | None
    read_only: bool
    expires_at: datetime | None


class Whoami(Schema):
    """Who asks, and as what."""

    username: str
    is_operator: bool
    roles: list[RoleTold]
    token: TokenTold


class StepTold(Schema):
    """What one request of a client gets."""

    endpoint: str
    outcome: str
    detail: str
    after_challenge: bool


class OutlookTold(Schema):
    """What one client will meet."""

    client: str
    works: bool
    bytes_through_facade: str
    steps: list[StepTold]

    @classmethod
    def of(cls, outlook: ClientSupport) -> "OutlookTold":
        """As the API tells it."""
        steps = [
            StepTold(
                endpoint=step.endpoint,
                outcome=step.outcome,
                detail=step.detail,
                after_challenge=step.after_challenge,
            )
            for step in outlook.steps
        ]
        return cls(
            client=outlook.client.name,
            works=outlook.works,
            bytes_through_facade=outlook.bytes_through_facade,
            steps=steps,
        )


class Explained(Schema):
    """The same as `manage.py explain`: which mapping an image falls under, and what follows."""

    hostname: str
    tenant: str
    mapping: MappingTold | None
    registry: RegistryTold | None
    upstream_name: str | None
    strategy: str | None
    clients: list[OutlookTold]
    advice: list[str]


class ImageAsked(Asked):
    """Which image."""

    image: Text


@router.get("/whoami", response={200: Whoami, **PROBLEMS}, operation_id="whoami")
def whoami(request: HttpRequest) -> Whoami:
    """Tell who asks, and what they may do."""
    actor, token = actor_of(request), token_of(request)
    held = roles(actor)
    slugs = dict(Tenant.objects.filter(pk__in=held).values_list("pk", "slug"))
    return Whoami(
        username=token.user.get_username(),
        is_operator=actor.is_operator,
        roles=[
            RoleTold(tenant=slug, role=Role(held[pk])) for pk, slug in sorted(slugs.items(), key=lambda item: item[1])
        ],
        token=TokenTold(
            name=token.name,
            tenant=token.tenant.slug if token.tenant else None,
            read_only=token.read_only,
            expires_at=token.expires_at,
        ),
    )


@router.get("/explain", response={200: Explained, **PROBLEMS}, operation_id="explain")
def explain(request: HttpRequest, asked: Query[ImageAsked]) -> Explained:
    """Explain what happens to an image, such as docker.acme.com/acme/app:1.0."""
    found = explain_image(actor_of(request), asked.image)
    mapping, match = found.mapping, found.match
    return Explained(
        hostname=found.hostname.name,
        tenant=found.hostname.tenant.slug,
        mapping=MappingTold.of(mapping) if mapping else None,
        registry=RegistryTold.of(mapping.registry) if mapping else None,
        upstream_name=match.upstream_name if match else None,
        strategy=str(match.strategy) if match else None,
        clients=[OutlookTold.of(outlook) for outlook in found.client_support],
        advice=found.advice,
    )
