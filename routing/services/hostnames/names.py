"""Names of hostnames, as people type them."""

from routing.core.grammar.hosts import InvalidHost, normalise_served_name
from routing.services.base.errors import ServiceError


def parse_hostname(text: str) -> str:
    """A hostname as it is stored. Raises ServiceError."""
    try:
        return normalise_served_name(text)
    except InvalidHost as error:
        raise ServiceError.for_field("hostname", str(error)) from error
