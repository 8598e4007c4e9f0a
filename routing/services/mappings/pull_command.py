"""What people type to pull through a mapping, with the port by which they reach this facade."""

from django.conf import settings

from routing.core.grammar.hosts import is_loopback
from routing.models import Mapping

HTTPS_PORT = 443


def pull_command(mapping: Mapping) -> str:
    """The command that pulls through a mapping, with a placeholder for what isn't known of the name."""
    host = authority_of(mapping.hostname.name.replace("*", "NAME", 1))
    source = f"{host}/{mapping.prefix}" if mapping.prefix else host
    return f"docker pull {source if mapping.is_repository else f'{source}/IMAGE'}"


def authority_of(host: str) -> str:
    """A hostname as it stands in an image's name: with a port, unless it is that of https."""
    port = port_of(host)
    # Without a dot or a port, docker takes the first component for an organisation at Docker Hub.
    is_plain = "." in host or host == "localhost" or host.startswith("[")
    return host if port == HTTPS_PORT and is_plain else f"{host}:{port}"


def port_of(host: str) -> int:
    """By which a hostname is reached.

    Loopback names are reached directly, at FACADE_LOOPBACK_PORT; all others where TLS ends, at FACADE_PUBLIC_PORT.
    """
    return int(settings.FACADE_LOOPBACK_PORT if is_loopback(host) else settings.FACADE_PUBLIC_PORT)
