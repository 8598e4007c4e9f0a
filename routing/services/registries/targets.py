"""TARGET, as a person writes it: `registry[/upstream-prefix]`.

`ghcr.io/acme`, `docker.io/acme`, `https://registry.acme.com:5000/team`, `https://hub.docker.com/r/acme/app`.
"""

from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from routing.core.grammar.docker_hub import DOCKER_HUB_NAMES, DOCKER_HUB_ORIGIN, authority_of_origin
from routing.core.grammar.hosts import InvalidHost, ends_in_number, normalise_hostname, parse_authority, wildcard_above
from routing.core.grammar.names import is_name
from routing.models import Hostname, Registry, Tenant
from routing.registries.addresses import AddressScope, classify_address
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.registries.pages import image_of_page

_DEFAULT_PORT = {"https": "443", "http": "80"}


class Target(NamedTuple):
    """A target taken apart. `origin` is scheme://host[:port], `authority` what comes before the first slash."""

    origin: str
    authority: str
    upstream_prefix: str


def parse_target(text: str) -> Target:
    """Take a TARGET apart, or the address of a web page about an image. Raises ServiceError that says what is wrong."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "https", text.strip()
    authority, _, prefix = rest.partition("/")
    page = image_of_page(_bare(scheme, authority), prefix, pasted=bool(separator))
    if page is not None:
        scheme, separator, (authority, prefix) = "https", "", page
    prefix = prefix.strip("/")
    if not authority:
        raise ServiceError.for_field("target", "give a registry, such as ghcr.io/acme")
    if separator and f"{prefix}/".startswith("v2/"):
        raise ServiceError.for_field(
            "target", "leave out /v2/, under which every registry has its API: write it like ghcr.io/acme"
        )
    origin = parse_origin(f"{scheme}://{authority}")
    if prefix and not is_name(prefix):
        raise ServiceError.for_field(
            "target",
            f"“{prefix}” is not a repository name: lower-case letters, digits and single separators (. _ __ -), "
            "in components joined by /, with no tag or digest",
        )
    return Target(origin, authority_of_origin(origin), prefix)


def _bare(scheme: str, authority: str) -> str:
    """The host as pages are known by, without the scheme's own port."""
    return authority.lower().removesuffix(f":{_DEFAULT_PORT.get(scheme.lower(), '')}")


def parse_origin(text: str, field: str = "target") -> str:
    """The normalised scheme://host[:port] of a registry's address; every name of Docker Hub is that of its API.

    Raises ServiceError.
    """
    scheme, separator, rest = text.strip().lower().partition("://")
    authority = rest.rstrip("/")
    if not separator or scheme not in _DEFAULT_PORT:
        raise ServiceError.for_field(field, f"“{text}” is not the address of a registry: write it like https://ghcr.io")
    if "@" in authority:
        raise ServiceError.for_field(
            field, "a registry's address holds no user name or password: clients bring their own"
        )
    if "/" in authority or "?" in authority or "#" in authority:
        raise ServiceError.for_field(field, "a registry's address ends after host and port: its API is always at /v2/")
    try:
        name, colon, digits = authority.partition(":")
        if not name.isascii():
            authority = f"{normalise_hostname(name)}{colon}{digits}"
        host, port = parse_authority(authority)
        if not host.startswith("["):
            host = normalise_hostname(host)
    except InvalidHost as error:
        raise ServiceError.for_field(field, f"“{authority}” is not the address of a registry: {error}") from error
    port = str(int(port)) if port else ""
    if host in DOCKER_HUB_NAMES and port in ("", *_DEFAULT_PORT.values()):
        return DOCKER_HUB_ORIGIN
    return f"{scheme}://{host}{f':{port}' if port not in ('', _DEFAULT_PORT[scheme]) else ''}"


def place_of(origin: str) -> str:
    """What two origins have in common that are one registry: the host, and the port unless that is a scheme's own."""
    authority = origin.partition("://")[2]
    try:
        host, port = parse_authority(authority)
    except InvalidHost:
        # The table's constraint is wider than the grammar.
        return authority
    return host if port in ("", *_DEFAULT_PORT.values()) else f"{host}:{port}"


