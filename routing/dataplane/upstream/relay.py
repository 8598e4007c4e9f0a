"""Relay and resolve: ask the backing registry with the caller's own token, and hand on what it answers.

Relayed are manifests, tags, referrers and pings: some kilobytes. Of a blob only the `Location` is handed on; its bytes
pass through here only where the registry's operator asked for it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple

from routing.core.decisions import LocateBlob, PingOk, Relay, inline_refusal
from routing.core.grammar.names import EndpointKind
from routing.core.grammar.user_agents import Needed
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Headers, Response, error, redirect, response_for
from routing.dataplane.upstream.credentials import NotAccepted, upstream_authorization
from routing.dataplane.upstream.lists import is_index, list_answer
from routing.dataplane.upstream.manifests import manifest_answer
from routing.dataplane.upstream.own_account import refuse_quoted
from routing.dataplane.upstream.refusals import bad_gateway, challenged, no_referrers, refused
from routing.dataplane.upstream.rewrite import facade_headers, plain_length
from routing.registries.client import RegistryClient
from routing.registries.content_coding import codings_of, plain_chunks
from routing.registries.exceptions import BadResponse, RegistryError
from routing.registries.guard import check_url
from routing.registries.http.request import HeaderItems
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.redirects import MAX_REDIRECTS, REDIRECTS, api_only, location_of, open_following

# 203: a proxy on the way has changed something (RFC 9110 §15.3.4); digests tell whether that matters.
_SUCCESSES = (200, 203)


class StreamingResponse(NamedTuple):
    """An answer whose body comes from the registry, part by part, as fast as the caller takes it."""

    status: int
    headers: Headers
    parts: AsyncGenerator[bytes, None]


async def relay(
    client: RegistryClient,
    decision: Relay,
    client_request: ClientRequest,
    is_own: Callable[[str], bool] = lambda _url: False,
    own_authorization: str | None = None,
) -> Response:
    """Hand on the registry's answer. Never raises for what the registry does.

    `is_own` says whether a URL leads to this facade, which then isn't asked. `own_authorization`: that of a
    published mapping's account, in place of the caller's.
    """
    try:
        headers = _headers(decision, client_request, own_authorization)
        method = "HEAD" if client_request.method == "HEAD" else "GET"
        async with open_following(client, method, decision.url, headers=headers) as answer:
            if answer.status in REDIRECTS:
                return await _redirected(client, decision, headers, answer, is_own)
            if answer.status in (*_SUCCESSES, 304):
                return await _relayed_response(client, decision, client_request, answer, headers)
            return await refused(decision, client_request, answer)
    except NotAccepted:
        return challenged(decision, client_request)
    except RegistryError as failure:
        return bad_gateway(failure)


async def locate_blob(
    client: RegistryClient,
    decision: LocateBlob,
    client_request: ClientRequest,
    *,
    own_authorization: str | None = None,
    quota_exhausted: bool = False,
) -> Response | StreamingResponse:
    """Hand on where the registry says that the blob is. Never raises for what the registry does.

    `quota_exhausted`: the registry's streaming switch is on, but this month nothing more is streamed for its tenant.
    `own_authorization` is as in `relay`.
    """
    async with AsyncExitStack() as stack:
        try:
            headers = _headers(decision, client_request, own_authorization)
            method = "HEAD" if client_request.method == "HEAD" else "GET"
            streaming = decision.registry.stream_blobs
            opened = open_following(
                client, method, decision.url, headers=headers, follows=api_only, streaming=streaming
            )
            answer = await stack.enter_async_context(opened)
            if answer.status in REDIRECTS:
                return _location(client, answer, own_authorization or "")
            if answer.status == 304:
                return Response(304, facade_headers(answer, None))
            if answer.status not in (*_SUCCESSES, 206):
                return await refused(decision, client_request, answer)
            if method == "HEAD":
                return Response(200, facade_headers(answer, plain_length(answer)))
            if _arrives(decision, headers):
                return redirect(decision.url)
            if not decision.registry.stream_blobs:
                return _inline_refusal(decision, quota_exhausted)
            return await _streamed(client, decision, client_request, headers, answer, stack)
        except NotAccepted:
            return challenged(decision, client_request)
        except RegistryError as failure:
            return bad_gateway(failure, decision)


async def _streamed(
    client: RegistryClient,
    decision: LocateBlob,
    client_request: ClientRequest,
    headers: HeaderItems,
    answer: OpenRegistryResponse,
    stack: AsyncExitStack,
) -> Response | StreamingResponse:
    """The blob, passed through: the answer that is there, or, where the caller wants a part, another. Raises as it."""
    if client_request.range and not codings_of(answer.headers):
        # Asked without the range at first: some registries answer 206 where they would else redirect. Of a blob that
        # comes compressed, a range would be one of the compressed bytes: it comes whole.
        await stack.aclose()
        ranged = open_following(
            client, "GET", answer.url, headers=[*headers, ("Range", client_request.range)], streaming=True
        )
        answer = await stack.enter_async_context(ranged)
        if answer.status not in (*_SUCCESSES, 206):
            return await refused(decision, client_request, answer)
        if answer.status == 206 and codings_of(answer.headers):
            name = decision.registry.name
            raise BadResponse(name, f"{name} sent a part of a compressed blob, where a part of the blob was asked for")
    status = 206 if answer.status == 206 else 200
    headers_out = facade_headers(answer, plain_length(answer))
    return StreamingResponse(status, headers_out, await started(_chunks(answer, stack.pop_all())))


async def _chunks(answer: OpenRegistryResponse, stack: AsyncExitStack) -> AsyncGenerator[bytes, None]:
    async with stack, aclosing(plain_chunks(answer)) as chunks:
        yield b""
        async for part in chunks:
            yield part


async def started(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The generator, past its first, empty part. Python closes what has begun even where nobody goes on with it, as
    when the caller is gone; what has not begun would never let go of what it holds."""
    await anext(parts)
    return parts


