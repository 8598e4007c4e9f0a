"""What the facade says where the registry says no, or nothing that could be handed on.

The status is the registry's own answer. Its words are handed on where they are in the OCI format; where it has none,
the code is made up here, and clients go by it:

- referrers: oras-go falls back to the referrers tag on every 404 but `NAME_UNKNOWN` (registry/remote/repository.go,
  `referrersPageByAPI`), and on no other status; go-containerregistry, and cosign with it, on 400, 404 and 406
  (pkg/v1/remote/referrers.go); containerd on 404 (core/remotes/docker/referrers.go); regclient on every refusal
  (scheme/reg/referrer.go). Registries without that API answer 404, 405 or 406 (Artifactory:
  google/go-containerregistry#1962). So whatever says "no such endpoint" becomes 404 `UNSUPPORTED`.
- manifests and blobs: `MANIFEST_UNKNOWN` and `BLOB_UNKNOWN` are what docker and containers/image take for "not there",
  where `NAME_UNKNOWN` is a repository that is not there.
- 429 and 503 keep their status and `Retry-After`: clients wait and come again.
"""

from contextlib import suppress

from django.conf import settings

from routing.core.decisions import Challenge, LocateBlob, Relay
from routing.core.grammar.names import EndpointKind
from routing.core.table.routing_table import Strategy
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response, challenge, error
from routing.dataplane.telemetry.counters import counters
from routing.dataplane.upstream.own_account import own_accounts
from routing.dataplane.upstream.rewrite import forwarded_headers, oci_error
from routing.registries.auth.challenge import find_challenge
from routing.registries.content_coding import read_plain
from routing.registries.exceptions import RegistryError, RegistryTimeout
from routing.registries.open_response import OpenRegistryResponse

# A registry's error that is longer than this is a web page, not an error in the OCI format.
_MAX_ERROR_BYTES = 64 * 1024
_TOKEN_PROBLEMS = ("invalid_token", "insufficient_scope", "invalid_request")  # RFC 6750 §3.1
_NOT_FOUND = {
    EndpointKind.MANIFEST: "MANIFEST_UNKNOWN",
    EndpointKind.BLOB: "BLOB_UNKNOWN",
    EndpointKind.TAGS: "NAME_UNKNOWN",
}
# How registries without referrers say so; 400 and 404 may also be about the digest or the repository.
_NO_ENDPOINT = (400, 404, 405, 406, 410, 415, 501)
_ABOUT_THE_REQUEST = (400, 404)
# What a registry says of an account that it doesn't take, or that may not read this.
_ABOUT_THE_ACCOUNT = (401, 402, 403)
_CODES = {
    402: ("DENIED", "wants to be paid for it"),
    403: ("DENIED", "does not allow it"),
    405: ("UNSUPPORTED", "does not know this request"),
    406: ("UNSUPPORTED", "has it in none of the forms that this client takes"),
    415: ("UNSUPPORTED", "has it in none of the forms that this client takes"),
    413: ("SIZE_INVALID", "finds this request too large"),
    414: ("SIZE_INVALID", "finds the address of this request too long"),
    416: ("SIZE_INVALID", "has fewer bytes than were asked for"),
    431: ("SIZE_INVALID", "finds the header fields of this request too long"),
    451: ("DENIED", "may not give it out, for legal reasons"),
}


def bad_gateway(failure: RegistryError, decision: Relay | LocateBlob | None = None) -> Response:
    """The answer to a request that the registry left without a usable one. `decision` is what it was about."""
    counters.add(("registry_errors", type(failure).__name__))
    status = 504 if isinstance(failure, RegistryTimeout) else 502
    message = f"the backing registry gave no usable answer: {failure}"
    return error(status, "UNAVAILABLE", message + _beyond_help(decision))


def _beyond_help(decision: Relay | LocateBlob | None) -> str:
    """What is said of a layer, where manifests may go on coming."""
    is_layer = isinstance(decision, LocateBlob) and settings.FACADE_MANIFEST_STORE_BYTES
    return "; the facade remembers manifests, but no layers, so this has to wait for the registry" if is_layer else ""


