"""Public registries that many pull from: none of their names is anybody's hostname here."""

from routing.core.grammar.docker_hub import DOCKER_HUB_NAMES
from routing.core.grammar.hosts import wildcard_above

#: At these names, and below them. A publisher's own address, such as docker.elastic.co, is not among them: whoever
#: verifies it may want this facade to be there.
_DOMAINS = (
    *DOCKER_HUB_NAMES,
    "azurecr.io",
    "cgr.dev",
    "container-registry.oracle.com",
    "docker.com",
    "docker.pkg.github.com",
    "gcr.io",
    "ghcr.io",
    "icr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "ocir.io",
    "pkg.dev",
    "public.ecr.aws",
    "quay.io",
    "registry.access.redhat.com",
    "registry.connect.redhat.com",
    "registry.digitalocean.com",
    "registry.gitlab.com",
    "registry.k8s.io",
    "registry.redhat.io",
)


def public_registry_at(name: str) -> str:
    """The public registry at this hostname, in its stored form, above it, or below this wildcard; "" for none."""
    base = name.removeprefix("*.")
    for domain in _DOMAINS:
        if base == domain or base.endswith(f".{domain}") or name == wildcard_above(domain):
            return domain
    return ""
