"""What is relayed, to the byte: a request to the facade, the request that a registry receives, and both responses.

request-handling.md, R14. test_relay_limits.py has R14.9, test_loops.py R14.10 and test_relay_faults.py R14.6 with
every other fault of a registry.
"""

from __future__ import annotations

import json

import pytest

from routing.core.table.routing_table import Auth, RegistryEntry
from tests.dataplane.conftest import Send
from tests.dataplane.facade_client import (
    BASIC,
    BLOB,
    DIGEST,
    HOST,
    MANIFEST,
    PODMAN,
    REFERRERS,
    TAGS,
    TOKEN,
    UPSTREAM,
    set_mappings,
)
from tests.dataplane.http_bytes import body_of, error_of, fields_of, get, message, status_of
from tests.registries.scripted_registry import ScriptedRegistry
from tests.registries.small_registry import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
AGENT = f"User-Agent: {PODMAN}"
BEARER = f"Authorization: {TOKEN[1]}"
TO_FACADE = (f"Host: {HOST}", AGENT, BEARER)
OK = "HTTP/1.1 200 OK"


async def test_r14_1_several_accept_lines_are_joined(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [message(OK, f"Content-Type: {INDEX}", body=b"{}")]

    await send(get(MANIFEST, *TO_FACADE, f"Accept: {INDEX}", "Accept: application/json", "Accept: */*"))

    assert fields_of(registry.requests[0])["accept"].replace(" ", "") == f"{INDEX},application/json,*/*"


async def test_r14_2_what_is_handed_on(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [message("HTTP/1.1 304 Not Modified", 'ETag: "e"')]
    dropped = ("Cookie: session=1", "X-Forwarded-For: 198.51.100.7")

    response = await send(get(f"{MANIFEST}?ns=docker.io", *TO_FACADE, 'If-None-Match: "e"', *dropped))

    assert (status_of(response), body_of(response), fields_of(response)["etag"]) == (304, b"", '"e"')
    (upstream,) = registry.requests
    assert upstream.startswith(f"GET {UPSTREAM[MANIFEST]}?ns=docker.io HTTP/1.1\r\n".encode())
    assert fields_of(upstream) == {
        "host": registry.netloc,
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": TOKEN[1],
        "if-none-match": '"e"',
        "user-agent": PODMAN,
    }


async def test_r14_2_an_open_registry_gets_no_token(send: Send, registry: ScriptedRegistry) -> None:
    set_mappings({"team": (RegistryEntry(registry.url, "open", auth=Auth.NONE), "acme", 0)})
    registry.responses = [message(OK, "Content-Type: application/json", body=b'{"name":"acme/app","tags":[]}')]

    for credentials in ([BEARER], [f"Authorization: Basic {BASIC}"], []):
        assert status_of(await send(get(TAGS, f"Host: {HOST}", AGENT, *credentials))) == 200
        assert "authorization" not in fields_of(registry.requests[-1])


async def test_r14_2_basic_credentials_are_not_for_a_bearer_registry(send: Send, registry: ScriptedRegistry) -> None:
    response = await send(get(MANIFEST, f"Host: {HOST}", AGENT, f"Authorization: Basic {BASIC}"))

    assert status_of(response) == 401
    assert fields_of(response)["www-authenticate"].startswith(f'Bearer realm="http://{HOST}/token"')
    assert registry.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r14_3_what_is_handed_back(send: Send, registry: ScriptedRegistry, method: str) -> None:
    kept = {
        "content-type": INDEX,
        "docker-content-digest": digest_of(b'{"manifests":[]}'),
        "etag": f'"{DIGEST}"',
        "oci-subject": DIGEST,
        "ratelimit-limit": "100;w=21600",
        "ratelimit-remaining": "76;w=21600",
        "docker-ratelimit-source": "192.0.2.9",
        "retry-after": "3",
        "content-length": "16",
    }
    dropped = {"set-cookie": "a=b", "x-served-by": "machine 7", "strict-transport-security": "max-age=1"}
    body = b"" if method == "HEAD" else b'{"manifests":[]}'
    lines = [f"{name}: {value}" for name, value in (kept | dropped).items()]
    registry.responses = [message(OK, *lines) + body]

    response = await send(message(f"{method} {MANIFEST} HTTP/1.1", *TO_FACADE))

    assert registry.requests[0].startswith(f"{method} ".encode())
    assert (status_of(response), body_of(response)) == (200, body)
    fields = fields_of(response)
    assert {name: fields.get(name) for name in kept} == kept
    assert not dropped.keys() & fields.keys()
    assert fields["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize("origin", ["", "the registry"])
async def test_r14_4_lists_speak_of_the_facades_name(send: Send, registry: ScriptedRegistry, origin: str) -> None:
    start = registry.url if origin else ""
    link = f'Link: <{start}/v2/acme/app/tags/list?last=b&n=2>; rel="next"'
    tags = b'{"name": "acme/app", "tags": ["a", "b"]}'
    registry.responses = [message(OK, "Content-Type: application/json", link, body=tags)]

    response = await send(get(f"{TAGS}?n=2", *TO_FACADE))

    assert json.loads(body_of(response)) == {"name": "team/app", "tags": ["a", "b"]}
    assert fields_of(response)["link"] == '</v2/team/app/tags/list?last=b&n=2>; rel="next"'
    assert int(fields_of(response)["content-length"]) == len(body_of(response))
    assert registry.requests[0].startswith(f"GET {UPSTREAM[TAGS]}?n=2 HTTP/1.1\r\n".encode())


async def test_r14_4_referrers_are_relayed_as_they_are(send: Send, registry: ScriptedRegistry) -> None:
    index = json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST, "size": 1}]}).encode()
    registry.responses = [message(OK, f"Content-Type: {INDEX}", "OCI-Filters-Applied: artifactType", body=index)]

    response = await send(get(f"{REFERRERS}?artifactType=a%2Fb", *TO_FACADE))

    assert (body_of(response), fields_of(response)["oci-filters-applied"]) == (index, "artifactType")
    assert registry.requests[0].startswith(f"GET {UPSTREAM[REFERRERS]}?artifactType=a%2Fb HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS])
async def test_r14_5_a_401_has_the_facades_own_challenge(send: Send, registry: ScriptedRegistry, path: str) -> None:
    challenge = (
        f'Bearer realm="{registry.url}/realm",service="s",scope="repository:acme/app:pull",error="insufficient_scope"'
    )
    fields = (f"WWW-Authenticate: {challenge}", "Content-Type: application/json")
    registry.responses = [message("HTTP/1.1 401 Unauthorized", *fields, body=b"{}")]

    response = await send(get(path, f"Host: {HOST}:5000", AGENT, BEARER))

    assert error_of(response)[:2] == (401, "UNAUTHORIZED")
    assert fields_of(response)["www-authenticate"] == (
        f'Bearer realm="http://{HOST}:5000/token",service="{HOST}",'
        'scope="repository:team/app:pull",error="insufficient_scope"'
    )


async def test_r14_8_a_ping_that_the_registry_accepts(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [message(OK, "Content-Type: application/json", body=b'{"what":"ever"}')]

    response = await send(get("/v2/", *TO_FACADE))

    assert (status_of(response), body_of(response)) == (200, b"{}")
    assert fields_of(registry.requests[0])["authorization"] == TOKEN[1]


async def test_r14_8_a_ping_that_the_registry_refuses(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [message("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Bearer x", "Content-Length: 0")]

    response = await send(get("/v2/", *TO_FACADE))

    assert status_of(response) == 401
    assert fields_of(response)["www-authenticate"] == f'Bearer realm="http://{HOST}/token",service="{HOST}"'
