"""The rules of mappings: where one may lead."""

from routing.core.grammar.notices import InvalidNotice, parse_notice
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.rules import Write, fixed, require_reason, rule
from routing.services.registries.targets import check_origin, shared_at

fixed(Mapping, "hostname", "prefix")


@rule(Mapping, "registry", "hostname")
def registry_is_an_own_or_a_shared_one(write: Write) -> None:
    """No tenant leads its users by another's registry."""
    if write.row.registry.tenant_id not in (None, write.row.hostname.tenant_id):
        raise ServiceError.for_field("target", f"the registry {write.row.registry} belongs to another tenant")


@rule(Mapping, "registry")
def registry_is_allowed(write: Write) -> None:
    """What this deployment allows may have changed since the registry was added."""
    check_origin(write.row.registry.origin)


@rule(Mapping, "registry", "upstream_prefix")
def leads_to_no_whole_shared_registry(write: Write) -> None:
    """The address would vouch for anybody's images. Operators of the platform may want that all the same."""
    registry = write.row.registry
    shared = registry.tenant_id is None or shared_at(registry.origin)
    if shared and not write.row.upstream_prefix:
        refuse_whole_shared(write.actor, str(registry))


@rule(Mapping, "registry", "upstream_prefix")
def repointing_takes_a_reason(write: Write) -> None:
    """Whoever asks next year is told why."""
    if write.before is not None:
        require_reason(write.reason)


@rule(Mapping, "notice")
def a_notice_can_be_sent(write: Write) -> None:
    """It stands in a header field of every relayed answer, whoever wrote the row."""
    try:
        parse_notice(write.row.notice)
    except InvalidNotice as error:
        raise ServiceError.for_field("notice", str(error)) from error


def refuse_whole_shared(actor: Actor, registry: str) -> None:
    """Refuse all of a shared registry to a tenant. Raises ServiceError."""
    if not actor.is_operator:
        raise ServiceError.for_field(
            "target",
            f"all of {registry} can be mapped by operators of the platform only: "
            f"name your part of it, such as {registry}/your-organisation",
            Code.REGISTRY_NOT_ALLOWED,
        )
