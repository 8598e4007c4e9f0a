"""Answers a relay from the facade's memory, where it may, and else leaves the caller to its own way.

`decide()` has come first, always: what is asked for here is what the mapping says now. A mapping that is private takes
no part, nor does a caller whose Authorization would be refused here, or who doesn't take the manifest as the registry
gave it to the facade: registries give some clients another one.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from django.conf import settings

from routing.core.decisions import LocateBlob, Relay
from routing.core.grammar.names import Endpoint, EndpointKind
from routing.core.table.routing_table import Table
from routing.dataplane.remembered.anonymous import ACCEPTED_TYPES
from routing.dataplane.remembered.recall import Recalled, memory
from routing.dataplane.remembered.visits import Visit
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import API_VERSION, INERT, Headers, Response, redirect
from routing.dataplane.telemetry.counters import REMEMBERED_BYTES, counters, remembered_key
from routing.dataplane.upstream.credentials import NotAccepted, upstream_authorization
from routing.dataplane.upstream.dispatch import caught
from routing.dataplane.upstream.loop_guard import loop_refusal
from routing.dataplane.upstream.relay_limits import Place
from routing.manifest_store import store as stores
from routing.manifest_store.bodies import is_kept
from routing.manifest_store.sightings import sightings
from routing.manifest_store.store import Repository, manifest_store, published_via
from routing.registries.client import RegistryClient

# containerd names the registry that it takes the facade for a mirror of. Other queries are nobody's business here.
_QUERY = re.compile(r"(?:ns=[^&]*+)?")
_STALE = ("Warning", '110 - "Response is Stale"')
# Longer than any client's.
_MAX_ACCEPT_LENGTH = 4096


async def remembered_answer(
    client: RegistryClient,
    table: Table,
    decision: Relay | LocateBlob,
    client_request: ClientRequest,
    place: Place,
    *,
    is_lasting: bool,
) -> Response | None:
    """The answer; None where the caller has to ask the registry with its own token.

    `place` is the caller's, and `client` counts towards it. `is_lasting`: this event loop serves other requests too.
    """
    store = manifest_store()
    if store is None or not store.is_on or not _takes_part(decision, client_request):
        return None
    assert decision.endpoint is not None
    repository = _repository(decision)
    host = decision.host
    is_own = partial(_leads_here, table, host)
    visit = Visit(store, client, is_own, place, repository, decision.registry)
    if isinstance(decision, LocateBlob):
        return await _location(visit, decision) if is_lasting else None
    try:
        found = await memory.recall(visit, decision.endpoint.reference, is_lasting=is_lasting)
    except Exception as unforeseen:
        # No pull fails by what was there to spare it.
        caught(unforeseen)
        return None
    if found is not None and not accepts(client_request.fields.get("accept", ""), found.kept.manifest.media_type):
        found = None
    by = "digest" if ":" in decision.endpoint.reference else "tag"
    counters.add(remembered_key(by, found.how if found is not None else "passed"))
    if found is not None and found.how == "stale":
        _see_stale(table, host, decision.endpoint.name)
    if found is None:
        return None
    answer = answer_of(found, client_request, age_of(found))
    counters.add(REMEMBERED_BYTES, len(answer.body))
    return answer


def may_answer(table: Table, decision: Relay, client_request: ClientRequest) -> bool:
    """Whether the memory may answer such requests, by this table, of callers who are let through."""
    if not _concerns(decision, client_request):
        return False
    return loop_refusal(table, decision.registry.origin, decision.host) is None


def stands(reference: str) -> bool:
    """Whether what a reference is can hold for more than one request: of tags only where they have a time."""
    return ":" in reference or settings.FACADE_TAG_SECONDS > 0


def recalled_at_once(decision: Relay, client_request: ClientRequest, most_bytes: int) -> Recalled | None:
    """What it answers, where nobody has to be waited for, not even the disk, and it isn't too long. None says nothing.

    For requests that it may answer. What is given has to be counted.
    """
    store = manifest_store()
    if store is None or not store.is_on:
        return None
    assert decision.endpoint is not None
    found = memory.at_once(store, _repository(decision), decision.endpoint.reference)
    if found is None or len(found.kept.body) > most_bytes:
        return None
    takes = accepts(client_request.fields.get("accept", ""), found.kept.manifest.media_type)
    return found if takes else None


def count_hits(reference: str, body_bytes: int, number: int) -> None:
    """So many were given what is in memory, each with a body of so many bytes."""
    counters.add(remembered_key("digest" if ":" in reference else "tag", "hit"), number)
    counters.add(REMEMBERED_BYTES, body_bytes * number)


def _repository(decision: Relay | LocateBlob) -> Repository:
    """Whose evidence counts: of what a mapping publishes, that mapping's own, as long as it has this account."""
    via = published_via(decision.publishes, decision.registry.account) if decision.publishes else ""
    return Repository(decision.registry.origin, decision.upstream_name, via)


