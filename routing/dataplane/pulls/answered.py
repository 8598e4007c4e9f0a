"""What the statistics are told of an answer that the fast lane has not given."""

from routing.core.decide import READS
from routing.core.decisions import Decision, Redirect, RedirectToHolder, Refuse, Relay
from routing.core.grammar.client_families import UNNOTED, pull_client
from routing.core.grammar.names import EndpointKind
from routing.core.table.routing_table import Table
from routing.dataplane.pulls.asked import Asked, Outcome
from routing.dataplane.pulls.counting import pull_counting
from routing.dataplane.request.client_request import ClientRequest


def note_answer(
    table: Table | None, decision: Decision, request: ClientRequest, status: int | None, *, from_memory: bool
) -> None:
    """Count a request for a manifest, or for what leads nowhere. None: the client has gone without an answer."""
    outcome = _outcome(decision, status, from_memory)
    is_read = request.method in READS and request.path.startswith("/v2/")
    if outcome is None or table is None or not is_read or not pull_counting.is_on:
        return
    client = UNNOTED if request.unnoted else pull_client(request.user_agent)
    host = request.for_decision().host
    pull_counting.add(table, Asked(request.method, host, request.path, client, outcome))


def _outcome(decision: Decision, status: int | None, from_memory: bool) -> Outcome | None:
    """None for what is no answer to a pull, such as a challenge: whoever gets that asks again, with a token."""
    if isinstance(decision, Redirect) or (isinstance(decision, RedirectToHolder) and status == 307):
        return Outcome.REDIRECTED
    if isinstance(decision, Refuse):
        return Outcome.REFUSED if decision.status < 500 else Outcome.FAILED
    is_manifest = (
        isinstance(decision, Relay | RedirectToHolder)
        and decision.endpoint is not None
        and decision.endpoint.kind is EndpointKind.MANIFEST
    )
    if not is_manifest or status is None or status == 401:
        return None
    if status >= 500:
        return Outcome.FAILED
    if status >= 400:
        return Outcome.REFUSED
    return Outcome.REMEMBERED if from_memory else Outcome.RELAYED
