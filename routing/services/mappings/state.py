"""Whether clients of a mapping or hostname are let in, and what keeps them out: as it stands in the rows."""

from typing import NamedTuple

from routing.models import Hostname, Mapping


class State(NamedTuple):
    """`kind` is on, off or blocked, which is by something else than the row itself; `text` says it in words."""

    kind: str
    text: str

    @property
    def is_on(self) -> bool:
        """Whether clients are let in."""
        return self.kind == "on"


def state_of(mapping: Mapping) -> State:
    """Whether a mapping's clients are let in, and what keeps them out."""
    if not mapping.enabled:
        return State("off", "disabled")
    hostname = state_of_hostname(mapping.hostname)
    if hostname.is_on or mapping.hostname.tenant.suspended:
        return hostname
    return State("blocked", f"hostname {hostname.text}")


def state_of_hostname(hostname: Hostname) -> State:
    """Whether a hostname's clients are let in, and what keeps them out."""
    if hostname.tenant.suspended:
        return State("blocked", "tenant suspended")
    if hostname.suspended:
        return State("blocked", "suspended")
    if hostname.withdrawn_at is not None:
        return State("blocked", "withdrawn")
    return State("on", "active") if hostname.enabled else State("off", "disabled")


def wider_mapping(mapping: Mapping) -> Mapping | None:
    """The mapping, of a shorter prefix of the hostname, that covers the names of this one once it is gone."""
    parts = mapping.prefix.split("/")
    shorter = ["/".join(parts[:length]) for length in range(len(parts))]
    others = mapping.hostname.mappings.filter(prefix__in=shorter).exclude(pk=mapping.pk)
    return max(others.select_related("hostname__tenant", "registry"), key=lambda other: len(other.prefix), default=None)
