"""What well-known registries answer where they differ from the plain ones, for a sick server to do likewise."""

from __future__ import annotations

from tests.registries.faulty_server import Behaviour, Exchange


def redirects(location: str, status: int = 307) -> Behaviour:
    """Redirect, with the query carried over as Harbor, registry.k8s.io and most others do."""

    def behave(exchange: Exchange) -> None:
        _, mark, query = exchange.request.path.partition("?")
        exchange.answer(status, {"Location": f"{location}{mark}{query}", "Content-Type": "text/html"}, b"<a>Moved</a>")

    return behave


def harbor_library(name: str, tail: str) -> Behaviour:
    """Harbor's proxy cache of Docker Hub, request for an image without its `library/`.

    301 to the name with it, as a path (goharbor/harbor, src/server/middleware/repoproxy/proxy.go; tags: #23368).
    """
    project, _, image = name.partition("/")
    return redirects(f"/v2/{project}/library/{image}/{tail}", 301)


def ghcr_referrers(package: str) -> Behaviour:
    """GHCR's answer to referrers: 303 to a page of its web site (artifacthub/hub#4785)."""
    page = package.replace("/", "%2F")
    return redirects(f"https://github.com/-/v2/packages/container/package/{page}%2Freferrers%2Fsha256", 303)


def no_such_route(exchange: Exchange) -> None:
    """docker-registry 2.8 (Go's mux) at a path that it has no handler for, such as referrers."""
    exchange.answer(404, {"Content-Type": "text/plain; charset=utf-8"}, b"404 page not found\n")


def artifactory_referrers(exchange: Exchange) -> None:
    """Artifactory without the referrers API (google/go-containerregistry#1962)."""
    exchange.answer(406, {"Content-Type": "text/html;charset=utf-8"}, b"<html>Not Acceptable")


def sign_in_page(exchange: Exchange) -> None:
    """Where registry.k8s.io's redirect of referrers used to end (oras-project/oras-go#633)."""
    exchange.answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><title>Sign in")
