"""Asks a registry for a manifest, or where a blob is, as nobody: without credentials, with the token that all get.

Nothing of a caller's goes along, not even what it accepts: what comes back is the same for all. All that the other side
can answer becomes one of a few findings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from django.conf import settings

from routing.dataplane.telemetry.counters import anonymous_request_key, counters
from routing.dataplane.upstream.manifests import SIGNED, aside, has_digest
from routing.dataplane.upstream.media_types import UNKNOWN, handed_on
from routing.dataplane.upstream.rewrite import forwarded_headers
from routing.manifest_store import store
from routing.manifest_store.bodies import digest_of, is_kept
from routing.manifest_store.store import Repository
from routing.registries.auth.challenge import find_challenge
from routing.registries.auth.scopes import repository_scope
from routing.registries.auth.tokens import fetch_token, read_token, usable_realm
from routing.registries.client import RegistryClient
from routing.registries.content_coding import read_plain
from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.guard import check_url
from routing.registries.http.headers import Headers
from routing.registries.probes.repository import MANIFEST_TYPES
from routing.registries.redirects import REDIRECTS, api_only, location_of, open_following

#: Every kind of manifest that clients know by its digest (OCI image spec 1.1; ORAS artifacts before it).
ACCEPTED_TYPES = (
    *MANIFEST_TYPES,
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
)
_ACCEPT = ", ".join(ACCEPTED_TYPES)
_SUCCESSES = (200, 203)
# What a registry says of what nobody may read, or what is not there.
_REFUSALS = (401, 402, 403, 404, 410, 451)
# Registries that have HEAD for blobs alone, or for nothing.
_NO_HEAD = (400, 405, 501)
#: It, or its realm, can't be used now.
OUTAGES = (RegistryTimeout, RegistryUnreachable, BadResponse)
# What an older token lets in may be closed by now. Realms that don't say how long one is good mean as long.
_TOKEN_SECONDS = 60.0
_MAX_TOKENS, _MAX_TOKEN_LENGTH = 1024, 16 * 1024
# Of the headers that are handed on, those that belong to the manifest rather than to the request.
_OF_THE_MANIFEST = ("content-type", "docker-content-digest", "etag", "last-modified")

IsOwn = Callable[[str], bool]


class Given(NamedTuple):
    """The registry gave it. `body` is None where HEAD was asked.

    `as_of`: since when at the latest everybody could have had it, and `asked_at` when this was asked: a token that is
    older shows what was so when it was got. `told`: what the registry says about its limits.
    """

    digest: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    as_of: float
    asked_at: float
    told: Sequence[tuple[str, str]] = ()


class Refused(NamedTuple):
    """It says that nobody may read it, or that it isn't there."""

    status: int


class Failed(NamedTuple):
    """It, or its realm, can't answer now. `told`: what it says about its limits, such as that they are used up."""

    told: Sequence[tuple[str, str]] = ()


class Unusable(NamedTuple):
    """An answer that can't be remembered. `wants_get`: HEAD doesn't tell, GET may."""

    wants_get: bool = False


class Located(NamedTuple):
    """A blob is at `url`; "" where the registry gives its bytes itself."""

    url: str


Finding = Given | Refused | Failed | Unusable


class _Token(NamedTuple):
    """`got_at` is in seconds since 1970."""

    value: str
    got_at: float


class Heard(NamedTuple):
    """An answer as it came; the body of a success that GET asked for, or where a blob is (`location`).

    `token_got_at`: when the token was got that it came for.
    """

    status: int
    headers: Headers
    body: bytes = b""
    location: str = ""
    token_got_at: float = float("inf")


class _AtTheRealm(Exception):
    """There was no token; `finding` says why."""

    def __init__(self, finding: Refused | Failed | Unusable) -> None:
        super().__init__()
        self.finding = finding


