"""What Docker Hub is called: everywhere else a registry has one name."""

DOCKER_HUB = "docker.io"
DOCKER_HUB_ORIGIN = "https://registry-1.docker.io"
# index.docker.io is what docker's own configuration calls it, registry.hub.docker.com what its pages once did
# (containers/image, pkg/docker/config: normalizeRegistry); hub.docker.com is its web site.
DOCKER_HUB_NAMES = frozenset(
    {DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"}
)


def authority_of_origin(origin: str) -> str:
    """A registry as clients name it in an image, and keep its credentials: `docker.io` for Docker Hub."""
    return DOCKER_HUB if origin == DOCKER_HUB_ORIGIN else origin.partition("://")[2]
