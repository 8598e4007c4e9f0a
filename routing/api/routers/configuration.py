"""The configuration as a document: what there is, the plan of another one, and the plan carried out."""

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from routing.api.auth import actor_of
from routing.api.errors import ADDING_PROBLEMS, NAMING_PROBLEMS
from routing.api.lookups import OneTenant
from routing.api.schemas import QueryParams, Reason, StrictSchema
from routing.services.base.dry_run import dry_run
from routing.services.base.permissions import Permission, check_permission
from routing.services.configuration.apply import apply_document
from routing.services.configuration.current import current_document
from routing.services.configuration.reading import read_document
from routing.services.configuration.writing import write_document

router = Router(tags=["configuration"])

_EXAMPLE = 'version: 1\ntenants:\n  - slug: "acme"\n    name: "Acme"\n'
DocumentText = Annotated[str, Field(description="In YAML, as `facade export` writes it.", examples=[_EXAMPLE])]
PlanChecksum = Annotated[
    str, Field(description="Names this very plan of these very rows.", examples=["5d41402abc4b2a76b9719d911017c592"])
]


class ConfigurationQuery(QueryParams):
    """Whose."""

    tenant: OneTenant = None


class ConfigurationOut(Schema):
    """Tenants, registries, hostnames and mappings; no secret, and nothing that probes found."""

    document: DocumentText


class ConfigurationIn(StrictSchema):
    """What tenants, registries, hostnames and mappings shall be. What it doesn't name stays, but for `prune`."""

    document: DocumentText
    prune: Annotated[
        bool,
        Field(description="Removes what the document's tenants have beside it; shared registries where it lists any."),
    ] = False
    checksum: Annotated[
        str, Field(description="Of the plan that was agreed to: with another one nothing is done.", examples=[""])
    ] = ""
    dry_run: Annotated[bool, Field(description="Tells the plan, and changes nothing.")] = False
    reason: Reason = ""


class PlannedChangeOut(Schema):
    """One value of a row: what it is, null for a new row, and what it will be."""

    name: str = Field(examples=["upstream_prefix"])
    before: str | int | bool | None = Field(examples=["acme"])
    after: str | int | bool | None = Field(examples=["acme-inc"])


class PlannedStepOut(Schema):
    """One row that is added (+), changed (~) or removed (-)."""

    sign: str = Field(examples=["~"])
    what: str = Field(examples=["mapping docker.acme.com/app"])
    changes: list[PlannedChangeOut]
    line: int = Field(description="The entry's in the document; 0 for what is removed.", examples=[12])


class AppliedConfigurationOut(Schema):
    """The plan, in the order in which it is carried out. Without steps all is as the document says already."""

    steps: list[PlannedStepOut]
    checksum: PlanChecksum
    applied: bool = Field(description="False: nothing was changed.", examples=[True])


@router.get("", response={200: ConfigurationOut, **NAMING_PROBLEMS}, operation_id="export_configuration")
def export_configuration(request: HttpRequest, params: Query[ConfigurationQuery]) -> dict[str, str]:
    """Export the configuration as a document, which applied again changes nothing. For operators of the platform.

    Of one tenant alone it is without the shared registries.
    """
    slugs = () if params.tenant is None else (params.tenant,)
    return {"document": "".join(write_document(current_document(actor_of(request), slugs)))}


@router.post("", response={200: AppliedConfigurationOut, **ADDING_PROBLEMS}, operation_id="apply_configuration")
def apply_configuration(request: HttpRequest, data: ConfigurationIn) -> dict[str, Any]:
    """Make everything what a document says, all of it or nothing. For operators of the platform.

    Sent again, it changes nothing more. Two at once stand in line; a rule that forbids something is told with the line
    of the document.
    """
    actor = actor_of(request)
    # Who may not apply one learns nothing of what is wrong with it.
    check_permission(actor, Permission.ADMINISTER, None)
    document = read_document(data.document)
    with dry_run() if data.dry_run else nullcontext():
        plan = apply_document(actor, data.reason, document, prune=data.prune, checksum=data.checksum)
    steps = [asdict(step) | {"changes": [_change(*each) for each in step.changes]} for step in plan.steps]
    return {"steps": steps, "checksum": plan.checksum, "applied": bool(steps) and not data.dry_run}


def _change(name: str, before: Any, after: Any) -> dict[str, Any]:
    return {"name": name, "before": before, "after": after}
