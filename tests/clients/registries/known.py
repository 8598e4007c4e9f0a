"""Registries that behave as known ones do, by what those answer; each names its source."""

from collections.abc import Mapping
from typing import Literal

from tests.clients.registries.content import Content
from tests.clients.registries.registry import SmallRegistry, error
from tests.e2e.lab import accounts
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.front import Cdn
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.token_server import TokenServer

_PULLS = ("GET", "HEAD")


class BearerRegistry(SmallRegistry):
    """Asks everybody for a token, as most large registries do, and takes what its token server grants."""

    def __init__(self, address: str, content: Content, tokens: TokenServer, storage: Cdn | None = None) -> None:
        self.tokens, self.service = tokens, f"small-registry-{address}"
        super().__init__(address, content, storage)

    def ping(self, request: Request) -> Answer:
        if self.tokens.access(request.header("Authorization"), self.service) is None:
            return self._challenged("")
        return super().ping(request)

    def refusal(self, request: Request, name: str) -> Answer | None:
        granted = self.tokens.access(request.header("Authorization"), self.service) or []
        action = "pull" if request.method in _PULLS else "push"
        if any(self.covers(str(entry["name"]), name) and action in str(entry["actions"]) for entry in granted):
            return None
        return self._challenged(f',scope="repository:{name}:{"pull" if action == "pull" else "pull,push"}"')

    def covers(self, granted: str, name: str) -> bool:
        """Whether a grant for the repository ``granted`` is one for ``name``."""
        return granted == name

    def _challenged(self, scope: str) -> Answer:
        challenge = f'Bearer realm="{self.tokens.realm}",service="{self.service}"{scope}'
        return error(401, "UNAUTHORIZED", "authentication required", challenge)


class HarborProxyCache(BearerRegistry):
    """Harbor with a proxy cache of Docker Hub, the project `hubproxy`.

    For a name of one component there, Harbor answers manifests and blobs with a 301 to `library/…` on its own origin,
    by a path alone; tags/list it doesn't redirect. A token holds for the whole project.
    https://github.com/goharbor/harbor/pull/23368 tells which endpoints redirect, and how;
    src/server/middleware/repoproxy/proxy.go does it. src/common/security/v2token sorts a token's grants by project.
    """

    PROJECT, LIBRARY = "hubproxy", "hubproxy/library"

    def covers(self, granted: str, name: str) -> bool:
        return granted.partition("/")[0] == name.partition("/")[0]

    def manifest(self, request: Request, name: str, reference: str) -> Answer:
        return self._elsewhere(name, f"manifests/{reference}") or super().manifest(request, name, reference)

    def blob(self, request: Request, name: str, digest: str) -> Answer:
        return self._elsewhere(name, f"blobs/{digest}") or super().blob(request, name, digest)

    def _elsewhere(self, name: str, endpoint: str) -> Answer | None:
        project, _, rest = name.partition("/")
        if project != self.PROJECT or "/" in rest:
            return None
        return Answer(301, [("Location", f"/v2/{self.LIBRARY}/{rest}/{endpoint}")])


class WebPage(Origin):
    """A web site that has a page for everything that it doesn't have."""

    def answer(self, request: Request) -> Answer:
        return Answer(404, [("Content-Type", "text/html; charset=utf-8")], b"<!doctype html><title>Not found</title>")


class Ghcr(BearerRegistry):
    """GitHub's registry: a token even for public images, layers in a storage, and no referrers API.

    It answers referrers with a 303 to a page of another host.
    https://github.com/artifacthub/hub/issues/4785 shows the exchange, but not what the page says without a login.
    """

    lists_referrers = False

    def __init__(self, address: str, content: Content, tokens: TokenServer, storage: Cdn, page: WebPage) -> None:
        self._page = page
        super().__init__(address, content, tokens, storage)

    def referrers(self, request: Request, name: str, digest: str) -> Answer:
        return Answer(303, [("Location", f"{self._page.url}/-/v2/packages/container/package/{name}")])


class MixedRegistry(SmallRegistry):
    """zot, Nexus and Artifactory with repositories for everybody beside private ones.

    `/v2/` answers 200 to everybody, and only a private repository asks for credentials: Basic at zot and Nexus
    (https://github.com/project-zot/zot/issues/2928, https://github.com/containers/image/issues/2754), Bearer at
    Artifactory (https://github.com/containerd/containerd/issues/6339).
    """

    def __init__(
        self,
        address: str,
        content: Content,
        private: Mapping[str, Literal["basic", "bearer"]],
        tokens: TokenServer,
        storage: Cdn | None = None,
    ) -> None:
        self.private, self.tokens, self.service = private, tokens, f"mixed-{address}"
        super().__init__(address, content, storage)

    def refusal(self, request: Request, name: str) -> Answer | None:
        scheme = self.private.get(name)
        authorization = request.header("Authorization")
        if scheme == "basic" and accounts.from_basic(authorization) is None:
            return error(401, "UNAUTHORIZED", "authentication required", 'Basic realm="zot"')
        if scheme == "bearer":
            granted = self.tokens.access(authorization, self.service) or []
            if all(entry["name"] != name for entry in granted):
                scope = f'scope="repository:{name}:pull"'
                challenge = f'Bearer realm="{self.tokens.realm}",service="{self.service}",{scope}'
                return error(401, "UNAUTHORIZED", "authentication required", challenge)
        return None


class Ecr(SmallRegistry):
    """Amazon's registry: Basic credentials of the user `AWS` for everything, with layers in a storage.

    The password is itself a token, of 1.8 KB to 3.2 KB where people measured it
    (https://github.com/aws/containers-roadmap/issues/1589, https://github.com/aws/aws-cli/issues/5636) and said to be
    growing; here it has 4.4 KB.
    """

    ACCOUNT = Account("AWS", "eyJwYXlsb2FkIjoi" + "Zm9vYmFyYmF6" * 367, "")

    def ping(self, request: Request) -> Answer:
        return self._refused(request) or super().ping(request)

    def refusal(self, request: Request, name: str) -> Answer | None:
        return self._refused(request)

    def _refused(self, request: Request) -> Answer | None:
        if request.header("Authorization") == self.ACCOUNT.basic:
            return None
        return error(
            401, "UNAUTHORIZED", "no basic auth credentials", 'Basic realm="https://ecr.test/",service="ecr.test"'
        )


class KubernetesRegistry(Origin):
    """registry.k8s.io: holds nothing. Blobs are redirected to a storage, all else to a registry of another origin, 307.

    cmd/archeio/docs/request-handling.md of https://github.com/kubernetes/registry.k8s.io; that oras then takes whatever
    is at the end for referrers: https://github.com/oras-project/oras-go/issues/633.
    """

    def __init__(self, address: str, upstream: SmallRegistry, storage: Cdn) -> None:
        self._upstream, self._storage = upstream, storage
        super().__init__(address)

    def answer(self, request: Request) -> Answer:
        if request.method not in _PULLS:
            return Answer(405, [("Content-Type", "text/plain")], b"Only GET and HEAD are allowed.")
        if request.path in ("/v2", "/v2/"):
            return Answer(200, [("Docker-Distribution-Api-Version", "registry/2.0")])
        before, blobs, digest = request.path.rpartition("/blobs/")
        if blobs and before.startswith("/v2/"):
            return Answer(307, [("Location", self._storage.signed_url(digest))])
        # It drops the query string.
        return Answer(307, [("Location", self._upstream.url + request.path)])
