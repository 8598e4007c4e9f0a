"""The probe of a registry: whether it answers, and what it asks for.

A probe is a finding, not an operation that fails: whatever is wrong with the registry stands in the result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from routing.registries.auth.challenge import find_challenge
from routing.registries.auth.tokens import usable_realm
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.guard import check_url
from routing.registries.rate_limits import SeenLimit, seen_limit
from routing.registries.redirects import peek_following
from routing.registries.url import parse_registry_url


class Auth(StrEnum):
    """What a registry asks of those who come without credentials."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RegistryProbe:
    """What was found at a registry. `error` is a sentence for people, None where there is nothing to say.

    `realm` and `service` belong to `bearer` (a Basic realm is a mere label). An `error` beside `bearer` says why its
    realm cannot be used. `seconds` is what the registry took for its answer. `limit`: what it said of how often it may
    be asked.
    """

    auth: Auth
    realm: str | None = None
    service: str | None = None
    error: str | None = None
    seconds: float = 0.0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    limit: SeenLimit | None = None


async def probe_registry(client: RegistryClient, base_url: str) -> RegistryProbe:
    """Ask a registry for `/v2/` (OCI distribution spec, end-1) without credentials. Never raises for what it finds.

    `base_url` is the registry's origin, such as `https://ghcr.io`. `at` is when it began.
    """
    at, started, limit, seconds = datetime.now(UTC), time.monotonic(), None, 0.0
    try:
        answer = await peek_following(client, "GET", base_url.rstrip("/") + "/v2/")
        seconds, limit = time.monotonic() - started, seen_limit(answer.status, answer.headers)
        probe = await _judge(client, answer)
    except (RegistryUnreachable, RegistryTimeout) as error:
        probe = RegistryProbe(Auth.UNREACHABLE, error=str(error))
    except RegistryError as error:
        probe = RegistryProbe(Auth.UNKNOWN, error=str(error))
    return replace(probe, at=at, seconds=seconds or time.monotonic() - started, limit=limit)


async def _judge(client: RegistryClient, answer: RegistryResponse) -> RegistryProbe:
    host = parse_registry_url(answer.url).authority
    if answer.status == 401:
        return await judge_challenge(client, answer)
    if answer.status == 200:
        if answer.headers.get("content-type", "").lower().startswith("text/html"):
            raise BadResponse(host, f"{host} answers /v2/ with a web page, as no registry does")
        return RegistryProbe(Auth.NONE)
    raise BadResponse(host, f"{host} answers /v2/ with {describe_status(answer)}, where a registry answers 200 or 401")


async def judge_challenge(client: RegistryClient, answer: RegistryResponse) -> RegistryProbe:
    """What an answer with status 401 asks for. Raises `BadResponse` where it doesn't say so."""
    host = parse_registry_url(answer.url).authority
    # Where both are offered, clients take Bearer.
    challenge = find_challenge(answer.headers.get_list("www-authenticate"), "bearer", "basic")
    if challenge is None:
        raise BadResponse(host, f"{host} asks for credentials without saying which (no Bearer or Basic challenge)")
    if challenge.kind == "basic":
        return RegistryProbe(Auth.BASIC)
    found = RegistryProbe(Auth.BEARER, challenge.params.get("realm"), challenge.params.get("service"))
    if not found.realm:
        return replace(found, error=f"{host} asks for a Bearer token without naming a realm")
    found = replace(found, realm=usable_realm(found.realm, client.policy))
    assert found.realm is not None
    try:
        check_url(found.realm, client.policy)
        await client.check_reachable_address(found.realm)
    except RegistryError as error:
        return replace(found, error=f"the token realm that {host} names cannot be used: {error}")
    return found


def describe_status(answer: RegistryResponse) -> str:
    """An answer's status, in words where people know them by words."""
    match answer.status:
        case 429:
            return "status 429 (too many requests: its rate limit is used up)"
        case status if 300 <= status < 400:
            return f"status {status} (a redirect, which is not followed)"
        case status if status >= 500:
            return f"status {status} (an error of its own)"
        case status:
            return f"status {status}"
