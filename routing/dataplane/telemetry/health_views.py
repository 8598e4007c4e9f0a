"""`/livez` and `/readyz`, on control hosts."""

from django.http import HttpRequest, JsonResponse

from routing.dataplane.live.live_table import live_table


def livez(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 once there is a table to answer from, with its generation and its age in seconds; 503 before."""
    table = live_table.get()
    age = live_table.age_seconds
    facts = {
        "status": "starting" if table is None else "ok",
        "source": live_table.source,
        "generation": None if table is None else table.generation,
        "mappings": None if table is None else len(table.mappings),
        "confirmed_seconds_ago": None if age is None else round(age, 3),
    }
    return JsonResponse(facts, status=503 if table is None else 200)
