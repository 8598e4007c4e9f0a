"""Notes about hostnames, mappings, registries and tenants: list, write, remove."""

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS
from routing.api.lookups import TenantKey, tenant_by_key
from routing.api.pagination import Paging
from routing.api.schemas import Id, Lines, StrictSchema
from routing.models import Note
from routing.services.people import notes as verbs


class NoteOut(Schema):
    """What somebody wrote down about a row."""

    id: int = Field(examples=[3])
    text: str = Field(description="Plain text.", examples=["Moves in March: the contract with Quay ends."])
    written_by: str = Field(examples=["alice"])
    created_at: datetime


class NoteIn(StrictSchema):
    """What to write down."""

    text: Annotated[
        Lines,
        Field(
            description=f"Plain text of {verbs.MAX_NOTE_LENGTH} characters at most. Whoever may see the row reads it: "
            "no place for passwords or tokens.",
            examples=["Moves in March: the contract with Quay ends."],
        ),
    ]


router = Router(tags=["notes"])
_LIST = {200: list[NoteOut], **NAMING_PROBLEMS}
_ADDED = {201: NoteOut, **NAMING_PROBLEMS}


@router.get("/hostnames/{hostname_id}/notes", response=_LIST, operation_id="list_hostname_notes")
@paginate(Paging)
def list_hostname_notes(request: HttpRequest, hostname_id: Id) -> "QuerySet[Note]":
    """List what people wrote down about a hostname, newest first."""
    return verbs.get_notes(actor_of(request), noun="hostname", pk=hostname_id)


@router.post("/hostnames/{hostname_id}/notes", response=_ADDED, operation_id="add_hostname_note")
def add_hostname_note(request: HttpRequest, hostname_id: Id, data: NoteIn) -> Status[Note]:
    """Write something down about a hostname. For owners."""
    return Status(201, verbs.add_note(actor_of(request), noun="hostname", pk=hostname_id, text=data.text))


@router.get("/mappings/{mapping_id}/notes", response=_LIST, operation_id="list_mapping_notes")
@paginate(Paging)
def list_mapping_notes(request: HttpRequest, mapping_id: Id) -> "QuerySet[Note]":
    """List what people wrote down about a mapping, newest first."""
    return verbs.get_notes(actor_of(request), noun="mapping", pk=mapping_id)


@router.post("/mappings/{mapping_id}/notes", response=_ADDED, operation_id="add_mapping_note")
def add_mapping_note(request: HttpRequest, mapping_id: Id, data: NoteIn) -> Status[Note]:
    """Write something down about a mapping. For operators and owners."""
    return Status(201, verbs.add_note(actor_of(request), noun="mapping", pk=mapping_id, text=data.text))


@router.get("/registries/{registry_id}/notes", response=_LIST, operation_id="list_registry_notes")
@paginate(Paging)
def list_registry_notes(request: HttpRequest, registry_id: Id) -> "QuerySet[Note]":
    """List what people wrote down about a registry, newest first. Of a shared one, for operators of the platform."""
    return verbs.get_notes(actor_of(request), noun="registry", pk=registry_id)


@router.post("/registries/{registry_id}/notes", response=_ADDED, operation_id="add_registry_note")
def add_registry_note(request: HttpRequest, registry_id: Id, data: NoteIn) -> Status[Note]:
    """Write something down about a registry. For operators and owners; of a shared one for the platform's."""
    return Status(201, verbs.add_note(actor_of(request), noun="registry", pk=registry_id, text=data.text))


@router.get("/tenants/{tenant}/notes", response=_LIST, operation_id="list_tenant_notes")
@paginate(Paging)
def list_tenant_notes(request: HttpRequest, tenant: TenantKey) -> "QuerySet[Note]":
    """List what people wrote down about a tenant, newest first."""
    return verbs.get_notes(actor_of(request), noun="tenant", pk=_tenant(request, tenant))


@router.post("/tenants/{tenant}/notes", response=_ADDED, operation_id="add_tenant_note")
def add_tenant_note(request: HttpRequest, tenant: TenantKey, data: NoteIn) -> Status[Note]:
    """Write something down about a tenant. For owners."""
    return Status(201, verbs.add_note(actor_of(request), noun="tenant", pk=_tenant(request, tenant), text=data.text))


@router.delete("/notes/{note_id}", response={204: None, **NAMING_PROBLEMS}, operation_id="delete_note")
def delete_note(request: HttpRequest, note_id: Id) -> Status[None]:
    """Remove a note. For its author, and for owners of the tenant."""
    verbs.remove_note(actor_of(request), note_id=note_id)
    return Status(204, None)


def _tenant(request: HttpRequest, key: str) -> int:
    return tenant_by_key(actor_of(request), key).pk
