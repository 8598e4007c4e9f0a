"""The probe of a repository: whether it can be read without credentials, and how its blobs are handed out.

It walks as a client would: manifest, index entry, layer. It stops before the layer's first byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from routing.core.grammar.names import is_digest, is_name, is_tag
from routing.registries.auth.scopes import repository_scope
from routing.registries.auth.tokens import fetch_token, read_token
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.content_coding import plain
from routing.registries.documents import parse_json
from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.guard import check_url
from routing.registries.probes.registry import Auth, RegistryProbe, describe_status, judge_challenge
from routing.registries.rate_limits import SeenLimit, seen_limit
from routing.registries.redirects import (
    REDIRECTS,
    api_only,
    location_of,
    peek_following,
    request_following,
    same_server,
)
from routing.registries.url import parse_registry_url

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_MAX_INDEX_DEPTH = 3
_TAGS_ASKED = 20


class Readable(StrEnum):
    """Whether everyone can read it, without credentials."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Delivery(StrEnum):
    """How a registry hands out blobs: by redirect to a storage origin, or inline, as bytes of its own."""

    REDIRECT = "redirect"
    INLINE = "inline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RepositoryProbe:
    """What was found at a repository. `origins` are those that its blobs were redirected to.

    `challenge` is what it asks for: `basic`, or `bearer`, realm and service, separated by spaces; empty where it asks
    for nothing. `error` is a sentence for people that says why something stayed unknown, or what stands in the way.
    `limit`: what the registry said of how often it may be asked.
    """

    public: Readable = Readable.UNKNOWN
    delivery: Delivery = Delivery.UNKNOWN
    origins: tuple[str, ...] = ()
    challenge: str = ""
    error: str | None = None
    seconds: float = 0.0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    limit: SeenLimit | None = None


class _NotPublic(Exception):
    """The registry wants credentials for this repository."""


async def probe_repository(
    client: RegistryClient, base_url: str, repository: str, reference: str | None = None
) -> RepositoryProbe:
    """Read one manifest of a repository and ask for one of its blobs, without credentials.

    Never raises for what it finds. `repository` is the upstream name; `reference` a tag or digest, else `latest`, else
    any tag there is. `seconds` is what it took, `at` when it began.
    """
    if not is_name(repository) or not (reference is None or is_tag(reference) or is_digest(reference)):
        # It would lead to another path of the registry.
        return RepositoryProbe(error="this is no name of a repository, tag or digest")
    at, started = datetime.now(UTC), time.monotonic()
    visit = _Visit(client, base_url.rstrip("/"), repository)
    probe = RepositoryProbe()
    try:
        manifest = await visit.any_manifest(reference)
        probe = replace(probe, public=Readable.YES)
        probe = await visit.judge_delivery(probe, await visit.blob_of(manifest))
    except _NotPublic as reason:
        probe = replace(probe, public=Readable.NO, error=str(reason))
    except RegistryError as error:
        probe = replace(probe, public=visit.readable or probe.public, error=str(error))
    return replace(probe, challenge=visit.challenge, at=at, seconds=time.monotonic() - started, limit=visit.limit)


async def probe_challenge(client: RegistryClient, base_url: str, repository: str) -> RegistryProbe:
    """What a repository asks of those who come without credentials, by itself: its registry's ping may ask for nothing.

    Never raises for what it finds. `none` where it can be read, or is not there.
    """
    if not is_name(repository):
        return RegistryProbe(Auth.UNKNOWN, error="this is no name of a repository")
    url = f"{base_url.rstrip('/')}/v2/{repository}/tags/list?n=1"
    try:
        answer = await peek_following(client, "GET", url)
        return await judge_challenge(client, answer) if answer.status == 401 else RegistryProbe(Auth.NONE)
    except (RegistryUnreachable, RegistryTimeout) as error:
        return RegistryProbe(Auth.UNREACHABLE, error=str(error))
    except RegistryError as error:
        return RegistryProbe(Auth.UNKNOWN, error=str(error))


