"""What the machines of a hostname's users contact, and the files by which they do without it."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, ROW_PROBLEMS
from routing.api.schemas import Id, QueryParams
from routing.services.mappings.contacts import Contacts, Purpose, get_contacts
from routing.services.mappings.fallback import Client, Fallback, get_fallback

router = Router(tags=["hostnames"])


class ContactOut(Schema):
    """A host and a port."""

    host: str = Field(examples=["ghcr.io"])
    port: int = Field(examples=[443])
    purpose: Purpose = Field(
        description="`facade`: the hostname itself; `registry`: where clients are sent on; `tokens`: where the "
        "registry has them get tokens; `storage`: where its layers lie.",
        examples=["registry"],
    )
    mappings: int = Field(description="How many mappings lead there.", examples=[12])
    since: datetime | None = Field(description="When a probe first saw that, as far as is known.")
    seen_at: datetime | None = Field(description="When a probe last saw that; null where none has, or the last failed.")


class ContactsOut(Schema):
    """What is contacted for the mappings of a hostname that are enabled."""

    hostname: str = Field(alias="hostname.name", examples=["docker.acme.com"])
    contacts: list[ContactOut]
    unknown: list[str] = Field(
        description="Mappings whose layers no probe has found yet, at most twenty.", examples=[["docker.acme.com/old"]]
    )
    unknown_count: int = Field(description="How many those are.", examples=[1])


class FallbackQuery(QueryParams):
    """Whose file."""

    client: Client = Field(examples=["podman"])


class LeftOutOut(Schema):
    """A mapping that does not fall back."""

    mapping: str = Field(examples=["docker.acme.com/old"])
    why: str = Field(examples=["it is off"])


class FallbackOut(Schema):
    """A file by which clients go to the registries themselves while a hostname does not answer."""

    hostname: str = Field(alias="hostname.name", examples=["docker.acme.com"])
    client: Client = Field(examples=["podman"])
    path: str = Field(
        description="Where it lies on a client's machine.",
        examples=["/etc/containers/registries.conf.d/docker.acme.com.conf"],
    )
    text: str = Field(description="The file, in TOML.")
    tags: bool = Field(description="Whether images named by a tag fall back, not those named by a digest alone.")
    left_out: list[LeftOutOut]


@router.get(
    "/{hostname_id}/contacts", response={200: ContactsOut, **ROW_PROBLEMS}, operation_id="get_hostname_contacts"
)
def get_hostname_contacts(request: HttpRequest, hostname_id: Id) -> Contacts:
    """Tell what the machines of those who pull from a hostname contact, as probes have found it."""
    return get_contacts(actor_of(request), hostname_id)


@router.get(
    "/{hostname_id}/fallback", response={200: FallbackOut, **NAMING_PROBLEMS}, operation_id="get_hostname_fallback"
)
def get_hostname_fallback(request: HttpRequest, hostname_id: Id, params: Query[FallbackQuery]) -> Fallback:
    """Make the file by which a client goes to the registries themselves while the hostname does not answer."""
    return get_fallback(actor_of(request), hostname_id, params.client)