def _leads_here(table: Table, host: str, url: str) -> bool:
    return loop_refusal(table, url, host) is not None


async def _location(visit: Visit, decision: LocateBlob) -> Response | None:
    try:
        found = await memory.locations.locate(visit, decision.endpoint.reference)
    except Exception as unforeseen:
        caught(unforeseen)
        return None
    if found is None:
        return None
    counters.add(remembered_key("blob", found.how))
    return redirect(found.url)


def _see_stale(table: Table, host: str, name: str) -> None:
    """Have the mapping's page say so."""
    hostname, _ = table.match_host(host)
    match = table.match_repository(hostname, name)
    if match is not None:
        sightings.see_stale(hostname, match.prefix)


def _takes_part(decision: Relay | LocateBlob, caller: ClientRequest) -> bool:
    return _concerns(decision, caller) and is_let_through(caller.authorization, decision)


def is_let_through(authorization: str, decision: Relay | LocateBlob) -> bool:
    """Whether a caller who brings this would be let through to the registry (R14.2)."""
    if decision.publishes:
        # Whatever the caller brings goes nowhere.
        return True
    try:
        upstream_authorization(authorization, decision.host, decision.registry, decision.strategy)
    except NotAccepted:
        return False
    return True


def _concerns(decision: Relay | LocateBlob, caller: ClientRequest) -> bool:
    endpoint = decision.endpoint
    if endpoint is None or decision.is_private or not _QUERY.fullmatch(decision.url.partition("?")[2]):
        return False
    if endpoint.kind is EndpointKind.BLOB:
        # What is signed for GET is of no use for HEAD.
        return caller.method == "GET"
    return endpoint.kind is EndpointKind.MANIFEST and _takes_manifests(endpoint, caller)


def _takes_manifests(endpoint: Endpoint, caller: ClientRequest) -> bool:
    if ":" in endpoint.reference and not is_kept(endpoint.reference):
        return False
    accept = caller.fields.get("accept", "")
    return any(accepts(accept, media_type) for media_type in ACCEPTED_TYPES)


@lru_cache(maxsize=512)
def _accepted(accept: str) -> frozenset[str]:
    """The media ranges of an Accept field that are not excluded (RFC 9110 §12.5.1), in lower case."""
    ranges = set()
    for part in accept.split(","):
        name, *parameters = (piece.strip(" \t").lower() for piece in part.split(";"))
        if name and not any(re.fullmatch(r"q=0(?:\.0{0,3})?", parameter) for parameter in parameters):
            ranges.add(name)
    return frozenset(ranges)


def accepts(accept: str, media_type: str) -> bool:
    """Whether a caller that sends this takes this type. Whoever says nothing takes all."""
    if len(accept) > _MAX_ACCEPT_LENGTH:
        return False
    ranges = _accepted(accept)
    essence = media_type.partition(";")[0].strip(" \t").lower()
    return not accept.strip() or not ranges.isdisjoint((essence, f"{essence.partition('/')[0]}/*", "*/*"))


def is_unchanged(if_none_match: str, etag: str) -> bool:
    """Whether a caller has it already (RFC 9110 §13.1.2, weak comparison)."""
    if not if_none_match or not etag:
        return False
    known = [each.strip(" \t").removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in known or etag.removeprefix("W/") in known


def age_of(found: Recalled) -> int:
    """How many whole seconds ago the registry said so."""
    return int(stores.now() - found.kept.as_of)


def answer_of(found: Recalled, caller: ClientRequest, age: int) -> Response:
    """What a caller gets; for HEAD without the body."""
    manifest, body, _ = found.kept
    told = dict(manifest.headers)
    unchanged = is_unchanged(caller.fields.get("if-none-match", ""), told.get("etag", ""))
    if unchanged:
        told.pop("content-type", None)
    headers: Headers = [API_VERSION, *told.items(), *INERT, ("Cache-Control", "no-store")]
    if age:
        headers.append(("Age", str(max(age, 0))))
    if found.how == "stale":
        headers.append(_STALE)
    if unchanged:
        return Response(304, headers)
    headers.append(("Content-Length", str(len(body))))
    return Response(200, headers, b"" if caller.method == "HEAD" else body)
