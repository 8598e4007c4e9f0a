"""Carry out a decision that needs the backing registry, within the limits."""

import logging
import math
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple, Protocol

from routing.core.decisions import LocateBlob, RedirectToHolder, Relay, Token
from routing.core.grammar.names import EndpointKind
from routing.core.grammar.notices import warning_of
from routing.core.table.routing_table import Table
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response, error, redirect
from routing.dataplane.telemetry.counters import RELAYED_BYTES, RELAYS_REJECTED, STREAMED_BYTES, counters
from routing.dataplane.upstream.client_pool import lasting_client, new_client
from routing.dataplane.upstream.former_target import Answer, Nobody, ask_either, former_of, redirect_to_holder
from routing.dataplane.upstream.loop_guard import loop_refusal
from routing.dataplane.upstream.own_account import AccountRefused, own_accounts
from routing.dataplane.upstream.refusals import account_refused, bad_gateway
from routing.dataplane.upstream.registry_shares import has_account, registry_shares
from routing.dataplane.upstream.relay import StreamingResponse, locate_blob, relay, started
from routing.dataplane.upstream.relay_limits import STREAM_BYTES, Place, TooManyRelays, relay_limits
from routing.dataplane.upstream.streaming_quota import streaming_quota
from routing.dataplane.upstream.token_broker import token
from routing.manifest_store.sightings import sightings
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.registries.rate_limits import delay_seconds

logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 2

#: The decisions that somebody else has to be asked about.
NeedsRegistry = Relay | LocateBlob | RedirectToHolder | Token


class Shortcut(Protocol):
    """Answers without the caller's token, or says None: then the caller goes its own way."""

    async def __call__(
        self,
        client: RegistryClient,
        table: Table,
        decision: Relay | LocateBlob,
        client_request: ClientRequest,
        place: Place,
        *,
        is_lasting: bool,
    ) -> Response | None:
        """`client` counts towards `place`. `is_lasting`: this event loop serves other requests too."""


class HeldAnswer(NamedTuple):
    """An answer with the place that it holds; none where nobody was asked. Call `release` when it has been sent."""

    answer: Response | StreamingResponse
    place: Place | None = None

    def release(self) -> None:
        """Give the place back."""
        if self.place is not None:
            self.place.release()


async def fetch_from_registry(
    table: Table,
    decision: NeedsRegistry,
    client_request: ClientRequest,
    *,
    persistent_loop: bool,
    shortcut: Shortcut | None = None,
) -> HeldAnswer:
    """The answer, from the backing registry. `persistent_loop`: this event loop serves other requests too.

    Never raises for what the caller or the registry does. But for tokens it is the `shortcut`'s where that has one.
    """
    if isinstance(decision, RedirectToHolder):
        if former_of(decision) is None:
            return HeldAnswer(redirect(decision.location))
    elif not isinstance(decision, Token) and (refusal := loop_refusal(table, decision.registry.origin, decision.host)):
        return HeldAnswer(refusal)
    _, entry = table.match_host(decision.host)
    try:
        place = relay_limits.acquire(entry.tenant if entry is not None else "")
    except TooManyRelays as problem:
        return _instead(decision, _too_many(problem))
    held = None
    try:
        if persistent_loop:
            client = lasting_client().shared_by(place.tenant, place.hold)
            answered = await _answered(client, table, decision, client_request, place, shortcut, is_lasting=True)
        else:
            async with new_client() as own_client:
                client = own_client.shared_by(place.tenant, place.hold)
                answered = await _answered(client, table, decision, client_request, place, shortcut, is_lasting=False)
        held = HeldAnswer(await _accounted(answered, place), place)
        return held
    except TooManyRelays as problem:
        return _instead(decision, _too_many(problem))
    except Exception as unforeseen:
        return _instead(decision, caught(unforeseen))
    finally:
        if held is None:
            place.release()


def _instead(decision: NeedsRegistry, trouble: Response) -> HeldAnswer:
    """The answer where nobody could be asked. What is redirected needs nobody's: it goes where it always goes."""
    return HeldAnswer(redirect(decision.location) if isinstance(decision, RedirectToHolder) else trouble)


async def _accounted(answered: Response | StreamingResponse, place: Place) -> Response | StreamingResponse:
    """The answer, with all of its bytes counted. Raises TooManyRelays."""
    if isinstance(answered, Response):
        place.hold_at_least(len(answered.body))
        return answered
    try:
        place.hold(STREAM_BYTES)
    except TooManyRelays:
        await answered.parts.aclose()
        raise
    place.share()
    return answered._replace(parts=await started(_count_chunks(answered.parts, place)))


def _too_many(problem: TooManyRelays) -> Response:
    counters.add(RELAYS_REJECTED)
    answer = error(429, "TOOMANYREQUESTS", problem.message)
    answer.headers.append(("Retry-After", str(_RETRY_AFTER_SECONDS)))
    return answer


def caught(unforeseen: Exception) -> Response:
    """The answer where a registry's answer led to an error that nobody foresaw: a fault of ours, told in the log.

    The log has where it happened and what kind of error it was. What the error says may quote what was sent or came.
    """
    frames = traceback.extract_tb(unforeseen.__traceback__)
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    kind = type(unforeseen).__name__
    logger.error("a registry's answer could not be handled: %s at %s", kind, where)
    counters.add(("registry_errors", "Unforeseen"))
    return error(502, "UNAVAILABLE", "the backing registry answered with something that this facade cannot handle")


