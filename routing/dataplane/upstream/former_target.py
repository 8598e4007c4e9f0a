"""After a repoint, content that the new registry lacks is asked for where the mapping led before: a pull that began
there can finish (docs/decisions/0070).

Only what is named by its digest, and only until the time that the table says. The former registry gets nothing of a
caller but what is for it: the caller's token where it was given out for that registry (credentials.py), and otherwise
the token that everybody gets there. Where the facade can't find out who has it, the request goes where it goes without
all of this.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from routing.core.decisions import Former, LocateBlob, Redirect, RedirectToHolder, Relay
from routing.core.grammar.names import Endpoint
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response, redirect
from routing.dataplane.telemetry.counters import anonymous_request_key, counters, former_target_key
from routing.dataplane.upstream.client_pool import with_auth_details
from routing.dataplane.upstream.credentials import OPEN_TOKEN, bind, is_for
from routing.dataplane.upstream.relay import StreamingResponse
from routing.registries.auth.scopes import repository_scope
from routing.registries.auth.tokens import fetch_token, read_token
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.registries.redirects import REDIRECTS, api_only, open_following

#: What a registry answers of what it doesn't have.
MISSING = (404, 410)
_THERE = (200, 203, 206, *REDIRECTS)
# Nobody waits longer to be told where to go.
_PATIENCE_SECONDS = 5.0
_KNOWN_SECONDS, _TOKEN_SECONDS = 30.0, 60.0
_MAX_KNOWN, _MAX_TOKENS = 10_000, 1024

Answer = Response | StreamingResponse
Ask = Callable[[Relay | LocateBlob, ClientRequest], Awaitable[Answer]]
_Place = tuple[str, str, str]


def former_of(decision: Relay | LocateBlob | RedirectToHolder) -> Former | None:
    """Where else to ask, if its time isn't over."""
    former = decision.former
    return former if former is not None and time.time() < former.until else None


class _Known(NamedTuple):
    """`holds`: whether the registry has it; None where it doesn't tell. `until` is in monotonic time."""

    holds: bool | None
    until: float


class _Token(NamedTuple):
    """A token that everybody gets; `until` is in monotonic time."""

    value: str
    until: float


_known: dict[_Place, _Known] = {}
_tokens: dict[tuple[str, str], _Token] = {}
_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[_Place, asyncio.Lock]] = WeakKeyDictionary()


def forget() -> None:
    """Forget what was found out."""
    _known.clear()
    _tokens.clear()


class Nobody:
    """Asks registries without anybody's credentials. `is_own`: whether a URL leads to this facade."""

    def __init__(self, client: RegistryClient, is_own: Callable[[str], bool]) -> None:
        self._client, self.is_own = client, is_own

    async def finds(self, registry: RegistryEntry, name: str, endpoint: Endpoint) -> bool | None:
        """Whether a registry has it; None where it doesn't tell, or not in time. One asks for all who wait."""
        place = (registry.origin, name, endpoint.tail)
        locks = _locks.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        lock = locks.setdefault(place, asyncio.Lock())
        async with lock:
            known = _known.get(place)
            if known is not None and time.monotonic() < known.until:
                return known.holds
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    holds = await self._finds(registry, name, endpoint)
            except (RegistryError, TimeoutError):
                holds = None
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[place] = _Known(holds, time.monotonic() + _KNOWN_SECONDS)
            return holds

    async def _finds(self, registry: RegistryEntry, name: str, endpoint: Endpoint) -> bool | None:
        token = await self._token(registry, name)
        if token is None:
            return None
        headers = [("Accept", "*/*"), *([("Authorization", f"Bearer {token}")] if token else [])]
        counters.add(anonymous_request_key("head"))
        url = f"{registry.origin}/v2/{name}/{endpoint.tail}"
        async with open_following(self._client, "HEAD", url, headers=headers, follows=api_only) as answer:
            return True if answer.status in _THERE else False if answer.status in MISSING else None

    async def authorization(self, registry: RegistryEntry, name: str) -> str | None:
        """What the facade's own ways take for everybody's at that registry; None where there is none."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                token = await self._token(registry, name)
        except (RegistryError, TimeoutError):
            return None
        return None if token is None else f"Bearer {bind(token, registry) if token else OPEN_TOKEN}"

    async def _token(self, registry: RegistryEntry, name: str) -> str | None:
        """The token that everybody gets; "" where none is asked for, None where there is none for everybody."""
        if self.is_own(registry.origin):
            return None
        registry = await with_auth_details(self._client, registry)
        if registry.auth == Auth.NONE:
            return ""
        if registry.auth != Auth.BEARER or not registry.realm or self.is_own(registry.realm):
            return None
        known = _tokens.get((registry.origin, name))
        if known is not None and time.monotonic() < known.until:
            return known.value
        counters.add(anonymous_request_key("token"))
        scopes = (repository_scope(name),)
        answer = await fetch_token(self._client, registry.realm, service=registry.service, scopes=scopes)
        if answer.status != 200:
            return None
        token = read_token(answer)
        if len(_tokens) >= _MAX_TOKENS:
            _tokens.clear()
        _tokens[registry.origin, name] = _Token(token, time.monotonic() + _TOKEN_SECONDS)
        return token


async def ask_either(
    decision: Relay | LocateBlob, former: Former, caller: ClientRequest, ask: Ask, nobody: Nobody
) -> Answer:
    """The registry's answer, or, where it hasn't got it, the former one's.

    A caller whose token is the former registry's began its pull there, and is not asked for another as long as it can
    go on with that one.
    """
    host, token = decision.host, caller.authorization
    is_known = is_for(token, host, former.registry) and not is_for(token, host, decision.registry)
    if is_known and (found := await _at_former(decision.endpoint, host, former, caller, ask, nobody)):
        return found
    answer = await ask(decision, caller)
    if answer.status in MISSING and not is_known:
        return await _at_former(decision.endpoint, host, former, caller, ask, nobody) or answer
    return answer


async def redirect_to_holder(
    decision: RedirectToHolder, former: Former, caller: ClientRequest, ask: Ask, nobody: Nobody
) -> Answer:
    """A redirect to the registry, or, where that says that it hasn't got it and the former one has, to that."""
    if await nobody.finds(decision.registry, decision.upstream_name, decision.endpoint) is False:
        found = await _at_former(decision.endpoint, decision.host, former, caller, ask, nobody)
        if found is not None:
            return found
    return redirect(decision.location)


async def _at_former(
    endpoint: Endpoint | None, host: str, former: Former, caller: ClientRequest, ask: Ask, nobody: Nobody
) -> Answer | None:
    """The former registry's answer; None where that isn't the content, whatever else it is."""
    decision, registry, name = former.decision, former.registry, former.upstream_name
    if endpoint is None or nobody.is_own(registry.origin):
        return None
    answer: Answer
    if isinstance(decision, Redirect):
        if not await nobody.finds(registry, name, endpoint):
            return None
        answer = redirect(decision.location)
    else:
        token: str | None = caller.authorization
        if not is_for(caller.authorization, host, registry):
            token = await nobody.authorization(registry, name)
        if token is None:
            return None
        fields = {**caller.fields, "authorization": token}
        answer = await ask(decision, caller._replace(fields=fields))
        if answer.status >= 400:
            return None
    counters.add(former_target_key("redirected" if answer.status in REDIRECTS else "relayed"))
    return answer