class _Visit:
    """One walk through a repository, with the anonymous token that it got on the way."""

    def __init__(self, client: RegistryClient, base_url: str, repository: str) -> None:
        self._client = client
        self._base_url = base_url
        self._repository = repository
        self._authorization: str | None = None
        self.readable: Readable | None = None
        self.challenge = ""
        self.limit: SeenLimit | None = None

    async def any_manifest(self, reference: str | None) -> Mapping[str, Any]:
        answer = await self._get_manifest(reference or "latest")
        if answer.status == 404 and reference is None:
            answer = await self._get_manifest(await self._any_tag())
        return self._document(answer, "manifest")

    async def blob_of(self, manifest: Mapping[str, Any], depth: int = 0) -> str:
        """The digest of the smallest layer, or of the config where there is no layer, of the image or of one in it."""
        children = _descriptors(manifest.get("manifests"))
        if children and depth < _MAX_INDEX_DEPTH:
            child = next((child for child in children if _is_common_platform(child)), children[0])
            answer = await self._get_manifest(child["digest"])
            return await self.blob_of(self._document(answer, "manifest"), depth + 1)
        layers = [layer for layer in _descriptors(manifest.get("layers")) if not layer.get("urls")]
        filled = [layer for layer in layers if layer.get("mediaType") != _EMPTY_TYPE]
        candidates = filled or _descriptors([manifest.get("config")])
        if not candidates:
            raise BadResponse(self._host, f"{self._repository} at {self._host} holds no image with layers to try")
        smallest: str = min(candidates, key=_size)["digest"]
        return smallest

    async def judge_delivery(self, probe: RepositoryProbe, digest: str) -> RepositoryProbe:
        answer = await self._get(f"blobs/{digest}", "*/*", peek=True)
        if answer.status in (200, 206):
            return replace(probe, delivery=Delivery.INLINE)
        if answer.status not in REDIRECTS:
            raise BadResponse(self._host, f"{self._host} answers a request for a layer with {describe_status(answer)}")
        target = check_url(location_of(answer), self._client.policy)
        return replace(probe, delivery=Delivery.REDIRECT, origins=(target.origin,))

    @property
    def _host(self) -> str:
        return parse_registry_url(self._base_url).authority

    async def _any_tag(self) -> str:
        answer = await self._get(f"tags/list?n={_TAGS_ASKED}", "application/json")
        tags = self._document(answer, "list of tags").get("tags")
        self.readable = Readable.YES
        for tag in tags if isinstance(tags, list) else ():
            if isinstance(tag, str) and is_tag(tag):
                return tag
        raise BadResponse(self._host, f"{self._repository} at {self._host} has no tags to try")

    async def _get_manifest(self, reference: str) -> RegistryResponse:
        return await self._get(f"manifests/{reference}", ", ".join(MANIFEST_TYPES))

    async def _get(self, endpoint: str, accept: str, *, peek: bool = False) -> RegistryResponse:
        """Ask once, and once more with an anonymous token where the answer is 401. Raises `_NotPublic`."""
        answer = await self._ask(endpoint, accept, peek)
        if answer.status == 401 and self._authorization is None:
            await self._authorize(answer)
            answer = await self._ask(endpoint, accept, peek)
        # Registries answer so for a repository that isn't there, too, lest its name be told.
        if answer.status in (401, 403):
            raise _NotPublic(f"{self._host} gives {self._repository} to nobody without credentials, or has none of it")
        return answer

    async def _ask(self, endpoint: str, accept: str, peek: bool) -> RegistryResponse:
        url = f"{self._base_url}/v2/{self._repository}/{endpoint}"
        headers = [("Accept", accept)]
        if self._authorization:
            headers.append(("Authorization", self._authorization))
        if peek:
            return await peek_following(self._client, "GET", url, headers=headers, follows=api_only)
        answer = await request_following(self._client, "GET", url, headers=headers, within=self._within())
        if parse_registry_url(answer.url).origin == parse_registry_url(self._base_url).origin:
            seen = seen_limit(answer.status, answer.headers)
            self.limit = seen if self.limit is None else self.limit.joined(seen)
        return plain(answer, self._client.limits.max_body_bytes)

    def _within(self) -> Callable[[str, str], str | None]:
        # Without credentials there is nothing to keep at the registry: registry.k8s.io sends everybody elsewhere.
        return same_server if self._authorization else lambda _asked, location: location

    async def _authorize(self, refusal: RegistryResponse) -> None:
        if parse_registry_url(refusal.url).origin != parse_registry_url(self._base_url).origin:
            raise BadResponse(self._host, f"{self._host} redirects to where credentials are asked for")
        found = await judge_challenge(self._client, refusal)
        if found.auth is Auth.BASIC:
            self.challenge = "basic"
            raise _NotPublic(f"{self._host} asks for a user name and password")
        if not found.realm:
            raise BadResponse(self._host, f"{self._host} asks for a Bearer token without naming a realm")
        check_url(found.realm, self._client.policy)
        self.challenge = f"bearer {found.realm} {found.service or ''}".rstrip()
        scopes = (repository_scope(self._repository),)
        answer = await fetch_token(self._client, found.realm, service=found.service, scopes=scopes)
        realm_host = parse_registry_url(found.realm).authority
        if answer.status in (401, 403):
            raise _NotPublic(f"the token realm at {realm_host} gives no token without credentials")
        if answer.status != 200:
            message = f"the token realm at {realm_host} answers with {describe_status(answer)}"
            raise BadResponse(realm_host, message)
        self._authorization = f"Bearer {read_token(answer)}"

    def _document(self, answer: RegistryResponse, what: str) -> Mapping[str, Any]:
        where = f"{self._repository} at {self._host}"
        if answer.status == 404:
            raise BadResponse(self._host, f"there is no {what} for {where}")
        if answer.status != 200:
            raise BadResponse(self._host, f"{self._host} answers a request for a {what} with {describe_status(answer)}")
        try:
            document = parse_json(answer.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise BadResponse(self._host, f"the {what} of {where} is not a JSON object")
        return document


def _descriptors(found: object) -> list[dict[str, Any]]:
    """The well-formed content descriptors in a list (OCI image spec, descriptor.md)."""
    entries = found if isinstance(found, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and is_digest(str(entry.get("digest")))]


def _is_common_platform(descriptor: Mapping[str, Any]) -> bool:
    platform = descriptor.get("platform")
    return isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == ("linux", "amd64")


def _size(descriptor: Mapping[str, Any]) -> int:
    size = descriptor.get("size")
    return size if isinstance(size, int) else 0
