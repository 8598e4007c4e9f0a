"""Redirects of nginx, Caddy and the plain container become a document, and what isn't understood is told."""

from __future__ import annotations

import pytest

from routing.services.base.errors import ServiceError
from routing.services.configuration.foreign import import_rules

NGINX = """
server {
    listen 443 ssl;
    server_name docker.acme.com pull.acme.com;
    location /v2/ {
        return 307 https://ghcr.io$request_uri;
    }
    location ^~ /v2/tools/ {
        return 302 https://quay.io$request_uri;
    }
    location ~ ^/v2/web/(.*)$ {
        return 307 https://ghcr.io/v2/acme-web/$1$is_args$args;
    }
    rewrite ^/v2/old/(.*)$ https://quay.io/v2/acme-old/$1 redirect;
    if ($http_user_agent ~ bad) {
    }
}
"""
CADDY = """
{
    email me@acme.com
}
docker.acme.com, https://pull.acme.com {
    redir /v2/tools/* https://quay.io{uri} 307
    redir https://ghcr.io{uri} 307
    reverse_proxy localhost:80
}
"""


def mappings(text: str) -> dict[str, str]:
    (tenant,) = import_rules(text, "acme").document.tenants
    return {
        f"{host.name}/{entry.prefix}": f"{entry.registry}/{entry.upstream_prefix} {entry.delivery}"
        for host in tenant.hostnames
        for entry in host.mappings
    }


def test_nginx() -> None:
    found = mappings(NGINX)

    assert {name: target for name, target in found.items() if name.startswith("docker")} == {
        "docker.acme.com/": "https://ghcr.io/ redirect-only",
        "docker.acme.com/tools": "https://quay.io/tools redirect-only",
        "docker.acme.com/web": "https://ghcr.io/acme-web redirect-only",
        "docker.acme.com/old": "https://quay.io/acme-old redirect-only",
    }
    assert len(found) == 8
    assert import_rules(NGINX, "acme").ignored == ("line 15: if ($http_user_agent ~ bad) {",)


def test_caddy() -> None:
    assert mappings(CADDY) == {
        f"{name}/{prefix}": f"{target} redirect-only"
        for name in ("docker.acme.com", "pull.acme.com")
        for prefix, target in (("tools", "https://quay.io/tools"), ("", "https://ghcr.io/"))
    }
    assert import_rules(CADDY, "acme").ignored == (
        "line 3: email me@acme.com",
        "line 8: reverse_proxy localhost:80",
    )


def test_variables_of_the_plain_container() -> None:
    text = 'REGISTRY_HOST=ghcr.io\nexport REGISTRY_ORG="acme" # ours\nFACADE_HOSTNAME=Docker.Acme.com\nPORT=80\n'

    assert mappings(text) == {"docker.acme.com/acme": "https://ghcr.io/acme auto"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no redirect of a usual form was found"),
        ("REGISTRY_HOST=ghcr.io", "FACADE_HOSTNAME is not there"),
        ("a.example {\n respond 200\n}", "no redirect of a usual form was found"),
        ("redir https://ghcr.io{uri}", "no redirect of a usual form was found"),
        ("REGISTRY_HOST=gh cr\nFACADE_HOSTNAME=a.example", "is not the address of a registry"),
        ("a.example {\n redir https://$host{uri} 307\n}", "no redirect of a usual form was found"),
    ],
)
def test_what_can_t_be_read_is_said(text: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        import_rules(text, "acme")


def test_a_redirect_that_follows_what_a_request_says_is_never_taken() -> None:
    found = import_rules("a.example {\n redir https://{host}{uri}\n redir https://ghcr.io{uri}\n}", "acme")

    assert found.ignored == ("line 2: redir https://{host}{uri}",)