class AnonymousVisitor:
    """Keeps the tokens that everybody gets, for a minute each."""

    def __init__(self) -> None:
        self._tokens: dict[Repository, _Token] = {}

    async def ask(
        self, client: RegistryClient, is_own: IsOwn, method: str, repository: Repository, reference: str
    ) -> Finding:
        """Ask for a manifest by GET or HEAD. Never raises for what the registry does. `is_own`: a URL of the facade."""
        asked_at = store.now()

        def asks(authorization: str) -> Awaitable[Heard]:
            counters.add(anonymous_request_key(method.lower()))
            return hear(client, method, repository, reference, authorization)

        heard = await self._asked(client, is_own, repository, asks)
        if not isinstance(heard, Heard):
            return heard
        as_of = min(asked_at, heard.token_got_at)
        return await aside(heard.body, finding_of, heard, method, reference, as_of, asked_at)

    async def locate(
        self, client: RegistryClient, is_own: IsOwn, repository: Repository, digest: str
    ) -> Located | Refused | Failed | Unusable:
        """Ask where a blob is. Never raises for what the registry does."""

        def asks(authorization: str) -> Awaitable[Heard]:
            counters.add(anonymous_request_key("blob"))
            return where(client, repository, digest, authorization)

        heard = await self._asked(client, is_own, repository, asks)
        if not isinstance(heard, Heard):
            return heard
        return located(heard)

    async def _asked(
        self,
        client: RegistryClient,
        is_own: IsOwn,
        repository: Repository,
        asks: Callable[[str], Awaitable[Heard]],
    ) -> Heard | Refused | Failed | Unusable:
        """What comes back, with the token that everybody gets where one is asked for."""
        token = self._usable_token(repository, store.now())
        try:
            heard = await asks(_bearer(token))
            if heard.status == 401 and find_challenge(heard.headers.get_list("www-authenticate"), "bearer"):
                token = await self._new_token(client, is_own, repository, heard.headers)
                heard = await asks(_bearer(token))
        except _AtTheRealm as problem:
            return problem.finding
        except OUTAGES:
            return Failed()
        except RegistryError:
            return Unusable()
        return heard if token is None else heard._replace(token_got_at=token.got_at)

    def forget(self, repository: Repository | None = None) -> None:
        """Forget the token of a repository, or all: what it opens may have been closed since."""
        if repository is None:
            self._tokens.clear()
        else:
            self._tokens.pop(repository, None)

    def _usable_token(self, repository: Repository, now: float) -> _Token | None:
        token = self._tokens.get(repository)
        seconds = min(_TOKEN_SECONDS, settings.FACADE_PUBLIC_SECONDS / 2)
        return token if token is not None and 0 <= now - token.got_at < seconds else None

    async def _new_token(
        self, client: RegistryClient, is_own: IsOwn, repository: Repository, refusal: Headers
    ) -> _Token:
        self._tokens.pop(repository, None)
        challenge = find_challenge(refusal.get_list("www-authenticate"), "bearer")
        assert challenge is not None
        realm = usable_realm(challenge.params.get("realm", ""), client.policy)
        if not realm or is_own(realm):
            raise _AtTheRealm(Unusable())
        got_at = store.now()
        counters.add(anonymous_request_key("token"))
        try:
            scopes = (repository_scope(repository.name),)
            answer = await fetch_token(client, realm, service=challenge.params.get("service"), scopes=scopes)
            if answer.status == 429 or answer.status >= 500:
                raise _AtTheRealm(Failed())
            if answer.status != 200:
                raise _AtTheRealm(Refused(401))
            token = _Token(read_token(answer), got_at)
        except OUTAGES:
            # Callers bring tokens of their own, which the registry itself may take.
            raise _AtTheRealm(Failed()) from None
        if len(self._tokens) >= _MAX_TOKENS:
            self._tokens.clear()
        if len(token.value) <= _MAX_TOKEN_LENGTH:
            self._tokens[repository] = token
        return token


def _bearer(token: _Token | None) -> str:
    return f"Bearer {token.value}" if token else ""


async def hear(
    client: RegistryClient, method: str, repository: Repository, reference: str, authorization: str
) -> Heard:
    """What is said of a manifest to whoever brings this Authorization, or none. Raises RegistryError."""
    headers = [("Accept", _ACCEPT), *([("Authorization", authorization)] if authorization else [])]
    url = f"{repository.origin}/v2/{repository.name}/manifests/{reference}"
    async with open_following(client, method, url, headers=headers) as answer:
        is_whole = method == "GET" and answer.status in _SUCCESSES
        body = await read_plain(answer, client.limits.max_body_bytes) if is_whole else b""
        if not is_whole:
            await answer.finish_short()
        return Heard(answer.status, answer.headers, body)


async def where(client: RegistryClient, repository: Repository, digest: str, authorization: str) -> Heard:
    """As for a caller's own request (upstream/relay.py): what leads elsewhere is not followed. Raises RegistryError."""
    headers = [("Authorization", authorization)] if authorization else []
    url = f"{repository.origin}/v2/{repository.name}/blobs/{digest}"
    async with open_following(client, "GET", url, headers=headers, follows=api_only) as answer:
        location = location_of(answer) if answer.status in REDIRECTS else ""
        if location:
            check_url(location, client.policy)
        return Heard(answer.status, answer.headers, location=location)


def located(heard: Heard) -> Located | Refused | Failed | Unusable:
    """What the answer to `where` says."""
    if heard.location or heard.status in _SUCCESSES:
        return Located(heard.location)
    return _not_given(heard.status)


def _not_given(status: int, told: Sequence[tuple[str, str]] = ()) -> Refused | Failed | Unusable:
    if status == 429 or status >= 500:
        return Failed(told)
    return Refused(status) if status in _REFUSALS else Unusable()


def finding_of(heard: Heard, method: str, reference: str, as_of: float, asked_at: float) -> Finding:
    """What the answer to `hear` says. `as_of` and `asked_at` are those of what is given."""
    status = heard.status
    if method == "HEAD" and status in _NO_HEAD:
        return Unusable(wants_get=True)
    passed = dict(forwarded_headers(heard.headers.multi_items()))
    limits = [(name, value) for name, value in passed.items() if "ratelimit" in name]
    if status not in _SUCCESSES:
        return _not_given(status, limits)
    passed["content-type"] = media_type = handed_on(passed.get("content-type", ""))
    if media_type.startswith(SIGNED) or (media_type == UNKNOWN and method == "GET"):
        return Unusable()
    told = passed.get("docker-content-digest", "")
    if method == "HEAD":
        digest = told or (reference if ":" in reference else "")
        if not is_kept(digest) or (":" in reference and digest != reference):
            return Unusable(wants_get=True)
        return Given(digest, (), None, as_of, asked_at, limits)
    digest = next((each for each in (reference, told) if is_kept(each)), digest_of("sha256", heard.body))
    if not (has_digest(heard.body, digest) and has_digest(heard.body, told)):
        # The caller's own way says so to the caller.
        counters.add(("registry_errors", BadResponse.__name__))
        return Unusable()
    passed["docker-content-digest"] = told or digest
    kept = [item for item in passed.items() if item[0] in _OF_THE_MANIFEST or item[0].startswith("oci-")]
    return Given(digest, tuple(kept), heard.body, as_of, asked_at, limits)
