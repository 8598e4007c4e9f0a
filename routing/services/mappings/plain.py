"""What REGISTRY_HOST, REGISTRY_ORG and FACADE_HOSTNAME name, as an ordinary mapping: docs/how-to/plain-container.md."""

from typing import NamedTuple

from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.mappings import (
    MappingOutcome,
    add_mapping,
    parse_prefix,
    remove_mappings,
    update_mapping,
)

_ACTOR = Actor.program("variables")


class Named(NamedTuple):
    """What the variables name: a registry, an organisation or "", and a hostname."""

    registry: str
    organisation: str
    hostname: str

    @property
    def target(self) -> str:
        """As a person writes it."""
        return f"{self.registry}/{self.organisation}" if self.organisation else self.registry

    @property
    def reason(self) -> str:
        """What the history says, and by which it is known which variables were taken over last."""
        said = f"REGISTRY_HOST={self.registry} REGISTRY_ORG={self.organisation}"
        return f"{said} on {self.hostname}"


def take_over(named: Named) -> MappingOutcome | None:
    """Make the mapping that the variables name, and remove what they named before. None: nothing is to be done.

    What was taken over is in the history. Variables that haven't changed since then change nothing: whatever people
    did meanwhile stays. Pushes are redirected, as the plain Caddy container did. Raises ServiceError.
    """
    last = Mapping.history.filter(actor=_ACTOR.label).order_by("-history_id").first()
    if last is not None and last.history_change_reason == named.reason:
        return None
    prefix = parse_prefix(named.organisation)
    former = None if last is None else Mapping.objects.with_names().filter(pk=last.id).first()
    if former is not None and (former.hostname.name, former.prefix) != (parse_hostname(named.hostname), prefix):
        remove_mappings(_ACTOR, f"no longer named: {last.history_change_reason}", mapping_ids=[former.pk])
    found = Mapping.objects.filter(hostname__name=parse_hostname(named.hostname), prefix=prefix).first()
    if found is not None:
        return update_mapping(_ACTOR, named.reason, mapping_id=found.pk, target=named.target)
    return add_mapping(
        _ACTOR, named.reason, hostname=named.hostname, prefix=prefix, target=named.target, allow_push=True
    )
