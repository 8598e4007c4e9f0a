"""What a registry is called in an image's name."""

from __future__ import annotations

import pytest

from routing.core.grammar.docker_hub import authority_of_origin


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        ("https://registry-1.docker.io", "docker.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://registry.acme.com:5000", "registry.acme.com:5000"),
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        # Another origin is another registry, though its host be Docker Hub's.
        ("http://registry-1.docker.io", "registry-1.docker.io"),
    ],
)
def test_it_is_the_origins_authority_and_docker_hubs_short_name(origin: str, authority: str) -> None:
    assert authority_of_origin(origin) == authority
