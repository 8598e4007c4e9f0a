"""`/livez` and `/readyz`: on control hosts by Django, and by address alone before it. Neither touches the database."""

import json
from typing import Any

from django.http import HttpRequest, JsonResponse

from routing import __revision__, __version__
from routing.core.decisions import Health
from routing.dataplane.live.live_table import live_table
from routing.dataplane.live.maintenance_file import maintenance_word
from routing.dataplane.request.responses import Response
from routing.dataplane.telemetry.metrics import sharing


def livez(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all, with the version and the commit that it runs."""
    return JsonResponse(_liveness())


def readyz(request: HttpRequest) -> JsonResponse:
    """200 once there is a table to answer from, with its generation and its age in seconds; 503 before.

    `status` is `stale` while the database doesn't confirm the table. That is no reason to take a server out: it is no
    better served by another one.
    """
    status, facts = _readiness()
    return JsonResponse(facts, status=status)


def health(decision: Health) -> Response:
    """The same, for those who know no name of this server: load balancers, and Kubernetes' kubelets."""
    status, facts = _readiness() if decision.is_readiness else (200, _liveness())
    body = json.dumps(facts).encode()
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))]
    return Response(status, headers, body)


def _liveness() -> dict[str, Any]:
    return {"status": "ok", "version": __version__, "revision": __revision__ or None}


def _readiness() -> tuple[int, dict[str, Any]]:
    table = live_table.get()
    age = live_table.age_seconds
    status = "ok" if live_table.reachable else "stale"
    facts = {
        "status": "starting" if table is None else status,
        "source": live_table.source,
        "database": live_table.database,
        "generation": None if table is None else table.generation,
        "mappings": None if table is None else len(table.mappings),
        "held": "" if live_table.hold is None else live_table.hold.word,
        "confirmed_seconds_ago": None if age is None else round(age, 3),
        "maintenance": maintenance_word(),
        "metrics": f"not told: {sharing.error}" if sharing.error else "ok",
    }
    return (503 if table is None else 200), facts
