"""One registry, asked as nobody: what everybody can read there.

HEAD goes before GET: registries such as Docker Hub count the manifests that are got with GET, and nothing else. Each
answer's `RateLimit-Remaining` (IETF httpapi draft) and `Retry-After` (RFC 9110 §10.2.3) are minded before the next.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from routing.core.grammar.docker_hub import DOCKER_HUB_ORIGIN
from routing.core.grammar.names import is_digest
from routing.registries.auth.scopes import Scope, repository_scope
from routing.registries.auth.tokens import fetch_token, read_token
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.content_coding import plain
from routing.registries.documents import parse_json
from routing.registries.exceptions import BadResponse
from routing.registries.guard import check_url
from routing.registries.probes.registry import Auth, describe_status, judge_challenge
from routing.registries.probes.repository import MANIFEST_TYPES, Delivery
from routing.registries.rate_limits import delay_seconds
from routing.registries.redirects import REDIRECTS, api_only, peek_following, request_following, same_server
from routing.registries.url import parse_registry_url

#: Where a registry says that fewer are left, it is asked no more until later.
RATE_FLOOR = 10
#: What is waited where a registry doesn't say for how long, and the longest that is waited at once; in seconds.
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 60, 3600
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_ACCEPT = ", ".join(MANIFEST_TYPES)
_NUMBER = re.compile(r"\s*(\d{1,9})")
_WINDOW = re.compile(r";\s*w=(\d{1,9})")


class NotReadable(Exception):
    """Nobody without credentials reads that at `host`; the message says what the registry asks for."""

    def __init__(self, host: str, message: str) -> None:
        super().__init__(message)
        self.host = host


class RateLimited(Exception):
    """The registry wants to be left alone for so many `seconds`."""

    def __init__(self, host: str, seconds: int, why: str) -> None:
        super().__init__(f"{host} {why}")
        self.seconds = max(1, min(seconds, MAX_PAUSE_SECONDS))


class Head(NamedTuple):
    """What is known of a manifest without its bytes."""

    digest: str
    media_type: str


class Manifest(NamedTuple):
    """A manifest, whose bytes were held against its digest."""

    digest: str
    media_type: str
    document: Mapping[str, Any]


@dataclass
class Tally:
    """What was asked: all requests, and the manifests got with GET that Docker Hub counts as pulls."""

    requests: int = 0
    counted_pulls: int = 0


class RegistryReader:
    """Reads repositories of one registry. One for each event loop; it keeps anonymous tokens, by repository.

    Its methods raise RegistryError, `NotReadable` and `RateLimited`.
    """

    def __init__(self, client: RegistryClient, origin: str, tally: Tally) -> None:
        self.origin = origin
        self.host = parse_registry_url(origin).authority
        self.is_counting = origin == DOCKER_HUB_ORIGIN
        self.tally = tally
        self._client = client
        self._tokens: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._rest_seconds = 0

    async def head(self, repository: str, reference: str) -> Head | None:
        """A manifest's digest; None where there is none. Asks with GET where HEAD doesn't tell."""
        answer = await self._peek("HEAD", repository, f"manifests/{reference}", _ACCEPT)
        if answer.status == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status == 200 and is_digest(digest):
            return Head(digest, _media_type(answer))
        if answer.status in (200, 405, 501):
            found = await self.manifest(repository, reference)
            return None if found is None else Head(found.digest, found.media_type)
        raise self._bad(answer, "a manifest")

    async def manifest(self, repository: str, reference: str) -> Manifest | None:
        """A manifest; None where there is none."""
        self.tally.counted_pulls += self.is_counting
        answer = await self._get(repository, f"manifests/{reference}", _ACCEPT, MAX_MANIFEST_BYTES)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._bad(answer, "a manifest")
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise BadResponse(self.host, f"{self.host} answers {repository}@{reference} with other bytes than these")
        document = _document(answer.body)
        if document is None:
            raise BadResponse(self.host, f"a manifest of {repository} at {self.host} is not a JSON object")
        return Manifest(digest, _media_type(answer) or str(document.get("mediaType", "")), document)

    async def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob is there, as far as the registry says. Where that is stored is not asked."""
        answer = await self._peek("HEAD", repository, f"blobs/{digest}", "*/*")
        if answer.status in (200, 206) or answer.status in REDIRECTS:
            return True
        if answer.status == 404:
            return False
        raise self._bad(answer, "a blob")

    async def delivery(self, repository: str, digest: str) -> Delivery:
        """How a blob is handed out. Asks with GET, since some answer HEAD themselves; its body is not read."""
        answer = await self._peek("GET", repository, f"blobs/{digest}", "*/*")
        if answer.status in (200, 206):
            return Delivery.INLINE
        return Delivery.REDIRECT if answer.status in REDIRECTS else Delivery.UNKNOWN

    async def page(self, scope: Scope, path: str) -> tuple[Mapping[str, Any], str] | None:
        """One part of a list, and the path of the next part or ""; None where the registry has no such list."""
        answer = await self._ask_twice(scope, path, "application/json", MAX_MANIFEST_BYTES)
        if answer.status in (404, 405, 501) or answer.status in REDIRECTS:
            return None
        if answer.status != 200:
            raise self._bad(answer, "a list")
        document = _document(answer.body)
        return None if document is None else (document, _next_path(answer))

    async def referrers(self, repository: str, digest: str) -> list[Mapping[str, Any]]:
        """What refers to a manifest, by the API of the OCI distribution spec (end-12a); none where it has no such."""
        found: list[Mapping[str, Any]] = []
        path = f"/v2/{repository}/referrers/{digest}"
        for _ in range(10):
            # GHCR answers with a redirect to a web page, others with 404.
            page = await self.page(repository_scope(repository), path)
            if page is None:
                break
            entries = page[0].get("manifests")
            found += [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
            path = page[1]
            if not path:
                break
        return found

    # ---------------------------------------------------------------- how
    async def _get(self, repository: str, endpoint: str, accept: str, max_bytes: int) -> RegistryResponse:
        return await self._ask_twice(repository_scope(repository), f"/v2/{repository}/{endpoint}", accept, max_bytes)

    async def _peek(self, method: str, repository: str, endpoint: str, accept: str) -> RegistryResponse:
        return await self._ask_twice(repository_scope(repository), f"/v2/{repository}/{endpoint}", accept, None, method)

    async def _ask_twice(
        self, scope: Scope, path: str, accept: str, max_bytes: int | None, method: str = "GET"
    ) -> RegistryResponse:
        """Ask, and once more with a fresh anonymous token where the answer is 401."""
        used = self._tokens.get(str(scope))
        answer = await self._ask(method, path, accept, max_bytes, used)
        if answer.status == 401:
            # A HEAD has no body, and some realms are told in it: the challenge's header is all that is needed.
            token = await self._token(scope, answer, used)
            answer = await self._ask(method, path, accept, max_bytes, token)
        if answer.status in (401, 403):
            raise NotReadable(self.host, f"{self.host} gives this to nobody without credentials, or has none of it")
        return answer

    async def _ask(
        self, method: str, path: str, accept: str, max_bytes: int | None, token: str | None
    ) -> RegistryResponse:
        if self._rest_seconds:
            raise RateLimited(self.host, self._rest_seconds, "lets only a few more requests through for now")
        self.tally.requests += 1
        headers = [("Accept", accept)]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        url = f"{self.origin}{path}"
        if max_bytes is None:
            answer = await peek_following(self._client, method, url, headers=headers, follows=api_only)
        else:
            asked = request_following(self._client, method, url, headers=headers, within=_within(token))
            answer = plain(await asked, max_bytes)
        self._mind(answer)
        return answer

    def _mind(self, answer: RegistryResponse) -> None:
        """Take in what an answer says about how often the registry may be asked. Raises RateLimited."""
        if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
            seconds = retry_after_seconds(answer.headers.get("retry-after", ""))
            raise RateLimited(self.host, seconds, f"answers with {describe_status(answer)}")
        told = answer.headers.get("ratelimit-remaining", "")
        remaining = _NUMBER.match(told)
        if remaining is not None and int(remaining[1]) < RATE_FLOOR:
            window = _WINDOW.search(told)
            self._rest_seconds = min(int(window[1]) if window else PAUSE_SECONDS, MAX_PAUSE_SECONDS) or 1

    async def _token(self, scope: Scope, refusal: RegistryResponse, used: str | None) -> str:
        async with self._locks.setdefault(str(scope), asyncio.Lock()):
            known = self._tokens.get(str(scope))
            if known is not None and known != used:
                return known
            token = self._tokens[str(scope)] = await self._fetch_token(scope, refusal)
            return token

    async def _fetch_token(self, scope: Scope, refusal: RegistryResponse) -> str:
        if parse_registry_url(refusal.url).origin != parse_registry_url(self.origin).origin:
            raise BadResponse(self.host, f"{self.host} redirects to where credentials are asked for")
        found = await judge_challenge(self._client, refusal)
        if found.auth is Auth.BASIC:
            raise NotReadable(self.host, f"{self.host} asks for a user name and password")
        if not found.realm:
            raise BadResponse(self.host, f"{self.host} asks for a Bearer token without naming a realm")
        check_url(found.realm, self._client.policy)
        self.tally.requests += 1
        answer = await fetch_token(self._client, found.realm, service=found.service, scopes=(scope,))
        self._mind(answer)
        if answer.status in (401, 403):
            raise NotReadable(self.host, f"the token realm of {self.host} gives no token without credentials")
        if answer.status != 200:
            raise BadResponse(self.host, f"the token realm of {self.host} answers with {describe_status(answer)}")
        return read_token(answer)

    def _bad(self, answer: RegistryResponse, what: str) -> BadResponse:
        return BadResponse(self.host, f"{self.host} answers a request for {what} with {describe_status(answer)}")


def retry_after_seconds(text: str) -> int:
    """What a `Retry-After` asks for, in seconds from now; `PAUSE_SECONDS` where it can't be read."""
    seconds = delay_seconds(text)
    return PAUSE_SECONDS if seconds is None else min(seconds, MAX_PAUSE_SECONDS)


def _within(token: str | None) -> Callable[[str, str], str | None]:
    # Without a token there is nothing to keep at the registry: registry.k8s.io sends everybody elsewhere.
    return same_server if token else lambda _asked, location: location


def _media_type(answer: RegistryResponse) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _document(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = parse_json(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _next_path(answer: RegistryResponse) -> str:
    """Where a list goes on, at this registry (OCI distribution spec, "Listing Tags": `Link` with rel="next")."""
    match = re.match(r'\s*<([^<>]+)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
    if match is None:
        return ""
    target = match[1]
    if "://" in target:
        try:
            asked, wanted = parse_registry_url(answer.url), parse_registry_url(target)
        except ValueError:
            return ""
        return wanted.path if asked.host == wanted.host else ""
    return target if target.startswith("/v2/") else ""
