"""The answers: 503, with `Retry-After`, as a page or as the API's problem. None asks the database."""

import logging
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from routing.accounts.error_pages import standing_page
from routing.api.errors import database_problem
from routing.database.failures import Failure
from routing.dataplane.live.live_table import live_table

logger = logging.getLogger(__name__)

_TITLES = {
    Failure.GONE: "The database can't be reached",
    Failure.NOT_MIGRATED: "The database was not migrated",
    Failure.INCOMPLETE: "The database is incomplete",
    Failure.DAMAGED: "The database is damaged",
    Failure.FULL: "The database is full",
    Failure.READ_ONLY: "The database is read-only",
    Failure.BUSY: "The database is busy",
    Failure.UNREADABLE: "The database can't be read",
}


def refuse(request: HttpRequest, failure: Failure) -> HttpResponse:
    """Say what is the matter, what goes on, and what to do; with a line in the log."""
    logger.warning("request refused: the database is %s", failure.value)
    response = database_problem(failure) if request.path_info.startswith("/api/") else _page(request, failure)
    # Django would log it once more, with a traceback.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _page(request: HttpRequest, failure: Failure) -> HttpResponse:
    table, age = live_table.table, live_table.age_seconds
    context = {
        "sentence": failure.sentence,
        "is_outage": failure.is_outage,
        "generation": None if table is None else table.generation,
        "age_seconds": None if age is None else round(age),
        "again": request.get_full_path() if request.method in ("GET", "HEAD") else "",
    }
    response = standing_page("503.html", HTTPStatus.SERVICE_UNAVAILABLE, _TITLES[failure], context)
    response["Retry-After"] = str(failure.retry_after_seconds)
    return response