def _is_web_page(answer: OpenRegistryResponse) -> bool:
    return answer.headers.get("content-type", "").lstrip().lower().startswith("text/html")


def _headers(
    decision: Relay | LocateBlob, client_request: ClientRequest, own_authorization: str | None
) -> list[tuple[str, str]]:
    authorization = own_authorization
    if authorization is None:
        authorization = upstream_authorization(
            client_request.authorization, decision.host, decision.registry, decision.strategy
        )
    return [*client_request.forwarded_headers(), *([("Authorization", authorization)] if authorization else [])]


async def _relayed_response(
    client: RegistryClient,
    decision: Relay,
    client_request: ClientRequest,
    answer: OpenRegistryResponse,
    headers: HeaderItems,
) -> Response:
    if answer.status == 304:
        return Response(304, facade_headers(answer, answer.content_length))
    if decision.endpoint is None:
        return response_for(PingOk(), client_request.public_origin)
    kind = decision.endpoint.kind
    if kind is not EndpointKind.REFERRERS and _is_web_page(answer):
        return error(502, "UNAVAILABLE", f"{decision.registry.name} answered with a web page, as no registry does")
    if kind is EndpointKind.MANIFEST:
        return await manifest_answer(client, decision, client_request, answer, headers)
    return await list_answer(client, decision, client_request, answer, headers)


async def _redirected(
    client: RegistryClient,
    decision: Relay,
    headers: HeaderItems,
    answer: OpenRegistryResponse,
    is_own: Callable[[str], bool],
) -> Response:
    """The answer where the registry sends this request to somewhere else.

    Credentials never leave the registry, so what needed some ends here. What needed none is the client's to follow,
    but for referrers: where they don't end in a list of them, clients have to be told so, lest they take a web page
    for one (oras-project/oras-go#633) and never look under the referrers tag.
    """
    sends_credentials = any(name == "Authorization" for name, _ in headers)
    is_about_referrers = decision.endpoint is not None and decision.endpoint.kind is EndpointKind.REFERRERS
    if is_about_referrers and (sends_credentials or not await _ends_in_index(client, headers, answer, is_own)):
        return no_referrers(decision)
    if sends_credentials or decision.endpoint is None:
        name = decision.registry.name
        message = f"{name} redirects this request elsewhere, to a server that must not get the credentials for {name}"
        return error(502, "UNAVAILABLE", message)
    return _location(client, answer)


async def _ends_in_index(
    client: RegistryClient, headers: HeaderItems, answer: OpenRegistryResponse, is_own: Callable[[str], bool]
) -> bool:
    """Whether what a redirect leads to is an image index, asked for with no credentials."""
    try:
        url = location_of(answer)
        for _ in range(MAX_REDIRECTS):
            if is_own(url):
                return False
            async with open_following(client, "GET", url, headers=headers) as there:
                if there.status not in REDIRECTS:
                    return there.status in _SUCCESSES and is_index(there)
                url = location_of(there)
    except RegistryError:
        return False
    return False


def _location(client: RegistryClient, answer: OpenRegistryResponse, own_authorization: str = "") -> Response:
    """Hand a blob's Location on, as it is: it is signed, and nothing may be added to it.

    Raises RegistryError, as where it quotes the facade's own account or a token of that.
    """
    location = location_of(answer)
    check_url(location, client.policy)
    refuse_quoted(location, own_authorization)
    return redirect(location)


def _arrives(decision: LocateBlob, headers: list[tuple[str, str]]) -> bool:
    """Whether the client, sent to the registry, gets there what the facade got with these headers."""
    if decision.publishes:
        return False
    authorization = dict(headers).get("Authorization", "")
    # A registry that no probe has reached yet is told by what /token found out: see `upstream_authorization`.
    needed = Needed.CREDENTIALS if authorization.startswith("Basic ") else decision.needed
    return not authorization or decision.client.follows(needed)


def _inline_refusal(decision: LocateBlob, quota_exhausted: bool) -> Response:
    refusal = inline_refusal(decision, quota_exhausted=quota_exhausted)
    return error(refusal.status, refusal.code, refusal.message)
