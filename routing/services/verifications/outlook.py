"""What clients would meet: the routing table as it is, and as it would be, asked by the data plane's own decision."""

from __future__ import annotations

from typing import Any

from routing.conf import policy
from routing.core.client_support import Findings
from routing.core.table.mapping_entry import Flag, MappingEntry, decode, mapping_key
from routing.core.table.routing_table import RegistryEntry, Table
from routing.models import Mapping
from routing.models.mapping import pack_flags
from routing.services.mappings.candidate_table import with_mapping
from routing.table.load import load_table
from routing.verification.clients import refused_clients
from routing.verification.differences import Difference

_INLINE = {"inline": True, "redirect": False}


def client_differences(switch: dict[str, Any], facts: dict[str, Any]) -> list[Difference]:
    """Which clients could pull today through a mapping, and could not after its switch.

    `facts` are those that the report has of one repository below it. A mapping that is gone has no clients.
    """
    today = load_table(policy(), switch["hostname"])
    key = mapping_key(switch["hostname"], switch["prefix"])
    packed = today.mappings.get(key)
    if packed is None:
        return []
    tomorrow = _after(today, key, decode(switch["prefix"], packed), switch, facts)
    name = "/".join(part for part in (switch["prefix"], facts.get("rest", "")) if part) or "image"
    found = tuple(Findings(inline_blobs=_inline(facts, side)) for side in ("old", "new"))
    return refused_clients(today, tomorrow, switch["host"], name, (found[0], found[1]))


def _after(today: Table, key: str, entry: MappingEntry, switch: dict[str, Any], facts: dict[str, Any]) -> Table:
    """The table with the switch made, and with what a probe would find after it."""
    new = switch["new"]
    is_private = bool(entry.flags & Flag.PRIVATE) if switch["private"] is None else switch["private"]
    is_only = bool(entry.flags & Flag.REDIRECT_ONLY)
    delivery = switch["delivery"] or (Mapping.Delivery.REDIRECT_ONLY if is_only else Mapping.Delivery.AUTO)
    flags = pack_flags(
        bool(entry.flags & Flag.ENABLED),
        bool(entry.flags & Flag.ALLOW_PUSH),
        is_private or facts.get("new_public") is False,
        delivery,
        False,
    )
    return with_mapping(today, key, MappingEntry(new["key"], new["prefix"], flags), RegistryEntry(**new["registry"]))


def _inline(facts: dict[str, Any], side: str) -> bool | None:
    return _INLINE.get(facts.get(f"{side}_delivery", ""))
