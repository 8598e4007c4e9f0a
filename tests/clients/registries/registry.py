"""A small registry of our own, in plain Python over a real socket: the base of those that behave as known ones do.

It knows what the OCI distribution specification asks for: manifests, blobs, tags, referrers and pushes.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import itertools
import json
import re

from tests.clients.registries.content import INDEX, Content, Repository
from tests.e2e.lab.front import Cdn, serve_blob
from tests.e2e.lab.images import Manifest, digest_of
from tests.e2e.lab.origin import Answer, Origin, Request

_ENDPOINT = re.compile(r"^/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<reference>[^/]+)$")
_UPLOAD = re.compile(r"^/v2/(?P<name>.+)/blobs/uploads/(?P<number>\d*)$")


class SmallRegistry(Origin):
    """Asks for no credentials and has the referrers API; subclasses differ where the registries they stand for do.

    `lists_referrers`: it has the referrers API, and says so to who pushes a referrer.
    Blobs come from ``storage``, by a 307, where there is one, and else from here.
    """

    lists_referrers = True

    def __init__(self, address: str, content: Content, storage: Cdn | None = None) -> None:
        self.content, self.storage = content, storage
        self._uploads: dict[str, bytes] = {}
        self._numbers = itertools.count(1)
        super().__init__(address)

    def answer(self, request: Request) -> Answer:
        if request.path in ("/v2", "/v2/"):
            return self.ping(request)
        upload = _UPLOAD.match(request.path)
        endpoint = upload or _ENDPOINT.match(request.path)
        if endpoint is None:
            return error(404, "UNSUPPORTED", "no such endpoint")
        refused = self.refusal(request, endpoint["name"])
        if refused is not None:
            return refused
        if upload is not None:
            return self._upload(request, upload["name"], upload["number"])
        kind = endpoint["kind"]
        if request.method == "PUT" and kind == "manifests":
            return self._put_manifest(request, endpoint["name"], endpoint["reference"])
        if request.method not in ("GET", "HEAD"):
            return error(405, "UNSUPPORTED", f"no {request.method} here")
        mappings = {"manifests": self.manifest, "blobs": self.blob, "tags": self.tags, "referrers": self.referrers}
        return mappings[kind](request, endpoint["name"], endpoint["reference"])

    def ping(self, request: Request) -> Answer:
        """The API version check."""
        return answer(200, {})

    def refusal(self, request: Request, name: str) -> Answer | None:
        """Why the caller may not do this at the repository ``name``; None where he may."""
        return None

    def manifest(self, request: Request, name: str, reference: str) -> Answer:
        found = self._repository(name).find(reference)
        if found is None:
            return error(404, "MANIFEST_UNKNOWN", f"no {reference} in {name}")
        headers = [
            ("Content-Type", found.media_type),
            ("Docker-Content-Digest", found.digest),
            ("Content-Length", str(len(found.content))),
        ]
        return Answer(200, headers, found.content)

    def blob(self, request: Request, name: str, digest: str) -> Answer:
        if not self.content.blob_path(digest).exists():
            return error(404, "BLOB_UNKNOWN", f"no {digest} in {name}")
        if self.storage is not None and request.method == "GET":
            return Answer(307, [("Location", self.storage.signed_url(digest)), ("Docker-Content-Digest", digest)])
        served = serve_blob(self.content.blob_path(digest), request)
        served.headers.append(("Docker-Content-Digest", digest))
        return served

    def tags(self, request: Request, name: str, _: str) -> Answer:
        """All tags, or ``n`` of them after ``last``, with a ``Link`` to the next page."""
        rest = [tag for tag in sorted(self._repository(name).tags) if tag > request.query.get("last", [""])[0]]
        size = int(request.query.get("n", [str(len(rest))])[0])
        page = answer(200, {"name": name, "tags": rest[:size]})
        if 0 < size < len(rest):
            page.headers.append(("Link", f'<{request.path}?n={size}&last={rest[size - 1]}>; rel="next"'))
        return page

    def referrers(self, request: Request, name: str, digest: str) -> Answer:
        found = self._repository(name).referrers(digest)
        wanted = request.query.get("artifactType", [])
        if wanted:
            found = [descriptor for descriptor in found if descriptor["artifactType"] in wanted]
        listed = answer(200, {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}, INDEX)
        if wanted:
            listed.headers.append(("OCI-Filters-Applied", "artifactType"))
        return listed

    def _repository(self, name: str) -> Repository:
        return self.content.repositories.get(name, Repository())

    def _put_manifest(self, request: Request, name: str, reference: str) -> Answer:
        manifest = Manifest(request.body, request.header("Content-Type") or "")
        self.content.repository(name).put(manifest, reference)
        headers = [("Location", f"/v2/{name}/manifests/{manifest.digest}"), ("Docker-Content-Digest", manifest.digest)]
        subject = json.loads(manifest.content).get("subject")
        if subject and self.lists_referrers:
            headers.append(("OCI-Subject", subject["digest"]))
        return Answer(201, headers)

    def _upload(self, request: Request, name: str, number: str) -> Answer:
        """POST, PATCH …, PUT (OCI distribution spec, "Pushing blobs"), whole or in chunks."""
        digest = request.query.get("digest", [""])[0]
        if request.method == "POST":
            number = str(next(self._numbers))
        elif number not in self._uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        content = self._uploads.pop(number, b"") + request.body
        if not digest:
            self._uploads[number] = content
            location = ("Location", f"/v2/{name}/blobs/uploads/{number}")
            return Answer(202, [location, ("Range", f"0-{max(len(content) - 1, 0)}")])
        if digest_of(content) != digest:
            return error(400, "DIGEST_INVALID", f"the content is {digest_of(content)}")
        self.content.put_blob(content)
        return Answer(201, [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)])


def answer(status: int, document: object, media_type: str = "application/json") -> Answer:
    """A JSON answer, with the header by which old clients know a registry."""
    headers = [("Content-Type", media_type), ("Docker-Distribution-Api-Version", "registry/2.0")]
    return Answer(status, headers, json.dumps(document).encode())


def error(status: int, code: str, message: str, challenge: str = "") -> Answer:
    """An error in the specification's form, with a challenge where there is one."""
    refused = answer(status, {"errors": [{"code": code, "message": message, "detail": None}]})
    if challenge:
        refused.headers.append(("WWW-Authenticate", challenge))
    return refused
