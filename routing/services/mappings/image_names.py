"""What a mapping's images begin with, for files and lines that clients read: by the hostname, and by the registry."""

from routing.core.grammar.docker_hub import authority_of_origin
from routing.core.table.mapping_entry import Flag
from routing.models import Mapping
from routing.services.mappings.pull_command import authority_of


def name_here(mapping: Mapping) -> str:
    """By the hostname."""
    return _joined(authority_of(mapping.hostname.name), mapping.prefix)


def name_there(mapping: Mapping) -> str:
    """By the registry."""
    return _joined(authority_of_origin(mapping.registry.origin), upstream_of(mapping))


def upstream_of(mapping: Mapping) -> str:
    """What the prefix is called at the registry."""
    if mapping.table_flags & Flag.NAME_DIFFERS:
        return mapping.registry.table_entry().upstream_name(mapping.upstream_prefix)
    return mapping.upstream_prefix


def _joined(authority: str, path: str) -> str:
    return f"{authority}/{path}" if path else authority
