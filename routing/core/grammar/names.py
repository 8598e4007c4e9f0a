"""Grammar of repository names, tags and digests, and the endpoint that a request path names.

Source: OCI distribution spec v1.1, "Pulling manifests" (name, reference) and image spec v1.1, "Digests". The name's
length limit is the 255 characters that the spec tells registries to expect of clients.
"""

import re
from enum import StrEnum
from typing import NamedTuple

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
# \Z and no possessive quantifier: the same text serves Python, SQLite's REGEXP and PostgreSQL as a CHECK.
NAME_PATTERN = rf"^{_COMPONENT}(?:/{_COMPONENT})*\Z"
MAX_NAME_LENGTH = 255

_NAME = re.compile(NAME_PATTERN)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[a-zA-Z0-9=_-]+)")
_HEX_LENGTH = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[a-f0-9]+")
MAX_DIGEST_LENGTH = 512
# A well-formed pull in one step: the same grammar as below (possessive where that can't change the outcome).
_PULL = re.compile(
    r"/v2/(?P<name>[a-z0-9]++(?:(?:[./_-]|__|--++)[a-z0-9]++)*)/"
    r"(?P<tail>manifests/(?:sha256:[a-f0-9]{64}|[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}+)|blobs/sha256:[a-f0-9]{64})"
)
_UPLOAD = re.compile(r"[a-zA-Z0-9._=~-]{0,512}")
# What no registry name or reference holds, but what servers on the way are known to read in different ways.
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\%]|//|/\.{1,2}(?:/|\Z)")


# An escape is not what it stands for where that is a delimiter (RFC 3986 §6.2.2.2), but registries decode it.
_ESCAPED_COLON = re.compile(r"(/v2/.+/(?:manifests|blobs|referrers)/[a-z0-9+._-]+)%3[Aa]([a-zA-Z0-9=_-]+)")


class EndpointKind(StrEnum):
    """What an endpoint is about, by the path segment that names it."""

    MANIFEST = "manifests"
    BLOB = "blobs"
    UPLOAD = "uploads"
    TAGS = "tags"
    REFERRERS = "referrers"


# Looked up once: reading an enum's member costs as much as a dictionary look-up.
_MANIFEST, _BLOB = EndpointKind.MANIFEST, EndpointKind.BLOB
# What a NamedTuple's constructor does in the end, in half the time.
_new = tuple.__new__


class Endpoint(NamedTuple):
    """A request path, taken apart: `/v2/<name>/<tail>`, where `tail` is carried to the backing registry as it is."""

    kind: EndpointKind
    name: str
    tail: str
    reference: str


class InvalidRequestTarget(ValueError):
    """A request target that names no endpoint; `status` and `code` are what the client is told."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def is_name(text: str) -> bool:
    """Whether the text is a repository name, or a prefix of one in whole components."""
    return len(text) <= MAX_NAME_LENGTH and _NAME.match(text) is not None


def is_tag(text: str) -> bool:
    """Whether the text is a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text is a digest; for the registered algorithms the length is judged as well."""
    match = _DIGEST.fullmatch(text) if len(text) <= MAX_DIGEST_LENGTH else None
    if match is None:
        return False
    length = _HEX_LENGTH.get(match["algorithm"])
    return length is None or (len(match["encoded"]) == length and _HEX.fullmatch(match["encoded"]) is not None)


def with_plain_colon(path: str) -> str:
    """A raw path with the colon of its digest as it is, where that was sent as `%3A`. Nothing else is decoded."""
    match = _ESCAPED_COLON.fullmatch(path)
    return path if match is None else f"{match[1]}:{match[2]}"


def has_unsafe_characters(path: str) -> bool:
    """Whether a raw path holds what no client sends: control characters, `%`, a backslash, `//`, dot segments."""
    return _UNSAFE.search(path) is not None


def query_has_unsafe_characters(query: str) -> bool:
    """Whether a raw query string holds more than RFC 3986 §2 allows.

    Beyond ASCII, servers differ in how they decode, and a header holds no more than latin-1.
    """
    return not (query.isascii() and query.isprintable()) or " " in query


def parse_pull(path: str) -> Endpoint | None:
    """What `parse_endpoint` says of a manifest or a sha256 blob, and None for every other path, good or bad.

    It says so sooner, and of a path that it knows `is_hostile` is false.
    """
    match = _PULL.fullmatch(path)
    if match is None:
        return None
    name, tail = match.groups()
    if len(name) > MAX_NAME_LENGTH:
        return None
    if tail[0] == "m":
        return _new(Endpoint, (_MANIFEST, name, tail, tail[10:]))
    return _new(Endpoint, (_BLOB, name, tail, tail[6:]))


def parse_endpoint(path: str) -> Endpoint:
    """Take a raw path under `/v2/` apart, from the right, since a name may itself hold `manifests` or `blobs`.

    The path has passed `is_hostile`. Raises InvalidRequestTarget.
    """
    head, slash, last = path.rpartition("/")
    head, _, kind = head.rpartition("/")
    name = head[4:]
    if kind == "manifests":
        _check_reference(last)
        endpoint = Endpoint(EndpointKind.MANIFEST, name, f"manifests/{last}", last)
    elif kind == "blobs" and last == "uploads":
        # The spec has a trailing slash here; some clients leave it out.
        endpoint = Endpoint(EndpointKind.UPLOAD, name, "blobs/uploads/", "")
    elif kind == "blobs":
        _check_digest(last)
        endpoint = Endpoint(EndpointKind.BLOB, name, f"blobs/{last}", last)
    elif kind == "tags" and last == "list":
        endpoint = Endpoint(EndpointKind.TAGS, name, "tags/list", "")
    elif kind == "referrers":
        _check_digest(last)
        endpoint = Endpoint(EndpointKind.REFERRERS, name, f"referrers/{last}", last)
    elif kind == "uploads" and head.endswith("/blobs") and _UPLOAD.fullmatch(last):
        name = head[4:-6]
        endpoint = Endpoint(EndpointKind.UPLOAD, name, f"blobs/uploads/{last}", last)
    else:
        raise InvalidRequestTarget(
            404, "UNSUPPORTED", "this is not an endpoint of the OCI distribution API that a facade serves"
        )
    if not slash or not is_name(name):
        raise InvalidRequestTarget(
            400,
            "NAME_INVALID",
            "the repository name is not valid: lower-case letters, digits and single separators (. _ __ -) "
            f"in components joined by /, {MAX_NAME_LENGTH} characters at most",
        )
    return endpoint


def _check_reference(reference: str) -> None:
    if ":" in reference:
        _check_digest(reference)
    elif not is_tag(reference):
        raise InvalidRequestTarget(
            400, "TAG_INVALID", "the tag is not valid: letters, digits, _ . -, 128 characters at most"
        )


def _check_digest(digest: str) -> None:
    if not is_digest(digest):
        raise InvalidRequestTarget(
            400, "DIGEST_INVALID", "the digest is not valid: it looks like sha256:<64 hex digits>"
        )
