"""One container, two variables: REGISTRY_HOST and REGISTRY_ORG serve one organisation, on whichever name leads here.

What they say becomes rows (`manage.py add_plain_mapping`). See docs/how-to/plain-container.md.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.core.exceptions import ImproperlyConfigured

from routing.core.grammar.hosts import parse_authority
from routing.core.grammar.names import is_name
from routing.core.grammar.proxies import PRIVATE

_SCHEMES = ("https://", "http://")
#: What the plain Caddy container read besides, and what there is instead.
_FORMER = {
    "ADDRESS": "PORT and FACADE_HOSTNAME say where this container serves, and TLS ends in front of it",
    "CACHE_TIMEOUT": "FACADE_REDIRECT_MAX_AGE_SECONDS says how long a redirect may be remembered",
}


def check_registry(text: str) -> None:
    """Raise ValueError for what is no host of a registry."""
    scheme = next((each for each in _SCHEMES if text.startswith(each)), "")
    parse_authority(text.removeprefix(scheme))


def check_organisation(text: str) -> None:
    """Raise ValueError for what is no beginning of repositories' names."""
    if not is_name(text):
        raise ValueError("it has lower-case letters, digits and single separators (. _ __ -) alone")


def check_together(registry: str, organisation: str, hostname: str, proxies: Sequence[str], certificates: str) -> None:
    """Raise ImproperlyConfigured for what there is with REGISTRY_HOST alone, and what it can't be without."""
    if registry:
        if certificates and not hostname:
            raise ImproperlyConfigured(
                "FACADE_TLS_CERTIFICATES goes with FACADE_HOSTNAME where REGISTRY_HOST is set: certificates are shown "
                "for names that are known, so say which it is"
            )
        return
    given = {"REGISTRY_ORG": organisation, "FACADE_HOSTNAME": hostname}
    for name in (name for name, value in given.items() if value):
        raise ImproperlyConfigured(
            f"{name} goes with REGISTRY_HOST, which is not set: see docs/how-to/plain-container.md"
        )
    if any(proxy.lower() == PRIVATE for proxy in proxies):
        raise ImproperlyConfigured(
            f"FACADE_TRUSTED_PROXIES={PRIVATE} goes with REGISTRY_HOST, which is not set: name the addresses of your "
            "proxies, since whoever comes from them says who a client is"
        )


def told(
    registry: str,
    organisation: str,
    hostname: str,
    proxies: Sequence[str],
    control_hosts: Sequence[str],
    state: str,
    environ: Mapping[str, str],
) -> Iterator[str]:
    """What the log says at a start with these variables, a line each. Nothing without REGISTRY_HOST."""
    if not registry:
        return
    what = f"{organisation}/… at {registry}" if organisation else f"all of {registry}"
    yield f"Serving {what} on {hostname or 'every name that leads here'}."
    yield f"The admin answers on {', '.join(control_hosts)} and nowhere else. FACADE_CONTROL_HOSTS names more."
    if any(proxy.lower() == PRIVATE for proxy in proxies):
        yield "Every private address is taken for a proxy that says who its clients are (FACADE_TRUSTED_PROXIES)."
    yield (
        f"What is changed in the admin is kept in {state}: without a volume there it goes with the container, and the "
        "next one begins with the variables."
    )
    for name, instead in _FORMER.items():
        if environ.get(name):
            yield f"{name} is not read: {instead}."
