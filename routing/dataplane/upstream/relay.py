"""Relay and resolve: ask the backing registry with the caller's own token, and hand on what it answers.

Relayed are manifests, tags, referrers and pings: some kilobytes. Of a blob only the `Location` is handed on; its bytes
pass through here only where the registry's operator asked for it.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import NamedTuple

from routing.core.decisions import Challenge, LocateBlob, Relay
from routing.core.grammar.names import EndpointKind
from routing.core.grammar.user_agents import parse_user_agent
from routing.core.table.routing_table import Strategy
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import API_VERSION, Headers, Response, challenge, error, redirect
from routing.dataplane.telemetry.counters import counters
from routing.dataplane.upstream.credentials import NotAccepted, upstream_authorization
from routing.dataplane.upstream.rewrite import forwarded_headers, oci_error, rewrite_link, rewrite_tag_list
from routing.registries.auth.challenge import find_challenge
from routing.registries.client import OpenRegistryResponse, RegistryClient
from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout
from routing.registries.guard import check_url
from routing.registries.url import resolve_location

# A registry's error that is longer than this is a web page, not an error in the OCI format.
_MAX_ERROR_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_TOKEN_PROBLEMS = ("invalid_token", "insufficient_scope", "invalid_request")  # RFC 6750 §3.1
_NOT_FOUND = {EndpointKind.MANIFEST: "MANIFEST_UNKNOWN", EndpointKind.BLOB: "BLOB_UNKNOWN"}


class StreamingResponse(NamedTuple):
    """An answer whose body comes from the registry, part by part, as fast as the caller takes it."""

    status: int
    headers: Headers
    parts: AsyncGenerator[bytes, None]


async def relay(client: RegistryClient, decision: Relay, client_request: ClientRequest) -> Response:
    """Hand on the registry's answer. Never raises for what the registry does."""
    try:
        headers = _headers(decision, client_request)
        method = "HEAD" if client_request.method == "HEAD" else "GET"
        async with client.open(method, decision.url, headers=headers) as answer:
            if answer.status in (200, 304):
                return await _relayed_response(client, decision, client_request, answer)
            return await _error_response(decision, client_request, answer)
    except NotAccepted:
        return _challenge(decision, client_request)
    except RegistryError as failure:
        return bad_gateway(failure)


async def locate_blob(
    client: RegistryClient, decision: LocateBlob, client_request: ClientRequest, *, quota_exhausted: bool = False
) -> Response | StreamingResponse:
    """Hand on where the registry says that the blob is. Never raises for what the registry does.

    `quota_exhausted`: the registry's streaming switch is on, but this month nothing more is streamed for its tenant.
    """
    async with AsyncExitStack() as stack:
        try:
            headers = _headers(decision, client_request)
            method = "HEAD" if client_request.method == "HEAD" else "GET"
            opened = client.open(method, decision.url, headers=headers, streaming=decision.registry.stream_blobs)
            answer = await stack.enter_async_context(opened)
            if answer.status in _REDIRECTS:
                return _location(client, answer)
            if answer.status not in (200, 206):
                return await _error_response(decision, client_request, answer)
            if method == "HEAD":
                return Response(200, _facade_headers(decision, answer, answer.content_length))
            if decision.reauthorises or not any(name == "Authorization" for name, _ in headers):
                return redirect(decision.url)
            if not decision.registry.stream_blobs:
                return _inline_refusal(decision, client_request, quota_exhausted)
            if client_request.range:
                # Asked without the range at first: some registries answer 206 where they would else redirect.
                await stack.aclose()
                ranged = client.open(
                    "GET", decision.url, headers=[*headers, ("Range", client_request.range)], streaming=True
                )
                answer = await stack.enter_async_context(ranged)
                if answer.status not in (200, 206):
                    return await _error_response(decision, client_request, answer)
            headers_out = _facade_headers(decision, answer, answer.content_length)
            return StreamingResponse(answer.status, headers_out, await started(_chunks(answer, stack.pop_all())))
        except NotAccepted:
            return _challenge(decision, client_request)
        except RegistryError as failure:
            return bad_gateway(failure)


async def _chunks(answer: OpenRegistryResponse, stack: AsyncExitStack) -> AsyncGenerator[bytes, None]:
    async with stack, aclosing(answer.chunks()) as chunks:
        yield b""
        async for part in chunks:
            yield part


