"""What the machines of a hostname's users contact, how they do without it, and the lines for signatures."""

import json
from datetime import datetime
from hashlib import sha256

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from ninja import Query, Router, Schema
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, ROW_PROBLEMS
from routing.api.etags import IF_NONE_MATCH
from routing.api.schemas import Id, QueryParams
from routing.models import ContactSighting
from routing.services.mappings.contacts import Contacts, Purpose, get_appearances, get_contacts
from routing.services.mappings.fallback import Client, Fallback, get_fallback
from routing.services.mappings.signatures import LinesFor, SignatureLines, get_signature_lines

router = Router(tags=["hostnames"])
_VERSION = "https://jsonfeed.org/version/1.1"


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


class FeedItemOut(Schema):
    """A host that was contacted from then on."""

    id: str = Field(examples=["contact-17"])
    title: str = Field(examples=["storage.example:443, for the layers"])
    content_text: str = Field(examples=["Those who pull from docker.acme.com contact storage.example:443."])
    date_published: datetime


class FeedOut(Schema):
    """A JSON Feed: the newest 50 entries."""

    version: str = Field(examples=[_VERSION])
    title: str = Field(examples=["What those who pull from docker.acme.com contact"])
    items: list[FeedItemOut]


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


class SignaturesQuery(QueryParams):
    """What the lines are for."""

    purpose: LinesFor = Field(
        description="`cosign`: commands that sign and verify; `policy`: podman's policy for images that were signed "
        "under the registry's name; `attachments`: that podman looks for sigstore's signatures.",
        examples=["policy"],
    )


class SignatureLinesOut(Schema):
    """Lines for signatures under a hostname's own name."""

    hostname: str = Field(alias="hostname.name", examples=["docker.acme.com"])
    purpose: LinesFor = Field(examples=["policy"])
    path: str = Field(
        description="Where they lie on a client's machine; empty for commands.",
        examples=["/etc/containers/policy.json"],
    )
    text: str = Field(description="The lines: a shell's for `cosign`, JSON for `policy`, YAML for `attachments`.")
    left_out: list[LeftOutOut] = Field(description="Mappings that they don't name.")


@router.get(
    "/{hostname_id}/contacts", response={200: ContactsOut, **ROW_PROBLEMS}, operation_id="get_hostname_contacts"
)
def get_hostname_contacts(request: HttpRequest, hostname_id: Id) -> Contacts:
    """Tell what the machines of those who pull from a hostname contact, as probes have found it."""
    return get_contacts(actor_of(request), hostname_id)


@router.get(
    "/{hostname_id}/contacts/feed",
    response={200: FeedOut, 304: None, **ROW_PROBLEMS},
    operation_id="get_hostname_contacts_feed",
)
def get_hostname_contacts_feed(
    request: HttpRequest, hostname_id: Id, if_none_match: str = IF_NONE_MATCH
) -> HttpResponseBase:
    """Tell which hosts were new to those who pull from a hostname, as a JSON Feed for feed readers."""
    found = get_appearances(actor_of(request), hostname_id)
    name = found.hostname.name
    feed = {
        "version": _VERSION,
        "title": f"What those who pull from {name} contact",
        "items": [_item(name, each) for each in found.sightings],
    }
    body = json.dumps(feed).encode()
    response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag = f'"{sha256(body).hexdigest()[:32]}"'
    return get_conditional_response(request, etag=etag, response=response) or response


def _item(hostname: str, sighting: ContactSighting) -> dict[str, str]:
    host = f"[{sighting.host}]" if ":" in sighting.host else sighting.host
    contacted, purpose = f"{host}:{sighting.port}", Purpose(sighting.purpose).words
    return {
        "id": f"contact-{sighting.pk}",
        "title": f"{contacted}, for {purpose}",
        "content_text": f"Those who pull from {hostname} contact {contacted}, for {purpose}.",
        "date_published": sighting.first_seen_at.isoformat(),
    }


@router.get(
    "/{hostname_id}/fallback", response={200: FallbackOut, **NAMING_PROBLEMS}, operation_id="get_hostname_fallback"
)
def get_hostname_fallback(request: HttpRequest, hostname_id: Id, params: Query[FallbackQuery]) -> Fallback:
    """Make the file by which a client goes to the registries themselves while the hostname does not answer."""
    return get_fallback(actor_of(request), hostname_id, params.client)


@router.get(
    "/{hostname_id}/signatures",
    response={200: SignatureLinesOut, **NAMING_PROBLEMS},
    operation_id="get_hostname_signatures",
)
def get_hostname_signatures(request: HttpRequest, hostname_id: Id, params: Query[SignaturesQuery]) -> SignatureLines:
    """Make the lines by which a hostname's images are signed under its own name, and verified."""
    return get_signature_lines(actor_of(request), hostname_id, params.purpose)
