"""A registry with repositories that can be made private, emptied and re-tagged, and that counts what it is asked.

It asks for Bearer tokens. Its realm gives one to everybody, for public repositories; one that was given goes on opening
what it opened for as long as it says (the registry's clock is the test's). A *member* has a token that opens all. An
*account* has a password, for which the realm gives a token of its own, which opens one repository, private or not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.small_registry import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
MEMBER = ("authorization", "Bearer member.of.all")
#: A token that opens nothing at this registry.
STRANGER = ("authorization", "Bearer nobodys")
TOKEN_SECONDS = 60.0


def manifest(word: str) -> bytes:
    """Some manifest."""
    return json.dumps({"schemaVersion": 2, "config": {}, "layers": [], "annotations": {"word": word}}).encode()


@dataclass
class Content:
    """One repository: bytes by digest, digests by tag."""

    public: bool = True
    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    media_type: str = IMAGE

    def put(self, body: bytes, *tags: str) -> str:
        """Push a manifest; gives its digest."""
        digest = digest_of(body)
        self.manifests[digest] = body
        self.tags.update(dict.fromkeys(tags, digest))
        return digest


@dataclass
class PublicRegistry(FaultyServer):
    """Behaviours that are set by `on` go before what is in the repositories."""

    contents: dict[str, Content] = field(default_factory=dict)
    now: Callable[[], float] = lambda: 0.0
    #: GETs that an address may have; None: as many as it likes. HEADs are free.
    allowed_gets: int | None = None
    has_head: bool = True
    tells_digests: bool = True
    #: A status for every request; None: as it should be.
    broken: int | None = None
    #: What was given out, by (method, repository, reference).
    given: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    #: Where blobs are; "": here.
    storage: str = "https://storage.example/"
    #: The Basic credentials for which the realm gives a token that opens everything; "": it takes none.
    account: str = ""
    #: GETs that were given to a token of that account.
    account_gets: int = 0
    #: Blobs that were asked for and given, by the token.
    located: Counter[str] = field(default_factory=Counter)
    #: Called before an answer to a request for a manifest or a blob.
    before: Callable[[Exchange], None] | None = None

    def repository(self, name: str = "acme/app") -> Content:
        return self.contents.setdefault(name, Content())

    @property
    def gets(self) -> int:
        return sum(count for (method, *_), count in self.given.items() if method == "GET")

    @property
    def heads(self) -> int:
        return sum(count for (method, *_), count in self.given.items() if method == "HEAD")

    def _behave(self, exchange: Exchange) -> None:
        path = exchange.request.path.partition("?")[0]
        if path in self._behaviours:
            super()._behave(exchange)
        elif self.broken is not None:
            exchange.answer(self.broken)
        elif path == "/realm":
            self._realm(exchange)
        elif "/blobs/" in path:
            self._blob(exchange, *path.removeprefix("/v2/").split("/blobs/"))
        else:
            self._manifest(exchange, *path.removeprefix("/v2/").split("/manifests/"))

    def _realm(self, exchange: Exchange) -> None:
        scope = parse_qs(urlsplit(exchange.request.path).query)["scope"][0]
        name = scope.split(":")[1]
        if basic := exchange.request.headers.get("Authorization", ""):
            if basic != self.account:
                exchange.answer(401)
                return
            token = json.dumps({"token": f"account/{name}/{self.now()}"}).encode()
            exchange.answer(200, {"Content-Type": "application/json"}, token)
            return
        opened = name if name in self.contents and self.contents[name].public else ""
        token = json.dumps({"token": f"anonymous/{opened}/{self.now()}"}).encode()
        exchange.answer(200, {"Content-Type": "application/json"}, token)

    def opens(self, token: str, name: str) -> bool:
        """Whether a token opens a repository now."""
        if token == MEMBER[1]:
            return name in self.contents
        kind, _, rest = token.removeprefix("Bearer ").partition("/")
        opened, _, at = rest.rpartition("/")
        if kind == "account":
            return bool(self.account) and opened == name and name in self.contents
        return kind == "anonymous" and opened == name and self.now() - float(at) < TOKEN_SECONDS

    def gives(self, token: str, name: str, reference: str) -> None:
        """Called when a manifest is given out."""

    def misses(self, token: str, name: str, reference: str) -> None:
        """Called when a manifest that is asked for is not there."""

    def _lets_in(self, exchange: Exchange, name: str) -> bool:
        if self.before is not None:
            self.before(exchange)
        # What is no ASCII comes as an object of another kind.
        if self.opens(str(exchange.request.headers.get("Authorization", "")), name):
            return True
        challenge = f'Bearer realm="{self.url}/realm",service="s",scope="repository:{name}:pull"'
        exchange.answer(401, {"WWW-Authenticate": challenge})
        return False

    def _blob(self, exchange: Exchange, name: str, digest: str) -> None:
        """Every blob is there, at an address of its own each time, as signed ones are."""
        if not self._lets_in(exchange, name):
            return
        self.located[exchange.request.headers.get("Authorization", "")] += 1
        if self.storage:
            where = f"{self.storage}{digest}?signature={self.located.total()}"
            exchange.answer(307, {"Location": where})
        else:
            exchange.answer(200, {"Content-Type": "application/octet-stream"}, b"layer")

    def _manifest(self, exchange: Exchange, name: str, reference: str = "") -> None:
        if not self._lets_in(exchange, name):
            return
        method, headers = exchange.request.method, exchange.request.headers
        if method == "HEAD" and not self.has_head:
            exchange.answer(405)
            return
        content = self.contents[name]
        digest = content.tags.get(reference, reference)
        body = content.manifests.get(digest)
        if body is None:
            self.misses(headers.get("Authorization", ""), name, reference)
            exchange.answer(404, {"Content-Type": "application/json"}, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
            return
        is_account = headers.get("Authorization", "").startswith("Bearer account/")
        if method == "GET" and self.allowed_gets is not None and self.gets >= self.allowed_gets and not is_account:
            exchange.answer(429)
            return
        if method == "GET" and is_account:
            self.account_gets += 1
        self.given[method, name, reference] += 1
        self.gives(headers.get("Authorization", ""), name, reference)
        told = {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'} if self.tells_digests else {}
        exchange.answer(200, {"Content-Type": content.media_type, **told, "Content-Length": str(len(body))}, body)