async def started(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The generator, past its first, empty part. Python closes what has begun even where nobody goes on with it, as
    when the caller is gone; what has not begun would never let go of what it holds."""
    await anext(parts)
    return parts


def bad_gateway(failure: RegistryError) -> Response:
    """The answer to a request that the registry left without a usable one."""
    counters.add(("registry_errors", type(failure).__name__))
    status = 504 if isinstance(failure, RegistryTimeout) else 502
    return error(status, "UNAVAILABLE", f"the backing registry gave no usable answer: {failure}")


def _headers(decision: Relay | LocateBlob, client_request: ClientRequest) -> list[tuple[str, str]]:
    authorization = upstream_authorization(
        client_request.authorization, decision.host, decision.registry, decision.strategy
    )
    return [*client_request.forwarded_headers(), *([("Authorization", authorization)] if authorization else [])]


async def _relayed_response(
    client: RegistryClient, decision: Relay, client_request: ClientRequest, answer: OpenRegistryResponse
) -> Response:
    if decision.endpoint is None:
        return Response(200, [API_VERSION, ("Content-Type", "application/json"), ("Content-Length", "2")], b"{}")
    if answer.headers.get("content-type", "").startswith("text/html"):
        return error(502, "UNAVAILABLE", f"{decision.registry.name} answered with a web page, as no registry does")
    if client_request.method == "HEAD" or answer.status == 304:
        return Response(answer.status, _facade_headers(decision, answer, answer.content_length))
    body = await answer.read(client.limits.max_body_bytes)
    if decision.endpoint.kind is EndpointKind.TAGS:
        body = rewrite_tag_list(body, decision.endpoint.name)
    return Response(answer.status, _facade_headers(decision, answer, len(body)), body)


def _facade_headers(decision: Relay | LocateBlob, answer: OpenRegistryResponse, length: int | None) -> Headers:
    headers = [API_VERSION, *forwarded_headers(answer.headers.multi_items()), ("Cache-Control", "no-store")]
    if decision.endpoint is not None:
        name, url = decision.endpoint.name, answer.url
        values = (rewrite_link(value, url, decision.upstream_name, name) for value in answer.headers.get_list("link"))
        if link := ", ".join(value for value in values if value):
            headers.append(("Link", link))
    if length is not None:
        headers.append(("Content-Length", str(length)))
    return headers


async def _error_response(
    decision: Relay | LocateBlob, client_request: ClientRequest, answer: OpenRegistryResponse
) -> Response:
    """The registry's refusal, in its own words where they are in the OCI format."""
    if answer.status == 401:
        # The caller's token is too old or too small: the registry says so, and the caller asks /token for another.
        asked = find_challenge(answer.headers.get_list("www-authenticate"), "bearer")
        problem = asked.params.get("error", "") if asked else ""
        return _challenge(decision, client_request, problem if problem in _TOKEN_PROBLEMS else "")
    name = decision.registry.name
    if answer.status in _REDIRECTS:
        return error(502, "UNAVAILABLE", f"{name} redirects this request elsewhere, which this facade does not follow")
    if answer.status >= 500 and answer.status != 503:
        return error(502, "UNAVAILABLE", f"{name} answered with an error of its own (status {answer.status})")
    code, message, detail = await _registry_error(answer) or _default_error(decision, answer.status)
    refusal = error(answer.status, code, message, detail)
    refusal.headers.extend(
        (header, value)
        for header, value in forwarded_headers(answer.headers.multi_items())
        if header.lower() not in ("content-type", "etag", "last-modified")
    )
    return refusal


async def _registry_error(answer: OpenRegistryResponse) -> tuple[str, str, object] | None:
    """What the registry says of its refusal. The status is its answer, whatever comes of the words."""
    with suppress(RegistryError):
        return oci_error(await answer.read(_MAX_ERROR_BYTES), answer.headers)
    return None


def _default_error(decision: Relay | LocateBlob, status: int) -> tuple[str, str, object]:
    name = decision.registry.name
    if status == 404:
        kind = decision.endpoint.kind if decision.endpoint else EndpointKind.TAGS
        return _NOT_FOUND.get(kind, "NAME_UNKNOWN"), f"{name} does not have it", None
    if status == 403:
        return "DENIED", f"{name} does not allow it", None
    if status == 429:
        return "TOOMANYREQUESTS", f"the rate limit of {name} is used up", None
    if status == 503:
        return "UNAVAILABLE", f"{name} is not available at the moment", None
    return "UNKNOWN", f"{name} answered with status {status}", None


def _challenge(decision: Relay | LocateBlob, client_request: ClientRequest, error_code: str = "") -> Response:
    endpoint = decision.endpoint
    scope = f"repository:{endpoint.name}:pull" if endpoint is not None else ""
    return challenge(Challenge(decision.host, scope), client_request.public_origin, error_code)


def _location(client: RegistryClient, answer: OpenRegistryResponse) -> Response:
    """Hand a blob's Location on, as it is: it is signed, and nothing may be added to it."""
    given = answer.headers.get("location", "")
    if not given:
        raise BadResponse("", "it redirects without saying where to")
    try:
        location = resolve_location(answer.url, given)
    except ValueError as problem:
        raise BadResponse("", f"it redirects to an address that cannot be used: {problem}") from None
    check_url(location, client.policy)
    return redirect(location)


def _inline_refusal(decision: LocateBlob, client_request: ClientRequest, quota_exhausted: bool) -> Response:
    registry = decision.registry
    pull_from = f"{registry.origin.partition('://')[2]}/{decision.upstream_name}"
    is_docker = parse_user_agent(client_request.user_agent).name == "docker"
    able = "containerd and buildkit" if is_docker or decision.strategy is Strategy.BROKER else "docker and containerd"
    if quota_exhausted:
        why = "what may pass through this facade for this address in a month is used up until the next one begins (UTC)"
        otherwise = "or ask the operators of this facade for more"
    else:
        why = "this client takes no token there when it is redirected"
        otherwise = "or ask the operator of this address to switch on streaming for this registry"
    return error(
        403,
        "DENIED",
        f"{registry.name} serves layers itself, and {why}. {able} {'still can' if quota_exhausted else 'do'}; "
        f"with this client pull from {pull_from}, {otherwise}",
    )