async def _answered(
    client: RegistryClient,
    table: Table,
    decision: NeedsRegistry,
    client_request: ClientRequest,
    place: Place,
    shortcut: Shortcut | None,
    *,
    is_lasting: bool,
) -> Response | StreamingResponse:
    async def ask(decision: Relay | LocateBlob | Token, caller: ClientRequest) -> Response | StreamingResponse:
        if shortcut is not None and not isinstance(decision, Token):
            answer = await shortcut(client, table, decision, caller, place, is_lasting=is_lasting)
            if answer is not None:
                return noticed(decision, answer)
        # A WSGI server would have to hold a whole layer in memory.
        return noticed(decision, await _asked(client, table, decision, caller, place.tenant, may_stream=is_lasting))

    former = None if isinstance(decision, Token) else former_of(decision)
    if former is None:
        if isinstance(decision, RedirectToHolder):
            return redirect(decision.location)
        return await ask(decision, client_request)
    assert not isinstance(decision, Token)
    host = decision.host
    nobody = Nobody(client, lambda url: loop_refusal(table, url, host) is not None)
    if isinstance(decision, RedirectToHolder):
        return await redirect_to_holder(decision, former, client_request, ask, nobody)
    return await ask_either(decision, former, client_request, ask, nobody)


def noticed(decision: Relay | LocateBlob | Token, answer: Answer) -> Answer:
    """The same answer, with the mapping's word to those who pull, behind whatever the registry itself warns of."""
    if not isinstance(decision, Relay) or not decision.notice or answer.status != 200:
        return answer
    theirs = [value for name, value in answer.headers if name.lower() == "warning"]
    answer.headers[:] = [item for item in answer.headers if item[0].lower() != "warning"]
    answer.headers.append(("Warning", ", ".join([*theirs, warning_of(decision.notice)])))
    return answer


async def _asked(
    client: RegistryClient,
    table: Table,
    decision: Relay | LocateBlob | Token,
    client_request: ClientRequest,
    tenant: str,
    *,
    may_stream: bool,
) -> Response | StreamingResponse:
    own_authorization = None
    if not isinstance(decision, Token) and decision.publishes:
        own = await _own_authorization(client, table, decision)
        if isinstance(own, Response):
            return own
        own_authorization = own
    if isinstance(decision, Relay):
        relayed = await _relayed(client, table, decision, client_request, tenant, own_authorization)
        if relayed.status == 200:
            counters.add(RELAYED_BYTES, len(relayed.body))
        return relayed
    if isinstance(decision, Token):
        return await token(client, table, decision, client_request)
    quota_exhausted = decision.registry.stream_blobs and await streaming_quota.is_exhausted(tenant)
    if quota_exhausted or not may_stream:
        decision = decision._replace(registry=decision.registry._replace(stream_blobs=False))
    return await locate_blob(
        client, decision, client_request, own_authorization=own_authorization, quota_exhausted=quota_exhausted
    )


async def _own_authorization(client: RegistryClient, table: Table, decision: Relay | LocateBlob) -> str | Response:
    """That of a published mapping's account; or the answer where there is none to be had."""
    host = decision.host
    try:
        return await own_accounts.authorization(
            client, decision.registry, decision.upstream_name, lambda url: loop_refusal(table, url, host) is not None
        )
    except AccountRefused:
        return account_refused(decision)
    except RegistryError as failure:
        return bad_gateway(failure, decision)


async def _relayed(
    client: RegistryClient,
    table: Table,
    decision: Relay,
    client_request: ClientRequest,
    tenant: str,
    own_authorization: str | None,
) -> Response:
    """The registry's answer, or a 429 where the tenant has used up its share of what the registry allows us."""
    origin = decision.registry.origin
    is_manifest = decision.endpoint is not None and decision.endpoint.kind is EndpointKind.MANIFEST
    is_by_account = bool(decision.publishes) or has_account(client_request.authorization)
    counts = is_manifest and client_request.method == "GET" and not is_by_account
    if counts and (seconds := registry_shares.take(tenant, origin)):
        counters.add(RELAYS_REJECTED)
        return _share_used_up(decision, client_request, seconds)
    answer = None
    try:
        host = decision.host
        answer = await relay(
            client,
            decision,
            client_request,
            lambda url: loop_refusal(table, url, host) is not None,
            own_authorization,
        )
        return answer
    finally:
        # Registries count what they gave out.
        is_told = answer is not None and answer.status in (200, 429)
        is_ours = counts and is_told and answer is not None and registry_shares.learn(origin, answer.headers)
        if counts and not (is_ours and answer is not None and answer.status == 200):
            registry_shares.give_back(tenant, origin)
        if is_ours and answer is not None and answer.status == 429:
            told = {name.lower(): value for name, value in answer.headers}
            sightings.see_refusal(origin, delay_seconds(told.get("retry-after", "")))


def _share_used_up(decision: Relay, client_request: ClientRequest, seconds: float) -> Response:
    name, minutes = decision.registry.name, math.ceil(seconds / 60)
    answer = error(
        429,
        "TOOMANYREQUESTS",
        f"{name} allows this facade only so many images without an account, and the share of {decision.host} is used "
        f"up; try again in {minutes} min, or use an account: docker login {client_request.public_origin.authority}",
    )
    answer.headers.append(("Retry-After", str(math.ceil(seconds))))
    return answer


async def _count_chunks(parts: AsyncGenerator[bytes, None], place: Place) -> AsyncGenerator[bytes, None]:
    """Keep the place until the last byte has gone through, or the caller has gone, and count the bytes."""
    try:
        async with aclosing(parts):
            yield b""
            async for part in parts:
                counters.add(STREAMED_BYTES, len(part))
                streaming_quota.add(place.tenant, len(part))
                yield part
    finally:
        place.release()
