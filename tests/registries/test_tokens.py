from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl

import pytest

from routing.registries.auth.scopes import parse_scopes
from routing.registries.auth.tokens import fetch_token, post_token, read_token
from routing.registries.client import RegistryClient
from routing.registries.exceptions import BadResponse, ForbiddenAddress, ResponseTooLarge
from tests.registries.faulty_server import FaultyServer

SCOPES = parse_scopes("repository:acme/app:pull,push registry:catalog:*")


async def test_a_get_says_service_scopes_and_what_the_caller_adds(client: RegistryClient, server: FaultyServer) -> None:
    server.answers_json("/jwt/auth", {"token": "t"}, {"Retry-After": "3"})
    answer = await fetch_token(
        client,
        server.url + "/jwt/auth?tenant=a%2fb#fragment",
        service="the registry & co",
        scopes=SCOPES,
        authorization="Basic c2VjcmV0",
        fields=[
            ("account", "me"),
            ("service", "another"),
            ("scope", "repository:other:push"),
            ("offline_token", "true"),
        ],
        user_agent="docker/20.10",
    )
    assert (answer.status, answer.headers["content-type"], answer.headers["retry-after"]) == (
        200,
        "application/json",
        "3",
    )
    assert read_token(answer) == "t"
    path, _, query = server.requests[0].path.partition("?")
    assert path == "/jwt/auth"
    assert query.startswith("tenant=a%2fb&")
    assert parse_qsl(query)[1:] == [
        ("account", "me"),
        ("offline_token", "true"),
        ("service", "the registry & co"),
        ("scope", "repository:acme/app:pull,push"),
        ("scope", "registry:catalog:*"),
    ]
    assert server.requests[0].headers["Authorization"] == "Basic c2VjcmV0"
    assert server.requests[0].headers["User-Agent"] == "docker/20.10"


async def test_a_realm_needs_no_query(client: RegistryClient, server: FaultyServer) -> None:
    await fetch_token(client, server.url + "/token", service=None)
    await fetch_token(client, server.url + "/token", service="s")
    assert server.paths() == ["/token", "/token?service=s"]
    assert "Authorization" not in server.requests[0].headers


async def test_a_post_relays_the_form_with_service_and_scope_of_ours(
    client: RegistryClient, server: FaultyServer
) -> None:
    server.answers_json("/token", {"access_token": "t"})
    answer = await post_token(
        client,
        server.url + "/token",
        service="s",
        scopes=SCOPES,
        fields=[("grant_type", "password"), ("password", "p&=ä"), ("service", "x"), ("scope", "repository:x:push")],
    )
    assert read_token(answer) == "t"
    (request,) = server.requests
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["password"],
        "password": ["p&=ä"],
        "service": ["s"],
        "scope": ["repository:acme/app:pull,push registry:catalog:*"],
    }


async def test_a_refusal_is_an_answer_to_relay(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/token", 401, {"WWW-Authenticate": 'Basic realm="x"'}, b"no")
    answer = await fetch_token(client, server.url + "/token", service="s", authorization="Basic wrong")
    assert (answer.status, answer.body) == (401, b"no")


async def test_a_realm_is_guarded_like_a_registry(client: RegistryClient) -> None:
    for ask in (fetch_token, post_token):
        with pytest.raises(ForbiddenAddress):
            await ask(client, "http://169.254.169.254/token", service="s", authorization="Basic s3cret")


async def test_a_realms_answer_is_small(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/token", 200, {}, b"x" * 300_000)
    with pytest.raises(ResponseTooLarge):
        await fetch_token(client, server.url + "/token", service="s")


async def test_an_answer_without_a_token_is_said_to_have_none(client: RegistryClient, server: FaultyServer) -> None:
    for body in (b"", b"null", b'{"token": ""}', b'{"token": "a b"}', b"[" * 10_000):
        server.answers("/token", 200, {}, body)
        answer = await fetch_token(client, server.url + "/token", service="s")
        with pytest.raises(BadResponse):
            read_token(answer)
