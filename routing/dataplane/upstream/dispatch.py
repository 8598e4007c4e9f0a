"""Carry out a decision that needs the backing registry, within the limits. Imports core and its neighbours here."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from routing.core.decisions import Relay, Resolve, Token
from routing.core.table.routing_table import Table
from routing.dataplane.request.client_request import Caller
from routing.dataplane.request.responses import Answer, error
from routing.dataplane.telemetry.counters import RELAYED_BYTES, STREAMED_BYTES, TURNED_AWAY, counters
from routing.dataplane.upstream.client_pool import registry_client
from routing.dataplane.upstream.loop_guard import loop_refusal
from routing.dataplane.upstream.relay import Streamed, begun, relay, resolve
from routing.dataplane.upstream.relay_limits import TooManyRelays, limits
from routing.dataplane.upstream.streaming_quota import allowance
from routing.dataplane.upstream.token_broker import token

_RETRY_AFTER_SECONDS = 2


async def exchange(
    table: Table, decision: Relay | Resolve | Token, caller: Caller, *, lasting: bool
) -> Answer | Streamed:
    """The answer, from the backing registry. `lasting`: this event loop serves other requests too.

    Never raises for what the caller or the registry does.
    """
    if not isinstance(decision, Token) and (refusal := loop_refusal(table, decision.registry.origin)):
        return refusal
    _, entry = table.serving(decision.host)
    tenant = entry.tenant if entry is not None else ""
    try:
        limits.enter(tenant)
    except TooManyRelays as problem:
        counters.add(TURNED_AWAY)
        answer = error(429, "TOOMANYREQUESTS", problem.message)
        answer.headers.append(("Retry-After", str(_RETRY_AFTER_SECONDS)))
        return answer
    streaming = False
    try:
        async with registry_client(lasting=lasting) as client:
            if isinstance(decision, Relay):
                relayed = await relay(client, decision, caller)
                if relayed.status == 200:
                    counters.add(RELAYED_BYTES, len(relayed.body))
                return relayed
            if isinstance(decision, Token):
                return await token(client, table, decision, caller)
            used_up = decision.registry.stream_blobs and await allowance.is_used_up(tenant)
            if used_up or not lasting:
                # A WSGI server would have to hold the whole layer in memory.
                decision = decision._replace(registry=decision.registry._replace(stream_blobs=False))
            answered = await resolve(client, decision, caller, used_up=used_up)
            if not isinstance(answered, Streamed):
                return answered
            streaming = True
            return answered._replace(parts=await begun(_counted(answered.parts, tenant)))
    finally:
        if not streaming:
            limits.leave(tenant)


async def _counted(parts: AsyncGenerator[bytes, None], tenant: str) -> AsyncGenerator[bytes, None]:
    """Keep the place until the last byte has gone through, or the caller has gone, and count the bytes."""
    try:
        async with aclosing(parts):
            yield b""
            async for part in parts:
                counters.add(STREAMED_BYTES, len(part))
                allowance.add(tenant, len(part))
                yield part
    finally:
        limits.leave(tenant)