def shared_at(origin: str) -> Registry | None:
    """The shared registry that is at the same place, by whichever scheme."""
    wanted = place_of(origin)
    return next((each for each in Registry.objects.filter(tenant=None) if place_of(each.origin) == wanted), None)


def parse_alias(text: str) -> str:
    """A registry's alias as it is stored: host[:port], as before the first slash of a target. Raises ServiceError."""
    alias = text.strip().lower()
    if not alias:
        return ""
    name, colon, digits = alias.partition(":")
    try:
        host, port = parse_authority(f"{normalise_hostname(name)}{colon}{digits}")
    except InvalidHost as error:
        raise ServiceError.for_field(
            "alias", f"“{text}” is no name of a registry: write it like docker.io, with a port where it has one"
        ) from error
    return host if not port or int(port) == int(_DEFAULT_PORT["https"]) else f"{host}:{int(port)}"


def check_origin(origin: str, field: str = "target") -> None:
    """Refuse origins that this deployment doesn't allow, and such as would lead back here. Raises ServiceError."""
    scheme, _, authority = origin.partition("://")
    host, _ = parse_authority(authority)
    if scheme == "http" and not settings.FACADE_ALLOW_INSECURE_REGISTRIES:
        raise ServiceError.for_field(
            field,
            f"{origin} is not encrypted. Use https://, or set FACADE_ALLOW_INSECURE_REGISTRIES=true "
            "if content and credentials may travel in the clear",
            Code.REGISTRY_NOT_ALLOWED,
        )
    far = address_scope(host)
    if far is AddressScope.FORBIDDEN:
        raise ServiceError.for_field(
            field, f"{host} is an address at which no registry can be", Code.REGISTRY_NOT_ALLOWED
        )
    if far is AddressScope.PRIVATE and "." not in host and ":" not in host and host != "localhost":
        if not settings.FACADE_ALLOW_PRIVATE_REGISTRIES:
            raise ServiceError.for_field(
                field,
                f"“{host}” is no registry on the internet: write it in full, like ghcr.io/acme. For a name of your "
                "own network, set FACADE_ALLOW_PRIVATE_REGISTRIES=true",
                Code.REGISTRY_NOT_ALLOWED,
            )
    elif far is AddressScope.PRIVATE and not settings.FACADE_ALLOW_PRIVATE_REGISTRIES:
        raise ServiceError.for_field(
            field,
            f"{host} is a private or loopback address. Set FACADE_ALLOW_PRIVATE_REGISTRIES=true "
            "if mappings may lead into this network",
            Code.REGISTRY_NOT_ALLOWED,
        )
    if Hostname.objects.filter(name__in=(host, wildcard_above(host))).exists():
        raise ServiceError.for_field(
            field,
            f"{host} is a hostname of this facade itself: a mapping to it would point round in a circle",
            Code.REGISTRY_NOT_ALLOWED,
        )


def check_target(tenant: Tenant | None, wanted: Target) -> None:
    """Refuse a target at which the tenant has no registry yet, and can't have one. Raises ServiceError."""
    if find_registry(tenant, wanted) is None:
        check_origin(wanted.origin)


def address_scope(host: str) -> AddressScope:
    """How far a normalised host reaches, as far as it says so by itself (names are not looked up)."""
    try:
        return classify_address(host.strip("[]"))[0]
    except ValueError:
        # One label: localhost, or a name of the local search domain.
        private = "." not in host or ends_in_number(host) or host.endswith((".localhost", ".local", ".internal"))
        return AddressScope.PRIVATE if private else AddressScope.PUBLIC


def find_registry(tenant: Tenant | None, target: Target) -> Registry | None:
    """The registry that the tenant means: its own before a shared one, by address or by alias."""
    candidates = Registry.objects.filter(Q(tenant=None) | Q(tenant=tenant)).filter(
        Q(origin=target.origin) | Q(alias=target.authority)
    )
    return min(candidates, key=lambda registry: (registry.tenant_id is None, registry.pk), default=None)