def challenged(
    decision: Relay | LocateBlob, caller: ClientRequest, error_code: str = "", message: str = ""
) -> Response:
    """The facade's own challenge for the repository that was asked for."""
    endpoint = decision.endpoint
    scope = f"repository:{endpoint.name}:pull" if endpoint is not None else ""
    return challenge(Challenge(decision.host, scope), caller.public_origin, error_code, message)


def no_referrers(decision: Relay | LocateBlob) -> Response:
    """The answer that makes clients look under the referrers tag (OCI distribution spec, "Listing Referrers")."""
    message = f"{decision.registry.name} has no list of referrers; look under the referrers tag"
    return error(404, "UNSUPPORTED", message)


def account_refused(decision: Relay | LocateBlob) -> Response:
    """The answer where the account of a published mapping gets nothing. No caller can do anything about that."""
    name = decision.endpoint.name if decision.endpoint is not None else ""
    message = f"{decision.host}/{name} is published, and {decision.registry.name} gives nothing to the account for it"
    return error(403, "DENIED", f"{message}; ask the owner of {decision.host} to set it anew")


async def refused(decision: Relay | LocateBlob, caller: ClientRequest, answer: OpenRegistryResponse) -> Response:
    """The answer where the registry's is no success and no redirect."""
    if decision.publishes and answer.status in _ABOUT_THE_ACCOUNT:
        own_accounts.forget(decision.registry, decision.upstream_name)
        return account_refused(decision)
    if answer.status == 401:
        return _unauthorized(decision, caller, answer)
    name, status = decision.registry.name, answer.status
    words = await _words(answer)
    if decision.endpoint is not None and decision.endpoint.kind is EndpointKind.REFERRERS and status in _NO_ENDPOINT:
        says_why = words is not None and words[0] != "UNSUPPORTED"
        if not (says_why and status in _ABOUT_THE_REQUEST):
            return no_referrers(decision)
    if status >= 500 and status != 503:
        message = f"{name} answered with an error of its own (status {status})"
        return error(502, "UNAVAILABLE", message + _beyond_help(decision))
    if status < 400:
        return error(502, "UNAVAILABLE", f"{name} answered with status {status}, which is no answer to this request")
    code, message, detail = words or _default_error(decision, status)
    refusal = error(status, code, message, detail)
    refusal.headers.extend(
        (header, value)
        for header, value in forwarded_headers(answer.headers.multi_items())
        if header not in ("content-type", "etag", "last-modified", "docker-content-digest")
    )
    if status == 405:
        # RFC 9110 §15.5.6 wants one.
        refusal.headers.append(("Allow", "GET, HEAD"))
    return refusal


def _unauthorized(decision: Relay | LocateBlob, caller: ClientRequest, answer: OpenRegistryResponse) -> Response:
    if decision.strategy is Strategy.OPEN:
        message = (
            f"{decision.registry.name} wants credentials for this repository, and its mapping here says that everybody "
            f"can pull; ask the owner of {decision.host} to mark the mapping as private"
        )
        return challenged(decision, caller, message=message)
    # The caller's token is too old or too small: the registry says so, and the caller asks /token for another.
    asked = find_challenge(answer.headers.get_list("www-authenticate"), "bearer")
    problem = asked.params.get("error", "") if asked else ""
    return challenged(decision, caller, problem if problem in _TOKEN_PROBLEMS else "")


async def _words(answer: OpenRegistryResponse) -> tuple[str, str, object] | None:
    """What the registry says of its refusal. The status is its answer, whatever comes of the words."""
    with suppress(RegistryError):
        return oci_error(await read_plain(answer, _MAX_ERROR_BYTES), answer.headers)
    return None


def _default_error(decision: Relay | LocateBlob, status: int) -> tuple[str, str, object]:
    name = decision.registry.name
    if status in (404, 410):
        kind = decision.endpoint.kind if decision.endpoint else None
        return _NOT_FOUND.get(kind, "UNSUPPORTED") if kind else "UNSUPPORTED", f"{name} does not have it", None
    if status == 429:
        return "TOOMANYREQUESTS", f"the rate limit of {name} is used up", None
    if status == 503:
        return "UNAVAILABLE", f"{name} is not available at the moment", None
    if status in _CODES:
        code, what = _CODES[status]
        return code, f"{name} {what}", None
    return "UNKNOWN", f"{name} answered with status {status}", None
