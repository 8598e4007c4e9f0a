"""From a registry client's request to its answer: what the ASGI application and the middleware have in common."""

import time
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings

from routing.conf import policy
from routing.core.decide import READINESS_PATH, Request, decide, is_health_check
from routing.core.decisions import Control, Decision, Echo, Health, Page, Refuse, Token
from routing.core.table.routing_table import Table
from routing.dataplane.pulls.answered import note_answer
from routing.dataplane.remembered.answers import remembered_answer
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.echo import echo
from routing.dataplane.request.pages import page
from routing.dataplane.request.responses import Response, response_for
from routing.dataplane.serving.body_guard import MAX_TOKEN_FORM_BYTES
from routing.dataplane.telemetry.counters import answers_key, counters
from routing.dataplane.telemetry.metrics import ANSWER_SECONDS
from routing.dataplane.upstream.dispatch import HeldAnswer, NeedsRegistry, fetch_from_registry
from routing.dataplane.views.badges import badge
from routing.dataplane.views.health import health

_NOT_LOADED = Refuse(
    503, "UNAVAILABLE", "this facade is starting and has no routing table yet; try again", retry_after_seconds=1
)
_FORM_TOO_LARGE = Refuse(413, "SIZE_INVALID", "the form is too long for a token request")
_CLIENTS_PATHS = ("/v2", "/token")
# What control hosts answer while there is no table that could tell whether this is one.
_ALWAYS_CONTROL = ("/livez", "/readyz", "/metrics")


@cache
def _seconds_of(kind: str) -> Any:
    return ANSWER_SECONDS.labels(kind)


# Where a server that has decided already leaves that in the ASGI scope.
DECIDED = "registry_facade.decided"
# Where it leaves what hands the request's connection over to a process that answers pages, and says whether that was
# done. Nothing may have been received or sent before.
HAND_OVER = "registry_facade.hand_over"


class Decided(NamedTuple):
    """What was decided of a request, by this table. It counts for that very request alone."""

    table: Table
    request: Request
    decision: Decision


class HandledRequest(NamedTuple):
    """A registry client's request, and what was decided of it. `needs_registry`: somebody else has to be asked."""

    table: Table | None
    decision: Decision
    request: ClientRequest
    started: float

    @property
    def kind(self) -> str:
        """What the metrics and the access log call the decision."""
        return type(self.decision).__name__.lower()

    @property
    def is_control(self) -> bool:
        """Whether it isn't a registry client's at all: Django answers."""
        return isinstance(self.decision, Control)

    @property
    def needs_registry(self) -> bool:
        """Whether the backing registry has to be asked."""
        return isinstance(self.decision, NeedsRegistry) and not self._is_too_long

    @property
    def has_form(self) -> bool:
        """Whether the request's body belongs to the question."""
        return isinstance(self.decision, Token) and self.request.method == "POST"

    @property
    def _is_too_long(self) -> bool:
        return isinstance(self.decision, Token) and self.request.body_exceeds(MAX_TOKEN_FORM_BYTES)

    def measure(self, status: int | None, *, from_memory: bool = False) -> None:
        """Count the answer. None: the caller has gone before there was one. `from_memory`: the facade had it."""
        counters.add(answers_key(self.kind, status))
        note_answer(self.table, self.decision, self.request, status, from_memory=from_memory)
        _seconds_of(self.kind).observe(time.perf_counter() - self.started)

    def local_response(self) -> Response:
        """The answer, where nobody else has to be asked."""
        decision = _FORM_TOO_LARGE if self._is_too_long else self.decision
        assert not isinstance(decision, Control | NeedsRegistry)
        if isinstance(decision, Health):
            answer = health(decision)
        elif isinstance(decision, Echo):
            answer = echo(self.request)
        elif isinstance(decision, Page) and decision.badge is not None:
            answer = badge(decision.served_name, decision.badge, self.request.fields.get("if-none-match", ""))
        elif isinstance(decision, Page):
            answer = page(decision, self.request.public_origin.authority, settings.FACADE_ABUSE_CONTACT)
        else:
            answer = response_for(decision, self.request.public_origin, settings.FACADE_REDIRECT_MAX_AGE_SECONDS)
        self.measure(answer.status)
        return answer

    async def upstream_response(self, form: bytes, *, persistent_loop: bool) -> HeldAnswer:
        """The answer, with the backing registry's help. `persistent_loop`: the event loop outlives this request."""
        assert self.table is not None
        assert isinstance(self.decision, NeedsRegistry)
        request = self.request._replace(form=form)
        status, memory = None, _Memory()
        try:
            held = await fetch_from_registry(
                self.table,
                self.decision,
                request,
                persistent_loop=persistent_loop,
                shortcut=memory.answer,
            )
            status = held.answer.status
            return held
        finally:
            self.measure(status, from_memory=memory.has_answered)


class _Memory:
    """The facade's memory, and whether it answered this request."""

    has_answered = False

    async def answer(self, *args: Any, **kwargs: Any) -> Response | None:
        """The answer, or None. For `Shortcut`."""
        answer = await remembered_answer(*args, **kwargs)
        self.has_answered = answer is not None
        return answer


def handle(table: Table | None, client_request: ClientRequest, decided: Decided | None = None) -> HandledRequest:
    """Decide on a request; 503 while there is no table.

    `decided` counts where it was decided of the same request by the same table. The fast lane reads requests by itself:
    where the server reads one otherwise, as one whose target names a host, the server's reading holds.
    """
    started = time.perf_counter()
    request = client_request.for_decision()
    decision: Decision
    if decided is not None and decided.table is table and decided.request == request:
        decision = decided.decision
    elif table is not None:
        decision = decide(table, request)
    elif is_health_check(request):
        decision = Health(request.path == READINESS_PATH)
    else:
        decision = Control() if _is_page(request) else _NOT_LOADED
    return HandledRequest(table, decision, client_request, started)


def _is_page(request: Request) -> bool:
    """Whether Django answers without a table: people are told there what is the matter.

    Which names are tenants' hostnames nobody knows then, and a control host may be one too.
    """
    if request.path in _ALWAYS_CONTROL:
        return True
    if request.path.startswith(_CLIENTS_PATHS):
        return False
    return isinstance(decide(Table(policy()), request), Control)
