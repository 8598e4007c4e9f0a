"""Manifests on their way through: the bytes that a client gets have the digest and the length that it was told.

Between a registry and the facade there may be a proxy that compresses all JSON, leaves `Content-Length` out or drops
headers that it doesn't know. Clients can't do without them: containerd takes the size of a manifest from HEAD
(core/remotes/docker/resolver.go), go-containerregistry and oras-go call a HEAD without length or digest an error.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import TypeVar

from routing.core.decisions import Relay
from routing.core.grammar.names import is_digest
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response
from routing.dataplane.upstream.rewrite import facade_headers, named_headers, plain_length
from routing.registries.client import RegistryClient
from routing.registries.content_coding import read_plain
from routing.registries.exceptions import BadResponse
from routing.registries.http.request import HeaderItems
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.redirects import open_following
from routing.registries.url import parse_registry_url

T = TypeVar("T")

_DIGEST = "Docker-Content-Digest"
# The digest of a signed manifest of the first schema is that of its payload, without the signatures.
SIGNED = "application/vnd.docker.distribution.manifest.v1"
# Of more bytes a digest is made on a thread: it takes milliseconds, for which everybody else would wait.
_BYTES_AT_ONCE = 128 * 1024
_ALGORITHMS = ("sha256", "sha384", "sha512")


async def manifest_answer(
    client: RegistryClient, decision: Relay, caller: ClientRequest, answer: OpenRegistryResponse, headers: HeaderItems
) -> Response:
    """The answer to a request for a manifest, of the registry's with status 200. Raises `RegistryError`.

    `headers` are those with which the registry was asked.
    """
    if caller.method != "HEAD":
        return await _with_body(client, decision, answer)
    length = plain_length(answer)
    if length is not None and _told_digest(answer):
        return Response(200, facade_headers(answer, length))
    # What HEAD doesn't tell, the manifest itself does.
    unconditional = [item for item in headers if item[0].lower() != "if-none-match"]
    async with open_following(client, "GET", decision.url, headers=unconditional) as whole:
        if whole.status != 200:
            raise BadResponse(_host(whole), f"{_host(whole)} answers HEAD with 200 and GET with {whole.status}")
        return (await _with_body(client, decision, whole))._replace(body=b"")


async def _with_body(client: RegistryClient, decision: Relay, answer: OpenRegistryResponse) -> Response:
    body = await read_plain(answer, client.limits.max_body_bytes)
    headers = facade_headers(answer, len(body))
    reference = decision.endpoint.reference if decision.endpoint is not None else ""
    told = _told_digest(answer)
    if not answer.headers.get("content-type", "").startswith(SIGNED):
        # Of who asks by digest both are mostly one.
        for digest in dict.fromkeys((told, reference)):
            if not await aside(body, has_digest, body, digest):
                host = _host(answer)
                raise BadResponse(host, f"{host} answered with other bytes than those of the digest that it names")
        if not told:
            headers = facade_headers(answer, len(body), without=(_DIGEST.lower(),))
            headers.append((_DIGEST, reference if is_digest(reference) else await aside(body, _digest, "sha256", body)))
    return Response(200, headers, body)


def _told_digest(answer: OpenRegistryResponse) -> str:
    """The digest that is handed on as the registry's; "" where it told none."""
    told = named_headers([(_DIGEST, value) for value in answer.headers.get_list(_DIGEST)], (_DIGEST,))
    return told[0][1] if told else ""


def has_digest(body: bytes, digest: str) -> bool:
    """Whether the bytes have the digest, as far as that can be told: not of "", or of an algorithm that isn't known."""
    algorithm = digest.partition(":")[0]
    return not is_digest(digest) or algorithm not in _ALGORITHMS or _digest(algorithm, body) == digest


def _digest(algorithm: str, body: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


async def aside(body: bytes, work: Callable[..., T], *args: object) -> T:
    """What is worked out of a body: on a thread where others would notice (hashlib lets them go on meanwhile)."""
    if len(body) <= _BYTES_AT_ONCE:
        return work(*args)
    return await asyncio.to_thread(work, *args)


def _host(answer: OpenRegistryResponse) -> str:
    return parse_registry_url(answer.url).authority
